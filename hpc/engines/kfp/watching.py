"""A run while it goes on: what the service tells at each look enters, events and the Outcome leave."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from hpc.engines.events import (
    Failure,
    Listener,
    LoopOpened,
    Notice,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskRetrying,
    TaskStarted,
)
from hpc.engines.kfp.calls import Answer
from hpc.engines.kfp.details import Detail, Reading, Seen
from hpc.engines.kfp.plan import Plan
from hpc.engines.kfp.requests import inner_spec
from hpc.engines.kfp.runs import KfpRuns, when
from hpc.engines.outcome import Outcome, State, TaskResult
from hpc.engines.rows import place_in_file
from hpc.engines.service import ENDS, RemoteRun
from hpc.engines.task_names import row_of

_MODE = "Kubeflow Pipelines"
_NOT_TOLD = "Kubeflow Pipelines does not say why; the task's log is on the page of the run"
_GUESSED = (
    "this Kubeflow Pipelines does not say which iteration or group a task stands in; tasks of one name are numbered "
    "in the order of their starts"
)
_NEVER = "it was not started"
_TAIL = 20


def watch(runs: KfpRuns, name: str, places: Mapping[str, str], listener: Listener) -> Outcome:
    """Tell what happens until the run has ended. Raises Rejected where the service does not answer any more."""
    run = runs.raw(name)
    watching = Watching(_plan(runs, run), places, listener)
    watching.begin(runs.shown(run))
    with runs.calls.telling(lambda text: listener(Notice(f"{text}; the run goes on"))):
        while True:
            outcome = watching.look(run, runs.shown(run))
            if outcome is not None:
                return outcome
            time.sleep(runs.calls.pace.poll)
            run = runs.raw(str(run["run_id"]))


def _plan(runs: KfpRuns, run: Answer) -> Plan:
    """The pipeline of a run, or of the published version that it runs."""
    spec = inner_spec(run.get("pipeline_spec"))
    reference: Mapping[str, str] = run.get("pipeline_version_reference") or {}
    if not spec and reference.get("pipeline_id") and reference.get("pipeline_version_id"):
        path = f"/pipelines/{reference['pipeline_id']}/versions/{reference['pipeline_version_id']}"
        spec = inner_spec(runs.calls.get(path, "read the pipeline of the run").get("pipeline_spec"))
    return Plan.of(spec, runs.shown(run).pipeline)


class Watching:
    """What has been told of a run so far."""

    def __init__(self, plan: Plan, places: Mapping[str, str], listener: Listener) -> None:
        self._plan = plan
        self._places = places
        self._tell = listener
        self._reading = Reading(plan)
        self._link = ""
        self._attempts: dict[str, int] = {}
        self._results: dict[str, TaskResult] = {}
        self._iterations: dict[str, int] = {}
        self._noted: set[str] = set()
        self._was_ending = False

    def begin(self, run: RemoteRun) -> None:
        rows = self._plan.rows
        self._link = run.link
        self._tell(RunStarted(self._plan.name, run.run, run.link, 0, _MODE, rows, len(rows)))

    def look(self, run: Answer, shown: RemoteRun) -> Outcome | None:
        """Tell what is new; the outcome once the run has ended."""
        self._was_ending = self._was_ending or shown.state == "CANCELLING"
        if self._was_ending and shown.state == "FAILED":
            shown = replace(shown, state="CANCELLED")
        is_stopped = shown.state in {"CANCELLING", "CANCELLED"}
        for seen in self._reading.read(_details(run)):
            self._open_loops(seen.path)
            if seen.node.is_leaf:
                self._task(seen, is_stopped=is_stopped)
            else:
                self._group(seen)
        if self._reading.is_guessed:
            self._note(_GUESSED)
        if shown.state == "PAUSED":
            self._note("the run is paused; it goes on when somebody resumes it on its page")
        return self._finish(shown) if shown.has_ended else None

    def _group(self, seen: Seen) -> None:
        """A group is told where its tasks are not: it was skipped, or something went wrong before they were known."""
        inside = self._plan.inside(row_of(seen.path))
        if seen.detail.get("state") == "SKIPPED":
            self._end(seen.path, _skipped("condition", seen), inside)
        elif seen.driver is not None:
            result = self._result(seen, is_stopped=False)
            assert result is not None, "a failed driver is an end"
            self._end(seen.path, replace(result, kind="group"), inside, self._failure(seen))

    def _task(self, seen: Seen, *, is_stopped: bool) -> None:
        if seen.path in self._results:
            return
        result = self._result(seen, is_stopped=is_stopped)
        if result is None or result.attempts:
            self._start(seen)
        if result is not None:
            failure = self._failure(seen) if result.state == "FAILED" else None
            self._end(seen.path, result, 1, failure)

    def _start(self, seen: Seen) -> None:
        if seen.detail.get("state") in {None, "PENDING", "RUNTIME_STATE_UNSPECIFIED"}:
            return
        known, attempt = self._attempts.get(seen.path, 0), _attempt(seen)
        for number in range(max(1, known), attempt):
            self._tell(TaskRetrying(seen.path, number, 0.0, _NOT_TOLD))
        if attempt > known:
            self._tell(TaskStarted(seen.path, attempt, self._link))
            self._attempts[seen.path] = attempt

    def _result(self, seen: Seen, *, is_stopped: bool) -> TaskResult | None:
        """How the task ended; None if it has not."""
        state = str(seen.detail.get("state"))
        if seen.driver is not None or (state == "FAILED" and not is_stopped):
            error = _error(seen.driver) if seen.driver else _error(seen.detail, *seen.executors)
            where = "before it could start: " if seen.driver else ""
            return self._ended("FAILED", seen, error=f"{where}{error.splitlines()[0]}")
        if state in {"FAILED", "CANCELED"}:
            return self._ended("CANCELLED", seen)
        if state == "CACHED" or (state == "SUCCEEDED" and _is_cached(seen)):
            return self._ended("CACHED", seen, reason="the result of an earlier run")
        if state == "SUCCEEDED":
            return self._ended("SUCCEEDED", seen)
        return self._skip(seen) if state == "SKIPPED" else None

    def _skip(self, seen: Seen) -> TaskResult:
        """The API's word for a false condition and for a result that was taken from the cache alike."""
        node, detail = seen.node, seen.detail
        has_result = bool(detail.get("outputs")) or str(detail.get("execution_id") or "0") != "0"
        if has_result or (node.may_be_cached and not node.is_conditional):
            return self._ended("CACHED", seen, reason="the result of an earlier run")
        return _skipped("condition" if node.is_conditional else "Kubeflow Pipelines skipped it", seen)

    def _ended(self, state: State, seen: Seen, *, reason: str | None = None, error: str | None = None) -> TaskResult:
        start, end = when(seen.detail.get("start_time")), when(seen.detail.get("end_time"))
        attempts = 0 if state == "CACHED" or seen.driver else _attempt(seen)
        return TaskResult(state, reason=reason, error=error, attempts=attempts, start=start, end=end, log=self._link)

    def _failure(self, seen: Seen) -> Failure:
        text = _error(seen.driver) if seen.driver else _error(seen.detail, *seen.executors)
        return Failure(tail=tuple(text.splitlines()[1:][-_TAIL:]), place=place_in_file(row_of(seen.path), self._places))

    def _end(self, path: str, result: TaskResult, count: int, failure: Failure | None = None) -> None:
        if path in self._results:
            return
        self._results[path] = result
        self._tell(TaskFinished(path, result, failure, count))

    def _open_loops(self, path: str) -> None:
        """A loop has as many iterations as have been seen; each further one makes the run longer."""
        for found in re.finditer(r"\[(\d+)\]", path):
            loop, number = path[: found.start()], int(found[1])
            more = number + 1 - self._iterations.get(loop, 1)
            if loop not in self._iterations or more > 0:
                self._tell(LoopOpened(loop, more + 1, more * self._plan.inside(row_of(loop))))
                self._iterations[loop] = number + 1

    def _note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._tell(Notice(text))

    # ------------------------------------------------------------ the end

    def _finish(self, run: RemoteRun) -> Outcome:
        for path in _paths(self._plan, self._iterations):
            if self._results.keys().isdisjoint(_with_groups(path)):
                self._end(path, self._never(run), self._plan.inside(row_of(path)))
        start, end = run.started or run.created, run.ended
        seconds = end - start if start is not None and end is not None else 0.0
        error = run.error if run.state == "FAILED" else None
        state = ENDS[run.state]
        outcome = Outcome(state, {}, {}, self._results, run.run, run.link, max(0.0, seconds), error)
        self._tell(RunFinished(outcome))
        return outcome

    def _never(self, run: RemoteRun) -> TaskResult:
        """What becomes of a task of which the service never told an end."""
        if run.state == "CANCELLED":
            return TaskResult("CANCELLED", log=self._link)
        reason = "upstream" if run.state == "FAILED" else _NEVER
        return TaskResult("SKIPPED", reason=reason)


def _paths(plan: Plan, iterations: Mapping[str, int]) -> list[str]:
    """The paths of all tasks, as far as the loops they stand in are known; a loop without iterations as a whole."""
    found: dict[str, None] = {}
    for row in plan.rows:
        found.update(dict.fromkeys(_numbered(row, iterations)))
    return list(found)


def _numbered(row: str, iterations: Mapping[str, int]) -> list[str]:
    before, bracket, rest = row.partition("[]")
    if not bracket:
        return [row]
    count = iterations.get(before, 0)
    return [path for number in range(count) for path in _numbered(f"{before}[{number}]{rest}", iterations)] or [before]


def _details(run: Answer) -> list[Detail]:
    """What is told of tasks: in the details of the run or, by later versions, in the run itself."""
    told: Mapping[str, Any] = run.get("run_details") or {}
    return list(told.get("task_details") or run.get("tasks") or ())


def _with_groups(path: str) -> Iterator[str]:
    """The path, and those of the groups and loops around it."""
    yield path
    yield from (path[: found.start()] for found in re.finditer(r"[/\[]", path))


def _skipped(reason: str, seen: Seen) -> TaskResult:
    return TaskResult("SKIPPED", kind="task" if seen.node.is_leaf else "group", reason=reason)


def _is_cached(seen: Seen) -> bool:
    """Whether the task succeeded without running: its executor was skipped."""
    return bool(seen.executors) and all(one.get("state") == "SKIPPED" for one in seen.executors)


def _attempt(seen: Seen) -> int:
    """The number of the last attempt, as far as any of three places tell it."""
    detail = seen.detail
    executor: Mapping[str, Any] = detail.get("executor_detail") or {}
    failed = len(executor.get("failed_main_jobs") or ())
    history: list[Detail] = list(detail.get("state_history") or ())
    states = [str(one.get("state")) for one in history]
    again = sum(before == "FAILED" and after != "FAILED" for before, after in pairwise(states))
    pods = [one for one in seen.executors if "(" in str(one.get("display_name"))]
    return 1 + max(failed - (detail.get("state") == "FAILED" and failed > 0), again, len(pods) - 1, 0)


def _error(*details: Detail | None) -> str:
    """The first cause that is told, in any of the places that have one."""
    told = (text for detail in details if detail is not None for text in _messages(detail))
    return next(told, _NOT_TOLD)


def _messages(detail: Detail) -> Iterator[str]:
    history: list[Detail] = list(detail.get("state_history") or ())
    found = (detail.get("error"), detail.get("status_metadata"), *(one.get("error") for one in reversed(history)))
    for one in cast("list[Detail]", [one for one in found if one]):
        text = str(one.get("message") or "").strip()
        if text:
            yield text
