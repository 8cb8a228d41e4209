"""Runs the tasks of a plan in dependency order, as many at once as allowed. Knows states, not processes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal

from hpc.engines.events import Failure, Listener, TaskFinished
from hpc.engines.local.plan import Plan, Task
from hpc.engines.local.work.process import Stop
from hpc.engines.outcome import TaskResult

Ended = tuple[TaskResult, Failure | None]
Start = Callable[[Task], Awaitable[Ended]]


class Scheduler:
    """A ready-queue over one group of tasks.

    A failure skips what depends on it, transitively; everything else goes on unless `fail_fast`. `finished` may be
    read while it works.
    """

    def __init__(self, plan: Plan, jobs: int, stop: Stop, listener: Listener, *, fail_fast: bool = False) -> None:
        self.finished: dict[str, TaskResult] = {}
        self._tasks = {task.path: task for task in plan.tasks}
        self._jobs = jobs
        self._stop = stop
        self._listener = listener
        self._fail_fast = fail_fast
        self._failed = False
        self._waiting = {task.path: len(task.after) for task in plan.tasks}
        self._dependents: dict[str, list[str]] = {path: [] for path in self._tasks}
        self._ready: deque[str] = deque(path for path, count in self._waiting.items() if not count)
        self.running: dict[asyncio.Future[Ended], str] = {}
        for task in plan.tasks:
            for upstream in task.after:
                self._dependents[upstream].append(task.path)

    async def run(self, start: Start) -> Literal["SUCCEEDED", "FAILED", "CANCELLED"]:
        """Start every task whose time comes; the state of the whole once nothing can go on."""
        try:
            self._start_ready(start)
            while self.running:
                done, _ = await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
                for future in sorted(done, key=lambda one: self.running[one]):
                    self._settle(self.running.pop(future), *future.result())
                self._start_ready(start)
        finally:
            await self._drop_running()
        self._close()
        return self._state()

    def _start_ready(self, start: Start) -> None:
        closed = self._stop.requested.is_set() or (self._fail_fast and self._failed)
        while self._ready and len(self.running) < self._jobs and not closed:
            path = self._ready.popleft()
            self.running[asyncio.ensure_future(start(self._tasks[path]))] = path

    def _settle(self, path: str, result: TaskResult, failure: Failure | None) -> None:
        self._finish(path, result, failure)
        if result.state in {"SUCCEEDED", "CACHED"}:
            for dependent in self._dependents[path]:
                self._waiting[dependent] -= 1
                if not self._waiting[dependent]:
                    self._ready.append(dependent)
        elif result.state == "FAILED":
            self._failed = True
            self._skip_after(path)

    def _skip_after(self, path: str) -> None:
        behind = deque(self._dependents[path])
        while behind:
            skipped = behind.popleft()
            if skipped not in self.finished:
                self._finish(skipped, TaskResult("SKIPPED", reason="upstream"), None)
                behind.extend(self._dependents[skipped])

    def _finish(self, path: str, result: TaskResult, failure: Failure | None) -> None:
        self.finished[path] = result
        self._listener(TaskFinished(path, result, failure))

    def _close(self) -> None:
        """Name what was never started."""
        stopped = self._stop.requested.is_set()
        for path in self._tasks:
            if path not in self.finished:
                left = TaskResult("CANCELLED") if stopped else TaskResult("SKIPPED", reason="fail-fast")
                self._finish(path, left, None)
        self.finished = {path: self.finished[path] for path in self._tasks}

    def _state(self) -> Literal["SUCCEEDED", "FAILED", "CANCELLED"]:
        states = {result.state for result in self.finished.values()}
        if "CANCELLED" in states:
            return "CANCELLED"
        return "FAILED" if "FAILED" in states else "SUCCEEDED"

    async def _drop_running(self) -> None:
        """Only after a defect: end what still runs, so that no process outlives the engine."""
        for future in self.running:
            future.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
