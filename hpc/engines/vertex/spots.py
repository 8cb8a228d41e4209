"""Which task of the pipeline is which of the run's: tasks as they were seen enter, paths of the IR leave.

The service tells the name of a task, and the task that it is in. How it tells the iterations of a loop is not written
down anywhere: as tasks between the loop and its tasks, or as the same tasks several times. Both are read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hpc.engines.outcome import Kind
from hpc.engines.rows import Node, is_loop
from hpc.engines.vertex.reading import TaskSeen
from hpc.engines.vertex.shape import Shape, is_importer

_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True)
class Spot:
    """Where a task that was seen stands. `task` and `component` are its nodes of the IR, empty if it is in none.

    `around` is the path of the group that it is in, empty at the root.
    """

    path: str
    around: str
    kind: Kind
    seen: TaskSeen
    task: Node
    component: Node

    @property
    def is_leaf(self) -> bool:
        return self.kind in {"task", "importer"}


@dataclass(frozen=True)
class Spots:
    """The tasks of a run, groups before what is in them. `root` stands for the run itself, where it is told."""

    all: tuple[Spot, ...]
    root: TaskSeen | None


def spots(spec: Node, seen: Iterable[TaskSeen], run: str) -> Spots:
    """Every task that was seen, with its path."""
    inside: dict[int, list[TaskSeen]] = {}
    tasks = list(seen)
    known = {task.id for task in tasks}
    for task in tasks:
        inside.setdefault(task.parent if task.parent in known and task.parent != task.id else 0, []).append(task)
    shape = Shape(spec)
    root = _root(shape, inside.get(0, []), run)
    top = [task for task in inside.get(0, []) if task is not root] + (inside.get(root.id, []) if root else [])
    return Spots(tuple(_Finder(spec, shape, inside).group(top, "", shape.root)), root)


def _root(shape: Shape, top: list[TaskSeen], run: str) -> TaskSeen | None:
    """The task that stands for the whole run: it is called like the run, or like no task of the pipeline."""
    keys = shape.tasks(shape.root)
    named = [task for task in top if task.name == run]
    return next(iter(named or [task for task in top if keys and task.name not in keys]), None)


class _Finder:
    def __init__(self, spec: Node, shape: Shape, inside: dict[int, list[TaskSeen]]) -> None:
        self._spec = spec
        self._shape = shape
        self._inside = inside

    def group(self, seen: Iterable[TaskSeen], around: str, component: Node) -> Iterator[Spot]:
        keys = self._shape.tasks(component)
        start = f"{around}/" if around else ""
        for one in seen:
            yield from self._found(one, f"{start}{one.name}", around, keys.get(one.name, {}))

    def _found(self, one: TaskSeen, path: str, around: str, task: Node) -> Iterator[Spot]:
        component = self._shape.component(task)
        if is_loop(task):
            yield Spot(path, around, "loop", one, task, component)
            yield from self._iterations(one, path, component)
        else:
            yield from self._single(one, path, around, task, component)

    def _single(self, one: TaskSeen, path: str, around: str, task: Node, component: Node) -> Iterator[Spot]:
        within = self._inside.get(one.id, [])
        is_group = "dag" in component or (not component and bool(within))
        kind: Kind = "group" if is_group else "importer" if is_importer(component, self._spec) else "task"
        yield Spot(path, around, kind, one, task, component)
        if is_group:
            yield from self.group(within, path, component)

    def _iterations(self, loop: TaskSeen, path: str, component: Node) -> Iterator[Spot]:
        keys = self._shape.tasks(component)
        turns: Counter[str] = Counter()
        for position, one in enumerate(self._inside.get(loop.id, [])):
            if one.name in keys:
                around = f"{path}[{turns[one.name]}]"
                turns[one.name] += 1
                yield from self._found(one, f"{around}/{one.name}", around, keys[one.name])
            else:
                turn = f"{path}[{_number(one.name, loop.name, position)}]"
                yield from self._single(one, turn, path, {}, component)


def _number(name: str, loop: str, position: int) -> int:
    found = _NUMBER.search(name) if name != loop else None
    return int(found.group(1)) if found else position
