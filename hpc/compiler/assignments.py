"""What a command line sets: every key, with who sets it and where, in the order of the words.

A component enters, or a step that runs one; `Assignment` objects leave. For the checks.
Hydra merges a mapping that it can read as it stands into what is there, so such a mapping is no more than its entries.
All other mappings become interpolations (hpc/components/hydra.py), which replace everything below their key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from hpc.compiler import mentions
from hpc.compiler.graph import ContainerStep
from hpc.components.command import override_key, program_of
from hpc.components.container import ArgumentGroup, ContainerComponent
from hpc.components.hydra import bare_key, is_plain_key
from hpc.components.ports import InputPort, OutputPort
from hpc.components.references import Reference, parts_of
from hpc.components.types import Plain
from hpc.components.use import references_in
from hpc.diagnostics import Path, Place


@dataclass(frozen=True)
class Entry:
    """A single key that is set. `replaces`: with all that is below it; `merges`: with what is below it already."""

    key: str
    place: Place
    replaces: bool = False
    merges: bool = False


@dataclass(frozen=True)
class Assignment:
    """One word of the command line. `key` has no `+` or `~`; `what` is how messages call it, `block` where it stands.

    `may_choose`: it can be meant to choose from the config group `key`, which leaves values below the key alone.
    `needs` and `lacks` are inputs that have a value, or none, wherever the word stands.
    """

    what: str
    block: str
    key: str
    entries: tuple[Entry, ...]
    deletes: bool = False
    may_choose: bool = False
    needs: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """Whether it is a word of the user, which stands in front of what hpc writes."""
        return self.block in ("command", "args")

    def may_stand_beside(self, other: Assignment) -> bool:
        """Whether some use of the component has both."""
        return self.needs.isdisjoint(other.lacks) and other.needs.isdisjoint(self.lacks)


def of_component(component: ContainerComponent, path: Path) -> list[Assignment]:
    """What a component at `path` sets wherever it runs."""
    return [*_all(component, path, component.overrides, lambda below: (*path, "overrides", *below))]


def of_step(step: ContainerStep) -> list[Assignment]:
    """What the component sets in one step, whose overrides may differ."""

    def locate(below: Path) -> Path:
        return mentions.override_path(step, *below)

    return [*_all(step.component, step.component_path, step.settings.overrides, locate)]


_Locate = Callable[[Path], Path]
"""Where a key of `overrides`, or one below it, is written."""


def _all(
    component: ContainerComponent, path: Path, overrides: Mapping[str, Any], locate: _Locate
) -> Iterator[Assignment]:
    if component.is_hydra:
        yield from _words(component, path)
    for key, value in overrides.items():
        yield _override(component, key, value, locate)
    for key, values in component.sweep.items():
        yield _sweep(key, values, (*path, "sweep", key))
    for block, ports in (("inputs", component.inputs), ("outputs", component.outputs)):
        for name, port in ports.items():
            if port.pass_ != "none":
                yield _port(name, port, Place((*path, block, name), on="key"))


# ---------------------------------------------------------------- words of the user

_EXTENDS = re.compile(r"\s*extend_(list|dict)\s*\(")
"""Functions of Hydra 1.4 that add to a value: a key may be given to them several times."""


def _words(component: ContainerComponent, path: Path) -> Iterator[Assignment]:
    command, nothing = component.command, frozenset[str]()
    for index in range(program_of(command).end, len(command)):
        yield from _word(command[index], (*path, "command", index), nothing, nothing)
    for index, item in enumerate(component.args):
        place = (*path, "args", index)
        if isinstance(item, str):
            yield from _word(item, place, nothing, nothing)
        elif isinstance(item, ArgumentGroup):
            for inner, word in enumerate(item.args):
                yield from _word(word, (*place, "args", inner), nothing, frozenset({item.absent}))
        else:
            for inner, word in enumerate(item):
                yield from _word(word, (*place, inner), _inputs_in(item), nothing)


def _word(word: str, path: Path, needs: frozenset[str], lacks: frozenset[str]) -> Iterator[Assignment]:
    said = override_key(word)
    value = word.partition("=")[2]
    if said is None or _EXTENDS.match(value):
        return
    block = "args" if "args" in path else "command"
    merges, deletes = value.lstrip().startswith("{"), said.startswith("~")
    entry = Entry(bare_key(said), Place(path), merges=merges)
    may_choose = not merges and not deletes
    yield Assignment(f"`{block}`", block, entry.key, (entry,), deletes, may_choose, needs, lacks)


# ---------------------------------------------------------------- overrides, sweeps and ports


def _override(component: ContainerComponent, key: str, value: Plain, locate: _Locate) -> Assignment:
    deletes = key.startswith("~")
    if deletes or not component.is_hydra or _is_dict_at_run_time(component, value):
        entries = (Entry(bare_key(key), _on_key(locate((key,))), replaces=component.is_hydra and not deletes),)
    else:
        entries = tuple(_entries(bare_key(key), value, (key,), locate))
    may_choose = not deletes and _are_texts(value)
    return Assignment("`overrides`", "overrides", bare_key(key), entries, deletes, may_choose, _inputs_in(value))


def _entries(key: str, value: Plain, below: Path, locate: _Locate) -> Iterator[Entry]:
    """The single keys that a constant sets."""
    if isinstance(value, dict) and value and all(map(is_plain_key, value)):
        for name, item in value.items():
            yield from _entries(f"{key}.{name}", item, (*below, name), locate)
    else:
        is_mapping = isinstance(value, dict)
        yield Entry(key, _on_key(locate(below)), replaces=is_mapping and bool(value), merges=is_mapping and not value)


def _sweep(key: str, values: Plain, path: Path) -> Assignment:
    found: dict[str, Entry] = {}
    for value in cast("list[Plain]", values) if isinstance(values, list) else [values]:
        for entry in _entries(bare_key(key), value, (), lambda _: path):
            found.setdefault(entry.key, entry)
    return Assignment(
        "`sweep`",
        "sweep",
        bare_key(key),
        tuple(found.values()),
        deletes=key.startswith("~"),
        may_choose=_are_texts(values),
    )


def _port(name: str, port: InputPort | OutputPort, place: Place) -> Assignment:
    key = bare_key(port.key(name))
    if isinstance(port, OutputPort):
        return Assignment(f"output `{name}`", "outputs", key, (Entry(key, place),))
    entry = Entry(key, place, replaces=_is_dict(port))
    may_choose = port.type.base == "string"
    return Assignment(f"input `{name}`", "inputs", key, (entry,), may_choose=may_choose, needs=frozenset({name}))


def _on_key(path: Path) -> Place:
    return Place(path, on="key")


def _are_texts(value: Plain) -> bool:
    """Whether the value could name an option of a config group, or several."""
    texts = cast("list[Plain]", value) if isinstance(value, list) else [value]
    return all(isinstance(text, str) for text in texts)


def _is_dict(port: InputPort) -> bool:
    return port.type.parameter in ("STRUCT", "TASK_FINAL_STATUS") and not port.type.is_list


def _is_dict_at_run_time(component: ContainerComponent, value: Plain) -> bool:
    """Whether the value is one reference to a dict that only the run knows."""
    parts = parts_of(value) if isinstance(value, str) else []
    if len(parts) != 1 or not isinstance(parts[0], Reference):
        return False
    port = component.inputs.get(parts[0].name) if parts[0].namespace == "inputs" else None
    return port is not None and not port.type.is_artifact and _is_dict(port)


def _inputs_in(value: Plain) -> frozenset[str]:
    return frozenset(each.name for each in references_in(value) if each.namespace == "inputs")
