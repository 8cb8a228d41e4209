"""What a pipeline file means: its data and the arguments of a run enter, what runs with which inputs leaves.

Written from docs/language.md alone, sharing nothing with the compiler. A step runs when all of its edges are live; an
edge is live if its source succeeded and its condition holds. What does not run has a reason:

* `condition`: a condition was false, here or before it;
* `undecided`: something that a condition waits for failed, so nobody asked;
* `upstream`: something that it waits for failed or did not run.

The one thing that is asked of the compiled file is when a region starts. docs/language.md lets a region wait for
everything that its steps take from outside; whoever calls names the steps that were `held` back so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from simulation.reading import Source, Wire, nodes_of, wires
from simulation.world import Artifact, Path, Run, World, digest, imported

Data = Mapping[str, Any]
Past = frozenset[Run]
SKIPPED = ("condition", "undecided", "upstream")


class Known(list[Any]):
    """A list gathered on edges: its length is known while compiling."""


@dataclass(frozen=True)
class Result:
    """How a step ended. `past` is all that ran up to its end; an unrolled step has `elements`."""

    state: str
    outputs: Data = field(default_factory=dict)
    past: Past = frozenset()
    elements: tuple[Result, ...] | None = None

    def value(self, port: str) -> Any:
        if self.elements is not None:
            return Known(element.value(port) for element in self.elements)
        return self.outputs[port]


@dataclass
class Happened:
    """All runs of a run, each with what had to be over before it, and where it stands."""

    runs: list[tuple[Run, Past, Path]] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True)
class Language:
    """One pipeline file; see the module."""

    data: Data
    world: World
    held: Mapping[Path, str] = field(default_factory=dict)

    def run(self, arguments: Data) -> Happened:
        happened = Happened()
        top = _Scope(self, happened, self.data, {**_defaults(self.data), **arguments})
        happened.failed, happened.outputs, _ = top.run()
        return happened

    def component(self, name: str) -> Data:
        """The component with all that it takes from the one it `uses`."""
        own: Data = self.data["components"][name]
        base = self.component(own["uses"]) if "uses" in own else {}
        return {**base, **own}


def _defaults(graph: Data) -> dict[str, Any]:
    inputs: Data = graph.get("inputs") or {}
    return {name: spec["default"] for name, spec in inputs.items() if isinstance(spec, dict) and "default" in spec}


@dataclass(frozen=True)
class _Axis:
    """What one port of a loop walks: pairs of a value and the result that it comes from."""

    port: str
    items: tuple[tuple[Any, Result], ...]
    is_known: bool


_Element = tuple[Data, list[Result], Path]  # values, the results that they come from, the place among its like


@dataclass
class _Scope:
    """One graph of edges with values for its inputs: the pipeline, or one use of a component made of edges."""

    language: Language
    happened: Happened
    graph: Data
    inputs: Data
    path: Path = ()
    place: Path = ()
    before: Past = frozenset()

    def __post_init__(self) -> None:
        self.wires = [wire for wire in wires(self.graph["edges"]) if self._is_there(wire)]
        self.steps: Data = self.graph.get("steps") or {}
        self.results: dict[str, Result] = {}

    def _is_there(self, wire: Wire) -> bool:
        """An optional input without a value takes its edges with it."""
        return all(source.node != "inputs" or not source.port or source.port in self.inputs for source in wire.sources)

    def run(self) -> tuple[bool, dict[str, Any], Past]:
        """Whether something failed, what is handed out, and all that ran."""
        names = nodes_of(wires(self.graph["edges"]), self.steps)
        last = {wire.target for wire in self.wires if any(source.node == "exit" for source in wire.sources)}
        self.main = [self.result(name) for name in names if name not in last]
        failed = any(result.state == "failed" for result in self.main)
        outputs = {} if failed else {str(wire.port): self._value(wire) for wire in self._into("outputs")}
        results = [*self.main, *(self.result(name) for name in sorted(last))]
        failed = any(result.state == "failed" for result in results)
        return failed, outputs, self._past(results)

    def result(self, name: str) -> Result:
        if name not in self.results:
            self.results[name] = self._evaluate(name)
        return self.results[name]

    def _into(self, name: str) -> list[Wire]:
        return [wire for wire in self.wires if wire.target == name]

    def _past(self, results: Iterable[Result]) -> Past:
        return self.before.union(*(result.past for result in results))

    # ---- whether a step runs

    def _evaluate(self, name: str) -> Result:
        step: Data = self.steps.get(name) or {}
        incoming = [wire for wire in self._into(name) if wire.sources]
        axes = self._axes(step, incoming)
        known = {axis.port for axis in axes if axis.is_known}
        is_unrolled = bool(axes) and len(known) == len(axes) and step.get("loop") != "runtime"
        whole = [wire for wire in incoming if not (is_unrolled and wire.port in known)]
        past = self._past(self._sources(whole))
        state = self._state(name, incoming, whole)
        if state:
            return Result(state, past=past)
        if not axes:
            return self._execute(name, self._received(name, incoming), past, (*self.place, name))
        received = self._received(name, [wire for wire in incoming if wire.port not in {axis.port for axis in axes}])
        elements = list(_elements(axes, isinstance(step["for_each"], dict)))
        if is_unrolled:
            return self._unrolled(name, received, elements, past)
        return self._looped(name, received, elements, past)

    def _state(self, name: str, incoming: list[Wire], whole: list[Wire]) -> str:
        """Why the step does not run; empty if it does."""
        if (*self.place, name) in self.language.held:
            return self.language.held[(*self.place, name)]
        is_last = (self.steps.get(name) or {}).get("run_if") == "upstream_done"
        found = {self._reason(wire, whole) for wire in incoming} - {""}
        if is_last:
            found &= {"condition", "undecided"}
        if "condition" in found or not found:
            return "condition" if found else ""
        is_decided = not any(wire.conditions or wire.unless for wire in incoming)
        return "upstream" if is_decided and "undecided" not in found else "undecided"

    def _reason(self, wire: Wire, whole: list[Wire]) -> str:
        """Why the wire is not live; empty if it is."""
        states = {self._source(source).state for source in wire.sources} or {"ok"}
        if wire not in whole:
            # One element fails alone. A condition before one of them is before the whole loop: it is decided once.
            states = states & {"condition", "undecided"} or {"ok"}
        if wire.is_join and "ok" not in states:
            return "condition" if states == {"condition"} else "upstream"
        if not wire.is_join and states != {"ok"}:
            return _worst(states)
        states = {self.result(node).state for node in self._read(wire)} or {"ok"}
        if states != {"ok"}:
            return _worst(states)
        holds = all(one.holds(self._named) for one in wire.conditions)
        return "" if holds and not any(one.holds(self._named) for one in wire.unless) else "condition"

    def _read(self, wire: Wire) -> set[str]:
        return {name.split(".")[0] for name in wire.reads} - {"inputs"}

    def _named(self, name: str) -> Any:
        node, port = name.split(".")
        return self.inputs[port] if node == "inputs" else self.result(node).value(port)

    def _source(self, source: Source) -> Result:
        if source.node == "exit":
            return Result("ok", past=self._past(self.main))
        return Result("ok") if source.node == "inputs" else self.result(source.node)

    def _sources(self, found: Iterable[Wire]) -> Iterator[Result]:
        for wire in found:
            yield from map(self._source, wire.sources)
            yield from map(self.result, self._read(wire))

    # ---- what it receives

    def _received(self, name: str, incoming: list[Wire]) -> dict[str, Any]:
        component = self.language.component(self._uses(name))
        values = {**_defaults(component), **((self.steps.get(name) or {}).get("with") or {})}
        if "import" in component and "uri" in component:
            values["uri"] = component["uri"]
        for wire in incoming:
            if wire.port and self._has_value(wire):
                values[wire.port] = self._value(wire)
        declared: Data = component.get("inputs") or {}
        return {port: _listed(value, declared.get(port)) for port, value in values.items()}

    def _uses(self, name: str) -> str:
        return (self.steps.get(name) or {}).get("uses", name)

    def _has_value(self, wire: Wire) -> bool:
        states = [self._source(source).state for source in wire.sources]
        is_status = wire.sources[0].port == "status"
        return is_status or ("ok" in states if wire.is_join else set(states) == {"ok"})

    def _value(self, wire: Wire) -> Any:
        sources = [one for one in wire.sources if not wire.is_join or self._source(one).state == "ok"][:1]
        if len(wire.sources) > 1 and not wire.is_join:
            return Known(self._of(source) for source in wire.sources)
        return self._of(sources[0])

    def _of(self, source: Source) -> Any:
        if source.port == "status":
            states = [one.state for one in self.main] if source.node == "exit" else [self.result(source.node).state]
            others = "SUCCEEDED" if source.node == "exit" or states == ["ok"] else "NOT RUN"
            return {"state": "FAILED" if "failed" in states else others}
        port = str(source.port)
        return self.inputs[port] if source.node == "inputs" else self.result(source.node).value(port)

    # ---- loops

    def _axes(self, step: Data, incoming: list[Wire]) -> list[_Axis]:
        named = step.get("for_each") or []
        ports: list[str] = named["zip"] if isinstance(named, dict) else named
        fed = {wire.port: wire for wire in incoming}
        nothing = Result("ok")
        return [
            self._axis(port, fed[port])
            if port in fed
            else _Axis(port, tuple((item, nothing) for item in step["with"][port]), True)
            for port in ports
        ]

    def _axis(self, port: str, wire: Wire) -> _Axis:
        if len(wire.sources) > 1 and not wire.is_join:
            pairs = [
                (self._of(one) if self._source(one).state == "ok" else None, self._source(one)) for one in wire.sources
            ]
            return _Axis(port, tuple(pairs), True)
        source = wire.sources[0]
        result = self._source(source)
        if result.elements is not None and source.port:
            values = [one.value(source.port) if one.state == "ok" else None for one in result.elements]
            return _Axis(port, tuple(zip(values, result.elements, strict=True)), True)
        items = self._value(wire) if self._has_value(wire) else []
        if not isinstance(items, list):
            return _Axis(port, ((items, result),), True)
        if source.field:
            items = [item[source.field] for item in items]
        return _Axis(port, tuple((item, Result("ok")) for item in items), isinstance(items, Known))

    def _unrolled(self, name: str, received: Data, elements: list[_Element], past: Past) -> Result:
        lanes = (self.steps[name] or {}).get("parallel", len(elements))
        done: list[Result] = []
        for index, (values, own, _) in enumerate(elements):
            waits = [*own, *done[index - lanes : index - lanes + 1]] if index >= lanes else own
            before = past | self._past(waits)
            if any(one.state != "ok" for one in waits):
                done.append(Result(_worst({one.state for one in waits}), past=before))
            else:
                done.append(self._execute(name, {**received, **values}, before, (*self.place, name)))
        return Result(_all(done), past=past | self._past(done), elements=tuple(done))

    def _looped(self, name: str, received: Data, elements: list[_Element], past: Past) -> Result:
        done = [
            self._execute(name, {**received, **values}, past, (*self.place, *marks, name))
            for values, _, marks in elements
        ]
        state = _all(done)
        component = self.language.component(self._uses(name))
        ports = ["artifact"] if "import" in component else component.get("outputs") or []
        outputs = {port: [one.value(port) for one in done] for port in ports} if state == "ok" else {}
        return Result(state, outputs, past | self._past(done))

    # ---- running it

    def _execute(self, name: str, received: Data, past: Past, place: Path) -> Result:
        component = self.language.component(self._uses(name))
        path = (*self.path, name)
        if "edges" in component:
            scope = _Scope(self.language, self.happened, component, received, path, place, past)
            failed, outputs, after = scope.run()
            return Result("failed" if failed else "ok", outputs, past | after)
        if "import" in component:
            return self._import(component, received, past, path, place)
        run = Run(path, digest([component["args"][0], received]))
        self.happened.runs.append((run, past, place))
        outputs = self.language.world.outcome(run, component.get("outputs") or {})
        return Result("failed" if outputs is None else "ok", outputs or {}, past | {run})

    def _import(self, component: Data, received: Data, past: Past, path: Path, place: Path) -> Result:
        metadata = {key: _filled(value, received) for key, value in (component.get("metadata") or {}).items()}
        made: Artifact = imported(path, {"uri": received["uri"], "metadata": metadata})
        run = Run(path, digest([made]))
        self.happened.runs.append((run, past, place))
        return Result("ok", {"artifact": made}, past | {run})


def _listed(value: Any, declared: Any) -> Any:
    """One value for a list is a list of one."""
    stated = declared["type"] if isinstance(declared, dict) else declared
    is_list = isinstance(stated, str) and stated.startswith("list<")
    return Known([value]) if is_list and not isinstance(value, list) else value


def _filled(value: Any, received: Data) -> Any:
    """A reference in metadata, if it is one."""
    if isinstance(value, str) and value.startswith("${{ inputs."):
        return received[value[len("${{ inputs.") : -len(" }}")]]
    return value


def _elements(axes: list[_Axis], is_zip: bool) -> Iterator[_Element]:
    lists = [list(enumerate(axis.items)) for axis in axes]
    for combined in zip(*lists, strict=True) if is_zip else product(*lists):
        values = {axis.port: value for axis, (_, (value, _)) in zip(axes, combined, strict=True)}
        marks = tuple(f"#{index}" for index, _ in combined)
        yield values, [result for _, (_, result) in combined], marks[:1] if is_zip else marks


def _worst(states: Collection[str]) -> str:
    return next((one for one in ("condition", "undecided") if one in states), "upstream")


def _all(results: list[Result]) -> str:
    states = {one.state for one in results} - {"ok"}
    return "failed" if "failed" in states else _worst(states) if states else "ok"
