"""Text for people who look at runs: tables as wide as the terminal, moments, sizes and values in one line.

Cells enter, lines leave. Where stdout is no terminal nothing is left out or shortened, so that other programs find it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hpc.cli.words import duration

_GAP = "  "
_LEAST = 8
"""Characters to which a cell may be shortened before the line is."""
_ENOUGH = 24
"""Characters that a column which may shrink keeps as long as there is another one that may go."""
_BOLD, _RED, _PLAIN = "\x1b[1m", "\x1b[1;31m", "\x1b[0m"
_BAD = ("failed", "interrupted")


@dataclass(frozen=True)
class Column:
    """Where there is no room, columns go in the order of `gives_way` (0: never), then those that may `shrink` do."""

    title: str
    gives_way: int = 0
    shrinks: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """A heading and a line for each row, none wider than the terminal if there is one. Empty columns are left out."""
    cells = [[printable(cell) for cell in row] for row in rows]
    shown = [index for index in range(len(columns)) if any(row[index] for row in cells)]
    room = _room()
    while room is not None and _least_width(columns, cells, shown) > room:
        leaving = max(shown, key=lambda index: columns[index].gives_way)
        if not columns[leaving].gives_way:
            break
        shown.remove(leaving)
    widths = _shrunk([columns[index] for index in shown], _widths(columns, cells, shown), room)
    heading = [columns[index].title for index in shown]
    lines = [_line([row[index] for index in shown], widths, room) for row in cells]
    return [_painted(_line(heading, widths, room), _BOLD), *map(_marked, lines)]


def _room() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]], shown: Sequence[int]) -> list[int]:
    return [max(len(columns[index].title), *(len(row[index]) for row in cells)) for index in shown]


def _least_width(columns: Sequence[Column], cells: Sequence[Sequence[str]], shown: Sequence[int]) -> int:
    widths = zip(shown, _widths(columns, cells, shown), strict=True)
    needed = [min(width, _ENOUGH) if columns[index].shrinks else width for index, width in widths]
    return sum(needed) + len(_GAP) * (len(needed) - 1)


def _shrunk(columns: Sequence[Column], widths: list[int], room: int | None) -> list[int]:
    """The widths, with those of columns that may shrink made smaller, the widest first."""
    if room is None:
        return widths
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    able = [index for index, column in enumerate(columns) if column.shrinks]
    while over > 0 and able:
        widest = max(able, key=lambda index: widths[index])
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
        over -= 1
    return widths


def _line(cells: Sequence[str], widths: Sequence[int], room: int | None) -> str:
    padded = [shortened(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=True)]
    line = _GAP.join(padded).rstrip()
    return line if room is None else shortened(line, room)


def _marked(line: str) -> str:
    """The line with its first word of a bad end in red."""
    for word in _BAD:
        before, found, after = line.partition(f"{_GAP}{word}")
        if found:
            return f"{before}{_GAP}{_painted(word, _RED)}{after}"
    return line


def _painted(text: str, style: str) -> str:
    """https://no-color.org, and only where a person looks."""
    return f"{style}{text}{_PLAIN}" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


# ---------------------------------------------------------------- cells


def shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


def printable(text: str) -> str:
    """The text in one line and with control characters made visible: a name must not be able to steer the terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def value_text(value: object, most: int = 500) -> str:
    """A value in one line: text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = printable(text[:most])
    return shown if len(text) <= most else f"{shown}… ({len(text):,} characters)"


def moment(seconds: float) -> str:
    """Local time of seconds since the epoch."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def ago(seconds: float, now: float) -> str:
    """How long before `now` a moment was, as one would say it."""
    passed = max(0, int(now - seconds))
    for unit, size, most in (("s", 1, 60), ("min", 60, 60), ("h", 3600, 48)):
        if passed < size * most:
            return f"{passed // size} {unit} ago"
    return f"{passed // 86400} days ago"


def took(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def size(count: int) -> str:
    """Bytes, in units of 1024."""
    amount, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{count} bytes" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"


def listed(title: str, lines: Sequence[str], most: int | None = None) -> list[str]:
    """A title with lines below it, none where there are none; of more than `most`, the first and how many follow."""
    kept = lines if most is None or len(lines) <= most else [*lines[:most], f"and {len(lines) - most} more"]
    return [title, *(f"  {line}" for line in kept)] if lines else []
