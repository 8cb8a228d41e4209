"""The end of a log as lines that a terminal can show, and the masking of secrets in whatever is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

_CONTROL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_WIDEST = 500
_READ = 256_000
_MASK = "********"


class Masker:
    """Puts asterisks in the place of secrets, of every line of a secret with several lines, longest first."""

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = {part for secret in secrets for part in (secret, *secret.splitlines()) if part.strip()}
        self._parts = sorted(parts, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for part in self._parts:
            text = text.replace(part, _MASK)
        return text

    def mask_file(self, file: Path) -> None:
        """Write asterisks over every secret in the file, as many as it has bytes: whoever reads on is not disturbed.

        Reads block by block; does nothing without secrets.
        """
        parts = [part.encode("utf-8", "surrogateescape") for part in self._parts]
        if not parts or not file.exists():
            return
        with file.open("r+b") as stream:
            for offset, length in _found(stream, parts):
                stream.seek(offset)
                stream.write(b"*" * length)


def _found(stream: BinaryIO, parts: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Where any of the parts stands, and its length; also where it goes from one block into the next."""
    longest = max(map(len, parts))
    overlap, size = longest - 1, max(_READ, 4 * longest)
    start, block = 0, stream.read(size)
    while block:
        for part in parts:
            at = block.find(part)
            while at >= 0:
                yield start + at, len(part)
                at = block.find(part, at + len(part))
        start += max(1, len(block) - overlap)
        stream.seek(start)
        block = stream.read(size) if len(block) > overlap else b""


def tail(log: Path, count: int, mask: Masker | None = None) -> tuple[str, ...]:
    """The last `count` lines that are not empty, decoded, masked, without control codes, each of bounded width.

    Reads a bounded number of bytes from the end. Of a line that was written over (a progress bar) the last state is
    kept. No lines where there is no log.
    """
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _READ))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ()
    masked = mask(text) if mask else text
    lines = (_plain(line) for line in masked.replace("\r\n", "\n").split("\n"))
    return tuple([line for line in lines if line.strip()][-count:])


def _plain(line: str) -> str:
    """One line as it would stand on a screen, with other control characters made visible."""
    last = _CONTROL_SEQUENCE.sub("", line).rstrip("\r").rpartition("\r")[2]
    shown = "".join(
        char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in last[: _WIDEST + 1]
    )
    return shown if len(last) <= _WIDEST else shown[:_WIDEST] + "…"
