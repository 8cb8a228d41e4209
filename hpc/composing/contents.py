"""Everything that an answer comes from, as one hash: a question enters, the key of its answer leaves.

In it are the question with its paths as written (so a moved folder keeps its answers), the versions of hpc, Python,
Hydra and OmegaConf and the plugins of Hydra, every YAML file of the configuration, and every Python file in the folders
of `imports`. Nothing of Hydra is imported.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hpc.version import __version__

FORMAT = 1
MOST_FILES = 5_000
MOST_BYTES = 20_000_000
MOST_ENTRIES = 20_000
"""A folder with more of any of these is not worth reading again and again: its answers are not kept."""

_OLDEST = (1, 1)
_VERSION = re.compile(r"^__version__\s*=\s*[\"'](\d+)\.(\d+)", re.MULTILINE)


class _TooMuchError(Exception):
    pass


def hydra_is_here() -> bool:
    """Whether a Hydra that can be asked, 1.1 or later, is installed beside hpc."""
    return bool(_installed())


@cache
def _installed() -> tuple[str, ...]:
    """Hydra and OmegaConf, by the files that tell their versions, and where Hydra is; nothing if it cannot be asked."""
    hydra, omegaconf = _package("hydra"), _package("omegaconf")
    if hydra is None or omegaconf is None:
        return ()
    texts = [_text(hydra / "__init__.py"), _text(hydra / "version.py"), _text(omegaconf / "version.py")]
    found = _VERSION.search(texts[0])
    if found and (int(found[1]), int(found[2])) < _OLDEST:
        return ()
    return (*texts, str(hydra.parent))


def _package(name: str) -> Path | None:
    """The folder of an installed package; a folder of that name without `__init__.py` is none."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@cache
def _plugins() -> list[str]:
    """What stands in the folders of Hydra's plugins, with the time of its last change: a plugin may be upgraded."""
    spec = find_spec("hydra_plugins")
    entries = [entry for folder in (spec and spec.submodule_search_locations) or () for entry in _entries(folder)]
    return sorted(f"{entry.name} {entry.stat().st_mtime_ns}" for entry in entries if entry.name != "__pycache__")


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


class Contents:
    """The keys of questions about what is in `folder` now: every configuration in it is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[tuple[str, tuple[str, ...]], str | None] = {}

    def key(self, question: dict[str, Any]) -> str | None:
        """The key of the answer to a plain question; None where it should not be kept."""
        config = question["config"]
        files = "" if config is None else self._config(config["folder"], config["imports"])
        if files is None:
            return None
        asked = json.dumps(question, sort_keys=True)
        parts = [str(FORMAT), __version__, sys.version, *_installed()[:-1], *_plugins(), asked, files]
        return sha256(json.dumps(parts).encode()).hexdigest()

    def _config(self, folder: str, imports: Sequence[str]) -> str | None:
        programs = sorted({os.path.dirname(file) for file in imports})  # noqa: PTH120  "" is the folder itself
        asked = (folder, tuple(programs))
        if asked not in self._read:
            self._read[asked] = self._hashed(folder, programs)
        return self._read[asked]

    def _hashed(self, folder: str, programs: Iterable[str]) -> str | None:
        walk = _Walk()
        try:
            walk.folder(str(self._folder / folder), "", (".yaml", ".yml"))
            for each in programs:
                walk.folder(str(self._folder / each), f"imports {each}", (".py",))
                walk.say("packages", str(_changed(_installed()[-1])).encode())
        except _TooMuchError:
            return None
        return walk.hash.hexdigest()


def _changed(folder: str) -> int:
    """When something was last installed into the folder of packages, or removed from it."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


class _Walk:
    """Reads folders into a hash. Hidden folders and virtual environments are left out; a folder that links lead to
    twice is read once, so that circles end.
    """

    def __init__(self) -> None:
        self.hash = sha256()
        self._files = self._bytes = self._seen = 0
        self._places: dict[tuple[int, int, str], str] = {}

    def say(self, what: str, data: bytes) -> None:
        name = os.fsencode(what)
        self.hash.update(b"%d %d " % (len(name), len(data)) + name + data)

    def folder(self, path: str, name: str, endings: tuple[str, ...]) -> None:
        """Everything below `path`, called `name` in the hash. Raises _TooMuchError."""
        place = _place(path, endings)
        if place is None or place in self._places:
            self.say(name, self._places.get(place, "").encode() if place else b"absent")
            return
        self._places[place] = f"as {name}"
        entries = _entries(path)
        self._count(entries=len(entries))
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            return
        self.say(name, b"folder")
        for entry in entries:
            if not _is_folder(entry):
                if entry.name.endswith(endings):
                    self._file(entry, f"{name}/{entry.name}")
            elif not entry.name.startswith(".") and entry.name != "__pycache__":
                self.folder(entry.path, f"{name}/{entry.name}", endings)

    def _file(self, entry: os.DirEntry[str], name: str) -> None:
        try:
            self._count(files=1, size=entry.stat().st_size)
            with open(entry.path, "rb") as file:  # noqa: PTH123  Path takes longer than the file
                self.say(name, file.read())
        except OSError as error:
            self.say(name, f"unreadable {error.errno}".encode())

    def _count(self, entries: int = 0, files: int = 0, size: int = 0) -> None:
        self._seen, self._files, self._bytes = self._seen + entries, self._files + files, self._bytes + size
        if self._seen > MOST_ENTRIES or self._files > MOST_FILES or self._bytes > MOST_BYTES:
            raise _TooMuchError


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _place(path: str, endings: tuple[str, ...]) -> tuple[int, int, str] | None:
    """What a folder is, however it is called; None if there is none."""
    try:
        about = os.stat(path)  # noqa: PTH116  Path takes longer
    except OSError:
        return None
    return about.st_dev, about.st_ino, endings[0]
