"""Linked nodes become steps: one for most, several for an unrolled loop, one in a group for a loop of the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpc.compiler.graph import (
    Binding,
    CompiledStep,
    Constant,
    ContainerStep,
    ForeignStep,
    FromInput,
    FromStep,
    Gathered,
    GraphStep,
    Group,
    ImporterStep,
    Layer,
    OneOf,
    RunsContainer,
    Source,
    Status,
    Step,
)
from hpc.compiler.graph import Node as Made
from hpc.compiler.graph import key as ir_key
from hpc.compiler.link.components import KIND_NAMES
from hpc.compiler.link.loops import NESTED_RESULT, Axis, Element, axes, elements
from hpc.compiler.link.misuse import STATUS
from hpc.compiler.link.nodes import Node, Scope, Wire
from hpc.compiler.link.regions import Regions
from hpc.compiler.link.settings import layers_of, settings_of
from hpc.compiler.link.wiring import NOT_A_LIST
from hpc.components.container import ContainerComponent
from hpc.components.foreign import ForeignContainer, ForeignPipeline
from hpc.components.importer import ImporterComponent
from hpc.components.step import NOTHING_DIFFERS
from hpc.components.use import element_name
from hpc.diagnostics import Diagnostic, Path, Place
from hpc.spec.edges import End
from hpc.spec.program import File


@dataclass(frozen=True)
class Elaborated:
    """What came of a node: what stands in the graph for it, and the names of its steps."""

    made: tuple[Made, ...]
    names: tuple[str, ...]
    is_nested_loop: bool


class Elaborator:
    """Makes steps of the nodes of a scope, in topological order; `found` collects what cannot be made."""

    def __init__(self, scope: Scope, main: File, regions: Regions, found: list[Diagnostic]) -> None:
        self.scope, self.main, self.regions, self.found = scope, main, regions, found
        self.done: dict[str, Elaborated] = {}

    # ------------------------------------------------------------ what an input gets

    def bindings(self, node: Node) -> dict[str, Binding]:
        """What the inputs of the node get, in terms of steps that have been made."""
        found: dict[str, Binding] = {}
        for name, wire in sorted(node.wires.items()):
            binding = self.resolved(wire)
            if binding is not None:
                found[name] = binding
        return found

    def resolved(self, wire: Wire) -> Binding | None:
        """The source of a wire, loops unrolled; None after a report."""
        source = wire.source
        if isinstance(source, FromStep):
            return self._output(source, wire)
        if isinstance(source, FromInput) and source.name in self.scope.counts:
            return self._put_together(source)
        if isinstance(source, OneOf):
            return self._one_of(source, wire)
        if isinstance(source, Gathered):
            return self._gathered(source, wire)
        return source

    def _output(self, source: FromStep, wire: Wire) -> Binding | None:
        made = self.done.get(source.step)
        if made is None:
            return None
        if made.is_nested_loop:
            fact = f"`{wire.text}` comes from a loop in a loop; platforms disagree about the list that it makes."
            fix = "put the inner loop and what gathers it into a component made of edges."
            self.found.append(Diagnostic(NESTED_RESULT, wire.place, fact, fix))
            return None
        if made.names == (source.step,):
            return source
        return Gathered(tuple(FromStep(name, source.port, source.type.element) for name in made.names))

    def _put_together(self, source: FromInput) -> Gathered:
        """An input of a sub-pipeline that gets several sources is as many inputs."""
        count = self.scope.counts[source.name]
        names = [element_name(self.scope.inputs, source.name, index) for index in range(count)]
        return Gathered(tuple(replace(source, name=name, type=source.type.element) for name in names))

    def _one_of(self, source: OneOf, wire: Wire) -> Binding | None:
        ends = tuple(End(step.step, step.port, wire.place) for step in source.sources)
        switch = self.regions.switch_of(ends)
        outputs = [self._output(step, wire) for step in source.sources]
        steps = tuple(output for output in outputs if isinstance(output, FromStep))
        if switch is None or None in outputs:
            return None
        if len(steps) < len(outputs):
            fact = f"`{wire.text}` joins a step that is unrolled into several."
            fix = "add `loop: runtime` to that step, so that its results are one list."
            self.found.append(Diagnostic(NESTED_RESULT, wire.place, fact, fix))
            return None
        return replace(source, switch=switch.name, sources=steps)

    def _gathered(self, source: Gathered, wire: Wire) -> Binding | None:
        items = [self._item(item, wire) for item in source.items]
        known = [item for item in items if item is not None]
        return Gathered(tuple(known)) if len(known) == len(items) else None

    def _item(self, item: Source | Constant, wire: Wire) -> Source | Constant | None:
        resolved = self.resolved(replace(wire, source=item))
        return None if isinstance(resolved, Gathered) else resolved

    # ------------------------------------------------------------ steps

    def elaborate(self, node: Node, bindings: Mapping[str, Binding]) -> Elaborated:
        """The steps of a node whose predecessors are made."""
        if not node.axes:
            step = self._step(node, node.name, bindings, self._order(node))
            return Elaborated((step,), (node.name,), is_nested_loop=False)
        runs = elements(node, bindings, self.found)
        if runs is None:
            return self._looped(node, bindings)
        steps = [self._run(node, bindings, runs, index) for index in range(len(runs))]
        return Elaborated(tuple(steps), tuple(step.name for step in steps), is_nested_loop=False)

    def _order(self, node: Node) -> tuple[str, ...]:
        names = (name for other in sorted(node.ordered) if other in self.done for name in self.done[other].names)
        return (*names, *(["exit"] if node.exit else []))

    def _run(self, node: Node, bindings: Mapping[str, Binding], runs: list[Element], index: int) -> Step:
        """One step of an unrolled loop. `parallel` makes lanes, filled in turn."""
        run, lanes = runs[index], node.entry.parallel
        lane = (runs[index - lanes].name,) if lanes and index >= lanes else ()
        return self._step(node, run.name, {**bindings, **run.bindings}, (*self._order(node), *lane))

    def _looped(self, node: Node, bindings: Mapping[str, Binding]) -> Elaborated:
        if node.entry.run_if == "upstream_done":
            fact = (
                f"step `{node.name}` runs whatever came of the steps before it, but a loop of the platform waits for "
            )
            fix = "loop over a list that stands here, so that the loop is unrolled; or remove `run_if`."
            self.found.append(Diagnostic(STATUS, Place((*node.path, "run_if")), f"{fact}their success.", fix))
        loops = axes(node, bindings, self.found)
        items = {name: item for axis in loops for name, item in axis.bindings.items()}
        made: Made = self._step(node, node.name, {**bindings, **items}, self._order(node))
        for index, axis in reversed(list(enumerate(loops))):
            made = self._group(node, axis, index, made)
        return Elaborated((made,), (node.name,), is_nested_loop=len(loops) > 1)

    def _group(self, node: Node, axis: Axis, index: int, inner: Made) -> Group:
        own = f"--in--{ir_key(next(iter(axis.bindings)))}" if index else ""
        return Group("for_each", f"for-each--{ir_key(node.name)}{own}", (inner,), loop=axis.loop)

    def _step(self, node: Node, name: str, bindings: Mapping[str, Binding], order: tuple[str, ...]) -> Step:
        component = node.declared.component
        if isinstance(component, ImporterComponent | ForeignPipeline | ForeignContainer):
            self._whole_lists(node, bindings)
        common: dict[str, Any] = {
            "name": name,
            "title": node.entry.title or _title(node),
            "component_name": node.declared.name,
            "inputs": node.inputs,
            "outputs": node.outputs,
            "bindings": bindings,
            "after": order,
            "path": node.path,
            "edge": _telling_edge(node),
            "component_path": node.declared.path,
            "written": node.name,
            "scope": self.scope.name,
            "runs_after_failure": node.entry.run_if == "upstream_done",
        }
        if isinstance(component, ImporterComponent):
            return ImporterStep(**common, component=component)
        if isinstance(component, ForeignPipeline):
            return CompiledStep(**common, component=component)
        if not isinstance(component, ContainerComponent | ForeignContainer):
            assert node.graph is not None
            return GraphStep(**common, graph=node.graph, retry=node.entry.retry)
        return self._container(node, component, common)

    def _whole_lists(self, node: Node, bindings: Mapping[str, Binding]) -> None:
        """A list is put together from several inputs of a component that hpc writes, and of no other."""
        what = KIND_NAMES.get(type(node.declared.component), "")
        for name, binding in bindings.items():
            if isinstance(binding, Gathered):
                fact = (
                    f"`{node.name}` is {what}, whose input `{name}` takes a list that one step made, not single values."
                )
                place = node.wires[name].place
                self.found.append(Diagnostic(NOT_A_LIST, place, fact, "let a step put out the whole list."))

    def _container(
        self, node: Node, component: ContainerComponent | ForeignContainer, common: dict[str, Any]
    ) -> RunsContainer:
        use, plain = (Layer(self.scope.file, node.path, entry) for entry in (node.entry, NOTHING_DIFFERS))
        layers, settings = layers_of(use, node.declared), settings_of(use, node.declared, self.main)
        differs = _may_differ(node) and _of_container(settings) != _of_container(
            settings_of(plain, node.declared, self.main)
        )
        if isinstance(component, ForeignContainer):
            return ForeignStep(**common, component=component, layers=layers, settings=settings, differs=differs)
        return ContainerStep(**common, component=component, layers=layers, settings=settings, differs=differs)


def _title(node: Node) -> str:
    external = next((layer.block.title for layer in node.declared.layers if layer.block.title), "")
    return external or getattr(node.declared.component, "title", "")


def _telling_edge(node: Node) -> Path:
    """The edge that a message about the step points at: what brings a status, or makes it follow `exit`, if any."""
    status = next((wire.place.path for wire in node.wires.values() if isinstance(wire.source, Status)), None)
    return status or (node.exit.path if node.exit else node.edge)


def _may_differ(node: Node) -> bool:
    entry = node.entry
    return bool(entry.overrides or entry.env or entry.accelerator or entry.timeout or entry.kfp)


def _of_container(settings: Any) -> tuple[Any, ...]:
    """What of the settings is part of the container: caching and retries belong to the task."""
    said = settings.overrides, settings.env, settings.accelerator, settings.timeout, settings.kfp, settings.secrets
    return (*said, bool(settings.timeout_path))
