"""The two ends of an edge: the output that the left one names, the type of the input that the right one names."""

from __future__ import annotations

from hpc.compiler.graph import FromInput, FromStep, Source, Status
from hpc.compiler.link.nodes import RESERVED_NODES, Node, Scope
from hpc.components.importer import URI, ImporterComponent
from hpc.components.types import Type, did_you_mean
from hpc.diagnostics import Diagnostic, Place, Rule
from hpc.spec.edges import End

UNKNOWN_OUTPUT = Rule(
    "HPC202",
    "no such output",
    "The left side of an edge names an output, or an input of the pipeline.",
    "Correct the name.",
)
UNKNOWN_INPUT = Rule(
    "HPC203", "no such input", "The right side of an edge, and `with`, name inputs of the step.", "Correct the name."
)
WRONG_SIDE = Rule(
    "HPC307",
    "reserved node on the wrong side",
    "`inputs` and `exit` are only sources, `outputs` only a target.",
    "Turn the edge around.",
)
EXIT = Rule(
    "HPC407",
    "`exit` where it cannot be",
    "`exit` fires once, after everything in the pipeline has ended; what follows it may depend on nothing else that "
    "runs.",
    "Write `exit.status -> notify.status` at the top level of the pipeline.",
)
RULES = (UNKNOWN_OUTPUT, UNKNOWN_INPUT, WRONG_SIDE, EXIT)


class Ends:
    """Looks ends up in a scope; `found` collects those that name nothing."""

    def __init__(self, scope: Scope, nodes: dict[str, Node], found: list[Diagnostic]) -> None:
        self.scope, self.nodes, self.found = scope, nodes, found

    def report(self, rule: Rule, place: Place, fact: str, fix: str) -> None:
        self.found.append(Diagnostic(rule, place, fact, fix))

    def is_absent(self, end: End) -> bool:
        """Whether the end is an optional input that has no value in this use of the component."""
        return end.node == "inputs" and end.port in self.scope.inputs and end.port not in self.scope.bound

    def source(self, end: End) -> Source | None:
        """What the left end of an edge names, or None after a report."""
        if end.node == "inputs":
            return self._input(end)
        if end.node == "outputs":
            fact = "`outputs` can only be on the right of an arrow."
            self.report(WRONG_SIDE, end.place, fact, "turn the edge around.")
        elif end.node == "exit":
            return self._exit(end)
        elif end.node in self.nodes:
            return self._output(end, self.nodes[end.node])
        return None

    def _input(self, end: End) -> Source | None:
        port, inputs = end.port or "", self.scope.inputs
        if port in inputs:
            return FromInput(port, inputs[port].type, inputs[port], (*self.scope.path, "inputs", port))
        near = did_you_mean(f"inputs.{port}", [f"inputs.{name}" for name in inputs])
        fix = near if near.startswith("did") else f"declare `inputs: {{{port}: <type>}}`."
        fact = f"there is no input `{port}` of {self.scope.title_in_messages}."
        self.report(UNKNOWN_OUTPUT, end.place, fact, fix)
        return None

    def has_exit(self, end: End) -> bool:
        """Whether `exit` stands in this scope; reports it where it does not."""
        if not self.scope.is_pipeline:
            fact = "`exit` stands at the top level of a pipeline, not in a component."
            self.report(EXIT, end.place, fact, "move this edge to the `edges` of the pipeline.")
        return self.scope.is_pipeline

    def _exit(self, end: End) -> Source | None:
        if not self.has_exit(end):
            return None
        if end.port == "status":
            return Status("exit")
        fact = f"`exit` has no output `{end.port}`; it has `status`."
        self.report(UNKNOWN_OUTPUT, end.place, fact, "write `exit.status`.")
        return None

    def _output(self, end: End, node: Node) -> Source | None:
        port = end.port or ""
        if port in node.outputs:
            return FromStep(end.node, port, node.output_type(port))
        if port == "status":
            return Status(end.node)
        fact, fix = f"step `{end.node}` has no output `{port}`.", did_you_mean(port, node.outputs)
        if port in node.inputs:
            fact = f"`{end}` is an input of the step, and outputs stand on the left of an arrow."
            fix = f"turn the edge around: `… -> {end}`; or name an output."
        self.report(UNKNOWN_OUTPUT, end.place, fact, fix)
        return None

    def target(self, end: End) -> Type | None:
        """The type of the port that the right end of an edge names, or None after a report."""
        port = end.port or ""
        if end.node == "outputs":
            if port in self.scope.outputs:
                return self.scope.outputs[port].type
            fix = f"declare `outputs: {{{port}: <type>}}`."
            self.report(
                UNKNOWN_INPUT, end.place, f"there is no output `{port}` of {self.scope.title_in_messages}.", fix
            )
        elif end.node in RESERVED_NODES:
            fix = "turn the edge around; to give an input a value use its `default`."
            self.report(WRONG_SIDE, end.place, f"`{end.node}` can only be on the left of an arrow.", fix)
        elif end.node in self.nodes:
            return self._step_input(end, self.nodes[end.node])
        return None

    def _step_input(self, end: End, node: Node) -> Type | None:
        port = end.port or ""
        if port in node.inputs:
            return node.input_type(port)
        takes = ", ".join(f"{name} ({value.type})" for name, value in node.inputs.items()) or "nothing"
        fact, fix = f"step `{end.node}` has no input `{port}`; it takes {takes}.", did_you_mean(port, node.inputs)
        if isinstance(node.declared.component, ImporterComponent) and port == URI:
            fact = f"importer `{end.node}` says itself where the artifact lies, so it has no input `{URI}`."
            fix = f"remove `uri:` of component `{node.declared.path[-1]}`, or this edge."
        self.report(UNKNOWN_INPUT, end.place, fact, fix)
        return None
