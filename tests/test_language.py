"""The twelve examples of the language: each compiles to exactly the golden file of each target that can run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from compiling import TESTS, Result, compile_bytes
from lint_ir import lint
from meaning import documents, parse

from hpc.compiler import Choice

FOLDER = TESTS / "language"
FILES = sorted(FOLDER.glob("*.yaml"))

TARGETS = {
    "01_mnist": ("vertex", "kfp", "local"),
    "02_four_frameworks": ("vertex", "kfp", "local"),
    "03_tune_retrain_deploy": ("vertex",),  # uploads to Vertex AI
    "04_continuous_training": ("vertex",),  # uploads to Vertex AI
    "05_data_centric": ("vertex", "kfp", "local"),
    "06_sweep_and_pick": ("vertex", "kfp", "local"),
    "07_gate": ("vertex", "kfp", "local"),
    "08_nightly_with_alert": ("vertex", "kfp", "local"),
    "09_ddp_on_spot": ("vertex", "local"),  # four machines for one step
    "10_finetune_pinned": ("vertex", "kfp", "local"),
    "11_champion_challenger": ("vertex", "kfp", "local"),
    "12_dev_and_prod": ("vertex", "kfp", "local"),
}
EACH = [pytest.param(name, target, id=f"{name}-{target}") for name, targets in TARGETS.items() for target in targets]


def _compiled(name: str, target: str, choice: Choice | None = None) -> Result:
    file = FOLDER / f"{name}.yaml"
    result = compile_bytes(file.read_bytes(), target, choice, FOLDER)
    assert result.compiled is not None, result.shown
    return result


def _text(result: Result) -> str:
    assert result.compiled is not None
    return result.compiled.text


def test_every_example_is_listed() -> None:
    assert {file.stem for file in FILES} == TARGETS.keys()


@pytest.mark.parametrize(("name", "target"), EACH)
def test_golden_file(name: str, target: str, matches_golden: Callable[..., None]) -> None:
    text = _text(_compiled(name, target))
    assert lint(parse(documents(text))) == []
    matches_golden(text, "ir.yaml" if "\n---\n" in text else "json")


@pytest.mark.parametrize("name", TARGETS)
def test_vertex_has_nothing_to_say(name: str) -> None:
    assert _compiled(name, "vertex").shown == ""


def test_prod(matches_golden: Callable[..., None]) -> None:
    choice = Choice(["prod"], ["inputs.experiment.default=nightly"])
    matches_golden(_text(_compiled("12_dev_and_prod", "vertex", choice)), "json")


def test_the_folder_of_an_example_does_not_matter(tmp_path: Path) -> None:
    for file in ("10_finetune_pinned.yaml", "components/legacy_eval.yaml", "data/faces.dvc"):
        target = tmp_path / file
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((FOLDER / file).read_bytes())
    text = (tmp_path / "10_finetune_pinned.yaml").read_bytes()
    assert _text(compile_bytes(text, "vertex", None, tmp_path)) == _text(_compiled("10_finetune_pinned", "vertex"))
