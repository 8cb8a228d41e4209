"""Conditions of edges: what follows `when` (language, section 2).

Text enters, a `Condition` leaves, in which every name and literal knows its place. Names are not looked up here;
`type_problems` judges a condition once their types are known.

    condition   = both ("or" both)*            both = inverted ("and" inverted)*
    inverted    = "not" inverted | comparison  comparison = operand (operator operand)?
    operator    = == != < <= > >= in, not in   operand = name | literal | list | "(" condition ")"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from hpc.components.types import Type, kind_of, with_article
from hpc.diagnostics import Diagnostic, Path, Place, Rule

NOT_A_CONDITION = Rule(
    "HPC401",
    "not a condition",
    "A condition decides whether an edge is taken. It compares values and does nothing else, so that it means the same "
    "on every target and a reader sees at once what decides.",
    "Compare `step.output` or `inputs.name` with a literal or another name by == != < <= > >= in; join comparisons "
    "with `and`, `or`, `not` and parentheses.",
)
WRONG_OPERANDS = Rule(
    "HPC402",
    "values that cannot be compared",
    "A string, a number or a bool is compared with its like; an int and a float are alike. Platforms answer other "
    "comparisons with an error in the middle of a run, or with the wrong branch.",
    "Compare values of one kind, or let a step put out the value that decides.",
)

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


_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t"}
_UNESCAPED = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t"})


def _written(value: Scalar) -> str:
    if isinstance(value, str):
        return f"'{value.translate(_UNESCAPED)}'"
    return str(value).lower() if isinstance(value, bool) else repr(value)


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
        if escape[1] not in _ESCAPES:
            fact = f"`{escape[0]}` is not an escape."
            fix = f"write `\\{escape[0]}` for a backslash; the escapes are \\\\ \\' \\\" \\n \\t."
            raise BadCondition(match.start(2) + escape.start() + offset, 2, fact, fix)
    value = re.sub(r"\\(.)", lambda escape: _ESCAPES[escape[1]], match[2], flags=re.S)
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


# ---------------------------------------------------------------- types

TypeOf: TypeAlias = Callable[[Name], "Type | None"]
"""The type of a name; None if the name is wrong, which is said elsewhere."""

_KINDS = {"string": "string", "int": "number", "float": "number", "bool": "bool"}
"""What is compared, by the base of its type: values of one kind."""
_EXAMPLES = {"string": "'text'", "int": "0", "float": "0.5", "bool": "true"}


def type_problems(condition: Condition, type_of: TypeOf) -> Iterator[Diagnostic]:
    """HPC402 for every comparison whose sides do not go together, and every lone name that is not a bool.

    `type_of` is asked once for each name that is written.
    """
    if isinstance(condition, Name):
        yield from _not_bool(condition, type_of(condition))
    elif isinstance(condition, Comparison):
        yield from _wrong_sides(condition, type_of)
    elif isinstance(condition, Not):
        yield from type_problems(condition.item, type_of)
    else:
        for item in condition.items:
            yield from type_problems(item, type_of)


def _wrong(place: Place, fact: str, fix: str) -> Diagnostic:
    return Diagnostic(WRONG_OPERANDS, place, fact, fix)


def _not_bool(name: Name, of: Type | None) -> Iterator[Diagnostic]:
    if of is None or of == Type("bool"):
        return
    if of.base not in _KINDS:
        yield from _not_compared(name, of)
        return
    example = _EXAMPLES[of.base]
    written = f"{example} in {name}" if of.is_list else f"{name} {'==' if of.base == 'string' else '>'} {example}"
    fact = f"`{name}` is {with_article(of)}, not true or false."
    yield _wrong(name.place, fact, f"compare it, e.g. `{written}`.")


def _wrong_sides(comparison: Comparison, type_of: TypeOf) -> Iterator[Diagnostic]:
    left, right = comparison.left, comparison.right
    same = _same_sides(left, right)
    if same:
        yield _wrong(
            comparison.place, f"{same}, so the answer never changes.", "compare other values, or leave it out."
        )
        return
    left_type, right_type = _type(left, type_of), _type(right, type_of)
    found = list(_not_compared(left, left_type))
    found += _not_searched(right, right_type) if comparison.operator == "in" else _not_compared(right, right_type)
    yield from found or _unlike(comparison, left_type, right_type)


def _same_sides(left: Operand, right: Operand) -> str | None:
    """Why a comparison is a constant."""
    if isinstance(left, Literal) and isinstance(right, Literal):
        return "both sides are literals"
    if isinstance(left, Name) and isinstance(right, Name) and str(left) == str(right):
        return f"both sides are `{left}`"
    return None


def _type(operand: Operand, type_of: TypeOf) -> Type | None:
    """A list of several kinds has the type of its first value; it is refused for itself."""
    if isinstance(operand, Name):
        return type_of(operand)
    if not isinstance(operand.value, tuple):
        return Type(kind_of(operand.value))
    bases = [kind_of(value) for value in operand.value]
    return Type("float" if "float" in bases else bases[0] if bases else "string", is_list=True)


def _not_compared(operand: Operand, of: Type | None) -> Iterator[Diagnostic]:
    """Said of what is no single string, number or bool."""
    if of is None or (of.base in _KINDS and not of.is_list):
        return
    stands = f"`{operand}` is {with_article(of)}"
    if isinstance(operand, Literal):
        fact, fix = f"{stands}, which is not compared as a whole.", "search in a list: `step.output in [1, 2]`."
    elif of.is_artifact:
        fact, fix = f"{stands}; conditions read values, not files.", "add a value output, e.g. `accuracy: float`."
    elif of.base == "RunStatus":
        fact = f"{stands}; conditions do not read how a run ended."
        fix = "let a step with `run_if: upstream_done` take it by an edge."
    elif of.base in _KINDS:
        fact = f"{stands}, which is not compared as a whole."
        fix = f"search in it: `{_EXAMPLES[of.base]} in {operand}`."
    else:
        fact, fix = f"{stands}, which is not compared.", "add an output for what decides, e.g. `accuracy: float`."
    yield _wrong(operand.place, fact, fix)


def _not_searched(operand: Operand, of: Type | None) -> Iterator[Diagnostic]:
    """Said of what stands to the right of `in` and is no list of strings, numbers or bools."""
    if of is None:
        return
    if of.base not in _KINDS:
        yield from _not_compared(operand, of)
    elif not of.is_list:
        fact = f"`in` searches a list, and `{operand}` is {with_article(of)}."
        yield _wrong(operand.place, fact, "write a list, e.g. `in ['a', 'b']`, or compare by `==`.")
    elif isinstance(operand, Literal) and isinstance(operand.value, tuple):
        kinds = list(dict.fromkeys(_KINDS[kind_of(value)] for value in operand.value))
        if not kinds:
            yield _wrong(operand.place, "nothing is ever in an empty list.", "write its values, or leave this out.")
        elif len(kinds) > 1:
            fact = f"the list holds a {kinds[0]} and a {kinds[1]}."
            yield _wrong(operand.place, fact, "write values of one kind.")


def _unlike(comparison: Comparison, left: Type | None, right: Type | None) -> Iterator[Diagnostic]:
    kinds = {_KINDS[of.base] for of in (left, right) if of}
    operator = comparison.operator
    if left and right and len(kinds) > 1:
        answer = {"==": "they are never equal", "!=": "they are never equal", "in": "it is never found there"}
        fact = f"`{comparison.left}` is {with_article(left)}, but `{comparison.right}` is {with_article(right)}; "
        fact += f"{answer.get(operator, 'neither comes first')}."
        yield _wrong(comparison.place, fact, _remedy(comparison, left, right))
    elif "bool" in kinds and operator not in ("==", "!=", "in"):
        name = comparison.left if isinstance(comparison.left, Name) else comparison.right
        fact = f"`{operator}` asks for an order, and bools have none."
        yield _wrong(comparison.place, fact, f"use `==` or `!=`, or `{name}` alone.")


def _remedy(comparison: Comparison, left: Type, right: Type) -> str:
    literal, wanted = (comparison.right, left) if isinstance(comparison.left, Name) else (comparison.left, right)
    if isinstance(literal, Name):
        return "compare another value, or change one of the two types."
    if isinstance(literal.value, tuple):
        return f"write a list of {_KINDS[wanted.base]}s."
    written = _meant(literal, wanted.base)
    return f"write `{written}`." if written else f"compare it with {with_article(wanted.element)}."


_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def _meant(literal: Literal, base: str) -> str | None:
    """The literal as it was probably meant for a value of this type."""
    text = literal.value if isinstance(literal.value, str) else str(literal)
    if base == "string":
        return str(replace(literal, value=text))
    if base == "bool":
        words = {"1": "true", "0": "false", "true": "true", "false": "false"}
        return words.get(text.lower())
    return text if _PLAIN_NUMBER.fullmatch(text) else None
