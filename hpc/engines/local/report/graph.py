"""The tasks of a compiled document as a tree, with the order among them: a PipelineSpec enters, nodes leave.

Reads what it needs and nothing more, and takes what it does not understand for absent: a report of a run must not fail
because of its document. Paths are those of the run without the numbers of iterations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from hpc.engines.local.plan.order import in_order

Json = Mapping[str, object]

_EMPTY: Json = {}
_DEEPEST = 16
_MOST = 20_000
_ITERATION = re.compile(r"\[\d+\]")
_MADE_BY_SDK = re.compile(r"(?:condition|condition-branches|for-loop|exit-handler)-\d+")


@dataclass(frozen=True)
class Node:
    """A task at `path`. `after`: the keys of its siblings that it waits for. A group of tasks has `children`."""

    key: str
    path: str
    after: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()
    is_group: bool = False
    is_loop: bool = False
    is_importer: bool = False
    condition: str = ""

    @property
    def title(self) -> str:
        """The key; of a name that the compiler has made, what it means: `for-each--train` is `for each train`."""
        kind, dashes, rest = self.key.partition("--")
        return f"{kind.replace('-', ' ')} {rest.replace('--', ' ')}" if dashes and self.is_group else self.key

    @property
    def is_wrapper(self) -> bool:
        """A group that only exists for a loop or a condition around one task: that task says it all."""
        made = "--" in self.key or _MADE_BY_SDK.fullmatch(self.key) is not None
        return self.is_group and made and len(self.children) == 1

    def leaves(self) -> Iterator[Node]:
        if not self.is_group:
            yield self
        for child in self.children:
            yield from child.leaves()


def template(path: str) -> str:
    """The path without the numbers of iterations: `a[3]/b` is `a/b`."""
    return _ITERATION.sub("", path)


def read_graph(plan: Json | None) -> tuple[Node, ...]:
    """The tasks of the root, each after those that it waits for; nothing where there is no document."""
    return _Reader(plan or _EMPTY).nodes(_map(plan or _EMPTY, "root"), "", 0)


class _Reader:
    def __init__(self, plan: Json) -> None:
        self._components = _map(plan, "components")
        self._executors = _map(_map(plan, "deploymentSpec"), "executors")
        self._left = _MOST

    def nodes(self, component: Json, prefix: str, depth: int) -> tuple[Node, ...]:
        tasks = _map(_map(component, "dag"), "tasks")
        keys = list(tasks)[: self._left]
        self._left -= len(keys)
        return _sorted([self._node(key, _map(tasks, key), prefix, depth) for key in keys])

    def _node(self, key: str, task: Json, prefix: str, depth: int) -> Node:
        component = _map(self._components, str(_map(task, "componentRef").get("name", "")))
        path, is_group = f"{prefix}{key}", "dag" in component
        children = self.nodes(component, f"{path}/", depth + 1) if is_group and depth < _DEEPEST else ()
        executor = _map(self._executors, str(component.get("executorLabel", "")))
        return Node(
            key=key,
            path=path,
            after=tuple(dict.fromkeys(_upstream(task))),
            children=children,
            is_group=is_group,
            is_loop="parameterIterator" in task or "artifactIterator" in task,
            is_importer="importer" in executor,
            condition=str(_map(task, "triggerPolicy").get("condition", "")),
        )


def _upstream(task: Json) -> Iterator[str]:
    """Written dependencies and those of the data (compiler/argocompiler/dag.go of the KFP backend)."""
    written = task.get("dependentTasks")
    if isinstance(written, list):
        yield from map(str, cast("list[object]", written))
    for kind in ("parameters", "artifacts"):
        bindings = _map(_map(task, "inputs"), kind)
        for name in bindings:
            for source in ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus"):
                producer = _map(_map(bindings, name), source).get("producerTask")
                if isinstance(producer, str):
                    yield producer


def _sorted(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Every node after those that it waits for, otherwise as given; those in a circle come last."""
    known = {node.key: node for node in nodes}
    order = in_order({node.key: [key for key in node.after if key in known] for node in nodes})
    return tuple(known[key] for key in dict.fromkeys([*order, *known]))


def _map(node: Json, key: str) -> Json:
    value = node.get(key)
    return cast(Json, value) if isinstance(value, Mapping) else _EMPTY
