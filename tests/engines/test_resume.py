"""Going on with a run: what still holds is kept, the rest runs again and says why."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_pipelines import OUT, Ran, bare_python, pipeline, platform, ran, task

from hpc.diagnostics import Rejected
from hpc.engines.events import RunStarted, TaskStarted
from hpc.engines.local import former_run
from hpc.engines.local.store import Store

MODEL = "{{$.outputs.artifacts['model'].path}}"
LR = "{{$.inputs.parameters['lr']}}"
GIVEN = "{{$.inputs.artifacts['model'].path}}"


@dataclass
class Project:
    """Two folders of source, and a pipeline over them: prepare, then train, then score; report is by itself."""

    base: Path

    def __post_init__(self) -> None:
        self.root = self.base / "runs"
        for name, text in {"prepare": "printf 3 > $1", "train": 'printf "$2 $3" > $1'}.items():
            (self.base / name).mkdir()
            (self.base / name / f"{name}.sh").write_text(text)
        (self.base / "other").mkdir()
        self._python = bare_python(self.base / "python")

    @property
    def spec(self) -> dict[str, Any]:
        number, text = {"out": "NUMBER_INTEGER"}, {"out": "STRING"}
        rows = "{{$.inputs.parameters['rows']}}"
        trained = {"given": {"lr": "$lr", "rows": "@prepare.out"}, "outputs": {"model": "system.Model"}}
        return pipeline(
            {
                "prepare": task("sh", "prepare.sh", OUT, outputs=number),
                "train": task(
                    *("sh", "train.sh", MODEL, LR, rows),
                    inputs={"lr": "NUMBER_DOUBLE", "rows": "NUMBER_INTEGER"},
                    **trained,
                ),
                "score": task(
                    *("sh", "-c", 'cat "$0" > "$1"', GIVEN, OUT),
                    given={"model": "@train.model"},
                    inputs={"model": "system.Model"},
                    outputs=text,
                ),
                "report": task("true"),
            },
            {"Output": "score.out"},
            lr={"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1, "isOptional": True},
        )

    def run(self, **options: Any) -> Ran:
        folders = {"prepare": "prepare", "train": "train", "score": "other", "report": "other"}
        settings = platform(**{key: {"dir": folder, "python": self._python} for key, folder in folders.items()})
        return ran(self.spec, self.base, settings, **{"root": self.root, **options})

    def mend(self, step: str, text: str) -> None:
        (self.base / step / f"{step}.sh").write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def _started(result: Ran) -> dict[str, tuple[int, str]]:
    """The tasks that began, with their attempts and reasons."""
    return {one.task: (one.attempt, one.reason) for one in result.events if isinstance(one, TaskStarted)}


def _reused(result: Ran) -> set[str]:
    return {path for path, one in result.outcome.tasks.items() if one.reused}


def _refused(code: str, project: Project, **options: Any) -> str:
    with pytest.raises(Rejected) as refused:
        project.run(**options)
    [found] = refused.value.diagnostics
    assert found.rule.code == code
    return found.fact


def test_after_a_mended_failure_only_what_is_stale_runs_and_says_why(project: Project) -> None:
    project.mend("train", "echo broken; exit 3")
    first = project.run()
    assert first.outcome.state == "FAILED"
    assert first.outcome.tasks["score"].state == "SKIPPED"
    project.mend("train", 'printf "$2 $3" > $1')
    again = project.run(resume="last")
    assert again.outcome.run == first.outcome.run
    assert again.outcome.outputs == {"Output": "0.1 3"}
    assert _started(again) == {"train": (2, "source changed: train.sh"), "score": (1, "")}
    assert _reused(again) == {"prepare", "report"}
    assert again.outcome.tasks["train"].reason == "source changed: train.sh"


def test_a_failure_that_nobody_mended_runs_again_and_says_so(project: Project) -> None:
    project.mend("train", "exit 3")
    project.run()
    again = project.run(resume="last")
    assert _started(again) == {"train": (2, "it failed before")}


def test_other_arguments_make_stale_what_takes_them(project: Project) -> None:
    project.run()
    again = project.run(resume="last", arguments={"lr": 0.2})
    assert _started(again) == {"train": (2, "lr 0.1 → 0.2"), "score": (2, "artifact model changed")}
    assert again.outcome.outputs == {"Output": "0.2 3"}
    assert former_run(project.root, "last", "x").arguments == {"lr": 0.2}


def test_a_result_that_comes_out_the_same_makes_nothing_stale(project: Project) -> None:
    """The source of `prepare` is another, its output is not."""
    project.run()
    project.mend("prepare", "printf 3 > $1 # again")
    assert _started(project.run(resume="last")) == {"prepare": (2, "source changed: prepare.sh")}


def test_a_run_that_succeeded_has_nothing_more_to_do(project: Project) -> None:
    first = project.run()
    again = project.run(resume="last")
    assert _started(again) == {}
    assert (again.outcome.state, again.outcome.outputs) == ("SUCCEEDED", first.outcome.outputs)
    assert _reused(again) == {"prepare", "train", "score", "report"}
    [began] = [one for one in again.events if isinstance(one, RunStarted)]
    assert began.resumed


def test_a_run_that_was_gone_on_with_is_gone_on_with_again(project: Project) -> None:
    project.mend("prepare", "exit 1")
    project.run()
    project.mend("prepare", "printf 4 > $1")
    project.mend("train", "exit 1")
    project.run(resume="last")
    project.mend("train", 'printf "$2 $3" > $1')
    third = project.run(resume="last")
    assert third.outcome.outputs == {"Output": "0.1 4"}
    assert _reused(third) == {"prepare", "report"}
    assert [one.run for one in _store(project).runs()] == [third.outcome.run]
    assert [one.number for one in _store(project).attempts(third.outcome.run, "train")] == [1, 2]


def _store(project: Project) -> Store:
    store = Store.existing(project.root)
    assert store is not None
    return store


def test_artifacts_that_somebody_deleted_are_made_again(project: Project) -> None:
    first = project.run()
    Path(first.outcome.tasks["train"].artifacts["model"][0].path).unlink()
    again = project.run(resume="last")
    assert _started(again) == {"train": (2, "its artifacts are gone")}
    assert "score" in _reused(again)


def test_a_loop_is_gone_on_with_in_the_middle(tmp_path: Path) -> None:
    script = '[ "$1" != 2 ] || [ -e ../mended ] || exit 1; printf "$1" > "$0"'
    item = "{{$.inputs.parameters['x']}}"
    step = task("sh", "-c", script, OUT, item, inputs={"x": "NUMBER_INTEGER"}, outputs={"out": "NUMBER_INTEGER"})
    loop = {"parameterIterator": {"itemInput": "x", "items": {"raw": "[1, 2, 3]"}}}
    spec = pipeline({"loop": {**step, "node": loop}}, {"Output": "loop.out"})
    (tmp_path / "work").mkdir()
    settings = platform(loop={"dir": "work", "python": bare_python(tmp_path / "python")})
    assert ran(spec, tmp_path, settings).outcome.state == "FAILED"
    (tmp_path / "mended").touch()
    again = ran(spec, tmp_path, settings, resume="last")
    assert again.outcome.outputs == {"Output": [1, 2, 3]}
    assert _started(again) == {"loop[1]": (2, "it failed before")}
    assert _reused(again) == {"loop[0]", "loop[2]"}


def test_a_run_is_found_by_its_name_by_part_of_it_and_as_the_last(project: Project) -> None:
    first, second = project.run().outcome.run, project.run().outcome.run
    for name, run in ((first, first), (first[-4:], first), ("last", second)):
        assert project.run(resume=name).outcome.run == run


def test_a_run_that_is_not_there_is_refused_with_the_names_of_others(project: Project) -> None:
    assert _refused("HPC922", project, resume="last") == "there is no run of small"
    run = project.run().outcome.run
    assert _refused("HPC922", project, resume="nonsense").endswith(f"the newest: {run}")


def test_the_run_of_another_pipeline_is_refused(project: Project) -> None:
    run = project.run().outcome.run
    spec = {**pipeline({"a": task("true")}), "pipelineInfo": {"name": "another"}}
    with pytest.raises(Rejected, match=f"the run {run} is of the pipeline small, not of another"):
        ran(spec, project.base, root=project.root, resume=run)


def test_a_run_whose_folder_is_gone_is_refused(project: Project) -> None:
    first = project.run()
    shutil.rmtree(first.folder)
    assert _refused("HPC922", project, resume="last") == f"the folder of the run is gone: {first.folder}"


@pytest.mark.parametrize("gone", [False, True])
def test_a_run_that_cannot_be_recalled_is_no_trouble_with_the_store(gone: bool, project: Project) -> None:
    first = project.run()
    if gone:
        shutil.rmtree(first.folder)
    with pytest.raises(Rejected) as refused:
        former_run(project.root, "last" if gone else "nonsense", "--resume")
    assert [(one.rule.code, one.fix) for one in refused.value.diagnostics] == [("HPC922", "hpc runs lists them")]
