"""Importers: a component that brings an artifact in enters, its ComponentSpec and executor leave."""

from __future__ import annotations

from typing import Any

from hpc.compiler import ir
from hpc.compiler.lower.ports import input_definitions, output_definitions
from hpc.compiler.targets import Target
from hpc.components import placeholders
from hpc.components.importer import URI, ImporterComponent
from hpc.components.references import Reference, literal, parts_of
from hpc.components.types import STRING, Plain


def importer_component(name: str, component: ImporterComponent, target: Target) -> ir.Component:
    """The ports: `uri` always, because that is where platforms show what was imported."""
    ports = {port_name: (port, port.type) for port_name, port in component.inputs.items()}
    inputs = input_definitions(ports, target)
    own = {URI: ir.ParameterSpec(STRING.parameter)} if component.uri is not None else {}
    return ir.Component(
        ir.Definitions({**inputs.parameters, **own}, inputs.artifacts),
        output_definitions(component.outputs),
        executor_label=f"exec-{name}",
    )


def importer_inputs(component: ImporterComponent) -> dict[str, ir.InputParameter]:
    """What a task has to bind besides the inputs of its step."""
    if component.uri is None:
        return {}
    return {URI: ir.InputParameter(runtime_value={"constant": component.uri})}


def importer_executor(component: ImporterComponent) -> ir.Executor:
    uri = ir.ArtifactUri(runtime_parameter=URI) if component.uri is None else ir.ArtifactUri(constant=component.uri)
    metadata = {key: _pasted(value) for key, value in component.metadata.items()}
    return ir.Executor(
        importer=ir.Importer(
            artifact_uri=uri,
            type_schema=ir.ArtifactTypeSchema(component.type.schema_title),
            metadata=ir.Json(metadata) if metadata else None,
            reimport=component.reimport or None,
        )
    )


def _pasted(value: Plain) -> Any:
    """A value of the metadata, references to inputs replaced by placeholders, however deep."""
    if isinstance(value, str):
        parts = parts_of(value)
        pieces = [placeholders.parameter(part.name) if isinstance(part, Reference) else literal(part) for part in parts]
        return "".join(pieces)
    if isinstance(value, list):
        return [_pasted(item) for item in value]
    return {key: _pasted(item) for key, item in value.items()} if isinstance(value, dict) else value
