"""What the store keeps, as it goes in and comes out: runs, their tasks, and the attempts of these. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hpc.engines.outcome import Artifacts, RunState, TaskResult

LOG = "log.txt"
SCRIPT = "run.sh"
"""Names of files in the folder of every attempt."""


@dataclass(frozen=True)
class RunRecord:
    """One run. `folder` holds its documents and everything that its tasks leave.

    `source` is the file that was run, as the user wrote it, `base` the folder that relative paths start from, `names`
    the placeholders of the run (pipeline_job_uuid, …). `started` and `ended` are seconds since the epoch; `seconds`
    is what it has run for, over all its starts. `engine` names the process that runs it or ran it last: "pid:start".
    """

    run: str
    pipeline: str
    state: RunState
    folder: str
    source: str
    base: str
    mode: str
    started: float
    engine: str = ""
    ended: float | None = None
    seconds: float = 0.0
    error: str | None = None
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    outputs: Mapping[str, object] = field(default_factory=dict[str, object])
    artifacts: Mapping[str, Artifacts] = field(default_factory=dict[str, Artifacts])


@dataclass(frozen=True)
class TaskRecord:
    """One task of a run, at the path that it has there. `inputs` and `input_artifacts` are what it was given.

    `parts` are what its result depends on, each as a short text or a digest (see `cache`); `fingerprint` is the digest
    of them all. `origin` is the run and the path that made the result where it was taken from there.
    """

    run: str
    path: str
    result: TaskResult
    component: str = ""
    inputs: Mapping[str, object] = field(default_factory=dict[str, object])
    input_artifacts: Mapping[str, Artifacts] = field(default_factory=dict[str, Artifacts])
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    fingerprint: str = ""
    origin: tuple[str, str] | None = None


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt of a task: `number` counts from 1 over all starts of the run, `folder` is its own."""

    run: str
    path: str
    number: int
    folder: str
    started: float
    ended: float | None = None
    exit_code: int | None = None
    error: str | None = None
    peak: int | None = None

    @property
    def log(self) -> str:
        """The file with what it has printed."""
        return f"{self.folder}/{LOG}"

    @property
    def script(self) -> str:
        """The file that runs the same command again."""
        return f"{self.folder}/{SCRIPT}"
