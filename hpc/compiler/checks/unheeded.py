"""What the file says and this version reads without effect: it is said, so that nobody relies on it."""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.components.container import ContainerComponent
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
    for name, component in graph.pipeline.components.items():
        if isinstance(component, ContainerComponent) and component.config:
            fact = f"overrides of `{name}` are not checked against `config` yet."
            place = Place(("components", name, "config"), on="key")
            yield Diagnostic(NO_EFFECT_YET, place, fact, "run the component once to see that its overrides fit.")
    if graph.pipeline.schedule:
        fact = "`schedule` is not applied by any command yet."
        yield Diagnostic(NO_EFFECT_YET, Place(("schedule",), on="key"), fact, "set up the schedule on the target.")
