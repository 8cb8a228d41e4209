"""Files on disk: the pipeline file, what it names, and results that are either written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpc.diagnostics import Diagnostic, Rejected, Rule, Source, Span
from hpc.spec.document import decode

UNREADABLE = Rule(
    "HPC020", "file cannot be read", "hpc reads the file that it is given.", "Correct the path or the permissions."
)
UNWRITABLE = Rule(
    "HPC021",
    "file cannot be written",
    "The result could not be put where it belongs.",
    "Choose another place with `-o`.",
)
RULES = (UNREADABLE, UNWRITABLE)

if TYPE_CHECKING:
    from hpc.compiler.questions import Answer, Question
    from hpc.composing.asker import Asker


class Folder:
    """The folder of a pipeline file; the compiler reads the files that the pipeline file names through it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: dict[Hashable, Any] = {}

    def read_text(self, path: str) -> str:
        return (self.path / path).read_text(encoding="utf-8")

    def has(self, path: str) -> bool:
        return (self.path / path).is_file()

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        return self._asker.ask(questions) if questions else []

    def once(self, key: Hashable, find: Callable[[], Any]) -> Any:
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]

    @cached_property
    def _asker(self) -> Asker:
        from hpc.composing.asker import Asker

        return Asker(self.path, _cache())


def _cache() -> Path | None:
    """The user's folder for what can be made again; None where there is no home."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    except RuntimeError:  # neither HOME nor an entry for the user, as in a container that runs as any user
        return None
    return folder / "hpc" if folder.is_absolute() else None


def read_source(path: Path) -> Source:
    """The text of a file, or Rejected with the reason why it cannot be had."""
    try:
        data = path.read_bytes()
    except OSError as error:
        fact = f"this file cannot be read: {_reason(error)}."
        raise Rejected(
            [
                Diagnostic(
                    UNREADABLE,
                    Span.of_file(str(path)),
                    fact,
                    "correct the path, or make a new project with `hpc init`.",
                )
            ]
        ) from None
    return decode(data, str(path))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it. A link stays and its file is written; so does a device."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", newline="\n")
        else:
            _replace(Path(os.path.realpath(path)), text)
    except OSError as error:
        fact = f"this file cannot be written: {_reason(error)}."
        raise Rejected(
            [Diagnostic(UNWRITABLE, Span.of_file(str(path)), fact, "choose another place with `-o`.")]
        ) from None


def _replace(path: Path, text: str) -> None:
    """Write into a temporary file beside it, which is then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).chmod(_mode(path))
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced, else those that a new file gets here."""
    if path.exists():
        return path.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
