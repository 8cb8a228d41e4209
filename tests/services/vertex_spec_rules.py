"""What a PipelineSpec must fulfil: canonical JSON with its deployment parsed enters, ApiError is raised.

References resolve, nothing waits for itself, inputs are known and bound, limits hold; the executors and the payloads of
Google's launcher have rules of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from vertex_errors import invalid
from vertex_executor_rules import executor_complaints
from vertex_payload_rules import payload_complaints
from vertex_rules import is_of
from vertex_running import selectors_of, upstream_of

Json = Mapping[str, Any]

_TASKS = 10_000
_ARTIFACTS_OF_TASK = 100
_STRATEGIES = ("", "TRIGGER_STRATEGY_UNSPECIFIED", "ALL_UPSTREAM_TASKS_SUCCEEDED", "ALL_UPSTREAM_TASKS_COMPLETED")
_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_CONDITION_INPUT = re.compile(r"inputs\.parameter_values\[\s*'([^']*)'\s*\]")
_PARAMETER_SOURCES = (
    "taskOutputParameter",
    "runtimeValue",
    "componentInputParameter",
    "taskFinalStatus",
)


def check_spec(spec: Json, parameters: Json) -> None:
    """Raises ApiError with the first mistake. `parameters` are the values that the pipeline's inputs are given."""
    for complaint in _complaints(spec, parameters):
        raise invalid(complaint)


def _complaints(spec: Json, parameters: Json) -> Iterator[str]:
    yield from _head(spec)
    components: Json = spec.get("components", {})
    executors: Json = spec["deploymentSpec"].get("executors", {})
    for name, component in {"root": spec["root"], **components}.items():
        yield from _component(name, component, components, executors)
    yield from _circle("components", {name: set(_used(one)) for name, one in components.items()})
    for label, executor in executors.items():
        yield from executor_complaints(label, executor)
    yield from payload_complaints(spec, parameters)
    if _count(spec["root"], components) > _TASKS:
        yield f"A pipeline job can have at most {_TASKS} tasks."


def _head(spec: Json) -> Iterator[str]:
    if spec.get("schemaVersion") not in ("2.0.0", "2.1.0"):
        yield f"pipeline_spec.schema_version: {spec.get('schemaVersion', '')!r} is not supported."
    if not _PIPELINE_NAME.fullmatch(spec.get("pipelineInfo", {}).get("name", "")):
        yield f"pipeline_spec.pipeline_info.name: {spec.get('pipelineInfo', {}).get('name', '')!r} is invalid."
    if "dag" not in spec.get("root", {}):
        yield "pipeline_spec.root.dag: Required field is not set."


def _used(component: Json) -> Iterator[str]:
    for task in component.get("dag", {}).get("tasks", {}).values():
        yield task.get("componentRef", {}).get("name", "")


def _count(component: Json, components: Json) -> int:
    return sum(1 + _count(components[name], components) for name in _used(component))


def _circle(where: str, waits: Mapping[str, set[str]]) -> Iterator[str]:
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        yield f"{where}: there is a cycle: {' -> '.join(error.args[1])}."


# ---- components


def _component(name: str, component: Json, components: Json, executors: Json) -> Iterator[str]:
    yield from _definitions(name, component)
    if "dag" in component:
        yield from _dag(name, component, components)
    elif component.get("executorLabel", "") not in executors:
        yield f"components[{name!r}].executor_label: {component.get('executorLabel', '')!r} is not in the deployment."


def _definitions(name: str, component: Json) -> Iterator[str]:
    artifacts = 0
    for side in ("inputDefinitions", "outputDefinitions"):
        ports: Json = component.get(side, {})
        artifacts += len(ports.get("artifacts", {}))
        for key, one in ports.get("parameters", {}).items():
            yield from _parameter(f"{name}.{side}.{key}", one)
    if artifacts > _ARTIFACTS_OF_TASK:
        yield f"{name}: at most {_ARTIFACTS_OF_TASK} input and output artifacts per task, there are {artifacts}."


def _parameter(where: str, one: Json) -> Iterator[str]:
    kind = one.get("parameterType", "")
    if not kind:
        yield f"{where}: parameter_type: Required field is not set."
    elif one.get("defaultValue") is not None and not is_of(kind, one["defaultValue"]):
        yield f"{where}: the default value {one['defaultValue']!r} is not of type {kind}."


def _dag(name: str, component: Json, components: Json) -> Iterator[str]:
    tasks: Json = component["dag"].get("tasks", {})
    if not tasks:
        yield f"{name}.dag: at least one task is needed."
    for key, task in tasks.items():
        if task.get("componentRef", {}).get("name", "") not in components:
            yield f"{name}.{key}.component_ref: {task.get('componentRef', {}).get('name', '')!r} is not a component."
    for key, task in tasks.items():
        yield from _Task(f"{name}.{key}", task, component, components).complaints()
    yield from _circle(f"{name}.dag", {key: set(upstream_of(task)) for key, task in tasks.items()})
    yield from _dag_outputs(name, component, components)


def _dag_outputs(name: str, component: Json, components: Json) -> Iterator[str]:
    told: Json = component["dag"].get("outputs", {})
    for kind in ("parameters", "artifacts"):
        for key, one in told.get(kind, {}).items():
            where = f"{name}.dag.outputs.{key}"
            if key not in component.get("outputDefinitions", {}).get(kind, {}):
                yield f"{where}: is not declared by the component."
            for producer, output in selectors_of(one):
                yield from _produced(where, producer, output, kind, component, components)


def _produced(where: str, producer: str, output: str, kind: str, around: Json, components: Json) -> Iterator[str]:
    """Whether a task of a DAG has an output of this name."""
    tasks: Json = around["dag"]["tasks"]
    if producer not in tasks:
        yield f"{where}: the producer task {producer!r} does not exist."
        return
    component: Json = components[tasks[producer]["componentRef"]["name"]]
    if output not in component.get("outputDefinitions", {}).get(kind, {}):
        yield f"{where}: the task {producer!r} has no output {output!r} among its {kind}."


# ---- tasks


class _Task:
    """The mistakes of one task: where it stands, the component it is in, and the one it runs."""

    def __init__(self, where: str, task: Json, around: Json, components: Json) -> None:
        self.where = where
        self.task = task
        self.around = around
        self.components = components
        self.own: Json = components[task["componentRef"]["name"]]

    def complaints(self) -> Iterator[str]:
        yield from self._upstream()
        yield from self._parameters()
        yield from self._artifacts()
        yield from self._unbound()
        yield from self._iterator()
        yield from self._trigger()

    def _declared(self, kind: str) -> Json:
        return self.own.get("inputDefinitions", {}).get(kind, {})

    def _bound(self, kind: str) -> Json:
        return self.task.get("inputs", {}).get(kind, {})

    def _upstream(self) -> Iterator[str]:
        for name in upstream_of(self.task):
            if name not in self.around["dag"]["tasks"]:
                yield f"{self.where}: the task {name!r}, which it waits for, does not exist."

    def _parameters(self) -> Iterator[str]:
        for key, source in self._bound("parameters").items():
            where = f"{self.where}.inputs.{key}"
            if key not in self._declared("parameters"):
                yield f"{where}: the component has no input parameter of this name."
                continue
            kinds = [kind for kind in _PARAMETER_SOURCES if kind in source]
            if len(kinds) != 1:
                yield f"{where}: Required field is not set."
                continue
            yield from self._parameter_source(where, key, source)

    def _parameter_source(self, where: str, key: str, source: Json) -> Iterator[str]:
        declared = self.around.get("inputDefinitions", {}).get("parameters", {})
        if "taskOutputParameter" in source:
            wanted: Json = source["taskOutputParameter"]
            yield from self._wire(where, wanted["producerTask"], wanted.get("outputParameterKey", ""), "parameters")
        elif "componentInputParameter" in source and source["componentInputParameter"] not in declared:
            yield f"{where}: the pipeline around has no input parameter {source['componentInputParameter']!r}."
        elif "runtimeValue" in source:
            yield from self._constant(where, self._declared("parameters")[key], source["runtimeValue"])

    def _constant(self, where: str, declared: Json, value: Json) -> Iterator[str]:
        if "constant" not in value:
            yield f"{where}: only a constant is supported as runtime value."
        elif not is_of(declared["parameterType"], value["constant"]) and "{{$" not in str(value["constant"]):
            yield f"{where}: the constant {value['constant']!r} is not of type {declared['parameterType']}."

    def _artifacts(self) -> Iterator[str]:
        declared = self.around.get("inputDefinitions", {}).get("artifacts", {})
        for key, source in self._bound("artifacts").items():
            where = f"{self.where}.inputs.{key}"
            if key not in self._declared("artifacts"):
                yield f"{where}: the component has no input artifact of this name."
            if "taskOutputArtifact" in source:
                wanted: Json = source["taskOutputArtifact"]
                yield from self._wire(where, wanted["producerTask"], wanted.get("outputArtifactKey", ""), "artifacts")
            elif source.get("componentInputArtifact") not in declared:
                yield f"{where}: the pipeline around has no input artifact {source.get('componentInputArtifact')!r}."

    def _wire(self, where: str, producer: str, output: str, kind: str) -> Iterator[str]:
        yield from _produced(where, producer, output, kind, self.around, self.components)

    def _unbound(self) -> Iterator[str]:
        item = self.task.get("parameterIterator", {}).get("itemInput", "")
        for kind in ("parameters", "artifacts"):
            for key, one in self._declared(kind).items():
                is_free = one.get("isOptional") or "defaultValue" in one or key == item
                if not is_free and key not in self._bound(kind):
                    yield f"{self.where}: the required input {key!r} of its component is not set."

    def _iterator(self) -> Iterator[str]:
        if "artifactIterator" in self.task:
            yield f"{self.where}: artifact_iterator is not supported."
        iterator: Json = self.task.get("parameterIterator", {})
        if not iterator:
            return
        if iterator.get("itemInput") not in self._declared("parameters"):
            yield f"{self.where}: the item input {iterator.get('itemInput')!r} is not an input of its component."
        items: Json = iterator.get("items", {})
        if "raw" in items:
            yield from self._raw_items(items["raw"])
        elif items.get("inputParameter") not in self._bound("parameters"):
            yield f"{self.where}: the items {items.get('inputParameter')!r} are not an input of the task."

    def _raw_items(self, raw: str) -> Iterator[str]:
        try:
            is_list = isinstance(json.loads(raw), list)
        except ValueError:
            is_list = False
        if not is_list:
            yield f"{self.where}: parameter_iterator.items.raw is not a list in JSON: {raw!r}."

    def _trigger(self) -> Iterator[str]:
        policy: Json = self.task.get("triggerPolicy", {})
        if policy.get("strategy", "") not in _STRATEGIES:
            yield f"{self.where}: trigger_policy.strategy {policy['strategy']!r} is not supported."
        for name in _CONDITION_INPUT.findall(policy.get("condition", "")):
            if name not in self._bound("parameters"):
                yield f"{self.where}: the condition reads {name!r}, which is not an input of the task."
