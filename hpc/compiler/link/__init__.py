"""Names become objects: a `Pipeline` enters, a `Graph` leaves, or every name, port and wire that is wrong.

The order of work: what is named by declaration, which steps there are, what edges carry, what every input gets, an
order.
"""

from __future__ import annotations

from hpc.compiler.graph import Graph
from hpc.compiler.link.declared import RULES as DECLARED_RULES
from hpc.compiler.link.declared import declared_names
from hpc.compiler.link.nodes import RULES as NODE_RULES
from hpc.compiler.link.nodes import nodes_of
from hpc.compiler.link.order import RULES as ORDER_RULES
from hpc.compiler.link.order import in_order
from hpc.compiler.link.result import step_of
from hpc.compiler.link.wiring import RULES as WIRING_RULES
from hpc.compiler.link.wiring import Wiring
from hpc.diagnostics import Rejected
from hpc.spec.edges import NOT_YET, parse_edges
from hpc.spec.model import Pipeline

RULES = (*DECLARED_RULES, *NODE_RULES, *WIRING_RULES, *ORDER_RULES)


def link(pipeline: Pipeline) -> Graph:
    """The graph of the pipeline. Raises Rejected with everything that does not fit."""
    edges, found = parse_edges(pipeline.edges, ("edges",))
    found += declared_names(pipeline)
    nodes = dict(nodes_of(pipeline, edges, found))
    if any(diagnostic.rule is NOT_YET for diagnostic in found):
        raise Rejected(found)  # what is not understood yet would make further messages wrong
    wiring = Wiring(pipeline, nodes, found)
    for edge in edges:
        wiring.connect(edge)
    for node in nodes.values():
        wiring.complete(node)
    wiring.check_outputs()
    order = in_order(nodes, found)
    if found:
        raise Rejected(found)
    return Graph(pipeline, tuple(step_of(pipeline, nodes[name]) for name in order), wiring.surfaced())
