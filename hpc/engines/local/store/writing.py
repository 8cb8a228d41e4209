"""The store: what a reader answers, and what an engine writes. Each record is on disk before its method returns."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from hpc.engines.local.store.errors import StoreError, in_words
from hpc.engines.local.store.opening import for_reading, for_writing
from hpc.engines.local.store.reading import Reader
from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.local.store.root import make_root
from hpc.engines.local.store.rows import ATTEMPT, RUN, TASK, Row, artifact_rows, attempt_row, run_row, task_row
from hpc.engines.local.store.texts import kept, kept_json, told

NAME = "hpc.db"
_MOST_PENDING = 1000


def _saving(table: str, columns: str, key: str) -> str:
    """Insert, or change what is there: a row that is replaced would lose its place in the order."""
    names = columns.split(", ")
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key.split(", "))
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {changes}"


_SAVE_RUN = _saving("runs", RUN, "run")
_SAVE_TASK = _saving("tasks", TASK, "run, path")
_SAVE_ATTEMPT = _saving("attempts", ATTEMPT, "run, path, number")
_SAVE_DIGEST = _saving("digests", "path, signature, digest", "path")
_FORGET_TASK = [f"DELETE FROM {table} WHERE run = ? AND path = ?" for table in ("tasks", "attempts", "artifacts")]
_FORGET_ARTIFACTS = "DELETE FROM artifacts WHERE run = ? AND path = ?"
_SAVE_ARTIFACT = "INSERT OR IGNORE INTO artifacts (uri, run, path, name, side) VALUES (?, ?, ?, ?, ?)"
_SAVE_SOURCES = "INSERT OR IGNORE INTO sources (digest, files) VALUES (?, ?)"


class Store(Reader):
    """The store of a root folder. Bound to the thread that opened it; several processes may write at the same time.

    A killed process loses nothing that was saved; a power cut may lose the last moments, but never more than the end.
    All methods raise StoreError if the file cannot be read or written.
    """

    def __init__(self, file: Path, connection: sqlite3.Connection) -> None:
        super().__init__(file, connection)
        self._pending: dict[str, tuple[str, str]] = {}

    @classmethod
    def open(cls, root: Path) -> Store:
        """The store of the root, to be written. Makes the root, the file and its tables where they are missing."""
        try:
            make_root(root)
        except OSError as error:
            raise StoreError(f"{root}: the folder of the runs cannot be made: {error.strerror}") from None
        return cls(root / NAME, for_writing(root / NAME))

    @classmethod
    def existing(cls, root: Path) -> Store | None:
        """The store of the root, to be read only; None where nothing has been stored."""
        file = root / NAME
        try:
            mode = file.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"{file}: cannot be opened: {error.strerror}") from None
        if not stat.S_ISREG(mode):
            raise StoreError(f"{file}: cannot be opened: it is not a file")
        connection = for_reading(file)
        return None if connection is None else cls(file, connection)

    def save_run(self, run: RunRecord) -> None:
        row = run_row(run)
        with self.together():
            self._tell(_SAVE_RUN, row)

    def save_task(self, task: TaskRecord) -> None:
        row, artifacts = task_row(task), list(artifact_rows(task))
        with self.together():
            self._tell(_SAVE_TASK, row)
            self._tell(_FORGET_ARTIFACTS, row[:2])
            self._tell_all(_SAVE_ARTIFACT, artifacts)

    def save_attempt(self, attempt: AttemptRecord) -> None:
        row = attempt_row(attempt)
        with self.together():
            self._tell(_SAVE_ATTEMPT, row)

    def forget(self, run: str, paths: Collection[str]) -> None:
        """Drop tasks that are not part of the run any more, with their attempts."""
        rows = [(kept(run), kept(path)) for path in paths]
        with self.together():
            for sql in _FORGET_TASK:
                self._tell_all(sql, rows)

    def kept_digest(self, path: str, signature: str) -> str | None:
        """The digest that was kept for a file, if the signature (size, time, …) is still the same."""
        found = self._pending.get(path) or self._digest(path)
        return found[1] if found is not None and found[0] == signature else None

    def keep_digest(self, path: str, signature: str, digest: str) -> None:
        """Remember a digest. It is written with the next record or at the close, and may be lost."""
        self._pending[path] = (signature, digest)
        if len(self._pending) >= _MOST_PENDING:
            with self.together():
                pass

    def keep_sources(self, digest: str, files: Mapping[str, str]) -> None:
        """Remember which files, by their paths and digests, have this digest together."""
        if not self._ask("SELECT 1 FROM sources WHERE digest = ?", kept(digest)):
            with self.together():
                self._tell(_SAVE_SOURCES, (kept(digest), kept_json(files)))

    @contextmanager
    def together(self) -> Generator[None]:
        """One commit for all that is saved inside; after an exception nothing of it is kept."""
        if self._connection.in_transaction:
            yield
            return
        try:
            self._tell("BEGIN IMMEDIATE")
            yield
            self._tell_all(_SAVE_DIGEST, self._digest_rows())
            self._tell("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite rolls back by itself when the disk is full
                self._tell("ROLLBACK")
            raise
        self._pending.clear()

    def close(self) -> None:
        if self._pending:
            with suppress(StoreError), self.together():
                pass
        super().close()

    def _digest(self, path: str) -> tuple[str, str] | None:
        rows = self._ask("SELECT signature, digest FROM digests WHERE path = ?", kept(path))
        return (told(rows[0][0]), told(rows[0][1])) if rows else None

    def _digest_rows(self) -> list[Row]:
        return [(kept(path), kept(signature), kept(digest)) for path, (signature, digest) in self._pending.items()]

    def _tell(self, sql: str, values: Row = ()) -> None:
        try:
            self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise in_words(self.file, error) from None

    def _tell_all(self, sql: str, rows: Iterable[Row]) -> None:
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise in_words(self.file, error) from None
