"""How a run moves: a PipelineSpec, values and a script enter; each step of `tick` moves every task a little.

Job: PENDING, RUNNING, then SUCCEEDED, FAILED or, by way of CANCELLING, CANCELLED. Tasks likewise, in the order that
the spec demands; a task that will never be started because of what stands before it is NOT_TRIGGERED.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from vertex_errors import CODE_NUMBERS
from vertex_script import Plan, Script, plan_of

Json = Mapping[str, Any]
WELL = frozenset({"SUCCEEDED", "SKIPPED"})
ENDED = WELL | {"FAILED", "CANCELLED", "NOT_TRIGGERED"}
SAMPLES: dict[str, object] = {
    "NUMBER_DOUBLE": 0.5,
    "NUMBER_INTEGER": 1,
    "BOOLEAN": True,
    "STRING": "value",
    "LIST": [],
    "STRUCT": {},
    "TASK_FINAL_STATUS": {},
}


@dataclass
class Task:
    """A task of a run, or the run itself (no parent), or one iteration of a loop (`iteration` is its index)."""

    id: int
    name: str
    parent: Task | None
    definition: Json
    component: Json
    plan: Plan
    created: float
    iteration: int | None = None
    state: str = "PENDING"
    started: float | None = None
    ended: float | None = None
    error: Json | None = None
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    jobs: list[str] = field(default_factory=list[str])
    looked: int = 0
    children: dict[str, Task] = field(default_factory=dict[str, "Task"])

    @property
    def unique_name(self) -> str:
        """Names of the tasks around it and its own, as the API says; the run itself is not among them."""
        if self.parent is None or self.parent.parent is None:
            return self.name
        return f"{self.parent.unique_name}.{self.name}"

    @property
    def is_group(self) -> bool:
        return "dag" in self.component

    @property
    def is_loop(self) -> bool:
        return self.iteration is None and "parameterIterator" in self.definition

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


@dataclass
class Settings:
    """What a run is told: values of its inputs, where artifacts go, who it belongs to, and what shall happen.

    `iteration_name` makes the name of an iteration of `{task}` and `{index}`; `done` are the unique names of tasks
    that an earlier run did already, with them their values.
    """

    parameters: Json
    root: str
    parent: str
    number: int
    script: Script
    fail_fast: bool = False
    caching: bool = True
    iteration_name: str = "{task}-iteration-{index}"
    done: Mapping[str, Plan] = field(default_factory=dict[str, Plan])


class Run:
    """The tasks of a job and where they are."""

    def __init__(self, spec: Json, settings: Settings, clock: Callable[[], float]) -> None:
        self.spec = spec
        self.settings = settings
        self.clock = clock
        self.state = "PENDING"
        self.error: dict[str, Any] | None = None
        self.started: float | None = None
        self.ended: float | None = None
        self.tasks: list[Task] = []
        self._waited = False

    # ---- moving

    def tick(self) -> None:
        """Move everything a little."""
        if self.state == "PENDING":
            self._begin()
        elif self.state == "RUNNING":
            self._proceed()
        elif self.state == "CANCELLING":
            self._end_cancelled()

    def cancel(self) -> None:
        self.state = "CANCELLING"
        for task in self.tasks:
            if not task.has_ended:
                self._note(task, "CANCELLING" if task.state == "RUNNING" else "CANCEL_PENDING")

    def _begin(self) -> None:
        if not self._waited:
            self._waited = True
            return
        self.state = "RUNNING"
        self.started = self.clock()
        name = self.spec["pipelineInfo"]["name"]
        self._start(self._add(name, None, {}, self.spec["root"]))

    def _proceed(self) -> None:
        for task in list(self.tasks):
            if task.state == "RUNNING" and (not task.is_group or self._is_told_to_end(task)):
                self._run_on(task)
            elif task.state == "PENDING":
                self._start(task)
        for task in reversed(self.tasks):
            self._close(task)
        for task in list(self.tasks):
            self._trigger(task)
        self._end_with_root()

    def _is_told_to_end(self, task: Task) -> bool:
        return task.plan.end == "FAILED"

    def _start(self, task: Task) -> None:
        task.started = self.clock()
        self._note(task, "RUNNING")
        if not task.is_group and "importer" not in self.executor(task):
            self._new_job(task)

    def _run_on(self, task: Task) -> None:
        task.looked += 1
        if task.looked < task.plan.looks:
            return
        if task.jobs and len(task.jobs) <= self._retries(task):
            task.looked = 0
            self._note(task, "RUNNING", self._status(task.plan))
            self._new_job(task)
            return
        self._finish(task, task.plan.end, self._status(task.plan) if task.plan.end == "FAILED" else None)

    def _retries(self, task: Task) -> int:
        """How many attempts fail before the last: as told, and a task that fails uses up its retry policy."""
        allowed = int(task.definition.get("retryPolicy", {}).get("maxRetryCount", 0))
        return max(task.plan.retries, allowed if task.plan.end == "FAILED" else 0)

    def _finish(self, task: Task, state: str, error: Json | None = None) -> None:
        task.ended = self.clock()
        task.error = error
        self._note(task, state, error)

    def _close(self, task: Task) -> None:
        """End a group whose tasks have all ended."""
        if task.state != "RUNNING" or not task.is_group or self._is_told_to_end(task):
            return
        children = list(task.children.values())
        if len(children) < len(self._wanted(task)) or not all(child.has_ended for child in children):
            return
        failed = [child.name for child in children if child.state == "FAILED"]
        if failed:
            self._finish(task, "FAILED", _failure_of(failed))
        else:
            self._finish(task, "SUCCEEDED")

    def _wanted(self, group: Task) -> list[str]:
        """The keys of the tasks that a group will have had when it ends."""
        if group.is_loop:
            return [str(index) for index in range(self._iterations(group))]
        keys = list(group.component["dag"].get("tasks", {}))
        return [key for key in keys if key in group.children or not self._is_held_back(group, key)]

    def _is_held_back(self, group: Task, key: str) -> bool:
        """Whether fail fast keeps a task from being started."""
        if not self.settings.fail_fast or all(task.state != "FAILED" for task in self.tasks):
            return False
        return strategy_of(group.component["dag"]["tasks"][key]) != "ALL_UPSTREAM_TASKS_COMPLETED"

    def _trigger(self, group: Task) -> None:
        """Add the tasks of a running group that nothing holds back any more."""
        if group.state != "RUNNING" or not group.is_group or self._is_told_to_end(group):
            return
        if group.is_loop:
            self._iterate(group)
            return
        for key, definition in group.component["dag"].get("tasks", {}).items():
            before = upstream_of(definition)
            ready = all(name in group.children and group.children[name].has_ended for name in before)
            if ready and key not in group.children and not self._is_held_back(group, key):
                self._enter(group, key, [group.children[name] for name in before])

    def _enter(self, group: Task, key: str, before: list[Task]) -> None:
        definition = group.component["dag"]["tasks"][key]
        task = self._add(key, group, definition, self.spec["components"][definition["componentRef"]["name"]])
        needs_success = strategy_of(definition) != "ALL_UPSTREAM_TASKS_COMPLETED"
        if needs_success and any(one.state not in WELL for one in before):
            self._finish(task, "NOT_TRIGGERED")
        elif task.plan.end in ("NOT_TRIGGERED", "SKIPPED"):
            self._finish(task, task.plan.end)

    def _iterate(self, loop: Task) -> None:
        for index in range(len(loop.children), self._iterations(loop)):
            name = self.settings.iteration_name.format(task=loop.name, index=index)
            task = self._add(name, loop, loop.definition, loop.component, index)
            self._start(task)

    def _iterations(self, loop: Task) -> int:
        if loop.plan.iterations is not None:
            return loop.plan.iterations
        return len(self.items(loop))

    def items(self, loop: Task) -> list[object]:
        """What a loop goes over; two made-up elements where only a real run would know."""

        items: Json = loop.definition["parameterIterator"]["items"]
        value: Any = json.loads(items["raw"]) if "raw" in items else self.inputs(loop).get(items["inputParameter"])
        if isinstance(value, str):
            value = json.loads(value)
        return list(cast(list[object], value)) if isinstance(value, list) and value else ["one", "two"]

    def _end_with_root(self) -> None:
        root = self.tasks[0]
        if root.has_ended:
            self.state = root.state
            self.ended = root.ended
            self.error = dict(root.error) if root.error else None

    def _end_cancelled(self) -> None:
        for task in self.tasks:
            if not task.has_ended:
                self._finish(task, "CANCELLED")
        self.state = "CANCELLED"
        self.ended = self.clock()
        self.error = {"code": CODE_NUMBERS["CANCELLED"], "message": "The PipelineJob was cancelled."}

    # ---- making

    def _add(
        self, name: str, parent: Task | None, definition: Json, component: Json, iteration: int | None = None
    ) -> Task:
        number = (1 << 62) + self.settings.number * 100_000 + len(self.tasks)
        task = Task(number, name, parent, definition, component, Plan(), self.clock(), iteration)
        task.plan = plan_of(self.settings.script, task.unique_name, name)
        task.plan = self.settings.done.get(task.unique_name, task.plan)
        if parent:
            parent.children[name if iteration is None else str(iteration)] = task
        self.tasks.append(task)
        self._note(task, "PENDING")
        return task

    def _note(self, task: Task, state: str, error: Json | None = None) -> None:
        task.state = state
        task.history.append({"state": state, "time": self.clock(), "error": error})

    def _new_job(self, task: Task) -> None:
        count = sum(len(one.jobs) for one in self.tasks)
        task.jobs.append(f"{self.settings.parent}/customJobs/{self.settings.number * 100_000 + count + 1}")

    def _status(self, plan: Plan) -> dict[str, Any]:
        number = self.settings.parent.split("/")[1]
        return {"code": CODE_NUMBERS[plan.code], "message": plan.message.replace("{number}", number)}

    # ---- values

    def executor(self, task: Task) -> Json:
        label = task.component.get("executorLabel")
        return self.spec["deploymentSpec"]["executors"][label] if label else {}

    def inputs(self, task: Task) -> dict[str, object]:
        """The values of the input parameters of a task, as far as they are known."""
        declared: Json = task.component.get("inputDefinitions", {}).get("parameters", {})
        values = {key: one["defaultValue"] for key, one in declared.items() if "defaultValue" in one}
        if task.parent is None:
            return {**values, **self.settings.parameters}
        if task.iteration is not None:
            return {**values, **self.inputs(task.parent), **self._element(task)}
        for key, source in task.definition.get("inputs", {}).get("parameters", {}).items():
            value = self._value_of(task.parent, source)
            if value is not None:
                values[key] = value
        return values

    def _element(self, iteration: Task) -> dict[str, object]:
        loop = iteration.parent
        assert loop is not None and iteration.iteration is not None
        items = self.items(loop)
        return {loop.definition["parameterIterator"]["itemInput"]: items[iteration.iteration % len(items)]}

    def _value_of(self, around: Task, source: Json) -> object:
        if "runtimeValue" in source:
            return source["runtimeValue"].get("constant")
        if "componentInputParameter" in source:
            return self.inputs(around).get(source["componentInputParameter"])
        if "taskOutputParameter" in source:
            wanted = source["taskOutputParameter"]
            producer = around.children.get(wanted["producerTask"])
            return self.outputs(producer).get(wanted["outputParameterKey"]) if producer else None
        return None

    def outputs(self, task: Task) -> dict[str, object]:
        """The values of the output parameters of a task that went well."""
        if task.state not in WELL:
            return {}
        declared: Json = task.component.get("outputDefinitions", {}).get("parameters", {})
        return {key: self._output(task, key, one) for key, one in declared.items()}

    def _output(self, task: Task, key: str, declared: Json) -> object:
        if key in task.plan.outputs:
            return task.plan.outputs[key]
        for producer, name in self._producers(task, key, "parameters"):
            values = self.outputs(producer)
            if name in values:
                return values[name]
        return SAMPLES.get(declared.get("parameterType", "STRING"))

    def _producers(self, task: Task, key: str, kind: str) -> Iterator[tuple[Task, str]]:
        """Who inside a group may have made one of its outputs."""
        if not task.is_group or task.is_loop:
            return
        told: Json = task.component["dag"].get("outputs", {}).get(kind, {}).get(key, {})
        for producer, name in selectors_of(told):
            if producer in task.children:
                yield task.children[producer], name

    def artifact_sources(self, task: Task, key: str) -> list[tuple[Task, str]]:
        """The container or importer tasks, with their keys, whose artifacts are the output `key` of a task."""
        if not task.is_group:
            return [(task, key)] if task.state in WELL else []
        inner = list(task.children.values()) if task.is_loop else []
        direct = [(child, key) for child in inner] or list(self._producers(task, key, "artifacts"))
        return [found for one, name in direct for found in self.artifact_sources(one, name)]

    def artifact_inputs(self, task: Task, key: str) -> list[tuple[Task, str]]:
        """Likewise for an input of a task."""
        if task.parent is None:
            return []
        if task.iteration is not None:
            return self.artifact_inputs(task.parent, key)
        source: Json = task.definition.get("inputs", {}).get("artifacts", {}).get(key, {})
        if "componentInputArtifact" in source:
            return self.artifact_inputs(task.parent, source["componentInputArtifact"])
        wanted: Json = source.get("taskOutputArtifact", {})
        producer = task.parent.children.get(wanted.get("producerTask", ""))
        return self.artifact_sources(producer, wanted["outputArtifactKey"]) if producer else []


def _failure_of(names: list[str]) -> dict[str, Any]:
    text = f"The DAG failed because some tasks failed. The failed tasks are: [{', '.join(names)}]."
    return {"code": CODE_NUMBERS["FAILED_PRECONDITION"], "message": text}


def strategy_of(definition: Json) -> str:
    return definition.get("triggerPolicy", {}).get("strategy", "ALL_UPSTREAM_TASKS_SUCCEEDED")


def upstream_of(definition: Json) -> list[str]:
    """The tasks of the same DAG that a task waits for, each once."""
    inputs: Json = definition.get("inputs", {})
    sources = [*inputs.get("parameters", {}).values(), *inputs.get("artifacts", {}).values()]
    kinds = ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus")
    named = [source[kind]["producerTask"] for source in sources for kind in kinds if kind in source]
    return list(dict.fromkeys([*definition.get("dependentTasks", ()), *named]))


def selectors_of(told: Json) -> list[tuple[str, str]]:
    """The producers and keys that an output of a DAG names."""
    one: Json = told.get("valueFromParameter", {})
    some: list[Json] = [one] if one else told.get("valueFromOneof", {}).get("parameterSelectors", [])
    parameters = [(each["producerSubtask"], each["outputParameterKey"]) for each in some]
    return parameters + [
        (each["producerSubtask"], each["outputArtifactKey"]) for each in told.get("artifactSelectors", [])
    ]
