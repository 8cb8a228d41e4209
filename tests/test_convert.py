"""`hpc convert`: what is converted compiles back to the same meaning, and what cannot be said is said so.

The judges are the KFP SDK, which compiles the pipelines of `oracle/`, and `meaning.py`, which compares compiled files.
"""

from __future__ import annotations

import json
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiling import targets_of
from hypothesis import given
from hypothesis import strategies as st
from lint_ir import lint
from meaning import differences, documents, is_group_key, meaning, parse

from hpc.cli import run_command
from hpc.cli.disk import Folder
from hpc.compiler import compile as compile_pipeline
from hpc.compiler.files import Files
from hpc.compiler.targets import TARGETS
from hpc.conversion import Converted, NotAComponent, convert, objections
from hpc.conversion.emit import emit
from hpc.diagnostics import Source
from hpc.spec.document import decode, read

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(Path(__file__).parent / "foreign"))
    import sdk_groups
    from kfp import compiler

TESTS = Path(__file__).parent
V1 = sorted((TESTS / "foreign" / "v1").glob("*.yaml"))
Json = dict[str, Any]


class Texts(Files):
    """Files by their paths from the pipeline file."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def read_text(self, path: str) -> str:
        if not self.has(path):
            raise FileNotFoundError(path)
        return self.texts[path.removeprefix("./")]

    def has(self, path: str) -> bool:
        return path.removeprefix("./") in self.texts


def _by_sdk(pipeline: Any, folder: Path) -> str:
    path = folder / "compiled.yaml"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiler.Compiler().compile(pipeline, str(path))
    return path.read_text(encoding="utf-8")


def _by_hpc(text: str, target: str, files: Mapping[str, str] | None = None) -> str:
    return compile_pipeline(decode(text.encode(), "converted.yaml"), TARGETS[target], Texts(files or {})).text


def _back(converted: Converted, target: str) -> str:
    """The converted file compiled, which every reader accepts and which is sound."""
    text = _by_hpc(converted.text, target, converted.files)
    assert lint(parse(documents(text))) == []
    return text


# ---------------------------------------------------------------- pipelines of the KFP SDK and of hpc


@cache
def _cases() -> dict[str, tuple[str, ...]]:
    from test_oracle import CASES

    return CASES


def _each_case() -> list[Any]:
    return [pytest.param(name, target, id=f"{name}-{target}") for name, all_ in _cases().items() for target in all_]


# The KFP SDK does not know what some lists hold and calls their elements STRING; hpc infers what they are.
BETTER_TYPED = {
    "loop_untyped": [
        '/root/dag/tasks/loop[scale]/element: "STRING" != "NUMBER_DOUBLE"',
        '/root/dag/tasks/loop[show]/element: "STRING" != "STRUCT"',
    ]
}


@pytest.mark.parametrize(("name", "target"), _each_case())
def test_pipeline_of_the_sdk_keeps_its_meaning(name: str, target: str, tmp_path: Path) -> None:
    import runpy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = runpy.run_path(str(TESTS / "oracle" / f"{name}.py"))["pipeline"]
    source = _by_sdk(pipeline, tmp_path)
    converted = convert(source)
    assert (converted.kind, converted.losses) == ("pipeline", ())
    assert differences(meaning(source), meaning(_back(converted, target))) == BETTER_TYPED.get(name, [])


@pytest.mark.parametrize(("name", "target"), _each_case())
def test_pipeline_of_hpc_keeps_its_meaning(name: str, target: str) -> None:
    file = TESTS / "oracle" / f"{name}.yaml"
    source = compile_pipeline(decode(file.read_bytes(), file.name), TARGETS[target], Folder(file.parent)).text
    converted = convert(source)
    assert converted.losses == ()
    assert differences(meaning(source, _keys(source)), meaning(_back(converted, target))) == []


OK_CASES = sorted((TESTS / "cases" / "ok").glob("*.yaml"))
EVERY_EXAMPLE = sorted((TESTS.parent / "examples").glob("*/pipeline.yaml"))
JOBS = [(file, "vertex") for file in EVERY_EXAMPLE if file.parent.name in ("mnist", "hydra_recipe")]
JOBS += [(file, "vertex") for file in OK_CASES if file.stem == "jobs_of_vertex"]
"""Compiled to jobs of Vertex AI, which are not converted back."""
EXAMPLES = [
    *((file, target) for file in EVERY_EXAMPLE for target in TARGETS if len(targets_of(file)) > 1),
    *((file, "kfp" if file.stem == "limits" else None) for file in OK_CASES if not file.stem.startswith("searches")),
]
EXAMPLES = [(file, target) for file, target in EXAMPLES if (file, target or "vertex") not in JOBS]


def _keys(source: str) -> dict[str, str]:
    """Steps of unrolled loops have names that no file can give."""
    tasks = documents(source)[0]["root"]["dag"]["tasks"]
    return {key: key.replace("--", "-") for key in tasks if not is_group_key(key)}


@pytest.mark.parametrize(("file", "target"), EXAMPLES, ids=lambda one: getattr(one, "stem", one))
def test_examples_keep_their_meaning(file: Path, target: str | None) -> None:
    chosen = TARGETS[target] if target else None
    compiled = compile_pipeline(decode(file.read_bytes(), file.name), chosen, Folder(file.parent))
    converted = convert(compiled.text)
    assert converted.losses == ()
    again = _back(converted, compiled.target.name)
    assert differences(meaning(compiled.text, _keys(compiled.text)), meaning(again)) == []


# ---------------------------------------------------------------- groups that the language has no form of its own for


def _document(pipeline: Any, tmp_path: Path, folder: str | None = None) -> Json:
    converted = convert(_by_sdk(pipeline, tmp_path), folder=folder)
    assert converted.losses == ()
    _back(converted, "vertex")
    return dict(converted.document)


def test_several_steps_in_a_loop_become_a_component(tmp_path: Path) -> None:
    document = _document(sdk_groups.loop_of_two, tmp_path)
    assert document["steps"] == {"for_loop_1": {"for_each": ["names"], "parallel": 3}}
    assert document["components"]["for_loop_1"] == {
        "inputs": {"names": "string", "k": "int", "make_data": "Dataset"},
        "outputs": {"use_score": "float"},
        "edges": [
            "inputs.names -> use.name, say.names",
            "inputs.make_data -> use.data",
            "inputs.k -> say.k",
            "use -> say",
            "use.score -> outputs.use_score",
        ],
    }
    assert document["components"]["say"]["args"] == ["at ${{ inputs.names }} of ${{ inputs.k }}"]
    assert document["components"]["gather"]["inputs"] == {"scores": "list<float>"}


def test_fields_of_elements_are_handed_out_to_a_component(tmp_path: Path) -> None:
    document = _document(sdk_groups.fields_of_two, tmp_path)
    assert document["steps"]["for_loop_1"] == {"for_each": {"zip": ["label", "title"]}}
    assert "inputs.rows.label -> for_loop_1.label" in document["edges"]


def test_each_step_under_a_condition_gets_it(tmp_path: Path) -> None:
    edges = _document(sdk_groups.if_two, tmp_path)["edges"]
    assert [edge for edge in edges if "when" in edge] == [
        "make -> say when make.rows > 3",
        "inputs -> say when inputs.flag",
        "make -> use when make.rows > 3",
    ]


def test_a_switch_that_nothing_in_its_condition_decides_becomes_a_component(tmp_path: Path) -> None:
    document = _document(sdk_groups.switch_in_if, tmp_path)
    assert document["edges"] == ["inputs.mode -> condition_1.mode", "inputs -> condition_1 when inputs.flag"]
    assert document["components"]["condition_1"]["edges"] == [
        {"switch": ['inputs -> say when inputs.mode == "x"', "inputs -> say_2 else"]}
    ]


def test_an_exit_handler_beside_other_steps_becomes_a_component(tmp_path: Path) -> None:
    document = _document(sdk_groups.half_handled, tmp_path)
    assert document["steps"]["notify"] == {"run_if": "upstream_done"}
    assert "exit_handler_1.status -> notify.status" in document["edges"]


def test_what_the_platform_knows_is_named(tmp_path: Path) -> None:
    assert _document(sdk_groups.job_name, tmp_path)["components"]["say"]["args"] == ["${{ run.name }}"]


def test_programs_that_read_the_names_of_ports_keep_them_in_a_file(tmp_path: Path) -> None:
    source = _by_sdk(sdk_groups.lightweight, tmp_path)
    converted = convert(source, folder="parts")
    assert list(converted.files) == ["parts/learn.json"]
    assert converted.document["components"] == {"learn": {"uses": "./parts/learn.json"}}
    assert differences(meaning(source), meaning(_back(converted, "vertex"))) == []
    without = convert(source)
    assert [loss.place for loss in without.losses] == ["components.comp-learn"]


# ---------------------------------------------------------------- what cannot be said


def _spec() -> Json:
    """A pipeline of two steps, as small as they come."""
    ports = {"parameters": {"x": {"parameterType": "STRING"}}}
    container = {"image": "r.example/t:1", "args": ["{{$.inputs.parameters['x']}}"]}
    task = {
        "componentRef": {"name": "comp-a"},
        "inputs": {"parameters": {"x": {"componentInputParameter": "x"}}},
        "cachingOptions": {"enableCache": True},
    }
    return {
        "pipelineInfo": {"name": "p"},
        "schemaVersion": "2.1.0",
        "root": {"inputDefinitions": ports, "dag": {"tasks": {"a": task, "b": json.loads(json.dumps(task))}}},
        "components": {"comp-a": {"executorLabel": "exec-a", "inputDefinitions": json.loads(json.dumps(ports))}},
        "deploymentSpec": {"executors": {"exec-a": {"container": container}}},
    }


def _set(*path: str | int, to: Any) -> Callable[[Json], None]:
    def change(spec: Any) -> None:
        for key in path[:-1]:
            spec = spec[key]
        spec[path[-1]] = to

    return change


TASK = ("root", "dag", "tasks", "a")
CONTAINER = ("deploymentSpec", "executors", "exec-a", "container")
UNSAYABLE = {
    "optional": (
        _set("root", "inputDefinitions", "parameters", "x", "isOptional", to=True),
        "root.inputDefinitions.parameters.x: may stay without a value; an input of a pipeline is optional only by a "
        "default.",
    ),
    "image": (
        _set(*CONTAINER, "image", to="{{$.inputs.parameters['x']}}"),
        "deploymentSpec.executors.exec-a.container.image: is known only when the pipeline runs.",
    ),
    "placeholder": (
        _set(*CONTAINER, "args", to=["{{$.inputs.artifacts}}"]),
        "deploymentSpec.executors.exec-a.container.args.0: holds the placeholder `{{$.inputs.artifacts}}`, for which "
        "the language has no name.",
    ),
    "environment": (
        _set(*CONTAINER, "env", to=[{"name": "X", "value": "{{$.inputs.parameters['x']}}"}]),
        "deploymentSpec.executors.exec-a.container.env.0: holds a placeholder, which no platform replaces in the "
        "environment.",
    ),
    "lifecycle": (
        _set(*CONTAINER, "lifecycle", to={"preCacheCheck": {"command": ["x"]}}),
        "deploymentSpec.executors.exec-a.container.lifecycle: is no part of a container that the language knows.",
    ),
    "gpu": (
        _set(*CONTAINER, "resources", to={"accelerator": {"type": "amd.com/gpu", "count": "1"}}),
        "deploymentSpec.executors.exec-a.container.resources.accelerator: asks for `amd.com/gpu`, which the language "
        "has no name for.",
    ),
    "memory": (
        _set(*CONTAINER, "resources", to={"resourceMemoryLimit": "{{$.inputs.parameters['x']}}"}),
        "deploymentSpec.executors.exec-a.container.resources.resourceMemoryLimit: is known only when the "
        "pipeline runs.",
    ),
    "resolver": (
        _set("deploymentSpec", "executors", "exec-a", to={"resolver": {}, "customJob": {"customJob": {}}}),
        "deploymentSpec.executors.exec-a: is of a kind (customJob, resolver) that the language does not have.",
    ),
    "retry": (
        _set(*TASK, "retryPolicy", to={"maxRetryCount": 1, "backoffDuration": "0.5s"}),
        "root.dag.tasks.a.retryPolicy.backoffDuration: is `0.5s`; durations are whole seconds.",
    ),
    "condition": (
        _set(*TASK, "triggerPolicy", to={"condition": "size(inputs.parameter_values['x']) > 3"}),
        "root.dag.tasks.a.triggerPolicy.condition: `size(inputs.parameter_values['x']) > 3` uses `size`, which "
        "conditions of the language do not have.",
    ),
    "literals": (
        _set("root", "inputDefinitions", "parameters", "y", to={"parameterType": "BOOLEAN", "literals": [True]}),
        "root.inputDefinitions.parameters.y.literals: limits bool; the language has choices for string, int and float.",
    ),
    "selector": (
        _set(*TASK, "inputs", "parameters", "x", "parameterExpressionSelector", to='parseJson(string_value)["k"]'),
        "root.dag.tasks.a.inputs.parameters.x: takes a field of an input; edges take fields only of the elements of a "
        "loop.",
    ),
}


@pytest.mark.parametrize("name", UNSAYABLE)
def test_what_cannot_be_said_is_named_with_its_path(name: str) -> None:
    change, message = UNSAYABLE[name]
    spec = _spec()
    assert convert(json.dumps(spec)).losses == ()
    change(spec)
    converted = convert(json.dumps(spec))
    assert message in [str(loss) for loss in converted.losses]
    assert f"# not converted: {message}" in converted.text.splitlines()


def test_a_pipeline_that_hpc_refuses_is_found_out() -> None:
    spec = _spec()
    _set(*TASK, "retryPolicy", to={"maxRetryCount": 200})(spec)
    found = objections(convert(json.dumps(spec)))
    assert [one.rule.code for one in found if one.is_error] == ["HPC103"]


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _paths(item, (*path, key))


@pytest.mark.parametrize("name", ["exit_around", "loop_literal", "importer_wired", "switch_nested", "kfp_secrets"])
def test_a_broken_file_is_refused_or_converted(name: str) -> None:
    """Never a crash; what has lost nothing and compiles still has the steps of its source."""
    file = TESTS / "oracle" / f"{name}.yaml"
    text = compile_pipeline(decode(file.read_bytes(), file.name), TARGETS["kfp"], Folder(file.parent)).text
    chance, refused = random.Random(name), 0
    for _ in range(150):
        found = documents(text)
        *path, last = chance.choice([path for path in _paths(found) if len(path) > 2])
        _set(*path, last, to=chance.choice([7, "zzz", True, "", {}, [], None]))(found)
        try:
            convert("\n---\n".join(map(json.dumps, found)))
        except NotAComponent:
            refused += 1
    assert 0 < refused < 150


# ---------------------------------------------------------------- components

COMPONENT = """
name: Train model
description: Trains it.
inputs:
- {name: data, type: Dataset}
- {name: learning_rate, type: Float, default: '0.1', description: How fast.}
- {name: note, type: String, optional: true}
- {name: resume, type: Model, optional: true}
- {name: tag, type: String, default: v1}
outputs:
- {name: model, type: Model}
- {name: accuracy, type: Float}
implementation:
  container:
    image: registry.example/team/trainer:1.0
    command: [python3, src/train.py, --epochs, '3', --trainer-kind, gpu]
    args:
    - --datamodule.data-dir
    - {inputPath: data}
    - --model.lr
    - {inputValue: learning_rate}
    - --use.amp=true
    - if: {cond: {isPresent: note}, then: [--note, {inputValue: note}], else: [--note, nothing]}
    - if: {cond: {isPresent: resume}, then: [--resume, {inputUri: resume}]}
    - --run-name
    - {concat: [run-, {inputValue: tag}]}
    - --model-dir
    - {outputPath: model}
    - --accuracy
    - {outputPath: accuracy}
    - --verbose
    env: {LEVEL: info}
"""

IN_HYDRA_FORM = """\
hpc: 1
images: {trainer: registry.example/team/trainer:1.0}
components:
  train_model:
    title: Train model
    description: Trains it.
    image: trainer
    command: [python3, src/train.py]
    args: [{absent: note, args: [note=nothing]}, --verbose]
    inputs:
      data: {type: Dataset, as: datamodule.data_dir}
      learning_rate: {type: float, description: How fast., default: 0.1, as: model.lr}
      note: {type: string, optional: true}
      resume: {type: Model, optional: true, pass: uri}
      tag: {type: string, default: v1, pass: none}
    outputs: {model: {type: Model, as: model_dir}, accuracy: float}
    overrides: {epochs: 3, trainer_kind: gpu, use.amp: true, run_name: "run-${{ inputs.tag }}"}
    env: {LEVEL: info}
"""


def test_flags_become_hydra_keys() -> None:
    converted = convert(COMPONENT)
    assert (converted.kind, converted.losses) == ("component", ())
    assert converted.text == IN_HYDRA_FORM
    assert [str(note) for note in converted.notes] == [
        "implementation.container.args.13: `--verbose` is a flag without a value; it stays in `args`, and Hydra "
        "programs take only `key=value`."
    ]
    assert [one for one in objections(converted) if one.is_error] == []


def _wrapped(uses: str, given: str) -> str:
    return f"""
hpc: 1
name: check
components:
  subject: {{uses: "{uses}"}}
  source: {{import: Dataset, uri: "gs://b/d"}}
  before: {{import: Model, uri: "gs://b/m"}}
steps: {{subject: {{with: {given}}}}}
edges: [source.artifact -> subject.data]
"""


def _container(uses: str, given: str, files: Mapping[str, str]) -> Json:
    executors = documents(_by_hpc(_wrapped(uses, given), "vertex", files))[0]["deploymentSpec"]["executors"]
    return next(one["container"] for one in executors.values() if "container" in one)


def test_outputs_are_passed_as_their_paths() -> None:
    container = _container("./c.yaml#train_model", "{note: hi}", {"c.yaml": IN_HYDRA_FORM})
    assert "model_dir='{{$.outputs.artifacts['model'].path}}'" in container["args"]
    assert "accuracy='{{$.outputs.parameters['accuracy'].output_file}}'" in container["args"]
    assert "datamodule.data_dir='{{$.inputs.artifacts['data'].path}}'" in container["args"]
    assert "model.lr=float({{$.inputs.parameters['learning_rate']}})" in container["args"]
    assert container["command"][-2:] == ["python3", "src/train.py"]


def _pairs(words: list[str]) -> list[list[str]]:
    """A command line as flags with what follows them, whose order does not matter to argparse."""
    found: list[list[str]] = []
    for word in words:
        if word.startswith("--") or not found:
            found.append([word])
        else:
            found[-1].append(word)
    return sorted(found)


@pytest.mark.parametrize("given", ["{}", "{note: hi}", "{note: hi, tag: v2, learning_rate: 0.5}"])
def test_flags_stay_the_same_for_argparse(given: str) -> None:
    converted = convert(COMPONENT, "argparse")
    assert converted.losses == ()
    files = {"old.yaml": COMPONENT, "new.yaml": converted.text}
    old = _container("./old.yaml", given, files)
    new = _container("./new.yaml#train_model", given, files)
    assert _pairs(new["command"][2:] + new["args"]) == _pairs(old["command"][2:] + old["args"])
    assert new["command"] == old["command"][:2]
    assert {key: old[key] for key in ("image", "env")} == {key: new[key] for key in ("image", "env")}


# Of the components of `foreign/v1`, those that hold something that arguments of hpc cannot say.
LOSSES_IN_V1 = {
    "executor_input": ["implementation.container.args.7.concat.3"],
    "if_in_concat": ["implementation.container.args.0.concat.0.inputValue"],
    "if_in_command": ["command"],
    "if_nested": ["implementation.container.args.0.if.then.0"],
    "if_single": ["implementation.container.args.1.if.then"],
}


@pytest.mark.parametrize("style", ["hydra", "argparse"])
@pytest.mark.parametrize("file", V1, ids=lambda file: file.stem)
def test_components_of_version_1(file: Path, style: Any) -> None:
    converted = convert(file.read_text(encoding="utf-8"), style)
    assert converted.kind == "component"
    assert [loss.place for loss in converted.losses] == LOSSES_IN_V1.get(file.stem, [])
    assert [str(one.fact) for one in objections(converted) if one.is_error] == []


def test_a_compiled_component_is_a_component(tmp_path: Path) -> None:
    converted = convert(_by_sdk(sdk_groups.make, tmp_path))
    assert converted.kind == "component"
    assert converted.document["components"]["make"]["inputs"] == {"n": "int"}
    assert converted.document["components"]["make"]["args"] == ["${{ outputs.data }}", "${{ outputs.rows }}"]


# ---------------------------------------------------------------- YAML

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffe\uffff"), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=5))
def test_every_value_is_read_back(document: Json) -> None:
    assert differences(read(Source("x.yaml", emit(document))).plain(), document) == []


@pytest.mark.parametrize(
    "text",
    [
        "y",
        "no",
        "null",
        "~",
        "017",
        "1_000",
        "12:30",
        "2024-01-01",
        "1e-4",
        "0x1F",
        ".5",
        "-",
        "- a",
        "a: b",
        "a #b",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "'",
        '"',
        "{a",
        "[a",
        "a,b",
        "<<",
        "=",
        "?",
        "|",
        ">",
        "--- a",
        "...",
        "",
        " a",
        "a ",
        "a\n",
        "\na",
        "a\n\n",
        "a\n b\n",
        " a\nb",
        "a\tb",
        "-1",
        "--flag",
        "\x85",
        "\u2028",
        "é",
        "😀",
        "#",
    ],
)
def test_doubtful_texts_are_quoted(text: str) -> None:
    document = {"a": text, "b": [text, {text: text}], "components": {"x": {"y": text}}, "edges": [text]}
    assert read(Source("x.yaml", emit(document))).plain() == document
    assert yaml.safe_load(emit(document)) == document


# ---------------------------------------------------------------- the command


@pytest.fixture
def component(tmp_path: Path) -> Path:
    path = tmp_path / "component.yaml"
    path.write_text(COMPONENT, encoding="utf-8")
    return path


def test_convert_writes_to_stdout(component: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["convert", str(component)]) == 0
    out, err = capsys.readouterr()
    assert out == IN_HYDRA_FORM
    assert err.startswith("note: implementation.container.args.13: ")


def test_convert_writes_a_file(component: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = component.with_name("train.yaml")
    assert run_command(["convert", str(component), "-o", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == IN_HYDRA_FORM
    assert f"{target}: a component; use it with `uses: ./train.yaml#train_model`" in capsys.readouterr().err


def test_convert_writes_components_beside_the_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "ir.yaml", tmp_path / "out" / "pipeline.yaml"
    source.write_text(_by_sdk(sdk_groups.lightweight, tmp_path), encoding="utf-8")
    assert run_command(["convert", str(source), "-o", str(target)]) == 0
    assert run_command(["compile", str(target), "-o", str(tmp_path / "again.json")]) == 0
    again = (tmp_path / "again.json").read_text(encoding="utf-8")
    assert differences(meaning(source.read_text(encoding="utf-8")), meaning(again)) == []
    capsys.readouterr()


def test_convert_refuses_what_cannot_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "ir.json", tmp_path / "pipeline.yaml"
    spec = _spec()
    UNSAYABLE["environment"][0](spec)
    source.write_text(json.dumps(spec), encoding="utf-8")
    assert run_command(["convert", str(source), "-o", str(target)]) == 1
    assert (
        "error HPC024 deploymentSpec.executors.exec-a.container.env.0: holds a placeholder" in capsys.readouterr().err
    )
    assert not target.exists()
    assert run_command(["convert", str(source), "-o", str(target), "--partial"]) == 0
    assert target.read_text(encoding="utf-8").startswith("# not converted: deploymentSpec.executors.exec-a")
    assert "not converted: deploymentSpec" in capsys.readouterr().err


def test_convert_refuses_what_does_not_compile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "ir.json"
    spec = _spec()
    _set(*TASK, "retryPolicy", to={"maxRetryCount": 200})(spec)
    source.write_text(json.dumps(spec), encoding="utf-8")
    assert run_command(["convert", str(source)]) == 1
    out, err = capsys.readouterr()
    assert (out, "HPC103" in err, "error HPC025" in err) == ("", True, True)


@pytest.mark.parametrize("text", ["", "a: 1", "hpc: 1\nname: x\n", "just text", "{", "[]", "- a"])
def test_convert_refuses_other_files(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "other.yaml"
    source.write_text(text, encoding="utf-8")
    with pytest.raises(NotAComponent):
        convert(text)
    assert run_command(["convert", str(source)]) == 1
    assert "error HPC023" in capsys.readouterr().err


def test_convert_says_that_searches_are_not_read_back() -> None:
    [file] = [file for file in OK_CASES if file.stem == "searches"]
    compiled = compile_pipeline(decode(file.read_bytes(), file.name), TARGETS["local"], Folder(file.parent))
    with pytest.raises(NotAComponent) as refused:
        convert(compiled.text)
    assert refused.value.fact.endswith("is a search (`tune`) for this machine, and searches are not converted back.")


@pytest.mark.parametrize(("file", "target"), JOBS, ids=lambda one: getattr(one, "stem", one))
def test_convert_says_that_jobs_are_not_read_back(file: Path, target: str) -> None:
    compiled = compile_pipeline(decode(file.read_bytes(), file.name), TARGETS[target], Folder(file.parent))
    with pytest.raises(NotAComponent) as refused:
        convert(compiled.text)
    assert refused.value.fact.endswith("of Vertex AI that hpc wrote, and such jobs are not converted back.")


def test_convert_never_writes_over_its_source(component: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["convert", str(component), "-o", str(component)]) == 2
    assert "is the source itself" in capsys.readouterr().err
    assert component.read_text(encoding="utf-8") == COMPONENT
