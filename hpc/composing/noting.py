"""Findings as the child process hands them over: dictionaries with the fields of `hpc.compiler.questions.Finding`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Finding = dict[str, Any]

_MOST_CHARACTERS = 200
_MOST_NEAR = 3
_NEARLY = 0.1
_OF_WORDS = frozenset(("unknown-key", "unknown-group", "exists", "not-there", "no-default", "no-sweeper"))
"""Kinds about a key, which all values of a sweep have in common."""


def finding(kind: str, word: int | None = None, other: int | None = None, **rest: Any) -> Finding:
    """A finding; what is not given is empty."""
    empty: Finding = {"key": "", "said": "", "at": None, "near": [], "options": [], "element": ""}
    return {"kind": kind, "word": word, "other": other, **empty, **rest}


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Those of the words first, in their order, then those of the configuration; each once."""
    unique: dict[tuple[Any, ...], Finding] = {}
    for each in findings:
        if each["kind"] in _OF_WORDS:
            each["element"] = ""
        unique.setdefault(tuple(each[name] for name in ("kind", "word", "other", "key", "said", "at", "element")), each)
    return sorted(unique.values(), key=_position)


def _position(each: Finding) -> tuple[int, int]:
    last = 1 << 30
    return (
        last if each["word"] is None else each["word"],
        -1 if each["other"] is None else each["other"],
    )


def nearest(wanted: str, names: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """At most three names like `wanted`, the likeliest first; none that is much less like it than that."""
    found = difflib.get_close_matches(wanted, sorted(set(names)), _MOST_NEAR, cutoff)
    likeness = [difflib.SequenceMatcher(None, name, wanted).ratio() for name in found]
    return [name for name, ratio in zip(found, likeness, strict=True) if ratio > likeness[0] - _NEARLY]


def likest(wanted: str, names: Sequence[str]) -> list[str]:
    """All names, the likest first."""
    return sorted(names, key=lambda name: -difflib.SequenceMatcher(None, name, wanted).ratio())


def told(error: BaseException, folder: str) -> str:
    """What an exception says, as one short line that names no folder of this machine."""
    own = error.strerror if isinstance(error, OSError) else None  # without the path
    text = own or str(error).strip() or str(error.__cause__ or "").strip()
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        text = f"{mark.name}, line {mark.line + 1}: {getattr(error, 'problem', None) or text}"
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    said = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    return shortened(without_paths(said, [folder]))


def shortened(text: str) -> str:
    """The text without what ends it, and cut where it is too long to be read."""
    text = text.strip().rstrip(".:")
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def without_paths(text: str, folders: Sequence[str]) -> str:
    """Paths below the folders become relative to them, other absolute paths of files that exist lose their folders."""
    for folder in map(Path, folders):
        for form in (str(folder.absolute()), str(folder.resolve())):
            text = text.replace(f"{form}/", "").replace(form, ".") if form != "/" else text
    return re.sub(r"(?<![\w.$}/])/[\w.@+/-]+", lambda match: _local(match[0]), text)


def _local(path: str) -> str:
    try:
        return Path(path).name if Path(path).exists() else path
    except OSError:  # longer than a file's name can be
        return path
