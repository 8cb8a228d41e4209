"""What the file says and this version reads without effect: it is said, so that nobody relies on it."""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler import mentions
from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.model import LocalPlace

NO_EFFECT_YET = Rule(
    "HPC110",
    "read, without effect in this version",
    "The language gives this a meaning outside the compiled file that this version of hpc does not serve yet.",
    "Nothing needs to change; a newer hpc will heed it.",
    severity="note",
)
RULES = (NO_EFFECT_YET,)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if graph.pipeline.labels:
        fact = "`labels` are for a submission that this version does not do."
        yield Diagnostic(NO_EFFECT_YET, Place(("labels",), on="key"), fact, "label the run where you submit it.")
    if target.name == "local":
        yield from _gpus(graph)
    if graph.pipeline.schedule:
        fact = "`schedule` is not applied by any command yet."
        yield Diagnostic(NO_EFFECT_YET, Place(("schedule",), on="key"), fact, "set up the schedule on the target.")


def _gpus(graph: Graph) -> Iterator[Diagnostic]:
    """`local.gpus` of the machine profiles and images that some step uses."""
    used: dict[Path, LocalPlace | None] = {path: one.local for path, one in mentions.accelerators(graph).items()}
    used |= {step.settings.image_path: step.settings.image.local for step in graph.steps}
    for path, place in used.items():
        if place and place.gpus:
            fact = "`local.gpus` reserves no GPUs yet: steps that run at the same time share those of this machine."
            fix = "run fewer steps at once, e.g. `hpc run -j 1`, if they would not fit."
            yield Diagnostic(NO_EFFECT_YET, Place((*path, "local", "gpus"), on="key"), fact, fix)
