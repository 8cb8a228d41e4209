"""What a shell completes besides commands and options. Never fails: a file that is being written may be anything."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from hpc.diagnostics import Rejected, Source
from hpc.spec.document import read

_ENTRY = re.compile(r"( +)([A-Za-z0-9_]+):(?:\s|$)")


def component_names(file: Path | None) -> dict[str, str]:
    """The components of a pipeline file with a word about each; only names where it is no YAML yet."""
    with contextlib.suppress(OSError, ValueError):
        text = file.read_text(encoding="utf-8") if file else ""
        with contextlib.suppress(Rejected):
            return _read(read(Source(str(file), text)).plain())
        return dict.fromkeys(_lines(text), "")
    return {}


def _read(document: Any) -> dict[str, str]:
    return {name: _about(entry) for name, entry in _entries(_entries(document).get("components")).items()}


def _about(entry: Any) -> str:
    """What a component is for, else what it runs."""
    says = _entries(entry)
    known = (says[key] for key in ("description", "title", "image", "uses") if isinstance(says.get(key), str))
    return next(known, "").partition("\n")[0]


def _entries(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _lines(text: str) -> Iterator[str]:
    """The keys one level under `components:`, by their indentation."""
    indent = ""
    inside = False
    for line in text.splitlines():
        if line[:1] not in ("", " ", "#"):
            inside, indent = line.startswith("components:"), ""
        entry = _ENTRY.match(line) if inside else None
        if entry and entry[1] == (indent or entry[1]):
            indent = entry[1]
            yield entry[2]
