"""The kind of component that brings an existing artifact into a run: what its YAML may say, and its ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, StrictStr

from hpc.components.fields import Description, Json, Model, Name, Title, problem
from hpc.components.ports import InputPort, OutputPort, PortType
from hpc.components.types import STRING, Type

URI = "uri"
ARTIFACT = "artifact"


def _artifact(port_type: Type) -> Type:
    if port_type.is_list or not port_type.is_artifact:
        raise problem("HPC103", f"`{port_type}` is not an artifact.", "write e.g. `import: Model`.")
    return port_type


def _somewhere(uri: str) -> str:
    if not uri.strip():
        fix = "write where the artifact lies; or leave `uri` out, and the step has an input `uri`."
        raise problem("HPC103", "`uri` is empty.", fix)
    return uri


def _value(port: InputPort) -> InputPort:
    if port.type.is_artifact:
        fact = "inputs of an importer are values for its metadata, and an artifact is a file."
        raise problem("HPC103", fact, "declare a value, e.g. `string`.")
    return port


class ImporterComponent(Model):
    """An artifact that lies somewhere already. Its output is `artifact`; without `uri` it has an input `uri`."""

    title: Title = ""
    description: Description = ""
    type: Annotated[
        PortType,
        AfterValidator(_artifact),
        Field(alias="import", description="the type of the artifact, e.g. Model"),
    ]
    uri: Annotated[
        Annotated[StrictStr, AfterValidator(_somewhere)] | None,
        Field(description="where it lies; without one the input `uri` says it"),
    ] = None
    metadata: Annotated[dict[str, Json], Field(description="metadata of the artifact; may read `${{ inputs.x }}`")] = {}
    declared: Annotated[
        dict[Name, Annotated[InputPort, AfterValidator(_value)]],
        Field(alias="inputs", description="values that `metadata` reads, by name; `version: int`"),
    ] = {}
    reimport: Annotated[StrictBool, Field(description="make a new artifact even if one with this uri is known")] = False

    @property
    def inputs(self) -> Mapping[str, InputPort]:
        """The inputs of a step: those of `metadata`, and where the artifact lies unless the component says it."""
        return self.declared if self.uri is not None else {URI: InputPort(type=STRING), **self.declared}

    @property
    def outputs(self) -> Mapping[str, OutputPort]:
        return {ARTIFACT: OutputPort(type=self.type)}
