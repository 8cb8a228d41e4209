"""Linked nodes become steps: defaults filled in, a step's differences laid on its component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from hpc.compiler.graph import Settings, Step
from hpc.compiler.link.nodes import Node
from hpc.components.container import ContainerComponent
from hpc.components.step import NOTHING_DIFFERS, StepEntry
from hpc.spec.model import Pipeline


def step_of(pipeline: Pipeline, node: Node) -> Step:
    """The step that a completed node describes."""
    here = _settings(pipeline, node.component, node.entry)
    return Step(
        name=node.name,
        title=node.entry.title or node.component.title,
        component_name=node.component_name,
        component=node.component,
        settings=here,
        bindings={name: wire.source for name, wire in sorted(node.wires.items())},
        after=tuple(sorted(node.after)),
        path=node.path,
        edge=node.edge,
        differs=_differs(pipeline, node, here),
    )


def _differs(pipeline: Pipeline, node: Node, here: Settings) -> bool:
    entry = node.entry
    if not (entry.overrides or entry.env or entry.accelerator or entry.timeout):
        return False
    return _container(here) != _container(_settings(pipeline, node.component, NOTHING_DIFFERS))


def _container(settings: Settings) -> tuple[Any, ...]:
    """What of the settings is part of the container: caching and retries belong to the task."""
    return settings.overrides, settings.env, settings.accelerator, settings.timeout


def _settings(pipeline: Pipeline, component: ContainerComponent, entry: StepEntry) -> Settings:
    defaults = pipeline.defaults
    accelerator = entry.accelerator or component.accelerator or defaults.accelerator
    cache = next((value for value in (entry.cache, component.cache) if value is not None), defaults.cache)
    return Settings(
        image=pipeline.images[component.image],
        overrides=_laid_on(component.overrides, entry.overrides),
        env={**defaults.env, **component.env, **entry.env},
        accelerator=pipeline.accelerators[accelerator] if accelerator else None,
        cache=cache,
        retry=entry.retry or component.retry or defaults.retry,
        timeout=entry.timeout or component.timeout or defaults.timeout,
    )


_ABSENT = object()


def _laid_on(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides of a step on those of its component, by the rule of `hpc.spec.merge.merged`: mappings merge, anything
    else replaces, null deletes what is there.
    """
    entries = dict(base)
    for key, value in over.items():
        old = entries.pop(key, _ABSENT)
        if isinstance(old, dict) and isinstance(value, dict):
            entries[key] = _laid_on(cast("dict[str, Any]", old), cast("dict[str, Any]", value))
        elif value is not None or old is _ABSENT:
            entries[key] = value
    return entries
