"""What a pipeline is made of, for whom the service's words about its tasks are read: a PipelineSpec enters.

Paths are those of `hpc.engines.rows`; a loop's own path has its `[]` at the end, a group's has none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError
from typing import Any

from hpc.engines.rows import is_loop, rows

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Node:
    """A task or a group of tasks. `keys` are those of the groups around it and its own, outermost first."""

    path: str
    keys: tuple[str, ...]
    is_leaf: bool = True
    is_conditional: bool = False
    may_be_cached: bool = False

    @property
    def key(self) -> str:
        return self.keys[-1]

    @property
    def is_loop(self) -> bool:
        return self.path.endswith("[]")

    @property
    def loops(self) -> int:
        """How many loops it stands in, itself counted if it is one."""
        return self.path.count("[]")


@dataclass(frozen=True)
class Plan:
    """All nodes, and the rows in running order."""

    name: str
    rows: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()

    @staticmethod
    def of(spec: Document, name: str) -> Plan:
        """The plan of a compiled pipeline; one without rows where the document is none."""
        try:
            return Plan(name, rows(spec), tuple(_nodes(spec, spec["root"], "", ())))
        except (KeyError, TypeError, AttributeError, CycleError):
            return Plan(name)

    @cached_property
    def by_key(self) -> Mapping[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.key, []).append(node)
        return found

    def inside(self, path: str) -> int:
        """How many rows stand in a group or a loop, or are that task."""
        return self._sizes[path]

    @cached_property
    def _sizes(self) -> Counter[str]:
        around = ({row, *(row[: found.start()] for found in re.finditer(r"/|\[\]", row))} for row in self.rows)
        return Counter(path for paths in around for path in paths)


def _nodes(spec: Document, component: Document, around: str, keys: tuple[str, ...]) -> Iterator[Node]:
    tasks: Mapping[str, Document] = component["dag"]["tasks"]
    for key, task in tasks.items():
        inner: Document = spec["components"][task["componentRef"]["name"]]
        path = f"{around}{key}{'[]' if is_loop(task) else ''}"
        condition = task.get("triggerPolicy", {}).get("condition")
        cached = bool(task.get("cachingOptions", {}).get("enableCache"))
        yield Node(path, (*keys, key), "dag" not in inner, bool(condition), cached)
        if "dag" in inner:
            yield from _nodes(spec, inner, f"{path}/", (*keys, key))
