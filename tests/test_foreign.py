"""Files that someone else wrote are read as the KFP SDK reads them: it is the judge wherever it has an opinion."""

from __future__ import annotations

import copy
import json
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpc.components.foreign import ForeignContainer, ForeignPipeline, NotAComponent, read_foreign
from hpc.components.foreign.interface import snake_case
from hpc.components.ports import InputPort, OutputPort
from hpc.components.types import ANY_LIST, RUN_STATUS, Type, parse_type

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from kfp import compiler, dsl
    from kfp.components import load_component_from_text
    from kfp.local import placeholder_utils

FOLDER = Path(__file__).parent / "foreign"
V1 = sorted((FOLDER / "v1").glob("*.yaml"))
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _sdk_module(name: str) -> Any:
    sys.path.insert(0, str(FOLDER))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return __import__(name)
    finally:
        sys.path.remove(str(FOLDER))


@cache
def _compiled(name: str, suffix: str = ".yaml") -> str:
    """A component or pipeline of tests/foreign as the SDK compiles it, as text."""
    import tempfile

    found = {
        one.name: one for one in (*_sdk_module("sdk_components").COMPONENTS, *_sdk_module("sdk_pipelines").PIPELINES)
    }
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / f"compiled{suffix}"
        compiler.Compiler().compile(found[name], str(path))
        return path.read_text(encoding="utf-8")


COMPONENTS = ("at-the-end", "everything", "lightweight", "nested", "nothing", "unconditional")
PIPELINES = ("branches", "cluster", "loops", "straight")


def _container(text: str) -> ForeignContainer:
    found = read_foreign(text)
    assert isinstance(found, ForeignContainer)
    return found


def _pipeline(text: str) -> ForeignPipeline:
    found = read_foreign(text)
    assert isinstance(found, ForeignPipeline)
    return found


def _definitions(found: ForeignContainer | ForeignPipeline) -> tuple[Json, Json]:
    """The ports as the IR declares them, without descriptions."""
    return (
        _declared({found.ir_names[name]: port for name, port in found.inputs.items()}),
        _declared({found.ir_names[name]: port for name, port in found.outputs.items()}),
    )


def _declared(ports: dict[str, Any]) -> Json:
    parameters: Json = {}
    artifacts: Json = {}
    for name, port in ports.items():
        spec: Json = {}
        if getattr(port, "has_default", False):
            spec["defaultValue"] = port.default
        if getattr(port, "optional", False) or "defaultValue" in spec:
            spec["isOptional"] = True
        if port.type.is_artifact:
            if port.type.is_list:
                spec["isArtifactList"] = True
            artifacts[name] = {
                "artifactType": {"schemaTitle": port.type.schema_title, "schemaVersion": "0.0.1"},
                **spec,
            }
        else:
            parameters[name] = {"parameterType": port.type.parameter, **spec}
    return {kind: ports for kind, ports in (("artifacts", artifacts), ("parameters", parameters)) if ports}


def _without_descriptions(definitions: Json | None) -> Json:
    return {
        kind: {
            name: {key: value for key, value in port.items() if key != "description"} for name, port in ports.items()
        }
        for kind, ports in (definitions or {}).items()
    }


def _bound_sets(found: ForeignContainer) -> Iterator[frozenset[str]]:
    """What a use can bind: everything that is required or has a default, and any choice of the rest."""
    optional = [name for name, port in found.inputs.items() if port.optional]
    for size in range(len(optional) + 1):
        for chosen in combinations(optional, size):
            yield frozenset(found.inputs) - frozenset(optional) | frozenset(chosen)


def _resolved_by_the_sdk(texts: list[str], present: list[str]) -> list[str]:
    """What the SDK's local runner makes of IfPresent and Concat."""
    return placeholder_utils.flatten_list(
        [placeholder_utils.resolve_struct_placeholders(text, present) for text in texts]
    )


def _assert_same_words(found: ForeignContainer, container: Json) -> None:
    """Command and arguments are those of the SDK for every set of bound inputs, and refused where a placeholder stays
    for an input that has no value.
    """
    for bound in _bound_sets(found):
        present = [found.ir_names[name] for name in bound]
        absent = [found.ir_names[name] for name in found.inputs.keys() - bound]
        for words, key in ((found.command, "command"), (found.args, "args")):
            expected = _resolved_by_the_sdk(container.get(key, []), present)
            if any(
                f".{kind}['{name}']" in text
                for text in expected
                for name in absent
                for kind in ("parameters", "artifacts")
            ):
                with pytest.raises(NotAComponent, match="unconditionally"):
                    words(bound)
            else:
                assert list(words(bound)) == expected


_SAMPLES = {
    "STRING": "text",
    "NUMBER_INTEGER": 7,
    "NUMBER_DOUBLE": 0.5,
    "BOOLEAN": True,
    "LIST": [1],
    "STRUCT": {"a": 1},
}


@cache
def _used_by_the_sdk(text: str) -> tuple[Json, Json]:
    """The component and the container that the SDK compiles where a pipeline uses the file with what it requires."""
    import tempfile

    loaded = load_component_from_text(text)

    @dsl.pipeline(name="uses-it")
    def pipeline():  # the SDK takes `-> None` for the type of an output
        arguments: Json = {}
        for name, port in (loaded.component_spec.inputs or {}).items():
            if port.optional:
                continue
            if "@" in port.type:
                imported = dsl.importer("gs://bucket/x", dsl.Artifact)
                arguments[name] = imported.output
            else:
                arguments[name] = _SAMPLES[dsl.types.type_utils.get_parameter_type_name(port.type)]
        loaded(**arguments)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "uses.yaml"
        compiler.Compiler().compile(pipeline, str(path))
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    executors = spec["deploymentSpec"]["executors"]
    for component in spec["components"].values():
        container = executors[component["executorLabel"]].get("container")
        if container:
            return component, container
    raise AssertionError("no container")


# Components of version 1


@pytest.mark.parametrize("file", V1, ids=lambda file: file.stem)
def test_version_1_is_read_as_the_sdk_reads_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    component, container = _used_by_the_sdk(text)
    found = _container(text)
    assert _definitions(found) == (
        _without_descriptions(component.get("inputDefinitions")),
        _without_descriptions(component.get("outputDefinitions")),
    )
    assert found.image == container["image"]
    assert found.env == {entry["name"]: entry.get("value", "") for entry in container.get("env", [])}
    assert found.resources is None
    _assert_same_words(found, container)


def test_there_are_enough_files_of_version_1() -> None:
    assert len(V1) >= 25


def test_texts_and_names_of_version_1() -> None:
    found = _container((FOLDER / "v1" / "metadata.yaml").read_text(encoding="utf-8"))
    assert (found.title, found.description) == ("Metadata", "Two lines\nof description.\n")
    assert found.inputs["x"].description == "What it is."
    assert found.outputs["y"].description == "What comes out."
    named = _container((FOLDER / "v1" / "names.yaml").read_text(encoding="utf-8"))
    assert named.ir_names == {
        "learning_rate": "learning_rate",
        "max_epochs": "max_epochs",
        "maxdepth": "maxdepth",
        "x_2nd_input": "2nd_input",
        "training_data_csv": "training_data_csv",
        "hidden": "hidden",
        "trained_model": "trained_model",
        "roc_auc": "roc_auc",
    }


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("Learning Rate", "learning_rate"),
        ("maxEpochs", "maxepochs"),
        ("a--b__c", "a_b_c"),
        ("_x_", "x"),
        ("2nd", "x_2nd"),
        ("Größe", "gr_e"),
        ("Ü", ""),
        ("___", ""),
    ],
)
def test_snake_case(name: str, port: str) -> None:
    assert snake_case(name) == port


def _v1(inputs: str = "[]", args: str = "[]", outputs: str = "[]", more: str = "") -> str:
    return (
        f"name: x\ninputs: {inputs}\noutputs: {outputs}\n"
        f"implementation: {{container: {{image: i, args: {args}{more}}}}}\n"
    )


def test_names_without_letters_get_numbers() -> None:
    found = _container(
        _v1("[{name: Ü}, {name: port_1, type: String}, {name: '?', type: String}]", "[{inputPath: Ü}]", "[{name: Ö}]")
    )
    assert list(found.inputs) == ["port_2", "port_1", "port_3"]
    assert list(found.outputs) == ["port_4"]
    assert found.ir_names == {"port_2": "port_2", "port_1": "port_1", "port_3": "port_3", "port_4": "port_4"}
    assert found.args(frozenset(found.inputs)) == ("{{$.inputs.artifacts['port_2'].path}}",)


def test_names_of_compiled_files_stay_in_the_ir() -> None:
    spec = _wrap({"Ü": "STRING", "Learning Rate": "NUMBER_DOUBLE"}, ["{{$.inputs.parameters['Ü']}}"])
    found = _container(json.dumps(spec))
    assert found.ir_names == {"port_1": "Ü", "learning_rate": "Learning Rate"}
    assert found.args(frozenset(found.inputs)) == ("{{$.inputs.parameters['Ü']}}",)


def test_plain_conditions_are_decided_at_once() -> None:
    """The SDK fails at these; version 1 of the SDK read them so."""
    args = (
        "[{if: {cond: true, then: [a, b], else: [c]}}, {if: {cond: 'no', then: a}},"
        " {if: {cond: 'True', then: {concat: [x, {if: {cond: false, then: y, else: [z, z]}}]}}}]"
    )
    assert _container(_v1(args=args)).args(frozenset()) == ("a", "b", "xzz")


def test_a_single_placeholder_after_else_is_read() -> None:
    """The SDK forgets to convert it, and fails."""
    ports = "[{name: a, type: String, optional: true}, {name: b, type: String}]"
    text = _v1(ports, "[{if: {cond: {isPresent: a}, then: {inputValue: a}, else: {inputValue: b}}}]")
    with pytest.raises(TypeError):
        load_component_from_text(text)
    found = _container(text)
    assert found.args(frozenset({"b"})) == ("{{$.inputs.parameters['b']}}",)
    assert found.args(frozenset({"a", "b"})) == ("{{$.inputs.parameters['a']}}",)


def test_an_output_path_follows_the_type_that_is_declared() -> None:
    """The SDK takes a type with properties for a value here and for an artifact in the declaration."""
    for written in ("{String: {a: b}}", "PipelineTaskFinalStatus"):
        found = _container(_v1(outputs=f"[{{name: o, type: {written}}}]", args="[{outputPath: o}]"))
        assert found.args(frozenset()) == ("{{$.outputs.artifacts['o'].path}}",)
        assert found.outputs["o"].type == Type("Artifact")


def test_defaults_that_the_sdk_leaves_as_text_or_refuses() -> None:
    found = _container(
        _v1("[{name: a, type: 'List[int]', default: '[1, 2]'}, {name: b, type: JsonObject, default: {x: [1]}}]")
    )
    assert (found.inputs["a"].default, found.inputs["b"].default) == ([1, 2], {"x": [1]})


def test_the_final_status_is_optional() -> None:
    found = _container(_v1("[{name: s, type: PipelineTaskFinalStatus}]", "[{inputValue: s}]"))
    assert found.inputs["s"].type == RUN_STATUS
    assert found.inputs["s"].optional
    assert not found.inputs["s"].has_default


_STRING = "[{name: x, type: String}]"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (
            _v1(_STRING, "[a, {inputValue: modle}]"),
            "`implementation.container.args.1.inputValue` names the input `modle`",
        ),
        (_v1(_STRING, "[{inputPath: x}]"), "args.0.inputPath` takes `x`, whose type is string, through `inputPath`."),
        (_v1("[{name: x}]", "[{inputValue: x}]"), "takes `x`, whose type is Artifact, through `inputValue`."),
        (_v1("[{name: x, type: Int}]", "[{inputUri: x}]"), "takes `x`, whose type is int, through `inputUri`."),
        (_v1(outputs=_STRING, args="[{outputUri: x}]"), "takes `x`, whose type is string, through `outputUri`."),
        (_v1(args="[{outputPath: y}]"), "names the output `y`, which the file does not declare."),
        (_v1(_STRING, "[{concat: [a, {inputValue: y}]}]"), "args.0.concat.1.inputValue` names the input `y`"),
        (_v1(_STRING, "[{if: {cond: {isPresent: y}, then: [a]}}]"), "args.0.if.cond.isPresent` names the input `y`"),
        (_v1(_STRING, "[{if: {cond: {inputValue: x}, then: [a]}}]"), "cond` asks for the value of an input"),
        (_v1(_STRING, "[{if: {cond: maybe, then: [a]}}]"), "cond` is `maybe`, which is neither true nor false."),
        (_v1(_STRING, "[{if: {cond: 1, then: [a]}}]"), "cond` is an int, not text."),
        (_v1(_STRING, "[{if: {cond: true}}]"), "args.0.if` lacks the key `then`."),
        (_v1(_STRING, "[{inputMetadata: x}]"), "args.0` holds `inputMetadata`, which is not a placeholder of KFP 2."),
        (_v1(_STRING, "[{inputValue: x, a: b}]"), "args.0` is not one placeholder"),
        (_v1(_STRING, "[3]"), "`implementation.container.args.0` is an int, not text."),
        (_v1(_STRING, "[[a]]"), "args.0` is a list, not text."),
        (_v1(_STRING, "[\"{{$.inputs.parameters['y']}}\"]"), "args.0` names the input `y`"),
        (
            _v1(_STRING, "[\"{{$.inputs.artifacts['x'].uri}}\"]"),
            "names `x` as one of the inputs.artifacts, which it is not.",
        ),
        (_v1(_STRING, r'["a\0b"]'), "args.0` holds a NUL character"),
        (_v1(args="abc"), "`implementation.container.args` is a string, not a list."),
        (_v1(more=", env: {A: 3}"), "`implementation.container.env.A` is an int, not text."),
        (_v1(more=", resources: {cpu: 1}"), "container` has the key `resources`, which no component has."),
        (_v1(outputs=_STRING, more=", fileOutputs: {x: /tmp/x}"), "fileOutputs` states paths"),
        ("implementation: {graph: {tasks: {}}}", "`implementation` is a graph of components."),
        ("implementation: {container: {args: []}}", "`implementation.container` lacks the key `image`."),
        ("implementation: {container: {image: ' '}}", "`implementation.container.image` is empty."),
        ("implementation:", "it lacks the key `implementation`."),
        (_v1("[{type: String}]"), "`inputs.0` lacks the key `name`."),
        (_v1("[{name: on}]"), "`inputs.0.name` is a bool, not text."),
        (_v1("[{name: x, type: 3}]"), "`inputs.0.type` is an int, not text."),
        (_v1("[{name: x, optional: 1}]"), "`inputs.0.optional` is an int, not true or false."),
        (_v1("{x: String}"), "`inputs` is a mapping, not a list."),
        (
            _v1("[{name: A b}, {name: a-B}]"),
            "`inputs.1` cannot be told from another: `A b` and `a-B` are both `a_b` in hpc.",
        ),
        (_v1("[{name: x}, {name: x}]"), "`inputs.1` cannot be told from another"),
        (_v1("[{name: a__b}]", outputs="[{name: a b}]"), "`outputs.0` and the input `a__b` both become `a_b` in hpc"),
        (
            _v1("[{name: n, type: Integer, default: abc}]"),
            "`inputs.0` has a default that is a string ('abc') but the type is int.",
        ),
        (
            _v1("[{name: n, type: Integer, default: 3.5}]"),
            "`inputs.0` has a default that is a float (3.5) but the type is int.",
        ),
        (
            _v1("[{name: n, type: Bool, default: maybe}]"),
            "has a default that is a string ('maybe') but the type is bool.",
        ),
        (
            _v1("[{name: n, type: JsonObject, default: nope}]"),
            "has a default that is a string ('nope') but the type is dict.",
        ),
        (_v1("[{name: n, type: List, default: '{}'}]"), "but the type is list."),
        (_v1("[{name: n, type: Integer, default: '9007199254740993'}]"), "beyond 2^53"),
        (_v1("[{name: n, type: Float, default: .nan}]"), "`inputs.0.default` is not a finite number"),
        (
            _v1("[{name: n, type: String, default: 2020-01-01}]"),
            "`inputs.0.default` is a date, which JSON cannot hold.",
        ),
        (_v1("[{name: n, 1: x}]"), "`inputs.0` has the key `1`, which is not text."),
    ],
)
def test_what_version_1_may_not_say(text: str, fact: str) -> None:
    with pytest.raises(NotAComponent) as caught:
        read_foreign(text)
    assert fact in caught.value.fact
    assert caught.value.fact.endswith(".")
    assert caught.value.fix.endswith((".", "?"))


def test_an_optional_input_outside_any_condition_needs_a_value() -> None:
    found = _container((FOLDER / "v1" / "unconditional_optional.yaml").read_text(encoding="utf-8"))
    assert found.args(frozenset({"a", "b"})) == (
        "--a",
        "{{$.inputs.parameters['a']}}",
        "--b={{$.inputs.artifacts['b'].path}}",
    )
    with pytest.raises(NotAComponent) as caught:
        found.args(frozenset({"a"}))
    assert caught.value.fact == (
        "`implementation.container.args.2.concat.1.inputPath` takes the input `b` unconditionally,"
        " and it has no value here."
    )
    assert caught.value.fix == "give `b` a value, or put an `if` with `isPresent` around it."


# Compiled components


@pytest.mark.parametrize("name", COMPONENTS)
def test_compiled_components_are_read_as_they_were_written(name: str) -> None:
    text = _compiled(name)
    spec = yaml.safe_load(text)
    [component] = spec["components"].values()
    [executor] = spec["deploymentSpec"]["executors"].values()
    found = _container(text)
    assert _definitions(found) == (
        _without_descriptions(component.get("inputDefinitions")),
        _without_descriptions(component.get("outputDefinitions")),
    )
    assert found.title == name
    assert (found.image, found.env) == (executor["container"]["image"], {})
    _assert_same_words(found, executor["container"])


def test_the_ports_are_those_that_the_sdk_loads() -> None:
    text = _compiled("everything")
    loaded = load_component_from_text(text).component_spec
    found = _container(text)
    assert {found.ir_names[name]: port.optional or port.has_default for name, port in found.inputs.items()} == {
        name: port.optional for name, port in loaded.inputs.items()
    }
    assert {found.ir_names[name]: port.default for name, port in found.inputs.items() if port.has_default} == {
        name: port.default for name, port in loaded.inputs.items() if port.default is not None
    }
    assert found.ir_names.keys() == {*loaded.inputs, *loaded.outputs}


def test_types_and_texts_of_a_compiled_component() -> None:
    found = _container(_compiled("everything"))
    assert found.description == "Uses everything.\nIn two paragraphs."
    assert {name: str(port.type) for name, port in found.inputs.items()} == {
        "n": "int",
        "flag": "bool",
        "data": "Dataset",
        "opt": "string",
        "rate": "float",
        "settings": "dict",
        "names": "list",
        "more": "list<Dataset>",
    }
    assert found.inputs["n"].description == "How many."
    assert found.outputs["model"] == OutputPort.model_construct(type=Type("Model"), description="What it learnt.")
    assert found.inputs["rate"] == InputPort.model_construct(type=Type("float"), description="", default=1e-5)
    status = _container(_compiled("at-the-end")).inputs["status"]
    assert (status.type, status.optional) == (RUN_STATUS, True)


def test_presence_is_decided_for_each_use() -> None:
    found = _container(_compiled("nested"))
    assert found.args(frozenset({"a", "c"}))[2:] == ("--a-only", "[{{$.inputs.parameters['c']}}]\"\\ü")
    assert found.args(frozenset({"b", "c"}))[:2] == ("--b-only", "{{$.inputs.parameters['b']}}")
    assert found.args(frozenset()) == ('[]"\\ü',)
    with pytest.raises(NotAComponent, match="takes the input `c` unconditionally"):
        found.command(frozenset())


def test_settings_that_a_container_keeps() -> None:
    spec = _wrap({"x": "STRING"}, [])
    container = _only_container(spec)
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B"}]
    container["resources"] = {"cpuLimit": 2.0, "resourceCpuLimit": "2"}
    found = _container(json.dumps(spec))
    assert found.env == {"A": "1", "B": ""}
    assert found.resources == {"cpuLimit": 2.0, "resourceCpuLimit": "2"}


def _wrap(parameters: dict[str, str], args: list[str]) -> Json:
    """A component as the SDK compiles it."""
    definitions = {"parameters": {name: {"parameterType": kind} for name, kind in parameters.items()}}
    task = {
        "taskInfo": {"name": "c"},
        "componentRef": {"name": "comp-c"},
        "cachingOptions": {"enableCache": True},
        "inputs": {"parameters": {name: {"componentInputParameter": name} for name in parameters}},
    }
    return {
        "pipelineInfo": {"name": "c"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
        "root": {"inputDefinitions": copy.deepcopy(definitions), "dag": {"tasks": {"c": task}}},
        "components": {"comp-c": {"executorLabel": "exec-c", "inputDefinitions": definitions}},
        "deploymentSpec": {"executors": {"exec-c": {"container": {"image": "i", "args": args}}}},
    }


def _only_container(spec: Json) -> Json:
    return spec["deploymentSpec"]["executors"]["exec-c"]["container"]


def _set(*path: str | int, to: Any) -> Callable[[Json], None]:
    def change(spec: Json) -> None:
        place: Any = spec
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


_TASK = ("root", "dag", "tasks", "c")


@pytest.mark.parametrize(
    "change",
    [
        _set(*_TASK, "cachingOptions", to={}),
        _set(*_TASK, "cachingOptions", to={"enableCache": True, "cacheKey": "k"}),
        _set(*_TASK, "retryPolicy", to={"maxRetryCount": 2}),
        _set(*_TASK, "triggerPolicy", to={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}),
        _set(*_TASK, "inputs", "parameters", "x", to={"runtimeValue": {"constant": "a"}}),
        _set(*_TASK, "inputs", "parameters", "extra", to={"runtimeValue": {"constant": "a"}}),
        _set("root", "inputDefinitions", "parameters", "x", "defaultValue", to="a"),
        _set("root", "inputDefinitions", "parameters", "y", to={"parameterType": "STRING"}),
        _set("components", "comp-c", "outputDefinitions", to={"parameters": {"o": {"parameterType": "STRING"}}}),
        _set("components", "comp-c", "taskConfigPassthroughs", to=[{"field": "ENV"}]),
        _set("deploymentSpec", "executors", "exec-c", "container", "lifecycle", to={"preCacheCheck": {"args": ["a"]}}),
    ],
)
def test_what_a_container_could_not_keep_makes_a_pipeline(change: Callable[[Json], None]) -> None:
    spec = _wrap({"x": "STRING"}, [])
    assert isinstance(read_foreign(json.dumps(spec)), ForeignContainer)
    change(spec)
    assert _pipeline(json.dumps(spec)).root == spec["root"]


def test_what_a_platform_is_told_makes_a_pipeline() -> None:
    spec = _wrap({"x": "STRING"}, [])
    platform = {
        "platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-c": {"imagePullPolicy": "Always"}}}}}
    }
    assert isinstance(read_foreign(f"{json.dumps(spec)}\n---\n{json.dumps({'platforms': {}})}"), ForeignContainer)
    assert _pipeline(f"{json.dumps(spec)}\n---\n{json.dumps(platform)}").platform == platform


def test_literals_are_choices() -> None:
    spec = _wrap({"x": "STRING", "n": "NUMBER_INTEGER"}, [])
    for component in (spec["root"], spec["components"]["comp-c"]):
        component["inputDefinitions"]["parameters"]["x"] |= {
            "literals": ["a", "b"],
            "defaultValue": "b",
            "isOptional": True,
        }
        component["inputDefinitions"]["parameters"]["n"]["literals"] = [1.0, 2.0]
    found = _container(json.dumps(spec))
    assert found.inputs["x"].choices == ["a", "b"]
    assert found.inputs["n"].choices == [1, 2]
    assert found.inputs["x"].default == "b"
    spec["components"]["comp-c"]["inputDefinitions"]["parameters"]["x"]["defaultValue"] = "c"
    spec["root"]["inputDefinitions"]["parameters"]["x"]["defaultValue"] = "c"
    with pytest.raises(NotAComponent, match="is `c`, not one of its choices: a, b"):
        read_foreign(json.dumps(spec))


def test_optional_and_default_of_compiled_files() -> None:
    spec = _wrap({"a": "STRING", "b": "STRING", "c": "NUMBER_INTEGER", "d": "STRING"}, [])
    for component in (spec["root"], spec["components"]["comp-c"]):
        ports = component["inputDefinitions"]["parameters"]
        ports["a"]["isOptional"] = True
        ports["b"]["defaultValue"] = ""
        ports["c"] |= {"defaultValue": 3.0, "isOptional": True}
        ports["d"]["defaultValue"] = None
    inputs = _container(json.dumps(spec)).inputs
    assert {name: (port.optional, port.has_default, port.default) for name, port in inputs.items()} == {
        "a": (True, False, None),
        "b": (False, True, ""),
        "c": (False, True, 3),
        "d": (False, False, None),
    }
    assert type(inputs["c"].default) is int


@pytest.mark.parametrize(
    ("schema", "is_list", "port_type"),
    [
        ("system.Artifact", False, Type("Artifact")),
        ("system.HTML", False, Type("HTML")),
        ("google.BQTable", False, Type("google.BQTable")),
        ("google.Fresh", True, Type("google.Fresh", True)),
        ("mine.Thing", False, Type("mine.Thing")),
        ("system.Model", True, Type("Model", True)),
    ],
)
def test_artifacts_by_their_schema(schema: str, is_list: bool, port_type: Type) -> None:
    spec = _wrap({}, [])
    for component in (spec["root"], spec["components"]["comp-c"]):
        component["inputDefinitions"]["artifacts"] = {"m": {"artifactType": {"schemaTitle": schema}}}
        if is_list:
            component["inputDefinitions"]["artifacts"]["m"]["isArtifactList"] = True
    spec["root"]["dag"]["tasks"]["c"]["inputs"]["artifacts"] = {"m": {"componentInputArtifact": "m"}}
    port = _container(json.dumps(spec)).inputs["m"]
    assert port.type == port_type
    assert port.type.schema_title == schema


@pytest.mark.parametrize(
    ("args", "fact"),
    [
        (["{{$.inputs.parameters['y']}}"], "`deploymentSpec.executors.exec-c.container.args` names the input `y`"),
        (["{{$.outputs.parameters['x'].output_file}}"], "names the output `x`, which the component does not declare."),
        (['{{$.inputs.artifacts["x"].path}}'], "names the input `x`, which the component does not declare."),
        (['{"IfPresent": {"InputName": "y", "Then": "a"}}'], "args.0.IfPresent.InputName` names the input `y`"),
        (['{"IfPresent": {"Then": "a"}}'], "args.0.IfPresent` lacks the key `InputName`."),
        (['{"IfPresent": {"InputName": "x"}}'], "args.0.IfPresent` lacks the key `Then`."),
        (['{"Concat": "a"}'], "args.0.Concat` is a string, not a list."),
        (['{"Concat": [1]}'], "args.0.Concat.0` is an int, not a mapping."),
        (['{"Concat": [{"a": 1}]}'], "args.0.Concat.0` is neither text nor a `Concat` nor an `IfPresent`."),
        (['{"Concat": ["a"'], "args.0` looks like a placeholder of KFP, but is not JSON."),
        (['{"Concat": ' * 120], "args.0` looks like a placeholder of KFP, but is not JSON."),
        (['{"Concat": [' * 120 + "]}" * 120], "args.0` looks like a placeholder of KFP, but is not JSON."),
    ],
)
def test_placeholders_must_name_ports(args: list[str], fact: str) -> None:
    with pytest.raises(NotAComponent) as caught:
        read_foreign(json.dumps(_wrap({"x": "STRING"}, args)))
    assert fact in caught.value.fact


def test_other_placeholders_survive() -> None:
    args = ["{{$}}", "{{$.pipeline_root}}/x", "{{$.json_escape[1]}}", '{"a": {"Concat": 1}}', "{{ $.inputs }}", "{"]
    assert _container(json.dumps(_wrap({}, args))).args(frozenset()) == tuple(args)


# Compiled pipelines


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines_are_kept_as_they_are(name: str) -> None:
    text = _compiled(name)
    documents = list(yaml.safe_load_all(text))
    found = _pipeline(text)
    assert found.root == documents[0]["root"]
    assert found.components == documents[0]["components"]
    assert found.executors == documents[0]["deploymentSpec"]["executors"]
    assert found.platform == (documents[1] if len(documents) == 2 else None)
    assert (found.platform is not None) == (name == "cluster")
    assert _definitions(found) == (
        _without_descriptions(documents[0]["root"].get("inputDefinitions")),
        _without_descriptions(documents[0]["root"].get("outputDefinitions")),
    )


@pytest.mark.parametrize("name", [name for name in PIPELINES if name != "cluster"])
def test_json_and_yaml_are_one(name: str) -> None:
    assert _pipeline(_compiled(name, ".json")) == _pipeline(_compiled(name))


def test_two_documents_of_json() -> None:
    documents = list(yaml.safe_load_all(_compiled("cluster")))
    assert _pipeline("\n---\n".join(json.dumps(document) for document in documents)) == _pipeline(_compiled("cluster"))


def test_texts_and_names_of_a_pipeline() -> None:
    found = _pipeline(_compiled("straight"))
    assert (found.title, found.description) == ("Straight on", "One after the other.")
    assert found.ir_names == {"n": "n", "lr": "lr", "model": "Model", "acc": "acc"}
    assert {name: str(port.type) for name, port in found.inputs.items()} == {"n": "int", "lr": "float"}
    loops = _pipeline(_compiled("loops"))
    assert (loops.title, loops.inputs["rates"].type, loops.inputs["note"].optional) == ("loops", ANY_LIST, True)


def test_a_pipeline_named_like_its_only_container_is_still_a_pipeline() -> None:
    """The SDK takes every file with an executor of the pipeline's name for that one component."""
    spec = yaml.safe_load(_compiled("straight"))
    spec["pipelineInfo"] = {"name": "train"}
    assert load_component_from_text(json.dumps(spec)).component_spec.implementation.container is not None
    assert _pipeline(json.dumps(spec)).title == "train"


def _references(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all texts by which one part of the IR names another."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _NAMING and isinstance(item, str):
                yield (*path, key)
            elif key == "componentRef":
                yield (*path, key, "name")
            elif key == "dependentTasks":
                yield from ((*path, key, index) for index in range(len(item)))
            else:
                yield from _references(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, (*path, index))


_NAMING = {
    "executorLabel",
    "componentInputParameter",
    "componentInputArtifact",
    "producerTask",
    "producerSubtask",
    "outputParameterKey",
    "outputArtifactKey",
    "itemInput",
    "inputParameter",
    "inputArtifact",
    "runtimeParameter",
}


@pytest.mark.parametrize("name", PIPELINES)
def test_no_reference_may_lead_nowhere(name: str) -> None:
    documents = list(yaml.safe_load_all(_compiled(name)))
    paths = list(_references(documents))
    assert len(paths) > 10
    for path in paths:
        broken = copy.deepcopy(documents)
        _set(*path, to="nowhere")(broken)  # type: ignore[arg-type]
        with pytest.raises(NotAComponent) as caught:
            read_foreign("\n---\n".join(json.dumps(document) for document in broken))
        assert "`nowhere`" in caught.value.fact
        assert ".".join(str(part) for part in path[1:]) in caught.value.fact


@pytest.mark.parametrize("name", PIPELINES)
def test_no_component_and_no_executor_may_be_missing(name: str) -> None:
    documents = list(yaml.safe_load_all(_compiled(name)))
    for mapping in (documents[0]["components"], documents[0]["deploymentSpec"]["executors"]):
        for key in list(mapping):
            assert not _is_sound_without(mapping, key, documents)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_task_may_be_missing_only_where_nothing_refers_to_it(name: str) -> None:
    documents = list(yaml.safe_load_all(_compiled(name)))
    settings_text = json.dumps(documents[1:])
    for component in (documents[0]["root"], *documents[0]["components"].values()):
        dag = component.get("dag", {"tasks": {}})
        for key in list(dag["tasks"]):
            rest = {**dag, "tasks": {name: task for name, task in dag["tasks"].items() if name != key}}
            needed = json.dumps(key) in json.dumps(rest) or json.dumps(key) in settings_text or not rest["tasks"]
            assert _is_sound_without(dag["tasks"], key, documents) != needed


@pytest.mark.parametrize("name", PIPELINES)
def test_no_output_of_a_dag_may_be_missing(name: str) -> None:
    documents = list(yaml.safe_load_all(_compiled(name)))
    for component in (documents[0]["root"], *documents[0]["components"].values()):
        for outputs in (component.get("outputDefinitions", {}), component.get("dag", {}).get("outputs", {})):
            for mapping in outputs.values() if "dag" in component else ():
                for key in list(mapping):
                    assert not _is_sound_without(mapping, key, documents)


def _is_sound_without(mapping: Json, key: str, documents: list[Json]) -> bool:
    kept = mapping.pop(key)
    try:
        read_foreign("\n---\n".join(json.dumps(document) for document in documents))
    except NotAComponent:
        return False
    finally:
        mapping[key] = kept
    return True


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (_set("root", "dag", "tasks", to={}), "`root.dag` has no tasks."),
        (_set("root", "dag", to=None), "`root` has no `dag`, so it is no pipeline."),
        (_set("root", to=None), "it lacks the key `root`."),
        (_set(*_TASK, "componentRef", to={}), "`root.dag.tasks.c.componentRef` lacks the key `name`."),
        (_set(*_TASK, "dependentTasks", to=["c"]), "its tasks wait for each other in a circle (c -> c)."),
        (_set(*_TASK, "inputs", "parameters", "x", to={}), "`root.dag.tasks.c.inputs.parameters.x` has no source."),
        (
            _set(
                *_TASK,
                "inputs",
                "parameters",
                "x",
                to={"componentInputParameter": "x", "runtimeValue": {"constant": 1}},
            ),
            "`root.dag.tasks.c.inputs.parameters.x` has several sources.",
        ),
        (_set(*_TASK, "inputs", "parameters", "x", to={"runtimeValue": {}}), "runtimeValue` holds no `constant`."),
        (
            _set(
                *_TASK, "inputs", "parameters", "x", to={"runtimeValue": {"constant": ["{{$.inputs.parameters['q']}}"]}}
            ),
            "`root.dag.tasks.c.inputs.parameters.x` mentions the input `q`, which its task does not have.",
        ),
        (
            _set(*_TASK, "triggerPolicy", to={"condition": "inputs.parameter_values['q'] == 'a'"}),
            "`root.dag.tasks.c.triggerPolicy.condition` mentions the input `q`",
        ),
        (_set(*_TASK, "parameterIterator", to={"itemInput": "x", "items": {}}), "items` lacks the key `raw`."),
        (_set("components", "comp-c", "dag", to={"tasks": {}}), "`components.comp-c` must have either"),
        (_set("components", "comp-c", to={}), "`components.comp-c` must have either an `executorLabel` or a `dag`."),
        (
            _set("components", "comp-c", to={"dag": {"tasks": {"a": {"componentRef": {"name": "comp-c"}}}}}),
            "its components hold each other in a circle (comp-c -> comp-c).",
        ),
        (
            _set("deploymentSpec", "executors", "exec-c", to={}),
            "exec-c` is none of container, importer, resolver, customJob.",
        ),
        (_set("deploymentSpec", "executors", "exec-c", "container", "image", to=""), "container.image` is empty."),
        (_set("deploymentSpec", "executors", "exec-c", "container", "args", to=[1]), "args.0` is an int, not text."),
        (_set("root", "outputDefinitions", to={"parameters": {"o": {}}}), "o` is an output that no task fills."),
        (
            _set("root", "dag", "outputs", to={"parameters": {"o": {}}}),
            "o` is not an output that the component declares.",
        ),
        (_set("root", "inputDefinitions", "parameters", "x", to={"parameterType": "INT"}), "parameterType` is `INT`"),
        (_set("root", "inputDefinitions", "parameters", "x", to={"type": "INT"}), "x` lacks the key `parameterType`."),
        (
            _set("root", "inputDefinitions", "parameters", "x", "isOptional", to=1),
            "isOptional` is an int, not true or false.",
        ),
        (_set("root", "inputDefinitions", "artifacts", to={"a": {"artifactType": {"schemaTitle": "any"}}}), "is `any`"),
        (_set("root", "inputDefinitions", "artifacts", to={"a": {}}), "a` lacks the key `artifactType`."),
        (_set("schemaVersion", to="2.0.0"), "`schemaVersion` is `2.0.0`, an older form of compiled pipelines."),
        (_set("pipelineInfo", "name", to=["a"]), "`pipelineInfo.name` is a list, not text."),
    ],
)
def test_what_compiled_files_may_not_say(change: Callable[[Json], None], fact: str) -> None:
    spec = _wrap({"x": "STRING"}, [])
    change(spec)
    with pytest.raises(NotAComponent) as caught:
        read_foreign(json.dumps(spec))
    assert fact in caught.value.fact


def test_what_the_platform_may_not_say() -> None:
    for config, fact in (
        ({"exec-x": {}}, "exec-x` names the executor `exec-x`, which the file does not hold."),
        ({"exec-c": []}, "exec-c` is a list, not a mapping."),
        ({"exec-c": {"a": [{"componentInputParameter": "q"}]}}, "a.0.componentInputParameter` names the input `q`"),
        ({"exec-c": {"taskOutputParameter": {"producerTask": "q", "outputParameterKey": "o"}}}, "names the task `q`"),
    ):
        platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": config}}}}
        with pytest.raises(NotAComponent) as caught:
            read_foreign(f"{json.dumps(_wrap({'x': 'STRING'}, []))}\n---\n{json.dumps(platform)}")
        assert fact in caught.value.fact


# Files that are something else, or damaged


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "it holds 0 documents"),
        ("a: 1\n---\nb: 2\n---\nc: 3\n", "it holds 3 documents"),
        ("- a\n", "it is not a mapping."),
        ("hpc: 1\nname: x\n", "it has neither the key `implementation` (a KFP component) nor `root` (compiled IR)."),
        ("{a: [", "it is neither JSON nor YAML: "),
        ("a: \x01", "it is neither JSON nor YAML: "),
        ("a: !!bool maybe", "it holds a value with a YAML tag that does not fit it."),
        ("a: !!int ''", "it holds a value with a YAML tag that does not fit it."),
        ("a: !!python/object:os.system {}", "it is neither JSON nor YAML: could not determine a constructor"),
        ("a: 2020-99-99", "it is neither JSON nor YAML: ValueError."),
        ("[" * 100_000, "its values are nested more than 100 deep."),
        ('{"a":' * 100_000, "its values are nested more than 100 deep."),
        (
            json.dumps({"implementation": json.loads("[" * 200 + "]" * 200)}),
            "its values are nested more than 100 deep.",
        ),
        ("implementation: &a {b: *a}", "its values are nested more than 100 deep."),
        ('{"implementation": "\\ud800"}', "`implementation` holds half a character (a lone surrogate)."),
        ('{"implementation": {"\\ud800": 1}}', "`implementation` has a key with half a character (a lone surrogate)."),
        ('{"implementation": NaN}', "`implementation` is not a finite number, which JSON cannot hold."),
        ("implementation: !!binary aGk=", "`implementation` is a bytes, which JSON cannot hold."),
    ],
)
def test_other_files_are_refused(text: str, fact: str) -> None:
    with pytest.raises(NotAComponent) as caught:
        read_foreign(text)
    assert fact in caught.value.fact


def test_aliases_may_not_multiply() -> None:
    levels = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 9))
    with pytest.raises(NotAComponent, match="it holds more than 1,000,000 values"):
        read_foreign(f"x0: &x0 a\n{levels}\nimplementation: *x8\n")


def test_names_in_messages_are_short_and_on_one_line() -> None:
    with pytest.raises(NotAComponent) as caught:
        read_foreign(_v1(args=json.dumps([{"inputValue": "a\nb\x1b" + "c" * 200}])))
    assert caught.value.fact.isprintable()
    assert len(caught.value.fact) < 200


def _ends_well(text: str) -> None:
    """Whatever the text: a component that can be used, or NotAComponent."""
    try:
        found = read_foreign(text)
        if isinstance(found, ForeignContainer):
            for bound in (frozenset(found.inputs), frozenset[str]()):
                json.dumps([found.command(bound), found.args(bound)]).encode()
    except NotAComponent as error:
        assert error.fact.endswith(".")
        assert error.fix
        f"{error.fact} {error.fix}".encode()


def _all_texts() -> list[str]:
    texts = [file.read_text(encoding="utf-8") for file in V1]
    return texts + [_compiled(name) for name in (*COMPONENTS, *PIPELINES)]


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield from _places(item, (*path, key))


@pytest.mark.parametrize("seed", range(20))
def test_damaged_values_are_refused_or_read(seed: int) -> None:
    dice = random.Random(seed)
    odd: list[Any] = [
        None,
        "",
        "x",
        0,
        -1.5,
        True,
        [],
        {},
        ["x"],
        {"x": "x"},
        [[]],
        {"": None},
        "{{$.inputs.parameters['x']}}",
    ]
    for text in _all_texts():
        documents = list(yaml.safe_load_all(text))
        places = list(_places(documents))
        for _ in range(12):
            broken = copy.deepcopy(documents)
            for path in dice.sample(places, dice.choice((1, 1, 2))):
                try:
                    _set(*path, to=copy.deepcopy(dice.choice(odd)))(broken)  # type: ignore[arg-type]
                except (TypeError, LookupError):
                    continue
            _ends_well("\n---\n".join(json.dumps(document) for document in broken))


@pytest.mark.parametrize("seed", range(10))
def test_damaged_texts_are_refused_or_read(seed: int) -> None:
    dice = random.Random(seed)
    for text in _all_texts():
        for _ in range(6):
            at, length = dice.randrange(len(text)), dice.choice((0, 1, 1, 3, 40))
            put = dice.choice(
                ["", "x", ":", "- ", "{", "]", '"', "\n", "\t", "&a ", "*a", "!!int ", "é", "\x00", "# ", "<<: "]
            )
            _ends_well(text[:at] + put + text[at + length :])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    _JSON, _JSON, st.sampled_from(["implementation", "root", "components", "deploymentSpec", "inputs", "pipelineInfo"])
)
def test_any_json_is_refused_or_read(value: Any, other: Any, key: str) -> None:
    _ends_well(json.dumps({"implementation": value, "inputs": other}))
    _ends_well(json.dumps({**_wrap({"x": "STRING"}, []), key: value}))


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_is_refused_or_read(text: str) -> None:
    _ends_well(text)
    _ends_well(f"implementation: {text}")


# What hpc itself writes


def test_what_hpc_compiles_can_be_read() -> None:
    from compiling import compile_text

    source = (
        "hpc: 1\nname: wrap\nimages: {i: {uri: 'reg.example/i:1'}}\n"
        "inputs: {lr: {type: float, default: 0.1}}\noutputs: {model: Model}\n"
        "components: {train: {image: i, command: [python, a.py], inputs: {lr: float}, outputs: {model: Model}}}\n"
        "edges: [inputs.lr -> train.lr, train.model -> outputs.model]\n"
    )
    result = compile_text(source)
    assert result.compiled is not None, result.shown
    found = _pipeline(result.compiled.text)
    assert found.title == "wrap"
    assert {name: str(port.type) for name, port in found.inputs.items()} == {"lr": "float"}
    assert {name: str(port.type) for name, port in found.outputs.items()} == {"model": "Model"}
    assert found.root == json.loads(result.compiled.text)["root"]
    without_default = compile_text(source.replace("{type: float, default: 0.1}", "float"))
    assert without_default.compiled is not None, without_default.shown
    container = _container(without_default.compiled.text)
    assert container.args(frozenset({"lr"})) == (
        "lr=float({{$.inputs.parameters['lr']}})",
        "model='{{$.outputs.artifacts['model'].path}}'",
    )


# The type of lists that nobody declared


def test_an_undeclared_list_fits_every_list_of_values() -> None:
    for base in ("string", "int", "float", "bool", "dict"):
        assert ANY_LIST.fits(Type(base, True))
        assert Type(base, True).fits(ANY_LIST)
        assert Type(base).fits(ANY_LIST.element)
        assert not Type(base).fits(ANY_LIST)
        assert not ANY_LIST.fits(Type(base))
    for other in (Type("Model", True), Type("Artifact", True)):
        assert not ANY_LIST.fits(other)
        assert not other.fits(ANY_LIST)
    assert not RUN_STATUS.fits(ANY_LIST.element)
    assert ANY_LIST.fits(ANY_LIST)


def test_an_undeclared_list_in_messages_and_in_the_ir() -> None:
    assert (str(ANY_LIST), ANY_LIST.parameter, ANY_LIST.is_artifact, ANY_LIST.is_known) == ("list", "LIST", False, True)
    assert ANY_LIST.holds([1, "a", None, [True], {}])
    assert not ANY_LIST.holds("a")
    assert [parse_type(text) for text in ("list", "any", "list<any>")] == [None, None, None]
