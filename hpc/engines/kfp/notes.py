"""What hpc keeps of a run or a schedule in its description, the API having no labels: values enter and leave one line.

The line is for people too: `hpc: pipeline=train digest=4f… spec=09… label.team=ml`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_MARK = "hpc:"
_LABEL = "label."
_WORD = re.compile(r"([^\s=]+)=(\S*)")
_DIGITS = 32


@dataclass(frozen=True)
class Note:
    """`digest` is of all that was asked for, `spec` of the compiled pipeline in it."""

    pipeline: str
    digest: str
    spec: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        words = {"pipeline": self.pipeline, "digest": self.digest, "spec": self.spec}
        labels = {f"{_LABEL}{key}": value for key, value in sorted(self.labels.items())}
        return " ".join([_MARK, *(f"{key}={value}" for key, value in {**words, **labels}.items())])

    @staticmethod
    def of(description: object) -> Note | None:
        """The note in a description; None where hpc has left none."""
        text = str(description or "")
        if not text.startswith(_MARK):
            return None
        words = dict(_WORD.findall(text))
        labels = {key.removeprefix(_LABEL): value for key, value in words.items() if key.startswith(_LABEL)}
        return Note(words.get("pipeline", ""), words.get("digest", ""), words.get("spec", ""), labels)


def mark_of(pipeline: str) -> str:
    """What the descriptions of a pipeline's runs have in common."""
    return f"{_MARK} pipeline={pipeline} "


def digest_of(content: object) -> str:
    """The same for the same JSON, whatever the order of keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
