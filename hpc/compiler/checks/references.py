"""References in commands, arguments and overrides name ports that the component has, and values that are there.

Language, section 2, *`${{ name }}`*, and section 5.30.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hpc.compiler import mentions
from hpc.compiler.graph import ContainerStep, Graph
from hpc.compiler.render import ABSENT_INPUT, machine_names, use_of
from hpc.compiler.targets import Target
from hpc.components.container import ArgumentGroup, ContainerComponent
from hpc.components.references import NAMESPACES, Reference
from hpc.components.types import did_you_mean, with_article
from hpc.components.use import references_in
from hpc.diagnostics import Diagnostic, Path, Place
from hpc.spec.expand import ACCELERATOR_NAMES, RUN_NAMES, SINGLE_BRACES, UNKNOWN_REFERENCE

RULES = (ABSENT_INPUT,)

_SINGLE = re.compile(r"(?<!\$)\$\{((" + "|".join(NAMESPACES) + r")\.([a-z0-9_]+))\}")
_ARTIFACT_FIELD = re.compile(r"uri|metadata\.\w+")


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for owner, component in mentions.containers(graph):
        for path, text in mentions.component_texts(component, owner):
            yield from _judge(text, path, component, graph)
        yield from _groups(component, (*owner, "args"))
    for step in graph.steps:
        for owner, overrides in mentions.own_overrides(step):
            for path, text in mentions.walk(overrides, owner):
                yield from _judge(text, path, step.component, graph)
    for step in graph.distinct_steps:
        yield from _absent(step)
        yield from _machine(step)


def _judge(text: str, path: Path, component: ContainerComponent, graph: Graph) -> Iterator[Diagnostic]:
    for reference in references_in(text):
        yield from _unknown(reference, path, component)
    for match in _SINGLE.finditer(text):
        if match[3] in _names(match[2], component, graph):
            written, name = match[0], match[1]
            fact = (
                f"`{written}` is OmegaConf syntax and goes to the container as it stands, but `{name}` is an hpc name."
            )
            doubled = f"`${{{{ {name} }}}}`"
            fix = f"double the braces: {doubled}; if you do mean a Hydra key called `{name}`, write `${written}`."
            yield Diagnostic(SINGLE_BRACES, Place(path, start=match.start(), length=len(match[0])), fact, fix)


def _names(namespace: str, component: ContainerComponent, graph: Graph) -> Mapping[str, Any] | tuple[str, ...]:
    named: dict[str, Mapping[str, Any]] = {
        "inputs": component.inputs,
        "outputs": component.outputs,
        "vars": graph.pipeline.vars,
        "images": graph.pipeline.images,
    }
    return named.get(namespace) or {"accelerator": ACCELERATOR_NAMES, "run": RUN_NAMES}.get(namespace, ())


def _unknown(reference: Reference, path: Path, component: ContainerComponent) -> Iterator[Diagnostic]:
    if reference.namespace not in ("inputs", "outputs"):
        return
    ports = component.inputs if reference.namespace == "inputs" else component.outputs
    port = ports.get(reference.name)
    where = _place(reference, path)
    if port is None:
        what = reference.namespace.removesuffix("s")
        fact = f"`{reference}`: the component has no {what} `{reference.name}`."
        yield Diagnostic(UNKNOWN_REFERENCE, where, fact, did_you_mean(reference.name, ports))
    elif reference.rest and not (port.type.is_artifact and _ARTIFACT_FIELD.fullmatch(".".join(reference.rest))):
        fact = f"`{reference}`: {with_article(port.type)} has no `{'.'.join(reference.rest)}`."
        fix = "write `.uri` or `.metadata.<key>`." if port.type.is_artifact else "end the reference after the name."
        yield Diagnostic(UNKNOWN_REFERENCE, where, fact, fix)


def _groups(component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    """`absent:` names an optional input."""
    optional = [name for name, port in component.inputs.items() if port.optional]
    for index, item in enumerate(component.args):
        if isinstance(item, ArgumentGroup) and item.absent not in optional:
            why = "is never without a value" if item.absent in component.inputs else "is not an input of the component"
            fact = f"`absent` names `{item.absent}`, which {why}."
            yield Diagnostic(
                UNKNOWN_REFERENCE, Place((*path, index, "absent")), fact, did_you_mean(item.absent, optional)
            )


def _absent(step: ContainerStep) -> Iterator[Diagnostic]:
    """An optional input that has no value in this step, in a text that cannot be left out."""
    use = use_of(step)
    path = step.component_path
    words = [((*path, "command", index), word) for index, word in enumerate(step.component.command)]
    for index, item in enumerate(step.component.args):
        if isinstance(item, str):
            words.append(((*path, "args", index), item))
        elif isinstance(item, ArgumentGroup) and item.absent not in use.bound:
            words += [((*path, "args", index, "args", place), word) for place, word in enumerate(item.args)]
    for place, word in words:
        for reference in references_in(word):
            if use.is_absent(reference) and reference.name in step.component.inputs:
                fact = f"`{reference}` has no value in step `{step.name}`, so this argument would have a hole."
                group = f'`args: [["${{{{ {reference} }}}}"]]`'
                fix = f"put the words that need it into a group, {group}, or give it a value."
                yield Diagnostic(ABSENT_INPUT, _place(reference, place), fact, fix)


def _machine(step: ContainerStep) -> Iterator[Diagnostic]:
    """`${{ accelerator.x }}` where the step has no accelerator, or one that does not say x."""
    known = machine_names(step.settings)
    for path, text in mentions.texts(step):
        for reference in references_in(text):
            if reference.namespace == "accelerator" and reference.name not in known:
                why = f"its accelerator does not say `{reference.name}`." if known else "it has no accelerator."
                fact = f"`{reference}` has no value in step `{step.name}`: {why}"
                fix = f"add `{reference.name}` to the accelerator, or write the value here."
                yield Diagnostic(UNKNOWN_REFERENCE, _place(reference, path), fact, fix)


def _place(reference: Reference, path: Path) -> Place:
    return Place(path, start=reference.start, length=reference.end - reference.start)
