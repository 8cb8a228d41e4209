"""Everything that an answer comes from, as one hash: a question enters, the key of its answer leaves.

In it are the question with its paths as written (so a moved folder keeps its answers), the versions of hpc, Python,
Hydra and OmegaConf and the plugins of Hydra, every YAML file of the configuration, and every Python file in the folders
of `imports`. An answer that comes from any other file must not be kept: `Contents.files` tells which these are. Nothing
of Hydra is imported.
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

FORMAT = 4
MOST_FILES = 5_000
MOST_BYTES = 20_000_000
MOST_ENTRIES = 20_000
"""A folder with more of any of these is not worth reading again and again: its answers are not kept."""

_OLDEST = (1, 1)
_RUNS = ("outputs", "multirun")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MARKS = frozenset({"pyvenv.cfg", ".hydra"})
"""What only a virtual environment holds, and only the folder of a run."""
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
    return sorted(f"{entry.name} {_changed(entry.path)}" for entry in entries if entry.name != "__pycache__")


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError):  # ValueError: no path at all
        return []


class Contents:
    """The keys of questions about what is in `folder` now: every configuration in it is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[tuple[str, tuple[str, ...]], _Walk | None] = {}

    def key(self, question: dict[str, Any]) -> str | None:
        """The key of the answer to a plain question; None where it should not be kept."""
        config, files = question["config"], ""
        if config is not None:
            walk = self._walked(config)
            if walk is None:
                return None
            files = walk.hash.hexdigest()
        asked = json.dumps(question, sort_keys=True)
        parts = [str(FORMAT), __version__, sys.version, *_installed()[:-1], *_plugins(), asked, files]
        return sha256(json.dumps(parts).encode()).hexdigest()

    def files(self, question: dict[str, Any]) -> frozenset[str] | None:
        """The real paths of all files that the key is made of; None where there is no key."""
        walk = self._walked(question["config"])
        return frozenset(map(os.path.realpath, walk.files)) if walk else None

    def _walked(self, config: dict[str, Any]) -> _Walk | None:
        programs = sorted({os.path.dirname(file) for file in config["imports"]})  # noqa: PTH120  "" is the folder itself
        asked = (config["folder"], tuple(programs))
        if asked not in self._read:
            self._read[asked] = self._walk(*asked)
        return self._read[asked]

    def _walk(self, folder: str, programs: Iterable[str]) -> _Walk | None:
        """What is in the folder of the configuration and in those of `imports`; None if it is too much."""
        walk = _Walk()
        try:
            walk.folder(str(self._folder / folder), "", (".yaml", ".yml"))
            for each in programs:
                walk.folder(str(self._folder / each), f"imports {each}", (".py",))
                walk.say("packages", str(_changed(_installed()[-1])).encode())
        except _TooMuchError:
            return None
        return walk


def _changed(folder: str) -> int:
    """When something was last installed into a folder of packages, or removed from it."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def _is_left_out(parent: str, name: str) -> bool:
    """Whether a folder of that name in one called `parent` is none of a configuration: hidden, or runs of Hydra's."""
    return name.startswith(".") or name == "__pycache__" or (parent in _RUNS and _DATE.fullmatch(name) is not None)


def _is_marked(names: Iterable[str]) -> bool:
    """Whether what is in a folder shows that it is a virtual environment, or what a run of Hydra's left."""
    return not _MARKS.isdisjoint(names)


def is_no_group(folder: str, group: str) -> bool:
    """Whether the folder of a group, or one around it, is none of the configuration in `folder`."""
    path = folder
    for name in group.split("/"):
        parent, path = os.path.basename(path), os.path.join(path, name)  # noqa: PTH118, PTH119  Path takes longer
        if _is_left_out(parent, name) or _is_marked(entry.name for entry in _entries(path)):
            return True
    return False


class _Walk:
    """Reads folders into a hash. Hidden folders, virtual environments and what Hydra's runs left are left out; a folder
    that links lead to twice is read once, so that circles end. `files` are those that were read.
    """

    def __init__(self) -> None:
        self.hash = sha256()
        self.files: list[str] = []
        self._bytes = self._seen = 0
        self._places: dict[tuple[int, int, str], str] = {}

    def say(self, what: str, data: bytes) -> None:
        name = _bytes(what)
        self.hash.update(b"%d %d " % (len(name), len(data)) + name + data)

    def folder(self, path: str, name: str, endings: tuple[str, ...]) -> None:
        """Everything in the folder `path`, whatever that is, called `name` in the hash. Raises _TooMuchError."""
        self._folder((path, name), endings, _entries(path))

    def _folder(self, what: tuple[str, str], endings: tuple[str, ...], entries: Sequence[os.DirEntry[str]]) -> None:
        path, name = what
        place = _place(path, endings)
        if place is None or place in self._places:
            self.say(name, _bytes(self._places.get(place, "")) if place else b"absent")
            return
        self._places[place] = f"as {name}"
        self._count(entries=len(entries))
        self.say(name, b"folder")
        for entry in entries:
            inner = (entry.path, f"{name}/{entry.name}")
            if not _is_folder(entry):
                if entry.name.endswith(endings):
                    self._file(entry, inner[1])
            elif not _is_left_out(os.path.basename(path), entry.name):  # noqa: PTH119  Path takes longer
                inside = _entries(entry.path)
                if not _is_marked(each.name for each in inside):
                    self._folder(inner, endings, inside)

    def _file(self, entry: os.DirEntry[str], name: str) -> None:
        try:
            self.files.append(entry.path)
            self._count(size=entry.stat().st_size)
            with open(entry.path, "rb") as file:  # noqa: PTH123  Path takes longer than the file
                self.say(name, file.read())
        except OSError as error:
            self.say(name, f"unreadable {error.errno}".encode())

    def _count(self, entries: int = 0, size: int = 0) -> None:
        self._seen, self._bytes = self._seen + entries, self._bytes + size
        if self._seen > MOST_ENTRIES or len(self.files) > MOST_FILES or self._bytes > MOST_BYTES:
            raise _TooMuchError


def _bytes(text: str) -> bytes:
    """A name as it is in a pipeline file or on disk, whatever is in it."""
    return text.encode("utf-8", "surrogatepass")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _place(path: str, endings: tuple[str, ...]) -> tuple[int, int, str] | None:
    """What a folder is, however it is called; None if there is none."""
    try:
        about = os.stat(path)  # noqa: PTH116  Path takes longer
    except (OSError, ValueError):  # ValueError: no path at all
        return None
    return about.st_dev, about.st_ino, endings[0]
