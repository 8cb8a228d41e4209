"""Whether compiled IR is whole: nothing else checks that before the pipeline runs, neither the KFP SDK nor a platform.

A PipelineSpec enters. Nothing leaves; NotAComponent is raised at the first reference that leads nowhere, so what is put
into another pipeline cannot bring a dangling one with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from hpc.components.foreign.elements import PLACEHOLDER
from hpc.components.foreign.node import MEND, Node, NotAComponent, shown
from hpc.components.foreign.spec import KINDS, Kind, Spec, dangling
from hpc.components.types import scalars_in

_EXECUTORS = ("container", "importer", "resolver", "customJob")
_MENTIONED = re.compile(r"inputs\.parameter_values\[(?P<quote>['\"])(.*?)(?P=quote)\]")


@dataclass(frozen=True)
class Scope:
    """The inside of one DAG: what its tasks can refer to."""

    spec: Spec
    component: Node
    tasks: Mapping[str, Node]

    def check_input(self, kind: Kind, name: Node) -> None:
        """`name` must be an input of the DAG."""
        if name.text() not in self.spec.ports(self.component, "inputs", kind):
            raise name.fault(f"names the input `{shown(name.text())}`, which its pipeline does not declare")

    def check_task(self, name: Node) -> str:
        if name.text() not in self.tasks:
            raise dangling(name, "task", name.text())
        return name.text()

    def check_output(self, kind: Kind, producer: Node, key: Node) -> str:
        """`key` must be an output of the task `producer`; its name is returned."""
        task = self.check_task(producer)
        if key.text() not in self.spec.ports(self.spec.component_of(self.tasks[task]), "outputs", kind):
            raise key.fault(f"names the output `{shown(key.text())}`, which the task `{shown(task)}` does not have")
        return task


def check_components(spec: Spec) -> None:
    """Every component, executor, task, input and output that the file refers to must be there."""
    for executor in spec.executors.values():
        _check_executor(executor)
    if spec.root.get("dag") is None:
        raise spec.root.fault("has no `dag`, so it is no pipeline")
    for component in (spec.root, *spec.components.values()):
        _check_component(component, spec)
    _check_order(_inner_components(spec), "components hold each other")


def _inner_components(spec: Spec) -> dict[str, list[str]]:
    return {
        name: [task.at("componentRef", "name").text() for task in component.entries_at("dag", "tasks").values()]
        for name, component in spec.components.items()
    }


def _check_order(needs: Mapping[str, Iterable[str]], what: str) -> None:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = " -> ".join(shown(name) for name in error.args[1][:5])
        raise NotAComponent(f"its {what} in a circle ({circle}).", MEND) from None


def _check_executor(executor: Node) -> None:
    if not any(executor.get(kind) for kind in _EXECUTORS):
        raise executor.fault(f"is none of {', '.join(_EXECUTORS)}")
    container = executor.get("container")
    if container is None:
        return
    if not container.at("image").text().strip():
        raise container.at("image").fault("is empty")
    for key in ("command", "args"):
        for item in container.items_at(key):
            item.text()
    for variable in container.items_at("env"):
        variable.at("name").text()
        variable.text_at("value")
    container.entries_at("resources")


def _check_component(component: Node, spec: Spec) -> None:
    for side in ("inputs", "outputs"):
        for kind in KINDS:
            for port in spec.ports(component, side, kind).values():
                port.entries()
    executor, dag = spec.executor_of(component), component.get("dag")
    if (executor is None) == (dag is None):
        raise component.fault("must have either an `executorLabel` or a `dag`")
    if executor is not None:
        uri = executor.get("importer", "artifactUri", "runtimeParameter")
        if uri and uri.text() not in spec.ports(component, "inputs", "parameters"):
            raise uri.fault(f"names the input `{shown(uri.text())}`, which an importer that uses it does not declare")
    if dag is not None:
        _check_dag(Scope(spec, component, dag.entries_at("tasks")), dag)


def _check_dag(scope: Scope, dag: Node) -> None:
    if not scope.tasks:
        raise dag.fault("has no tasks")
    needs = {name: sorted(_check_task(task, scope)) for name, task in scope.tasks.items()}
    _check_order(needs, "tasks wait for each other")
    for kind in KINDS:
        declared = scope.spec.ports(scope.component, "outputs", kind)
        selected = dag.entries_at("outputs", kind)
        for name, selection in selected.items():
            if name not in declared:
                raise selection.fault("is not an output that the component declares")
            _check_selection(kind, selection, scope)
        for name in declared.keys() - selected.keys():
            raise declared[name].fault("is an output that no task fills")


def _check_selection(kind: Kind, selection: Node, scope: Scope) -> None:
    """The tasks that fill an output of a DAG: one, or one of several branches."""
    if kind == "artifacts":
        selectors, key = selection.at("artifactSelectors").items(), "outputArtifactKey"
    elif selection.get("valueFromOneof"):
        selectors, key = selection.at("valueFromOneof", "parameterSelectors").items(), "outputParameterKey"
    else:
        selectors, key = [selection.at("valueFromParameter")], "outputParameterKey"
    if not selectors:
        raise selection.fault("names no task")
    for selector in selectors:
        scope.check_output(kind, selector.at("producerSubtask"), selector.at(key))


def _check_task(task: Node, scope: Scope) -> set[str]:
    """The tasks that must come before it."""
    component = scope.spec.component_of(task)
    before = {scope.check_task(name) for name in task.items_at("dependentTasks")}
    for kind in KINDS:
        for binding in task.entries_at("inputs", kind).values():
            producer = _check_binding(kind, binding, scope)
            before |= {producer} if producer else set()
    bound: dict[Kind, set[str]] = {kind: set(task.entries_at("inputs", kind)) for kind in KINDS}
    _check_constants(task, bound)
    _check_condition(task, bound)
    _check_iterator(task, component, bound, scope.spec)
    _check_placeholders(component, bound, scope.spec)
    return before


def _check_binding(kind: Kind, binding: Node, scope: Scope) -> str | None:
    """The task that an input comes from, if it comes from one."""
    one = "Parameter" if kind == "parameters" else "Artifact"
    sources = [f"taskOutput{one}", f"componentInput{one}"]
    sources += ["runtimeValue", "taskFinalStatus"] if kind == "parameters" else []
    given = [key for key in sources if binding.get(key)]
    if len(given) != 1:
        raise binding.fault(f"has {'no source' if not given else 'several sources'}")
    source = binding.at(given[0])
    if given[0].startswith("componentInput"):
        scope.check_input(kind, source)
    elif given[0] == "taskFinalStatus":
        return scope.check_task(source.at("producerTask"))
    elif given[0] == "runtimeValue":
        if "constant" not in source.entries():
            raise source.fault("holds no `constant`")
    else:
        return scope.check_output(kind, source.at("producerTask"), source.at(f"output{one}Key"))
    return None


def _check_constants(task: Node, bound: Mapping[Kind, set[str]]) -> None:
    """Constants may mention inputs of the same task."""
    for binding in task.entries_at("inputs", "parameters").values():
        constant = binding.get("runtimeValue", "constant")
        for side, kind, name in _mentions(constant.value) if constant else ():
            if side == "inputs" and name not in bound[kind]:
                raise binding.fault(f"mentions the input `{shown(name)}`, which its task does not have")


def _check_condition(task: Node, bound: Mapping[Kind, set[str]]) -> None:
    condition = task.get("triggerPolicy", "condition")
    for match in _MENTIONED.finditer(condition.text()) if condition else ():
        if match[2] not in bound["parameters"]:
            raise task.at("triggerPolicy", "condition").fault(
                f"mentions the input `{shown(match[2])}`, which its task does not have"
            )


def _check_iterator(task: Node, component: Node, bound: Mapping[Kind, set[str]], spec: Spec) -> None:
    kinds: tuple[tuple[Kind, str, str], ...] = (
        ("parameters", "parameterIterator", "inputParameter"),
        ("artifacts", "artifactIterator", "inputArtifact"),
    )
    for kind, key, source in kinds:
        iterator = task.get(key)
        if iterator is None:
            continue
        item = iterator.at("itemInput")
        if item.text() not in spec.ports(component, "inputs", kind):
            raise item.fault(f"names the input `{shown(item.text())}`, which the component does not declare")
        items = iterator.at("items")
        name = items.get(source)
        if name is None:
            items.at("raw").text()
        elif name.text() not in bound[kind]:
            raise name.fault(f"names the input `{shown(name.text())}`, which its task does not have")


def _check_placeholders(component: Node, bound: Mapping[Kind, set[str]], spec: Spec) -> None:
    """A container may mention what its component declares, and what the task hands over beside that."""
    executor = spec.executor_of(component)
    for node in executor.entries_at("container").values() if executor else ():
        for side, kind, name in _mentions(node.value):
            handed = side == "inputs" and name in bound[kind]
            if not handed and name not in spec.ports(component, side, kind):
                port = f"{side.removesuffix('s')} `{shown(name)}`"
                raise node.fault(f"names the {port}, which the component does not declare")


def _mentions(value: Any) -> Iterator[tuple[str, Kind, str]]:
    """The ports that placeholders in a value name: the side, the kind and the name."""
    for text in scalars_in(value):
        for match in PLACEHOLDER.finditer(text) if isinstance(text, str) else ():
            yield match[1], "parameters" if match[2] == "parameters" else "artifacts", match[4]
