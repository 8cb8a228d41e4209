"""Which task of the pipeline each of the service's task details is about: details and a plan enter, paths leave.

The service tells the nodes of its workflow engine: of a task `train` there are `train-driver`, `train` and `executor`,
of a loop its iterations (backend/src/v2/compiler/argocompiler of KFP). Where it says which node stands in which, by
parent_task_id or child_tasks, a path is certain. KFP up to 2.17 says the names alone: then tasks of one name are told
apart by the order in which they appear, and `is_guessed` is set.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpc.engines.kfp.plan import Node, Plan

Detail = Mapping[str, Any]

_EXECUTOR = re.compile(r"executor(\(\d+\))?")
_ITERATION = re.compile(r"\((\d+)(?::.*)?\)$")
_DRIVER = "-driver"


@dataclass(frozen=True)
class Seen:
    """What is told of one task. `driver` prepares the task, `executors` are its attempts, where they are told."""

    path: str
    node: Node
    detail: Detail
    driver: Detail | None = None
    executors: tuple[Detail, ...] = ()


class Reading:
    """Reads the details of one run again and again, giving a task the same path each time."""

    def __init__(self, plan: Plan) -> None:
        self.is_guessed = False
        self._plan = plan
        self._order: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def read(self, details: Sequence[Detail]) -> list[Seen]:
        """All that is about tasks and groups of the plan, in the order of their starts."""
        family = _Family(details)
        found: dict[str, Seen] = {}
        for detail in sorted(details, key=_start):
            for seen in self._seen(detail, family):
                found.setdefault(seen.path, seen)
        return [self._with_driver(seen, family) for seen in found.values()]

    def _seen(self, detail: Detail, family: _Family) -> Iterator[Seen]:
        key = name_of(detail)
        nodes = self._plan.by_key.get(key) or self._plan.by_key.get(key.removesuffix(_DRIVER), ())
        is_driver = key not in self._plan.by_key and bool(nodes)
        if not nodes or (is_driver and (not _has_failed(detail) or any(node.loops for node in nodes))):
            return
        around = family.around(detail)
        node = _fitting(nodes, [name_of(one) for one in around])
        if node is None:
            node = nodes[min(self._number(f"{key}\n", detail), len(nodes) - 1)]
            self.is_guessed = True
        path = self._path(node, detail, around)
        if not is_driver:
            yield Seen(path, node, detail, executors=tuple(family.executors(detail)))
        elif not any(_has_started(one) for one in family.named(node.key)):
            yield Seen(path, node, detail, driver=detail)

    def _path(self, node: Node, detail: Detail, around: Sequence[Detail]) -> str:
        """The path with the numbers of its iterations; a loop's own path has none for itself."""
        loops = node.loops - node.is_loop * (not node.is_leaf)
        if not loops:
            return node.path.removesuffix("[]")
        numbers = [number for one in (*reversed(around), detail) if (number := _iteration(one)) is not None]
        if len(numbers) < loops:
            self.is_guessed = True
            numbers = [*[0] * (loops - 1), self._number(node.path, detail)]
        pieces = node.path.removesuffix("[]").split("[]") if loops < node.loops else node.path.split("[]")
        return "".join(f"{piece}[{number}]" for piece, number in zip(pieces, numbers, strict=False)) + pieces[-1]

    def _number(self, of: str, detail: Detail) -> int:
        """Which of the tasks of that name it is, in the order of their appearance."""
        known = self._order[of]
        return known.setdefault(str(detail.get("task_id")), len(known))

    def _with_driver(self, seen: Seen, family: _Family) -> Seen:
        if seen.driver or seen.node.loops:
            return seen
        drivers = [one for one in family.named(f"{seen.node.key}{_DRIVER}") if _has_failed(one)]
        is_alone = len(self._plan.by_key[seen.node.key]) == 1
        return replace(seen, driver=drivers[0]) if drivers and is_alone else seen


class _Family:
    """Who stands in whom."""

    def __init__(self, details: Sequence[Detail]) -> None:
        self._count = len(details)
        self._by_id = {str(one[key]): one for one in details for key in ("task_id", "pod_name") if one.get(key)}
        self._parents: dict[str, str] = {}
        self._children: defaultdict[str, list[Detail]] = defaultdict(list)
        self._by_name: defaultdict[str, list[Detail]] = defaultdict(list)
        for one in details:
            self._by_name[name_of(one)].append(one)
            self._link(one)

    def _link(self, one: Detail) -> None:
        own = str(one.get("task_id"))
        if one.get("parent_task_id"):
            self._join(str(one["parent_task_id"]), one)
        for child in one.get("child_tasks") or ():
            known = self._by_id.get(str(child.get("task_id") or child.get("pod_name") or ""))
            if known is not None and not known.get("parent_task_id"):
                self._join(own, known)

    def _join(self, parent: str, child: Detail) -> None:
        self._parents.setdefault(str(child.get("task_id")), parent)
        self._children[parent].append(child)

    def named(self, name: str) -> Sequence[Detail]:
        return self._by_name.get(name, ())

    def around(self, detail: Detail) -> list[Detail]:
        """The details that it stands in, the nearest first."""
        found: list[Detail] = []
        own = str(detail.get("task_id"))
        while (own := self._parents.get(own, "")) in self._by_id and len(found) < self._count:
            found.append(self._by_id[own])
        return found

    def executors(self, detail: Detail) -> Iterator[Detail]:
        """The attempts of a task."""
        for one in self._children.get(str(detail.get("task_id")), ()):
            if _EXECUTOR.fullmatch(name_of(one)):
                yield one
                yield from self.executors(one)


def name_of(detail: Detail) -> str:
    """The key of the task in its pipeline, as far as it is one."""
    return str(detail.get("name") or detail.get("display_name") or "")


def _fitting(nodes: Sequence[Node], around: Sequence[str]) -> Node | None:
    """The only node of that key, or the one whose groups are told to be around the detail."""
    if len(nodes) == 1:
        return nodes[0]
    groups = [key for key in reversed(around) if any(key in node.keys for node in nodes)]
    fitting = [node for node in nodes if around and list(node.keys[:-1]) == groups]
    return fitting[0] if len(fitting) == 1 else None


def _iteration(detail: Detail) -> int | None:
    attributes: Mapping[str, Any] = detail.get("type_attributes") or {}
    if attributes.get("iteration_index") is not None:
        return int(attributes["iteration_index"])
    found = _ITERATION.search(str(detail.get("display_name") or ""))
    return int(found[1]) if found and not _EXECUTOR.fullmatch(found.string) else None


def _start(detail: Detail) -> tuple[str, str]:
    return str(detail.get("start_time") or detail.get("create_time") or "9"), str(detail.get("task_id"))


def _has_failed(detail: Detail) -> bool:
    return detail.get("state") == "FAILED"


def _has_started(detail: Detail) -> bool:
    return detail.get("state") not in {None, "RUNTIME_STATE_UNSPECIFIED", "PENDING", "SKIPPED"}
