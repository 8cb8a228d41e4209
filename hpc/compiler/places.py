"""Where in the file each task of a compiled pipeline stands: a graph enters, paths of tasks and of the file leave.

The path of a task is made of the keys of the IR joined by `/`, with `[]` behind a loop, as engines name their rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import Graph, GraphStep, Node, Step, task_name
from hpc.diagnostics import Path


def task_places(graph: Graph) -> dict[str, Path]:
    """The place of every task, of groups too as far as a step stands for them. Sub-pipelines stand once per use."""
    return dict(_places(graph.nodes, ""))


def _places(nodes: tuple[Node, ...], around: str) -> Iterator[tuple[str, Path]]:
    for node in nodes:
        path = f"{around}{task_name(node)}"
        if isinstance(node, Step):
            yield path, node.path
            if isinstance(node, GraphStep):
                yield from _places(node.graph.nodes, f"{path}/")
        else:
            yield from _places(node.children, f"{path}[]/" if node.loop is not None else f"{path}/")
