"""Vertex AI's machines as data: which there are, how large, with which GPUs and TPUs, and where.

The shipped table is `machines.json` beside this file (Google's documentation, read 2026-11-20; the AcceleratorType enum
of the API, v1, revision 20261106). A pipeline file may lay a table of its own over it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

Facts = Mapping[str, Mapping[str, Any]]

DEFAULT_MACHINE = "e2-standard-4"
"""What a step of Vertex AI Pipelines runs on if it asks for nothing ("Machine types", 2026-11-20)."""
DEFAULT_DISK = "pd-ssd"

_ALIASES = {"H100": "H100_80GB", "H100_MEGA": "H100_MEGA_80GB", "H200": "H200_141GB"}
# The one family whose machines stand alone and take GPUs; all others with GPUs bring a fixed number of one kind.
_ATTACHABLE = "n1"


@dataclass(frozen=True)
class MachineTable:
    """`machines`: type -> {cpu, memory_gb, gpu: {API name: counts}, boot_disk}; `tpu_machines`: type -> {generation,
    chips, cpu, memory_gb, topologies: {topology: machines}} or {accelerators, counts}; `accelerators`: API name ->
    {number, kind, regions}. Memory is in Google's GB, which are 2^30 bytes. `version` is the day of the table.
    """

    version: str
    accelerators: Facts
    machines: Facts
    tpu_machines: Facts
    regions: Sequence[str]

    @cached_property
    def gpu_names(self) -> Mapping[str, str]:
        """Short name, as the language writes it, to the API's: T4 -> NVIDIA_TESLA_T4, H100 -> NVIDIA_H100_80GB."""
        names = [name for name, facts in self.accelerators.items() if facts["kind"] == "gpu"]
        short = {name.removeprefix("NVIDIA_").removeprefix("TESLA_"): name for name in names}
        return {**short, **{alias: f"NVIDIA_{full}" for alias, full in _ALIASES.items()}}

    @cached_property
    def tpus(self) -> list[str]:
        """The TPUs that there are machines for, as the language writes them."""
        return sorted({tpu for machine in self.tpu_machines for tpu in self.tpus_of(machine)})

    def size(self, machine: str) -> Mapping[str, Any]:
        """What is known of a machine; nothing of one that the table lacks."""
        return self.machines.get(machine) or self.tpu_machines.get(machine) or {}

    def counts(self, machine: str, gpu: str) -> Sequence[int]:
        """How many of a GPU, by its API name, a machine can have."""
        return self.machines.get(machine, {}).get("gpu", {}).get(gpu, ())

    def offered_counts(self, gpu: str) -> list[int]:
        return sorted({count for machine in self.machines for count in self.counts(machine, gpu)})

    def having(self, gpu: str) -> list[str]:
        return [machine for machine in self.machines if self.counts(machine, gpu)]

    def short(self, gpu: str) -> str:
        """The shortest name of the language for a name of the API."""
        return min((short for short, name in self.gpu_names.items() if name == gpu), key=len)

    def shorts(self, machine: str) -> list[str]:
        return [self.short(gpu) for gpu in self.machines.get(machine, {}).get("gpu", {})]

    def brings(self, machine: str) -> bool:
        """Whether the machine always has GPUs, of one kind and one number."""
        counts = list(self.machines.get(machine, {}).get("gpu", {}).values())
        return [len(one) for one in counts] == [1] and not self.takes_any(machine)

    def brought(self, machine: str) -> tuple[str, int]:
        """The one GPU of a machine that brings it, and how many."""
        [(gpu, [count])] = self.machines[machine]["gpu"].items()
        return self.short(gpu), count

    def takes_any(self, machine: str) -> bool:
        """Whether GPUs can be attached to the machine."""
        return family(machine) == _ATTACHABLE

    def tpus_of(self, machine: str) -> list[str]:
        facts = self.tpu_machines[machine]
        named = [name.removeprefix("TPU_").lower() for name in facts.get("accelerators", ())]
        return named or [facts["generation"]]

    def topologies(self, machine: str) -> Mapping[str, int]:
        """How many machines each topology of a TPU machine is made of; nothing for those that count chips."""
        return self.tpu_machines.get(machine, {}).get("topologies", {})

    def boot_disk(self, machine: str) -> str:
        """The type of boot disk that a machine gets if nothing else is said."""
        return self.machines.get(machine, {}).get("boot_disk", DEFAULT_DISK)


def family(machine: str) -> str:
    return machine.partition("-")[0]


def series(machine: str) -> str:
    return re.sub(r"-[0-9]+[a-z]*\Z", "", machine)


@cache
def shipped() -> MachineTable:
    """The table that comes with hpc."""
    return MachineTable(**json.loads((Path(__file__).parent / "machines.json").read_text(encoding="utf-8")))
