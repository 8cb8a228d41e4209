"""Conversions between the values of CEL, by the rules of cel-go (common/types, ConvertToType) and Go's strconv.

A value enters and another leaves; ExpressionError says why there is none. Doubles written in hexadecimal are refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

from hpc.engines.local.plan.operations import INT, ExpressionError, fitting, is_number, short, unfit
from hpc.engines.values import DECIMAL, FALSE, TRUE, shallow

_WHOLE = re.compile("([+-]?)0*([0-9]{1,20})")
_NO_NUMBER = re.compile("[+-]?inf(inity)?|nan", re.IGNORECASE)


def _integer(unsigned: bool) -> Callable[[object], int]:
    article, name = ("a", "uint") if unsigned else ("an", "int")

    def converted(value: object) -> int:
        if isinstance(value, str):
            found = _WHOLE.fullmatch(value)
            if not found or (unsigned and found[1]):
                raise ExpressionError(f"{short(value)} is not {article} {name}")
            return fitting(int(found[1] + found[2]), unsigned)
        if not is_number(value):
            raise unfit(f"{name}()", value)
        # cel-go refuses the smallest int as a double, and doubles below zero even where they would become 0.
        outside = isinstance(value, float) and (value < 0 if unsigned else value <= INT.start)
        if not math.isfinite(value) or outside:
            raise ExpressionError(f"{short(value)} does not fit into {article} {name}")
        return fitting(int(value), unsigned)

    return converted


def _double(value: object) -> float:
    if is_number(value):
        return float(value)
    if not isinstance(value, str):
        raise unfit("double()", value)
    if not DECIMAL.fullmatch(value) and not _NO_NUMBER.fullmatch(value):
        raise ExpressionError(f"{short(value)} is not a double")
    return _in_range(value, value[-1].isalpha())


def _in_range(text: str, infinite: bool = False) -> float:
    value = float(text)
    if math.isinf(value) and not infinite:
        raise ExpressionError(f"{short(text)} does not fit into a double")
    return value


def _string(value: object) -> str:
    if isinstance(value, (str, bool)):
        return value if isinstance(value, str) else str(value).lower()
    if isinstance(value, float):
        return _shortest(value)
    if isinstance(value, int):
        return str(int(value))
    raise unfit("string()", value)


def _shortest(value: float) -> str:
    """The shortest text of a double, with an exponent from 1e+06 on (Go: %g)."""
    from decimal import Decimal

    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value:+}".title()
    number = Decimal(repr(value)).normalize()
    if not value or -4 <= number.adjusted() < 6:
        return f"{number:f}"
    mantissa, exponent = f"{number:e}".split("e")
    return f"{mantissa}e{int(exponent):+03}"


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise unfit("bool()", value)
    if value not in TRUE | FALSE:
        raise ExpressionError(f"{short(value)} is not a bool")
    return value in TRUE


def _parsed_json(value: object) -> object:
    if not isinstance(value, str):
        raise unfit("parseJson()", value)
    try:
        return shallow(json.loads(value, parse_int=_in_range, parse_float=_in_range, parse_constant=_no_json))
    except ValueError as error:
        raise ExpressionError(f"{short(value)} is not JSON: {error}") from None


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not allowed")


CONVERSIONS: Mapping[str, Callable[..., object]] = {
    "bool": _bool,
    "double": _double,
    "int": _integer(unsigned=False),
    "uint": _integer(unsigned=True),
    "string": _string,
    "parseJson": _parsed_json,
}
