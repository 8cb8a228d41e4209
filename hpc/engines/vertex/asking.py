"""Requests that are sent until they are answered: a call enters, its answer leaves, or Rejected with what is wrong.

A request that was not answered may have been carried out all the same. Whoever asks twice for what must be once says
so: a name that exists by then is `Exists`, and its `attempts` tell whether it can be our own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from hpc.engines.service import NOT_THERE, UNREACHABLE, Pace
from hpc.engines.vertex.trouble import Asked, Trouble, all_kinds, judged

TIMEOUT = 60.0
"""Seconds that one request may take."""

_GROWTH = 2.0
_AT_FIRST = 0.2
"""The share of the patience while nothing has ever answered: then the address is rather wrong than busy."""

T = TypeVar("T")
Said = Callable[["Trouble | None"], None]
"""Told of each trouble that is waited for, and of None when there is an answer again."""


class Exists(Exception):
    """The name that was to be made is there. `attempts` counts how often it was asked for."""

    def __init__(self, trouble: Trouble, attempts: int) -> None:
        super().__init__(trouble.fact)
        self.trouble, self.attempts = trouble, attempts


class Ended(Exception):
    """What was asked cannot be done to something in this state."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.fact)
        self.trouble = trouble


class Asker:
    """Sends requests with the pauses of one pace, and remembers whether the service has ever been heard."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._answered = False

    def ask(self, asked: Asked, send: Callable[[], T], said: Said | None = None) -> T:
        """The answer. Raises Rejected; Exists and Ended where `asked` is for what may end so."""
        waits = _Waits(self.pace)
        said = said or _Telling(self.pace).said
        while True:
            try:
                answer = send()
            except all_kinds() as error:
                trouble = judged(error, asked)
                waits.count(trouble)
                _raise_if_told_apart(trouble, asked, waits.attempts, error)
                if not self._is_worth_it(trouble, waits):
                    raise _told(trouble, asked, waits).rejected() from error
            else:
                self._answered = True
                if waits.attempts:
                    said(None)
                return answer
            said(trouble)
            waits.wait(trouble.not_before)

    def _is_worth_it(self, trouble: Trouble, waits: _Waits) -> bool:
        """Whether the same is worth asking again."""
        self._answered = self._answered or trouble.answered
        share = trouble.patience if self._answered else min(trouble.patience, _AT_FIRST)
        return waits.may_go_on(share, trouble.not_before)


def _raise_if_told_apart(trouble: Trouble, asked: Asked, attempts: int, error: Exception) -> None:
    if trouble.taken and asked.creates:
        raise Exists(trouble, attempts) from error
    if trouble.ended and asked.may_be_late:
        raise Ended(trouble) from error


def _told(trouble: Trouble, asked: Asked, waits: _Waits) -> Trouble:
    """The last trouble, with how often it was asked for, and what to do if it may have come about all the same."""
    if waits.attempts > 1:
        trouble = replace(trouble, fact=f"{trouble.fact} (asked {waits.attempts} times in {waits.seconds:.0f} s)")
    return replace(trouble, fix=asked.if_lost) if asked.if_lost and waits.is_lost else trouble


class _Telling:
    """Tells once that it is waited. A name that was just made and is not seen yet is nothing to tell."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._was_told = False

    def said(self, trouble: Trouble | None) -> None:
        if trouble is not None and trouble.rule is not NOT_THERE and not self._was_told:
            self._pace.told(f"{trouble.fact}; asking again")
            self._was_told = True


class _Waits:
    """Growing pauses that do not fall together with those of others.

    `attempts` counts those that went wrong; `is_lost` tells whether one of them may have been carried out.
    """

    def __init__(self, pace: Pace) -> None:
        self.attempts = 0
        self.is_lost = False
        self._pace = pace
        self._began = time.monotonic()
        self._next = pace.first_wait

    def count(self, trouble: Trouble) -> None:
        self.attempts += 1
        self.is_lost = self.is_lost or (trouble.rule is UNREACHABLE and trouble.patience > 0)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def may_go_on(self, share: float, not_before: float) -> bool:
        return self.seconds + max(self._next / _GROWTH, not_before) < self._pace.patience * share

    def wait(self, not_before: float) -> None:
        """Wait as it is time to, and at least `not_before` seconds."""
        time.sleep(max(self._next * random.uniform(1 / _GROWTH, 1), not_before))
        self._next = min(self._next * _GROWTH, self._pace.longest_wait)
