"""One container task from its inputs to its result: a former result that holds, or attempts with waits between them.

Every change is in the store before it is acted on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hpc.engines.events import Failure, TaskRetrying, TaskStarted
from hpc.engines.local.cache.fingerprint import Ingredients, fingerprint, parts
from hpc.engines.local.flow.execution import Leaf
from hpc.engines.local.flow.failure import TaskError, TaskStoppedError
from hpc.engines.local.store.records import AttemptRecord, TaskRecord
from hpc.engines.local.work.attempt import Work, made
from hpc.engines.local.work.folder import attempt_folder
from hpc.engines.local.work.former import Former
from hpc.engines.local.work.logs import tail
from hpc.engines.local.work.surroundings import Attempt, Surroundings
from hpc.engines.outcome import TaskResult

_TAIL = 20

Worked = tuple[TaskResult, Failure | None]
"""How a task ended, and for a failure what a person needs to look into it."""


class TaskRunner:
    """Runs one task. Never raises for what a task does; StoreError where nothing can be written down any more."""

    def __init__(self, leaf: Leaf, around: Surroundings, former: Former) -> None:
        self._leaf = leaf
        self._around = around
        self._former = former
        self._started = around.clock.now()
        self._record = TaskRecord(
            around.run,
            leaf.path,
            TaskResult("RUNNING", start=self._started),
            leaf.task.component.name,
            leaf.inputs.parameters,
            leaf.inputs.artifacts,
        )

    async def run(self) -> Worked:
        """The result, which is in the store; a failure also says where to look."""
        try:
            of = await ingredients(self._leaf, self._around)
        except TaskError as error:
            shown = Failure(tail=tail(error.log, _TAIL)) if error.log else Failure()
            return self._save(TaskResult("FAILED", error=str(error), log=str(error.log or ""))), shown
        except TaskStoppedError:
            return self._save(TaskResult("CANCELLED", error="stopped")), None
        found = parts(of, self._leaf.task.caching.key)
        self._record = replace(self._record, parts=found, fingerprint=fingerprint(found))
        kept = self._former.kept(self._leaf, self._record)
        if kept is not None:
            self._record = replace(self._record, result=kept.result, origin=kept.origin)
            self._around.store.save_task(self._record)
            return kept.result, None
        return self._taken_over() or await self._attempts()

    def _taken_over(self) -> Worked | None:
        """The result of an attempt that ended well after its engine was killed."""
        last = self._former.finished_attempt(self._record)
        if last is None:
            return None
        attempt = Attempt(self._leaf, last.number, Path(last.folder))
        try:
            result = made(Work(attempt, self._around).outputs(), attempt.log)
        except TaskError:
            return None
        self._started = last.started
        self._around.store.save_attempt(replace(last, ended=self._around.clock.now(), exit_code=0))
        return self._save(replace(result, attempts=last.number, reused=True)), None

    async def _attempts(self) -> Worked:
        first = number = self._former.attempts(self._leaf.path) + 1
        reason = self._former.why_again(self._leaf, self._record)
        while True:
            result, failure, again = await self._try(number, reason)
            if failure is None or not again or number - first >= self._leaf.task.retry.count:
                return self._save(result), failure
            wait = self._leaf.task.retry.wait(number - first + 1)
            self._around.listener(TaskRetrying(self._leaf.path, number, wait, result.error or ""))
            await self._around.stop.pause(wait)
            if self._around.stop.requested.is_set():
                return self._save(replace(result, state="CANCELLED")), None
            number, reason = number + 1, ""

    async def _try(self, number: int, reason: str) -> tuple[TaskResult, Failure | None, bool]:
        """One attempt, written down before and after; whether another may help."""
        folder = attempt_folder(self._around.folder, self._leaf.path, number)
        attempt = Attempt(self._leaf, number, folder)
        record = AttemptRecord(self._around.run, self._leaf.path, number, str(folder), self._around.clock.now())
        running = replace(self._record.result, attempts=number, log=str(attempt.log), reason=reason or None)
        with self._around.store.together():
            self._around.store.save_task(replace(self._record, result=running))
            self._around.store.save_attempt(record)
        result, failure, again = await self._worked(attempt, reason)
        ended = replace(record, ended=self._around.clock.now(), exit_code=result.exit_code, error=result.error)
        self._around.store.save_attempt(replace(ended, peak=result.peak))
        return replace(result, attempts=number, reason=reason or None), failure, again

    async def _worked(self, attempt: Attempt, reason: str) -> tuple[TaskResult, Failure | None, bool]:
        work = Work(attempt, self._around)
        try:
            attempt.folder.mkdir(parents=True)
            attempt.log.touch()
            self._around.listener(TaskStarted(self._leaf.path, attempt.number, str(attempt.log), reason))
            outputs = await work.run()
            self._around.downloads.forget(one.uri for one in outputs.artifacts.values() if one.is_remote)
            return made(outputs, attempt.log, work.peak), None, False
        except TaskStoppedError:
            return TaskResult("CANCELLED", error="stopped", log=str(attempt.log)), None, False
        except TaskError as error:
            return *_failed(work, str(error), error.exit_code, error.log or attempt.log), error.again
        except OSError as error:
            # A full disk, a folder that somebody took away: the run goes on, and says so at the end.
            text = f"{error.strerror or error}: {error.filename or attempt.folder}"
            return *_failed(work, text, None, attempt.log), False

    def _save(self, result: TaskResult) -> TaskResult:
        ended = replace(result, start=self._started, end=self._around.clock.now())
        self._record = replace(self._record, result=ended)
        self._around.store.save_task(self._record)
        return ended


async def ingredients(leaf: Leaf, around: Surroundings) -> Ingredients:
    """All that the result of a container task depends on.

    Raises TaskError where that cannot be found out, TaskStoppedError where the run is being stopped.
    """
    try:
        return await _gathered(leaf, around)
    except OSError as error:
        raise TaskError(f"{error.strerror or error}: {error.filename or leaf.path}") from None


async def _gathered(leaf: Leaf, around: Surroundings) -> Ingredients:
    container = leaf.container
    pinned = await around.executor.pinned(container, leaf.path)
    remote = {one.uri for found in leaf.inputs.artifacts.values() for one in found if one.is_remote}
    versions = {uri: await around.downloads.version(uri) for uri in sorted(remote)}
    return Ingredients(
        leaf.task.component.name,
        container,
        leaf.task.component.outputs,
        leaf.inputs.parameters,
        {name: await around.digests.artifacts(found, versions) for name, found in leaf.inputs.artifacts.items()},
        {name: around.environ[source] for name, source in container.settings.secrets.items()},
        pinned.source,
        pinned.environment,
        pinned.image,
        around.executor.mode,
    )


def _failed(work: Work, text: str, exit_code: int | None, log: Path) -> tuple[TaskResult, Failure]:
    result = TaskResult("FAILED", error=work.mask(text), exit_code=exit_code, log=str(log), peak=work.peak)
    return result, Failure(work.shown, work.script, tail(log, _TAIL, work.mask))
