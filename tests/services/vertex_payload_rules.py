"""What the steps must fulfil that Google's launcher runs: a spec enters, complaints leave.

Such a step hands a resource of the API to the launcher as JSON text with placeholders in it. These are replaced as for
a run: by the constants of the task, else the defaults of its component, else by a sample of the type; what was told to
be escaped gets a sample that needs it. The text must then be JSON that reads strictly as the resource's proto.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from vertex_errors import ApiError
from vertex_executor_rules import environment_complaints
from vertex_protos import parse

Json = Mapping[str, Any]

_LAUNCHER = "gcr.io/ml-pipeline/google-cloud-pipeline-components:"
_TYPES = ("CustomJob", "HyperparameterTuningJob")
_DISK = (100, 64_000)
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]*@([a-z0-9-]+\.)+gserviceaccount\.com")
PLACEHOLDER = re.compile(r"\{\{\$(?P<what>.*?)(?P<escape>\.json_escape\[[01]\])?\}\}")
_INPUT = re.compile(r"\.inputs\.parameters\['([^']*)'\]")
_ARTIFACT = re.compile(r"\.inputs\.artifacts\['([^']*)'\](\.(path|uri|name|metadata\['[^']+'\]))?")
_OUTPUT = re.compile(
    r"\.outputs\.(parameters\['(?P<parameter>[^']*)'\]\.output_file"
    r"|artifacts\['(?P<artifact>[^']*)'\](\.(path|uri|name|metadata\['[^']+'\]))?|output_file)"
)
_RUN = re.compile(
    r"|\.pipeline_(job_name|job_resource_name|job_uuid|task_name|task_uuid|root|job_create_time_utc"
    r"|job_schedule_time_utc|google_cloud_project_id|google_cloud_location|service_account|network"
    r"|persistent_resource_id|encryption_key_name)"
)
AWKWARD = 'it\'s "so" \\ and\nso {{x}} ü'
_POOL = {
    "machine_spec": {"machine_type": "n1-standard-4"},
    "replica_count": 1,
    "container_spec": {"image_uri": "image"},
}
_SAMPLES_BY_NAME: dict[str, object] = {
    "worker_pool_specs": [_POOL],
    "study_spec_metrics": [{"metric_id": "accuracy", "goal": 1}],
    "study_spec_parameters": [{"parameter_id": "lr", "double_value_spec": {"min_value": 0, "max_value": 1}}],
}
_SAMPLES: dict[str, object] = {
    "STRING": "value",
    "NUMBER_INTEGER": 2,
    "NUMBER_DOUBLE": 0.5,
    "BOOLEAN": True,
    "LIST": [AWKWARD],
    "STRUCT": {"key": AWKWARD},
}
_OF_A_RUN = {
    ".pipeline_service_account": "123456789012-compute@developer.gserviceaccount.com",
    ".pipeline_google_cloud_location": "us-central1",
    ".pipeline_google_cloud_project_id": "ml-dev",
    ".pipeline_network": "",
    ".pipeline_persistent_resource_id": "",
    ".pipeline_encryption_key_name": "",
}
_NOTHING = {"LIST": "[]", "STRUCT": "{}"}


def payload_complaints(spec: Json, parameters: Json) -> Iterator[str]:
    """`parameters` are the values that the pipeline's inputs are given."""
    for name, component in spec.get("components", {}).items():
        yield from _placeholders(name, component, _executor(spec, component).get("container", {}))
    declared: Json = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    given = {key: parameters.get(key, one.get("defaultValue")) for key, one in declared.items()}
    yield from _launches(spec, spec["root"], given)


def _executor(spec: Json, component: Json) -> Json:
    return spec["deploymentSpec"].get("executors", {}).get(component.get("executorLabel", ""), {})


# ---- placeholders


def _placeholders(name: str, component: Json, container: Json) -> Iterator[str]:
    """Every placeholder of a command line names something that is there."""
    for text in (*container.get("command", []), *container.get("args", [])):
        for match in PLACEHOLDER.finditer(text):
            if not _is_known(match["what"], component):
                yield f"components[{name!r}]: the placeholder {match[0]} cannot be resolved."


def _is_known(what: str, component: Json) -> bool:
    inputs: Json = component.get("inputDefinitions", {})
    if match := _INPUT.fullmatch(what):
        return match[1] in inputs.get("parameters", {})
    if match := _ARTIFACT.fullmatch(what):
        return match[1] in inputs.get("artifacts", {})
    if match := _OUTPUT.fullmatch(what):
        outputs: Json = component.get("outputDefinitions", {})
        is_parameter = match["parameter"] is None or match["parameter"] in outputs.get("parameters", {})
        return is_parameter and (match["artifact"] is None or match["artifact"] in outputs.get("artifacts", {}))
    return _RUN.fullmatch(what) is not None


# ---- values of a run


def _launches(spec: Json, around: Json, values: Json) -> Iterator[str]:
    """The complaints of every task in a DAG, and in those below, that the launcher runs."""
    for key, task in around["dag"].get("tasks", {}).items():
        component: Json = spec["components"][task["componentRef"]["name"]]
        own = _values(component, task, values)
        if "dag" in component:
            yield from _launches(spec, component, own)
        container: Json = _executor(spec, component).get("container", {})
        if container.get("image", "").startswith(_LAUNCHER):
            yield from _launch(f"The task {key!r}", container, _Inputs(component, own))


def _values(component: Json, task: Json, around: Json) -> dict[str, object]:
    """Values of the component's inputs, given those around; None for optional ones without any."""
    declared: Json = component.get("inputDefinitions", {}).get("parameters", {})
    bound: Json = task.get("inputs", {}).get("parameters", {})
    return {key: _value(key, one, bound.get(key, {}), around) for key, one in declared.items()}


def _value(key: str, declared: Json, source: Json, around: Json) -> object:
    constant = source.get("runtimeValue", {}).get("constant")
    if constant is not None:
        return constant
    if source and "componentInputParameter" not in source:
        return _sample(key, declared)
    value = around.get(source.get("componentInputParameter", ""))
    if value is None:
        value = declared.get("defaultValue")
    return _sample(key, declared) if value is None and not declared.get("isOptional") else value


def _sample(key: str, declared: Json) -> object:
    return _SAMPLES_BY_NAME.get(key, _SAMPLES.get(declared.get("parameterType", "STRING"), "value"))


class _Inputs:
    """The inputs of a task: their values, None for those without any."""

    def __init__(self, component: Json, values: Mapping[str, object]) -> None:
        self.declared: Json = component.get("inputDefinitions", {}).get("parameters", {})
        self.values = values

    def text(self, name: str, is_escaped: bool) -> str:
        """What stands for an input in a text. A list or object without a value is empty, as Google's own ops need."""
        value = self.values.get(name)
        if value is None:
            return _NOTHING.get(self.declared[name]["parameterType"], "")
        if isinstance(value, str):
            return AWKWARD if is_escaped and value == _SAMPLES["STRING"] else value
        return json.dumps(_plain(value))


def replaced(text: str, inputs: _Inputs) -> str:
    """A text as a run sees it; values with placeholders in them are replaced once more."""
    once = PLACEHOLDER.sub(lambda match: _replacement(match, inputs), text)
    return PLACEHOLDER.sub(lambda match: _replacement(match, inputs), once)


def _replacement(match: re.Match[str], inputs: _Inputs) -> str:
    found = _INPUT.fullmatch(match["what"])
    is_escaped = (match["escape"] or "").endswith("[1]")
    text = inputs.text(found[1], is_escaped) if found else _OF_A_RUN.get(match["what"], "sample")
    return json.dumps(text)[1:-1] if is_escaped else text


def _plain(value: Any) -> Any:
    """Numbers that the proto made floating are integers again, as the service writes them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in cast(Json, value).items()}
    if isinstance(value, list):
        return [_plain(one) for one in cast(Sequence[Any], value)]
    return value


def _argument(text: str, inputs: _Inputs) -> str:
    """An argument, with the presence and concatenation that stand in it as JSON."""
    if re.match(r'\s*\{\s*"(Concat|IfPresent)"', text):
        return _structured(json.loads(text), inputs)
    return replaced(text, inputs)


def _structured(node: Any, inputs: _Inputs) -> str:
    if isinstance(node, str):
        return replaced(node, inputs)
    if isinstance(node, list):
        return "".join(_structured(one, inputs) for one in cast(Sequence[Any], node))
    if "Concat" in node:
        return _structured(node["Concat"], inputs)
    present: Json = node["IfPresent"]
    is_there = inputs.values.get(present["InputName"]) is not None
    return _structured(present.get("Then" if is_there else "Else", ""), inputs)


# ---- payloads


def _launch(where: str, container: Json, inputs: _Inputs) -> Iterator[str]:
    args = [_argument(one, inputs) for one in container.get("args", [])]
    kind = _option(args, "--type")
    if kind not in _TYPES:
        return
    for option in ("--payload", "--project", "--location", "--gcp_resources"):
        if not _option(args, option):
            yield f"{where}: the launcher needs {option}."
    yield from _payload(f"{where}: the {kind}", kind, _option(args, "--payload"))


def _option(args: Sequence[str], name: str) -> str:
    return args[args.index(name) + 1] if name in args[:-1] else ""


def _payload(where: str, kind: str, text: str) -> Iterator[str]:
    try:
        resource = parse("v1", kind, without_empty(json.loads(text)))
    except ValueError as error:
        yield f"{where} is not JSON: {error}: {text}"
    except ApiError as error:
        yield f"{where} is not one: {error.message}"
    else:
        check: dict[str, Callable[[str, Json], Iterator[str]]] = {"CustomJob": _custom_job}
        yield from check.get(kind, _tuning_job)(where, resource)


def without_empty(value: Any) -> Any:
    """As the launcher does before it sends: entries of objects that are empty are left out, however deep."""
    if isinstance(value, list):
        return [one for one in map(without_empty, cast(Sequence[Any], value)) if one not in ([], {}, None)]
    if isinstance(value, dict):
        inner = {key: without_empty(one) for key, one in cast(Json, value).items()}
        return {key: one for key, one in inner.items() if one}
    return value


def _custom_job(where: str, job: Json) -> Iterator[str]:
    if not job.get("displayName"):
        yield f"{where}: display_name: Required field is not set."
    yield from _job_spec(where, job.get("jobSpec", {}))


def _tuning_job(where: str, job: Json) -> Iterator[str]:
    study: Json = job.get("studySpec", {})
    if not job.get("displayName"):
        yield f"{where}: display_name: Required field is not set."
    if not study.get("metrics") or any(not one.get("metricId") or not one.get("goal") for one in study["metrics"]):
        yield f"{where}: study_spec.metrics: each needs metric_id and goal, and one is needed."
    if not study.get("parameters"):
        yield f"{where}: study_spec.parameters: Required field is not set."
    for one in study.get("parameters", []):
        yield from _tuned(where, one)
    most, parallel = job.get("maxTrialCount", 0), job.get("parallelTrialCount", 0)
    if not 1 <= parallel <= most:
        yield f"{where}: parallel_trial_count ({parallel}) must be from 1 to max_trial_count ({most})."
    yield from _job_spec(where, job.get("trialJobSpec", {}))


def _tuned(where: str, parameter: Json) -> Iterator[str]:
    name = parameter.get("parameterId", "")
    kinds = [key for key in parameter if key.endswith("ValueSpec")]
    if not name or len(kinds) != 1:
        yield f"{where}: study_spec.parameters: {name!r} needs a name and one kind of values."
        return
    span: Json = parameter[kinds[0]]
    if kinds[0] in ("doubleValueSpec", "integerValueSpec"):
        if not float(span.get("minValue", 0)) < float(span.get("maxValue", 0)):
            yield f"{where}: study_spec.parameters: {name!r} must have min_value below max_value."
    elif not span.get("values"):
        yield f"{where}: study_spec.parameters: {name!r} has no values."


def _job_spec(where: str, spec: Json) -> Iterator[str]:
    pools: Sequence[Json] = spec.get("workerPoolSpecs", [])
    if not 1 <= len(pools) <= 4:
        yield f"{where}: worker_pool_specs: from 1 to 4 are needed, there are {len(pools)}."
    elif pools[0].get("replicaCount") != "1":
        yield f"{where}: worker_pool_specs[0].replica_count must be 1."
    for index, pool in enumerate(pools):
        if pool:  # one of no workers holds the place of a role
            yield from _pool(f"{where}: worker_pool_specs[{index}]", pool)
    if spec.get("network") and spec.get("pscInterfaceConfig"):
        yield f"{where}: network and psc_interface_config cannot be set at the same time."
    if spec.get("serviceAccount") and not _ACCOUNT.fullmatch(spec["serviceAccount"]):
        yield f"{where}: service_account: {spec['serviceAccount']!r} is not the e-mail address of a service account."


def _pool(where: str, pool: Json) -> Iterator[str]:
    machine: Json = pool.get("machineSpec", {})
    if not machine.get("machineType"):
        yield f"{where}.machine_spec.machine_type: Required field is not set."
    if ("acceleratorType" in machine) != ("acceleratorCount" in machine):
        yield f"{where}.machine_spec: accelerator_type and accelerator_count must be set together."
    if not pool.get("replicaCount"):
        yield f"{where}.replica_count must be at least 1."
    container: Json = pool.get("containerSpec", {})
    if not container.get("imageUri") and "pythonPackageSpec" not in pool:
        yield f"{where}.container_spec.image_uri: Required field is not set."
    yield from environment_complaints(f"{where}.container_spec", container.get("env", []))
    size = pool.get("diskSpec", {}).get("bootDiskSizeGb", _DISK[0])
    if not _DISK[0] <= size <= _DISK[1]:
        yield f"{where}.disk_spec.boot_disk_size_gb: {size} is not from {_DISK[0]} to {_DISK[1]}."
