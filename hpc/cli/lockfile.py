"""hpc.lock on disk: read, laid over with new digests, written whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
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
    with _alone_in(file.parent):
        old = lock_of(file) or Lock()
        new = Lock({**old.digests, **digests})
        if new != old or not lock_path(file).exists():
            write_whole(lock_path(file), new.text)


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Hold a folder, after others who hold it: two builds at once would lose a line."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
