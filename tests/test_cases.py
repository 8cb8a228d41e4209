"""Wrong files give exactly the message that is kept beside them; right files compile in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from compiling import TESTS, compile_case

BAD = sorted((TESTS / "cases" / "bad").glob("*.yaml"))
OK = sorted((TESTS / "cases" / "ok").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_wrong_file(path: Path, matches_golden: Callable[..., None]) -> None:
    result = compile_case(path)
    assert path.stem[:6] in {diagnostic.rule.code for diagnostic in result.diagnostics}
    matches_golden(result.shown)


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_right_file_compiles_in_silence(path: Path) -> None:
    result = compile_case(path)
    assert result.shown == ""
    assert result.compiled is not None
