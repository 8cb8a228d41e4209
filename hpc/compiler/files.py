"""What the compiler may ask of the disk: the files that a pipeline file names, from the pipeline file's folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hpc.compiler.questions import Answer, Question


class Files(Protocol):
    """Paths are as the pipeline file writes them, with `/`."""

    def read_text(self, path: str) -> str:
        """The text of a file. Raises OSError or UnicodeDecodeError."""
        ...

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        ...

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        """What Hydra makes of configurations, an answer for each question; None where Hydra cannot be asked."""
        return [None] * len(questions)
