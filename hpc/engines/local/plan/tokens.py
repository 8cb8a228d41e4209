"""Words of a CEL text: a text enters, its tokens leave, each with its place and, for a literal, its value.

The lexical rules are those of https://github.com/google/cel-spec (doc/langdef.md, "Syntax"). Bytes are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from hpc.engines.local.plan.operations import INT, UINT, Uint


@dataclass(frozen=True)
class Token:
    """`kind` is int, uint, double, string, name, symbol or end; `at` counts characters from 1.

    `text` is what is written. `value` is that of a string, a uint or a double; the range of an int depends on its sign.
    """

    kind: str
    text: str
    at: int
    value: object = None


_BLANK = re.compile(r"(?:[ \t\n\f\r]+|//[^\n]*)*")
_TOKEN = re.compile(
    r"""(?P<string>[rRbB]{0,2}(?P<quote>'''|\"""|'|"))
    |(?P<double>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<uint>(?:0x[0-9a-fA-F]+|[0-9]+)[uU])
    |(?P<int>0x[0-9a-fA-F]+|[0-9]+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<symbol>[=!<>]=|&&|\|\||[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
# The rest of a string behind its opening quotes; written so that a missing end is found in one pass.
_REST = {
    "'": re.compile(r"([^\\'\r\n]*(?:\\.[^\\'\r\n]*)*)'"),
    '"': re.compile(r'([^\\"\r\n]*(?:\\.[^\\"\r\n]*)*)"'),
    "'''": re.compile(r"([^\\']*(?:(?:\\.|'(?!''))[^\\']*)*)'''", re.DOTALL),
    '"""': re.compile(r'([^\\"]*(?:(?:\\.|"(?!""))[^\\"]*)*)"""', re.DOTALL),
}
_RAW_REST = {
    "'": re.compile(r"([^'\r\n]*)'"),
    '"': re.compile(r'([^"\r\n]*)"'),
    "'''": re.compile(r"(.*?)'''", re.DOTALL),
    '"""': re.compile(r'(.*?)"""', re.DOTALL),
}
_ESCAPE = re.compile(
    r"""\\(?:([abfnrtv\\'"`?])|(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|([0-3][0-7]{2})|(.?))""",
    re.DOTALL,
)
_CONTROL = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LINE_END = re.compile("\r\n?")


def tokens(text: str) -> Iterator[Token]:
    """The words of the text, one by one, and an `end`. Raises ValueError at what is no word of CEL."""
    position = _after_blanks(text, 0)
    while position < len(text):
        token, position = _token_at(text, position)
        yield token
        position = _after_blanks(text, position)
    yield Token("end", "", len(text) + 1)


def integer(text: str, at: int, negative: bool = False) -> int:
    """The value of an int literal with its sign."""
    value = _digits(text)
    value = -value if negative else value
    if value not in INT:
        raise ValueError(f"at character {at}: the int does not fit into 64 bits")
    return value


def _after_blanks(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _token_at(text: str, position: int) -> tuple[Token, int]:
    at = position + 1
    found = _TOKEN.match(text, position)
    if not found:
        raise ValueError(f"at character {at}: {text[position]!r} is not part of the expression language")
    kind, written = str(found.lastgroup), found[0]
    if kind == "string":
        return _string(text, found)
    value = {"uint": _uint, "double": _double}[kind](written, at) if kind in ("uint", "double") else None
    # `in` is an operator, though it looks like a name.
    return Token("symbol" if written == "in" else kind, written, at, value), found.end()


def _digits(text: str) -> int:
    """The number; one that is too long for 64 bits is not read but taken as too big."""
    if text.startswith("0x"):
        return int(text, 16)
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) <= 20 else UINT.stop


def _uint(text: str, at: int) -> Uint:
    value = _digits(text[:-1])
    if value not in UINT:
        raise ValueError(f"at character {at}: the uint does not fit into 64 bits")
    return Uint(value)


def _double(text: str, at: int) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"at character {at}: the double is too big")
    return value


def _string(text: str, opening: re.Match[str]) -> tuple[Token, int]:
    at = opening.start() + 1
    prefix = opening[0].removesuffix(opening["quote"]).lower()
    if prefix not in ("", "r"):
        raise ValueError(f"at character {at}: bytes are not supported here; write a text without the b")
    found = (_RAW_REST if prefix else _REST)[opening["quote"]].match(text, opening.end())
    if not found:
        raise ValueError(f"at character {at}: the closing {opening['quote']} of the text is missing")
    inner = _LINE_END.sub("\n", found[1])
    value = inner if prefix else _ESCAPE.sub(lambda match: _unescaped(match, at), inner)
    return Token("string", text[opening.start() : found.end()], at, value), found.end()


def _unescaped(match: re.Match[str], at: int) -> str:
    short, *hexadecimal, octal, unknown = match.groups()
    if short:
        return _CONTROL.get(short, short)
    if unknown is not None:
        raise ValueError(f"at character {at}: the text has the unknown escape {match[0]}")
    point = int(octal, 8) if octal else int(next(filter(None, hexadecimal)), 16)
    if point > 0x10FFFF or 0xD800 <= point < 0xE000:
        raise ValueError(f"at character {at}: the escape {match[0]} of the text is not a character")
    return chr(point)
