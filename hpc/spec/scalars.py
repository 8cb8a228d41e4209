"""What a scalar of the language means: takes the text of a YAML scalar, gives its value or refuses it.

The rules are those of the YAML 1.2 core schema, narrowed to what YAML 1.1 tools, OmegaConf among them, read alike
(language, sections 1.7 and 5.20). Also here: where the characters of a text lie in the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TypeAlias

from hpc.diagnostics import Rule

Scalar: TypeAlias = "str | int | float | bool | None"
Extent: TypeAlias = "tuple[int, int]"

AMBIGUOUS = Rule(
    "HPC005",
    "ambiguous value",
    "YAML 1.1 and YAML 1.2 tools read this unquoted value differently, or one as a number and the other as text. "
    "A pipeline file must mean the same to all of them.",
    "Write the value in the form that all tools share, or quote it.",
)
NOT_FINITE = Rule(
    "HPC017",
    "number out of range",
    "Infinity and not-a-number cannot be written to JSON, and so neither to a compiled pipeline; a number beyond "
    "1e308 becomes infinity.",
    "Write a number within range, or quote the value if text is meant.",
)

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YES = frozenset(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"))
_NO = frozenset(("n", "N", "no", "No", "NO", "off", "Off", "OFF"))
_SWITCHES = _YES | _NO
# PyYAML and Go's YAML libraries take `y` and `n` for text, and ports may be called so: they are fine as keys.
_DOUBTFUL_KEYS = _SWITCHES - set("yYnN")
_NUMBER_STARTS = frozenset("0123456789+-.")
_MOST_DIGITS = 309
_LONG = 60

_LIKE_A_NUMBER = re.compile(r"[-+]?(?:\.?[0-9]|\.[iInN])")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"(?:[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+][0-9]+)?)\Z")
_ONLY_CORE_FLOAT = re.compile(r"[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+\Z")
_BASED = re.compile(r"([-+]?)0(?:o([0-7]+)|b([01_]+)|x([0-9a-fA-F_]+))\Z")
_UNDERSCORES = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?\Z")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")


class ScalarError(Exception):
    """Raised for a plain scalar that the language does not read; holds what the diagnostic says."""

    def __init__(self, rule: Rule, fact: str, fix: str) -> None:
        self.rule, self.fact, self.fix = rule, fact, fix
        super().__init__(fact)


def shortened(text: str) -> str:
    """A text as messages show it: nobody reads more than 60 characters of it."""
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def resolve(text: str) -> Scalar:
    """The value of an unquoted scalar. Raises ScalarError."""
    if not text or text[0] in _NUMBER_STARTS:
        return _number(text) if text else None
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in _SWITCHES:
        raise _switch(text)
    return text


def check_key(text: str) -> None:
    """Raises ScalarError if YAML tools disagree on an unquoted key. All others are text, `1` and `true` too."""
    if text in _DOUBTFUL_KEYS:
        fact = f"key `{text}` is true/false to YAML 1.1 tools and text to YAML 1.2 tools."
        raise ScalarError(AMBIGUOUS, fact, f'quote it: "{text}".')
    if text and text[0] in _NUMBER_STARTS:
        _number(text)


def _switch(text: str) -> ScalarError:
    fact = f"`{text}` is true/false to YAML 1.1 tools and text to YAML 1.2 tools, so hpc refuses to guess."
    return ScalarError(AMBIGUOUS, fact, f'write `{"true" if text in _YES else "false"}`, or quote it: "{text}".')


def _number(text: str) -> Scalar:
    if _INT.match(text):
        return int(_in_range(text))
    if not _LIKE_A_NUMBER.match(text):
        return text
    if _FLOAT.match(text) and not _LEADING_ZERO.match(text):
        return _finite(text)
    if _HEX.match(text):
        return int(_in_range(text), 16)
    refusal = _doubt(text)
    if refusal is None:
        return text
    if len(text) > _LONG:
        raise _some(shortened(text), None)
    raise refusal


def _in_range(text: str) -> str:
    if len(text) > _MOST_DIGITS:
        raise ScalarError(NOT_FINITE, f"this number has {len(text)} digits, more than hpc reads.", "quote it.")
    return text


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ScalarError(
            NOT_FINITE, f"`{shortened(text)}` is too large for a number.", "write a smaller one, or quote it."
        )
    return number


def _doubt(text: str) -> ScalarError | None:
    """Why a text that starts like a number is neither surely a number nor surely text."""
    if _NOT_FINITE.match(text):
        return ScalarError(NOT_FINITE, f"`{text}` is not a finite number.", f'quote it: "{text}", if text is meant.')
    if _LEADING_ZERO.match(text):
        return _zero(text)
    if _SIXTIES.match(text):
        return ScalarError(AMBIGUOUS, f"`{text}` is a base-60 number to YAML 1.1 tools.", f'quote it: "{text}".')
    if _DATE.match(text):
        return ScalarError(
            AMBIGUOUS, f"`{text}` is a date to YAML 1.1 tools and text to others.", f'quote it: "{text}".'
        )
    return _unsure_number(text)


def _zero(text: str) -> ScalarError:
    if not set("89").isdisjoint(text):
        return _some(text, str(int(text)) if len(text) <= _MOST_DIGITS else None)
    fact = f"`{text}` is octal to YAML 1.1 tools and decimal to YAML 1.2 tools."
    if len(text) > _MOST_DIGITS:
        return ScalarError(AMBIGUOUS, fact, "quote it.")
    decimal, octal = int(text), int(text, 8)
    choice = f"`{decimal}`" if decimal == octal else f"`{decimal}` (or `{octal}` if octal is meant)"
    return ScalarError(AMBIGUOUS, fact, f'write {choice}, or quote it: "{text}".')


def _unsure_number(text: str) -> ScalarError | None:
    based = _BASED.match(text)
    if based:
        return _some(text, _decimal(based))
    if _ONLY_CORE_FLOAT.match(text) or ("_" in text and _UNDERSCORES.match(text)):
        return _some(text, _shared_form(text))
    return None


def _shared_form(number: str) -> str | None:
    """The number as all tools read it, if there is one: without underscores, with a digit before the point."""
    plainly = number.replace("_", "").lstrip("+")
    if _LEADING_ZERO.match(plainly) or math.isinf(float(plainly)):
        return None
    sign, digits = ("-", plainly[1:]) if plainly.startswith("-") else ("", plainly)
    return f"{sign}0{digits}" if digits.startswith(".") else plainly


def _decimal(based: re.Match[str]) -> str | None:
    digits = next(group for group in based.groups()[1:] if group is not None).replace("_", "")
    if not digits or len(digits) > _MOST_DIGITS:
        return None
    return f"{'-' * (based[1] == '-')}{int(digits, 8 if based[2] else 2 if based[3] else 16)}"


def _some(text: str, plainly: str | None) -> ScalarError:
    fix = f"write `{plainly}`, or quote it." if plainly else "quote it."
    return ScalarError(AMBIGUOUS, f"`{text}` is a number to some YAML tools and text to others.", fix)


_BLANKS = " \t\r\n"
_BREAK = r"(?:\r\n|\r|\n)"
_FOLD = rf"[ \t]*(?:{_BREAK}[ \t]*)+"
_SINGLE_UNIT = re.compile(rf"''|{_FOLD}|.", re.S)
_DOUBLE_UNIT = re.compile(
    rf"\\(?:x[0-9a-fA-F]{{2}}|u[0-9a-fA-F]{{4}}|U[0-9a-fA-F]{{8}}|{_BREAK}[ \t]*|.)|{_FOLD}|.", re.S
)
_ANY_BREAK = re.compile(_BREAK)
_ESCAPES = dict(zip('0abt\tnvfre "/\\N_LP', '\0\a\b\t\t\n\v\f\r\x1b "/\\\x85\xa0\u2028\u2029', strict=True))


def characters(written: str, style: str, value: str) -> list[Extent] | None:
    """For each character of the text `value` the characters of `written` that stand for it.

    `written` is the scalar as it stands in the file, quotes or block header included; `style` as in Node. None if
    the two do not correspond, which happens for rare folds of quoted text only.
    """
    if written == value:
        return [(at, at + 1) for at in range(len(value))]
    if style in ("'", '"'):
        return _quoted(written, style, value)
    return _aligned(written, style, value)


def _quoted(written: str, style: str, value: str) -> list[Extent] | None:
    unit = _SINGLE_UNIT if style == "'" else _DOUBLE_UNIT
    read: list[str] = []
    extents: list[Extent] = []
    for match in unit.finditer(written, 1, len(written) - 1):
        meant = _meaning(match[0], style)
        read.append(meant)
        extents += [match.span()] * len(meant)
    return extents if "".join(read) == value else None


def _meaning(unit: str, style: str) -> str:
    if len(unit) == 1 and unit not in "\r\n":
        return unit
    if unit == "''" and style == "'":
        return "'"
    if unit[0] == "\\" and style == '"':
        return _escaped(unit[1:])
    breaks = len(_ANY_BREAK.findall(unit))
    return "\n" * (breaks - 1) if breaks > 1 else " " if breaks else unit


def _escaped(code: str) -> str:
    if len(code) > 1 and code[0] in "xuU":
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, "")


def _aligned(written: str, style: str, value: str) -> list[Extent] | None:
    """Plain and block text keep every character that is not blank, so those correspond one by one."""
    marks = _marks(written, _header(written) if style else 0)
    extents: list[Extent] = []
    last = 0
    for char in value:
        if char in _BLANKS:
            extents.append((last, last + 1))
            last += 1
            continue
        at = next(marks, None)
        if at is None:
            return None
        extents.append((at, at + 1))
        last = at + 1
    return extents


def _marks(written: str, start: int) -> Iterator[int]:
    return (at for at in range(start, len(written)) if written[at] not in _BLANKS)


def _header(written: str) -> int:
    """The length of `|`, `>-` and so on, to the end of that line."""
    end = _ANY_BREAK.search(written)
    return end.end() if end else len(written)
