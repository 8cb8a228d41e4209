"""The pipeline is not called like one of its steps. Language, section 5.15.

The KFP SDK decides by name what a file is: one with an executor `exec-<name of the pipeline>` is loaded as that single
component (kfp 2.17, `load_component_from_file`).
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Place, Rule

LIKE_A_STEP = Rule(
    "HPC214",
    "pipeline named like one of its steps",
    "The KFP SDK would load the compiled file as that one step, and the rest of the pipeline would be gone.",
    "Rename the pipeline.",
)
RULES = (LIKE_A_STEP,)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    name = graph.pipeline.name
    for step in graph.all_steps:
        if name in (step.key, step.spec_name):
            what = f"step `{step.name}`" if name == step.key else f"component `{step.component_name}`"
            fact = f"the pipeline is called like its {what}: the KFP SDK would load the file as that one component."
            yield Diagnostic(LIKE_A_STEP, Place(("name",)), fact, f"rename it, e.g. `name: {name[:54]}-pipeline`.")
            return
