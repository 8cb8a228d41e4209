"""Draws a run while it goes on: events of an engine come in, text goes out on the stream that is given.

`watch(stream, live=…)` gives the listener for an engine's `run`. On a terminal it keeps a table with one row per
task; elsewhere it writes one line per start and end, without control codes. Texts that a command may want by
themselves (`summary`, `failure_block`, `output_rows`) are functions of their own. rich is imported only for the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from hpc.engines.events import (
    EnvironmentBuilding,
    EnvironmentReady,
    Event,
    Listener,
    Notice,
    RunFinished,
    RunStarted,
    Stopping,
    TaskFinished,
    TaskRetrying,
    TaskStarted,
)
from hpc.engines.outcome import Artifact, Outcome, TaskResult

if TYPE_CHECKING:
    from rich.table import Table

Clock = Callable[[], float]

_WORDS = {"SUCCEEDED": "OK", "CACHED": "KEPT", "FAILED": "FAIL", "SKIPPED": "SKIP", "CANCELLED": "STOP"}
_TOTALS = {
    "SUCCEEDED": "OK",
    "CACHED": "cached",
    "FAILED": "failed",
    "SKIPPED": "skipped",
    "CANCELLED": "stopped",
}
_MARKS = {
    "waiting": ("·", "dim"),
    "running": ("▶", "cyan"),
    "SUCCEEDED": ("✓", "green"),
    "CACHED": ("=", "green"),
    "FAILED": ("✗", "bold red"),
    "SKIPPED": ("-", "dim"),
    "CANCELLED": ("■", "yellow"),
}
_REASONS = {
    "upstream": "a task before it failed",
    "fail-fast": "another task failed",
    "condition": "condition is false",
}
_MOST_ARTIFACTS = 12
_ROWS_KEPT_FREE = 4


@contextmanager
def watch(stream: TextIO, *, live: bool, clock: Clock = time.monotonic) -> Generator[Listener]:
    """A listener that draws on `stream` while the context is open: a table if `live`, else plain lines.

    `clock` gives seconds and is only used for what is still running.
    """
    if not live:
        yield _outliving(PlainView(stream))
        return
    view = LiveView(stream, clock)
    with view.shown():
        yield view


def _outliving(view: Listener) -> Listener:
    """A listener that falls silent when its stream is gone: a run outlives whoever watches it."""

    def listen(event: Event) -> None:
        with suppress(OSError):
            view(event)

    return listen


def duration(seconds: float) -> str:
    """`1.2 s`, `3 min 05 s`, `2 h 03 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def headline(event: RunStarted) -> str:
    tasks = _counted(len(event.tasks), "task")
    return f"{event.pipeline}: run {event.run}, {tasks}, {_counted(event.jobs, 'job')}, {event.mode}, {event.folder}"


def failure_block(event: TaskFinished) -> str:
    """What went wrong, the command to try again, the end of the log and where all of it is."""
    result, failure = event.result, event.failure
    attempts = f" after {result.attempts} attempts" if result.attempts > 1 else ""
    lines = [f"{event.task} failed{attempts}: {result.error}"]
    if failure and failure.command:
        lines += _indented("command:", [_shortened(failure.command)])
    if failure and failure.script:
        lines.append(f"  again:   sh {failure.script}")
    if failure and failure.tail:
        lines += _indented("log:", list(failure.tail))
    lines.append(f"  log file: {result.log}" if result.log else "  no log")
    return "\n".join(lines) + "\n"


def summary(outcome: Outcome) -> str:
    """The last lines: totals, wall time, where the artifacts are. Values of outputs are not in it."""
    states = [result.state for result in outcome.tasks.values()]
    totals = [f"{states.count(state)} {word}" for state, word in _TOTALS.items() if state in states]
    lines = [f"{outcome.state.lower()}: {', '.join(totals) or 'nothing to do'} in {duration(outcome.seconds)}"]
    lines += _indented("artifacts:", _artifact_lines(outcome))
    failed = [path for path, result in outcome.tasks.items() if result.state == "FAILED"]
    if failed:
        lines.append(f"  failed: {', '.join(failed)}")
    if outcome.folder:
        lines.append(f"  run folder: {outcome.folder}")
    return "\n".join(lines) + "\n"


def output_rows(outcome: Outcome) -> list[tuple[str, object]]:
    """The pipeline's outputs: name and value, or the path of an artifact."""
    return [(name, value.uri if isinstance(value, Artifact) else value) for name, value in outcome.outputs.items()]


class PlainView:
    """One line per start and end: for logs of build servers and for files."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._done = 0
        self._total = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._total = len(event.tasks)
            self._write(headline(event))
        elif isinstance(event, TaskStarted):
            again = f", attempt {event.attempt}" if event.attempt > 1 else ""
            self._write(f"{self._blank()} run  {event.task}{again}")
        elif isinstance(event, TaskFinished):
            self._finished(event)
        else:
            self._other(event)
        self._stream.flush()

    def _finished(self, event: TaskFinished) -> None:
        self._done += 1
        word = _WORDS[event.result.state]
        self._write(f"[{self._done:>{self._width()}}/{self._total}] {word:<4} {event.task}{_remark(event.result)}")
        if event.result.state == "FAILED":
            self._write(failure_block(event), end="")

    def _other(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            self._write(summary(event.outcome), end="")
        elif text := _told(event):
            self._write(f"{self._blank()} {text}")

    def _blank(self) -> str:
        return " " * (self._width() + len(str(self._total)) + 3)

    def _width(self) -> int:
        return max(2, len(str(self._total)))

    def _write(self, text: str, end: str = "\n") -> None:
        self._stream.write(text + end)


@dataclass
class _Row:
    """What the table knows of one task."""

    state: str = "waiting"
    attempt: int = 0
    began: float = 0.0
    seconds: float = 0.0
    remark: str = ""


class LiveView:
    """A table that is drawn again and again, with failures written above it as they come."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        from rich.console import Console
        from rich.live import Live

        self._clock = clock
        self._console = Console(file=stream, highlight=False)
        self._rows: dict[str, _Row] = {}
        self._live = Live(
            console=self._console,
            get_renderable=self.table,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    @contextmanager
    def shown(self) -> Generator[None]:
        """The table is on the screen while the context is open; its last state stays there."""
        with self._live:
            yield

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._rows = {task: _Row() for task in event.tasks}
            self._print(headline(event))
        elif isinstance(event, TaskStarted):
            row = self._rows[event.task]
            began = row.began if row.attempt else self._clock()
            self._rows[event.task] = _Row("running", event.attempt, began)
        elif isinstance(event, TaskFinished):
            self._finished(event)
        else:
            self._other(event)

    def table(self) -> Table:
        """One row per task, never more than the screen has: what runs or failed is kept, the rest is counted."""
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        shown, left_out = self._fitting()
        for task in shown:
            row = self._rows[task]
            mark, style = _MARKS[row.state]
            elapsed = self._clock() - row.began if row.state == "running" else row.seconds
            time_text = duration(elapsed) if row.attempt else ""
            table.add_row(Text(mark, style), Text(task), Text(time_text, "dim", justify="right"), Text(self._note(row)))
        if left_out:
            table.add_row("", Text(f"and {left_out} more", "dim"), "", "")
        return table

    def _finished(self, event: TaskFinished) -> None:
        result = event.result
        row = self._rows[event.task]
        reason = _REASONS.get(result.reason or "", result.reason or "")
        self._rows[event.task] = _Row(result.state, result.attempts, row.began, result.seconds, reason)
        if result.state == "FAILED":
            self._print(failure_block(event).rstrip("\n"))

    def _other(self, event: Event) -> None:
        if isinstance(event, (EnvironmentBuilding, EnvironmentReady)):
            building = isinstance(event, EnvironmentBuilding)
            self._rows[event.task].remark = "making its environment" if building else ""
        elif isinstance(event, RunFinished):
            self._live.stop()
            if not self._console.is_terminal:
                self._console.print()
            self._print(summary(event.outcome).rstrip("\n"))
        elif text := _told(event):
            self._print(text)

    def _fitting(self) -> tuple[list[str], int]:
        room = max(1, self._console.height - _ROWS_KEPT_FREE)
        if len(self._rows) <= room:
            return list(self._rows), 0
        rank = {"running": 0, "FAILED": 1, "waiting": 2}
        order = sorted(self._rows, key=lambda task: rank.get(self._rows[task].state, 3))
        kept = set(order[:room])
        return [task for task in self._rows if task in kept], len(self._rows) - room

    def _note(self, row: _Row) -> str:
        return row.remark or (f"attempt {row.attempt}" if row.attempt > 1 else "")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


def _told(event: Event) -> str:
    """Events that are one line in either view."""
    if isinstance(event, EnvironmentBuilding):
        return f"env  {event.task}: making an environment from {event.requirements} ({event.log})"
    if isinstance(event, EnvironmentReady):
        return f"env  {event.task}: ready ({duration(event.seconds)})"
    if isinstance(event, TaskRetrying):
        return f"wait {event.task}: attempt {event.attempt} failed ({event.error}), again in {duration(event.wait)}"
    if isinstance(event, Stopping):
        return _stopping(event)
    return f"note {event.text}" if isinstance(event, Notice) else ""


def _stopping(event: Stopping) -> str:
    running = _counted(event.running, "running task")
    if event.forced:
        return f"stop killing {running}"
    return f"stop no new tasks; {running} asked to end, killed after {event.grace:g} s or at the next Ctrl-C"


def _remark(result: TaskResult) -> str:
    if result.state == "SKIPPED":
        return f" ({_REASONS.get(result.reason or '', result.reason or '')})"
    if not result.attempts:
        return ""
    attempts = f", attempt {result.attempts}" if result.attempts > 1 else ""
    return f" ({duration(result.seconds)}{attempts})"


def _artifact_lines(outcome: Outcome) -> list[str]:
    found = [
        (f"{path}.{name}", artifact.uri)
        for path, result in outcome.tasks.items()
        for name, artifact in result.artifacts.items()
    ]
    width = max((len(name) for name, _ in found[:_MOST_ARTIFACTS]), default=0)
    lines = [f"{name:<{width}}  {uri}" for name, uri in found[:_MOST_ARTIFACTS]]
    return [*lines, f"and {len(found) - _MOST_ARTIFACTS} more"] if len(found) > _MOST_ARTIFACTS else lines


def _indented(title: str, lines: list[str]) -> list[str]:
    return [f"  {title}", *(f"    {line}" for line in lines)] if lines else []


def _shortened(command: str, most: int = 2000) -> str:
    return command if len(command) <= most else f"{command[:most]} … ({len(command):,} characters; all in the script)"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
