"""hpc.lock on disk: read, laid over with new digests, written whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hpc.cli.disk import Folder, write_whole
from hpc.compiler.locks import LOCK_NAME, Lock, read_lock


def lock_path(file: Path) -> Path:
    """The lock of a pipeline file."""
    return file.parent / LOCK_NAME


def lock_of(file: Path) -> Lock | None:
    """What is locked now; None if there is no such file. Raises Rejected."""
    return read_lock(Folder(file.parent), str(lock_path(file)))


def add_to_lock(file: Path, digests: Mapping[str, str]) -> None:
    """Write digests into the lock of a pipeline file; the other lines stay."""
    old = lock_of(file) or Lock()
    new = Lock({**old.digests, **digests})
    if new != old or not lock_path(file).exists():
        write_whole(lock_path(file), new.text)
