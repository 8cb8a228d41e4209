"""Conditions and selectors: the CEL text of a task enters, its value for given variables leaves.

This is the part of CEL (https://github.com/google/cel-spec) that compilers of pipelines write, and a little more:
literals but bytes, lists, maps with texts as keys, all operators, fields and indexes, `has`, conversions between
numbers, texts and bools, `size`, `contains`, `startsWith`, `endsWith`, and `parseJson` of the KFP backend. Everything
else is refused by `parse`. Values behave as in cel-go, which the backend uses (backend/src/v2/expression), with one
difference: there is no type check before a run, so `1 == 1.0` is true here and a compile error there. Every number in
the variables is a double, whether Python has it as int or float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from hpc.engines.local.plan.conversions import CONVERSIONS
from hpc.engines.local.plan.operations import OPERATIONS, ExpressionError, plain, taken, truth
from hpc.engines.local.plan.tokens import Token, integer, tokens

__all__ = ["Expression", "ExpressionError", "parse"]

_DEEPEST = 100
_OPERATIONS = {**OPERATIONS, **CONVERSIONS}
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))
_STRENGTH = {symbol: strength for strength, level in enumerate(_LEVELS) for symbol in level}
_CONSTANTS = {"true": True, "false": False, "null": None}
_RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "namespace"}
    | {"package", "return", "var", "void", "while"}
)
_FUNCTIONS = frozenset({"bool", "double", "has", "int", "parseJson", "size", "string", "uint"})
_METHODS = {"contains": 1, "endsWith": 1, "size": 0, "startsWith": 1}


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `text` is what was parsed."""

    text: str
    tree: _Node = field(repr=False)

    def evaluate(self, variables: Mapping[str, object]) -> object:
        """The value, as plain JSON would hold it. Raises ExpressionError, e.g. for a key that is missing."""
        try:
            return plain(self.tree.value(variables))
        except RecursionError:
            raise ExpressionError("a value of the expression is nested too deeply") from None


def parse(text: str) -> Expression:
    """The expression of a CEL text. Raises ValueError, with the place, for anything that is not of the subset."""
    try:
        return Expression(text, _Parser(text).whole())
    except RecursionError:
        raise ValueError("the expression is nested too deeply") from None


# ---------------------------------------------------------------- the tree


@dataclass(frozen=True)
class _Literal:
    constant: object
    height: int = 0

    def value(self, variables: Mapping[str, object]) -> object:  # noqa: ARG002
        return self.constant


@dataclass(frozen=True)
class _Variable:
    name: str
    height: int = 0

    def value(self, variables: Mapping[str, object]) -> object:
        return taken(variables, self.name)


@dataclass(frozen=True)
class _Call:
    """An operator or a function that needs all its operands; an error in one is an error of the whole."""

    name: str
    items: tuple[_Node, ...]
    height: int

    def value(self, variables: Mapping[str, object]) -> object:
        return _OPERATIONS[self.name](*[item.value(variables) for item in self.items])


@dataclass(frozen=True)
class _Logic:
    """`||`, which true decides, or `&&`, which false does: whatever the other operands are, errors too."""

    decides: bool
    items: tuple[_Node, ...]
    height: int

    def value(self, variables: Mapping[str, object]) -> object:
        error: ExpressionError | None = None
        for item in self.items:
            try:
                if truth(item.value(variables)) is self.decides:
                    return self.decides
            except ExpressionError as caught:
                error = error or caught
        if error:
            raise error
        return not self.decides


@dataclass(frozen=True)
class _Choice:
    items: tuple[_Node, ...]  # test, value if true, value if false
    height: int

    def value(self, variables: Mapping[str, object]) -> object:
        test, yes, no = self.items
        return (yes if truth(test.value(variables)) else no).value(variables)


_Node = _Literal | _Variable | _Call | _Logic | _Choice


# ---------------------------------------------------------------- parsing


class _Parser:
    """Recursive descent, with a stack for binary operators. Depth is bounded, so that Python's stack is enough."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._next = next(self._tokens)
        self._depth = 0

    def whole(self) -> _Node:
        found = self._expression()
        if self._next.kind != "end":
            self._refuse("an operator")
        return found

    def _expression(self) -> _Node:
        self._depth += 1
        self._bound(self._depth)
        found = self._operations()
        if self._accept("?"):
            yes = self._operations()
            self._expect(":")
            found = self._node("?", [found, yes, self._expression()])
        self._depth -= 1
        return found

    def _operations(self) -> _Node:
        operands, operators = [self._operand()], list[str]()
        while symbol := self._binary_operator():
            while operators and _goes_first(operators[-1], symbol):
                self._combine(operands, operators)
            operators.append(symbol)
            self._take()
            operands.append(self._operand())
        while operators:
            self._combine(operands, operators)
        return operands[0]

    def _binary_operator(self) -> str:
        token = self._next
        return token.text if token.kind == "symbol" and token.text in _STRENGTH else ""

    def _combine(self, operands: list[_Node], operators: list[str]) -> None:
        symbol, count = operators.pop(), 2
        # All operands of `a && b && c` are in one node, so that a long condition is not a deep one.
        while symbol in ("&&", "||") and operators and operators[-1] == symbol:
            operators.pop()
            count += 1
        items = operands[-count:]
        operands[-count:] = [self._node(symbol, items)]

    def _operand(self) -> _Node:
        nots, dashes = self._run("!"), self._run("-")
        negative = dashes > 0 and self._next.kind in ("int", "double")
        if nots and dashes > negative:
            self._refuse("a value or parentheses")
        found = self._member(negative)
        # As in cel-go, two of a kind are none: `!!1` is 1.
        if (dashes - negative) % 2:
            found = self._node("negate", [found])
        return self._node("!", [found]) if nots % 2 else found

    def _run(self, symbol: str) -> int:
        count = 0
        while self._accept(symbol):
            count += 1
        return count

    def _member(self, negative: bool) -> _Node:
        found = self._primary(negative)
        while True:
            if self._accept("."):
                found = self._field(found)
            elif self._accept("["):
                found = self._node("index", [found, self._expression()])
                self._expect("]")
            else:
                return found

    def _field(self, target: _Node) -> _Node:
        name = self._next
        if name.kind != "name" or name.text in _CONSTANTS:
            self._refuse("a name")
        self._take()
        if not self._accept("("):
            return self._node("field", [target, _Literal(name.text)])
        arguments = self._arguments()
        if _METHODS.get(name.text) != len(arguments):
            self._refuse_function(name, len(arguments))
        return self._node(name.text, [target, *arguments])

    def _primary(self, negative: bool) -> _Node:
        token = self._next
        if token.kind not in ("symbol", "end"):
            self._take()
            return self._named(token) if token.kind == "name" else _Literal(_constant(token, negative))
        if self._accept("("):
            found = self._expression()
            self._expect(")")
            return found
        if self._accept("["):
            return self._node("list", self._items("]"))
        if self._accept("{"):
            return self._node("map", self._items("}"))
        return self._refuse("a value")

    def _named(self, token: Token) -> _Node:
        if token.text in _CONSTANTS:
            return _Literal(_CONSTANTS[token.text])
        if token.text in _RESERVED:
            raise ValueError(f"at character {token.at}: {token.text} is a reserved word")
        if not self._accept("("):
            return _Variable(token.text)
        arguments = self._arguments()
        if token.text not in _FUNCTIONS or len(arguments) != 1:
            self._refuse_function(token, len(arguments))
        return self._present(token, arguments[0]) if token.text == "has" else self._node(token.text, arguments)

    def _present(self, token: Token, argument: _Node) -> _Node:
        if not isinstance(argument, _Call) or argument.name != "field":
            raise ValueError(f"at character {token.at}: has() takes a field, as in has(a.b)")
        return self._node("has", argument.items)

    def _arguments(self) -> list[_Node]:
        if self._accept(")"):
            return []
        found = [self._expression()]
        while self._accept(","):
            found.append(self._expression())
        self._expect(")")
        return found

    def _items(self, closing: str) -> list[_Node]:
        """What stands before the closing bracket, maybe with a last comma; of a map, keys and values in turn."""
        found: list[_Node] = []
        while not self._accept(closing):
            found.append(self._expression())
            if closing == "}":
                self._expect(":")
                found.append(self._expression())
            if not self._accept(","):
                self._expect(closing)
                break
        return found

    def _node(self, name: str, items: Sequence[_Node]) -> _Node:
        height = 1 + max((item.height for item in items), default=0)
        self._bound(height)
        if name in ("&&", "||"):
            return _Logic(name == "||", tuple(items), height)
        return _Choice(tuple(items), height) if name == "?" else _Call(name, tuple(items), height)

    def _bound(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError(f"at character {self._next.at}: the expression is nested more than {_DEEPEST} deep")

    def _take(self) -> None:
        self._next = next(self._tokens)

    def _accept(self, symbol: str) -> bool:
        if self._next.kind != "symbol" or self._next.text != symbol:
            return False
        self._take()
        return True

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            self._refuse(symbol)

    def _refuse(self, expected: str) -> NoReturn:
        found = self._next.text[:40] or "the end"
        raise ValueError(f"at character {self._next.at}: {expected} was expected, not {found}")

    def _refuse_function(self, name: Token, count: int) -> NoReturn:
        fact = f"there is no function {name.text[:40]} that takes {count} argument{'s' * (count != 1)} here"
        raise ValueError(f"at character {name.at}: {fact}")


def _goes_first(before: str, after: str) -> bool:
    """Whether the operator on the left binds its right operand. Equal ones group from the left; `&&` and `||` wait."""
    if before == after and after in ("&&", "||"):
        return False
    return _STRENGTH[before] >= _STRENGTH[after]


def _constant(token: Token, negative: bool) -> object:
    if token.kind == "int":
        return integer(token.text, token.at, negative)
    return -token.value if negative and isinstance(token.value, float) else token.value
