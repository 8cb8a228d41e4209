"""Schedules of one place by the names of their timetables: timetables and names enter, schedules leave.

The service does not keep names apart, so a schedule is looked for before one is made, and again whenever an answer was
lost; should two have come to be all the same, the older one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

from hpc.diagnostics import Rejected
from hpc.engines.findings import nearest
from hpc.engines.service import NOT_THERE, Change, RemoteSchedule, Timetable
from hpc.engines.vertex.asking import TIMEOUT, Asker, Ended
from hpc.engines.vertex.clients import Clients, document_of, message, raw, rejected
from hpc.engines.vertex.judging import judge
from hpc.engines.vertex.naming import SCHEDULE_LABEL, label_value
from hpc.engines.vertex.place import Place
from hpc.engines.vertex.reading import seconds_of
from hpc.engines.vertex.timetables import JOB, differences, digest_in, job_in, schedule_body, schedule_seen
from hpc.engines.vertex.trouble import Asked, is_missing

_ELSEWHERE = "hpc schedule list --on vertex"
_FIELDS = ("display_name", "cron", "max_concurrent_run_count", JOB)


@dataclass(frozen=True)
class _Found:
    """A schedule of the service: its message and the same as JSON."""

    message: Any
    body: Mapping[str, Any]

    @classmethod
    def of(cls, reply: Any) -> _Found:
        return cls(raw(reply), document_of(reply))

    @property
    def is_paused(self) -> bool:
        return self.body.get("state") == "PAUSED"


class VertexSchedules:
    """What can be asked of schedules."""

    def __init__(self, place: Place, asker: Asker, clients: Clients) -> None:
        self._place = place
        self._asker = asker
        self._clients = clients

    def plan(self, timetable: Timetable) -> Change:
        """What `apply` would do."""
        wanted = self._wanted(timetable)
        found = self._ours(timetable.name)
        return self._change(found[0] if found else None, wanted, timetable)

    def apply(self, timetable: Timetable) -> Change:
        """Make the service's schedule of that name say what the timetable says; twice is once."""
        wanted = self._wanted(timetable)
        found = self._ours(timetable.name)
        one = found[0] if found else None
        change = self._change(one, wanted, timetable)
        digests = {digest_in(wanted), digest_in(one.body) if one else ""}
        if one is None:
            one = self._created(timetable.name, wanted)
        elif change.what == "update":
            one = self._updated(one, wanted)
        self._drop_doubles(found, digests)
        one = self._switched(one, paused=not timetable.enabled)
        return replace(change, schedule=schedule_seen(one.message, self._place))

    def all(self) -> Sequence[RemoteSchedule]:
        """Every schedule of pipelines here, whoever made it, the newest first."""
        return [schedule_seen(raw(one), self._place) for one in self._listed(f"{JOB}:*")]

    def pause(self, name: str) -> RemoteSchedule:
        return schedule_seen(self._switched(self._named(name), paused=True).message, self._place)

    def resume(self, name: str) -> RemoteSchedule:
        return schedule_seen(self._switched(self._named(name), paused=False).message, self._place)

    def delete(self, name: str) -> None:
        """Delete every schedule of that name that hpc has made."""
        self._named(name)
        for found in self._ours(name):
            self._deleted(found)

    # ---- finding

    def _wanted(self, timetable: Timetable) -> dict[str, Any]:
        return schedule_body(timetable, judge(timetable.job, self._place), self._place)

    def _ours(self, name: str) -> list[_Found]:
        """Those that hpc has made for a timetable of that name and that have not run out, the oldest first."""
        label = label_value(name)
        listed = [_Found.of(one) for one in self._listed(f'display_name="{_quoted(name)}"')]
        ours = [
            one
            for one in listed
            if job_in(one.body).get("labels", {}).get(SCHEDULE_LABEL) == label
            and one.body.get("displayName") == name
            and one.body.get("state") != "COMPLETED"
        ]
        return sorted(ours, key=lambda one: (seconds_of(one.message, "create_time") or 0.0, str(one.message.name)))

    def _named(self, name: str) -> _Found:
        found = self._ours(name)
        if found:
            return found[0]
        names = [one.name for one in self.all() if one.digest]
        raise rejected(NOT_THERE, f"there is no schedule {name} that hpc has made", nearest(name, names))

    def _listed(self, wanted: str) -> Iterator[Any]:
        request: dict[str, Any] = {"parent": self._place.parent, "filter": wanted, "order_by": "create_time desc"}
        token = ""
        while True:
            page = self._page({**request, "page_token": token})
            yield from page.schedules
            token = page.next_page_token
            if not token:
                return

    def _page(self, request: Mapping[str, Any]) -> Any:
        pages = self._ask("list the schedules", "list", lambda client: client.list_schedules(request, timeout=TIMEOUT))
        return next(iter(pages.pages))

    def _change(self, found: _Found | None, wanted: Mapping[str, Any], timetable: Timetable) -> Change:
        if found is None:
            return Change("create", (), None)
        lines = differences(found.body, wanted)
        switch = _switch(found, timetable)
        words = {"pause": ("enabled: yes → no",), "resume": ("enabled: no → yes",)}.get(switch, ())
        what = "update" if lines else switch
        return Change(what, (*lines, *words), schedule_seen(found.message, self._place))

    # ---- changing

    def _created(self, name: str, wanted: Mapping[str, Any]) -> _Found:
        """A new schedule. After an answer that was lost it is looked for before another one is made."""
        schedule = message("Schedule", wanted)
        tries = 0

        def send(client: Any) -> Any:
            nonlocal tries
            tries += 1
            found = self._ours(name) if tries > 1 else []
            if found:
                return found[0].message
            return client.create_schedule({"parent": self._place.parent, "schedule": schedule}, timeout=TIMEOUT)

        made = self._ask(f"make the schedule {name}", "create", send)
        return self._first(_Found.of(made), wanted)

    def _first(self, made: _Found, wanted: Mapping[str, Any]) -> _Found:
        """The oldest one of the name, saying what is wanted: others may have been made by a request whose answer was
        lost, or by somebody who applied the same at the same moment and who keeps the oldest too.
        """
        found = self._ours(str(wanted["displayName"]))
        if not found:
            return made  # it is not listed yet
        self._drop_doubles(found, {digest_in(wanted)})
        return found[0] if digest_in(found[0].body) == digest_in(wanted) else self._updated(found[0], wanted)

    def _updated(self, found: _Found, wanted: Mapping[str, Any]) -> _Found:
        schedule = message("Schedule", {**wanted, "name": str(found.message.name)})
        request = {"schedule": schedule, "update_mask": {"paths": list(_FIELDS)}}
        what = f"change the schedule {wanted['displayName']}"
        made = self._ask(what, "update", lambda client: client.update_schedule(request, timeout=TIMEOUT))
        return _Found.of(made)

    def _switched(self, found: _Found, *, paused: bool) -> _Found:
        """The schedule paused or not, as it is wanted."""
        if found.is_paused == paused:
            return found
        name, verb = str(found.message.name), "pause" if paused else "resume"
        what = f"{verb} the schedule {found.message.display_name}"

        def send(client: Any) -> Any:
            return getattr(client, f"{verb}_schedule")({"name": name}, timeout=TIMEOUT)

        try:
            self._ask(what, verb, send, late=True)
        except Ended as late:
            now = self._got(name)
            if now.is_paused != paused:
                raise late.trouble.rejected() from late
            return now
        return self._got(name)

    def _drop_doubles(self, found: Sequence[_Found], digests: Set[str]) -> None:
        """Younger ones than the first that came of the same timetable, as it is or as it was."""
        for other in found[1:]:
            if digest_in(other.body) in digests:
                self._deleted(other)

    def _deleted(self, found: _Found) -> None:
        name, what = str(found.message.name), f"delete the schedule {found.message.display_name}"
        try:
            self._ask(what, "delete", lambda client: client.delete_schedule({"name": name}, timeout=TIMEOUT))
        except Rejected as error:
            if not is_missing(error):
                raise

    def _got(self, name: str) -> _Found:
        made = self._ask(
            "look at the schedule", "get", lambda client: client.get_schedule({"name": name}, timeout=TIMEOUT)
        )
        return _Found.of(made)

    def _ask(self, what: str, verb: str, send: Callable[[Any], Any], *, late: bool = False) -> Any:
        asked = Asked(what, f"aiplatform.schedules.{verb}", _ELSEWHERE, may_be_late=late)
        return self._asker.ask(asked, lambda: send(self._clients.schedules))


def _switch(found: _Found, timetable: Timetable) -> Literal["pause", "resume", "nothing"]:
    if found.is_paused != timetable.enabled:
        return "nothing"
    return "resume" if timetable.enabled else "pause"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
