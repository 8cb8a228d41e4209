"""Structure of a compiled pipeline that no reader checks before a task starts: IR enters, complaints leave.

Every reference resolves, both ends of a wire have one type, nothing waits for itself, placeholders name declared ports,
required inputs are bound, and every component and executor is there and used. Conditions can be read, their operands
are inputs of the task and of one type; loops have a list and an element; what leaves a loop is a list; one of several
is one of branches; a final status has one producer and a task that waits for its end, whatever it is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from meaning import NoCondition, Parsed, condition_of, iterator_of, operands, parse_condition, producers, selectors_of

Json = Mapping[str, Any]

_PLACEHOLDER = re.compile(r"\{\{\$\.(inputs|outputs)\.(parameters|artifacts)\['([^']*)'\]([^}]*)\}\}")
_ANY_PLACEHOLDER = re.compile(r"\{\{\$.*?\}\}")
_RUN = re.compile(r"\{\{\$(\.pipeline_[a-z_]+|\.outputs\.output_file|\.workspace_path)?\}\}")
_TAILS = {
    ("inputs", "parameters"): r"",
    ("outputs", "parameters"): r"\.output_file",
    ("inputs", "artifacts"): r"\.(path|uri|name|metadata\['[^']+'\])|",
    ("outputs", "artifacts"): r"\.(path|uri|name|metadata\['[^']+'\])",
}


_MENTIONED = re.compile(r"\{\{\$\.inputs\.parameters\['([^']*)'\]\}\}")
_SELECTOR = re.compile(r'parseJson\(string_value\)(\["(?:[^"\\]|\\.)*"\])+')
_COMPLETED = "ALL_UPSTREAM_TASKS_COMPLETED"


def lint(parsed: Parsed) -> list[str]:
    """Everything that is wrong with the structure of a compiled pipeline."""
    spec = json_format.MessageToDict(parsed.spec)
    executors = json_format.MessageToDict(parsed.deployment).get("executors", {})
    platforms = json_format.MessageToDict(parsed.platform).get("platforms", {}) if parsed.platform else {}
    return [*_Lint(_with_trials(spec, platforms), executors).complaints(), *_platforms(platforms, executors)]


def _with_trials(spec: Json, platforms: Json) -> Json:
    """The spec, its searched components with what each trial puts out on this machine, which the platform says."""
    own = platforms.get("local", {}).get("deploymentSpec", {}).get("executors", {})
    components: Json = {}
    for name, component in spec.get("components", {}).items():
        trial = own.get(component.get("executorLabel"), {}).get("tune", {}).get("outputs", {})
        outputs = component.get("outputDefinitions", {})
        merged = {kind: {**outputs.get(kind, {}), **trial.get(kind, {})} for kind in ("parameters", "artifacts")}
        components[name] = {**component, "outputDefinitions": merged} if trial else component
    return {**spec, "components": components}


@dataclass(frozen=True)
class _Place:
    """A task where it stands: the name of the DAG and of the task, its component, and the component of the DAG."""

    where: str
    task: Json
    own: Json
    parent: Json

    def declared(self, kind: str) -> Json:
        return _ports(self.own, "inputDefinitions", kind)

    def bound(self, kind: str) -> Json:
        return self.task.get("inputs", {}).get(kind, {})


class _Lint:
    def __init__(self, spec: Json, executors: Json) -> None:
        self.root = spec.get("root", {})
        self.components: Json = spec.get("components", {})
        self.executors = executors
        self.runs = [task for one in (self.root, *self.components.values()) for task in _tasks(one).values()]
        self.iterated = {_component_name(task) for task in self.runs if iterator_of(task)}

    def complaints(self) -> Iterator[str]:
        yield from self._dag("root", self.root)
        for name, component in self.components.items():
            yield from self._implementation(name, component)
        yield from self._unused()
        yield from self._shared_loops()

    def _implementation(self, name: str, component: Json) -> Iterator[str]:
        if "dag" in component:
            yield from self._dag(name, component)
        elif component.get("executorLabel") not in self.executors:
            yield f"{name}: no executor {component.get('executorLabel')}"
        else:
            executor = self.executors[component["executorLabel"]]
            yield from _container(name, component, executor)
            if "importer" in executor:
                yield from _importer(name, component, executor["importer"])

    def _unused(self) -> Iterator[str]:
        named = {_component_name(task) for task in self.runs}
        yield from (f"{name}: no task runs it" for name in self.components.keys() - named)
        labels = {component.get("executorLabel") for component in self.components.values()}
        yield from (f"{label}: no component runs it" for label in self.executors.keys() - labels)

    def _shared_loops(self) -> Iterator[str]:
        """The open-source backend names the rounds of a loop after its component: two loops cannot share one."""
        times = Counter(_component_name(task) for task in self.runs if iterator_of(task))
        yield from (f"{name}: two loops run it" for name, count in times.items() if count > 1)

    # ------------------------------------------------------------ tasks

    def _dag(self, name: str, component: Json) -> Iterator[str]:
        tasks = _tasks(component)
        if not tasks:
            yield f"{name}: no tasks"
        elif all(task.get("triggerPolicy", {}).get("strategy") == _COMPLETED for task in tasks.values()):
            yield f"{name}: only tasks that wait for the end of others"
        for task_name, task in tasks.items():
            where = f"{name}/{task_name}"
            own = self.components.get(_component_name(task))
            if own is None:
                yield f"{where}: no component {task.get('componentRef')}"
            else:
                yield from self._task(_Place(where, task, own, component))
            yield from (f"{where}: no task {other}" for other in task.get("dependentTasks", []) if other not in tasks)
        yield from _cycle(name, tasks)
        yield from self._results(name, component)

    def _task(self, place: _Place) -> Iterator[str]:
        mentioned = set(_MENTIONED.findall(_text(place.task.get("inputs", {})))) | self._mentioned_outside(place.own)
        known = place.bound("parameters").keys() | place.declared("parameters").keys()
        yield from (f"{place.where}: {{{{{name}}}}} is no input" for name in sorted(mentioned - known))
        for kind in ("parameters", "artifacts"):
            yield from self._inputs(place, kind, mentioned)
        yield from _condition(place)
        yield from _iterator(place)
        yield from _trigger(place)

    def _mentioned_outside(self, own: Json) -> set[str]:
        """The inputs that the image and the machine of a container mention: they need no declaration."""
        container = self.executors.get(own.get("executorLabel", ""), {}).get("container", {})
        return set(_MENTIONED.findall(_text([container.get("image", ""), container.get("resources", {})])))

    def _inputs(self, place: _Place, kind: str, mentioned: set[str]) -> Iterator[str]:
        declared, bound = place.declared(kind), place.bound(kind)
        for port, definition in declared.items():
            is_item = iterator_of(place.task).get("itemInput") == port
            if port not in bound and not definition.get("isOptional") and not is_item:
                yield f"{place.where}: required input {port} has no value"
        for port, binding in bound.items():
            if port in declared:
                yield from self._binding(f"{place.where}.{port}", binding, declared[port], place)
            elif port not in mentioned:
                yield f"{place.where}: its component has no input {port}"
            else:
                source = self._source(binding, kind, place)
                yield from [] if source else [f"{place.where}.{port}: its source does not exist"]

    def _binding(self, where: str, binding: Json, port: Json, place: _Place) -> Iterator[str]:
        if "runtimeValue" in binding:
            yield from _constant(where, binding["runtimeValue"].get("constant"), port)
            return
        wire = binding.get("taskOutputParameter") or binding.get("taskOutputArtifact")
        if wire:
            producer = wire.get("producerTask", "")
            if producer not in place.task.get("dependentTasks", []):
                yield f"{where}: takes from {producer} without waiting for it"
            if condition_of(_tasks(place.parent).get(producer, {})):
                yield f"{where}: takes from {producer}, which may not run"
        if "taskFinalStatus" in binding:
            yield from _final_status(where, binding["taskFinalStatus"], port, place)
            return
        source = self._source(binding, "parameters" if "parameterType" in port else "artifacts", place)
        if "parameterExpressionSelector" in binding:
            yield from _selected(where, binding["parameterExpressionSelector"], source)
            return
        yield from _same_type(where, source, port)
        if source and source.get("isOptional") and "defaultValue" not in source and not port.get("isOptional"):
            yield f"{where}: its source may have no value"

    def _source(self, binding: Json, kind: str, place: _Place) -> Json | None:
        outer = binding.get("componentInputParameter") or binding.get("componentInputArtifact")
        if outer:
            return _ports(place.parent, "inputDefinitions", kind).get(outer)
        wire = binding.get("taskOutputParameter") or binding.get("taskOutputArtifact")
        if wire is None:
            return {}
        key = wire.get("outputParameterKey") or wire.get("outputArtifactKey")
        return self._output(place.parent, wire.get("producerTask"), kind, key)

    def _output(self, parent: Json, producer: str | None, kind: str, key: str | None) -> Any:
        task = _tasks(parent).get(producer or "", {})
        component = self.components.get(_component_name(task), {})
        port = _ports(component, "outputDefinitions", kind).get(key)
        return _as_list(port) if port and iterator_of(task) and "dag" not in component else port

    # ------------------------------------------------------------ results

    def _results(self, name: str, component: Json) -> Iterator[str]:
        outputs = component.get("dag", {}).get("outputs", {})
        for kind in ("parameters", "artifacts"):
            declared = _ports(component, "outputDefinitions", kind)
            filled = outputs.get(kind, {})
            for port in declared.keys() ^ filled.keys():
                yield f"{name}: output {port} is not both declared and filled"
            for port in declared.keys() & filled.keys():
                yield from self._result(f"{name}: output {port}", component, declared[port], filled[port])

    def _result(self, where: str, component: Json, port: Json, filled: Json) -> Iterator[str]:
        kind = "parameters" if "parameterType" in port else "artifacts"
        leaves_loop = any(component is self.components.get(name) for name in self.iterated)
        wires = selectors_of(filled)
        if not wires:
            yield f"{where}: nothing fills it"
        for wire in wires:
            key = wire.get("outputParameterKey") or wire.get("outputArtifactKey")
            source = self._output(component, wire.get("producerSubtask"), kind, key)
            yield from _same_type(where, _as_list(source) if source and leaves_loop else source, port)
        yield from _choice(where, wires, "valueFromOneof" in filled, _tasks(component))


def _tasks(component: Json) -> Json:
    return component.get("dag", {}).get("tasks", {})


def _component_name(task: Json) -> str:
    return task.get("componentRef", {}).get("name", "")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _as_list(port: Json) -> Json:
    """What a port of one round of a loop is for those outside; a list of artifacts has no list of it."""
    if "parameterType" in port:
        return {"parameterType": "LIST"}
    return {**port, "isArtifactList": True} if not port.get("isArtifactList") else {**port, "isArtifactList": "twice"}


def _choice(where: str, wires: list[Json], is_choice: bool, tasks: Json) -> Iterator[str]:
    """One of several comes from branches, and nothing else does: a branch may not run."""
    found = [wire.get("producerSubtask", "") for wire in wires]
    may_not_run = [bool(condition_of(tasks.get(task, {}))) for task in found]
    if len(found) == 1 and not is_choice:
        yield from (f"{where}: comes from {found[0]}, which may not run" for missing in may_not_run if missing)
        return
    if len(set(found)) != len(found) or len(found) == 1:
        yield f"{where}: is one of {', '.join(found)}"
    yield from (f"{where}: {task} is no branch" for task, branch in zip(found, may_not_run, strict=True) if not branch)


# ---------------------------------------------------------------- conditions


def _condition(place: _Place) -> Iterator[str]:
    text = condition_of(place.task)
    if not text:
        return
    try:
        tree = parse_condition(text)
    except NoCondition as error:
        yield f"{place.where}: condition {error}"
        return
    known = place.bound("parameters").keys() & place.declared("parameters").keys()
    unknown = sorted(set(operands(tree)) - known)
    yield from (f"{place.where}: condition reads {name}, which is no input" for name in unknown)
    if not unknown:
        types = {name: port.get("parameterType") for name, port in place.declared("parameters").items()}
        yield from (f"{place.where}: condition {complaint}" for complaint in _Types(types).complaints(tree))


_CEL_TYPES = {"STRING": "text", "BOOLEAN": "bool", "NUMBER_INTEGER": "double", "NUMBER_DOUBLE": "double"}


class _Types:
    """What the parts of a condition are: `text`, `bool`, `int` or `double`. Whole numbers arrive as doubles."""

    def __init__(self, types: Json) -> None:
        self.types = types
        self.found: list[str] = []

    def complaints(self, tree: tuple[Any, ...]) -> list[str]:
        self._must("bool", tree)
        return self.found

    def _must(self, wanted: str, tree: tuple[Any, ...]) -> None:
        of = self._type(tree)
        if of != wanted:
            self.found.append(f"has a {of} where it needs a {wanted}")

    def _type(self, tree: tuple[Any, ...]) -> str:
        kind, *parts = tree
        if kind in ("||", "&&", "!"):
            for part in parts:
                self._must("bool", part)
            return "bool"
        if kind == "constant":
            return {bool: "bool", str: "text", int: "int", float: "double"}[type(parts[0])]
        if kind == "operand":
            return _CEL_TYPES.get(self.types[parts[0]], self.types[parts[0]])
        if kind in ("int", "double"):
            return self._cast(kind, parts[0])
        return self._compared(kind, parts)

    def _cast(self, kind: str, part: tuple[Any, ...]) -> str:
        of = self._type(part)
        whole = part[0] != "operand" or self.types[part[1]] == "NUMBER_INTEGER"
        if of not in ("int", "double") or (kind == "int" and not whole):
            self.found.append(f"makes {kind} of a {of}")
        return kind

    def _compared(self, sign: str, parts: list[Any]) -> str:
        left, right = parts
        others = right[1:] if right[0] == "list" else [] if self._is_list(right) else [right]
        of = {self._type(left), *map(self._type, others)}
        if len(of) > 1:
            self.found.append(f"compares {' with '.join(sorted(of))}")
        elif of & {"LIST", "STRUCT"} or (sign not in ("==", "!=", "in") and of == {"bool"}):
            self.found.append(f"compares a {of.pop()} by {sign}")
        if (sign == "in") != (right[0] == "list" or self._is_list(right)):
            self.found.append(f"compares by {sign}")
        return "bool"

    def _is_list(self, part: tuple[Any, ...]) -> bool:
        return part[0] == "operand" and self.types[part[1]] == "LIST"


# ---------------------------------------------------------------- loops, ends


def _iterator(place: _Place) -> Iterator[str]:
    task, where = place.task, place.where
    iterator = iterator_of(task)
    if not iterator:
        yield from [f"{where}: runs in parallel without a loop"] if "iteratorPolicy" in task else []
        return
    kind = "parameters" if "parameterIterator" in task else "artifacts"
    element = place.declared(kind).get(iterator.get("itemInput"))
    if element is None:
        yield f"{where}: its element {iterator.get('itemInput')} is no input"
        return
    items = iterator.get("items", {})
    name = items.get("inputParameter") or items.get("inputArtifact")
    if name is None:
        yield from _raw_items(where, items.get("raw", ""), element)
        return
    source = place.declared(kind).get(name)
    if source is None or name not in place.bound(kind):
        yield f"{where}: its list {name} is no input"
    elif source.get("parameterType", "LIST") != "LIST" or (kind == "artifacts" and not source.get("isArtifactList")):
        yield f"{where}: its list {name} is no list"


def _raw_items(where: str, raw: str, element: Json) -> Iterator[str]:
    try:
        items = json.loads(raw, parse_int=float)
    except ValueError:
        items = None
    if not isinstance(items, list):
        yield f"{where}: its elements are no list: {raw}"
        return
    for item in items:
        yield from _constant(f"{where}: element", item, element)


def _trigger(place: _Place) -> Iterator[str]:
    status = [one for one in place.bound("parameters").values() if "taskFinalStatus" in one]
    if not status:
        return
    if place.task.get("triggerPolicy", {}).get("strategy") != _COMPLETED:
        yield f"{place.where}: takes a final status, but does not run after a failure"
    if len(place.task.get("dependentTasks", [])) != 1 or len(set(producers(place.task))) != 1:
        yield f"{place.where}: takes a final status, but does not wait for exactly one task"


def _final_status(where: str, wire: Json, port: Json, place: _Place) -> Iterator[str]:
    producer = wire.get("producerTask")
    if producer not in _tasks(place.parent):
        yield f"{where}: no task {producer}"
    elif producer not in place.task.get("dependentTasks", []):
        yield f"{where}: takes from {producer} without waiting for it"
    if port.get("parameterType") != "TASK_FINAL_STATUS":
        yield f"{where}: types differ"


def _selected(where: str, selector: str, source: Json | None) -> Iterator[str]:
    if source is None:
        yield f"{where}: its source does not exist"
    elif source.get("parameterType") != "STRUCT":
        yield f"{where}: takes a field of something that has none"
    if not _SELECTOR.fullmatch(selector):
        yield f"{where}: {selector} selects nothing"


def _ports(component: Json, definitions: str, kind: str) -> Json:
    return component.get(definitions, {}).get(kind, {})


def _cycle(name: str, tasks: Json) -> Iterator[str]:
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


def _constant(where: str, value: Any, port: Json) -> Iterator[str]:
    wanted = port.get("parameterType")
    if "{{channel:" in _text(value):
        yield f"{where}: {value!r} holds a mark of the compiler"
    if type(value) is not _HOLDS.get(str(wanted)) or (wanted == "NUMBER_INTEGER" and value != int(value)):
        yield f"{where}: {value!r} is no {wanted}"


def _same_type(where: str, source: Json | None, port: Json) -> Iterator[str]:
    if source is None:
        yield f"{where}: its source does not exist"
    elif not _fits(source, port):
        yield f"{where}: types differ"


def _fits(source: Json, port: Json) -> bool:
    if "parameterType" in port:
        pair = (source.get("parameterType"), port["parameterType"])
        return pair[0] == pair[1] or pair == ("NUMBER_INTEGER", "NUMBER_DOUBLE")
    titles = {source["artifactType"]["schemaTitle"], port["artifactType"]["schemaTitle"]}
    alike = len(titles) == 1 or "system.Artifact" in titles
    return alike and source.get("isArtifactList", False) == port.get("isArtifactList", False)


# ---------------------------------------------------------------- containers


def _container(name: str, component: Json, executor: Json) -> Iterator[str]:
    container = executor.get("container")
    if container is None:
        return
    if not container.get("image"):
        yield f"{name}: no image"
    for text in (*container.get("command", []), *container.get("args", [])):
        for placeholder in _ANY_PLACEHOLDER.finditer(text):
            yield from _placeholder(name, component, placeholder[0].replace(".json_escape[1]}}", "}}"))


def _placeholder(name: str, component: Json, text: str) -> Iterator[str]:
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


# ---------------------------------------------------------------- what is imported, what a platform adds


def _importer(name: str, component: Json, importer: Json) -> Iterator[str]:
    inputs = _ports(component, "inputDefinitions", "parameters")
    outputs = _ports(component, "outputDefinitions", "artifacts")
    if outputs.keys() != {"artifact"} or outputs["artifact"]["artifactType"] != importer.get("typeSchema"):
        yield f"{name}: imports something other than it yields"
    uri = importer.get("artifactUri", {})
    place = uri.get("runtimeParameter")
    if place is not None and inputs.get(place, {}).get("parameterType") != "STRING":
        yield f"{name}: no text input {place} for its uri"
    if place is None and not uri.get("constant"):
        yield f"{name}: no uri"
    if "{{" in uri.get("constant", ""):
        yield f"{name}: its uri {uri['constant']} is put together"
    mentioned = set(_MENTIONED.findall(_text(importer.get("metadata", {}))))
    yield from (f"{name}: its metadata reads {port}, which is no input" for port in sorted(mentioned - inputs.keys()))


def _platforms(platforms: Json, executors: Json) -> Iterator[str]:
    for platform, settings in platforms.items():
        for label, config in settings.get("deploymentSpec", {}).get("executors", {}).items():
            if label not in executors:
                yield f"platform {platform}: no executor {label}"
            if platform == "kubernetes":
                yield from _kubernetes(label, config)


def _kubernetes(label: str, config: Json) -> Iterator[str]:
    try:
        json_format.ParseDict(dict(config), KubernetesExecutorConfig())
    except json_format.ParseError as error:
        yield f"platform kubernetes: {label}: {error}"
