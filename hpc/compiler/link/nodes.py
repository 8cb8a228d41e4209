"""The steps of a scope while they are linked: every name that an edge uses, with its component."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpc.compiler.graph import Binding, Graph
from hpc.compiler.link.components import Components, Declared
from hpc.components.container import ContainerComponent
from hpc.components.ports import InputPort, OutputPort
from hpc.components.step import NOTHING_DIFFERS, StepEntry
from hpc.components.tuning import tuned_outputs
from hpc.components.types import Type, did_you_mean
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.condition_text import NOT_A_CONDITION
from hpc.spec.conditions import Condition
from hpc.spec.edges import BAD_SWITCH, NOT_AN_EDGE, Branch, Edge, End
from hpc.spec.merge import UNKNOWN_USES
from hpc.spec.program import File, is_elsewhere

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

LOST_EDGE = (NOT_AN_EDGE, NOT_A_CONDITION, BAD_SWITCH, UNKNOWN_STEP)
"""Reports of edges that were meant to name or fill something which is missing without them."""

RESERVED_NODES = ("inputs", "outputs", "exit")


@dataclass(frozen=True)
class Scope:
    """What is linked as one: the pipeline, or a component made of edges for one way to use it.

    `path` is where its blocks stand, `name` that of its component spec (empty for the pipeline). `inputs` are those
    declared, `bound` those with a value; `counts` tells which of these are put together from how many sources.
    """

    file: File
    path: Path
    name: str
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    steps: Mapping[str, StepEntry]
    edges: list[Any]
    bound: frozenset[str]
    counts: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def is_pipeline(self) -> bool:
        return not self.name

    @property
    def title_in_messages(self) -> str:
        return "the pipeline" if self.is_pipeline else f"component `{self.path[-1]}`"


@dataclass(frozen=True)
class Wire:
    """What an input gets, how a message calls it, and where that is written. `field` is one of a looped list."""

    source: Binding
    text: str
    place: Place
    field: str | None = None


@dataclass(frozen=True)
class Guard:
    """A condition on an edge into a step, or a branch of a switch."""

    condition: Condition | None
    branch: Branch | None
    edge: Edge


@dataclass
class Node:
    """A step while it is being linked.

    `inputs` and `outputs` are those of its component; `axes` the inputs that it loops over, those of a `zip` together.
    `after` is every step that it waits for: `plain` those that must have run, `ordered` those that an order edge names;
    `joins` holds the alternatives of each `|`.
    """

    name: str
    declared: Declared
    entry: StepEntry
    path: Path
    edge: Path
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    axes: tuple[tuple[str, ...], ...]
    wires: dict[str, Wire] = field(default_factory=dict[str, Wire])
    after: dict[str, Place] = field(default_factory=dict[str, Place])
    plain: set[str] = field(default_factory=set[str])
    ordered: set[str] = field(default_factory=set[str])
    joins: list[tuple[End, ...]] = field(default_factory=list[tuple[End, ...]])
    guards: list[Guard] = field(default_factory=list[Guard])
    exit: Place | None = None
    graph: Graph | None = None

    @property
    def looped(self) -> tuple[str, ...]:
        return tuple(name for axis in self.axes for name in axis)

    def input_type(self, port: str) -> Type:
        """The type that an edge has to bring: a list where the step loops over the port."""
        own = self.inputs[port].type
        return Type(own.base, True) if port in self.looped else own

    def output_type(self, port: str) -> Type:
        """The type that an edge takes away: a list where the step loops."""
        own = self.outputs[port].type
        return Type(own.base, True) if self.axes else own


def nodes_of(
    scope: Scope, edges: list[Edge], components: Components, found: list[Diagnostic]
) -> Iterator[tuple[str, Node]]:
    named: dict[str, End] = {}
    for edge in edges:
        for end in (*edge.sources, *edge.targets):
            if end.node not in RESERVED_NODES:
                named.setdefault(end.node, end)
    for name, end in named.items():
        node = _node(scope, name, end, components)
        if node is not None:
            yield name, node
    if not any(diagnostic.rule in LOST_EDGE for diagnostic in found):
        found += _idle(scope, named)


def _idle(scope: Scope, named: Mapping[str, End]) -> Iterator[Diagnostic]:
    for name in scope.steps:
        if name not in named:
            place = Place((*scope.path, "steps", name), on="key")
            fact = f"no edge names step `{name}`, so it would not run."
            yield Diagnostic(IDLE_STEP, place, fact, f"add `- {name}` to `edges`, or remove the step.")


def _node(scope: Scope, name: str, end: End, components: Components) -> Node | None:
    entry = scope.steps.get(name, NOTHING_DIFFERS)
    component_name = entry.uses or name
    if component_name not in scope.file.pipeline.components:
        components.found.append(_no_component(scope, name, entry, end))
        return None
    declared = components.of(scope.file, component_name)
    if declared is None:
        return None
    own = name in scope.steps
    path = (*scope.path, "steps", name) if own else (*scope.file.path, "components", component_name)
    inputs, outputs = _ports(declared, entry)
    return Node(name, declared, entry, path, end.place.path, inputs, outputs, entry.axes)


def _ports(declared: Declared, entry: StepEntry) -> tuple[Mapping[str, InputPort], Mapping[str, OutputPort]]:
    component = declared.component
    if entry.tune is not None and isinstance(component, ContainerComponent):
        return component.inputs, tuned_outputs(entry.tune, component)
    return component.inputs, component.outputs


def _no_component(scope: Scope, name: str, entry: StepEntry, end: End) -> Diagnostic:
    components = scope.file.pipeline.components
    if entry.uses:
        fact, fix = f"`{entry.uses}` is not a component of this file.", did_you_mean(entry.uses, components)
        if is_elsewhere(entry.uses):
            fix = f"add it to `components`, `{name}: {{uses: {entry.uses}}}`, and remove `uses` here."
        return Diagnostic(UNKNOWN_USES, Place((*scope.path, "steps", name, "uses")), fact, fix)
    options = {*components, *scope.steps, "inputs"}
    fact = f"`{name}` is neither a step nor a component."
    return Diagnostic(UNKNOWN_STEP, end.place, fact, did_you_mean(name, options))
