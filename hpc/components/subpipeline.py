"""The kind of component that is made of edges, and the kind that another file describes: what their YAML may say."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StrictStr, WithJsonSchema

from hpc.components.fields import (
    AcceleratorName,
    CacheChoice,
    Description,
    Env,
    FreeName,
    Model,
    Overrides,
    RetryChoice,
    TimeLimit,
    Title,
    text_schema,
)
from hpc.components.foreign import google_names
from hpc.components.kubernetes import KubernetesExtras
from hpc.components.library import library_names
from hpc.components.ports import GroupInputs, PipelineOutputs
from hpc.components.step import StepEntry

_END = r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)?"
_ENDS = rf"{_END}(?: *[,|] *{_END})*"
_GROUP = r"[a-z][a-z0-9_]*\.\{ *[a-z][a-z0-9_]*(?: *, *[a-z][a-z0-9_]*)* *\}"
_LINE = text_schema(rf" *(?:(?:{_GROUP}|{_ENDS}) *-> *{_ENDS}(?: +when .+| +else)?|[a-z][a-z0-9_]*) *")
_LINE_TEXT = "`a.out -> b.in`, `a.{x, y} -> b`, `a -> b` (order only), or a step alone"
_SWITCH = {
    "type": "object",
    "properties": {"switch": {"type": "array", "items": _LINE}},
    "required": ["switch"],
    "additionalProperties": False,
    "description": "the first edge whose condition holds is taken",
}

EdgeLine = Annotated[Any, WithJsonSchema({"anyOf": [{**_LINE, "description": _LINE_TEXT}, _SWITCH]})]
"""A line as it stands; hpc/spec/edges.py reads it. The schema shows editors its form."""

Edges = Annotated[list[EdgeLine], Field(description=f"the whole wiring, one line each, in any order: {_LINE_TEXT}")]

Steps = Annotated[
    dict[FreeName, StepEntry],
    Field(description="what differs in a use of a component; a step needs no entry if nothing does"),
]


class SubPipeline(Model):
    """A pipeline used as a component."""

    title: Title = ""
    description: Description = ""
    inputs: GroupInputs = {}
    outputs: PipelineOutputs = {}
    steps: Steps = {}
    edges: Edges


class ExternalComponent(Model):
    """A component of another file or of the library, and what differs from it."""

    title: Title = ""
    description: Description = ""
    uses: Annotated[
        StrictStr,
        WithJsonSchema(
            {"anyOf": [{"type": "string", "enum": [*library_names(), *google_names()]}, {"type": "string"}]}
        ),
        Field(
            description="a component of this file; or `./file.yaml`, `./file.yaml#component`, `std/name@1`, "
            "`google/NameOp`"
        ),
    ]
    image: Annotated[StrictStr | None, Field(description="a name of `images`")] = None
    overrides: Overrides = {}
    env: Env = {}
    accelerator: AcceleratorName = None
    cache: CacheChoice = None
    retry: RetryChoice = None
    timeout: TimeLimit = None
    kfp: Annotated[KubernetesExtras | None, Field(description="fields of Kubernetes, for kfp")] = None
