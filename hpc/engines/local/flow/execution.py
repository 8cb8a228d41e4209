"""Decides what runs next: a plan and the ends of tasks enter, tasks whose turn has come leave. No clock, no process.

The rules are those of pipeline_spec.proto and of the driver (backend/src/v2/driver/dag.go): a task waits for all that
it names; then its strategy is asked, then its condition, which sees the resolved inputs; a false condition skips the
task with all that is in it; what waits for a task that has not succeeded is skipped, unless it runs whatever happened;
a DAG has failed if a task in it has. The same plan, inputs and results always give the same decisions, so that a run
which was cut off is gone on with by deciding anew.

An iteration of a loop is opened only when nothing else is ready, so that a loop of any width costs what its open
iterations cost. Nothing here calls itself for what follows: ends and turns stand in queues.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hpc.engines.local.flow.conditions import fails
from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.frames import Group, Iteration, OpenLoop, Place, Repeated, Slot, Wiring
from hpc.engines.local.flow.inputs import Inputs, Scope, resolve
from hpc.engines.local.flow.placeholders import settled
from hpc.engines.local.flow.trials import Makes, OpenTrials, Sampler
from hpc.engines.local.plan import Container, Dag, Plan, Task, Tuning
from hpc.engines.outcome import TaskResult


@dataclass(frozen=True)
class Leaf:
    """A container or importer task whose turn has come, with its inputs. `names` are its placeholders."""

    path: str
    task: Task
    inputs: Inputs
    names: Mapping[str, str]
    slot: Slot = field(repr=False)

    @cached_property
    def container(self) -> Container:
        """What it runs, if it is no importer, with image and limits filled in; commands are filled per attempt."""
        body = self.task.component.body
        assert isinstance(body, Container)
        return settled(body, self.inputs.parameters, self.names)


@dataclass(frozen=True)
class Ended:
    """A task has ended without being handed out: skipped, a group, a loop, or one whose inputs are wrong.

    `left`: of a loop, how many iterations have not begun.
    """

    path: str
    task: Task
    result: TaskResult
    left: int = 0


@dataclass(frozen=True)
class LoopOpening:
    """How often a task is run is known: for each item of a loop, or in so many trials at most."""

    path: str
    task: Task
    iterations: int


def _no_sampler(path: str, tuning: Tuning) -> Sampler:
    raise TaskError(f"nothing chooses the values of {', '.join(tuning.search)} for {path}")


class Execution:
    """One run of a plan. Ask `next` for tasks, give every one of them back with `finish`, until `result` is there.

    `scope` is the pipeline's: its inputs and the names of the run. `tell` is called for what is decided without the
    caller. `sampler` makes what chooses the values of a search.
    """

    def __init__(
        self,
        plan: Plan,
        scope: Scope,
        tell: Callable[[Ended | LoopOpening], None],
        *,
        sampler: Makes = _no_sampler,
        fail_fast: bool = False,
    ) -> None:
        self.result: TaskResult | None = None
        self._tell = tell
        self._sampler = sampler
        self._fail_fast = fail_fast
        self._failed = False
        self._stopped = False
        self._wirings: dict[int, Wiring] = {}
        self._ready: deque[Leaf] = deque()
        self._loops: deque[Repeated] = deque()
        self._turns: deque[tuple[Group, Task]] = deque()
        self._ends: deque[tuple[Slot | None, TaskResult]] = deque()
        self._open(plan.dag, scope, None)
        self._advance()

    def next(self) -> Leaf | None:
        """A task to run now; None if all that is left waits for what runs."""
        while True:
            if self._ready:
                leaf = self._ready.popleft()
                held = self._held(leaf.slot, leaf.task)
                if held is None:
                    return leaf
                self._end(leaf.path, leaf.task, leaf.slot, held)
            elif self._loops:
                self._iterate(self._loops.popleft())
            else:
                return None
            self._advance()

    def finish(self, leaf: Leaf, result: TaskResult) -> None:
        """Take the result of a task that was handed out."""
        self._ends.append((leaf.slot, result))
        self._advance()

    def stop(self) -> None:
        """Begin nothing more: what has not begun will be CANCELLED."""
        self._stopped = True

    # ------------------------------------------------------------ turns and ends

    def _advance(self) -> None:
        while self._ends or self._turns:
            if self._ends:
                self._take(*self._ends.popleft())
            else:
                self._turn(*self._turns.popleft())

    def _take(self, slot: Slot | None, result: TaskResult) -> None:
        """A task has ended. What waited for it has its turn, and the frame around it may have ended with it."""
        forgiven = isinstance(slot, Iteration) and slot.loop.forgives
        self._failed = self._failed or (result.state == "FAILED" and not forgiven)
        if slot is None:
            self.result = result
        elif isinstance(slot, Iteration):
            self._take_iteration(slot.loop, slot.number, result)
        else:
            self._turns.extend((slot.group, task) for task in slot.group.take(slot.task.key, result))
            if slot.group.is_done:
                self._end_group(slot.group)

    def _take_iteration(self, loop: Repeated, number: int, result: TaskResult) -> None:
        was_full = not loop.is_open
        loop.take(number, result)
        if loop.is_done:
            self._end_loop(loop)
        elif was_full and loop.is_open:
            self._loops.append(loop)

    def _end_group(self, group: Group) -> None:
        result = group.result()
        if group.slot is None:
            self._ends.append((None, result))
        else:
            self._end(group.scope.path.rstrip("/"), group.slot.task, group.slot, result)

    def _end_loop(self, loop: Repeated) -> None:
        result = loop.result()
        self._tell(Ended(loop.path, loop.task, result, loop.left))
        self._ends.append((loop.place, result))

    def _end(self, path: str, task: Task, slot: Slot, result: TaskResult) -> None:
        self._tell(Ended(path, task, result))
        self._ends.append((slot, result))

    def _turn(self, group: Group, task: Task) -> None:
        """All that the task waits for has ended."""
        place, path = Place(group, task), group.scope.path + task.key
        held = (None if self._stopped else group.unfit(task)) or self._held(place, task)
        try:
            inputs = Inputs() if held else resolve(task, group.scope)
            words = fails(task.condition, inputs) if task.condition and not held else None
            if words is not None:
                held = TaskResult("SKIPPED", reason="condition", error=words)
            elif held is None:
                self._begin(path, task, inputs, place)
        except TaskError as error:
            held = TaskResult("FAILED", error=str(error))
        if held is not None:
            self._end(path, task, place, held)

    def _begin(self, path: str, task: Task, inputs: Inputs, place: Place) -> None:
        loop: Repeated
        if task.loop is not None:
            loop = OpenLoop(path, task, inputs, place)
        elif task.tuning is not None:
            loop = OpenTrials(path, task, inputs, place, self._sampler)
        else:
            self._enter(path, task, inputs, place)
            return
        self._tell(LoopOpening(path, task, loop.count))
        if loop.is_done:
            self._end_loop(loop)
        else:
            self._loops.append(loop)

    def _iterate(self, loop: Repeated) -> None:
        """Open one more iteration, or none any more."""
        if not loop.is_open:
            return  # it has had enough since it was put into the queue
        held = self._held(loop.place, loop.task)
        if held is not None:
            loop.drop_rest(held)
            if loop.is_done:
                self._end_loop(loop)
            return
        number = loop.advance()
        if loop.is_open:
            self._loops.append(loop)
        path, slot = f"{loop.path}[{number}]", Iteration(loop, number)
        try:
            self._enter(path, *loop.opened(number), slot)
        except TaskError as error:
            self._end(path, loop.task, slot, TaskResult("FAILED", error=str(error)))

    def _enter(self, path: str, task: Task, inputs: Inputs, slot: Slot) -> None:
        """Hand out a leaf, or open the DAG behind the task."""
        if isinstance(task.component.body, Dag):
            self._open(task.component.body, Scope(inputs, slot.group.scope.run, path + "/"), slot)
        else:
            self._ready.append(Leaf(path, task, inputs, slot.group.scope.names(task), slot))

    def _open(self, dag: Dag, scope: Scope, slot: Slot | None) -> None:
        if id(dag) not in self._wirings:
            self._wirings[id(dag)] = Wiring(dag)
        group = Group(self._wirings[id(dag)], scope, slot)
        self._turns.extend((group, task) for task in group.first)

    def _held(self, slot: Slot, task: Task) -> TaskResult | None:
        """Why nothing is begun any more, if so. What runs whatever happened still runs after a failure."""
        if self._stopped:
            return TaskResult("CANCELLED")
        if self._fail_fast and self._failed and not task.whatever and not slot.group.whatever:
            return TaskResult("SKIPPED", reason="fail-fast")
        return None
