"""What untyped lists hold. The IR knows LIST alone; the language wants `list<T>`, so T is inferred from every use."""

from __future__ import annotations

from typing import Any, cast

from hpc.components.types import VALUES, Plain, kind_of

_KINDS = {"string": "string", "bool": "bool", "mapping": "dict"}


class Elements:
    """The elements of a list, the same for all lists that edges connect. `bases` are the types that were seen."""

    def __init__(self) -> None:
        self._same_as: Elements | None = None
        self.bases: set[str] = set()

    def found(self) -> Elements:
        return self._same_as.found() if self._same_as else self

    def join(self, other: Elements) -> None:
        """Both are the same from now on."""
        one, two = self.found(), other.found()
        if one is not two:
            one._same_as = two
            two.bases |= one.bases

    def learn(self, base: str) -> None:
        self.found().bases.add(base)

    def learn_from(self, values: Any) -> None:
        """From a constant list. A whole number may be a float, and one written as 1.0 an int; JSON does not tell."""
        for value in cast("list[Any]", values) if isinstance(values, list) else ():
            self.learn(_number(value) or _KINDS.get(kind_of(value), "nothing of the language"))

    @property
    def base(self) -> str | None:
        """The type; None if nothing is known or the uses contradict each other."""
        bases = set(self.found().bases)
        numbers = bases & {"float", "int", "whole", "whole as float"}
        if numbers:
            is_float = "float" in numbers or ("int" not in numbers and "whole as float" in numbers)
            bases = bases - numbers | {"float" if is_float else "int"}
        return next(iter(bases)) if len(bases) == 1 and bases <= VALUES.keys() else None


def _number(value: Any) -> str | None:
    """What a number of a constant list tells: `float`, or that a whole number was written as 1 or as 1.0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return "whole"
    return "whole as float" if value.is_integer() else "float"


def as_element(base: str, value: Plain) -> Plain:
    """A number of a list as its type has it: JSON knows one kind of number."""
    if base == "int" and isinstance(value, float) and value.is_integer():
        return int(value)
    return calm(value) if base == "dict" else value


def calm(value: Any) -> Any:
    """Whole numbers in mappings without `.0`, however deep: every platform keeps them as doubles."""
    if isinstance(value, dict):
        return {key: calm(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [calm(item) for item in cast("list[Any]", value)]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 and str(value) != "-0.0"
    return int(value) if is_whole else value
