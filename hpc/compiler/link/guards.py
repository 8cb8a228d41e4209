"""Conditions on edges: what their names mean, that types fit, and that every value is known when it is decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hpc.compiler.graph import FromInput
from hpc.compiler.link.ends import Ends
from hpc.compiler.link.nodes import RESERVED_NODES, UNKNOWN_STEP, Guard, Node
from hpc.components.types import Type, did_you_mean
from hpc.diagnostics import Diagnostic, Path, Place, Rule, Span
from hpc.spec.condition_types import WRONG_OPERANDS, type_problems
from hpc.spec.conditions import Name, names_in
from hpc.spec.edges import BAD_SWITCH, Edge, End

NOT_KNOWN = Rule(
    "HPC403",
    "a condition reads what may not be known",
    "A condition is decided before its step runs, from values of steps that have run by then.",
    "Add an order edge from the step that the condition reads.",
)
RULES = (NOT_KNOWN, WRONG_OPERANDS, BAD_SWITCH)


def check_guards(edges: Sequence[Edge], ends: Ends) -> None:
    """Reports what is wrong with the conditions of a scope."""
    named = {end.node for edge in edges for end in (*edge.sources, *edge.targets)}
    judged: set[tuple[Path, object]] = set()
    for edge in edges:
        if edge.condition is not None and (edge.path, edge.condition) not in judged:
            judged.add((edge.path, edge.condition))
            for name in names_in(edge.condition):
                _check_node(name, edge, named, ends)
            ends.found += type_problems(edge.condition, lambda name: _type_of(name, ends))


def _check_node(name: Name, edge: Edge, named: set[str], ends: Ends) -> None:
    """What no edge names is no step of this scope; a wrong name on an edge was reported there."""
    node = name.node
    if node == "outputs":
        fact = "`outputs` are filled when the steps have run, so no condition can read them."
        ends.report(NOT_KNOWN, name.place, fact, "read the output of the step that fills it.")
    elif node in named or node in RESERVED_NODES:
        return
    elif node in ends.scope.steps or node in ends.scope.file.pipeline.components:
        ends.found.append(_not_known(name, edge.targets[0].node))
    else:
        options = {*ends.scope.steps, *named, "inputs"} - {"outputs", "exit"}
        fact = f"`{node}` is neither a step nor a component."
        ends.report(UNKNOWN_STEP, name.place, fact, did_you_mean(node, sorted(options)))


def _not_known(name: Name, target: str) -> Diagnostic:
    fact = f"`{name}` may not be known yet: no edge leads from `{name.node}` to `{target}`."
    return Diagnostic(NOT_KNOWN, name.place, fact, f"add `- {name.node} -> {target}`.")


def _type_of(name: Name, ends: Ends) -> Type | None:
    if name.node == "outputs":
        return None
    end = End(name.node, name.port, name.place)
    if ends.is_absent(end):
        fact = f"`{name}` has no value where this component is used without it, so nothing could be decided."
        ends.report(NOT_KNOWN, name.place, fact, f"give `{name.port}` a default.")
        return None
    source = ends.source(end)
    if isinstance(source, FromInput) and source.name in ends.scope.counts:
        fact = f"`inputs.{source.name}` is put together from several sources here, so no condition can read it."
        ends.report(WRONG_OPERANDS, name.place, fact, "let a step decide, and read its output.")
        return None
    return source.type if source else None


def check_known(node: Node, nodes: dict[str, Node], found: list[Diagnostic]) -> None:
    """Reports names in the conditions of a step that no edge leads from."""
    reported = {one.where for one in found} if node.guards else set[Place | Span]()
    for name in () if node.exit else [name for guard in node.guards for name in _names(guard)]:
        if name.place in reported:
            continue
        if name.node == node.name:
            fact = f"`{node.name}` decides about itself: its outputs are not known before it runs."
            found.append(Diagnostic(NOT_KNOWN, name.place, fact, "read an output of a step before it."))
        elif name.node not in nodes or _is_upstream(nodes, name.node, node):
            continue
        elif _is_upstream(nodes, node.name, nodes[name.node]):
            fact = f"`{name}` is not known yet: `{name.node}` runs after `{node.name}`."
            found.append(Diagnostic(NOT_KNOWN, name.place, fact, f"read an output of a step before `{node.name}`."))
        else:
            found.append(_not_known(name, node.name))


def _names(guard: Guard) -> list[Name]:
    return [] if guard.condition is None else list(names_in(guard.condition))


def _is_upstream(nodes: dict[str, Node], name: str, node: Node) -> bool:
    """Whether the step of that name has run whenever `node` starts."""
    seen: set[str] = set()
    waiting = [node.name]
    while waiting:
        after = nodes[waiting.pop()].after
        if name in after:
            return True
        waiting += [one for one in after if one not in seen and one in nodes]
        seen.update(after)
    return False


def wait_for_switches(edges: Iterable[Edge], nodes: dict[str, Node]) -> None:
    """Every branch of a switch waits for all that its conditions read: the first that holds is taken."""
    switches: dict[Path, list[Edge]] = {}
    for edge in edges:
        if edge.branch is not None:
            switches.setdefault(edge.branch.switch, []).append(edge)
    for branches in switches.values():
        names = [name for edge in branches if edge.condition is not None for name in names_in(edge.condition)]
        targets = {end.node for edge in branches for end in edge.targets if end.node in nodes}
        for name in names:
            for target in targets - {name.node}:
                if name.node in nodes:
                    nodes[target].after.setdefault(name.node, name.place)
                    nodes[target].plain.add(name.node)
