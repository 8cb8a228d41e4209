"""Which steps there are: every name that an edge uses, with its component; and what this version cannot compile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hpc.compiler.graph import Binding
from hpc.components.container import ContainerComponent
from hpc.components.step import NOTHING_DIFFERS, StepEntry
from hpc.components.subpipeline import ExternalComponent, SubPipeline
from hpc.components.types import did_you_mean
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.edges import LEAVE_OUT, NOT_YET, Edge, End
from hpc.spec.merge import UNKNOWN_USES
from hpc.spec.model import Pipeline

UNKNOWN_STEP = Rule(
    "HPC201", "no such step", "An edge names steps; a step is an entry of `steps` or a component.", "Correct the name."
)
IDLE_STEP = Rule(
    "HPC210",
    "step without an edge",
    "An entry of `steps` that no edge names would silently not run.",
    "Name it in `edges`, or remove it.",
)
RULES = (UNKNOWN_STEP, IDLE_STEP)


@dataclass(frozen=True)
class Wire:
    """What an input gets, how a message calls it, and where that is written."""

    source: Binding
    text: str
    place: Place


@dataclass
class Node:
    """A step while it is being linked."""

    name: str
    component_name: str
    component: ContainerComponent
    entry: StepEntry
    path: Path
    edge: Path
    wires: dict[str, Wire] = field(default_factory=dict[str, Wire])
    after: dict[str, Place] = field(default_factory=dict[str, Place])


RESERVED_NODES = ("inputs", "outputs", "exit")


def nodes_of(pipeline: Pipeline, edges: list[Edge], found: list[Diagnostic]) -> Iterator[tuple[str, Node]]:
    named: dict[str, End] = {}
    for edge in edges:
        for end in (*edge.sources, *edge.targets):
            if end.node not in RESERVED_NODES:
                named.setdefault(end.node, end)
    for name, end in named.items():
        node = _node(pipeline, name, end, found)
        if node is not None:
            yield name, node
    for name in pipeline.steps:
        if name not in named:
            fact = f"no edge names step `{name}`, so it would not run."
            found.append(
                Diagnostic(
                    IDLE_STEP, Place(("steps", name), on="key"), fact, f"add `- {name}` to `edges`, or remove the step."
                )
            )


def _node(pipeline: Pipeline, name: str, end: End, found: list[Diagnostic]) -> Node | None:
    entry = pipeline.steps.get(name, NOTHING_DIFFERS)
    component_name = entry.uses or name
    component = pipeline.components.get(component_name)
    if component is None:
        found.append(_no_component(pipeline, name, entry, end))
        return None
    path: Path = ("steps", name) if name in pipeline.steps else ("components", component_name)
    unready = [*_not_yet_component(component_name, component), *_not_yet_step(name, entry)]
    found += unready
    if not isinstance(component, ContainerComponent):
        return None
    return Node(name, component_name, component, entry, path, end.place.path)


def _no_component(pipeline: Pipeline, name: str, entry: StepEntry, end: End) -> Diagnostic:
    if entry.uses:
        fact = f"`{entry.uses}` is not a component of this file."
        return Diagnostic(
            UNKNOWN_USES, Place(("steps", name, "uses")), fact, did_you_mean(entry.uses, pipeline.components)
        )
    options = {*pipeline.components, *pipeline.steps, "inputs"}
    return Diagnostic(
        UNKNOWN_STEP, end.place, f"`{name}` is neither a step nor a component.", did_you_mean(name, options)
    )


def _not_yet_component(name: str, component: object) -> Iterator[Diagnostic]:
    path: Path = ("components", name)
    if isinstance(component, ContainerComponent):
        for key in ("sweep", "kfp"):
            if getattr(component, key) is not None:
                yield _not_yet((*path, key), f"`{key}`")
    elif isinstance(component, ExternalComponent):
        yield _not_yet((*path, "uses"), f"`uses: {component.uses}`")
    elif isinstance(component, SubPipeline):
        yield _not_yet((*path, "edges"), "a component made of `edges`")
    else:
        yield _not_yet((*path, "import"), "`import`")


def _not_yet_step(name: str, entry: StepEntry) -> Iterator[Diagnostic]:
    for key in ("for_each", "parallel", "loop", "tune", "kfp"):
        if getattr(entry, key) is not None:
            yield _not_yet(("steps", name, key), f"`{key}`")
    if entry.run_if != "upstream_ok":
        yield _not_yet(("steps", name, "run_if"), f"`run_if: {entry.run_if}`")


def _not_yet(path: Path, what: str) -> Diagnostic:
    return Diagnostic(NOT_YET, Place(path, on="key"), f"{what} cannot be compiled yet.", LEAVE_OUT)
