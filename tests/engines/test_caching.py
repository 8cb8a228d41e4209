"""Results of former runs: when they are taken, when not and why; runs of only some steps; and rehearsals of both."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from small_pipelines import OUT, Ran, bare_python, pipeline, platform, ran, task

from hpc.diagnostics import Rejected
from hpc.engines.events import TaskStarted
from hpc.engines.local import Request, rehearse

CACHED = {"cachingOptions": {"enableCache": True}}
MODEL = "{{$.outputs.artifacts['model'].path}}"
GIVEN = "{{$.inputs.artifacts['model'].path}}"


@dataclass
class Steps:
    """`train` makes a model of the file in its folder and of its input; `score` reads the model. Both are cached."""

    base: Path
    environ: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.root = self.base / "runs"
        self.source = self.base / "train"
        self.source.mkdir()
        (self.base / "score").mkdir()
        (self.source / "train.sh").write_text('printf "%s" "$2" > "$1"\n')
        python = bare_python(self.base / "python")
        self.settings: dict[str, dict[str, Any]] = {
            "train": {"dir": "train", "python": python},
            "score": {"dir": "score", "python": python},
        }
        self.train = task(
            *("sh", "train.sh", MODEL, "{{$.inputs.parameters['lr']}}"),
            given={"lr": 0.1},
            inputs={"lr": "NUMBER_DOUBLE"},
            outputs={"model": "system.Model"},
            node=CACHED,
        )
        self.score = task(
            *("sh", "-c", 'cat "$0" > "$1"', GIVEN, OUT),
            given={"model": "@train.model"},
            inputs={"model": "system.Model"},
            outputs={"out": "STRING"},
            node=CACHED,
        )

    @property
    def spec(self) -> dict[str, Any]:
        return pipeline({"train": self.train, "score": self.score}, {"Output": "score.out"})

    def run(self, **options: Any) -> Ran:
        result = ran(self.spec, self.base, platform(**self.settings), self.environ, root=self.root, **options)
        assert result.outcome.state == "SUCCEEDED", result.events
        return result

    def rehearsed(self, **options: Any) -> dict[str, tuple[str, str]]:
        environ = {**os.environ, **self.environ}
        request = Request(base=self.base, environ=environ, root=self.root, **options)
        return {one.task: (one.what, one.reason) for one in rehearse(self.spec, platform(**self.settings), request)}


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)


def _states(result: Ran) -> list[str]:
    return [result.outcome.tasks[name].state for name in ("train", "score")]


def _why(result: Ran) -> dict[str, str]:
    return {one.task: one.reason for one in result.events if isinstance(one, TaskStarted)}


def test_the_same_again_is_taken_with_its_outputs_and_artifacts(steps: Steps) -> None:
    first, second = steps.run(), steps.run()
    assert (_states(second), _why(second)) == (["CACHED", "CACHED"], {})
    assert second.outcome.outputs == {"Output": "0.1"}
    assert second.outcome.tasks["train"].artifacts == first.outcome.tasks["train"].artifacts
    assert second.outcome.tasks["train"].reason == f"cached from {first.outcome.run}"
    assert second.outcome.run != first.outcome.run


def test_what_a_run_that_was_gone_on_with_had_kept_is_only_cached_in_the_next(steps: Steps) -> None:
    first = steps.run()
    assert steps.run(resume=first.outcome.run).outcome.tasks["train"].reused
    second = steps.run().outcome.tasks["train"]
    assert (second.state, second.reused) == ("CACHED", False)


def test_a_step_that_does_not_want_it_always_runs(steps: Steps) -> None:
    steps.train["node"] = {}
    steps.run()
    assert _states(steps.run()) == ["SUCCEEDED", "CACHED"]


def test_without_the_cache_everything_runs(steps: Steps) -> None:
    steps.run()
    again = steps.run(cache=False)
    assert (_states(again), _why(again)) == (["SUCCEEDED", "SUCCEEDED"], {"train": "", "score": ""})
    assert _states(steps.run()) == ["CACHED", "CACHED"]


def test_another_input_runs_again_and_says_which(steps: Steps) -> None:
    steps.run()
    steps.train["given"] = {"lr": 0.2}
    assert _why(steps.run()) == {"train": "lr 0.1 → 0.2", "score": "artifact model changed"}
    steps.train["given"] = {"lr": 0.1}
    assert _states(steps.run()) == ["CACHED", "CACHED"]


def test_a_custom_key_takes_the_place_of_everything_else(steps: Steps) -> None:
    steps.train["node"] = {"cachingOptions": {"enableCache": True, "cacheKey": "v1"}}
    steps.run()
    steps.train["given"] = {"lr": 0.2}
    (steps.source / "train.sh").write_text("exit 1")
    assert _states(steps.run()) == ["CACHED", "CACHED"]
    (steps.source / "train.sh").write_text('printf "%s" "$2" > "$1"')
    steps.train["node"] = {"cachingOptions": {"enableCache": True, "cacheKey": "v2"}}
    assert _why(steps.run())["train"] == "cache key v1 → v2"


def test_another_environment_variable_of_the_task_runs_again(steps: Steps) -> None:
    steps.train["env"] = {"LEVEL": "1"}
    steps.run()
    steps.train["env"] = {"LEVEL": "2"}
    assert _why(steps.run()) == {"train": "env LEVEL 1 → 2"}


def test_another_secret_runs_again_and_is_not_told(steps: Steps) -> None:
    steps.settings["train"]["secrets"] = {"TOKEN": "env:HPC_TEST_TOKEN"}
    steps.environ = {"HPC_TEST_TOKEN": "hunter2"}
    steps.run()
    assert _states(steps.run()) == ["CACHED", "CACHED"]
    steps.environ = {"HPC_TEST_TOKEN": "hunter3"}
    assert _why(steps.run()) == {"train": "secret TOKEN changed"}
    assert b"hunter" not in (steps.root / "hpc.db").read_bytes() + _bytes(steps.root / "hpc.db-wal")


def _bytes(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


@pytest.mark.parametrize("git", [False, True], ids=["plain folder", "git"])
def test_another_source_runs_again_and_names_the_files(git: bool, steps: Steps) -> None:
    (steps.base / ".gitignore").write_text("*.log\nruns\n")
    if git:
        subprocess.run(["git", "init", "-q", str(steps.base)], check=True)
    steps.run()
    (steps.source / "train.sh").write_text('printf "%s!" "$2" > "$1"\n')
    assert _why(steps.run()) == {"train": "source changed: train.sh", "score": "artifact model changed"}
    (steps.source / "more.txt").write_text("")
    assert _why(steps.run()) == {"train": "source: more.txt added"}
    (steps.source / "more.txt").rename(steps.source / ".hidden")
    (steps.source / "noise.log").write_text("")
    changed = "source: .hidden added, more.txt removed" if git else "source: noise.log added, more.txt removed"
    assert _why(steps.run()) == {"train": changed}


def test_other_requirements_run_again(steps: Steps) -> None:
    """Asked of a rehearsal, so that no environment has to be made for it."""
    steps.run()
    (steps.source / "requirements.txt").write_text("click\n")
    steps.settings["train"]["requirements"] = "train/requirements.txt"
    what, why = steps.rehearsed()["train"]
    assert (what, why) == ("run", "source: requirements.txt added; environment changed")


def test_an_artifact_counts_by_its_content_not_by_who_made_it(steps: Steps) -> None:
    """`train` runs again and makes the same model."""
    steps.run()
    with (steps.source / "train.sh").open("a") as file:
        file.write("# a comment\n")
    assert _states(steps.run()) == ["SUCCEEDED", "CACHED"]


def test_an_artifact_that_somebody_changed_is_another(steps: Steps) -> None:
    first = steps.run()
    Path(first.outcome.tasks["train"].artifacts["model"][0].path).write_text("9.9")
    again = steps.run()
    assert (_states(again), again.outcome.outputs) == (["CACHED", "SUCCEEDED"], {"Output": "9.9"})
    assert _why(again) == {"score": "artifact model changed"}


def test_a_result_whose_artifact_is_gone_is_made_again(steps: Steps) -> None:
    first = steps.run()
    shutil.rmtree(Path(first.folder) / "tasks" / "train")
    again = steps.run()
    assert (_states(again), _why(again)) == (["SUCCEEDED", "CACHED"], {"train": "its artifacts are gone"})


def test_a_failure_is_never_taken(steps: Steps) -> None:
    """A result is there only once the step has succeeded."""
    flaky = task("sh", "-c", "[ -e ../ok ]", node=CACHED)
    python = {"dir": "score", "python": steps.settings["score"]["python"]}
    assert ran(pipeline({"a": flaky}), steps.base, platform(a=python)).outcome.state == "FAILED"
    (steps.base / "ok").touch()
    again = ran(pipeline({"a": flaky}), steps.base, platform(a=python))
    assert (again.outcome.tasks["a"].state, _why(again)) == ("SUCCEEDED", {"a": "it failed before"})


# ---------------------------------------------------------------- rehearsals


def test_a_rehearsal_before_any_run_leaves_nothing_behind(steps: Steps) -> None:
    before = sorted(steps.base.rglob("*"))
    assert steps.rehearsed() == {"train": ("run", "no former result"), "score": ("unknown", "waits for what would run")}
    assert sorted(steps.base.rglob("*")) == before


def test_a_rehearsal_says_what_a_run_would_do_and_does_not_do_it(steps: Steps) -> None:
    run = steps.run().outcome.run
    files = sorted(path for path in steps.root.rglob("*") if not path.name.startswith("hpc.db"))
    assert steps.rehearsed() == dict.fromkeys(("train", "score"), ("cached", f"cached from {run}"))
    steps.train["given"] = {"lr": 0.2}
    assert steps.rehearsed()["train"] == ("run", "lr 0.1 → 0.2")
    assert steps.rehearsed(cache=False)["train"] == ("run", "no former result")
    steps.train["node"] = {}
    assert steps.rehearsed()["train"] == ("run", "its results are not cached")
    assert sorted(path for path in steps.root.rglob("*") if not path.name.startswith("hpc.db")) == files


def test_a_rehearsal_of_going_on_with_a_run(steps: Steps) -> None:
    steps.run()
    steps.train["given"] = {"lr": 0.2}
    assert steps.rehearsed(resume="last") == {
        "train": ("run", "lr 0.1 → 0.2"),
        "score": ("unknown", "waits for what would run"),
    }


# ---------------------------------------------------------------- only some steps


def test_one_step_alone_takes_what_comes_before_it_from_the_last_run(steps: Steps) -> None:
    first = steps.run()
    steps.train["given"] = {"lr": 0.2}
    second = steps.run(only=("score",), cache=False)
    assert second.outcome.run != first.outcome.run
    assert _states(second) == ["CACHED", "SUCCEEDED"]
    assert second.outcome.tasks["train"].reason == f"taken from {first.outcome.run}"
    assert second.outcome.outputs == {"Output": "0.1"}


def test_one_step_alone_leaves_out_what_follows_it(steps: Steps) -> None:
    steps.run()
    second = ran(
        pipeline({"train": steps.train, "score": steps.score}),
        steps.base,
        platform(**steps.settings),
        root=steps.root,
        only=("train",),
        cache=False,
    )
    left = second.outcome.tasks["score"]
    assert (_states(second), left.reason) == (["SUCCEEDED", "SKIPPED"], "not chosen")


def test_from_a_step_on_everything_runs(steps: Steps) -> None:
    steps.run()
    second = steps.run(start_at=("train",), cache=False)
    assert _states(second) == ["SUCCEEDED", "SUCCEEDED"]
    assert _states(steps.run(start_at=("score",), cache=False)) == ["CACHED", "SUCCEEDED"]


def test_a_rehearsal_of_one_step_says_what_is_taken(steps: Steps) -> None:
    run = steps.run().outcome.run
    planned = steps.rehearsed(only=("score",), cache=False)
    assert planned == {"train": ("cached", f"taken from {run}"), "score": ("run", "no former result")}


def test_a_step_cannot_be_taken_where_no_run_has_it(steps: Steps) -> None:
    (steps.source / "train.sh").write_text("exit 1")
    assert ran(steps.spec, steps.base, platform(**steps.settings), root=steps.root).outcome.state == "FAILED"
    outcome = ran(steps.spec, steps.base, platform(**steps.settings), root=steps.root, only=("score",)).outcome
    error = "no former run has a result of this step that could be taken; run it too"
    assert (outcome.tasks["train"].error, outcome.tasks["score"].state) == (error, "SKIPPED")


def test_a_step_that_is_not_there_is_refused_with_the_near_one(steps: Steps) -> None:
    with pytest.raises(Rejected) as refused:
        steps.run(only=("scor",))
    [found] = refused.value.diagnostics
    assert (found.rule.code, found.fact, found.fix) == (
        "HPC923",
        "the pipeline has no step scor",
        "did you mean score?",
    )


def test_nothing_can_be_taken_before_the_first_run(steps: Steps) -> None:
    with pytest.raises(Rejected) as refused:
        steps.run(only=("score",))
    assert [one.rule.code for one in refused.value.diagnostics] == ["HPC922"]
