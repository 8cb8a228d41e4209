"""Parameter values and their text: how a value is written into a command and read back from a file.

The text forms are those of the KFP backend (backend/src/v2/metadata/converter.go: PbValueToText, TextToPbValue),
because a component must see the same text here as on a cluster. Errors are ValueError with a sentence to show.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from typing import NoReturn, cast

KINDS = {
    "STRING": "text",
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a JSON list",
    "STRUCT": "a JSON object",
}

DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""Texts of bools, as Go's strconv.ParseBool has them."""

DEEPEST = 100
"""How deep lists and objects may stand in each other, so that whoever walks through a value may recurse."""

_EXACT = 2**53
_INTEGER = re.compile(r"[+-]?[0-9]+")
_ESCAPED = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def as_text(value: object) -> str:
    """The text of a value as the launcher puts it into a command: no quotes, no exponent, no `.0`; nothing for null."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return _plain_number(value)
    return as_json(value)


def as_json(value: object) -> str:
    """Compact JSON with sorted keys and `<`, `>`, `&` escaped, byte for byte as Go's json.Marshal writes it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)
    if isinstance(value, float):
        return _json_number(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        pairs = sorted(cast("dict[str, object]", value).items())
        return "{" + ",".join(f"{as_json(key)}:{as_json(item)}" for key, item in pairs) + "}"
    return "[" + ",".join(as_json(item) for item in cast("list[object]", value)) + "]"


def parse(text: str, kind: str) -> object:
    """The value that a file with this text holds, by the rules of the launcher (narrower than Python's own)."""
    if kind == "STRING":
        return text
    stripped = text.strip()
    if kind == "BOOLEAN":
        return _boolean(stripped)
    if kind == "NUMBER_INTEGER":
        return _integer(stripped)
    if kind == "NUMBER_DOUBLE":
        return _double(stripped)
    return fitting(_json(stripped, kind), kind)


def fitting(value: object, kind: str) -> object:
    """The value as an input of that kind takes it. Any value is text for STRING; a whole double is an integer.

    Whole and other numbers are one kind at run time, as on a cluster (driver/resolve.go).
    """
    if kind == "STRING":
        return as_text(value)
    if kind in {"NUMBER_INTEGER", "NUMBER_DOUBLE"}:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            _refuse(value, kind)
        return _finite(value, kind)
    expected: type | None = {"BOOLEAN": bool, "LIST": list, "STRUCT": dict}.get(kind)
    return value if expected is None or isinstance(value, expected) else _refuse(value, kind)


def shallow(value: object) -> object:
    """The value itself. Raises ValueError where it is nested deeper than DEEPEST."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for one in level for inner in _inside(one) if isinstance(inner, (list, dict))]
        if not level:
            return value
    raise ValueError(f"it is nested deeper than {DEEPEST}")


def inexact(value: object) -> Iterator[int]:
    """The whole numbers in a value that a double does not hold: services carry numbers so (google.protobuf.Value)."""
    if isinstance(value, int) and abs(value) > _EXACT:
        yield value
    for inner in _inside(value):
        yield from inexact(inner)


def shown(value: object, width: int = 60) -> str:
    """A value for a message: JSON, shortened."""
    text = as_json(value) if isinstance(value, str) else as_text(value) or "null"
    return text if len(text) <= width else text[: width - 1] + "…"


def worded(value: object) -> str:
    """A value for a sentence about a change: text as it is, null as `none`, anything else as `shown` has it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else shown(value)


def _inside(value: object) -> Collection[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _finite(value: float, kind: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number; a pipeline cannot carry it")
    if kind == "NUMBER_INTEGER" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _refuse(value: object, kind: str) -> NoReturn:
    raise ValueError(f"{shown(value)} is not {KINDS[kind]}")


def _boolean(text: str) -> bool:
    if text not in TRUE | FALSE:
        _refuse(text, "BOOLEAN")
    return text in TRUE


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        _refuse(text, "NUMBER_INTEGER")
    return int(text)


def _double(text: str) -> float:
    if text.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        raise ValueError(f"{text} is not a finite number; a pipeline cannot carry it")
    if not DECIMAL.fullmatch(text):
        _refuse(text, "NUMBER_DOUBLE")
    return _finite(float(text), "NUMBER_DOUBLE")


def _json(text: str, kind: str) -> object:
    try:
        return shallow(json.loads(text, parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown(text)} is not {KINDS.get(kind, 'JSON')}: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _plain_number(value: float) -> str:
    """The shortest digits that give the number back, written out (Go: FormatFloat(x, 'f', -1, 64))."""
    text = repr(value)
    if "e" in text:
        from decimal import Decimal

        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def _json_number(value: float) -> str:
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return _plain_number(value)
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"
