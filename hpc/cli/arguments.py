"""What `-i` says: texts by name enter, values of the pipeline's inputs leave, or everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from hpc.diagnostics import Diagnostic, Rejected, Rule, Span
from hpc.engines.arguments import parse_argument
from hpc.engines.findings import UNKNOWN_ARGUMENT, WRONG_ARGUMENT

if TYPE_CHECKING:
    from hpc.components.ports import InputPort

OUTSIDE_LIMITS = Rule(
    "HPC911",
    "argument outside its limits",
    "`choices`, `min`, `max` and `pattern` of an input hold for arguments too.",
    "Give another value.",
)
RULES = (OUTSIDE_LIMITS,)


@dataclass(frozen=True)
class Given:
    """Texts by name, and the values that a former run was given."""

    texts: Mapping[str, str]
    before: Mapping[str, object]

    def typed(self, types: Mapping[str, str]) -> dict[str, object]:
        """Arguments as values of their inputs' types; every argument that is not one is reported.

        A value of the former run whose input is gone is left out.
        """
        values = {name: value for name, value in self.before.items() if name in types}
        found: list[Diagnostic] = []
        for name, text in self.texts.items():
            where = Span.of_word(f"-i {name}")
            if name not in types:
                from hpc.components.types import did_you_mean

                fact = f"the pipeline has no input `{name}`."
                found.append(Diagnostic(UNKNOWN_ARGUMENT, where, fact, did_you_mean(name, types)))
                continue
            try:
                values[name] = parse_argument(text, types[name])
            except ValueError as error:
                fact = f"the input `{name}`: {error}."
                found.append(Diagnostic(WRONG_ARGUMENT, where, fact, "give a value of that type."))
        if found:
            raise Rejected(found)
        return values

    def within_limits(self, ports: Mapping[str, InputPort]) -> dict[str, object]:
        """Arguments of a pipeline file, which may allow fewer values than their types. Raises Rejected."""
        arguments = self.typed({name: port.type.parameter for name, port in ports.items()})
        _check_limits(arguments, ports)
        return arguments


def split(inputs: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` each; a usage error for anything else, and for a name that is given twice."""
    given: dict[str, str] = {}
    for text in inputs:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"-i {text}: write NAME=VALUE.")
        if name in given:
            raise click.UsageError(f"-i {name} is given twice; which of the values is meant?")
        given[name] = value
    return given


def _check_limits(arguments: Mapping[str, Any], ports: Mapping[str, InputPort]) -> None:
    from hpc.components.ports import objection

    found: list[Diagnostic] = []
    for name, value in arguments.items():
        trouble = objection(ports[name], ports[name].type, value)
        if trouble:
            where, fact = Span.of_word(f"-i {name}"), f"the value {trouble[0]}."
            found.append(Diagnostic(OUTSIDE_LIMITS, where, fact, "give another value."))
    if found:
        raise Rejected(found)


def parameter_types(spec: Mapping[str, Any]) -> dict[str, str]:
    """The type of every parameter of a compiled pipeline; what is not right with it is for the engine to say."""
    try:
        parameters = spec["root"]["inputDefinitions"]["parameters"]
        return {name: str(port["parameterType"]) for name, port in parameters.items()}
    except (KeyError, TypeError, AttributeError):
        return {}
