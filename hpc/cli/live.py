"""The table of a run on a terminal, drawn again and again: counters of rows enter, a text that fits the screen leaves.

The table is drawn on a thread of its own, which only reads counters: a picture may be an event behind, no more.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import IO, cast
from zlib import crc32

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.text import Text

from hpc.cli.progress import PlainView
from hpc.cli.screen import Screen, visible
from hpc.cli.tally import Row, Tally
from hpc.cli.words import RESUME, duration, headline, summary, told
from hpc.engines.events import (
    Downloaded,
    Downloading,
    EnvironmentBuilding,
    EnvironmentReady,
    Event,
    RunFinished,
    RunStarted,
    TaskFinished,
)

_MARKS = {
    "waiting": ("·", ".", "dim"),
    "running": ("▶", ">", "cyan"),
    "SUCCEEDED": ("✓", "+", "green"),
    "KEPT": ("=", "=", "green"),
    "CACHED": ("=", "=", "green"),
    "FAILED": ("✗", "x", "bold red"),
    "SKIPPED": ("-", "-", "dim"),
    "CANCELLED": ("■", "!", "yellow"),
}
_RANKS = {"running": 0, "FAILED": 1, "waiting": 2}
_COUNTS = {"FAILED": "failed", "CACHED": "cached", "KEPT": "kept", "SKIPPED": "skipped", "CANCELLED": "stopped"}
_LOG_COLOURS = ("cyan", "magenta", "blue", "green", "yellow")
_ROWS_KEPT_FREE = 3
"""For the line of the rest, the line of the totals and the cursor."""
_LEAST_LABEL = 8
_PER_SECOND = 8


def can_be_live(screen: Screen) -> bool:
    """A terminal that cannot move its cursor gets lines."""
    return not Console(file=_file(screen)).is_dumb_terminal


class LiveView(PlainView):
    """A table that is drawn again and again, with failures written above it as they come."""

    def __init__(self, screen: Screen, tally: Tally, resume: str = RESUME) -> None:
        super().__init__(screen, tally, resume)
        self._console = Console(file=_file(screen), highlight=False, emoji=False)
        self._live = Live(
            console=self._console,
            get_renderable=self.table,
            refresh_per_second=_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    @contextmanager
    def shown(self) -> Generator[None]:
        """The table is on the screen from the start of the run on; its last state stays there."""
        try:
            yield
        finally:
            self._live.stop()

    def show_log(self, task: str, lines: Sequence[str]) -> None:
        name = self._tally.names.of(task)
        colour = _LOG_COLOURS[crc32(task.encode("utf-8", "replace")) % len(_LOG_COLOURS)]
        text = Text()
        for line in lines:
            text.append(f"{visible(name)} | ", colour).append(f"{visible(line)}\n")
        text.right_crop(1)
        self._console.print(text, soft_wrap=True)

    def table(self) -> Text:
        """One row per task, never more than the screen has: what runs or failed is kept, the rest is counted."""
        rows, left_out = self._fitting()
        if not rows:
            return Text()
        lines = _Lines(self._screen, self._tally, self._console.width)
        drawn = lines.rows(rows)
        if left_out:
            drawn.append(lines.one(f"and {left_out} more", "dim"))
        return Text("\n", no_wrap=True, overflow="crop").join([*drawn, lines.one(self._footer(), "bold")])

    def _text(self, event: Event) -> str:
        """What is written above the table, or below it at the end."""
        if isinstance(event, RunStarted):
            return headline(event) + "\n"
        if isinstance(event, TaskFinished):
            is_news = self._tally.is_told(event) and event.result.state == "FAILED"
            return self._tally.failure(event) if is_news else ""
        if isinstance(event, RunFinished):
            return summary(event.outcome, self._tally.totals, self._resume)
        if isinstance(event, (EnvironmentBuilding, EnvironmentReady, Downloading, Downloaded)):
            return ""
        text = told(event, self._tally.names)
        return f"{text}\n" if text else ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            self._leave_table()
        super().__call__(event)
        if isinstance(event, RunStarted):
            self._live.start()

    def _leave_table(self) -> None:
        was_drawn = self._live.is_started
        self._live.stop()
        if was_drawn and not self._console.is_terminal:
            self._console.print()

    def _write(self, text: str) -> None:
        self._console.print(Text(visible(text.rstrip("\n"))), soft_wrap=True)

    def _fitting(self) -> tuple[list[Row], int]:
        rows = list(self._tally.rows.values())
        room = max(1, self._console.height - _ROWS_KEPT_FREE)
        if len(rows) <= room:
            return rows, 0
        order = sorted(range(len(rows)), key=lambda index: _RANKS.get(rows[index].state, 3))
        return [rows[index] for index in sorted(order[:room])], len(rows) - room

    def _footer(self) -> str:
        tally, failed = self._tally, self._tally.totals.ends["FAILED"]
        running = len(tally.running)
        parts = [f"{tally.done}/{tally.total} done"]
        parts += [f"{running} running"] if running else []
        parts += [f"{failed} failed"] if failed else []
        return ", ".join([*parts, _stop_watch(tally.seconds)])


class _Lines:
    """Lays out rows in `width` cells. The name comes first, then the time; what is noted gets what is left."""

    def __init__(self, screen: Screen, tally: Tally, width: int) -> None:
        self._screen = screen
        self._tally = tally
        self._width = width
        self._more = screen.spelled("…")

    def rows(self, rows: Sequence[Row]) -> list[Text]:
        times = [self._time(row) for row in rows]
        time_width = max(map(len, times))
        most = max(_LEAST_LABEL, self._width - 3 - time_width)
        labels = [self._label(row, most) for row in rows]
        label_width = max(map(cell_len, labels))
        made: list[Text] = []
        for row, label, time in zip(rows, labels, times, strict=True):
            wide, narrow, style = _MARKS[row.state]
            text = Text.assemble((wide if self._screen.is_wide else narrow, style), " ")
            text.append(set_cell_size(label, label_width)).append(f" {time:>{time_width}}", "dim")
            text.append(" " + self._cut(_note(row), self._width - cell_len(text.plain) - 1), "dim")
            text.truncate(self._width)
            text.rstrip()
            made.append(text)
        return made

    def one(self, text: str, style: str) -> Text:
        return Text(self._cut(text, self._width), style)

    def _label(self, row: Row, most: int) -> str:
        """The name with the counts of a loop; where both do not fit, short counts, then a cut name."""
        counts = _counts(row)
        label = self._screen.spelled(visible(row.name)) + counts
        if cell_len(label) <= most or not counts:
            return self._cut(label, most)
        failed = f", {row.ends['FAILED']} failed" if row.ends["FAILED"] else ""
        short = f" [{row.done}/{row.total}{failed}]"
        name = self._cut(self._screen.spelled(visible(row.name)), max(1, most - len(short)))
        return self._cut(name + short, most)

    def _time(self, row: Row) -> str:
        seconds = self._tally.seconds_of(row)
        return "" if seconds is None else duration(seconds)

    def _cut(self, text: str, width: int) -> str:
        text = self._screen.spelled(visible(text).replace("\n", " "))
        if cell_len(text) <= width:
            return text
        return (set_cell_size(text, max(0, width - len(self._more))) + self._more)[: max(0, width)]


def _counts(row: Row) -> str:
    """` [7/20 ok, 3 running, 1 failed]` for a loop whose items are known; a result that was taken over is ok too."""
    if not row.opened:
        return ""
    good = sum(row.ends[state] for state in ("SUCCEEDED", "CACHED", "KEPT"))
    parts = [f"{good}/{row.total} ok"]
    parts += [f"{row.running} running"] if row.running else []
    parts += [f"{row.ends[state]} {word}" for state, word in _COUNTS.items() if row.ends[state]]
    return f" [{', '.join(parts)}]"


def _note(row: Row) -> str:
    attempt = f"attempt {row.attempt}" if row.attempt > 1 and not row.looped else ""
    making = f"making its {row.making}" if row.making else ""
    empty = "no items" if row.opened and not row.total else ""
    return ", ".join(part for part in (making, attempt, row.reason, row.remark, empty) if part)


def _stop_watch(seconds: float) -> str:
    """`0:42`, `12:03`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _file(screen: Screen) -> IO[str]:
    return cast("IO[str]", screen)
