"""Looks at a run until it has ended: looks enter, events and at last an Outcome leave.

The pauses grow while nothing happens, and vary so that many who look do not do it at the same moment.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hpc.diagnostics import Diagnostic, Rejected
from hpc.engines.events import Listener, Notice
from hpc.engines.outcome import Outcome
from hpc.engines.service import NOT_THERE, UNREACHABLE, Pace
from hpc.engines.vertex.asking import Said
from hpc.engines.vertex.clients import raw
from hpc.engines.vertex.place import CALLED, Place
from hpc.engines.vertex.reading import run_seen, spec_of, tasks_of
from hpc.engines.vertex.spots import spots
from hpc.engines.vertex.telling import Teller, Told
from hpc.engines.vertex.trouble import Trouble

Look = Callable[[Said], Any]
"""Gets the run as it is, and tells what is in the way."""

_GROWTH = 1.5
_MOST = 6.0
_SPREAD = 0.1
_FAIL_FAST = 2
"""The number of PIPELINE_FAILURE_POLICY_FAIL_FAST."""
_STANDS: Mapping[str, str] = {
    "PAUSED": "the run is paused, and goes on when somebody resumes it in the console",
    "CANCELLING": "the run is being cancelled",
}


class Watch:
    """One run that is looked at."""

    def __init__(self, place: Place, pace: Pace, look: Look, listener: Listener) -> None:
        self._place = place
        self._pace = pace
        self._get = look
        self._listener = listener
        self._is_cut = False
        self._was_seen = False

    def until_end(self, places: Mapping[str, str]) -> Outcome:
        """What the run came to. Raises Rejected where the service is gone for too long; the run goes on then."""
        job = self._look()
        told = Told(run_seen(job, self._place), spec_of(job), self._place, places)
        teller = Teller(told, self._listener)
        teller.begin()
        pause, state = self._pace.poll, told.run.state
        while True:
            run = run_seen(job, self._place)
            found = spots(told.spec, tasks_of(job), run.run)
            is_new = teller.take(found) or run.state != state
            if run.has_ended:
                return teller.end(run, found.root, fail_fast=_is_fail_fast(job))
            if run.state != state and run.state in _STANDS:
                self._listener(Notice(_STANDS[run.state]))
            state = run.state
            pause = self._pace.poll if is_new else min(pause * _GROWTH, self._pace.poll * _MOST)
            time.sleep(pause * random.uniform(1 - _SPREAD, 1 + _SPREAD))
            job = self._look()

    def _look(self) -> Any:
        try:
            job = raw(self._get(self._said))
        except Rejected as error:
            raise Rejected([self._unwatched(found) for found in error.diagnostics]) from error
        self._was_seen = True
        return job

    def _unwatched(self, found: Diagnostic) -> Diagnostic:
        """What is wrong, and what becomes of the run."""
        if found.rule is NOT_THERE and self._was_seen:
            fact, fix = f"{found.fact}; it was there before, so it has been deleted", "start a new run with `hpc run`"
            return replace(found, fact=fact, fix=fix)
        if found.rule is not UNREACHABLE and not self._was_seen:
            return found
        fix = "look at the network" if found.rule is UNREACHABLE else found.fix
        fact = f"{found.fact}; the run goes on without being watched"
        return replace(found, fact=fact, fix=f"{fix}, and watch it again with `hpc watch`")

    def _said(self, trouble: Trouble | None) -> None:
        """Once when the connection is lost, once when it is back."""
        if trouble is not None and trouble.rule is NOT_THERE:
            return
        if trouble is not None and not self._is_cut:
            self._listener(Notice(f"{trouble.fact}; the run goes on, {CALLED} is asked again"))
        elif trouble is None and self._is_cut:
            self._listener(Notice(f"{CALLED} answers again"))
        self._is_cut = trouble is not None


def _is_fail_fast(job: Any) -> bool:
    return int(job.runtime_config.failure_policy) == _FAIL_FAST
