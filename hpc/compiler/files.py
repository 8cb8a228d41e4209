"""What the compiler may ask of the disk: the files that a pipeline file names, from the pipeline file's folder."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol, TypeVar

from hpc.compiler.questions import Answer, Question

_Found = TypeVar("_Found")
_Question = TypeVar("_Question", bound=Question)


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

    def once(self, key: Hashable, find: Callable[[], _Found]) -> _Found:
        """What `find` finds in the files. Where files stay as they are while it lives, a `Files` may keep that for
        the next time that somebody wants what has this key.
        """
        del key
        return find()


def answered(files: Files, questions: Iterable[_Question]) -> dict[_Question, Answer | None]:
    """The answers by question, each asked once; nobody is asked if there are none."""
    asked = list(dict.fromkeys(questions))
    return dict(zip(asked, files.ask(asked), strict=True)) if asked else {}
