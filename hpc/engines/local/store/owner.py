"""Which process runs a run, and whether it still does: text of the form "pid:start" goes in and comes out.

`start` is when the process began, so that a number that the system has given away again is not taken for it: field 22
of /proc/<pid>/stat (proc_pid_stat(5)), in ticks since the machine started. It is empty where there is no /proc.
"""

from __future__ import annotations

import os
from pathlib import Path

_GONE = {"Z", "X", "x"}
"""States of a process that has ended and of which only the entry is left."""


def myself() -> str:
    """This process."""
    _, start = _state_and_start(os.getpid())
    return f"{os.getpid()}:{start}"


def is_alive(text: str) -> bool:
    """Whether the process that called itself `text` still runs on this machine. False for anything else."""
    number, _, start = text.partition(":")
    if not number.isascii() or not number.isdecimal() or int(number) == 0:
        return False
    if not start:
        return _exists(int(number))
    state, found = _state_and_start(int(number))
    return found == start and state not in _GONE


def _state_and_start(pid: int) -> tuple[str, str]:
    """Fields 3 and 22. The name before them may hold blanks and brackets; it ends with the last bracket."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()
    return (fields[0], fields[19]) if len(fields) > 19 else ("", "")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
