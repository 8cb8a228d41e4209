"""Names of tasks as people read them: paths of an engine enter, short names leave, no two rows get the same one.

A path is made of the keys of the IR, and the compiler makes groups of its own: `for-each--train[3]/train`. Such a group
is left out of the name and its number goes to what follows: `train[3]`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

_NUMBER = re.compile(r"\[\d+\]")
_MADE = re.compile(r"(?:for-each|when|switch|else)--.+|exit--handler")
"""Keys of the groups that the compiler makes."""


def row_of(path: str) -> str:
    """The path without the numbers of iterations: `for-each--train[]/train`."""
    return _NUMBER.sub("[]", path)


def groups_around(path: str) -> Iterator[str]:
    """The paths of all that the task stands in, outermost first: of `a[3]/b`, `a` and `a[3]`."""
    return (path[: found.start()] for found in re.finditer(r"[\[/]", path))


def short_names(rows: Iterable[str]) -> dict[str, str]:
    """A name for every row. Rows that would look alike keep their full paths."""
    short = {row: shortened(row) for row in rows}
    uses = Counter(_without_marks(name) for name in short.values())
    return {row: name if uses[_without_marks(name)] == 1 else row for row, name in short.items()}


class Names:
    """The names of one run's tasks and groups, of which `rows` are the tasks."""

    def __init__(self, rows: Iterable[str] = ()) -> None:
        names = short_names(rows)
        self._long = {row for row, name in names.items() if name == row}
        self._inside: dict[str, list[str]] = {}
        for row in names:
            for around in {*groups_around(row), row}:
                self._inside.setdefault(around, []).append(row)

    def rows(self, path: str) -> Sequence[str]:
        """The row of a task, or those of all tasks in a group or a loop; none for a path that is not known."""
        return self._inside.get(row_of(path), ())

    def of(self, path: str) -> str:
        """The short name of a task. A group with a single task is called like that task."""
        rows, own_row = self.rows(path), row_of(path)
        whole = path + rows[0][len(own_row) :] if len(rows) == 1 else path
        return _without_marks(whole if row_of(whole) in self._long else shortened(whole))


def shortened(path: str) -> str:
    """The path without the groups that the compiler makes: `for-each--train[3]/train` is `train[3]`."""
    *around, last = path.split("/")
    kept: list[str] = []
    numbers = ""
    for segment in around:
        key, bracket, number = segment.partition("[")
        numbers += bracket + number
        if not _MADE.fullmatch(key):
            kept.append(key + numbers)
            numbers = ""
    key, bracket, number = last.partition("[")
    return "/".join([*kept, key + numbers + bracket + number])


def _without_marks(name: str) -> str:
    return name.replace("[]", "")
