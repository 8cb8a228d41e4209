"""The Python that a task runs with: the one it names, the current one, or an environment made for it and kept.

An environment is made once for the same requirements and the same Python, in `<root>/envs/<hash>`. It stands at its
final place from the start, since the scripts in it name that place; a file in it says that it is complete. A lock
keeps two runs from making it at once, and is given back by the operating system whatever becomes of its holder.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hpc.engines.events import EnvironmentBuilding, EnvironmentReady, Listener
from hpc.engines.local.flow.failure import TaskError, TaskStoppedError
from hpc.engines.local.plan import Settings
from hpc.engines.local.work.folder import write_text
from hpc.engines.local.work.locks import locked
from hpc.engines.local.work.logs import tail
from hpc.engines.local.work.process import Command, run_process
from hpc.engines.local.work.stopping import Stop

_COMPLETE = ".complete"
_INCLUDE = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]?\s*(\S+)", re.MULTILINE)
_PLACE_MATTERS = re.compile(r"^\s*[-.]|\./|file:", re.MULTILINE)
_PACKAGE = re.compile(r"^\[build-system\]", re.MULTILINE)
_VERSION = "import sys; print(sys.version, sys.platform, sys.base_prefix)"
_DEPENDENCIES = """\
import sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file).get("project", {})
with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.writelines(line + "\\n" for line in project.get("dependencies", []))
"""


@dataclass(frozen=True)
class Interpreter:
    """`bin` comes first on the task's PATH and holds `python` and `python3`; `home` is set for an own environment."""

    bin: Path
    home: Path | None = None


class Environments:
    """Finds and makes interpreters. `base` is where relative paths start, `root` where environments are kept.

    An environment that could not be made is not tried again for the other tasks of the same run.
    """

    def __init__(self, base: Path, root: Path, environ: Mapping[str, str], stop: Stop, grace: float) -> None:
        self._base = base
        self._folder = root / "envs"
        self._environ = environ
        self._stop = stop
        self._grace = grace
        self._failures: dict[Path, TaskError] = {}
        self._keys: dict[tuple[Path, Path], asyncio.Future[str]] = {}

    async def prepare(self, settings: Settings, task: str, listener: Listener) -> Interpreter:
        """The interpreter of the task, made first where that is needed. Raises TaskError with the reason."""
        python = self.python(settings.python)
        if settings.requirements is None:
            return Interpreter(self._bin(python))
        requirements = self._requirements(settings.requirements)
        home = self._folder / await self._key(python, requirements)
        self._folder.mkdir(parents=True, exist_ok=True)
        if not (home / _COMPLETE).exists():
            await self._make(home, python, requirements, task, listener)
        return Interpreter(home / "bin", home)

    async def key(self, settings: Settings) -> str | None:
        """What names the environment that the settings ask for; None where they take an interpreter as it is."""
        if settings.requirements is None:
            return None
        return await self._key(self.python(settings.python), self._requirements(settings.requirements))

    def _requirements(self, name: str) -> Path:
        file = (self._base / name).absolute()
        if not file.is_file():
            raise TaskError(f"there is no requirements file {file}")
        return file

    def python(self, wanted: str | None) -> Path:
        """The interpreter of that name or path; the engine's own for none."""
        if wanted is None:
            return Path(sys.executable)
        if "/" in wanted:
            found: Path | None = (self._base / wanted).absolute()
        else:
            place = shutil.which(wanted, path=self._environ.get("PATH", os.defpath))
            found = Path(place) if place else None
        if found is None or not os.access(found, os.X_OK) or found.is_dir():
            raise TaskError(f"there is no Python interpreter {wanted}")
        return found

    def _bin(self, python: Path) -> Path:
        """The interpreter's own folder, or, where that lacks a `python` or has another, one of two small scripts."""
        same = all(_same_file(python.parent / name, python) for name in ("python", "python3"))
        if same:
            return python.parent
        folder = self._folder / f"python-{_digest(str(python))}"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("python", "python3"):
            if not (folder / name).exists():
                write_text(folder / f"{name}.new", f'#!/bin/sh\nexec {shlex.quote(str(python))} "$@"\n')
                (folder / f"{name}.new").chmod(0o755)
                (folder / f"{name}.new").replace(folder / name)
        return folder

    async def _key(self, python: Path, requirements: Path) -> str:
        """A hash of the Python, of the file with those that it includes, and of its place where that matters."""
        asked = (python, requirements)
        if asked not in self._keys:
            self._keys[asked] = asyncio.ensure_future(_made_key(python, requirements))
        return await asyncio.shield(self._keys[asked])

    async def _make(self, home: Path, python: Path, requirements: Path, task: str, listener: Listener) -> None:
        log = home.with_suffix(".log")
        async with locked(home.with_suffix(".lock"), self._stop):
            if (home / _COMPLETE).exists():
                return
            if home in self._failures:
                raise self._failures[home]
            listener(EnvironmentBuilding(task, str(requirements), str(log)))
            began = time.monotonic()
            shutil.rmtree(home, ignore_errors=True)
            log.unlink(missing_ok=True)
            try:
                for step in self._steps(home, python, requirements):
                    await self._run(step, requirements, log)
            except TaskError as error:
                self._failures[home] = error
                raise
            (home / _COMPLETE).touch()
            listener(EnvironmentReady(task, time.monotonic() - began))

    def _steps(self, home: Path, python: Path, requirements: Path) -> list[list[str]]:
        uv = shutil.which("uv", path=self._environ.get("PATH", os.defpath))
        own = str(home / "bin" / "python")
        if uv:
            make = [uv, "venv", "--quiet", "--python", str(python), str(home)]
            install = [uv, "pip", "install", "--python", own]
        else:
            make = [str(python), "-m", "venv", str(home)]
            install = [own, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        if requirements.suffix != ".toml":
            return [make, [*install, "-r", str(requirements)]]
        if _PACKAGE.search(requirements.read_text("utf-8")):
            return [make, [*install, "-e", str(requirements.parent)]]
        if uv:
            return [make, [*install, "-r", str(requirements)]]
        listed = str(home / "dependencies.txt")
        return [make, [own, "-c", _DEPENDENCIES, str(requirements), listed], [*install, "-r", listed]]

    async def _run(self, argv: list[str], requirements: Path, log: Path) -> None:
        inherited = {key: value for key, value in self._environ.items() if key not in {"VIRTUAL_ENV", "PYTHONHOME"}}
        command = Command(tuple(argv), requirements.parent, inherited)
        ending = await run_process(command, log, self._stop, grace=self._grace)
        if ending.stopped:
            raise TaskStoppedError
        if ending.exit_code:
            lines = tail(log, 1)
            reason = lines[0] if lines else ending.words()
            raise TaskError(f"no environment could be made from {requirements}: {reason}", log=log)


async def _made_key(python: Path, requirements: Path) -> str:
    try:
        asked = await asyncio.create_subprocess_exec(
            python, "-I", "-c", _VERSION, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        raise TaskError(f"{python} cannot be started: {error.strerror}") from None
    version, _ = await asked.communicate()
    if asked.returncode:
        raise TaskError(f"{python} is not a Python interpreter")
    texts = _contents(requirements)
    place = str(requirements.parent) if any(_PLACE_MATTERS.search(text) for text in texts) else ""
    if requirements.suffix == ".toml" and _PACKAGE.search(texts[0]):
        place = str(requirements.parent)
    return _digest(version.decode(), requirements.suffix, place, *texts)


def _contents(requirements: Path) -> list[str]:
    """The texts of the file and of those that it includes, each once."""
    try:
        seen = {requirements: requirements.read_text("utf-8")}
        waiting = [requirements] if requirements.suffix != ".toml" else []
        while waiting:
            file = waiting.pop()
            for name in _INCLUDE.findall(seen[file]):
                included = file.parent / name
                if included not in seen and included.is_file():
                    seen[included] = included.read_text("utf-8")
                    waiting.append(included)
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{requirements} cannot be read: {error}") from None
    return list(seen.values())


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
