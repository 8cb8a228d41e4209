"""Host processes: one command, its output into a file, its whole process group gone at the end.

Every process leads a session of its own, so that a signal reaches all its children and Ctrl-C on the terminal reaches
the engine alone. Waiting is for the process, not for its output: a child that keeps the log open holds nothing up.

A command with a place to `keep` runs under a small shell program that outlives the engine: it writes its process id
there before the command begins, and the exit code after it has ended. An engine that takes over reads both.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.work.stopping import Stop, first_of
from hpc.engines.local.work.waiting import Exit, exit_of

_KEEPER = """\
trap : TERM INT HUP
echo $$ > "$0/pid" || exit 1
"$@"
code=$?
echo $code > "$0/exit"
exit $code
"""
_NOT_STARTED = (126, 127)


@dataclass(frozen=True)
class Command:
    """A program with its arguments, its working folder and its whole environment.

    `keep` is the folder for its process id and exit code; None for a command that nobody takes over.
    """

    argv: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]
    keep: Path | None = None

    @property
    def started(self) -> tuple[str, ...]:
        """What is really executed."""
        return self.argv if self.keep is None else ("/bin/sh", "-c", _KEEPER, str(self.keep), *self.argv)


@dataclass(frozen=True)
class Ending:
    """How a process ended. `exit_code` is the shell's: 128 + n for signal n. `peak` is memory in bytes, if known."""

    exit_code: int
    timed_out: bool = False
    stopped: bool = False
    peak: int | None = None

    def words(self) -> str:
        """`exit code 3`, `killed by signal 9 (SIGKILL): out of memory?`."""
        names = {one.value: one.name for one in signal.Signals}
        number = self.exit_code - 128
        if number not in names:
            return f"exit code {self.exit_code}"
        guess = {"SIGKILL": ": out of memory?", "SIGSEGV": ": a crash in native code"}.get(names[number], "")
        return f"killed by signal {number} ({names[number]}){guess}"


async def run_process(command: Command, log: Path, stop: Stop, *, grace: float, limit: float | None = None) -> Ending:
    """Run the command to its end, appending what it prints to `log`.

    After `limit` seconds, or when `stop` asks, its group gets SIGTERM and, `grace` seconds later or when forced,
    SIGKILL. Raises TaskError with a sentence where the program cannot be started.
    """
    process = _start(command, log)
    try:
        ending = await _finish(process.pid, exit_of(process), stop, (grace, limit))
    finally:
        signal_group(process.pid, signal.SIGKILL)
    if command.keep is not None and ending.exit_code in _NOT_STARTED:
        _refuse_missing(command, ending.exit_code)
    return ending


async def _finish(pid: int, ended: asyncio.Future[Exit], stop: Stop, patience: tuple[float, float | None]) -> Ending:
    grace, limit = patience
    done = await first_of(ended, stop.requested.wait(), timeout=limit)
    if 0 not in done:
        signal_group(pid, signal.SIGTERM)
        if 0 not in await first_of(ended, stop.forced.wait(), timeout=grace):
            signal_group(pid, signal.SIGKILL)
    code, peak = await ended
    exit_code = 128 - code if code < 0 else code
    return Ending(exit_code, timed_out=not done, stopped=0 not in done and 1 in done, peak=peak)


def _start(command: Command, log: Path) -> subprocess.Popen[bytes]:
    if not command.folder.is_dir():
        raise TaskError(f"the working folder does not exist: {command.folder}")
    try:
        with log.open("ab", buffering=0) as stream:
            return subprocess.Popen(
                command.started,
                cwd=command.folder,
                env=command.environ,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except ValueError as error:
        raise TaskError(f"the command cannot be passed to a program: {error}") from None
    except OSError as error:
        raise TaskError(_start_failure(command, error.errno or 0, error.strerror or str(error))) from None


def _refuse_missing(command: Command, exit_code: int) -> None:
    """Exit codes 126 and 127 are the shell's for what it cannot start, if that is so; else the program's own."""
    program = command.argv[0]
    path = command.environ.get("PATH", os.defpath)
    found = shutil.which(program, mode=os.F_OK, path=path) if "/" not in program else _existing(command)
    words = ""
    if exit_code == 127 and found is None:
        words = _start_failure(command, errno.ENOENT, "")
    elif exit_code == 126 and found is not None and not os.access(found, os.X_OK):
        words = _start_failure(command, errno.EACCES, "")
    elif found is not None:
        words = _misfit(program, _beginning(found), exit_code)
    if words:
        raise TaskError(words, exit_code=exit_code)


def _misfit(program: str, beginning: bytes, exit_code: int) -> str:
    """Why a file that may be executed cannot be, as far as its beginning tells; empty for none."""
    if beginning.startswith(b"#!"):
        named = beginning[2:].split(maxsplit=1)[:1]
        if exit_code == 127 and named and not os.path.exists(named[0]):  # noqa: PTH110  bytes
            return f"{program} is there, but the interpreter in its first line (#!) is not"
    elif exit_code == 126 and not beginning.startswith(b"\x7fELF"):
        return f"{program} is neither a program nor a script with a first line like #!/bin/sh"
    return ""


def _beginning(file: str) -> bytes:
    with contextlib.suppress(OSError), open(file, "rb") as stream:  # noqa: PTH123
        return stream.readline(256)
    return b""


def _existing(command: Command) -> str | None:
    file = command.folder / command.argv[0]
    return str(file) if file.exists() else None


def _start_failure(command: Command, number: int, text: str) -> str:
    program = command.argv[0]
    if number == errno.E2BIG:
        longest = max(len(os.fsencode(argument)) for argument in command.argv)
        return (
            f"the command is too long for the operating system (its longest argument has {longest:,} bytes, "
            "Linux takes 131,072); pass large values as an artifact"
        )
    if number == errno.ENOENT:
        place = f"in {command.folder}" if "/" in program else "in any folder of PATH"
        return f"there is no program {program} {place}"
    if number == errno.EACCES:
        return f"{program} is not executable; chmod +x it, or run it through its interpreter"
    return f"{program} cannot be started: {text}"


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal what is left of the group of a leader, which may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
