"""What the operators and most functions of CEL do: values enter and leave, ExpressionError says why there is none.

Values are bool, int, Uint, float (double), str, None (null), lists and maps. Those from outside are JSON, where every
number is a double, so an int in a list or a map from outside is one too: it is converted when it is taken out. The
rules are those of cel-go (common/types), which the KFP backend uses.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from hpc.engines.findings import nearest

INT = range(-(2**63), 2**63)
UINT = range(2**64)
_MOST_NAMES = 20


class ExpressionError(ValueError):
    """An expression has no value for these variables; the text is a sentence for the user."""


class Uint(int):
    """An unsigned integer of CEL; a plain int is a signed one."""


class _MadeList(tuple[object, ...]):
    """A list that an expression made: its ints are ints."""


class _MadeMap(dict[str, object]):
    """A map that an expression made: its ints are ints."""


_KINDS: Mapping[type, str] = {
    bool: "a bool",
    int: "an int",
    Uint: "a uint",
    float: "a double",
    str: "a string",
    type(None): "null",
}


def taken(mapping: Mapping[str, object], key: object) -> object:
    """What the map or the scope has under this key. A missing key is an error, never null or false."""
    if not isinstance(key, str) or key not in mapping:
        names = nearest(str(key), mapping) if len(mapping) <= _MOST_NAMES else ""
        raise ExpressionError(f"there is no {short(key)}" + (f"; {names}" if names else ""))
    return mapping[key] if isinstance(mapping, _MadeMap) else _received(mapping[key])


def truth(value: object) -> bool:
    """The bool that a logical operator needs."""
    if not isinstance(value, bool):
        raise ExpressionError(f"a bool is needed where {_kind(value)} is")
    return value


def _not(value: object) -> bool:
    return not truth(value)


def plain(value: object) -> object:
    """The value as JSON would hold it."""
    if _is_list(value):
        return [plain(item) for item in _elements(value)]
    if _is_map(value):
        return {key: plain(taken(value, key)) for key in value}
    return int(value) if isinstance(value, Uint) else value


# ---------------------------------------------------------------- what values are


def _received(value: object) -> object:
    """A value from outside; every number there is a double."""
    if type(value) is not int:
        return value
    try:
        return float(value)
    except OverflowError:
        raise ExpressionError("a number is too big for a double") from None


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, (list, tuple))


def _is_map(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is an int, a Uint or a double; a bool is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _elements(values: Sequence[object]) -> Iterable[object]:
    return values if isinstance(values, _MadeList) else map(_received, values)


def _kind(value: object) -> str:
    if _is_list(value):
        return "a list"
    return "a map" if _is_map(value) else _KINDS.get(type(value), "a value of an unknown type")


def short(value: object) -> str:
    """A value for a message."""
    return f"{value!r:.60}" if isinstance(value, (str, int, float)) else _kind(value)


def unfit(name: str, *operands: object) -> ExpressionError:
    """The error of an operation that there is not for operands of these kinds."""
    return ExpressionError(f"{name} does not work on {' and '.join(map(_kind, operands))}")


# ---------------------------------------------------------------- comparing


def _equal(left: object, right: object) -> bool:
    """Numbers are equal by their value; things of different kinds are not equal, which is no error."""
    if _is_list(left) and _is_list(right):
        return len(left) == len(right) and all(map(_equal, _elements(left), _elements(right)))
    if _is_map(left) and _is_map(right):
        same = (key in right and _equal(taken(left, key), taken(right, key)) for key in left)
        return len(left) == len(right) and all(same)
    return (type(left) is type(right) or (is_number(left) and is_number(right))) and left == right


def _unequal(left: object, right: object) -> bool:
    return not _equal(left, right)


def _contained(item: object, container: object) -> bool:
    if _is_list(container):
        return any(_equal(item, element) for element in _elements(container))
    if _is_map(container):
        return isinstance(item, str) and item in container
    raise unfit("in", item, container)


def _ordering(symbol: str, compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def ordered(left: object, right: object) -> bool:
        if is_number(left) and is_number(right):
            if math.isnan(left) or math.isnan(right):
                raise ExpressionError("a NaN has no place in an order")
        elif type(left) is not type(right) or not isinstance(left, (bool, str)):
            raise unfit(symbol, left, right)
        return compare(left, right)

    return ordered


# ---------------------------------------------------------------- calculating


def _quotient(left: int, right: int) -> int:
    """Towards zero, unlike Python's."""
    if not right:
        raise ExpressionError("a number is divided by zero")
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


def _remainder(left: int, right: int) -> int:
    """With the sign of the left; where the quotient does not fit, there is none (cel-go: moduloInt64Checked)."""
    quotient = _quotient(left, right)
    if quotient not in INT and left < 0:
        raise ExpressionError("the result does not fit into an int")
    return left - right * quotient


def _ratio(left: float, right: float) -> float:
    """As IEEE 754 has it: zero divides into infinities and NaN."""
    if right:
        return left / right
    return math.nan if not left or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)


_ON_INTEGERS: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
    "%": _remainder,
}
_ON_DOUBLES: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _ratio,
}


def _arithmetic(symbol: str) -> Callable[[object, object], object]:
    def calculated(left: object, right: object) -> object:
        if isinstance(left, float) and isinstance(right, float) and symbol in _ON_DOUBLES:
            return _ON_DOUBLES[symbol](left, right)
        if is_number(left) and isinstance(left, int) and isinstance(right, int) and type(left) is type(right):
            return fitting(_ON_INTEGERS[symbol](left, right), isinstance(left, Uint))
        raise unfit(symbol, left, right)

    return calculated


_sum = _arithmetic("+")


def _joined(left: object, right: object) -> object:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if _is_list(left) and _is_list(right):
        return _MadeList([*_elements(left), *_elements(right)])
    return _sum(left, right)


def _negative(value: object) -> object:
    if isinstance(value, float):
        return -value
    if type(value) is int:
        return fitting(-value, unsigned=False)
    raise unfit("-", value)


def fitting(value: int, unsigned: bool) -> int:
    """The int or Uint of this value. Raises ExpressionError where it has more than 64 bits."""
    if value not in (UINT if unsigned else INT):
        raise ExpressionError(f"the result does not fit into {'a uint' if unsigned else 'an int'}")
    return Uint(value) if unsigned else int(value)


# ---------------------------------------------------------------- lists, maps and texts


def _indexed(container: object, key: object) -> object:
    if _is_map(container):
        return taken(container, key)
    # A double serves where it is whole: parameters are doubles (cel-go: IndexOrError).
    if not _is_list(container) or not is_number(key) or key % 1:
        raise unfit("[]", container, key)
    if not 0 <= key < len(container):
        raise ExpressionError(f"there is no index {short(key)} in a list of {len(container)}")
    item = container[int(key)]
    return item if isinstance(container, _MadeList) else _received(item)


def _of_field(container: object, name: object) -> object:
    if not _is_map(container):
        raise unfit(f".{name}", container)
    return taken(container, name)


def _has(container: object, name: object) -> bool:
    if not _is_map(container):
        raise unfit("has()", container)
    return name in container


def _list(*items: object) -> object:
    return _MadeList(items)


def _map(*items: object) -> object:
    """Of keys and values in turn; the last value of a key counts, as in cel-go."""
    made = _MadeMap()
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str):
            raise ExpressionError(f"a key of a map must be a string here, not {_kind(key)}")
        made[key] = value
    return made


def _size(value: object) -> int:
    """Of a text: its characters."""
    if isinstance(value, str) or _is_list(value) or _is_map(value):
        return len(value)
    raise unfit("size()", value)


def _on_texts(name: str, ask: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    def asked(text: object, part: object) -> bool:
        if not isinstance(text, str) or not isinstance(part, str):
            raise unfit(f"{name}()", text, part)
        return ask(text, part)

    return asked


OPERATIONS: Mapping[str, Callable[..., object]] = {
    "==": _equal,
    "!=": _unequal,
    "<": _ordering("<", operator.lt),
    "<=": _ordering("<=", operator.le),
    ">": _ordering(">", operator.gt),
    ">=": _ordering(">=", operator.ge),
    "in": _contained,
    "+": _joined,
    "-": _arithmetic("-"),
    "*": _arithmetic("*"),
    "/": _arithmetic("/"),
    "%": _arithmetic("%"),
    "!": _not,
    "negate": _negative,
    "field": _of_field,
    "has": _has,
    "index": _indexed,
    "list": _list,
    "map": _map,
    "size": _size,
    "contains": _on_texts("contains", operator.contains),
    "endsWith": _on_texts("endsWith", str.endswith),
    "startsWith": _on_texts("startsWith", str.startswith),
}
