"""Every key of a command line is a key, and is set once.

Language, section 5.41(h). A mapping, and a deletion, set all keys below theirs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpc.compiler import mentions
from hpc.compiler.graph import ContainerStep, Graph
from hpc.compiler.targets import Target
from hpc.components.container import ContainerComponent
from hpc.components.hydra import is_key
from hpc.components.ports import HYDRA_SUBDIR
from hpc.diagnostics import Diagnostic, Path, Place, Rule

SAME_KEY = Rule(
    "HPC606",
    "one Hydra key set twice",
    "Hydra would silently keep only the last of two values for one key.",
    "Give one of them another key with `as:`, or `pass: none`.",
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
        yield from _same_key(component, path, _placed(component.overrides, path))
        if component.is_hydra:
            yield from _bad_keys(component.overrides, (*path, "overrides"))
            yield from _bad_keys(component.sweep, (*path, "sweep"))
            yield from _deleted(component, path)
            yield from _port_keys(component, path)
    for step in graph.steps:
        for owner, overrides in mentions.own_overrides(step):
            yield from _same_key(step.component, step.component_path, _placed_in_step(step))
            yield from _bad_keys(overrides, owner) if step.component.is_hydra else ()


@dataclass(frozen=True)
class _Key:
    """A key that a command line sets. `covers` tells that the keys below it are set with it."""

    what: str
    key: str
    place: Place
    covers: bool = False


def _placed(overrides: Mapping[str, Any], path: Path) -> Iterator[_Key]:
    for key, value in overrides.items():
        place = Place((*path, "overrides", key), on="key")
        yield _Key("`overrides`", key, place, covers=isinstance(value, dict) or key.startswith("~"))


def _placed_in_step(step: ContainerStep) -> Iterator[_Key]:
    for key, value in step.settings.overrides.items():
        place = Place(mentions.override_path(step, key), on="key")
        yield _Key("`overrides`", key, place, covers=isinstance(value, dict) or key.startswith("~"))


def _swept(component: ContainerComponent, path: Path) -> Iterator[_Key]:
    for key, values in component.sweep.items():
        covers = any(isinstance(value, dict) for _, value in mentions.children(values))
        yield _Key("`sweep`", key, Place((*path, "sweep", key), on="key"), covers)


def _port_names(component: ContainerComponent, path: Path) -> Iterator[_Key]:
    for kind, ports in (("input", component.inputs), ("output", component.outputs)):
        for name, port in ports.items():
            if port.pass_ != "none":
                place, covers = Place((*path, f"{kind}s", name), on="key"), port.type.base == "dict"
                yield _Key(f"{kind} `{name}`", port.key(name), place, covers)


def _same_key(component: ContainerComponent, path: Path, overrides: Iterable[_Key]) -> Iterator[Diagnostic]:
    """Two ports, or a port and an override, that would set the same key, or one that holds the other's."""
    if component.cli not in ("hydra", "argparse"):
        return
    first: dict[str, _Key] = {}
    for one in (*overrides, *_swept(component, path), *_port_names(component, path)):
        bare = one.key.lstrip("+~")
        other = first.get(bare) or (_related(one, bare, first) if component.is_hydra else None)
        if other:
            yield _clash(component, one, other)
        else:
            first[bare] = one


def _related(one: _Key, key: str, first: Mapping[str, _Key]) -> _Key | None:
    """What sets a mapping that holds the key, or a key of the mapping that `one` sets."""
    below = (other for name, other in first.items() if one.covers and name.startswith(f"{key}."))
    return _parent(key, first) or next(below, None)


def _parent(key: str, first: Mapping[str, _Key]) -> _Key | None:
    names = key.split(".")
    above = (first.get(".".join(names[:end])) for end in range(1, len(names)))
    return next((one for one in above if one and one.covers), None)


def _clash(component: ContainerComponent, one: _Key, other: _Key) -> Diagnostic:
    verb = "keep only the last" if component.is_hydra else "get both"
    who = "Hydra" if component.is_hydra else "the program"
    fact = (
        f"{one.what} would set `{one.key.lstrip('+~')}`, which {other.what} sets too ({{other}}); {who} would {verb}."
    )
    may_move = one.place.path[-2] in ("inputs", "outputs") and one.key != HYDRA_SUBDIR
    fix = "give one of them another key with `as:`, or `pass: none`." if may_move else "remove one of them."
    return Diagnostic(SAME_KEY, one.place, fact, fix, other=other.place)


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
