"""The DAG of a pipeline without its groups: steps, and the conditions and loops that they stand in.

A component of the IR that is a DAG enters. KFP wraps what runs under a condition, in a loop or before an exit step
into DAGs of their own; the language says the same on edges and steps, so these groups are opened here. A group that
edges cannot say (several steps in one loop, a decision inside of a branch that the branch itself knows nothing of)
stays whole and becomes a component made of edges.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from hpc.conversion.cel import Tree, conjunction, conjuncts, negated, parse
from hpc.conversion.notes import Notes, Where
from hpc.conversion.words import Unsayable

Json = Mapping[str, Any]

_CONDITION = re.compile(r"condition-[0-9]+|(when|else)--.*")
_SWITCH = re.compile(r"condition-branches-[0-9]+|switch--.*")
_LOOP = re.compile(r"for-loop-[0-9]+|for-each--.*")
_EXIT = re.compile(r"exit-handler-[0-9]+|exit--handler")
AFTER_ANYTHING = "ALL_UPSTREAM_TASKS_COMPLETED"


@dataclass(eq=False)
class Frame:
    """One DAG: that of the component, or of a group inside of it, whose task in `parent` is `key`."""

    component: Json
    where: Where
    parent: Frame | None = None
    key: str = ""
    axis: Axis | None = None

    @property
    def tasks(self) -> Mapping[str, Json]:
        return self.component["dag"]["tasks"]


@dataclass(eq=False)
class Region:
    """A condition around steps; `branch_of` is set for a branch of a switch, whose `test` is None for `else`."""

    frame: Frame
    key: str
    test: Tree | None
    branch_of: Switch | None = None


@dataclass(eq=False)
class Switch:
    """Branches of which the first whose test holds is taken. `frame` is the DAG that holds them."""

    frame: Frame
    around: tuple[Region, ...]
    branches: list[Region] = field(default_factory=list[Region])

    @property
    def is_complete(self) -> bool:
        return self.branches[-1].test is None


@dataclass(eq=False)
class Axis:
    """A loop: `key` is its task in `frame`, `item` the input that gets the element."""

    frame: Frame
    key: str
    item: str
    limit: int

    @property
    def items(self) -> Json:
        return self.frame.tasks[self.key]["parameterIterator"]["items"]


@dataclass(eq=False)
class Step:
    """A task that stays one.

    `is_group`: what it runs is a group, kept whole. `own_axis` is a loop on the task itself.
    """

    frame: Frame
    key: str
    component_key: str
    component: Json
    regions: tuple[Region, ...]
    axes: tuple[Axis, ...]
    is_group: bool = False
    own_axis: Axis | None = None
    after_exit: bool = False
    name: str = ""

    @property
    def task(self) -> Json:
        return self.frame.tasks[self.key]

    @property
    def where(self) -> Where:
        return (*self.frame.where, "dag", "tasks", self.key)


def condition_of(task: Json) -> str:
    return task.get("triggerPolicy", {}).get("condition", "")


def limit_of(task: Json) -> int:
    return int(task.get("iteratorPolicy", {}).get("parallelismLimit", 0))


def producers(task: Json) -> set[str]:
    """The siblings whose outputs or status a task takes."""
    bindings = [one for kind in ("parameters", "artifacts") for one in task.get("inputs", {}).get(kind, {}).values()]
    sources = ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus")
    return {one[source]["producerTask"] for one in bindings for source in sources if source in one}


class Flat:
    """Steps in an order in which they can run; `inner` are the frames of opened groups, by frame and key."""

    def __init__(self, components: Mapping[str, Json], component: Json, where: Where, notes: Notes) -> None:
        self.components, self.notes = components, notes
        self.root = Frame(component, where)
        self.steps: list[Step] = []
        self.step_at: dict[tuple[int, str], Step] = {}
        self.inner: dict[tuple[int, str], Frame] = {}
        self.switches: dict[int, Switch] = {}
        self.handler = self._handler() if where == ("root",) else None
        self._open(self.root, (), ())

    # ------------------------------------------------------------ what a task is

    def component_of(self, task: Json) -> Json:
        return self.components[task["componentRef"]["name"]]

    def _is(self, pattern: re.Pattern[str], key: str, task: Json) -> bool:
        return "dag" in self.component_of(task) and pattern.fullmatch(key) is not None

    def _handler(self) -> str | None:
        """The group that everything but exit steps stands in, if there is one."""
        tasks = self.root.tasks
        found = [key for key, task in tasks.items() if self._is(_EXIT, key, task)]
        if len(found) != 1 or condition_of(tasks[found[0]]) or len(tasks) < 2:
            return None
        rest = [task for key, task in tasks.items() if key != found[0]]
        return found[0] if all(_waits_for_exit(task, found[0]) for task in rest) else None

    # ------------------------------------------------------------ opening groups

    def _open(self, frame: Frame, regions: tuple[Region, ...], axes: tuple[Axis, ...]) -> None:
        tasks = frame.tasks
        needs = {key: {*task.get("dependentTasks", []), *producers(task)} for key, task in tasks.items()}
        for key in _in_order(needs):
            self._task(frame, key, regions, axes)

    def _enter(self, frame: Frame, key: str, axis: Axis | None = None) -> Frame:
        name = frame.tasks[key]["componentRef"]["name"]
        child = Frame(self.components[name], ("components", name), frame, key, axis)
        self.inner[id(frame), key] = child
        self._refuse_settings(frame, key)
        return child

    def _refuse_settings(self, frame: Frame, key: str) -> None:
        if frame.tasks[key].get("retryPolicy"):
            self.notes.lose((*frame.where, "dag", "tasks", key, "retryPolicy"), "repeats a group, which no edge says.")

    def _task(self, frame: Frame, key: str, regions: tuple[Region, ...], axes: tuple[Axis, ...]) -> None:
        task = frame.tasks[key]
        if condition_of(task):
            region = self._region(frame, key)
            if region is None:
                return
            regions = (*regions, region)
            if (
                self._is(_CONDITION, key, task)
                and not task.get("parameterIterator")
                and not self._decides_blindly(task)
            ):
                self._open(self._enter(frame, key), regions, axes)
                return
        if task.get("artifactIterator"):
            self.notes.lose((*frame.where, "dag", "tasks", key, "artifactIterator"), "loops over artifacts.")
        if task.get("parameterIterator"):
            self._loop(frame, key, regions, axes)
        elif self._is(_SWITCH, key, task) and self._switch(frame, key, regions, axes):
            return
        elif frame is self.root and key == self.handler:
            self._open(self._enter(frame, key), regions, axes)
        else:
            self._step(frame, key, regions, axes)

    def _step(
        self, frame: Frame, key: str, regions: tuple[Region, ...], axes: tuple[Axis, ...], own: Axis | None = None
    ) -> None:
        task = frame.tasks[key]
        name = task["componentRef"]["name"]
        is_group = any(self._is(pattern, key, task) for pattern in (_CONDITION, _SWITCH, _LOOP, _EXIT))
        step = Step(frame, key, name, self.components[name], regions, axes, is_group, own)
        step.after_exit = frame is self.root and self.handler is not None and key != self.handler
        self.steps.append(step)
        self.step_at[id(frame), key] = step

    # ------------------------------------------------------------ loops

    def _loop(self, frame: Frame, key: str, regions: tuple[Region, ...], axes: tuple[Axis, ...]) -> None:
        task = frame.tasks[key]
        axis = Axis(frame, key, task["parameterIterator"]["itemInput"], limit_of(task))
        if self._is(_LOOP, key, task) and self._opens(task, axes[0].limit if axes else axis.limit):
            self._open(self._enter(frame, key, axis), regions, (*axes, axis))
        else:
            self._step(frame, key, regions, (*axes, axis), axis)

    def _opens(self, task: Json, outermost: int) -> bool:
        """Whether a loop holds one step that takes the element, and so can be said on that step."""
        tasks = self.component_of(task)["dag"]["tasks"]
        key, inner = next(iter(tasks.items()))
        item = task["parameterIterator"]["itemInput"]
        bindings = inner.get("inputs", {}).get("parameters", {}).values()
        takes_item = any(binding.get("componentInputParameter") == item for binding in bindings)
        if len(tasks) > 1 or not takes_item or inner.get("triggerPolicy") or task.get("retryPolicy"):
            return False
        if not inner.get("parameterIterator"):
            return not any(self._is(pattern, key, inner) for pattern in (_CONDITION, _SWITCH, _EXIT))
        items = inner["parameterIterator"]["items"].get("inputParameter", "")
        walks_item = inner["inputs"]["parameters"].get(items, {}).get("componentInputParameter") == item
        return limit_of(inner) == (1 if outermost else 0) and self._opens(inner, outermost) and not walks_item

    # ------------------------------------------------------------ conditions

    def _region(self, frame: Frame, key: str) -> Region | None:
        try:
            return Region(frame, key, parse(condition_of(frame.tasks[key])))
        except Unsayable as error:
            where = (*frame.where, "dag", "tasks", key, "triggerPolicy", "condition")
            self.notes.lose(where, f"`{condition_of(frame.tasks[key])}` {error}.")
            return None

    def _decides_blindly(self, task: Json) -> bool:
        """Whether a switch in a group is decided by nothing that is made in the group: edges would place it outside."""
        tasks = self.component_of(task)["dag"]["tasks"]
        return any(self._is(_SWITCH, key, one) and not producers(one) for key, one in tasks.items())

    def _switch(self, frame: Frame, key: str, regions: tuple[Region, ...], axes: tuple[Axis, ...]) -> bool:
        """Opens a group of branches; False if what is in it is no switch."""
        inner = Frame(self.component_of(frame.tasks[key]), ("components", frame.tasks[key]["componentRef"]["name"]))
        inner.parent, inner.key = frame, key
        switch = Switch(inner, regions)
        tests = _branches(inner)
        if tests is None or any(
            self._decides_blindly(inner.tasks[one]) for one in inner.tasks if self._is_dag(inner, one)
        ):
            return False
        self.inner[id(frame), key] = inner
        self._refuse_settings(frame, key)
        self.switches[id(inner)] = switch
        for branch, test in tests:
            region = Region(inner, branch, test, switch)
            switch.branches.append(region)
            here = (*regions, region)
            if self._is(_CONDITION, branch, inner.tasks[branch]):
                self._open(self._enter(inner, branch), here, axes)
            else:
                self._step(inner, branch, here, axes)
        return True

    def _is_dag(self, frame: Frame, key: str) -> bool:
        return "dag" in self.component_of(frame.tasks[key])


def _waits_for_exit(task: Json, handler: str) -> bool:
    strategy = task.get("triggerPolicy", {}).get("strategy")
    return strategy == AFTER_ANYTHING and {*task.get("dependentTasks", []), *producers(task)} == {handler}


def _in_order(needs: Mapping[str, set[str]]) -> list[str]:
    """Keys so that each comes after what it needs, ties as people count: `train-2` before `train-10`."""
    sorter = TopologicalSorter({key: sorted(before, key=_counted) for key, before in needs.items()})
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=_counted)
        order += ready
        sorter.done(*ready)
    return order


def _counted(key: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", key)]


def _branches(frame: Frame) -> list[tuple[str, Tree | None]] | None:
    """The branches in their order, each with its own test; None unless each denies all tests before it."""
    try:
        trees = {key: conjuncts(parse(condition_of(task))) for key, task in frame.tasks.items()}
    except Unsayable:
        return None
    found: list[tuple[str, Tree | None]] = []
    denied: list[Tree] = []
    while trees:
        key = next((key for key in trees if _comes_next(key, trees, denied)), None)
        if key is None:
            return None
        own = trees.pop(key)[len(denied) :]
        found.append((key, conjunction(own) if own else None))
        denied += [negated(conjunction(own))] if own else []
    return found if len(found) > 1 else None


def _comes_next(key: str, trees: Mapping[str, list[Tree]], denied: list[Tree]) -> bool:
    """Whether all other branches that are left deny the test of this one."""
    tree = trees[key]
    if tree[: len(denied)] != denied:
        return False
    own = tree[len(denied) :]
    if not own:
        return len(trees) == 1
    start = [*denied, negated(conjunction(own))]
    return all(other[: len(start)] == start for name, other in trees.items() if name != key)
