"""What earlier runs say about a task: its result, if that still holds, or why it does not.

Of the run itself (when it is resumed), of any run with the same fingerprint (the cache), or, where only some steps
were chosen, of a run that is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hpc.engines.local.cache.differences import differences
from hpc.engines.local.flow.execution import Leaf
from hpc.engines.local.store import Store
from hpc.engines.local.store.records import AttemptRecord, TaskRecord
from hpc.engines.local.work.attempt import exit_on_disk
from hpc.engines.local.work.outputs import is_missing
from hpc.engines.outcome import TaskResult


@dataclass(frozen=True)
class Kept:
    """A result that holds, and the run and path that made it."""

    result: TaskResult
    origin: tuple[str, str] | None = None


@dataclass(frozen=True)
class Former:
    """`own` are the records of the run that is resumed; `run` and `pipeline` its names."""

    store: Store
    run: str
    pipeline: str
    cache: bool
    own: Mapping[str, TaskRecord] = field(default_factory=dict[str, TaskRecord])

    def kept(self, leaf: Leaf, now: TaskRecord) -> Kept | None:
        """A result with the fingerprint of `now`, from this run or, if the task may be cached, from any."""
        own = self.own.get(leaf.path)
        if own is not None and own.result.is_good and own.fingerprint == now.fingerprint and is_there(own.result):
            return Kept(replace(own.result, reused=True), own.origin)
        if not self.cache or not leaf.task.caching.enabled:
            return None
        found = self.store.cached(now.fingerprint)
        if found is None or not is_there(found.result):
            return None
        reason = f"cached from {found.run}"
        result = replace(found.result, state="CACHED", reason=reason, attempts=0, reused=False)
        return Kept(result, (found.run, found.path))

    def finished_attempt(self, now: TaskRecord) -> AttemptRecord | None:
        """An attempt that ended well while nobody looked: its exit code is on disk, and no result in the store."""
        own = self.own.get(now.path)
        if own is None or own.fingerprint != now.fingerprint or own.result.state != "RUNNING":
            return None
        last = self.store.attempts(self.run, now.path)[-1:]
        return last[0] if last and last[0].error is None and exit_on_disk(Path(last[0].folder)) == 0 else None

    def attempts(self, path: str) -> int:
        """How many there were before, in this run."""
        return len(self.store.attempts(self.run, path)) if path in self.own else 0

    def why_again(self, leaf: Leaf, now: TaskRecord) -> str:
        """Why it runs although there is a former result; empty where there is none, or where it is never kept."""
        before = self.own.get(leaf.path)
        if before is None and self.cache and leaf.task.caching.enabled:
            before = self.store.previous(self.pipeline, leaf.path, self.run)
        if before is None or not before.parts:
            return ""
        changed = differences(before.parts, now.parts, self.store.sources)
        if changed:
            return changed
        if not before.result.is_good:
            return "it failed before" if before.result.state == "FAILED" else ""
        return "" if is_there(before.result) else "its artifacts are gone"


def is_there(result: TaskResult) -> bool:
    """Whether the artifacts of a result still exist, as far as they lie on this machine."""
    return not any(is_missing(one) for port in result.artifacts.values() for one in port)
