"""Answers on disk: a key and plain data enter, the data leaves again another day.

`<cache>/composed/<2 hex>/<key>.json`. Nothing here fails: what cannot be read is not there, what cannot be written is
not kept.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MOST_FILES = 1000
_LEFT = 900
"""So many of the newest stay when there are more than MOST_FILES."""


class Kept:
    """The answers below `cache`."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "composed"

    def get(self, key: str) -> Any:
        """The data of that key; None if there is none, or what is there cannot be understood."""
        try:
            return json.loads(self._file(key).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None

    def put(self, key: str, data: Any) -> None:
        """Keep `data`, whole or not at all."""
        file = self._file(key)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, json.dumps(data).encode())
        except OSError:
            return

    def trim(self) -> None:
        """Drop the oldest files if there are too many."""
        try:
            found = sorted(self._folder.glob("*/*"), key=lambda file: file.stat().st_mtime_ns)
            for file in found[: -_LEFT if len(found) > MOST_FILES else 0]:
                file.unlink()
        except OSError:
            return  # somebody else is at it

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


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
