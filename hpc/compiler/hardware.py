"""What a machine profile becomes on each target: an `Accelerator` enters; the resources of a container leave, or the
machines of a CustomJob.

On Vertex AI a container step has CPUs, memory and GPUs, and the platform chooses the machine. Whoever asks for more (a
machine type, several nodes, spot machines, a disk, TPUs, a time limit, anything of `vertex:`) gets a CustomJob.
Language, section 5.17.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpc.compiler.graph import Settings
from hpc.compiler.ir import AcceleratorConfig, Resources
from hpc.compiler.machines import DEFAULT_MACHINE, MachineTable, family
from hpc.compiler.targets import Target
from hpc.components.fields import cpus, in_bytes, split_size
from hpc.components.vertex import VertexExtras
from hpc.diagnostics import Path
from hpc.spec.model import Accelerator

# A container step of Vertex AI takes no more than this: "Specify machine types for a pipeline step", 2026-11-20.
LARGEST_STEP_CPU = 96
LARGEST_STEP_MEMORY = 624_000_000_000

_IR_UNITS = {"MB": "M", "GB": "G", "MiB": "Mi", "GiB": "Gi"}
_SMALLER = {"GB": ("MB", 1000), "GiB": ("MiB", 1024)}

# ---------------------------------------------------------------- containers


def resources(accelerator: Accelerator | None, target: Target, machines: MachineTable) -> Resources | None:
    """Limits, requests and GPUs of a container; None where nothing is asked for."""
    if accelerator is None:
        return None
    requests = accelerator.requests if target.requests else None
    found = Resources(
        **_cpu("limit", accelerator.cpu),
        **_memory("limit", accelerator.memory),
        **_cpu("request", requests.cpu if requests else None),
        **_memory("request", requests.memory if requests else None),
        accelerator=_gpus(accelerator, target, machines),
    )
    return found if found != Resources() else None


def _cpu(kind: str, cpu: str | None) -> dict[str, Any]:
    if cpu is None:
        return {}
    thousandths = round(cpus(cpu) * 1000)
    text = str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"
    return {f"cpu_{kind}": thousandths / 1000, f"resource_cpu_{kind}": text}


def _memory(kind: str, size: str | None) -> dict[str, Any]:
    if size is None:
        return {}
    number, unit = split_size(size)
    if number != int(number) and unit in _SMALLER:
        smaller, factor = _SMALLER[unit]
        number, unit = number * factor, smaller
    return {
        f"memory_{kind}": in_bytes(size) / 10**9,
        f"resource_memory_{kind}": f"{round(number)}{_IR_UNITS[unit]}",
    }


def _gpus(accelerator: Accelerator, target: Target, machines: MachineTable) -> AcceleratorConfig | None:
    if accelerator.gpu is None or not target.takes_gpus:
        return None
    name = target.gpu_resource or machines.gpu_names.get(accelerator.gpu, accelerator.gpu)
    count = str(accelerator.count or 1)
    return AcceleratorConfig(name, count, name, count)


# ---------------------------------------------------------------- CustomJobs


def runs_as_job(settings: Settings, target: Target) -> bool:
    """Whether a step that runs like this is a CustomJob on the target."""
    return target.makes_jobs and bool(job_keys(settings))


def job_keys(settings: Settings) -> Mapping[str, Path]:
    """The keys that only a CustomJob can heed, with the places where they are written."""
    accelerator, path = settings.accelerator, settings.accelerator_path
    keys = {key: (*path, key) for key in _beyond_a_step(accelerator)} if accelerator else {}
    return {**keys, "timeout": settings.timeout_path} if settings.timeout_path else keys


def extras_of(accelerator: Accelerator | None) -> VertexExtras:
    """What a profile says under `vertex:`; without a profile or that key, fields that nobody has set."""
    return (accelerator.vertex if accelerator else None) or VertexExtras.model_construct()


def _beyond_a_step(accelerator: Accelerator) -> Iterator[str]:
    asked = {
        "machine": accelerator.machine,
        "nodes": accelerator.nodes > 1,
        "spot": accelerator.spot,
        "disk": accelerator.disk,
        "tpu": accelerator.tpu,
        "vertex": extras_of(accelerator).model_fields_set,
    }
    return (key for key, value in asked.items() if value)


@dataclass(frozen=True)
class Hardware:
    """The machines of a CustomJob. `accelerator` is the API's name of the GPU or TPU, empty if there is none or the
    machine's name and `topology` say it; disks have whole GB.
    """

    machine: str
    nodes: int = 1
    accelerator: str = ""
    count: int = 0
    topology: str = ""
    disk_type: str = ""
    disk_gb: int = 0


LONGEST_JOB = "604800s"
"""How long a job may run if nothing is said: seven days, which is also the longest that a task may."""

SMALLEST_DISK_GB = 100
"""What a machine has if nothing is said, and the least that it can have ("Configure compute resources", 2026-11)."""


def hardware(accelerator: Accelerator | None, machines: MachineTable) -> Hardware:
    """The machines of a CustomJob for this profile, which the checks have let pass."""
    accelerator = accelerator or Accelerator.model_construct()
    machine = accelerator.machine or chosen_machine(accelerator, machines) or DEFAULT_MACHINE
    name, count = _attached(accelerator, machine, machines)
    disk_type, disk_gb = _boot_disk(accelerator, machine, machines)
    return Hardware(
        machine=machine,
        nodes=accelerator.nodes,
        accelerator=name,
        count=count,
        topology=topology(accelerator, machine, machines),
        disk_type=disk_type,
        disk_gb=disk_gb,
    )


def _attached(accelerator: Accelerator, machine: str, machines: MachineTable) -> tuple[str, int]:
    if accelerator.gpu:
        return machines.gpu_names.get(accelerator.gpu, accelerator.gpu), accelerator.count or 1
    if accelerator.tpu and not machines.topologies(machine):
        return f"TPU_{accelerator.tpu.upper()}", accelerator.count or 1
    return "", 0


def topology(accelerator: Accelerator, machine: str, machines: MachineTable) -> str:
    """How the chips of a TPU machine are laid out: what is said, else one machine alone; empty for any other."""
    said = extras_of(accelerator).tpu_topology
    alone = (name for name, count in machines.topologies(machine).items() if count == 1)
    return said or next(alone, "")


def _boot_disk(accelerator: Accelerator, machine: str, machines: MachineTable) -> tuple[str, int]:
    """TPU machines have disks of other kinds, so theirs are left to the platform unless something is said."""
    said = extras_of(accelerator).boot_disk_type
    if machine in machines.tpu_machines and not (said or accelerator.disk):
        return "", 0
    size = math.ceil(google_gb(accelerator.disk)) if accelerator.disk else SMALLEST_DISK_GB
    return said or machines.boot_disk(machine), size


def google_gb(size: str) -> float:
    """A size in Google's GB, which are 2^30 bytes for machines: `15GB` and `15GiB` both ask for 15 of them."""
    return in_bytes(size) / (2**30 if size.endswith("iB") else 10**9)


# ---------------------------------------------------------------- a machine that fits

# Cheap and plentiful ones first; those that come last are only taken where nothing else is large enough.
_FAMILIES = ("e2", "n2", "n1", "c2", "m1")


def chosen_machine(accelerator: Accelerator, machines: MachineTable) -> str | None:
    """The smallest machine that has what a profile without `machine` asks for; None if there is none.

    Without `cpu` and `memory` it is no smaller than what a step of Vertex AI gets by itself.
    """
    if accelerator.tpu:
        return _tpu_machine(accelerator, machines)
    fitting = [name for name in machines.machines if _fits(accelerator, name, machines)]
    if not accelerator.gpu:
        families = [one for one in _FAMILIES if any(family(name) == one for name in fitting)]
        fitting = [name for name in fitting if family(name) in families[:1]]
    return min(fitting, key=lambda name: (machines.size(name)["cpu"], machines.size(name)["memory_gb"]), default=None)


def _fits(accelerator: Accelerator, name: str, machines: MachineTable) -> bool:
    usual = machines.size("n1-standard-4") or machines.size(DEFAULT_MACHINE)
    if not _is_large_enough(accelerator, machines.size(name), usual):
        return False
    if not accelerator.gpu:
        return not machines.brings(name)
    gpu = machines.gpu_names.get(accelerator.gpu, accelerator.gpu)
    return (accelerator.count or 1) in machines.counts(name, gpu)


def _is_large_enough(accelerator: Accelerator, size: Mapping[str, Any], usual: Mapping[str, Any]) -> bool:
    """Whether a machine has the CPUs and memory asked for, or the usual ones; what is not known of it is enough."""
    cpu = cpus(accelerator.cpu) if accelerator.cpu else usual.get("cpu", 0)
    memory = google_gb(accelerator.memory) if accelerator.memory else usual.get("memory_gb", 0)
    return size.get("cpu", cpu) >= cpu and size.get("memory_gb", memory) >= memory


def _tpu_machine(accelerator: Accelerator, machines: MachineTable) -> str | None:
    """The one with that topology, of those with as few machines as possible; else the one with that many chips."""
    having = [
        name
        for name, size in machines.tpu_machines.items()
        if accelerator.tpu in machines.tpus_of(name) and _is_large_enough(accelerator, size, {})
    ]
    said = extras_of(accelerator).tpu_topology
    if said:
        laid_out = {name: counts[said] for name in having if said in (counts := machines.topologies(name))}
        return min(laid_out, key=lambda name: laid_out[name], default=None)
    chips = {name: machines.size(name).get("chips", accelerator.count or 1) for name in having}
    wanted = accelerator.count or min(chips.values(), default=0)
    return next((name for name, count in chips.items() if count == wanted), None)
