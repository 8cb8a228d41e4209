"""Questions in, answers out: from what was kept, else from a child process that runs Hydra."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpc.compiler.questions import Answer, Question
from hpc.composing.contents import Contents, hydra_is_here
from hpc.composing.kept import Kept
from hpc.composing.plain import as_answer, as_plain


class Asker:
    """Answers for a pipeline file in `folder`; `cache` is where they are kept, None to keep nothing.

    An answer once given stays the same for as long as the object lives.
    """

    def __init__(self, folder: Path, cache: Path | None) -> None:
        self._folder = folder.absolute()
        self._kept = Kept(cache) if cache else None
        self._known: dict[Question, Answer] = {}

    def ask(self, questions: Sequence[Question]) -> list[Answer | None]:
        """An answer for each question, in order; None for all if Hydra is not installed beside hpc.

        One process is started for everything that is neither known nor kept; should it end without answers, then one
        for each configuration.
        """
        if not hydra_is_here():
            return [None] * len(questions)
        keys = self._keys([question for question in dict.fromkeys(questions) if question not in self._known])
        missing = {question: key for question, key in keys.items() if not self._remembers(question, key)}
        if missing:
            self._keep(missing, self._ask_hydra([*missing]))
        return [self._known[question] for question in questions]

    def _keys(self, questions: Sequence[Question]) -> dict[Question, str | None]:
        contents = Contents(self._folder)
        return {question: contents.key(as_plain(question)) if self._kept else None for question in questions}

    def _remembers(self, question: Question, key: str | None) -> bool:
        given = self._kept.get(key) if self._kept and key else None
        try:
            self._known[question] = as_answer(question, given)
        except (TypeError, KeyError, ValueError):
            return False
        return True

    def _ask_hydra(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        """The replies as they came."""
        found = self._replies([as_plain(question) for question in questions])
        self._known |= {
            question: as_answer(question, reply["answer"]) for question, reply in zip(questions, found, strict=True)
        }
        return found

    def _replies(self, plain: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """A process that died or hung took all answers with it: each configuration gets one of its own then."""
        from hpc.composing.process import HydraProcessError, replies

        parts = _by_configuration(plain)
        try:
            return replies(self._folder, plain)
        except HydraProcessError as error:
            if len(parts) == 1:
                return _unanswered(plain, error)
        found = [reply for part in parts for reply in self._replies_again([plain[index] for index in part])]
        order = [index for part in parts for index in part]
        return [reply for _, reply in sorted(zip(order, found, strict=True), key=lambda pair: pair[0])]

    def _replies_again(self, plain: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        from hpc.composing.process import HydraProcessError, replies

        try:
            return replies(self._folder, plain, is_again=True)
        except HydraProcessError as error:
            return _unanswered(plain, error)

    def _keep(self, asked: Mapping[Question, str | None], found: Sequence[dict[str, Any]]) -> None:
        """Keep what is still true: a file may have changed while Hydra was reading it."""
        if self._kept is None:
            return
        now = self._keys([*asked])
        for (question, key), reply in zip(asked.items(), found, strict=True):
            if key and key == now[question] and reply["keep"]:
                self._kept.put(key, reply["answer"])
        self._kept.trim()


def _by_configuration(plain: Sequence[dict[str, Any]]) -> list[list[int]]:
    """The places of the questions, those about the same configuration together."""
    parts: dict[str, list[int]] = {}
    for index, question in enumerate(plain):
        parts.setdefault(json.dumps(question["config"]), []).append(index)
    return [*parts.values()]


def _unanswered(plain: Sequence[dict[str, Any]], error: Exception) -> list[dict[str, Any]]:
    from hpc.composing.child import no_answer

    return [no_answer(question, str(error)) for question in plain]
