"""What a machine profile becomes on each target: an `Accelerator` enters, `ResourceSpec` leaves.

The machine table is `machines.json` beside this file: Vertex AI's training machines with vCPUs, memory and the exact
GPU counts (Google's documentation, read 2026-11-20), and the AcceleratorType enum of its API (v1, revision 20261106).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from hpc.compiler.ir import AcceleratorConfig, Resources
from hpc.compiler.targets import Target
from hpc.components.fields import cpus, in_bytes, split_size
from hpc.spec.model import Accelerator

# A container step of Vertex AI takes no more than this: "Specify machine types for a pipeline step", 2026-11-20.
LARGEST_STEP_CPU = 96
LARGEST_STEP_MEMORY = 624_000_000_000

_IR_UNITS = {"MB": "M", "GB": "G", "MiB": "Mi", "GiB": "Gi"}
_SMALLER = {"GB": ("MB", 1000), "GiB": ("MiB", 1024)}


@cache
def machine_table() -> dict[str, Any]:
    """`machines`: type -> {cpu, memory_gb, gpu: {name: counts}}; `accelerators`: API name -> its facts."""
    return json.loads((Path(__file__).parent / "machines.json").read_text(encoding="utf-8"))


@cache
def gpu_names() -> dict[str, str]:
    """Short name, as the language writes it, to the API's name: T4 -> NVIDIA_TESLA_T4, H100 -> NVIDIA_H100_80GB."""
    names = [name for name, facts in machine_table()["accelerators"].items() if facts["kind"] == "gpu"]
    short = {name.removeprefix("NVIDIA_").removeprefix("TESLA_"): name for name in names}
    return {**short, **{alias: f"NVIDIA_{full}" for alias, full in _ALIASES.items()}}


_ALIASES = {"H100": "H100_80GB", "H100_MEGA": "H100_MEGA_80GB", "H200": "H200_141GB"}


def resources(accelerator: Accelerator | None, target: Target) -> Resources | None:
    """Limits, requests and GPUs of a container; None where nothing is asked for."""
    if accelerator is None:
        return None
    cpu, memory = _cpu_and_memory(accelerator, target)
    requests = accelerator.requests if not target.machines else None
    found = Resources(
        **_cpu("limit", cpu),
        **_memory("limit", memory),
        **_cpu("request", requests.cpu if requests else None),
        **_memory("request", requests.memory if requests else None),
        accelerator=_gpus(accelerator, target),
    )
    return found if found != Resources() else None


def limits_of_machine(accelerator: Accelerator) -> tuple[str, str, bool] | None:
    """CPUs and memory written for a step on a machine, and whether they are cut to what a step can have.

    What the profile says beside `machine`, else all that the machine has. None if the machine is not in the table.
    """
    machine = machine_table()["machines"].get(accelerator.machine)
    if machine is None:
        return None
    cpu = accelerator.cpu or str(machine["cpu"])
    memory = accelerator.memory or f"{machine['memory_gb']:g}GB"
    most_cpu, most_memory = str(LARGEST_STEP_CPU), f"{LARGEST_STEP_MEMORY / 10**9:g}GB"
    few, little = cpus(cpu) <= LARGEST_STEP_CPU, in_bytes(memory) <= LARGEST_STEP_MEMORY
    return cpu if few else most_cpu, memory if little else most_memory, not (few and little)


def _cpu_and_memory(accelerator: Accelerator, target: Target) -> tuple[str | None, str | None]:
    limits = limits_of_machine(accelerator) if target.machines else None
    return limits[:2] if limits else (accelerator.cpu, accelerator.memory)


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


def _gpus(accelerator: Accelerator, target: Target) -> AcceleratorConfig | None:
    if accelerator.gpu is None or not target.takes_gpus:
        return None
    name = target.gpu_resource or gpu_names().get(accelerator.gpu, accelerator.gpu)
    count = str(accelerator.count or 1)
    return AcceleratorConfig(name, count, name, count)
