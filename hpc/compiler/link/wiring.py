"""What every input gets: edges, constants and defaults become bindings, and whatever does not fit is reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hpc.compiler.graph import Binding, Constant, FromInput, FromStep, Gathered, OneOf, Source, key
from hpc.compiler.link.ends import UNKNOWN_INPUT, WRONG_SIDE, Ends
from hpc.compiler.link.nodes import LOST_EDGE, RESERVED_NODES, Guard, Node, Scope, Wire
from hpc.compiler.link.regions import NOT_COMPLETE
from hpc.components.foreign import GoogleOperation
from hpc.components.ports import InputPort, objection
from hpc.components.step import sweep_text
from hpc.components.types import RUN_STATUS, Plain, Type, did_you_mean, kind_of, with_article
from hpc.components.vertex import JOB_OUTPUT
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.edges import Edge, End
from hpc.spec.load import WRONG_VALUE

WRONG_TYPE = Rule(
    "HPC302",
    "types differ",
    "An edge carries a value or artifact of one type into a port of that type.",
    "Change the type of one side.",
)
UNBOUND = Rule(
    "HPC303",
    "port without a value",
    "A required input must get a value, and a declared output must be filled.",
    "Add an edge, a `with` or a default.",
)
BOUND_TWICE = Rule(
    "HPC304", "input bound twice", "Two sources for one input: one of them would be lost.", "Remove one."
)
SELF_EDGE = Rule("HPC306", "edge to itself", "A step cannot wait for itself.", "Remove the edge.")
NOT_A_LIST = Rule(
    "HPC310", "several sources for one value", "Several sources make a list.", "Declare the input as `list<T>`."
)
LOOP_RESULT = Rule(
    "HPC311",
    "a loop's results for a single value",
    "A step that loops runs once for each element, so each of its outputs is a list.",
    "Declare the input as `list<T>`, or loop over it too.",
)
RULES = (WRONG_TYPE, UNBOUND, BOUND_TWICE, SELF_EDGE, NOT_A_LIST, LOOP_RESULT)


class Wiring:
    """Connects edge after edge; `found` collects what does not fit."""

    def __init__(self, scope: Scope, nodes: dict[str, Node], found: list[Diagnostic]) -> None:
        self.scope, self.nodes, self.found = scope, nodes, found
        self.ends = Ends(scope, nodes, found)
        self.outputs: dict[str, Wire] = {}
        self.output_joins: dict[str, tuple[End, ...]] = {}
        self.absent: dict[tuple[str, str | None], tuple[End, Edge]] = {}  # by what would get it
        self.suspect: set[str] = set()  # steps whose missing inputs may have been meant by an edge that is wrong
        self.all_suspect = any(diagnostic.rule in LOST_EDGE for diagnostic in found)

    def report(self, rule: Rule, place: Place, fact: str, fix: str) -> None:
        self.found.append(Diagnostic(rule, place, fact, fix))

    def connect(self, edge: Edge) -> None:
        for target in edge.targets:
            self._guard(edge, target)
        absent = [end for end in edge.sources if self.ends.is_absent(end)]
        if absent:
            self.absent.update(dict.fromkeys(((end.node, end.port) for end in edge.targets), (absent[0], edge)))
            edge = replace(edge, sources=tuple(end for end in edge.sources if end not in absent))
        if edge.sources and edge.sources[0].port is None:
            for target in edge.targets:
                self._order(edge, target)
        elif edge.sources:
            sources = [(end, self.ends.source(end)) for end in edge.sources]
            for target in edge.targets:
                self._data(edge, sources, target)

    def _guard(self, edge: Edge, target: End) -> None:
        if edge.condition is None and edge.branch is None:
            return
        if target.node == "outputs":
            fact = f"a condition on an edge into `{target}` would leave the output without a value."
            self.report(NOT_COMPLETE, target.place, fact, "use a switch with `else`, and join its branches with `|`.")
        elif target.node in self.nodes:
            self.nodes[target.node].guards.append(Guard(edge.condition, edge.branch, edge))

    # ------------------------------------------------------------ order

    def _order(self, edge: Edge, target: End) -> None:
        if target.node in RESERVED_NODES:
            self._into_reserved(edge, target)
            return
        if edge.kind == "join" and target.node in self.nodes:
            self.nodes[target.node].joins.append(edge.sources)
        for source in edge.sources:
            self._order_from(edge, source, target)

    def _into_reserved(self, edge: Edge, target: End) -> None:
        fact, fix = f"`{target.node}` can only be on the left of an arrow.", "remove this edge."
        if target.node == "outputs":
            fact, fix = "`outputs` has no order.", "name a port: `outputs.<name>`."
        elif target.node == "exit":
            fix = f"turn the edge around if `{edge.sources[0]}` is to run at the end; else remove it."
        self.report(WRONG_SIDE, target.place, fact, fix)

    def _order_from(self, edge: Edge, source: End, target: End) -> None:
        if source.node == "exit":
            self._wait_for_exit(source, target)
        elif source.node not in RESERVED_NODES:
            self._wait(edge, source, target)
            if target.node in self.nodes:
                self.nodes[target.node].ordered.add(source.node)
        elif source.node == "outputs" or (edge.condition is None and edge.branch is None):
            self.suspect.add(target.node)
            fact, fix = f"`{source.node}` has no order.", f"name a port: `{source.node}.<name>`."
            if source.node == "inputs":
                fix = f"name a port: `inputs.<name>`; or a condition: `inputs -> {target.node} when …`."
            self.report(WRONG_SIDE, source.place, fact, fix)

    def _wait(self, edge: Edge, source: End, target: End) -> None:
        if source.node == target.node:
            self.report(SELF_EDGE, target.place, f"`{source.node}` cannot wait for itself.", "remove the edge.")
        elif source.node in self.nodes and target.node in self.nodes:
            node = self.nodes[target.node]
            node.after.setdefault(source.node, source.place)
            if edge.kind != "join":
                node.plain.add(source.node)

    def _wait_for_exit(self, source: End, target: End) -> None:
        if self.ends.has_exit(source) and target.node in self.nodes:
            self.nodes[target.node].exit = source.place

    # ------------------------------------------------------------ data

    def _data(self, edge: Edge, sources: list[tuple[End, Source | None]], target: End) -> None:
        before = len(self.found)
        self._carry(edge, sources, target)
        if len(self.found) > before or any(source is None for _, source in sources):
            self.suspect.update(end.node for end in (*edge.sources, target))

    def _carry(self, edge: Edge, sources: list[tuple[End, Source | None]], target: End) -> None:
        wanted = None if self._is_said(sources, target) else self.ends.target(target)
        for end, _ in sources:
            if end.node == "exit" and target.node in self.nodes:
                self.nodes[target.node].exit = end.place
            elif end.node not in RESERVED_NODES and target.node not in RESERVED_NODES:
                self._wait(edge, end, target)
        known = [(end, source) for end, source in sources if source is not None]
        if wanted is None or len(known) < len(sources):
            return
        if edge.kind == "join":
            self._join(known, wanted, target)
        elif known[0][0].field:
            self._hand_out(known[0], target)
        else:
            self._single_or_list(edge, known, wanted, target)

    def _is_said(self, sources: list[tuple[End, Source | None]], target: End) -> bool:
        """Whether a mistake at the left end is that of the right: the edge is turned, or has one wrong name twice."""
        wrong = [end for end, source in sources if source is None]
        node = self.nodes.get(target.node)
        turned = target.node in ("inputs", "exit") or (node is not None and target.port in node.outputs)
        return bool(wrong) and (turned or any(end.port == target.port for end in wrong))

    def _single_or_list(self, edge: Edge, known: list[tuple[End, Source]], wanted: Type, target: End) -> None:
        gathers = self._gathers(edge, known, wanted, target)
        if gathers is None:
            return
        fits = [self._fits(end, source, wanted.element if gathers else wanted, target) for end, source in known]
        if all(fits):
            sources = tuple(source for _, source in known)
            self._bind(target, Gathered(sources) if gathers else sources[0], ", ".join(str(end) for end, _ in known))

    def _gathers(self, edge: Edge, sources: list[tuple[End, Source]], wanted: Type, target: End) -> bool | None:
        """Whether the sources become elements of a list; None after a report."""
        if edge.kind == "gather" and not wanted.is_list:
            fact = f"{len(sources)} sources go into `{target}`, which takes one {wanted}."
            fix = f"declare `{target.port}: list<{wanted}>`, or write `|` between sources of which only one runs."
            self.report(NOT_A_LIST, target.place, fact, fix)
            return None
        node = self.nodes.get(target.node)
        if edge.kind == "data" and node and target.port in node.looped and not sources[0][1].type.is_list:
            end, source = sources[0]
            fact = f"`{target.node}` loops over `{target.port}`, but `{end}` is one {source.type}, not a list."
            fix = f"bring a {wanted}, or remove `{target.port}` from `for_each`."
            self.report(WRONG_TYPE, target.place, fact, fix)
            return None
        return edge.kind == "gather" or (wanted.is_list and not sources[0][1].type.is_list)

    def _join(self, known: list[tuple[End, Source]], wanted: Type, target: End) -> None:
        """Whichever of the sources ran; that they are branches of one switch is judged with the regions."""
        steps = [source for _, source in known if isinstance(source, FromStep)]
        for end, source in known:
            if not isinstance(source, FromStep):
                fact = f"`{end}` is not an output of a step, and `|` joins what the branches of a switch put out."
                self.report(NOT_COMPLETE, end.place, fact, "let a step in a branch of its own pass it on.")
        fits = [self._fits(end, source, wanted, target) for end, source in known]
        if len(steps) < len(known) or not all(fits):
            return
        ends = tuple(end for end, _ in known)
        if target.node in self.nodes:
            self.nodes[target.node].joins.append(ends)
        else:
            self.output_joins[target.port or ""] = ends
        name = f"{key(target.node)}--{target.port}--one-of"
        source_type = steps[0].type if len({step.type for step in steps}) == 1 else wanted
        self._bind(target, OneOf(name, "", tuple(steps), source_type), " | ".join(map(str, ends)))

    def _hand_out(self, known: tuple[End, Source], target: End) -> None:
        """A field of each element of a list, for a step that loops over the input."""
        end, source = known
        node = self.nodes.get(target.node)
        if source.type != Type("dict", True):
            fact = f"`{end.node}.{end.port}` is {with_article(source.type)}; only the elements of a list<dict> have "
            self.report(WRONG_TYPE, end.place, f"{fact}fields.", f"write `{end.node}.{end.port}`.")
        elif node is None or target.port not in node.looped:
            fact = f"`{end}` is a field of each element, so it needs a loop, but `{target}` is not looped over."
            self.report(WRONG_TYPE, target.place, fact, f"add `for_each: [{target.port}]` to step `{target.node}`.")
        elif node.inputs[target.port or ""].type.is_artifact:
            fact = f"`{end}` is a value, but `{target}` takes {with_article(node.inputs[target.port or ''].type)}."
            self.report(WRONG_TYPE, target.place, fact, "connect another port.")
        else:
            self._bind(target, source, str(end), end.field)

    def _fits(self, end: End, source: Source, wanted: Type, target: End) -> bool:
        if source.type.fits(wanted):
            return True
        looped = self.nodes[end.node].looped if end.node in self.nodes else ()
        if looped and source.type.is_list and source.type.element.fits(wanted):
            fact = (
                f"`{end.node}` runs once per {', '.join(looped)}, so `{end}` is a {source.type}, but `{target}` takes "
            )
            fact += f"one {wanted}."
            fix = f"declare `{target.port}: {source.type}`, or `for_each: [{target.port}]` on step `{target.node}`."
            if target.node == "outputs":
                fix = f"declare `{target.port}: {source.type}`, or let a step pick one."
            self.report(LOOP_RESULT, target.place, fact, fix)
            return False
        fix = _another_type(source.type, wanted, target)
        fact = f"`{end}` is {with_article(source.type)}, but `{target}` takes {with_article(wanted)}."
        self.report(WRONG_TYPE, target.place, fact, fix)
        return False

    def _bind(self, target: End, source: Binding, text: str, field: str | None = None) -> None:
        wire = Wire(source, text, target.place, field)
        wires = self.outputs if target.node == "outputs" else self.nodes[target.node].wires
        old = wires.get(target.port or "")
        if old is None:
            self._surface(target, wire)
            wires[target.port or ""] = wire
            return
        kind = "output" if target.node == "outputs" else "input"
        fact = f"{kind} `{target}` already gets `{old.text}` ({{other}})."
        fix = "remove one edge; alternatives of a switch are joined with `|`: `a.x | b.x -> c.x`."
        self.found.append(Diagnostic(BOUND_TWICE, target.place, fact, fix, other=old.place))

    def _surface(self, target: End, wire: Wire) -> None:
        """Only what one step makes, or one of several branches, can be an output of the pipeline."""
        if target.node != "outputs" or isinstance(wire.source, FromStep | OneOf):
            return
        what = "several values" if isinstance(wire.source, Gathered) else f"`{wire.text}`"
        fact = f"{what} cannot be an output of {self.scope.title_in_messages}: an output is what one step makes."
        self.report(WRONG_TYPE, target.place, fact, "let a step pass it on.")

    # ------------------------------------------------------------ what every input gets

    def complete(self, node: Node) -> None:
        """Constants and defaults for the inputs that no edge fills; what stays without a value is reported."""
        for name, wire in node.wires.items():
            self._check_defaults(node, name, wire)
        for name, value in node.entry.with_.items():
            self._constant(node, name, value)
        for name, port in node.inputs.items():
            if name in node.wires:
                continue
            if port.has_default and isinstance(node.declared.component, GoogleOperation) and name not in node.looped:
                continue  # the operation's own definition holds the default
            if port.has_default and name not in (*node.looped, *_searched(node)):
                path = (*node.declared.path, "inputs", name, "default")
                node.wires[name] = Wire(Constant(port.default, path), "its default", Place(path))
            elif (name in node.looped or not port.optional) and not self._is_accounted_for(node, name):
                self._unbound(node, name)

    def _is_accounted_for(self, node: Node, name: str) -> bool:
        """Whether a search gives the input its values, or an edge that is wrong may have been meant to."""
        searched = _searched(node)
        return name in searched or not searched <= node.inputs.keys() or self.is_suspect(node)

    def is_suspect(self, node: Node) -> bool:
        """Whether what the node misses may have been meant by an edge that is wrong."""
        return self.all_suspect or node.name in self.suspect

    def _check_defaults(self, node: Node, name: str, wire: Wire) -> None:
        """The default of an input of the pipeline is a constant too: it must be within the limits of what it feeds."""
        port = node.inputs[name]
        gathers = isinstance(wire.source, Gathered)
        sources = wire.source.items if isinstance(wire.source, Gathered) else (wire.source,)
        for source in sources:
            if not isinstance(source, FromInput) or not source.port.has_default or wire.field:
                continue
            wanted = port.type.element if gathers else node.input_type(name)
            trouble = objection(port, wanted, source.port.default)
            if trouble:
                place = Place((*source.path, "default"))
                other = Place((*node.declared.path, "inputs", name), on="key")
                fed = f"`inputs.{source.name}`, fed into `{node.name}.{name}` ({{other}}),"
                fact = f"the default of {fed} {trouble[0]}."
                self.found.append(Diagnostic(WRONG_VALUE, place, fact, trouble[1], other=other))

    def _constant(self, node: Node, name: str, value: Plain) -> None:
        path = (*node.path, "with", name)
        port = node.inputs.get(name)
        if port is None:
            fact = f"step `{node.name}` has no input `{name}`."
            self.report(UNKNOWN_INPUT, Place(path, on="key"), fact, did_you_mean(name, node.inputs))
            return
        if name in node.wires:
            wire = node.wires[name]
            fact = f"input `{node.name}.{name}` is set here and also gets `{wire.text}` ({{other}})."
            self.found.append(Diagnostic(BOUND_TWICE, Place(path, on="key"), fact, "keep one.", other=wire.place))
            return
        exact: Any
        if name in node.looped:
            exact = self._elements(node, name, value, path)
        elif _is_for_a_loop(value) and not node.inputs.keys() >= set(node.looped):
            exact = value  # a name in `for_each` that no input has may have been meant for this one
        else:
            fix = f"add `for_each: [{name}]`, if the step is to run once for each value of the sweep."
            exact = self._checked(f"`{node.name}.{name}`", port, value, path, fix)
        node.wires[name] = Wire(Constant(exact, path), "a constant", Place(path))

    def _elements(self, node: Node, name: str, value: Plain, path: Path) -> list[Any]:
        """The elements of a list that the step loops over."""
        if not isinstance(value, list) or not value:
            what = "an empty list, so it would never run" if value == [] else with_article(kind_of(value))
            fact = f"step `{node.name}` loops over `{name}`, but its value is {what}."
            self.report(WRONG_VALUE, Place(path), fact, f"give a list: `{name}: [{_example(value)}]`.")
            return []
        what, port = f"`{node.name}.{name}`", node.inputs[name]
        fix = f"a sweep stands for the whole list: `{name}: {{sweep: …}}`."
        return [self._checked(what, port, item, (*path, index), fix) for index, item in enumerate(value)]

    def _checked(self, what: str, port: InputPort, value: Any, path: Path, fix_of_sweep: str) -> Any:
        found = misfit(what, port, value, Place(path))
        if found is not None:
            self.found.append(found if sweep_text(value) is None else replace(found, fix=fix_of_sweep))
        return float(value) if str(port.type) == "float" and isinstance(value, int) else value

    def _unbound(self, node: Node, name: str) -> None:
        wanted = node.input_type(name)
        fact = f"input `{node.name}.{name}` ({wanted}) gets no value: no edge, no `with`, no default."
        if name in node.looped:
            fact = f"step `{node.name}` loops over `{name}`, but gets no list for it: no edge, no `with`."
        if (node.name, name) in self.absent:
            self._left_out(node, name)
            return
        self.report(UNBOUND, Place(node.edge), fact, self._proposal(node, name, wanted))

    def _left_out(self, node: Node, name: str) -> None:
        """An edge of a component made of edges that is not there where its optional input has no value."""
        source, edge = self.absent[node.name, name]
        port = node.inputs[name]
        fact = f"input `{node.name}.{name}` ({port.type}) gets no value where {self.scope.title_in_messages} is used "
        fix = f"remove `optional: true` of `{source}`, or make `{name}` of `{node.declared.path[-1]}` optional too."
        place = Place(edge.path, start=source.place.start, length=source.place.length)
        self.report(UNBOUND, place, f"{fact}without `{source.port}`.", fix)

    def _proposal(self, node: Node, name: str, wanted: Type) -> str:
        sources = self._sources(node, name, wanted)
        if sources:
            return f"add `- {sources[0]} -> {node.name}.{name}`."
        if wanted.is_artifact:
            return f"connect {with_article(wanted)} output."
        if wanted == RUN_STATUS:
            return "connect `exit.status`; nothing else is a RunStatus."
        return f"declare `inputs: {{{name}: {wanted}}}` and add `- inputs.{name} -> {node.name}.{name}`."

    def _sources(self, node: Node, name: str, wanted: Type) -> list[str]:
        """What could be connected, what has the input's own name first."""
        inputs = [f"inputs.{other}" for other, value in self.scope.inputs.items() if value.type.fits(wanted)]
        outputs = [
            f"{other.name}.{output}"
            for other in self.nodes.values()
            for output in other.outputs
            if other is not node and other.output_type(output).fits(wanted)
            if output == name or output != JOB_OUTPUT  # the address of a job is for those who wait for jobs
        ]
        alike = [source for source in (*inputs, *outputs) if source.partition(".")[2] == name]
        return alike or outputs or inputs

    def check_outputs(self) -> None:
        for name in self.scope.outputs:
            if name not in self.outputs and not self.all_suspect and "outputs" not in self.suspect:
                fact = f"output `{name}` is declared, but no edge fills it."
                place = Place((*self.scope.path, "outputs", name), on="key")
                self.report(UNBOUND, place, fact, f"add `- <step>.<output> -> outputs.{name}`.")


def misfit(what: str, port: InputPort, value: Any, place: Place) -> Diagnostic | None:
    """The report of a constant that cannot go into the port; None if it can. `what` is the port, in the message."""
    trouble = objection(port, port.type, value)
    if trouble is None:
        return None
    rule = WRONG_VALUE if port.type.holds(value) else WRONG_TYPE
    return Diagnostic(rule, place, f"the value of {what} {trouble[0]}.", trouble[1])


def _searched(node: Node) -> frozenset[str]:
    """The inputs that a search gives their values."""
    return frozenset(node.entry.tune.search) if node.entry.tune is not None else frozenset()


def _is_for_a_loop(value: Any) -> bool:
    return isinstance(value, list) or sweep_text(value) is not None


def _another_type(given: Type, wanted: Type, target: End) -> str:
    """The way out where what comes does not fit."""
    is_input = target.node != "outputs"
    if given.is_artifact != wanted.is_artifact:
        return "an artifact is a file, a value is not: change the type of one side, or connect another port."
    if is_input and given == RUN_STATUS:
        return f"declare `{target.port}: RunStatus`, or connect another port."
    if is_input and given.is_list and given.element.fits(wanted):
        return f"declare `{target.port}: {given}`, or `for_each: [{target.port}]` on step `{target.node}`."
    if str(wanted) == "google.UnmanagedContainerModel":
        return "use `std/vertex_upload@1`, or import the model's folder with its serving image: see examples/serve."
    return "change one of the types."


def _example(value: Any) -> str:
    return "…" if value is None or isinstance(value, list | dict) else str(value)
