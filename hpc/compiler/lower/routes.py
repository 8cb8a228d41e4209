"""How a value comes from where it is made to where it is used, through DAGs that see nothing of each other.

A group has to declare as an input what something inside of it takes from outside, and as an output what something
outside takes from inside; each level hands it to the next. A `Graph` enters; for every group its ports, and for every
place the selector of a source, leave.
"""

from __future__ import annotations

from itertools import takewhile

from hpc.compiler.graph import (
    CompiledStep,
    ForeignStep,
    FromInput,
    FromItem,
    FromStep,
    Graph,
    GraphStep,
    Group,
    Node,
    OneOf,
    Source,
    Status,
    Step,
    channel,
    sources_of,
    task_name,
)

Tasks = tuple[str, ...]
"""The names of tasks from the outermost DAG of a graph down to one; empty for that DAG itself."""


class Routes:
    """Ports of groups: `needs` and `exports` by the path of the group's task; `inside` are needs of what is in it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.path_of: dict[str, Tasks] = {}  # of steps, and of the groups that switches and loops are
        self.step_at: dict[Tasks, Step] = {}
        self.needs: dict[Tasks, dict[str, Source]] = {}
        self.exports: dict[Tasks, dict[str, Source]] = {}
        self.inside: dict[Tasks, set[str]] = {}
        self._locate(graph.nodes, ())
        self._follow(graph.nodes, ())
        for source in graph.results.values():
            self._route(source, ())

    # ------------------------------------------------------------ where everything is

    def _locate(self, nodes: tuple[Node, ...], level: Tasks) -> None:
        for node in nodes:
            path = (*level, task_name(node))
            if isinstance(node, Step):
                self.path_of[node.name] = path
                self.step_at[path] = node
                continue
            self.needs[path], self.exports[path], self.inside[path] = {}, {}, set()
            self.path_of[node.loop.item if node.loop else f"group {node.name}"] = path
            self._locate(node.children, path)

    def _origin(self, source: Source) -> Tasks:
        """The task that makes a value; of an element of a list, the level inside of its loop."""
        if isinstance(source, FromInput):
            return ()
        if isinstance(source, FromItem):
            return (*self.path_of[source.axis], "")
        if isinstance(source, OneOf):
            return self.path_of[f"group {source.switch}"]
        return self.path_of[source.step]

    # ------------------------------------------------------------ what passes which group

    def _follow(self, nodes: tuple[Node, ...], level: Tasks) -> None:
        for node in nodes:
            for source in sources_of(node):
                self._route(source, level)
            if isinstance(node, Group):
                path = (*level, node.name)
                for source in sources_of(node):
                    self.needs[path].setdefault(channel(source), source)
                self._follow(node.children, path)

    def _route(self, source: Source, level: Tasks) -> None:
        """Opens the groups between a value's origin and a level where it is used."""
        if isinstance(source, Status):
            return
        origin = self._origin(source)
        shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(origin[:-1], level, strict=False))))
        for depth in range(shared + 1, len(level) + 1):
            self.needs[level[:depth]].setdefault(channel(source), source)
            self.inside[level[:depth]].add(channel(source))
        inner = len(origin) if isinstance(source, OneOf) else len(origin) - 1
        for depth in range(shared + 1, inner + 1) if not isinstance(source, FromInput | FromItem) else ():
            self.exports[origin[:depth]].setdefault(channel(source), source)
        for branch in source.sources if isinstance(source, OneOf) else ():
            self._route(branch, origin)

    # ------------------------------------------------------------ selectors

    def producer(self, source: Source, level: Tasks) -> tuple[str, str] | None:
        """The task at a level that has the value, and its output; None if the level gets it as an input."""
        if isinstance(source, FromInput | FromItem):
            return None
        origin = self._origin(source)
        if origin[: len(level)] != level or len(origin) == len(level):
            return None
        task = origin[len(level)]
        step = self.step_at.get(origin) if len(origin) == len(level) + 1 else None
        if step is not None and isinstance(source, FromStep):
            return task, _output_name(step, source.port)
        return task, channel(source)


def _output_name(step: Step, port: str) -> str:
    """The name in the IR of an output of what a step runs."""
    if isinstance(step, GraphStep):
        return step.graph.outputs[port].as_ or port
    return step.component.ir_names[port] if isinstance(step, ForeignStep | CompiledStep) else port
