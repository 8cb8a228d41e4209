"""The pipeline as objects: every name resolved, every input bound, steps in groups and in an order in which they run.

A Graph is only built by `link`, and only when everything fits: what it holds needs no further looking up. A step that
runs a sub-pipeline holds a Graph of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from hpc.compiler.machines import MachineTable, shipped
from hpc.components.container import ContainerComponent
from hpc.components.fields import Cache, EnvValue, Retry
from hpc.components.foreign import ForeignContainer, ForeignPipeline, GoogleOperation
from hpc.components.importer import ImporterComponent
from hpc.components.ports import InputPort, OutputPort
from hpc.components.step import Tune
from hpc.components.types import RUN_STATUS, Type
from hpc.diagnostics import Path
from hpc.spec.conditions import Condition
from hpc.spec.model import Accelerator, Image, Pipeline, Secret
from hpc.spec.program import File

# ---------------------------------------------------------------- what an input gets


@dataclass(frozen=True)
class Constant:
    """A value known now. `path` is where it is written."""

    value: Any
    path: Path


@dataclass(frozen=True)
class FromInput:
    """An input of the pipeline, or of the sub-pipeline that the step stands in. `path` is where it is declared."""

    name: str
    type: Type
    port: InputPort = field(compare=False)
    path: Path = field(compare=False)


@dataclass(frozen=True)
class FromStep:
    """An output of another step, of the type that it has outside of the step's own loop."""

    step: str
    port: str
    type: Type


@dataclass(frozen=True)
class FromItem:
    """The element of the loop around the step, or a field of it. `axis` names the element; `is_constant`: of a list
    that stands in the file.
    """

    axis: str
    type: Type
    item_type: Type
    field: str | None = None
    is_constant: bool = False


@dataclass(frozen=True)
class OneOf:
    """Whichever of the steps ran: one output from each branch of the switch. `name` is unique in the graph."""

    name: str
    switch: str
    sources: tuple[FromStep, ...]
    type: Type


@dataclass(frozen=True)
class Status:
    """How a step ended; of `exit`, how everything ended."""

    step: str
    type: Type = RUN_STATUS


Source = FromInput | FromStep | FromItem | OneOf | Status


@dataclass(frozen=True)
class Gathered:
    """Several sources that together are one list, in this order."""

    items: tuple[Source | Constant, ...]


Binding = Constant | FromInput | FromStep | FromItem | OneOf | Status | Gathered


# ---------------------------------------------------------------- steps


@dataclass(frozen=True)
class Layer:
    """A block that says something about how a container runs: the step's entry, its component, the defaults.

    `path` is where the block stands, `file` the file whose images, machines and secrets its names mean.
    """

    file: File
    path: Path
    block: Any


@dataclass(frozen=True)
class Settings:
    """How a container runs: the layers laid on each other. Paths tell where images and machines are declared.

    `timeout_path` is where the step or its component says `timeout`, empty if at most the defaults do.
    """

    image: Image
    overrides: Mapping[str, Any]
    env: Mapping[str, EnvValue]
    accelerator: Accelerator | None
    cache: Cache
    retry: Retry | None
    timeout: str | None
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    kfp: tuple[Any, ...] = ()
    image_path: Path = ()
    accelerator_path: Path = ()
    timeout_path: Path = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One task: what it runs, and where its inputs come from.

    `path` is the step's own place in the file (its entry in `steps`, else its component), `edge` that of an edge that
    names it, `component_path` that of its component. An optional input without a value has no binding. `written` is the
    step's name in the file, where one loop made several steps of it; `scope` the name of the sub-pipeline that it
    stands in. `after` names the tasks beside it that it waits for; `runs_after_failure`: whatever came of them.
    """

    name: str
    title: str
    component_name: str
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    bindings: Mapping[str, Binding]
    after: tuple[str, ...]
    path: Path
    edge: Path
    component_path: Path
    written: str
    scope: str
    runs_after_failure: bool

    @property
    def runs_always(self) -> bool:
        """Whether it runs whatever came of the tasks before it."""
        return self.runs_after_failure or HANDLER in self.after

    @property
    def key(self) -> str:
        """The name of its task."""
        return key(self.name)

    @cached_property
    def spec_name(self) -> str:
        """The component spec that the step runs.

        The component's own; `<component>--<step>` where the container differs or gathers lists; and where optional
        inputs are left out, one for all steps that leave out the same. No name of the language holds two hyphens.
        """
        own = key(self.component_name)
        if self.is_particular or any(isinstance(binding, Gathered) for binding in self.bindings.values()):
            return "--".join(filter(None, (own, self.scope, key(self.written))))
        left_out = self.left_out
        return "--".join([own, *(["without"] if left_out else []), *map(key, left_out)])

    @property
    def left_out(self) -> list[str]:
        """The optional inputs without a value; what the step runs is worded without them."""
        return sorted(self.inputs.keys() - self.bindings.keys())

    @property
    def is_particular(self) -> bool:
        """Whether nothing but this step runs its component in this way."""
        return False


@dataclass(frozen=True, kw_only=True)
class RunsContainer(Step):
    """A step that runs a program in a container.

    `layers` say how it runs, the most particular one first. `differs` tells that the container is not the component's
    own: other overrides, environment, machine or timeout.
    """

    component: ContainerComponent | ForeignContainer
    layers: tuple[Layer, ...]
    settings: Settings
    differs: bool

    @property
    def tune(self) -> Tune | None:
        """The search, if something starts it again and again with other values."""
        return next((getattr(layer.block, "tune", None) for layer in self.layers[:1]), None)

    @property
    def is_tuned(self) -> bool:
        return self.tune is not None

    @property
    def is_particular(self) -> bool:
        return self.differs or self.is_tuned


@dataclass(frozen=True, kw_only=True)
class ContainerStep(RunsContainer):
    """A step that runs a container which an hpc file describes."""

    component: ContainerComponent


@dataclass(frozen=True, kw_only=True)
class ForeignStep(RunsContainer):
    """A step that runs a component file of KFP, or an operation of Google Cloud."""

    component: ForeignContainer

    @property
    def left_out(self) -> list[str]:
        return [] if isinstance(self.component, GoogleOperation) else super().left_out


@dataclass(frozen=True, kw_only=True)
class ImporterStep(Step):
    """A step that brings an existing artifact into the run."""

    component: ImporterComponent


@dataclass(frozen=True, kw_only=True)
class GraphStep(Step):
    """A step that is a pipeline itself: one made of edges, linked for this way to use it."""

    graph: Graph
    retry: Retry | None

    @property
    def spec_name(self) -> str:  # type: ignore[override]  # the graph was named when it was linked
        return self.graph.name


@dataclass(frozen=True, kw_only=True)
class CompiledStep(Step):
    """A step that is a pipeline which someone compiled."""

    component: ForeignPipeline


def key(name: str) -> str:
    """A name of the language as the IR has it."""
    return name.replace("_", "-")


@dataclass(frozen=True)
class Test:
    """A condition as it stands on an edge, or that it does not hold. `sources` is what its names mean."""

    condition: Condition
    holds: bool
    sources: Mapping[tuple[str, str], Source]


@dataclass(frozen=True)
class Loop:
    """Once for each element of a list, `limit` elements at a time (0: all). `item` names the element."""

    items: Source | Constant
    item: str
    item_type: Type
    limit: int


@dataclass(frozen=True)
class Group:
    """Steps in a DAG of their own: under a condition, the branches of a switch, in a loop, all that `exit` waits for.

    `name` is that of its task; its first word is one that no step can be called. `after` names the tasks beside it that
    it waits for.
    """

    kind: Literal["when", "switch", "for_each", "exit"]
    name: str
    children: tuple[Node, ...] = ()
    after: tuple[str, ...] = ()
    tests: tuple[Test, ...] = ()
    loop: Loop | None = None


Node = Step | Group


HANDLER = "exit--handler"
"""The group that holds everything that `exit` waits for."""


def task_name(node: Node) -> str:
    return node.key if isinstance(node, Step) else node.name


def channel(source: Source) -> str:
    """The name of the port through which a source passes groups. Two hyphens keep it apart from names of the file."""
    if isinstance(source, FromInput):
        return source.name
    if isinstance(source, FromItem):
        return source.axis
    if isinstance(source, OneOf):
        return source.name
    return f"{key(source.step)}--{source.port if isinstance(source, FromStep) else 'status'}"


def sources_of(node: Node) -> Iterator[Source]:
    """What a task takes by itself, not for what is inside of it."""
    if isinstance(node, Step):
        for binding in node.bindings.values():
            yield from sources_in(binding)
        return
    for test in node.tests:
        yield from test.sources.values()
    if node.loop is not None:
        yield from sources_in(node.loop.items)


def sources_in(binding: Binding) -> Iterator[Source]:
    if isinstance(binding, Gathered):
        for item in binding.items:
            yield from sources_in(item)
    elif not isinstance(binding, Constant):
        yield binding


def steps_behind(source: Source) -> Iterator[str]:
    """The steps that a source takes something from."""
    if isinstance(source, OneOf):
        yield from (branch.step for branch in source.sources)
    elif isinstance(source, FromStep) or (isinstance(source, Status) and source.step != "exit"):
        yield source.step


@dataclass(frozen=True)
class Graph:
    """What can be compiled: a pipeline, or a sub-pipeline for one way to use it.

    `files` are the pipeline file and those that it uses; `name` is that of its component spec, empty for the pipeline
    itself. `inputs` are those that have a value; `counts` tells of how many elements those consist that are put
    together from several sources. `nodes` are in topological order, ties by name, and so are the children of a group.
    `machines` are those that the pipeline's profiles are held against.
    """

    files: tuple[File, ...]
    name: str
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    counts: Mapping[str, int]
    nodes: tuple[Node, ...]
    results: Mapping[str, Source]
    machines: MachineTable = field(default_factory=shipped)

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline file."""
        return self.files[0].pipeline

    @cached_property
    def own_steps(self) -> tuple[Step, ...]:
        """The steps of this graph in all of its groups, but not those of sub-pipelines."""
        return tuple(_steps_in(self.nodes))

    @cached_property
    def size(self) -> int:
        """How many steps a run has, loops of the platform taken once."""
        return sum(step.graph.size if isinstance(step, GraphStep) else 1 for step in self.own_steps)

    @cached_property
    def tasks(self) -> int:
        """How many tasks surely belong to a run, groups among them, loops of the platform taken once."""
        return _tasks_in(self.nodes)

    @cached_property
    def all_steps(self) -> tuple[Step, ...]:
        """Every step, also those of sub-pipelines; the steps of a sub-pipeline that several steps run stand once."""
        return tuple(_all_steps(self, set()))

    @cached_property
    def steps(self) -> tuple[ContainerStep, ...]:
        """The steps that run a container which the file describes, also those of sub-pipelines."""
        return tuple(step for step in self.all_steps if isinstance(step, ContainerStep))

    @cached_property
    def distinct_steps(self) -> tuple[ContainerStep, ...]:
        """One step for each component spec: steps that share one cannot differ in their texts and settings."""
        return tuple({step.spec_name: step for step in reversed(self.steps)}.values())


def _steps_in(nodes: tuple[Node, ...]) -> Iterator[Step]:
    for node in nodes:
        if isinstance(node, Step):
            yield node
        else:
            yield from _steps_in(node.children)


def _tasks_in(nodes: tuple[Node, ...]) -> int:
    groups = sum(_tasks_in(node.children) for node in nodes if isinstance(node, Group))
    return len(nodes) + groups + sum(node.graph.tasks for node in nodes if isinstance(node, GraphStep))


def _all_steps(graph: Graph, seen: set[str]) -> Iterator[Step]:
    for step in graph.own_steps:
        yield step
        if isinstance(step, GraphStep) and step.graph.name not in seen:
            seen.add(step.graph.name)
            yield from _all_steps(step.graph, seen)
