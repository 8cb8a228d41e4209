"""Sizes that a platform refuses: an argument of 128 KiB, and on Vertex AI more than 10,000 tasks.

Linux starts no program with an argument or environment variable of 128 KiB (MAX_ARG_STRLEN in execve(2), counted with
the byte that ends it); what is measured is each text that is written in the file, as UTF-8. The number of tasks is a
quota of Vertex AI that cannot be raised. Language, section 5.28.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hpc.compiler import mentions
from hpc.compiler.graph import Constant, ContainerStep, Graph, GraphStep, Node
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Path, Place, Rule

TOO_LONG = Rule(
    "HPC113",
    "too long for an argument",
    "Linux refuses to start a program with an argument of 128 KiB or more, and KFP pastes constants into arguments.",
    "Put it into a file that a component reads.",
)
TOO_MANY_TASKS = Rule(
    "HPC513",
    "too many tasks",
    "A pipeline job of Vertex AI has at most 10,000 tasks.",
    "Split the pipeline, or do more in one step.",
)
RULES = (TOO_LONG, TOO_MANY_TASKS)

LONGEST_ARGUMENT = 128 * 1024
MOST_TASKS = 10_000


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    tasks = _tasks(graph.nodes) if target.name == "vertex" else 0
    if tasks > MOST_TASKS:
        fact = f"the pipeline has {tasks:,} tasks; a job on {target.title} has at most {MOST_TASKS:,}."
        fix = "split it into several pipelines, or do more in one step."
        yield Diagnostic(TOO_MANY_TASKS, Place(("edges",), on="key"), fact, fix)
    for step in graph.steps:
        for path, value in _constants(step):
            size = _bytes(value)
            if size >= LONGEST_ARGUMENT:
                fact = (
                    f"this value is {size:,} bytes long; an argument must be shorter than {LONGEST_ARGUMENT:,} bytes."
                )
                yield Diagnostic(TOO_LONG, Place(path), fact, "put it into a file that a component reads.")


def _tasks(nodes: tuple[Node, ...]) -> int:
    """The tasks that surely belong to a run, loops of the platform taken once."""
    inner = (node.graph.nodes if isinstance(node, GraphStep) else getattr(node, "children", ()) for node in nodes)
    return len(nodes) + sum(map(_tasks, inner))


def _constants(step: ContainerStep) -> Iterator[tuple[Path, Any]]:
    yield from mentions.texts(step)
    for key, value in step.settings.overrides.items():
        if isinstance(value, list | dict):
            yield mentions.override_path(step, key), value
    yield from ((one.path, one.value) for one in step.bindings.values() if isinstance(one, Constant))
    for name, value in step.settings.env.items():
        if isinstance(value, str):
            yield mentions.variable_path(step, name), value


def _bytes(value: Any) -> int:
    """Length as an argument: text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(text.encode("utf-8", "surrogatepass"))
