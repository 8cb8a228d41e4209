"""Sizes that no platform takes: an argument of 128 KiB.

Linux starts no program with an argument or environment variable of 128 KiB (MAX_ARG_STRLEN in execve(2), counted with
the byte that ends it); what is measured is each text that is written in the file, as UTF-8. Language, section 5.28.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hpc.compiler import mentions
from hpc.compiler.graph import Constant, ContainerStep, Graph
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Path, Place, Rule

TOO_LONG = Rule(
    "HPC113",
    "too long for an argument",
    "Linux refuses to start a program with an argument of 128 KiB or more, and KFP pastes constants into arguments.",
    "Put it into a file that a component reads.",
)
RULES = (TOO_LONG,)

LONGEST_ARGUMENT = 128 * 1024


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for step in graph.steps:
        for path, value in _constants(step):
            size = _bytes(value)
            if size >= LONGEST_ARGUMENT:
                fact = (
                    f"this value is {size:,} bytes long; an argument must be shorter than {LONGEST_ARGUMENT:,} bytes."
                )
                yield Diagnostic(TOO_LONG, Place(path), fact, "put it into a file that a component reads.")


def _constants(step: ContainerStep) -> Iterator[tuple[Path, Any]]:
    yield from mentions.texts(step)
    for key, value in step.settings.overrides.items():
        if isinstance(value, list | dict):
            yield mentions.override_path(step, key), value
    yield from (((*step.component_path, "sweep", key), value) for key, value in step.component.sweep.items())
    yield from ((one.path, one.value) for one in step.bindings.values() if isinstance(one, Constant))
    for name, value in step.settings.env.items():
        if isinstance(value, str):
            yield mentions.variable_path(step, name), value


def _bytes(value: Any) -> int:
    """Length as an argument: text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(text.encode("utf-8", "surrogatepass"))
