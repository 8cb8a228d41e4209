"""Which files of a folder a builder sees: `.dockerignore`, by the rules of docker.

https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class _Pattern:
    expression: re.Pattern[str]
    is_exception: bool


class Ignored:
    """The patterns of one file. The last one that a path or a folder above it matches decides."""

    def __init__(self, text: str) -> None:
        self._patterns = [pattern for line in text.removeprefix("\ufeff").splitlines() if (pattern := _pattern(line))]

    @property
    def has_exceptions(self) -> bool:
        return any(pattern.is_exception for pattern in self._patterns)

    def __contains__(self, path: str) -> bool:
        """Whether the builder does not see `path`, which starts at the folder and is written with `/`."""
        parts = path.split("/")
        heads = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        ignored = False
        for pattern in self._patterns:
            if pattern.is_exception == ignored and any(map(pattern.expression.fullmatch, heads)):
                ignored = not pattern.is_exception
        return ignored


def _pattern(line: str) -> _Pattern | None:
    if line.startswith("#"):
        return None
    line = line.strip()
    is_exception = line.startswith("!")
    text = line[1:].strip() if is_exception else line
    if not text:
        return None
    text = posixpath.normpath(text).lstrip("/")
    return None if text in (".", "") else _Pattern(_expression(text), is_exception)


def _expression(text: str) -> re.Pattern[str]:
    """As docker does it: `**` crosses folders, `*` and `?` do not."""
    tokens = re.findall(r"\*\*/?|\[[^\]]*\]|\\.|.", text, re.DOTALL)
    last = len(tokens) - 1
    try:
        return re.compile("".join(_translated(token, index == last) for index, token in enumerate(tokens)), re.DOTALL)
    except re.error:
        return re.compile(re.escape(text))


def _translated(token: str, is_last: bool) -> str:
    if token.startswith("**"):
        return ".*" if is_last else "(?:.*/)?" if token.endswith("/") else ".*"
    if token in ("*", "?"):
        return "[^/]*" if token == "*" else "[^/]"
    if token.startswith("[") and len(token) > 1:
        return token.replace("\\", "\\\\")
    return re.escape(token[-1])


def ignored_by_all(files: Iterable[Ignored], path: str) -> bool:
    """Whether no builder sees a path: builders differ in which of several files of patterns they heed."""
    found = list(files)
    return bool(found) and all(path in one for one in found)
