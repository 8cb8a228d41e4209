"""Tells a run while it goes on: events of an engine come in, text goes out on the stream that is given.

`watch(stream, live=…)` gives the listener for an engine's `run`. On a terminal it keeps a table with one row per
task; elsewhere it writes one line per start and end, without control codes. Texts that a command may want by
themselves (`summary`, `failure_block`, `output_rows`) are functions of their own. rich is imported only for the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TextIO

from hpc.cli.log_follower import LogFollower
from hpc.cli.screen import Screen, visible
from hpc.cli.tally import Clock, Tally
from hpc.cli.words import (
    RESUME,
    duration,
    end_remark,
    end_word,
    failure_block,
    headline,
    output_rows,
    start_remark,
    summary,
    told,
)
from hpc.engines.events import Event, Listener, RunFinished, RunStarted, TaskFinished, TaskStarted

__all__ = ["RESUME", "PlainView", "duration", "failure_block", "output_rows", "summary", "watch"]


@contextmanager
def watch(
    stream: TextIO,
    *,
    live: bool,
    clock: Clock = time.monotonic,
    resume: str = RESUME,
    logs: bool | Callable[[str], str] = False,
) -> Generator[Listener]:
    """A listener that draws on `stream` while the context is open: a table if `live`, else plain lines.

    `clock` gives seconds and is only used for what is still running. `resume` is the command to go on with, in which
    `{run}` is the run. With `logs` what the tasks print is shown too; a function changes each line first: the place to
    mask secrets, as nothing else does.
    """
    screen = Screen(stream)
    with _view(screen, Tally(clock), resume, live=live) as view:
        if logs is False:
            yield view
        else:
            with LogFollower(view.show_log, str if logs is True else logs).following() as follower:
                yield follower.around(view)


@contextmanager
def _view(screen: Screen, tally: Tally, resume: str, *, live: bool) -> Generator[PlainView]:
    if live:
        from hpc.cli.live import LiveView, can_be_live

        if can_be_live(screen):
            view = LiveView(screen, tally, resume)
            with view.shown():
                yield view
            return
    yield PlainView(screen, tally, resume)


class PlainView:
    """One line per start and end: for logs of build servers and for files."""

    def __init__(self, screen: Screen, tally: Tally, resume: str = RESUME) -> None:
        self._screen = screen
        self._tally = tally
        self._resume = resume

    def __call__(self, event: Event) -> None:
        self._tally.take(event)
        if text := self._text(event):
            self._write(text)

    def show_log(self, task: str, lines: Sequence[str]) -> None:
        """Write lines of a task's log, each behind the task's name. Called on any thread."""
        name = self._tally.names.of(task)
        self._write("".join(f"{name} | {line}".rstrip() + "\n" for line in lines))

    def _text(self, event: Event) -> str:
        """What the event has to say: whole lines, or nothing."""
        if isinstance(event, RunStarted):
            return headline(event) + "\n"
        if isinstance(event, TaskStarted):
            return self._started(event)
        if isinstance(event, TaskFinished):
            return self._finished(event) if self._tally.is_told(event) else ""
        if isinstance(event, RunFinished):
            return summary(event.outcome, self._tally.totals, self._resume)
        text = told(event, self._tally.names)
        return f"{' ' * len(self._count())} {text}\n" if text else ""

    def _started(self, event: TaskStarted) -> str:
        if not self._tally.is_start_told(event.task):
            return ""
        return f"{self._count()} run  {self._tally.names.of(event.task)}{start_remark(event)}\n"

    def _finished(self, event: TaskFinished) -> str:
        result, name = event.result, self._tally.names.of(event.task)
        tasks = f", {event.count} tasks" if event.count > 1 else ""
        line = f"{self._count()} {end_word(result):<4} {name}{tasks}{end_remark(result)}\n"
        return line + self._tally.failure(event) if result.state == "FAILED" else line

    def _count(self) -> str:
        """How many tasks are done of how many."""
        total = str(self._tally.total)
        return f"[{self._tally.done:>{max(2, len(total))}}/{total}]"

    def _write(self, text: str) -> None:
        self._screen.write(visible(text))
        self._screen.flush()
