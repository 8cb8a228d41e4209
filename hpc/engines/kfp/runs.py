"""Runs that are there: found by id or name, listed, cancelled, run again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from hpc.diagnostics import Rejected
from hpc.engines.kfp.calls import Answer, Calls, where_all
from hpc.engines.kfp.notes import Note, mark_of
from hpc.engines.kfp.places import UUID, Places
from hpc.engines.kfp.requests import inner_spec
from hpc.engines.kfp.trouble import refuse
from hpc.engines.service import NOT_OFFERED, NOT_THERE, RemoteRun, RemoteState

STATES: Mapping[str, RemoteState] = {
    "PENDING": "PENDING",
    "RUNNING": "RUNNING",
    "SUCCEEDED": "SUCCEEDED",
    "SKIPPED": "SUCCEEDED",
    "FAILED": "FAILED",
    "CANCELING": "CANCELLING",
    "CANCELED": "CANCELLED",
    "PAUSED": "PAUSED",
}
"""The API's states of a run. SKIPPED: all of it was taken from the cache."""

_NEWEST_FIRST = "created_at desc"
_LISTING = "list the runs"
_MOST = 100


class KfpRuns:
    """The runs of one namespace."""

    def __init__(self, calls: Calls, places: Places) -> None:
        self.calls = calls
        self.places = places

    def run(self, name: str) -> RemoteRun:
        return self.shown(self.raw(name))

    def raw(self, name: str) -> Answer:
        """The run with all its tasks, by its id or, of several of that name, the newest. Raises Rejected."""
        if UUID.fullmatch(name):
            return self._whole(name, name)
        found = next(iter(self.named(name)), None)
        if found is None:
            fix = "hpc runs --on kfp lists them; look at `host` and `namespace` of `targets.kfp` too"
            raise refuse(NOT_THERE, self.calls.where, f"there is no run {name}", fix)
        return self._whole(str(found["run_id"]), name)

    def named(self, name: str) -> list[Answer]:
        """All runs of that display name, the newest first."""
        asked = {"sort_by": _NEWEST_FIRST, "namespace": self.places.namespace}
        return list(self.calls.named("/runs", "runs", _LISTING, name, **asked))

    def runs(self, pipeline: str | None, limit: int) -> Sequence[RemoteRun]:
        """The newest first. Of one pipeline: those that hpc started, and those that are called like it."""
        if pipeline is None:
            return [self.shown(one) for one in islice(self._listed(size=limit), limit)]
        described = self._listed(("description", "IS_SUBSTRING", mark_of(pipeline)), size=limit)
        noted = (one for one in described if self.shown(one).pipeline == pipeline)
        called = (
            one
            for one in self._listed(("display_name", "IS_SUBSTRING", pipeline), size=limit)
            if str(one.get("display_name", "")).startswith(pipeline) and _pipeline(one) in {pipeline, ""}
        )
        found = {str(one["run_id"]): one for one in (*islice(noted, limit), *islice(called, limit))}
        newest = sorted(found.values(), key=lambda one: str(one.get("created_at")), reverse=True)
        return [self.shown(one) for one in newest[:limit]]

    def cancel(self, name: str) -> RemoteRun:
        """Ask for the end of a run; twice is once, and one that has ended stays as it is."""
        run = self.run(name)
        if run.has_ended or run.state == "CANCELLING":
            return run
        try:
            self.calls.post(f"/runs/{run.run}:terminate", f"cancel the run {name}")
        except Rejected:
            again = self.run(run.run)  # the service refuses to end what has ended, or what it is ending already
            if again.has_ended or again.state == "CANCELLING":
                return again
            raise
        return self.run(run.run)

    def resume(self, name: str) -> RemoteRun:
        """Run again what did not succeed. Raises Rejected for a run that has not failed and was not cancelled."""
        run = self.run(name)
        if run.state not in {"FAILED", "CANCELLED"}:
            fact = f"the run {name} is {run.state.lower()}; only one that failed or was cancelled can go on"
            raise refuse(NOT_OFFERED, self.calls.where, fact, "start a new run, or wait for its end")
        try:
            self.calls.post(f"/runs/{run.run}:retry", f"go on with the run {name}")
        except Rejected:
            again = self.run(run.run)  # an answer that was lost: it runs already
            if again.has_ended:
                raise
            return again
        return self.run(run.run)

    def shown(self, run: Answer, *, is_new: bool = False) -> RemoteRun:
        """What the API tells of a run."""
        note = Note.of(run.get("description"))
        error: Mapping[str, Any] = run.get("error") or {}
        started = [
            when(one.get("update_time")) for one in run.get("state_history") or () if one.get("state") == "RUNNING"
        ]
        return RemoteRun(
            run=str(run["run_id"]),
            pipeline=(note.pipeline if note else "") or _pipeline(run) or str(run.get("display_name", "")),
            state=state_of(run),
            created=when(run.get("created_at")),
            started=next((one for one in started if one is not None), None),
            ended=when(run.get("finished_at")),
            link=self.places.door.run_page(str(run["run_id"])),
            error=next(iter(str(error.get("message") or "").strip().splitlines()), None),
            labels=note.labels if note else {},
            is_new=is_new,
            name=str(run.get("display_name", "")),
        )

    def _whole(self, own: str, name: str) -> Answer:
        """With its tasks, which later versions give only when asked; those before them ignore the question."""
        return self.calls.get(f"/runs/{own}", f"find the run {name}", view="FULL")

    def _listed(self, *conditions: tuple[str, str, str], size: int = _MOST) -> Iterable[Answer]:
        return self.calls.pages(
            "/runs",
            "runs",
            _LISTING,
            page_size=max(1, min(size, _MOST)),
            sort_by=_NEWEST_FIRST,
            namespace=self.places.namespace,
            filter=where_all(*conditions) if conditions else None,
        )


def state_of(run: Answer) -> RemoteState:
    """The state; a run that fails after somebody asked for its end has been cancelled.

    The service says FAILED then (its workflow engine knows no other word), but keeps in the run's history that it was
    ending.
    """
    state = STATES.get(str(run.get("state")), "PENDING")
    was_ending = any(one.get("state") in {"CANCELING", "CANCELED"} for one in _since_last_start(run))
    return "CANCELLED" if state == "FAILED" and was_ending else state


def _since_last_start(run: Answer) -> list[Answer]:
    """The history of the last attempt: a run that goes on begins anew."""
    history: list[Answer] = list(run.get("state_history") or ())
    starts = [number for number, one in enumerate(history) if one.get("state") in {"PENDING", "RUNNING"}]
    return history[starts[-1] :] if starts else history


def when(text: object) -> float | None:
    """Seconds since the epoch of an RFC 3339 text; None for the epoch itself, which is how the API says never."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(_python_form(str(text)))
    except ValueError:
        return None
    seconds = found.replace(tzinfo=found.tzinfo or timezone.utc).timestamp()
    return seconds if seconds > 0 else None


def _python_form(text: str) -> str:
    """RFC 3339 as Python 3.10 reads it: a numeric zone, and six digits behind the second."""
    found = re.fullmatch(r"(.*?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?", text)
    whole, digits, zone = found.groups() if found else (text, None, None)
    return f"{whole}.{digits or '':0<6.6}{(zone or 'Z').replace('Z', '+00:00')}"


def _pipeline(run: Answer) -> str:
    info: Mapping[str, Any] = inner_spec(run.get("pipeline_spec")).get("pipelineInfo") or {}
    return str(info.get("name") or "")
