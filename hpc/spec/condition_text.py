"""Conditions of edges as text: what follows `when` enters, a `Condition` leaves, in which everything knows its place.

condition   = both ("or" both)*            both = inverted ("and" inverted)*
inverted    = "not" inverted | comparison  comparison = operand (operator operand)?
operator    = == != < <= > >= in, not in   operand = name | literal | list | "(" condition ")"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hpc.diagnostics import Path, Place, Rule
from hpc.spec.conditions import ESCAPES, And, Comparison, Condition, Literal, Name, Not, Operand, Or, Scalar

NOT_A_CONDITION = Rule(
    "HPC401",
    "not a condition",
    "A condition decides whether an edge is taken. It compares values and does nothing else, so that it means the same "
    "on every target and a reader sees at once what decides.",
    "Compare `step.output` or `inputs.name` with a literal or another name by == != < <= > >= in; join comparisons "
    "with `and`, `or`, `not` and parentheses.",
)


class BadCondition(Exception):
    """HPC401: characters `start` to `start + length` of the edge, what is wrong there, and the fix."""

    def __init__(self, start: int, length: int, fact: str, fix: str) -> None:
        super().__init__(fact)
        self.start, self.length, self.fact, self.fix = start, length, fact, fix


def parse_condition(text: str, offset: int, path: Path) -> Condition:
    """The condition that `text` says. `text` begins at character `offset` of the edge at `path`.

    Raises BadCondition for the first mistake.
    """
    return _Parser(text, offset, path).whole()


# ---------------------------------------------------------------- words


@dataclass(frozen=True)
class _Token:
    """`kind`: name (with a dot), word, value (a literal), list marks and operators are `mark`, keyword, end."""

    kind: str
    text: str
    start: int
    value: Scalar = ""

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def bad(self, fact: str, fix: str) -> BadCondition:
        return BadCondition(self.start, max(len(self.text), 1), fact, fix)


_OPERATORS = ("==", "!=", "<=", ">=", "<", ">", "in")
_KEYWORDS = ("and", "or", "not", "in")
_MOST_EXACT = 2**53
_TOKEN = re.compile(
    r"(?P<quote>['\"])"
    r"|(?P<number>[-+]?\.?\d[\w.]*(?:(?<=[eE])[-+]\d+)?)"
    r"|(?P<word>\.?[^\W\d]\w*(?:\.\w*)*)"
    r"|(?P<foreign>===|!==|&&|\|\||<>|=>|=<|->|\$\{\{|\*\*|//|!(?!=)|=(?!=)|[-+*/%&|])"
    r"|(?P<mark>==|!=|<=|>=|[<>()\[\],])"
    r"|(?P<odd>.)",
    re.S,
)
_STRING = re.compile(r"(['\"])((?:\\.|(?!\1)[^\\])*)\1", re.S)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_SIMPLE = "use names (`step.output`, `inputs.x`), literals, == != < <= > >= in, and/or/not, ( )."
_NO_ARITHMETIC = "conditions do not calculate: let a step work the value out, and compare its output."
_FOREIGN = {
    **dict.fromkeys(("&&", "&", "AND", "And"), "write `and`."),
    **dict.fromkeys(("||", "|", "OR", "Or"), "write `or`."),
    **dict.fromkeys(("!", "NOT", "Not"), "write `not`."),
    **dict.fromkeys(("IN", "In"), "write `in`."),
    **dict.fromkeys(("=", "===", "is"), "write `==`."),
    **dict.fromkeys(("!==", "<>", "is not"), "write `!=`."),
    **dict.fromkeys(("True", "TRUE"), "write `true`."),
    **dict.fromkeys(("False", "FALSE"), "write `false`."),
    **dict.fromkeys(("None", "null", "Null", "NULL"), "leave it out: a step that has succeeded has all its outputs."),
    **dict.fromkeys(("+", "*", "/", "%", "**", "//"), _NO_ARITHMETIC),
    "-": "conditions do not calculate: let a step work the value out; inside a name write `_`.",
    "=>": "write `>=`.",
    "=<": "write `<=`.",
    "->": "put the condition at the end of the edge: `a -> b when …`.",
    "${{": "write the name alone, without `${{ }}`.",
    "when": "an edge has one `when`: join conditions with `and` or `or`.",
    "else": "write `else` without `when`, on the last edge of a `switch`.",
    "if": "write the condition alone.",
    **dict.fromkeys("`“”‘’„«»", "put texts in plain quotes: 'text'."),
}


def _tokens(text: str, offset: int) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        if text[at] == " ":
            at += 1
            continue
        if text[at] in "+-" and text[at : at + 2] != "->" and tokens and _ends_operand(tokens[-1]):
            raise _foreign(text[at], at + offset)
        tokens.append(_token(text, at, offset))
        at = tokens[-1].end - offset
    return [*tokens, _Token("end", "", offset + len(text))]


def _ends_operand(token: _Token) -> bool:
    return token.kind in ("name", "word", "value") or token.text in (")", "]")


def _token(text: str, at: int, offset: int) -> _Token:
    match = _TOKEN.match(text, at)
    assert match is not None
    found, start = match[0], at + offset
    if match.lastgroup == "quote":
        return _string(text, at, offset)
    if match.lastgroup == "number":
        return _number(found, start)
    if match.lastgroup == "word":
        return _word(found, start)
    if match.lastgroup == "mark":
        return _Token("mark", found, start)
    raise _foreign(found, start)


def _foreign(found: str, start: int) -> BadCondition:
    if found.isspace():
        fact = f"the blank U+{ord(found):04X} stands in this condition; only plain spaces may."
        return BadCondition(start, 1, fact, "replace it with a space.")
    fact = f"`{found}` is not part of a condition."
    return BadCondition(start, len(found), fact, _FOREIGN.get(found, _SIMPLE))


def _word(found: str, start: int) -> _Token:
    if found in ("true", "false"):
        return _Token("value", found, start, found == "true")
    kind = "name" if "." in found else "keyword" if found in _KEYWORDS else "word"
    return _Token(kind, found, start)


def _string(text: str, at: int, offset: int) -> _Token:
    match = _STRING.match(text, at)
    if not match:
        escaped = text.endswith("\\" + text[at])
        fix = "write `\\\\` for a backslash at the end of a text." if escaped else f"add {text[at]} at its end."
        raise BadCondition(at + offset, len(text) - at, "the text that begins here is never closed.", fix)
    for escape in re.finditer(r"\\(.)", match[2], re.S):
        if escape[1] not in ESCAPES:
            fact = f"`{escape[0]}` is not an escape."
            fix = f"write `\\{escape[0]}` for a backslash; the escapes are \\\\ \\' \\\" \\n \\t."
            raise BadCondition(match.start(2) + escape.start() + offset, 2, fact, fix)
    value = re.sub(r"\\(.)", lambda escape: ESCAPES[escape[1]], match[2], flags=re.S)
    return _Token("value", match[0], at + offset, value)


def _number(found: str, start: int) -> _Token:
    match = _NUMBER.fullmatch(found)
    if not match:
        fix = "write numbers like 10, -0.5 or 1e-4; put texts in quotes."
        raise BadCondition(start, len(found), f"`{found}` is not a number.", fix)
    is_int = match[1] is None and match[2] is None
    value = int(found) if is_int and len(found) <= len(str(-_MOST_EXACT)) else float(found)
    if is_int and not (isinstance(value, int) and abs(value) <= _MOST_EXACT):
        fact = f"`{found}` is beyond 2^53: platforms keep numbers as doubles, which would round it."
        raise BadCondition(start, len(found), fact, "compare a string if it is an identifier.")
    if math.isinf(value):
        fact = f"`{found}` is beyond the largest double, 1.8e308."
        raise BadCondition(start, len(found), fact, "write a smaller number.")
    return _Token("value", found, start, value)


# ---------------------------------------------------------------- sentences

_DEEPEST = 50
_PART = re.compile(r"[a-z][a-z0-9_]*")


class _Parser:
    """Recursive descent, a method for each rule of the grammar. Until an operator is seen, a part may be a literal."""

    def __init__(self, text: str, offset: int, path: Path) -> None:
        self.text, self.offset, self.path = text, offset, path
        self.tokens = _tokens(text, offset)
        self.at = self.depth = 0

    @property
    def ahead(self) -> _Token:
        return self.tokens[self.at]

    @property
    def last(self) -> _Token:
        return self.tokens[self.at - 1]

    def take(self) -> _Token:
        self.at += 1
        return self.last

    def accept(self, text: str) -> bool:
        """Takes the next token if it is this mark or keyword."""
        found = self.ahead.text == text
        self.at += found
        return found

    def written(self, start: int, end: int) -> str:
        return self.text[start - self.offset : end - self.offset]

    def place(self, start: int, end: int) -> Place:
        return Place(self.path, start=start, length=end - start)

    def whole(self) -> Condition:
        if self.ahead.kind == "end":
            raise self.ahead.bad("the condition is empty.", "write one, e.g. `when evaluate.accuracy >= 0.9`.")
        condition = _decisive(self.either())
        if self.ahead.kind != "end":
            raise self.unexpected()
        return condition

    def either(self) -> Condition | Literal:
        return self.series("or", Or, self.both)

    def both(self) -> Condition | Literal:
        return self.series("and", And, self.inverted)

    def series(
        self, word: str, kind: type[And] | type[Or], part: Callable[[], Condition | Literal]
    ) -> Condition | Literal:
        first = part()
        if not self.accept(word):
            return first
        items = [_decisive(first), _decisive(part())]
        while self.accept(word):
            items.append(_decisive(part()))
        return kind(_flat(kind, items))

    def inverted(self) -> Condition | Literal:
        if not self.accept("not"):
            return self.comparison()
        self.deeper()
        item = _decisive(self.inverted())
        self.depth -= 1
        return Not(item)

    def comparison(self) -> Condition | Literal:
        start, item = self.ahead.start, self.operand()
        end = self.last.end
        operator, is_negated = self.operator()
        if not operator:
            return item
        left = self.comparable(item, start, end)
        second = self.ahead.start
        right = self.comparable(self.operand(), second, self.last.end)
        self.refuse_chain(start, second)
        comparison = Comparison(operator, left, right, self.place(start, self.last.end))
        return Not(comparison) if is_negated else comparison

    def operator(self) -> tuple[str, bool]:
        """Takes the operator that stands here, and whether it is negated; an empty text if there is none."""
        if self.ahead.text in _OPERATORS:
            return self.take().text, False
        if self.ahead.text != "not":
            return "", False
        if self.tokens[self.at + 1].text != "in":
            fix = "write `and not …`, `not in`, or `!=`."
            raise self.ahead.bad("`not` is not an operator between two values.", fix)
        self.at += 2
        return "in", True

    def operand(self) -> Condition | Literal:
        token = self.ahead
        if token.kind == "value":
            self.take()
            return Literal(token.value, self.place(token.start, token.end))
        if token.kind in ("name", "word"):
            return self.name(self.take())
        if self.accept("("):
            return self.group(token)
        if self.accept("["):
            return self.listed(token)
        raise self.missing()

    def name(self, token: _Token) -> Name:
        if self.ahead.text == "(":
            fact = f"`{token.text}(…)` calls a function; a condition only compares."
            raise token.bad(fact, "let a step work the value out, and compare its output.")
        if token.kind == "word":
            raise self.bare(token)
        parts = token.text.split(".")
        if len(parts) != 2 or not all(map(_PART.fullmatch, parts)):
            raise _bad_name(token, parts)
        return Name(parts[0], parts[1], self.place(token.start, token.end))

    def group(self, opening: _Token) -> Condition | Literal:
        if self.ahead.text == ")":
            raise opening.bad("nothing stands in these parentheses.", "write a condition into them, or remove them.")
        self.deeper()
        inner = self.either()
        self.depth -= 1
        if not self.accept(")"):
            raise self.unclosed(opening, ")") if self.ahead.kind == "end" else self.unexpected()
        return inner

    def listed(self, opening: _Token) -> Literal:
        values: list[Scalar] = []
        while not self.accept("]"):
            if values and self.ahead.kind != "end" and not self.accept(","):
                raise self.ahead.bad(f"a comma is missing before `{self.ahead.text}`.", "write lists as [1, 2].")
            if self.ahead.kind == "end":
                raise self.unclosed(opening, "]")
            values.append(self.element())
        return Literal(tuple(values), self.place(opening.start, self.last.end))

    def element(self) -> Scalar:
        token = self.take()
        if token.kind == "value":
            return token.value
        if token.kind == "word":
            raise self.bare(token)
        if token.kind == "name":
            fact = f"`{token.text}` is a name, and a list in a condition holds literals only."
            raise token.bad(fact, f"compare with it on its own: `… == {token.text}`, joined by `or`.")
        if token.text == "[":
            raise token.bad("a list stands in a list.", "write one list of literals.")
        raise token.bad(f"a literal is missing before `{token.text}`.", "write lists as [1, 2].")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            fact = f"parentheses and `not` are nested more than {_DEEPEST} deep."
            raise self.last.bad(fact, "write fewer of them, or let a step work out what decides.")

    # ------------------------------------------------------------ mistakes

    def comparable(self, item: Condition | Literal, start: int, end: int) -> Operand:
        if isinstance(item, (Name, Literal)):
            return item
        fact = f"`{self.written(start, end)}` is a condition, and conditions are not compared."
        raise BadCondition(start, end - start, fact, "join conditions by `and`, `or` and `not`.")

    def refuse_chain(self, first: int, second: int) -> None:
        """No comparison goes on with another operator; it began at `first`, and its right side at `second`."""
        start, end = self.ahead.start, self.last.end
        if self.operator()[0]:
            operator = self.written(start, self.last.end)
            fix = f"write `{self.written(first, end)} and {self.written(second, end)} {operator} …`."
            raise BadCondition(start, len(operator), "comparisons are not chained.", fix)

    def bare(self, token: _Token) -> BadCondition:
        if token.text in _FOREIGN:
            return self.foreign(token)
        fix = f"write `step.output` or `inputs.name`, or quote the text: '{token.text}'."
        return token.bad(f"`{token.text}` is neither a name nor a text.", fix)

    def foreign(self, token: _Token) -> BadCondition:
        end = self.ahead.end if token.text == "is" and self.ahead.text == "not" else token.end
        words = " ".join(self.written(token.start, end).split())
        fact = f"`{words}` is not part of a condition."
        return BadCondition(token.start, end - token.start, fact, _FOREIGN[words])

    def unclosed(self, opening: _Token, closing: str) -> BadCondition:
        return opening.bad(f"this `{opening.text}` is never closed.", f"add `{closing}`.")

    def missing(self) -> BadCondition:
        """A name or literal should stand here."""
        token, last = self.ahead, self.last
        if self.at == 0:
            fix = "write a comparison, e.g. `evaluate.accuracy >= 0.9`."
            return token.bad(f"nothing stands before `{token.text}`.", fix)
        wanted = _wanted(last, token)
        if token.kind == "end":
            return last.bad(f"nothing follows `{last.text}`.", f"write {wanted} after it.")
        if token.text == "not":
            fix = "write it in front of the comparison: `not a.x == …`."
            return token.bad(f"`not` cannot follow `{last.text}`.", fix)
        return token.bad(f"nothing stands between `{last.text}` and `{token.text}`.", f"write {wanted} there.")

    def unexpected(self) -> BadCondition:
        """What stands here does not continue the condition."""
        token, last = self.ahead, self.last
        if token.text in (")", "]"):
            return token.bad(f"this `{token.text}` closes nothing.", "remove it, or open it before.")
        if token.text == ",":
            return token.bad("`,` stands outside of a list.", "write lists as ['a', 'b']; join conditions by `and`.")
        if token.text[0] in "'\"" and last.text[-1] in "'\"" and last.end == token.start:
            return token.bad("a text begins right where another ends.", "write a quote inside a text as `\\'`.")
        if token.kind == "word" and token.text in _FOREIGN:
            return self.foreign(self.take())
        if token.kind == "word":
            fix = "use == != < <= > >= in, and between conditions `and`, `or`."
            return token.bad(f"`{token.text}` is not an operator.", fix)
        if token.text == "[" and last.text.endswith((".output", ".outputs")):
            fix = f"write `{last.text.rpartition('.')[0]}.<output>`."
            return token.bad("outputs of a step are its ports; nothing is looked up in brackets.", fix)
        fact = f"no operator stands between `{last.text}` and `{token.text}`."
        return token.bad(fact, "compare them, or write `and` or `or` between.")


def _decisive(item: Condition | Literal) -> Condition:
    """The item unless it is a literal, which would be always true or always false."""
    if not isinstance(item, Literal):
        return item
    fact = f"`{item}` alone decides nothing."
    raise BadCondition(item.place.start or 0, item.place.length, fact, "compare a name with it, or leave it out.")


def _flat(kind: type[And] | type[Or], items: Iterable[Condition]) -> tuple[Condition, ...]:
    """The items of one `and` or `or`, with those that the same word joins in parentheses."""
    return tuple(part for item in items for part in (item.items if isinstance(item, kind) else (item,)))


def _wanted(before: _Token, after: _Token) -> str:
    if before.text == "in":
        return "a list"
    return "a name or a literal" if {before.text, after.text} & {*_OPERATORS} else "a comparison"


def _bad_name(token: _Token, parts: list[str]) -> BadCondition:
    text = token.text
    if not all(parts):
        return token.bad(f"a name is missing beside the dot of `{text}`.", "write `step.output` or `inputs.name`.")
    if len(parts) > 2:
        kept = [part for part in parts if part not in ("steps", "tasks", "outputs")]
        names = ".".join(kept if len(kept) == 2 else parts[:2])
        fact = f"`{text}` has {len(parts)} parts; a condition reads `step.output` or `inputs.name`."
        return token.bad(fact, f"write `{names}`; what lies inside a value needs an output of its own.")
    return token.bad(f"`{text}` is not a name.", "use a-z, 0-9 and `_` in names; put texts in quotes.")
