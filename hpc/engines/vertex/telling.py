"""A run as events: what was seen at each look enters, what is new since the last one is told.

Tasks are told once each: those that are seen, when they start, fail for a while and end; those that never came to be,
at the end of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpc.engines.events import (
    Failure,
    Listener,
    LoopOpened,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskRetrying,
    TaskStarted,
)
from hpc.engines.outcome import Kind, Outcome, RunState, State, TaskResult
from hpc.engines.rows import is_loop, place_in_file, rows
from hpc.engines.service import ENDS, RemoteRun
from hpc.engines.task_names import groups_around, row_of
from hpc.engines.vertex.place import CALLED, Place
from hpc.engines.vertex.reading import TaskSeen, artifacts_of, exit_code_of, outputs_of
from hpc.engines.vertex.shape import Shape, items
from hpc.engines.vertex.skipping import why_skipped
from hpc.engines.vertex.spots import Spot, Spots

_ENDS: Mapping[str, State] = {
    "SUCCEEDED": "SUCCEEDED",
    "SKIPPED": "CACHED",
    "NOT_TRIGGERED": "SKIPPED",
    "FAILED": "FAILED",
    "CANCELLED": "CANCELLED",
}
_NEVER_RAN = frozenset({"SKIPPED", "NOT_TRIGGERED"})


@dataclass(frozen=True)
class Told:
    """What the teller is told itself: the pipeline of the run, where it runs, where its tasks stand in the file."""

    run: RemoteRun
    spec: Mapping[str, Any]
    place: Place
    places: Mapping[str, str]


class Teller:
    """Remembers what was told of one run."""

    def __init__(self, told: Told, listener: Listener) -> None:
        self._told = told
        self._listener = listener
        self._shape = Shape(told.spec)
        self._rows = rows(told.spec) if told.spec.get("root") else ()
        self._order = _first_rows(self._rows)
        self._results: dict[str, TaskResult] = {}
        self._reasons: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._covered: set[str] = set()
        self._touched: set[str] = set()

    def begin(self) -> None:
        run = self._told.run
        mode = f"on {CALLED}, {self._told.place.region}"
        self._listener(RunStarted(run.pipeline, run.run, run.link, 0, mode, self._rows, len(self._rows)))

    def take(self, found: Spots) -> bool:
        """Tell what is new. Whether there was anything."""
        before = self._amount()
        by_path = {spot.path: spot for spot in found.all}
        self._open_loops(found)
        for spot in found.all:
            if spot.is_leaf:
                self._start(spot)
        for spot in sorted(found.all, key=_telling_order):
            if spot.seen.state in _ENDS and spot.path not in self._results:
                self._finish(spot, by_path)
        return before != self._amount()

    def _amount(self) -> tuple[int, int, int]:
        """How much has been told: ends, attempts and iterations."""
        return len(self._results), sum(self._attempts.values()), sum(self._turns.values())

    def end(self, run: RemoteRun, root: TaskSeen | None, *, fail_fast: bool) -> Outcome:
        """Tell the end: of tasks that never came to be, and of the run."""
        state = ENDS[run.state]
        rest = TaskResult("CANCELLED" if state == "CANCELLED" else "SKIPPED", reason=_why_never(state, fail_fast))
        for path, kind, count in sorted(self._untold(self._shape.root, ""), key=self._in_order):
            self._tell_end(path, replace(rest, kind=kind), None, count)
        outcome = Outcome(
            state,
            outputs_of(root) if root else {},
            artifacts_of(root) if root else {},
            self._results,
            run.run,
            run.link,
            (run.ended or 0.0) - (run.started or run.created or run.ended or 0.0),
            self._error(run),
        )
        self._listener(RunFinished(outcome))
        return outcome

    # ---- loops

    def _open_loops(self, found: Spots) -> None:
        turns: dict[str, set[str]] = {}
        for spot in found.all:
            for path in (*groups_around(spot.path), spot.path):
                if path.endswith("]"):
                    turns.setdefault(path.rpartition("[")[0], set()).add(path)
        for spot in found.all:
            if spot.kind == "loop":
                self._open(spot, len(turns.get(spot.path, ())))

    def _open(self, loop: Spot, seen: int) -> None:
        """Iterations are told when they are seen; should more come later, by how many they have grown."""
        if not seen and (loop.seen.state != "SUCCEEDED" or items(loop.task)):
            return
        count = max(seen, (items(loop.task) or 0) if loop.seen.state not in _ENDS else 0)
        former = self._turns.get(loop.path)
        if former is not None and count <= former:
            return
        self._turns[loop.path] = count
        more = count - (1 if former is None else former)
        self._listener(LoopOpened(loop.path, more + 1, more * self._shape.leaves(loop.component)))

    # ---- tasks

    def _start(self, spot: Spot) -> None:
        seen, path = spot.seen, spot.path
        if seen.start is None or seen.state in _NEVER_RAN or path in self._results:
            return
        log = self._told.place.log_page(seen.job)
        if path not in self._attempts:
            self._attempts[path] = 1
            self._listener(TaskStarted(path, 1, log))
        for number in range(self._attempts[path], seen.attempts):
            error = seen.setbacks[number - 1].error if number <= len(seen.setbacks) else "the attempt failed"
            self._listener(TaskRetrying(path, number, 0.0, error))
            self._listener(TaskStarted(path, number + 1, log))
            self._attempts[path] = number + 1

    def _finish(self, spot: Spot, by_path: Mapping[str, Spot]) -> None:
        result = self._result(spot, by_path)
        place = place_in_file(row_of(spot.path), self._told.places)
        failure = Failure(place=place) if result.state == "FAILED" and spot.is_leaf else None
        self._tell_end(spot.path, result, failure, self._count(spot))

    def _count(self, spot: Spot) -> int:
        """How many rows end by it: those of a group of which nothing was seen."""
        if spot.is_leaf:
            return 1
        is_told = spot.path in self._touched or spot.path in self._turns
        return 0 if is_told else self._shape.leaves(spot.component)

    def _tell_end(self, path: str, result: TaskResult, failure: Failure | None, count: int) -> None:
        self._results[path] = result
        if count:
            self._covered.add(path)
            self._touched.update(groups_around(path))
        self._listener(TaskFinished(path, result, failure, count))

    def _result(self, spot: Spot, by_path: Mapping[str, Spot]) -> TaskResult:
        seen = spot.seen
        state = _ENDS[seen.state]
        ran = spot.is_leaf and seen.state not in _NEVER_RAN and seen.start is not None
        error = _error_of(seen) if state == "FAILED" else seen.error or None
        return TaskResult(
            state,
            spot.kind,
            reason=why_skipped(spot, by_path, self._reasons) if state == "SKIPPED" else None,
            attempts=seen.attempts if ran else 0,
            exit_code=exit_code_of(error or "") if spot.is_leaf and state == "FAILED" else None,
            error=error,
            start=seen.start,
            end=seen.end,
            log=self._told.place.log_page(seen.job),
            outputs=outputs_of(seen),
            artifacts=artifacts_of(seen),
        )

    # ---- the end

    def _untold(self, component: Mapping[str, Any], start: str) -> Iterator[tuple[str, Kind, int]]:
        """Tasks and whole groups of which no end was told, and how many rows they are."""
        for key, task in self._shape.tasks(component).items():
            path, inner = f"{start}{key}", self._shape.component(task)
            if path in self._covered:
                continue
            if not is_loop(task):
                yield from self._rest(path, inner)
            elif path not in self._turns:
                yield path, "loop", self._shape.leaves(inner)
            else:
                for turn in range(self._turns[path]):
                    yield from self._rest(f"{path}[{turn}]", inner)

    def _rest(self, path: str, component: Mapping[str, Any]) -> Iterator[tuple[str, Kind, int]]:
        if path in self._covered:
            return
        if "dag" not in component:
            yield path, "task", 1
        elif path in self._touched:
            yield from self._untold(component, f"{path}/")
        else:
            yield path, "group", self._shape.leaves(component)

    def _in_order(self, untold: tuple[str, Kind, int]) -> int:
        """Where the first row of it stands."""
        return self._order.get(row_of(untold[0]), len(self._rows))

    def _error(self, run: RemoteRun) -> str | None:
        """Why the run failed: what is known of a task says more than what the service says of the run."""
        if run.state != "FAILED":
            return run.error
        own = next((one.error for one in self._results.values() if one.state == "FAILED" and one.is_leaf), None)
        return own or run.error


def _first_rows(found: tuple[str, ...]) -> dict[str, int]:
    """The number of the first row of each group, and of each row itself."""
    order: dict[str, int] = {}
    for number, row in enumerate(found):
        for path in (*groups_around(row), row):
            order.setdefault(path, number)
    return order


def _telling_order(spot: Spot) -> tuple[int, float, int]:
    """Tasks as they ended, then groups, the innermost first."""
    if spot.is_leaf:
        return 0, spot.seen.end or 0.0, 0
    return 1, 0.0, -len(spot.path)


def _error_of(seen: TaskSeen) -> str:
    last = seen.setbacks[-1].error if seen.setbacks else ""
    return seen.error or last or "it failed, and the service does not say why"


def _why_never(state: RunState, fail_fast: bool) -> str | None:
    if state == "CANCELLED":
        return None
    if state == "SUCCEEDED":
        return "condition"
    return "fail-fast" if fail_fast else "upstream"
