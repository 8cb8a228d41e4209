"""Compiles pipeline files for tests, without the command line."""

from __future__ import annotations

from pathlib import Path

from hpc.compiler import Compiled, compile
from hpc.compiler.targets import TARGETS
from hpc.spec.document import decode


class OnDisk:
    """The files beside a pipeline file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_text(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def has(self, path: str) -> bool:
        return (self.folder / path).is_file()


def compiled(file: Path, target: str) -> Compiled:
    """The pipeline file compiled for `target`."""
    return compile(decode(file.read_bytes(), file.name), TARGETS[target], OnDisk(file.parent))
