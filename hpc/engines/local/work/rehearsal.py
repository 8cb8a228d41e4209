"""What a run would do, without doing it: which tasks would run and why, which results still hold, what nobody can tell.

The plan is decided as in a run. A task that would run ends at once with unknown outputs; what depends on it is unknown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from hpc.engines.local.cache.fingerprint import fingerprint, parts
from hpc.engines.local.flow.execution import Ended, Execution, Leaf, LoopOpening
from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.inputs import Scope
from hpc.engines.local.plan import Dag, Importer, Task
from hpc.engines.local.plan.planner import leaves_of
from hpc.engines.local.store.records import RunRecord, TaskRecord
from hpc.engines.local.work.former import Former
from hpc.engines.local.work.importing import import_artifact
from hpc.engines.local.work.sampling import Samplers
from hpc.engines.local.work.surroundings import Surroundings
from hpc.engines.local.work.task import ingredients
from hpc.engines.local.work.terms import Terms
from hpc.engines.outcome import Planned, TaskResult

_UNKNOWN = TaskResult("SKIPPED", reason="unknown")


def _leaves_at(path: str, task: Task) -> list[str]:
    """The container and importer tasks of a task that has ended as a whole."""
    if not isinstance(task.component.body, Dag):
        return [path]
    if path.endswith("]"):
        return [inner for inner, _ in leaves_of(task.component.body.tasks, f"{path}/")]
    return [inner for inner, _ in leaves_of([task], path.removesuffix(task.key))]


class Rehearsal:
    """One run that is only thought through. `record` is of the run that would be gone on with, or of a made-up one."""

    def __init__(self, terms: Terms, record: RunRecord, former: Former, around: Surroundings) -> None:
        self._terms = terms
        self._record = record
        self._former = former
        self._around = around
        self._planned: list[Planned] = []

    async def go(self) -> list[Planned]:
        """In the order in which it would be decided."""
        terms = self._terms
        sampler = Samplers(terms.plan.name, terms.taken or self._former.own).of
        execution = Execution(terms.plan, Scope(terms.inputs, self._record.names), self._told, sampler=sampler)
        while leaf := execution.next():
            execution.finish(leaf, await self._judged(leaf))
        return self._planned

    def _told(self, event: Ended | LoopOpening) -> None:
        tuning = event.task.tuning
        if isinstance(event, Ended) and tuning and event.result.kind == "loop" and event.result.reason == "unknown":
            self._add(f"{event.path}[]", "unknown", f"up to {tuning.most} trials; each is chosen by those before it")
        elif isinstance(event, Ended) and event.result.is_leaf:
            for path in _leaves_at(event.path, event.task):
                self._decided(path, event.result)

    def _decided(self, path: str, result: TaskResult) -> None:
        """A task whose inputs nobody asked for."""
        if self._terms.choice.of(path) == "leave out":
            self._add(path, "skipped", "not chosen")
        elif result.state == "FAILED":
            self._add(path, "fails", result.error or "")
        elif result.reason == "unknown":
            self._add(path, "unknown", "waits for what would run")
        else:
            self._add(path, "skipped", result.error or result.reason or "")

    async def _judged(self, leaf: Leaf) -> TaskResult:
        way = self._terms.choice.of(leaf.path)
        if way != "run":
            return self._not_chosen(leaf, take=way == "take")
        try:
            if isinstance(leaf.task.component.body, Importer):
                self._add(leaf.path, "run", "imports what exists")
                return await import_artifact(leaf, self._terms.request.base, self._around.downloads)
            found = parts(await ingredients(leaf, self._around), leaf.task.caching.key)
        except TaskError as error:
            self._add(leaf.path, "fails", str(error))
            return TaskResult("FAILED", error=str(error))
        now = TaskRecord(self._record.run, leaf.path, _UNKNOWN, parts=found, fingerprint=fingerprint(found))
        kept = self._former.kept(leaf, now)
        if kept is None:
            self._add(leaf.path, "run", self._why(leaf, now))
            return _UNKNOWN
        self._add(leaf.path, "cached", "kept" if kept.result.reused else (kept.result.reason or ""))
        return kept.result

    def _not_chosen(self, leaf: Leaf, *, take: bool) -> TaskResult:
        former = self._terms.taken.get(leaf.path) if take else None
        if former is not None and former.result.is_good:
            self._add(leaf.path, "cached", f"taken from {former.run}")
            return replace(former.result, state="CACHED")
        self._add(leaf.path, "fails" if take else "skipped", "no former result" if take else "not chosen")
        return TaskResult("SKIPPED", reason="not chosen")

    def _why(self, leaf: Leaf, now: TaskRecord) -> str:
        if not leaf.task.caching.enabled:
            return "its results are not cached"
        return self._former.why_again(leaf, now) or "no former result"

    def _add(self, path: str, what: Literal["run", "cached", "skipped", "unknown", "fails"], reason: str) -> None:
        self._planned.append(Planned(path, what, reason))
