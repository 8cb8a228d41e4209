"""Ports of the IR as ports of the language. Their types may stay open until every use is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from hpc.components.foreign.interface import PARAMETER_TYPES, artifact_type, as_value
from hpc.components.foreign.node import Node, NotAComponent
from hpc.components.types import Plain, Type, parse_type
from hpc.conversion.lists import Elements, as_element, calm
from hpc.conversion.notes import Notes, Where
from hpc.conversion.words import literal_text

Kind = Literal["parameters", "artifacts"]
KINDS: tuple[Kind, ...] = ("parameters", "artifacts")


@dataclass(eq=False)
class Port:
    """`name` is that of the language, `ir` that of the IR; `elements` is set for lists of values."""

    name: str
    ir: str
    type: Type
    elements: Elements | None
    where: Where
    is_open: bool = False
    """Whether the type is that of whatever flows in."""
    said: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the port says besides its type: description, default, choices, optional, as."""

    def connect(self, target: Port) -> None:
        """Something flows from this port into another."""
        if target.is_open:
            target.type, target.elements, target.is_open = self.type, self.elements, False
        if self.elements and target.elements:
            self.elements.join(target.elements)

    def constant(self, value: Plain) -> Plain:
        """A constant for this port as YAML has it."""
        if self.elements is None:
            found = as_value(self.type, value)
            return quieted(calm(found) if self.type.base == "dict" else found)
        items: Any = as_value(Type("any", True), value)
        if not isinstance(items, list):
            return value
        return [quieted(as_element(self.elements.base or "", item)) for item in cast("list[Any]", items)]

    def learn(self, value: Plain) -> None:
        if self.elements is not None:
            self.elements.learn_from(as_value(Type("any", True), value))

    def block(self, notes: Notes) -> Any:
        """The port as the file has it, once all uses are known."""
        said = dict(self.said)
        if "default" in said:
            said["default"] = self.constant(said["default"])
        if "description" in said:
            said["description"] = literal_text(said["description"])
        text = self._type_text(notes)
        return {"type": text, **said} if said else text

    def _type_text(self, notes: Notes) -> str:
        if self.elements is None:
            return str(self.type)
        base = self.elements.base
        if base is None:
            kinds = sorted(self.elements.found().bases)
            fact = f"its elements are used as {', '.join(kinds)}" if kinds else "nothing tells what it holds"
            notes.say(self.where, f"a list of unknown elements ({fact}); `list<string>` is written.")
        return f"list<{base or 'string'}>"


def quieted(value: Any) -> Any:
    """A constant in which `${{` means itself."""
    if isinstance(value, str):
        return literal_text(value)
    if isinstance(value, list):
        return [quieted(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: quieted(item) for key, item in cast("dict[str, Any]", value).items()}
    return value


def parameter_port(name: str, ir: str, spec: Mapping[str, Any], where: Where, notes: Notes) -> Port | None:
    """A parameter of a DAG; None after a report."""
    kind = spec.get("parameterType", "")
    if kind == "LIST":
        port = Port(name, ir, Type("any", True), Elements(), where)
    elif kind in PARAMETER_TYPES:
        port = Port(name, ir, PARAMETER_TYPES[kind], None, where)
    else:
        notes.lose((*where, "parameterType"), f"is `{kind}`, which the language has no type for.")
        return None
    _describe(port, spec)
    if spec.get("defaultValue") is not None:
        port.said["default"] = spec["defaultValue"]
        port.learn(spec["defaultValue"])
    elif spec.get("isOptional") and kind != "TASK_FINAL_STATUS":
        port.said["optional"] = True
    literals = spec.get("literals")
    if literals and str(port.type) in ("string", "int", "float"):
        port.said["choices"] = [as_value(port.type, literal) for literal in literals]
    elif literals:
        notes.lose((*where, "literals"), f"limits {port.type}; the language has choices for string, int and float.")
    return port


def artifact_port(name: str, ir: str, spec: Mapping[str, Any], where: Where, notes: Notes) -> Port | None:
    """An artifact of a DAG; None after a report."""
    kind = type_of_artifact(spec, where, notes)
    if kind is None:
        return None
    port = Port(name, ir, kind, None, where)
    _describe(port, spec)
    if spec.get("isOptional"):
        port.said["optional"] = True
    return port


def _describe(port: Port, spec: Mapping[str, Any]) -> None:
    if spec.get("description"):
        port.said["description"] = spec["description"]


def type_of_artifact(spec: Mapping[str, Any], where: Where, notes: Notes) -> Type | None:
    title = spec.get("artifactType", {}).get("schemaTitle", "")
    try:
        found = artifact_type(Node(title, (*where, "artifactType", "schemaTitle")), bool(spec.get("isArtifactList")))
    except NotAComponent:
        found = None
    if found is None or parse_type(str(found)) is None:
        notes.lose((*where, "artifactType"), f"is `{title}`, which the language has no type for.")
        return None
    if spec["artifactType"].get("schemaVersion", "0.0.1") != "0.0.1":
        notes.lose(
            (*where, "artifactType", "schemaVersion"), "is not 0.0.1, the version of every type of the language."
        )
    return found
