"""Text with a name, and stretches of it: where every message points."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

# Lines end where editors end them. YAML's own NEL, LS and PS are not counted (language, section 5.20).
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, eq=False)
class Source:
    """A text that the user wrote: `name` is how messages call it, `text` is all of it, decoded.

    `has_lines` is false for what is no file: a word of a command line, a folder.
    """

    name: str
    text: str
    has_lines: bool = True

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both counted from 1 in characters, of a character offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its line end."""
        start = self._starts[number - 1]
        return _LINE_END.split(self.text[start : start + 100_000], maxsplit=1)[0]


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` (excluded) of a source."""

    source: Source
    start: int
    end: int

    @property
    def position(self) -> tuple[int, int]:
        return self.source.position(self.start)

    @classmethod
    def of_file(cls, name: str) -> Span:
        """The whole of a file that has no text to point into: it cannot be read, or all of it is meant."""
        return cls(Source(name, ""), 0, 0)

    @classmethod
    def of_word(cls, name: str) -> Span:
        """A word of a command line, or a folder."""
        return cls(Source(name, "", has_lines=False), 0, 0)
