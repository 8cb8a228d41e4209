"""Conditions of edges as data: what follows `when` (language, section 2). Names are not looked up here."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from hpc.components.types import kind_of
from hpc.diagnostics import Place

Scalar: TypeAlias = "str | int | float | bool"


@dataclass(frozen=True)
class Name:
    """`node.port`: an output of a step, or an input if the node is `inputs`. As a condition: a bool that is true."""

    node: str
    port: str
    place: Place

    def __str__(self) -> str:
        return f"{self.node}.{self.port}"


@dataclass(frozen=True)
class Literal:
    """A constant; a tuple for a list. `str(literal)` is how it may be written in a condition."""

    value: Scalar | tuple[Scalar, ...]
    place: Place

    def __str__(self) -> str:
        if isinstance(self.value, tuple):
            return f"[{', '.join(map(_written, self.value))}]"
        return _written(self.value)


Operand: TypeAlias = "Name | Literal"


@dataclass(frozen=True)
class Comparison:
    """`left operator right`; the operator is one of == != < <= > >= in. The place is all of it."""

    operator: str
    left: Operand
    right: Operand
    place: Place


@dataclass(frozen=True)
class And:
    """True if all items are, of which there are two or more; none of them is an `And`."""

    items: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    """True if one of the items is, of which there are two or more; none of them is an `Or`."""

    items: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """True if the item is not; `a not in b` is one too."""

    item: Condition


Condition: TypeAlias = "Name | Comparison | And | Or | Not"


def names_in(condition: Condition) -> Iterator[Name]:
    """Every name in reading order, as often as it is written."""
    if isinstance(condition, Name):
        yield condition
    elif isinstance(condition, Comparison):
        yield from (side for side in (condition.left, condition.right) if isinstance(side, Name))
    elif isinstance(condition, Not):
        yield from names_in(condition.item)
    else:
        for item in condition.items:
            yield from names_in(item)


def key(condition: Condition) -> Hashable:
    """Equal for two conditions that say the same in the same order, wherever and with whatever blanks, quotes and
    needless parentheses they are written.
    """
    if isinstance(condition, Comparison):
        return condition.operator, _operand_key(condition.left), _operand_key(condition.right)
    if isinstance(condition, Name):
        return _operand_key(condition)
    if isinstance(condition, Not):
        return "not", key(condition.item)
    return type(condition).__name__.lower(), *map(key, condition.items)


def _operand_key(operand: Operand) -> Hashable:
    if isinstance(operand, Name):
        return "name", operand.node, operand.port
    values = operand.value if isinstance(operand.value, tuple) else (operand.value,)
    return kind_of(operand.value), *((kind_of(value), value) for value in values)


ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t"}
_UNESCAPED = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t"})


def _written(value: Scalar) -> str:
    if isinstance(value, str):
        return f"'{value.translate(_UNESCAPED)}'"
    return str(value).lower() if isinstance(value, bool) else repr(value)
