"""A file that one holder has at a time, on this machine; the operating system gives it back whatever becomes of it."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from hpc.engines.local.flow.failure import TaskStoppedError
from hpc.engines.local.work.stopping import Stop

_BETWEEN = 0.1


@asynccontextmanager
async def locked(file: Path, stop: Stop) -> AsyncGenerator[None]:
    """Hold the file, which is made; wait for it first. Raises TaskStoppedError where the run is being stopped."""
    while (held := take(file)) is None:
        await stop.pause(_BETWEEN)
        if stop.requested.is_set():
            raise TaskStoppedError
    with held:
        yield


def take(file: Path) -> IO[str] | None:
    """The file, which is made and held until it is closed; None where somebody else holds it."""
    held = file.open("a")
    try:
        fcntl.flock(held.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        return None
    return held
