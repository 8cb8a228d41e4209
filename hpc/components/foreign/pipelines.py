"""A whole pipeline that someone else compiled: its ports, and its IR as it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpc.components.ports import InputPort, OutputPort


@dataclass(frozen=True)
class ForeignPipeline:
    """Ports as in ForeignContainer. The rest is raw JSON in which every reference is known to resolve.

    `root` is the ComponentSpec of the pipeline, `components` and `executors` are what it refers to by name,
    `platform` is the PlatformSpec. Values may be shared between them: copy before changing one.
    """

    title: str
    description: str
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    ir_names: Mapping[str, str]
    root: dict[str, Any]
    components: dict[str, Any]
    executors: dict[str, Any]
    platform: dict[str, Any] | None
