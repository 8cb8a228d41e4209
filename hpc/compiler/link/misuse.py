"""What a step may not say or be wired to: settings that its kind does not have, a status without its step, `exit`."""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler import mentions
from hpc.compiler.graph import Constant, Status, sources_in, steps_behind
from hpc.compiler.link.ends import EXIT
from hpc.compiler.link.loops import BAD_LOOP
from hpc.compiler.link.nodes import Node
from hpc.compiler.render import ABSENT_INPUT
from hpc.components.container import ContainerComponent
from hpc.components.foreign import ForeignContainer, ForeignPipeline, GoogleOperation
from hpc.components.importer import ImporterComponent
from hpc.components.step import StepEntry
from hpc.components.tuning import tune_problems
from hpc.components.types import did_you_mean, with_article
from hpc.components.use import references_in
from hpc.diagnostics import Diagnostic, Place, Rule
from hpc.spec.expand import UNKNOWN_REFERENCE
from hpc.spec.merge import KEEPS_INTERFACE

STATUS = Rule(
    "HPC411",
    "a step that runs whatever happened",
    "A platform tells how a step ended only to a step that runs whatever happened, and waits for nothing else. A "
    "condition or a run-time loop around such a step would wait for success again.",
    "Give that step `run_if: upstream_done`, one edge from a step, and no condition.",
)
BAD_TUNE = Rule(
    "HPC412",
    "not a search",
    "`tune` searches values of inputs for the best metric.",
    "Name inputs with lists of values or ranges, and a metric.",
)
RULES = (STATUS, BAD_TUNE)

_OF_CONTAINERS = ("overrides", "env", "accelerator", "cache", "retry", "timeout", "kfp", "tune")
_OF_GRAPHS = ("overrides", "env", "accelerator", "cache", "timeout", "kfp", "tune")
_OF_FOREIGN = ("overrides", "tune")
_OF_GOOGLE = ("overrides", "env", "accelerator", "timeout", "kfp", "tune")


def check_step(node: Node, nodes: dict[str, Node], found: list[Diagnostic]) -> None:
    """Reports everything of the above about one wired node."""
    found += _wrong_settings(node)
    found += _metadata(node)
    found += _statuses(node, nodes)
    found += _whatever_happened(node)
    found += _lists_of_lists(node)
    found += _tuning(node)
    if node.exit is not None:
        found += _after_exit(node, nodes)
    for other in node.after:
        if other in nodes and nodes[other].exit is not None and node.exit is None:
            fact = f"`{other}` runs after everything else, so nothing can wait for it."
            found.append(Diagnostic(EXIT, node.after[other], fact, "remove this edge."))


def _wrong_settings(node: Node) -> Iterator[Diagnostic]:
    component, what, keys = node.declared.component, "a component made of edges", _OF_GRAPHS
    if isinstance(component, ContainerComponent):
        return
    if isinstance(component, GoogleOperation):
        what, keys = "an operation of Google Cloud", _OF_GOOGLE
    elif isinstance(component, ForeignContainer):
        what, keys = "a component file of KFP", _OF_FOREIGN
    elif isinstance(component, ImporterComponent):
        what, keys = "an importer", _OF_CONTAINERS
    elif isinstance(component, ForeignPipeline):
        what, keys = "a compiled pipeline", _OF_CONTAINERS
    for key in keys:
        if _says(node.entry, key):
            fact = f"`{key}` cannot be given to step `{node.name}`: `{node.declared.path[-1]}` is {what}."
            fix = "set it on the steps inside." if keys is _OF_GRAPHS else "remove it."
            yield Diagnostic(KEEPS_INTERFACE, Place((*node.path, key), on="key"), fact, fix)


def _metadata(node: Node) -> Iterator[Diagnostic]:
    """What the metadata of an importer reads is an input that has a value."""
    component = node.declared.component
    if not isinstance(component, ImporterComponent):
        return
    for path, text in mentions.walk(component.metadata, (*node.declared.path, "metadata")):
        for reference in references_in(text):
            place = Place(path, start=reference.start, length=reference.end - reference.start)
            if reference.name not in component.inputs or reference.rest:
                fact = f"`{reference}`: the importer has no input `{'.'.join((reference.name, *reference.rest))}`."
                yield Diagnostic(UNKNOWN_REFERENCE, place, fact, did_you_mean(reference.name, component.declared))
            elif reference.name not in node.wires and component.inputs[reference.name].optional:
                fact = f"`{reference}` has no value in step `{node.name}`, so the metadata would have a hole."
                yield Diagnostic(ABSENT_INPUT, place, fact, f"give `{node.name}.{reference.name}` a value.")


def _says(entry: StepEntry, key: str) -> bool:
    value = getattr(entry, key)
    return value is not None and value != {}


def _statuses(node: Node, nodes: dict[str, Node]) -> Iterator[Diagnostic]:
    for name, wire in node.wires.items():
        source = next((one for one in sources_in(wire.source) if isinstance(one, Status)), None)
        if source is None or source.step == "exit":
            continue
        what = f"`{node.name}.{name}` gets the status of `{source.step}`"
        if nodes[source.step].axes:
            fact = f"{what}, which loops: each of its runs ends in its own way."
            yield Diagnostic(STATUS, wire.place, fact, "put the loop into a component made of edges.")
        if node.entry.run_if != "upstream_done":
            fix = f"add `run_if: upstream_done` to step `{node.name}`."
            yield Diagnostic(STATUS, wire.place, f"{what}, but would not run if that failed.", fix)
        elif node.axes:
            place = Place((*node.path, "for_each"), on="key")
            yield Diagnostic(STATUS, place, f"{what}, so it cannot loop.", "remove `for_each`.")
        for other in sorted(node.after.keys() - {source.step}):
            fact = f"{what} ({{other}}), so it cannot wait for `{other}` too."
            yield Diagnostic(STATUS, node.after[other], fact, "remove this edge.", other=wire.place)


def _whatever_happened(node: Node) -> Iterator[Diagnostic]:
    """A condition is decided by what steps put out, and only after they succeeded; inputs may get none."""
    if node.entry.run_if != "upstream_done":
        return
    for name, wire in node.wires.items():
        port = node.inputs[name]
        if port.optional or port.has_default or isinstance(wire.source, Status):
            continue
        behind = [step for source in sources_in(wire.source) for step in steps_behind(source)]
        if behind:
            fact = f"step `{node.name}` runs even if `{behind[0]}` failed, and then `{name}` has no value."
            fix = "with `optional: true`" if port.type.is_artifact else "with a default"
            yield Diagnostic(STATUS, wire.place, fact, f"declare input `{name}` of the component {fix}.")
    if node.guards:
        fact = f"step `{node.name}` runs whatever came of the steps before it, but this condition waits for success."
        fix = "remove the condition or `run_if`; or decide inside the component."
        yield Diagnostic(STATUS, Place(node.guards[0].edge.path), fact, fix)


def _after_exit(node: Node, nodes: dict[str, Node]) -> Iterator[Diagnostic]:
    place = node.exit or Place(node.edge)
    if node.name == min(nodes) and all(other.exit for other in nodes.values()):
        fact = "everything in this pipeline follows `exit`, so there is nothing that could end before."
        yield Diagnostic(EXIT, place, fact, f"write `- {node.name}`, without `exit`.")
    for other in sorted(node.after):
        if other in nodes:
            fact = f"`{node.name}` follows `exit`, so it can take nothing from `{other}`, which may have failed."
            yield Diagnostic(EXIT, node.after[other], fact, "pass inputs of the pipeline or constants.")
    if node.guards or node.axes:
        what = "be conditional" if node.guards else "loop"
        fact = f"`{node.name}` follows `exit`, and such a step cannot {what}."
        yield Diagnostic(EXIT, place, fact, "decide inside the component; its `status` tells how the run ended.")


def _lists_of_lists(node: Node) -> Iterator[Diagnostic]:
    """A loop over an input that is a list itself needs a list of lists, which only the file can hold."""
    for name in node.looped:
        wire = node.wires.get(name)
        if wire is not None and not isinstance(wire.source, Constant) and node.inputs[name].type.is_list:
            own = node.inputs[name].type
            fact = (
                f"`{node.name}.{name}` takes {with_article(own)}, so a loop over it needs a list of lists, and no edge "
            )
            fix = f"remove `{name}` from `for_each`, or declare `{name}: {own.element}`."
            yield Diagnostic(BAD_LOOP, wire.place, f"{fact}brings one.", fix)


def _tuning(node: Node) -> Iterator[Diagnostic]:
    entry, component = node.entry, node.declared.component
    if entry.tune is None or not isinstance(component, ContainerComponent):
        return
    for path, fact, fix in tune_problems(entry.tune, component):
        is_name = path[:1] == ("search",) and len(path) == 2 and path[1] not in component.inputs
        place = Place((*node.path, "tune", *path), on="key" if is_name or not path else "value")
        yield Diagnostic(BAD_TUNE, place, fact, fix)
    for name in entry.tune.search.keys() & node.wires.keys():
        wire = node.wires[name]
        fact = f"input `{node.name}.{name}` is searched, and also gets `{wire.text}` ({{other}})."
        yield Diagnostic(BAD_TUNE, Place((*node.path, "tune", "search", name), on="key"), fact, "keep one.", wire.place)
