"""What is known of a run while it goes on: events enter, and views read how far each row and the whole is.

A row is a task without the numbers of iterations. Rows hold counters and no tasks, so what is kept depends on the rows
and on what runs at the moment, never on how many iterations have ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from hpc.cli.words import Totals, counted, end_of, failure_block, failure_line, why_ended
from hpc.engines.events import (
    Downloaded,
    Downloading,
    EnvironmentBuilding,
    EnvironmentReady,
    Event,
    LoopOpened,
    RunStarted,
    Stopping,
    TaskFinished,
    TaskStarted,
)
from hpc.engines.task_names import Names, groups_around

Clock = Callable[[], float]

_MANY_ITERATIONS = 20
_FULL_BLOCKS = 5


@dataclass
class Row:
    """One task, or all iterations of one. `total` is 1 for a loop until its items are known, which `opened` tells.

    `began` and `ended` are times of the view's clock, `seconds` is what the task itself took.
    """

    name: str
    looped: bool = False
    opened: bool = False
    total: int = 1
    running: int = 0
    attempt: int = 0
    began: float | None = None
    ended: float = 0.0
    seconds: float | None = None
    making: str = ""
    reason: str = ""
    remark: str = ""
    ends: Counter[str] = field(default_factory=Counter[str])

    @property
    def done(self) -> int:
        return sum(self.ends.values())

    @property
    def is_done(self) -> bool:
        return self.done >= self.total

    @property
    def state(self) -> str:
        """`running`, `waiting`, or the worst or the most telling of its ends."""
        if self.running or self.making:
            return "running"
        if self.ends["FAILED"]:
            return "FAILED"
        if not self.is_done:
            return "waiting"
        order = ("CANCELLED", "SUCCEEDED", "CACHED", "KEPT")
        return next((state for state in order if self.ends[state]), "SKIPPED")


class Tally:
    """Counts a run. `clock` gives seconds and is only used for what is still running."""

    def __init__(self, clock: Clock) -> None:
        self.names = Names()
        self.rows: dict[str, Row] = {}
        self.totals = Totals()
        self.total = 0
        self.done = 0
        self.running: set[str] = set()
        self._clock = clock
        self._began = 0.0
        self._stopping = False
        self._told_running = 0
        self._failed_inside: set[str] = set()
        self._blocks: Counter[str] = Counter()

    @property
    def seconds(self) -> float:
        return self._clock() - self._began

    def seconds_of(self, row: Row) -> float | None:
        """How long a row has taken so far, of a loop from its first start on; None where nothing ran."""
        if row.began is not None and (row.running or (row.looped and not row.is_done)):
            return self._clock() - row.began
        if row.looped:
            return None if row.began is None else row.ended - row.began
        return row.seconds

    def take(self, event: Event) -> None:
        """Count what the event tells."""
        if isinstance(event, RunStarted):
            self._begin(event)
        elif isinstance(event, LoopOpened):
            self._open(event)
        elif isinstance(event, TaskStarted):
            self._start(event)
        elif isinstance(event, TaskFinished):
            self._finish(event)
        elif isinstance(event, (EnvironmentBuilding, EnvironmentReady, Downloading, Downloaded)):
            for row in self._rows(event.task):
                row.making = _made(event)
        elif isinstance(event, Stopping):
            self._stopping = True

    def is_told(self, event: TaskFinished) -> bool:
        """Whether an end is news. That of a group is, if its tasks are not told or if none of them explains it.

        Asked once for each end, after it was taken.
        """
        path, result = event.task, event.result
        explained = path in self._failed_inside
        self._failed_inside.discard(path)
        told = result.is_leaf or event.count > 0 or (result.state == "FAILED" and not explained)
        if told and result.state == "FAILED":
            self._failed_inside.update(groups_around(path))
        return told

    def is_start_told(self, path: str) -> bool:
        """Starts in wide loops are too many to be told."""
        return all(not row.looped or row.total <= _MANY_ITERATIONS for row in self._rows(path))

    def failure(self, event: TaskFinished) -> str:
        """What went wrong, in full for the first failures of a row; and what still runs, where that has changed."""
        name = self.names.of(event.task)
        row = next(iter(self.names.rows(event.task)), event.task)
        self._blocks[row] += 1
        text = failure_block(event, name) if self._blocks[row] <= _FULL_BLOCKS else failure_line(event, name)
        return text + self._still_running()

    def _still_running(self) -> str:
        running, told = len(self.running), self._told_running
        self._told_running = running
        if running in {0, told} or self._stopping:
            return ""
        return f"{counted(running, 'task')} still running, Ctrl-C to stop\n"

    def _begin(self, event: RunStarted) -> None:
        self.names = Names(event.rows)
        self.rows = {row: Row(self.names.of(row), "[]" in row) for row in event.rows}
        self.total = event.total
        self._began = self._clock()

    def _rows(self, path: str) -> list[Row]:
        return [self.rows[row] for row in self.names.rows(path)]

    def _open(self, event: LoopOpened) -> None:
        self.total += event.added
        for row in self._rows(event.task):
            row.opened = True
            row.total += event.iterations - 1

    def _start(self, event: TaskStarted) -> None:
        is_new = event.task not in self.running
        self.running.add(event.task)
        for row in self._rows(event.task):
            row.running += is_new
            row.attempt = event.attempt
            row.reason = event.reason or row.reason
            row.began = self._clock() if row.began is None else row.began

    def _finish(self, event: TaskFinished) -> None:
        rows, ran = self._rows(event.task), event.task in self.running
        self.running.discard(event.task)
        self.done += event.count
        if event.count:
            self.totals.add(event.result, event.count)
        for number, row in enumerate(rows):
            count = event.count // len(rows) + (number < event.count % len(rows))
            if count or ran:
                row.running -= ran
                self._end(row, event, count)

    def _end(self, row: Row, event: TaskFinished, count: int) -> None:
        result, end = event.result, end_of(event.result)
        row.ends[end] += count
        row.making = ""
        row.ended = self._clock() if row.began is not None else 0.0
        row.attempt = result.attempts
        row.remark = "kept" if end == "KEPT" else why_ended(result)
        if result.attempts and end not in {"CACHED", "KEPT"}:
            row.seconds = result.seconds


def _made(event: EnvironmentBuilding | EnvironmentReady | Downloading | Downloaded) -> str:
    """What is being made for a task from now on, if anything."""
    if isinstance(event, EnvironmentBuilding):
        return event.what
    return "copy of an input" if isinstance(event, Downloading) else ""
