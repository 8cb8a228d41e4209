"""The folder of a run: its name, the names of what is in it, and small files that are never half-written.

<root>/hpc.db                                               all that is known of all runs
<root>/runs/<run id>/pipeline.json                          the document that is run
                     platform.json                          its second document, if there is one
                     lock                                   held by the engine that runs it
                     tasks/<task>/<attempt>/log.txt         what the task printed
                     tasks/<task>/<attempt>/run.sh          the same command again
                     tasks/<task>/<attempt>/pid, exit       of its process
                     tasks/<task>/<attempt>/outputs/<name>  artifacts

<task> is a path: a folder for each DAG, `loop.3` for the iteration 3.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path

from hpc.engines.local.store.root import make_root

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_UNSAFE = re.compile(r"[^a-z0-9._-]")
_ITERATION = re.compile(r"\[([0-9]+)\]$")
_LONGEST = 80
_DEEPEST = 400


def make_run_folder(root: Path, now: float) -> Path:
    """A new folder `<root>/runs/<day>-<four characters>`. Names sort by time; OSError if it cannot be made.

    The four characters count the day in steps of a nineteenth of a second.
    """
    make_root(root)
    moment = time.localtime(now)
    step = int(((moment.tm_hour * 60 + moment.tm_min) * 60 + moment.tm_sec + now % 1) * 19)
    while True:
        folder = root / "runs" / f"{time.strftime('%Y-%m-%d', moment)}-{_base36(step)}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            step += 1


def attempt_folder(run_folder: Path, path: str, number: int) -> Path:
    """The folder of one attempt of a task. Of bounded length, also for tasks far inside."""
    parts = [folder_name(_ITERATION.sub(r".\1", part)) for part in path.split("/")]
    inner = "/".join(parts)
    return run_folder / "tasks" / (inner if len(inner) <= _DEEPEST else folder_name(path)) / str(number)


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


def _base36(number: int) -> str:
    digits = ""
    for _ in range(4):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
