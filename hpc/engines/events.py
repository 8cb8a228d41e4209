"""What an engine tells while it works. Frozen values, handed one after the other to a listener on one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hpc.engines.outcome import Outcome, TaskResult


@dataclass(frozen=True)
class RunStarted:
    """`tasks` are the paths in topological order; `mode` says how tasks run, e.g. "host processes"."""

    pipeline: str
    run: str
    folder: str
    jobs: int
    mode: str
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class EnvironmentBuilding:
    """An environment is being made for `task` from the file `requirements`; `log` is being written."""

    task: str
    requirements: str
    log: str


@dataclass(frozen=True)
class EnvironmentReady:
    task: str
    seconds: float


@dataclass(frozen=True)
class TaskStarted:
    """An attempt begins; attempts count from 1."""

    task: str
    attempt: int
    log: str


@dataclass(frozen=True)
class TaskRetrying:
    """Attempt `attempt` failed with `error`; the next one begins after `wait` seconds."""

    task: str
    attempt: int
    wait: float
    error: str


@dataclass(frozen=True)
class Failure:
    """What a person needs to look into a failure. Secrets are masked in every field.

    `script` is a file that runs the same command again, `tail` the last lines of the log without control codes.
    """

    command: str = ""
    script: str = ""
    tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskFinished:
    task: str
    result: TaskResult
    failure: Failure | None = None


@dataclass(frozen=True)
class Stopping:
    """Somebody asked to stop: no new tasks. `running` tasks have `grace` seconds; `forced` leaves them none."""

    running: int
    grace: float
    forced: bool


@dataclass(frozen=True)
class Notice:
    """Something that went wrong beside the tasks, or that somebody should know once."""

    text: str


@dataclass(frozen=True)
class RunFinished:
    outcome: Outcome


Event = (
    RunStarted
    | EnvironmentBuilding
    | EnvironmentReady
    | TaskStarted
    | TaskRetrying
    | TaskFinished
    | Stopping
    | Notice
    | RunFinished
)

Listener = Callable[[Event], None]
