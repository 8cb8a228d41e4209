"""Which values an input of a step can have while nothing runs: the constant, each of several, or a stand-in.

A `Graph` enters; for each input, and each element of a list that is put together, a `Given` leaves: once for each
combination that can come of inputs that change together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpc.compiler.graph import (
    Constant,
    ContainerStep,
    FromInput,
    FromItem,
    Gathered,
    Graph,
    GraphStep,
    Group,
    Loop,
    Node,
    Source,
)
from hpc.components.ports import InputPort
from hpc.components.types import Type
from hpc.components.use import element_name
from hpc.diagnostics import Path

STAND_IN_PATH = "/hpc/path"
STAND_IN_TEXT = "hpc"
_STAND_INS: dict[str, Any] = {
    "STRING": STAND_IN_TEXT,
    "NUMBER_INTEGER": 1,
    "NUMBER_DOUBLE": 0.5,
    "BOOLEAN": True,
    "LIST": [],
    "STRUCT": {},
    "TASK_FINAL_STATUS": {},
}
_MOST_VALUES = 100


_MOST_TOGETHER = 30

Cases = tuple[tuple[tuple[str, ...], int], ...]
"""Under what a value comes: the number of the element of a loop, of the choice of an input, of the step that runs a
sub-pipeline."""


@dataclass(frozen=True)
class Value:
    """A value, where it is written, and the cases in which it comes."""

    value: Any
    path: Path
    cases: Cases = ()


@dataclass(frozen=True)
class Given:
    """What an input can get: any of `values`, of which there is one at least. `is_known` is False where the run brings
    the value, and the first one only stands in for it.
    """

    values: tuple[Value, ...]
    is_known: bool


@dataclass(frozen=True)
class Port:
    """An input of a component, or one element of it; `path` is where it is declared."""

    port: InputPort
    type: Type
    path: Path

    @property
    def stand_in(self) -> Given:
        value: Any = STAND_IN_PATH if self.type.is_artifact else _STAND_INS[self.type.parameter]
        return Given((Value(value, (*self.path, "type")),), is_known=False)


class Values:
    """What the inputs of steps can have; made once for a whole graph."""

    def __init__(self, graph: Graph) -> None:
        self._callers: dict[str, list[tuple[str, GraphStep]]] = {}
        self._loops: dict[tuple[str, str], Loop] = {}
        self._enter(graph, set())

    def _enter(self, graph: Graph, seen: set[str]) -> None:
        """Notes who runs a sub-pipeline, and what loops there are."""
        seen.add(graph.name)
        self._loops |= {(graph.name, loop.item): loop for loop in _loops(graph.nodes)}
        for step in graph.own_steps:
            if isinstance(step, GraphStep):
                self._callers.setdefault(step.graph.name, []).append((graph.name, step))
                if step.graph.name not in seen:
                    self._enter(step.graph, seen)

    def of(self, step: ContainerStep) -> list[Mapping[str, Given]]:
        """What each bound input of the step can have; elements of a list put together under their names in the IR.

        Inputs that change together, because they come from one loop or one input, have one mapping for each case; no
        more than 30.
        """
        sources = {name: (source, port) for name, source, port in _sources(step)}
        known = {name: self._known(source, step.scope, set()) or _own(port) for name, (source, port) in sources.items()}
        return [
            {name: _given(values, *sources[name]) for name, values in together.items()}
            for together in _together(known)[:_MOST_TOGETHER]
        ]

    def _known(self, source: Source | Constant, scope: str, seen: set[tuple[str, str]]) -> list[Value] | None:
        """Everything that the source can be; None if that cannot be told."""
        if isinstance(source, Constant):
            return [Value(source.value, source.path)]
        if isinstance(source, FromItem):
            return self._elements(source, scope)
        if isinstance(source, FromInput):
            return self._passed(source, scope, seen) or _choices(source.port, source.path, (scope, source.name)) or None
        return None

    def _elements(self, source: FromItem, scope: str) -> list[Value] | None:
        """The elements of a list that stands in the file, which the platform loops over."""
        loop = self._loops.get((scope, source.axis))
        if loop is None or not isinstance(loop.items, Constant):
            return None
        path, name = loop.items.path, (scope, source.axis, "loop")
        if source.field is not None:
            return [Value(item[source.field], path, ((name, n),)) for n, item in enumerate(loop.items.value)]
        return [Value(item, (*path, index), ((name, index),)) for index, item in enumerate(loop.items.value)]

    def _passed(self, source: FromInput, scope: str, seen: set[tuple[str, str]]) -> list[Value] | None:
        """What the steps that run the sub-pipeline give to its input, if every one of them tells."""
        if (scope, source.name) in seen or scope not in self._callers:
            return None
        found: list[Value] = []
        for number, (outer, step) in enumerate(self._callers[scope]):
            binding = step.bindings.get(source.name)
            if binding is None or isinstance(binding, Gathered):
                return None
            known = self._known(binding, outer, {*seen, (scope, source.name)})
            if known is None:
                return None
            found += [replace(each, cases=(*each.cases, ((scope, "step"), number))) for each in known]
        return found


def _sources(step: ContainerStep) -> Iterator[tuple[str, Source | Constant, Port]]:
    """Every bound input and element, with what it comes from."""
    for name, binding in step.bindings.items():
        port = step.component.inputs[name]
        path = (*step.component_path, "inputs", name)
        if isinstance(binding, Gathered):
            for index, item in enumerate(binding.items):
                yield element_name(step.component.inputs, name, index), item, Port(port, port.type.element, path)
        else:
            yield name, binding, Port(port, port.type, path)


def _own(port: Port) -> list[Value]:
    """The choices that the component declares."""
    return [] if port.type.is_list else _choices(port.port, port.path)


def _given(known: Sequence[Value], source: Source | Constant, port: Port) -> Given:
    values = tuple(_distinct(known))
    if values:
        return Given(values[:_MOST_VALUES], is_known=len(values) <= _MOST_VALUES)
    if isinstance(source, FromInput) and source.port.has_default and source.type == source.port.type:
        return Given((Value(source.port.default, (*source.path, "default")),), is_known=False)
    return port.stand_in


_Known = Mapping[str, Sequence[Value]]


def _together(known: _Known) -> list[_Known]:
    """The values by input, once for each case that decides about several inputs."""
    what, numbers = _shared(known)
    found: dict[str, list[_Known]] = {}
    for number in numbers:
        own = {name: [each for each in values if _may_be(each, what, number)] for name, values in known.items()}
        alike = json.dumps([[each.value for each in values] for values in own.values()])
        if all(own[name] or not known[name] for name in known) and alike not in found and len(found) < _MOST_TOGETHER:
            found[alike] = _together(own)
    return [each for several in found.values() for each in several] or [known]


def _shared(known: _Known) -> tuple[tuple[str, ...], list[int]]:
    """What decides about the values of several inputs and is not decided yet, with its numbers."""
    inputs: dict[tuple[str, ...], set[str]] = {}
    numbers: dict[tuple[str, ...], dict[int, None]] = {}
    for name, values in known.items():
        for what, number in (case for each in values for case in each.cases) if len(_distinct(values)) > 1 else ():
            inputs.setdefault(what, set()).add(name)
            numbers.setdefault(what, {})[number] = None
    shared = (what for what in inputs if len(inputs[what]) > 1 and len(numbers[what]) > 1)
    found = next(shared, ())
    return found, [*numbers.get(found, ())]


def _may_be(value: Value, what: tuple[str, ...], number: int) -> bool:
    return all(each != what or own == number for each, own in value.cases)


def _distinct(values: Iterable[Value]) -> list[Value]:
    """Each value once, where it is written first."""
    first: dict[str, Value] = {}
    for value in values:
        first.setdefault(json.dumps(value.value), value)
    return list(first.values())


def _choices(port: InputPort, path: Path, name: tuple[str, ...] = ()) -> list[Value]:
    cases = [((name, index),) if name else () for index in range(len(port.choices or ()))]
    return [Value(each, (*path, "choices", index), cases[index]) for index, each in enumerate(port.choices or ())]


def _loops(nodes: Iterable[Node]) -> Iterator[Loop]:
    for node in nodes:
        if isinstance(node, Group):
            if node.loop is not None:
                yield node.loop
            yield from _loops(node.children)
