"""Types in conditions: a `Condition` and the types of its names enter, what cannot be compared leaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from hpc.components.types import Type, kind_of, with_article
from hpc.diagnostics import Diagnostic, Place, Rule
from hpc.spec.conditions import Comparison, Condition, Literal, Name, Not, Operand

WRONG_OPERANDS = Rule(
    "HPC402",
    "values that cannot be compared",
    "A string, a number or a bool is compared with its like; an int and a float are alike. Platforms answer other "
    "comparisons with an error in the middle of a run, or with the wrong branch.",
    "Compare values of one kind, or let a step put out the value that decides.",
)

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
