"""Schedules, which the API calls recurring runs: timetables enter, recurring runs are made, replaced and found by name.

A recurring run cannot be changed. So a new one is made before the old one goes: whatever happens in between, one is
there, and the next `apply` takes away what is too much. Cron has six fields here, seconds first, and is read by
github.com/robfig/cron v1.2.0, which has no time zones: the clock is the server's, UTC unless its administrator says
otherwise (CRON_SCHEDULE_TIMEZONE).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hpc.engines.findings import Findings
from hpc.engines.kfp.calls import Answer, Calls, Creation
from hpc.engines.kfp.notes import Note, digest_of
from hpc.engines.kfp.places import Places
from hpc.engines.kfp.requests import Request
from hpc.engines.kfp.submitting import Submitting
from hpc.engines.kfp.trouble import refuse
from hpc.engines.service import NOT_OFFERED, NOT_THERE, TAKEN, Change, RemoteSchedule, Timetable
from hpc.engines.values import worded

_PATH, _KEY = "/recurringruns", "recurringRuns"
_LISTING = "list the schedules"
_SAME_AS_UTC = frozenset(
    f"{area}{name}"
    for area in ("", "Etc/")
    for name in ("UTC", "UCT", "GMT", "GMT0", "GMT+0", "GMT-0", "Zulu", "Universal", "Greenwich")
)
_MOST_AT_ONCE = 10


@dataclass(frozen=True)
class _Wish:
    """What a timetable asks for, as a request."""

    timetable: Timetable
    body: Mapping[str, Any]
    note: Note

    @property
    def name(self) -> str:
        return self.timetable.name

    @property
    def mode(self) -> str:
        return "ENABLE" if self.timetable.enabled else "DISABLE"

    def is_met_by(self, schedule: Answer) -> bool:
        note = Note.of(schedule.get("description"))
        return note is not None and note.digest == self.note.digest


class KfpSchedules:
    """The recurring runs of one namespace. All of it raises Rejected."""

    def __init__(self, calls: Calls, places: Places, submitting: Submitting) -> None:
        self._calls = calls
        self._places = places
        self._submitting = submitting

    def plan(self, timetable: Timetable) -> Change:
        wish = self._wish(timetable, may_make=False)
        return _change(wish, self._own(wish.name), self._shown)

    def apply(self, timetable: Timetable) -> Change:
        wish = self._wish(timetable, may_make=True)
        there = self._own(wish.name)
        change = _change(wish, there, self._shown)
        made = _kept(wish, there) or self._made(wish)
        now = self._own(wish.name)
        kept = _kept(wish, now) or made
        for other in now:
            if _is_too_much(other, kept, wish, there):
                self._delete(other)
        kept = self._switched(kept, wish.mode)
        return Change(change.what, change.differences, self._shown(kept))

    def all(self) -> Sequence[RemoteSchedule]:
        found = self._calls.pages(_PATH, _KEY, _LISTING, namespace=self._places.namespace)
        return [self._shown(one) for one in found]

    def pause(self, name: str) -> RemoteSchedule:
        return self._turned(name, "DISABLE")

    def resume(self, name: str) -> RemoteSchedule:
        return self._turned(name, "ENABLE")

    def delete(self, name: str) -> None:
        for one in self._named(name):
            self._delete(one)

    # ------------------------------------------------------------ what is asked for

    def _wish(self, timetable: Timetable, *, may_make: bool) -> _Wish:
        _check(timetable)
        request = self._submitting.request(timetable.job, may_make=may_make)
        body: dict[str, Any] = {
            **request.body,
            "display_name": timetable.name,
            "trigger": {"cron_schedule": {"cron": six_fields(timetable.cron)}},
            "max_concurrency": timetable.max_concurrent,
            "no_catchup": True,  # runs that were missed while it was paused are not made up for
        }
        return _Wish(timetable, body, _note(request, body))

    def _made(self, wish: _Wish) -> Answer:
        body = {**wish.body, "description": str(wish.note), "mode": wish.mode}
        doing = f"make the schedule {wish.name}"
        return self._calls.once(Creation(_PATH, body, doing, lambda: _kept(wish, self._own(wish.name))))[0]

    # ------------------------------------------------------------ what is there

    def _own(self, name: str) -> list[Answer]:
        """The schedules of that name, the newest first. Raises Rejected for one that hpc has not made."""
        found = self._of_name(name)
        if any(Note.of(one.get("description")) is None for one in found):
            fact = f"there is a schedule {name} that hpc has not made, and will not replace"
            fix = f"delete it with `hpc schedule delete {name}`, or give the pipeline another name"
            raise refuse(TAKEN, self._calls.where, fact, fix)
        return found

    def _named(self, name: str) -> list[Answer]:
        found = self._of_name(name)
        if not found:
            fix = "hpc schedule list shows all; look at `host` and `namespace` of `targets.kfp` too"
            raise refuse(NOT_THERE, self._calls.where, f"there is no schedule {name}", fix)
        return found

    def _of_name(self, name: str) -> list[Answer]:
        found = self._calls.named(_PATH, _KEY, _LISTING, name, namespace=self._places.namespace)
        return sorted(found, key=_age, reverse=True)

    def _turned(self, name: str, mode: str) -> RemoteSchedule:
        """The newest schedule of that name in that mode; older ones start nothing in either."""
        newest, *others = self._named(name)
        for other in others:
            self._switched(other, "DISABLE")
        return self._shown(self._switched(newest, mode))

    def _switched(self, schedule: Answer, mode: str) -> Answer:
        if _mode(schedule) == mode:
            return schedule
        path, word = f"{_PATH}/{schedule['recurring_run_id']}", mode.lower()
        doing = f"{'resume' if mode == 'ENABLE' else 'pause'} the schedule {schedule.get('display_name')}"
        self._calls.post(f"{path}:{word}", doing)
        return self._calls.get(path, doing)

    def _delete(self, schedule: Answer) -> None:
        doing = f"delete the schedule {schedule.get('display_name')}"
        self._calls.delete(f"{_PATH}/{schedule['recurring_run_id']}", doing)

    def _shown(self, schedule: Answer) -> RemoteSchedule:
        note = Note.of(schedule.get("description"))
        own = str(schedule["recurring_run_id"])
        return RemoteSchedule(
            name=str(schedule.get("display_name")),
            id=own,
            cron=five_fields(_cron(schedule)),
            timezone="UTC",
            state="ACTIVE" if _mode(schedule) == "ENABLE" else "PAUSED",
            digest=note.digest if note else "",
            link=self._places.door.schedule_page(own),
        )


def six_fields(cron: str) -> str:
    """Five fields as the service reads them: the first of its six are seconds."""
    return f"0 {' '.join(cron.split())}"


def five_fields(cron: str) -> str:
    """The form that people write; left alone where there is none."""
    first, _, rest = cron.partition(" ")
    return rest if first == "0" and len(rest.split()) == 5 else cron


def _check(timetable: Timetable) -> None:
    findings = Findings(timetable.job.source, is_file=False)
    if timetable.timezone not in _SAME_AS_UTC:
        fact = f"schedules of Kubeflow Pipelines have no time zone, so {timetable.timezone} cannot be kept"
        findings.add(NOT_OFFERED, fact, "write `timezone: UTC`, and the hours of `cron` in UTC")
    if not 1 <= timetable.max_concurrent <= _MOST_AT_ONCE:
        fact = f"Kubeflow Pipelines runs 1 to {_MOST_AT_ONCE} of a schedule at once, not {timetable.max_concurrent}"
        findings.add(NOT_OFFERED, fact, f"write `max_concurrent: {_MOST_AT_ONCE}` or less")
    findings.reject_if_any()


def _note(request: Request, body: Mapping[str, Any]) -> Note:
    """Whether it is paused is no part of the digest: that can be changed."""
    note = request.note
    return Note(note.pipeline, digest_of(body), note.spec, note.labels)


def _kept(wish: _Wish, there: Sequence[Answer]) -> Answer | None:
    """The oldest that is as it is to be."""
    return next((one for one in reversed(there) if wish.is_met_by(one)), None)


def _is_too_much(other: Answer, kept: Answer, wish: _Wish, before: Sequence[Answer]) -> bool:
    """Whether another one of the same name is to go. One that has come meanwhile is left to whoever asked for it last:
    two who apply at the same time must not delete each other's.
    """
    own = other["recurring_run_id"]
    if own == kept["recurring_run_id"]:
        return False
    was_there = any(one["recurring_run_id"] == own for one in before)
    return was_there or wish.is_met_by(other) or _age(other) < _age(kept)


def _age(schedule: Answer) -> tuple[str, str]:
    return str(schedule.get("created_at")), str(schedule.get("recurring_run_id"))


def _change(wish: _Wish, there: Sequence[Answer], shown: Callable[[Answer], RemoteSchedule]) -> Change:
    kept = _kept(wish, there)
    if not there:
        clock = "the clock of the service, UTC unless its administrator has set another"
        return Change("create", (f"{wish.timetable.cron}, by {clock}",))
    if kept is None:
        return Change("update", tuple(_differences(wish, there[0])), shown(there[0]))
    others = len(there) - 1
    if others:
        return Change("update", (f"{others} more of that name, deleted",), shown(kept))
    what = _switch(kept, wish.mode)
    words = {"pause": "active → paused", "resume": "paused → active"}
    return Change(what, (words[what],) if what in words else (), shown(kept))


def _switch(schedule: Answer, mode: str) -> Literal["pause", "resume", "nothing"]:
    if _mode(schedule) == mode:
        return "nothing"
    return "resume" if mode == "ENABLE" else "pause"


def _differences(wish: _Wish, old: Answer) -> list[str]:
    """One line for each, old and new."""
    note, new = Note.of(old.get("description")), wish.body
    before: dict[str, object] = {**_plain(old), "cron": five_fields(_cron(old))}
    after: dict[str, object] = {**_plain(new), "cron": wish.timetable.cron}
    lines = [_line(name, before.get(name), after.get(name)) for name in (*after, *(before.keys() - after.keys()))]
    if note is not None and note.spec != wish.note.spec:
        lines.append("the pipeline itself has changed")
    if _mode(old) != wish.mode:
        lines.append("paused → active" if wish.mode == "ENABLE" else "active → paused")
    return [line for line in lines if line] or ["settings have changed"]


def _plain(schedule: Mapping[str, Any]) -> dict[str, object]:
    config: Mapping[str, Any] = schedule.get("runtime_config") or {}
    parameters: Mapping[str, object] = config.get("parameters") or {}
    return {
        "runs at once": str(schedule.get("max_concurrency")),
        "folder for artifacts": config.get("pipeline_root"),
        "account": schedule.get("service_account"),
        "experiment": schedule.get("experiment_id"),
        **{f"input {name}": value for name, value in sorted(parameters.items())},
    }


def _line(name: str, before: object, after: object) -> str:
    """Nothing where they are the same; the service gives whole numbers back as it likes."""
    if before == after or (not before and not after):
        return ""
    return f"{name}: {worded(before)} → {worded(after)}"


def _cron(schedule: Answer) -> str:
    trigger: Mapping[str, Any] = schedule.get("trigger") or {}
    found: Mapping[str, Any] = trigger.get("cron_schedule") or {}
    return str(found.get("cron") or "")


def _mode(schedule: Answer) -> str:
    """ENABLE or DISABLE. Lists say it as the status, requests as the mode."""
    status = schedule.get("status")
    if status in {"ENABLED", "DISABLED"}:
        return "ENABLE" if status == "ENABLED" else "DISABLE"
    return "ENABLE" if schedule.get("mode") == "ENABLE" else "DISABLE"
