"""Starting a run, once: the API takes no id of the client's, so a run is known by its display name and a digest."""

from __future__ import annotations

import time
from typing import Any

from hpc.engines.kfp.calls import Answer, Calls, Creation
from hpc.engines.kfp.notes import Note
from hpc.engines.kfp.places import Places
from hpc.engines.kfp.requests import Request, check, request_for
from hpc.engines.kfp.runs import KfpRuns
from hpc.engines.kfp.trouble import refuse
from hpc.engines.run_names import name_tail
from hpc.engines.service import TAKEN, Job, LeftAsking, RemoteRun


class Submitting:
    """Hands jobs over."""

    def __init__(self, calls: Calls, places: Places, runs: KfpRuns) -> None:
        self._calls = calls
        self._places = places
        self._runs = runs

    def request(self, job: Job, *, may_make: bool = True) -> Request:
        """What a job asks for, judged; its experiment is made where it may be. Raises Rejected."""
        check(job)
        return request_for(job, self._places, may_make=may_make)

    def submit(self, job: Job) -> RemoteRun:
        """The run of a job: a new one, or the one of that name if it was asked for in the same words.

        Raises Rejected, HPC948 where the name belongs to another run; LeftAsking where somebody stops hpc meanwhile.
        """
        request = self.request(job)
        name = job.run or f"{job.name}{name_tail(time.time())}"
        there = self._ours(name, request.note) if job.run else None
        if there is not None:
            return self._runs.shown(there)
        try:
            made, was_doubtful = self._calls.once(self._creation(name, request))
            kept = self._without_twins(name, request.note, made) if job.run or was_doubtful else made
        except KeyboardInterrupt:
            raise LeftAsking(name) from None
        return self._runs.shown(kept, is_new=True)

    def _creation(self, name: str, request: Request) -> Creation:
        body: dict[str, Any] = {**request.body, "display_name": name, "description": str(request.note)}
        if_lost = f"whether it was started is not known: ask again with --name {name}, which never starts a second one"
        return Creation("/runs", body, f"start the run {name}", lambda: self._ours(name, request.note), if_lost)

    def _ours(self, name: str, note: Note) -> Answer | None:
        """The oldest run of that name; None if there is none. Raises Rejected if it is another one."""
        found = self._runs.named(name)
        same = [one for one in found if _is_same(one, note)]
        if found and not same:
            fact = f"a run of the name {name} is there already, of another pipeline or with other arguments"
            raise refuse(TAKEN, self._calls.where, fact, "choose another name with --name, or leave it out")
        return min(same, key=_age, default=None)

    def _without_twins(self, name: str, note: Note, made: Answer) -> Answer:
        """The first of the same runs, all others being ended.

        There are others where two ask at the same time, or where a request was worked on long after it was given up.
        """
        same = sorted((one for one in self._runs.named(name) if _is_same(one, note)), key=_age)
        for twin in same[1:]:
            self._runs.cancel(str(twin["run_id"]))
        return same[0] if same else made


def _is_same(run: Answer, note: Note) -> bool:
    found = Note.of(run.get("description"))
    return found is not None and found.digest == note.digest


def _age(run: Answer) -> tuple[str, str]:
    return str(run.get("created_at")), str(run.get("run_id"))
