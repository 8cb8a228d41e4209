"""Names become objects: a `Program` enters, a `Graph` leaves, or every name, port and wire that is wrong.

The order of work in a scope (the pipeline, then each component made of edges where a step runs it): which steps there
are, what edges carry, what every input gets, an order, under which conditions steps run; then steps are made of nodes,
loops unrolled, and put into groups.
"""

from __future__ import annotations

from hpc.compiler.graph import Graph
from hpc.compiler.link import declared, ends, guards, loops, misuse, nodes, order, regions, wiring
from hpc.compiler.link.declared import declared_names
from hpc.compiler.link.scope import Linker
from hpc.diagnostics import Diagnostic, Rejected
from hpc.spec.program import Program

RULES = (
    *declared.RULES,
    *nodes.RULES,
    *ends.RULES,
    *wiring.RULES,
    *order.RULES,
    *guards.RULES,
    *regions.RULES,
    *loops.RULES,
    *misuse.RULES,
)


def link(program: Program) -> Graph:
    """The graph of the program. Raises Rejected with everything that does not fit."""
    found: list[Diagnostic] = []
    for file in program.files:
        found += declared_names(file)
    graph = Linker(program, found).pipeline()
    if found or graph is None:
        raise Rejected(_once(found))
    return graph


def _once(found: list[Diagnostic]) -> list[Diagnostic]:
    """A component made of edges is linked for every way to use it, but a mistake in it is one mistake."""
    return list({(one.rule.code, one.where, one.fact): one for one in found}.values())
