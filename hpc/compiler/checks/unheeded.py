"""What the file says and this version reads without effect: it is said, so that nobody relies on it."""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Place, Rule

NO_EFFECT_YET = Rule(
    "HPC110",
    "read, without effect in this version",
    "The language gives this a meaning outside the compiled file that this version of hpc does not serve yet.",
    "Nothing needs to change; a newer hpc will heed it.",
    severity="note",
)
RULES = (NO_EFFECT_YET,)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    if graph.pipeline.labels:
        fact = "`labels` are for a submission that this version does not do."
        yield Diagnostic(NO_EFFECT_YET, Place(("labels",), on="key"), fact, "label the run where you submit it.")
    if graph.pipeline.schedule:
        fact = "`schedule` is not applied by any command yet."
        yield Diagnostic(NO_EFFECT_YET, Place(("schedule",), on="key"), fact, "set up the schedule on the target.")
