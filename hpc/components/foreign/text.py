"""The text of a file that someone else wrote becomes plain JSON values, read as leniently as the KFP SDK reads it.

YAML here is what PyYAML makes of it (YAML 1.1), because that is what the SDK wrote and reads. Aliases are followed as
long as the whole stays small; a file that would not fit the stack or the memory is refused.
"""

from __future__ import annotations

import json
import math
from typing import Any, cast

from hpc.components.foreign.node import Node, NotAComponent

_MOST_DEPTH = 100
_MOST_VALUES = 1_000_000
_NAME_ANOTHER = "name a KFP component file, or what `hpc compile` or the KFP SDK wrote."
_UNTOUCHED = "metadata"
"""Notes of a component of version 1 that nobody reads; dates and numbers as keys are common there."""


def documents(text: str) -> list[Node]:
    """The one or two documents of a file, each a mapping of plain JSON values."""
    found = _parsed(text.removeprefix("\ufeff"))
    if len(found) == 2 and found[1] is None:
        found.pop()
    if not 1 <= len(found) <= 2:
        fact = f"it holds {len(found)} documents, where a component has one, and perhaps a second for a platform."
        raise NotAComponent(fact, _NAME_ANOTHER)
    for document in found:
        if not isinstance(document, dict):
            raise NotAComponent("it is not a mapping.", _NAME_ANOTHER)
        if "implementation" in document:
            cast("dict[str, Any]", document).pop(_UNTOUCHED, None)
        _check_plain(document)
    return [Node(document) for document in found]


def json_value(text: str) -> Any:
    """What a JSON text holds. Raises ValueError where it holds no JSON that can be used."""
    try:
        value = json.loads(text)
        _check_plain(value)
    except (RecursionError, NotAComponent) as error:
        raise ValueError(str(error)) from None
    return value


def header_description(text: str) -> str:
    """The description that the KFP SDK writes in front of compiled YAML, and nowhere else for a component."""
    lines: list[str] = []
    for line in text.removeprefix("\ufeff").splitlines():
        if not line.startswith("#"):
            break
        if line.startswith(_DESCRIPTION):
            lines = [line.removeprefix(_DESCRIPTION)]
        elif lines and line.startswith(_CONTINUED):
            lines.append(line.removeprefix(_CONTINUED))
        elif lines:
            break
    return "\n".join(lines).strip()


_DESCRIPTION = "# Description: "
_CONTINUED = "#" + " " * (len(_DESCRIPTION) - 1)


def _parsed(text: str) -> list[Any]:
    """JSON is read as JSON: in YAML 1.1, `1e-05` would be text."""
    try:
        return [json.loads(part) for part in text.split("\n---\n")]
    except (ValueError, RecursionError):
        return _parsed_yaml(text)


def _parsed_yaml(text: str) -> list[Any]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if _is_too_deep(loader(text)):
            raise _too_deep()
        return list(yaml.load_all(text, Loader=loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = getattr(error, "problem", None) or type(error).__name__
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise NotAComponent(f"it is neither JSON nor YAML: {reason}{where}.", _NAME_ANOTHER) from None
    except (LookupError, AttributeError, TypeError, ArithmeticError):
        # PyYAML's own slips on a tag with an impossible value, such as `!!bool maybe`.
        raise NotAComponent("it holds a value with a YAML tag that does not fit it.", _NAME_ANOTHER) from None


def _is_too_deep(parser: Any) -> bool:
    """Whether PyYAML's fast loader might overflow the stack of the interpreter: it would not say so, but end it."""
    depth = 0
    while depth <= _MOST_DEPTH and parser.check_event():
        event = type(parser.get_event()).__name__
        depth += event.endswith("StartEvent") - event.endswith("EndEvent")
    return depth > _MOST_DEPTH


def _too_deep() -> NotAComponent:
    return NotAComponent(f"its values are nested more than {_MOST_DEPTH} deep.", _NAME_ANOTHER)


def _check_plain(document: Any) -> None:
    """Raises NotAComponent unless everything in it can be written as JSON, and as UTF-8."""
    waiting: list[Node] = [Node(document)]
    count = 0
    while waiting:
        node = waiting.pop()
        count += 1
        if count > _MOST_VALUES:
            raise NotAComponent(f"it holds more than {_MOST_VALUES:,} values, aliases counted.", _NAME_ANOTHER)
        if len(node.path) > _MOST_DEPTH:
            raise _too_deep()
        _check_scalar(node)
        if isinstance(node.value, dict):
            pairs = cast("dict[object, Any]", node.value).items()
            waiting += [Node(item, (*node.path, _key(node, key))) for key, item in pairs]
        elif isinstance(node.value, list):
            waiting += node.items()


def _key(node: Node, key: object) -> str:
    if not isinstance(key, str):
        raise node.fault(f"has the key `{key}`, which is not text", "put quotes around the key.")
    if not _is_writable(key):
        raise node.fault("has a key with half a character (a lone surrogate)")
    return key


def _check_scalar(node: Node) -> None:
    value = node.value
    if isinstance(value, str):
        if not _is_writable(value):
            raise node.fault("holds half a character (a lone surrogate)")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise node.fault("is not a finite number, which JSON cannot hold")
    elif value is not None and not isinstance(value, bool | int | dict | list):
        raise node.fault(f"is a {type(value).__name__}, which JSON cannot hold", "put quotes around it.")


def _is_writable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
