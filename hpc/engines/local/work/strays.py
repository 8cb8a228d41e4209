"""Processes that got away from their task: daemons with a session of their own, and what a killed engine left behind.

A task and all that it starts have the variable HPC_ATTEMPT with the folder of the attempt, unless they clear their
environment. On Linux the engine becomes the parent of those whose own parent has ended, and so finds them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

MARK = "HPC_ATTEMPT"
_PR_SET_CHILD_SUBREAPER = 36
_MARKED = f"{MARK}=".encode()
_PROC = Path("/proc")


def adopt() -> None:
    """Become the parent of orphans among the descendants. Does nothing where the system does not know that."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_strays(attempt: Path) -> int:
    """Kill and collect the adopted processes of an attempt whose own process has ended; how many."""
    ended = 0
    for pid in list(_children()):
        if _belongs(pid, str(attempt)):
            _kill(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
            ended += 1
    return ended


def end_orphans(run_folder: Path) -> int:
    """Kill every process of this machine that an attempt of the run has left; how many. Waits until they are gone."""
    found = [pid for pid in _all_processes() if _belongs(pid, f"{run_folder}/") and pid != os.getpid()]
    for pid in found:
        _kill(pid)
    for pid in found:
        _wait_gone(pid)
    return len(found)


def _children() -> Iterator[int]:
    for thread in _PROC.glob("self/task/*/children"):
        with contextlib.suppress(OSError):
            yield from map(int, thread.read_text().split())


def _all_processes() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return []


def _belongs(pid: int, folder: str) -> bool:
    """Whether the process has the mark of that attempt, or, with a slash at the end, of one in that folder."""
    with contextlib.suppress(OSError):
        environ = (_PROC / str(pid) / "environ").read_bytes()
        mark = next((entry for entry in environ.split(b"\0") if entry.startswith(_MARKED)), _MARKED)
        place = os.fsdecode(mark.removeprefix(_MARKED))
        return place.startswith(folder) if folder.endswith("/") else place == folder
    return False


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _wait_gone(pid: int) -> None:
    import time

    for _ in range(200):
        try:
            state = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.01)
