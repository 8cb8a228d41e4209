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
_LOOKS = 20


def adopt() -> None:
    """Become the parent of orphans among the descendants. Does nothing where the system does not know that."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_strays(attempt: Path) -> int:
    """Kill and collect the adopted processes of an attempt whose own process has ended; how many.

    Adopted ones that have ended by themselves are collected too, whichever attempt they were of.
    """
    ended = 0
    for pid in list(_children()):
        if _belongs(pid, str(attempt)):
            _kill(pid)
            _collect(pid, 0)
            ended += 1
        elif _is_adopted_and_dead(pid):
            _collect(pid, os.WNOHANG)
    return ended


def end_orphans(run_folder: Path) -> int:
    """Kill every process of this machine that an attempt of the run has left; how many. Waits until they are gone.

    Looks again until there are none, since one may have started another before it was killed; but not for ever: what
    hangs in the kernel cannot be killed.
    """
    ended = 0
    for _ in range(_LOOKS):
        found = [pid for pid in _all_processes() if _belongs(pid, f"{run_folder}/") and pid != os.getpid()]
        if not found:
            break
        for pid in found:
            _kill(pid)
        for pid in found:
            _wait_gone(pid)
        ended += len(found)
    return ended


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


def _is_adopted_and_dead(pid: int) -> bool:
    """What this process has started itself is in its own session, or leads another (proc_pid_stat(5): field 6)."""
    with contextlib.suppress(OSError):
        state, _, _, session = _stat(pid)[:4]
        return state == "Z" and int(session) not in (pid, os.getsid(0))
    return False


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold blanks and brackets."""
    return (_PROC / str(pid) / "stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _collect(pid: int, options: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, options)


def _wait_gone(pid: int) -> None:
    import time

    for _ in range(200):
        try:
            if _stat(pid)[0] == "Z":
                return
        except OSError:
            return
        time.sleep(0.01)
