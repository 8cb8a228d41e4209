"""The ports of a component that someone else wrote: names and types of KFP enter, ports of hpc leave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hpc.components.foreign.node import Node, shown
from hpc.components.foreign.text import json_value
from hpc.components.ports import InputPort, OutputPort, objection
from hpc.components.types import ARTIFACTS, VALUES, Type

Side = Literal["inputs", "outputs"]
_RENAME = "rename one of them in the file."


@dataclass(frozen=True)
class Declared:
    """A port as a file declares it: its name there and in the IR, and what the file says of it."""

    name: str
    ir: str
    node: Node
    type: Type
    optional: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Interface:
    """Ports by the names that hpc uses. `ir_names` are what those are called in the IR, `inputs_by_name` and
    `outputs_by_name` lead from the names in the file to those of hpc.
    """

    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    ir_names: Mapping[str, str]
    inputs_by_name: Mapping[str, str]
    outputs_by_name: Mapping[str, str]
    _by_ir: dict[Side, dict[str, str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sides: dict[Side, Iterable[str]] = {"inputs": self.inputs, "outputs": self.outputs}
        by_ir = {side: {self.ir_names[port]: port for port in ports} for side, ports in sides.items()}
        object.__setattr__(self, "_by_ir", by_ir)

    def port_called(self, side: Side, ir: str) -> str | None:
        """The port whose name in the IR is `ir`."""
        return self._by_ir[side].get(ir)

    def type_of(self, side: Side, port: str) -> Type:
        return self.inputs[port].type if side == "inputs" else self.outputs[port].type


def snake_case(name: str) -> str:
    """The name that hpc gives to a foreign one: `Learning Rate` -> `learning_rate`, `2nd` -> `x_2nd`.

    Capitals do not split a word (`maxEpochs` -> `maxepochs`). Empty where no letter and no digit of ASCII is in it.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return f"x_{plain}" if plain[:1].isdigit() else plain


def interface(inputs: Sequence[Declared], outputs: Sequence[Declared]) -> Interface:
    """The ports of a component. Raises NotAComponent where two of them would get one name."""
    names = _port_names([*inputs, *outputs])
    ins, outs = _by_port(inputs, names), _by_port(outputs, names)
    ir_names = {port: one.ir or port for port, one in ins.items()}
    for port, one in outs.items():
        if ir_names.setdefault(port, one.ir or port) != (one.ir or port):
            other = shown(ins[port].name)
            raise one.node.fault(f"and the input `{other}` both become `{port}` in hpc, but are two names", _RENAME)
    return Interface(
        {port: _input_port(one) for port, one in ins.items()},
        {port: _output_port(one) for port, one in outs.items()},
        ir_names,
        {one.name: port for port, one in ins.items()},
        {one.name: port for port, one in outs.items()},
    )


def _port_names(declared: Sequence[Declared]) -> dict[str, str]:
    """The port of each name in the file; those without any letter or digit of ASCII are `port_1`, `port_2` …"""
    names = {one.name: snake_case(one.name) for one in declared}
    taken = set(names.values())
    count = 0
    for name, port in names.items():
        while not names[name]:
            count += 1
            names[name] = port if f"port_{count}" in taken else f"port_{count}"
    return names


def _by_port(declared: Sequence[Declared], names: Mapping[str, str]) -> dict[str, Declared]:
    found: dict[str, Declared] = {}
    for one in declared:
        first = found.setdefault(names[one.name], one)
        if first is not one:
            both = f"`{shown(first.name)}` and `{shown(one.name)}`"
            raise one.node.fault(f"cannot be told from another: {both} are both `{names[one.name]}` in hpc", _RENAME)
    return found


def _input_port(one: Declared) -> InputPort:
    fields: dict[str, Any] = {"type": one.type, "description": one.node.text_at("description")}
    if one.choices:
        fields["choices"] = list(one.choices)
    if one.default is not None and not one.type.is_artifact:
        fields["default"] = one.default
    elif one.optional:
        fields["optional"] = True
    port = InputPort.model_construct(**fields)
    found = objection(port, one.type, one.default) if port.has_default else None
    if found:
        raise one.node.fault(f"has a default that {found[0]}", "change the default in the file.")
    return port


def _output_port(one: Declared) -> OutputPort:
    return OutputPort.model_construct(type=one.type, description=one.node.text_at("description"))


_TITLES = {title: name for name, title in ARTIFACTS.items()}
_TITLE = re.compile(r"[A-Za-z][\w-]*\.[A-Za-z][\w-]*")


def artifact_type(title: Node, is_list: bool = False) -> Type:
    """The type of artifacts with a schema title: `system.Model` is Model; a title that hpc does not know stays."""
    text = title.text()
    if not _TITLE.fullmatch(text):
        raise title.fault(f"is `{shown(text)}`, which is not a schema title such as `system.Model`")
    return Type(_TITLES.get(text, text), is_list)


def as_value(port_type: Type, value: Any) -> Any:
    """A default or choice as YAML would have it: JSON knows one kind of number, and the KFP SDK writes lists as text.

    A value that does not fit is returned as it stands; the port objects to it.
    """
    if isinstance(value, str) and (port_type.is_list or port_type.base == "dict"):
        try:
            return json_value(value)
        except ValueError:
            return value
    if port_type.is_list or isinstance(value, bool):
        return value
    if port_type.base == "int" and isinstance(value, float) and value.is_integer():
        return int(value)
    return float(value) if port_type.base == "float" and isinstance(value, int) and abs(value) <= 2**53 else value


PARAMETER_TYPES = {name: Type(base) for base, name in VALUES.items()}
"""Types by ParameterType, without LIST."""
