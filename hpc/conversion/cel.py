"""Conditions of the IR (CEL, as the KFP SDK and hpc write it) as conditions of the language.

Text enters; a tree leaves whose operands the caller looks up, and from the tree the text of a `when`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from hpc.conversion.words import Unsayable

Tree: TypeAlias = "tuple[Any, ...]"
"""("or", …), ("and", …), ("not", x), ("==", a, b) and the like, ("constant", v), ("operand", name), ("list", …)."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<text>'(?:[^'\\\r\n]|\\.)*'|"(?:[^"\\\r\n]|\\.)*")
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>\|\||&&|==|!=|<=|>=|[<>!()\[\].,+-])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in")
_CASTS = ("int", "double")


def parse(text: str) -> Tree:
    """The tree of a condition. Raises Unsayable for CEL that the language has no words for."""
    reader = _Reader(list(_tokens(text)))
    tree = reader.either()
    if reader.tokens[0][0] != "end":
        raise Unsayable(f"cannot be read from `{reader.tokens[0][1]}`")
    return tree


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unsayable(f"cannot be read from `{text[at : at + 20].strip()}`")
        yield str(match.lastgroup), match[str(match.lastgroup)]
        at = match.end()
    yield "end", "the end"


def _unliteral_text(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) > 1:
            return chr(int(code, 8) if code.isdigit() else int(code[1:], 16))
        return _LETTERS.get(code, code)

    return _ESCAPE.sub(character, text[1:-1])


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens

    def took(self, *signs: str) -> str | None:
        kind, text = self.tokens[0]
        if kind in ("sign", "name") and text in signs:
            self.tokens.pop(0)
            return text
        return None

    def must(self, sign: str) -> None:
        if not self.took(sign):
            raise Unsayable(f"has `{self.tokens[0][1]}` where `{sign}` is expected")

    def either(self) -> Tree:
        return self._several("||", "or", lambda: self._several("&&", "and", self._comparison))

    def _several(self, sign: str, kind: str, one: Callable[[], Tree]) -> Tree:
        found = [one()]
        while self.took(sign):
            found.append(one())
        return (kind, *_flat(kind, found)) if len(found) > 1 else found[0]

    def _comparison(self) -> Tree:
        left = self._single()
        sign = self.took(*_COMPARISONS)
        return (sign, left, self._single()) if sign else left

    def _single(self) -> Tree:
        if self.took("!"):
            return negated(self._single())
        if self.took("-"):
            kind, value = self._single()[:2]
            if kind != "constant" or not isinstance(value, int | float):
                raise Unsayable("computes, which conditions do not")
            return ("constant", -value)
        if self.took("("):
            tree = self.either()
            self.must(")")
            return tree
        if self.took("["):
            return ("list", *self._until("]"))
        return self._word()

    def _until(self, end: str) -> Iterator[Tree]:
        while not self.took(end):
            yield self.either()
            if self.tokens[0][1] != end:
                self.must(",")

    def _word(self) -> Tree:
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return ("constant", int(text) if text.isdigit() else float(text))
        if kind == "text":
            return ("constant", _unliteral_text(text))
        if text in ("true", "false"):
            return ("constant", text == "true")
        if text == "inputs" and self.took("."):
            return self._operand()
        if text in _CASTS and self.took("("):
            return self._cast(text)
        raise Unsayable(f"uses `{text}`, which conditions of the language do not have")

    def _cast(self, name: str) -> Tree:
        """`int(x)` and `double(x)` stand around numbers for CEL's sake; the language knows the types."""
        inner = tuple(self._until(")"))
        if (
            len(inner) != 1
            or inner[0][0] not in ("constant", "operand")
            or isinstance(inner[0][1], str | bool) != (inner[0][0] == "operand")
        ):
            raise Unsayable(f"uses `{name}(…)`, which conditions of the language do not have")
        return inner[0]

    def _operand(self) -> Tree:
        self.must("parameter_values")
        self.must("[")
        kind, text = self.tokens.pop(0)
        self.must("]")
        if kind != "text":
            raise Unsayable("reads its inputs by something that is no name")
        return ("operand", _unliteral_text(text))


def _flat(kind: str, trees: list[Tree]) -> Iterator[Tree]:
    for tree in trees:
        if tree[0] == kind:
            yield from tree[1:]
        else:
            yield tree


def negated(tree: Tree) -> Tree:
    return tree[1] if tree[0] == "not" else ("not", tree)


def conjuncts(tree: Tree) -> list[Tree]:
    return list(tree[1:]) if tree[0] == "and" else [tree]


def conjunction(trees: list[Tree]) -> Tree:
    return trees[0] if len(trees) == 1 else ("and", *trees)


def operands(tree: Tree) -> Iterator[str]:
    """The inputs that a condition reads."""
    if tree[0] == "operand":
        yield tree[1]
    elif tree[0] != "constant":
        for part in tree[1:]:
            yield from operands(part)


# ---------------------------------------------------------------- the text of a `when`

_STRENGTH = {"or": 0, "and": 1, "not": 2}


def written(tree: Tree, named: Callable[[str], str]) -> str:
    """The condition as it stands behind `when`; `named` gives each operand its name there."""
    kind, *parts = tree
    if kind in ("or", "and"):
        return f" {kind} ".join(_inside(part, _STRENGTH[kind] + 1, named) for part in parts)
    if kind == "not":
        return f"not {_inside(parts[0], _STRENGTH['not'], named)}"
    if kind in _COMPARISONS:
        return _comparison(kind, parts, named)
    if kind == "operand":
        return named(parts[0])
    raise Unsayable("decides nothing")


def _inside(tree: Tree, strength: int, named: Callable[[str], str]) -> str:
    text = written(tree, named)
    return f"({text})" if _STRENGTH.get(tree[0], 3) < strength else text


def _comparison(sign: str, sides: list[Tree], named: Callable[[str], str]) -> str:
    left, right = sides
    if left[0] == "constant" and isinstance(left[1], bool):
        left, right = right, left
    if right[0] == "constant" and isinstance(right[1], bool) and left[0] == "operand" and sign in ("==", "!="):
        holds = right[1] == (sign == "==")
        return named(left[1]) if holds else f"not {named(left[1])}"
    return f"{_side(left, named)} {sign} {_side(right, named)}"


def _side(tree: Tree, named: Callable[[str], str]) -> str:
    if tree[0] == "operand":
        return named(tree[1])
    if tree[0] == "list":
        return f"[{', '.join(_side(item, named) for item in tree[1:])}]"
    if tree[0] != "constant":
        raise Unsayable("compares something that is neither a name nor a value")
    return _literal(tree[1])


def _literal(value: str | float | bool) -> str:
    if isinstance(value, str):
        if any(not char.isprintable() and char not in "\n\t" for char in value):
            raise Unsayable("compares a text with control characters")
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else repr(value)
