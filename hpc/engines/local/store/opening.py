"""Connections to the file of a store. Enters its path; leaves a connection whose tables are there.

The journal is a write-ahead log: readers do not wait for a writer, and a commit costs no wait for the disk. It needs
memory that all processes share, hence one machine (https://www.sqlite.org/wal.html); on a network file system the
journal is SQLite's older one, which is deleted after each commit.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hpc.engines.local.store.errors import StoreError, in_words
from hpc.engines.local.store.file_systems import is_shared
from hpc.engines.local.store.schema import bring_up_to_date, refuse_older, version

PATIENCE = 10.0
"""Seconds for which a write waits for the writes of other processes."""

_PAUSE = 0.02


def for_writing(file: Path) -> sqlite3.Connection:
    """Make the file, or bring it up to date. StoreError if that cannot be."""
    try:
        return _prepared(file, "mode=rwc", _prepare_writing)
    except sqlite3.Error as error:
        raise in_words(file, error) from None


def for_reading(file: Path) -> sqlite3.Connection | None:
    """A connection that changes nothing; None if nothing has been written yet. StoreError if it cannot be read.

    SQLite puts the files of its journal beside the database even to read it. Where that cannot be, and nothing waits
    in a journal, the file is taken for one that does not change. `<file>-wal` and `<file>-shm` of a reader stay until
    the next writer ends; to remove them is never safe.
    """
    problem = sqlite3.Error("unable to open")
    for options in _ways_to_read(file):
        try:
            connection = _prepared(file, options, _prepare_reading)
            if version(connection, file):
                return connection
            connection.close()
            return None
        except sqlite3.Error as error:
            problem = error
            if not any(words in str(error) for words in ("unable to open", "readonly")):
                raise in_words(file, error) from None
    if _has_more(file, "-wal") and os.access(file, os.R_OK):
        raise StoreError(
            f"{file}: the last changes wait in {file.name}-wal, which cannot be read where the folder is read-only; "
            "copy the folder to a place that can be written"
        )
    raise in_words(file, problem) from None


def _ways_to_read(file: Path) -> Iterator[str]:
    """A killed writer's journal has to be played back by somebody who may write."""
    yield "mode=ro"
    if _has_more(file, "-journal"):
        yield "mode=rw"
    elif not _has_more(file, "-wal"):
        yield "mode=ro&immutable=1"


def _has_more(file: Path, ending: str) -> bool:
    try:
        return file.with_name(file.name + ending).stat().st_size > 0
    except OSError:
        return False


def _prepared(file: Path, options: str, prepare: Callable[[sqlite3.Connection, Path], None]) -> sqlite3.Connection:
    uri = f"{file.absolute().as_uri()}?{options}"
    connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
    try:
        prepare(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare_writing(connection: sqlite3.Connection, file: Path) -> None:
    version(connection, file)
    _set_journal(connection, "delete" if is_shared(file.parent) else "wal")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    bring_up_to_date(connection, file)
    connection.execute("COMMIT")


def _prepare_reading(connection: sqlite3.Connection, file: Path) -> None:
    connection.execute("PRAGMA query_only = ON")
    refuse_older(connection, file)


def _set_journal(connection: sqlite3.Connection, wanted: str) -> None:
    """SQLite does not wait here for others that do the same, hence the loop."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {wanted}")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(_PAUSE)
