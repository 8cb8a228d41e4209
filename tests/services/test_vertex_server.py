"""The loopback server is what it says: asked by Google's own clients, it holds the API's rules and fails as it is told.

Where a pipeline is needed as others write it, the KFP SDK and Google's components compile it.
"""

from __future__ import annotations

import copy
import json
import runpy
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from vertex_details import seconds_of
from vertex_executor_rules import ACCELERATORS
from vertex_faults import RandomFaults
from vertex_neighbours import service_account_file
from vertex_script import EXIT_CODE, Plan, cached, fails, gives, hangs, iterates, not_triggered
from vertex_server import START, Server, vertex_server

Json = dict[str, Any]
TESTS = Path(__file__).parent.parent
ROOT = "gs://bucket/root"
DATA = {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}
NUMBER = {"parameterType": "NUMBER_DOUBLE"}
WELL, FAILED = "PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED"


@pytest.fixture
def server() -> Iterator[Server]:
    with vertex_server() as running:
        yield running


def _client(server: Server, service: str = "pipeline", version: str = "v1", credentials: Any = None) -> Any:
    """One of Google's clients, over REST."""
    import importlib

    from google.auth.credentials import AnonymousCredentials

    module = importlib.import_module(f"google.cloud.aiplatform_{version}.services.{service}_service")
    kind = getattr(module, f"{service.capitalize()}ServiceClient")
    options = {"api_endpoint": server.endpoint}
    return kind(transport="rest", client_options=options, credentials=credentials or AnonymousCredentials())


def _task(component: str, **more: Any) -> Json:
    return {"taskInfo": {"name": component}, "componentRef": {"name": f"comp-{component}"}, **more}


def _after(producer: str) -> Json:
    return {"taskOutputArtifact": {"producerTask": producer, "outputArtifactKey": "data"}}


def _score_of(producer: str, key: str = "score") -> Json:
    return {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": key}}


def _container(image: str = "registry/app", **more: Any) -> Json:
    return {"container": {"image": image, "command": ["python"], **more}}


def _chain() -> Json:
    """prepare, train, deploy: an artifact and a number go along."""
    score = {"parameters": {"score": _score_of("train")}}
    lr = {"parameters": {"lr": {"componentInputParameter": "lr"}}, "artifacts": {"data": _after("prepare")}}
    return {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "demo"},
        "root": {
            "inputDefinitions": {"parameters": {"lr": {**NUMBER, "defaultValue": 0.1}}},
            "dag": {
                "tasks": {
                    "prepare": _task("prepare"),
                    "train": _task("train", inputs=lr),
                    "deploy": _task("deploy", inputs=score, dependentTasks=["train"]),
                }
            },
        },
        "components": {
            "comp-prepare": {"executorLabel": "prepare", "outputDefinitions": {"artifacts": {"data": DATA}}},
            "comp-train": {
                "executorLabel": "train",
                "inputDefinitions": {"parameters": {"lr": NUMBER}, "artifacts": {"data": DATA}},
                "outputDefinitions": {"parameters": {"score": NUMBER}},
            },
            "comp-deploy": {"executorLabel": "deploy", "inputDefinitions": {"parameters": {"score": NUMBER}}},
        },
        "deploymentSpec": {"executors": {"prepare": _container(), "train": _container(), "deploy": _container()}},
    }


def _job(spec: Json | None = None, **more: Any) -> Json:
    return {"display_name": "demo", "pipeline_spec": spec or _chain(), "runtime_config": _runtime(), **more}


def _runtime(**more: Any) -> Json:
    return {"gcs_output_directory": ROOT, **more}


def _create(server: Server, job: Json | None = None, job_id: str = "one", version: str = "v1") -> Any:
    client = _client(server, version=version)
    return client.create_pipeline_job(parent=server.parent, pipeline_job=job or _job(), pipeline_job_id=job_id)


def _get(server: Server, job_id: str = "one") -> Any:
    return _client(server).get_pipeline_job(name=f"{server.parent}/pipelineJobs/{job_id}")


def _to_end(server: Server, job_id: str = "one") -> Any:
    server.jobs.ticks = 1000
    return _get(server, job_id)


def _states(job: Any) -> dict[str, str]:
    return {task.task_unique_name: task.state.name for task in job.job_detail.task_details}


def _refused(server: Server, job: Json, job_id: str = "one") -> str:
    """Why a job is not created."""
    from google.api_core.exceptions import BadRequest

    with pytest.raises(BadRequest) as caught:
        _create(server, job, job_id)
    assert not server.jobs.all
    return str(caught.value)


# ---------------------------------------------------------------- jobs


def test_job_is_made_and_shown(server: Server) -> None:
    made = _create(server, _job(labels={"team": "ml"}, service_account="runner@ml-dev.iam.gserviceaccount.com"))
    assert made.name == "projects/123456789012/locations/us-central1/pipelineJobs/one"
    assert made.state.name == "PIPELINE_STATE_PENDING"
    assert dict(made.labels) == {"team": "ml", "vertex-ai-pipelines-run-billing-id": "7000000000001"}
    assert made.create_time.timestamp() == START + 1
    assert not made.job_detail.task_details


def test_states_move_with_each_look(server: Server) -> None:
    _create(server)
    seen = [_get(server) for _ in range(9)]
    assert [job.state.name.removeprefix("PIPELINE_STATE_") for job in seen] == [
        "PENDING",
        *["RUNNING"] * 7,
        "SUCCEEDED",
    ]
    assert _states(seen[4]) == {"demo": "RUNNING", "prepare": "SUCCEEDED", "train": "PENDING"}
    assert _states(seen[5])["train"] == "RUNNING"
    assert _states(seen[-1]) == dict.fromkeys(("demo", "prepare", "train", "deploy"), "SUCCEEDED")


def test_tasks_tell_what_went_in_and_out(server: Server) -> None:
    server.script["train"] = gives(score=0.75)
    _create(server, _job(runtime_config=_runtime(parameter_values={"lr": 0.5})))
    root, prepare, train, deploy = _to_end(server).job_detail.task_details
    assert (root.parent_task_id, prepare.parent_task_id) == (0, root.task_id)
    assert root.task_id > 2**53
    assert dict(train.execution.metadata) == {"input:lr": 0.5, "output:score": 0.75}
    assert dict(deploy.execution.metadata) == {"input:score": 0.75}
    uri = f"{ROOT}/123456789012/one/prepare_{prepare.task_id}/data"
    assert [prepare.outputs["data"].artifacts[0].uri, train.inputs["data"].artifacts[0].uri] == [uri, uri]
    assert train.executor_detail.container_detail.main_job.startswith(f"{server.jobs.parent}/customJobs/")
    assert [status.state.name for status in train.pipeline_task_status] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert prepare.end_time <= train.create_time <= train.start_time <= train.end_time


def test_second_job_of_a_name_is_refused(server: Server) -> None:
    from google.api_core.exceptions import Conflict

    _create(server)
    with pytest.raises(Conflict, match="already exists"):
        _create(server)
    assert list(server.jobs.all) == ["one"]


def test_job_without_a_name_is_given_one(server: Server) -> None:
    assert _create(server, job_id="").name.endswith("/pipelineJobs/demo-7000000000001")


def test_what_is_not_there_is_not_found(server: Server) -> None:
    from google.api_core.exceptions import NotFound

    with pytest.raises(NotFound, match="pipelineJobs/gone"):
        _get(server, "gone")


def test_cancelling_takes_a_moment(server: Server) -> None:
    from google.api_core.exceptions import BadRequest

    server.script["train"] = hangs()
    _create(server)
    for _ in range(8):
        job = _get(server)
    _client(server).cancel_pipeline_job(name=job.name)
    assert server.jobs.all["one"].state == "PIPELINE_STATE_CANCELLING"
    assert server.jobs.all["one"].run.tasks[-1].state == "CANCELLING"
    job = _get(server)
    assert job.state.name == "PIPELINE_STATE_CANCELLED"
    assert _states(job) == {"demo": "CANCELLED", "prepare": "SUCCEEDED", "train": "CANCELLED"}
    with pytest.raises(BadRequest, match="cannot be cancelled"):
        _client(server).cancel_pipeline_job(name=job.name)


def test_deleting_wants_the_end(server: Server) -> None:
    from google.api_core.exceptions import BadRequest

    name = _create(server).name
    with pytest.raises(BadRequest, match="cancel it first"):
        _client(server).delete_pipeline_job(name=name)
    _to_end(server)
    _client(server).delete_pipeline_job(name=name).result()
    assert not server.jobs.all


def test_batches_are_answered_with_their_jobs(server: Server) -> None:
    names = [_create(server, job_id=name).name for name in ("one", "two")]
    operation = _client(server).batch_cancel_pipeline_jobs(parent=server.parent, names=names)
    assert [job.name for job in operation.result().pipeline_jobs] == names
    assert _get(server, "two").state.name == "PIPELINE_STATE_CANCELLED"


def _listed(server: Server, **request: Any) -> list[str]:
    page = _client(server).list_pipeline_jobs(request={"parent": server.parent, **request})
    return [job.name.rpartition("/")[2] for job in page]


def test_list_has_the_newest_first_and_no_tasks(server: Server) -> None:
    for number in range(5):
        _create(server, _job(labels={"kind": "odd" if number % 2 else "even"}), f"job-{number}")
    _to_end(server, "job-3")
    assert _listed(server, page_size=2) == ["job-4", "job-3", "job-2", "job-1", "job-0"]
    assert server.count("pipelineJobs.list") == 3
    assert _listed(server, order_by="create_time")[0] == "job-0"
    page = _client(server).list_pipeline_jobs(parent=server.parent)
    assert all(not job.job_detail.task_details for job in page)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('pipeline_name="demo"', ["b", "a"]),
        ('pipeline_name="other"', []),
        ('labels.kind="x"', ["a"]),
        ("labels.kind=x", ["a"]),
        ("labels.kind:*", ["a"]),
        ("labels:kind", ["a"]),
        ('state="PIPELINE_STATE_PENDING" AND NOT labels.kind=x', ["b"]),
        ('display_name:"de*" AND create_time>="2026-01-01T00:00:02Z"', ["b"]),
        ('pipeline_job_user_id="a" OR pipeline_job_user_id="b"', ["b", "a"]),
    ],
)
def test_list_is_filtered(server: Server, text: str, found: list[str]) -> None:
    _create(server, _job(labels={"kind": "x"}), "a")
    _create(server, _job(), "b")
    assert _listed(server, filter=text) == found


@pytest.mark.parametrize("request_", [{"filter": "what=1"}, {"filter": "state ="}, {"order_by": "name"}])
def test_list_refuses_what_it_cannot_read(server: Server, request_: Json) -> None:
    from google.api_core.exceptions import BadRequest

    with pytest.raises(BadRequest, match="Invalid"):
        _listed(server, **request_)


# ---------------------------------------------------------------- what is refused of a job


@pytest.mark.parametrize("job_id", ["One", "1a", "a_b", "a" * 128])
def test_job_id_is_checked(server: Server, job_id: str) -> None:
    assert "Invalid pipeline_job_id" in _refused(server, _job(), job_id)


KEY = "projects/ml-dev/locations/europe-west4/keyRings/r/cryptoKeys/k"
NETWORK = "projects/123/global/networks/default"
BAD_JOBS = {
    "display name": (_job(display_name="x" * 129), "at most 128 characters"),
    "no folder": (_job(runtime_config={}), "gcs_output_directory: Required"),
    "folder": (_job(runtime_config={"gcs_output_directory": "/tmp"}), "no Cloud Storage path"),
    "label key": (_job(labels={"Team": "x"}), "Invalid label key 'Team'"),
    "label value": (_job(labels={"team": "A b"}), "Invalid value 'A b'"),
    "long label": (_job(labels={"team": "x" * 65}), "Invalid value"),
    "reserved label": (_job(labels={"vertex-ai-pipelines-run-billing-id": "1"}), "is reserved"),
    "account": (_job(service_account="me@example.com"), "not the e-mail address of a service account"),
    "network": (_job(network="default"), "must be projects/PROJECT_NUMBER"),
    "network twice": (
        _job(network=NETWORK, psc_interface_config={"network_attachment": "a"}),
        "cannot be set at the same time",
    ),
    "ranges": (_job(reserved_ip_ranges=["a"]), "only be set together with network"),
    "key elsewhere": (_job(encryption_spec={"kms_key_name": KEY}), "the key is in 'europe-west4'"),
    "key": (_job(encryption_spec={"kms_key_name": "k"}), "must be projects/P"),
    "unknown value": (_job(runtime_config=_runtime(parameter_values={"rate": 1})), "parameter rate is not found"),
    "type of a value": (_job(runtime_config=_runtime(parameter_values={"lr": "1"})), "must be of type NUMBER_DOUBLE"),
    "old values": (_job(runtime_config=_runtime(parameters={"lr": {"double_value": 1}})), "use parameter_values"),
    "no spec": ({"display_name": "x", "runtime_config": _runtime()}, "pipeline_spec: Required field"),
}


@pytest.mark.parametrize("name", BAD_JOBS)
def test_job_is_checked(server: Server, name: str) -> None:
    job, why = BAD_JOBS[name]
    assert why in _refused(server, job)


def test_all_that_a_job_can_say_is_kept(server: Server) -> None:
    key = KEY.replace("europe-west4", "us-central1")
    made = _create(
        server,
        _job(
            network=NETWORK,
            reserved_ip_ranges=["range"],
            encryption_spec={"kms_key_name": key},
            preflight_validations=True,
            runtime_config=_runtime(failure_policy="PIPELINE_FAILURE_POLICY_FAIL_FAST", parameter_values={"lr": 1}),
        ),
    )
    assert (made.network, list(made.reserved_ip_ranges), made.preflight_validations) == (NETWORK, ["range"], True)
    assert made.encryption_spec.kms_key_name == key
    assert made.runtime_config.failure_policy.name == "PIPELINE_FAILURE_POLICY_FAIL_FAST"
    assert made.runtime_config.parameter_values["lr"] == 1


def test_required_value_must_be_given(server: Server) -> None:
    spec = _chain()
    del spec["root"]["inputDefinitions"]["parameters"]["lr"]["defaultValue"]
    assert "parameter lr is required" in _refused(server, _job(spec))


def test_field_that_the_api_lacks_is_refused(server: Server) -> None:
    import requests

    url = f"{server.endpoint}/v1/{server.parent}/pipelineJobs"
    answer = requests.post(url, json={"displayName": "x", "retries": 3}, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert 'no field named "retries"' in answer.json()["error"]["message"]
    assert requests.post(f"{url}?jobId=x", json={}, timeout=10).status_code == 400


def test_other_places_are_refused(server: Server) -> None:
    from google.api_core.exceptions import BadRequest, Forbidden

    client = _client(server)
    with pytest.raises(Forbidden, match=r"aiplatform.pipelineJobs.list' denied on resource"):
        list(client.list_pipeline_jobs(parent="projects/other/locations/us-central1"))
    with pytest.raises(BadRequest, match="does not match"):
        list(client.list_pipeline_jobs(parent="projects/ml-dev/locations/europe-west4"))


# ---------------------------------------------------------------- what is refused of a spec


def _at(spec: Json, *path: str) -> Any:
    for key in path:
        spec = spec[key]
    return spec


def _set(value: Any, *path: str) -> Callable[[Json], None]:
    def change(spec: Json) -> None:
        _at(spec, *path[:-1])[path[-1]] = value

    return change


TASKS = ("root", "dag", "tasks")
CONTAINER = ("deploymentSpec", "executors", "train", "container")
RESOURCES = (*CONTAINER, "resources")
LOOP = {"items": {"raw": "[1, 2]"}, "itemInput": "rate"}
BAD_SPECS = {
    "version": (_set("3.0.0", "schemaVersion"), "'3.0.0' is not supported"),
    "name": (_set({"name": "My Pipeline"}, "pipelineInfo"), "pipeline_info.name"),
    "unknown field": (_set({}, "platforms"), 'no field named "platforms"'),
    "unknown field of a container": (_set(3, *CONTAINER, "timeout"), 'no field named "timeout"'),
    "no component": (_set({"name": "comp-x"}, *TASKS, "train", "componentRef"), "'comp-x' is not a component"),
    "no executor": (_set("x", "components", "comp-train", "executorLabel"), "'x' is not in the deployment"),
    "no producer": (_set({"data": _after("x")}, *TASKS, "train", "inputs", "artifacts"), "'x', which it waits for"),
    "no output": (
        _set(_score_of("train", "rate"), *TASKS, "deploy", "inputs", "parameters", "score"),
        "the task 'train' has no output 'rate'",
    ),
    "cycle": (_set(["deploy"], *TASKS, "prepare", "dependentTasks"), "there is a cycle"),
    "unknown input": (
        _set({"runtimeValue": {"constant": 1}}, *TASKS, "deploy", "inputs", "parameters", "rate"),
        "no input parameter of this name",
    ),
    "input not set": (_set({}, *TASKS, "deploy", "inputs"), "the required input 'score'"),
    "input of the pipeline": (
        _set({"componentInputParameter": "x"}, *TASKS, "train", "inputs", "parameters", "lr"),
        "no input parameter 'x'",
    ),
    "constant": (
        _set({"runtimeValue": {"constant": "x"}}, *TASKS, "train", "inputs", "parameters", "lr"),
        "the constant 'x' is not of type NUMBER_DOUBLE",
    ),
    "loop": (_set(LOOP, *TASKS, "train", "parameterIterator"), "the item input 'rate' is not an input"),
    "artifacts in a loop": (_set({"itemInput": "data"}, *TASKS, "train", "artifactIterator"), "not supported"),
    "condition": (
        _set({"condition": "inputs.parameter_values['x'] == 1"}, *TASKS, "train", "triggerPolicy"),
        "the condition reads 'x'",
    ),
    "empty variable": (_set([{"name": "A", "value": ""}], *CONTAINER, "env"), "env[0].value: Required field"),
    "variables": (_set([{"name": "A", "value": "b"}] * 101, *CONTAINER, "env"), "at most 100 variables"),
    "no image": (_set("", *CONTAINER, "image"), "is not the name of an image"),
    "cpu": (_set({"resourceCpuLimit": "97"}, *RESOURCES), "97 is more than 96"),
    "memory": (_set({"memoryLimit": 625}, *RESOURCES), "625.0 is more than 624"),
    "memory as text": (_set({"resourceMemoryLimit": "700Gi"}, *RESOURCES), "700Gi is more than 624"),
    "value at run time": (_set({"resourceCpuLimit": "{{$.inputs.parameters['lr']}}"}, *RESOURCES), "constant quantity"),
    "request": (_set({"cpuRequest": 1}, *RESOURCES), "requests are not supported"),
    "accelerator": (
        _set({"accelerator": {"type": "NVIDIA_X", "count": "1"}}, *RESOURCES),
        "'NVIDIA_X' is not supported",
    ),
    "accelerators": (_set({"accelerator": {"type": "NVIDIA_L4"}}, *RESOURCES), "is not a positive constant"),
    "placeholder": (_set(["{{$.inputs.parameters['rate']}}"], *CONTAINER, "args"), "cannot be resolved"),
    "workspace": (_set(["{{$.workspace_path}}"], *CONTAINER, "args"), "cannot be resolved"),
    "native custom job": (_set({"customJob": {}}, "deploymentSpec", "executors", "train"), "only containers and"),
    "output of a pipeline": (
        _set(
            {"parameters": {"best": {"valueFromParameter": {"producerSubtask": "x", "outputParameterKey": "y"}}}},
            "root",
            "dag",
            "outputs",
        ),
        "is not declared by the component",
    ),
    "artifacts of a task": (
        _set(
            {"artifacts": {"data": DATA, **{f"a{number}": DATA for number in range(100)}}},
            "components",
            "comp-prepare",
            "outputDefinitions",
        ),
        "at most 100 input and output artifacts",
    ),
}


@pytest.mark.parametrize("name", BAD_SPECS)
def test_spec_is_checked(server: Server, name: str) -> None:
    change, why = BAD_SPECS[name]
    spec = _chain()
    change(spec)
    assert why in _refused(server, _job(spec))


def test_resources_of_vertex_are_taken(server: Server) -> None:
    accelerator = {"type": "NVIDIA_TESLA_T4", "count": 1, "resourceType": "NVIDIA_TESLA_T4", "resourceCount": "1"}
    limits = {"cpuLimit": 96, "resourceCpuLimit": "96", "memoryLimit": 624, "resourceMemoryLimit": "624G"}
    spec = _chain()
    _at(spec, *CONTAINER)["resources"] = {**limits, "accelerator": accelerator}
    _at(spec, *CONTAINER)["env"] = [{"name": "A", "value": "b"}]
    assert _create(server, _job(spec)).name
    assert "NVIDIA_TESLA_T4" in ACCELERATORS


# ---------------------------------------------------------------- what the launcher is handed


POOL = {"machine_spec": {"machine_type": "n1-standard-4"}, "replica_count": 1, "container_spec": {"image_uri": "app"}}
CUSTOM_JOB = {"display_name": "train", "job_spec": {"worker_pool_specs": [POOL]}}
TUNING = {
    "display_name": "tune",
    "study_spec": {
        "metrics": [{"metric_id": "acc", "goal": "MAXIMIZE"}],
        "parameters": [{"parameter_id": "lr", "double_value_spec": {"min_value": 0.1, "max_value": 1}}],
    },
    "max_trial_count": 4,
    "parallel_trial_count": 2,
    "trial_job_spec": {"worker_pool_specs": [POOL]},
}


def _launching(payload: str, kind: str = "CustomJob") -> Json:
    spec = _chain()
    component = spec["components"]["comp-train"]
    component["inputDefinitions"]["parameters"]["text"] = {"parameterType": "STRING", "isOptional": True}
    component["outputDefinitions"]["parameters"]["gcp_resources"] = {"parameterType": "STRING"}
    _at(spec, *TASKS, "train", "inputs", "parameters")["text"] = {
        "taskOutputParameter": {"producerTask": "prepare", "outputParameterKey": "text"}
    }
    spec["components"]["comp-prepare"]["outputDefinitions"]["parameters"] = {"text": {"parameterType": "STRING"}}
    out = "{{$.outputs.parameters['gcp_resources'].output_file}}"
    place = ["--project", "{{$.pipeline_google_cloud_project_id}}", "--location", "us-central1", "--gcp_resources", out]
    _at(spec, *CONTAINER)["image"] = "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0"
    _at(spec, *CONTAINER)["args"] = ["--type", kind, "--payload", payload, *place]
    return spec


def _changed(payload: Json, value: Any, *path: Any) -> str:
    changed = copy.deepcopy(payload)
    _at(changed, *path[:-1])[path[-1]] = value
    return json.dumps(changed)


JOB_SPEC = ("job_spec", "worker_pool_specs", 0)
TUNED = ("study_spec", "parameters", 0)
BAD_PAYLOADS = {
    "not JSON": ("CustomJob", '{"display_name": "{{$.inputs.parameters[\'text\']}}"', "is not JSON"),
    "unknown field": ("CustomJob", _changed(CUSTOM_JOB, 1, "retries"), 'no field named "retries"'),
    "no name": ("CustomJob", _changed(CUSTOM_JOB, "", "display_name"), "display_name: Required"),
    "no pool": ("CustomJob", _changed(CUSTOM_JOB, [], "job_spec", "worker_pool_specs"), "from 1 to 4 are needed"),
    "two chiefs": ("CustomJob", _changed(CUSTOM_JOB, 2, *JOB_SPEC, "replica_count"), "replica_count must be 1"),
    "no machine": ("CustomJob", _changed(CUSTOM_JOB, {}, *JOB_SPEC, "machine_spec"), "machine_type: Required"),
    "no image": ("CustomJob", _changed(CUSTOM_JOB, {}, *JOB_SPEC, "container_spec"), "image_uri: Required"),
    "disk": ("CustomJob", _changed(CUSTOM_JOB, {"boot_disk_size_gb": 50}, *JOB_SPEC, "disk_spec"), "not from 100"),
    "timeout": ("CustomJob", _changed(CUSTOM_JOB, {"timeout": "1 hour"}, "job_spec", "scheduling"), "timeout"),
    "strategy": ("CustomJob", _changed(CUSTOM_JOB, {"strategy": "CHEAP"}, "job_spec", "scheduling"), "CHEAP"),
    "empty variable": (
        "CustomJob",
        _changed(CUSTOM_JOB, {"image_uri": "a", "env": [{"name": "A", "value": ""}]}, *JOB_SPEC, "container_spec"),
        "env[0].value",
    ),
    "metrics": ("HyperparameterTuningJob", _changed(TUNING, [], "study_spec", "metrics"), "study_spec.metrics"),
    "trials": ("HyperparameterTuningJob", _changed(TUNING, 9, "parallel_trial_count"), "from 1 to max_trial_count"),
    "span": (
        "HyperparameterTuningJob",
        _changed(TUNING, {"min_value": 1, "max_value": 1}, *TUNED, "double_value_spec"),
        "min_value below max_value",
    ),
    "pool of trials": ("HyperparameterTuningJob", _changed(TUNING, {}, "trial_job_spec"), "from 1 to 4 are needed"),
}


@pytest.mark.parametrize("name", BAD_PAYLOADS)
def test_payload_is_checked(server: Server, name: str) -> None:
    kind, payload, why = BAD_PAYLOADS[name]
    assert why in _refused(server, _job(_launching(payload, kind)))


@pytest.mark.parametrize(("kind", "payload"), [("CustomJob", CUSTOM_JOB), ("HyperparameterTuningJob", TUNING)])
def test_payload_is_taken(server: Server, kind: str, payload: Json) -> None:
    assert _create(server, _job(_launching(json.dumps(payload), kind))).name


def test_text_of_a_payload_must_be_escaped(server: Server) -> None:
    escaped = json.dumps({**CUSTOM_JOB, "display_name": "{{$.inputs.parameters['text'].json_escape[1]}}"})
    good, bad = _launching(escaped), _launching(escaped.replace(".json_escape[1]", ""))
    for spec in (good, bad):
        _at(spec, *TASKS, "train", "inputs", "parameters")["text"] = {"runtimeValue": {"constant": 'it\'s "so"\n'}}
    assert "is not JSON" in _refused(server, _job(bad))
    assert _create(server, _job(good)).name


def test_sample_of_an_escaped_text_is_awkward(server: Server) -> None:
    """What only a run knows is taken for a text that breaks JSON, where it is told to be escaped."""
    account = {"service_account": "{{$.inputs.parameters['text'].json_escape[1]}}"}
    payload = _changed(CUSTOM_JOB, {**CUSTOM_JOB["job_spec"], **account}, "job_spec")
    assert "service_account: 'it\\'s" in _refused(server, _job(_launching(payload)))


# ---------------------------------------------------------------- what tasks do


def test_failure_has_a_cause(server: Server) -> None:
    server.script["train"] = fails("Out of memory.", "RESOURCE_EXHAUSTED", retries=2)
    _create(server)
    job = _to_end(server)
    assert job.state.name == FAILED
    why = "The DAG failed because some tasks failed. The failed tasks are: [train]."
    assert (job.error.code, job.error.message) == (9, why)
    assert _states(job) == {"demo": "FAILED", "prepare": "SUCCEEDED", "train": "FAILED", "deploy": "NOT_TRIGGERED"}
    train = job.job_detail.task_details[2]
    assert (train.error.code, train.error.message) == (8, "Out of memory.")
    assert len(train.executor_detail.container_detail.failed_main_jobs) == 2
    history = [(status.state.name, status.error.message) for status in train.pipeline_task_status]
    assert history == [
        ("PENDING", ""),
        ("RUNNING", ""),
        ("RUNNING", "Out of memory."),
        ("RUNNING", "Out of memory."),
        ("FAILED", "Out of memory."),
    ]


def test_failing_task_uses_up_its_retries(server: Server) -> None:
    server.script["train"] = fails()
    spec = _chain()
    _at(spec, *TASKS, "train")["retryPolicy"] = {"maxRetryCount": 1}
    _create(server, _job(spec))
    train = _to_end(server).job_detail.task_details[2]
    assert len(train.executor_detail.container_detail.failed_main_jobs) == 1
    assert train.error.message == EXIT_CODE.replace("{number}", "123456789012")


def test_retries_can_end_well(server: Server) -> None:
    server.script["train"] = Plan(retries=1)
    _create(server)
    job = _to_end(server)
    assert job.state.name == WELL
    assert len(job.job_detail.task_details[2].executor_detail.container_detail.failed_main_jobs) == 1


def test_cached_and_not_triggered_tasks(server: Server) -> None:
    server.script.update(prepare=cached(), train=not_triggered())
    _create(server)
    job = _to_end(server)
    assert job.state.name == WELL
    assert _states(job) == {
        "demo": "SUCCEEDED",
        "prepare": "SKIPPED",
        "train": "NOT_TRIGGERED",
        "deploy": "NOT_TRIGGERED",
    }
    assert job.job_detail.task_details[1].execution.state.name == "CACHED"


def _beside(spec: Json) -> Json:
    """The same with a second branch of two steps, which needs nothing of the first."""
    tasks = _at(spec, *TASKS)
    tasks["first"] = _task("prepare")
    tasks["second"] = _task("prepare", dependentTasks=["first"])
    tasks["last"] = _task(
        "prepare", dependentTasks=["deploy"], triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    )
    return spec


@pytest.mark.parametrize(("policy", "second"), [("SLOW", "SUCCEEDED"), ("FAST", None)])
def test_failure_policy(server: Server, policy: str, second: str | None) -> None:
    server.script.update(prepare=Plan(), first=Plan(looks=3))
    server.script["prepare"] = fails()
    _create(
        server,
        _job(_beside(_chain()), runtime_config=_runtime(failure_policy=f"PIPELINE_FAILURE_POLICY_FAIL_{policy}")),
    )
    states = _states(_to_end(server))
    assert (states["prepare"], states["first"], states.get("second")) == ("FAILED", "SUCCEEDED", second)


def test_exit_task_runs_after_a_failure(server: Server) -> None:
    server.script["train"] = fails()
    _create(server, _job(_beside(_chain())))
    assert _states(_to_end(server))["last"] == "SUCCEEDED"


def _nested() -> Json:
    """A loop over a list, in a pipeline of its own: sub.each[].train."""
    spec = _chain()
    element = {**_task("train"), "inputs": {"parameters": {"lr": {"componentInputParameter": "rate"}}}}
    spec["components"]["comp-train"]["inputDefinitions"].pop("artifacts")
    spec["components"]["comp-each"] = {
        "inputDefinitions": {"parameters": {"rate": NUMBER}},
        "dag": {"tasks": {"train": element}},
    }
    loop = {**_task("each"), "parameterIterator": {"items": {"raw": "[0.5, 0.25]"}, "itemInput": "rate"}}
    spec["components"]["comp-sub"] = {"dag": {"tasks": {"each": loop}}}
    spec["root"]["dag"]["tasks"] = {"prepare": _task("prepare"), "sub": _task("sub", dependentTasks=["prepare"])}
    del spec["components"]["comp-deploy"]
    return spec


def test_loops_and_pipelines_inside(server: Server) -> None:
    _create(server, _job(_nested()))
    job = _to_end(server)
    assert list(_states(job)) == [
        "demo",
        "prepare",
        "sub",
        "sub.each",
        "sub.each.each-iteration-0",
        "sub.each.each-iteration-1",
        "sub.each.each-iteration-0.train",
        "sub.each.each-iteration-1.train",
    ]
    tasks = {task.task_unique_name: task for task in job.job_detail.task_details}
    train = tasks["sub.each.each-iteration-1.train"]
    assert train.parent_task_id == tasks["sub.each.each-iteration-1"].task_id
    assert dict(train.execution.metadata)["input:lr"] == 0.25
    assert job.state.name == WELL


def test_one_iteration_fails(server: Server) -> None:
    server.script.update({"each": iterates(3), "sub.each.each-iteration-1.train": fails()})
    _create(server, _job(_nested()))
    job = _to_end(server)
    failed = [name for name, state in _states(job).items() if state == "FAILED"]
    assert failed == ["demo", "sub", "sub.each", "sub.each.each-iteration-1", "sub.each.each-iteration-1.train"]
    assert job.error.message.endswith("[sub].")
    assert len(job.job_detail.task_details) == 10


def test_iterations_can_be_named_otherwise(server: Server) -> None:
    server.jobs.iteration_name = "iteration-{index}"
    _create(server, _job(_nested()))
    assert "sub.each.iteration-0.train" in _states(_to_end(server))


def test_importer_has_no_job_and_the_address_that_it_is_given(server: Server) -> None:
    spec = _chain()
    spec["deploymentSpec"]["executors"]["prepare"] = {
        "importer": {
            "artifactUri": {"constant": "gs://data/mnist"},
            "typeSchema": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"},
        }
    }
    _create(server, _job(spec))
    prepare = _to_end(server).job_detail.task_details[1]
    assert prepare.outputs["data"].artifacts[0].uri == "gs://data/mnist"
    assert not prepare.executor_detail.container_detail.main_job
    assert prepare.execution.schema_title == "system.ImporterExecution"


# ---------------------------------------------------------------- templates, reruns


def test_template_is_fetched(server: Server) -> None:
    from google.api_core.exceptions import NotFound

    address = "https://us-central1-kfp.pkg.dev/ml-dev/pipelines/demo/v1"
    job = {"display_name": "x", "template_uri": address, "runtime_config": _runtime()}
    with pytest.raises(NotFound, match="Failed to download the template"):
        _create(server, job)
    server.jobs.templates[address] = _chain()
    made = _create(server, job)
    assert made.template_metadata.version.startswith("sha256:")
    assert _to_end(server).state.name == WELL
    assert _listed(server, filter=f'template_uri="{address}"') == ["one"]


def _rerun(server: Server, configs: list[Json], number: int | None = None) -> Any:
    number = number or server.jobs.all["one"].number
    job = _job(original_pipeline_job_id=number, pipeline_task_rerun_configs=configs)
    return _create(server, job, "two", "v1beta1")


def test_rerun_leaves_out_what_went_well(server: Server) -> None:
    server.script["train"] = fails()
    _create(server)
    old = {task.task_name: task for task in _to_end(server).job_detail.task_details}
    server.script.clear()
    configs = [{"task_id": task.task_id, "skip_task": task.state.name == "SUCCEEDED"} for task in old.values()]
    _rerun(server, configs)
    job = _to_end(server, "two")
    assert _states(job) == {"demo": "SUCCEEDED", "prepare": "SKIPPED", "train": "SUCCEEDED", "deploy": "SUCCEEDED"}
    new = {task.task_name: task for task in job.job_detail.task_details}
    uris = {task.inputs["data"].artifacts[0].uri for task in (old["train"], new["train"])}
    assert uris == {old["prepare"].outputs["data"].artifacts[0].uri}


def test_rerun_is_checked(server: Server) -> None:
    from google.api_core.exceptions import BadRequest

    _create(server)
    with pytest.raises(BadRequest, match="has not ended"):
        _rerun(server, [])
    task = _to_end(server).job_detail.task_details[1]
    with pytest.raises(BadRequest, match="there is no pipeline job 5"):
        _rerun(server, [], 5)
    with pytest.raises(BadRequest, match="has no task 7"):
        _rerun(server, [{"task_id": 7}])
    with pytest.raises(BadRequest, match="is called 'prepare'"):
        _rerun(server, [{"task_id": task.task_id, "task_name": "x"}])
    _rerun(server, [{"task_id": task.task_id, "task_name": "prepare"}])
    assert _states(_to_end(server, "two"))["prepare"] == "SUCCEEDED"


# ---------------------------------------------------------------- pipelines as others write them


# Requests and foreign accelerators are Kubernetes settings, which Vertex AI lacks.
FOREIGN = {"resources_kfp"}
VALUES = {"STRING": "x", "NUMBER_DOUBLE": 1.5, "NUMBER_INTEGER": 2, "BOOLEAN": True, "LIST": [1], "STRUCT": {"a": 1}}


def _compiled(pipeline: Any, folder: Path) -> Json:
    import yaml
    from kfp import compiler

    file = folder / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(file))
    return next(iter(yaml.safe_load_all(file.read_text(encoding="utf-8"))))


def _runs(spec: Json) -> str:
    """The state that a pipeline ends in when all goes well."""
    declared = spec["root"].get("inputDefinitions", {})
    free = {key: one for key, one in declared.get("parameters", {}).items() if "defaultValue" not in one}
    values = {key: VALUES[one["parameterType"]] for key, one in free.items() if not one.get("isOptional")}
    artifacts = {key: {"artifact_id": "1"} for key in declared.get("artifacts", {})}
    with vertex_server() as server:
        _create(server, _job(spec, runtime_config=_runtime(parameter_values=values, input_artifacts=artifacts)))
        return _to_end(server).state.name


ORACLES = sorted({file.stem for file in (TESTS / "oracle").glob("*.yaml")} - FOREIGN)


@pytest.mark.parametrize("name", ORACLES)
def test_what_the_sdk_compiles_runs_to_its_end(name: str, tmp_path: Path) -> None:
    pipeline = runpy.run_path(str(TESTS / "oracle" / f"{name}.py"))["pipeline"]
    assert _runs(_compiled(pipeline, tmp_path)) == WELL


def test_kubernetes_settings_are_refused(server: Server, tmp_path: Path) -> None:
    pipeline = runpy.run_path(str(TESTS / "oracle" / "resources_kfp.py"))["pipeline"]
    spec = _compiled(pipeline, tmp_path)
    values = {"parameter_values": dict.fromkeys(spec["root"].get("inputDefinitions", {}).get("parameters", {}), 2)}
    assert ".container.resources" in _refused(server, _job(spec, runtime_config=_runtime(**values)))


def _custom_job(folder: Path) -> Json:
    """A component as a CustomJob of several machines, as Google's components make it."""
    from google_cloud_pipeline_components.v1 import custom_job
    from kfp import dsl

    def fit(rate, name):
        return dsl.ContainerSpec(image="registry/app", command=["python"], args=["rate", rate, name])

    def pipeline(rate=0.1, name="x") -> None:
        wrapped(rate=rate, name=name)

    for function in (fit, pipeline):
        function.__annotations__ = {"rate": float, "name": str}
    wrapped = custom_job.create_custom_training_job_from_component(
        dsl.container_component(fit),
        machine_type="n1-standard-8",
        replica_count=3,
        accelerator_type="NVIDIA_TESLA_T4",
        accelerator_count=1,
        timeout="3600s",
        strategy="SPOT",
        env=[{"name": "A", "value": "b"}],
    )
    return _compiled(dsl.pipeline(pipeline, name="custom"), folder)


def test_custom_job_of_googles_is_taken(server: Server, tmp_path: Path) -> None:
    spec = _custom_job(tmp_path)
    broken = json.loads(json.dumps(spec).replace("n1-standard-8", ""))
    assert "machine_type: Required field is not set" in _refused(server, _job(broken))
    assert _runs(spec) == WELL


def test_what_googles_components_make_is_taken() -> None:
    from google.protobuf import json_format
    from google_cloud_pipeline_components.v1 import batch_predict_job, bigquery, endpoint, model, wait_gcp_resources

    operations = (
        model.ModelUploadOp,
        endpoint.EndpointCreateOp,
        endpoint.ModelDeployOp,
        batch_predict_job.ModelBatchPredictOp,
        bigquery.BigqueryQueryJobOp,
        wait_gcp_resources.WaitGcpResourcesOp,
    )
    assert {_runs(json_format.MessageToDict(one.pipeline_spec)) for one in operations} == {WELL}


# ---------------------------------------------------------------- schedules


def _schedule(**more: Any) -> Json:
    return {
        "display_name": "nightly",
        "cron": "TZ=Europe/Berlin 30 3 * * *",
        "max_concurrent_run_count": 1,
        "create_pipeline_job_request": {"parent": "projects/ml-dev/locations/us-central1", "pipeline_job": _job()},
        **more,
    }


def _scheduled(server: Server, **more: Any) -> Any:
    return _client(server, "schedule").create_schedule(parent=server.parent, schedule=_schedule(**more))


def _time(text: str) -> float:
    return seconds_of(f"{text}Z")


def test_schedule_makes_jobs(server: Server) -> None:
    made = _scheduled(
        server,
        create_pipeline_job_request={
            "parent": "projects/123456789012/locations/us-central1",
            "pipeline_job": _job(labels={"team": "ml"}),
        },
    )
    assert (made.state.name, made.next_run_time.timestamp()) == ("ACTIVE", _time("2026-01-01T02:30:00"))
    jobs = server.advance(_time("2026-01-03T12:00:00"))
    assert [datetime.fromtimestamp(job.created, timezone.utc).isoformat()[5:16] for job in jobs] == [
        "01-01T02:30",
        "01-02T02:30",
        "01-03T02:30",
    ]
    assert {job.resource["scheduleName"] for job in jobs} == {made.name}
    assert {job.resource["labels"]["team"] for job in jobs} == {"ml"}
    shown = _client(server, "schedule").get_schedule(name=made.name)
    assert (shown.started_run_count, shown.last_scheduled_run_response.run_response) == (3, "OK")
    assert _listed(server, filter=f'schedule_name="{made.name}"') == [job.id for job in reversed(jobs)]


def test_schedule_knows_summer_time(server: Server) -> None:
    _scheduled(server, cron="CRON_TZ=Europe/Berlin 30 2 * * *")
    server.now = _time("2026-03-27T12:00:00")
    server.schedules.update(next(iter(server.schedules.all)), _canonical_schedule(server), "cron")
    jobs = server.advance(_time("2026-03-31T12:00:00"))
    times = [datetime.fromtimestamp(job.created, timezone.utc).isoformat()[5:16] for job in jobs]
    assert times == ["03-28T01:30", "03-30T00:30", "03-31T00:30"]  # 02:30 is not on the clock on the 29th


def _canonical_schedule(server: Server) -> Json:
    return dict(next(iter(server.schedules.all.values())).resource)


def test_schedule_pauses_and_resumes(server: Server) -> None:
    from google.api_core.exceptions import BadRequest

    client, name = _client(server, "schedule"), _scheduled(server).name
    client.pause_schedule(name=name)
    assert server.advance(_time("2026-01-05T00:00:00")) == []
    with pytest.raises(BadRequest, match="cannot be paused"):
        client.pause_schedule(name=name)
    client.resume_schedule(name=name)
    assert client.get_schedule(name=name).next_run_time.timestamp() == _time("2026-01-05T02:30:00")
    client.pause_schedule(name=name)
    server.advance(_time("2026-01-07T00:00:00"))
    client.resume_schedule(name=name, catch_up=True)
    assert len(server.advance(_time("2026-01-07T00:30:00"))) == 2


def test_schedule_is_updated_by_its_mask(server: Server) -> None:
    from google.api_core.exceptions import BadRequest
    from google.protobuf.field_mask_pb2 import FieldMask

    client, name = _client(server, "schedule"), _scheduled(server).name
    changed = {**_schedule(cron="0 12 * * 1", display_name="other"), "name": name}
    updated = client.update_schedule(schedule=changed, update_mask=FieldMask(paths=["cron"]))
    assert (updated.cron, updated.display_name) == ("0 12 * * 1", "nightly")
    assert updated.next_run_time.timestamp() == _time("2026-01-05T12:00:00")
    for paths in ([], ["state"]):
        with pytest.raises(BadRequest, match="update_mask"):
            client.update_schedule(schedule=changed, update_mask=FieldMask(paths=paths))
    with pytest.raises(BadRequest, match="five fields"):
        client.update_schedule(schedule={**changed, "cron": "* * *"}, update_mask=FieldMask(paths=["cron"]))
    assert client.get_schedule(name=name).cron == "0 12 * * 1"


def test_schedule_is_listed_and_deleted(server: Server) -> None:
    client = _client(server, "schedule")
    names = [_scheduled(server, display_name=name).name for name in ("a", "b")]
    found = client.list_schedules(request={"parent": server.parent, "filter": 'display_name="a"'})
    assert [one.name for one in found] == names[:1]
    assert [one.name for one in client.list_schedules(parent=server.parent)] == names[::-1]
    client.delete_schedule(name=names[0]).result()
    assert [one.name for one in client.list_schedules(parent=server.parent)] == names[1:]


def test_schedule_does_not_run_more_at_a_time_than_it_may(server: Server) -> None:
    server.script["train"] = hangs()
    _scheduled(server, max_concurrent_run_count=2)
    assert len(server.advance(_time("2026-01-05T00:00:00"), jobs_end=False)) == 2


def test_schedule_is_completed(server: Server) -> None:
    name = _scheduled(server, max_run_count=2).name
    assert len(server.advance(_time("2026-01-05T00:00:00"))) == 2
    assert _client(server, "schedule").get_schedule(name=name).state.name == "COMPLETED"


BAD_SCHEDULES = {
    "name": ({"display_name": ""}, "display_name: Required"),
    "concurrency": ({"max_concurrent_run_count": 0}, "max_concurrent_run_count: Required"),
    "no cron": ({"cron": ""}, "cron: Required"),
    "six fields": ({"cron": "0 30 3 * * *"}, "five fields are needed, there are 6"),
    "zone": ({"cron": "TZ=Mars/Base 0 3 * * *"}, "'Mars/Base' is not a time zone"),
    "minute": ({"cron": "60 3 * * *"}, "the minute '60' is not within"),
    "word": ({"cron": "@daily x x x x"}, "cannot be read"),
    "end": ({"end_time": "2020-01-01T00:00:00Z"}, "end_time must be after"),
    "no request": ({"create_pipeline_job_request": {}}, "pipeline_job: Required"),
    "job id": (
        {"create_pipeline_job_request": {**_schedule()["create_pipeline_job_request"], "pipeline_job_id": "one"}},
        "pipeline_job_id must not be set",
    ),
    "parent": (
        {"create_pipeline_job_request": {"parent": "projects/x/locations/y", "pipeline_job": _job()}},
        "is not the schedule's",
    ),
    "job": (
        {
            "create_pipeline_job_request": {
                "parent": "projects/ml-dev/locations/us-central1",
                "pipeline_job": _job(labels={"A": "b"}),
            }
        },
        "Invalid label key",
    ),
}


@pytest.mark.parametrize("name", BAD_SCHEDULES)
def test_schedule_is_checked(server: Server, name: str) -> None:
    from google.api_core.exceptions import BadRequest

    change, why = BAD_SCHEDULES[name]
    with pytest.raises(BadRequest) as caught:
        _scheduled(server, **change)
    assert why in str(caught.value)
    assert not server.schedules.all


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("*/20 9-10 * * *", ["01T09:00", "01T09:20", "01T09:40", "01T10:00"]),
        ("0 0 13 * FRI", ["02T00:00", "09T00:00", "13T00:00", "16T00:00"]),
        ("0 6 * * 0,7", ["04T06:00", "11T06:00", "18T06:00", "25T06:00"]),
        ("0 0 31 1-2 *", ["31T00:00"]),
    ],
)
def test_cron_is_read(server: Server, cron: str, due: list[str]) -> None:
    _scheduled(server, cron=cron)
    jobs = server.advance(_time("2026-02-01T00:00:00"))[:4]
    assert [datetime.fromtimestamp(job.created, timezone.utc).isoformat()[8:16] for job in jobs] == due


# ---------------------------------------------------------------- what goes wrong on the way


@pytest.mark.parametrize(
    ("kind", "error", "made"),
    [
        ("UNAVAILABLE", "ServiceUnavailable", 0),
        ("DEADLINE_EXCEEDED", "GatewayTimeout", 0),
        ("RESOURCE_EXHAUSTED", "TooManyRequests", 0),
        ("INTERNAL", "InternalServerError", 0),
        ("html", "BadGateway", 0),
        ("cut", "ConnectionError", 0),
        ("lost", "ConnectionError", 1),
        ("late", "GatewayTimeout", 1),
    ],
)
def test_fault_is_seen_by_the_client(server: Server, kind: Any, error: str, made: int) -> None:
    server.faults.add(kind, "pipelineJobs.create", times=2)
    for attempt in range(2):
        with pytest.raises(Exception) as caught:
            _create(server, job_id=f"job-{attempt}")
        assert type(caught.value).__name__ == error
    assert len(server.jobs.all) == 2 * made
    assert _create(server).name
    assert (server.count("pipelineJobs.create"), server.faults.waiting) == (3, 0)


def test_fault_meets_only_its_method(server: Server) -> None:
    server.faults.add("UNAVAILABLE", "pipelineJobs.get")
    _create(server)
    assert server.faults.happened == []
    assert [(one.method, one.query["pipelineJobId"]) for one in server.asked] == [("pipelineJobs.create", "one")]
    assert server.asked[0].body["displayName"] == "demo"


def test_quota_is_worded_as_google_does(server: Server) -> None:
    from google.api_core.exceptions import TooManyRequests

    server.faults.add("RESOURCE_EXHAUSTED")
    with pytest.raises(TooManyRequests, match=r"Quota exceeded for quota metric .* 'project_number:123456789012'"):
        _create(server)


def test_slow_answer_is_an_answer(server: Server) -> None:
    server.faults.add("slow", seconds=0.01)
    assert _create(server).name


def _happenings(seed: int) -> tuple[list[Any], int]:
    import requests

    with vertex_server() as server:
        server.faults.at_random(RandomFaults(seed, share=0.5, most=8))
        for _ in range(20):
            try:
                requests.get(f"{server.endpoint}/v1/{server.parent}/pipelineJobs", timeout=10)
            except requests.ConnectionError:
                continue
        return server.faults.happened, server.count("pipelineJobs.list")


def test_random_faults_are_the_same_for_a_seed() -> None:
    first, asked = _happenings(1)
    assert (len(first), asked) == (8, 20)
    assert _happenings(1)[0] == first
    assert _happenings(2)[0] != first


def test_forbidden_method_is_denied(server: Server) -> None:
    from google.api_core.exceptions import Forbidden

    server.forbidden.add("pipelineJobs.create")
    with pytest.raises(Forbidden) as caught:
        _create(server)
    assert (
        "Permission 'aiplatform.pipelineJobs.create' denied on resource "
        "'//aiplatform.googleapis.com/projects/ml-dev/locations/us-central1' (or it may not exist)."
    ) in str(caught.value)
    assert caught.value.details


# ---------------------------------------------------------------- tokens and neighbours


def _account(server: Server, folder: Path) -> Any:
    from google.oauth2.service_account import Credentials

    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    return Credentials.from_service_account_file(str(service_account_file(folder, server)), scopes=scopes)


def test_service_account_is_known(server: Server, tmp_path: Path) -> None:
    import requests

    server.needs_token = True
    answer = requests.get(f"{server.endpoint}/v1/{server.parent}/pipelineJobs", timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    client = _client(server, credentials=_account(server, tmp_path))
    client.create_pipeline_job(parent=server.parent, pipeline_job=_job(), pipeline_job_id="one")
    assert list(server.jobs.all) == ["one"]


def test_unknown_account_gets_no_token(server: Server, tmp_path: Path) -> None:
    from google.auth.exceptions import RefreshError
    from google.auth.transport.requests import Request

    account = _account(server, tmp_path)
    server.neighbours.accounts.clear()
    with pytest.raises(RefreshError):
        account.refresh(Request())


def test_neighbours_answer(server: Server, tmp_path: Path) -> None:
    from google.auth.transport.requests import AuthorizedSession

    server.needs_token = True
    server.neighbours.buckets["bucket"] = {"storage.objects.get"}
    session = AuthorizedSession(_account(server, tmp_path))

    def ask(path: str) -> tuple[int, Json]:
        answer = session.get(f"{server.endpoint}{path}")
        return answer.status_code, answer.json()

    assert ask("/resourcemanager/v3/projects/ml-dev")[1]["name"] == "projects/123456789012"
    assert [one.method for one in server.asked] == ["oauth.token", "projects.get"]
    assert server.asked[-1].headers["authorization"] == "Bearer token-1"
    assert ask("/resourcemanager/v3/projects/other")[0] == 403
    services = ask("/serviceusage/v1/projects/ml-dev/services?filter=state:ENABLED")[1]["services"]
    assert [one["config"]["name"] for one in services] == ["aiplatform.googleapis.com", "storage.googleapis.com"]
    assert ask("/serviceusage/v1/projects/ml-dev/services/run.googleapis.com")[1]["state"] == "DISABLED"
    assert ask("/storage/v1/b/bucket")[1]["location"] == "US-CENTRAL1"
    assert ask("/storage/v1/b/none")[0] == 404
    wanted = "permissions=storage.objects.get&permissions=storage.objects.create"
    assert ask(f"/storage/v1/b/bucket/iam/testPermissions?{wanted}")[1]["permissions"] == ["storage.objects.get"]
    server.forbidden.add("projects.get")
    assert ask("/resourcemanager/v3/projects/ml-dev")[0] == 403
