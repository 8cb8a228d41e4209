"""Jobs that one step launches and another waits for: results of neither can be reused.

A step that launches a job ends at once and would be a cache hit in the next run, although no job was made there; the
waiting would then be for the job of an earlier run (https://github.com/kubeflow/pipelines/issues/7846).
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import ForeignStep, Graph, sources_in, steps_behind
from hpc.components.foreign import GoogleOperation
from hpc.components.foreign.google import WAIT


def never_cached(graph: Graph) -> frozenset[str]:
    """The steps of this graph that wait for a job, and those of it that launch one which is waited for."""
    return frozenset(_waiting_and_awaited(graph))


def _waiting_and_awaited(graph: Graph) -> Iterator[str]:
    for step in graph.own_steps:
        if (
            isinstance(step, ForeignStep)
            and isinstance(step.component, GoogleOperation)
            and step.component.name == WAIT
        ):
            yield step.name
            for binding in step.bindings.values():
                for source in sources_in(binding):
                    yield from steps_behind(source)
