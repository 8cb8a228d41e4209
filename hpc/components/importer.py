"""The kind of component that brings an existing artifact into a run: what its YAML may say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StrictStr

from hpc.components.fields import Json, Model, Name
from hpc.components.ports import InputPort, PortType


class ImporterComponent(Model):
    """An artifact that lies somewhere already. Its output port is called `artifact`."""

    title: StrictStr = ""
    description: StrictStr = ""
    labels: dict[str, StrictStr] = {}
    type: Annotated[PortType, Field(alias="import")]
    uri: StrictStr | None = None
    metadata: dict[str, Json] = {}
    inputs: dict[Name, InputPort] = {}
    reimport: StrictBool = False
