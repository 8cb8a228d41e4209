"""One scope after another: the pipeline, and every component made of edges for each way in which a step uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hpc.compiler.graph import (
    HANDLER,
    Binding,
    Constant,
    FromInput,
    Gathered,
    Graph,
    GraphStep,
    Group,
    Source,
    Step,
    Test,
    sources_in,
    sources_of,
)
from hpc.compiler.graph import key as ir_key
from hpc.compiler.link.components import Components, Declared
from hpc.compiler.link.ends import Ends
from hpc.compiler.link.guards import check_guards, check_known, wait_for_switches
from hpc.compiler.link.levels import Placed, Tasks, tree
from hpc.compiler.link.loops import NESTED_RESULT, check_loop
from hpc.compiler.link.misuse import check_step
from hpc.compiler.link.nodes import Node, Scope, Wire, nodes_of
from hpc.compiler.link.order import in_order
from hpc.compiler.link.regions import DEEPEST, TOO_DEEP, Region, Regions, WrittenTest
from hpc.compiler.link.steps import Elaborator
from hpc.compiler.link.wiring import Wiring
from hpc.components.ports import InputPort
from hpc.components.subpipeline import SubPipeline
from hpc.diagnostics import Diagnostic, Path, Place
from hpc.spec.conditions import Name, names_in
from hpc.spec.edges import Edge, End, parse_edges
from hpc.spec.merge import USES_CIRCLE
from hpc.spec.model import Pipeline
from hpc.spec.program import Program


class Linker:
    """Links scopes, each way to use a component once; `found` collects what does not fit."""

    def __init__(self, program: Program, found: list[Diagnostic]) -> None:
        self.program, self.found = program, found
        self.components = Components(program, found)
        self.graphs: dict[str, Graph | None] = {}
        self.open: list[Path] = []

    def pipeline(self) -> Graph | None:
        file = self.program.main
        pipeline = file.pipeline
        return self.graph(
            Scope(
                file=file,
                path=(),
                name="",
                inputs=pipeline.inputs,
                outputs=pipeline.outputs,
                steps=pipeline.steps,
                edges=pipeline.edges,
                bound=frozenset(pipeline.inputs),
            )
        )

    def graph(self, scope: Scope) -> Graph | None:
        """The graph of a scope; None if something in it is wrong."""
        before = len(self.found)
        edges, mistakes = parse_edges(scope.edges, (*scope.path, "edges"))
        self.found += mistakes
        nodes = dict(nodes_of(scope, edges, self.components, self.found))
        wiring = self._wired(scope, edges, nodes)
        order = in_order(nodes, self.found)
        for node in nodes.values():
            check_step(node, nodes, self.found)
        if len(self.found) > before:
            self._look_inside(scope, wiring)
            return None
        return _Assembly(self, scope, wiring, edges).graph([nodes[name] for name in order])

    def _wired(self, scope: Scope, edges: list[Edge], nodes: dict[str, Node]) -> Wiring:
        wiring = Wiring(scope, nodes, self.found)
        for node in nodes.values():
            check_loop(node, self.found)
        for edge in edges:
            wiring.connect(edge)
        for node in nodes.values():
            wiring.complete(node)
        wiring.check_outputs()
        check_guards(edges, Ends(scope, nodes, self.found))
        for node in nodes.values():
            check_known(node, nodes, self.found)
        wait_for_switches(edges, nodes)
        return wiring

    def _look_inside(self, scope: Scope, wiring: Wiring) -> None:
        """What is wrong in components made of edges is said together with what is wrong around them.

        An input that gets no value is said there; inside it is taken to have one.
        """
        for node in wiring.nodes.values():
            missing = [name for name, port in node.inputs.items() if not port.optional or wiring.is_suspect(node)]
            self.subgraph(scope, node, {**{name: Constant(None, ()) for name in missing}, **_written(node)})

    # ------------------------------------------------------------ components made of edges

    def subgraph(self, scope: Scope, node: Node, bindings: Mapping[str, Binding]) -> Graph | None:
        """The graph that a node runs, for the inputs that have a value there; None if it runs none."""
        declared = node.declared
        if not isinstance(declared.component, SubPipeline | Pipeline):
            return None
        counts = {
            name: len(binding.items)
            for name, binding in bindings.items()
            if isinstance(binding, Gathered) and name not in node.looped
        }
        name = _name(declared, scope, node, frozenset(bindings), counts)
        if name not in self.graphs:
            self.graphs[name] = self._inner(declared, name, frozenset(bindings), counts)
        return self.graphs[name]

    def _inner(self, declared: Declared, name: str, bound: frozenset[str], counts: Mapping[str, int]) -> Graph | None:
        if declared.path in self.open:
            fact = f"`{declared.path[-1]}` runs itself, so it would never end."
            place = Place((*declared.path, "edges"), on="key")
            self.found.append(Diagnostic(USES_CIRCLE, place, fact, "to repeat work use `for_each` or `retry`."))
            return None
        if len(self.open) == DEEPEST:
            fact = (
                f"more than {DEEPEST} components made of edges stand one inside the other around `{declared.path[-1]}`."
            )
            place = Place((*declared.path, "edges"), on="key")
            self.found.append(Diagnostic(TOO_DEEP, place, fact, "let one component do more."))
            return None
        component = declared.component
        assert isinstance(component, SubPipeline | Pipeline)
        scope = Scope(
            file=declared.file,
            path=declared.path,
            name=name,
            inputs=component.inputs,
            outputs=component.outputs,
            steps=component.steps,
            edges=component.edges,
            bound=bound,
            counts=counts,
        )
        self.open.append(declared.path)
        graph = self.graph(scope)
        self.open.pop()
        return graph


def _name(declared: Declared, scope: Scope, node: Node, bound: frozenset[str], counts: Mapping[str, int]) -> str:
    own = ir_key(declared.name)
    if counts:
        return "--".join(filter(None, (own, scope.name, ir_key(node.name))))
    left_out = sorted(node.inputs.keys() - bound)
    return "--".join([own, *(["without"] if left_out else []), *map(ir_key, left_out)])


def _needed(made: tuple[Step | Group, ...]) -> Iterator[str]:
    """Inputs that something in a graph cannot do without; ports of groups are never optional."""
    for node in made:
        if isinstance(node, Group):
            yield from (_declared(source) for source in _inside(node) if isinstance(source, FromInput))
            continue
        ports = node.graph.inputs if isinstance(node, GraphStep) else node.inputs
        for name, binding in node.bindings.items():
            if not (ports[name].optional or ports[name].has_default):
                yield from (_declared(source) for source in sources_in(binding) if isinstance(source, FromInput))


def _declared(source: FromInput) -> str:
    """The name of the input in the file, also of one that is put together."""
    return str(source.path[-1])


def _inside(node: Step | Group) -> Iterator[Source]:
    yield from sources_of(node)
    for child in node.children if isinstance(node, Group) else ():
        yield from _inside(child)


def _as_used(port: InputPort, is_needed: bool) -> InputPort:
    """An optional input that has a value in this way to use the component, and has to have one."""
    return port.model_copy(update={"optional": False}) if port.optional and is_needed else port


def _written(node: Node) -> dict[str, Binding]:
    """What the inputs of a node get before loops are unrolled."""
    return {name: wire.source for name, wire in node.wires.items()}


class _Assembly:
    """Makes the graph of a scope in which names, ports and wires fit."""

    def __init__(self, linker: Linker, scope: Scope, wiring: Wiring, edges: list[Edge]) -> None:
        self.linker, self.scope, self.wiring = linker, scope, wiring
        self.found = linker.found
        self.regions = Regions(edges, self.found)
        self.elaborator = Elaborator(scope, linker.program.main, self.regions, self.found)

    def graph(self, nodes: list[Node]) -> Graph | None:
        for node in nodes:
            self._make(node)
        self.regions.check_outputs(self.wiring.outputs, self.wiring.output_joins)
        if self.found:
            return None
        results = dict(self._results())
        if self.found:
            return None
        has_exit = any(node.exit for node in nodes)
        groups = self._groups(nodes, has_exit)
        if self.found:
            return None
        made = tree([*self._placed(nodes, has_exit)], groups, self.found)
        return None if self.found else self._whole(made, results)

    def _make(self, node: Node) -> None:
        self.regions.place(node)
        if self.found:  # no steps will come of it, but what is inside may be wrong too
            self.linker.subgraph(self.scope, node, _written(node))
            return
        bindings = self.elaborator.bindings(node)
        node.graph = self.linker.subgraph(self.scope, node, bindings)
        if not self.found:
            self.elaborator.done[node.name] = self.elaborator.elaborate(node, bindings)

    def _placed(self, nodes: list[Node], has_exit: bool) -> Iterator[Placed]:
        for node in nodes:
            path = () if node.exit else self._path(self.regions.region_of(node.name), has_exit)
            for made in self.elaborator.done[node.name].made:
                yield Placed(made, path, Place(node.edge))

    def _path(self, region: Region, has_exit: bool) -> Tasks:
        names = tuple(one.found().name for one in region.ancestors if one.kind != "root")
        return (HANDLER, *names) if has_exit else names

    def _groups(self, nodes: list[Node], has_exit: bool) -> dict[Tasks, Group]:
        groups: dict[Tasks, Group] = {(HANDLER,): Group("exit", HANDLER)} if has_exit else {}
        for node in nodes:
            for region in self.regions.region_of(node.name).ancestors:
                path = self._path(region, has_exit)
                if region.kind != "root" and path not in groups:
                    groups[path] = self._group(region)
        return groups

    def _group(self, region: Region) -> Group:
        kind = "switch" if region.kind == "switch" else "when"
        return Group(kind, region.name, tests=tuple(map(self._test, region.tests)))

    def _test(self, test: WrittenTest) -> Test:
        names = {(name.node, name.port): self._source(name) for name in names_in(test.condition)}
        return Test(test.condition, test.holds, names)

    def _source(self, name: Name) -> Source:
        source = self.wiring.ends.source(End(name.node, name.port, name.place))
        assert source is not None, "check_guards looked it up"
        resolved = self.elaborator.resolved(Wire(source, str(name), name.place))
        if isinstance(resolved, Gathered):
            fact = f"`{name}` is several values, because the loop of that step is unrolled into named steps."
            fix = "add `loop: runtime` to the step, or let a step that takes the list decide."
            self.found.append(Diagnostic(NESTED_RESULT, name.place, fact, fix))
        return source

    def _results(self) -> Iterator[tuple[str, Source]]:
        for name, wire in self.wiring.outputs.items():
            source = self.elaborator.resolved(wire)
            if isinstance(source, Gathered):
                self._unrolled(wire)
            elif source is not None:
                yield name, source  # type: ignore[misc]  # a constant was refused by the wiring

    def _unrolled(self, wire: Wire) -> None:
        fact = f"`{wire.text}` is several values, because the loop of that step is unrolled into named steps."
        fix = "add `loop: runtime` to the step, so that its results are one list."
        self.found.append(Diagnostic(NESTED_RESULT, wire.place, fact, fix))

    def _whole(self, made: tuple[Step | Group, ...], results: Mapping[str, Source]) -> Graph:
        scope, needed = self.scope, set(_needed(made))
        return Graph(
            files=self.linker.program.files,
            name=scope.name,
            inputs={name: _as_used(port, name in needed) for name, port in scope.inputs.items() if name in scope.bound},
            outputs=scope.outputs,
            counts=scope.counts,
            nodes=made,
            results=results,
        )
