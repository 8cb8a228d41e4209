"""Looks at a run until it has ended: looks enter, events and at last an Outcome leave.

The pauses grow while nothing happens, and vary so that many who look do not do it at the same moment.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from hpc.diagnostics import Diagnostic, Rejected
from hpc.engines.events import Listener, Notice
from hpc.engines.outcome import Outcome
from hpc.engines.service import UNREACHABLE, Pace
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


class Watch:
    """One run that is looked at."""

    def __init__(self, place: Place, pace: Pace, look: Look, listener: Listener) -> None:
        self._place = place
        self._pace = pace
        self._get = look
        self._listener = listener
        self._is_cut = False

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
            state = run.state
            pause = self._pace.poll if is_new else min(pause * _GROWTH, self._pace.poll * _MOST)
            time.sleep(pause * random.uniform(1 - _SPREAD, 1 + _SPREAD))
            job = self._look()

    def _look(self) -> Any:
        try:
            return raw(self._get(self._said))
        except Rejected as error:
            raise Rejected([_and_it_goes_on(found) for found in error.diagnostics]) from error

    def _said(self, trouble: Trouble | None) -> None:
        """Once when the connection is lost, once when it is back."""
        if trouble is not None and not self._is_cut:
            self._listener(Notice(f"{trouble.fact}; the run goes on, {CALLED} is asked again"))
        elif trouble is None:
            self._listener(Notice(f"{CALLED} answers again"))
        self._is_cut = trouble is not None


def _and_it_goes_on(found: Diagnostic) -> Diagnostic:
    if found.rule is not UNREACHABLE:
        return found
    fact = f"{found.fact}; the run goes on without being watched"
    return Diagnostic(found.rule, found.where, fact, "look at the network, and watch it again with `hpc watch`")


def _is_fail_fast(job: Any) -> bool:
    return int(job.runtime_config.failure_policy) == _FAIL_FAST
