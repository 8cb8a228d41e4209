"""The process that runs Hydra: plain questions enter, plain replies leave. What it prints is not part of the answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

SECONDS = 60.0
"""A process may take this long, and one second more for each question."""
SECONDS_AGAIN = 20.0
"""The same for one that is asked again what another did not answer."""

# The working directory is not searched for modules. Variables that change what Hydra says or raises are dropped.
_PROGRAM = """\
import sys; del sys.path[0]; import json, os; given = json.loads(sys.stdin.buffer.read()); sys.path[:] = given["path"]
for name in [name for name in os.environ if name.startswith(("HYDRA_", "OC_", "SELF_WARNING"))]: del os.environ[name]
from hpc.composing.child import main; main(given["questions"]); os._exit(0)
"""


class HydraProcessError(Exception):
    """The process died or hung, which is Hydra's doing, or that of a program that `imports` names; or there is none."""


def replies(folder: Path, questions: Sequence[dict[str, Any]], is_again: bool = False) -> list[dict[str, Any]]:
    """A reply for each question, from one process that works in `folder`. Raises HydraProcessError."""
    seconds = (SECONDS_AGAIN if is_again else SECONDS) + len(questions)
    try:
        given = json.dumps({"path": [_settled(entry) for entry in sys.path], "questions": questions}).encode()
        process = _start(folder)
    except (OSError, ValueError) as error:  # ValueError: of a folder that is no path
        raise HydraProcessError(f"no process can be started for it: {_reason(error)}") from None
    try:
        said, noise = process.communicate(given, timeout=seconds)
    except BaseException as error:
        _end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise HydraProcessError(f"Hydra did not answer within {seconds:.0f} seconds") from None
        raise
    return _read(said, len(questions), f"exit code {process.returncode}{_last_line(noise)}")


def _reason(error: Exception) -> str:
    return (error.strerror or str(error) if isinstance(error, OSError) else str(error)).lower()


def _settled(entry: str) -> str:
    """An entry of sys.path that means the same in every working directory; those that are no paths stay."""
    return os.path.abspath(entry) if os.path.exists(entry or ".") else entry  # noqa: PTH100, PTH110  it may be empty


def _start(folder: Path) -> subprocess.Popen[bytes]:
    """A process of its own session, so that whatever it starts can be ended with it."""
    own = ["-B"] if sys.dont_write_bytecode else []
    command = [sys.executable, "-E", "-X", "utf8", *own, "-c", _PROGRAM]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _read(said: bytes, count: int, ending: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(said)
    except ValueError:
        raise HydraProcessError(f"Hydra gave no answer: {ending}") from None
    if not isinstance(found, list) or len(found) != count:  # pyright: ignore[reportUnknownArgumentType]  JSON is untyped
        raise HydraProcessError(f"Hydra did not answer every question: {ending}")
    return found  # pyright: ignore[reportUnknownVariableType]  JSON is untyped


def _last_line(noise: bytes) -> str:
    lines = noise.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last}" if last else ""
