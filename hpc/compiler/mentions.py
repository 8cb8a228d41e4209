"""Who uses what in a graph: machine profiles, texts and environment variables, each with the place where it is written.

A `Graph` or a `Step` enters, names and paths leave. For the checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from hpc.compiler.graph import Graph, Step
from hpc.components.container import ArgumentGroup, ContainerComponent
from hpc.components.fields import EnvValue
from hpc.diagnostics import Path
from hpc.spec.model import Accelerator, Pipeline


def accelerators(graph: Graph) -> dict[str, Accelerator]:
    """The machine profiles that some step runs on, by name, in the order of the file."""
    used = {id(step.settings.accelerator) for step in graph.steps}
    return {name: one for name, one in graph.pipeline.accelerators.items() if id(one) in used}


def texts(graph: Graph, step: Step) -> Iterator[tuple[Path, str]]:
    """The texts of which the step's command line is made: command, arguments and overrides."""
    path: Path = ("components", step.component_name)
    yield from walk(step.component.command, (*path, "command"))
    yield from walk(step.component.args, (*path, "args"))
    for place, text in walk(step.settings.overrides, ()):
        yield override_path(graph, step, *place), text


def component_texts(component: ContainerComponent, name: str) -> Iterator[tuple[Path, str]]:
    """The texts that the component itself says: command, arguments and overrides."""
    for block, value in (("command", component.command), ("args", component.args), ("overrides", component.overrides)):
        yield from walk(value, ("components", name, block))


def override_path(graph: Graph, step: Step, *place: str | int) -> Path:
    """Where the override, or a value inside it, is written: on the step, else on its component."""
    entry = graph.pipeline.steps.get(step.name)
    is_own = entry is not None and _has(entry.overrides, place)
    owner: Path = ("steps", step.name) if is_own else ("components", step.component_name)
    return (*owner, "overrides", *place)


def _has(value: Any, place: Path) -> bool:
    for segment in place:
        entries = dict(children(value))
        if segment not in entries:
            return False
        value = entries[segment]
    return True


def environment(pipeline: Pipeline) -> Iterator[tuple[Path, str, EnvValue]]:
    """Every environment variable that the file sets, with its path, whether or not a step uses it."""
    owners: list[tuple[Path, Any]] = [(("defaults",), pipeline.defaults)]
    owners += [(("components", name), component) for name, component in pipeline.components.items()]
    owners += [(("steps", name), entry) for name, entry in pipeline.steps.items()]
    for path, owner in owners:
        variables: Mapping[str, EnvValue] = getattr(owner, "env", {})
        yield from (((*path, "env", name), name, value) for name, value in variables.items())


def variable_path(graph: Graph, step: Step, name: str) -> Path:
    """Where the environment variable that the step gets is written: on the step, its component or in `defaults`."""
    entry = graph.pipeline.steps.get(step.name)
    if entry and name in entry.env:
        return ("steps", step.name, "env", name)
    if name in step.component.env:
        return ("components", step.component_name, "env", name)
    return ("defaults", "env", name)


def own_timeout(graph: Graph, step: Step) -> Path | None:
    """Where the step or its component says `timeout`; None if at most `defaults` does."""
    entry = graph.pipeline.steps.get(step.name)
    if entry and entry.timeout:
        return ("steps", step.name, "timeout")
    return ("components", step.component_name, "timeout") if step.component.timeout else None


def walk(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text in a value that stands at `path`, with its own path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, ArgumentGroup):
        yield from walk(value.args, (*path, "args"))
    for key, item in children(value):
        yield from walk(item, (*path, key))


def children(value: Any) -> list[tuple[str | int, Any]]:
    """Entries of a mapping or list by key or index; nothing for anything else."""
    if isinstance(value, Mapping):
        return list(cast("Mapping[str, Any]", value).items())
    return list(enumerate(cast("list[Any]", value))) if isinstance(value, list) else []
