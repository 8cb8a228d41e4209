r"""The IR as canonical text: the same meaning gives the same bytes, on every machine and with every Python.

The text is JSON that YAML 1.1 readers take for the same data, because the Vertex AI and KFP clients read it with one:
floats keep a point (`1.0e-05`; PyYAML takes `1e-05` for text), characters beyond ASCII stand as they are (PyYAML makes
two halves of an escaped emoji), and what YAML would fold or refuse is escaped.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, TypeAlias

from hpc.compiler.ir import Json, PipelineSpec, PlatformSpec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Fields: TypeAlias = "dict[str, Any] | DataclassInstance"

# Characters that JSON allows in a string and YAML 1.1 does not, or would take for a line end.
_NOT_FOR_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def emit(spec: PipelineSpec, platform: PlatformSpec | None = None) -> str:
    """One JSON document, or two in a YAML stream where there are platform settings. Ends with a line end."""
    documents = [spec] if platform is None else [spec, platform]
    return "---\n".join(f"{canonical(document)}\n" for document in documents)


def emit_component(spec: PipelineSpec) -> str:
    """One document as block YAML, which is how component files are kept: texts of several lines stay readable."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """PyYAML's own, but texts of several lines as blocks."""

    def text(_: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return yaml.ScalarNode("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return yaml.dump(json.loads(canonical(spec)), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


def canonical(value: Any) -> str:
    """A message, mapping, list or scalar as canonical JSON: two spaces, keys of maps sorted, empty fields left out."""
    out: list[str] = []
    _write(value, "\n", out)
    return "".join(out)


def _write(value: Any, line: str, out: list[str]) -> None:
    kind: type[object] = value.__class__
    if kind in _SCALARS:
        out.append(_SCALARS[kind](value))
    elif kind is list or kind is tuple:
        _write_block("[]", [("", item) for item in value], line, out)
    elif kind is Json:
        _write(value.value, line, out)
    else:
        _write_block("{}", _entries(value), line, out)


def _write_block(brackets: str, entries: list[tuple[str, Any]], line: str, out: list[str]) -> None:
    if not entries:
        out.append(brackets)
        return
    inner = f"{line}  "
    separator = brackets[0]
    for key, value in entries:
        out.append(f"{separator}{inner}{key}")
        _write(value, inner, out)
        separator = ","
    out.append(f"{line}{brackets[1]}")


def _entries(value: _Fields) -> list[tuple[str, Any]]:
    """The key, as it is written, and the value of every entry of a mapping or field of a message."""
    if isinstance(value, dict):
        return [(f"{_string(key)}: ", value[key]) for key in sorted(value)]
    return [
        (f'"{key}": ', item) for name, key in _field_names(type(value)) if not _is_unset(item := getattr(value, name))
    ]


@lru_cache(maxsize=64)
def _field_names(message: type[DataclassInstance]) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, _camel(field.name)) for field in fields(message))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _is_unset(value: Any) -> bool:
    """Whether a field of a message says nothing: None, an empty map or list, a message whose fields all say nothing."""
    kind: type[Any] = value.__class__
    if kind in _SCALARS or kind is Json:
        return value is None
    if kind is dict or kind is tuple:
        return not value
    return all(_is_unset(getattr(value, name)) for name, _ in _field_names(kind))


def _string(text: str) -> str:
    quoted = encode_basestring(text)
    return quoted if quoted.isascii() and "\x7f" not in quoted else _NOT_FOR_YAML.sub(_escape, quoted)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} has no place in JSON")
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text


_SCALARS: dict[type[object], Callable[[Any], str]] = {
    str: _string,
    bool: {True: "true", False: "false"}.__getitem__,
    int: str,
    float: _float,
    type(None): lambda _: "null",
}
