"""What a source can bring and the port that it feeds cannot take, although their types are equal.

Platforms put one path in the place of a list of artifacts, so a list is passed only where hpc gathers it itself. And a
Hydra component writes a string with `choices` as it stands, so nothing else should ever reach it.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler import mentions
from hpc.compiler.graph import (
    Constant,
    ContainerStep,
    FromInput,
    FromItem,
    FromStep,
    Gathered,
    Graph,
    RunsContainer,
    Source,
    Step,
)
from hpc.compiler.targets import CANNOT, Target
from hpc.components.ports import InputPort
from hpc.components.references import Reference
from hpc.components.types import STRING
from hpc.components.use import is_raw, references_in
from hpc.diagnostics import Diagnostic, Place, Rule

LIST_OF_ARTIFACTS = Rule(
    "HPC312",
    "list of artifacts as one port",
    "Platforms put a single path where a list of artifacts is named: only the first would arrive.",
    "Use ports for single artifacts, and gather them on the edge: `a.x, b.x -> c.xs`.",
)
ANY_TEXT = Rule(
    "HPC313",
    "any text for a port with `choices`",
    "`choices` of a component promise Hydra which texts will come; a source without them can bring others.",
    "Declare the same choices on the input of the pipeline.",
    severity="warning",
)
RULES = (LIST_OF_ARTIFACTS, ANY_TEXT)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    for step in graph.steps:
        yield from _list_outputs(step)
        for name, binding in step.bindings.items():
            port = step.component.inputs[name]
            if isinstance(binding, Constant | Gathered):
                continue
            if port.type.is_list and port.type.is_artifact:
                yield from _whole_list(step, name, binding, target)
            elif step.component.is_hydra and port.type == STRING and port.choices and not is_raw(port):
                yield from _any_text(graph, step, name, binding) if _is_passed(step, name, port) else ()


def _is_passed(step: ContainerStep, name: str, port: InputPort) -> bool:
    """Whether the input reaches the command line, by an argument of its own or by a reference."""
    return (port.pass_ != "none" and step.component.cli != "none") or bool(_references_to(step, name))


def _references_to(step: ContainerStep, name: str) -> list[tuple[Reference, Place]]:
    """Where the texts of the step's command line refer to the input."""
    return [
        (reference, Place(path, start=reference.start, length=reference.end - reference.start))
        for path, text in mentions.texts(step)
        for reference in references_in(text)
        if (reference.namespace, reference.name) == ("inputs", name)
    ]


# ---------------------------------------------------------------- lists of artifacts


def _list_outputs(step: ContainerStep) -> Iterator[Diagnostic]:
    for name, port in step.component.outputs.items():
        if port.type.is_list and port.type.is_artifact:
            place = Place((*step.component_path, "outputs", name, "type"))
            fact = f"output `{name}` is a {port.type}, but a container gets one path for an output: only the first "
            fact += "artifact would arrive."
            fix = f"declare an output of type {port.type.element} for each; an edge gathers them: `a.x, a.y -> b.xs`."
            yield Diagnostic(LIST_OF_ARTIFACTS, place, fact, fix)


def _whole_list(step: ContainerStep, name: str, source: Source, target: Target) -> Iterator[Diagnostic]:
    """A list of artifacts that only the run knows has one form, JSON, and that only as an argument."""
    port = step.component.inputs[name]
    fact = f"`{_shown(source)}` brings a list of artifacts into `{step.name}.{name}`: only the first would arrive."
    fix = f"gather single artifacts on the edge: `a.x, b.x -> {step.name}.{name}`; or write `pass: none` and take all "
    fix += f'as JSON: `args: ["${{{{ inputs.{name} }}}}"]`.'
    if port.pass_ != "none" and step.component.cli != "none":
        yield Diagnostic(LIST_OF_ARTIFACTS, Place((*step.component_path, "inputs", name), on="key"), fact, fix)
        return
    for reference, place in _references_to(step, name):
        if reference.rest or "overrides" in place.path:
            yield Diagnostic(LIST_OF_ARTIFACTS, place, fact, fix)
        elif not target.artifact_lists:
            cannot = f"{target.title} replaces no list of artifacts that is known only when the pipeline runs."
            yield Diagnostic(CANNOT, place, cannot, "gather single artifacts on the edge.")


def _shown(source: Source) -> str:
    return f"inputs.{source.name}" if isinstance(source, FromInput) else getattr(source, "step", "a loop")


# ---------------------------------------------------------------- strings with choices


def _any_text(graph: Graph, step: ContainerStep, name: str, source: Source) -> Iterator[Diagnostic]:
    choices = step.component.inputs[name].choices or []
    written = ", ".join(map(str, choices))
    if isinstance(source, FromInput):
        allowed = source.port.choices
        if allowed is None or not set(allowed) <= set(choices):
            fix = f"declare the same choices on the input: `choices: [{written}]`."
            yield Diagnostic(ANY_TEXT, Place(source.path, on="key"), _promise(source, step, name, allowed), fix)
        return
    place = Place((*step.component_path, "inputs", name), on="key")
    producer = next((one for one in graph.all_steps if isinstance(source, FromStep) and one.name == source.step), None)
    if producer is not None and isinstance(source, FromStep):
        if _tried(producer, source.port) <= set(choices):
            return
        place = Place((*producer.component_path, "outputs", source.port), on="key")
    fix = f"remove `choices` of `{name}`, so that any text arrives exactly; or feed it from an input with choices."
    if not (isinstance(source, FromItem) and source.is_constant):
        yield Diagnostic(ANY_TEXT, place, _promise(source, step, name), fix)


def _tried(step: Step, port: str) -> set[str | None]:
    """The texts of which a search finds the best; None among them where any text can come."""
    tune = step.tune if isinstance(step, RunsContainer) else None
    return {None} if tune is None else {*tune.search[port]}


def _promise(source: Source, step: ContainerStep, name: str, allowed: list[str] | None = None) -> str:
    what = "any text"
    if allowed is not None:
        choices = step.component.inputs[name].choices or []
        what = f"`{next(choice for choice in allowed if choice not in choices)}`"
    return f"`{_port(source)}` can be {what}, but `{step.name}.{name}` is written for its own `choices` only."


def _port(source: Source) -> str:
    if isinstance(source, FromStep):
        return f"{source.step}.{source.port}"
    return f"inputs.{source.name}" if isinstance(source, FromInput) else "the element of the loop"
