"""Artifacts and files to digests of what is in them. What was read once and has not changed is not read again.

A digest says whether the content is the same as before, wherever it lies: paths and permissions do not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Protocol

from hpc.engines.outcome import Artifacts
from hpc.engines.values import as_json

MISSING = "missing"
UNREADABLE = "unreadable"

_BLOCK = 1 << 20
_CLOCK_GRAIN = 2_000_000_000
"""In ns. Two changes within this time can leave the same time on a file; some file systems count in 2 s."""


class Memo(Protocol):
    """Digests of files as they were read before. The texts are free of lone surrogates.

    `signature` is of the file's state: a digest counts for that state only. One for each path is enough.
    """

    def kept_digest(self, path: str, signature: str) -> str | None:
        """What was kept for this path in this state."""
        ...

    def keep_digest(self, path: str, signature: str, digest: str) -> None:
        """Keep it; what was kept for another state of the path may go."""
        ...


def artifacts_digest(found: Artifacts, memo: Memo, versions: Mapping[str, str] | None = None) -> str:
    """Of all artifacts of one port: contents, types and metadata, but neither names nor places.

    `versions` are those of what lies elsewhere, by uri, as far as they are known.
    """
    known = versions or {}
    texts = [
        [artifact_digest(one.uri, memo, known.get(one.uri, "")), one.schema_title, dict(one.metadata)] for one in found
    ]
    return hashlib.sha256(storable(as_json(texts)).encode()).hexdigest()


def artifact_digest(uri: str, memo: Memo, version: str = "") -> str:
    """Of what lies at a plain path or a file:// address; any other address stands for its content, with a version."""
    path = uri.removeprefix("file://")
    if "://" not in path:
        return content_digest(Path(path), memo)
    return storable(f"{uri} {version}" if version else uri)


def content_digest(path: Path, memo: Memo) -> str:
    """Of a file's bytes or of all that a folder holds: names, bytes, the texts of links; empty folders count.

    A path that is itself a link stands for what it leads to. "missing" if there is nothing, "unreadable" if it cannot
    be looked at; files and folders that cannot be read count as unreadable, whatever is in them.
    """
    try:
        status = path.stat()
    except PermissionError:
        return UNREADABLE
    except (OSError, ValueError):
        return MISSING
    if stat.S_ISDIR(status.st_mode):
        return _folder_digest(str(path.absolute()), memo)
    return entry_digest(str(path.absolute()), status, memo)


def entry_digest(path: str, status: os.stat_result, memo: Memo) -> str:
    """Of what is no folder: a file's content, a link's text; pipes, sockets and devices are "special"."""
    if stat.S_ISREG(status.st_mode):
        return _file_digest(path, status, memo)
    if not stat.S_ISLNK(status.st_mode):
        return "special"
    try:
        target = os.readlink(path)  # noqa: PTH115  Path takes longer
    except OSError:
        return UNREADABLE
    return f"link:{hashlib.sha256(os.fsencode(target)).hexdigest()}"


def storable(text: str) -> str:
    """The text with lone surrogates (names that are not UTF-8, halves of characters in JSON) written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _folder_digest(top: str, memo: Memo) -> str:
    """Marked as one, so that no file can have the same."""
    lines = sorted(json.dumps(line) for line in _listing(top, memo))
    return f"folder:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def _listing(top: str, memo: Memo) -> Generator[tuple[str, str]]:
    """(name, digest) of everything below, in no order. The name of a folder ends with a slash."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(f"{top}/{inside}") as entries:
                for entry in entries:
                    name = inside + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{name}/")
                        yield f"{name}/", ""
                    else:
                        yield name, _digest_of(entry, memo)
        except OSError:
            yield inside, UNREADABLE


def _digest_of(entry: os.DirEntry[str], memo: Memo) -> str:
    try:
        return entry_digest(entry.path, entry.stat(follow_symlinks=False), memo)
    except OSError:
        return UNREADABLE


def _file_digest(path: str, status: os.stat_result, memo: Memo) -> str:
    name, signature = storable(path), _signature(status)
    kept = memo.kept_digest(name, signature)
    if kept is not None:
        return kept
    now = time.time_ns()
    try:
        digest, after = _read(path)
    except OSError:
        return UNREADABLE
    if _signature(after) == signature and status.st_mtime_ns < now - _CLOCK_GRAIN:
        memo.keep_digest(name, signature, digest)
    return digest


def _read(path: str) -> tuple[str, os.stat_result]:
    """The digest of the bytes, and the state that the file was in at the end."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  Path takes longer
        while block := file.read(_BLOCK):
            digest.update(block)
        return digest.hexdigest(), os.fstat(file.fileno())


def _signature(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino} {status.st_ctime_ns}"
