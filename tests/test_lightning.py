"""A configuration of the size and shape of a real template, and what is said about right and wrong uses of it."""

from __future__ import annotations

from collections.abc import Callable

import yaml
from compiling import TESTS, compile_case

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
