"""Steps as CustomJobs of Vertex AI: against Google's own components, the API's messages, and real Hydra.

The oracle is `create_custom_training_job_from_component` of google-cloud-pipeline-components, asked for the same
choice; where hpc writes something else on purpose, `IMPROVEMENTS` says what and why.
"""

# kfp and Google's libraries are only partly typed, and JSON values are `Any` here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from compiling import TESTS, Result, compile_text
from hypothesis import given, settings
from hypothesis import strategies as st
from test_transport import is_exact, read, run
from transport.corpus import JSON, TEXT
from transport.pipelines import HERE, LARGE, LISTS, SINGLE, SMALL, Case, Step, by_name, single, steps
from transport.platforms import custom_job, vertex_text

from hpc.compiler.lower.custom_jobs import LAUNCHER_IMAGE, payload_text

ESCAPE = ".json_escape[1]"


def compiled(text: str, target: str = "vertex") -> dict[str, Any]:
    result = compile_text(text, target)
    assert result.compiled is not None, result.shown
    return json.loads(result.compiled.text)


def container(ir: Mapping[str, Any], name: str = "train") -> dict[str, Any]:
    return ir["deploymentSpec"]["executors"][f"exec-{name}"]["container"]


def payload(ir: Mapping[str, Any], name: str = "train") -> dict[str, Any]:
    """As it stands in the compiled file, placeholders and all."""
    args = container(ir, name)["args"]
    return json.loads(args[args.index("--payload") + 1])


def unescaped(text: str) -> str:
    return text.replace(f"{ESCAPE}}}}}", "}}")


# ---------------------------------------------------------------- Google's own


@dataclass(frozen=True)
class Choice:
    """The same in both words: a machine profile, other keys of the component, `targets`; arguments of Google's
    function.
    """

    accelerator: str
    google: Mapping[str, Any]
    keys: str = ""
    targets: str = ""


RESERVED = "projects/p/zones/z/reservations/r"
CHOICES = {
    "machine": Choice("{machine: n1-standard-8}", {"machine_type": "n1-standard-8"}),
    "gpus": Choice(
        "{machine: n1-standard-8, gpu: T4, count: 2}",
        {"machine_type": "n1-standard-8", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 2},
    ),
    "gpu without a machine": Choice(
        "{gpu: L4, spot: true}",
        {"machine_type": "g2-standard-4", "accelerator_type": "NVIDIA_L4", "strategy": "SPOT"},
    ),
    "nodes": Choice(
        "{machine: a2-highgpu-8g, gpu: A100, count: 8, nodes: 4, spot: true, disk: 500GB, "
        "vertex: {restart_job_on_worker_restart: true}}",
        {
            "machine_type": "a2-highgpu-8g",
            "accelerator_type": "NVIDIA_TESLA_A100",
            "accelerator_count": 8,
            "replica_count": 4,
            "strategy": "SPOT",
            "boot_disk_size_gb": 500,
            "restart_job_on_worker_restart": True,
        },
    ),
    "disk": Choice(
        "{machine: n1-standard-4, disk: 200GB, vertex: {boot_disk_type: pd-standard}}",
        {"boot_disk_size_gb": 200, "boot_disk_type": "pd-standard"},
    ),
    "hyperdisk": Choice(
        "{machine: a3-ultragpu-8g, gpu: H200, count: 8}",
        {
            "machine_type": "a3-ultragpu-8g",
            "accelerator_type": "NVIDIA_H200_141GB",
            "accelerator_count": 8,
            "boot_disk_type": "hyperdisk-balanced",
        },
    ),
    "timeout": Choice("{}", {"machine_type": "e2-standard-4", "timeout": "21600s"}, ", timeout: 6h"),
    "title": Choice("{machine: n1-standard-4}", {"display_name": "Train it"}, ", title: Train it"),
    "waits": Choice(
        "{machine: a3-highgpu-8g, gpu: H100, count: 8, vertex: {strategy: FLEX_START, max_wait_duration: 2h}}",
        {
            "machine_type": "a3-highgpu-8g",
            "accelerator_type": "NVIDIA_H100_80GB",
            "accelerator_count": 8,
            "strategy": "FLEX_START",
            "max_wait_duration": "7200s",
        },
    ),
    "reservation": Choice(
        "{machine: n1-standard-4, vertex: {reservation_affinity: {reservation_affinity_type: SPECIFIC_RESERVATION, "
        f"key: compute.googleapis.com/reservation-name, values: [{RESERVED}]}}}}}}",
        {
            "reservation_affinity_type": "SPECIFIC_RESERVATION",
            "reservation_affinity_key": "compute.googleapis.com/reservation-name",
            "reservation_affinity_values": [RESERVED],
        },
    ),
    "fields of the job": Choice(
        "{machine: n1-standard-4, vertex: {service_account: a@p, network: projects/1/global/networks/n, "
        "reserved_ip_ranges: [r], base_output_directory: gs://b/o, persistent_resource_id: mine, tensorboard: tb, "
        "enable_web_access: true, labels: {a: b}, encryption_spec_key_name: key, "
        "nfs_mounts: [{server: s, path: /p, mount_point: m}]}}",
        {
            "service_account": "a@p",
            "network": "projects/1/global/networks/n",
            "reserved_ip_ranges": ["r"],
            "base_output_directory": "gs://b/o",
            "persistent_resource_id": "mine",
            "tensorboard": "tb",
            "enable_web_access": True,
            "labels": {"a": "b"},
            "encryption_spec_key_name": "key",
            "nfs_mounts": [{"server": "s", "path": "/p", "mount_point": "m"}],
        },
    ),
    "private service connect": Choice(
        "{machine: n1-standard-4}",
        {"psc_interface_config": {"network_attachment": "projects/p/regions/r/networkAttachments/a"}},
        targets="targets: {vertex: {network_attachment: projects/p/regions/r/networkAttachments/a}}\n",
    ),
    "several texts": Choice("{machine: n1-standard-4, vertex: {labels: {a: é}}}", {"labels": {"a": "é"}}),
}

IMPROVEMENTS: dict[str, tuple[str, Any]] = {
    "job_spec.service_account": (
        "Without it the job would run as the service agent of custom code, not as the account of the run, and could "
        "not read what every other step reads.",
        "{{$.pipeline_service_account}}",
    ),
    "job_spec.network": (
        "Where the run is peered with a network, so is the step.",
        "{{$.pipeline_network}}",
    ),
    "encryption_spec.kms_key_name": (
        "Where the run is encrypted with a key, so is what the job makes.",
        "{{$.pipeline_encryption_key_name}}",
    ),
}
"""What hpc writes where Google's component writes nothing, and why; anything else is equal. Two more, everywhere: every
placeholder that may bring a text is escaped for the JSON around it, and `max_wait_duration`, which the launcher deletes
unless the strategy is FLEX_START, is not written otherwise."""


def source(choice: Choice) -> str:
    return f"""\
hpc: 1
name: small
inputs: {{lr: float, note: string, sizes: list<int>, data: Dataset}}
images: {{app: repo/app:1.0}}
accelerators: {{a: {choice.accelerator}}}
components:
  train:
    {{image: app, command: [python3, t.py], cli: none, accelerator: a{choice.keys}, env: {{B: c, A: 'it''s "d"'}},
     args: ["lr=${{{{ inputs.lr }}}}", "a ${{{{ inputs.note }}}} b", "${{{{ inputs.sizes }}}}",
            "${{{{ inputs.data }}}}", "${{{{ outputs.model }}}}", "${{{{ outputs.score }}}}",
            "${{{{ run.executor_input }}}}", 'é "q" \\ x'],
     inputs: {{lr: float, note: string, sizes: list<int>, data: Dataset}}, outputs: {{model: Model, score: float}}}}
edges: ["inputs.{{lr, note, sizes, data}} -> train"]
{choice.targets}"""


def of_google(choice: Choice) -> dict[str, Any]:
    """What Google's package makes of the same container: its component, defaults and all."""
    from google.protobuf import json_format
    from google_cloud_pipeline_components.v1.custom_job import create_custom_training_job_from_component
    from kfp import components

    plain = compile_text(source(Choice("{}", {}, targets=choice.targets)), "vertex").compiled
    assert plain is not None
    spec = json.loads(plain.text)
    inner = spec["components"]["comp-train"]
    ports = {
        "parameters": {name: {"componentInputParameter": name} for name in inner["inputDefinitions"]["parameters"]},
        "artifacts": {name: {"componentInputArtifact": name} for name in inner["inputDefinitions"]["artifacts"]},
    }
    root: dict[str, Any] = {**{key: inner[key] for key in ("inputDefinitions", "outputDefinitions")}}
    root["dag"] = {"tasks": {"train": {"componentRef": {"name": "comp-train"}, "taskInfo": {"name": "train"}}}}
    root["dag"]["tasks"]["train"]["inputs"] = ports
    one = {**spec, "root": root, "pipelineInfo": {"name": "train"}}
    container = spec["deploymentSpec"]["executors"]["exec-train"]["container"]
    made = create_custom_training_job_from_component(
        components.load_component_from_text(json.dumps(one)),
        **{"display_name": "train", "machine_type": "n1-standard-4", **choice.google},
        env=container["env"],
    )
    return json_format.MessageToDict(made.pipeline_spec)


def resolved(args: list[str], component: Mapping[str, Any]) -> list[str]:
    """Arguments with the defaults of inputs in place, as a run without other values would have them."""
    parameters = component["inputDefinitions"]["parameters"]

    def value(found: re.Match[str]) -> str:
        port = parameters.get(found[1], {})
        if "defaultValue" not in port:
            return "null" if port.get("parameterType") in ("LIST", "STRUCT") and port.get("isOptional") else found[0]
        default = port["defaultValue"]
        return default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)

    return [re.sub(r"\{\{\$\.inputs\.parameters\['([^']*)'\]\}\}", value, arg) for arg in args]


def google_payload(args: list[str]) -> dict[str, Any]:
    """As the launcher sends it, which leaves out what is empty."""
    from google_cloud_pipeline_components.container.v1.gcp_launcher.utils.json_util import recursive_remove_empty

    return recursive_remove_empty(json.loads(args[args.index("--payload") + 1]))


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its path; texts without the escape, which is an improvement of its own."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        yield f"{path}#", len(value)
        for index, item in enumerate(value):
            yield from flat(item, f"{path}[{index}]")
    else:
        yield path, unescaped(value) if isinstance(value, str) else value


@pytest.mark.parametrize("name", CHOICES)
def test_a_job_is_what_google_makes_of_the_same_choice(name: str) -> None:
    choice = CHOICES[name]
    theirs, ours = of_google(choice), compiled(source(choice))
    [google] = theirs["deploymentSpec"]["executors"].values()
    [component] = theirs["components"].values()
    own = container(ours)
    args = resolved(google["container"]["args"], component)
    assert (own["image"], own["command"]) == (google["container"]["image"], google["container"]["command"])
    at = args.index("--payload") + 1
    assert [*own["args"][:at], *own["args"][at + 1 :]] == [*args[:at], *args[at + 1 :]]
    expected, found = dict(flat(google_payload(args))), dict(flat(payload(ours)))
    if choice.google.get("strategy") != "FLEX_START":
        assert expected.pop("job_spec.scheduling.max_wait_duration") == "86400s"
    for path, (_, value) in IMPROVEMENTS.items():
        if path not in expected and not (path == "job_spec.network" and "psc_interface_config" in choice.google):
            assert found.pop(path) == value
    assert found == expected


@pytest.mark.parametrize("name", CHOICES)
def test_the_interface_is_the_components_own_and_the_job(name: str) -> None:
    choice = CHOICES[name]
    [theirs] = of_google(choice)["components"].values()
    ours = compiled(source(choice))["components"]["comp-train"]
    plain = compiled(source(Choice("{}", {})))["components"]["comp-train"]
    assert ours["inputDefinitions"] == plain["inputDefinitions"]
    outputs = ours["outputDefinitions"]["parameters"]
    own = {**theirs["outputDefinitions"]["parameters"]}
    own["gcp_resources"] = {"parameterType": own["gcp_resources"]["parameterType"]}
    assert outputs == own
    assert ours["outputDefinitions"]["artifacts"] == theirs["outputDefinitions"]["artifacts"]


def test_keys_stand_in_googles_order() -> None:
    choice = CHOICES["fields of the job"]
    [executor] = of_google(choice)["deploymentSpec"]["executors"].values()
    template = executor["container"]["args"][3]
    theirs = re.findall(r'"(\w+)": ', template)
    ours = re.findall(r'"(\w+)": ', json.dumps({**payload(compiled(source(choice)))}, indent=0))
    positions = [theirs.index(key) for key in ours if key in theirs and key not in ("labels",)]
    assert positions == sorted(positions)


def test_every_improvement_has_its_reason() -> None:
    assert all(len(reason) > 40 for reason, _ in IMPROVEMENTS.values())
    assert LAUNCHER_IMAGE.endswith(":2.22.0")


# ---------------------------------------------------------------- the API's own messages

OK = (TESTS / "cases" / "ok" / "jobs_of_vertex.yaml").read_text(encoding="utf-8")


@cache
def every_job() -> dict[str, Step]:
    result: Result = compile_text(OK, "vertex", folder=TESTS / "cases" / "ok")
    assert result.compiled is not None, result.shown
    return by_name(steps(json.loads(result.compiled.text)))


@pytest.mark.parametrize("name", ["new", "many", "waits", "tpu", "pod", "ours", "plain", "again"])
def test_a_payload_is_a_custom_job_of_the_api(name: str) -> None:
    """Nothing is unknown to it, and every value is of its kind."""
    from google.cloud import aiplatform_v1
    from google.protobuf import json_format

    task = every_job()[name].start({"project": 'it\'s "mine"\n\\', "lr": 0.1})
    text = vertex_text(task.words[task.words.index("--payload") + 1], task)
    job = aiplatform_v1.CustomJob.pb(aiplatform_v1.CustomJob())
    if name == "new":  # a GPU that only the user's table knows
        text = text.replace("NVIDIA_Z1", "NVIDIA_L4")
    json_format.ParseDict(json.loads(text), job)
    assert job.display_name == {"plain": "plain", "again": "plain--again"}.get(name, f"train--{name}")
    assert job.job_spec.service_account
    assert {pool.container_spec.image_uri for pool in job.job_spec.worker_pool_specs} == {"repo.example/trainer:1.0"}


class Service:
    """Google's client, which makes the API's message of what its launcher sends."""

    def create_custom_job(self, parent: str, custom_job: dict[str, Any]) -> Any:
        from google.cloud import aiplatform_v1

        del parent
        return aiplatform_v1.CustomJob(custom_job)


def launched(text: str) -> dict[str, Any]:
    """What Google's own launcher asks for with this payload, in the API's JSON."""
    from google.cloud import aiplatform_v1
    from google_cloud_pipeline_components.container.v1.custom_job import remote_runner
    from google_cloud_pipeline_components.container.v1.gcp_launcher.utils.json_util import recursive_remove_empty

    sent = recursive_remove_empty(json.loads(remote_runner.insert_system_labels_into_payload(text), strict=False))
    job = remote_runner.create_custom_job_with_client(Service(), "projects/p/locations/l", sent)
    return json.loads(aiplatform_v1.CustomJob.to_json(job, use_integers_for_enums=False))


OF_THE_RUN = re.compile(r"\{\{\$\.pipeline_(?:network|encryption_key_name|persistent_resource_id)\..*?\}\}")


@pytest.mark.parametrize("name", CHOICES)
def test_googles_launcher_takes_it_where_the_run_has_nothing(name: str) -> None:
    """Without a network, a key and a persistent resource their placeholders are empty."""
    args = container(compiled(source(CHOICES[name])))["args"]
    written = args[args.index("--payload") + 1]
    job = launched(OF_THE_RUN.sub("", written))["jobSpec"]
    own = json.loads(written)["job_spec"]
    for key, field in (("network", "network"), ("persistentResourceId", "persistent_resource_id")):
        assert job[key] == ("" if "{{$" in own.get(field, "") else own.get(field, ""))
    pool = own["worker_pool_specs"][0]
    assert job["workerPoolSpecs"][0]["containerSpec"]["args"] == pool["container_spec"]["args"]
    assert job["workerPoolSpecs"][0]["machineSpec"]["machineType"] == pool["machine_spec"]["machine_type"]
    assert job["scheduling"]["timeout"] == own["scheduling"]["timeout"]
    assert job["scheduling"]["strategy"] == own["scheduling"]["strategy"]


RUN_TARGET = "targets: {vertex: {network: projects/1/global/networks/n, reserved_ip_ranges: [r]}}\n"
OWN_FOLDER = "/".join(f"{{{{$.pipeline_{name}}}}}" for name in ("root", "job_name", "task_uuid"))


@pytest.mark.parametrize(
    ("choice", "path", "value"),
    [
        (Choice("{tpu: v5e, vertex: {tpu_topology: 4x4}}", {}), "workerPoolSpecs[0].machineSpec.tpuTopology", "4x4"),
        (Choice("{tpu: v6e, count: 8}", {}), "workerPoolSpecs[0].machineSpec.tpuTopology", "2x4"),
        (Choice("{vertex: {disable_retries: true}}", {}), "scheduling.disableRetries", True),
        (Choice("{vertex: {enable_dashboard_access: true}}", {}), "enableDashboardAccess", True),
        (Choice("{machine: n1-standard-4}", {}, targets=RUN_TARGET), "reservedIpRanges[0]", "r"),
        (Choice("{vertex: {tensorboard: t}}", {}), "baseOutputDirectory.outputUriPrefix", OWN_FOLDER),
    ],
)
def test_what_googles_function_has_no_word_for_reaches_the_job(choice: Choice, path: str, value: Any) -> None:
    args = container(compiled(source(choice)))["args"]
    assert dict(flat(launched(args[args.index("--payload") + 1])["jobSpec"]))[path] == value


def test_a_long_title_is_cut_for_the_job() -> None:
    """The API takes 128 characters."""
    text = source(Choice("{machine: n1-standard-4}", {}, f", title: {'é' * 200}"))
    assert payload(compiled(text))["display_name"] == "é" * 128
    assert compiled(text)["root"]["dag"]["tasks"]["train"]["taskInfo"]["name"] == "é" * 200


def test_several_machines_are_two_pools_that_run_the_same() -> None:
    task = every_job()["many"].start({"project": "p", "lr": 0.1})
    job = json.loads(vertex_text(task.words[task.words.index("--payload") + 1], task))["job_spec"]
    first, others = job["worker_pool_specs"]
    assert (first["replica_count"], others["replica_count"]) == (1, 3)
    assert {**first, "replica_count": 3} == others
    assert job["scheduling"] == {"timeout": "259200s", "restart_job_on_worker_restart": True, "strategy": "SPOT"}


def test_metrics_and_secrets_go_in_front_of_every_machine() -> None:
    task = every_job()["many"].start({"project": "p", "lr": 0.1})
    job = json.loads(vertex_text(task.words[task.words.index("--payload") + 1], task))["job_spec"]
    for pool in job["worker_pool_specs"]:
        command = pool["container_spec"]["command"]
        programs = [word for flag, word in pairwise(command) if flag == "-c"]
        assert [one.partition(":")[0] for one in programs] == ["# hpc metrics 1", "# hpc secrets 1", "# hpc strings 2"]
        assert {"name": "KEY", "value": "projects/p/secrets/key/versions/1"} in pool["container_spec"]["env"]


def test_a_container_without_a_command_keeps_its_own() -> None:
    text = source(CHOICES["machine"]).replace("command: [python3, t.py], ", "")
    spec = payload(compiled(text))["job_spec"]["worker_pool_specs"][0]["container_spec"]
    assert "command" not in spec
    assert spec["args"][0] == "lr={{$.inputs.parameters['lr']}}"


def test_what_asks_for_no_job_stays_a_container() -> None:
    for accelerator in ("{}", "{gpu: T4, count: 2, cpu: 4, memory: 8GB}", "{vertex: {}, nodes: 1}"):
        assert container(compiled(source(Choice(accelerator, {}))))["image"] == "repo/app:1.0"
    assert container(compiled(source(CHOICES["machine"]), "local"))["image"] == "repo/app:1.0"
    default = source(Choice("{}", {})) + "defaults: {timeout: 2h}\n"
    assert container(compiled(default))["image"] == "repo/app:1.0"


def test_a_retry_is_the_tasks_own() -> None:
    ir = compiled(source(Choice("{machine: n1-standard-4}", {}, ", retry: 3")))
    assert ir["root"]["dag"]["tasks"]["train"]["retryPolicy"]["maxRetryCount"] == 3
    assert "resources" not in container(ir)


def test_the_same_timeout_of_a_step_and_of_the_defaults_are_two_components() -> None:
    text = source(Choice("{}", {})).replace("edges: [", "steps: {other: {uses: train, timeout: 2h}}\nedges: [")
    text = text.replace('-> train"', '-> train, other"') + "defaults: {timeout: 2h}\n"
    ir = compiled(text)
    assert container(ir)["image"] == "repo/app:1.0"
    assert payload(ir, "train--other")["job_spec"]["scheduling"]["timeout"] == "7200s"


CAPTURED = ["project", "location", "display_name", "network", "labels", "timeout", "strategy", "service_account"]


@pytest.mark.parametrize("name", CAPTURED)
def test_an_input_called_like_a_field_of_the_job_stays_the_users(name: str) -> None:
    text = source(CHOICES["machine"]).replace("note", name)
    own, plain = payload(compiled(text)), payload(compiled(source(CHOICES["machine"])))
    args = own["job_spec"]["worker_pool_specs"][0]["container_spec"]["args"]
    assert args[1] == f"a {{{{$.inputs.parameters['{name}']{ESCAPE}}}}} b"
    args[1] = plain["job_spec"]["worker_pool_specs"][0]["container_spec"]["args"][1]
    assert own == plain
    outer = container(compiled(text))["args"]
    assert outer[outer.index("--project") + 1] == "{{$.pipeline_google_cloud_project_id}}"


def test_google_captures_such_an_input() -> None:
    """The reason why nothing of the job is an input: else this oracle would be followed there too."""
    from google_cloud_pipeline_components.v1.custom_job import create_custom_training_job_from_component
    from kfp import components

    text = source(Choice("{}", {})).replace("note", "project")
    component = compile_text(text, "vertex").compiled
    assert component is not None
    ir = json.loads(component.text)
    ir["pipelineInfo"] = {"name": "train"}
    made = create_custom_training_job_from_component(components.load_component_from_text(json.dumps(ir)))
    [own] = made.pipeline_spec.components.values()
    executor = made.pipeline_spec.deployment_spec["executors"]["exec-custom-training-job"]
    args = list(executor["container"]["args"])
    assert args[args.index("--project") + 1] == "{{$.inputs.parameters['project']}}"
    assert not own.input_definitions.parameters["project"].HasField("default_value")


# ---------------------------------------------------------------- placeholders


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("{{$.inputs.parameters['s']}}", "{{$.inputs.parameters['s'].json_escape[1]}}"),
        ("{{$.inputs.parameters['l']}}", "{{$.inputs.parameters['l'].json_escape[1]}}"),
        ("{{$.inputs.parameters['d']}}", "{{$.inputs.parameters['d'].json_escape[1]}}"),
        ("{{$.inputs.parameters['i']}}", "{{$.inputs.parameters['i']}}"),
        ("{{$.inputs.parameters['f']}}", "{{$.inputs.parameters['f']}}"),
        ("{{$.inputs.parameters['b']}}", "{{$.inputs.parameters['b']}}"),
        ("{{$.inputs.parameters['run-id']}}", "{{$.inputs.parameters['run-id'].json_escape[1]}}"),
        ("{{$.inputs.artifacts['a'].path}}", "{{$.inputs.artifacts['a'].path.json_escape[1]}}"),
        ("{{$.inputs.artifacts['a'].metadata['k']}}", "{{$.inputs.artifacts['a'].metadata['k'].json_escape[1]}}"),
        ("{{$.outputs.parameters['s'].output_file}}", "{{$.outputs.parameters['s'].output_file.json_escape[1]}}"),
        ("{{$.pipeline_job_name}}", "{{$.pipeline_job_name.json_escape[1]}}"),
        ("{{$}}", "{{$.json_escape[1]}}"),
        ("{{$.inputs.parameters['s'].json_escape[0]}}", "{{$.inputs.parameters['s'].json_escape[0]}}"),
        ("a {{$.x}} {{$.y}}}", "a {{$.x.json_escape[1]}} {{$.y.json_escape[1]}}}"),
        ('"\\\n\u2028é', '"\\\n\u2028é'),
    ],
)
def test_placeholders_in_a_payload(text: str, written: str) -> None:
    types = {"s": "STRING", "l": "LIST", "d": "STRUCT", "i": "NUMBER_INTEGER", "f": "NUMBER_DOUBLE", "b": "BOOLEAN"}
    assert json.loads(payload_text({"k": [{"x": text}], "n": 1, "t": True}, types)) == {
        "k": [{"x": written}],
        "n": 1,
        "t": True,
    }


def test_names_of_the_run_are_escaped_too() -> None:
    text = source(CHOICES["machine"]).replace(
        '"${{ run.executor_input }}"', '"${{ run.executor_input }}", "x ${{ run.id }}"'
    )
    args = payload(compiled(text))["job_spec"]["worker_pool_specs"][0]["container_spec"]["args"]
    assert args[6:8] == ["{{$.json_escape[1]}}", "x {{$.inputs.parameters['run-id'].json_escape[1]}}"]


# ---------------------------------------------------------------- values on their way into Hydra

JOBS = """\
accelerators: {job: {machine: n1-standard-4, nodes: 2}}
defaults: {accelerator: job}
images: {app:"""


@cache
def jobs() -> dict[str, Step]:
    """The pipeline of the transport tests, each of whose steps is a CustomJob."""
    text = (HERE / "pipeline.yaml").read_text("utf-8").replace("images: {app:", JOBS)
    result = compile_text(text, "vertex", folder=HERE)
    assert result.compiled is not None, result.shown
    return by_name(steps(json.loads(result.compiled.text)))


def wrong(cases: list[Case], how: Any = read) -> list[str]:
    return list(_wrong(cases, how))


def _wrong(cases: list[Case], how: Any) -> Iterator[str]:
    for case in cases:
        seen = how(tuple(custom_job(jobs()[case.step].start(case.values))))
        if not is_exact(seen, case):
            yield f"{case.kind}: {str(case.values)[:300]} became {str(seen)[-600:]}"


def test_every_step_is_a_job() -> None:
    assert {step.words[3] for step in jobs().values()} == {
        "google_cloud_pipeline_components.container.v1.custom_job.launcher"
    }


def test_every_value_arrives_exactly_in_a_real_application() -> None:
    assert len(SINGLE) > 200
    assert wrong(SINGLE, run) == []


def test_gathered_and_many_values_arrive_exactly() -> None:
    assert wrong([*LISTS, *SMALL, *LARGE]) == []


def test_without_the_escape_values_would_break_the_payload() -> None:
    """The corpus can tell: many a text is no JSON as it stands."""
    case = single("STRING", 'say "x"')
    task = jobs()[case.step].start(case.values)
    bare = tuple(unescaped(word) for word in task.words)
    with pytest.raises(json.JSONDecodeError):
        custom_job(type(task)(bare, task.component, task.parameters))


@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_any_text_arrives_exactly(text: str) -> None:
    assert wrong([single("STRING", text)]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, max_size=4), st.dictionaries(TEXT, JSON, max_size=4))
def test_any_json_arrives_exactly(values: list[Any], entries: dict[str, Any]) -> None:
    assert wrong([single("LIST", values), single("STRUCT", entries)]) == []
