"""How tasks ended, counted: the states of all iterations of a task as one state and one short text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hpc.engines.local.report.graph import Node, template
from hpc.engines.local.report.values import duration
from hpc.engines.local.store.records import TaskRecord
from hpc.engines.outcome import TaskResult

WAITING, INTERRUPTED = "WAITING", "INTERRUPTED"
WORDS = {
    "FAILED": "failed",
    "RUNNING": "running",
    INTERRUPTED: "interrupted",
    "CANCELLED": "cancelled",
    "SUCCEEDED": "ok",
    "CACHED": "cached",
    "SKIPPED": "skipped",
    WAITING: "not started",
}
"""States in the order in which one of them speaks for many."""
MARKS = {
    "FAILED": "✗",
    "RUNNING": "▶",
    INTERRUPTED: "‖",
    "CANCELLED": "■",
    "SUCCEEDED": "✓",
    "CACHED": "≡",
    "SKIPPED": "–",
    WAITING: "·",
}


@dataclass(frozen=True)
class Tally:
    """The states of tasks that stand at one place, and the seconds that they took together."""

    states: Mapping[str, int] = field(default_factory=dict[str, int])
    seconds: float = 0.0

    @property
    def total(self) -> int:
        return sum(self.states.values())

    @property
    def state(self) -> str:
        return next((state for state in WORDS if self.states.get(state)), WAITING)

    @cached_property
    def words(self) -> str:
        """`7/20 ok, 1 failed`; cached tasks are counted apart."""
        good = self.states.get("SUCCEEDED", 0)
        rest = [
            f"{self.states[state]:,} {word}"
            for state, word in WORDS.items()
            if state != "SUCCEEDED" and state in self.states
        ]
        return ", ".join([f"{good:,}/{self.total:,} ok", *rest] if good or not rest else rest)


def tally(records: Iterable[TaskRecord]) -> Tally:
    states: dict[str, int] = {}
    seconds = 0.0
    for record in records:
        states[record.result.state] = states.get(record.result.state, 0) + 1
        seconds += record.result.seconds
    return Tally(states, seconds)


class Places:
    """The tasks of a run by their place in the graph, where all iterations of a task have the same place."""

    def __init__(self, tasks: Mapping[str, TaskRecord], nodes: tuple[Node, ...]) -> None:
        self._own: dict[str, list[TaskRecord]] = {}
        self._groups: dict[str, list[TaskRecord]] = {}
        for path, record in tasks.items():
            kept = self._own if record.result.is_leaf else self._groups
            kept.setdefault(template(path), []).append(record)
        self._nodes = nodes

    def records(self, place: str) -> list[TaskRecord]:
        """What ran or was to run there, without groups and loops."""
        return self._own.get(place, [])

    def of(self, node: Node, inherited: str = WAITING) -> Tally:
        """`inherited`: the state of the group around it, which a task shares that was not even reached."""
        leaves = [leaf.path for leaf in node.leaves()] if node.is_group else [node.path]
        found = [record for path in leaves for record in self.records(path)]
        if found:
            return tally(found)
        own = tally(self._groups.get(node.path, ())).state
        return Tally({inherited if own == WAITING else own: 1})

    def all(self) -> list[str]:
        """Every place with tasks: in the order of the graph, then those that the graph does not know."""
        known = [leaf.path for node in self._nodes for leaf in node.leaves()]
        return [place for place in dict.fromkeys([*known, *self._own]) if place in self._own]


def words_of(result: TaskResult) -> str:
    """How a task ended and how long it took: `ok, 1.2 s`."""
    word = WORDS[result.state]
    return word if result.start is None else f"{word}, {duration(result.seconds)}"
