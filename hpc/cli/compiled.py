"""Compiled files: whether a text is one, and the name of its pipeline."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SOURCE_MARK = re.compile(r"""(?:^|\A(?:\s*(?:\#.*)?\n)*\s*\{\s*)["']?hpc["']?\s*:""", re.MULTILINE)
"""The key `hpc` in the first column, or as the first one after the brace that opens the file."""
_COMPILED_MARK = re.compile(r"""\bpipelineInfo["']?\s*:""")


def is_compiled(text: str) -> bool:
    """Whether a file is compiled IR rather than a source: a source has the top-level key `hpc`."""
    if not _COMPILED_MARK.search(text):
        return False
    first = _first_json(text.lstrip())
    return not _SOURCE_MARK.search(text) if first is None else "hpc" not in first


def _first_json(text: str) -> dict[str, Any] | None:
    """The mapping that a text starts with, where it is JSON."""
    if not text.startswith("{"):
        return None
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def name_of(spec: Mapping[str, Any]) -> str:
    """The name of a compiled pipeline."""
    try:
        return str(spec["pipelineInfo"]["name"])
    except (KeyError, TypeError):
        return "pipeline"
