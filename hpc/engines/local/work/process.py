"""Host processes: one command, its output into a file, its whole process group gone at the end.

Every process leads a session of its own, so that a signal reaches all its children and Ctrl-C on the terminal reaches
the engine alone. Waiting is for the process, not for its output: a child that keeps the log open holds nothing up.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpc.engines.local.flow.failure import TaskError


@dataclass(frozen=True)
class Command:
    """A program with its arguments, its working folder and its whole environment."""

    argv: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Ending:
    """How a process ended. `code` is negative for a signal, as the operating system reports it."""

    code: int
    timed_out: bool = False
    stopped: bool = False

    @property
    def exit_code(self) -> int:
        """The shell's number: 128 + n for signal n."""
        return 128 - self.code if self.code < 0 else self.code

    def words(self) -> str:
        """`exit code 3`, `killed by signal 9 (SIGKILL): out of memory?`."""
        if self.code >= 0:
            return f"exit code {self.code}"
        number = -self.code
        names = {one.value: one.name for one in signal.Signals}
        guess = {"SIGKILL": ": out of memory?", "SIGSEGV": ": a crash in native code"}.get(names.get(number, ""), "")
        return f"killed by signal {number} ({names.get(number, 'unknown')}){guess}"


class Stop:
    """The wish to stop: first `requested`, then, for the impatient, `forced`."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.forced = asyncio.Event()

    def ask(self) -> None:
        if self.requested.is_set():
            self.forced.set()
        self.requested.set()

    async def pause(self, seconds: float) -> None:
        """Wait that long, or until somebody asks to stop."""
        if seconds > 0:
            await first_of(self.requested.wait(), timeout=seconds)


async def first_of(*waits: Coroutine[Any, Any, object], timeout: float | None = None) -> set[int]:
    """Wait for any of them; the positions of those that are done, none after `timeout` seconds."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return {position for position, task in enumerate(tasks) if task in done}


async def run_process(command: Command, log: Path, stop: Stop, *, grace: float, limit: float | None = None) -> Ending:
    """Run the command to its end, appending what it prints to `log`.

    After `limit` seconds, or when `stop` asks, its group gets SIGTERM and, `grace` seconds later or when forced,
    SIGKILL. Raises TaskError with a sentence where the program cannot be started.
    """
    process = await _start(command, log)
    try:
        return await _finish(process, stop, grace, limit)
    finally:
        _signal_group(process, signal.SIGKILL)


async def _finish(process: Process, stop: Stop, grace: float, limit: float | None) -> Ending:
    done = await first_of(process.wait(), stop.requested.wait(), timeout=limit)
    if 0 in done:
        return Ending(await process.wait())
    _signal_group(process, signal.SIGTERM)
    if 0 not in await first_of(process.wait(), stop.forced.wait(), timeout=grace):
        _signal_group(process, signal.SIGKILL)
    return Ending(await process.wait(), timed_out=not done, stopped=1 in done)


async def _start(command: Command, log: Path) -> Process:
    if not command.folder.is_dir():
        raise TaskError(f"the working folder does not exist: {command.folder}")
    try:
        with log.open("ab", buffering=0) as stream:
            return await asyncio.create_subprocess_exec(
                *command.argv,
                cwd=command.folder,
                env=command.environ,
                stdin=DEVNULL,
                stdout=stream,
                stderr=STDOUT,
                start_new_session=True,
            )
    except ValueError as error:
        raise TaskError(f"the command cannot be passed to a program: {error}") from None
    except OSError as error:
        raise TaskError(_start_failure(command, error)) from None


def _start_failure(command: Command, error: OSError) -> str:
    program = command.argv[0]
    if error.errno == errno.E2BIG:
        longest = max(len(os.fsencode(argument)) for argument in command.argv)
        return (
            f"the command is too long for the operating system (its longest argument has {longest:,} bytes, "
            "Linux takes 131,072); pass large values as an artifact"
        )
    if error.errno == errno.ENOENT:
        if shutil.which(program, path=command.environ.get("PATH", os.defpath)) or (command.folder / program).exists():
            return f"{program} is there, but the interpreter in its first line (#!) is not"
        place = f"in {command.folder}" if "/" in program else "in any folder of PATH"
        return f"there is no program {program} {place}"
    if error.errno == errno.EACCES:
        return f"{program} is not executable; chmod +x it, or run it through its interpreter"
    if error.errno == errno.ENOEXEC:
        return f"{program} is neither a program nor a script with a first line like #!/bin/sh"
    return f"{program} cannot be started: {error.strerror or error}"


def _signal_group(process: Process, number: signal.Signals) -> None:
    """Signal what is left of the group; the leader may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
