"""PipelineSpec document to a plan, or everything that keeps the engine from running it.

Reads the IR by its proto (pipeline_spec.proto, version 2.1.0). Parts of the language that this engine does not run
are refused by name, never skipped over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from hpc.engines.local.plan import (
    ArtifactPort,
    Constant,
    Container,
    Interface,
    ParameterBinding,
    ParameterPort,
    ParentInput,
    Plan,
    Retry,
    Settings,
    Task,
    TaskOutput,
)
from hpc.engines.local.plan.rules import BROKEN_REFERENCE, NO_COMMAND, NOT_A_PIPELINE, NOT_YET_LOCAL, Findings, nearest
from hpc.engines.local.plan.values import KINDS

Node = Mapping[str, object]

_EMPTY: Node = {}
_ELSEWHERE = "run it on vertex or kfp, or leave it out locally"
_AGAIN = "compile the pipeline again"


def plan(spec: Node, settings: Mapping[str, Settings], findings: Findings) -> Plan:
    """The plan of a document; `settings` by executor label. Raises Rejected with everything found so far."""
    try:
        made = _Planner(spec, settings, findings).plan()
    except _WrongKindError as error:
        findings.add(NOT_A_PIPELINE, str(error), _AGAIN)
        made = Plan("", {}, (), {}, {})
    findings.reject_if_any()
    return made


class _WrongKindError(Exception):
    """A place of the document holds another kind of value than the proto says."""


def _mapping(node: Node, key: str) -> Node:
    value = node.get(key, _EMPTY)
    if not isinstance(value, Mapping):
        raise _WrongKindError(f"{key} is not a mapping")
    return cast(Node, value)


def _mappings(node: Node, key: str) -> Iterator[tuple[str, Node]]:
    entries = _mapping(node, key)
    return ((name, _mapping(entries, name)) for name in entries)


def _text(node: Node, key: str) -> str:
    value = node.get(key, "")
    if not isinstance(value, str):
        raise _WrongKindError(f"{key} is not text")
    return value


def _texts(node: Node, key: str) -> tuple[str, ...]:
    value = node.get(key, ())
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in cast("list[object]", value)):
        raise _WrongKindError(f"{key} is not a list of texts")
    return tuple(cast("list[str]", value))


def _nodes(node: Node, key: str) -> list[Node]:
    value = node.get(key, ())
    if not isinstance(value, (list, tuple)):
        raise _WrongKindError(f"{key} is not a list")
    items = cast("list[object]", value)
    if not all(isinstance(item, Mapping) for item in items):
        raise _WrongKindError(f"{key} is not a list of mappings")
    return cast("list[Node]", items)


def _number(node: Node, key: str, default: float) -> float:
    """A number, also where proto JSON writes a 64-bit integer as text or a duration as `60s`."""
    value = node.get(key, default)
    try:
        return float(value.removesuffix("s") if isinstance(value, str) else cast(float, value))
    except (TypeError, ValueError):
        raise _WrongKindError(f"{key} is not a number") from None


class _Planner:
    def __init__(self, spec: Node, settings: Mapping[str, Settings], findings: Findings) -> None:
        self._spec = spec
        self._settings = settings
        self._findings = findings
        self._root = _mapping(spec, "root")
        self._nodes = _mapping(_mapping(self._root, "dag"), "tasks")
        self._inputs = _interface(_mapping(self._root, "inputDefinitions"))

    def plan(self) -> Plan:
        name = _text(_mapping(self._spec, "pipelineInfo"), "name")
        version = _text(self._spec, "schemaVersion")
        if not name or not self._nodes or version != "2.1.0":
            raise _WrongKindError(
                f"this is no pipeline of schema version 2.1.0 with a name and tasks (version: {version!r})"
            )
        for wanted in self._inputs.artifacts:
            self._later(f"the pipeline takes the artifact {wanted} as an input")
        self._check_labels()
        tasks = [task for key in self._nodes if (task := self._task(key, _mapping(self._nodes, key)))]
        self._check_outputs_exist(tasks)
        parameters, artifacts = self._pipeline_outputs(tasks)
        return Plan(name, self._inputs.parameters, self._sorted(tasks), parameters, artifacts)

    def _check_labels(self) -> None:
        executors = _mapping(_mapping(self._spec, "deploymentSpec"), "executors")
        for label in self._settings:
            if label not in executors:
                self._broken(f"the local settings name the executor {label}", nearest(label, executors))

    def _task(self, key: str, node: Node) -> Task | None:
        """The task, or None where something has been found that leaves nothing to check further."""
        component = self._component(key, node)
        container = self._container(key, component) if component is not None else None
        if component is None or container is None:
            return None
        parameters = self._parameters(key, _mapping(_mapping(node, "inputs"), "parameters"))
        artifacts = self._artifacts(key, _mapping(_mapping(node, "inputs"), "artifacts"))
        inputs = _interface(_mapping(component, "inputDefinitions"))
        self._check_bound(key, inputs, {*parameters, *artifacts})
        return Task(
            path=key,
            name=_text(_mapping(node, "taskInfo"), "name") or key,
            inputs=inputs,
            outputs=_interface(_mapping(component, "outputDefinitions")),
            parameters=parameters,
            artifacts=artifacts,
            container=container,
            retry=_retry(_mapping(node, "retryPolicy")),
            settings=self._settings.get(_text(component, "executorLabel"), Settings()),
            after=self._upstream(key, node, [*parameters.values(), *artifacts.values()]),
        )

    def _component(self, key: str, node: Node) -> Node | None:
        for field, meaning in (("parameterIterator", "is a loop"), ("artifactIterator", "is a loop over artifacts")):
            if field in node:
                return self._later(f"task {key} {meaning}")
        if _text(_mapping(node, "triggerPolicy"), "condition"):
            return self._later(f"task {key} runs under a condition")
        strategy = _text(_mapping(node, "triggerPolicy"), "strategy")
        if strategy not in {"", "TRIGGER_STRATEGY_UNSPECIFIED", "ALL_UPSTREAM_TASKS_SUCCEEDED"}:
            return self._later(f"task {key} also runs after a failure ({strategy})")
        name = _text(_mapping(node, "componentRef"), "name")
        components = _mapping(self._spec, "components")
        if name not in components:
            return self._broken(f"task {key} uses the component {name!r}", nearest(name, components))
        component = _mapping(components, name)
        return self._later(f"task {key} is a group of tasks") if "dag" in component else component

    def _container(self, key: str, component: Node) -> Container | None:
        label = _text(component, "executorLabel")
        executors = _mapping(_mapping(self._spec, "deploymentSpec"), "executors")
        if label not in executors:
            self._broken(f"task {key} uses the executor {label!r}", nearest(label, executors))
            return None
        executor = _mapping(executors, label)
        if "container" not in executor:
            kind = next(iter(executor), "nothing")
            self._later(f"task {key} is not a container but {kind}")
            return None
        container = _mapping(executor, "container")
        command = _texts(container, "command")
        if not command:
            fact = f"task {key} has no command; its image's own is not known without a container"
            self._findings.add(NO_COMMAND, fact, "write command: in the component")
            return None
        environ = {_text(entry, "name"): _text(entry, "value") for entry in _nodes(container, "env")}
        return Container(command, _texts(container, "args"), environ)

    def _parameters(self, key: str, nodes: Node) -> dict[str, ParameterBinding]:
        found: dict[str, ParameterBinding] = {}
        for name in nodes:
            binding = self._parameter(key, name, _mapping(nodes, name))
            if binding is not None:
                found[name] = binding
        return found

    def _parameter(self, key: str, name: str, node: Node) -> ParameterBinding | None:
        if node.get("parameterExpressionSelector"):
            return self._later(f"task {key} takes a part of a value as {name}")
        if "runtimeValue" in node:
            return Constant(_mapping(node, "runtimeValue").get("constant"))
        if "componentInputParameter" in node:
            wanted = _text(node, "componentInputParameter")
            if wanted not in self._inputs.parameters:
                names = self._inputs.parameters
                return self._broken(f"task {key} takes the pipeline's input {wanted} as {name}", nearest(wanted, names))
            return ParentInput(wanted)
        if "taskOutputParameter" in node:
            source = _mapping(node, "taskOutputParameter")
            return TaskOutput(_text(source, "producerTask"), _text(source, "outputParameterKey"))
        return self._later(f"task {key} takes {next(iter(node), 'nothing')} as {name}")

    def _artifacts(self, key: str, nodes: Node) -> dict[str, TaskOutput]:
        found: dict[str, TaskOutput] = {}
        for name in nodes:
            node = _mapping(nodes, name)
            source = _mapping(node, "taskOutputArtifact")
            if source:
                found[name] = TaskOutput(_text(source, "producerTask"), _text(source, "outputArtifactKey"))
            else:
                self._later(f"task {key} takes {next(iter(node), 'nothing')} as the artifact {name}")
        return found

    def _check_bound(self, key: str, inputs: Interface, bound: set[str]) -> None:
        wanted = [name for name, port in inputs.parameters.items() if port.required]
        wanted += [name for name, port in inputs.artifacts.items() if not port.optional]
        for name in sorted(set(wanted) - bound):
            self._broken(f"task {key} is not given its input {name}", _AGAIN)

    def _upstream(self, key: str, node: Node, bindings: list[ParameterBinding]) -> tuple[str, ...]:
        """Dependencies as the backend sees them: those written and those of the data (compiler/argocompiler/dag.go)."""
        names = [*_texts(node, "dependentTasks"), *(b.task for b in bindings if isinstance(b, TaskOutput))]
        for name in dict.fromkeys(names):
            if name not in self._nodes:
                self._broken(f"task {key} waits for the task {name}", nearest(name, self._nodes))
        return tuple(name for name in dict.fromkeys(names) if name in self._nodes)

    def _check_outputs_exist(self, tasks: list[Task]) -> None:
        outputs = {task.path: task.outputs for task in tasks}
        for task in tasks:
            for source in [b for b in task.parameters.values() if isinstance(b, TaskOutput)]:
                if source.task in outputs and source.key not in outputs[source.task].parameters:
                    self._broken(f"task {task.path} takes {source.key} of {source.task}", "it has no such parameter")
            for source in task.artifacts.values():
                if source.task in outputs and source.key not in outputs[source.task].artifacts:
                    self._broken(f"task {task.path} takes {source.key} of {source.task}", "it has no such artifact")

    def _pipeline_outputs(self, tasks: list[Task]) -> tuple[dict[str, TaskOutput], dict[str, TaskOutput]]:
        outputs = _mapping(_mapping(self._root, "dag"), "outputs")
        known = {task.path: task.outputs for task in tasks}
        parameters: dict[str, TaskOutput] = {}
        artifacts: dict[str, TaskOutput] = {}
        for name, node in _mappings(outputs, "parameters"):
            source = self._selected(name, [_mapping(node, "valueFromParameter")], "outputParameterKey")
            if source and self._is_known(name, source, source.key in known.get(source.task, Interface()).parameters):
                parameters[name] = source
        for name, node in _mappings(outputs, "artifacts"):
            source = self._selected(name, _nodes(node, "artifactSelectors"), "outputArtifactKey")
            if source and self._is_known(name, source, source.key in known.get(source.task, Interface()).artifacts):
                artifacts[name] = source
        return parameters, artifacts

    def _selected(self, name: str, selectors: list[Node], key: str) -> TaskOutput | None:
        if len(selectors) != 1 or not selectors[0]:
            return self._later(f"the output {name} is chosen from several tasks")
        return TaskOutput(_text(selectors[0], "producerSubtask"), _text(selectors[0], key))

    def _is_known(self, name: str, source: TaskOutput, known: bool) -> bool:
        if not known:
            self._broken(f"the pipeline's output {name} is {source.key} of {source.task}", _AGAIN)
        return known

    def _sorted(self, tasks: list[Task]) -> tuple[Task, ...]:
        """Every task after those that it waits for, otherwise in the file's order."""
        waiting = {task.path: set(task.after) for task in tasks}
        dependents: dict[str, list[Task]] = {}
        for task in tasks:
            for name in task.after:
                dependents.setdefault(name, []).append(task)
        order = [task for task in tasks if not waiting[task.path]]
        for task in order:
            for dependent in dependents.get(task.path, ()):
                waiting[dependent.path].discard(task.path)
                if not waiting[dependent.path]:
                    order.append(dependent)
        if len(order) < len(tasks) and len(tasks) == len(self._nodes):
            circle = _circle({path: left for path, left in waiting.items() if left})
            self._broken(f"these tasks wait for each other: {', '.join(circle)}", _AGAIN)
        return tuple(order)

    def _later(self, fact: str) -> None:
        self._findings.add(NOT_YET_LOCAL, f"{fact}, which the local engine does not run", _ELSEWHERE)

    def _broken(self, fact: str, fix: str) -> None:
        self._findings.add(BROKEN_REFERENCE, f"{fact}, which is not in the file" if fix != _AGAIN else fact, fix)


def _circle(waiting: Mapping[str, set[str]]) -> list[str]:
    """One circle among tasks of which each waits for another one of them."""
    walked: list[str] = []
    path = min(waiting)
    while path not in walked:
        walked.append(path)
        path = min(waiting[path])
    return sorted(walked[walked.index(path) :])


def _interface(node: Node) -> Interface:
    return Interface(
        parameters={name: _parameter_port(port) for name, port in _mappings(node, "parameters")},
        artifacts={name: _artifact_port(port) for name, port in _mappings(node, "artifacts")},
    )


def _parameter_port(node: Node) -> ParameterPort:
    kind = _text(node, "parameterType")
    if kind not in {*KINDS, "TASK_FINAL_STATUS", "TASK_CONFIG"}:
        raise _WrongKindError(f"parameterType {kind!r} is none of {', '.join(KINDS)}")
    literals = node.get("literals", ())
    if not isinstance(literals, (list, tuple)):
        raise _WrongKindError("literals is not a list")
    optional = node.get("isOptional") is True
    values = tuple(cast("list[object]", literals))
    if "defaultValue" not in node:
        return ParameterPort(kind, optional=optional, literals=values)
    return ParameterPort(kind, node["defaultValue"], optional, values)


def _artifact_port(node: Node) -> ArtifactPort:
    schema = _mapping(node, "artifactType")
    title = _text(schema, "schemaTitle") or "system.Artifact"
    version = _text(schema, "schemaVersion") or "0.0.1"
    return ArtifactPort(title, version, node.get("isOptional") is True)


def _retry(node: Node) -> Retry:
    """The proto's defaults: no wait, factor 2, at most an hour."""
    return Retry(
        count=int(_number(node, "maxRetryCount", 0)),
        first=_number(node, "backoffDuration", 0),
        factor=_number(node, "backoffFactor", 2) or 2.0,
        longest=_number(node, "backoffMaxDuration", 3600) or 3600.0,
    )
