"""A file that one holder has at a time, on this machine; the operating system gives it back whatever becomes of it."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from hpc.engines.local.flow.failure import TaskStoppedError
from hpc.engines.local.work.process import Stop

_BETWEEN = 0.1


@asynccontextmanager
async def locked(file: Path, stop: Stop) -> AsyncGenerator[None]:
    """Hold the file, which is made; wait for it first. Raises TaskStoppedError where the run is being stopped."""
    with file.open("w") as held:
        while not _taken(held.fileno()):
            await stop.pause(_BETWEEN)
            if stop.requested.is_set():
                raise TaskStoppedError
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
