"""Compiled pipelines judged by others: KFP's protobuf messages, its loader and compiler, and Vertex AI's client.

Each case in `oracle/` is one pipeline written twice, as a file of hpc and with the KFP SDK; both compile to the same
meaning. `meaning.py` says what is not compared, and the mutations below show that everything else is.
"""

from __future__ import annotations

import copy
import json
import math
import random
import runpy
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import compiler, components, dsl
from kfp.dsl import OutputPath
from lint_ir import lint
from meaning import differences, documents, is_group_key, meaning, meaning_of, normal, parse, parse_condition

from hpc.cli.disk import Folder
from hpc.compiler import compile as compile_pipeline
from hpc.compiler.targets import TARGETS as KNOWN_TARGETS
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
    pytest.param(file, target, id=f"{file.parent.name}-{target}") for file in EXAMPLES for target in TARGETS
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
    assert lint(parse(documents(_sdk(name)))) == UNSOUND_IN_THE_SDK.get(name, [])


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
