"""A configuration of the size and shape of a real template, and what is said about right and wrong uses of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from compiling import TESTS, compile_case
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from hpc.cli.disk import Folder
from hpc.compiler import compile
from hpc.compiler.questions import Answer, Config, Fit, Fits, Question
from hpc.diagnostics import Rejected, Source

FOLDER = TESTS / "composing" / "lightning"


def test_each_wrong_override_has_its_message(matches_golden: Callable[..., None]) -> None:
    result = compile_case(FOLDER / "wrong.yaml")
    text = (FOLDER / "wrong.yaml").read_text(encoding="utf-8")
    lines = {one.span.position[0] for one in result.diagnostics if one.rule.code != "HPC618"}
    wrong = [number for number, line in enumerate(text.splitlines(), 1) if ": {uses: train" in line]
    assert len(wrong) > 30
    assert [number for number in wrong if number not in lines] == []
    assert result.compiled is None
    matches_golden(result.shown)


def test_nothing_is_said_about_right_ones(matches_golden: Callable[..., None]) -> None:
    result = compile_case(FOLDER / "right.yaml")
    assert [one.rule.code for one in result.diagnostics] == ["HPC618", "HPC618"]
    assert len(yaml.safe_load((FOLDER / "right.yaml").read_text(encoding="utf-8"))["steps"]) > 30
    assert result.compiled is not None
    matches_golden(result.shown)


class Listener(Folder):
    """Remembers what was asked and answered."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.heard: list[tuple[Fit, Fits]] = []

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        answers = super().ask(questions)
        self.heard += [
            (q, a) for q, a in zip(questions, answers, strict=True) if isinstance(q, Fit) and isinstance(a, Fits)
        ]
        return answers


REFUSED = {
    "unknown-key",
    "exists",
    "not-there",
    "no-default",
    "unknown-choice",
    "syntax",
    "sweep",
    "clash",
    "no-config",
}
"""What Hydra finds when it composes; the rest it finds later, or lets pass."""


def composes(question: Fit) -> bool:
    """Whether Hydra takes the words, and all others that may stand in the place of one of them."""
    words = [word.text for word in question.words]
    lines = [words] + [
        [*words[:index], other, *words[index + 1 :]]
        for index, word in enumerate(question.words)
        for other in word.others
    ]
    return all(is_taken(question.config, line) for line in lines)


def is_taken(config: Config, words: Sequence[str]) -> bool:
    names = [config.name, *(word.partition("=")[2] for word in words if word.startswith("--config-name="))]
    overrides = [*(word for word in words if not word.startswith("--")), *NOT_HERE]
    try:
        with initialize_config_dir(str(FOLDER / config.folder), version_base="1.3"):
            compose(names[-1], overrides, return_hydra_config=True)
    except (HydraException, ValueError):
        return False
    return True


NOT_HERE = ("hydra/job_logging=default", "hydra/hydra_logging=default")


@pytest.mark.parametrize("name", ["wrong", "right"])
def test_hydra_itself_agrees(name: str) -> None:
    files, text = Listener(FOLDER), (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    with suppress(Rejected):
        compile(Source(name, text), None, files)
    plain = [
        (question, {finding.kind for finding in answer.findings})
        for question, answer in files.heard
        if not any(word.may_sweep or word.text == "--verbose" for word in question.words)
        and "not-installed" not in {finding.kind for finding in answer.findings if finding.key == "hydra/sweeper"}
    ]
    assert len(plain) > 30
    disagreed = [question.words for question, kinds in plain if composes(question) != kinds.isdisjoint(REFUSED)]
    assert disagreed == []
