"""What a source can bring and the port that it feeds cannot take, although their types are equal.

Platforms put one path in the place of a list of artifacts, so a list is passed only where hpc gathers it itself. And a
Hydra component writes a string with `choices` as it stands, so nothing else should ever reach it.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import FromInput, FromStep, Graph, Step
from hpc.compiler.targets import Target
from hpc.components.ports import InputPort
from hpc.components.types import STRING, Type
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
    del target
    for step in graph.steps:
        yield from _list_outputs(step)
        for name, binding in step.bindings.items():
            port = step.component.inputs[name]
            if isinstance(binding, FromInput | FromStep) and _is_passed(step, name, port):
                if isinstance(binding, FromInput) and _is_list_of_artifacts(port.type):
                    yield _only_the_first(step, name, binding)
                elif step.component.is_hydra and port.type == STRING and port.choices and not is_raw(port):
                    yield from _any_text(graph, step, name, binding)


def _is_list_of_artifacts(port_type: Type) -> bool:
    return port_type.is_list and port_type.is_artifact


def _is_passed(step: Step, name: str, port: InputPort) -> bool:
    """Whether the input reaches the command line, by an argument of its own or by a reference."""
    if port.pass_ != "none" and step.component.cli != "none":
        return True
    texts = [step.component.command, step.component.args, dict(step.settings.overrides)]
    referred = {reference.name for reference in references_in(texts) if reference.namespace == "inputs"}
    return name in referred


# ---------------------------------------------------------------- lists of artifacts


def _list_outputs(step: Step) -> Iterator[Diagnostic]:
    for name, port in step.component.outputs.items():
        if _is_list_of_artifacts(port.type):
            place = Place(("components", step.component_name, "outputs", name, "type"))
            fact = f"output `{name}` is a {port.type}, but a container gets one path for an output: only the first "
            fact += "artifact would arrive."
            fix = f"declare an output of type {port.type.element} for each; an edge gathers them: `a.x, a.y -> b.xs`."
            yield Diagnostic(LIST_OF_ARTIFACTS, place, fact, fix)


def _only_the_first(step: Step, name: str, source: FromInput) -> Diagnostic:
    place = Place(("components", step.component_name, "inputs", name), on="key")
    port = step.component.inputs[name]
    fact = f"`inputs.{source.name}` brings a list of artifacts into `{step.name}.{name}`: only the first would arrive."
    fix = f"give the pipeline an input of type {port.type.element} for each and gather them on the edge: "
    fix += f"`inputs.x, inputs.y -> {step.name}.{name}`."
    return Diagnostic(LIST_OF_ARTIFACTS, place, fact, fix)


# ---------------------------------------------------------------- strings with choices


def _any_text(graph: Graph, step: Step, name: str, source: FromInput | FromStep) -> Iterator[Diagnostic]:
    choices = step.component.inputs[name].choices or []
    written = ", ".join(map(str, choices))
    if isinstance(source, FromStep):
        component = next(one.component_name for one in graph.steps if one.name == source.step)
        place = Place(("components", component, "outputs", source.port), on="key")
        fix = f"remove `choices` of `{name}`, so that any text arrives exactly; or feed it from an input with choices."
        yield Diagnostic(ANY_TEXT, place, _promise(f"{source.step}.{source.port}", step, name), fix)
        return
    allowed = graph.pipeline.inputs[source.name].choices
    if allowed is None or not set(allowed) <= set(choices):
        place = Place(("inputs", source.name), on="key")
        fix = f"declare the same choices on the input: `choices: [{written}]`."
        yield Diagnostic(ANY_TEXT, place, _promise(f"inputs.{source.name}", step, name, allowed), fix)


def _promise(source: str, step: Step, name: str, allowed: list[str] | None = None) -> str:
    what = "any text"
    if allowed is not None:
        choices = step.component.inputs[name].choices or []
        what = f"`{next(choice for choice in allowed if choice not in choices)}`"
    return f"`{source}` can be {what}, but `{step.name}.{name}` is written for its own `choices` only."
