"""PipelineSpec documents to plans: what is read, in which order tasks stand, and what is told of broken documents."""

from __future__ import annotations

import copy
import json
import random
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hpc.cli.disk import Folder
from hpc.compiler import compile as compile_pipeline
from hpc.compiler.targets import TARGETS
from hpc.diagnostics import Rejected
from hpc.engines.arguments import ParameterPort, check_arguments
from hpc.engines.findings import Findings
from hpc.engines.local.plan import (
    ArtifactPort,
    Build,
    Caching,
    Component,
    Constant,
    Container,
    Dag,
    FinalStatus,
    Importer,
    Interface,
    Loop,
    ParameterBinding,
    ParentInput,
    Plan,
    Resources,
    Retry,
    Selection,
    Settings,
    Task,
    TaskOutput,
)
from hpc.engines.local.plan.expressions import parse
from hpc.engines.local.plan.order import circle, in_order
from hpc.engines.local.plan.planner import commandless, plan, rows, size
from hpc.engines.local.plan.settings import check_places, read_settings
from hpc.spec.document import decode

TESTS = Path(__file__).parents[1]
CASES = sorted((TESTS / "engines" / "cases").glob("*/pipeline.json"))
GOLDEN = sorted(path for path in (TESTS / "__snapshots__").rglob("*-local].*") if path.suffix != ".txt")
ORACLE = sorted((TESTS / "oracle").glob("*.py"))
WITH_ARTIFACTS_FROM_OUTSIDE = {
    "artifact_inputs": ["data", "models"],
    "artifacts": ["classes", "metrics"],
}


class _AllSet(dict[str, str]):
    """An environment in which every secret is set."""

    def __contains__(self, name: object) -> bool:
        return True


def _plan(document: Any, platform: Any = None) -> Plan:
    findings = Findings("p.json")
    return plan(document, read_settings(platform, _AllSet(), findings), findings)


def _facts(document: Any) -> list[str]:
    """What is found, without the fixes."""
    with pytest.raises(Rejected) as caught:
        _plan(document)
    return [f"{one.rule.code} {one.fact}" for one in caught.value.diagnostics]


# ---------------------------------------------------------------- documents in a short form


def _leaf(label: str = "exec", outputs: tuple[str, ...] = ("out",), **inputs: Any) -> dict[str, Any]:
    """A component of a container whose inputs are optional texts, if not said otherwise."""
    made = {name: {"parameterType": "STRING", **port} for name, port in inputs.items()}
    return {
        "executorLabel": label,
        "inputDefinitions": {"parameters": made},
        "outputDefinitions": {"parameters": {name: {"parameterType": "STRING"} for name in outputs}},
    }


def _task(component: str, *after: str, **fields: Any) -> dict[str, Any]:
    return {"componentRef": {"name": component}, "dependentTasks": list(after), **fields}


def _group(tasks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"dag": {"tasks": tasks}, **fields}


def _document(tasks: dict[str, Any], components: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "pipelineInfo": {"name": "small"},
        "schemaVersion": "2.1.0",
        "components": {"leaf": _leaf(), **(components or {})},
        "deploymentSpec": {"executors": {"exec": {"container": {"image": "i", "command": ["go"]}}}},
        "root": {**_group(tasks), **fields},
    }


def _of(task: str, key: str = "out") -> dict[str, Any]:
    return {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}}


def _takes(**sources: Any) -> dict[str, Any]:
    return {"parameters": sources}


# ---------------------------------------------------------------- what others have made


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.parent.name)
def test_conformance_cases_are_planned(file: Path) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    made = _plan(document)
    groups = [document["root"], *document["components"].values()]
    used = [task["componentRef"]["name"] for one in groups for task in one.get("dag", {}).get("tasks", {}).values()]
    leaves = [name for name in used if "executorLabel" in document["components"][name]]
    assert size(made.root) == len(rows(made)) == len(leaves)


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.name)
def test_compiled_files_are_planned(file: Path) -> None:
    documents = [*yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader), None]
    made = _plan(documents[0], documents[1])
    assert made.name == documents[0]["pipelineInfo"]["name"]
    assert rows(made)


def test_there_are_cases_and_golden_files() -> None:
    assert len(CASES) > 10
    assert len(GOLDEN) > 10
    assert len(ORACLE) > 50


@pytest.mark.parametrize("file", ORACLE, ids=lambda file: file.stem)
def test_what_the_sdk_and_hpc_compile_is_planned(file: Path, tmp_path: Path) -> None:
    target = "kfp" if "kfp" in file.stem else "vertex"
    source = file.with_suffix(".yaml")
    ours = compile_pipeline(decode(source.read_bytes(), source.name), TARGETS[target], Folder(file.parent)).text
    theirs = _by_sdk(runpy.run_path(str(file))["pipeline"], tmp_path)
    documents = [next(yaml.load_all(text, yaml.CSafeLoader)) for text in (ours, theirs)]
    if file.stem in WITH_ARTIFACTS_FROM_OUTSIDE:
        for document in documents:
            words = [fact.split()[6] for fact in _facts(document)]
            assert words == WITH_ARTIFACTS_FROM_OUTSIDE[file.stem]
    else:
        assert size(_plan(documents[0]).root) == size(_plan(documents[1]).root) > 0


def _by_sdk(pipeline: Any, folder: Path) -> str:
    compiler = pytest.importorskip("kfp.compiler")
    compiler.Compiler().compile(pipeline, str(folder / "pipeline.yaml"))
    return (folder / "pipeline.yaml").read_text(encoding="utf-8")


BROKEN_BY_THE_SDK = {
    "text_of_field": [
        "HPC909 task for-loop-1 takes the input records-loop-item-subvar-title of the pipeline as "
        "pipelinechannel--records-loop-item-subvar-title, which is not in the file"
    ],
    "name_in_names": [
        "HPC909 task for-loop-1/for-loop-3/say-2 takes the input pipelinechannel--name of task for-loop-1/for-loop-3 "
        "as text, which is not in the file"
    ],
    "quote_in_condition": [
        "HPC912 task condition-1 runs if inputs.parameter_values['pipelinechannel--name'] == 'it's':"
    ],
}


@pytest.mark.parametrize("name", BROKEN_BY_THE_SDK)
def test_what_the_sdk_compiles_wrongly_is_told(name: str, tmp_path: Path) -> None:
    dsl = pytest.importorskip("kfp.dsl")
    function = runpy.run_path(str(TESTS / "oracle" / "defects" / "sdk.py"))[name]
    facts = _facts(yaml.safe_load(_by_sdk(dsl.pipeline(name="broken")(function), tmp_path)))
    assert [fact[: len(wanted)] for fact, wanted in zip(facts, BROKEN_BY_THE_SDK[name], strict=True)] == (
        BROKEN_BY_THE_SDK[name]
    )


# ---------------------------------------------------------------- what is read


def test_a_container_is_read_with_its_settings() -> None:
    document = _document(
        {"a": _task("leaf", taskInfo={"name": "The first"}, cachingOptions={"enableCache": True, "cacheKey": "k"})}
    )
    document["deploymentSpec"]["executors"]["exec"]["container"] |= {
        "args": ["--x", "{{$.inputs.parameters['x']}}"],
        "env": [{"name": "LEVEL", "value": "debug"}, {"name": "NONE"}],
        "resources": {"resourceCpuLimit": "500m", "cpuLimit": 1.0, "resourceMemoryLimit": "{{m}}"},
    }
    settings = {"dir": "src", "gpus": 2, "build": {"context": "src", "args": {"A": "1"}, "platform": "linux/arm64"}}
    made = _plan(document, {"platforms": {"local": {"deploymentSpec": {"executors": {"exec": settings}}}}})
    container = Container(
        command=("go",),
        args=("--x", "{{$.inputs.parameters['x']}}"),
        environ={"LEVEL": "debug", "NONE": ""},
        image="i",
        resources=Resources("500m", "{{m}}", ""),
        settings=Settings(dir="src", gpus=2, build=Build("src", "", {"A": "1"}, "linux/arm64")),
        label="exec",
    )
    component = Component("leaf", Interface(), Interface({"out": ParameterPort("STRING")}), container)
    task = Task("a", "The first", component, {}, {}, caching=Caching(True, "k"))
    assert made == Plan("small", Component("", Interface(), Interface(), Dag((task,))))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({}, Resources()),
        ({"cpuLimit": 0.5, "memoryLimit": 4.0}, Resources("0.5", "4G")),
        ({"cpuLimit": 2.0, "memoryLimit": 0.256}, Resources("2", "256M")),
        ({"memoryLimit": 0.000001024}, Resources(memory="1024")),
        ({"memoryLimit": 4.0, "resourceMemoryLimit": "4Gi"}, Resources(memory="4Gi")),
        ({"accelerator": {"count": "2", "type": "T4"}}, Resources(gpus="2")),
        ({"accelerator": {"count": 1.0}}, Resources(gpus="1")),
        ({"accelerator": {"count": "2", "resourceCount": "{{n}}"}}, Resources(gpus="{{n}}")),
        ({"accelerator": {"resourceCount": "0", "resourceType": "T4"}}, Resources()),
    ],
)
def test_limits(written: dict[str, Any], read: Resources) -> None:
    document = _document({"a": _task("leaf")})
    document["deploymentSpec"]["executors"]["exec"]["container"]["resources"] = written
    body = _plan(document).dag.tasks[0].component.body
    assert isinstance(body, Container)
    assert body.resources == read


def test_every_source_of_an_input_is_read() -> None:
    artifact = {"data": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "1.0.0"}}}
    make = {**_leaf(), "outputDefinitions": {"parameters": {"out": {"parameterType": "STRING"}}, "artifacts": artifact}}
    take = _leaf(a={}, b={}, c={}, d={"isOptional": True, "parameterType": "TASK_FINAL_STATUS"}, e={})
    take["inputDefinitions"]["artifacts"] = {
        "first": {"artifactType": {"instanceSchema": "title: kfp.Dataset\ntype: object\n"}},
        "second": {"isArtifactList": True, "isOptional": True},
    }
    sources = {
        "a": {"runtimeValue": {"constant": [1.0, None]}},
        "b": {"componentInputParameter": "x"},
        "c": _of("make"),
        "d": {"taskFinalStatus": {"producerTask": "first"}},
        "e": {"componentInputParameter": "x", "parameterExpressionSelector": 'parseJson(string_value)["k"]'},
        "not-declared": {"runtimeValue": {"constant": "y"}},
    }
    artifacts = {
        "first": {"taskOutputArtifact": {"producerTask": "make", "outputArtifactKey": "data"}},
        "second": {"componentInputArtifact": "old"},
    }
    document = _document(
        {
            "take": _task("take", "last", inputs={"parameters": sources, "artifacts": artifacts}),
            "make": _task("make"),
            "first": _task("leaf"),
            "last": _task("leaf"),
        },
        {"make": make, "take": take},
        inputDefinitions={
            "parameters": {"x": {"parameterType": "STRUCT", "defaultValue": {}, "isOptional": True}},
            "artifacts": {"old": {"isOptional": True, "isArtifactList": True}},
        },
    )
    task = _plan(document).dag.tasks[-1]
    assert task.parameters == {
        "a": ParameterBinding(Constant([1.0, None])),
        "b": ParameterBinding(ParentInput("x")),
        "c": ParameterBinding(TaskOutput("make", "out")),
        "d": ParameterBinding(FinalStatus("first")),
        "e": ParameterBinding(ParentInput("x"), parse('parseJson(string_value)["k"]')),
        "not-declared": ParameterBinding(Constant("y")),
    }
    assert task.artifacts == {"first": TaskOutput("make", "data"), "second": ParentInput("old")}
    assert task.after == ("last", "make", "first")
    assert task.component.inputs.artifacts == {
        "first": ArtifactPort("kfp.Dataset", "0.0.1"),
        "second": ArtifactPort("system.Artifact", "0.0.1", optional=True, is_list=True),
    }


def test_conditions_and_strategies() -> None:
    condition = "inputs.parameter_values['x'] == 'a'"
    strategies = ("", "TRIGGER_STRATEGY_UNSPECIFIED", "ALL_UPSTREAM_TASKS_SUCCEEDED", "ALL_UPSTREAM_TASKS_COMPLETED")
    tasks = {f"t{n}": _task("leaf", triggerPolicy={"strategy": one}) for n, one in enumerate(strategies)}
    tasks["t4"] = _task("leaf", triggerPolicy={"condition": condition})
    found = _plan(_document(tasks)).dag.tasks
    assert [task.whatever for task in found] == [False, False, False, True, False]
    assert [task.condition for task in found] == [None, None, None, None, parse(condition)]


def test_loops_over_groups_and_containers() -> None:
    items = {"names": {"parameterType": "LIST"}, "name": {}}
    over = {"parameterIterator": {"itemInput": "name", "items": {"inputParameter": "names"}}}
    raw = {"parameterIterator": {"itemInput": "name", "items": {"raw": '[1, {"a": 2.5}, []]'}}}
    names = {"runtimeValue": {"constant": ["x"]}}
    group = _group({"in": _task("each", **raw, inputs=_takes(names=names))}, **_leaf(outputs=(), **items))
    del group["executorLabel"]
    document = _document(
        {
            "a": _task("group", **over, iteratorPolicy={"parallelismLimit": 3}, inputs=_takes(names=names)),
            "b": _task("each", **raw, inputs=_takes(names=names)),
        },
        {"group": group, "each": _leaf(**items)},
    )
    made = _plan(document)
    assert [task.loop for task in made.dag.tasks] == [
        Loop("name", "names", parallel=3),
        Loop("name", raw=(1, {"a": 2.5}, [])),
    ]
    assert rows(made) == ("a[]/in[]", "b[]")
    assert size(made.root) == 2


def test_importers() -> None:
    document = _document(
        {"a": _task("import", inputs=_takes(uri={"runtimeValue": {"constant": "x"}})), "b": _task("fixed")},
        {"import": _leaf("importer", (), uri={}), "fixed": _leaf("fixed", ())},
    )
    schema = {"schemaTitle": "system.Model", "schemaVersion": "0.0.2"}
    document["deploymentSpec"]["executors"] |= {
        "importer": {
            "importer": {
                "artifactUri": {"runtimeParameter": "uri"},
                "typeSchema": schema,
                "metadata": {"n": 3.0, "v": "{{$.inputs.parameters['metadata']}}"},
                "reimport": True,
            }
        },
        "fixed": {"importer": {"artifactUri": {"constant": "gs://x"}}},
    }
    made = _plan(document)
    metadata = {"n": 3.0, "v": "{{$.inputs.parameters['metadata']}}"}
    assert [task.component.body for task in made.dag.tasks] == [
        Importer(ParentInput("uri"), "system.Model", "0.0.2", metadata, reimport=True),
        Importer(Constant("gs://x"), "system.Artifact", "0.0.1"),
    ]
    assert rows(made) == ("a", "b")


def test_outputs_of_groups_are_selected() -> None:
    artifacts = {"outputDefinitions": {"artifacts": {"data": {}}}}
    selectors = [{"producerSubtask": name, "outputParameterKey": "out"} for name in ("a", "b")]
    chosen = [{"producerSubtask": name, "outputArtifactKey": "data"} for name in ("c", "d")]
    document = _document(
        {"a": _task("leaf"), "b": _task("leaf"), "c": _task("data"), "d": _task("data")},
        {"data": {"executorLabel": "exec", **artifacts}},
    )
    document["root"]["dag"]["outputs"] = {
        "parameters": {
            "one": {"valueFromParameter": selectors[1]},
            "any": {"valueFromOneof": {"parameterSelectors": selectors}},
            "single": {"valueFromOneof": {"parameterSelectors": selectors[:1]}},
        },
        "artifacts": {"one": {"artifactSelectors": chosen[:1]}, "any": {"artifactSelectors": chosen}},
    }
    dag = _plan(document).dag
    assert dag.parameters == {
        "one": Selection((TaskOutput("b", "out"),)),
        "any": Selection((TaskOutput("a", "out"), TaskOutput("b", "out")), one_of=True),
        "single": Selection((TaskOutput("a", "out"),), one_of=True),
    }
    assert dag.artifacts == {
        "one": Selection((TaskOutput("c", "data"),)),
        "any": Selection((TaskOutput("c", "data"), TaskOutput("d", "data")), one_of=True),
    }


def test_tasks_of_one_component_share_it() -> None:
    made = _plan(_document({"a": _task("leaf"), "b": _task("group")}, {"group": _group({"c": _task("leaf")})}))
    first, second = made.dag.tasks
    assert isinstance(second.component.body, Dag)
    assert second.component.body.tasks[0].component is first.component


def test_retries_are_inherited_from_the_group_that_a_task_stands_in() -> None:
    group = _group({"c": _task("leaf"), "own": _task("leaf", retryPolicy={"maxRetryCount": 0})})
    policy = {
        "maxRetryCount": 2,
        "backoffDuration": "1.5s",
        "backoffFactor": 3.0,
        "backoffMaxDuration": "60s",
    }
    tasks = {
        "a": _task("group", retryPolicy=policy),
        "b": _task("group"),
        "d": _task("group", retryPolicy=policy),
        "e": _task("leaf", retryPolicy={"maxRetryCount": 1}),
    }
    a, b, d, e = _plan(_document(tasks, {"group": group})).dag.tasks
    assert a.component is d.component
    assert [task.retry for one in (a, b) for task in _dag(one).tasks] == [
        Retry(2, 1.5, 3.0, 60.0),
        Retry(),
        Retry(),
        Retry(),
    ]
    assert _dag(a).tasks[0].component is _dag(b).tasks[0].component is e.component
    assert e.retry == Retry(1)


def _dag(task: Task) -> Dag:
    assert isinstance(task.component.body, Dag)
    return task.component.body


# ---------------------------------------------------------------- order and size


@given(st.lists(st.sets(st.integers(0, 11)), max_size=12), st.randoms())
def test_every_task_stands_behind_those_that_it_waits_for(drawn: list[set[int]], shuffle: random.Random) -> None:
    after = {str(n): sorted(str(one) for one in ones if one < n) for n, ones in enumerate(drawn)}
    keys = [*after]
    shuffle.shuffle(keys)
    order = in_order({key: after[key] for key in keys})
    assert sorted(order) == sorted(keys)
    for index, key in enumerate(order):
        ready = [one for one in keys if one not in order[:index] and {*after[one]} <= {*order[:index]}]
        assert key == ready[0]
    assert circle(after) == []


def test_a_circle_is_named_without_those_behind_it() -> None:
    after = {"0": ["b"], "a": ["b"], "b": ["c"], "c": ["a", "x"], "x": [], "y": ["0"]}
    assert circle(after) == ["a", "b", "c"]
    assert in_order(after) == ["x"]


def test_rows_go_through_groups_in_their_order() -> None:
    tasks = {"late": _task("leaf", "group"), "group": _task("group"), "early": _task("leaf")}
    inner = {"x": _task("leaf", "y"), "y": _task("leaf")}
    document = _document(tasks, {"group": _group({"deep": _task("inner")}), "inner": _group(inner)})
    del document["deploymentSpec"]["executors"]["exec"]["container"]["command"]
    made = _plan(document)
    assert rows(made) == ("group/deep/y", "group/deep/x", "late", "early")
    assert size(made.root) == 4
    assert commandless(made) == ["group/deep/y", "group/deep/x", "late", "early"]


def test_a_chain_of_a_thousand() -> None:
    tasks = {f"t{n}": _task("leaf", *([f"t{n + 1}"] if n < 999 else [])) for n in range(1000)}
    assert rows(_plan(_document(tasks))) == tuple(f"t{n}" for n in reversed(range(1000)))


def _nested(levels: int, wide: int = 1) -> dict[str, Any]:
    components = {
        f"level{n}": _group({f"in{w}": _task(f"level{n + 1}" if n + 1 < levels else "leaf") for w in range(wide)})
        for n in range(levels)
    }
    return _document({"a": _task("level0")}, components)


def test_groups_in_groups() -> None:
    made = _plan(_nested(60))
    assert rows(made) == ("a" + "/in0" * 60,)
    assert size(_plan(_nested(99)).root) == 1
    assert _facts(_nested(3000)) == [
        "HPC901 component level2899 holds more than 100 levels of groups, which the local engine does not run"
    ]


def test_what_grows_beyond_every_machine_is_refused() -> None:
    assert size(_plan(_nested(10, wide=2)).root) == 1024
    [fact] = _facts(_nested(60, wide=2))
    assert fact.startswith("HPC901 the pipeline has 1152921504606846976 tasks, more than 1000000, which")


# ---------------------------------------------------------------- what is found


def test_components_in_a_circle() -> None:
    components = {"x": _group({"b": _task("y")}), "y": _group({"c": _task("x"), "d": _task("leaf")})}
    assert _facts(_document({"a": _task("x")}, components)) == [
        "HPC909 task a/b/c closes a circle of components: x > y > x"
    ]


def test_a_group_that_two_tasks_share_is_told_once() -> None:
    components = {"group": _group({"b": _task("leaf", "nobody")})}
    policy = {"retryPolicy": {"maxRetryCount": 1}}
    assert _facts(_document({"a": _task("group"), "z": _task("group"), "y": _task("group", **policy)}, components)) == [
        "HPC909 task a/b waits for the task nobody, which is not in the file",
        "HPC909 task y/b waits for the task nobody, which is not in the file",
    ]


def test_everything_in_all_groups_is_found_at_once() -> None:
    inner = {
        "b": _task("needs"),
        "c": _task("leaf", "d"),
        "d": _task("leaf", "c"),
        "e": _task("leaf", "e"),
        "f": _task("leaf", triggerPolicy={"condition": "x == 'it's'"}),
        "g": _task("leaf", parameterIterator={"itemInput": "no", "items": {"inputParameter": "nor"}}),
        "h": _task("leaf", parameterIterator={"itemInput": "no", "items": {"raw": '{"a": 1}'}}),
        "i": _task("leaf", inputs=_takes(x=_of("c", "outt"), y={"componentInputParameter": "z"})),
        "j": _task("import", inputs=_takes(uri={"runtimeValue": {"constant": 5}})),
        "k": _task("leaf", inputs=_takes(s={"taskFinalStatus": {"producerTask": "nobody"}})),
    }
    group = _group(inner, outputDefinitions={"parameters": {"made": {"parameterType": "STRING"}}})
    group["dag"]["outputs"] = {"artifacts": {"x": {"artifactSelectors": []}}}
    document = _document(
        {"a": _task("group"), "l": _task("lef"), "m": _task("leaf", inputs=_takes(x=_of("a", "mad")))},
        {"group": group, "needs": _leaf(must={}, may={"isOptional": True}), "import": _leaf("importer")},
    )
    document["deploymentSpec"]["executors"]["importer"] = {"importer": {"artifactUri": {"runtimeParameter": "u"}}}
    facts = [fact.split(", which")[0] for fact in _facts(document)]
    assert [fact for fact in facts if not fact.startswith("HPC912")] == [
        "HPC909 task l uses the component 'lef'",
        "HPC909 task a/j imports the address in its input 'u'",
        "HPC909 task a/b is not given its input must",
        "HPC909 the loop of task a/g fills the input 'no'",
        "HPC909 the loop of task a/g is over the input 'nor'",
        "HPC900 task a/h: the items of its loop are not a JSON list",
        "HPC909 task a/i takes outt of c",
        "HPC909 task a/i takes the input z of task a as y",
        "HPC909 task a/k waits for the task nobody",
        "HPC909 no task makes the output x of task a",
        "HPC909 no task makes the output made of task a",
        "HPC909 these tasks wait for each other: a/c, a/d",
        "HPC909 task m takes mad of a",
    ]
    [expression] = [fact for fact in facts if fact.startswith("HPC912")]
    assert expression.startswith("HPC912 task a/f runs if x == 'it's': ")


def test_a_selector_that_is_no_expression() -> None:
    source = {"runtimeValue": {"constant": "{}"}, "parameterExpressionSelector": "parseJson(string_value)["}
    [fact] = _facts(_document({"a": _task("leaf", inputs=_takes(x=source))}))
    assert fact.startswith("HPC912 task a takes as x the part parseJson(string_value)[: ")


def test_a_task_that_waits_for_itself() -> None:
    assert _facts(_document({"a": _task("leaf", "a")})) == ["HPC909 task a waits for itself"]


@pytest.mark.parametrize("key", ["", "a/b", "a[0]"])
def test_a_key_that_is_no_part_of_a_path(key: str) -> None:
    assert _facts(_document({key: _task("leaf")})) == [f"HPC900 task {key}: the key of a task is text without / [ ]"]


def test_settings_of_an_executor_that_is_not_there() -> None:
    findings = Findings("p.json")
    with pytest.raises(Rejected) as caught:
        plan(_document({"a": _task("leaf")}), {"exek": Settings()}, findings)
    [found] = caught.value.diagnostics
    assert found.fact == "the local settings name the executor exek, which is not in the file"
    assert found.fix == "did you mean exec?"


def _local(entry: Any) -> list[str]:
    findings = Findings("p.json")
    read_settings({"platforms": {"local": {"deploymentSpec": {"executors": {"e": entry}}}}}, {}, findings)
    with pytest.raises(Rejected) as caught:
        findings.reject_if_any()
    return [one.fact for one in caught.value.diagnostics]


def test_settings_of_machines_and_images_are_read_strictly() -> None:
    for gpus in (0, -1, True, "1", 1.5, float("inf"), float("nan")):
        assert _local({"gpus": gpus}) == [f"executor e: gpus is {gpus!r}, not a number of GPUs"]
    assert _local({"build": "."}) == ["executor e: build is not a mapping"]
    assert _local({"build": {"contxt": ".", "args": {"A": 1}, "dockerfile": 5}}) == [
        "executor e: build.contxt is not a local setting",
        "executor e: build.context is None, not text",
        "executor e: build.dockerfile is 5, not text",
        "executor e: build.args is not a mapping of texts",
    ]


def test_only_the_places_that_are_used_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir()
    settings = {
        "run": Settings(dir="no", requirements="no.txt", python="no-such-python"),
        "folder": Settings(build=Build("no")),
        "file": Settings(build=Build("with")),
        "other": Settings(build=Build("with", "Other")),
    }

    def facts(*, docker: bool) -> list[str]:
        findings = Findings("p.json")
        check_places(settings, tmp_path, {}, findings, docker=docker)
        with pytest.raises(Rejected) as caught:
            findings.reject_if_any()
        return [one.fact for one in caught.value.diagnostics]

    assert facts(docker=False) == [
        f"executor run: there is no folder `{tmp_path / 'no'}`",
        f"executor run: there is no file `{tmp_path / 'no.txt'}`",
        "executor run: there is no interpreter `no-such-python` on PATH",
    ]
    assert facts(docker=True) == [
        f"executor folder: there is no folder `{tmp_path / 'no'}`",
        f"executor file: there is no file `{tmp_path / 'with' / 'Dockerfile'}`",
        f"executor other: there is no file `{tmp_path / 'with' / 'Other'}`",
    ]


# ---------------------------------------------------------------- documents that nobody wrote

WRONG = (None, True, 0, -1, 5.5, float("nan"), 10**400, "", "x", "1e999", [], [5], [{}], {}, {"x": 5}, {5: "x"}, "[1")


def _everything() -> dict[str, Any]:
    """A document with every part of the language in it."""
    names = {"names": {"parameterType": "LIST"}, "name": {"isOptional": True}}
    group = _group({"in": _task("leaf"), "j": _task("import", inputs=_takes(uri=_of("in")))}, **_leaf(**names))
    del group["executorLabel"]
    group["dag"]["outputs"] = {
        "parameters": {"out": {"valueFromParameter": {"producerSubtask": "in", "outputParameterKey": "out"}}}
    }
    loop = {"parameterIterator": {"itemInput": "name", "items": {"inputParameter": "names"}}}
    status = {"taskFinalStatus": {"producerTask": "loop"}}
    document = _document(
        {
            "a": _task("leaf", retryPolicy={"maxRetryCount": 2, "backoffDuration": "1s", "backoffFactor": 2.0}),
            "loop": _task(
                "group",
                **loop,
                iteratorPolicy={"parallelismLimit": 2},
                inputs=_takes(names={"componentInputParameter": "all"}),
            ),
            "b": _task(
                "leaf",
                "loop",
                triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED", "condition": "true"},
                inputs=_takes(s=status, x={**_of("a"), "parameterExpressionSelector": 'parseJson(string_value)["k"]'}),
                cachingOptions={"enableCache": True, "cacheKey": "k"},
                taskInfo={"name": "B"},
            ),
        },
        {"group": group, "import": _leaf("importer", uri={})},
        inputDefinitions={
            "parameters": {"all": {"parameterType": "LIST", "defaultValue": [1.0], "literals": [[1.0], []]}},
            "artifacts": {"old": {"artifactType": {"schemaTitle": "system.Model"}, "isOptional": True}},
        },
    )
    selector = {"producerSubtask": "loop", "outputParameterKey": "out"}
    document["root"]["dag"]["outputs"] = {
        "parameters": {"x": {"valueFromOneof": {"parameterSelectors": [selector]}}},
    }
    importer = {"artifactUri": {"runtimeParameter": "uri"}, "typeSchema": {"schemaTitle": "t"}, "metadata": {"a": 1}}
    document["deploymentSpec"]["executors"]["importer"] = {"importer": importer}
    document["deploymentSpec"]["executors"]["exec"]["container"] |= {
        "env": [{"name": "A", "value": "b"}],
        "resources": {"cpuLimit": 1.0, "accelerator": {"count": "1"}},
    }
    return document


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, value in items for found in ((*path, key), *_places(value, (*path, key)))]


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _broken(document: Any, path: tuple[Any, ...], change: Any) -> Any:
    """A copy with another value at the place; without it for "drop", moved to another key for "rename"."""
    spec = copy.deepcopy(document)
    node = _at(spec, path[:-1])
    if change == "drop":
        del node[path[-1]]
    elif change == "rename" and isinstance(node, dict):
        node[f"{path[-1]}s"] = node.pop(path[-1])
    else:
        node[path[-1]] = change
    return spec


def _survives(spec: Any) -> bool:
    """Whether the document is planned; it is rejected with findings otherwise."""
    findings = Findings("p.json")
    try:
        made = plan(spec, {}, findings)
        check_arguments({}, made.inputs, findings)
        findings.reject_if_any()
    except Rejected as rejected:
        assert rejected.diagnostics
        return False
    assert size(made.root) == len(rows(made))
    return True


def test_no_single_change_of_a_document_gives_a_traceback() -> None:
    document = _everything()
    assert _survives(document)
    for path in _places(document):
        for change in ("drop", "rename", *WRONG):
            _survives(_broken(document, path, change))


def test_a_number_where_there_must_be_more_is_always_refused() -> None:
    document = _everything()
    places = [path for path in _places(document) if isinstance(_at(document, path), (dict, list))]
    accepted = [path for path in places if _survives(_broken(document, path, 5))]
    assert accepted == [("root", "inputDefinitions", "parameters", "all", "literals", 1)]


def test_no_mix_of_changes_of_a_document_gives_a_traceback() -> None:
    chance = random.Random(20)
    documents = [_everything(), *(json.loads(file.read_text(encoding="utf-8")) for file in CASES)]
    survived = 0
    for _ in range(1500):
        spec = chance.choice(documents)
        for _ in range(chance.randint(1, 4)):
            path = chance.choice(_places(spec) or [("root",)])
            other = chance.choice(["drop", "rename", chance.choice(WRONG), *map(str, path)])
            spec = _broken(spec, path, other) if _places(spec) else {}
        survived += _survives(spec)
    assert 0 < survived < 1500
