"""The rows of a run before anything is known of it: a PipelineSpec enters, paths of its tasks leave, in running order.

A path is made of the keys of the IR joined by `/`, with `[]` behind a loop: `for-each--train[]/train`. Groups have no
row; what is in them has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

Node = Mapping[str, Any]


def rows(spec: Node) -> tuple[str, ...]:
    """The rows of all containers and importers. Raises KeyError, TypeError or CycleError where the spec is none."""
    return tuple(_rows(spec, spec["root"], ""))


def _rows(spec: Node, component: Node, around: str) -> Iterator[str]:
    tasks: Mapping[str, Node] = component["dag"]["tasks"]
    for key in _in_order(tasks):
        inner: Node = spec["components"][tasks[key]["componentRef"]["name"]]
        path = f"{around}{key}{'[]' if is_loop(tasks[key]) else ''}"
        if "dag" in inner:
            yield from _rows(spec, inner, f"{path}/")
        else:
            yield path


def is_loop(task: Node) -> bool:
    return "parameterIterator" in task or "artifactIterator" in task


def _in_order(tasks: Mapping[str, Node]) -> list[str]:
    """The keys, what a task waits for before it; of those that could be exchanged, as they stand."""
    sorter = TopologicalSorter({key: [name for name in before(task) if name in tasks] for key, task in tasks.items()})
    return list(sorter.static_order())


def before(task: Node) -> Iterator[str]:
    """The keys of the tasks that a task waits for, one perhaps several times."""
    yield from task.get("dependentTasks", ())
    inputs = task.get("inputs", {})
    for source in (*inputs.get("parameters", {}).values(), *inputs.get("artifacts", {}).values()):
        for kind in ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus"):
            if kind in source:
                yield source[kind]["producerTask"]


def place_in_file(row: str, places: Mapping[str, str]) -> str:
    """Where a row stands in the file: its own place, else that of the nearest group around it that has one."""
    while row not in places and "/" in row:
        row = row.rpartition("/")[0].removesuffix("[]")
    return places.get(row, "")
