"""A compiled file executed as the backends do: the IR and the arguments of a run enter, what ran leaves.

The rules are those of the drivers of Kubeflow Pipelines (backend/src/v2/driver: resolve.go, dag.go) and the comments of
pipeline_spec.proto: a task waits for `dependentTasks` and for all producers of its inputs; its strategy is asked first,
then its condition, which sees the resolved inputs with every number a double; a false condition skips the task with all
that is in it; a DAG has failed if a task in it has. Failing is slow, as on Vertex AI: what does not wait goes on.

A program is known by the names of the steps that lead to it; groups that the compiler makes have names with `--`, and
carry none. What it receives is read from its arguments, so a wrong argument is seen too. What no backend would accept,
and a compiler should not write, is Broken; of documents that are not held to that, it makes the task fail.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
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


class Gathered(list[Any]):
    """What the iterations of a loop have made; a loop around it adds to one flat list (resolve.go)."""


@dataclass
class Executed:
    """All runs, each with what was over before it; and the state of each task by its place."""

    runs: list[tuple[Run, Past, Path]] = field(default_factory=list)
    states: list[tuple[Path, str, tuple[str, ...]]] = field(default_factory=list)  # place, state, why
    outputs: Json = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True)
class Backend:
    """`strict`: the document was written by a compiler that should never let a task fail before it starts."""

    spec: Json
    world: World
    strict: bool = True

    def run(self, arguments: Json) -> Executed:
        executed = Executed()
        dag = _Dag(self, executed, self.spec["root"], self._bound(self.spec["root"], dict(arguments), "root"))
        ended = dag.run()
        executed.outputs, executed.failed = dag.handed_out(), ended.state == FAILED or dag.is_broken
        return executed

    def forgive(self, error: Broken) -> None:
        """Go on after it, unless the document is held to be sound."""
        if self.strict:
            raise error

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
            if kind == "STRING" and key in given and not self.strict and not isinstance(given[key], str):
                given[key] = json.dumps(given[key], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            if key in given and kind and not KINDS[kind](given[key]):
                raise Broken(f"{name}: {key} is no {kind}: {given[key]!r}")
        return given


def _declared(component: Json, side: str) -> dict[str, Json]:
    sides = component.get(side, {})
    return {**sides.get("parameters", {}), **sides.get("artifacts", {})}


def _without(component: Json, name: str | None) -> Json:
    """The inputs of a component without one, as a list is not there within its loop, and no element around it."""
    declared = _declared(component, "inputDefinitions")
    return {"inputDefinitions": {"parameters": {key: value for key, value in declared.items() if key != name}}}


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
        self.is_broken = False

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
        try:
            given = self._given(name, task)
            if "condition" in policy and not self._holds(policy["condition"], given):
                return self._skipped(name, task, FALSE, past, ())
        except Broken as error:
            return self._broken(name, self.place, past, error)
        if "parameterIterator" in task:
            return self._loop(name, task, given, past)
        return self._component(name, task, given, past, self.place)

    def _broken(self, name: str, around: Path, past: Past, error: Broken) -> Ended:
        """A task that fails before anything of it starts."""
        self.backend.forgive(error)
        if step_of(name):
            self.executed.states.append(((*around, *step_of(name)), FAILED, ()))
        return Ended(FAILED, {}, past)

    def _skipped(self, name: str, task: Json, state: str, past: Past, why: tuple[str, ...]) -> Ended:
        """Note every step of what does not run."""
        if step_of(name):
            self.executed.states.append(((*self.place, *step_of(name)), state, why))
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
        return self.backend._bound(_without(component, item), given, name)

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
            return self._broken(name, self.place, past, Broken(f"{name} loops over {found!r}"))
        shared = {key: value for key, value in given.items() if key != items.get("inputParameter")}  # resolve.go
        ended = [
            self._component(name, task, {**shared, iterator["itemInput"]: item}, past, (*self.place, f"#{index}"))
            for index, item in enumerate(found)
        ]
        state = FAILED if any(one.state == FAILED for one in ended) else DONE
        keys = _declared(self._referenced(task), "outputDefinitions") if state == DONE else {}
        outputs = {key: _gathered(one.outputs[key] for one in ended if key in one.outputs) for key in keys}
        return Ended(state, outputs, past.union(*(one.past for one in ended)))

    def _component(self, name: str, task: Json, given: Store, past: Past, around: Path) -> Ended:
        component, place = self._referenced(task), (*around, *step_of(name))
        try:
            items = task.get("parameterIterator", {}).get("items", {}).get("inputParameter")
            given = self.backend._bound(_without(component, items), given, name)
        except Broken as error:
            return self._broken(name, around, past, error)
        path = (*self.path, *step_of(name))
        if "executorLabel" in component:
            return self._leaf(component, given, past, path, place)
        dag = _Dag(self.backend, self.executed, component, given, path, place, past)
        ended = dag.run()
        outputs = dag.handed_out() if ended.state == DONE else {}
        state = FAILED if dag.is_broken else ended.state
        if step_of(name):
            self.executed.states.append((place, state, ()))
        return Ended(state, outputs, ended.past)

    def _leaf(self, component: Json, given: Store, past: Past, path: Path, place: Path) -> Ended:
        executor = self.backend.spec["deploymentSpec"]["executors"][component["executorLabel"]]
        if "importer" in executor:
            outputs: Json | None = {"artifact": _imported(executor["importer"], given, path)}
            run = Run(path, digest([outputs["artifact"]]))
        else:
            run = Run(path, digest([*received(executor["container"]["args"], given)]))
            outputs = self.backend.world.outcome(run, _declared(component, "outputDefinitions"))
        self.executed.runs.append((run, past, place))
        self.executed.states.append((place, FAILED if outputs is None else DONE, ()))
        return Ended(FAILED if outputs is None else DONE, outputs or {}, past | {run})

    # ---- outputs

    def handed_out(self) -> Store:
        """The outputs; without them the DAG has failed."""
        try:
            return self.outputs()
        except Broken as error:
            self.backend.forgive(error)
            self.is_broken = True
            return {}

    def outputs(self) -> Store:
        stated = self.component["dag"].get("outputs", {})
        found = {key: self._selected(key, one) for key, one in stated.get("parameters", {}).items()}
        artifacts = {key: one["artifactSelectors"] for key, one in stated.get("artifacts", {}).items()}
        found |= {key: self._first(key, one, "outputArtifactKey") for key, one in artifacts.items()}
        return {key: one[0] for key, one in found.items() if one}

    def _selected(self, key: str, source: Json) -> list[Any]:
        single = [source["valueFromParameter"]] if "valueFromParameter" in source else None
        return self._first(key, single or source["valueFromOneof"]["parameterSelectors"], "outputParameterKey")

    @property
    def _is_excused(self) -> bool:
        """Whether it is no wonder that an output is not there."""
        excuses = (FAILED, HELD) if self.backend.strict else (FAILED,)
        return any(end.state in excuses for end in self.ended.values())

    def _first(self, key: str, selectors: list[Json], port: str) -> list[Any]:
        for one in selectors:
            end = self.end_of(one["producerSubtask"])
            if end.state == DONE and one[port] in end.outputs:
                return [end.outputs[one[port]]]
            if end.state == DONE:
                break
        if len(selectors) > 1 and not self._is_excused:
            raise Broken(f"none of the branches of {key} ran, or the first that did has not made it")
        return []


def _gathered(made: Iterable[Any]) -> Gathered:
    return Gathered(part for one in made for part in (one if isinstance(one, Gathered) else [one]))


def step_of(name: str) -> Path:
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


def received(args: list[str], given: Store) -> tuple[str, dict[str, Any]]:
    """The program that the arguments name, and what they hand it."""
    received: dict[str, Any] = {}
    program, *rest = [text for argument in args for text in _present(argument, given)]
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


def _present(argument: str, given: Store) -> list[str]:
    """Nothing where the argument is only for an input that has no value."""
    if not argument.startswith('{"IfPresent"'):
        return [argument]
    choice = json.loads(argument)["IfPresent"]
    return choice["Then"] if choice["InputName"] in given else []


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
