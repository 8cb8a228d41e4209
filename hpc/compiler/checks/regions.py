"""Regions of Vertex AI that lack a GPU or TPU, or that hpc does not know. Only when compiling for Vertex AI.

Always warnings: Google's lists are those of training quotas, they change, and a quota of zero can be raised.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import Graph
from hpc.compiler.hardware import gpu_names, machine_table
from hpc.compiler.targets import Target
from hpc.components.types import nearest
from hpc.diagnostics import Diagnostic, Place, Rule
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
    if region is None or not target.machines:
        return
    if region not in machine_table()["regions"]:
        near = nearest(region, machine_table()["regions"])
        fact = f"hpc knows no region `{region}` of Vertex AI (Google's list of {machine_table()['version']})."
        fix = f"did you mean `{near}`?" if near else "make sure that the name is right."
        yield Diagnostic(NOT_IN_REGION, Place(("targets", "vertex", "region")), fact, fix)
        return
    for name, accelerator in graph.pipeline.accelerators.items():
        yield from _device(name, accelerator, region)


def _device(name: str, accelerator: Accelerator, region: str) -> Iterator[Diagnostic]:
    key, device = ("gpu", accelerator.gpu) if accelerator.gpu else ("tpu", accelerator.tpu)
    api_name = gpu_names().get(device or "") if key == "gpu" else f"TPU_{(device or '').upper()}"
    regions = machine_table()["accelerators"].get(api_name, {}).get("regions", [])
    if regions and region not in regions:
        title = device if key == "gpu" else f"TPU {device}"
        fact = f"region `{region}` has no {title} for training (Google's list of {machine_table()['version']})."
        fix = f"{title} is in: {', '.join(regions)}."
        yield Diagnostic(NOT_IN_REGION, Place(("accelerators", name, key)), fact, fix)
