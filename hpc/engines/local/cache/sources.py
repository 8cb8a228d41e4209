"""A component's folder to the digests of its source files.

In a Git work tree the source is what Git tracks or would add; elsewhere it is everything that is not hidden. Never
part of it are Git's own files, what Python and its tools make (`__pycache__`, `*.pyc`, `*.egg-info`, virtual
environments), `node_modules`, and the folders in which Hydra leaves its runs: `outputs/<date>/<time>` and
`multirun/<date>/<time>`, wherever they stand.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hpc.engines.local.cache.contents import UNREADABLE, Memo, entry_digest, storable

_MADE = re.compile(
    r"(?:^|/)(?:__pycache__|node_modules|[^/]+\.egg-info|\.git[^/]*)(?:/|$)"
    r"|\.pyc$"
    r"|(?:^|/)(?:outputs|multirun)/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d(?:/|$)"
)
_ENVIRONMENT = "pyvenv.cfg"
_OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
"""Set while a hook of Git runs."""
_LIST = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")


def source_files(folder: Path, leave_out: Collection[Path], memo: Memo) -> Mapping[str, str]:
    """Relative path to sha256 of the content, in order of the paths; "unreadable" for what cannot be read.

    `leave_out` are folders and files that do not count, with all that is in them; one that is not below the folder, or
    is the folder itself, means nothing. Links count by their text and are not followed. Submodules and repositories
    inside count like the rest. Where Git is missing, refuses, or ignores the whole folder, all files count that are not
    hidden.
    """
    top = str(folder.absolute())
    wanted = _Wanted(_inside(top, leave_out))
    found: dict[str, str] = {}
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        for name in _names(top, inside, wanted):
            digest = _digest(f"{top}/{name}", memo)
            if digest is None:
                waiting.append(f"{name.rstrip('/')}/")
            elif digest:
                found[storable(name)] = digest
    return dict(sorted(found.items()))


def tree_digest(files: Mapping[str, str]) -> str:
    """One digest of them all; it does not depend on their order."""
    return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()


@dataclass(frozen=True)
class _Wanted:
    """Which names count. `left_out` are relative paths."""

    left_out: frozenset[str]

    def has(self, name: str) -> bool:
        if _MADE.search(name):
            return False
        return not any(name == one or name.startswith(f"{one}/") for one in self.left_out)


def _inside(top: str, paths: Iterable[Path]) -> frozenset[str]:
    """Relative to the folder; links on the way to either are looked through."""
    real = Path(top).resolve()
    found = {one.resolve() for one in paths}
    return frozenset(one.relative_to(real).as_posix() for one in found if real in one.parents)


def _digest(path: str, memo: Memo) -> str | None:
    """Empty for what does not count: what is gone, or is neither file nor link. None for a folder."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError:
        return UNREADABLE
    if stat.S_ISDIR(status.st_mode):
        return None
    known = stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)
    return entry_digest(path, status, memo) if known else ""


def _names(top: str, inside: str, wanted: _Wanted) -> Iterable[str]:
    """What lies in that folder, from `top`. Folders among it are other repositories.

    Git is not asked in a submodule that was not fetched: it would answer for the repository around it.
    """
    own = not inside or os.path.lexists(f"{top}/{inside}.git")
    listed = _by_git(f"{top}/{inside}") if own else []
    if not listed:
        return _by_walking(top, inside, wanted)
    environments = tuple(name.removesuffix(_ENVIRONMENT) for name in listed if name.endswith(f"/{_ENVIRONMENT}"))
    names = (inside + name for name in listed if not name.startswith(environments))
    return (name for name in names if wanted.has(name))


def _by_git(folder: str) -> list[str]:
    """Empty if Git has no answer. A file in conflict comes three times."""
    without = [part for name in _OF_ANOTHER_REPOSITORY for part in ("-u", name)]
    command = ["env", *without, "git", "-C", folder, *_LIST]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError:
        return []
    return [] if done.returncode else [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _by_walking(top: str, inside: str, wanted: _Wanted) -> Generator[str]:
    waiting = [inside]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(f"{top}/{folder}") as found:
                entries = list(found)
        except OSError:
            continue
        if folder != inside and any(entry.name == _ENVIRONMENT for entry in entries):
            continue
        for entry in entries:
            name = folder + entry.name
            if entry.name.startswith(".") or not wanted.has(name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{name}/")
            else:
                yield name
