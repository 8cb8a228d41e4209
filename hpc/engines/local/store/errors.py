"""What goes wrong with a store, in sentences for its user."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_REASONS = {
    "disk is full": "the disk is full; make room, then resume the run",
    "file is not a database": "is not a database; move it away, or use another root folder",
    "malformed": "is damaged; move it away: the folders of the runs are as they were",
    "readonly": "cannot be written: the file, its folder or the disk is read-only",
    "locked": "another process has kept it locked for too long",
    "locking protocol": "the file system does not lock files as SQLite needs it; use a root folder on a local disk",
    "disk I/O error": "cannot be read or written: the disk may be full or gone, or a limit of file sizes reached",
    "unable to open": "cannot be opened: it is a folder, or the rights to it or to its folder are missing",
    "too big": "a value is too big to be kept; let the task write an artifact instead",
}
"""Words of SQLite's messages, which are the same in all versions, and what they mean here."""


class StoreError(Exception):
    """The store cannot be opened, read or written. The text is a sentence that names the file."""


class UnknownRunError(StoreError):
    """No run, or more than one, has the name that was given."""


def in_words(file: Path, error: sqlite3.Error) -> StoreError:
    """What SQLite says of the file, as a sentence."""
    said = str(error)
    for words, reason in _REASONS.items():
        if words in said:
            return StoreError(f"{file}: {reason}")
    return StoreError(f"{file}: SQLite says: {said}")
