"""Pipelines that someone compiled: their components and executors beside those of the file, under names of their
own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from hpc.compiler import ir
from hpc.components.foreign import ForeignPipeline


def compiled_names(component: ForeignPipeline) -> Mapping[str, tuple[str, ...]]:
    return {name: (component.ir_names[name],) for name in component.inputs}


def compiled_components(name: str, pipeline: ForeignPipeline) -> dict[str, ir.Json]:
    """The pipeline as `comp-<name>`, and its components as `comp-<name>--<their name>`."""
    found = {f"comp-{name}": ir.Json(_renamed(pipeline.root, name))}
    for own, component in pipeline.components.items():
        found[_name("comp", name, own)] = ir.Json(_renamed(component, name))
    return found


def compiled_executors(name: str, pipeline: ForeignPipeline) -> dict[str, ir.Json]:
    return {_name("exec", name, own): ir.Json(executor) for own, executor in pipeline.executors.items()}


def compiled_platform(name: str, pipeline: ForeignPipeline, platform: str) -> dict[str, Any]:
    """The settings of its executors for a platform, by their new names."""
    platforms = (pipeline.platform or {}).get("platforms", {})
    executors = platforms.get(platform, {}).get("deploymentSpec", {}).get("executors", {})
    return {_name("exec", name, own): settings for own, settings in executors.items()}


def _renamed(component: Mapping[str, Any], name: str) -> dict[str, Any]:
    written = copy.deepcopy(dict(component))
    if "executorLabel" in written:
        written["executorLabel"] = _name("exec", name, written["executorLabel"])
    for task in written.get("dag", {}).get("tasks", {}).values():
        task["componentRef"] = {"name": _name("comp", name, task["componentRef"]["name"])}
    return written


def _name(kind: str, name: str, own: str) -> str:
    return f"{kind}-{name}--{own.removeprefix(f'{kind}-')}"
