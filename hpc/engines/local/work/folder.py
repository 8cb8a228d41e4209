"""The folder of a run: its name, the names of what is in it, and small files that are never half-written.

<root>/runs/<run id>/pipeline.json                    the document that is run
                     platform.json                    its second document, if there is one
                     run.json                         state, outputs and tasks
                     <task>/task.json                 the task's result
                     <task>/<attempt>/log.txt         what the task printed
                     <task>/<attempt>/run.sh          the same command again
                     <task>/<attempt>/outputs/<name>  artifacts
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_UNSAFE = re.compile(r"[^a-z0-9._-]")
_LONGEST = 80


class Clock:
    """Seconds since the epoch that never jump: read once, then carried on by the monotonic clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return self._offset + time.monotonic()


def make_run_folder(root: Path, now: float) -> Path:
    """A new folder `<root>/runs/<day>-<four characters>`. Names sort by time; OSError if it cannot be made.

    The four characters count the day in steps of a nineteenth of a second.
    """
    _make_root(root)
    moment = time.localtime(now)
    step = int(((moment.tm_hour * 60 + moment.tm_min) * 60 + moment.tm_sec + now % 1) * 19)
    while True:
        folder = root / "runs" / f"{time.strftime('%Y-%m-%d', moment)}-{_base36(step)}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            step += 1


def folder_name(name: str) -> str:
    """A name for a folder: bounded, without anything special, different for names that differ only in case."""
    safe = _UNSAFE.sub("_", name.lower()).lstrip(".-")
    if safe == name and len(name) <= _LONGEST:
        return name
    return f"{safe[:_LONGEST] or 'task'}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def write_json(file: Path, value: object) -> None:
    """Write the value so that a reader sees all of it or the former file."""
    write_text(file, json.dumps(value, indent=1, default=str) + "\n")


def write_text(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(text, "utf-8", errors="surrogateescape")
    temporary.replace(file)


def _make_root(root: Path) -> None:
    if not root.exists():  # another run may be making it in this very moment
        root.mkdir(parents=True, exist_ok=True)
        (root / ".gitignore").write_text("*\n", "utf-8")
    (root / "runs").mkdir(exist_ok=True)


def _base36(number: int) -> str:
    digits = ""
    for _ in range(4):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
