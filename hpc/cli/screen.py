"""Makes text fit for a stream: nothing that steers a terminal, nothing that the encoding cannot say, no error.

A run outlives whoever watches it, so what can no longer be written is dropped.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from contextlib import suppress
from threading import Lock
from typing import TextIO

_CONTROL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_SPELLINGS = str.maketrans({"→": "->", "…": "...", "–": "-", "’": "'", "“": '"', "”": '"'})
_NEEDED = "·▶✓✗■→…"


def visible(text: str) -> str:
    """The text without colours and cursor movements, other control characters written as escapes; lines stay."""
    if text.isprintable():
        return text
    return "".join(map(_visible, _CONTROL_SEQUENCE.sub("", text)))


def _visible(char: str) -> str:
    if char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs":
        return char
    return char.encode("unicode_escape").decode()


class Screen:
    """A stream that takes every text, from several threads. rich takes it for a file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = Lock()
        self.encoding = _known(getattr(stream, "encoding", None) or "utf-8")
        self.is_wide = self._can_say(_NEEDED)

    def spelled(self, text: str) -> str:
        """The text as it will stand on the stream."""
        if not self.is_wide:
            text = text.translate(_SPELLINGS)
        return text.encode(self.encoding, "replace").decode(self.encoding)

    def write(self, text: str) -> int:
        spelled = self.spelled(text)
        with self._lock, suppress(OSError, ValueError):
            self._stream.write(spelled)
        return len(text)

    def flush(self) -> None:
        with self._lock, suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        return not self._stream.closed and self._stream.isatty()

    def _can_say(self, text: str) -> bool:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return "ascii"
