"""Jobs that one step launches and another waits for: results of neither can be reused.

A step that launches a job ends at once and would be a cache hit in the next run, although no job was made there; the
waiting would then be for the job of an earlier run (https://github.com/kubeflow/pipelines/issues/7846).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hpc.compiler.graph import Binding, ForeignStep, FromItem, Graph, Group, Node, sources_in, steps_behind
from hpc.components.foreign import GoogleOperation
from hpc.components.foreign.google import WAIT


def never_cached(graph: Graph) -> frozenset[str]:
    """The steps of this graph that wait for a job, and those of it that launch one which is waited for."""
    return frozenset(_waiting_and_awaited(graph))


def _waiting_and_awaited(graph: Graph) -> Iterator[str]:
    lists = dict(_lists(graph.nodes))
    for step in graph.own_steps:
        if (
            isinstance(step, ForeignStep)
            and isinstance(step.component, GoogleOperation)
            and step.component.name == WAIT
        ):
            yield step.name
            for binding in step.bindings.values():
                yield from _behind(binding, lists)


def _behind(binding: Binding, lists: Mapping[str, Binding]) -> Iterator[str]:
    for source in sources_in(binding):
        if isinstance(source, FromItem):
            yield from _behind(lists[source.axis], lists)
        else:
            yield from steps_behind(source)


def _lists(nodes: tuple[Node, ...]) -> Iterator[tuple[str, Binding]]:
    """What the loops of the platform go through, by the names of their elements."""
    for node in nodes:
        if isinstance(node, Group):
            if node.loop is not None:
                yield node.loop.item, node.loop.items
            yield from _lists(node.children)
