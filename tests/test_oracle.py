"""Compiled pipelines judged by others: KFP's protobuf messages, its loader and compiler, and Vertex AI's client.

Each case in `oracle/` is one pipeline written twice, as a file of hpc and with the KFP SDK; both compile to the same
meaning. `meaning.py` says what is not compared, and the mutations below and in `oracle/changes/` show that everything
else is. `oracle/defects/` holds what the SDK compiles wrongly or not at all.
"""

from __future__ import annotations

import copy
import json
import math
import random
import re
import runpy
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiling import targets_of
from google.protobuf import json_format
from kfp import compiler, components, dsl
from lint_ir import lint
from meaning import (
    NoCondition,
    differences,
    documents,
    is_group_key,
    meaning,
    meaning_of,
    normal,
    parse,
    parse_condition,
)

from hpc.cli.disk import Folder
from hpc.compiler import compile as compile_pipeline
from hpc.compiler.targets import TARGETS as KNOWN_TARGETS
from hpc.diagnostics import Rejected
from hpc.spec.document import decode

TESTS = Path(__file__).parent
EXAMPLES = sorted((TESTS.parent / "examples").glob("*/pipeline.yaml"))
TARGETS = ("vertex", "kfp", "local")

CASES = {
    "artifact_inputs": ("vertex", "kfp"),
    "artifacts": ("vertex", "kfp"),
    "collected_outputs": ("vertex", "kfp"),
    "collected_values": ("vertex", "kfp"),
    "condition_in_loop": ("vertex", "kfp"),
    "constants": ("vertex", "kfp"),
    "diamond": ("vertex", "kfp"),
    "exit_around": ("vertex", "kfp"),
    "exit_status": ("vertex",),
    "exit_steps": ("vertex",),
    "fan_out": ("vertex", "kfp"),
    "gathered": ("vertex", "kfp"),
    "importer_constant": ("vertex", "kfp"),
    "importer_inside": ("vertex", "kfp"),
    "importer_types": ("vertex", "kfp"),
    "importer_wired": ("vertex", "kfp"),
    "join_artifacts": ("vertex", "kfp"),
    "join_outputs": ("vertex", "kfp"),
    "join_values": ("vertex", "kfp"),
    "kfp_pipeline": ("kfp",),
    "kfp_pods": ("kfp",),
    "kfp_secrets": ("kfp",),
    "loop_fields": ("vertex", "kfp"),
    "loop_in_condition": ("vertex", "kfp"),
    "loop_input": ("vertex", "kfp"),
    "loop_literal": ("vertex", "kfp"),
    "loop_of_pipelines": ("vertex", "kfp"),
    "loop_output": ("vertex", "kfp"),
    "loop_product": ("vertex", "kfp"),
    "loop_types": ("vertex", "kfp"),
    "loop_untyped": ("vertex", "kfp"),
    "loop_unrolled": ("vertex", "kfp"),
    "loop_unrolled_pipelines": ("vertex", "kfp"),
    "loops_nested": ("vertex", "kfp"),
    "metadata": ("vertex",),
    "optional": ("vertex", "kfp"),
    "order": ("vertex", "kfp"),
    "outputs": ("vertex", "kfp"),
    "parameters": ("vertex", "kfp"),
    "resources_kfp": ("kfp",),
    "resources_vertex": ("vertex",),
    "reuse": ("vertex", "kfp"),
    "running": ("vertex", "kfp"),
    "running_inside": ("vertex",),
    "single_output": ("vertex", "kfp"),
    "sub_conditions": ("vertex", "kfp"),
    "sub_nested": ("vertex", "kfp"),
    "sub_optional": ("vertex", "kfp"),
    "sub_settings": ("vertex", "kfp"),
    "sub_twice": ("vertex", "kfp"),
    "switch_nested": ("vertex", "kfp"),
    "switch_on_inputs": ("vertex", "kfp"),
    "switch_plain": ("vertex", "kfp"),
    "switch_without_else": ("vertex", "kfp"),
    "texts": ("vertex", "kfp"),
    "titles": ("vertex", "kfp"),
    "upstream_done": ("vertex",),
    "when_flag": ("vertex", "kfp"),
    "when_inputs": ("vertex", "kfp"),
    "when_nested": ("vertex", "kfp"),
    "when_number": ("vertex", "kfp"),
    "when_operators": ("vertex", "kfp"),
    "when_text": ("vertex", "kfp"),
}

# What hpc calls the steps of a loop that it unrolls, and what the SDK calls the same ones.
UNROLLED = {
    "loop_unrolled": {
        "train--cnn-0-1": "train",
        "train--cnn-0-2": "train-2",
        "train--vit-0-1": "train-3",
        "train--vit-0-2": "train-4",
    },
    "loop_unrolled_pipelines": {"one--3": "one", "one--5": "one-2", "two": "one-3"},
}

# Where the SDK loses something and hpc does not, with what is said there then.
LOST_BY_THE_SDK: dict[str, list[str]] = {
    "loop_untyped": [
        '/root/dag/tasks/loop[scale]/element: "NUMBER_DOUBLE" != "STRING"',
        '/root/dag/tasks/loop[show]/element: "STRUCT" != "STRING"',
    ],
}

EACH_CASE = [pytest.param(name, target, id=f"{name}-{target}") for name, targets in CASES.items() for target in targets]
EACH_EXAMPLE = [
    pytest.param(file, target, id=f"{file.parent.name}-{target}") for file in EXAMPLES for target in targets_of(file)
]


def _compiled(file: Path, target: str) -> str:
    return compile_pipeline(decode(file.read_bytes(), file.name), KNOWN_TARGETS[target], Folder(file.parent)).text


def _case(name: str, target: str) -> str:
    return _compiled(TESTS / "oracle" / f"{name}.yaml", target)


def _json_documents(text: str) -> list[Any]:
    return [json.loads(part) for part in text.split("\n---\n")]


# ---------------------------------------------------------------- what is compiled is what readers accept


def test_there_are_examples_and_every_case_is_listed() -> None:
    assert EXAMPLES
    assert sorted(CASES) == sorted(file.stem for file in (TESTS / "oracle").glob("*.yaml"))


@pytest.mark.parametrize(("file", "target"), EACH_EXAMPLE)
def test_example_is_read_strictly_and_is_sound(file: Path, target: str) -> None:
    text = _compiled(file, target)
    parsed = parse(documents(text))
    assert parsed.spec.schema_version == "2.1.0"
    assert set(parsed.platform.platforms if parsed.platform else ()) <= {target}
    assert lint(parsed) == []


@pytest.mark.parametrize(("file", "target"), EACH_EXAMPLE)
def test_example_says_the_same_to_yaml_and_json_readers(file: Path, target: str) -> None:
    text = _compiled(file, target)
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        assert differences(list(yaml.load_all(text, loader)), _json_documents(text)) == []


@pytest.mark.parametrize(("file", "target"), EACH_EXAMPLE)
def test_kfp_loads_example(file: Path, target: str) -> None:
    text = _compiled(file, target)
    loaded = components.load_component_from_text(text)
    root = documents(text)[0]["root"].get("inputDefinitions", {})
    assert loaded.component_spec.name == documents(text)[0]["pipelineInfo"]["name"]
    assert set(loaded.component_spec.inputs or {}) == set(root.get("parameters", {})) | set(root.get("artifacts", {}))
    assert json_format.MessageToDict(loaded.pipeline_spec) == json_format.MessageToDict(parse(documents(text)).spec)


VALUES_OF_MNIST = {"epochs": 3, "alpha": 1e-05, "run_name": "it's 😀", "model": "forest"}


@pytest.mark.slow
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
def test_vertex_client_takes_example(file: Path, tmp_path: Path) -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    text = _compiled(file, "vertex")
    template = tmp_path / "pipeline.json"
    template.write_text(text, encoding="utf-8")
    declared = documents(text)[0]["root"]["inputDefinitions"]["parameters"]
    values = {name: value for name, value in VALUES_OF_MNIST.items() if name in declared}
    job = aiplatform.PipelineJob(
        display_name="job",
        template_path=str(template),
        parameter_values=values,
        pipeline_root="gs://bucket/root",
        project="project",
        location="us-central1",
        credentials=AnonymousCredentials(),
    ).to_dict()
    assert differences(meaning_of([job["pipelineSpec"]]), meaning(text)) == []
    assert job["runtimeConfig"].get("parameterValues", {}) == values


# ---------------------------------------------------------------- the same meaning as with the KFP SDK


@cache
def _sdk(name: str) -> str:
    """The SDK's side of a case, compiled."""
    return _compiled_by_sdk(runpy.run_path(str(TESTS / "oracle" / f"{name}.py"))["pipeline"])


def _compiled_by_sdk(pipeline: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(target))
        return target.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "target"), EACH_CASE)
def test_same_meaning_as_with_the_sdk(name: str, target: str) -> None:
    ours, theirs = meaning(_case(name, target), UNROLLED.get(name)), meaning(_sdk(name))
    assert differences(ours, theirs) == LOST_BY_THE_SDK.get(name, [])


@pytest.mark.parametrize(("name", "target"), EACH_CASE)
def test_case_is_sound(name: str, target: str) -> None:
    assert lint(parse(documents(_case(name, target)))) == []


# The SDK takes elements of an untyped list for texts, and hands them to whatever the step asks for.
UNSOUND_IN_THE_SDK = {
    "loop_untyped": ["comp-for-loop-1/scale.rate: types differ", "comp-for-loop-2/show.row: types differ"]
}


@pytest.mark.parametrize("name", CASES)
def test_lint_takes_what_the_sdk_writes(name: str) -> None:
    assert sorted(lint(parse(documents(_sdk(name))))) == UNSOUND_IN_THE_SDK.get(name, [])


@pytest.mark.parametrize("name", CASES)
def test_every_value_of_a_case_has_an_origin(name: str) -> None:
    found = meaning(_sdk(name))
    assert "dangling" not in json.dumps(found)
    assert found["unused"] == []


# ---------------------------------------------------------------- values that readers confuse

ODD_TEXTS = {
    "emoji": "😀 and 👩‍👩‍👧",
    "line_separator": "a\u2028b\u2029c",
    "next_line": "a\x85b",
    "delete": "a\x7fb\x9fc",
    "mark": "\ufeffa\ufeff",
    "escapes": "a\\b \"c\" 'd' /\t\r\n\b\f",
    "blanks": "  two  before and after  ",
    "empty": "",
    "yes": "yes",
    "null": "null",
    "tilde": "~",
    "number": "1e-05",
    "octal": "017",
    "sexagesimal": "1:30",
    "date": "2020-01-01",
    "dashes": "---",
    "comment": "a # b: c",
    "jinja": "{% if x %} {{ y }} {# z #}",
    "long": "word " * 60,
    "combining": "e\u0301 \u00e9",
}
ODD_NUMBERS = {
    "small": 1e-05,
    "large": 1e22,
    "larger": 1.7976931348623157e308,
    "smallest": 5e-324,
    "third": 1 / 3,
    "minus_zero": -0.0,
    "one": 1.0,
    "exponent": 1.5e-07,
    "power": 1e16,
}


@pytest.fixture
def odd_values(tmp_path: Path) -> Path:
    """A pipeline file with every odd value as default, constant, description, argument and variable."""
    inputs: dict[str, Any] = {name: {"type": "string", "default": value} for name, value in ODD_TEXTS.items()}
    inputs |= {name: {"type": "float", "default": value} for name, value in ODD_NUMBERS.items()}
    inputs["everything"] = {
        "type": "dict",
        "default": {**ODD_TEXTS, **ODD_NUMBERS, "none": None, "texts": list(ODD_TEXTS)},
    }
    pipeline: dict[str, Any] = {
        "hpc": 1,
        "name": "odd-values",
        "description": "".join(ODD_TEXTS.values()),
        "inputs": inputs,
        "images": {"tool": "registry.example/tool:1.0"},
        "components": {
            "take": {
                "image": "tool",
                "cli": "none",
                "command": ["run"],
                "args": list(ODD_TEXTS.values()),
                "env": {name.upper(): value for name, value in ODD_TEXTS.items() if value},
                "inputs": {name: {**port, "description": name} for name, port in inputs.items()},
            }
        },
        "steps": {"take": {"with": {**ODD_TEXTS, **ODD_NUMBERS}}},
        "edges": ["take", "inputs.everything -> take.everything"],
    }
    file = tmp_path / "pipeline.yaml"
    file.write_text(_as_yaml(pipeline), encoding="utf-8")
    return file


def _as_yaml(value: Any) -> str:
    """YAML on one line. Only escapes that YAML shares with JSON, and none of half a character."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_as_yaml(key)}: {_as_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_yaml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(_yaml_character(character) for character in value) + '"'
    return json.dumps(value)


def _yaml_character(character: str) -> str:
    return f"\\U{ord(character):08x}" if not character.isalnum() or not character.isascii() else character


@pytest.mark.parametrize("target", TARGETS)
def test_odd_values_arrive_exactly(odd_values: Path, target: str) -> None:
    text = _compiled(odd_values, target)
    (read,) = _json_documents(text)
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        assert differences(list(yaml.load_all(text, loader)), [read]) == []
    spec = json_format.MessageToDict(parse([read]).spec)
    for found in (read, spec):
        _assert_odd_values(found)


def _assert_odd_values(spec: dict[str, Any]) -> None:
    wanted = {**ODD_TEXTS, **ODD_NUMBERS}
    assert spec["pipelineInfo"]["description"] == "".join(ODD_TEXTS.values())
    for definitions in (spec["root"], spec["components"]["comp-take"]):
        ports = definitions["inputDefinitions"]["parameters"]
        everything = ports.pop("everything")["defaultValue"]
        assert everything.pop("none", "absent") is None
        assert everything.pop("texts") == list(ODD_TEXTS)
        assert differences(everything, wanted) == []
        assert differences({name: port["defaultValue"] for name, port in ports.items()}, wanted) == []
    bound = spec["root"]["dag"]["tasks"]["take"]["inputs"]["parameters"]
    constants = {name: value["runtimeValue"]["constant"] for name, value in bound.items() if name != "everything"}
    assert differences(constants, wanted) == []
    assert math.copysign(1, constants["minus_zero"]) == -1
    container = spec["deploymentSpec"]["executors"]["exec-take"]["container"]
    assert container["args"] == list(ODD_TEXTS.values())
    assert {entry["name"]: entry["value"] for entry in container["env"]} == {
        name.upper(): value for name, value in ODD_TEXTS.items() if value
    }


# ---------------------------------------------------------------- the comparison itself

SAMPLE = """
hpc: 1
name: sample
title: Sample
description: One of everything
inputs: {rate: {type: float, default: 0.5, description: rate}, data: {type: int}}
outputs: {model: Model, score: float}
images: {tool: registry.example/tool:1.0}
accelerators: {t4: {gpu: T4, count: 2, cpu: 4, memory: 16GB}}
components:
  make:
    image: tool
    cli: none
    command: [python, make.py]
    args: [--rows, "${{ inputs.rows }}", "${{ outputs.data }}", "${{ outputs.other }}"]
    inputs: {rows: int}
    outputs: {data: Dataset, other: Dataset, size: int}
  train:
    image: tool
    cli: none
    args: ["${{ inputs.data }}", "${{ inputs.rate }}", "${{ outputs.model }}", "${{ outputs.score }}"]
    accelerator: t4
    env: {A: "1", B: "2"}
    retry: {max: 2, backoff: 30s}
    cache: {key: seven}
    inputs:
      data: Dataset
      rate: float
      one: {type: int, default: 1}
      text: {type: string, default: "1"}
      flag: {type: bool, default: true}
      table: {type: dict, default: {k: 1}}
      note: {type: string, optional: true}
    outputs: {model: Model, score: float, loss: float}
  clean: {image: tool, cli: none, cache: false}
edges:
  - inputs.data -> make.rows
  - inputs.rate -> train.rate
  - make.data -> train.data
  - train.model -> outputs.model
  - train.score -> outputs.score
  - make, train -> clean
steps:
  train: {title: Training, with: {note: given}}
targets: {vertex: {root: "gs://bucket/root"}}
"""


@pytest.fixture
def sample(tmp_path: Path) -> dict[str, Any]:
    """The IR of a pipeline with one of everything, for mutations."""
    file = tmp_path / "pipeline.yaml"
    file.write_text(SAMPLE, encoding="utf-8")
    return json.loads(_compiled(file, "vertex"))


DELETE = object()
TASKS = "root/dag/tasks"
TRAIN = f"{TASKS}/train"
TRAIN_INPUTS = f"{TRAIN}/inputs"
SCORE = "root/dag/outputs/parameters/score/valueFromParameter"
COMPONENT = "components/comp-train"
DATA = f"{COMPONENT}/inputDefinitions/artifacts/data"
CONTAINER = "deploymentSpec/executors/exec-train/container"
RESOURCES = f"{CONTAINER}/resources"

# Where the comparison shows what stands elsewhere in the IR.
SHOWN_AT = {
    CONTAINER: f"{TRAIN}/component/executor/container",
    COMPONENT: f"{TRAIN}/component",
    f"{TASKS}/clean/componentRef/name": f"{TASKS}/clean/component",
    "components/comp-spare": "unused",
    "/runtimeValue/constant": "/constant",
    "/componentInputParameter": "/input",
    "/taskOutputArtifact/outputArtifactKey": "/output",
    "/taskOutputArtifact/producerTask": "/task",
    "/valueFromParameter/outputParameterKey": "/output",
    "/artifactSelectors/0/producerSubtask": "/task",
}


def _shown_at(path: str) -> str:
    for written, shown in SHOWN_AT.items():
        path = path.replace(written, shown)
    return f"/{path}"


# What is changed, and to what; the comparison must say so in that place.
MUTATIONS: list[tuple[str, Any]] = [
    ("pipelineInfo/name", "other"),
    ("pipelineInfo/description", DELETE),
    ("pipelineInfo/displayName", "Other"),
    ("defaultPipelineRoot", "gs://other"),
    ("schemaVersion", "2.0.0"),
    ("root/inputDefinitions/parameters/rate/defaultValue", 0.25),
    ("root/inputDefinitions/parameters/rate/description", "x"),
    ("root/inputDefinitions/parameters/rate/isOptional", DELETE),
    ("root/inputDefinitions/parameters/data/parameterType", "STRING"),
    ("root/outputDefinitions/artifacts/model/artifactType/schemaTitle", "system.Dataset"),
    ("root/dag/outputs/parameters/score/valueFromParameter/outputParameterKey", "loss"),
    ("root/dag/outputs/artifacts/model/artifactSelectors/0/producerSubtask", "make"),
    (f"{TRAIN}/taskInfo/name", "train"),
    (f"{TRAIN}/dependentTasks", ["make", "clean"]),
    (f"{TASKS}/clean/dependentTasks", ["make"]),
    (f"{TASKS}/clean/cachingOptions", {"enableCache": True}),
    (f"{TASKS}/clean/componentRef/name", "comp-make"),
    (f"{TASKS}/clean", DELETE),
    (f"{TRAIN}/cachingOptions/cacheKey", "eight"),
    (f"{TRAIN}/cachingOptions/enableCache", False),
    (f"{TRAIN}/retryPolicy/maxRetryCount", 3),
    (f"{TRAIN}/retryPolicy/backoffDuration", "31s"),
    (f"{TRAIN}/retryPolicy", DELETE),
    (f"{TRAIN}/triggerPolicy", {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}),
    (f"{TRAIN_INPUTS}/artifacts/data/taskOutputArtifact/outputArtifactKey", "other"),
    (f"{TRAIN_INPUTS}/artifacts/data/taskOutputArtifact/producerTask", "clean"),
    (f"{TRAIN_INPUTS}/parameters/rate/componentInputParameter", "data"),
    (f"{TRAIN_INPUTS}/parameters/note", DELETE),
    (f"{TRAIN_INPUTS}/parameters/one/runtimeValue/constant", "1"),
    (f"{TRAIN_INPUTS}/parameters/one/runtimeValue/constant", True),
    (f"{TRAIN_INPUTS}/parameters/flag/runtimeValue/constant", 1),
    (f"{TRAIN_INPUTS}/parameters/text/runtimeValue/constant", 1),
    (f"{TRAIN_INPUTS}/parameters/table/runtimeValue/constant/k", True),
    (f"{COMPONENT}/inputDefinitions/parameters/one/parameterType", "NUMBER_DOUBLE"),
    (f"{COMPONENT}/inputDefinitions/parameters/one/defaultValue", True),
    (f"{COMPONENT}/inputDefinitions/parameters/note/isOptional", DELETE),
    (f"{COMPONENT}/inputDefinitions/artifacts/data/isArtifactList", True),
    (f"{DATA}/artifactType/schemaTitle", "system.Model"),
    (f"{COMPONENT}/outputDefinitions/parameters/loss", DELETE),
    (f"{CONTAINER}/image", "registry.example/tool:1.1"),
    (f"{CONTAINER}/command", ["python"]),
    (f"{CONTAINER}/args/1", "x"),
    (f"{CONTAINER}/env/0/value", "2"),
    (f"{CONTAINER}/env", DELETE),
    (f"{RESOURCES}/cpuLimit", 5.0),
    (f"{RESOURCES}/resourceMemoryLimit", "17G"),
    (f"{RESOURCES}/accelerator/resourceCount", "1"),
    (f"{RESOURCES}/accelerator/type", "NVIDIA_L4"),
    ("components/comp-spare", {"executorLabel": "exec-train"}),
]


def _changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the document with one value replaced, added or removed."""
    changed = copy.deepcopy(document)
    *parents, last = path.split("/")
    place: Any = changed
    for key in parents:
        place = place[int(key) if isinstance(place, list) else key]
    key: Any = int(last) if isinstance(place, list) else last
    if value is DELETE:
        del place[key]
    else:
        place[key] = value
    assert differences(changed, document), f"{path}: this changes nothing"
    return changed


@pytest.mark.parametrize(("path", "value"), MUTATIONS, ids=[path for path, _ in MUTATIONS])
def test_a_change_of_meaning_is_reported(sample: dict[str, Any], path: str, value: Any) -> None:
    found = differences(meaning_of([sample]), meaning_of([_changed(sample, path, value)]))
    assert any(line.startswith(_shown_at(path)) for line in found), found


def test_the_order_of_arguments_is_compared(sample: dict[str, Any]) -> None:
    args = sample["deploymentSpec"]["executors"]["exec-train"]["container"]["args"]
    found = differences(meaning_of([sample]), meaning_of([_changed(sample, f"{CONTAINER}/args", args[::-1])]))
    assert {line.partition(":")[0] for line in found} == {
        f"/{TRAIN}/component/executor/container/args/{index}" for index in range(len(args))
    }


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(document)
    return json.loads(text.replace('"comp-', '"component-').replace('"exec-', '"executor-'))


NEUTRAL: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "order of keys": _reversed,
    "names of components and executors": _renamed,
    "caching off, in the SDK's words": lambda ir: _changed(ir, f"{TASKS}/clean/cachingOptions", {}),
    "a default left to the component": lambda ir: _changed(ir, f"{TRAIN_INPUTS}/parameters/one", DELETE),
    "a dependency that data implies": lambda ir: _changed(ir, f"{TRAIN}/dependentTasks", []),
    "order of dependencies": lambda ir: _changed(ir, f"{TASKS}/clean/dependentTasks", ["train", "make"]),
    "the compiler": lambda ir: _changed(ir, "sdkVersion", "kfp-2.17.0"),
    "an integer written as one": lambda ir: _changed(ir, f"{TRAIN_INPUTS}/parameters/one/runtimeValue/constant", 1.0),
}


@pytest.mark.parametrize("change", NEUTRAL.values(), ids=NEUTRAL.keys())
def test_what_means_the_same_is_the_same(
    sample: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    assert differences(meaning_of([sample]), meaning_of([change(sample)])) == []


def test_unknown_fields_are_refused(sample: dict[str, Any]) -> None:
    for path in ("root/extra", f"{CONTAINER}/extra", f"{TRAIN}/extra"):
        with pytest.raises(json_format.ParseError):
            parse([_changed(sample, path, 1)])


# ---------------------------------------------------------------- the comparison itself: conditions, loops and the rest


def _given(case: str) -> list[dict[str, Any]]:
    return documents(_sdk(case))


def _changed_in(found: list[dict[str, Any]], path: str, value: Any) -> list[dict[str, Any]]:
    """Copies of the documents with one value replaced; the first step of a path tells which document."""
    wrapped = _changed({"documents": found}, f"documents/{path}" if path[0] in "01" else f"documents/0/{path}", value)
    return wrapped["documents"]


def _changes(name: str, told: str) -> list[Any]:
    """A file of `oracle/changes`: case, path, value and what is told of it."""
    groups = documents((TESTS / "oracle" / "changes" / f"{name}.yaml").read_text(encoding="utf-8"))[0]
    return [
        pytest.param(case, each["change"], each.get("to", DELETE), each[told], id=f"{case}: {each[told] or 'nothing'}")
        for case, changes in groups.items()
        for each in changes
    ]


CONTROL_MUTATIONS = _changes("mutations", "shown")


def test_mutations_and_breakages_are_many() -> None:
    assert len(CONTROL_MUTATIONS) >= 75
    assert len(_changes("breakages", "complaint")) >= 45


@pytest.mark.parametrize(("case", "path", "value", "shown"), CONTROL_MUTATIONS)
def test_a_change_of_control_flow_is_reported(case: str, path: str, value: Any, shown: str) -> None:
    found = _given(case)
    reported = differences(meaning_of(found), meaning_of(_changed_in(found, path, value)))
    if not shown:
        assert reported == []
        return
    start = f"/{shown}" if shown.startswith(("root/", "platform/")) else f"/root/dag/tasks/{shown}"
    assert any(line.startswith(start) for line in reported), reported


def _moved(found: list[dict[str, Any]], task: str, start: str, end: str) -> None:
    """Moves a task from one DAG to another, as it is."""
    everything = {"root": found[0]["root"], **found[0]["components"]}
    tasks = everything[start]["dag"]["tasks"]
    everything[end]["dag"]["tasks"][task] = tasks.pop(task)


def _out_of_condition(found: list[dict[str, Any]]) -> None:
    _moved(found, "publish", "comp-condition-3", "comp-condition-2")


def _into_handler(found: list[dict[str, Any]]) -> None:
    _moved(found, "clean", "root", "comp-exit-handler-1")
    found[0]["components"]["comp-exit-handler-1"]["dag"]["tasks"]["clean"].pop("dependentTasks")


def _out_of_handler(found: list[dict[str, Any]]) -> None:
    _moved(found, "sync", "comp-exit-handler-1", "root")
    found[0]["root"]["dag"]["tasks"]["sync"].pop("dependentTasks")


def _loops_swapped(found: list[dict[str, Any]]) -> None:
    """`for net: for rate` as `for rate: for net`, each with its list, its element and its limit."""
    components = found[0]["components"]
    outer, inner = (
        found[0]["root"]["dag"]["tasks"]["for-loop-1"],
        components["comp-for-loop-1"]["dag"]["tasks"]["for-loop-2"],
    )
    components["comp-for-loop-1"]["dag"]["tasks"]["for-loop-2"] = {
        **inner, "parameterIterator": outer["parameterIterator"], "iteratorPolicy": outer["iteratorPolicy"],
        "inputs": {"parameters": {
            "pipelinechannel--nets": {"componentInputParameter": "pipelinechannel--nets"},
            "pipelinechannel--rates-loop-item": {"componentInputParameter": "pipelinechannel--rates-loop-item"},
        }},
    }  # fmt: skip
    found[0]["root"]["dag"]["tasks"]["for-loop-1"] = {
        **outer, "parameterIterator": inner["parameterIterator"], "iteratorPolicy": inner["iteratorPolicy"]
    }  # fmt: skip
    for component, name in (("comp-for-loop-1", "rates"), ("comp-for-loop-2", "nets")):
        of = "NUMBER_DOUBLE" if name == "rates" else "STRING"
        ports = components[component]["inputDefinitions"]["parameters"]
        ports[f"pipelinechannel--{name}-loop-item"] = {"parameterType": of}
        ports[f"pipelinechannel--{name}"] = {"parameterType": "LIST"}


def _condition_on_loop(found: list[dict[str, Any]]) -> None:
    """The condition stands on the loop inside of the group and no longer on the group: `add` runs in any case."""
    group = found[0]["root"]["dag"]["tasks"]["condition-1"]
    inner = found[0]["components"]["comp-condition-1"]["dag"]["tasks"]["for-loop-2"]
    inner["triggerPolicy"] = group.pop("triggerPolicy")
    name = "pipelinechannel--check-rows"
    inner["inputs"]["parameters"][name] = {"componentInputParameter": name}
    found[0]["components"]["comp-for-loop-2"]["inputDefinitions"]["parameters"][name] = {
        "parameterType": "NUMBER_INTEGER"
    }


def _branches_swapped(found: list[dict[str, Any]]) -> None:
    tasks = found[0]["components"]["comp-condition-branches-1"]["dag"]["tasks"]
    one, other = tasks["condition-2"]["triggerPolicy"], tasks["condition-4"]["triggerPolicy"]
    tasks["condition-2"]["triggerPolicy"], tasks["condition-4"]["triggerPolicy"] = other, one


def _order_turned(found: list[dict[str, Any]]) -> None:
    tasks = found[0]["components"]["comp-sync"]["dag"]["tasks"]
    tasks["pull"]["dependentTasks"] = ["push"]
    del tasks["push"]["dependentTasks"]


def _executors_exchanged(found: list[dict[str, Any]]) -> None:
    components = found[0]["components"]
    components["comp-work"]["executorLabel"], components["comp-work-2"]["executorLabel"] = "exec-work-2", "exec-work"


MOVES: dict[str, tuple[str, Callable[[list[dict[str, Any]]], None], str]] = {
    "a step out of a condition": (
        "when_nested",
        _out_of_condition,
        "if[check, publish, train, tune]/holds/if[check, publish, tune]/holds/publish",
    ),
    "a step into the handler": ("exit_steps", _into_handler, "block[clean, work]"),
    "a step out of the handler": ("exit_around", _out_of_handler, "sync"),
    "loops swapped": ("loop_product", _loops_swapped, "loop[train]/over/input"),
    "a condition inside": ("loop_in_condition", _condition_on_loop, "block[add, say]"),
    "branches swapped": (
        "switch_plain",
        _branches_swapped,
        "block[canary, keep, promote, tell]/holds/if[keep]/condition",
    ),
    "an order turned around": (
        "exit_around",
        _order_turned,
        "block[few, look, many, say, sync]/holds/sync/component/dag/tasks/pull/dependentTasks",
    ),
    "executors exchanged": ("running_inside", _executors_exchanged, "loop[work]/holds/work/component/executor"),
}


@pytest.mark.parametrize(("case", "change", "shown"), MOVES.values(), ids=MOVES.keys())
def test_a_move_is_reported(case: str, change: Callable[[list[dict[str, Any]]], None], shown: str) -> None:
    found = _given(case)
    changed = copy.deepcopy(found)
    change(changed)
    reported = differences(meaning_of(found), meaning_of(changed))
    assert any(line.startswith(f"/root/dag/tasks/{shown}") for line in reported), reported


# ---------------------------------------------------------------- what the comparison must not see


class _Renaming:
    """Gives other names to all that only one compiler chose: groups, and what is passed into and out of them."""

    def __init__(self, document: dict[str, Any], seed: int) -> None:
        self.spec = copy.deepcopy(document)
        self.random = random.Random(seed)
        self.count = 0

    def done(self) -> dict[str, Any]:
        for component in [self.spec["root"], *self.spec["components"].values()]:
            for key in [key for key in component.get("dag", {}).get("tasks", {}) if is_group_key(key)]:
                self._rename_group(component["dag"], key)
        return self._in_any_order(self.spec)

    def _name(self, *starts: str) -> str:
        self.count += 1
        return f"{self.random.choice(starts)}{self.count}{self.random.randrange(10)}"

    def _rename_group(self, dag: dict[str, Any], key: str) -> None:
        task = dag["tasks"][key]
        own = self.spec["components"][task["componentRef"]["name"]]
        self._rename_inputs(task, own)
        outputs = self._rename_outputs(own)
        new = self._name("when--x", "condition-", "for-each--", "switch--y", "for-loop-", "exit--handler", "else--z")
        task["taskInfo"]["name"] = self._name("Group ")
        self._replace(dag, key, new, outputs)
        dag["tasks"][new] = dag["tasks"].pop(key)

    def _rename_inputs(self, task: dict[str, Any], own: dict[str, Any]) -> None:
        names: dict[str, str] = {}
        for ports in own.get("inputDefinitions", {}).values():
            names |= {name: self._name("in-", "pipelinechannel--", "item ", "it's ") for name in ports}
        own["inputDefinitions"] = {
            kind: {names[name]: port for name, port in ports.items()}
            for kind, ports in own.get("inputDefinitions", {}).items()
        }
        task["inputs"] = {
            kind: {names[name]: binding for name, binding in bound.items()}
            for kind, bound in task.get("inputs", {}).items()
        }
        self._rename_uses(task, own, names)

    def _rename_uses(self, task: dict[str, Any], own: dict[str, Any], names: dict[str, str]) -> None:
        iterator = task.get("parameterIterator", {"items": {}})
        for place, key in ((iterator, "itemInput"), (iterator["items"], "inputParameter")):
            if key in place:
                place[key] = names[place[key]]
        if "triggerPolicy" in task:
            task["triggerPolicy"]["condition"] = _respelt(task["triggerPolicy"]["condition"], names)
        for inner in own["dag"]["tasks"].values():
            for binding in (one for bound in inner.get("inputs", {}).values() for one in bound.values()):
                for key in {"componentInputParameter", "componentInputArtifact"} & binding.keys():
                    binding[key] = names[binding[key]]

    def _rename_outputs(self, own: dict[str, Any]) -> dict[str, str]:
        filled = own["dag"].get("outputs", {})
        names = {name: self._name("out-", "pipelinechannel--") for ports in filled.values() for name in ports}
        for place, key in ((own, "outputDefinitions"), (own["dag"], "outputs")):
            for kind, ports in place.get(key, {}).items():
                place[key][kind] = {names[name]: port for name, port in ports.items()}
        return names

    def _replace(self, place: Any, old: str, new: str, outputs: dict[str, str]) -> None:
        """In one DAG: the task's key wherever others name it, with the output that they take."""
        for value in place if isinstance(place, list) else place.values():
            if isinstance(value, dict | list):
                self._replace(value, old, new, outputs)
        if isinstance(place, list):
            return
        for key in {"producerTask", "producerSubtask"} & place.keys():
            if place[key] == old:
                taken = {"outputParameterKey", "outputArtifactKey"} & place.keys()
                place.update({key: new, **{output: outputs[place[output]] for output in taken}})
        if "dependentTasks" in place:
            place["dependentTasks"] = [new if each == old else each for each in place["dependentTasks"]]

    def _in_any_order(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            keys = list(value)
            self.random.shuffle(keys)
            return {each: self._in_any_order(value[each], each) for each in keys}
        if not isinstance(value, list):
            return value
        if key == "dependentTasks":
            self.random.shuffle(value)
        return [self._in_any_order(each) for each in value]


def _respelt(condition: str, names: dict[str, str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        quoted = names[name].replace("'", "\\'")
        condition = condition.replace(f"['{name}']", f"['{quoted}']")
    return f"!(!({condition}))"


@pytest.mark.parametrize("name", CASES)
def test_names_that_a_compiler_chose_are_not_compared(name: str) -> None:
    given = _given(name)
    for seed in range(3):
        renamed = _with_other_names(given, seed)
        assert not _groups_of(given[0]) & _groups_of(renamed[0])
        assert differences(meaning_of(given), meaning_of(renamed)) == []
        assert len(lint(parse(renamed))) == len(UNSOUND_IN_THE_SDK.get(name, []))


@pytest.mark.parametrize(("name", "target"), EACH_CASE)
def test_names_that_hpc_chose_are_not_compared(name: str, target: str) -> None:
    ours = documents(_case(name, target))
    assert differences(meaning_of(ours), meaning_of(_with_other_names(ours, 7))) == []


def _with_other_names(found: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    renamed = json.dumps([_Renaming(found[0], seed).done(), *found[1:]])
    return json.loads(renamed.replace('"comp-', '"c-').replace('"exec-', '"e-'))


def _groups_of(spec: dict[str, Any]) -> set[str]:
    dags = [component.get("dag", {}) for component in (spec["root"], *spec["components"].values())]
    return {key for dag in dags for key in dag.get("tasks", {}) if is_group_key(key)}


SAME = [
    ("a == 1", "1 == a"),
    ("a != 1", "!(a == 1)"),
    ("!(a != 1)", "a == 1.0"),
    ("a > 1", "1 < a"),
    ("a >= 1", "1.0 <= double(int(a))"),
    ("int(a) >= 1", "a >= double(1)"),
    ("flag", "flag == true"),
    ("!flag", "flag == false"),
    ("flag != false", "!!flag"),
    ("!(a == 1 || flag)", "!flag && a != 1"),
    ("!(a == 1 && flag)", "!flag || a != 1"),
    ("a == 1 && (flag && text == 'x')", '(text == "x" && a == 1) && flag'),
    ("a in [1, 2]", "a == 2 || a == 1"),
    ("!(text in ['x'])", "text != 'x'"),
    ("text == 'it\\'s'", 'text == "it\'s"'),
    ("text == 'gr\\u00fcn\\n'", "text == 'gr\\xfcn\\012'"),
    ("a == -1", "a == - 1.0"),
    ("flag || a == 1 || flag", "a == 1 || flag"),
]
DIFFERENT = [
    ("a == 1", "a != 1"),
    ("a < 1", "a <= 1"),
    ("a < 1", "a > 1"),
    ("!(a < 1)", "a >= 1"),
    ("a == 1", "a == 2"),
    ("a == 1", "b == 1"),
    ("text == '1'", "text == 1"),
    ("flag == true", "flag == 1"),
    ("a == 1 && flag", "a == 1 || flag"),
    ("a == 1 && b == 1 || flag", "a == 1 && (b == 1 || flag)"),
    ("int(b) == 1", "b == 1"),
    ("text == 'a b'", "text == 'ab'"),
    ("a in [1, 2]", "a in [1, 2, 3]"),
    ("size(text) == 1", "text == 1"),
]


def _normal(text: str) -> Any:
    """A condition over a, b (an int and a float), flag and text."""
    types = {"a": "NUMBER_INTEGER", "b": "NUMBER_DOUBLE", "flag": "BOOLEAN", "text": "STRING"}
    for name in types:
        text = re.sub(rf"(?<![\w'\"\\]){name}(?![\w'\"])", f"inputs.parameter_values['{name}']", text)
    return normal(parse_condition(text), lambda name: ({"input": name}, types[name]))


@pytest.mark.parametrize(("one", "other"), SAME)
def test_conditions_that_mean_the_same(one: str, other: str) -> None:
    assert differences(_normal(one), _normal(other)) == []


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_conditions_that_do_not(one: str, other: str) -> None:
    assert differences(_normal(one), _normal(other)) != []


NO_CONDITIONS = [
    "A ==",
    "A = 1",
    "'it's' == A",
    "(A == 1",
    "A == 1 A",
    "x == 1",
    "inputs.parameter_values[A] == 1",
    "inputs.values['x'] == 1",
    "A == '\\q'",
    "-A",
    "A in [1, 2",
    "",
]


@pytest.mark.parametrize("text", NO_CONDITIONS)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(NoCondition):
        parse_condition(text.replace("A", "inputs.parameter_values['a']"))


# ---------------------------------------------------------------- the lint itself

BREAKAGES: list[tuple[str, Any, str]] = [
    (f"{TRAIN}/componentRef/name", "comp-gone", "root/train: no component"),
    (f"{TRAIN}/dependentTasks", ["make", "gone"], "root/train: no task gone"),
    (f"{TRAIN}/dependentTasks", [], "root/train.data: takes from make without waiting for it"),
    (f"{TASKS}/make/dependentTasks", ["clean"], "root: cycle"),
    (f"{TRAIN_INPUTS}/parameters/rate", DELETE, "root/train: required input rate has no value"),
    (f"{TRAIN_INPUTS}/parameters/gone", {"componentInputParameter": "rate"}, "root/train: its component has no input"),
    (f"{TRAIN_INPUTS}/parameters/rate/componentInputParameter", "gone", "root/train.rate: its source"),
    (f"{TASKS}/make/inputs/parameters/rows/componentInputParameter", "rate", "root/make.rows: types differ"),
    (f"{TRAIN_INPUTS}/parameters/one/runtimeValue/constant", True, "root/train.one: True is no NUMBER_INTEGER"),
    (f"{TRAIN_INPUTS}/parameters/one/runtimeValue/constant", 1.5, "root/train.one: 1.5 is no NUMBER_INTEGER"),
    (f"{TRAIN_INPUTS}/artifacts/data/taskOutputArtifact/outputArtifactKey", "gone", "root/train.data: its source"),
    (f"{DATA}/artifactType/schemaTitle", "system.Model", "root/train.data: types differ"),
    (f"{COMPONENT}/executorLabel", "exec-gone", "comp-train: no executor exec-gone"),
    ("deploymentSpec/executors/exec-spare", {"container": {"image": "i"}}, "exec-spare: no component runs it"),
    ("components/comp-spare", {"executorLabel": "exec-make"}, "comp-spare: no task runs it"),
    (f"{CONTAINER}/args/0", "{{$.inputs.artifacts['gone'].path}}", "comp-train: {{$.inputs.artifacts['gone']"),
    (f"{CONTAINER}/args/0", "{{$.inputs.parameters['data']}}", "comp-train: {{$.inputs.parameters['data']}} names no"),
    (f"{CONTAINER}/args/0", "{{$.inputs.artifacts['data'].size}}", "comp-train: {{$.inputs.artifacts['data'].size}}"),
    (f"{CONTAINER}/args/0", "{{$.inputs.x}}", "comp-train: {{$.inputs.x}} is no placeholder"),
    (f"{CONTAINER}/image", "", "comp-train: no image"),
    ("root/dag/outputs/parameters/score", DELETE, "root: output score is not both declared and filled"),
    ("root/dag/outputs/parameters/score/valueFromParameter/outputParameterKey", "gone", "root: output score: its"),
    ("root/dag/tasks", {}, "root: no tasks"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "complaint"), BREAKAGES, ids=[each[2] for each in BREAKAGES])
def test_lint_finds(sample: dict[str, Any], path: str, value: Any, complaint: str) -> None:
    assert lint(parse([sample])) == []
    found = lint(parse([_changed(sample, path, value)]))
    assert any(line.startswith(complaint) for line in found), found


CONTROL_BREAKAGES = _changes("breakages", "complaint")


@pytest.mark.parametrize(("case", "path", "value", "complaint"), CONTROL_BREAKAGES)
def test_lint_finds_in_control_flow(case: str, path: str, value: Any, complaint: str) -> None:
    found = lint(parse(_changed_in(_given(case), path, value)))
    assert any(line.startswith(complaint) for line in found), found


# ---------------------------------------------------------------- what the SDK compiles into nonsense


NONSENSE: dict[str, str] = {
    "text_of_element_under_a_condition": "root/condition-1.pipelinechannel--names-loop-item: its source does not exist",
    "text_of_element_of_an_inner_loop": "root/for-loop-1.pipelinechannel--others-loop-item: its source does not exist",
    "text_of_element_in_branches": "comp-condition-3/say.pipelinechannel--names-loop-item: its source does not exist",
    "text_of_field": "root/for-loop-1.pipelinechannel--records-loop-item-subvar-title: its source does not exist",
    "name_in_names": "comp-for-loop-3/say-2.text: its source does not exist",
    "machine_under_a_condition": "comp-condition-1/say.pipelinechannel--cpu: its source does not exist",
    "uri_put_together": "comp-importer: its uri gs://{{channel:task=;name=bucket;type=String;}}/data is put together",
    "quote_in_condition": "root/condition-1: condition ",
    "number_and_text": "root/condition-1: condition ",
}


@pytest.mark.parametrize(("name", "complaint"), NONSENSE.items(), ids=NONSENSE.keys())
def test_lint_refuses_what_the_sdk_compiles_wrongly(name: str, complaint: str) -> None:
    pipeline = runpy.run_path(str(TESTS / "oracle" / "defects" / "sdk.py"))[name]
    found = lint(parse(documents(_compiled_by_sdk(dsl.pipeline(name="nonsense")(pipeline)))))
    assert any(line.startswith(complaint) for line in found), found


# ---------------------------------------------------------------- and hpc does not

# What hpc makes of the same, at a path of the meaning; `oracle/defects/` holds the files. Image, machine and uri that
# are put together at run time cannot be said, by design; numbers beyond 2^53 and numbers beside texts are refused.
RIGHT: dict[str, dict[str, Any]] = {
    "text_of_element": {
        "if[say]/holds/loop[say]/holds/say/inputs/parameters/name": {"item": "/if[say]/loop[say]"},
        "if[say]/holds/loop[say]/holds/say/component/executor/container/args": [
            "I am {{$.inputs.parameters['name']}}!"
        ],
        "loop[pair]/holds/loop[pair]/holds/pair/inputs/parameters/name": {"item": "/loop[pair]"},
        "loop[pair]/holds/loop[pair]/holds/pair/inputs/parameters/size": {"item": "/loop[pair]/loop[pair]"},
        "loop[pair]/holds/loop[pair]/holds/pair/component/executor/container/args": [
            "{{$.inputs.parameters['name']}}-{{$.inputs.parameters['size']}}"
        ],
    },
    "text_of_field": {
        f"loop[each]/holds/each/component/dag/tasks/block[hush, say]/holds/if[{step}]/holds/{step}/{path}": value
        for step, text in (("say", "Title: {}."), ("hush", "no {}"))
        for path, value in (
            ("inputs/parameters/title", {"field": "title", "of": {"item": "/loop[each]"}}),
            ("component/executor/container/args", [text.replace("{}", "{{$.inputs.parameters['title']}}")]),
        )
    },
    "name_in_names": {
        "loop[each]/over": {"input": "names"},
        "loop[each]/holds/each/component/dag/tasks/loop[say]/over": {"input": "sizes"},
        "loop[each]/holds/each/component/dag/tasks/loop[say]/holds/say/inputs/parameters/name": {"input": "name"},
        "loop[each]/holds/each/component/dag/tasks/if[hail]/condition": {
            "==": [{"constant": "all"}, {"input": "name"}]
        },
        "loop[each]/holds/each/component/dag/tasks/if[hail]/holds/hail/inputs/parameters/name": {"item": "/loop[each]"},
    },
    "quote_in_condition": {
        "if[one]/condition": {"==": [{"constant": "it's"}, {"input": "name"}]},
        "if[two]/condition": {"==": [{"constant": 'say "x"'}, {"input": "name"}]},
        "if[three]/condition": {
            "||": [
                {"==": [{"constant": "]' || true || '"}, {"input": "name"}]},
                {"==": [{"constant": "grün"}, {"input": "name"}]},
            ]
        },
    },
    "flag_is_true": {
        "if[one]/condition": {"==": [{"constant": True}, {"input": "flag"}]},
        "if[two]/condition": {"!": {"==": [{"constant": True}, {"input": "flag"}]}},
        "if[three]/condition": {"==": [{"constant": True}, {"input": "flag"}]},
        "if[four]/condition": {"!": {"==": [{"constant": True}, {"input": "flag"}]}},
    },
    "twice_nested": {
        f"{path}/component/executor/container/{name}": value
        for outer in ("outer", "outer-2")
        for middle in (f"{outer}/component/dag/tasks/middle/component/dag/tasks",)
        for path, wanted in (
            ("work", {"image": "registry.example/team/tool:1.0", "env": [{"name": "LEVEL", "value": "info"}]}),
            (f"{middle}/work", {"image": "registry.example/team/tool:1.0", "resources/resourceCpuLimit": "16"}),
            (f"{middle}/elsewhere", {"image": "registry.example/team/other:2.0"}),
            (f"{middle}/inner/component/dag/tasks/work", {"resources/resourceMemoryLimit": "1G"}),
            (f"{middle}/inner-2/component/dag/tasks/work", {"resources/resourceMemoryLimit": "1G"}),
            (f"{middle}/inner/component/dag/tasks/work-2", {"resources/resourceCpuLimit": "16"}),
            (f"{middle}/inner-2/component/dag/tasks/work-2", {"env": [{"name": "LEVEL", "value": "debug"}]}),
        )
        for name, value in wanted.items()
    },
    "keys_of_items": {
        "loop[say]/holds/say/inputs/parameters": {
            "name": {"field": "name", "of": {"item": "/loop[say]"}},
            "size": {"field": "task", "of": {"item": "/loop[say]"}},
        },
        "loop[show]/over": {"constant": [{"name": "a", "task": 1.0}, {"name": 2.0, "task": True}]},
    },
    "exit_outputs": {
        "notify/dependentTasks": ["block[bad, good, train, try-out]"],
        "notify/inputs/parameters/status": {"status": "/block[bad, good, train, try-out]"},
        "../outputs/artifacts/model": {"task": "train", "output": "model"},
        "../outputs/parameters/scores": {
            "collected": {"task": "try-out", "output": "score"},
            "over": "/block[bad, good, train, try-out]/loop[try-out]",
        },
        "../outputs/parameters/place": {
            "one_of": [{"task": "good", "output": "place"}, {"task": "bad", "output": "place"}]
        },
    },
    "done_without_optional": {
        "clean/triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
        "clean/inputs/parameters": {"count": {"constant": 3.0}},
        "clean/component/executor/container/args": ["clean"],
    },
}
DEFECTS = [
    pytest.param(name, target, id=f"{name}-{target}")
    for name in RIGHT
    for target in (("vertex",) if name in ("exit_outputs", "done_without_optional") else ("vertex", "kfp"))
]


def test_every_file_of_a_defect_is_judged() -> None:
    assert sorted(RIGHT) == sorted(file.stem for file in (TESTS / "oracle" / "defects").glob("*.yaml"))


@pytest.mark.parametrize(("name", "target"), DEFECTS)
def test_hpc_compiles_it_rightly(name: str, target: str) -> None:
    text = _case(f"defects/{name}", target)
    found = meaning(text)
    assert lint(parse(documents(text))) == []
    assert "dangling" not in json.dumps(found)
    assert {path: _at(found["root"]["dag"], path) for path in RIGHT[name]} == RIGHT[name]


def _at(dag: dict[str, Any], path: str) -> Any:
    place: Any = dag if path.startswith("../") else dag["tasks"]
    for key in path.removeprefix("../").split("/"):
        if not isinstance(place, dict) or key not in place:
            return f"nothing at {key}; there is {sorted(place) if isinstance(place, dict) else place}"
        place = place[key]
    return place


REFUSED = {
    "a number beside a text": ('inputs -> work when inputs.count == "4"', "HPC402"),
    "a flag beside a number": ("inputs -> work when inputs.flag == 1", "HPC402"),
    "a number that would lose digits": ("inputs -> work when inputs.count == 1152921504606846977", "HPC401"),
}


@pytest.mark.parametrize(("edge", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_hpc_refuses_what_the_sdk_turns_into_something_else(edge: str, code: str, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(REFUSED_PIPELINE + f"  - {edge}\n", encoding="utf-8")
    with pytest.raises(Rejected) as refused:
        _compiled(file, "vertex")
    assert [each.rule.code for each in refused.value.diagnostics if each.rule.severity == "error"] == [code]


REFUSED_PIPELINE = """
hpc: 1
name: refused
inputs: {count: int, flag: bool}
images: {tool: registry.example/tool:1.0}
components: {work: {image: tool, cli: none, command: [go]}}
edges:
"""
