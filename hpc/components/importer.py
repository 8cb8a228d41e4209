"""The kind of component that brings an existing artifact into a run: what its YAML may say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StrictStr

from hpc.components.fields import Description, Json, Model, Title
from hpc.components.ports import Inputs, PortType


class ImporterComponent(Model):
    """An artifact that lies somewhere already; not compiled by this version (HPC109). Its output is `artifact`."""

    title: Title = ""
    description: Description = ""
    type: Annotated[PortType, Field(alias="import", description="the type of the artifact, e.g. Model")]
    uri: Annotated[StrictStr | None, Field(description="where it lies; without one the input `uri` says it")] = None
    metadata: Annotated[dict[str, Json], Field(description="metadata of the artifact; may read `${{ inputs.x }}`")] = {}
    inputs: Inputs = {}
    reimport: Annotated[StrictBool, Field(description="make a new artifact even if one with this uri is known")] = False
