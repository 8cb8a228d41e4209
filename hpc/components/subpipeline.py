"""The kind of component that is made of edges, and the kind that another file describes: what their YAML may say."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StrictStr

from hpc.components.fields import Cache, Env, FreeName, Json, Model, Name, Retry
from hpc.components.ports import InputPort, OutputPort
from hpc.components.step import StepEntry


class SubPipeline(Model):
    """A pipeline used as a component."""

    title: StrictStr = ""
    description: StrictStr = ""
    labels: dict[str, StrictStr] = {}
    inputs: dict[Name, InputPort] = {}
    outputs: dict[Name, OutputPort] = {}
    steps: dict[FreeName, StepEntry] = {}
    edges: list[Any]


class ExternalComponent(Model):
    """A component of another file or of the library, and what differs from it."""

    title: StrictStr = ""
    description: StrictStr = ""
    labels: dict[str, StrictStr] = {}
    uses: Annotated[StrictStr, Field(description="./file.yaml#component, std/name@1, google/Op")]
    image: StrictStr | None = None
    overrides: dict[str, Json] = {}
    env: Env = {}
    accelerator: StrictStr | None = None
    cache: Cache | None = None
    retry: Retry | None = None
    timeout: StrictStr | None = None
    kfp: dict[str, Any] | None = None
