"""What a run came to: values that every engine returns and that the command line shows. Plain data, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

RunState = Literal["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]
State = Literal["RUNNING", "SUCCEEDED", "CACHED", "FAILED", "SKIPPED", "CANCELLED"]
"""CACHED: the result of another run was taken. A task of an interrupted run stays RUNNING until it is resumed."""

Kind = Literal["task", "importer", "group", "loop"]
"""`group`: the tasks of a DAG; `loop`: a task that is run for each item; its iterations are tasks or groups."""

WHY_SKIPPED = {
    "condition": "its condition was false",
    "upstream": "a task before it did not succeed",
    "fail-fast": "another task had failed",
    "not chosen": "it was not chosen",
}
"""The reasons of tasks that are SKIPPED, in words."""


@dataclass(frozen=True)
class Artifact:
    """A file or folder with a type. `uri` is a plain path on this machine unless the task said otherwise."""

    name: str
    uri: str
    schema_title: str = "system.Artifact"
    schema_version: str = "0.0.1"
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def path(self) -> str:
        return self.uri.removeprefix("file://")

    @property
    def is_remote(self) -> bool:
        """Whether it lies elsewhere, so that `path` is none."""
        return "://" in self.path

    def as_dict(self) -> dict[str, object]:
        return {"uri": self.uri, "metadata": dict(self.metadata)}


Artifacts = tuple[Artifact, ...]
"""The artifacts of one port: one, or, of a list, any number in the order of the iterations."""


@dataclass(frozen=True)
class TaskResult:
    """How one task ended; `log` is the file with what its last attempt printed, empty where there is none.

    `reason` tells why it was SKIPPED ("condition", "upstream", "fail-fast", "not chosen") or why it ran or was CACHED,
    in words. `reused`: the result is of an earlier start of the same run. `exit_code` is the shell's: 128 + n for
    signal n. `start` and `end` are seconds since the epoch whose difference is measured by a clock that never jumps.
    `peak` is the largest resident memory of the last attempt's processes in bytes, where it is known.
    """

    state: State
    kind: Kind = "task"
    reason: str | None = None
    attempts: int = 0
    reused: bool = False
    exit_code: int | None = None
    error: str | None = None
    start: float | None = None
    end: float | None = None
    peak: int | None = None
    log: str = ""
    outputs: Mapping[str, object] = field(default_factory=dict[str, object])
    artifacts: Mapping[str, Artifacts] = field(default_factory=dict[str, Artifacts])

    @property
    def seconds(self) -> float:
        return 0.0 if self.start is None or self.end is None else self.end - self.start

    @property
    def is_leaf(self) -> bool:
        """Whether it is of a task, not of a group or a loop of tasks."""
        return self.kind in {"task", "importer"}

    @property
    def is_good(self) -> bool:
        return self.state in {"SUCCEEDED", "CACHED"}

    def as_dict(self) -> dict[str, object]:
        artifacts = {name: artifacts_as_dict(found) for name, found in self.artifacts.items()}
        return {**vars(self), "outputs": dict(self.outputs), "artifacts": artifacts}


def artifacts_as_dict(found: Artifacts) -> dict[str, object]:
    """One artifact as itself, any other number as `{"artifacts": […]}`."""
    return found[0].as_dict() if len(found) == 1 else {"artifacts": [one.as_dict() for one in found]}


@dataclass(frozen=True)
class Outcome:
    """How the whole run ended. An output of the pipeline is a value, or the artifacts of its port."""

    state: RunState
    outputs: Mapping[str, object]
    artifacts: Mapping[str, Artifacts]
    tasks: Mapping[str, TaskResult]
    run: str = ""
    folder: str = ""
    seconds: float = 0.0
    error: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The object for machines: `state`, `outputs`, `tasks`; everything in it is JSON."""
        outputs = {**self.outputs, **{name: artifacts_as_dict(found) for name, found in self.artifacts.items()}}
        tasks = {path: result.as_dict() for path, result in self.tasks.items()}
        return {"state": self.state, "outputs": outputs, "tasks": tasks}


@dataclass(frozen=True)
class Planned:
    """What would become of a task, or of a whole group of which nothing more is known, and why."""

    task: str
    what: Literal["run", "cached", "skipped", "unknown", "fails"]
    reason: str = ""
