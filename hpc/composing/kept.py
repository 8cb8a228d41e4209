"""Answers on disk: a key and plain data enter, the data leaves again another day.

`<cache>/composed/<2 hex>/<key>.json`. Nothing here fails: what cannot be read is not there, what cannot be written is
not kept. What was not asked for in the longest time goes first.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_FILES = 20_000
LEFT = 15_000
"""So many of those used last stay when there are more than MOST_FILES."""

_FOLDERS = 256
_DAY = 24 * 60 * 60.0


class Kept:
    """The answers below `cache`."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "composed"
        self._written: Path | None = None

    def get(self, key: str) -> Any:
        """The data of that key; None if there is none, or what is there cannot be understood."""
        file = self._file(key)
        try:
            found = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        _mark_as_used(file)
        return found

    def put(self, key: str, data: Any) -> None:
        """Keep `data`, whole or not at all."""
        file = self._file(key)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, json.dumps(data).encode())
        except OSError:
            return
        self._written = file.parent

    def trim(self) -> None:
        """Drop what was not used for the longest time if there are too many files.

        Keys are hashes, so the folder that was written into last is as full as any other: only where it has more than
        its share are all files looked at.
        """
        if self._written and len(_entries(self._written)) > MOST_FILES // _FOLDERS:
            found = [entry for folder in _entries(self._folder) for entry in _entries(folder.path)]
            for entry in sorted(found, key=_used)[: -LEFT if len(found) > MOST_FILES else 0]:
                with suppress(OSError):  # somebody else is at it
                    os.unlink(entry.path)  # noqa: PTH108  Path takes longer

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _used(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_mtime_ns
    except OSError:
        return 0


def _mark_as_used(file: Path) -> None:
    """The time of its last use, to the day, is that of its last change."""
    with suppress(OSError):
        if file.stat().st_mtime < time.time() - _DAY:
            os.utime(file)


def _write(file: Path, data: bytes) -> None:
    from tempfile import mkstemp

    handle, temporary = mkstemp(dir=file.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(temporary).replace(file)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
