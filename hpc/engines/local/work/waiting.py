"""Waiting for a child process: its return code and the most memory that it used."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from pathlib import Path

Exit = tuple[int, int | None]
"""Return code, negative for a signal; peak of resident memory in bytes of the process and of those it waited for,
None where it is less than that of this process."""

_UNIT = 1 if sys.platform == "darwin" else 1024


def exit_of(process: subprocess.Popen[bytes]) -> asyncio.Future[Exit]:
    """How the process ends. Costs no thread where the system gives a descriptor for a process (Linux 5.3)."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return loop.run_in_executor(None, _wait, process)
    ended: asyncio.Future[Exit] = loop.create_future()

    def collect() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        if not ended.done():
            ended.set_result(_wait(process))

    loop.add_reader(descriptor, collect)
    return ended


def _wait(process: subprocess.Popen[bytes]) -> Exit:
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except ChildProcessError:
        return process.wait(), None
    process.returncode = os.waitstatus_to_exitcode(status)
    # What is smaller is the memory of this process, which every child counts as its own until its program begins.
    peak = usage.ru_maxrss * _UNIT
    return process.returncode, peak if peak > _own_peak() else None


def _own_peak() -> int:
    """The most memory of this process in bytes, since its program began where the system tells that (proc(5))."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
