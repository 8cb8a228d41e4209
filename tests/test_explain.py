"""What `hpc explain FILE STEP` says: whole texts for a few steps, and something for every step there is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from compiling import EXAMPLES, TESTS

from hpc.cli.disk import Folder
from hpc.cli.explain import command
from hpc.compiler import Choice, explain
from hpc.compiler.targets import TARGETS
from hpc.diagnostics import Rejected
from hpc.spec.document import decode

OK = TESTS / "cases" / "ok"
FILES = [*EXAMPLES, *sorted((TESTS / "language").glob("*.yaml")), *sorted(OK.glob("*.yaml"))]
FILES += sorted((TESTS / "oracle").glob("*.yaml"))


def said(*args: str) -> str:
    """The output of the command, or its message."""
    return CliRunner().invoke(command, list(args)).output


@pytest.mark.parametrize(
    ("file", "step", "target"),
    [
        ("cases/ok/jobs_of_vertex.yaml", "many", "vertex"),
        ("cases/ok/jobs_of_vertex.yaml", "plain", "vertex"),
        ("cases/ok/jobs_of_vertex.yaml", "ours", "vertex"),
        ("cases/ok/every_straight_key.yaml", "second", "kfp"),
        ("language/01_mnist.yaml", "train", "local"),
        ("language/03_tune_retrain_deploy.yaml", "search", "vertex"),
        ("language/06_sweep_and_pick.yaml", "train", "vertex"),
        ("language/11_champion_challenger.yaml", "train", "vertex"),
    ],
    ids=lambda word: Path(word).stem,
)
def test_a_step(file: str, step: str, target: str, matches_golden: Callable[..., None]) -> None:
    matches_golden(said(str(TESTS / file), step, "--target", target))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_step_of_every_file(file: Path) -> None:
    source, files = decode(file.read_bytes(), file.name), Folder(file.parent)
    for target in TARGETS.values():
        try:
            nothing, names = explain(source, target, files, Choice(), "")
        except Rejected:
            continue
        assert nothing == []
        for name in names:
            [one] = explain(source, target, files, Choice(), name)[0]
            assert "{{$" not in "".join(line for _, lines in one.rows for line in lines)
            assert [word for word, _ in one.rows][:1] == ["step"]
            assert all(line for _, lines in one.rows for line in lines)


def test_places_are_lines_of_the_file() -> None:
    text = (OK / "jobs_of_vertex.yaml").read_text("utf-8").splitlines()
    places = re.findall(
        r"`(\w+)`(?:, `\w+`)* \(jobs_of_vertex.yaml:(\d+)\)", said(str(OK / "jobs_of_vertex.yaml"), "many")
    )
    assert places
    for key, line in places:
        assert f"{key}:" in text[int(line) - 1]


def test_profiles_and_settings_count() -> None:
    file = str(OK / "jobs_of_vertex.yaml")
    assert "timeout  30m" in said(file, "again")
    assert "timeout  5m" in said(file, "again", "--set", "steps.again.timeout=5m")


KINDS = """\
hpc: 1
name: kinds
images: {app: repo/app:1.0}
components:
  train: {image: app, outputs: {model: Model}}
  whole:
    outputs: {model: Model}
    steps: {inner: {uses: train}}
    edges: ["inner.model -> outputs.model"]
  base: {import: Model, uri: gs://bucket/model/7}
  judge: {image: app, inputs: {model: Model, other: Model}}
  query: {uses: google/BigqueryQueryJobOp}
  wait: {uses: google/WaitGcpResourcesOp}
steps: {query: {with: {query: SELECT 1}}}
edges:
  - whole.model -> judge.model
  - base.artifact -> judge.other
  - query.gcp_resources -> wait.gcp_resources
"""


def rows(name: str) -> dict[str, tuple[str, ...]]:
    source = decode(KINDS.encode(), "kinds.yaml")
    [found] = explain(source, TARGETS["vertex"], Folder(TESTS), Choice(), name)[0]
    return dict(found.rows)


def test_every_kind_of_step_says_where_its_outputs_go() -> None:
    assert rows("whole")["outputs"] == ("model  Model, goes to judge.model",)
    assert rows("whole")["becomes"] == ("a pipeline of its own with 1 step",)
    assert rows("base")["outputs"] == ("artifact  Model, goes to judge.other",)


@pytest.mark.parametrize("name", ["query", "wait"])
def test_a_job_and_who_waits_for_it_are_never_reused(name: str) -> None:
    assert rows(name)["cache"] == ("runs every time: one step starts a job and another waits for it",)
    assert rows("inner")["cache"] == ("results of an earlier run with the same inputs are reused",)


def test_a_step_that_is_not_there() -> None:
    file = str(OK / "jobs_of_vertex.yaml")
    assert "there is no step mny in" in said(file, "mny")
    assert "did you mean `many`?" in said(file, "mny")
    assert "name one of: " in said(file)
    assert CliRunner().invoke(command, [file, "mny"]).exit_code == 2


def test_codes_are_still_explained() -> None:
    assert said("hpc522").startswith("HPC522: boot disk that is not offered")
    assert "HPC522  boot disk that is not offered" in said()
    assert "there is no code HPC999" in said("HPC999")
