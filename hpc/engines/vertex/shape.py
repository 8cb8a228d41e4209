"""The shape of a pipeline: a PipelineSpec enters; which tasks are in which group, and how many, leaves.

A document that is not there or not whole has no tasks: what the service tells is then shown as it comes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from hpc.engines.rows import Node


class Shape:
    """Reads components of one document."""

    def __init__(self, spec: Node) -> None:
        self._components = cast("Node", spec.get("components", {}))
        self.root = cast("Node", spec.get("root", {}))

    def tasks(self, component: Node) -> Mapping[str, Node]:
        """The tasks of a group by their keys; none for a container."""
        return component.get("dag", {}).get("tasks", {})

    def component(self, task: Node) -> Node:
        return self._components.get(task.get("componentRef", {}).get("name", ""), {})

    def leaves(self, component: Node) -> int:
        """How many rows a component has: loops count once."""
        if "dag" not in component:
            return 1
        return sum(self.leaves(self.component(task)) for task in self.tasks(component).values())

    def size(self, component: Node | None = None) -> int:
        """How many tasks a component has, the root if None, as far as the items of its loops are written in it."""
        inside = self.root if component is None else component
        if "dag" not in inside:
            return 1
        return sum(self.size(self.component(task)) * _times(task) for task in self.tasks(inside).values())


def has_condition(task: Node) -> bool:
    return bool(task.get("triggerPolicy", {}).get("condition"))


def is_importer(component: Node, spec: Node) -> bool:
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    return "importer" in executors.get(component.get("executorLabel", ""), {})


def items(task: Node) -> int | None:
    """How many items a loop has, where the document says it."""
    raw = task.get("parameterIterator", {}).get("items", {}).get("raw")
    try:
        found = json.loads(raw) if isinstance(raw, str) else None
    except ValueError:
        return None
    return len(cast("list[object]", found)) if isinstance(found, list) else None


def _times(task: Node) -> int:
    count = items(task)
    return 1 if count is None else count
