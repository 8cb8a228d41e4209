"""What lies at an address elsewhere, through fsspec: which version it is, and a copy of it here.

Enters: an address that has a scheme. Leaves: a Found, or its content in a folder. All of it waits for a network and
belongs on a thread. fsspec and the packages behind it are imported only here and only when they are needed; where
credentials and endpoints come from is theirs to say.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeGuard

Trouble = Literal["missing", "denied", "scheme", "package", "silence", "changed"]

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
_MARKS = ("etag", "generation", "versionid", "md5hash", "content-md5", "content_md5", "checksum", "digest")
_TIMES = ("last-modified", "last_modified", "lastmodified", "mtime", "modified", "updated", "created")
_ENCODINGS = ("contentencoding", "content-encoding", "content_encoding")
_LONGEST_NAME = 200


class RemoteError(Exception):
    """The address gives nothing; the text is for users.

    `trouble`: there is nothing, it is forbidden, fsspec does not know the scheme, a package is not installed, nobody
    answers (or something else went wrong on the way), or the content is no longer that of the version.
    """

    def __init__(self, trouble: Trouble, text: str) -> None:
        super().__init__(text)
        self.trouble: Trouble = trouble


@dataclass(frozen=True)
class File:
    """`path` is the file system's own name, `place` the path inside the folder, empty for a file by itself.

    `size` is in bytes, None where it is not known before.
    """

    path: str
    place: str
    size: int | None


@dataclass(frozen=True)
class Found:
    """What lies at `uri`, which is `path` on its file system: one file, or all files of a folder.

    `version` is empty where nothing tells a change.
    """

    uri: str
    path: str
    version: str
    files: tuple[File, ...]
    is_folder: bool
    system: Any = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The last part of the path, since programs go by the ends of names."""
        path = self.path.partition("?")[0].partition("#")[0] if "://" in self.path else self.path
        name = PurePosixPath(path).name
        return name if name not in {"", ".", ".."} and len(name.encode()) <= _LONGEST_NAME else "content"

    @property
    def size(self) -> int | None:
        """In bytes."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None


def look(uri: str) -> Found:
    """Ask what is there now. Raises RemoteError.

    The version is what the storage says of the content (etag, generation, checksum); else its size and time; of a
    folder, that of all its files with their names.
    """
    return _seen(uri, *_opened(uri))


def _seen(uri: str, system: Any, path: str) -> Found:
    try:
        info: Mapping[str, Any] = system.info(path)
        if info.get("type") == "directory":
            return _folder(uri, system, path)
    except Exception as error:
        raise _trouble(uri, error) from error
    return Found(uri, path, _version(info), (File(path, "", _size(info)),), False, system)


def fetch(found: Found, place: Path, given_up: threading.Event) -> None:
    """Make the folder `place` with the content in it, under the name that it has there. Raises RemoteError, OSError.

    The folder is there as a whole or not at all. Files are made read-only: later runs read the same copy. Once
    `given_up` is set nothing is made any more.
    """
    clear(place)
    part = Path(tempfile.mkdtemp(prefix=f"{place.name}.part-", dir=place.parent))
    try:
        _download(found, part / found.name, given_up)
        found.system.invalidate_cache()
        if _seen(found.uri, found.system, found.path).version != found.version:
            raise RemoteError("changed", f"{found.uri} has changed while this run was at work; run it again")
        if not given_up.is_set():
            part.chmod(0o755)
            part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def clear(place: Path) -> None:
    """Remove what was begun for that folder and left behind. Nobody else may be making it."""
    for left in place.parent.glob(f"{place.name}.part-*"):
        shutil.rmtree(left, ignore_errors=True)


def _opened(uri: str) -> tuple[Any, str]:
    """The file system of the address, which nobody else uses, and the path on it."""
    scheme = uri.partition("://")[0]
    try:
        from fsspec.core import url_to_fs  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
    except ImportError:
        raise RemoteError("package", f"{uri} cannot be read: {_missing(scheme, 'fsspec is not installed')}") from None
    try:
        return url_to_fs(uri, skip_instance_cache=True)  # pyright: ignore[reportUnknownVariableType]
    except ImportError as error:
        raise RemoteError("package", f"{uri} cannot be read: {_missing(scheme, str(error))}") from None
    except ValueError as error:
        unknown = "not known" in str(error)
        text = f"fsspec knows no scheme {scheme}" if unknown else str(error)
        raise RemoteError("scheme" if unknown else "silence", f"{uri} cannot be read: {text}") from error
    except Exception as error:
        raise _trouble(uri, error) from error


def _missing(scheme: str, text: str) -> str:
    extra = _EXTRAS.get(scheme)
    if extra is None:
        return f"{text}; install fsspec and its package for {scheme}"
    return f"a package is not installed; pip install 'hydra-pipeline-compiler[{extra}]'"


def _folder(uri: str, system: Any, path: str) -> Found:
    listed: dict[str, Mapping[str, Any]] = system.find(path, detail=True)
    top = path.rstrip("/") + "/"
    places = {file: file.removeprefix(top) for file in sorted(listed) if not _is_marker(file, path)}
    for file, place in places.items():
        if not _is_safe(place):
            raise RemoteError("silence", f"{uri} cannot be copied: the name {file} is none for a file here")
    if not places:
        raise FileNotFoundError(uri)
    versions = [(place, _version(listed[file])) for file, place in places.items()]
    known = all(version for _, version in versions)
    version = f"folder:{hashlib.sha256(json.dumps(versions).encode()).hexdigest()}" if known else ""
    files = tuple(File(file, place, _size(listed[file])) for file, place in places.items())
    return Found(uri, path, version, files, True, system)


def _is_marker(file: str, path: str) -> bool:
    """Consoles of object stores make an empty object to show a folder."""
    return file.endswith("/") or file == path.rstrip("/")


def _is_safe(place: str) -> bool:
    return "\0" not in place and all(part not in {"", ".", ".."} for part in place.split("/"))


def _version(info: Mapping[str, Any]) -> str:
    facts = {key.lower(): value for key, value in info.items()}
    marks = [f"{key}={facts[key]}" for key in _MARKS if facts.get(key)]
    if marks:
        return " ".join(marks)
    times = [f"{key}={facts[key]}" for key in _TIMES if facts.get(key)]
    return " ".join([f"size={facts.get('size')}", *times]) if times else ""


def _size(info: Mapping[str, Any]) -> int | None:
    """None also for what is stored compressed and may be sent otherwise."""
    facts = {key.lower(): value for key, value in info.items()}
    encoded = any(facts.get(key) not in {None, "", "identity"} for key in _ENCODINGS)
    size = facts.get("size")
    return size if isinstance(size, int) and not encoded else None


def _download(found: Found, target: Path, given_up: threading.Event) -> None:
    targets = [target / file.place if file.place else target for file in found.files]
    for folder in {one.parent for one in targets}:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        sources, places = [file.path for file in found.files], [str(one) for one in targets]
        found.system.get(sources, places, callback=_callback(given_up))
    except Exception as error:
        raise _trouble(found.uri, error) from error
    _check(found, targets)
    for one in targets:
        one.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)


def _check(found: Found, targets: Iterable[Path]) -> None:
    for file, target in zip(found.files, targets, strict=True):
        size = target.stat().st_size if target.is_file() else 0
        if file.size is not None and size != file.size:
            text = f"{file.path} should have {file.size:,} bytes, {size:,} came"
            raise RemoteError("silence", f"{found.uri} was not read to its end: {text}")
        if not target.is_file():
            raise RemoteError("silence", f"{found.uri} was not read to its end: {file.path} did not come")


def _callback(given_up: threading.Event) -> Any:
    """Ends a download at its next block. fsspec calls it, so it can be made only where fsspec is."""
    from fsspec.callbacks import Callback  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    class UntilGivenUp(Callback):  # pyright: ignore[reportUntypedBaseClass]
        def branched(self, path_1: str, path_2: str, **kwargs: Any) -> Any:
            del path_1, path_2, kwargs
            return UntilGivenUp()

        def relative_update(self, inc: int = 1) -> None:
            del inc
            if given_up.is_set():
                raise RemoteError("silence", "given up")

    return UntilGivenUp()


def _trouble(uri: str, error: Exception) -> RemoteError:
    """What an error of a file system means. Over http, whatever goes wrong comes as a missing file with a cause."""
    if isinstance(error, RemoteError):
        return error
    text = str(error).strip() or type(error).__name__
    said = "" if text == uri or uri.endswith(text) else f" ({text})"
    cause = error.__cause__
    status = getattr(cause, "status", None)
    if isinstance(error, PermissionError) or status in {401, 403}:
        return RemoteError("denied", f"{uri} may not be read with the credentials of this machine{said}")
    if isinstance(error, FileNotFoundError):
        if not _is_silence(cause, status):
            return RemoteError("missing", f"there is nothing to import at {uri}{said}")
        text, error = str(cause) or type(cause).__name__, cause
    if isinstance(error, ImportError):
        return RemoteError("package", f"{uri} cannot be read: {_missing(uri.partition('://')[0], text)}")
    return RemoteError("silence", f"{uri} cannot be read: {type(error).__name__}: {text}")


def _is_silence(cause: BaseException | None, status: object) -> TypeGuard[Exception]:
    """Whether a file counts as missing only because nobody answered, or because the server had trouble of its own."""
    if isinstance(status, int):
        return status not in {404, 410}
    return isinstance(cause, (OSError, asyncio.TimeoutError)) and not isinstance(cause, FileNotFoundError)
