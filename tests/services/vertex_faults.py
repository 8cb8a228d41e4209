"""What goes wrong on the way, on purpose: a plan of faults is asked before every request, a fault or nothing leaves.

A fault names the API's method, e.g. `pipelineJobs.create`, or `*`. Faults that are queued come first, in their order;
after them a seeded random plan, if there is one.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vertex_errors import ApiError

Kind = Literal[
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "INTERNAL",
    "cut",  # the connection ends before the request is handled
    "lost",  # the work is done, then the connection ends without an answer
    "slow",  # the answer comes after `seconds`
    "late",  # the work is done, then DEADLINE_EXCEEDED is answered
    "html",  # a proxy answers 502 with a page
]
KINDS: tuple[Kind, ...] = (
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "INTERNAL",
    "cut",
    "lost",
    "slow",
    "late",
    "html",
)
_WORDS = {
    "UNAVAILABLE": "The service is currently unavailable.",
    "DEADLINE_EXCEEDED": "Deadline expired before operation could complete.",
    "INTERNAL": "Internal error encountered.",
    "RESOURCE_EXHAUSTED": (
        "Quota exceeded for quota metric 'Pipeline job submission requests' and limit 'Pipeline job submission "
        "requests per minute per region' of service 'aiplatform.googleapis.com' for consumer 'project_number:{number}'."
    ),
}
_LONG_AGO = 1_000_000


@dataclass
class Fault:
    """Something that happens to the next `times` requests of a method. `seconds`: how long a slow answer takes."""

    kind: Kind
    method: str = "*"
    times: int = 1
    seconds: float = 0.05

    def meets(self, method: str) -> bool:
        return self.times > 0 and self.method in ("*", method)


@dataclass(frozen=True)
class RandomFaults:
    """With `share` (0..1) of the requests something of `kinds` happens, the same for the same seed; `most` in all."""

    seed: int
    share: float = 0.3
    kinds: Sequence[Kind] = KINDS
    methods: Sequence[str] = ()
    most: int = _LONG_AGO


class Faults:
    """The faults of a server. Safe to use from several threads."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []
        self._plan: RandomFaults | None = None
        self._random = random.Random(0)
        self._lock = threading.Lock()
        self.happened: list[tuple[str, Kind]] = []

    def add(self, kind: Kind, method: str = "*", times: int = 1, seconds: float = 0.05) -> None:
        self._queue.append(Fault(kind, method, times, seconds))

    def at_random(self, plan: RandomFaults | None) -> None:
        """Let faults happen at random from now on; None ends it."""
        self._plan = plan
        self._random = random.Random(plan.seed if plan else 0)

    def clear(self) -> None:
        self._queue.clear()
        self.at_random(None)

    @property
    def waiting(self) -> int:
        """How many queued faults have not happened yet."""
        return sum(fault.times for fault in self._queue)

    def next(self, method: str) -> Fault | None:
        with self._lock:
            fault = self._queued(method) or self._drawn(method)
            if fault:
                self.happened.append((method, fault.kind))
            return fault

    def _queued(self, method: str) -> Fault | None:
        fault = next((one for one in self._queue if one.meets(method)), None)
        if fault:
            fault.times -= 1
        return fault

    def _drawn(self, method: str) -> Fault | None:
        plan = self._plan
        if plan is None or len(self.happened) >= plan.most or (plan.methods and method not in plan.methods):
            return None
        if self._random.random() >= plan.share:
            return None
        return Fault(self._random.choice(tuple(plan.kinds)), method)


def error_of(kind: str, project_number: str) -> ApiError:
    return ApiError(kind, _WORDS[kind].format(number=project_number))
