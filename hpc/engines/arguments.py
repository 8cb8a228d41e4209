"""Arguments of a run: from command-line text to values, and against the pipeline's declared inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpc.engines.findings import MISSING_ARGUMENT, NOT_A_CHOICE, UNKNOWN_ARGUMENT, WRONG_ARGUMENT, Findings, nearest
from hpc.engines.values import KINDS, fitting, parse, shown

_UNSET = object()


@dataclass(frozen=True)
class ParameterPort:
    """A parameter of an interface; `kind` is the IR's parameterType. `literals`, if any, are all that it accepts."""

    kind: str
    default: object = _UNSET
    optional: bool = False
    literals: tuple[object, ...] = ()

    @property
    def has_default(self) -> bool:
        return self.default is not _UNSET

    @property
    def required(self) -> bool:
        return not self.optional and not self.has_default

    def accepts(self, value: object) -> bool:
        """Whether the value is one of the literals, where there are any; true is not 1."""
        same = (value == one and isinstance(value, bool) == isinstance(one, bool) for one in self.literals)
        return not self.literals or any(same)


def declared_parameters(spec: Mapping[str, Any]) -> dict[str, ParameterPort]:
    """The parameters of a compiled pipeline. Raises KeyError, TypeError or AttributeError where it is none."""
    definitions = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return {
        name: ParameterPort(
            str(port["parameterType"]),
            port.get("defaultValue", _UNSET),
            bool(port.get("isOptional")),
            tuple(port.get("literals", ())),
        )
        for name, port in definitions.items()
    }


def parse_argument(text: str, parameter_type: str) -> object:
    """The value of `-i name=text` for an input of that parameterType; ValueError says what is wrong.

    STRING is taken verbatim, the others are read as a task's output files are; LIST and STRUCT are JSON.
    """
    return parse(text, parameter_type)


def check_arguments(
    arguments: Mapping[str, object], inputs: Mapping[str, ParameterPort], findings: Findings
) -> dict[str, object]:
    """Values of all inputs, defaults filled in; an optional input without one is left out."""
    for name in arguments:
        if name not in inputs:
            findings.add(UNKNOWN_ARGUMENT, f"the pipeline has no input {name}", nearest(name, inputs))
    checked: dict[str, object] = {}
    for name, port in inputs.items():
        value = arguments.get(name, port.default if port.has_default else None)
        if value is not None:
            checked[name] = _checked(name, value, port, findings)
        elif port.required or (name in arguments and not port.optional):
            kind = KINDS.get(port.kind, port.kind)
            findings.add(MISSING_ARGUMENT, f"the input {name} ({kind}) has no value", f"add -i {name}=…")
    return checked


def _checked(name: str, value: object, port: ParameterPort, findings: Findings) -> object:
    """The value as a task takes it, or as it was given where it cannot."""
    try:
        fitted = fitting(value, port.kind)
        if port.kind == "NUMBER_INTEGER" and not isinstance(fitted, int):
            raise ValueError(f"{shown(value)} is not {KINDS[port.kind]}")
    except ValueError as error:
        findings.add(WRONG_ARGUMENT, f"the input {name}: {error}", f"give {KINDS.get(port.kind, port.kind)}")
        return value
    if not port.accepts(fitted):
        choices = ", ".join(shown(choice) for choice in port.literals)
        findings.add(NOT_A_CHOICE, f"the input {name}: {shown(value)} is not a choice", f"use one of: {choices}")
    return fitted
