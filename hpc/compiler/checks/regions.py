"""Regions of Vertex AI that lack a GPU or TPU, or that hpc does not know. Only when compiling for Vertex AI.

Always warnings: Google's lists are those of training quotas, they change, and a quota of zero can be raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hpc.compiler.graph import Graph
from hpc.compiler.machines import MachineTable
from hpc.compiler.mentions import profiles
from hpc.compiler.targets import Target
from hpc.components.types import nearest
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.model import Accelerator

NOT_IN_REGION = Rule(
    "HPC506",
    "not in this region",
    "Not every region has every GPU; a job that asks for one that its region lacks waits or fails.",
    "Take another region or another GPU.",
    severity="warning",
)
RULES = (NOT_IN_REGION,)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    settings = graph.pipeline.targets.vertex
    region = settings.region if settings else None
    if region is None or not target.makes_jobs:
        return
    machines = graph.machines
    if region not in machines.regions:
        near = nearest(region, machines.regions)
        fact = f"hpc knows no region `{region}` of Vertex AI (Google's list of {machines.version})."
        fix = f"did you mean `{near}`?" if near else "make sure that the name is right."
        yield Diagnostic(NOT_IN_REGION, Place(("targets", "vertex", "region")), fact, fix)
        return
    for path, accelerator in profiles(graph):
        yield from _device(path, accelerator, region, machines)


def _device(path: Path, accelerator: Accelerator, region: str, machines: MachineTable) -> Iterator[Diagnostic]:
    key, device = ("gpu", accelerator.gpu) if accelerator.gpu else ("tpu", accelerator.tpu)
    regions = _regions(accelerator, machines)
    if regions and region not in regions:
        key, title = (key, device if key == "gpu" else f"TPU {device}") if device else ("machine", accelerator.machine)
        fact = f"region `{region}` has no {title} for training (Google's list of {machines.version})."
        fix = f"{title} is in: {', '.join(regions)}."
        yield Diagnostic(NOT_IN_REGION, Place((*path, key)), fact, fix)


def _regions(accelerator: Accelerator, machines: MachineTable) -> Sequence[str]:
    """Where the profile's GPU or TPU is, or its machine; nothing if that is not known."""
    tpu = f"TPU_{(accelerator.tpu or '').upper()}"
    name = machines.gpu_names.get(accelerator.gpu, "") if accelerator.gpu else tpu
    of_machine = machines.size(accelerator.machine or "").get("regions", [])
    return machines.accelerators.get(name, {}).get("regions", []) or of_machine
