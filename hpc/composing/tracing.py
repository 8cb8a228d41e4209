"""Which files an answer came from: everything that Python opens for reading while a question is answered.

What the program of an import reads is noted wherever it does so, in a library of its own too. Runs in the child process
only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

_NOT_READ = os.O_WRONLY | os.O_TRUNC | os.O_EXCL
_PACKAGES = {"site-packages", "dist-packages"}
_OF_THE_MACHINE = ("/proc/", "/sys/", "/dev/null", "/dev/urandom")
_traces: list[set[str]] = []


@contextmanager
def traced() -> Generator[set[str]]:
    """The files that are opened for reading within the block, absolute; those that are not there among them."""
    _watch()
    trace: set[str] = set()
    _traces.append(trace)
    try:
        yield trace
    finally:
        _traces.pop()


def note(files: Iterable[str]) -> None:
    """Count these files as opened here: what they led to is used again."""
    for trace in _traces:
        trace.update(files)


@cache
def _watch() -> None:
    """Once in a process: there is no way to take an audit hook away again."""
    sys.addaudithook(_hear)


def _hear(event: str, given: tuple[Any, ...]) -> None:
    """Audit event `open`: path, mode, flags. What is raised here would keep the file from being opened."""
    if event != "open" or not _traces:
        return
    with suppress(Exception):
        path, _, flags = given
        if isinstance(path, (str, bytes)) and not flags & _NOT_READ:
            note([os.path.abspath(os.fsdecode(path))])  # noqa: PTH100  Path takes longer


def are_elsewhere(files: Iterable[str], covered: Collection[str]) -> bool:
    """Whether one of the files is neither `covered` (real paths) nor installed."""
    return any(_source(file) not in covered and not _is_installed(file) for file in files)


def _source(file: str) -> str:
    """The real path of a file; of its source if it is byte code."""
    with suppress(ValueError):
        file = source_from_cache(file) if file.endswith(".pyc") else file
    return os.path.realpath(file)


def _is_installed(file: str) -> bool:
    real = os.path.realpath(file)
    if real.startswith(_OF_THE_MACHINE) or os.path.isdir(real):  # noqa: PTH112  Path takes longer
        return True
    return not _PACKAGES.isdisjoint(Path(real).parts) or real.startswith(_installed())


@cache
def _installed() -> tuple[str, ...]:
    """Python's own modules, and hpc, Hydra and OmegaConf wherever they are: their versions are in the key."""
    known = [sys.modules[name].__file__ for name in ("os", "hpc", "hydra", "omegaconf") if name in sys.modules]
    return tuple(os.path.join(os.path.dirname(os.path.realpath(file)), "") for file in known if file)  # noqa: PTH118, PTH120
