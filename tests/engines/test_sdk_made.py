"""Files that the KFP SDK wrote run too: its own YAML, components started by its own executor, judged by its own runner.

`sdk_made.py` holds the pipelines. What they come to is written here; where the SDK can run one of them itself, the
two are compared as well.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker_here
import pytest
from small_pipelines import Ran, ran

from hpc.diagnostics import Rejected, Source
from hpc.engines.documents import documents
from hpc.engines.events import Notice
from hpc.engines.outcome import Outcome

pytest.importorskip("kfp")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sdk_made
    from kfp import compiler, local

docker_program = docker_here.docker_program
REPOSITORY = Path(__file__).parents[2]


def compiled(name: str, folder: Path) -> Path:
    file = folder / f"{name}.yaml"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiler.Compiler().compile(getattr(sdk_made, name), str(file))
    return file


def run(name: str, folder: Path, arguments: dict[str, Any] | None = None, **options: Any) -> Ran:
    """Run the YAML that the SDK makes of a pipeline; nothing of former runs is taken unless asked for.

    The SDK's command leaves the source of a component in TMPDIR. The tasks' own folder stays as it is.
    """
    file = compiled(name, folder)
    spec, platform = documents(Source(file.name, file.read_text()))
    for name in ("scratch", "project"):
        (folder / name).mkdir(exist_ok=True)
    environ = {"TMPDIR": str(folder / "scratch"), "PIP_NO_INDEX": "1"}
    return ran(spec, folder / "project", platform, environ, **{"cache": False, "arguments": arguments or {}, **options})


def succeeded(name: str, folder: Path, arguments: dict[str, Any] | None = None, **options: Any) -> Outcome:
    outcome = run(name, folder, arguments, **options).outcome
    assert outcome.state == "SUCCEEDED", [f"{path}: {one.error}\n{_log(one.log)}" for path, one in _bad(outcome)]
    return outcome


def _bad(outcome: Outcome) -> Iterator[tuple[str, Any]]:
    return ((path, one) for path, one in outcome.tasks.items() if one.state == "FAILED" and one.kind == "task")


def _log(file: str) -> str:
    return Path(file).read_text() if file else ""


def states(outcome: Outcome) -> dict[str, str]:
    """Of all tasks that are no groups, and of the groups that were skipped."""
    found = {path: one for path, one in outcome.tasks.items() if one.kind in {"task", "importer"} or not one.is_good}
    return {path: f"{one.state} {one.reason}" if one.state == "SKIPPED" else one.state for path, one in found.items()}


def all_succeeded(*paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, "SUCCEEDED")


def metadata(outcome: Outcome, task: str, output: str) -> dict[str, Any]:
    [artifact] = outcome.tasks[task].artifacts[output]
    return dict(artifact.metadata)


# ---------------------------------------------------------------- values

DESCRIBED = {
    "name": 'it\'s {} ü "x"',
    "count": 3,
    "share": 1e-07,
    "flag": False,
    "names": ["a", "b c"],
    "table": {"x": 1},
    "rows": [1, "two", [3.5]],
    "absent": None,
    "given": None,
    "size": 7,
    "ratio": 0.5,
    "deep": {"a": [1, {"b": "c"}]},
    "on": True,
}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"given": 0, "absent": ""},
        {"name": 'a\nb\t"\\{{$}}', "count": -(2**53), "share": 0.1, "flag": True, "names": [], "table": {}, "rows": []},
    ],
    ids=["defaults", "optional ones", "all others"],
)
def test_values_reach_a_component_as_what_they_are(arguments: dict[str, Any], tmp_path: Path) -> None:
    wanted = list({**DESCRIBED, **arguments}.values())
    outcome = succeeded("values", tmp_path, arguments)
    assert outcome.outputs == {"Output": {"values": wanted, "kinds": [type(value).__name__ for value in wanted]}}


def test_a_component_has_several_outputs(tmp_path: Path) -> None:
    outcome = succeeded("named_tuple", tmp_path)
    assert outcome.outputs == {"text": "(3, 1.5, 'n=3', True, [0, 1, 2], {'n': '3'})", "whole": 3}
    several = {"whole": 3, "half": 1.5, "words": "n=3", "small": True, "many": [0, 1, 2], "table": {"n": "3"}}
    assert outcome.tasks["several"].outputs == several


# ---------------------------------------------------------------- artifacts


def test_artifacts_have_the_metadata_that_programs_gave_them(tmp_path: Path) -> None:
    result = run("artifacts", tmp_path)
    outcome = result.outcome
    assert outcome.outputs == {
        "Output": "['ABC', 'none', [8, 4], [('accuracy', 0.75), ('rows', 3)], '# Good'] Model Markdown"
    }
    assert states(outcome) == all_succeeded("dataset", "train", "judge")
    assert metadata(outcome, "dataset", "data") == {"length": 3}
    assert metadata(outcome, "train", "model") == {"framework": "none", "layers": [8, 4], "of": 3}
    assert metadata(outcome, "train", "metrics") == {"accuracy": 0.75, "rows": 3}
    assert metadata(outcome, "train", "classes") == {
        "confusionMatrix": {
            "annotationSpecs": [{"displayName": "cat"}, {"displayName": "dog"}],
            "rows": [{"row": [3, 1]}, {"row": [0, 4]}],
        },
        "confidenceMetrics": [
            {"confidenceThreshold": 0.9, "recall": 0.5, "falsePositiveRate": 0.0},
            {"confidenceThreshold": 0.1, "recall": 1.0, "falsePositiveRate": 1.0},
        ],
    }
    titles = {name: found[0].schema_title for name, found in outcome.tasks["train"].artifacts.items()}
    assert titles == {
        "classes": "system.ClassificationMetrics",
        "metrics": "system.Metrics",
        "model": "system.Model",
        "note": "system.Markdown",
        "page": "system.HTML",
    }
    [page] = outcome.tasks["train"].artifacts["page"]
    assert Path(page.path).read_text() == "<p>good</p>"
    assert [event for event in result.events if isinstance(event, Notice)] == []


def test_a_program_puts_artifacts_where_it_likes(tmp_path: Path) -> None:
    outcome = succeeded("own_places", tmp_path, {"folder": str(tmp_path)})
    assert outcome.outputs == {"Output": ["kept", "https://models.example/own", "made", "returned"]}
    made = {name: found[0].uri for name, found in outcome.tasks["elsewhere"].artifacts.items()}
    assert made.pop("returned").startswith(outcome.folder)
    assert made == {
        "kept": str(tmp_path / "kept"),
        "own": "https://models.example/own",
        "Output": str(tmp_path / "made"),
    }


def test_components_take_paths_and_optional_artifacts(tmp_path: Path) -> None:
    outcome = succeeded("paths", tmp_path)
    assert outcome.outputs == {"lines": 12, "table": {"a": 1.5}, "without": "none", "with_one": "4"}
    [copy] = outcome.artifacts["copy"]
    assert (Path(copy.path).read_text(), copy.schema_title) == ("four!", "system.Dataset")


# ---------------------------------------------------------------- conditions

NESTED = "condition-5/condition-6/condition-7"
BRANCHES = {
    2: ("text-2", "went left", {}),
    3: ("text-3", "went right", {"word": "right", "count": 1}),
    4: ("text-4", "went up", {"word": "up", "share": 0.75}),
}


@pytest.mark.parametrize("chosen", BRANCHES)
def test_one_branch_is_taken(chosen: int, tmp_path: Path) -> None:
    key, words, arguments = BRANCHES[chosen]
    outcome = succeeded("branches", tmp_path, arguments)
    assert outcome.outputs == {"Output": words}
    inner = {
        2: all_succeeded(f"{NESTED}/text-5"),
        3: {"condition-5": "SKIPPED condition"},
        4: {"condition-5/condition-6": "SKIPPED condition"},
    }
    assert states(outcome) == {
        **{f"condition-branches-1/condition-{other}": "SKIPPED condition" for other in BRANCHES if other != chosen},
        **all_succeeded("text", f"condition-branches-1/condition-{chosen}/{key}", "text-6"),
        **inner[chosen],
    }


@pytest.mark.parametrize(("many", "content"), [(True, "many rows"), (False, "few")])
def test_the_artifact_of_the_branch_that_was_taken_goes_on(many: bool, content: str, tmp_path: Path) -> None:
    outcome = succeeded("chosen_artifact", tmp_path, {"many": many})
    assert outcome.tasks["content-of"].outputs == {"Output": content}
    [chosen] = outcome.artifacts["Output"]
    assert (Path(chosen.path).read_text(), chosen.metadata) == (content, {"length": len(content)})


# ---------------------------------------------------------------- loops


def test_conditions_and_loops_stand_in_loops(tmp_path: Path) -> None:
    outcome = succeeded("conditions_in_loops", tmp_path)
    assert outcome.outputs == {"Output": [11, 12, 13]}
    inner = "condition-3/for-loop-5"
    assert states(outcome) == {
        "for-loop-2[0]/condition-3": "SKIPPED condition",
        **all_succeeded("for-loop-2[0]/number-2", "for-loop-2[1]/number-2", "for-loop-2[2]/number-2", "add-each"),
        **all_succeeded("for-loop-2[1]/condition-3/number", "for-loop-2[2]/condition-3/number"),
        **{f"for-loop-2[{n}]/{inner}[0]/condition-6": "SKIPPED condition" for n in (1, 2)},
        **all_succeeded(*(f"for-loop-2[{n}]/{inner}[1]/condition-6/text" for n in (1, 2))),
        **all_succeeded(*(f"for-loop-2[{n}]/{inner}[1]/condition-6/text-2" for n in (1, 2))),
    }
    assert outcome.tasks[f"for-loop-2[2]/{inner}[1]/condition-6/text-2"].outputs == {"Output": "number 3"}


def test_fields_of_items_are_taken(tmp_path: Path) -> None:
    outcome = succeeded("subfields", tmp_path)
    assert outcome.outputs == {
        "greetings": [
            "Ann in 1 of [('where', '1'), ('who', 'Ann')]",
            "Bob in b'\"c of [('where', 'b\\'\"c'), ('who', 'Bob')]",
        ],
        "widths": [13, 15],
    }


@pytest.mark.parametrize("letters", [["a", "b"], ["x", "y", "z"], []], ids=len)
def test_loops_in_loops_collect_in_order(letters: list[str], tmp_path: Path) -> None:
    outcome = succeeded("nested_loops", tmp_path, {"letters": letters})
    assert outcome.outputs == {"Output": [f"{letter}{count}" for letter in letters for count in (1, 2)]}


@pytest.mark.parametrize("words", [["one", "three", ""], []], ids=len)
def test_artifacts_of_all_iterations_are_collected(words: list[str], tmp_path: Path) -> None:
    outcome = succeeded("collected", tmp_path, {"words": words})
    assert outcome.outputs == {"told": [f"{word} {len(word)} Dataset" for word in words], "words": words}
    assert [Path(part.path).read_text() for part in outcome.artifacts["parts"]] == words


# ---------------------------------------------------------------- what runs whatever happened


def test_an_exit_task_is_told_of_success(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    outcome = succeeded("exit_handler", tmp_path, {"file": str(file), "fails": False})
    assert json.loads(file.read_text()) == ["SUCCEEDED", 0, "", "exit-handler-1", "given", True]
    assert states(outcome) == {
        **all_succeeded("exit-handler-1/text", "last"),
        "exit-handler-1/condition-2": "SKIPPED condition",
    }


def test_an_exit_task_is_told_of_failure(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    outcome = run("exit_handler", tmp_path, {"file": str(file), "fails": True}).outcome
    error = "condition-2: broken: exit code 1"
    assert json.loads(file.read_text()) == ["FAILED", 1, error, "exit-handler-1", "given", True]
    assert outcome.state == "FAILED"
    assert states(outcome) == {
        "exit-handler-1/text": "SUCCEEDED",
        "exit-handler-1/condition-2/broken": "FAILED",
        "exit-handler-1/condition-2/text-2": "SKIPPED upstream",
        "exit-handler-1/condition-2": "FAILED",
        "exit-handler-1": "FAILED",
        "last": "SUCCEEDED",
    }
    assert "RuntimeError: x\n" in _log(outcome.tasks["exit-handler-1/condition-2/broken"].log)


def test_a_failure_is_ignored_where_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    outcome = run("ignores_failure", tmp_path, {"file": str(file)}).outcome
    assert states(outcome) == {
        "broken": "FAILED",
        "text": "SKIPPED upstream",
        **all_succeeded("perhaps", "text-2", "last"),
    }
    assert outcome.state == "FAILED"
    assert outcome.tasks["text-2"].outputs == {"Output": "got nothing"}
    assert json.loads(file.read_text()) == ["FAILED", 1, "exit code 1", "broken", "more", True]


# ---------------------------------------------------------------- attempts and former results


def test_a_task_is_tried_again(tmp_path: Path) -> None:
    outcome = succeeded("retries", tmp_path, {"file": str(tmp_path / "tries")})
    assert outcome.outputs == {"Output": 3}
    assert outcome.tasks["third-time"].attempts == 3


def test_former_results_are_taken_as_each_task_says(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("kept", "anew", "keyed")}
    succeeded("caching", tmp_path, files, cache=True)
    again = succeeded("caching", tmp_path, {**files, "keyed": str(tmp_path / "never")}, cache=True)
    assert states(again) == {"counted": "CACHED", "counted-2": "SUCCEEDED", "counted-3": "CACHED"}
    assert {name: Path(file).read_text() for name, file in files.items()} == {
        "kept": "ran\n",
        "anew": "ran\nran\n",
        "keyed": "ran\n",
    }
    assert not (tmp_path / "never").exists()


def test_a_lightweight_component_is_cached(tmp_path: Path) -> None:
    succeeded("artifacts", tmp_path, cache=True)
    again = succeeded("artifacts", tmp_path, cache=True)
    assert states(again) == dict.fromkeys(("dataset", "train", "judge"), "CACHED")
    assert metadata(again, "train", "metrics") == {"accuracy": 0.75, "rows": 3}


# ---------------------------------------------------------------- pipelines in pipelines, what exists already, texts


def test_pipelines_stand_in_pipelines(tmp_path: Path) -> None:
    outcome = succeeded("outer", tmp_path)
    assert outcome.outputs == {"middle": "midmid noted", "size": 5}
    [first] = outcome.artifacts["first"]
    assert (Path(first.path).read_text(), first.metadata) == ("outoutout not said", {"length": 18})
    inner = ("number", "repeat", "dataset")
    assert states(outcome) == all_succeeded(
        *(f"inner/{key}" for key in inner),
        *(f"middle/inner/{key}" for key in inner),
        "condition-1/content-of",
        "middle/content-of",
        "middle/content-of-2",
    )


def test_what_exists_already_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "seed.txt"
    file.write_text("seed text")
    outcome = succeeded("importers", tmp_path, {"place": str(file)})
    wanted = {"fixed": "yes", "of": {"a": ["b", "v2"]}, "version": "v2"}
    assert outcome.outputs == {"Output": f"seed text {sorted(wanted.items())} True <v2>"}
    assert metadata(outcome, "importer", "artifact") == wanted
    assert metadata(outcome, "importer-2", "artifact") == {"version": "<v2>"}
    kinds = {path: one.kind for path, one in outcome.tasks.items()}
    assert kinds == {
        "text": "task",
        "text-2": "task",
        "importer": "importer",
        "importer-2": "importer",
        "imported-as": "task",
    }


def test_values_are_put_into_texts_once(tmp_path: Path) -> None:
    outcome = succeeded("texts", tmp_path)
    assert outcome.outputs["Output"] == {
        "words": "<{{$.inputs.parameters['words']}}> 3 0.0000001 made",
        "table": {"a": "made-3"},
        "rows": ["plain", "made", "made"],
    }


def test_a_component_is_told_the_names_of_the_run(tmp_path: Path) -> None:
    outcome = succeeded("names_of_run", tmp_path)
    job, resource, uuid, task, task_uuid, created, inside = outcome.outputs["Output"]  # type: ignore[misc] # a list
    assert job == f"run-names-{outcome.run}"
    assert resource.endswith(outcome.run)
    assert re.fullmatch("[0-9a-f]{32}", uuid)
    assert (task, task_uuid) == ("run-names", f"{uuid}-run-names")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created)
    assert inside == f"of {job}!"


# ---------------------------------------------------------------- containers, and the same as processes


@pytest.fixture(params=["process", "docker"])
def mode(request: pytest.FixtureRequest) -> str:
    if request.param == "docker":
        request.getfixturevalue("docker_program")
    return request.param


def test_containers_read_and_write(mode: str, tmp_path: Path) -> None:
    outcome = succeeded("containers", tmp_path, {"rows": 4}, mode=mode)
    assert outcome.outputs == {"total": 10, "rows": [1, 2, 3, 4, "w\n"]}


def test_arguments_are_joined_and_left_out(mode: str, tmp_path: Path) -> None:
    outcome = succeeded("placeholders", tmp_path, mode=mode)
    assert outcome.outputs == {
        "first": ['--name=a "b"/2', "--count", "0", "--tag=t", "xty"],
        "second": ['--name=a "b"/2', "--no-count", "xnoney"],
    }


def test_a_task_has_its_variables_and_limits(mode: str, tmp_path: Path) -> None:
    outcome = succeeded("settings", tmp_path, {"cpu": "250m"}, mode=mode)
    assert outcome.outputs == {"Output": "debug $HOME 'x'"}
    assert {path: one.outputs["said"] for path, one in outcome.tasks.items() if path != "variable"} == {
        "say": "fixed",
        "say-2": "image",
    }
    script = Path(outcome.folder, "tasks", "variable", "1", "run.sh").read_text()
    assert ("--cpus 0.25 --memory 256000000 " in script) == (mode == "docker")


@pytest.mark.usefixtures("docker_program")
def test_an_image_is_given_by_an_input(tmp_path: Path) -> None:
    outcome = run("settings", tmp_path, {"image": ""}, mode="docker").outcome
    assert states(outcome) == {"variable": "SUCCEEDED", "say": "SUCCEEDED", "say-2": "FAILED"}
    assert outcome.tasks["say-2"].error == "the task names no image"


@pytest.mark.usefixtures("docker_program")
def test_loops_and_attempts_in_containers(tmp_path: Path) -> None:
    assert succeeded("nested_loops", tmp_path, mode="docker").outputs == {"Output": ["a1", "a2", "b1", "b2"]}
    arguments = {"file": str(tmp_path / "tries")}
    outcome = succeeded("retries", tmp_path, arguments, mode="docker", mounts=(tmp_path,))
    assert (outcome.outputs, outcome.tasks["third-time"].attempts) == ({"Output": 3}, 3)


# ---------------------------------------------------------------- from the command line


def hpc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hpc", *words]
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder), "PIP_NO_INDEX": "1"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_the_file_is_run_as_it_is(tmp_path: Path) -> None:
    compiled("named_tuple", tmp_path)
    done = hpc(tmp_path, "run", "named_tuple.yaml", "-i", "base=2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "text: (2, 1, 'n=2', True, [0, 1], {'n': '2'})\nwhole: 2\n"


def test_inputs_are_written_on_the_command_line(tmp_path: Path) -> None:
    compiled("values", tmp_path)
    given = {"names": '["x"]', "flag": "true", "given": "4", "share": "2.5", "table": '{"y": 2}', "name": "a=b"}
    words = [word for name, value in given.items() for word in ("-i", f"{name}={value}")]
    done = hpc(tmp_path, "run", "values.yaml", *words, "--format", "json")
    assert done.returncode == 0, done.stderr
    read = {"names": ["x"], "flag": True, "given": 4, "share": 2.5, "table": {"y": 2}, "name": "a=b"}
    assert json.loads(done.stdout)["outputs"]["Output"]["values"] == list({**DESCRIBED, **read}.values())


def test_a_file_with_a_platform_document_is_refused_for_what_it_asks(tmp_path: Path) -> None:
    compiled("workspace", tmp_path)
    done = hpc(tmp_path, "run", "workspace.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert "task text takes a path in the workspace as value, which the local engine does not run" in done.stderr


def test_the_sdk_s_own_installation_step_runs(tmp_path: Path) -> None:
    """Without a word about packages the command installs the SDK first, which is here: nothing is fetched."""
    pytest.importorskip("pip")
    assert succeeded("default_component", tmp_path).outputs == {"Output": "by default"}


# ---------------------------------------------------------------- what cannot be run, and what is said

LEAVE_OUT = "which the local engine does not run"
REFUSED = {
    "loop_over_artifacts": [f"HPC901 task for-loop-1 is a loop over artifacts, {LEAVE_OUT}"],
    "given_artifact": [f"HPC901 the pipeline takes the artifact data as an input, {LEAVE_OUT}"],
    "workspace": [
        f"HPC901 the command of task clean names the workspace, {LEAVE_OUT}",
        f"HPC901 task say takes a path in the workspace as words, {LEAVE_OUT}",
        f"HPC901 task text takes a path in the workspace as value, {LEAVE_OUT}",
    ],
    "quoted": [
        "HPC912 task condition-1 runs if inputs.parameter_values['pipelinechannel--name'] == 'it's': "
        "at character 57: an operator was expected, not s"
    ],
    "text_of_inner_item": [
        "HPC909 task for-loop-2/for-loop-3/text takes the input pipelinechannel--loop-item-param-1 of task "
        "for-loop-2/for-loop-3 as pipelinechannel--loop-item-param-1, which is not in the file",
        "HPC909 task for-loop-2/for-loop-3 takes the input pipelinechannel--names of task for-loop-2 as "
        "pipelinechannel--names, which is not in the file",
        "HPC909 task for-loop-2 takes the input names-loop-item of the pipeline as pipelinechannel--names-loop-item, "
        "which is not in the file",
    ],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_run_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as caught:
        run(name, tmp_path)
    assert [f"{one.rule.code} {one.fact}" for one in caught.value.diagnostics] == REFUSED[name]


def test_what_tasks_do_wrong_is_said(tmp_path: Path) -> None:
    bad = run("bad_outputs", tmp_path).outcome
    nan = "the output `Output`: nan is not a finite number; a pipeline cannot carry it (in the executor output)"
    file = f"{bad.folder}/tasks/says-nothing/1/parameters/words"
    missing = f"the output `words` is not written: the program must write its value to {file}"
    assert {path: one.error for path, one in bad.tasks.items()} == {"not-a-number": nan, "says-nothing": missing}
    [long] = run("too_long", tmp_path).outcome.tasks.values()
    assert re.fullmatch(
        r"the command is too long for the operating system \(its longest argument has 200,\d{3} bytes, Linux takes "
        r"131,072\); pass large values as an artifact",
        long.error or "",
    )
    [elsewhere] = run("in_image", tmp_path).outcome.tasks.values()
    assert (elsewhere.error, elsewhere.exit_code) == ("exit code 1", 1)
    assert "No components found in `kfp_config.ini`" in _log(elsewhere.log)


# ---------------------------------------------------------------- as the SDK's own runner

JUDGED: dict[str, dict[str, Any]] = {
    "named_tuple": {},
    "artifacts": {},
    "paths": {},
    "branches": {"word": "right", "count": 1},
    "conditions_in_loops": {},
    "subfields": {},
    "collected": {},
    "importers": {"place": "seed.txt"},
}
"""What KFP 2.17.0 can run itself. Its texts of whole numbers are those of doubles, which is not compared."""


@contextmanager
def sdk_runner(root: Path) -> Iterator[None]:
    from kfp.local.config import LocalExecutionConfig

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    try:
        yield
    finally:
        LocalExecutionConfig.instance = None


@pytest.mark.parametrize("name", JUDGED)
def test_the_sdk_s_runner_comes_to_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    Path("seed.txt").write_text("seed text")
    arguments = {key: str(tmp_path / value) if key == "place" else value for key, value in JUDGED[name].items()}
    with sdk_runner(tmp_path / "sdk"):
        theirs = getattr(sdk_made, name)(**arguments).outputs
    ours = succeeded(name, tmp_path, arguments)
    both = {**ours.outputs, **{key: [_content(one) for one in found] for key, found in ours.artifacts.items()}}
    assert _plain(both) == _plain({key: _theirs(value) for key, value in theirs.items()})


def _content(artifact: Any) -> list[object]:
    return [Path(artifact.path).read_text(), dict(artifact.metadata)]


def _theirs(value: Any) -> object:
    artifacts = value if isinstance(value, list) else [value]
    return [_content(one) for one in artifacts] if artifacts and hasattr(artifacts[0], "uri") else value


def _plain(outputs: dict[str, object]) -> object:
    """`3.0` as `3`, in texts and as values."""
    return json.loads(re.sub(r"(?<=\d)\.0\b", "", json.dumps(outputs)))
