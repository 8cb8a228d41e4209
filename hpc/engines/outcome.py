"""What a run came to: values that every engine returns and that the command line shows. Plain data, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["SUCCEEDED", "CACHED", "FAILED", "SKIPPED", "CANCELLED"]


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

    def as_dict(self) -> dict[str, object]:
        return {"uri": self.uri, "metadata": dict(self.metadata)}


@dataclass(frozen=True)
class TaskResult:
    """How one task ended; `log` is the file with what its last attempt printed, empty where there is none.

    `reason` tells why it was SKIPPED ("upstream", "fail-fast"). `exit_code` is the shell's: 128 + n for signal n.
    `start` and `end` are seconds since the epoch whose difference is measured by a clock that never jumps.
    """

    state: State
    reason: str | None = None
    attempts: int = 0
    reused: bool = False
    exit_code: int | None = None
    error: str | None = None
    start: float | None = None
    end: float | None = None
    log: str = ""
    outputs: Mapping[str, object] = field(default_factory=dict[str, object])
    artifacts: Mapping[str, Artifact] = field(default_factory=dict[str, Artifact])

    @property
    def seconds(self) -> float:
        return 0.0 if self.start is None or self.end is None else self.end - self.start

    def as_dict(self) -> dict[str, object]:
        artifacts = {name: artifact.as_dict() for name, artifact in self.artifacts.items()}
        return {**vars(self), "outputs": dict(self.outputs), "artifacts": artifacts}


@dataclass(frozen=True)
class Outcome:
    """How the whole run ended. An output of the pipeline is a value, or an `Artifact`."""

    state: Literal["SUCCEEDED", "FAILED", "CANCELLED"]
    outputs: Mapping[str, object]
    tasks: Mapping[str, TaskResult]
    run: str = ""
    folder: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """The object for machines: `state`, `outputs`, `tasks`; everything in it is JSON."""
        outputs = {
            name: value.as_dict() if isinstance(value, Artifact) else value for name, value in self.outputs.items()
        }
        tasks = {path: result.as_dict() for path, result in self.tasks.items()}
        return {"state": self.state, "outputs": outputs, "tasks": tasks}
