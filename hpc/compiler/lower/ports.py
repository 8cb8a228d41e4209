"""Ports as the IR declares them: those of the language enter, ComponentInputsSpec and ComponentOutputsSpec leave."""

from __future__ import annotations

from collections.abc import Mapping

from hpc.compiler import ir
from hpc.compiler.targets import Target
from hpc.components import placeholders
from hpc.components.ports import InputPort, OutputPort, Port
from hpc.components.types import RUN_STATUS, STRING, Type

Ports = Mapping[str, tuple[InputPort, Type]]
"""Inputs by their names in the IR, with the types that they have there."""


def input_definitions(ports: Ports, target: Target) -> ir.Definitions:
    parameters: dict[str, ir.ParameterSpec] = {}
    artifacts: dict[str, ir.ArtifactSpec] = {}
    for name, (port, port_type) in ports.items():
        if port_type.is_artifact:
            artifacts[name] = _artifact(port, port_type, optional=port.optional)
        else:
            parameters[name] = _parameter(port, port_type, target)
    return ir.Definitions(parameters, artifacts)


def with_hidden_inputs(definitions: ir.Definitions, run_names: tuple[str, ...]) -> ir.Definitions:
    """The definitions and the inputs that bring `run.x`."""
    hidden = {placeholders.run_input(name): ir.ParameterSpec(STRING.parameter) for name in run_names}
    return ir.Definitions({**definitions.parameters, **hidden}, definitions.artifacts)


def output_definitions(ports: Mapping[str, OutputPort]) -> ir.Definitions:
    values = {name: port for name, port in ports.items() if not port.type.is_artifact}
    return ir.Definitions(
        {name: ir.ParameterSpec(port.type.parameter, port.description or None) for name, port in values.items()},
        {name: _artifact(port, port.type) for name, port in ports.items() if port.type.is_artifact},
    )


def bare_definitions(types: Mapping[str, Type]) -> ir.Definitions:
    """Ports that only the compiled file has: those of groups."""
    return ir.Definitions(
        {name: ir.ParameterSpec(one.parameter) for name, one in types.items() if not one.is_artifact},
        {name: _artifact_spec(one) for name, one in types.items() if one.is_artifact},
    )


def _parameter(port: InputPort, port_type: Type, target: Target) -> ir.ParameterSpec:
    has_default = port.has_default and port_type == port.type
    return ir.ParameterSpec(
        parameter_type=port_type.parameter,
        description=port.description or None,
        default_value=ir.Json(port.default) if has_default else None,
        is_optional=True if has_default or port.optional or port_type == RUN_STATUS else None,
        literals=tuple(port.choices or ()) if target.literals else (),
    )


def _artifact(port: Port, port_type: Type, *, optional: bool = False) -> ir.ArtifactSpec:
    return _artifact_spec(port_type, port.description, optional=optional)


def _artifact_spec(port_type: Type, description: str = "", *, optional: bool = False) -> ir.ArtifactSpec:
    return ir.ArtifactSpec(
        artifact_type=ir.ArtifactTypeSchema(port_type.schema_title),
        description=description or None,
        is_optional=optional or None,
        is_artifact_list=port_type.is_list or None,
    )
