"""What is refused before anything runs: documents, settings and arguments."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from small_pipelines import OUT, pipeline, platform, ran, task

from hpc.cli.catalogue import catalogue
from hpc.diagnostics import Rejected
from hpc.engines.arguments import check_arguments, parse_argument
from hpc.engines.findings import Findings
from hpc.engines.local import RULES
from hpc.engines.local.plan import Plan
from hpc.engines.local.plan.planner import plan, require_commands
from hpc.engines.local.plan.settings import check_places, read_settings

SHARED = Path(__file__).parent / "cases"


def _read(spec: Any, base: Path, settings: Any = None, arguments: Any = None) -> Plan:
    """All that is read before a run begins."""
    findings = Findings("p.json")
    read = read_settings(settings, os.environ, findings)
    check_places(read, base, os.environ, findings)
    made = plan(spec, read, findings)
    require_commands(made, findings)
    check_arguments(arguments or {}, made.inputs, findings)
    findings.reject_if_any()
    return made


def _refused(spec: Any, base: Path, settings: Any = None, arguments: Any = None) -> list[str]:
    with pytest.raises(Rejected) as caught:
        _read(spec, base, settings, arguments)
    assert {one.span.source.name for one in caught.value.diagnostics} == {"p.json"}
    return [f"{one.rule.code} {one.fact} ({one.fix})" for one in caught.value.diagnostics]


def _one() -> dict[str, Any]:
    return {"a": task("true", outputs={"out": "STRING"})}


def test_a_refused_run_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as caught:
        ran(pipeline({"a": task("true", after=("b",))}), tmp_path, source="p.json")
    assert [one.rule.code for one in caught.value.diagnostics] == ["HPC909"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"artifactIterator": {"itemInput": "x", "items": {"inputArtifact": "y"}}}, "task a is a loop over artifacts"),
        ({"triggerPolicy": {"strategy": "ANY_UPSTREAM"}}, "task a has the trigger strategy ANY_UPSTREAM"),
        ({"inputs": {"parameters": {"s": {"taskAnything": {}}}}}, "task a takes taskAnything as s"),
        ({"inputs": {"artifacts": {"s": {"anyArtifact": {}}}}}, "task a takes anyArtifact as the artifact s"),
    ],
)
def test_a_part_that_is_not_run_is_named(change: dict[str, Any], fact: str, tmp_path: Path) -> None:
    spec = pipeline({"a": task("true", node=change)})
    fix = "run it on vertex or kfp, or leave it out locally"
    assert _refused(spec, tmp_path) == [f"HPC901 {fact}, which the local engine does not run ({fix})"]


@pytest.mark.parametrize("kind", ["resolver", "customJob"])
def test_other_executors_are_named(kind: str, tmp_path: Path) -> None:
    spec = pipeline(_one())
    spec["deploymentSpec"]["executors"]["exec-a"] = {kind: {}}
    [found] = _refused(spec, tmp_path)
    assert found.startswith(f"HPC901 task a is not a container but {kind}, which")


def test_an_artifact_that_a_run_would_have_to_be_given_is_refused_unless_optional(tmp_path: Path) -> None:
    spec = pipeline(_one())
    spec["root"]["inputDefinitions"]["artifacts"] = {"data": {}, "maybe": {"isOptional": True}}
    [found] = _refused(spec, tmp_path)
    assert found.startswith("HPC901 the pipeline takes the artifact data as an input, which")


@pytest.mark.parametrize(
    "spec", [{}, {"root": []}, {"pipelineInfo": {"name": "x"}, "schemaVersion": "2.0.0", "root": {}}]
)
def test_something_else_is_no_pipeline(spec: Any, tmp_path: Path) -> None:
    [found] = _refused(spec, tmp_path)
    assert found.startswith("HPC900 ")


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, value in items for found in ((*path, key), *_places(value, (*path, key)))]


@pytest.mark.parametrize("wrong", [None, 5, "x", [], {}, [5], {"x": 5}])
def test_no_wrong_kind_of_value_gives_a_traceback(wrong: Any, tmp_path: Path) -> None:
    text = (SHARED / "20_output_dirs" / "pipeline.json").read_text()
    for path in _places(json.loads(text)):
        spec = json.loads(text)
        node = spec
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = wrong
        try:
            _read(spec, tmp_path)
        except Rejected as rejected:
            assert rejected.diagnostics


def test_all_broken_references_are_found_at_once(tmp_path: Path) -> None:
    spec = pipeline(
        {
            "train": task("true", given={"x": "@prepare.out"}, inputs={"x": "STRING", "y": "STRING"}),
            "prepare": task("true", outputs={"outs": "STRING"}),
            "b": task("true", after=("prepar",)),
        },
        outputs={"Output": "prepare.nope"},
    )
    del spec["deploymentSpec"]["executors"]["exec-b"]
    facts = [text.split(" (")[0] for text in _refused(spec, tmp_path)]
    assert facts == [
        "HPC909 task b uses the executor 'exec-b', which is not in the file",
        "HPC909 task train takes out of prepare, which is not in the file",
        "HPC909 task train is not given its input y",
        "HPC909 the output Output of the pipeline takes nope of prepare, which is not in the file",
    ]


def test_a_circle_is_refused(tmp_path: Path) -> None:
    spec = pipeline({"a": task("true", after=("b",)), "b": task("true", after=("a",)), "0": task("true", after=("b",))})
    assert _refused(spec, tmp_path) == ["HPC909 these tasks wait for each other: a, b (compile the pipeline again)"]


def test_a_component_without_command_is_refused(tmp_path: Path) -> None:
    spec = pipeline(_one())
    del spec["deploymentSpec"]["executors"]["exec-a"]["container"]["command"]
    fact = "HPC906 task a has no command; its image's own is not known without a container"
    assert _refused(spec, tmp_path) == [f"{fact} (write command: in the component)"]


def test_settings_are_read_strictly(tmp_path: Path) -> None:
    settings = platform(
        a={
            "dirr": ".",
            "timeout": "6 hours",
            "secrets": {"KEY": "plain", "TOKEN": "env:HPC_TEST_NOT_SET"},
            "tune": {"n": 1},
        }
    )
    assert _refused(pipeline(_one()), tmp_path, settings) == [
        "HPC908 executor exec-a: dirr is not a local setting (did you mean dir?)",
        "HPC908 executor exec-a: timeout is '6 hours', not a duration (write seconds as a number, or 90s, 30m, 6h, 2d)",
        "HPC908 executor exec-a: the secret of KEY is not env:NAME (write env: and the name of a variable)",
        "HPC907 a needs the secret TOKEN from the variable HPC_TEST_NOT_SET, which is not set "
        "(export HPC_TEST_NOT_SET=…)",
        "HPC908 executor exec-a: tune: n is not a setting (compile the pipeline again)",
    ]


def test_arguments_are_checked_against_the_inputs(tmp_path: Path) -> None:
    spec = pipeline(
        _one(),
        epochs={"parameterType": "NUMBER_INTEGER"},
        optimizer={"parameterType": "STRING", "literals": ["adam", "sgd"], "defaultValue": "adam"},
        lr={"parameterType": "NUMBER_DOUBLE"},
        data={"parameterType": "STRING"},
    )
    assert _refused(spec, tmp_path, arguments={"epoch": 1, "epochs": 2.5, "optimizer": "adamw", "lr": True}) == [
        "HPC902 the pipeline has no input epoch (did you mean epochs?)",
        "HPC904 the input epochs: 2.5 is not a whole number (give a whole number)",
        'HPC905 the input optimizer: "adamw" is not a choice (use one of: "adam", "sgd")',
        "HPC904 the input lr: true is not a number (give a number)",
        "HPC903 the input data (text) has no value (add -i data=…)",
    ]


def test_defaults_and_arguments_reach_the_tasks(tmp_path: Path) -> None:
    show = task(
        "sh",
        "-c",
        'printf "%s" "$*" > "$0"',
        OUT,
        "{{$.inputs.parameters['n']}}",
        "{{$.inputs.parameters['f']}}",
        given={"n": "$n", "f": "$f", "s": "$s"},
        inputs={"n": "NUMBER_INTEGER", "f": "NUMBER_DOUBLE"},
        outputs={"out": "STRING"},
    )
    spec = pipeline(
        {"a": show},
        {"Output": "a.out"},
        n={"parameterType": "NUMBER_INTEGER", "defaultValue": 7.0, "isOptional": True},
        f={"parameterType": "NUMBER_DOUBLE"},
        s={"parameterType": "STRING", "isOptional": True},
    )
    assert ran(spec, tmp_path, arguments={"f": 2}).outcome.outputs == {"Output": "7 2"}


def test_argument_texts_are_read_like_outputs() -> None:
    assert parse_argument("5", "STRING") == "5"
    assert parse_argument("5", "NUMBER_INTEGER") == 5
    assert parse_argument("[1, 2]", "LIST") == [1, 2]
    with pytest.raises(ValueError, match=r'^"5\.0" is not a whole number$'):
        parse_argument("5.0", "NUMBER_INTEGER")


def test_a_root_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Rejected) as caught:
        ran(pipeline(_one()), tmp_path, root=tmp_path / "file" / "root")
    [found] = caught.value.diagnostics
    assert found.rule.code == "HPC910"
    assert "Not a directory" in found.fact


def test_every_rule_has_its_own_code() -> None:
    codes = [rule.code for rule in RULES]
    assert len(codes) == len(set(codes))
    assert all(code.startswith("HPC9") for code in codes)
    assert [catalogue()[code] for code in codes] == list(RULES)
