"""`sweep` is something that Hydra can go through, in a command line that its argument parser reads.

Hydra's --multirun takes the values of a sweep from its command line (hydra.cc, *Extended Override syntax*). Its parser
is Python's argparse, which refuses overrides on both sides of an option.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from hpc.compiler import mentions
from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.components.command import override_key, program_of
from hpc.components.container import ContainerComponent
from hpc.components.types import kind_of, with_article
from hpc.diagnostics import Diagnostic, Path, Place, Rule

NO_SWEEP = Rule(
    "HPC620",
    "not a sweep",
    "`sweep` is for Hydra's --multirun, which starts the program once for each combination of the values. One value is "
    "no sweep, and overrides in `command` would stand in front of the option, where Hydra refuses them.",
    "Write several values, or put the one value into `overrides`.",
)
RULES = (NO_SWEEP,)

_EXAMPLE = '`[0.1, 0.01]`, `"0.1,0.01"` or `"range(1, 4)"`'


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for path, component in mentions.containers(graph):
        if component.sweep and component.is_hydra:
            yield from _values(component, path)
            yield from _in_front(component.command, (*path, "command"))


def _values(component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    for key, value in component.sweep.items():
        trouble = _trouble(value)
        if trouble:
            fact, fix = trouble
            yield Diagnostic(NO_SWEEP, Place((*path, "sweep", key)), f"`{key}` {fact}", fix)


def _trouble(value: Any) -> tuple[str, str] | None:
    if isinstance(value, str):
        return None if "," in value or "(" in value else _one_value()
    if not isinstance(value, list):
        if isinstance(value, bool | int | float):
            return _one_value()
        return f"is swept over {with_article(kind_of(value))}, not over a text or a list.", f"write e.g. {_EXAMPLE}."
    if len(cast("list[Any]", value)) == 1:
        return _one_value()
    return None if value else ("has no values to try.", f"write e.g. {_EXAMPLE}, or remove it.")


def _one_value() -> tuple[str, str]:
    """Everything that makes a sweep in Hydra's grammar has a comma or is a function."""
    return (
        "has one value only, so there is nothing to sweep over.",
        f"put it into `overrides`, or write e.g. {_EXAMPLE}.",
    )


def _in_front(command: Sequence[str], path: Path) -> Iterator[Diagnostic]:
    for index in range(program_of(command).end, len(command)):
        word = command[index]
        if override_key(word):
            fact = f"`{word}` would stand in front of `--multirun`: Hydra refuses overrides on both sides of an option."
            yield Diagnostic(NO_SWEEP, Place((*path, index)), fact, "move it into `overrides`, or into `args`.")
