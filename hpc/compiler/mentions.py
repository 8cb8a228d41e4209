"""Who uses what in a graph: machine profiles, texts and environment variables, each with the place where it is written.

A `Graph` or a `Step` enters, names and paths leave. For the checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from hpc.compiler.graph import ContainerStep, Graph, RunsContainer, Settings
from hpc.components.container import ArgumentGroup, ContainerComponent
from hpc.components.fields import EnvValue
from hpc.components.step import StepEntry
from hpc.components.subpipeline import SubPipeline
from hpc.diagnostics import Path
from hpc.spec.model import Accelerator, LocalPlace
from hpc.spec.program import File


def containers(graph: Graph) -> Iterator[tuple[Path, ContainerComponent]]:
    """Every component with an image that a file declares, with its path, whether or not a step runs it."""
    for file in graph.files:
        for name, component in file.pipeline.components.items():
            if isinstance(component, ContainerComponent):
                yield (*file.path, "components", name), component


def step_blocks(file: File) -> Iterator[tuple[Path, Mapping[str, StepEntry]]]:
    """Every block of `steps` in a file, with its path: that of the pipeline, and of each component made of edges."""
    yield (*file.path, "steps"), file.pipeline.steps
    for name, component in file.pipeline.components.items():
        if isinstance(component, SubPipeline):
            yield (*file.path, "components", name, "steps"), component.steps


def container_runs(graph: Graph) -> Iterator[RunsContainer]:
    """Every step that runs a container, whoever described it."""
    return (step for step in graph.all_steps if isinstance(step, RunsContainer))


def profiles(graph: Graph) -> Iterator[tuple[Path, Accelerator]]:
    """Every machine profile that a file declares, with its path, whether or not a step runs on it."""
    for file in graph.files:
        for name, accelerator in file.pipeline.accelerators.items():
            yield (*file.path, "accelerators", name), accelerator


def accelerators(graph: Graph) -> dict[Path, Accelerator]:
    """The machine profiles that some step runs on, in the order of the files."""
    used = {step.settings.accelerator_path for step in container_runs(graph)}
    return {path: accelerator for path, accelerator in profiles(graph) if path in used}


def texts(step: ContainerStep) -> Iterator[tuple[Path, str]]:
    """The texts of which the step's command line is made: command, arguments, sweep and overrides."""
    path = step.component_path
    yield from walk(step.component.command, (*path, "command"))
    yield from walk(step.component.args, (*path, "args"))
    yield from walk(step.component.sweep, (*path, "sweep"))
    for place, text in walk(step.settings.overrides, ()):
        yield override_path(step, *place), text


def component_texts(component: ContainerComponent, path: Path) -> Iterator[tuple[Path, str]]:
    """The texts that the component itself says: command, arguments, overrides and sweep."""
    for block in ("command", "args", "overrides", "sweep"):
        yield from walk(getattr(component, block), (*path, block))


def own_overrides(step: ContainerStep) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The overrides that differ from the component: of the step, and of what `uses` it on the way."""
    for layer in step.layers:
        overrides = getattr(layer.block, "overrides", None)
        if overrides and layer.block is not step.component:
            yield (*layer.path, "overrides"), overrides


def override_path(step: ContainerStep, *place: str | int) -> Path:
    """Where the override, or a value inside it, is written: on the step, else on its component."""
    layers = (layer.path for layer in step.layers if _has(getattr(layer.block, "overrides", {}), place))
    return (*next(layers, step.component_path), "overrides", *place)


def _has(value: Any, place: Path) -> bool:
    for segment in place:
        entries = dict(children(value))
        if segment not in entries:
            return False
        value = entries[segment]
    return True


def environment(graph: Graph) -> Iterator[tuple[Path, str, EnvValue]]:
    """Every environment variable that a file sets, with its path, whether or not a step uses it."""
    for file in graph.files:
        for path, owner in _owners_of_env(file):
            variables: Mapping[str, EnvValue] = getattr(owner, "env", {})
            yield from (((*path, "env", name), name, value) for name, value in variables.items())


def _owners_of_env(file: File) -> Iterator[tuple[Path, Any]]:
    pipeline, at = file.pipeline, file.path
    yield (*at, "defaults"), pipeline.defaults
    for name, component in pipeline.components.items():
        path = (*at, "components", name)
        yield path, component
        yield from (((*path, "steps", step), entry) for step, entry in getattr(component, "steps", {}).items())
    yield from (((*at, "steps", name), entry) for name, entry in pipeline.steps.items())


def variable_path(step: RunsContainer, name: str) -> Path:
    """Where the environment variable that the step gets is written: on the step, its component or in `defaults`."""
    layers = (layer.path for layer in step.layers if name in getattr(layer.block, "env", {}))
    return (*next(layers, step.component_path), "env", name)


def on_this_machine(settings: Settings, key: str) -> Any:
    """What the machine says about running here, else the image; None if neither does. `key` is one of `local`."""
    places: list[LocalPlace | None] = [
        settings.accelerator.local if settings.accelerator else None,
        settings.image.local,
    ]
    return next((value for place in places if place and (value := getattr(place, key)) is not None), None)


def program_folder(home: File, settings: Settings) -> str | None:
    """Where the program of a component that the file `home` declares lies on this machine, from the pipeline file's
    folder; None if nothing says so.
    """
    build = settings.image.build
    folder = on_this_machine(settings, "dir") or (build.context if build else None)
    return home.place(folder) if folder else None


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
