"""A failing file made small: its data and a question enter, the smallest data found that still answers yes leaves."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Data = dict[str, Any]
Place = tuple[Any, ...]
KEPT = ("hpc", "name", "images", "image", "command", "args")


def minimised(data: Data, fails: Callable[[Data], bool]) -> Data:
    """Take away one thing after the other, as long as `fails` says that the file still fails."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in _smaller(data):
            if fails(smaller):
                data, is_smaller = smaller, True
                break
    return data


def _smaller(data: Data) -> Iterator[Data]:
    for place in sorted(_places(data, ()), key=len):
        yield _without(data, place)
    for place in _lines(data, ()):
        for text in _shorter(_at(data, place)):
            yield _with(data, place, text)


def _places(value: Any, place: Place) -> Iterator[Place]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key not in KEPT:
            yield (*place, key)
            yield from _places(item, (*place, key))


def _lines(value: Any, place: Place) -> Iterator[Place]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, str) and "->" in item:
            yield (*place, key)
        yield from _lines(item, (*place, key))


def _shorter(line: str) -> Iterator[str]:
    """The edge without its condition, with half of it, or with one source or target less."""
    edge, _, condition = line.partition(" when ")
    if condition:
        yield edge
        for sign in (" and ", " or "):
            for part in condition.split(sign)[: condition.count(sign) + 1 if sign in condition else 0]:
                yield f"{edge} when {part}"
    left, _, right = edge.partition(" -> ")
    rest = f" when {condition}" if condition else ""
    for parts, shape in (
        (left.split(", "), "{} -> " + right.replace("{", "{{").replace("}", "}}")),
        (right.split(", "), None),
    ):
        for at in range(len(parts) if len(parts) > 1 else 0):
            fewer = ", ".join(parts[:at] + parts[at + 1 :])
            yield (shape.format(fewer) if shape else f"{left} -> {fewer}") + rest


def _at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


def _with(data: Data, place: Place, value: Any) -> Data:
    changed = copy.deepcopy(data)
    _at(changed, place[:-1])[place[-1]] = value
    return changed


def _without(data: Data, place: Place) -> Data:
    changed = copy.deepcopy(data)
    del _at(changed, place[:-1])[place[-1]]
    return changed
