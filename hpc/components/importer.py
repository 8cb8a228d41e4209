"""The kind of component that brings an existing artifact into a run: what its YAML may say, and its ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StrictBool, StrictStr

from hpc.components.fields import Description, Json, Model, Title
from hpc.components.ports import InputPort, Inputs, OutputPort, PortType
from hpc.components.types import STRING

URI = "uri"
ARTIFACT = "artifact"


class ImporterComponent(Model):
    """An artifact that lies somewhere already. Its output is `artifact`; without `uri` it has an input `uri`."""

    title: Title = ""
    description: Description = ""
    type: Annotated[PortType, Field(alias="import", description="the type of the artifact, e.g. Model")]
    uri: Annotated[StrictStr | None, Field(description="where it lies; without one the input `uri` says it")] = None
    metadata: Annotated[dict[str, Json], Field(description="metadata of the artifact; may read `${{ inputs.x }}`")] = {}
    declared: Annotated[Inputs, Field(alias="inputs")] = {}
    reimport: Annotated[StrictBool, Field(description="make a new artifact even if one with this uri is known")] = False

    @property
    def inputs(self) -> Mapping[str, InputPort]:
        """The inputs of a step: those of `metadata`, and where the artifact lies unless the component says it."""
        return self.declared if self.uri is not None else {URI: InputPort(type=STRING), **self.declared}

    @property
    def outputs(self) -> Mapping[str, OutputPort]:
        return {ARTIFACT: OutputPort(type=self.type)}
