"""Where the value of an input comes from, through all the groups that the language does not have.

A `Flat` enters; for each input of a step, operand of a condition and output of the component a Source leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from hpc.conversion.flat import Axis, Flat, Frame, Step, Switch
from hpc.conversion.ports import Kind
from hpc.conversion.words import Unsayable

_FIELD = re.compile(r'parseJson\(string_value\)\[("(?:[^"\\]|\\.)*")\]')


@dataclass(frozen=True)
class Const:
    value: Any


@dataclass(frozen=True)
class Given:
    """An input of the component, or a field of it."""

    kind: Kind
    name: str
    field: str | None = None


@dataclass(frozen=True)
class Made:
    """An output of a step, by its name in the IR."""

    step: Step
    kind: Kind
    name: str


@dataclass(frozen=True)
class Item:
    """The element of a loop, or a field of it."""

    axis: Axis
    field: str | None = None


@dataclass(frozen=True)
class OneOf:
    """What one of the branches made."""

    sources: tuple[Made, ...]


@dataclass(frozen=True)
class Status:
    """How a step ended; None: how everything ended."""

    step: Step | None


Source = Const | Given | Made | Item | OneOf | Status


class Origins:
    """Follows bindings in one component."""

    def __init__(self, flat: Flat) -> None:
        self.flat = flat

    def of(self, frame: Frame, task: Mapping[str, Any], kind: Kind, name: str) -> Source:
        """What an input of a task of that DAG gets. Raises Unsayable."""
        binding = task["inputs"][kind][name]
        found = self._bound(frame, kind, binding)
        selector = binding.get("parameterExpressionSelector")
        return self.field(found, selector) if selector else found

    def _bound(self, frame: Frame, kind: Kind, binding: Mapping[str, Any]) -> Source:
        if "runtimeValue" in binding:
            return Const(binding["runtimeValue"].get("constant"))
        if "taskFinalStatus" in binding:
            return self._status(frame, binding["taskFinalStatus"]["producerTask"])
        outer = binding.get("componentInputParameter") or binding.get("componentInputArtifact")
        if outer:
            return self.input_of(frame, kind, outer)
        wire = binding.get("taskOutputParameter") or binding["taskOutputArtifact"]
        return self.output(frame, wire["producerTask"], kind, _output_key(wire))

    def field(self, found: Source, selector: str) -> Source:
        """What a selector of the IR takes of a value. Raises Unsayable."""
        match = _FIELD.fullmatch(selector)
        name = json.loads(match[1]) if match else None
        value: Any = found.value if isinstance(found, Const) else None
        if isinstance(name, str) and isinstance(value, dict) and name in value:
            return Const(cast("dict[str, Any]", value)[name])
        if isinstance(name, str) and isinstance(found, Given) and found.field is None:
            return Given(found.kind, found.name, name)
        if isinstance(name, str) and isinstance(found, Item) and found.field is None:
            return Item(found.axis, name)
        raise Unsayable(f"selects `{selector}`; edges take fields only of the elements of a loop")

    def _status(self, frame: Frame, key: str) -> Source:
        if frame is self.flat.root and key == self.flat.handler:
            return Status(None)
        step = self.flat.step_at.get((id(frame), key))
        if step is None:
            raise Unsayable(f"takes the status of `{key}`, a group")
        return Status(step)

    def input_of(self, frame: Frame, kind: Kind, name: str) -> Source:
        """What an input of that DAG gets."""
        if frame.axis is not None and kind == "parameters" and name == frame.axis.item:
            return Item(frame.axis)
        if frame.parent is None:
            return Given(kind, name)
        task = frame.parent.tasks[frame.key]
        if name not in task.get("inputs", {}).get(kind, {}):
            raise Unsayable(f"takes `{name}`, which gets no value")
        return self.of(frame.parent, task, kind, name)

    def output(self, frame: Frame, key: str, kind: Kind, name: str) -> Source:
        """What an output of a task of that DAG is."""
        step = self.flat.step_at.get((id(frame), key))
        if step is not None:
            return Made(step, kind, name)
        child = self.flat.inner.get((id(frame), key))
        if child is None:
            raise Unsayable(f"takes `{name}` of `{key}`, which cannot be said")
        return self.result(child, kind, name)

    def result(self, frame: Frame, kind: Kind, name: str) -> Source:
        """What an output of that DAG is."""
        selected = frame.component["dag"].get("outputs", {}).get(kind, {}).get(name)
        if selected is None:
            raise Unsayable(f"takes `{name}`, which nothing fills")
        wires = _selectors(selected)
        found = [self.output(frame, wire["producerSubtask"], kind, _output_key(wire)) for wire in wires]
        if len(found) == 1 and "valueFromOneof" not in selected:
            return found[0]
        made = tuple(one for one in found if isinstance(one, Made))
        if len(made) < len(found) or id(frame) not in self.flat.switches:
            raise Unsayable("takes whichever of several ran, and they are not the branches of one switch")
        return OneOf(made)

    def switch_of(self, frame: Frame, key: str) -> Switch | None:
        """The switch that a task of that DAG is."""
        child = self.flat.inner.get((id(frame), key))
        return self.flat.switches.get(id(child)) if child else None


def _selectors(selected: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    one_of = selected.get("valueFromOneof", {}).get("parameterSelectors")
    return selected.get("artifactSelectors") or one_of or [selected["valueFromParameter"]]


def _output_key(wire: Mapping[str, Any]) -> str:
    return wire.get("outputParameterKey") or wire["outputArtifactKey"]
