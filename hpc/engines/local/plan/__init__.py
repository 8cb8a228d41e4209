"""What is to be run: tasks with their ports, bindings and commands, in an order in which they can run. Plain data.

`planner.py` makes it from a PipelineSpec; everything after that works on these types and never on the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_UNSET = object()


@dataclass(frozen=True)
class ParameterPort:
    """A parameter of an interface; `kind` is the IR's parameterType. `literals`, if any, are all that it accepts."""

    kind: str
    default: object = _UNSET
    optional: bool = False
    literals: tuple[object, ...] = ()

    @property
    def has_default(self) -> bool:
        return self.default is not _UNSET

    @property
    def required(self) -> bool:
        return not self.optional and not self.has_default

    def accepts(self, value: object) -> bool:
        """Whether the value is one of the literals, where there are any; true is not 1."""
        same = (value == one and isinstance(value, bool) == isinstance(one, bool) for one in self.literals)
        return not self.literals or any(same)


@dataclass(frozen=True)
class ArtifactPort:
    schema_title: str
    schema_version: str
    optional: bool = False


@dataclass(frozen=True)
class Interface:
    parameters: Mapping[str, ParameterPort] = field(default_factory=dict[str, ParameterPort])
    artifacts: Mapping[str, ArtifactPort] = field(default_factory=dict[str, ArtifactPort])


@dataclass(frozen=True)
class Constant:
    value: object


@dataclass(frozen=True)
class ParentInput:
    name: str


@dataclass(frozen=True)
class TaskOutput:
    task: str
    key: str


ParameterBinding = Constant | ParentInput | TaskOutput


@dataclass(frozen=True)
class Container:
    """What the task runs. Texts may hold placeholders, `environ` values are literal."""

    command: tuple[str, ...]
    args: tuple[str, ...]
    environ: Mapping[str, str]


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
class Settings:
    """How a task runs without a container: the platform document's entry of its executor.

    Paths are as written, relative to the base folder. `timeout` is in seconds. `secrets` names, for each environment
    variable of the task, the variable of the engine's environment that holds the value.
    """

    dir: str | None = None
    python: str | None = None
    requirements: str | None = None
    timeout: float | None = None
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Task:
    """One container task. `path` is its name in results, `after` the paths of the tasks that must succeed first."""

    path: str
    name: str
    inputs: Interface
    outputs: Interface
    parameters: Mapping[str, ParameterBinding]
    artifacts: Mapping[str, TaskOutput]
    container: Container
    retry: Retry
    settings: Settings
    after: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A pipeline: `tasks` in topological order, `outputs` from the pipeline's output names to tasks' outputs."""

    name: str
    inputs: Mapping[str, ParameterPort]
    tasks: tuple[Task, ...]
    output_parameters: Mapping[str, TaskOutput]
    output_artifacts: Mapping[str, TaskOutput]
