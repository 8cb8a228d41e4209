"""Every key of a command line is a key, and is set once.

Language, section 5.41(h). Values below one another stand side by side where Hydra keeps both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpc.compiler import mentions
from hpc.compiler.assignments import Assignment, Entry, of_component, of_step
from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.components.container import ContainerComponent
from hpc.components.hydra import is_key
from hpc.components.ports import HYDRA_SUBDIR
from hpc.diagnostics import Diagnostic, Path, Place, Rule

SAME_KEY = Rule(
    "HPC606",
    "one Hydra key set twice",
    "Hydra would silently keep only the last of two values for one key. A dict that only the run knows, and a mapping "
    "whose keys Hydra cannot read bare, also replace all that is below their key.",
    "Remove one of them; or give an input or output another key with `as:`, or `pass: none`.",
)
NOT_A_KEY = Rule(
    "HPC611",
    "not a Hydra key",
    "An override has the form key=value; Hydra would not read this key.",
    "Correct the key.",
)
RULES = (SAME_KEY, NOT_A_KEY)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for path, component in mentions.containers(graph):
        yield from _same_key(component, of_component(component, path))
        if component.is_hydra:
            yield from _bad_keys(component.overrides, (*path, "overrides"))
            yield from _bad_keys(component.sweep, (*path, "sweep"))
            yield from _deleted(component, path)
            yield from _port_keys(component, path)
    for step in graph.steps:
        for owner, overrides in mentions.own_overrides(step):
            yield from _same_key(step.component, of_step(step))
            yield from _bad_keys(overrides, owner) if step.component.is_hydra else ()


# ---------------------------------------------------------------- one key, set twice


@dataclass(frozen=True)
class _Set:
    """A key, and the word that sets it; `order` is that of the words."""

    by: Assignment
    entry: Entry
    order: int

    @property
    def key(self) -> str:
        return self.entry.key

    @property
    def above(self) -> Iterator[str]:
        """The keys of the mappings that it is in."""
        names = self.key.split(".")
        return (".".join(names[:end]) for end in range(1, len(names)))


def _same_key(component: ContainerComponent, found: Iterable[Assignment]) -> Iterator[Diagnostic]:
    """Two words of which one undoes what the other does. Flags have no keys below keys."""
    if component.cli not in ("hydra", "argparse"):
        return
    at: dict[str, list[_Set]] = {}
    below: dict[str, list[_Set]] = {}
    for order, assignment in enumerate(found):
        for one in [_Set(assignment, entry, order) for entry in assignment.entries]:
            near = [*at.get(one.key, ()), *(each for key in one.above for each in at.get(key, ()))]
            other = next((each for each in (*near, *below.get(one.key, ())) if _clash(one, each)), None)
            if other:
                yield _twice(component, one, other)
                continue
            at.setdefault(one.key, []).append(one)
            for key in one.above if component.is_hydra else ():
                below.setdefault(key, []).append(one)


def _clash(one: _Set, other: _Set) -> bool:
    if one.by is other.by or not one.by.may_stand_beside(other.by):
        return False
    if one.key == other.key:
        merging, fixed = (one, other) if one.entry.merges else (other, one)
        return not merging.entry.merges or not (fixed.entry.merges or fixed.by.may_choose)
    return _undoes(one, other) if _is_below(other.key, one.key) else _undoes(other, one)


def _undoes(upper: _Set, lower: _Set) -> bool:
    """Whether a value does not stay beside one below it. In Hydra's order the upper one comes first, but for literal
    arguments: those come before all others.
    """
    if upper.entry.replaces:
        return True
    if upper.by.deletes and lower.by.is_literal and lower.order < upper.order:
        return True
    if upper.key == lower.by.key:
        return not upper.entry.merges and not upper.by.may_choose
    return not upper.entry.merges and _is_below(upper.key, lower.by.key)


def _is_below(key: str, other: str) -> bool:
    return key.startswith(f"{other}.")


def _twice(component: ContainerComponent, one: _Set, other: _Set) -> Diagnostic:
    fact = f"{_told(one, other)}{_outcome(component, one, other)}."
    return Diagnostic(SAME_KEY, one.entry.place, fact, _way_out(one, other), other=other.entry.place)


def _told(one: _Set, other: _Set) -> str:
    """Who does what to which key; `{other}` becomes the line."""
    first = "delete" if one.by.deletes else "set"
    second = "deletes" if other.by.deletes else "sets"
    if one.key == other.key:
        too = " too" if one.by.deletes == other.by.deletes else ""
        return f"{one.by.what} would {first} `{one.key}`, which {other.by.what} {second}{too} ({{other}})"
    if _is_below(other.key, one.key):
        return f"{one.by.what} would {first} all of `{one.key}`, and {other.by.what} {second} `{other.key}` ({{other}})"
    return f"{one.by.what} would {first} `{one.key}`, but {other.by.what} {second} all of `{other.key}` ({{other}})"


def _outcome(component: ContainerComponent, one: _Set, other: _Set) -> str:
    if not component.is_hydra:
        return "; the program would get both"
    if one.by.deletes or other.by.deletes:
        return ""
    if one.key != other.key and (one.entry.replaces or other.entry.replaces):
        return ", so they would not both arrive"
    return "; Hydra would keep only the last"


def _way_out(one: _Set, other: _Set) -> str:
    may_move = one.by.block in ("inputs", "outputs") and one.by.key != HYDRA_SUBDIR
    if not may_move:
        return _without_port(one, other)
    if other.by.block in ("inputs", "outputs"):
        return "give one of them another key with `as:`, or `pass: none`."
    return f"remove it from `{other.by.block}`, or give {one.by.what} another key with `as:`, or `pass: none`."


def _without_port(one: _Set, other: _Set) -> str:
    upper, lower = (one, other) if _is_below(other.key, one.key) else (other, one)
    if upper.entry.replaces and upper.key != lower.key and not (lower.by.deletes or upper.by.needs):
        return f"put `{lower.key}` into the mapping `{upper.key}`, or remove one of them."
    return "remove one of them."


# ---------------------------------------------------------------- what is no key


def _bad_keys(overrides: Mapping[str, Any], path: Path) -> Iterator[Diagnostic]:
    for key in overrides:
        if not is_key(key):
            fix = "write e.g. `trainer.max_epochs`, `+new.key` or `~gone`."
            place = Place((*path, key), on="key")
            yield Diagnostic(NOT_A_KEY, place, f"`{key}` is not a key of Hydra.", fix)


def _deleted(component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    for key in component.sweep:
        if key.startswith("~"):
            fact = f"`{key}` deletes a key, so there is nothing to sweep over."
            place = Place((*path, "sweep", key), on="key")
            yield Diagnostic(NOT_A_KEY, place, fact, "put it into `overrides`.")


def _port_keys(component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    for kind, ports in (("inputs", component.inputs), ("outputs", component.outputs)):
        for name, port in ports.items():
            if port.as_ and port.pass_ != "none" and (not is_key(port.as_) or port.as_.startswith("~")):
                fact = f"`{port.as_}` is not a key that Hydra can set."
                fix = "write e.g. `trainer.max_epochs`, or `+new.key` for one that the config lacks."
                yield Diagnostic(NOT_A_KEY, Place((*path, kind, name, "as")), fact, fix)
