"""`uses: google/<Op>`: what hpc compiles is what the KFP SDK compiles of the same operation of the real package.

The SDK works in a process of its own (foreign/google_operations.py): one of the package's modules imports all of Vertex
AI's client.
"""

# The packages of Google and scikit-learn are only partly typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownLambdaType=false

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from compiling import TESTS, compile_text

from hpc.cli.disk import Folder, read_source
from hpc.cli.schema import pipeline_schema
from hpc.compiler import Choice, compile_components
from hpc.compiler.targets import TARGETS
from hpc.components.foreign.compiled import ports_of
from hpc.components.foreign.elements import compiled_elements, expand
from hpc.components.foreign.google import GoogleOperation, google_description, google_names, google_operation
from hpc.components.foreign.node import Node
from hpc.components.types import Type

ROOT = TESTS.parent
Json = dict[str, Any]
NAMES = [name.removeprefix("google/") for name in google_names()]


def operation(name: str) -> GoogleOperation:
    found = google_operation(f"google/{name}")
    assert found is not None
    return found


# ---------------------------------------------------------------- the files and the package


def test_the_files_are_those_of_the_installed_package() -> None:
    command = [sys.executable, str(ROOT / "tools" / "google_components.py"), "--check"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    for folder in ("tools", "hpc/components/google"):
        (tmp_path / folder).mkdir(parents=True)
        for file in (ROOT / folder).iterdir():
            if file.is_file():
                (tmp_path / folder / file.name).write_bytes(file.read_bytes())
    data = tmp_path / "hpc/components/google"
    (data / "ModelGetOp.json").write_text((data / "ModelGetOp.json").read_text().replace("us-central1", "europe-west4"))
    (data / "ModelDeleteOp.json").unlink()
    command = [sys.executable, str(tmp_path / "tools" / "google_components.py"), "--check"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (1, "ModelDeleteOp.json\nModelGetOp.json\n")


def test_the_notice_is_there() -> None:
    notice = (ROOT / "hpc" / "components" / "google" / "NOTICE").read_text(encoding="utf-8")
    assert "google-cloud-pipeline-components 2.22.0" in notice
    assert "Apache License, Version 2.0" in notice


# ---------------------------------------------------------------- the same step, by the SDK and by hpc

MODULES = {
    "Model": "v1.model",
    "Endpoint": "v1.endpoint",
    "ModelDeployOp": "v1.endpoint",
    "ModelUndeployOp": "v1.endpoint",
    "ModelBatchPredictOp": "v1.batch_predict_job",
    "Bigquery": "v1.bigquery",
    "CustomTrainingJobOp": "v1.custom_job",
    "HyperparameterTuningJobRunOp": "v1.hyperparameter_tuning_job",
    "VertexNotificationEmailOp": "v1.vertex_notification_email",
    "WaitGcpResourcesOp": "v1.wait_gcp_resources",
}
LIST = {"recipients": ["a@b.example"]}
VALUES: Json = {"string": "a text, 'quoted'", "int": 3, "float": 0.25, "bool": True, "dict": {"a": {"b": [1, "x"]}}}


def module_of(name: str) -> str:
    return MODULES.get(name) or next(module for start, module in MODULES.items() if name.startswith(start))


def constants(name: str, *, full: bool) -> Json:
    """Constants for the required inputs, or for all."""
    found: Json = {}
    for port_name, port in operation(name).inputs.items():
        needed = not (port.optional or port.has_default)
        if port.type.is_artifact or port.type.base == "RunStatus" or not (full or needed):
            continue
        is_list = port.type.is_list
        found[port_name] = LIST.get(port_name, [{"id": "x", "n": 2}, "y"]) if is_list else VALUES[port.type.base]
    return found


def artifacts(name: str, *, full: bool) -> dict[str, str]:
    """The classes of the artifacts that the inputs take."""
    return {
        port_name: port.type.base.removeprefix("google.")
        for port_name, port in operation(name).inputs.items()
        if port.type.is_artifact and (full or not port.optional)
    }


USES = [(name, full) for name in NAMES for full in (False, True)]


@cache
def by_the_sdk() -> dict[tuple[str, bool], Json]:
    asked = [[module_of(name), name, constants(name, full=full), artifacts(name, full=full)] for name, full in USES]
    command = [sys.executable, str(TESTS / "foreign" / "google_operations.py"), json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(USES, json.loads(done.stdout), strict=True))


def pipeline(name: str, given: Json, sources: dict[str, str]) -> str:
    imports = {key: {"import": f"google.{kind}", "uri": f"gs://b/{key}"} for key, kind in sources.items()}
    document: Json = {
        "hpc": 1,
        "name": "one",
        "images": {"app": "repo.example/app:1.0"},
        "components": {"work": {"image": "app", "command": ["go"]}, "it": {"uses": f"google/{name}"}, **imports},
        "steps": {"it": {"with": given}},
        "edges": ["work", *(f"{key}.artifact -> it.{key}" for key in sources)],
    }
    last = "exit.status -> it.pipeline_task_final_status" if name == "VertexNotificationEmailOp" else "work -> it"
    document["edges"].append(last)
    return json.dumps(document)  # JSON is YAML


def by_hpc(name: str, given: Json, sources: dict[str, str]) -> Json:
    result = compile_text(pipeline(name, given, sources), "vertex")
    assert result.compiled is not None, result.shown
    spec = json.loads(result.compiled.text)
    component = spec["components"]["comp-it"]
    executor = spec["deploymentSpec"]["executors"][component["executorLabel"]]
    return {"component": component, "executor": executor, "task": spec["root"]["dag"]["tasks"]["it"]}


RUN = {"project": "{{$.pipeline_google_cloud_project_id}}", "location": "{{$.pipeline_google_cloud_location}}"}
IMPROVEMENTS = {
    "project and region": "the package's default region is us-central1; hpc passes those of the run",
    "descriptions": "the package writes its manual of each port into each compiled file; hpc does not",
    "caching of waiting": "a wait that is taken from a cache waits for nothing (kubeflow/pipelines#7846)",
}
"""Where hpc differs, and why; the test below takes away exactly these."""


def with_improvements(expected: Json, name: str) -> Json:
    expected = json.loads(json.dumps(expected))
    for side in ("inputDefinitions", "outputDefinitions"):
        for ports in expected["component"].get(side, {}).values():
            for port in ports.values():
                port.pop("description", None)
    parameters = expected["task"].setdefault("inputs", {}).setdefault("parameters", {})
    for key in RUN.keys() & operation(name).inputs.keys():
        parameters.setdefault(key, {"runtimeValue": {"constant": RUN[key]}})
    if name == "WaitGcpResourcesOp":
        expected["task"]["cachingOptions"] = {}
    return expected


def without_names(found: Json) -> Json:
    """Names of tasks and components are each compiler's own; of edges only the inputs count here."""
    found = json.loads(json.dumps(found))
    del found["component"]["executorLabel"]
    for key in ("componentRef", "taskInfo", "dependentTasks"):
        found["task"].pop(key, None)
    if found["task"].get("cachingOptions") == {"enableCache": False}:
        found["task"]["cachingOptions"] = {}
    task_inputs = found["task"].setdefault("inputs", {})
    for one in task_inputs.get("artifacts", {}).values():
        one["taskOutputArtifact"].pop("producerTask")
    for one in task_inputs.setdefault("parameters", {}).values():
        one.get("taskFinalStatus", {}).pop("producerTask", None)
    return found


@pytest.mark.parametrize(("name", "full"), USES, ids=lambda one: one if isinstance(one, str) else "full" * one)
def test_component_executor_and_task_are_those_of_the_sdk(name: str, full: bool) -> None:
    expected = without_names(with_improvements(by_the_sdk()[name, full], name))
    found = without_names(by_hpc(name, constants(name, full=full), artifacts(name, full=full)))
    for part in ("component", "executor", "task"):
        assert found[part] == expected[part], part


@pytest.mark.parametrize("name", NAMES)
def test_words_of_the_container_are_kept_byte_for_byte(name: str) -> None:
    container = by_the_sdk()[name, False]["executor"]["container"]
    found = by_hpc(name, constants(name, full=False), artifacts(name, full=False))["executor"]["container"]
    assert (found["image"], found["command"], found["args"]) == tuple(
        container[key] for key in ("image", "command", "args")
    )
    assert found.keys() == {"image", "command", "args"}


def test_an_improvement_is_a_difference() -> None:
    """Without them the comparison above fails, so that none of them is an excuse for nothing."""
    plain = by_the_sdk()["ModelGetOp", False]
    assert "location" not in plain["task"]["inputs"]["parameters"]
    assert by_hpc("ModelGetOp", constants("ModelGetOp", full=False), {})["task"]["inputs"]["parameters"]["location"]
    assert plain["component"]["inputDefinitions"]["parameters"]["location"]["defaultValue"] == "us-central1"
    assert len(IMPROVEMENTS) == 3


# ---------------------------------------------------------------- settings and names


def compiled_parts(text: str) -> Json:
    result = compile_text(text, "vertex")
    assert result.compiled is not None, result.shown
    return json.loads(result.compiled.text)


START = """
hpc: 1
name: p
images: {app: repo.example/app:1.0}
"""


def test_defaults_of_the_file_leave_the_container_alone() -> None:
    text = f"""{START}
accelerators: {{t4: {{machine: n1-standard-4, gpu: T4, count: 1}}}}
defaults: {{accelerator: t4, env: {{A: b}}, timeout: 2h, retry: 2, cache: false}}
components: {{get: {{uses: google/ModelGetOp}}}}
steps: {{get: {{with: {{model_name: m}}}}}}
edges: [get]
"""
    spec = compiled_parts(text)
    assert spec["deploymentSpec"]["executors"]["exec-get"]["container"].keys() == {"image", "command", "args"}
    task = spec["root"]["dag"]["tasks"]["get"]
    assert task["cachingOptions"] == {"enableCache": False}
    assert task["retryPolicy"]["maxRetryCount"] == 2


@pytest.mark.parametrize("setting", ["env: {A: b}", "timeout: 2h", "overrides: {a: 1}", "accelerator: t4"])
@pytest.mark.parametrize("block", ["components", "steps"])
def test_the_container_cannot_be_changed(block: str, setting: str) -> None:
    own = {"components": f"uses: google/ModelGetOp, {setting}", "steps": "uses: google/ModelGetOp"}[block]
    more = setting if block == "steps" else "title: Find"
    text = f"""{START}
accelerators: {{t4: {{machine: n1-standard-4, gpu: T4, count: 1}}}}
components: {{get: {{{own}}}}}
steps: {{get: {{with: {{model_name: m}}, {more}}}}}
edges: [get]
"""
    result = compile_text(text, "vertex")
    assert {one.rule.code for one in result.diagnostics if one.is_error} == {"HPC106"}, result.shown
    assert "an operation of Google Cloud" in result.shown


def test_two_steps_share_the_component_whatever_they_bind() -> None:
    text = f"""{START}
components: {{get: {{uses: google/ModelGetOp}}}}
steps:
  get: {{with: {{model_name: m}}}}
  other: {{uses: get, with: {{model_name: other, location: europe-west4, project: mine}}}}
edges: [get, other]
"""
    spec = compiled_parts(text)
    assert [*spec["components"]] == ["comp-get"]
    given = spec["root"]["dag"]["tasks"]["other"]["inputs"]["parameters"]
    assert {key: one["runtimeValue"]["constant"] for key, one in given.items()} == {
        "model_name": "other",
        "location": "europe-west4",
        "project": "mine",
    }


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("google/ModelUpload", "did you mean `google/ModelUploadOp`?"),
        ("google/model_upload_op@1", "did you mean `google/ModelUploadOp`?"),
        ("google/bigquery_query_job@1", "did you mean `google/BigqueryQueryJobOp`?"),
        ("google/EndpointCrateOp", "did you mean `google/EndpointCreateOp`?"),
        ("google/zzz", f"use one of: {', '.join(google_names())}."),
        ("google/../ModelUploadOp", "did you mean `google/ModelUploadOp`?"),
    ],
)
def test_names_that_do_not_exist(written: str, fix: str) -> None:
    text = f'{START}components: {{get: {{uses: "{written}"}}}}\nedges: [get]\n'
    [found] = [one for one in compile_text(text, "vertex").diagnostics if one.is_error]
    assert (found.rule.code, found.fact, found.fix) == ("HPC206", f"there is no operation `{written}`.", fix)


def test_constants_are_checked_by_type() -> None:
    text = f"""{START}
components: {{get: {{uses: google/ModelDeployOp}}}}
steps: {{get: {{with: {{traffic_split: "100", dedicated_resources_min_replica_count: one, service_account: [x]}}}}}}
edges: [get]
"""
    codes = [one.rule.code for one in compile_text(text, "vertex").diagnostics if one.is_error]
    assert codes.count("HPC302") == 3


def test_editors_complete_the_names() -> None:
    offered = pipeline_schema()["$defs"]["ExternalComponent"]["properties"]["uses"]["anyOf"]
    [names] = [option["enum"] for option in offered if "enum" in option]
    assert {*google_names(), "std/vertex_upload@1"} <= {*names}
    assert {"type": "string"} in offered


# ---------------------------------------------------------------- texts in requests


def requests_of(name: str, given: Json) -> list[str]:
    """The JSON arguments of an operation as its launcher gets them from a platform that pastes texts as they are."""
    data = json.loads((ROOT / "hpc" / "components" / "google" / f"{name}.json").read_text(encoding="utf-8"))
    ports = ports_of(Node(data["component"]))
    nodes = [Node(text) for text in data["executor"]["container"]["args"]]
    texts = expand(compiled_elements(nodes, ports), frozenset(ports.inputs))

    def value(match: re.Match[str]) -> str:
        raw = given.get(match[1], "")
        return raw if isinstance(raw, str) else json.dumps(raw)

    return [
        re.sub(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}", value, text) for text in texts if re.match(r"\{[^{]", text)
    ]


def plain_values(name: str) -> Json:
    plain: Json = {**VALUES, "string": "x"}
    return {
        key: [] if port.type.is_list else plain[port.type.base]
        for key, port in operation(name).inputs.items()
        if port.type.base in plain or port.type.is_list
    }


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield str(value)


def arrives(name: str, port: str, text: str) -> bool:
    """Whether the launcher's own way to read the request finds the text in it."""
    try:
        strict = not operation(name).takes_lines
        requests = [json.loads(one, strict=strict) for one in requests_of(name, {**plain_values(name), port: text})]
    except ValueError:
        return False
    return any(text in leaf for leaf in leaves(requests))


SPLICED = [(name, port) for name in NAMES for port in sorted(operation(name).spliced)]
TEXTS = ("plain", "it's `x`, ñ", "a, {b}: [c]", "two\nlines", "a\tb", 'a "b"', r"a \d", "end\\", r"\"x", '", "k": "v')


@pytest.mark.parametrize(("name", "port"), SPLICED)
def test_exactly_what_would_not_arrive_is_refused(name: str, port: str) -> None:
    assert operation(name).inputs[port].type == Type("string")
    for text in TEXTS:
        assert arrives(name, port, text) == (operation(name).breaks_request(text) == ""), text


def test_every_text_in_a_request_is_known() -> None:
    assert {port for name, port in SPLICED if name == "BigqueryQueryJobOp"} == {"encryption_spec_key_name", "query"}
    assert len(SPLICED) > 40
    assert not operation("WaitGcpResourcesOp").spliced


def test_the_request_of_a_query_reaches_the_real_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    from google_cloud_pipeline_components.container.v1.bigquery.utils import bigquery_util

    sent: list[Json] = []
    monkeypatch.setattr(bigquery_util, "create_job", lambda *arguments: sent.append(arguments[2]))
    for given, query in (
        ({"query": "select 'a'\nfrom `t`"}, "select 'a'\nfrom `t`"),
        ({"query": "", "job_configuration_query": {"query": 'select "a\\d"'}}, 'select "a\\d"'),
    ):
        values = {**plain_values("BigqueryQueryJobOp"), "job_configuration_query": {}, **given}
        request, override = requests_of("BigqueryQueryJobOp", values)
        bigquery_util.create_query_job("p", "l", request, override, None, "")
        assert sent.pop()["configuration"]["query"]["query"] == query


@pytest.mark.parametrize("name", NAMES)
def test_what_a_launcher_reads_strictly_is_known(name: str) -> None:
    """A line break arrives where the real launcher reads its request with `strict=False`."""
    if not operation(name).spliced:
        return
    root = Path(next(iter(import_module("google_cloud_pipeline_components").__path__))).parent
    launcher = by_the_sdk()[name, False]["executor"]["container"]["command"][3]
    source = root.joinpath(*launcher.split(".")).with_name("remote_runner.py").read_text(encoding="utf-8")
    if "bigquery_util" in source and "json.loads" not in source:  # the reader of several
        source = (root / "/".join(launcher.split(".")[:-2]) / "utils" / "bigquery_util.py").read_text(encoding="utf-8")
    calls = re.findall(r"json\.loads\(\s*(?:payload|job_configuration_query_override)\b([^)]*)\)", source)
    assert calls, source
    assert operation(name).takes_lines == all("strict=False" in rest for rest in calls)


CREATE = 'CREATE MODEL `d.m` OPTIONS(MODEL_TYPE="LOGISTIC_REG") AS SELECT 1'


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("BigqueryQueryJobOp", {}),
        ("BigqueryCreateModelJobOp", {"query": ""}),
    ],
)
def test_the_way_around_a_query_with_quotes_compiles(name: str, other: Json) -> None:
    [found] = [one for one in compile_text(pipeline(name, {"query": CREATE}, {}), "vertex").diagnostics if one.is_error]
    way = "".join(f"`{key}: ''` and " for key in other) + "`job_configuration_query: {query: …}`"
    assert (found.rule.code, way in found.fix) == ("HPC541", True), found.fix
    given = by_hpc(name, {**other, "job_configuration_query": {"query": CREATE}}, {})["task"]["inputs"]["parameters"]
    assert given["job_configuration_query"]["runtimeValue"]["constant"] == {"query": CREATE}


@pytest.mark.parametrize("target", ["kfp", "local"])
def test_elsewhere_there_is_one_message_for_each_operation(target: str) -> None:
    text = f"""{START}
inputs: {{to: list<string>, q: {{type: string, default: 'select "a"'}}}}
components:
  work: {{image: app, command: [go], outputs: {{gcp_resources: string}}}}
  count: {{uses: google/BigqueryQueryJobOp}}
  wait: {{uses: google/WaitGcpResourcesOp, cache: true}}
  tell: {{uses: google/VertexNotificationEmailOp}}
steps: {{count: {{with: {{location: 'a "b"'}}}}, tell: {{cache: false}}}}
edges:
  - inputs.q -> count.query
  - work.gcp_resources -> wait.gcp_resources
  - exit -> tell
  - inputs.to -> tell.recipients
"""
    found = [one for one in compile_text(text, target).diagnostics if one.is_error]
    assert [(one.rule.code, one.fact.split("`")[1]) for one in found] == [
        ("HPC504", "google/BigqueryQueryJobOp"),
        ("HPC504", "google/WaitGcpResourcesOp"),
        ("HPC504", "google/VertexNotificationEmailOp"),
    ]


# ---------------------------------------------------------------- launched and waited for


def test_the_pair_of_launch_and_wait_is_not_cached() -> None:
    text = f"""{START}
components:
  launch: {{image: app, command: [go], outputs: {{gcp_resources: string}}}}
  other: {{image: app, command: [go]}}
  wait: {{uses: google/WaitGcpResourcesOp}}
edges:
  - launch.gcp_resources -> wait.gcp_resources
  - other
"""
    tasks = compiled_parts(text)["root"]["dag"]["tasks"]
    cached = {name: task["cachingOptions"]["enableCache"] for name, task in tasks.items()}
    assert cached == {"launch": False, "other": True, "wait": False}


def test_a_pair_of_loops_that_launch_and_wait_is_not_cached() -> None:
    text = f"""{START}
inputs: {{sizes: list<int>}}
components:
  launch: {{image: app, cli: argparse, command: [go], inputs: {{size: int}}, outputs: {{gcp_resources: string}}}}
  wait: {{uses: google/WaitGcpResourcesOp}}
steps:
  launch: {{for_each: [size]}}
  wait: {{for_each: [gcp_resources]}}
edges:
  - inputs.sizes -> launch.size
  - launch.gcp_resources -> wait.gcp_resources
"""
    components = compiled_parts(text)["components"]
    loops = {name: components[f"comp-for-each--{name}"]["dag"]["tasks"][name] for name in ("launch", "wait")}
    cached = {name: task["cachingOptions"]["enableCache"] for name, task in loops.items()}
    assert cached == {"launch": False, "wait": False}


# ---------------------------------------------------------------- the example


def test_the_app_of_the_example_makes_what_its_readme_says(tmp_path: Path) -> None:
    import joblib

    words = {
        "model_dir": "model",
        "accuracy_file": "made/accuracy",
        "address_file": "made/address",
    }
    arguments = [f"{key}={tmp_path / name}" for key, name in words.items()]
    app = ROOT / "examples" / "serve" / "train" / "main.py"
    command = [sys.executable, str(app), *arguments, "model_uri=gs://b/m", "estimator.max_depth=3"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {one.name for one in tmp_path.iterdir()} == {"model", "made"}, "it leaves nothing else where it is started"
    assert (tmp_path / "made/address").read_text() == "gs://b/m"
    assert float((tmp_path / "made/accuracy").read_text()) > 0.9
    readme = (app.parents[1] / "README.md").read_text(encoding="utf-8")
    [asked] = re.findall(r"\{\"instances\": (\[\[.*?\]\])\}", readme)
    [answer] = re.findall(r"\"predictions\": (\[.*?\])", readme)
    model = joblib.load(tmp_path / "model" / "model.joblib")
    assert model.predict(json.loads(asked)).tolist() == json.loads(answer)


# ---------------------------------------------------------------- the page


def test_the_language_lists_the_operations() -> None:
    page = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(google/\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert {name: tuple(rest) for name, *rest in rows} == {name: row(name) for name in google_names()}


def row(name: str) -> tuple[str, str, str]:
    """What an operation does, the inputs that it needs, and what it puts out."""
    found = google_operation(name)
    assert found is not None
    needed = [f"`{key}: {port.type}`" for key, port in found.inputs.items() if not (port.optional or port.has_default)]
    outputs = [f"`{key}: {port.type}`" for key, port in found.outputs.items() if key != "gcp_resources"]
    return google_description(name), ", ".join(sorted(needed)), ", ".join(sorted(outputs))


def test_components_of_google_are_not_rendered() -> None:
    """A file of one would have Google's own region, wherever the run is."""
    example = ROOT / "examples" / "serve" / "pipeline.yaml"
    source, files = read_source(example), Folder(example.parent)
    components, _ = compile_components(source, TARGETS["vertex"], files, Choice())
    assert sorted(components) == ["train"]
