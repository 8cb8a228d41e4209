"""The wish to stop a run, and waiting for whichever of several things comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


class Stop:
    """The wish to stop: first `requested`, then, for the impatient, `forced`."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.forced = asyncio.Event()

    def ask(self) -> None:
        if self.requested.is_set():
            self.forced.set()
        self.requested.set()

    async def pause(self, seconds: float) -> None:
        """Wait that long, or until somebody asks to stop."""
        if seconds > 0:
            await first_of(self.requested.wait(), timeout=seconds)


async def first_of(*waits: Awaitable[object], timeout: float | None = None) -> set[int]:
    """Wait for any of them; the positions of those that are done, none after `timeout` seconds.

    The others are given up, but futures go on.
    """
    tasks = [
        asyncio.shield(wait) if isinstance(wait, asyncio.Future) else asyncio.ensure_future(wait) for wait in waits
    ]
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return {position for position, task in enumerate(tasks) if task in done}
