"""What `hpc check` says of a file that is right: what the overrides of Hydra apps were checked against."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra_apps import Project

from hpc.cli import run_command
from hpc.cli.check import hydra_line
from hpc.cli.disk import Folder
from hpc.compiler.composition import Coverage

FILE = """\
hpc: 1
name: p
images: {app: {uri: "repo.example/app:1.0", local: {dir: .}}}
components:
  fit: {image: app, command: [python, app.py], overrides: {lr: 1}, env: {SEEN: seen}}
  again: {uses: fit, overrides: {lr: 2}}
  evaluate: {image: app, command: [python, evaluate.py], overrides: {lr: 1}}
  say: {image: app, command: [echo], cli: none, args: [lr=1]}
profiles: {fast: {components: {fit: {overrides: {lr: 3}}}}}
edges: [fit -> again, evaluate, say]
"""
OK = "ok for vertex, also with profile fast\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Project.made(tmp_path)
    (tmp_path / "pipeline.yaml").write_text(FILE)
    return tmp_path / "pipeline.yaml"


def test_summary_names_the_configurations(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["check", str(file)]) == 0
    assert capsys.readouterr().err == (
        f"{file}: {OK}Hydra: fit, again checked against conf/main.yaml; not checked: evaluate (no configuration is "
        "known; add `config:`)\n"
    )


def test_summary_without_hydra(file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folder, "ask", lambda _, questions: [None] * len(questions))
    assert run_command(["check", str(file)]) == 0
    shown = capsys.readouterr().err
    assert shown.count("HPC618") == 1
    assert shown.endswith(
        f"1 note\n{file}: {OK}Hydra: not checked: fit, again (hydra-core is not installed), evaluate (no configuration "
        "is known; add `config:`)\n"
    )


def test_only_text_has_a_summary(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "github"):
        assert run_command(["check", str(file), "--format", form]) == 0
        shown = capsys.readouterr()
        assert "Hydra" not in shown.out + shown.err


def test_no_summary_of_a_wrong_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(FILE.replace("{lr: 2}", "{lrr: 2}"))
    assert run_command(["check", str(file)]) == 1
    assert "checked against" not in capsys.readouterr().err


def test_the_line() -> None:
    assert hydra_line([]) == ""
    assert hydra_line([Coverage("a", "x.yaml"), Coverage("b", "y.yaml"), Coverage("c", "x.yaml")]) == (
        "Hydra: a, c checked against x.yaml; b checked against y.yaml"
    )
    assert hydra_line([Coverage("a", "x.yaml", "why"), Coverage("a", "y.yaml", "why")]) == "Hydra: not checked: a (why)"
