"""What the compiler may ask of the disk: the files that a pipeline file names, from the pipeline file's folder."""

from __future__ import annotations

from typing import Protocol


class Files(Protocol):
    """Paths are as the pipeline file writes them, with `/`."""

    def read_text(self, path: str) -> str:
        """The text of a file. Raises OSError or UnicodeDecodeError."""
        ...

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        ...
