"""Placeholders in commands and constants."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.placeholders import Context, expand, fill, fill_constant
from hpc.engines.outcome import Artifact

DATA = Artifact("data", "/runs/a/outputs/data", "system.Dataset", metadata={"rows": 10.0, "it": "<x>"})
CONTEXT = Context(
    parameters={"lr": 0.1, "n": 3.0, "text": "{{$.inputs.parameters['n']}}", "list": [1.0, "a"]},
    input_artifacts={"data": (DATA,), "many": (DATA, Artifact("two", "file:///tmp/two"))},
    output_files={"out": Path("/runs/b/parameters/out")},
    output_artifacts={"model": Artifact("model", "/runs/b/outputs/model", "system.Model")},
    output_file=Path("/runs/b/executor_output.json"),
    run={"pipeline_job_name": "small-1"},
)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("--lr={{$.inputs.parameters['lr']}}!", "--lr=0.1!"),
        ("{{$.inputs.parameters['n']}}{{$.inputs.parameters['n']}}", "33"),
        ("{{$.inputs.parameters['list']}}", '[1,"a"]'),
        ("{{$.outputs.parameters['out'].output_file}}", "/runs/b/parameters/out"),
        ("{{$.inputs.artifacts['data'].path}}", "/runs/a/outputs/data"),
        ("{{$.inputs.artifacts['data'].uri}}", "/runs/a/outputs/data"),
        ("{{$.inputs.artifacts['data'].name}}", "data"),
        ("{{$.inputs.artifacts['data'].metadata['rows']}}", "10"),
        ("{{$.inputs.artifacts['data'].metadata}}", '{"it":"\\u003cx\\u003e","rows":10}'),
        ("{{$.inputs.artifacts['many'].path}}", "/runs/a/outputs/data"),
        ("{{$.outputs.artifacts['model'].path}}/x.bin", "/runs/b/outputs/model/x.bin"),
        ("{{$.outputs.output_file}}", "/runs/b/executor_output.json"),
        ("{{$.pipeline_job_name}}-x", "small-1-x"),
        ("{{$.unknown}} {{ $ }} {{x}}", "{{$.unknown}} {{ $ }} {{x}}"),
    ],
)
def test_a_placeholder_is_filled(text: str, filled: str) -> None:
    assert fill(text, CONTEXT) == filled


def test_a_value_that_looks_like_a_placeholder_stays() -> None:
    assert fill("{{$.inputs.parameters['text']}}", CONTEXT) == "{{$.inputs.parameters['n']}}"


def test_a_list_of_artifacts_is_json() -> None:
    found = json.loads(fill("{{$.inputs.artifacts['many']}}", CONTEXT))
    assert [one["uri"] for one in found] == ["/runs/a/outputs/data", "file:///tmp/two"]


def test_a_file_uri_has_a_plain_path() -> None:
    assert CONTEXT.input_artifacts["many"][1].path == "/tmp/two"


def test_the_whole_executor_input_is_json() -> None:
    assert json.loads(fill("{{$}}", CONTEXT)) == {
        "inputs": {
            "parameterValues": {"lr": 0.1, "n": 3, "text": "{{$.inputs.parameters['n']}}", "list": [1, "a"]},
            "artifacts": {
                "data": {"artifacts": [_runtime("data", "/runs/a/outputs/data", "Dataset", rows=10, it="<x>")]},
                "many": {
                    "artifacts": [
                        _runtime("data", "/runs/a/outputs/data", "Dataset", rows=10, it="<x>"),
                        _runtime("two", "file:///tmp/two", "Artifact"),
                    ]
                },
            },
        },
        "outputs": {
            "parameters": {"out": {"outputFile": "/runs/b/parameters/out"}},
            "artifacts": {"model": {"artifacts": [_runtime("model", "/runs/b/outputs/model", "Model")]}},
            "outputFile": "/runs/b/executor_output.json",
        },
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{$.inputs.parameters['nope']}}", "the command names the input parameter nope, which has no value"),
        ("{{$.outputs.parameters['lr'].output_file}}", "the command names the output parameter lr, which has no value"),
        ("{{$.inputs.artifacts['x'].uri}}", "the command names the input artifact x, which the task does not have"),
        ("{{$.inputs.artifacts['data'].metadata['k']}}", "the artifact data has no metadata k"),
    ],
)
def test_a_placeholder_of_nothing_fails_the_task(text: str, message: str) -> None:
    with pytest.raises(TaskError) as caught:
        fill(text, CONTEXT)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("argument", "expanded"),
    [
        ('{"IfPresent": {"InputName": "lr", "Then": ["--lr", "{{$.inputs.parameters[\'lr\']}}"]}}', ["--lr", "0.1"]),
        ('{"IfPresent": {"InputName": "no", "Then": ["--no"]}}', []),
        ('{"IfPresent": {"InputName": "no", "Then": "a", "Else": "b"}}', ["b"]),
        (
            '{"Concat": ["a=", "{{$.inputs.parameters[\'n\']}}", {"IfPresent": {"InputName": "lr", "Then": "!"}}]}',
            ["a=3!"],
        ),
        ('{"Concat": "x", "y": 1}', ['{"Concat": "x", "y": 1}']),
        ('{"Concat": [', ['{"Concat": [']),
    ],
)
def test_structured_placeholders_become_arguments(argument: str, expanded: list[str]) -> None:
    assert expand(("a", argument, "z"), CONTEXT) == ["a", *expanded, "z"]


def test_a_constant_takes_its_siblings_also_inside() -> None:
    siblings = {"pipelinechannel--name": "{{$.pipeline_job_name}}", "n": 2.0}
    constant = {"a": ["hello {{$.inputs.parameters['pipelinechannel--name']}}", 1], "b": "{{$.inputs.parameters['n']}}"}
    assert fill_constant(constant, siblings, {"pipeline_job_name": "j"}) == {
        "a": ["hello {{$.pipeline_job_name}}", 1],
        "b": "2",
    }
    assert fill_constant("{{$.pipeline_job_name}}", siblings, {"pipeline_job_name": "j"}) == "j"
    assert fill_constant("{{$}} {{$.inputs.parameters['x']}}", siblings, {}) == "{{$}} {{$.inputs.parameters['x']}}"


def _runtime(name: str, uri: str, schema: str, **metadata: object) -> dict[str, object]:
    kind = {"schemaTitle": f"system.{schema}", "schemaVersion": "0.0.1"}
    return {"name": name, "type": kind, "uri": uri, "metadata": metadata}
