"""Values reach Hydra exactly: no key set twice, a command for the bootstrap, no text that cannot be quoted.

Language, section 2, *Hydra values*, sections 5.1, 5.2 and 5.41(d)(h).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hpc.compiler.graph import Gathered, Graph, Step
from hpc.compiler.targets import Target
from hpc.components.container import ContainerComponent
from hpc.components.hydra import bare_is_exact
from hpc.components.references import Reference, parts_of
from hpc.components.types import Plain
from hpc.components.use import is_raw, needs_bootstrap, references_in
from hpc.diagnostics import Diagnostic, Path, Place, Rule

DICT_NEEDS_EXACT = Rule(
    "HPC604",
    "a dict cannot be passed with `quoting: typed`",
    "KFP passes a dict as JSON, and Hydra's grammar does not read quoted keys; only the bootstrap can turn one into "
    "the other.",
    "Use `quoting: exact`, or declare the values as inputs of their own.",
)
SAME_KEY = Rule(
    "HPC606",
    "one Hydra key set twice",
    "Hydra would silently keep only the last of two values for one key.",
    "Give one of them another key with `as:`, or `pass: none`.",
)
NEEDS_COMMAND = Rule(
    "HPC608",
    "`command` is missing",
    "Free texts, lists and dicts are written for Hydra by a small program in front of the command, and the entrypoint "
    "of an image is not known while compiling.",
    "State `command`.",
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
NOT_A_KEY = Rule(
    "HPC611",
    "not a Hydra key",
    "An override has the form key=value; Hydra would not read this key.",
    "Correct the key.",
)
LIST_AS_FLAG = Rule(
    "HPC612",
    "texts gathered into one flag",
    "A JSON list of texts that are pasted as they are breaks on the first quotation mark.",
    "Use `cli: hydra`, or declare `choices` without quotation marks.",
)
RULES = (DICT_NEEDS_EXACT, SAME_KEY, NEEDS_COMMAND, MIXED_TEXT, TYPED_IS_NOT_EXACT, NOT_A_KEY, LIST_AS_FLAG)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for name, component in graph.pipeline.components.items():
        if isinstance(component, ContainerComponent):
            path: Path = ("components", name)
            yield from _same_key(component, path)
            if component.is_hydra:
                yield from _command(component, path)
                yield from _typed(component, path)
                yield from _overrides(component.overrides, component, (*path, "overrides"))
    for step in graph.steps:
        own = graph.pipeline.steps[step.name].overrides if step.path[0] == "steps" else {}
        if step.component.is_hydra:
            yield from _overrides(own, step.component, (*step.path, "overrides"))
        yield from _gathered_texts(step)


def _same_key(component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    """Two ports, or a port and an override, that would set the same key."""
    first: dict[str, tuple[str, Place]] = {}
    for what, key, place in _keys(component, path):
        bare = key.lstrip("+~")
        if bare not in first:
            first[bare] = what, place
            continue
        other, other_place = first[bare]
        verb = "keep only the last" if component.is_hydra else "get both"
        who = "Hydra" if component.is_hydra else "the program"
        fact = f"{what} would set `{bare}`, which {other} sets too ({{other}}); {who} would {verb}."
        fix = "give one of them another key with `as:`, or `pass: none`."
        yield Diagnostic(SAME_KEY, place, fact, fix, other=other_place)


def _keys(component: ContainerComponent, path: Path) -> Iterator[tuple[str, str, Place]]:
    if component.cli not in ("hydra", "argparse"):
        return
    for key in component.overrides:
        yield "`overrides`", key, Place((*path, "overrides", key), on="key")
    for kind, ports in (("input", component.inputs), ("output", component.outputs)):
        for name, port in ports.items():
            if port.pass_ != "none":
                yield f"{kind} `{name}`", port.as_ or name, Place((*path, f"{kind}s", name), on="key")


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
        else:
            fact = (
                f"input `{name}` is a {port.type}: with `quoting: typed` a value with `'`, `${{` or a `\\` at its end "
                "does not arrive."
            )
            yield Diagnostic(TYPED_IS_NOT_EXACT, place, fact, "remove `quoting: typed`, or declare `choices`.")


def _overrides(overrides: Mapping[str, Any], component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    for key, value in overrides.items():
        here = (*path, key)
        bad = next((char for char in key if char in "=' \"\n\t,{}[]()"), None)
        if bad or not key.lstrip("+~"):
            fact = f"`{key}` is not a key of Hydra" + (f": it holds {bad!r}." if bad else ".")
            yield Diagnostic(
                NOT_A_KEY, Place(here, on="key"), fact, "write e.g. `trainer.max_epochs`, `+new.key` or `~gone`."
            )
        elif component.quoting == "exact":
            yield from _mixed(value, component, here, nested=False)


def _mixed(value: Plain, component: ContainerComponent, path: Path, *, nested: bool) -> Iterator[Diagnostic]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _mixed(item, component, (*path, key), nested=True)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _mixed(item, component, (*path, index), nested=True)
    elif isinstance(value, str):
        parts = parts_of(value)
        for reference in references_in(value):
            why = _trouble(reference, component, value, alone=len(parts) == 1, nested=nested)
            if why:
                yield Diagnostic(
                    MIXED_TEXT, Place(path, start=reference.start, length=reference.end - reference.start), *why
                )


def _trouble(
    reference: Reference, component: ContainerComponent, text: str, *, alone: bool, nested: bool
) -> tuple[str, str] | None:
    """Why the bootstrap could not write the override that holds this reference."""
    port = component.inputs.get(reference.name) if reference.namespace == "inputs" else None
    if reference.namespace == "run" and reference.name == "executor_input":
        return f"`{reference}` is JSON text and cannot be an override.", "put it into `args`."
    if port is None or not is_raw(port):
        return None
    if nested:
        return f"`{reference}` is a {port.type} inside a list or mapping.", "let it be an override of its own."
    if not alone and port.type.parameter != "STRING":
        return f"`{reference}` is a {port.type} inside a text.", "let it be the whole value."
    outside = "".join(part for part in parts_of(text) if isinstance(part, str))
    if "${" in outside:
        fact = (
            f"`${{…}}` stands beside `{reference}`, whose text is not known yet: "
            "the bootstrap could not tell them apart."
        )
        return fact, "put them into two overrides and join them in the config."
    return None


def _gathered_texts(step: Step) -> Iterator[Diagnostic]:
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
