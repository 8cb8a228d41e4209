"""A container that someone else wrote, whichever way: its ports, its image, and its command for each use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpc.components.foreign.elements import Element, expand
from hpc.components.ports import InputPort, OutputPort


@dataclass(frozen=True)
class ForeignContainer:
    """Ports are keyed by the snake_case form of their foreign names; `ir_names` maps that to the name in the IR.

    `resources` is a ResourceSpec of pipeline_spec.proto as JSON, if the file states one.
    """

    title: str
    description: str
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    ir_names: Mapping[str, str]
    image: str
    env: Mapping[str, str]
    resources: Mapping[str, Any] | None
    command_elements: tuple[Element, ...]
    args_elements: tuple[Element, ...]

    def command(self, bound: frozenset[str]) -> tuple[str, ...]:
        """The command where the inputs `bound` (by port) have a value, defaults included; empty: the image's own.

        Raises NotAComponent where it takes an input that has none.
        """
        return tuple(expand(self.command_elements, bound))

    def args(self, bound: frozenset[str]) -> tuple[str, ...]:
        """The arguments, in the same way as `command`."""
        return tuple(expand(self.args_elements, bound))
