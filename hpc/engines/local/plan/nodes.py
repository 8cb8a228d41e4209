"""Typed reading of a document's JSON: a mapping and a key in, a value of the kind that the proto says out.

An absent field has the proto's default. WrongKindError, with a sentence to show, where the kind is another one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import cast

from hpc.engines.values import DEEPEST

Node = Mapping[str, object]

_EMPTY: Node = {}


class WrongKindError(Exception):
    """A place of the document holds another kind of value than the proto says."""


def mapping(node: Node, key: str) -> Node:
    return as_mapping(node.get(key, _EMPTY), key)


def as_mapping(value: object, name: str) -> Node:
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) for key in cast("Mapping[object, object]", value)
    ):
        raise WrongKindError(f"{name} is not a mapping")
    return cast("Node", value)


def mappings(node: Node, key: str) -> Iterator[tuple[str, Node]]:
    """The entries of a mapping whose values are mappings."""
    return ((name, as_mapping(value, f"{key}.{name}")) for name, value in mapping(node, key).items())


def text(node: Node, key: str) -> str:
    value = node.get(key, "")
    if not isinstance(value, str):
        raise WrongKindError(f"{key} is not text")
    return value


def texts(node: Node, key: str) -> tuple[str, ...]:
    found = items(node, key)
    if not all(isinstance(item, str) for item in found):
        raise WrongKindError(f"{key} is not a list of texts")
    return cast("tuple[str, ...]", found)


def items(node: Node, key: str) -> tuple[object, ...]:
    value = node.get(key, ())
    if not isinstance(value, (list, tuple)):
        raise WrongKindError(f"{key} is not a list")
    return tuple(cast("list[object]", value))


def nodes(node: Node, key: str) -> list[Node]:
    """A list of mappings."""
    return [as_mapping(item, f"{key}[{index}]") for index, item in enumerate(items(node, key))]


def flag(node: Node, key: str) -> bool:
    value = node.get(key, False)
    if not isinstance(value, bool):
        raise WrongKindError(f"{key} is not true or false")
    return value


def number(node: Node, key: str, default: float = 0) -> float:
    """A number from 0 on, also where proto JSON writes a 64-bit integer as text or a duration as `60s`."""
    value = node.get(key, default)
    try:
        found = float(value.removesuffix("s") if isinstance(value, str) else cast("float", value))
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if isinstance(value, bool) or not 0 <= found < math.inf:
        raise WrongKindError(f"{key} is not a number from 0 on")
    return found


def value(found: object, name: str) -> object:
    """A JSON value as the IR can carry it: finite numbers, keys that are texts, not nested without end."""
    waiting = [(found, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEEPEST or not (isinstance(one, (str, Mapping, list, tuple)) or one is None or _is_finite(one)):
            raise WrongKindError(f"{name} is not a JSON value, or nested deeper than {DEEPEST}")
        if isinstance(one, Mapping):
            waiting += [(item, depth + 1) for item in as_mapping(cast("Node", one), name).values()]
        elif isinstance(one, (list, tuple)):
            waiting += [(item, depth + 1) for item in cast("list[object]", one)]
    return found


def _is_finite(found: object) -> bool:
    try:
        return isinstance(found, (int, float)) and math.isfinite(found)
    except OverflowError:
        return False
