"""A compiled file executed as the backends do: the IR and the arguments of a run enter, what ran leaves.

The rules are those of the drivers of Kubeflow Pipelines (backend/src/v2/driver: resolve.go, dag.go) and the comments of
pipeline_spec.proto: a task waits for `dependentTasks` and for all producers of its inputs; its strategy is asked first,
then its condition, which sees the resolved inputs with every number a double; a false condition skips the task with all
that is in it; a DAG has failed if a task in it has. Failing is slow, as on Vertex AI: what does not wait goes on.

A program is known by the names of the steps that lead to it; groups that the compiler makes have names with `--`, and
carry none. What it receives is read from its arguments, so a wrong argument is seen too. What no backend would accept
is Broken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cel

from simulation.world import Artifact, Path, Run, World, digest, imported, plain

Json = Mapping[str, Any]
Past = frozenset[Run]
Store = dict[str, Any]
GROUPS = ("when", "switch", "else", "for-each", "exit")
MENTION = re.compile(r"\{\{\$\.inputs\.(?:parameters|artifacts)\['([^']+)'\](?:\.path|\.uri)?\}\}")
FIELD = re.compile(r"""parseJson\(string_value\)\["([^"]+)"\]""")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


KINDS: dict[str, Callable[[Any], bool]] = {
    "STRING": lambda value: isinstance(value, str),
    "BOOLEAN": lambda value: isinstance(value, bool),
    "NUMBER_INTEGER": lambda value: _is_number(value) and float(value).is_integer(),
    "NUMBER_DOUBLE": _is_number,
    "LIST": lambda value: isinstance(value, list),
    "STRUCT": lambda value: isinstance(value, dict),
    "TASK_FINAL_STATUS": lambda value: isinstance(value, dict) and "state" in value,
}
DONE = "COMPLETE"
FAILED = "FAILED"
FALSE = "NOT_TRIGGERED"
HELD = "UNSCHEDULABLE"
SHUT_IN = "in a group that is UNSCHEDULABLE"


class Broken(Exception):
    """The compiled file is one that a backend would refuse, or fail on without a program's fault."""


@dataclass(frozen=True)
class Ended:
    """How a task ended; `past` is all that ran up to then."""

    state: str
    outputs: Json = field(default_factory=dict)
    past: Past = frozenset()


@dataclass
class Executed:
    """All runs, each with what was over before it; and the state of each task by its place."""

    runs: list[tuple[Run, Past, Path]] = field(default_factory=list)
    states: list[tuple[Path, str, tuple[str, ...]]] = field(default_factory=list)  # place, state, why
    outputs: Json = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True)
class Backend:
    spec: Json
    world: World

    def run(self, arguments: Json) -> Executed:
        executed = Executed()
        dag = _Dag(self, executed, self.spec["root"], self._bound(self.spec["root"], dict(arguments), "root"))
        ended = dag.run()
        executed.outputs, executed.failed = dag.outputs(), ended.state == FAILED
        return executed

    def _bound(self, component: Json, given: Store, name: str) -> Store:
        """The inputs of a component: those given, and its defaults; all types are checked."""
        declared = _declared(component, "inputDefinitions")
        if unknown := set(given) - set(declared):
            raise Broken(f"{name} gets undeclared inputs {sorted(unknown)}")
        for key, definition in declared.items():
            if key not in given and "defaultValue" in definition:
                given[key] = definition["defaultValue"]
            if key not in given and not definition.get("isOptional"):
                raise Broken(f"{name} misses the input {key}")
            kind = definition.get("parameterType")
            if key in given and kind and not KINDS[kind](given[key]):
                raise Broken(f"{name}: {key} is no {kind}: {given[key]!r}")
        return given


def _declared(component: Json, side: str) -> dict[str, Json]:
    sides = component.get(side, {})
    return {**sides.get("parameters", {}), **sides.get("artifacts", {})}


def _inputs(task: Json) -> dict[str, Json]:
    inputs = task.get("inputs", {})
    return {**inputs.get("parameters", {}), **inputs.get("artifacts", {})}


def _producers(task: Json) -> list[str]:
    found = (one for value in _inputs(task).values() for one in value.values() if isinstance(one, dict))
    return [one["producerTask"] for one in found if "producerTask" in one]


@dataclass
class _Dag:
    """One execution of the tasks of a component."""

    backend: Backend
    executed: Executed
    component: Json
    inputs: Store
    path: Path = ()
    place: Path = ()
    before: Past = frozenset()

    def __post_init__(self) -> None:
        self.tasks: Json = self.component["dag"]["tasks"]
        self.ended: dict[str, Ended] = {}

    def run(self) -> Ended:
        ended = [self.end_of(name) for name in self.tasks]
        state = FAILED if any(one.state == FAILED for one in ended) else DONE
        return Ended(state, {}, self.before.union(*(one.past for one in ended)))

    def end_of(self, name: str) -> Ended:
        if name not in self.tasks:
            raise Broken(f"there is no task {name}")
        if name not in self.ended:
            self.ended[name] = self._task(name, self.tasks[name])
        return self.ended[name]

    def _task(self, name: str, task: Json) -> Ended:
        waits = {one: self.end_of(one) for one in [*task.get("dependentTasks", []), *_producers(task)]}
        past = self.before.union(*(one.past for one in waits.values()))
        policy = task.get("triggerPolicy", {})
        not_done = tuple(sorted(one for one, end in waits.items() if end.state != DONE))
        if not_done and policy.get("strategy") != "ALL_UPSTREAM_TASKS_COMPLETED":
            return self._skipped(name, task, HELD, past, not_done)
        given = self._given(name, task)
        if "condition" in policy and not self._holds(policy["condition"], given):
            return self._skipped(name, task, FALSE, past, ())
        if "parameterIterator" in task:
            return self._loop(name, task, given, past)
        return self._component(name, task, given, past, self.place)

    def _skipped(self, name: str, task: Json, state: str, past: Past, why: tuple[str, ...]) -> Ended:
        """Note every step of what does not run."""
        if _step(name):
            self.executed.states.append(((*self.place, *_step(name)), state, why))
        else:
            for inner, inner_task in self._referenced(task)["dag"]["tasks"].items():
                self._skipped(inner, inner_task, SHUT_IN if state == HELD else state, past, why)
        return Ended(state, {}, past)

    def _referenced(self, task: Json) -> Json:
        return self.backend.spec["components"][task["componentRef"]["name"]]

    # ---- inputs

    def _given(self, name: str, task: Json) -> Store:
        component = self._referenced(task)
        declared = _declared(component, "inputDefinitions")
        given: Store = {}
        for key, source in _inputs(task).items():
            found = self._resolved(source)
            if found:
                given[key] = found[0]
            elif key in declared and not declared[key].get("isOptional"):
                raise Broken(f"{name}.{key} gets nothing from {source}")
        item = task.get("parameterIterator", {}).get("itemInput")
        without = {"inputDefinitions": {"parameters": {k: v for k, v in declared.items() if k != item}}}
        return self.backend._bound(without, given, name)

    def _resolved(self, source: Json) -> list[Any]:
        """The value, alone in a list; an empty list where there is none."""
        if "parameterExpressionSelector" in source:
            plainly = {key: value for key, value in source.items() if key != "parameterExpressionSelector"}
            return [_field(value, source["parameterExpressionSelector"]) for value in self._resolved(plainly)]
        ((kind, found),) = source.items()
        if kind == "runtimeValue":
            return [found["constant"]]
        if kind in ("componentInputParameter", "componentInputArtifact"):
            if found not in _declared(self.component, "inputDefinitions"):
                raise Broken(f"the group does not declare {found}")
            return [self.inputs[found]] if found in self.inputs else []
        end = self.end_of(found["producerTask"])
        if kind == "taskFinalStatus":
            return [{"state": {DONE: "SUCCEEDED", FAILED: FAILED}.get(end.state, "NOT RUN")}]
        key = found["outputParameterKey" if kind == "taskOutputParameter" else "outputArtifactKey"]
        if key not in _declared(self._referenced(self.tasks[found["producerTask"]]), "outputDefinitions"):
            raise Broken(f"{found['producerTask']} has no output {key}")
        return [end.outputs[key]] if key in end.outputs else []

    def _holds(self, condition: str, given: Store) -> bool:
        values = {key: _double(value) for key, value in given.items()}
        try:
            holds = cel.evaluate(condition, {"inputs": {"parameter_values": values}})
        except Exception as error:
            raise Broken(f"{condition}: {error}") from error
        if not isinstance(holds, bool):
            raise Broken(f"{condition} is {holds!r}")
        return holds

    # ---- running

    def _loop(self, name: str, task: Json, given: Store, past: Past) -> Ended:
        iterator = task["parameterIterator"]
        items = iterator["items"]
        found = json.loads(items["raw"]) if "raw" in items else given[items["inputParameter"]]
        if not isinstance(found, list):
            raise Broken(f"{name} loops over {found!r}")
        ended = [
            self._component(name, task, {**given, iterator["itemInput"]: item}, past, (*self.place, f"#{index}"))
            for index, item in enumerate(found)
        ]
        state = FAILED if any(one.state == FAILED for one in ended) else DONE
        keys = _declared(self._referenced(task), "outputDefinitions") if state == DONE else {}
        outputs = {key: [one.outputs[key] for one in ended if key in one.outputs] for key in keys}
        return Ended(state, outputs, past.union(*(one.past for one in ended)))

    def _component(self, name: str, task: Json, given: Store, past: Past, around: Path) -> Ended:
        component, place = self._referenced(task), (*around, *_step(name))
        given = self.backend._bound(component, given, name)
        path = (*self.path, *_step(name))
        if "executorLabel" in component:
            return self._leaf(component, given, past, path, place)
        dag = _Dag(self.backend, self.executed, component, given, path, place, past)
        ended = dag.run()
        if _step(name):
            self.executed.states.append((place, ended.state, ()))
        return Ended(ended.state, dag.outputs() if ended.state == DONE else {}, ended.past)

    def _leaf(self, component: Json, given: Store, past: Past, path: Path, place: Path) -> Ended:
        executor = self.backend.spec["deploymentSpec"]["executors"][component["executorLabel"]]
        if "importer" in executor:
            outputs: Json | None = {"artifact": _imported(executor["importer"], given, path)}
            run = Run(path, digest([outputs["artifact"]]))
        else:
            run = Run(path, digest([*_received(executor["container"]["args"], given)]))
            outputs = self.backend.world.outcome(run, _declared(component, "outputDefinitions"))
        self.executed.runs.append((run, past, place))
        self.executed.states.append((place, FAILED if outputs is None else DONE, ()))
        return Ended(FAILED if outputs is None else DONE, outputs or {}, past | {run})

    # ---- outputs

    def outputs(self) -> Store:
        stated = self.component["dag"].get("outputs", {})
        found = {key: self._selected(key, one) for key, one in stated.get("parameters", {}).items()}
        artifacts = {key: one["artifactSelectors"] for key, one in stated.get("artifacts", {}).items()}
        found |= {key: self._first(key, one, "outputArtifactKey") for key, one in artifacts.items()}
        return {key: one[0] for key, one in found.items() if one}

    def _selected(self, key: str, source: Json) -> list[Any]:
        single = [source["valueFromParameter"]] if "valueFromParameter" in source else None
        return self._first(key, single or source["valueFromOneof"]["parameterSelectors"], "outputParameterKey")

    def _first(self, key: str, selectors: list[Json], port: str) -> list[Any]:
        for one in selectors:
            end = self.end_of(one["producerSubtask"])
            if end.state == DONE:
                return [end.outputs[one[port]]] if one[port] in end.outputs else []
        if len(selectors) > 1 and not any(end.state in (FAILED, HELD) for end in self.ended.values()):
            raise Broken(f"none of the branches of {key} ran")
        return []


def _step(name: str) -> Path:
    """The step that a task runs; nothing for a group."""
    head, _, rest = name.partition("--")
    return () if rest and head in GROUPS else (head.replace("-", "_"),)


def _field(value: Any, selector: str) -> Any:
    found = FIELD.fullmatch(selector)
    if not found or not isinstance(value, dict) or found[1] not in value:
        raise Broken(f"{selector} of {value!r}")
    return value[found[1]]


def _double(value: Any) -> Any:
    return plain(value) if not isinstance(value, Artifact) else value.token


def _imported(importer: Json, given: Store, path: Path) -> Artifact:
    uri = importer["artifactUri"]
    where = uri["constant"] if "constant" in uri else given[uri["runtimeParameter"]]
    metadata = {key: _text(value, given) for key, value in importer.get("metadata", {}).items()}
    return imported(path, {"uri": where, "metadata": metadata})


def _text(value: Any, given: Store) -> Any:
    found = MENTION.fullmatch(value) if isinstance(value, str) else None
    return given[found[1]] if found else value


def _received(args: list[str], given: Store) -> tuple[str, dict[str, Any]]:
    """The program that the arguments name, and what they hand it."""
    received: dict[str, Any] = {}
    program, *rest = args
    for argument in rest:
        key, _, text = argument.partition("=")
        if "$.outputs" in text or argument == "--":
            continue
        name, _, index = key.partition("[")
        value = _value(text, given)
        if index:
            received.setdefault(name, []).append(value)
            assert len(received[name]) == int(index[:-1]) + 1
        else:
            received[name] = value
    return program, received


def _value(text: str, given: Store) -> Any:
    if text.startswith("[") and text.endswith("]"):
        return [_value(part, given) for part in re.split(",(?=['{f])", text[1:-1])] if text != "[]" else []
    if text.startswith("float(") and text.endswith(")"):
        text = text[6:-1]
    elif text.startswith("'") and text.endswith("'"):
        text = text[1:-1]
    found = MENTION.fullmatch(text)
    if not found:
        raise Broken(f"the argument {text} is not understood")
    if found[1] not in given:
        raise Broken(f"the argument {text} has no value")
    return given[found[1]]
