"""What is to be run: components, tasks with their bindings, in an order in which they can run. Plain data.

`planner.py` makes it from a PipelineSpec; everything after that works on these types and never on the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal

from hpc.engines.arguments import ParameterPort
from hpc.engines.local.plan.expressions import Expression


@dataclass(frozen=True)
class ArtifactPort:
    schema_title: str
    schema_version: str
    optional: bool = False
    is_list: bool = False


@dataclass(frozen=True)
class Interface:
    parameters: Mapping[str, ParameterPort] = field(default_factory=dict[str, ParameterPort])
    artifacts: Mapping[str, ArtifactPort] = field(default_factory=dict[str, ArtifactPort])


@dataclass(frozen=True)
class Constant:
    value: object


@dataclass(frozen=True)
class ParentInput:
    """An input of the DAG that the task stands in."""

    name: str


@dataclass(frozen=True)
class TaskOutput:
    """An output of another task of the same DAG, by that task's key."""

    task: str
    key: str


@dataclass(frozen=True)
class FinalStatus:
    """How another task of the same DAG ended (PipelineTaskFinalStatus)."""

    task: str


@dataclass(frozen=True)
class ParameterBinding:
    """Where a value comes from; `selector` takes a part of it before its type is looked at."""

    source: Constant | ParentInput | TaskOutput | FinalStatus
    selector: Expression | None = None


ArtifactBinding = ParentInput | TaskOutput


@dataclass(frozen=True)
class Resources:
    """Limits of a container as the IR writes them, e.g. "500m" and "4G"; texts may be placeholders. Empty: none."""

    cpu: str = ""
    memory: str = ""
    gpus: str = ""


@dataclass(frozen=True)
class Build:
    """How an image is built: the folder and the Dockerfile in it, relative to the base folder of the run."""

    context: str
    dockerfile: str = ""
    args: Mapping[str, str] = field(default_factory=dict[str, str])
    platform: str = ""


@dataclass(frozen=True)
class Space:
    """What is tried for one input of type `kind`: `values`, or a number from `low` to `high`, both included.

    `flag` is what stands before the value on the command line.
    """

    kind: str
    flag: str
    values: tuple[object, ...] = ()
    low: float = 0.0
    high: float = 0.0
    scale: str = "linear"

    @property
    def size(self) -> int:
        """How many values there are; of a range, how many integers."""
        return len(self.values) or int(self.high) - int(self.low) + 1


@dataclass(frozen=True)
class Tuning:
    """A search for the best values of inputs: at most `trials` runs of the task, `parallel` of them at once.

    `metric` is what each of them says, by `outputs` (what a trial puts out) or by a file; `goal` is maximize or
    minimize, `algorithm` bayesian, random or grid.
    """

    metric: str
    goal: Literal["maximize", "minimize"]
    trials: int
    parallel: int
    algorithm: str
    search: Mapping[str, Space]
    outputs: Interface

    @property
    def most(self) -> int:
        """How many trials there can be."""
        return min(self.trials, prod(space.size for space in self.search.values())) if self.is_grid else self.trials

    @property
    def is_grid(self) -> bool:
        return self.algorithm == "grid"


@dataclass(frozen=True)
class Settings:
    """How a task runs on this machine: the platform document's entry of its executor.

    Paths are as written, relative to the base folder. `timeout` is in seconds. `secrets` names, for each environment
    variable of the task, the variable of the engine's environment that holds the value. `gpus` are reserved. With
    `tuning` it runs many times.
    """

    dir: str | None = None
    python: str | None = None
    requirements: str | None = None
    timeout: float | None = None
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    gpus: int = 0
    build: Build | None = None
    tuning: Tuning | None = None


@dataclass(frozen=True)
class Container:
    """What a task runs. Texts may hold placeholders, `environ` values are literal. `label` is the executor's."""

    command: tuple[str, ...]
    args: tuple[str, ...]
    environ: Mapping[str, str]
    image: str = ""
    resources: Resources = field(default_factory=Resources)
    settings: Settings = field(default_factory=Settings)
    label: str = ""


@dataclass(frozen=True)
class Importer:
    """An artifact that exists already. `uri` may name an input of the component instead of an address.

    Texts in `metadata` may hold placeholders. With `reimport` an address must answer: a version that was seen before
    does not do.
    """

    uri: Constant | ParentInput
    schema_title: str
    schema_version: str
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    reimport: bool = False


@dataclass(frozen=True)
class Selection:
    """Where an output of a DAG comes from: of several sources, the first whose task has succeeded.

    `one_of`: it is an error if there is none; otherwise the output is just not there.
    """

    sources: tuple[TaskOutput, ...]
    one_of: bool = False


@dataclass(frozen=True)
class Dag:
    """`tasks` are in topological order."""

    tasks: tuple[Task, ...]
    parameters: Mapping[str, Selection] = field(default_factory=dict[str, Selection])
    artifacts: Mapping[str, Selection] = field(default_factory=dict[str, Selection])


@dataclass(frozen=True)
class Component:
    """What a task is: its ports and what stands behind them. Tasks of the same component share one object."""

    name: str
    inputs: Interface
    outputs: Interface
    body: Container | Importer | Dag


@dataclass(frozen=True)
class Loop:
    """Once for each item: items are `raw` or the value of the task's input `items`; each becomes the input `item`.

    `parallel`: at most so many at once; 0 for no limit.
    """

    item: str
    items: str = ""
    raw: tuple[object, ...] = ()
    parallel: int = 0


@dataclass(frozen=True)
class Retry:
    """`count` extra attempts; waits in seconds, each `factor` times the one before, none over `longest`."""

    count: int = 0
    first: float = 0.0
    factor: float = 2.0
    longest: float = 3600.0

    def wait(self, failed: int) -> float:
        """Seconds to wait after `failed` attempts (from 1)."""
        try:
            return min(self.first * self.factor ** (failed - 1), self.longest)
        except OverflowError:
            return self.longest


@dataclass(frozen=True)
class Caching:
    """Whether a former result may be used; `key` takes the place of what would be compared."""

    enabled: bool = False
    key: str = ""


@dataclass(frozen=True)
class Task:
    """A place in a DAG. `key` is its name there, `after` the keys of the tasks that must have ended first.

    `whatever`: it runs however they ended (ALL_UPSTREAM_TASKS_COMPLETED). `condition` sees the resolved inputs. A task
    with a `loop` is run once for each item; its outputs are lists then. `retry` is what holds for it, inherited or own.
    """

    key: str
    title: str
    component: Component
    parameters: Mapping[str, ParameterBinding]
    artifacts: Mapping[str, ArtifactBinding]
    after: tuple[str, ...] = ()
    whatever: bool = False
    condition: Expression | None = None
    loop: Loop | None = None
    retry: Retry = field(default_factory=Retry)
    caching: Caching = field(default_factory=Caching)

    @property
    def tuning(self) -> Tuning | None:
        """The search whose trials run the task's container."""
        body = self.component.body
        return body.settings.tuning if isinstance(body, Container) else None

    @property
    def repeats(self) -> bool:
        """Whether it is run several times, each time at a path with a number."""
        return self.loop is not None or self.tuning is not None


@dataclass(frozen=True)
class Plan:
    """A pipeline: `root` has its inputs, its outputs and its tasks."""

    name: str
    root: Component

    @property
    def inputs(self) -> Mapping[str, ParameterPort]:
        return self.root.inputs.parameters

    @property
    def dag(self) -> Dag:
        assert isinstance(self.root.body, Dag)
        return self.root.body
