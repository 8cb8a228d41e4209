"""Values reach the program exactly: a command for the bootstrap, no text that cannot be quoted or would be lost.

Language, section 2, *Hydra values*, sections 5.1, 5.2 and 5.41(d).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpc.compiler import mentions
from hpc.compiler.graph import ContainerStep, Gathered, Graph
from hpc.compiler.render import NEEDS_COMMAND
from hpc.compiler.targets import Target
from hpc.components.container import ContainerComponent
from hpc.components.hydra import bare_is_exact, is_plain_key
from hpc.components.ports import InputPort
from hpc.components.references import Reference, parts_of
from hpc.components.types import Plain
from hpc.components.use import is_raw, needs_bootstrap, references_in
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.merge import KEEPS_INTERFACE

DICT_NEEDS_EXACT = Rule(
    "HPC604",
    "a dict cannot be passed with `quoting: typed`",
    "KFP passes a dict as JSON, and Hydra's grammar does not read quoted keys; only the bootstrap can turn one into "
    "the other.",
    "Use `quoting: exact`, or declare the values as inputs of their own.",
)
MIXED_TEXT = Rule(
    "HPC609",
    "run-time text inside a larger value",
    "Text that is known only at run time is quoted by the bootstrap, which sees one whole override at a time.",
    "Let the override be the whole value, or compute it in a component.",
)
TYPED_IS_NOT_EXACT = Rule(
    "HPC610",
    "`quoting: typed` does not keep every value",
    "Without the bootstrap a text with `'`, `${` or a `\\` at its end, and most lists, arrive as something else or not "
    "at all.",
    "Use `quoting: exact`, or declare `choices`.",
    severity="warning",
)
LIST_AS_FLAG = Rule(
    "HPC612",
    "texts gathered into one flag",
    "A JSON list of texts that are pasted as they are breaks on the first quotation mark.",
    "Use `cli: hydra`, or declare `choices` without quotation marks.",
)
RULES = (DICT_NEEDS_EXACT, NEEDS_COMMAND, MIXED_TEXT, TYPED_IS_NOT_EXACT, LIST_AS_FLAG)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for path, component in mentions.containers(graph):
        yield from _without_effect(component, path)
        yield from _overrides(component.overrides, component, (*path, "overrides"))
        if component.is_hydra:
            yield from _command(component, path)
            yield from _typed(component, path)
    for step in graph.steps:
        for owner, overrides in mentions.own_overrides(step):
            yield from _overrides(overrides, step.component, owner)
    for step in graph.distinct_steps:
        yield from _gathered_texts(step)


def _without_effect(component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    if component.overrides and component.cli == "none":
        fact = "`overrides` are not passed with `cli: none`."
        yield Diagnostic(KEEPS_INTERFACE, Place((*path, "overrides"), on="key"), fact, "put them into `args`.")
    if component.sweep and not component.is_hydra:
        fact = f"`sweep` is Hydra's, but the component says `cli: {component.cli}`."
        fix = "remove `sweep`; a step can loop instead, with `for_each`."
        yield Diagnostic(KEEPS_INTERFACE, Place((*path, "sweep"), on="key"), fact, fix)
    if component.config and not component.is_hydra:
        fact = f"`config` is about Hydra, but the component says `cli: {component.cli}`."
        yield Diagnostic(KEEPS_INTERFACE, Place((*path, "config"), on="key"), fact, "remove `config`.")
    if "quoting" in component.model_fields_set and not component.is_hydra:
        fact = f"`quoting` is about Hydra, but the component says `cli: {component.cli}`."
        yield Diagnostic(KEEPS_INTERFACE, Place((*path, "quoting"), on="key"), fact, "remove `quoting`.")


# ---------------------------------------------------------------- the command and the forms of values


def _command(component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    if needs_bootstrap(component) and not component.command:
        port = next(name for name, port in component.inputs.items() if is_raw(port))
        fact = (
            f"input `{port}` can be any {component.inputs[port].type}, which a small program in front of the command "
            "writes for Hydra; the image's own entrypoint is not known here."
        )
        fix = "add `command:`, e.g. `command: [python, main.py]`; or declare `choices`, or `quoting: typed`."
        yield Diagnostic(NEEDS_COMMAND, Place(path, on="key"), fact, fix)


def _typed(component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    if component.quoting != "typed":
        return
    for name, port in component.inputs.items():
        if not is_raw(port) or port.pass_ == "none":
            continue
        place = Place((*path, "inputs", name), on="key")
        if port.type.parameter == "STRUCT":
            fact = f"input `{name}` is a dict, which `quoting: typed` cannot pass: Hydra's grammar has no quoted keys."
            yield Diagnostic(
                DICT_NEEDS_EXACT, place, fact, "remove `quoting: typed`, or declare the values as inputs of their own."
            )
        elif port.type.base == "string":
            fact = (
                f"input `{name}` is a {port.type}: with `quoting: typed` a value with `'`, `${{` or a `\\` at its end "
                "does not arrive."
            )
            fix = "remove `quoting: typed`" + (", or declare `choices`." if not port.type.is_list else ".")
            yield Diagnostic(TYPED_IS_NOT_EXACT, place, fact, fix)


def _overrides(overrides: Mapping[str, Any], component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    for key, value in overrides.items():
        yield from _mixed(value, component, (*path, key), _Inside())


@dataclass(frozen=True)
class _Inside:
    """What a text stands in: a list or mapping, and one that only YAML inside an interpolation can write."""

    nested: bool = False
    yaml: bool = False


def _mixed(value: Plain, component: ContainerComponent, path: Path, inside: _Inside) -> Iterator[Diagnostic]:
    if isinstance(value, dict):
        within = _Inside(nested=True, yaml=inside.yaml or not all(map(is_plain_key, value)))
        for key, item in value.items():
            yield from _mixed(item, component, (*path, key), within)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _mixed(item, component, (*path, index), _Inside(nested=True, yaml=inside.yaml))
    elif isinstance(value, str):
        for reference in references_in(value):
            why = _trouble(reference, component, value, inside)
            if why:
                place = Place(path, start=reference.start, length=reference.end - reference.start)
                yield Diagnostic(MIXED_TEXT, place, *why)


def _trouble(reference: Reference, component: ContainerComponent, text: str, inside: _Inside) -> tuple[str, str] | None:
    """Why an override that holds this reference could not be written."""
    if inside.nested and (inside.yaml or not component.is_hydra):
        where = "a mapping whose keys Hydra cannot read bare" if component.is_hydra else "a list or mapping"
        return f"`{reference}` stands inside {where}.", "let it be an override of its own."
    if not component.is_hydra or component.quoting == "typed":
        return None
    if reference.namespace == "run" and reference.name == "executor_input":
        return f"`{reference}` is JSON text and cannot be an override.", "put it into `args`."
    port = component.inputs.get(reference.name) if reference.namespace == "inputs" else None
    return _raw_trouble(reference, port, text, inside) if port is not None and is_raw(port) else None


def _raw_trouble(reference: Reference, port: InputPort, text: str, inside: _Inside) -> tuple[str, str] | None:
    """The bootstrap sees one whole override at a time, and takes all between its quotes as it stands."""
    parts = parts_of(text)
    if inside.nested:
        return f"`{reference}` is a {port.type} inside a list or mapping.", "let it be an override of its own."
    if len(parts) > 1 and port.type.parameter != "STRING":
        return f"`{reference}` is a {port.type} inside a text.", "let it be the whole value."
    if any("${" in part for part in parts if isinstance(part, str)):
        fact = (
            f"`${{…}}` stands beside `{reference}`, whose text is not known yet: "
            "the bootstrap could not tell them apart."
        )
        return fact, "put them into two overrides and join them in the config."
    return None


def _gathered_texts(step: ContainerStep) -> Iterator[Diagnostic]:
    """Texts gathered into one word as JSON: by the flag that is generated, or where `args` refer to the list."""
    referred = {reference.name for reference in references_in([step.component.command, step.component.args])}
    for name, binding in step.bindings.items():
        port = step.component.inputs[name]
        in_one_word = name in referred or (step.component.cli == "argparse" and port.pass_ != "none")
        if not isinstance(binding, Gathered) or port.type.base != "string" or not in_one_word:
            continue
        if not port.choices or not all(bare_is_exact(choice) and '"' not in choice for choice in port.choices):
            fact = f"several texts go into `{step.name}.{name}`, which would be pasted into one JSON list as they are."
            fix = "let a component with `cli: hydra` take them, or declare `choices`."
            yield Diagnostic(LIST_AS_FLAG, Place(step.edge), fact, fix)
