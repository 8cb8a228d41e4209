"""Conditions of edges: how they are read, what is refused, and CEL that answers as the condition does."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hpc.compiler.cel import cel, joined, negated, quoted
from hpc.components.types import Type, parse_type
from hpc.diagnostics import Place
from hpc.spec.condition_text import BadCondition, parse_condition
from hpc.spec.condition_types import WRONG_OPERANDS, type_problems
from hpc.spec.conditions import (
    And,
    Comparison,
    Condition,
    Literal,
    Name,
    Not,
    Operand,
    Or,
    key,
    names_in,
)

PATH = ("edges", 3)
EDGE = "a -> b when "
_QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


def parsed(text: str) -> Condition:
    return parse_condition(text, len(EDGE), PATH)


def sexpr(part: Condition | Operand) -> Any:
    """The condition without places, as nested tuples."""
    if isinstance(part, Name):
        return str(part)
    if isinstance(part, Literal):
        return (part.value,)
    if isinstance(part, Comparison):
        return (part.operator, sexpr(part.left), sexpr(part.right))
    if isinstance(part, Not):
        return ("not", sexpr(part.item))
    return (type(part).__name__.lower(), *map(sexpr, part.items))


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a.x", "a.x"),
        ("inputs.dry_run", "inputs.dry_run"),
        ("a.x == 1", ("==", "a.x", (1,))),
        ("a.x==-1", ("==", "a.x", (-1,))),
        ("1 <= a.x", ("<=", (1,), "a.x")),
        ("a.x >= inputs.min", (">=", "a.x", "inputs.min")),
        ("a.x < 1e-4", ("<", "a.x", (0.0001,))),
        ("a.x > -0.5E+2", (">", "a.x", (-50.0,))),
        ("a.x != true", ("!=", "a.x", (True,))),
        ("a.x == 'it\\'s'", ("==", "a.x", ("it's",))),
        ('a.x == "a\\\\b\\n\\t\\"\'"', ("==", "a.x", ("a\\b\n\t\"'",))),
        ("a.x == ''", ("==", "a.x", ("",))),
        ("a.x == 'and or ( && é😀'", ("==", "a.x", ("and or ( && é😀",))),
        ("a.x in [1, 2.5]", ("in", "a.x", ((1, 2.5),))),
        ("a.x in []", ("in", "a.x", ((),))),
        ("a.x not  in ['u']", ("not", ("in", "a.x", (("u",),)))),
        ("'u' in inputs.names", ("in", ("u",), "inputs.names")),
        ("not a.x == 1", ("not", ("==", "a.x", (1,)))),
        ("not a.x in [1]", ("not", ("in", "a.x", ((1,),)))),
        ("not not a.x", ("not", ("not", "a.x"))),
        ("not(a.x)and(b.y)", ("and", ("not", "a.x"), "b.y")),
        ("a.x or b.y and not c.z", ("or", "a.x", ("and", "b.y", ("not", "c.z")))),
        ("(a.x or b.y) and c.z", ("and", ("or", "a.x", "b.y"), "c.z")),
        ("(a.x and b.y) and (c.z and d.w)", ("and", "a.x", "b.y", "c.z", "d.w")),
        ("a.x or (b.y or c.z)", ("or", "a.x", "b.y", "c.z")),
        ("((a.x)) == ('u')", ("==", "a.x", ("u",))),
        ("a.x == 9007199254740992", ("==", "a.x", (2**53,))),
        ("a.in == b.when and b.or", ("and", ("==", "a.in", "b.when"), "b.or")),
    ],
)
def test_what_a_text_means(text: str, meaning: Any) -> None:
    assert repr(sexpr(parsed(text))) == repr(meaning)  # 1, 1.0 and True have different texts


def test_python_reads_it_alike() -> None:
    """Precedence is Python's: every way of joining four names by the words of a condition gives the same answer."""
    for a, b, c in ((a, b, c) for a in ("and", "or") for b in ("and", "or") for c in ("and", "or")):
        for bits in range(256):
            nots = ["not " * (bits >> 4 >> index & 1) for index in range(4)]
            names = {f"n.n{index}": bool(bits >> index & 1) for index in range(4)}
            p, q, r, s = (f"{word}{name}" for word, name in zip(nots, names, strict=True))
            text = f"{p} {a} {q} {b} {r} {c} {s}"
            python = text
            for name, value in names.items():
                python = python.replace(name, str(value))
            assert answer(parsed(text), names) is eval(python), text


def test_parts_know_their_places() -> None:
    text = "not (train.acc >= inputs.min_acc) and 'x y' in a.b or flag.on"
    condition = parsed(text)
    line = EDGE + text

    def said(place: Place) -> str:
        assert place.path == PATH
        assert place.start is not None
        return line[place.start : place.start + place.length]

    assert [said(name.place) for name in names_in(condition)] == ["train.acc", "inputs.min_acc", "a.b", "flag.on"]
    assert isinstance(condition, Or)
    assert isinstance(condition.items[0], And)
    first, second = condition.items[0].items
    assert isinstance(first, Not)
    assert isinstance(first.item, Comparison)
    assert isinstance(second, Comparison)
    assert said(first.item.place) == "train.acc >= inputs.min_acc"
    assert said(second.place) == "'x y' in a.b"
    assert said(second.left.place) == "'x y'"
    negated_list = parsed("(a.x) not in [1,  'u']")
    assert isinstance(negated_list, Not)
    assert isinstance(negated_list.item, Comparison)
    line = EDGE + "(a.x) not in [1,  'u']"
    assert said(negated_list.item.place) == "(a.x) not in [1,  'u']"
    assert said(negated_list.item.right.place) == "[1,  'u']"


def test_names_are_found_as_often_as_they_are_written() -> None:
    condition = parsed("a.x == b.y and (not a.x < 3 or a.x in c.zs) and b.y")
    assert list(map(str, names_in(condition))) == ["a.x", "b.y", "a.x", "a.x", "c.zs", "b.y"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.x==1", "  ( a.x == 1 )"),
        ("a.x == 'u'", 'a.x == "u"'),
        ("a.x not in [1,2]", "not a.x in [1, 2]"),
        ("a.x and b.y and c.z", "a.x and (b.y and c.z)"),
        ("a.x > 0.1", "a.x > 1e-1"),
    ],
)
def test_equal_conditions_have_one_key(one: str, other: str) -> None:
    assert key(parsed(one)) == key(parsed(other))
    assert len({key(parsed(one)), key(parsed(other))}) == 1


def test_different_conditions_have_different_keys() -> None:
    texts = ["a.x == 1", "a.x == 1.0", "a.x == true", "a.x == '1'", "a.x != 1", "1 == a.x", "a.y == 1", "b.x == 1"]
    texts += [
        "a.x",
        "not a.x",
        "a.x and b.x",
        "a.x or b.x",
        "b.x and a.x",
        "a.x in [1]",
        "a.x in [true]",
        "a.x in ['1']",
    ]
    texts += ["a.x and b.x or c.x", "a.x and (b.x or c.x)", "not (a.x and b.x)", "not a.x and b.x", "a.x in a.x"]
    assert len({key(parsed(text)) for text in texts}) == len(texts)


# ---------------------------------------------------------------- HPC401

SIMPLE = "use names (`step.output`, `inputs.x`), literals, == != < <= > >= in, and/or/not, ( )."
NO_ARITHMETIC = "conditions do not calculate: let a step work the value out, and compare its output."
NO_FUNCTION = "let a step work the value out, and compare its output."
PLAIN_QUOTES = "put texts in plain quotes: 'text'."
ESCAPES = r"""write `\\d` for a backslash; the escapes are \\ \' \" \n \t."""
NUMBERS = "write numbers like 10, -0.5 or 1e-4; put texts in quotes."

BAD = [
    # other languages' operators
    ("a.x && b.y", "    ^^", "`&&` is not part of a condition.", "write `and`."),
    ("a.x || b.y", "    ^^", "`||` is not part of a condition.", "write `or`."),
    ("a.x & b.y", "    ^", "`&` is not part of a condition.", "write `and`."),
    ("a.x | b.y", "    ^", "`|` is not part of a condition.", "write `or`."),
    ("!a.x", "^", "`!` is not part of a condition.", "write `not`."),
    ("a.x = 1", "    ^", "`=` is not part of a condition.", "write `==`."),
    ("a.x === 1", "    ^^^", "`===` is not part of a condition.", "write `==`."),
    ("a.x !== 1", "    ^^^", "`!==` is not part of a condition.", "write `!=`."),
    ("a.x <> 1", "    ^^", "`<>` is not part of a condition.", "write `!=`."),
    ("a.x => 1", "    ^^", "`=>` is not part of a condition.", "write `>=`."),
    ("a.x =< 1", "    ^^", "`=<` is not part of a condition.", "write `<=`."),
    ("a.x is true", "    ^^", "`is` is not part of a condition.", "write `==`."),
    ("a.x is  not true", "    ^^^^^^^", "`is not` is not part of a condition.", "write `!=`."),
    ("a.x AND b.y", "    ^^^", "`AND` is not part of a condition.", "write `and`."),
    ("a.x Or b.y", "    ^^", "`Or` is not part of a condition.", "write `or`."),
    ("NOT a.x", "^^^", "`NOT` is not part of a condition.", "write `not`."),
    ("a.x IN [1]", "    ^^", "`IN` is not part of a condition.", "write `in`."),
    ("a.x == True", "       ^^^^", "`True` is not part of a condition.", "write `true`."),
    ("a.x in [False]", "        ^^^^^", "`False` is not part of a condition.", "write `false`."),
    *(
        (
            f"a.x == {word}",
            "       " + "^" * len(word),
            f"`{word}` is not part of a condition.",
            "leave it out: a step that has succeeded has all its outputs.",
        )
        for word in ("None", "null")
    ),
    # arithmetic and functions
    *(
        (f"a.x {sign} 1 > 2", "    " + "^" * len(sign), f"`{sign}` is not part of a condition.", NO_ARITHMETIC)
        for sign in ("+", "*", "/", "%", "**", "//")
    ),
    ("a.x +1 > 2", "    ^", "`+` is not part of a condition.", NO_ARITHMETIC),
    (
        "a.x-1 > 2",
        "   ^",
        "`-` is not part of a condition.",
        "conditions do not calculate: let a step work the value out; inside a name write `_`.",
    ),
    (
        "my-step.x",
        "  ^",
        "`-` is not part of a condition.",
        "conditions do not calculate: let a step work the value out; inside a name write `_`.",
    ),
    ("len(a.x) > 2", "^^^", "`len(…)` calls a function; a condition only compares.", NO_FUNCTION),
    ("a.x.lower() == 'u'", "^^^^^^^^^", "`a.x.lower(…)` calls a function; a condition only compares.", NO_FUNCTION),
    # other signs
    (
        "a.x -> c",
        "    ^^",
        "`->` is not part of a condition.",
        "put the condition at the end of the edge: `a -> b when …`.",
    ),
    (
        "${{ inputs.x }}",
        "^^^",
        "`${{` is not part of a condition.",
        "write the name alone, without `${{ }}`.",
    ),
    ("a.x == “u”", "       ^", "`“` is not part of a condition.", PLAIN_QUOTES),
    ("a.x == `u`", "       ^", "``` is not part of a condition.", PLAIN_QUOTES),
    ("a.x ? 1", "    ^", "`?` is not part of a condition.", SIMPLE),
    ("a.x == #", "       ^", "`#` is not part of a condition.", SIMPLE),
    (
        "a.x\u00a0== 1",
        "   ^",
        "the blank U+00A0 stands in this condition; only plain spaces may.",
        "replace it with a space.",
    ),
    (
        "a.x ==\t1",
        "      ^",
        "the blank U+0009 stands in this condition; only plain spaces may.",
        "replace it with a space.",
    ),
    # words
    (
        "a.x == heads",
        "       ^^^^^",
        "`heads` is neither a name nor a text.",
        "write `step.output` or `inputs.name`, or quote the text: 'heads'.",
    ),
    (
        "a.x in [heads]",
        "        ^^^^^",
        "`heads` is neither a name nor a text.",
        "write `step.output` or `inputs.name`, or quote the text: 'heads'.",
    ),
    (
        "heads",
        "^^^^^",
        "`heads` is neither a name nor a text.",
        "write `step.output` or `inputs.name`, or quote the text: 'heads'.",
    ),
    (
        "a.x contains 'u'",
        "    ^^^^^^^^",
        "`contains` is not an operator.",
        "use == != < <= > >= in, and between conditions `and`, `or`.",
    ),
    (
        "a.x when b.y",
        "    ^^^^",
        "`when` is not part of a condition.",
        "an edge has one `when`: join conditions with `and` or `or`.",
    ),
    (
        "a.x else",
        "    ^^^^",
        "`else` is not part of a condition.",
        "write `else` without `when`, on the last edge of a `switch`.",
    ),
    ("if a.x", "^^", "`if` is not part of a condition.", "write the condition alone."),
    # names
    (
        "steps.a.outputs.x == 1",
        "^^^^^^^^^^^^^^^^^",
        "`steps.a.outputs.x` has 4 parts; a condition reads `step.output` or `inputs.name`.",
        "write `a.x`; what lies inside a value needs an output of its own.",
    ),
    (
        "1 < a.x.y",
        "    ^^^^^",
        "`a.x.y` has 3 parts; a condition reads `step.output` or `inputs.name`.",
        "write `a.x`; what lies inside a value needs an output of its own.",
    ),
    (
        "a. x",
        "^^",
        "a name is missing beside the dot of `a.`.",
        "write `step.output` or `inputs.name`.",
    ),
    (
        ".x == 1",
        "^^",
        "a name is missing beside the dot of `.x`.",
        "write `step.output` or `inputs.name`.",
    ),
    (
        "Train.acc",
        "^^^^^^^^^",
        "`Train.acc` is not a name.",
        "use a-z, 0-9 and `_` in names; put texts in quotes.",
    ),
    (
        "a.é == 1",
        "^^^",
        "`a.é` is not a name.",
        "use a-z, 0-9 and `_` in names; put texts in quotes.",
    ),
    # literals
    (r"a.x == 'a\d'", r"         ^^", r"`\d` is not an escape.", ESCAPES),
    ("a.x == 'u", "       ^^", "the text that begins here is never closed.", "add ' at its end."),
    (
        'a.x == "u and b.y',
        "       ^^^^^^^^^^",
        "the text that begins here is never closed.",
        'add " at its end.',
    ),
    (
        r"a.x == 'C:\'",
        "       ^^^^^",
        "the text that begins here is never closed.",
        r"write `\\` for a backslash at the end of a text.",
    ),
    (
        "a.x == 'it''s'",
        "           ^^^",
        "a text begins right where another ends.",
        r"write a quote inside a text as `\'`.",
    ),
    *(
        (f"a.x == {number}", "       " + "^" * len(number), f"`{number}` is not a number.", NUMBERS)
        for number in ("007", "1_000", ".5", "5.", "+5", "0x10", "10GB", "1.2.3", "1e", "٣")
    ),
    (
        "a.x == 9007199254740993",
        "       ^^^^^^^^^^^^^^^^",
        "`9007199254740993` is beyond 2^53: platforms keep numbers as doubles, which would round it.",
        "compare a string if it is an identifier.",
    ),
    (
        f"a.x == -{'9' * 5000}",
        "       " + "^" * 5001,
        f"`-{'9' * 5000}` is beyond 2^53: platforms keep numbers as doubles, which would round it.",
        "compare a string if it is an identifier.",
    ),
    (
        "a.x == 1e309",
        "       ^^^^^",
        "`1e309` is beyond the largest double, 1.8e308.",
        "write a smaller number.",
    ),
    ("true", "^^^^", "`true` alone decides nothing.", "compare a name with it, or leave it out."),
    ("a.x and 'u'", "        ^^^", "`'u'` alone decides nothing.", "compare a name with it, or leave it out."),
    ("not (1)", "     ^", "`1` alone decides nothing.", "compare a name with it, or leave it out."),
    ("[1, 'u'] or a.x", "^^^^^^^^", "`[1, 'u']` alone decides nothing.", "compare a name with it, or leave it out."),
    # lists
    ("a.x in [1 2]", "          ^", "a comma is missing before `2`.", "write lists as [1, 2]."),
    ("a.x in [1,]", "          ^", "a literal is missing before `]`.", "write lists as [1, 2]."),
    ("a.x in [1, == 2]", "           ^^", "a literal is missing before `==`.", "write lists as [1, 2]."),
    ("a.x in [1, 2", "       ^", "this `[` is never closed.", "add `]`."),
    ("a.x in [1,", "       ^", "this `[` is never closed.", "add `]`."),
    ("a.x in [[1]]", "        ^", "a list stands in a list.", "write one list of literals."),
    (
        "a.x in [b.y]",
        "        ^^^",
        "`b.y` is a name, and a list in a condition holds literals only.",
        "compare with it on its own: `… == b.y`, joined by `or`.",
    ),
    (
        "a.x in (1, 2)",
        "         ^",
        "`,` stands outside of a list.",
        "write lists as ['a', 'b']; join conditions by `and`.",
    ),
    # parentheses
    ("(a.x and (b.y)", "^", "this `(` is never closed.", "add `)`."),
    ("a.x)", "   ^", "this `)` closes nothing.", "remove it, or open it before."),
    ("(a.x] and b.y", "    ^", "this `]` closes nothing.", "remove it, or open it before."),
    ("()", "^", "nothing stands in these parentheses.", "write a condition into them, or remove them."),
    # something missing
    ("", "^", "the condition is empty.", "write one, e.g. `when evaluate.accuracy >= 0.9`."),
    ("  ", "  ^", "the condition is empty.", "write one, e.g. `when evaluate.accuracy >= 0.9`."),
    ("a.x >=", "    ^^", "nothing follows `>=`.", "write a name or a literal after it."),
    ("a.x in", "    ^^", "nothing follows `in`.", "write a list after it."),
    ("a.x and", "    ^^^", "nothing follows `and`.", "write a comparison after it."),
    ("not", "^^^", "nothing follows `not`.", "write a comparison after it."),
    ("a.x and (", "        ^", "nothing follows `(`.", "write a comparison after it."),
    (">= 1", "^^", "nothing stands before `>=`.", "write a comparison, e.g. `evaluate.accuracy >= 0.9`."),
    ("and a.x", "^^^", "nothing stands before `and`.", "write a comparison, e.g. `evaluate.accuracy >= 0.9`."),
    ("a.x > < 1", "      ^", "nothing stands between `>` and `<`.", "write a name or a literal there."),
    ("(> 1)", " ^", "nothing stands between `(` and `>`.", "write a name or a literal there."),
    ("a.x and or b.y", "        ^^", "nothing stands between `and` and `or`.", "write a comparison there."),
    ("(a.x and) or b.y", "        ^", "nothing stands between `and` and `)`.", "write a comparison there."),
    (
        "a.x == not b.y",
        "       ^^^",
        "`not` cannot follow `==`.",
        "write it in front of the comparison: `not a.x == …`.",
    ),
    (
        "a.x not b.y",
        "    ^^^",
        "`not` is not an operator between two values.",
        "write `and not …`, `not in`, or `!=`.",
    ),
    (
        "a.x b.y",
        "    ^^^",
        "no operator stands between `a.x` and `b.y`.",
        "compare them, or write `and` or `or` between.",
    ),
    (
        "(a.x 'u')",
        "     ^^^",
        "no operator stands between `a.x` and `'u'`.",
        "compare them, or write `and` or `or` between.",
    ),
    # comparisons of comparisons
    (
        "1 < a.x <= b.y",
        "        ^^",
        "comparisons are not chained.",
        "write `1 < a.x and a.x <= …`.",
    ),
    (
        "a.x in [1, 2] not  in b.y",
        "              ^^^^^^^",
        "comparisons are not chained.",
        "write `a.x in [1, 2] and [1, 2] not  in …`.",
    ),
    (
        "(a.x > 1) == true",
        "^^^^^^^^^",
        "`(a.x > 1)` is a condition, and conditions are not compared.",
        "join conditions by `and`, `or` and `not`.",
    ),
    (
        "a.x == (not b.y)",
        "       ^^^^^^^^^",
        "`(not b.y)` is a condition, and conditions are not compared.",
        "join conditions by `and`, `or` and `not`.",
    ),
]
"""A condition, carets under what the message points at, the fact and the fix."""


@pytest.mark.parametrize(("text", "carets", "fact", "fix"), BAD, ids=[case[0][:30] or "nothing" for case in BAD])
def test_what_is_no_condition(text: str, carets: str, fact: str, fix: str) -> None:
    with pytest.raises(BadCondition) as caught:
        parsed(text)
    error = caught.value
    assert (error.fact, error.fix) == (fact, fix)
    assert " " * (error.start - len(EDGE)) + "^" * error.length == carets


@pytest.mark.parametrize(
    ("text", "start"), [("(" * 51 + "a.x" + ")" * 51, 50), ("not " * 51 + "a.x", 200), ("not (" * 26 + "a.x", 125)]
)
def test_nesting_has_an_end(text: str, start: int) -> None:
    with pytest.raises(BadCondition) as caught:
        parsed(text)
    assert caught.value.start == len(EDGE) + start
    assert caught.value.fact == "parentheses and `not` are nested more than 50 deep."
    assert caught.value.fix == "write fewer of them, or let a step work out what decides."


def test_what_is_still_read() -> None:
    assert sexpr(parsed("(" * 50 + "a.x" + ")" * 50)) == "a.x"
    assert len(list(names_in(parsed(" and ".join(["(a.x or not b.y)"] * 5000))))) == 10000


WORDS = st.sampled_from(
    [
        *("a.x", "b.y", "1", "-2.5", "'u'", "true", "word", "when", "is", "9" * 20, "1e999"),
        *("==", "<", "in", "not", "and", "or", "(", ")", "[", "]", ","),
        *('"', "'", "\\", ".", "-", "+", "!", "=", "é", "😀", "\t", "\n", " ", "\0"),
    ]
)


@given(st.lists(WORDS, max_size=12).flatmap(lambda words: st.sampled_from(["", " "]).map(lambda gap: gap.join(words))))
@settings(_QUIET, max_examples=700)
def test_any_words_are_a_condition_or_a_message_inside_of_them(text: str) -> None:
    try:
        condition = parsed(text)
    except BadCondition as error:
        assert error.fact
        assert error.fix
        assert error.length >= 1
        assert len(EDGE) <= error.start
        assert error.start + error.length <= len(EDGE) + max(len(text), error.start - len(EDGE) + 1)
        assert error.start <= len(EDGE) + len(text)
    else:
        assert key(parsed(text)) == key(condition)


@given(st.text(max_size=20))
@settings(_QUIET, max_examples=500)
def test_any_text_is_a_condition_or_a_message(text: str) -> None:
    try:
        parsed(text)
    except BadCondition as error:
        assert len(EDGE) <= error.start <= len(EDGE) + len(text)


# ---------------------------------------------------------------- HPC402

TYPES = {
    "s": "string",
    "i": "int",
    "f": "float",
    "b": "bool",
    "t": "string",
    "j": "int",
    "g": "float",
    "c": "bool",
    "ss": "list<string>",
    "ii": "list<int>",
    "ff": "list<float>",
    "bb": "list<bool>",
    "dict": "dict",
    "dicts": "list<dict>",
    "model": "Model",
    "models": "list<Model>",
    "any": "Artifact",
    "status": "RunStatus",
}


def maybe_type(name: Name) -> Type | None:
    return parse_type(TYPES.get(name.port, ""))


def type_of(name: Name) -> Type:
    found = maybe_type(name)
    assert found is not None
    return found


FILES = "add a value output, e.g. `accuracy: float`."
OTHER = "add an output for what decides, e.g. `accuracy: float`."
STATUS = "let a step with `run_if: upstream_done` take it by an edge."
CONSTANT = "compare other values, or leave it out."
A_LIST = "write a list, e.g. `in ['a', 'b']`, or compare by `==`."

WRONG = [
    # alone
    ("n.i", "^^^", "`n.i` is an int, not true or false.", "compare it, e.g. `n.i > 0`."),
    ("not n.f", "    ^^^", "`n.f` is a float, not true or false.", "compare it, e.g. `n.f > 0.5`."),
    ("n.b and n.s", "        ^^^", "`n.s` is a string, not true or false.", "compare it, e.g. `n.s == 'text'`."),
    ("n.bb", "^^^^", "`n.bb` is a list<bool>, not true or false.", "compare it, e.g. `true in n.bb`."),
    ("n.model", "^^^^^^^", "`n.model` is a Model; conditions read values, not files.", FILES),
    ("n.dict", "^^^^^^", "`n.dict` is a dict, which is not compared.", OTHER),
    ("n.status", "^^^^^^^^", "`n.status` is a RunStatus; conditions do not read how a run ended.", STATUS),
    # compared
    ("n.any == 'u'", "^^^^^", "`n.any` is an Artifact; conditions read values, not files.", FILES),
    ("1 in n.models", "     ^^^^^^^^", "`n.models` is a list<Model>; conditions read values, not files.", FILES),
    ("n.s in n.dicts", "       ^^^^^^^", "`n.dicts` is a list<dict>, which is not compared.", OTHER),
    ("n.s in n.dict", "       ^^^^^^", "`n.dict` is a dict, which is not compared.", OTHER),
    ("n.s == n.dict", "       ^^^^^^", "`n.dict` is a dict, which is not compared.", OTHER),
    (
        "n.status == 'FAILED'",
        "^^^^^^^^",
        "`n.status` is a RunStatus; conditions do not read how a run ended.",
        STATUS,
    ),
    (
        "n.ii == 1",
        "^^^^",
        "`n.ii` is a list<int>, which is not compared as a whole.",
        "search in it: `0 in n.ii`.",
    ),
    (
        "n.ss in ['u']",
        "^^^^",
        "`n.ss` is a list<string>, which is not compared as a whole.",
        "search in it: `'text' in n.ss`.",
    ),
    (
        "n.i == [1]",
        "       ^^^",
        "`[1]` is a list<int>, which is not compared as a whole.",
        "search in a list: `step.output in [1, 2]`.",
    ),
    # always the same
    ("1 == 1.0", "^^^^^^^^", "both sides are literals, so the answer never changes.", CONSTANT),
    ("n.b or 1 in [2]", "       ^^^^^^^^", "both sides are literals, so the answer never changes.", CONSTANT),
    ("n.f < n.f", "^^^^^^^^^", "both sides are `n.f`, so the answer never changes.", CONSTANT),
    # lists
    ("n.s in 'u'", "       ^^^", "`in` searches a list, and `'u'` is a string.", A_LIST),
    ("n.s in n.t", "       ^^^", "`in` searches a list, and `n.t` is a string.", A_LIST),
    ("n.s in []", "       ^^", "nothing is ever in an empty list.", "write its values, or leave this out."),
    (
        "n.s in ['u', 1]",
        "       ^^^^^^^^",
        "the list holds a string and a number.",
        "write values of one kind.",
    ),
    ("n.b in [1, true]", "       ^^^^^^^^^", "the list holds a number and a bool.", "write values of one kind."),
    (
        "n.i not in ['u', 'v']",
        "^^^^^^^^^^^^^^^^^^^^^",
        "`n.i` is an int, but `['u', 'v']` is a list<string>; it is never found there.",
        "write a list of numbers.",
    ),
    (
        "n.s in [1, 2.5]",
        "^^^^^^^^^^^^^^^",
        "`n.s` is a string, but `[1, 2.5]` is a list<float>; it is never found there.",
        "write a list of strings.",
    ),
    (
        "n.i in n.ss",
        "^^^^^^^^^^^",
        "`n.i` is an int, but `n.ss` is a list<string>; it is never found there.",
        "compare another value, or change one of the two types.",
    ),
    (
        "3 in n.ss",
        "^^^^^^^^^",
        "`3` is an int, but `n.ss` is a list<string>; it is never found there.",
        "write `'3'`.",
    ),
    (
        "'u' in n.ff",
        "^^^^^^^^^^^",
        "`'u'` is a string, but `n.ff` is a list<float>; it is never found there.",
        "compare it with a float.",
    ),
    # kinds
    ("n.s == 5", "^^^^^^^^", "`n.s` is a string, but `5` is an int; they are never equal.", "write `'5'`."),
    ("n.s != true", "^^^^^^^^^^^", "`n.s` is a string, but `true` is a bool; they are never equal.", "write `'true'`."),
    ("n.f >= '0.9'", "^^^^^^^^^^^^", "`n.f` is a float, but `'0.9'` is a string; neither comes first.", "write `0.9`."),
    (
        "n.i == 'many'",
        "^^^^^^^^^^^^^",
        "`n.i` is an int, but `'many'` is a string; they are never equal.",
        "compare it with an int.",
    ),
    (
        "n.i == false",
        "^^^^^^^^^^^^",
        "`n.i` is an int, but `false` is a bool; they are never equal.",
        "compare it with an int.",
    ),
    ("n.b == 1", "^^^^^^^^", "`n.b` is a bool, but `1` is an int; they are never equal.", "write `true`."),
    ("0 != n.b", "^^^^^^^^", "`0` is an int, but `n.b` is a bool; they are never equal.", "write `false`."),
    (
        "n.b == 'True'",
        "^^^^^^^^^^^^^",
        "`n.b` is a bool, but `'True'` is a string; they are never equal.",
        "write `true`.",
    ),
    ("n.b == 5", "^^^^^^^^", "`n.b` is a bool, but `5` is an int; they are never equal.", "compare it with a bool."),
    (
        "n.s < n.i",
        "^^^^^^^^^",
        "`n.s` is a string, but `n.i` is an int; neither comes first.",
        "compare another value, or change one of the two types.",
    ),
    (
        "n.b == n.f",
        "^^^^^^^^^^",
        "`n.b` is a bool, but `n.f` is a float; they are never equal.",
        "compare another value, or change one of the two types.",
    ),
    # order
    ("n.b < true", "^^^^^^^^^^", "`<` asks for an order, and bools have none.", "use `==` or `!=`, or `n.b` alone."),
    (
        "false <= n.b",
        "^^^^^^^^^^^^",
        "`<=` asks for an order, and bools have none.",
        "use `==` or `!=`, or `n.b` alone.",
    ),
    ("n.b > n.c", "^^^^^^^^^", "`>` asks for an order, and bools have none.", "use `==` or `!=`, or `n.b` alone."),
]


@pytest.mark.parametrize(("text", "carets", "fact", "fix"), WRONG, ids=[case[0] for case in WRONG])
def test_what_cannot_be_compared(text: str, carets: str, fact: str, fix: str) -> None:
    [found] = type_problems(parsed(text), maybe_type)
    assert found.rule is WRONG_OPERANDS
    assert (found.fact, found.fix) == (fact, fix)
    assert isinstance(found.where, Place)
    assert found.where.path == PATH
    assert " " * ((found.where.start or 0) - len(EDGE)) + "^" * found.where.length == carets


def test_all_problems_of_a_condition_are_found() -> None:
    found = list(type_problems(parsed("n.i and (n.s == 1 or not n.b < n.c) and n.model == n.dict"), maybe_type))
    assert [problem.where.start - len(EDGE) for problem in found if isinstance(problem.where, Place)] == [
        0,
        9,
        25,
        40,
        51,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "n.unknown",
        "n.unknown == 1",
        "'u' in n.unknown",
        "n.unknown in ['u']",
        "n.i < n.unknown",
        "not n.unknown < n.what",
    ],
)
def test_an_unknown_name_is_somebody_elses_mistake(text: str) -> None:
    assert list(type_problems(parsed(text), maybe_type)) == []


def test_the_other_side_of_an_unknown_name_is_judged() -> None:
    facts = [found.fact for found in type_problems(parsed("n.unknown == n.model or n.b < n.unknown"), maybe_type)]
    assert facts == [
        "`n.model` is a Model; conditions read values, not files.",
        "`<` asks for an order, and bools have none.",
    ]


# ---------------------------------------------------------------- CEL, as text


def text_of(condition: Condition) -> str:
    assert list(type_problems(condition, maybe_type)) == []
    return cel(condition, lambda name: f"pipelinechannel--{name.port}", type_of)


def short(text: str) -> str:
    """The CEL of a condition with `$x` for the value of the input that carries n.x."""
    return re.sub(r"inputs\.parameter_values\['pipelinechannel--(\w+)'\]", r"$\1", text_of(parsed(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n.b", "$b == true"),
        ("not n.b", "!($b == true)"),
        ("n.b != false", "$b != false"),
        ("3 < n.i", "3 < int($i)"),
        ("n.i == 2.5", "double(int($i)) == 2.5"),
        ("n.s == 'a\\'b\\\\c\\n\\t\"é😀'", "$s == 'a\\'b\\\\c\\n\\t\"é😀'"),
        ("n.s in ['u', 'v']", "$s in ['u', 'v']"),
        ("n.s not in ['u']", "!($s in ['u'])"),
        ("n.i in [1, -2]", "int($i) in [1, -2]"),
        ("n.i in [1, 2.5]", "double(int($i)) in [double(1), 2.5]"),
        ("n.f in [1, 2]", "$f in [double(1), double(2)]"),
        ("n.b in [true]", "$b in [true]"),
        ("n.s in n.ss", "$s in $ss"),
        ("true in n.bb", "true in $bb"),
        ("n.i in n.ii", "double(int($i)) in $ii"),
        ("3 in n.ii", "double(3) in $ii"),
        ("2.5 in n.ii", "2.5 in $ii"),
        ("n.f in n.ii", "$f in $ii"),
        ("n.f in n.ff", "$f in $ff"),
        ("3 in n.ff", "double(3) in $ff"),
        ("n.b and n.c and n.i > 1", "$b == true && $c == true && int($i) > 1"),
        ("n.b or n.c", "$b == true || $c == true"),
        ("n.b and (n.c or n.i > 1)", "$b == true && ($c == true || int($i) > 1)"),
        ("n.b and n.c or n.i > 1", "($b == true && $c == true) || int($i) > 1"),
        ("not (n.b and n.c) or not n.b", "!($b == true && $c == true) || !($b == true)"),
        ("not not n.b", "!(!($b == true))"),
        ("n.s == ' || '  and n.b", "$s == ' || ' && $b == true"),
    ],
)
def test_what_is_written(text: str, expected: str) -> None:
    assert short(text) == expected


def test_conditions_of_earlier_branches_are_negated_and_joined() -> None:
    assert joined([negated("a"), negated("b"), "c"]) == "!(a) && !(b) && c"
    assert joined(["a || b"]) == "a || b"
    assert joined(["a || b", "(c || d)", "e"]) == "(a || b) && (c || d) && e"
    assert joined(["x == ' || '", "y == '\\' || '", "'||' in z"]) == "x == ' || ' && y == '\\' || ' && '||' in z"
    assert joined(["(a) || (b)", "c"]) == "((a) || (b)) && c"
    assert joined(["(a || b) && c", "d"]) == "(a || b) && c && d"


def test_names_of_inputs_are_quoted() -> None:
    assert cel(parsed("n.b"), lambda _: "it's", type_of) == r"inputs.parameter_values['it\'s'] == true"


def test_texts_are_readable_and_hold_no_control_character() -> None:
    assert quoted("\0\x1f\x7f\x85\u2028\u2029\r\n\t") == r"'\u0000\u001f\u007f\u0085\u2028\u2029\r\n\t'"
    assert quoted("\u00a0é漢😀\"\\'") == "'\u00a0é漢😀\"\\\\\\''"


# ---------------------------------------------------------------- CEL, as the KFP SDK writes it

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# Only what the SDK writes rightly: no quotes and backslashes in texts, no values of different kinds.
PAIRS = [
    *(("s", value) for value in ("heads", "", 'a "b"', "é漢😀", " a || b ")),
    *(("i", value) for value in (0, 3, -3, 2**53, 2.5, 1e-05, 1e22, -0.0)),
    *(("f", value) for value in (1, -1, 0.1, 1.0, 1e-07, 1e300, 5e-324)),
    *(("b", value) for value in (True, False)),
]
CHANNELS = [("s", "t"), ("i", "j"), ("f", "g"), ("b", "c"), ("i", "f"), ("f", "i")]


CHANNEL_TYPES = {"s": str, "t": str, "i": int, "j": int, "f": float, "g": float, "b": bool, "c": bool}


def by_the_sdk(build: Callable[[dict[str, Any], Callable[[], Any]], None]) -> Any:
    """The IR of a pipeline with an input for each channel; `build` gets the channels and a component without ports."""
    from kfp import dsl

    def pipeline(s, t, i, j, f, g, b, c):
        build({"s": s, "t": t, "i": i, "j": j, "f": f, "g": g, "b": b, "c": c}, step)

    def step():
        return dsl.ContainerSpec(image="image", command=["run"])

    step = dsl.container_component(step)
    pipeline.__annotations__ = CHANNEL_TYPES  # kfp does not read the texts that annotations are in this module
    return dsl.pipeline(name="p")(pipeline).pipeline_spec


def test_a_comparison_is_written_as_the_sdk_writes_it() -> None:
    from kfp import dsl

    comparisons = [
        (left, sign, right)
        for left, right in [*PAIRS, *((left, (right,)) for left, right in CHANNELS)]
        for sign in OPERATORS
        if left != "b" or sign in ("==", "!=")
    ]
    ours = []
    for left, sign, right in comparisons:
        other = f"n.{right[0]}" if isinstance(right, tuple) else str(Literal(right, Place(())))
        ours.append(text_of(parsed(f"n.{left} {sign} {other}")))

    def build(channels: dict[str, Any], step: Callable[[], Any]) -> None:
        for left, sign, right in comparisons:
            other = channels[right[0]] if isinstance(right, tuple) else right
            with dsl.If(OPERATORS[sign](channels[left], other)):
                step()

    tasks = by_the_sdk(build).root.dag.tasks
    theirs = [tasks[f"condition-{index + 1}"].trigger_policy.condition for index in range(len(comparisons))]
    assert ours == theirs
    assert len(ours) == 156


def test_branches_are_written_as_the_sdk_writes_them() -> None:
    from kfp import dsl

    def build(channels: dict[str, Any], step: Callable[[], Any]) -> None:
        with dsl.If(channels["i"] > 3):
            step()
        with dsl.Elif(channels["s"] == "u"):
            step()
        with dsl.Else():
            step()

    tasks = by_the_sdk(build).components["comp-condition-branches-1"].dag.tasks
    first, second = text_of(parsed("n.i > 3")), text_of(parsed("n.s == 'u'"))
    assert [tasks[f"condition-{number}"].trigger_policy.condition for number in (2, 3, 4)] == [
        first,
        joined([negated(first), second]),
        joined([negated(first), negated(second)]),
    ]


# ---------------------------------------------------------------- CEL, evaluated


def answer(part: Condition, values: Mapping[str, Any]) -> bool:
    """What a condition means, in Python."""
    if isinstance(part, Name):
        return bool(values[str(part)])
    if isinstance(part, Not):
        return not answer(part.item, values)
    if isinstance(part, And):
        return all(answer(item, values) for item in part.items)
    if isinstance(part, Or):
        return any(answer(item, values) for item in part.items)
    left, right = (values[str(side)] if isinstance(side, Name) else side.value for side in (part.left, part.right))
    return left in right if part.operator == "in" else bool(OPERATORS[part.operator](left, right))


@dataclass
class Run:
    """A condition and the values that its names have."""

    condition: Condition
    values: dict[str, Any]


NASTY = st.text(st.sampled_from("ab'\"\\\n\r\t\0\x01\x7f\x85\u2028é漢😀|&$`{}()[]nux0 "), max_size=6)
TEXTS = st.sampled_from(["", "a", "b", "'", "\\", "\\'", "a' || true || '", "\\u0041", "A"]) | NASTY
INTS = st.integers(-2, 2) | st.integers(-(2**53), 2**53)
FLOATS = st.sampled_from([-1.0, -0.0, 0.5, 1.0, 2.0, 5e-324, 1e300]) | st.floats(allow_nan=False, allow_infinity=False)
OF_TYPE: dict[str, st.SearchStrategy[Any]] = {"string": TEXTS, "int": INTS, "float": FLOATS, "bool": st.booleans()}
KIND = {"string": "st", "int": "ijfg", "float": "ijfg", "bool": "bc"}
NOWHERE = Place(())


def a_name(ports: str | list[str]) -> st.SearchStrategy[Name]:
    return st.sampled_from([Name("n", port, NOWHERE) for port in ports])


def a_literal(base: str) -> st.SearchStrategy[Literal]:
    values = INTS | FLOATS if base in ("int", "float") else OF_TYPE[base]
    return values.map(lambda value: Literal(value, NOWHERE))


def a_list(base: str) -> st.SearchStrategy[Operand]:
    values = INTS | FLOATS if base in ("int", "float") else OF_TYPE[base]
    lists = {"string": ["ss"], "int": ["ii", "ff"], "float": ["ii", "ff"], "bool": ["bb"]}
    literals = st.lists(values, min_size=1, max_size=3).map(lambda items: Literal(tuple(items), NOWHERE))
    return literals | a_name(lists[base])


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    base = draw(st.sampled_from(list(KIND)))
    sign = draw(st.sampled_from(["==", "!=", "in"] + ["<", "<=", ">", ">="] * (base != "bool")))
    left = draw(a_name(KIND[base]) | a_literal(base))
    right = draw(a_list(base)) if sign == "in" else draw(a_name(KIND[base]) | a_literal(base))
    comparison = Comparison(sign, left, right, NOWHERE)
    return comparison if not list(type_problems(comparison, maybe_type)) else Comparison("==", *_pair(base), NOWHERE)


def _pair(base: str) -> tuple[Name, Name]:
    first, second, *_ = KIND[base]
    return Name("n", first, NOWHERE), Name("n", second, NOWHERE)


def several(kind: type[And] | type[Or]) -> Callable[[list[Condition]], Condition]:
    def build(items: list[Condition]) -> Condition:
        return kind(tuple(part for item in items for part in (item.items if isinstance(item, kind) else (item,))))

    return build


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    comparisons() | a_name("bc"),
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=2, max_size=3).map(several(And))
        | st.lists(inner, min_size=2, max_size=3).map(several(Or))
    ),
    max_leaves=8,
)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    values: dict[str, Any] = {}
    for port, written in TYPES.items():
        of = parse_type(written)
        if of and of.base in OF_TYPE:
            one = OF_TYPE[of.base]
            values[f"n.{port}"] = draw(st.lists(one, max_size=3) if of.is_list else one)
    return Run(draw(CONDITIONS), values)


def as_protobuf(value: Any) -> Any:
    """A value as it comes out of a google.protobuf.Value: numbers are doubles."""
    if isinstance(value, list):
        return [as_protobuf(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def evaluated(text: str, values: Mapping[str, Any]) -> Any:
    engine = pytest.importorskip("cel", reason="common-expression-language needs Python 3.11")
    given = {f"pipelinechannel--{name[2:]}": as_protobuf(value) for name, value in values.items()}
    return engine.evaluate(text, {"inputs": {"parameter_values": given}})


def run_of(text: str, **values: Any) -> Run:
    return Run(parsed(text), {f"n.{port}": value for port, value in values.items()})


@given(runs())
@example(run_of("n.s == '\\'' or n.b", s="'", b=False))
@example(run_of("n.i in n.ii and n.i == 9007199254740992", i=2**53, ii=[2**53]))
@example(run_of("not (n.b or n.c) and n.i < 2.5", b=False, c=False, i=2))
@example(run_of("n.b or n.c and n.b", b=True, c=False))
@settings(_QUIET, max_examples=700)
def test_cel_answers_as_the_condition_does(run: Run) -> None:
    text = text_of(run.condition)
    assert evaluated(text, run.values) is answer(run.condition, run.values), text
    assert evaluated(negated(text), run.values) is not answer(run.condition, run.values)


@given(runs(), st.lists(CONDITIONS, min_size=1, max_size=2))
@settings(_QUIET, max_examples=300)
def test_joined_texts_answer_as_all_of_them(run: Run, others: list[Condition]) -> None:
    together = [run.condition, *others]
    text = joined(map(text_of, together))
    assert evaluated(text, run.values) is all(answer(each, run.values) for each in together), text


@given(TEXTS, TEXTS)
@settings(_QUIET, max_examples=500)
def test_any_text_is_itself_and_no_other(one: str, other: str) -> None:
    place = Place(())
    condition = Comparison("==", Name("n", "s", place), Literal(one, place), place)
    text = text_of(condition)
    assert evaluated(text, {"n.s": one}) is True
    assert evaluated(text, {"n.s": other}) is (one == other)


@given(st.text(max_size=10))
@settings(_QUIET, max_examples=500)
def test_any_characters_are_themselves(value: str) -> None:
    assert evaluated(quoted(value), {}) == value


# ---------------------------------------------------------------- and back


def written(part: Condition | Operand) -> str:
    """A condition as a user might write it, with more parentheses than it needs."""
    if isinstance(part, (Name, Literal)):
        return str(part)
    if isinstance(part, Comparison):
        return f"{written(part.left)} {part.operator} {written(part.right)}"
    if isinstance(part, Not):
        return f"not ({written(part.item)})"
    word = " and " if isinstance(part, And) else " or "
    return word.join(f"({written(item)})" for item in part.items)


@given(CONDITIONS)
@settings(_QUIET, max_examples=500)
def test_what_is_written_is_read_back(condition: Condition) -> None:
    again = parsed(written(condition))
    assert sexpr(again) == sexpr(condition)
    assert key(again) == key(condition)
