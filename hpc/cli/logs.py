"""`hpc logs`: what a task printed, byte for byte, also while it prints."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import click

from hpc.cli import CANCELLED, OK
from hpc.cli.columns import Column, size, table
from hpc.cli.history import (
    NO_LOG,
    STATES,
    History,
    Run,
    as_json,
    attempt_as_dict,
    format_option,
    reading,
    rejected,
    root_option,
    why,
)
from hpc.diagnostics import Rejected
from hpc.engines.local.store.records import AttemptRecord, TaskRecord

_PAUSE = 0.2
"""Seconds between two looks at a log and at the store."""
_CHUNK = 1 << 18
_COLUMNS = (
    Column("task", shrinks=True),
    Column("attempt", gives_way=1),
    Column("state"),
    Column("size", gives_way=2),
    Column("log", gives_way=3),
)


@click.command("logs", epilog="Example: hpc logs last train --follow")
@click.argument("run")
@click.argument("task", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until the task has ended, through all its attempts.")
@click.option("--attempt", type=click.IntRange(min=1), help="Which attempt.  [default: the last]")
@root_option
@format_option
def command(run: str, task: str | None, follow: bool, attempt: int | None, root: Path | None, form: str) -> int:
    """Print the log of TASK in RUN as it is; without TASK, list the logs of the run.

    RUN is the id of a run, its beginning or its end, or `last`; TASK is a path, or its end where that is enough. As
    JSON, the attempts are told and where their logs are.
    """
    gc.enable()
    if follow and (form == "json" or task is None):
        raise click.UsageError("--follow needs a TASK and is for text.")
    try:
        with reading(root) as history:
            found = history.run(run)
            if task is None:
                _list(history, found, form)
            elif form == "json":
                _tell(history, found, history.task(found, task), attempt)
            else:
                _Reader(history, found, history.task(found, task)).print(attempt, follow=follow)
    except KeyboardInterrupt:
        return CANCELLED
    return OK


# ---------------------------------------------------------------- lists


def _list(history: History, run: Run, form: str) -> None:
    attempts = history.store.attempts(run.id)
    if form == "json":
        click.echo(as_json([{**attempt_as_dict(each), "size": _size(Path(each.log))} for each in attempts]))
        return
    tasks = history.tasks(run)
    order = {path: number for number, path in enumerate(tasks)}
    attempts = sorted(attempts, key=lambda each: (order.get(each.path, len(order)), each.number))
    last = {each.path: each.number for each in attempts}
    rows = [_row(run, each, tasks.get(each.path) if last[each.path] == each.number else None) for each in attempts]
    click.echo("\n".join(table(_COLUMNS, rows)) if rows else "no task of the run has a log", err=not rows)


def _row(run: Run, attempt: AttemptRecord, task: TaskRecord | None) -> tuple[str, ...]:
    """A line for one attempt; the state is that of the task if it is its last one."""
    state = STATES[run.state_of(task.result)] if task is not None else "failed"
    held = _size(Path(attempt.log))
    shown = "gone" if held is None else size(held)
    return (attempt.path, str(attempt.number), state, shown, attempt.log)


def _tell(history: History, run: Run, task: TaskRecord, number: int | None) -> None:
    attempts = history.store.attempts(run.id, task.path)
    chosen = [each for each in attempts if number in (None, each.number)]
    shown = [{**attempt_as_dict(each), "size": _size(Path(each.log))} for each in chosen]
    click.echo(as_json({"run": run.id, "path": task.path, "state": run.state_of(task.result), "attempts": shown}))


def _size(log: Path) -> int | None:
    try:
        return log.stat().st_size
    except OSError:
        return None


# ---------------------------------------------------------------- the bytes


class _Log:
    """A file that may still grow, and how much of it has been printed. Its bytes reach stdout unchanged."""

    def __init__(self, path: Path, where: str) -> None:
        self._path = path
        self._where = where
        self._printed = 0

    def print_rest(self, *, must_exist: bool) -> None:
        """Print what has been added since; a file that was cut is printed from its start again."""
        for piece in self._pieces(must_exist):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()

    def _pieces(self, must_exist: bool) -> Generator[bytes]:
        try:
            with self._path.open("rb") as stream:
                if stream.seek(0, os.SEEK_END) < self._printed:
                    click.echo(f"{self._path} was cut and begins anew", err=True)
                    self._printed = 0
                stream.seek(self._printed)
                while piece := stream.read(_CHUNK):
                    self._printed += len(piece)
                    yield piece
        except FileNotFoundError:
            if must_exist:
                raise self._unreadable("it is gone") from None
        except OSError as error:
            raise self._unreadable((error.strerror or str(error)).lower()) from None

    def _unreadable(self, reason: str) -> Rejected:
        fact = f"the log {self._path} cannot be read: {reason}."
        return rejected(NO_LOG, self._where, fact, "see `hpc show` for what else is known of the task.")


@dataclass
class _Reader:
    """Prints the logs of one task."""

    history: History
    run: Run
    task: TaskRecord

    def print(self, number: int | None, *, follow: bool) -> None:
        """One attempt; if followed, it and all after it until the task has ended, or that one if it was asked for."""
        attempts = self._attempts()
        while not attempts and follow and self._goes_on():
            time.sleep(_PAUSE)
            attempts = self._attempts()
        attempt: AttemptRecord | None = self._chosen(attempts, number)
        if not follow:
            self._log(attempt).print_rest(must_exist=True)
            return
        while attempt is not None:
            self._follow(attempt)
            attempt = self._next(attempt) if number is None else None
        if self.run.state == "INTERRUPTED":
            click.echo(f"the run {self.run.id} was interrupted", err=True)

    def _log(self, attempt: AttemptRecord) -> _Log:
        return _Log(Path(attempt.log), str(self.history.root))

    def _attempts(self) -> list[AttemptRecord]:
        return self.history.store.attempts(self.run.id, self.task.path)

    def _chosen(self, attempts: list[AttemptRecord], number: int | None) -> AttemptRecord:
        path, where = self.task.path, str(self.history.root)
        if not attempts:
            raise rejected(NO_LOG, where, *self._without())
        if number is None:
            return attempts[-1]
        for attempt in attempts:
            if attempt.number == number:
                return attempt
        fact = f"the task `{path}` has no attempt {number} in the run {self.run.id}."
        raise rejected(NO_LOG, where, fact, f"its attempts are {', '.join(str(each.number) for each in attempts)}.")

    def _without(self) -> tuple[str, str]:
        """The fact and the fix for a task that was never started."""
        task, state = self.task, STATES[self.run.state_of(self.task.result)]
        if not task.result.is_leaf:
            return f"`{task.path}` is a {task.result.kind} of tasks, which has no log.", self._inside()
        reason = why(task.result)
        fact = f"the task `{task.path}` has no log: it is {state}{f' ({reason})' if reason else ''}."
        if task.origin is not None:
            return fact, f"see where its result is from: `hpc logs {' '.join(task.origin)}`."
        return fact, f"see `hpc show {self.run.id}`."

    def _inside(self) -> str:
        below = (f"{self.task.path}/", f"{self.task.path}[")
        logs = [each.path for each in self.history.store.attempts(self.run.id) if each.path.startswith(below)]
        return f"name a task in it, e.g. `{logs[0]}`." if logs else f"see `hpc show {self.run.id}`."

    def _goes_on(self) -> bool:
        """Whether the task may still begin an attempt, or is in one."""
        self.run = self.history.run(self.run.id)
        if self.run.state != "RUNNING":
            return False
        task = self.history.store.task(self.run.id, self.task.path)
        return task is not None and task.result.state == "RUNNING"

    def _follow(self, attempt: AttemptRecord) -> None:
        """Print what the attempt writes until it has ended. It is asked whether it has before its log is read."""
        log, is_over = self._log(attempt), False
        while not is_over:
            is_over = self._is_over(attempt)
            log.print_rest(must_exist=False)
            if not is_over:
                time.sleep(_PAUSE)

    def _is_over(self, attempt: AttemptRecord) -> bool:
        now = next((each for each in self._attempts() if each.number == attempt.number), attempt)
        return now.ended is not None or not self._goes_on()

    def _next(self, attempt: AttemptRecord) -> AttemptRecord | None:
        """The attempt that follows, waiting for it as long as there may be one."""
        while True:
            goes_on = self._goes_on()
            later = [each for each in self._attempts() if each.number > attempt.number]
            if later:
                return later[0]
            if not goes_on:
                return None
            time.sleep(_PAUSE)
