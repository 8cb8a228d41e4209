"""Which steps run under which conditions: nested regions, each of which becomes a DAG of its own.

Every `when` of a step makes a region, unless the step stands in one of the same condition; a switch is a region with
one for each branch. A step stands in the innermost region of those that it waits for (language, section 2, *Edges*).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Literal

from hpc.compiler.graph import key as ir_key
from hpc.compiler.link.nodes import Guard, Node, Wire
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.conditions import Condition, names_in
from hpc.spec.conditions import key as condition_key
from hpc.spec.edges import BAD_SWITCH, Edge, End

NOT_COMPLETE = Rule(
    "HPC404",
    "a value that may not exist",
    "A step under a condition may not run; its outputs exist for sure only where the branches of a complete switch are "
    "joined.",
    "Join one output of every branch of a switch that ends with `else`: `a.x | b.x -> c.x`.",
)
OVERLAP = Rule(
    "HPC406",
    "conditions that overlap",
    "A step runs in a DAG with what its condition decides about; DAGs nest and cannot overlap.",
    "Put what one condition decides about into a component made of edges.",
)
TOO_DEEP = Rule(
    "HPC413",
    "nested too deep",
    "Conditions inside conditions and components inside components become DAGs inside DAGs, which nobody could follow.",
    "Join the branches of a switch with `|` to come out of a condition, or let one component do more.",
)
RULES = (NOT_COMPLETE, OVERLAP, TOO_DEEP)

DEEPEST = 50
"""Conditions around one step, and components made of edges around one another."""


@dataclass(frozen=True)
class WrittenTest:
    """A condition of the file, or that it does not hold."""

    condition: Condition
    holds: bool


@dataclass(eq=False)
class Region:
    """`root` is the scope itself; `name` becomes that of the region's task."""

    kind: Literal["root", "when", "switch", "branch"]
    name: str
    parent: Region | None
    tests: tuple[WrittenTest, ...] = ()
    place: Place = field(default_factory=lambda: Place(()))
    same_as: Region | None = None

    @property
    def ancestors(self) -> list[Region]:
        """This region and those around it, the outermost first."""
        above = self.parent.found().ancestors if self.parent else []
        return [*above, self]

    def found(self) -> Region:
        """The region that this one was merged into, else itself."""
        return self.same_as.found() if self.same_as else self

    @property
    def meaning(self) -> Hashable:
        return tuple((condition_key(test.condition), test.holds) for test in self.tests)


class Regions:
    """Finds a region for step after step, in topological order; `found` collects what does not nest."""

    def __init__(self, edges: Sequence[Edge], found: list[Diagnostic]) -> None:
        self.found = found
        self.root = Region("root", "", None)
        self.of: dict[str, Region] = {}
        self.names: set[str] = set()
        self.edges_of: dict[Path, list[Edge]] = {}
        for edge in edges:
            if edge.branch is not None:
                self.edges_of.setdefault(edge.branch.switch, []).append(edge)
        self.switches: dict[Path, Region] = {}
        self.branches: dict[tuple[Path, int], Region] = {}

    def region_of(self, name: str) -> Region:
        return self.of.get(name, self.root).found()

    def _report(self, rule: Rule, place: Place, fact: str, fix: str, other: Place | None = None) -> None:
        self.found.append(Diagnostic(rule, place, fact, fix, other=other))

    # ------------------------------------------------------------ a step's region

    def place(self, node: Node) -> None:
        """Finds the region of a step whose predecessors have theirs."""
        needed = [(name, self.region_of(name)) for name in sorted(node.plain)]
        needed += [(join[0].node, self._joined(join)) for join in node.joins]
        branch = self._branch(node)
        base = self._innermost(node, [*needed, *([(node.name, branch)] if branch else [])])
        self._check_joins(node, base)
        self._check_visible(node, base)
        tests = self._new_tests(node.guards, base)
        if tests:
            place = next(guard.edge for guard in node.guards if guard.condition is not None).path
            base = self._not_too_deep(node.name, base, Place(node.edge))
            base = Region("when", self._unique(f"when--{ir_key(node.name)}"), base, tests, Place(place))
        self.of[node.name] = base

    def _not_too_deep(self, name: str, base: Region, place: Place) -> Region:
        """The region for one more condition; the root after a report."""
        if len(base.ancestors) <= DEEPEST:
            return base
        fact = f"more than {DEEPEST} conditions stand around `{name}`, one inside the other."
        fix = "come out of a condition with a switch and `|`, or decide in one condition with `and`."
        self._report(TOO_DEEP, place, fact, fix)
        return self.root

    def _unique(self, name: str) -> str:
        others = (f"{name}--{number}" for number in count(2))
        free = next(one for one in chain([name], others) if one not in self.names)
        self.names.add(free)
        return free

    def _innermost(self, node: Node, needed: list[tuple[str, Region]]) -> Region:
        """The region that lies in all the others."""
        deepest, name = self.root, ""
        for other, needs in needed:
            region, deepest = needs.found(), deepest.found()
            if deepest in region.ancestors or self._merged(deepest, region):
                deepest, name = region.found(), other
            elif region not in deepest.ancestors:
                self._overlap(node, (name, deepest), (other, region))
        return deepest

    def _merged(self, one: Region, other: Region) -> bool:
        """Whether the regions, or those around them, say the same, and so become one that holds both."""
        apart = next((pair for pair in zip(one.ancestors, other.ancestors, strict=False) if pair[0] is not pair[1]), ())
        while apart and apart[0].kind == apart[1].kind == "when" and apart[0].meaning == apart[1].meaning:
            apart[1].same_as = apart[0]
            rest = zip(one.found().ancestors, other.found().ancestors, strict=False)
            apart = next((pair for pair in rest if pair[0] is not pair[1]), ())
        return one.found() in other.found().ancestors

    def _overlap(self, node: Node, first: tuple[str, Region], second: tuple[str, Region]) -> None:
        names = [f"`{name}`" for name, _ in (first, second)]
        fact = f"`{node.name}` needs {names[0]} and {names[1]}, which run under different conditions ({{other}}); "
        fact += "neither decides about both."
        fix = f"put {names[1]} and what its condition decides about into a component made of `edges`"
        self._report(OVERLAP, Place(node.edge), fact, f"{fix}, or join branches of a switch with `|`.", first[1].place)

    def _new_tests(self, guards: Iterable[Guard], base: Region) -> tuple[WrittenTest, ...]:
        """The conditions of a step that nothing around it has tested."""
        known = {condition_key(test.condition) for region in base.ancestors for test in region.tests if test.holds}
        tests: dict[Hashable, WrittenTest] = {}
        for guard in guards:
            if guard.condition is not None and guard.branch is None and condition_key(guard.condition) not in known:
                tests.setdefault(condition_key(guard.condition), WrittenTest(guard.condition, True))
        return tuple(tests.values())

    def _check_visible(self, node: Node, base: Region) -> None:
        """What a condition reads must exist wherever it is decided."""
        around = base.ancestors
        for guard in node.guards:
            for name in names_in(guard.condition) if guard.condition is not None else ():
                region = self.region_of(name.node) if name.node in self.of else self.root
                if region not in around:
                    fact = f"`{name}` exists only if `{name.node}` ran, which is not sure where this is decided."
                    fix = "decide by a value that always exists, or let a step after a `|` pass it on."
                    self._report(NOT_COMPLETE, name.place, fact, fix)

    def _check_joins(self, node: Node, base: Region) -> None:
        """What takes whichever branch ran cannot stand in one of them."""
        for join in node.joins:
            switch = self.switch_of(join)
            if switch is None or switch not in base.ancestors:
                continue
            inside = next(
                (name for name in sorted(node.plain) if switch in self.region_of(name).ancestors), join[0].node
            )
            fact = (
                f"`{node.name}` takes whichever branch ran, but also needs `{inside}`, which runs only in one of them."
            )
            self._report(OVERLAP, Place(node.edge), fact, f"remove the edge from `{inside}`, or take its output alone.")

    # ------------------------------------------------------------ switches

    def _branch(self, node: Node) -> Region | None:
        """The branch that the step begins, if it is one."""
        first: Guard | None = None
        for guard in node.guards:
            if guard.branch is None:
                continue
            if first is not None and first.branch != guard.branch:
                fact = f"`{node.name}` is in two branches ({{other}}), and would need both."
                fix = "give each branch a step of its own (`uses:` the same component)."
                self._report(BAD_SWITCH, Place(guard.edge.path), fact, fix, Place(first.edge.path))
                return None
            first = guard
        if first is None or first.branch is None:
            return None
        known = (first.branch.switch, first.branch.index)
        if known not in self.branches:
            self._open_switch(first.branch.switch)
        return self.branches.get(known)

    def _open_switch(self, path: Path) -> None:
        edges = self.edges_of[path]
        self._check_source(edges)
        first = edges[0].targets[0].node
        around = self._not_too_deep(first, self._around(edges), Place(edges[0].path))
        switch = Region("switch", self._unique(f"switch--{ir_key(first)}"), around, place=Place(path, on="key"))
        self.switches[path] = switch
        failed: tuple[WrittenTest, ...] = ()
        for edge in edges:
            known = (path, edge.branch.index if edge.branch else 0)
            if known in self.branches:
                continue
            own = (WrittenTest(edge.condition, True),) if edge.condition is not None else ()
            name = f"{'when' if own else 'else'}--{ir_key(edge.targets[0].node)}"
            region = Region("branch", self._unique(name), switch, (*failed, *own), Place(edge.path))
            self.branches[known] = region
            failed = (*failed, *(WrittenTest(test.condition, False) for test in own))

    def _check_source(self, edges: list[Edge]) -> None:
        first = edges[0].sources[0]
        for edge in edges:
            if edge.sources[0].node != first.node:
                fact = f"this edge of the switch starts at `{edge.sources[0].node}`, the first one at `{first.node}`."
                fix = "start all of them at the step that decides; order edges `a -> b when …` carry nothing."
                self._report(BAD_SWITCH, edge.sources[0].place, fact, fix)

    def _around(self, edges: list[Edge]) -> Region:
        """The region that a switch stands in: the innermost of the step that decides and of what conditions read."""
        names = [edges[0].sources[0].node]
        names += [name.node for edge in edges if edge.condition is not None for name in names_in(edge.condition)]
        deepest = self.root
        for region in map(self.region_of, names):
            deepest = region if deepest in region.ancestors else deepest
        return deepest

    # ------------------------------------------------------------ joins

    def _joined(self, ends: tuple[End, ...]) -> Region:
        """The region around the switch whose branches the ends are; the root after a report."""
        switch = self.switch_of(ends)
        if switch is None:
            place = next((end.place for end in ends if self.region_of(end.node).kind != "branch"), ends[0].place)
            fact = "the sources of `|` are not branches of one switch, so it is not sure that exactly one of them runs."
            self._report(NOT_COMPLETE, place, fact, self._how_to_join(ends))
            return self.root
        self._check_complete(switch, ends)
        return switch.parent.found() if switch.parent else self.root

    def _how_to_join(self, ends: tuple[End, ...]) -> str:
        if all(self.region_of(end.node).kind == "when" for end in ends):
            return "write the conditions as one switch: `- switch: [a -> b when …, a -> c else]`."
        return "take one output of every branch of one switch."

    def switch_of(self, ends: tuple[End, ...]) -> Region | None:
        """The switch whose branches hold the steps, each another one."""
        regions = [self.region_of(end.node) for end in ends]
        parents = {id(region.parent): region.parent for region in regions if region.kind == "branch"}
        distinct = len({id(region) for region in regions}) == len(regions)
        alone = len(parents) == 1 and all(region.kind == "branch" for region in regions) and distinct
        return next(iter(parents.values())) if alone else None

    def _check_complete(self, switch: Region, ends: tuple[End, ...]) -> None:
        path = next(path for path, region in self.switches.items() if region is switch)
        branches = {edge.branch.index: edge for edge in self.edges_of[path] if edge.branch is not None}
        if not any(edge.branch.is_else for edge in branches.values() if edge.branch is not None):
            source = branches[min(branches)].sources[0].node
            fact = "the switch has no `else`, so perhaps no branch runs and the joined input would have no value."
            fix = f"end the switch with `- {source} -> <fallback> else`."
            self._report(NOT_COMPLETE, Place(path, on="key"), fact, fix)
            return
        joined = {id(self.region_of(end.node)) for end in ends}
        for index, edge in branches.items():
            if id(self.branches[path, index]) not in joined:
                target = edge.targets[0].node
                fact = f"`|` leaves out the branch of `{target}` ({{other}}); if it is taken, there is no value."
                fix = f"add an output of it: `| {target}.<output>`."
                self._report(NOT_COMPLETE, ends[-1].place, fact, fix, Place(edge.path))
                return

    # ------------------------------------------------------------ outputs

    def check_outputs(self, wires: dict[str, Wire], joins: dict[str, tuple[End, ...]]) -> None:
        """Outputs of the scope come from what surely runs."""
        for name, ends in joins.items():
            around = self._joined(ends)
            if around is not self.root:
                step = f"`<step>.<output> | … -> outputs.{name}`"
                fix = f"pass it to a step, and join the output of that step with the branches around it: {step}."
                self._unsure(name, wires[name], fix)
        for name, wire in wires.items():
            step = getattr(wire.source, "step", None)
            if name not in joins and step is not None and self.region_of(step) is not self.root:
                fix = "join it with the other branches of a switch that ends with `else`: "
                self._unsure(name, wire, f"{fix}`{wire.text} | … -> outputs.{name}`.")

    def _unsure(self, name: str, wire: Wire, fix: str) -> None:
        fact = f"`outputs.{name}` gets `{wire.text}`, which exists only if a condition holds."
        self._report(NOT_COMPLETE, wire.place, fact, fix)
