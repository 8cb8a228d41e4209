"""What a store answers. Enters a connection; leaves records. Each answer is of one moment, also while others write."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from hpc.engines.local.store.errors import UnknownRunError, in_words
from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.local.store.rows import ATTEMPT, RUN, TASK, Row, attempt_record, run_record, task_record
from hpc.engines.local.store.texts import kept, told, told_json
from hpc.engines.local.store.uris import with_folders

_SHORTEST = 3
_NAMED = 3
_NEWEST = "ORDER BY started DESC, number DESC"


class Reader:
    """All that can be asked. Bound to the thread that opened it; StoreError if the file cannot be read."""

    def __init__(self, file: Path, connection: sqlite3.Connection) -> None:
        self.file = file
        self._connection = connection

    @property
    def journal(self) -> str:
        """The mode of the journal: "wal", or "delete" where a write-ahead log is not possible."""
        [(mode,)] = self._ask("PRAGMA journal_mode")
        return str(mode)

    def runs(self, pipeline: str | None = None, limit: int = 50) -> list[RunRecord]:
        """The runs, of all pipelines or of one, the newest first."""
        if pipeline is None:
            rows = self._ask(f"SELECT {RUN} FROM runs {_NEWEST} LIMIT ?", limit)
        else:
            rows = self._ask(f"SELECT {RUN} FROM runs WHERE pipeline = ? {_NEWEST} LIMIT ?", kept(pipeline), limit)
        return [run_record(row) for row in rows]

    def run(self, name: str) -> RunRecord:
        """The run of that name, or the only one whose name begins or ends so (3 characters or more), or "last".

        Raises UnknownRunError if there is none or more than one.
        """
        exact = self._ask(f"SELECT {RUN} FROM runs WHERE run = ?", kept(name))
        if exact:
            return run_record(exact[0])
        names = [told(found) for (found,) in self._ask(f"SELECT run FROM runs {_NEWEST}")]
        [row] = self._ask(f"SELECT {RUN} FROM runs WHERE run = ?", kept(self._meant(name, names)))
        return run_record(row)

    def tasks(self, run: str) -> dict[str, TaskRecord]:
        """The tasks of a run by their paths, in the order in which they were first saved."""
        rows = self._ask(f"SELECT {TASK} FROM tasks WHERE run = ? ORDER BY number", kept(run))
        return {record.path: record for record in map(task_record, rows)}

    def task(self, run: str, path: str) -> TaskRecord | None:
        return self._task("WHERE run = ? AND path = ?", kept(run), kept(path))

    def attempts(self, run: str, path: str | None = None) -> list[AttemptRecord]:
        """The attempts of a run, or of one of its tasks, in the order in which they were first saved."""
        if path is None:
            rows = self._ask(f"SELECT {ATTEMPT} FROM attempts WHERE run = ? ORDER BY rowid", kept(run))
        else:
            where = "WHERE run = ? AND path = ? ORDER BY number"
            rows = self._ask(f"SELECT {ATTEMPT} FROM attempts {where}", kept(run), kept(path))
        return [attempt_record(row) for row in rows]

    def counts(self, run: str) -> dict[str, int]:
        """How many of the run's tasks are in which state. Groups and loops count only if nothing in them has begun."""
        whole = "state = 'SKIPPED' AND reason IN ('condition', 'upstream')"
        where = f"run = ? AND (kind IN ('task', 'importer') OR {whole})"
        return dict(self._ask(f"SELECT state, count(*) FROM tasks WHERE {where} GROUP BY state", kept(run)))

    def cached(self, fingerprint: str) -> TaskRecord | None:
        """The newest task of any run that had this fingerprint, ran and succeeded."""
        where = "WHERE state = 'SUCCEEDED' AND fingerprint <> '' AND fingerprint = ?"
        return self._task(f"{where} {_NEWEST} LIMIT 1", kept(fingerprint))

    def previous(self, pipeline: str, path: str, before_run: str) -> TaskRecord | None:
        """The newest task at this path that has `parts`, of any other run of the pipeline."""
        same = "EXISTS (SELECT 1 FROM runs WHERE runs.run = tasks.run AND pipeline = ?)"
        where = f"WHERE parts <> '{{}}' AND path = ? AND run <> ? AND {same}"
        return self._task(f"{where} {_NEWEST} LIMIT 1", kept(path), kept(before_run), kept(pipeline))

    def makers(self, uri: str) -> list[TaskRecord]:
        """The tasks that gave out what is at this uri, or a folder in which it lies; the newest first."""
        return self._related(uri, "output")

    def users(self, uri: str) -> list[TaskRecord]:
        """The tasks that were given what is at this uri, or a folder in which it lies; the newest first."""
        return self._related(uri, "input")

    def sources(self, digest: str) -> Mapping[str, str] | None:
        """The digests of the files that together have this digest, by their paths, if they were kept."""
        rows = self._ask("SELECT files FROM sources WHERE digest = ?", kept(digest))
        return told_json(rows[0][0]) if rows else None

    def close(self) -> None:
        self._connection.close()

    def _meant(self, name: str, names: list[str]) -> str:
        """The one of the names, newest first, that is meant by a shorter one."""
        if name == "last" and names:
            return names[0]
        fitting = [found for found in names if found.startswith(name) or found.endswith(name)]
        if len(name) < _SHORTEST:
            fitting = []
        if len(fitting) == 1:
            return fitting[0]
        raise UnknownRunError(self._not_one(name, names, fitting))

    def _not_one(self, name: str, names: list[str], fitting: list[str]) -> str:
        root = self.file.parent
        if not names:
            return f"there are no runs in {root} yet"
        if fitting:
            return f"{len(fitting)} runs in {root} are called {name!r} in short: {_listed(fitting)}; type more of it"
        near = get_close_matches(name, names, _NAMED)
        return f"there is no run {name!r} in {root}; {'near to it' if near else 'the newest'}: {_listed(near or names)}"

    def _task(self, where: str, *values: str) -> TaskRecord | None:
        rows = self._ask(f"SELECT {TASK} FROM tasks {where}", *values)
        return task_record(rows[0]) if rows else None

    def _related(self, uri: str, side: str) -> list[TaskRecord]:
        places = [kept(place) for place in with_folders(uri)]
        marks = ", ".join("?" * len(places))
        related = f"SELECT run, path FROM artifacts WHERE side = ? AND uri IN ({marks})"
        rows = self._ask(f"SELECT {TASK} FROM tasks WHERE (run, path) IN ({related}) {_NEWEST}", side, *places)
        return [task_record(row) for row in rows]

    def _ask(self, sql: str, *values: object) -> list[Row]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise in_words(self.file, error) from None


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
