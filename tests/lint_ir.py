"""Structure of a compiled pipeline that no reader checks before a task starts: IR enters, complaints leave.

Every reference resolves, both ends of a wire have one type, nothing waits for itself, placeholders name declared ports,
required inputs are bound, and every component and executor is there and used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from google.protobuf import json_format
from meaning import Parsed

_PLACEHOLDER = re.compile(r"\{\{\$\.(inputs|outputs)\.(parameters|artifacts)\['([^']*)'\]([^}]*)\}\}")
_ANY_PLACEHOLDER = re.compile(r"\{\{\$.*?\}\}")
_RUN = re.compile(r"\{\{\$(\.pipeline_[a-z_]+|\.outputs\.output_file|\.workspace_path)?\}\}")
_TAILS = {
    ("inputs", "parameters"): r"",
    ("outputs", "parameters"): r"\.output_file",
    ("inputs", "artifacts"): r"\.(path|uri|name|metadata\['[^']+'\])|",
    ("outputs", "artifacts"): r"\.(path|uri|name|metadata\['[^']+'\])",
}


def lint(parsed: Parsed) -> list[str]:
    """Everything that is wrong with the structure of a compiled pipeline."""
    spec = json_format.MessageToDict(parsed.spec)
    executors = json_format.MessageToDict(parsed.deployment).get("executors", {})
    return list(_Lint(spec, executors).complaints())


class _Lint:
    def __init__(self, spec: Mapping[str, Any], executors: Mapping[str, Any]) -> None:
        self.root = spec.get("root", {})
        self.components: Mapping[str, Any] = spec.get("components", {})
        self.executors = executors

    def complaints(self) -> Iterator[str]:
        yield from self._dag("root", self.root)
        for name, component in self.components.items():
            yield from self._implementation(name, component)
        yield from self._unused()

    def _implementation(self, name: str, component: Mapping[str, Any]) -> Iterator[str]:
        if "dag" in component:
            yield from self._dag(name, component)
        elif component.get("executorLabel") not in self.executors:
            yield f"{name}: no executor {component.get('executorLabel')}"
        else:
            yield from _container(name, component, self.executors[component["executorLabel"]])

    def _unused(self) -> Iterator[str]:
        dags = [one.get("dag", {}) for one in (self.root, *self.components.values())]
        named = {task.get("componentRef", {}).get("name") for dag in dags for task in dag.get("tasks", {}).values()}
        yield from (f"{name}: no task runs it" for name in self.components.keys() - named)
        labels = {component.get("executorLabel") for component in self.components.values()}
        yield from (f"{label}: no component runs it" for label in self.executors.keys() - labels)

    # ------------------------------------------------------------ tasks

    def _dag(self, name: str, component: Mapping[str, Any]) -> Iterator[str]:
        tasks = component.get("dag", {}).get("tasks", {})
        if not tasks:
            yield f"{name}: no tasks"
        for task_name, task in tasks.items():
            where = f"{name}/{task_name}"
            own = self.components.get(task.get("componentRef", {}).get("name"))
            if own is None:
                yield f"{where}: no component {task.get('componentRef')}"
            else:
                yield from self._task(where, task, own, component)
            yield from (f"{where}: no task {other}" for other in task.get("dependentTasks", []) if other not in tasks)
        yield from _cycle(name, tasks)
        yield from self._results(name, component)

    def _task(
        self, where: str, task: Mapping[str, Any], own: Mapping[str, Any], parent: Mapping[str, Any]
    ) -> Iterator[str]:
        for kind in ("parameters", "artifacts"):
            declared = _ports(own, "inputDefinitions", kind)
            bound = task.get("inputs", {}).get(kind, {})
            for port, definition in declared.items():
                if port not in bound and not definition.get("isOptional"):
                    yield f"{where}: required input {port} has no value"
            for port, binding in bound.items():
                if port not in declared:
                    yield f"{where}: its component has no input {port}"
                else:
                    yield from self._binding(f"{where}.{port}", binding, declared[port], (task, parent))

    def _binding(
        self, where: str, binding: Mapping[str, Any], port: Mapping[str, Any], scope: tuple[Any, Any]
    ) -> Iterator[str]:
        task, parent = scope
        if "runtimeValue" in binding:
            yield from _constant(where, binding["runtimeValue"].get("constant"), port)
            return
        kind = "parameters" if "parameterType" in port else "artifacts"
        outer = binding.get("componentInputParameter") or binding.get("componentInputArtifact")
        if outer:
            source = _ports(parent, "inputDefinitions", kind).get(outer)
        else:
            wire = binding.get("taskOutputParameter") or binding.get("taskOutputArtifact") or {}
            producer = wire.get("producerTask")
            if producer not in task.get("dependentTasks", []):
                yield f"{where}: takes from {producer} without waiting for it"
            key = wire.get("outputParameterKey") or wire.get("outputArtifactKey")
            source = self._output(parent, producer, kind, key)
        yield from _same_type(where, source, port)

    def _output(self, parent: Mapping[str, Any], producer: str | None, kind: str, key: str | None) -> Any:
        task = parent["dag"].get("tasks", {}).get(producer, {})
        component = self.components.get(task.get("componentRef", {}).get("name"), {})
        return _ports(component, "outputDefinitions", kind).get(key)

    def _results(self, name: str, component: Mapping[str, Any]) -> Iterator[str]:
        outputs = component.get("dag", {}).get("outputs", {})
        for kind in ("parameters", "artifacts"):
            declared = _ports(component, "outputDefinitions", kind)
            filled = outputs.get(kind, {})
            for port in declared.keys() ^ filled.keys():
                yield f"{name}: output {port} is not both declared and filled"
            for port in declared.keys() & filled.keys():
                for wire in _selectors(filled[port]):
                    key = wire.get("outputParameterKey") or wire.get("outputArtifactKey")
                    source = self._output(component, wire.get("producerSubtask"), kind, key)
                    yield from _same_type(f"{name}: output {port}", source, declared[port])


def _ports(component: Mapping[str, Any], definitions: str, kind: str) -> Mapping[str, Any]:
    return component.get(definitions, {}).get(kind, {})


def _selectors(output: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    one_of = output.get("valueFromOneof", {}).get("parameterSelectors", [])
    return output.get("artifactSelectors") or one_of or [output["valueFromParameter"]]


def _cycle(name: str, tasks: Mapping[str, Any]) -> Iterator[str]:
    try:
        TopologicalSorter({key: task.get("dependentTasks", []) for key, task in tasks.items()}).prepare()
    except CycleError as error:
        yield f"{name}: cycle {error.args[1]}"


_HOLDS = {
    "STRING": str,
    "NUMBER_INTEGER": float,
    "NUMBER_DOUBLE": float,
    "BOOLEAN": bool,
    "LIST": list,
    "STRUCT": dict,
}


def _constant(where: str, value: Any, port: Mapping[str, Any]) -> Iterator[str]:
    wanted = port.get("parameterType")
    if type(value) is not _HOLDS.get(str(wanted)) or (wanted == "NUMBER_INTEGER" and value != int(value)):
        yield f"{where}: {value!r} is no {wanted}"


def _same_type(where: str, source: Mapping[str, Any] | None, port: Mapping[str, Any]) -> Iterator[str]:
    if source is None:
        yield f"{where}: its source does not exist"
    elif not _fits(source, port):
        yield f"{where}: types differ"


def _fits(source: Mapping[str, Any], port: Mapping[str, Any]) -> bool:
    if "parameterType" in port:
        pair = (source.get("parameterType"), port["parameterType"])
        return pair[0] == pair[1] or pair == ("NUMBER_INTEGER", "NUMBER_DOUBLE")
    titles = {source["artifactType"]["schemaTitle"], port["artifactType"]["schemaTitle"]}
    alike = len(titles) == 1 or "system.Artifact" in titles
    return alike and source.get("isArtifactList", False) == port.get("isArtifactList", False)


# ---------------------------------------------------------------- containers


def _container(name: str, component: Mapping[str, Any], executor: Mapping[str, Any]) -> Iterator[str]:
    container = executor.get("container")
    if container is None:
        return
    if not container.get("image"):
        yield f"{name}: no image"
    for text in (*container.get("command", []), *container.get("args", [])):
        for placeholder in _ANY_PLACEHOLDER.finditer(text):
            yield from _placeholder(name, component, placeholder[0])


def _placeholder(name: str, component: Mapping[str, Any], text: str) -> Iterator[str]:
    match = _PLACEHOLDER.fullmatch(text)
    if match is None:
        if not _RUN.fullmatch(text):
            yield f"{name}: {text} is no placeholder"
        return
    side, kind, port, tail = match.groups()
    definitions = "inputDefinitions" if side == "inputs" else "outputDefinitions"
    if port not in _ports(component, definitions, kind):
        yield f"{name}: {text} names no declared port"
    if not re.fullmatch(_TAILS[side, kind], tail):
        yield f"{name}: {text} asks for something that is not there"
