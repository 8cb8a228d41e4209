"""What a conversion yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hpc.conversion.notes import Remark


@dataclass(frozen=True)
class Converted:
    """`text` is the file, `document` what it holds; `files` lie beside it, by their paths from there.

    `notes` are choices that keep the meaning, `losses` what the file does not say.
    """

    text: str
    document: Mapping[str, Any]
    files: Mapping[str, str]
    kind: Literal["component", "pipeline"]
    notes: tuple[Remark, ...]
    losses: tuple[Remark, ...]
