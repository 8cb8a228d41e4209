"""A connection to Vertex AI: jobs and names enter, runs and outcomes leave. The `Service` of this room."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import count, islice
from typing import Any

from hpc.engines.documents import Documents
from hpc.engines.events import Listener
from hpc.engines.outcome import Outcome
from hpc.engines.service import TAKEN, Job, LeftAsking, Pace, Package, Published, RemoteRun
from hpc.engines.vertex.asking import Asker, Ended, Exists, Said
from hpc.engines.vertex.clients import Clients, raw, rejected
from hpc.engines.vertex.jobs import body_of
from hpc.engines.vertex.judging import judge
from hpc.engines.vertex.naming import DIGEST_LABEL, name_again, numbered, run_name
from hpc.engines.vertex.place import Place
from hpc.engines.vertex.reading import run_seen
from hpc.engines.vertex.reruns import refuse_unless_unsuccessful, rerun_body
from hpc.engines.vertex.runs import Runs
from hpc.engines.vertex.schedules import VertexSchedules
from hpc.engines.vertex.templates import Templates
from hpc.engines.vertex.watching import Watch


class Connection:
    """One project and region, asked with one pace."""

    def __init__(self, place: Place, clients: Clients, pace: Pace) -> None:
        self._place = place
        self._pace = pace
        self._clients = clients
        self._made: set[str] = set()
        asker = Asker(pace)
        self._runs = Runs(place, asker, clients)
        self._schedules = VertexSchedules(place, asker, clients)

    @property
    def where(self) -> str:
        return self._place.called

    @property
    def schedules(self) -> VertexSchedules:
        return self._schedules

    def check(self, job: Job) -> None:
        """Raises Rejected with all that can be known without asking."""
        judge(job, self._place)

    def submit(self, job: Job) -> RemoteRun:
        """Start a run, once. A run of the same name and the same digest is the one that is asked for."""
        body = body_of(judge(job, self._place), self._place.runs)
        if job.run is None:
            return self._created(run_name(job.name, time.time()), body)
        there = self._runs.find(job.run)
        return self._created(job.run, body) if there is None else self._same(there, body, is_new=False)

    def watch(self, run: str, places: Mapping[str, str], listener: Listener) -> Outcome:
        def look(said: Said) -> Any:
            job = self._runs.get(run, said, is_known=run in self._made)
            self._made.discard(run)
            return job

        return Watch(self._place, self._pace, look, listener).until_end(places)

    def run(self, name: str) -> RemoteRun:
        return self._seen(self._runs.get(name))

    def runs(self, pipeline: str | None, limit: int) -> Sequence[RemoteRun]:
        return [run_seen(one, self._place) for one in islice(self._runs.newest(pipeline), limit)]

    def cancel(self, name: str) -> RemoteRun:
        found = self.run(name)
        if found.has_ended or found.state == "CANCELLING":
            return found
        try:
            self._runs.cancel(name)
        except Ended as late:
            found = self.run(name)
            if not found.has_ended and found.state != "CANCELLING":
                raise late.trouble.rejected() from late
            return found
        return self.run(name)

    def resume(self, name: str) -> RemoteRun:
        """Run again what did not succeed, as `<name>-r<n>`; a resumption that still runs is the one that is asked for.

        Raises Rejected for a run that has not ended, or that has succeeded.
        """
        job = self._runs.get(name)
        run = self._seen(job)
        refuse_unless_unsuccessful(run)
        body = rerun_body(job, run)
        base, first = numbered(name)
        for number in count(first):
            again = name_again(base, number)
            there = self._runs.find(again)
            if there is None:
                return self._created(again, body, "v1beta1")
            former = self._seen(there)
            if not former.has_ended and former.labels.get(DIGEST_LABEL) == body["labels"][DIGEST_LABEL]:
                return replace(former, is_new=False)
        raise AssertionError("numbers do not end")

    def publish(self, package: Package) -> Published:
        """Keep a compiled pipeline in a repository of Artifact Registry."""
        return self._templates.publish(package)

    def tag(self, address: str, tags: Sequence[str]) -> Published:
        return self._templates.tag(address, tags)

    def published(self, address: str) -> Documents:
        return self._templates.fetch(address)

    @cached_property
    def _templates(self) -> Templates:
        return Templates(self._clients.credentials, self._pace)

    def _created(self, run: str, body: Mapping[str, Any], version: str = "v1") -> RemoteRun:
        """A new run of that name. Raises LeftAsking where somebody stops hpc meanwhile."""
        self._made.add(run)
        try:
            return self._once(run, body, version)
        except KeyboardInterrupt:
            raise LeftAsking(run) from None

    def _once(self, run: str, body: Mapping[str, Any], version: str) -> RemoteRun:
        """One that is there after an answer was lost is ours, if it is the same."""
        try:
            return self._seen(self._runs.create(run, body, version))
        except Exists as there:
            found = self._runs.get(run, is_known=True)
            return self._same(found, body, is_new=there.attempts > 1)

    def _same(self, job: Any, body: Mapping[str, Any], *, is_new: bool) -> RemoteRun:
        found = self._seen(job)
        if found.labels.get(DIGEST_LABEL) != body["labels"][DIGEST_LABEL]:
            fact = f"there is a run {found.run} already, and it is of another pipeline, other inputs or other settings"
            raise rejected(TAKEN, fact, "choose another name, or leave it out")
        return replace(found, is_new=is_new)

    def _seen(self, job: Any) -> RemoteRun:
        return run_seen(raw(job), self._place)
