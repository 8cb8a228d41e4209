"""Conditions as the platforms evaluate them: a condition whose types are right enters, a text of CEL leaves.

CEL is the Common Expression Language of `triggerPolicy.condition` (https://github.com/google/cel-spec). It sees the
task's own inputs as `inputs.parameter_values['name']`, where every number is a double. A comparison is written as the
KFP SDK writes it: `int(…)` around an int, `double(…)` around the int beside a float, because CEL's type checker
refuses to compare the two. Unlike there, texts are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hpc.components.types import Type, kind_of
from hpc.spec.conditions import And, Comparison, Condition, Name, Not, Operand

_ESCAPED = re.compile("[\\\\'\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHORT = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def cel(condition: Condition, input_of: Callable[[Name], str], type_of: Callable[[Name], Type]) -> str:
    """The condition over the inputs of a task. `input_of` names the input that carries a name's value.

    The condition has passed `type_problems`; `||` at the top has no parentheses (see `joined`).
    """
    return _Writer(input_of, type_of).condition(condition)


def negated(text: str) -> str:
    """True where the CEL `text` is not."""
    return f"!({text})"


def joined(texts: Iterable[str]) -> str:
    """True where all CEL texts are; one that is an `||` gets parentheses beside others."""
    parts = list(texts)
    return parts[0] if len(parts) == 1 else " && ".join(f"({part})" if _is_either(part) else part for part in parts)


def quoted(text: str) -> str:
    """A CEL string literal of this value. All but control characters stays readable."""
    return f"'{_ESCAPED.sub(_escape, text)}'"


def _escape(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"


_STRUCTURE = re.compile(r"'(?:\\.|[^'\\])*'|[()\[\]]|\|\|")


def _is_either(text: str) -> bool:
    """Whether an `||` stands outside of all texts and brackets."""
    depth = 0
    for found in _STRUCTURE.findall(text):
        depth += (found in ("(", "[")) - (found in (")", "]"))
        if found == "||" and depth == 0:
            return True
    return False


@dataclass(frozen=True)
class _Writer:
    input_of: Callable[[Name], str]
    type_of: Callable[[Name], Type]

    def condition(self, condition: Condition) -> str:
        if isinstance(condition, Name):
            return f"{self.operand(condition)} == true"
        if isinstance(condition, Comparison):
            return self.comparison(condition)
        if isinstance(condition, Not):
            return negated(self.condition(condition.item))
        if isinstance(condition, And):
            return joined(map(self.condition, condition.items))
        # `&&` binds more tightly than `||`; the parentheses are for whoever reads it.
        parts = ((isinstance(item, And), self.condition(item)) for item in condition.items)
        return " || ".join(f"({text})" if is_and else text for is_and, text in parts)

    def comparison(self, comparison: Comparison) -> str:
        left, right = comparison.left, comparison.right
        bases = {self.base(left), self.base(right)}
        is_searched = comparison.operator == "in" and isinstance(right, Name)
        # A list that comes in at run time holds doubles, whatever it is declared as.
        as_double = bases == {"int", "float"} or (is_searched and "int" in bases)
        return f"{self.operand(left, as_double)} {comparison.operator} {self.operand(right, as_double)}"

    def base(self, operand: Operand) -> str:
        if isinstance(operand, Name):
            return self.type_of(operand).base
        values = operand.value if isinstance(operand.value, tuple) else (operand.value,)
        kinds = {kind_of(value) for value in values}
        return "float" if "float" in kinds else kinds.pop()

    def operand(self, operand: Operand, as_double: bool = False) -> str:
        if isinstance(operand, Name):
            return self.parameter(operand, as_double)
        if isinstance(operand.value, tuple):
            doubles = as_double or any(isinstance(value, float) for value in operand.value)
            return f"[{', '.join(_literal(value, doubles) for value in operand.value)}]"
        return _literal(operand.value, as_double)

    def parameter(self, name: Name, as_double: bool) -> str:
        text = f"inputs.parameter_values[{quoted(self.input_of(name))}]"
        if self.type_of(name) != Type("int"):
            return text
        return f"double(int({text}))" if as_double else f"int({text})"


def _literal(value: str | float | bool, as_double: bool) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"double({value})" if as_double and isinstance(value, int) else repr(value)
