"""Which values an input of a step can have while nothing runs: the constant, each of several, or a stand-in.

A `Graph` enters; for each input, and each element of a list that is put together, a `Given` leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Value:
    """A value, and where it is written."""

    value: Any
    path: Path


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

    def of(self, step: ContainerStep) -> Mapping[str, Given]:
        """What each bound input of the step can have; elements of a list put together under their names in the IR."""
        found: dict[str, Given] = {}
        for name, binding in step.bindings.items():
            port = step.component.inputs[name]
            path = (*step.component_path, "inputs", name)
            if isinstance(binding, Gathered):
                one = Port(port, port.type.element, path)
                for index, item in enumerate(binding.items):
                    found[element_name(step.component.inputs, name, index)] = self._given(item, one, step.scope)
            else:
                found[name] = self._given(binding, Port(port, port.type, path), step.scope)
        return found

    def _given(self, source: Source | Constant, port: Port, scope: str) -> Given:
        known = tuple(_distinct(self._known(source, scope, set()) or ()))
        if not known and port.port.choices and not port.type.is_list:
            known = tuple(_choices(port.port, port.path))
        if known:
            return Given(known[:_MOST_VALUES], is_known=len(known) <= _MOST_VALUES)
        if isinstance(source, FromInput) and source.port.has_default and source.type == source.port.type:
            return Given((Value(source.port.default, (*source.path, "default")),), is_known=False)
        return port.stand_in

    def _known(self, source: Source | Constant, scope: str, seen: set[tuple[str, str]]) -> list[Value] | None:
        """Everything that the source can be; None if that cannot be told."""
        if isinstance(source, Constant):
            return [Value(source.value, source.path)]
        if isinstance(source, FromItem):
            return self._elements(source, scope)
        if isinstance(source, FromInput):
            return self._passed(source, scope, seen) or list(_choices(source.port, source.path)) or None
        return None

    def _elements(self, source: FromItem, scope: str) -> list[Value] | None:
        """The elements of a list that stands in the file, which the platform loops over."""
        loop = self._loops.get((scope, source.axis))
        if loop is None or not isinstance(loop.items, Constant):
            return None
        items = [Value(item, (*loop.items.path, index)) for index, item in enumerate(loop.items.value)]
        if source.field is None:
            return items
        return [Value(item.value[source.field], loop.items.path) for item in items]

    def _passed(self, source: FromInput, scope: str, seen: set[tuple[str, str]]) -> list[Value] | None:
        """What the steps that run the sub-pipeline give to its input, if every one of them tells."""
        if (scope, source.name) in seen or scope not in self._callers:
            return None
        found: list[Value] = []
        for outer, step in self._callers[scope]:
            binding = step.bindings.get(source.name)
            if binding is None or isinstance(binding, Gathered):
                return None
            known = self._known(binding, outer, {*seen, (scope, source.name)})
            if known is None:
                return None
            found += known
        return _distinct(found)


def _distinct(values: Iterable[Value]) -> list[Value]:
    """Each value once, where it is written first."""
    first: dict[str, Value] = {}
    for value in values:
        first.setdefault(json.dumps(value.value), value)
    return list(first.values())


def _choices(port: InputPort, path: Path) -> Iterator[Value]:
    for index, choice in enumerate(port.choices or ()):
        yield Value(choice, (*path, "choices", index))


def _loops(nodes: Iterable[Node]) -> Iterator[Loop]:
    for node in nodes:
        if isinstance(node, Group):
            if node.loop is not None:
                yield node.loop
            yield from _loops(node.children)
