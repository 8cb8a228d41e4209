"""The tables of the store and their versions. Enters a connection; leaves a database that this version knows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hpc.engines.local.store.errors import StoreError

_FIRST = (
    """CREATE TABLE runs (
        number INTEGER PRIMARY KEY,
        run TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL, state TEXT NOT NULL, folder TEXT NOT NULL,
        source TEXT NOT NULL, base TEXT NOT NULL, mode TEXT NOT NULL, started REAL NOT NULL, engine TEXT NOT NULL,
        ended REAL, seconds REAL NOT NULL, error TEXT,
        arguments TEXT NOT NULL, names TEXT NOT NULL, outputs TEXT NOT NULL, artifacts TEXT NOT NULL)""",
    "CREATE INDEX runs_by_pipeline ON runs (pipeline, started)",
    "CREATE INDEX runs_by_time ON runs (started)",
    """CREATE TABLE tasks (
        number INTEGER PRIMARY KEY,
        run TEXT NOT NULL, path TEXT NOT NULL, component TEXT NOT NULL,
        state TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT, attempts INTEGER NOT NULL, reused INTEGER NOT NULL,
        exit_code INTEGER, error TEXT, started REAL, ended REAL, peak INTEGER, log TEXT NOT NULL,
        fingerprint TEXT NOT NULL, origin_run TEXT, origin_path TEXT,
        parts TEXT NOT NULL, inputs TEXT NOT NULL, input_artifacts TEXT NOT NULL,
        outputs TEXT NOT NULL, artifacts TEXT NOT NULL,
        UNIQUE (run, path))""",
    "CREATE INDEX tasks_by_fingerprint ON tasks (fingerprint, started) WHERE state = 'SUCCEEDED' AND fingerprint <> ''",
    "CREATE INDEX tasks_by_path ON tasks (path, started) WHERE parts <> '{}'",
    """CREATE TABLE attempts (
        run TEXT NOT NULL, path TEXT NOT NULL, number INTEGER NOT NULL, folder TEXT NOT NULL,
        started REAL NOT NULL, ended REAL, exit_code INTEGER, error TEXT, peak INTEGER,
        UNIQUE (run, path, number))""",
    """CREATE TABLE artifacts (
        run TEXT NOT NULL, path TEXT NOT NULL, side TEXT NOT NULL, name TEXT NOT NULL, uri TEXT NOT NULL,
        PRIMARY KEY (run, path, side, name, uri)) WITHOUT ROWID""",
    "CREATE INDEX artifacts_by_uri ON artifacts (uri, side)",
    "CREATE TABLE digests (path TEXT PRIMARY KEY, signature TEXT NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE sources (digest TEXT PRIMARY KEY, files TEXT NOT NULL) WITHOUT ROWID",
)
"""`artifacts` only serves questions for a uri; what belongs to an artifact stands in its task, as JSON."""

STEPS: tuple[tuple[str, ...], ...] = (_FIRST,)
"""The statements that lead from each version to the next; the first from an empty file to version 1."""


def version(connection: sqlite3.Connection, file: Path) -> int:
    """The version of the database, 0 where it is empty. StoreError if it is not one that this hpc can use."""
    tables = connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
    [(found,)] = connection.execute("PRAGMA user_version").fetchall()  # last: another process may be making both now
    if found > len(STEPS):
        raise StoreError(
            f"{file}: made by a newer hpc (version {found} of the store, this one knows {len(STEPS)}); "
            "use that hpc, or another root folder"
        )
    if found == 0 and tables:
        raise StoreError(f"{file}: is a database of another program; move it away, or use another root folder")
    return found


def refuse_older(connection: sqlite3.Connection, file: Path) -> None:
    """StoreError if the database is of an older version, for those who may not change it."""
    if 0 < version(connection, file) < len(STEPS):
        raise StoreError(f"{file}: made by an older hpc; the next run in this root folder brings it up to date")


def bring_up_to_date(connection: sqlite3.Connection, file: Path) -> None:
    """Make what is missing, all of it or nothing. To be called inside a transaction that can write."""
    for step in STEPS[version(connection, file) :]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")
