"""A Python interpreter to a digest of what a task would import with it, without importing any of it.

The interpreter is asked for its version and its path; the packages are read from the folders on that path.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

_FRAME = b"\0packages\0"
"""Around the answer: a `sitecustomize` may print too."""
_ASK = """\
import sys
import os
said = [sys.version, sys.platform, os.uname().machine] + sys.path
os.write(1, b"\\0packages\\0" + b"\\0".join(os.fsencode(one) for one in said) + b"\\0packages\\0")
"""
_KINDS = (".dist-info", ".egg-info", ".egg-link")
_PATIENCE = 60.0


@dataclass(frozen=True)
class Installed:
    """What an interpreter has. `editable` are folders whose files it imports in place: they are not in the digest."""

    digest: str
    editable: tuple[Path, ...] = ()


def installed(python: Path, environ: Mapping[str, str] | None = None) -> Installed:
    """Version, platform and packages with their versions; of those from a folder or an address their files too.

    With `environ`, packages that PYTHONPATH or the user's own folder add count as well. It starts one process and
    takes about as long as `python -c pass`. ValueError with a sentence if that is no Python, or does not answer.
    """
    version, platform, machine, *path = _answer(python, environ)
    said: list[object] = [version, platform, machine]
    editable: list[Path] = []
    for folder in path:
        names = _packages(folder)
        origins = [_origin(Path(folder, name)) for name in names]
        editable += [place for _, place in origins if place]
        said += [list(zip(names, (text for text, _ in origins), strict=True))] if names else []
    return Installed(hashlib.sha256(json.dumps(said).encode()).hexdigest(), tuple(dict.fromkeys(editable)))


def _answer(python: Path, environ: Mapping[str, str] | None) -> list[str]:
    command = [str(python), *(["-I"] if environ is None else []), "-c", _ASK]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environ, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{python} did not say within {_PATIENCE:.0f} s what is installed") from None
    except OSError as error:
        raise ValueError(f"{python} cannot be started: {error.strerror}") from None
    framed = done.stdout.split(_FRAME)
    if done.returncode or len(framed) != 3:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(f"{python} is not a Python interpreter" + (f": {lines[-1]}" if lines else ""))
    return [os.fsdecode(one) for one in framed[1].split(b"\0")]


def _packages(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.name.endswith(_KINDS))
    except OSError:
        return []


def _origin(package: Path) -> tuple[str, Path | None]:
    """A text for the content of a package whose version does not tell it, and where it stands if it is editable."""
    if package.suffix == ".egg-link":
        lines = _read(package).decode("utf-8", "replace").splitlines()
        return "", Path(lines[0]) if lines else None
    direct = _read(package / "direct_url.json")
    if not direct:
        return "", None
    text = hashlib.sha256(direct + b"\0" + _read(package / "RECORD")).hexdigest()
    return text, _editable(direct)


def _editable(direct: bytes) -> Path | None:
    """Of a direct_url.json (packaging.python.org, "Direct URL Data Structure")."""
    try:
        data = cast("dict[str, dict[str, object]]", json.loads(direct))
        if data["dir_info"].get("editable") is True:
            return Path(unquote(urlsplit(str(data["url"])).path))
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
