"""Which tasks run where only some steps were chosen: the others are taken from a former run, or left out.

What comes before a chosen step is taken. What follows it is left out, or runs too where the run starts at that step.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from hpc.engines.local.plan import Dag, Plan, Task

Way = Literal["run", "take", "leave out"]

_INDEX = re.compile(r"\[[0-9]*\]")


class Choice:
    """`only` and `start_at` name steps: a whole path without numbers of iterations, or one segment of it.

    `unknown` are names that mean nothing here. Without any name, everything runs.
    """

    def __init__(self, plan: Plan, only: Collection[str], start_at: Collection[str]) -> None:
        self._only = {_plain(name) for name in only}
        self._start = {_plain(name) for name in start_at}
        self._ways: dict[str, Way] = {}
        self._met: set[str] = set()
        if self._only or self._start:
            self._walk(plan.dag, "", chosen=False, after=False)
        self.unknown = sorted((self._only | self._start) - self._met)

    def of(self, path: str) -> Way:
        """What becomes of a container or importer task."""
        return self._ways.get(_INDEX.sub("", path), "run")

    @property
    def names(self) -> list[str]:
        """All that could have been chosen: the last segments of all paths."""
        return sorted({path.rpartition("/")[2] for path in self._ways})

    def _walk(self, dag: Dag, path: str, *, chosen: bool, after: bool) -> bool:
        """Whether something in the DAG is chosen; all of it if the DAG is. `after`: it follows something chosen."""
        touched: set[str] = set()
        behind: set[str] = set()
        for task in dag.tasks:
            if after or not touched.union(behind).isdisjoint(task.after):
                behind.add(task.key)
            if self._visit(task, path, chosen=chosen, after=task.key in behind):
                touched.add(task.key)
        return bool(touched)

    def _visit(self, task: Task, path: str, *, chosen: bool, after: bool) -> bool:
        place = path + task.key
        mine = chosen or self._is_named(place, task.key)
        if isinstance(task.component.body, Dag):
            return self._walk(task.component.body, place + "/", chosen=mine, after=after)
        self._ways[place] = self._way(chosen=mine, after=after)
        return mine

    def _way(self, *, chosen: bool, after: bool) -> Way:
        if chosen:
            return "run"
        if not after:
            return "take"
        return "run" if self._start else "leave out"

    def _is_named(self, place: str, key: str) -> bool:
        met = {name for name in self._only | self._start if name in (place, key)}
        self._met |= met
        return bool(met)


def _plain(name: str) -> str:
    """A step as the IR writes it: names of YAML have underscores there."""
    return _INDEX.sub("", name).replace("_", "-") if "--" not in name else _INDEX.sub("", name)
