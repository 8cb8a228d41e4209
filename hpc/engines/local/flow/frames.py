"""What is open while a plan runs: DAGs and loops, each with what of it has ended. A frame ends with its last task."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, cast

from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.inputs import Collected, Inputs, Scope
from hpc.engines.local.plan import Dag, Loop, Selection, Task
from hpc.engines.outcome import Artifact, Artifacts, Kind, TaskResult
from hpc.engines.values import fitting, shallow, shown

Made = TypeVar("Made")

CUT_SHORT = ("unknown", "fail-fast", "not chosen")
"""Reasons for which a task is skipped that leave the DAG around it unfinished."""


class Wiring:
    """Who waits for whom in a DAG; the same for all its uses."""

    def __init__(self, dag: Dag) -> None:
        self.dag = dag
        self.tasks = {task.key: task for task in dag.tasks}
        self.waiting = {task.key: len(task.after) for task in dag.tasks}
        self.dependents: dict[str, list[str]] = {task.key: [] for task in dag.tasks}
        for task in dag.tasks:
            for upstream in task.after:
                self.dependents[upstream].append(task.key)


@dataclass(frozen=True)
class Place:
    """A task of an open DAG."""

    group: Group
    task: Task


class Repeated(Protocol):
    """A task that is run several times, each time at its path with a number: for each item, or in trials.

    `count`: how often at most. `forgives`: one that has failed is no failure of the run.
    """

    path: str
    task: Task
    place: Place
    count: int
    forgives: bool

    @property
    def is_open(self) -> bool:
        """Whether another iteration may begin now."""
        ...

    @property
    def is_done(self) -> bool: ...

    def advance(self) -> int:
        """Begin the next iteration."""
        ...

    def opened(self, number: int) -> tuple[Task, Inputs]:
        """What an iteration runs, and what it is given. Raises TaskError."""
        ...

    def take(self, number: int, result: TaskResult) -> None: ...

    def drop_rest(self, why: TaskResult) -> None:
        """Begin no more iterations."""
        ...

    @property
    def left(self) -> int:
        """How many have not begun."""
        ...

    def result(self) -> TaskResult:
        """How the task as a whole has ended."""
        ...


@dataclass(frozen=True)
class Iteration:
    """One of the times that a task is run."""

    loop: Repeated
    number: int

    @property
    def group(self) -> Group:
        return self.loop.place.group

    @property
    def task(self) -> Task:
        return self.loop.task


Slot = Place | Iteration
"""Where the result of a task goes."""


class Group:
    """The tasks of a DAG at one place. `slot` takes its result; None for the pipeline itself.

    `whatever`: it, or a DAG around it, runs even after a failure.
    """

    def __init__(self, wiring: Wiring, scope: Scope, slot: Slot | None = None) -> None:
        self._finished: dict[str, TaskResult] = {}
        self.scope = replace(scope, finished=self._finished)
        self.slot = slot
        self.whatever: bool = slot is not None and (slot.task.whatever or slot.group.whatever)
        self._wiring = wiring
        self._waiting = dict(wiring.waiting)

    @property
    def first(self) -> list[Task]:
        """Tasks that wait for nothing."""
        return [self._wiring.tasks[key] for key, count in self._waiting.items() if not count]

    @property
    def is_done(self) -> bool:
        return len(self._finished) == len(self._waiting)

    def take(self, key: str, result: TaskResult) -> list[Task]:
        """Keep a result; the tasks whose turn has come by it."""
        self._finished[key] = result
        for dependent in self._wiring.dependents[key]:
            self._waiting[dependent] -= 1
        return [self._wiring.tasks[key] for key in self._wiring.dependents[key] if not self._waiting[key]]

    def unfit(self, task: Task) -> TaskResult | None:
        """What the task is if those that it waits for do not let it run."""
        bad = [result for key in task.after if not (result := self._finished[key]).is_good]
        unknown = [result for result in bad if result.reason == "unknown"]
        if unknown and (task.whatever or len(unknown) == len(bad)):
            return TaskResult("SKIPPED", reason="unknown")
        if not bad or task.whatever:
            return None
        left_out = all(result.reason == "not chosen" for result in bad)
        return TaskResult("SKIPPED", reason="not chosen" if left_out else "upstream")

    def result(self) -> TaskResult:
        """How the DAG as a whole has ended, with its outputs."""
        # In the order of the plan: which failure is named must not hang on which task was faster.
        ended = together({key: self._finished[key] for key in self._wiring.tasks}, "group")
        if ended.state == "FAILED":
            return ended
        try:
            return replace(ended, outputs=self._outputs(), artifacts=self._artifacts())
        except TaskError as error:
            # Of a DAG that was cut short it is no wonder that nothing has made an output.
            return TaskResult("FAILED", "group", error=str(error)) if ended.is_good else ended

    def _outputs(self) -> dict[str, object]:
        found = {name: self._chosen(name, one, _values) for name, one in self._wiring.dag.parameters.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _artifacts(self) -> dict[str, Artifacts]:
        found = {name: self._chosen(name, one, _artifacts) for name, one in self._wiring.dag.artifacts.items()}
        return {name: artifacts for name, artifacts in found.items() if artifacts is not None}

    def _chosen(self, name: str, selection: Selection, made: Callable[[TaskResult], Mapping[str, Made]]) -> Made | None:
        for source in selection.sources:
            result = self._finished[source.task]
            if result.is_good and source.key in made(result):
                return made(result)[source.key]
            if result.is_good:  # the first that has succeeded decides (driver/resolve.go)
                break
        if selection.one_of:
            tasks = ", ".join(source.task for source in selection.sources)
            raise TaskError(f"the output {name}: none of {tasks} has made it")
        return None


class OpenLoop:
    """A task that is run for each item. Results are kept by number, and of each only what the loop's outputs need."""

    def __init__(self, path: str, task: Task, inputs: Inputs, place: Place) -> None:
        assert task.loop is not None
        self.path = path
        self.task = task
        self.place = place
        self.items = _items(task.loop, inputs)
        self.count = len(self.items)
        self.forgives = False
        self.running = 0
        self._item = task.loop.item
        self._limit = task.loop.parallel or len(self.items)
        self._shared = {name: value for name, value in inputs.parameters.items() if name != task.loop.items}
        self._artifacts = inputs.artifacts
        self._next = 0
        self._ended: dict[int, TaskResult] = {}
        self._rest: TaskResult | None = None
        self._begun = 0

    @property
    def is_open(self) -> bool:
        return self._next < self.count and self.running < self._limit

    @property
    def is_done(self) -> bool:
        return self._next == self.count and not self.running

    @property
    def left(self) -> int:
        return self.count - self._begun

    def advance(self) -> int:
        self._begun = self._next = self._next + 1
        self.running += 1
        return self._next - 1

    def opened(self, number: int) -> tuple[Task, Inputs]:
        """The task with its inputs, and with the item in the place of the items.

        Raises TaskError where the item is not of the input's type.
        """
        value, port = self.items[number], self.task.component.inputs.parameters.get(self._item)
        try:
            item = value if port is None else fitting(value, port.kind)
        except ValueError as error:
            raise TaskError(f"the item {number} of {self.path}: {error}") from None
        return self.task, Inputs({**self._shared, self._item: item}, self._artifacts)

    def take(self, number: int, result: TaskResult) -> None:
        self.running -= 1
        self._ended[number] = result

    def drop_rest(self, why: TaskResult) -> None:
        self._next = self.count
        self._rest = why

    def result(self) -> TaskResult:
        """The outputs are lists in the order of the items."""
        left = {} if self._rest is None else {"the rest": self._rest}
        named = {f"[{number}]": self._ended[number] for number in sorted(self._ended)}
        ended = together({**named, **left}, "loop")
        if not ended.is_good:
            return ended
        results = list(named.values())
        ports = self.task.component.outputs
        return replace(
            ended,
            outputs={name: Collected(_flat(results, name)) for name in ports.parameters},
            artifacts={name: tuple(_all_artifacts(results, name)) for name in ports.artifacts},
        )


def together(results: Mapping[str, TaskResult], kind: Kind) -> TaskResult:
    """What several tasks came to, by the worst of them, named in the error."""
    for key, result in results.items():
        if result.state == "FAILED":
            return TaskResult("FAILED", kind, error=f"{key}: {result.error}", exit_code=result.exit_code)
    if any(result.state == "CANCELLED" for result in results.values()):
        return TaskResult("CANCELLED", kind)
    reasons = {result.reason for result in results.values() if result.state == "SKIPPED"}
    cut = next((reason for reason in CUT_SHORT if reason in reasons), None)
    return TaskResult("SKIPPED", kind, cut) if cut else TaskResult("SUCCEEDED", kind)


def _values(result: TaskResult) -> Mapping[str, object]:
    return result.outputs


def _artifacts(result: TaskResult) -> Mapping[str, Artifacts]:
    return result.artifacts


def _flat(results: Sequence[TaskResult], name: str) -> Iterator[object]:
    for result in results:
        value = result.outputs.get(name)
        if isinstance(value, Collected):
            yield from value
        elif name in result.outputs:
            yield value


def _all_artifacts(results: Sequence[TaskResult], name: str) -> Iterator[Artifact]:
    return (artifact for result in results for artifact in result.artifacts.get(name, ()))


def _items(loop: Loop, inputs: Inputs) -> Sequence[object]:
    """The items: of the file, or the value of an input, which may be the text of a JSON list."""
    if not loop.items:
        return loop.raw
    value = inputs.parameters.get(loop.items)
    try:
        found: object = shallow(json.loads(value)) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise TaskError(f"the items of the loop, the input {loop.items}: {shown(value)} is not a list")
    return cast("list[object]", found)
