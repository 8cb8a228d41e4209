"""Steps as CustomJobs of Vertex AI: what a container runs enters, a container that asks for the job leaves.

The container is Google's launcher, word for word as google-cloud-pipeline-components 2.22.0 writes it, because Vertex
AI starts such jobs without starting the container. The job itself is one argument, JSON in which the platform replaces
placeholders; see docs/decisions/0014-a-custom-job-is-one-argument.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hpc.compiler import ir
from hpc.compiler.hardware import LONGEST_JOB, Hardware, extras_of, hardware
from hpc.compiler.machines import MachineTable
from hpc.compiler.render import ComponentSpec
from hpc.components import placeholders
from hpc.components.fields import seconds
from hpc.components.vertex import JOB_OUTPUT, VertexExtras
from hpc.spec.model import VertexTarget

LAUNCHER_IMAGE = "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0"
LAUNCHERS = "google_cloud_pipeline_components.container.v1"
LONGEST_NAME = 128
"""The most characters of a job's display name (aiplatform v1); a longer one is refused when the step starts."""

_PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}")
_PARAMETER = re.compile(r"\.inputs\.parameters\['([^']*)'\]")
_BARE = ("NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN")

# ---------------------------------------------------------------- a launcher


def launched(kind: str, module: str, payload: str) -> ir.Container:
    """A container that has Google's launcher `module` make a resource of a kind, e.g. `CustomJob`."""
    words = ("python3", "-u", "-m", f"{LAUNCHERS}.{module}.launcher")
    args = {
        "--type": kind,
        "--payload": payload,
        "--project": placeholders.RUN["project"],
        "--location": placeholders.RUN["location"],
        "--gcp_resources": placeholders.output_file(JOB_OUTPUT),
    }
    return ir.Container(LAUNCHER_IMAGE, words, tuple(word for pair in args.items() for word in pair))


def payload_text(payload: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """A payload as JSON in which placeholders may stand inside texts.

    Whatever a placeholder brings lands between the quotes of a JSON string, so it is escaped there unless it can only
    be a number or a truth value: `inputs` tells the ParameterType of inputs by their names in the IR.
    """
    return json.dumps(_escaped(payload, inputs), ensure_ascii=False)


def parameter_types(spec: ComponentSpec) -> dict[str, str]:
    """The ParameterType of the inputs that are values, by their names in the IR."""
    return {name: one.parameter for name, (_, one) in spec.inputs.items() if not one.is_artifact}


def without_empty(value: Any) -> Any:
    """A mapping without what says nothing, as Google's launchers take it: None, false, 0 and whatever is empty."""
    entries = {key: without_empty(item) if isinstance(item, dict) else item for key, item in value.items()}
    return {key: item for key, item in entries.items() if item}


def _escaped(value: Any, inputs: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: _with_escape(found, inputs), value)
    if isinstance(value, Mapping):
        return {key: _escaped(item, inputs) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_escaped(item, inputs) for item in cast("list[Any]", value)]
    return value


def _with_escape(found: re.Match[str], inputs: Mapping[str, str]) -> str:
    inner = found[1]
    parameter = _PARAMETER.fullmatch(inner)
    if ".json_escape[" in inner or (parameter and inputs.get(parameter[1]) in _BARE):
        return found[0]
    return f"{{{{${inner}.json_escape[1]}}}}"


# ---------------------------------------------------------------- machines and what they run


def worker_pools(
    spec: ComponentSpec,
    command: Sequence[str],
    args: Sequence[str],
    env: Mapping[str, str],
    machines: MachineTable,
) -> list[dict[str, Any]]:
    """WorkerPoolSpecs in the JSON of the API: the first machine, and the others that run the same beside it.

    Placeholders stand in them as in any argument; `payload_text` makes them safe. The machines are those of the spec's
    profile, chosen if it names none.
    """
    settings = spec.settings
    found = hardware(settings.accelerator, machines)
    extras = extras_of(spec.settings.accelerator)
    container = {
        "image_uri": spec.image,
        "command": list(command),
        "args": list(args),
        "env": [{"name": name, "value": env[name]} for name in sorted(env)],
    }
    pool = {
        "machine_spec": _machine(found, extras),
        "replica_count": 1,
        "container_spec": without_empty(container),
        "disk_spec": {"boot_disk_type": found.disk_type, "boot_disk_size_gb": found.disk_gb} if found.disk_gb else {},
        "nfs_mounts": [mount.model_dump() for mount in extras.nfs_mounts],
    }
    pools = [pool, *([{**pool, "replica_count": found.nodes - 1}] if found.nodes > 1 else [])]
    return [without_empty(one) for one in pools]


def _machine(found: Hardware, extras: VertexExtras) -> dict[str, Any]:
    reservation = extras.reservation_affinity
    return {
        "machine_type": found.machine,
        "accelerator_type": found.accelerator,
        "accelerator_count": found.count,
        "tpu_topology": found.topology,
        "reservation_affinity": reservation.model_dump() if reservation else {},
    }


# ---------------------------------------------------------------- the job


def custom_job(
    name: str, spec: ComponentSpec, pools: Sequence[Mapping[str, Any]], vertex: VertexTarget | None
) -> ir.Container:
    """The container that has Google's launcher make a CustomJob of `pools`; `name` is shown where the spec has none."""
    extras = extras_of(spec.settings.accelerator)
    payload = {
        "display_name": (spec.title or name)[:LONGEST_NAME],
        "job_spec": {"worker_pool_specs": list(pools), **job_spec(spec, vertex)},
        "labels": dict(extras.labels),
        "encryption_spec": {"kms_key_name": extras.encryption_spec_key_name or placeholders.RUN_OF_JOB["kms_key"]},
    }
    return launched("CustomJob", "custom_job", payload_text(without_empty(payload), parameter_types(spec)))


def job_spec(spec: ComponentSpec, vertex: VertexTarget | None) -> dict[str, Any]:
    """CustomJobSpec but for its machines, in the order of Google's components. What is empty says nothing.

    Account, network and key are those of the run unless the profile has others, so that a step does not change them by
    asking for a machine.
    """
    extras = extras_of(spec.settings.accelerator)
    attachment = vertex.network_attachment if vertex and not extras.network else None
    return without_empty(
        {
            "scheduling": _scheduling(spec, extras),
            "service_account": extras.service_account or placeholders.RUN_OF_JOB["service_account"],
            "tensorboard": extras.tensorboard,
            "enable_web_access": extras.enable_web_access,
            "enable_dashboard_access": extras.enable_dashboard_access,
            "network": None if attachment else extras.network or placeholders.RUN_OF_JOB["network"],
            "reserved_ip_ranges": extras.reserved_ip_ranges or (vertex.reserved_ip_ranges if vertex else []),
            "base_output_directory": {"output_uri_prefix": _output_folder(extras)},
            "persistent_resource_id": extras.persistent_resource_id or placeholders.RUN_OF_JOB["persistent_resource"],
            "psc_interface_config": {"network_attachment": attachment},
        }
    )


def _scheduling(spec: ComponentSpec, extras: VertexExtras) -> dict[str, Any]:
    settings = spec.settings
    spot = settings.accelerator is not None and settings.accelerator.spot
    return {
        "timeout": f"{seconds(settings.timeout)}s" if settings.timeout else LONGEST_JOB,
        "restart_job_on_worker_restart": extras.restart_job_on_worker_restart,
        "strategy": extras.strategy or ("SPOT" if spot else "STANDARD"),
        "max_wait_duration": f"{seconds(extras.max_wait_duration)}s" if extras.max_wait_duration else None,
        "disable_retries": extras.disable_retries,
    }


def _output_folder(extras: VertexExtras) -> str | None:
    """A TensorBoard gets its logs from there, so then there is always one, a folder of the task's own."""
    own = "/".join(placeholders.RUN[name] for name in ("root", "name", "task_id"))
    return extras.base_output_directory or (own if extras.tensorboard else None)
