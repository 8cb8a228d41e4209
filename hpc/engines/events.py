"""What an engine tells while it works. Frozen values, handed one after the other to a listener on one thread.

Tasks have paths: the keys of the IR joined by `/`, with `[i]` behind a loop for its i-th iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hpc.engines.outcome import Outcome, TaskResult


@dataclass(frozen=True)
class RunStarted:
    """`rows` are the paths of all container and importer tasks in topological order, without the numbers of iterations
    (`a[]/b` stands in a loop); `total` counts them, loops once. `mode` says how tasks run, e.g. "host processes".
    `folder` is where the run is kept, or its page; `jobs` how many tasks run at once, 0 where a service decides that.
    """

    pipeline: str
    run: str
    folder: str
    jobs: int
    mode: str
    rows: tuple[str, ...]
    total: int
    resumed: bool = False


@dataclass(frozen=True)
class LoopOpened:
    """The items of a loop are known: `added` is by how much that changes the number of tasks in all (-1 for none)."""

    task: str
    iterations: int
    added: int


@dataclass(frozen=True)
class EnvironmentBuilding:
    """An environment or an image is being made for `task` from `source`; `log` is being written."""

    task: str
    source: str
    log: str
    what: str = "environment"


@dataclass(frozen=True)
class EnvironmentReady:
    task: str
    seconds: float


@dataclass(frozen=True)
class Downloading:
    """A copy of the artifact at `uri` is being made for `task`, and for all later readers; `size` is in bytes."""

    task: str
    uri: str
    size: int | None


@dataclass(frozen=True)
class Downloaded:
    task: str
    seconds: float


@dataclass(frozen=True)
class TaskStarted:
    """An attempt begins; attempts count from 1. `reason`: why it runs although a former run had a result."""

    task: str
    attempt: int
    log: str
    reason: str = ""


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

    `script` is a file that runs the same command again, `tail` the last lines of the log without control codes,
    `place` where the task stands in the pipeline file, as `file:line`.
    """

    command: str = ""
    script: str = ""
    tail: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True)
class TaskFinished:
    """`count` is how many tasks of the total are done by it: 1, or all those of a group that is skipped, 0 for a group
    whose tasks have been told one by one.
    """

    task: str
    result: TaskResult
    failure: Failure | None = None
    count: int = 1


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
    | LoopOpened
    | EnvironmentBuilding
    | EnvironmentReady
    | Downloading
    | Downloaded
    | TaskStarted
    | TaskRetrying
    | TaskFinished
    | Stopping
    | Notice
    | RunFinished
)

Listener = Callable[[Event], None]
