"""The kinds of component, one file each: the fields that the YAML has, and the forms that values take on their way in.

To add a kind: its file, and a line in `Component` and `KIND_KEYS`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from hpc.components.container import ContainerComponent
from hpc.components.importer import ImporterComponent
from hpc.components.subpipeline import ExternalComponent, SubPipeline

KIND_KEYS = {"uses": "external", "image": "container", "import": "importer", "edges": "subpipeline"}
"""The key that makes a component one of a kind, in the order in which they are looked for."""


def _kind(value: object) -> str | None:
    if isinstance(value, dict):
        return next((kind for key, kind in KIND_KEYS.items() if key in value), "none")
    return _KIND_OF_MODEL.get(type(value), "none")


_KIND_OF_MODEL: dict[type[Any], str] = {
    ContainerComponent: "container",
    ImporterComponent: "importer",
    SubPipeline: "subpipeline",
    ExternalComponent: "external",
}

Component = Annotated[
    Annotated[ContainerComponent, Tag("container")]
    | Annotated[ImporterComponent, Tag("importer")]
    | Annotated[SubPipeline, Tag("subpipeline")]
    | Annotated[ExternalComponent, Tag("external")],
    Discriminator(_kind),
]
