"""An order in which the steps can run, or the circle that they make."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from hpc.compiler.link.nodes import Node
from hpc.diagnostics import Diagnostic, Place, Rule

CYCLE = Rule("HPC305", "cycle", "Each step would wait for the other.", "Remove one of the edges.")
RULES = (CYCLE,)


def in_order(nodes: Mapping[str, Node], found: list[Diagnostic]) -> list[str]:
    """The names of the steps in topological order, ties by name; a circle is reported in `found`."""
    sorter = TopologicalSorter({name: sorted(nodes[name].after) for name in sorted(nodes)})
    try:
        sorter.prepare()
    except CycleError as error:
        found.append(_cycle(nodes, list(error.args[1])))
        return []
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _cycle(nodes: Mapping[str, Node], circle: list[str]) -> Diagnostic:
    """`circle` is a walk along the edges, its first name repeated at the end; told from the first by name."""
    walk = circle[:-1]
    first = walk.index(min(walk))
    walk = [*walk[first:], *walk[:first]]
    walk.append(walk[0])
    place = nodes[walk[1]].after.get(walk[0], Place(nodes[walk[0]].edge))
    fact = f"the edges form a cycle: {' -> '.join(walk)}."
    return Diagnostic(CYCLE, place, fact, "remove one of these edges; to repeat work use `for_each` or `retry`.")
