"""Steps that run whatever happened and may be cache hits: the second run would skip what they are there for.

A clean-up step without inputs has the same cache key in every run. The status of a run is another one each time, so a
step that takes it is safe.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import Graph, RunsContainer, Status
from hpc.compiler.mentions import container_runs
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Place, Rule

MAY_BE_SKIPPED = Rule(
    "HPC520",
    "clean-up that a cache may skip",
    "A result of an earlier run is reused if nothing that goes in has changed; a step that cleans up or tells somebody "
    "should run every time.",
    "Write `cache: false` on the step or its component, or `cache: true` if it may be skipped.",
    severity="warning",
)
RULES = (MAY_BE_SKIPPED,)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for step in container_runs(graph):
        if step.runs_always and step.settings.cache is not False and not _is_told(step) and not _says(step):
            fact = f"`{step.written}` runs whatever happened, but what it did in an earlier run may be reused."
            place = Place(step.edge)
            yield Diagnostic(MAY_BE_SKIPPED, place, fact, f"write `cache: false` on step `{step.written}`.")


def _is_told(step: RunsContainer) -> bool:
    return any(isinstance(binding, Status) for binding in step.bindings.values())


def _says(step: RunsContainer) -> bool:
    """Whether the step or its component decides about caching itself."""
    return any(getattr(layer.block, "cache", None) is not None for layer in step.layers[:-1])
