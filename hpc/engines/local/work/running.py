"""A run from its first event to its last: what the plan says is next is started, as many at once as allowed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

from hpc.engines.events import Failure, LoopOpened, RunFinished, RunStarted, Stopping, TaskFinished
from hpc.engines.local.flow.execution import Ended, Execution, Leaf, LoopOpening
from hpc.engines.local.flow.failure import TaskError, TaskStoppedError
from hpc.engines.local.flow.inputs import Inputs, Scope
from hpc.engines.local.plan import Dag, Importer, Task
from hpc.engines.local.plan.planner import rows, size
from hpc.engines.local.store.records import TaskRecord
from hpc.engines.local.work.former import Former, is_there
from hpc.engines.local.work.importing import import_artifact
from hpc.engines.local.work.opening import Opened
from hpc.engines.local.work.sampling import Samplers
from hpc.engines.local.work.surroundings import Surroundings
from hpc.engines.local.work.task import TaskRunner, Worked
from hpc.engines.local.work.terms import Terms
from hpc.engines.outcome import Kind, Outcome, RunState, TaskResult

_LEFT_OUT = TaskResult("SKIPPED", reason="not chosen")


class Running:
    """One run of a plan. What cannot be written down ends it with a StoreError."""

    def __init__(self, terms: Terms, opened: Opened, around: Surroundings) -> None:
        self._plan = terms.plan
        self._opened = opened
        self._around = around
        self._terms = terms
        self._began = around.clock.now()
        self._record = replace(opened.record, arguments=terms.inputs.parameters)
        self._former = Former(around.store, around.run, self._plan.name, terms.request.cache, opened.own)
        self._running: dict[asyncio.Future[Worked], Leaf] = {}
        self._gone = set(opened.own)
        around.store.save_run(self._record)
        self._tell_start()
        self._execution = Execution(
            self._plan,
            Scope(terms.inputs, self._record.names),
            self._told,
            sampler=Samplers(self._plan.name, terms.taken or opened.own).of,
            fail_fast=terms.request.fail_fast,
        )

    async def go(self) -> Outcome:
        """Run to the end, whatever it is. SIGINT or SIGTERM stops it, once politely, twice at once."""
        if self._opened.resumed:
            await self._around.executor.sweep(earlier=True)
        try:
            with _stopping_on_signals(self._stop):
                await self._drive()
        finally:
            await self._drop_running()
            await self._around.executor.sweep(earlier=False)
        assert self._execution.result is not None, "everything has ended"
        return self._finished(self._execution.result)

    async def _drive(self) -> None:
        while True:
            while len(self._running) < self._terms.request.parallel and (leaf := self._execution.next()):
                self._running[asyncio.ensure_future(self._work(leaf))] = leaf
            if not self._running:
                return
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                self._settle(self._running.pop(future), *future.result())

    def _settle(self, leaf: Leaf, result: TaskResult, failure: Failure | None) -> None:
        self._gone.discard(leaf.path)
        self._around.listener(TaskFinished(leaf.path, result, failure))
        self._execution.finish(leaf, result)

    async def _work(self, leaf: Leaf) -> Worked:
        way = self._terms.choice.of(leaf.path)
        if way == "run" and not isinstance(leaf.task.component.body, Importer):
            return await TaskRunner(leaf, self._around, self._former).run()
        result = await self._import(leaf) if way == "run" else self._taken(leaf) if way == "take" else _LEFT_OUT
        self._save(leaf.path, leaf.task, result, leaf.inputs)
        return result, Failure() if result.state == "FAILED" else None

    async def _import(self, leaf: Leaf) -> TaskResult:
        around = self._around
        began = around.clock.now()
        try:
            result = await import_artifact(leaf, self._terms.request.base, around.downloads)
        except TaskError as error:
            result = TaskResult("FAILED", "importer", error=str(error))
        except TaskStoppedError:
            result = TaskResult("CANCELLED", "importer", error="stopped")
        return replace(result, start=began, end=around.clock.now())

    def _taken(self, leaf: Leaf) -> TaskResult:
        """The result that the former run has for a step that was not chosen."""
        former = self._terms.taken.get(leaf.path)
        if former is None or not former.result.is_good or not is_there(former.result):
            error = "no former run has a result of this step that could be taken; run it too"
            return TaskResult("FAILED", error=error)
        return replace(former.result, state="CACHED", reason=f"taken from {former.run}", attempts=0)

    # ------------------------------------------------------------ what is told and written down

    def _tell_start(self) -> None:
        terms, record = self._terms, self._record
        self._around.listener(
            RunStarted(
                pipeline=self._plan.name,
                run=record.run,
                folder=record.folder,
                jobs=terms.request.parallel,
                mode=terms.mode,
                rows=rows(self._plan),
                total=size(self._plan.root),
                resumed=self._opened.resumed,
            )
        )

    def _told(self, event: Ended | LoopOpening) -> None:
        """The execution has decided something by itself."""
        if isinstance(event, LoopOpening):
            added = (event.iterations - 1) * size(event.task.component)
            self._around.listener(LoopOpened(event.path, event.iterations, added))
            return
        self._gone.discard(event.path)
        is_leaf = event.result.is_leaf
        self._save(event.path, event.task, event.result)
        count = (1 if is_leaf else event.left) * size(event.task.component)
        failure = Failure() if event.result.state == "FAILED" and is_leaf else None
        self._around.listener(TaskFinished(event.path, event.result, failure, count))

    def _save(self, path: str, task: Task, result: TaskResult, inputs: Inputs | None = None) -> None:
        given = inputs or Inputs()
        whole = replace(result, kind=_kind(task, path))
        record = TaskRecord(self._around.run, path, whole, task.component.name, given.parameters, given.artifacts)
        self._around.store.save_task(record)

    def _stop(self) -> None:
        self._around.stop.ask()
        self._execution.stop()
        forced = self._around.stop.forced.is_set()
        self._around.listener(Stopping(len(self._running), self._around.grace, forced))

    def _finished(self, result: TaskResult) -> Outcome:
        now = self._around.clock.now()
        state = _run_state(result, stopped=self._around.stop.requested.is_set())
        self._around.store.forget(self._record.run, self._gone)  # of a pipeline that has changed since
        seconds = self._record.seconds + now - self._began
        self._around.store.save_run(
            replace(
                self._record,
                state=state,
                ended=now,
                seconds=seconds,
                error=result.error,
                outputs=result.outputs,
                artifacts=result.artifacts,
            )
        )
        tasks = {path: record.result for path, record in self._around.store.tasks(self._record.run).items()}
        run, folder = self._record.run, self._record.folder
        outcome = Outcome(state, result.outputs, result.artifacts, tasks, run, folder, seconds, result.error)
        self._around.listener(RunFinished(outcome))
        return outcome

    async def _drop_running(self) -> None:
        """Only after a defect or when the store fails: no process outlives the engine."""
        for future in self._running:
            future.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


def _run_state(result: TaskResult, *, stopped: bool) -> RunState:
    """A run that was stopped before its end is CANCELLED, whatever had failed in it."""
    if result.state == "CANCELLED" or (stopped and not result.is_good):
        return "CANCELLED"
    return "FAILED" if result.state == "FAILED" or result.reason == "fail-fast" else "SUCCEEDED"


def _kind(task: Task, path: str) -> Kind:
    if task.repeats and not path.endswith("]"):
        return "loop"
    body = task.component.body
    return "group" if isinstance(body, Dag) else "importer" if isinstance(body, Importer) else "task"


@contextmanager
def _stopping_on_signals(stop: Callable[[], None]) -> Generator[None]:
    """Have SIGINT and SIGTERM call `stop`, where this is the main thread; elsewhere signals are not ours."""
    loop = asyncio.get_running_loop()
    handled: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, stop)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
