"""Steps and regions become the tree of DAGs: every step in its group, every group after what it waits for.

A DAG starts when all that its steps wait for has ended, so the order of steps becomes an order of groups; where that is
a circle, the regions do not nest after all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from hpc.compiler.graph import HANDLER, Group, Node, Status, Step, sources_of, steps_behind, task_name
from hpc.compiler.link.regions import OVERLAP
from hpc.diagnostics import Diagnostic, Place

Tasks = tuple[str, ...]
"""The names of tasks from the outermost DAG down to one."""


@dataclass(frozen=True)
class Placed:
    """A node and the groups that it stands in. `edge` is a place to complain about it."""

    node: Node
    groups: Tasks
    edge: Place


def tree(placed: Sequence[Placed], groups: Mapping[Tasks, Group], found: list[Diagnostic]) -> tuple[Node, ...]:
    """The nodes of the outermost DAG, all others inside of them. `groups` are still empty."""
    nodes: dict[Tasks, Node] = dict(groups)
    for one in placed:
        nodes.update(_with_inner(one.groups, one.node))
    steps = {node.name: path for path, node in nodes.items() if isinstance(node, Step)}
    return _Tree(nodes, _waits(nodes, steps), placed, found).level(())


def _with_inner(groups: Tasks, node: Node) -> Iterator[tuple[Tasks, Node]]:
    path = (*groups, task_name(node))
    yield path, node
    for child in node.children if isinstance(node, Group) else ():
        yield from _with_inner(path, child)


def _waits(nodes: Mapping[Tasks, Node], steps: Mapping[str, Tasks]) -> dict[Tasks, set[str]]:
    """For each task the tasks beside it that it waits for, for itself and for what is inside of it."""
    waits: dict[Tasks, set[str]] = {path: set() for path in nodes}
    for path, node in nodes.items():
        for step in steps_before(node):
            source = steps.get(step)
            if source is None:
                continue
            level = next(
                (index for index, pair in enumerate(zip(path, source, strict=False)) if pair[0] != pair[1]), -1
            )
            if level >= 0:
                waits[path[: level + 1]].add(source[level])
        if isinstance(node, Step) and is_exit(node):
            waits[path].add(HANDLER)
    return waits


def is_exit(step: Step) -> bool:
    return "exit" in step.after or Status("exit") in step.bindings.values()


def steps_before(node: Node) -> Iterator[str]:
    """The steps that a node waits for by itself: for values, or by an order edge."""
    if isinstance(node, Step):
        yield from (name for name in node.after if name != "exit")
    for source in sources_of(node):
        yield from steps_behind(source)


class _Tree:
    def __init__(
        self,
        nodes: Mapping[Tasks, Node],
        waits: Mapping[Tasks, set[str]],
        placed: Sequence[Placed],
        found: list[Diagnostic],
    ) -> None:
        self.nodes, self.waits, self.placed, self.found = nodes, waits, placed, found
        self.children: dict[Tasks, list[str]] = {}
        for path in nodes:
            self.children.setdefault(path[:-1], []).append(path[-1])

    def level(self, path: Tasks) -> tuple[Node, ...]:
        """The tasks of a DAG in an order in which they can run, ties by name."""
        return tuple(self._complete((*path, name)) for name in self._order(path))

    def _complete(self, path: Tasks) -> Node:
        node, after = self.nodes[path], tuple(sorted(self.waits[path]))
        if isinstance(node, Step):
            return replace(node, after=after)
        return replace(node, after=after, children=self.level(path))

    def _order(self, path: Tasks) -> list[str]:
        names = sorted(self.children.get(path, ()))
        sorter = TopologicalSorter({name: sorted(self.waits[(*path, name)]) for name in names})
        try:
            sorter.prepare()
        except CycleError as error:
            self._circle(path, error.args[1])
            return []
        order: list[str] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready())
            order += ready
            sorter.done(*ready)
        return order

    def _circle(self, path: Tasks, circle: list[str]) -> None:
        """Steps are in order, so a circle leads through a condition. Each name of it waits for the one before."""
        at, group = next((at, name) for at, name in enumerate(circle) if at and self._is_region((*path, name)))
        inside, before = self._crossing((*path, group), (*path, circle[at - 1]))
        step = inside.node.name if isinstance(inside.node, Step) else inside.node.name.partition("--")[2]
        fact = f"`{step}` runs under a condition and waits for `{before}`, which waits for what that "
        fix = f"take `{step}` out of the condition, and give it one of its own behind `{before}`: "
        fix += f"`{before} -> {step} when …`."
        self.found.append(Diagnostic(OVERLAP, inside.edge, f"{fact}condition decides about.", fix))

    def _is_region(self, path: Tasks) -> bool:
        """Whether steps were placed in this group; a loop holds its own step alone, which stands beside it."""
        return any(placed.groups[: len(path)] == path for placed in self.placed)

    def _crossing(self, group: Tasks, other: Tasks) -> tuple[Placed, str]:
        """A node in the group, and a step in the other task that it waits for."""
        beyond = {node.name for at, node in self.nodes.items() if at[: len(other)] == other and isinstance(node, Step)}
        for placed in self.placed:
            if placed.groups[: len(group)] == group:
                before = next((step for step in steps_before(placed.node) if step in beyond), None)
                if before is not None:
                    return placed, before
        inner = next(one for one in self.placed if one.groups[: len(group)] == group)
        return inner, min(beyond)
