"""What every input gets: edges, constants and defaults become bindings, and whatever does not fit is reported."""

from __future__ import annotations

from typing import Any

from hpc.compiler.graph import Binding, Constant, FromInput, FromStep, Gathered, Source
from hpc.compiler.link.nodes import RESERVED_NODES, UNKNOWN_STEP, Node, Wire
from hpc.components.ports import InputPort, objection
from hpc.components.types import RUN_STATUS, Type, did_you_mean, with_article
from hpc.diagnostics import Diagnostic, Place, Rule
from hpc.spec.edges import NOT_AN_EDGE, Edge, End
from hpc.spec.load import WRONG_VALUE
from hpc.spec.model import Pipeline

UNKNOWN_OUTPUT = Rule(
    "HPC202",
    "no such output",
    "The left side of an edge names an output, or an input of the pipeline.",
    "Correct the name.",
)
UNKNOWN_INPUT = Rule(
    "HPC203", "no such input", "The right side of an edge, and `with`, name inputs of the step.", "Correct the name."
)
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
WRONG_SIDE = Rule(
    "HPC307",
    "reserved node on the wrong side",
    "`inputs` is only a source, `outputs` only a target.",
    "Turn the edge around.",
)
NOT_A_LIST = Rule(
    "HPC310", "several sources for one value", "Several sources make a list.", "Declare the input as `list<T>`."
)
RULES = (UNKNOWN_OUTPUT, UNKNOWN_INPUT, WRONG_TYPE, UNBOUND, BOUND_TWICE, SELF_EDGE, WRONG_SIDE, NOT_A_LIST)


class Wiring:
    """Connects edge after edge; `found` collects what does not fit."""

    def __init__(self, pipeline: Pipeline, nodes: dict[str, Node], found: list[Diagnostic]) -> None:
        self.pipeline, self.nodes, self.found = pipeline, nodes, found
        self.outputs: dict[str, Wire] = {}
        self.suspect: set[str] = set()  # steps whose missing inputs may have been meant by an edge that is wrong
        self.all_suspect = any(diagnostic.rule in (NOT_AN_EDGE, UNKNOWN_STEP) for diagnostic in found)

    def report(self, rule: Rule, place: Place, fact: str, fix: str) -> None:
        self.found.append(Diagnostic(rule, place, fact, fix))

    def connect(self, edge: Edge) -> None:
        if edge.kind == "order":
            for source in edge.sources:
                for target in edge.targets:
                    self._order(source, target)
        elif edge.kind in ("data", "gather"):
            sources = [(end, self._source(end)) for end in edge.sources]
            for target in edge.targets:
                self._data(edge, sources, target)

    def _order(self, source: End, target: End) -> None:
        for end in (source, target):
            if end.node in RESERVED_NODES:
                self.report(WRONG_SIDE, end.place, f"`{end.node}` has no order.", f"name a port: `{end.node}.<name>`.")
                return
        self._wait(source, target)

    def _wait(self, source: End, target: End) -> None:
        if source.node == target.node:
            self.report(SELF_EDGE, target.place, f"`{source.node}` cannot wait for itself.", "remove the edge.")
        elif source.node in self.nodes and target.node in self.nodes:
            self.nodes[target.node].after.setdefault(source.node, source.place)

    def _source(self, end: End) -> Source | None:
        """The output that the left end of an edge names, or None after a report."""
        port = end.port or ""
        if end.node == "inputs":
            if port in self.pipeline.inputs:
                return FromInput(port, self.pipeline.inputs[port].type)
            near = did_you_mean(f"inputs.{port}", [f"inputs.{name}" for name in self.pipeline.inputs])
            fix = near if near.startswith("did") else f"declare `inputs: {{{port}: <type>}}`."
            self.report(UNKNOWN_OUTPUT, end.place, f"there is no input `{port}` of the pipeline.", fix)
        elif end.node in RESERVED_NODES:
            self.report(
                WRONG_SIDE, end.place, f"`{end.node}` can only be on the right of an arrow.", "turn the edge around."
            )
        elif end.node in self.nodes:
            outputs = self.nodes[end.node].component.outputs
            if port in outputs:
                return FromStep(end.node, port, outputs[port].type)
            self.report(
                UNKNOWN_OUTPUT, end.place, f"step `{end.node}` has no output `{port}`.", did_you_mean(port, outputs)
            )
        return None

    def _data(self, edge: Edge, sources: list[tuple[End, Source | None]], target: End) -> None:
        before = len(self.found)
        self._carry(edge, sources, target)
        if len(self.found) > before or any(source is None for _, source in sources):
            self.suspect.add(target.node)

    def _carry(self, edge: Edge, sources: list[tuple[End, Source | None]], target: End) -> None:
        wanted = self._target(target)
        for end, _ in sources:
            if end.node not in RESERVED_NODES and target.node not in RESERVED_NODES:
                self._wait(end, target)
        if wanted is None or any(source is None for _, source in sources):
            return
        known = [(end, source) for end, source in sources if source is not None]
        gathers = self._gathers(edge, known, wanted, target)
        if gathers is None:
            return
        fits = [self._fits(end, source, wanted.element if gathers else wanted, target) for end, source in known]
        if not all(fits):
            return
        binding: Binding = Gathered(tuple(source for _, source in known)) if gathers else known[0][1]
        self._bind(target, Wire(binding, ", ".join(str(end) for end, _ in known), target.place))

    def _gathers(self, edge: Edge, sources: list[tuple[End, Source]], wanted: Type, target: End) -> bool | None:
        """Whether the sources become elements of a list; None after a report."""
        if edge.kind == "gather" and not wanted.is_list:
            fact = f"{len(sources)} sources go into `{target}`, which takes one {wanted}."
            fix = f"declare `{target.port}: list<{wanted}>`, or write `|` between sources of which only one runs."
            self.report(NOT_A_LIST, target.place, fact, fix)
            return None
        return edge.kind == "gather" or (wanted.is_list and not sources[0][1].type.is_list)

    def _fits(self, end: End, source: Source, wanted: Type, target: End) -> bool:
        if source.type.fits(wanted):
            return True
        apart = source.type.is_artifact != wanted.is_artifact
        fix = "change one of the types."
        if apart:
            fix = "an artifact is a file, a value is not: change the type of one side, or connect another port."
        fact = f"`{end}` is {with_article(source.type)}, but `{target}` takes {with_article(wanted)}."
        self.report(WRONG_TYPE, target.place, fact, fix)
        return False

    def _target(self, end: End) -> Type | None:
        """The type of the port that the right end of an edge names, or None after a report."""
        port = end.port or ""
        if end.node == "outputs":
            if port in self.pipeline.outputs:
                return self.pipeline.outputs[port].type
            fix = f"declare `outputs: {{{port}: <type>}}`."
            self.report(UNKNOWN_INPUT, end.place, f"there is no output `{port}` of the pipeline.", fix)
        elif end.node in RESERVED_NODES:
            fix = "turn the edge around; to give an input a value use its `default`."
            self.report(WRONG_SIDE, end.place, f"`{end.node}` can only be on the left of an arrow.", fix)
        elif end.node in self.nodes:
            inputs = self.nodes[end.node].component.inputs
            if port in inputs:
                return inputs[port].type
            takes = ", ".join(f"{name} ({value.type})" for name, value in inputs.items()) or "nothing"
            self.report(
                UNKNOWN_INPUT,
                end.place,
                f"step `{end.node}` has no input `{port}`; it takes {takes}.",
                did_you_mean(port, inputs),
            )
        return None

    def _bind(self, target: End, wire: Wire) -> None:
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
        """Only what one step makes can be an output of the pipeline."""
        if target.node != "outputs" or isinstance(wire.source, FromStep):
            return
        what = "several values" if isinstance(wire.source, Gathered) else f"`{wire.text}`"
        fact = f"{what} cannot be an output of the pipeline: an output is what one step makes."
        self.report(WRONG_TYPE, target.place, fact, "let a step pass it on.")

    # ------------------------------------------------------------ what every input gets

    def complete(self, node: Node) -> None:
        """Constants and defaults for the inputs that no edge fills; what stays without a value is reported."""
        for name, wire in node.wires.items():
            self._check_defaults(node, name, wire)
        for name, value in node.entry.with_.items():
            self._constant(node, name, value)
        for name, port in node.component.inputs.items():
            if name in node.wires:
                continue
            if port.has_default:
                path = ("components", node.component_name, "inputs", name, "default")
                node.wires[name] = Wire(Constant(port.default, path), "its default", Place(path))
            elif not port.optional and not self.all_suspect and node.name not in self.suspect:
                self._unbound(node, name, port)

    def _check_defaults(self, node: Node, name: str, wire: Wire) -> None:
        """The default of an input of the pipeline is a constant too: it must be within the limits of what it feeds."""
        port = node.component.inputs[name]
        gathers = isinstance(wire.source, Gathered)
        sources = wire.source.items if isinstance(wire.source, Gathered) else (wire.source,)
        for feeding in (source.name for source in sources if isinstance(source, FromInput)):
            given = self.pipeline.inputs[feeding]
            wanted = port.type.element if gathers else port.type
            trouble = objection(port, wanted, given.default) if given.has_default else None
            if trouble:
                place = Place(("inputs", feeding, "default"))
                other = Place(("components", node.component_name, "inputs", name), on="key")
                fed = f"`inputs.{feeding}`, fed into `{node.name}.{name}` ({{other}}),"
                fact = f"the default of {fed} {trouble[0]}."
                self.found.append(Diagnostic(WRONG_VALUE, place, fact, trouble[1], other=other))

    def _constant(self, node: Node, name: str, value: Any) -> None:
        path = (*node.path, "with", name)
        port = node.component.inputs.get(name)
        if port is None:
            fact = f"step `{node.name}` has no input `{name}`."
            self.report(UNKNOWN_INPUT, Place(path, on="key"), fact, did_you_mean(name, node.component.inputs))
            return
        if name in node.wires:
            wire = node.wires[name]
            fact = f"input `{node.name}.{name}` is set here and also gets `{wire.text}` ({{other}})."
            self.found.append(Diagnostic(BOUND_TWICE, Place(path, on="key"), fact, "keep one.", other=wire.place))
            return
        trouble = objection(port, port.type, value)
        if trouble:
            rule = WRONG_TYPE if not port.type.holds(value) else WRONG_VALUE
            self.report(rule, Place(path), f"the value of `{node.name}.{name}` {trouble[0]}.", trouble[1])
        exact = float(value) if str(port.type) == "float" and isinstance(value, int) else value
        node.wires[name] = Wire(Constant(exact, path), "a constant", Place(path))

    def _unbound(self, node: Node, name: str, port: InputPort) -> None:
        fact = f"input `{node.name}.{name}` ({port.type}) gets no value: no edge, no `with`, no default."
        self.report(UNBOUND, Place(node.edge), fact, self._proposal(node, name, port))

    def _proposal(self, node: Node, name: str, port: InputPort) -> str:
        sources = [f"inputs.{other}" for other, value in self.pipeline.inputs.items() if value.type.fits(port.type)]
        sources = (
            [source for source in sources if source == f"inputs.{name}"]
            or [
                f"{other.name}.{output}"
                for other in self.nodes.values()
                for output, value in other.component.outputs.items()
                if other is not node and value.type.fits(port.type)
            ]
            or sources
        )
        if sources:
            return f"add `- {sources[0]} -> {node.name}.{name}`."
        if port.type.is_artifact:
            return f"connect {with_article(port.type)} output."
        if port.type == RUN_STATUS:
            return "connect `exit.status`; nothing else is a RunStatus."
        return f"declare `inputs: {{{name}: {port.type}}}` and add `- inputs.{name} -> {node.name}.{name}`."

    def check_outputs(self) -> None:
        for name in self.pipeline.outputs:
            if name not in self.outputs and not self.all_suspect and "outputs" not in self.suspect:
                fact = f"output `{name}` is declared, but no edge fills it."
                self.report(
                    UNBOUND, Place(("outputs", name), on="key"), fact, f"add `- <step>.<output> -> outputs.{name}`."
                )

    def surfaced(self) -> dict[str, FromStep]:
        """The step output behind each output of the pipeline."""
        return {name: wire.source for name, wire in self.outputs.items() if isinstance(wire.source, FromStep)}
