"""The pipeline as objects: every name resolved, every input bound, steps in an order in which they can run.

A Graph is only built by `link`, and only when everything fits: what it holds needs no further looking up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hpc.components.container import ContainerComponent
from hpc.components.fields import Cache, EnvValue, Retry
from hpc.components.types import Type
from hpc.diagnostics import Path
from hpc.spec.model import Accelerator, Image, Pipeline


@dataclass(frozen=True)
class Constant:
    """A value known now. `path` is where it is written."""

    value: Any
    path: Path


@dataclass(frozen=True)
class FromInput:
    """An input of the pipeline."""

    name: str
    type: Type


@dataclass(frozen=True)
class FromStep:
    """An output of another step."""

    step: str
    port: str
    type: Type


Source = FromInput | FromStep


@dataclass(frozen=True)
class Gathered:
    """Several sources that together are one list, in this order."""

    items: tuple[Source, ...]


Binding = Constant | FromInput | FromStep | Gathered


@dataclass(frozen=True)
class Settings:
    """How a container runs, with defaults filled in and the step's differences laid on."""

    image: Image
    overrides: Mapping[str, Any]
    env: Mapping[str, EnvValue]
    accelerator: Accelerator | None
    cache: Cache
    retry: Retry | None
    timeout: str | None


@dataclass(frozen=True)
class Step:
    """One task: a component, how it runs here, and where its inputs come from.

    `path` is the step's own place in the file (its entry in `steps`, else its component), `edge` that of an edge that
    names it. `differs` tells that the container is not the component's own: other overrides, environment, machine or
    timeout. An optional input without a value has no binding.
    """

    name: str
    title: str
    component_name: str
    component: ContainerComponent
    settings: Settings
    bindings: Mapping[str, Binding]
    after: tuple[str, ...]
    path: Path
    edge: Path
    differs: bool

    @cached_property
    def spec_name(self) -> str:
        """The component spec that the step runs.

        The component's own; `<component>--<step>` where the container differs or gathers lists; and where optional
        inputs are left out, one for all steps that leave out the same. No name of the language holds two hyphens.
        """
        own = self.component_name.replace("_", "-")
        if self.differs or any(isinstance(binding, Gathered) for binding in self.bindings.values()):
            return f"{own}--{self.name.replace('_', '-')}"
        left_out = sorted(self.component.inputs.keys() - self.bindings.keys())
        return "--".join([own, *(["without"] if left_out else []), *(name.replace("_", "-") for name in left_out)])


@dataclass(frozen=True)
class Graph:
    """A pipeline that can be compiled. `steps` are in topological order, ties by name."""

    pipeline: Pipeline
    steps: tuple[Step, ...]
    outputs: Mapping[str, FromStep]

    @cached_property
    def distinct_steps(self) -> tuple[Step, ...]:
        """One step for each component spec: steps that share one cannot differ in their texts and settings."""
        return tuple({step.spec_name: step for step in reversed(self.steps)}.values())
