"""A PipelineSpec as it was read, with the look-ups that checks of it need. A reference that leads nowhere raises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hpc.components.foreign.node import Node, NotAComponent, shown

Kind = Literal["parameters", "artifacts"]
KINDS: tuple[Kind, ...] = ("parameters", "artifacts")


@dataclass(frozen=True)
class Spec:
    """`components` and `executors` by the names under which the IR refers to them."""

    document: Node
    root: Node = field(init=False)
    components: dict[str, Node] = field(init=False)
    executors: dict[str, Node] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.document.at("root"))
        object.__setattr__(self, "components", self.document.entries_at("components"))
        object.__setattr__(self, "executors", self.document.entries_at("deploymentSpec", "executors"))

    def component_of(self, task: Node) -> Node:
        """The component that a task runs."""
        name = task.at("componentRef", "name")
        found = self.components.get(name.text())
        if found is None:
            raise dangling(name, "component", name.text())
        return found

    def executor_of(self, component: Node) -> Node | None:
        """What runs a component; None for a DAG."""
        label = component.get("executorLabel")
        if label is None:
            return None
        found = self.executors.get(label.text())
        if found is None:
            raise dangling(label, "executor", label.text())
        return found

    @staticmethod
    def ports(component: Node, side: str, kind: Kind) -> dict[str, Node]:
        """The declared inputs or outputs of a component."""
        return component.entries_at(f"{side.removesuffix('s')}Definitions", kind)


def dangling(node: Node, what: str, name: str) -> NotAComponent:
    """The complaint about a reference that leads nowhere."""
    return node.fault(f"names the {what} `{shown(name)}`, which the file does not hold")
