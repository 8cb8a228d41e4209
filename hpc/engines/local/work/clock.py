"""The time of a run."""

from __future__ import annotations

import time


class Clock:
    """Seconds since the epoch that never jump: read once, then carried on by the monotonic clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return self._offset + time.monotonic()
