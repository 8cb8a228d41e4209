"""The second document of compiled IR, a PlatformSpec: settings of executors that the first has no place for."""

from __future__ import annotations

from collections.abc import Iterator

from hpc.components.foreign.node import Node
from hpc.components.foreign.soundness import Scope
from hpc.components.foreign.spec import Spec, dangling


def check_platform(platform: Node, spec: Spec) -> bool:
    """Whether it says anything. Every executor, input and task that it refers to must be there, else NotAComponent."""
    settings = platform.entries_at("platforms")
    for setting in settings.values():
        executors = setting.entries_at("deploymentSpec", "executors")
        for label, node in executors.items():
            node.entries()
            if label not in spec.executors:
                raise dangling(node, "executor", label)
        for component in (spec.root, *spec.components.values()):
            _check_references(Scope(spec, component, component.entries_at("dag", "tasks")), executors)
    return any(setting.value for setting in settings.values())


def _check_references(scope: Scope, executors: dict[str, Node]) -> None:
    """Settings refer to values in the DAG in which their task stands."""
    for task in scope.tasks.values():
        config = executors.get(scope.spec.component_of(task).text_at("executorLabel"))
        for node in _mappings_in(config) if config else ():
            outer, producer = node.get("componentInputParameter"), node.get("taskOutputParameter")
            if outer:
                scope.check_input("parameters", outer)
            if producer:
                scope.check_output("parameters", producer.at("producerTask"), producer.at("outputParameterKey"))


def _mappings_in(node: Node) -> Iterator[Node]:
    if isinstance(node.value, dict):
        yield node
        for entry in node.entries().values():
            yield from _mappings_in(entry)
    elif isinstance(node.value, list):
        for item in node.items():
            yield from _mappings_in(item)
