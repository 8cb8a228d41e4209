"""Which components a document's tasks need: a walk from the root, without recursion, innermost components first.

A component is needed once for each retry policy that it inherits; leaves do not inherit anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hpc.engines.local.plan import Retry
from hpc.engines.local.plan.document import Document
from hpc.engines.local.plan.nodes import Node, WrongKindError, as_mapping, mapping, number, text

DEEPEST = 100
"""How deep components may stand in each other, so that whoever walks through a plan may recurse."""


class ComponentKey(NamedTuple):
    """A component by its name, with the retries that its tasks inherit. The root has no name."""

    name: str
    retry: Retry


@dataclass(frozen=True)
class TaskNode:
    """A task of the document: `retry` is what holds for it, `component` what it needs."""

    key: str
    path: str
    node: Node
    retry: Retry
    component: ComponentKey


@dataclass(frozen=True)
class ComponentNode:
    """A component of the document. `path` is that of the first task found to need it, empty for the root.

    `tasks` are those whose component is in the document.
    """

    key: ComponentKey
    path: str
    node: Node
    tasks: tuple[TaskNode, ...]


def components(document: Document, root: Node) -> list[ComponentNode]:
    """The root and all that it needs, each behind what it needs itself. Circles are found and cut."""
    return _Walk(document).from_root(root)


def is_dag(component: Node) -> bool:
    return "dag" in component


def own_retry(node: Node, inherited: Retry) -> Retry:
    """The retries of a task: its own or, as on the backend, those of the group that it stands in.

    The proto's defaults: no wait, factor 2, at most an hour.
    """
    if "retryPolicy" not in node:
        return inherited
    policy = mapping(node, "retryPolicy")
    return Retry(
        count=int(number(policy, "maxRetryCount")),
        first=number(policy, "backoffDuration"),
        factor=number(policy, "backoffFactor") or 2.0,
        longest=number(policy, "backoffMaxDuration") or 3600.0,
    )


class _Walk:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: set[ComponentKey] = set()
        self._heights: dict[ComponentKey, int] = {}
        self._done: list[ComponentNode] = []
        self._open: dict[str, tuple[ComponentNode, Iterator[TaskNode]]] = {}

    def from_root(self, root: Node) -> list[ComponentNode]:
        self._enter(ComponentKey("", Retry()), "", root)
        while self._open:
            component, tasks = next(reversed(self._open.values()))
            task = next(tasks, None)
            if task is None:
                self._leave(component)
            elif task.component.name in self._open:
                self._circle(task)
            elif task.component not in self._seen:
                node = as_mapping(self._document.components[task.component.name], task.component.name)
                self._enter(task.component, task.path, node)
        return self._done

    def _enter(self, key: ComponentKey, path: str, node: Node) -> None:
        tasks = self._document.attempt(f"component {key.name or 'root'}", lambda: self._tasks(key, path, node))
        component = ComponentNode(key, path, node, tuple(tasks or ()))
        self._seen.add(key)
        self._open[key.name] = component, iter(component.tasks)

    def _leave(self, component: ComponentNode) -> None:
        self._open.popitem()
        self._done.append(component)
        height = max((self._heights.get(task.component, 0) for task in component.tasks), default=-1) + 1
        self._heights[component.key] = height
        if height == DEEPEST + 1:
            self._document.refuse(
                f"component {component.key.name or 'root'} holds more than {DEEPEST} levels of groups"
            )

    def _circle(self, task: TaskNode) -> None:
        names = list(self._open)
        names = [*names[names.index(task.component.name) :], task.component.name]
        self._document.broken(f"task {task.path} closes a circle of components: {' > '.join(names)}")

    def _tasks(self, owner: ComponentKey, path: str, node: Node) -> list[TaskNode]:
        if not is_dag(node):
            return []
        nodes = mapping(mapping(node, "dag"), "tasks")
        found = (self._task(owner, key, f"{path}/{key}" if path else key, nodes[key]) for key in nodes)
        return [task for task in found if task is not None]

    def _task(self, owner: ComponentKey, key: str, path: str, value: object) -> TaskNode | None:
        def read() -> TaskNode | None:
            if not key or set(key) & set("/[]"):
                raise WrongKindError("the key of a task is text without / [ ]")
            node = as_mapping(value, "it")
            retry = own_retry(node, owner.retry)
            component = self._component(path, text(mapping(node, "componentRef"), "name"), retry)
            return TaskNode(key, path, node, retry, component) if component else None

        return self._document.attempt(f"task {path}", read)

    def _component(self, path: str, name: str, retry: Retry) -> ComponentKey | None:
        known = self._document.components
        if name not in known:
            return self._document.missing(f"task {path} uses the component {name!r}", name, known)
        node = as_mapping(known[name], f"the component {name}")
        return ComponentKey(name, retry if is_dag(node) else Retry())
