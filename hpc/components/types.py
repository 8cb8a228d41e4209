"""The types that ports have: lower case is a value, Capital is an artifact, `list<T>` is a list of either.

Text of the language enters, `Type` leaves. The IR names are those of `PipelineSpec` 2.1.0
(ParameterType.ParameterTypeEnum and the schema titles of the KFP SDK and of google-cloud-pipeline-components).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Plain: TypeAlias = "str | int | float | bool | list[Any] | dict[str, Any] | None"
"""A value as YAML gives it."""

VALUES = {
    "string": "STRING",
    "int": "NUMBER_INTEGER",
    "float": "NUMBER_DOUBLE",
    "bool": "BOOLEAN",
    "dict": "STRUCT",
    "RunStatus": "TASK_FINAL_STATUS",
}

_SYSTEM = (
    "Artifact",
    "Dataset",
    "Model",
    "Metrics",
    "ClassificationMetrics",
    "SlicedClassificationMetrics",
    "HTML",
    "Markdown",
)
_GOOGLE = (
    "VertexModel",
    "VertexEndpoint",
    "VertexBatchPredictionJob",
    "VertexDataset",
    "BQMLModel",
    "BQTable",
    "UnmanagedContainerModel",
    "ClassificationMetrics",
    "RegressionMetrics",
    "ForecastingMetrics",
)
ARTIFACTS = {
    **{name: f"system.{name}" for name in _SYSTEM},
    **{f"google.{name}": f"google.{name}" for name in _GOOGLE},
}

_LIST = re.compile(r"list<\s*([\w.]+)\s*>")
_OTHER_WORDS = {
    "str": "string",
    "text": "string",
    "integer": "int",
    "number": "float",
    "double": "float",
    "boolean": "bool",
    "object": "dict",
    "struct": "dict",
    "map": "dict",
    "list": "list<string>",
    "path": "Dataset",
    "file": "Artifact",
}


_ANY = "any"
"""The base of a list whose elements no one has declared. No text of the language names it."""


@dataclass(frozen=True)
class Type:
    """A value or artifact type, or a list of one. `str(type)` is how it is written in YAML."""

    base: str
    is_list: bool = False

    def __str__(self) -> str:
        if self.base == _ANY:
            return "list" if self.is_list else "value"
        return f"list<{self.base}>" if self.is_list else self.base

    @property
    def is_artifact(self) -> bool:
        return self.base not in VALUES and self.base != _ANY

    @property
    def element(self) -> Type:
        return Type(self.base)

    @property
    def parameter(self) -> str:
        """The ParameterType of a value type. An element that no one has declared is STRING, as the KFP SDK has it."""
        return "LIST" if self.is_list else VALUES.get(self.base, "STRING")

    @property
    def schema_title(self) -> str:
        """The schema title of an artifact type."""
        return ARTIFACTS.get(self.base, self.base)

    @property
    def is_known(self) -> bool:
        return self.base in VALUES or self.base in ARTIFACTS or self.base == _ANY

    def fits(self, target: Type) -> bool:
        """Whether an edge may carry this type into a port of type `target`: language, section 2, *Types*."""
        if self.is_list != target.is_list:
            return False
        if _ANY in (self.base, target.base):
            return not any(end.is_artifact or end.base == "RunStatus" for end in (self, target))
        if self.base == target.base or (self.base, target.base) == ("int", "float"):
            return True
        return self.is_artifact and target.is_artifact and "Artifact" in (self.base, target.base)

    def holds(self, value: Plain) -> bool:
        """Whether a constant from YAML is of this type. An int is a float; a bool is neither."""
        if self.is_list:
            return isinstance(value, list) and all(self.element.holds(item) for item in value)
        if self.base == _ANY:
            return True
        if isinstance(value, bool):
            return self.base == "bool"
        return isinstance(value, _PYTHON.get(self.base, ()))


_PYTHON: dict[str, type | tuple[type, ...]] = {"string": str, "int": int, "float": (int, float), "dict": dict}

STRING = Type("string")
RUN_STATUS = Type("RunStatus")
ANY_LIST = Type(_ANY, is_list=True)
"""The LIST of a file that someone else wrote: it fits every list of values, and every list of values fits it."""


def parse_type(text: str) -> Type | None:
    """The type that `text` names, or None."""
    match = _LIST.fullmatch(text)
    base = match.group(1) if match else text
    if base not in VALUES and base not in ARTIFACTS and not re.fullmatch(r"google\.[A-Z]\w*", base):
        return None
    if match and base == "RunStatus":
        return None
    return Type(base, bool(match))


def suggest_type(text: str) -> str:
    """What to write instead of a type that does not exist."""
    known = _OTHER_WORDS.get(text.lower()) or nearest(text, [*VALUES, *ARTIFACTS])
    return f"did you mean `{known}`?" if known else f"use one of: {', '.join([*VALUES, *_SYSTEM])}, list<…>."


def kind_of(value: object) -> str:
    """How messages call a value from YAML: `string`, `int`, `list` …"""
    if value is None:
        return "null"
    return _KINDS.get(type(value), type(value).__name__)


_KINDS: dict[type[Any], str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    list: "list",
    dict: "mapping",
}


def with_article(word: object) -> str:
    """`an int`, `a string`: a kind or type as it stands in a sentence; `null` has no article."""
    text = str(word)
    vowel = text[:1] in "aeiouAEIOU" or text == "HTML"
    return text if text == "null" else f"{'an' if vowel else 'a'} {text}"


def scalars_in(value: Plain) -> Iterator[str | int | float | bool | None]:
    """Every key and every value in a list or mapping, however deep; a scalar itself."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from scalars_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars_in(item)
    else:
        yield value


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option that `name` is probably a slip of, if any."""
    from difflib import get_close_matches

    names = list(options)
    same = [option for option in names if option.casefold() == name.casefold()]
    found = same or get_close_matches(name, names, 1, 0.6)
    return found[0] if found else None


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """The fix for a name that does not exist: the nearest one, else all of them."""
    names = list(options)
    near = nearest(name, names)
    if near:
        return f"did you mean `{near}`?"
    shown = ", ".join(sorted(names)[:20])
    return f"use one of: {shown}." if shown else "declare it first; there is none yet."
