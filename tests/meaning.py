"""What a compiled pipeline means: IR text enters, a structure that two compilers can be compared by leaves.

The structure is a tree. A step stands in it by its own key, whatever DAGs it is wrapped in by conditions, loops and
exit handlers; these groups stand by their kind and the steps that they hold, e.g. `if[promote, tell]`. Every input of a
step is followed through all levels to where its value comes from: a constant, an input of the pipeline, an output of a
step (by its path through sub-pipelines), an element of a loop, the status of something, one of several, or all that a
loop collects. Conditions are parsed, and their operands followed likewise.

Deliberately not compared, because it carries no meaning, or only one compiler chooses it:

* which compiler wrote the file, and the order of keys and of `dependentTasks`;
* names of components and executors: both are written out at the task, Kubernetes settings too;
* of groups: their keys and shown names, the names and types of what is passed through them, except the type of a loop's
  element, and where in a chain of groups something is passed; results of a group that nothing takes;
* dependencies that data implies: what is compared is what a task waits for, listed or implied, at each level;
* how a condition is spelt: `!(a == b)` is `a != b`, `a > b` is `b < a`, `x == true` is `x`, `!(a || b)` is `!a && !b`,
  `&&` and `||` know no order, `x in [a, b]` is `x == a || x == b`, numbers are numbers, `int(…)` around an integer and
  `double(…)` around a number say nothing;
* whether a group is a task of its own or stands on the one task that it holds;
* `enableCache: false` or `{}`; an input left to its default or bound to it; `strategy: ALL_UPSTREAM_TASKS_SUCCEEDED`
  or none; an optional input that gets an optional input without a value, or no binding, or is not declared by the
  sub-pipeline where it has no value;
* `cachingOptions` of sub-pipelines: no backend reads them there;
* inputs of an importer: where its uri and its metadata come from is compared instead;
* the deprecated spellings of names in Kubernetes settings (`secretName` for `secretNameParameter`), and values that
  Kubernetes settings leave to their defaults; the order in which Secrets and ConfigMaps fill variables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

Meaning = dict[str, Any]
Json = Mapping[str, Any]

KINDS = ("parameters", "artifacts")


@dataclass(frozen=True)
class Parsed:
    """A compiled file as the protobuf messages that every reader makes of it. Unknown fields were refused."""

    spec: pb.PipelineSpec
    deployment: pb.PipelineDeploymentConfig
    platform: pb.PlatformSpec | None


def documents(text: str) -> list[dict[str, Any]]:
    """The documents of a compiled file, as a YAML reader sees them."""
    return list(yaml.safe_load_all(text))


def parse(found: list[dict[str, Any]]) -> Parsed:
    """One or two documents, strictly. Raises json_format.ParseError, and ValueError for a third document."""
    if len(found) not in (1, 2):
        raise ValueError(f"{len(found)} documents")
    spec = _message(found[0], pb.PipelineSpec())
    deployment = _message(found[0].get("deploymentSpec", {}), pb.PipelineDeploymentConfig())
    platform = _message(found[1], pb.PlatformSpec()) if len(found) > 1 else None
    return Parsed(spec, deployment, platform)


def _message(data: Json, empty: Any) -> Any:
    return json_format.ParseDict(dict(data), empty, ignore_unknown_fields=False)


def meaning(text: str, keys: Mapping[str, str] | None = None) -> Meaning:
    """The meaning of a compiled file; `keys` gives other keys to steps of the root, where two compilers must differ."""
    return meaning_of(documents(text), keys)


def meaning_of(found: list[dict[str, Any]], keys: Mapping[str, str] | None = None) -> Meaning:
    """The meaning of documents that have been read."""
    parsed = parse(found)
    spec = json_format.MessageToDict(parsed.spec)
    platforms = json_format.MessageToDict(parsed.platform).get("platforms", {}) if parsed.platform else {}
    ir = _Ir(
        spec.pop("components", {}),
        json_format.MessageToDict(parsed.deployment).get("executors", {}),
        platforms.get("kubernetes", {}).get("deploymentSpec", {}).pop("executors", {}),
        platforms.get("local", {}).get("deploymentSpec", {}).pop("executors", {}),
    )
    spec.pop("deploymentSpec", None)
    spec.pop("sdkVersion", None)
    root = _rekeyed(spec.pop("root", {}), keys or {})
    spec["root"] = {**root, "dag": _Scope(ir, root).meaning()}
    spec["unused"] = ir.unused()
    rest = _without_empty(platforms)
    return {**spec, "platform": rest} if rest else spec


def _rekeyed(root: Any, keys: Mapping[str, str]) -> Any:
    """The root with other keys for tasks, wherever it names them. A shown name that was the key is the new key."""
    if isinstance(root, dict):
        return {keys.get(key, key): _rekeyed(value, keys) for key, value in root.items()}
    if isinstance(root, list):
        return [_rekeyed(value, keys) for value in root]
    return keys.get(root, root) if isinstance(root, str) else root


# ---------------------------------------------------------------- groups

_GROUP_KEY = re.compile(
    r"(condition|condition-branches|for-loop|exit-handler)-[0-9]+|(when|switch|else|for-each|exit)--.*", re.DOTALL
)


def is_group_key(key: str) -> bool:
    """Whether a task is a condition, a loop, a switch or an exit handler, by the words that the compilers call them."""
    return _GROUP_KEY.fullmatch(key) is not None


def condition_of(task: Json) -> str:
    return task.get("triggerPolicy", {}).get("condition", "")


def iterator_of(task: Json) -> Json:
    """Either kind of iterator; empty if the task has none."""
    return task.get("parameterIterator") or task.get("artifactIterator") or {}


@dataclass
class _Ir:
    """What is looked up by name; what nobody looked up is unused."""

    components: Json
    executors: Json
    kubernetes: Json
    local: Json
    used: set[str] = field(default_factory=set[str])

    def component(self, task: Json) -> Json:
        name = task.get("componentRef", {}).get("name", "")
        self.used.add(name)
        return self.components.get(name, {"missing": f"no component {name}"})

    def executor(self, label: str) -> Any:
        self.used.add(label)
        return self.executors.get(label, f"no executor {label}")

    def unused(self) -> list[str]:
        settings = {f"Kubernetes settings of {label}" for label in self.kubernetes.keys() - self.executors.keys()}
        settings |= {f"local settings of {label}" for label in self.local.keys() - self.executors.keys()}
        return sorted(settings | (self.components.keys() | self.executors.keys()) - self.used)


# ---------------------------------------------------------------- a DAG in the place where it runs

_MENTIONED = re.compile(r"\{\{\$\.inputs\.parameters\['([^']*)'\]\}\}")
_FIELD = re.compile(r'parseJson\(string_value\)\[("(?:[^"\\]|\\.)*")\]')
_NO_VALUE: Json = {}
_DEPTH = 50


@dataclass
class _Scope:
    """One DAG as one task runs it: `path` is that of the sub-pipeline, `place` tells the groups as well.

    `task` is the task of the DAG in its `parent`; the root has neither.
    """

    ir: _Ir
    component: Json
    parent: _Scope | None = None
    key: str = ""
    path: str = ""
    place: str = ""
    depth: int = 0

    @cached_property
    def tasks(self) -> Json:
        return self.component.get("dag", {}).get("tasks", {})

    @cached_property
    def children(self) -> dict[str, _Scope]:
        return {}

    @property
    def task(self) -> Json:
        return self.parent.tasks[self.key] if self.parent else {}

    def child(self, key: str) -> _Scope:
        """The DAG that a task runs."""
        if key not in self.children:
            if self.depth > _DEPTH:
                raise RecursionError(f"{self.place}: components run each other")
            path = self.path if is_group_key(key) else f"{self.path}{key}/"
            place = self.group_place(key)
            if not is_group_key(key) and self.label(key) != key:
                place += f"/{key}"
            component = self.ir.component(self.tasks[key])
            self.children[key] = _Scope(self.ir, component, self, key, path, place, self.depth + 1)
        return self.children[key]

    # ------------------------------------------------------------ names

    def label(self, key: str) -> str:
        """What a task is called: a step by its key, a group by its kind and its steps."""
        task = self.tasks.get(key)
        if task is None:
            return f"no task {key}"
        kind = "if" if condition_of(task) else "loop" if iterator_of(task) else "block" if is_group_key(key) else ""
        return self._named(kind, key) if kind else key

    def _named(self, kind: str, key: str) -> str:
        return f"{kind}[{', '.join(sorted(self._steps(key)))}]"

    def group_place(self, key: str) -> str:
        """What a task is called in the whole pipeline; where a condition and a loop stand on it, the loop is inside."""
        task = self.tasks.get(key, {})
        place = f"{self.place}/{self.label(key)}"
        return f"{place}/{self._named('loop', key)}" if condition_of(task) and iterator_of(task) else place

    def _steps(self, key: str) -> set[str]:
        if not is_group_key(key):
            return {key}
        dag = self.ir.component(self.tasks[key]).get("dag", {})
        inner = _Scope(self.ir, {"dag": dag}, depth=self.depth + 1)
        if inner.depth > _DEPTH:
            raise RecursionError(f"{self.place}: components run each other")
        return {step for one in inner.tasks for step in inner._steps(one)}

    # ------------------------------------------------------------ where values come from

    def origin(self, task: Json, kind: str, name: str) -> Json:
        """Where input `name` of a task of this DAG gets its value; empty if it gets none."""
        binding = task.get("inputs", {}).get(kind, {}).get(name)
        if binding is None:
            port = self.ir.component(task).get("inputDefinitions", {}).get(kind, {}).get(name, {})
            return {"constant": port["defaultValue"]} if "defaultValue" in port else _NO_VALUE
        found = self._bound(task, kind, binding)
        selector = binding.get("parameterExpressionSelector")
        if not selector:
            return found
        match = _FIELD.fullmatch(selector)
        return {"field": json.loads(match[1]), "of": found} if match else {"selector": selector, "of": found}

    def _bound(self, task: Json, kind: str, binding: Json) -> Json:
        if "runtimeValue" in binding:
            return {"constant": self._text(binding["runtimeValue"].get("constant"), task)}
        if "taskFinalStatus" in binding:
            return {"status": self._whole(binding["taskFinalStatus"].get("producerTask", ""))}
        outer = binding.get("componentInputParameter") or binding.get("componentInputArtifact")
        if outer:
            return self.own_input(kind, outer)
        wire = binding.get("taskOutputParameter") or binding.get("taskOutputArtifact") or {}
        return self.output(wire.get("producerTask", ""), kind, _output_key(wire))

    def _text(self, value: Any, task: Json) -> Any:
        """A constant whose text mentions other inputs of the task: with where these come from in their place."""
        if isinstance(value, dict):
            return {key: self._text(one, task) for key, one in value.items()}
        if isinstance(value, list):
            return [self._text(one, task) for one in value]
        if not isinstance(value, str):
            return value
        return _MENTIONED.sub(lambda name: f"{{{{{_sorted_text(self.origin(task, 'parameters', name[1]))}}}}}", value)

    def own_input(self, kind: str, name: str) -> Json:
        """Where an input of this DAG gets its value."""
        declared = name in self.component.get("inputDefinitions", {}).get(kind, {})
        if self.parent is None:
            return {"input": name} if declared else {"dangling": f"no input {name} of the pipeline"}
        if not declared:
            return {"dangling": f"no input {name} of {self.place}"}
        if iterator_of(self.task).get("itemInput") == name:
            return {"item": self.parent.group_place(self.key)}
        return self.parent.origin(self.task, kind, name)

    def _whole(self, key: str) -> str:
        return f"{self.place}/{self.label(key)}"

    def output(self, key: str, kind: str, name: str) -> Json:
        """Where an output of a task of this DAG is made."""
        task = self.tasks.get(key)
        if task is None:
            return {"dangling": f"no task {key} in {self.place}"}
        component = self.ir.component(task)
        if "dag" not in component:
            made: Json = {"task": f"{self.path}{key}", "output": name}
        else:
            made = self.child(key).result(kind, name)
        return {"collected": made, "over": self.group_place(key)} if iterator_of(task) else made

    def result(self, kind: str, name: str) -> Json:
        """Where an output of this DAG is made."""
        selected = self.component.get("dag", {}).get("outputs", {}).get(kind, {}).get(name)
        if selected is None:
            return {"dangling": f"no output {name} of {self.place}"}
        found = [
            self.output(wire.get("producerSubtask", ""), kind, _output_key(wire)) for wire in selectors_of(selected)
        ]
        is_choice = "valueFromOneof" in selected or len(found) != 1
        return {"one_of": found} if is_choice else found[0]

    # ------------------------------------------------------------ what is compared

    def meaning(self) -> Meaning:
        """The tasks of this DAG and what it yields."""
        outputs = self.component.get("dag", {}).get("outputs", {})
        yielded = {kind: {name: self.result(kind, name) for name in ports} for kind, ports in outputs.items()}
        return {"tasks": self._all_tasks(), "outputs": {kind: ports for kind, ports in yielded.items() if ports}}

    def _all_tasks(self) -> Meaning:
        found: Meaning = {}
        for key in self.tasks:
            label = self.label(key)
            found[f"{label} again" if label in found else label] = self._task(key)
        return found

    def _task(self, key: str) -> Meaning:
        """One task; a condition and a loop on it are groups around it, whether or not it is one itself."""
        task = self.tasks[key]
        layers = [(kind, layer) for kind, layer in (("loop", self._loop(key)), ("if", self._condition(task))) if layer]
        if is_group_key(key):
            found, name = {**_kept(task, "retryPolicy"), "holds": self.child(key)._all_tasks()}, ""
        else:
            found, name = self._step(key), key
        for kind, layer in layers:
            holds = {name: {**found, "dependentTasks": []}} if name else found["holds"]
            kept = {} if name else _kept(found, "retryPolicy")
            found, name = {**kept, **layer, "holds": holds}, self._named(kind, key)
        return {**found, **_strategy(task), "dependentTasks": self._waits_for(task)}

    def _waits_for(self, task: Json) -> list[str]:
        """The siblings that a task waits for, whether it says so or takes their data."""
        found = {*task.get("dependentTasks", []), *producers(task)}
        return sorted(map(self.label, found))

    def _loop(self, key: str) -> Meaning:
        task = self.tasks[key]
        iterator, component = iterator_of(task), self.ir.component(task)
        if not iterator:
            return {}
        kind = "parameters" if "parameterIterator" in task else "artifacts"
        items = iterator.get("items", {})
        name = items.get("inputParameter") or items.get("inputArtifact")
        over = self.origin(task, kind, name) if name else {"constant": _elements(items.get("raw", ""))}
        element = component.get("inputDefinitions", {}).get(kind, {}).get(iterator.get("itemInput"), {})
        of = element.get("parameterType") or element.get("artifactType") or "not declared"
        return {"over": over, "element": of, "parallel": task.get("iteratorPolicy", {}).get("parallelismLimit", 0)}

    def _condition(self, task: Json) -> Meaning:
        if not condition_of(task):
            return {}
        declared = self.ir.component(task).get("inputDefinitions", {}).get("parameters", {})

        def operand(name: str) -> tuple[Any, str]:
            return self.origin(task, "parameters", name), declared.get(name, {}).get("parameterType", "")

        return {"condition": normal(parse_condition(condition_of(task)), operand)}

    def _step(self, key: str) -> Meaning:
        task = self.tasks[key]
        component = self.ir.component(task)
        if "missing" in component:
            return {"component": component["missing"]}
        if "dag" in component:
            return {**_kept(task, "taskInfo", "retryPolicy"), **self._sub_pipeline(key)}
        settings = _kept(task, "taskInfo", "retryPolicy", "cachingOptions")
        executor = self.ir.executor(component.get("executorLabel", ""))
        if isinstance(executor, dict) and "importer" in executor:
            return {**settings, "component": self._importer(task, component, executor["importer"])}
        ports = {name: ports for name, ports in component.items() if name != "executorLabel"}
        platform = self._platforms(component.get("executorLabel", ""))
        return {
            **settings,
            "inputs": self._inputs(key),
            "component": {**ports, "executor": executor, **platform},
        }

    def _inputs(self, key: str) -> Meaning:
        """The inputs of a task that get a value. Those that only its own texts mention are told of there."""
        task = self.tasks[key]
        declared = self.ir.component(task).get("inputDefinitions", {})
        bound = task.get("inputs", {})
        mentioned = set(_MENTIONED.findall(json.dumps(bound, ensure_ascii=False)))
        found: Meaning = {}
        for kind in KINDS:
            names = [*declared.get(kind, {}), *(bound.get(kind, {}).keys() - declared.get(kind, {}).keys() - mentioned)]
            origins = {name: self.origin(task, kind, name) for name in names}
            if iterator_of(task).get("itemInput") in declared.get(kind, {}):
                origins[iterator_of(task)["itemInput"]] = {"item": self.group_place(key)}
            found[kind] = {name: origin for name, origin in origins.items() if origin != _NO_VALUE}
        return found

    def _sub_pipeline(self, key: str) -> Meaning:
        inputs = self._inputs(key)
        component = self.child(key).component
        declared = component.get("inputDefinitions", {})
        ports = {
            kind: {name: port for name, port in declared.get(kind, {}).items() if name in inputs[kind]}
            for kind in KINDS
        }
        written = {name: part for name, part in component.items() if name not in ("inputDefinitions", "dag")}
        return {
            "inputs": inputs,
            "component": {**written, "inputDefinitions": ports, "dag": self.child(key).meaning()},
        }

    def _importer(self, task: Json, component: Json, importer: Json) -> Meaning:
        uri = importer.get("artifactUri", {})
        name = uri.get("runtimeParameter")
        source = self.origin(task, "parameters", name) if name else {"constant": uri.get("constant")}
        rest = {key: value for key, value in importer.items() if key not in ("artifactUri", "metadata")}
        metadata = self._text(importer.get("metadata", {}), task)
        outputs = component.get("outputDefinitions", {})
        return {"outputDefinitions": outputs, "executor": {"importer": {**rest, "uri": source, "metadata": metadata}}}

    def _platforms(self, label: str) -> Meaning:
        local = self.ir.local.get(label)
        return {**self._kubernetes(label), **({"local": local} if local else {})}

    def _kubernetes(self, label: str) -> Meaning:
        config = json_format.MessageToDict(_message(self.ir.kubernetes.get(label, {}), KubernetesExecutorConfig()))
        for name in _WITHOUT_ORDER & config.keys():
            config[name] = _in_order(config[name])
        return {"kubernetes": _without_old_names(config)} if config else {}


def producers(task: Json) -> Iterator[str]:
    """The siblings whose outputs or status a task takes."""
    for kind in KINDS:
        for binding in task.get("inputs", {}).get(kind, {}).values():
            for source in ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus"):
                if source in binding:
                    yield binding[source].get("producerTask", "")


def selectors_of(output: Json) -> list[Json]:
    """What an output of a DAG is taken from: one task, or one of several."""
    one_of = output.get("valueFromOneof", {}).get("parameterSelectors", [])
    single = [output["valueFromParameter"]] if "valueFromParameter" in output else []
    return output.get("artifactSelectors") or one_of or single


def _output_key(wire: Json) -> str:
    return wire.get("outputParameterKey") or wire.get("outputArtifactKey") or ""


def _kept(task: Json, *names: str) -> Meaning:
    return {name: task[name] for name in names if name in task}


def _strategy(task: Json) -> Meaning:
    strategy = task.get("triggerPolicy", {}).get("strategy", "ALL_UPSTREAM_TASKS_SUCCEEDED")
    return {} if strategy == "ALL_UPSTREAM_TASKS_SUCCEEDED" else {"triggerPolicy": {"strategy": strategy}}


def _without_empty(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _without_empty(one) for key, one in value.items()}
    return {key: one for key, one in inner.items() if one != {}}


def _elements(raw: str) -> Any:
    try:
        return json.loads(raw, parse_int=float)
    except ValueError:
        return f"no JSON: {raw}"


_WITHOUT_ORDER = {"secretAsEnv", "configMapAsEnv"}
_OLD_NAMES = {
    "secretName": "secretNameParameter",
    "configMapName": "configMapNameParameter",
    "constant": "pvcNameParameter",
}


def _without_old_names(config: Any) -> Any:
    """Kubernetes settings in which constants stand where the present fields have them."""
    if isinstance(config, list):
        return [_without_old_names(one) for one in config]
    if not isinstance(config, dict):
        return config
    if config.keys() == {"constant"}:
        return config
    found = {key: _without_old_names(value) for key, value in config.items()}
    for old, new in _OLD_NAMES.items():
        if isinstance(found.get(old), str) and found.get(new, found[old]) in (found[old], _as_constant(found[old])):
            found[new] = _as_constant(found.pop(old))
    return found


def _as_constant(value: str) -> Meaning:
    return {"runtimeValue": {"constant": value}}


# ---------------------------------------------------------------- conditions


class NoCondition(ValueError):
    """A text that is not a condition in the part of CEL that is known here."""


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<text>'(?:[^'\\\r\n]|\\.)*'|"(?:[^"\\\r\n]|\\.)*")
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>\|\||&&|==|!=|<=|>=|[<>!()\[\].,+-])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_PLAIN_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in")

Tree = tuple[Any, ...]


def parse_condition(text: str) -> Tree:
    """The tree of a condition: ("||", …), ("&&", …), ("!", x), a comparison, ("constant", v), ("operand", name),
    ("list", …) or a call. Raises NoCondition.
    """
    parser = _Parser(list(_tokens(text)))
    tree = parser.either()
    if parser.next[0] != "end":
        raise NoCondition(f"{text}: `{parser.next[1]}` is not expected")
    return tree


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise NoCondition(f"{text}: cannot be read from `{text[at:]}`")
        yield str(match.lastgroup), match[str(match.lastgroup)]
        at = match.end()
    yield "end", "the end"


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) > 1:
            return chr(
                int(code, 8) if code.isdigit() and code[0] in "01234567" and len(code) == 3 else int(code[1:], 16)
            )
        if code in _PLAIN_ESCAPES or code in "\\'\"`?":
            return _PLAIN_ESCAPES.get(code, code)
        raise NoCondition(f"{text}: `\\{code}` is no escape")

    return _ESCAPE.sub(character, text[1:-1])


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens

    @property
    def next(self) -> tuple[str, str]:
        return self.tokens[0]

    def took(self, *signs: str) -> str | None:
        """The next token if it is one of these; it is passed over then."""
        kind, text = self.next
        if kind in ("sign", "name") and text in signs:
            self.tokens.pop(0)
            return text
        return None

    def must(self, sign: str) -> None:
        if not self.took(sign):
            raise NoCondition(f"`{sign}` is expected, not `{self.next[1]}`")

    def either(self) -> Tree:
        return self._several("||", lambda: self._several("&&", self.comparison))

    def _several(self, sign: str, one: Callable[[], Tree]) -> Tree:
        found = [one()]
        while self.took(sign):
            found.append(one())
        return (sign, *found) if len(found) > 1 else found[0]

    def comparison(self) -> Tree:
        left = self.single()
        sign = self.took(*_COMPARISONS)
        return (sign, left, self.single()) if sign else left

    def single(self) -> Tree:
        if self.took("!"):
            return ("!", self.single())
        if self.took("-"):
            kind, value = self.single()
            if kind != "constant" or not isinstance(value, int | float):
                raise NoCondition("`-` stands before something that is no number")
            return ("constant", -value)
        if self.took("("):
            tree = self.either()
            self.must(")")
            return tree
        if self.took("["):
            return ("list", *self._until("]"))
        return self._word()

    def _until(self, end: str) -> Iterator[Tree]:
        while not self.took(end):
            yield self.either()
            if self.next[1] != end:
                self.must(",")

    def _word(self) -> Tree:
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return ("constant", int(text) if text.isdigit() else float(text))
        if kind == "text":
            return ("constant", _unescaped(text))
        if text in ("true", "false"):
            return ("constant", text == "true")
        if text == "inputs" and self.took("."):
            return self._operand()
        if kind == "name" and self.took("("):
            return (text, *self._until(")"))
        raise NoCondition(f"`{text}` is not expected")

    def _operand(self) -> Tree:
        self.must("parameter_values")
        self.must("[")
        kind, text = self.tokens.pop(0)
        self.must("]")
        if kind != "text":
            raise NoCondition(f"`{text}` is no name in quotes")
        return ("operand", _unescaped(text))


def operands(tree: Tree) -> Iterator[str]:
    """The inputs that a condition reads."""
    if tree[0] == "operand":
        yield tree[1]
    elif tree[0] != "constant":
        for part in tree[1:]:
            yield from operands(part)


Operand = Callable[[str], tuple[Any, str]]
_NUMBERS = ("NUMBER_INTEGER", "NUMBER_DOUBLE")
_LOGIC = (*_COMPARISONS, "||", "&&", "!")
_TURNED = {">": "<", ">=": "<="}


def normal(tree: Tree, operand: Operand) -> Any:
    """A condition so that what means the same looks the same; `operand` tells origin and type of an input."""
    kind, *parts = tree
    if kind in ("||", "&&"):
        return _flat(kind, [normal(part, operand) for part in parts])
    if kind == "!":
        return _negated(normal(parts[0], operand))
    if kind in _COMPARISONS:
        return _compared(kind, parts, operand)
    found = _value(tree, operand)
    return {"==": _in_order([found, {"constant": True}])} if kind in ("operand", "constant") else found


def _flat(sign: str, parts: list[Any]) -> Any:
    inner = [one for part in parts for one in (part[sign] if isinstance(part, dict) and sign in part else [part])]
    distinct = _in_order({_sorted_text(one): one for one in inner}.values())
    return {sign: distinct} if len(distinct) > 1 else distinct[0]


def _negated(part: Any) -> Any:
    if isinstance(part, dict) and "!" in part:
        return part["!"]
    for sign, other in (("&&", "||"), ("||", "&&")):
        if isinstance(part, dict) and sign in part:
            return _flat(other, [_negated(one) for one in part[sign]])
    return {"!": part}


def _compared(sign: str, parts: list[Any], operand: Operand) -> Any:
    left, right = parts
    if sign == "in" and right[0] == "list":
        return _flat("||", [_compared("==", [left, one], operand) for one in right[1:]])
    if sign == "!=":
        return _negated(_compared("==", parts, operand))
    if sign in _TURNED:
        return _compared(_TURNED[sign], [right, left], operand)
    values = [_value(left, operand), _value(right, operand)]
    if sign != "==":
        return {sign: values}
    is_false = any(one.get("constant") is False for one in values)
    values = [{"constant": True} if one.get("constant") is False else one for one in values]
    return _negated({"==": _in_order(values)}) if is_false else {"==": _in_order(values)}


def _value(tree: Tree, operand: Operand) -> Any:
    kind, *parts = tree
    if kind == "constant":
        value = parts[0]
        return {"constant": float(value) if isinstance(value, int) and not isinstance(value, bool) else value}
    if kind == "operand":
        return operand(parts[0])[0]
    inner = [normal(part, operand) if part[0] in _LOGIC else _value(part, operand) for part in parts]
    if kind in ("int", "double") and len(parts) == 1 and _is_number(kind, parts[0], operand):
        return inner[0]
    return {kind: inner}


def _is_number(cast: str, part: Tree, operand: Operand) -> bool:
    """Whether a cast changes nothing."""
    if part[0] == "operand":
        of = operand(part[1])[1]
        return of == "NUMBER_INTEGER" or (cast == "double" and of in _NUMBERS)
    if part[0] == "int":
        return cast == "double" and _is_number("int", part[1], operand)
    value = part[1] if part[0] == "constant" else None
    return isinstance(value, int if cast == "int" else int | float) and not isinstance(value, bool)


def _in_order(parts: Any) -> list[Any]:
    return sorted(parts, key=_sorted_text)


def _sorted_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# ---------------------------------------------------------------- differences


def differences(first: Any, second: Any) -> list[str]:
    """Where two meanings differ, as `path: this != that`; types count, so that 1, "1" and true are three things."""
    return list(_differences(first, second, ""))


_ABSENT = object()


def _differences(first: Any, second: Any, path: str) -> Iterator[str]:
    if isinstance(first, dict) and isinstance(second, dict):
        for key in sorted(first.keys() | second.keys()):
            yield from _differences(first.get(key, _ABSENT), second.get(key, _ABSENT), f"{path}/{key}")
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _differences(one, other, f"{path}/{index}")
    elif type(first) is not type(second) or repr(first) != repr(second):
        yield f"{path}: {_shown(first)} != {_shown(second)}"


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True)
