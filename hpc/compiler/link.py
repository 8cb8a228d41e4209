"""Names become objects: a `Pipeline` enters, a `Graph` leaves, or every name, port and wire that is wrong.

The order of work: what components name, which steps there are, what edges carry, what every input gets, an order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from hpc.compiler.graph import Binding, Constant, FromInput, FromStep, Gathered, Graph, Settings, Source, Step
from hpc.components.container import ContainerComponent
from hpc.components.fields import SecretRef
from hpc.components.ports import InputPort, objection
from hpc.components.step import StepEntry
from hpc.components.subpipeline import ExternalComponent, SubPipeline
from hpc.components.types import Type, did_you_mean
from hpc.diagnostics import Diagnostic, Path, Place, Rejected, Rule
from hpc.spec.edges import LEAVE_OUT, NOT_AN_EDGE, NOT_YET, Edge, End, parse_edges
from hpc.spec.load import MISSING_KEY, WRONG_VALUE
from hpc.spec.merge import UNKNOWN_USES
from hpc.spec.model import Pipeline

UNKNOWN_STEP = Rule(
    "HPC201", "no such step", "An edge names steps; a step is an entry of `steps` or a component.", "Correct the name."
)
UNKNOWN_OUTPUT = Rule(
    "HPC202",
    "no such output",
    "The left side of an edge names an output, or an input of the pipeline.",
    "Correct the name.",
)
UNKNOWN_INPUT = Rule(
    "HPC203", "no such input", "The right side of an edge, and `with`, name inputs of the step.", "Correct the name."
)
UNKNOWN_IMAGE = Rule(
    "HPC204",
    "image not declared",
    "Every image is named in `images`, so that a review sees them in one place.",
    "Declare it, and use its name.",
)
UNKNOWN_ACCELERATOR = Rule(
    "HPC205", "accelerator not declared", "Machines are described once, in `accelerators`.", "Declare it."
)
UNKNOWN_SECRET = Rule(
    "HPC209",
    "secret not declared",
    "Secrets are declared once, with the place where each target keeps them.",
    "Declare it.",
)
IDLE_STEP = Rule(
    "HPC210",
    "step without an edge",
    "An entry of `steps` that no edge names would silently not run.",
    "Name it in `edges`, or remove it.",
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
CYCLE = Rule("HPC305", "cycle", "Each step would wait for the other.", "Remove one of the edges.")
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
RULES = (
    UNKNOWN_STEP, UNKNOWN_OUTPUT, UNKNOWN_INPUT, UNKNOWN_IMAGE, UNKNOWN_ACCELERATOR, UNKNOWN_SECRET, IDLE_STEP,
    WRONG_TYPE, UNBOUND, BOUND_TWICE, CYCLE, SELF_EDGE, WRONG_SIDE, NOT_A_LIST,
)  # fmt: skip


def link(pipeline: Pipeline) -> Graph:
    """The graph of the pipeline. Raises Rejected with everything that does not fit."""
    edges, found = parse_edges(pipeline.edges, ("edges",))
    found += _declared_names(pipeline)
    nodes = dict(_nodes(pipeline, edges, found))
    if any(diagnostic.rule is NOT_YET for diagnostic in found):
        raise Rejected(found)  # what is not understood yet would make further messages wrong
    wiring = _Wiring(pipeline, nodes, found)
    for edge in edges:
        wiring.connect(edge)
    for node in nodes.values():
        wiring.complete(node)
    wiring.check_outputs()
    order = _order(nodes, wiring)
    if found:
        raise Rejected(found)
    steps = tuple(_step(pipeline, nodes[name], wiring) for name in order)
    return Graph(
        pipeline,
        steps,
        {name: wire.source for name, wire in wiring.outputs.items() if isinstance(wire.source, FromStep)},
    )


# ---------------------------------------------------------------- what components and steps name


def _declared_names(pipeline: Pipeline) -> Iterator[Diagnostic]:
    if not pipeline.components:
        yield Diagnostic(
            MISSING_KEY,
            Place(("components",)),
            "`components` is empty.",
            "add a component, e.g. `train: {image: trainer, …}`.",
        )
    if not pipeline.edges:
        yield Diagnostic(
            MISSING_KEY,
            Place(("edges",)),
            "`edges` is empty, so nothing would run.",
            "add an edge, or the name of a step.",
        )
    yield from _machines_and_secrets(pipeline, pipeline.defaults, ("defaults",))
    for name, component in pipeline.components.items():
        path = ("components", name)
        if isinstance(component, ContainerComponent):
            yield from _image(pipeline, component, path)
        if isinstance(component, ContainerComponent | ExternalComponent):
            yield from _machines_and_secrets(pipeline, component, path)
    for name, entry in pipeline.steps.items():
        yield from _machines_and_secrets(pipeline, entry, ("steps", name))


def _image(pipeline: Pipeline, component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    image = component.image
    if image in pipeline.images:
        return
    fact, fix = f"image `{image}` is not declared in `images`.", did_you_mean(image, pipeline.images)
    if ":" in image or "/" in image:
        fact = f"image `{image}` is not declared in `images`: every image is named there, so that a review sees them in one place."
        fix = f"add `images: {{{path[-1]}: {image}}}` and write `image: {path[-1]}`."
    yield Diagnostic(UNKNOWN_IMAGE, Place((*path, "image")), fact, fix)


def _machines_and_secrets(pipeline: Pipeline, owner: Any, path: Path) -> Iterator[Diagnostic]:
    name = owner.accelerator
    if name is not None and name not in pipeline.accelerators:
        fix = did_you_mean(name, pipeline.accelerators)
        yield Diagnostic(
            UNKNOWN_ACCELERATOR, Place((*path, "accelerator")), f"accelerator `{name}` is not declared.", fix
        )
    for variable, value in owner.env.items():
        if isinstance(value, SecretRef) and value.secret not in pipeline.secrets:
            place = Place((*path, "env", variable, "secret"))
            fact = f"secret `{value.secret}` is not declared in `secrets`."
            yield Diagnostic(UNKNOWN_SECRET, place, fact, did_you_mean(value.secret, pipeline.secrets))


# ---------------------------------------------------------------- which steps there are


@dataclass
class _Node:
    """A step while it is being linked."""

    name: str
    component_name: str
    component: ContainerComponent
    entry: StepEntry
    path: Path
    edge: Path
    wires: dict[str, _Wire] = field(default_factory=dict)
    after: dict[str, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class _Wire:
    """What an input gets, how a message calls it, and where that is written."""

    source: Binding
    text: str
    place: Place


_RESERVED_NODES = ("inputs", "outputs", "exit")


def _nodes(pipeline: Pipeline, edges: list[Edge], found: list[Diagnostic]) -> Iterator[tuple[str, _Node]]:
    named: dict[str, End] = {}
    for edge in edges:
        for end in (*edge.sources, *edge.targets):
            if end.node not in _RESERVED_NODES:
                named.setdefault(end.node, end)
    for name, end in named.items():
        node = _node(pipeline, name, end, found)
        if node is not None:
            yield name, node
    for name in pipeline.steps:
        if name not in named:
            fact = f"no edge names step `{name}`, so it would not run."
            found.append(
                Diagnostic(
                    IDLE_STEP, Place(("steps", name), on="key"), fact, f"add `- {name}` to `edges`, or remove the step."
                )
            )


def _node(pipeline: Pipeline, name: str, end: End, found: list[Diagnostic]) -> _Node | None:
    entry = pipeline.steps.get(name, StepEntry())
    component_name = entry.uses or name
    component = pipeline.components.get(component_name)
    if component is None:
        found.append(_no_component(pipeline, name, entry, end))
        return None
    path: Path = ("steps", name) if name in pipeline.steps else ("components", component_name)
    unready = [*_not_yet_component(component_name, component), *_not_yet_step(name, entry)]
    found += unready
    if not isinstance(component, ContainerComponent):
        return None
    return _Node(name, component_name, component, entry, path, end.place.path)


def _no_component(pipeline: Pipeline, name: str, entry: StepEntry, end: End) -> Diagnostic:
    if entry.uses:
        fact = f"`{entry.uses}` is not a component of this file."
        return Diagnostic(
            UNKNOWN_USES, Place(("steps", name, "uses")), fact, did_you_mean(entry.uses, pipeline.components)
        )
    options = {*pipeline.components, *pipeline.steps, "inputs"}
    return Diagnostic(
        UNKNOWN_STEP, end.place, f"`{name}` is neither a step nor a component.", did_you_mean(name, options)
    )


def _not_yet_component(name: str, component: object) -> Iterator[Diagnostic]:
    path: Path = ("components", name)
    if isinstance(component, ContainerComponent):
        for key in ("sweep", "kfp"):
            if getattr(component, key) is not None:
                yield _not_yet((*path, key), f"`{key}`")
    elif isinstance(component, ExternalComponent):
        yield _not_yet((*path, "uses"), f"`uses: {component.uses}`")
    elif isinstance(component, SubPipeline):
        yield _not_yet((*path, "edges"), "a component made of `edges`")
    else:
        yield _not_yet((*path, "import"), "`import`")


def _not_yet_step(name: str, entry: StepEntry) -> Iterator[Diagnostic]:
    for key in ("for_each", "parallel", "loop", "tune", "kfp"):
        if getattr(entry, key) is not None:
            yield _not_yet(("steps", name, key), f"`{key}`")
    if entry.run_if != "upstream_ok":
        yield _not_yet(("steps", name, "run_if"), f"`run_if: {entry.run_if}`")


def _not_yet(path: Path, what: str) -> Diagnostic:
    return Diagnostic(NOT_YET, Place(path, on="key"), f"{what} cannot be compiled yet.", LEAVE_OUT)


# ---------------------------------------------------------------- what edges carry


class _Wiring:
    """Connects edge after edge; `found` collects what does not fit."""

    def __init__(self, pipeline: Pipeline, nodes: dict[str, _Node], found: list[Diagnostic]) -> None:
        self.pipeline, self.nodes, self.found = pipeline, nodes, found
        self.outputs: dict[str, _Wire] = {}
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
            if end.node in _RESERVED_NODES:
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
        elif end.node in _RESERVED_NODES:
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
            if end.node not in _RESERVED_NODES and target.node not in _RESERVED_NODES:
                self._wait(end, target)
        if wanted is None or any(source is None for _, source in sources):
            return
        known = [(end, source) for end, source in sources if source is not None]
        gathers = self._gathers(edge, known, wanted, target)
        if gathers is None or not all(
            [self._fits(end, source, wanted.element if gathers else wanted, target) for end, source in known]
        ):
            return
        binding: Binding = Gathered(tuple(source for _, source in known)) if gathers else known[0][1]
        self._bind(target, _Wire(binding, ", ".join(str(end) for end, _ in known), target.place))

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
        self.report(WRONG_TYPE, target.place, f"`{end}` is a {source.type}, but `{target}` takes a {wanted}.", fix)
        return False

    def _target(self, end: End) -> Type | None:
        """The type of the port that the right end of an edge names, or None after a report."""
        port = end.port or ""
        if end.node == "outputs":
            if port in self.pipeline.outputs:
                return self.pipeline.outputs[port].type
            fix = f"declare `outputs: {{{port}: <type>}}`."
            self.report(UNKNOWN_INPUT, end.place, f"there is no output `{port}` of the pipeline.", fix)
        elif end.node in _RESERVED_NODES:
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

    def _bind(self, target: End, wire: _Wire) -> None:
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

    def _surface(self, target: End, wire: _Wire) -> None:
        """Only what one step makes can be an output of the pipeline."""
        if target.node != "outputs" or isinstance(wire.source, FromStep):
            return
        what = "several values" if isinstance(wire.source, Gathered) else f"`{wire.text}`"
        fact = f"{what} cannot be an output of the pipeline: an output is what one step makes."
        self.report(WRONG_TYPE, target.place, fact, "let a step pass it on.")

    # ------------------------------------------------------------ what every input gets

    def complete(self, node: _Node) -> None:
        """Constants and defaults for the inputs that no edge fills; what stays without a value is reported."""
        for name, value in node.entry.with_.items():
            self._constant(node, name, value)
        for name, port in node.component.inputs.items():
            if name in node.wires:
                continue
            if port.has_default:
                path = ("components", node.component_name, "inputs", name, "default")
                node.wires[name] = _Wire(Constant(port.default, path), "its default", Place(path))
            elif not port.optional and not self.all_suspect and node.name not in self.suspect:
                self._unbound(node, name, port)

    def _constant(self, node: _Node, name: str, value: Any) -> None:
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
        node.wires[name] = _Wire(Constant(exact, path), "a constant", Place(path))

    def _unbound(self, node: _Node, name: str, port: InputPort) -> None:
        fact = f"input `{node.name}.{name}` ({port.type}) gets no value: no edge, no `with`, no default."
        self.report(UNBOUND, Place(node.edge), fact, self._proposal(node, name, port))

    def _proposal(self, node: _Node, name: str, port: InputPort) -> str:
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
            return f"connect a {port.type} output."
        return f"declare `inputs: {{{name}: {port.type}}}` and add `- inputs.{name} -> {node.name}.{name}`."

    def check_outputs(self) -> None:
        for name in self.pipeline.outputs:
            if name not in self.outputs and not self.all_suspect and "outputs" not in self.suspect:
                fact = f"output `{name}` is declared, but no edge fills it."
                self.report(
                    UNBOUND, Place(("outputs", name), on="key"), fact, f"add `- <step>.<output> -> outputs.{name}`."
                )


# ---------------------------------------------------------------- an order, and the result


def _order(nodes: Mapping[str, _Node], wiring: _Wiring) -> list[str]:
    sorter = TopologicalSorter({name: sorted(nodes[name].after) for name in sorted(nodes)})
    try:
        sorter.prepare()
    except CycleError as error:
        wiring.found.append(_cycle(nodes, list(error.args[1])))
        return []
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _cycle(nodes: Mapping[str, _Node], circle: list[str]) -> Diagnostic:
    """`circle` is a walk along the edges, its first name repeated at the end; told from the first by name."""
    walk = circle[:-1]
    first = walk.index(min(walk))
    walk = [*walk[first:], *walk[:first]]
    walk.append(walk[0])
    place = nodes[walk[1]].after.get(walk[0], Place(nodes[walk[0]].edge))
    fact = f"the edges form a cycle: {' -> '.join(walk)}."
    return Diagnostic(CYCLE, place, fact, "remove one of these edges; to repeat work use `for_each` or `retry`.")


def _step(pipeline: Pipeline, node: _Node, wiring: _Wiring) -> Step:
    own, here = _settings(pipeline, node.component, StepEntry()), _settings(pipeline, node.component, node.entry)
    return Step(
        name=node.name,
        title=node.entry.title or node.component.title,
        component_name=node.component_name,
        component=node.component,
        settings=here,
        bindings={name: wire.source for name, wire in sorted(node.wires.items())},
        after=tuple(sorted(node.after)),
        path=node.path,
        edge=node.edge,
        differs=_container(own) != _container(here),
    )


def _container(settings: Settings) -> tuple[Any, ...]:
    """What of the settings is part of the container: caching and retries belong to the task."""
    return settings.overrides, settings.env, settings.accelerator, settings.timeout


def _settings(pipeline: Pipeline, component: ContainerComponent, entry: StepEntry) -> Settings:
    defaults = pipeline.defaults
    accelerator = entry.accelerator or component.accelerator or defaults.accelerator
    cache = next((value for value in (entry.cache, component.cache) if value is not None), defaults.cache)
    return Settings(
        image=pipeline.images[component.image],
        overrides=_laid_on(component.overrides, entry.overrides),
        env={**defaults.env, **component.env, **entry.env},
        accelerator=pipeline.accelerators[accelerator] if accelerator else None,
        cache=cache,
        retry=entry.retry or component.retry or defaults.retry,
        timeout=entry.timeout or component.timeout or defaults.timeout,
    )


def _laid_on(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides of a step on those of its component; null deletes one that is there."""
    kept = {key: value for key, value in base.items() if not (key in over and over[key] is None)}
    return {**kept, **{key: value for key, value in over.items() if value is not None or key not in base}}
