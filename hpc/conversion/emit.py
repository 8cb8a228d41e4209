"""Plain values as YAML that people read and hpc's strict reader takes: blocks outside, short mappings on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from hpc.spec.scalars import ScalarError, check_key, resolve

_WIDEST = 110
_PLAIN = re.compile(
    r"(?:[A-Za-z0-9_./]|--?[A-Za-z])(?:[A-Za-z0-9_./<>=+~()^;?$-]|:(?=[A-Za-z0-9_.])|(?<=\S) (?=[A-Za-z0-9_.(]))*"
)
_PLAIN_IN_BLOCKS = re.compile(r"[A-Za-z_./][\x20-\x7e]*")
_NOT_IN_BLOCKS = re.compile(r": |:$| #|^[A-Za-z_./]+:$|\s$")
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BLOCK_KEYS = ("components", "steps", "edges", "switch")
"""Below these every entry has lines of its own."""


def emit(document: dict[str, Any], comments: Sequence[str] = ()) -> str:
    """The text of a file, `comments` in front of it."""
    head = [f"# {_on_one_line(comment)}" for comment in comments]
    return "\n".join([*head, *_mapping(document, 0, ())]) + "\n"


def _on_one_line(text: str) -> str:
    return _ODD.sub(" ", text)


def _mapping(value: dict[str, Any], indent: int, path: tuple[str, ...]) -> Iterator[str]:
    for key, item in value.items():
        yield from _entry(f"{' ' * indent}{_key(key)}:", item, indent, (*path, key))


def _entry(head: str, item: Any, indent: int, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(item, str) and "\n" in item and _fits_a_block(item):
        yield f"{head} {_indicator(item)}"
        yield from (f"{' ' * (indent + 2)}{line}" if line else "" for line in item.removesuffix("\n").split("\n"))
        return
    flow = _flow(item, is_top=True)
    is_short = path[-1] not in _BLOCK_KEYS and len(head) + len(flow) < _WIDEST and not _wants_lines(item, path)
    if not isinstance(item, dict | list) or not item or is_short:
        yield f"{head} {flow}"
    elif isinstance(item, dict):
        yield head
        yield from _mapping(cast("dict[str, Any]", item), indent + 2, path)
    else:
        yield head
        yield from _items(cast("list[Any]", item), indent + 2, path)


def _wants_lines(item: Any, path: tuple[str, ...]) -> bool:
    """Whether something in it reads better on lines of its own: text of several lines, a component that runs."""
    if len(path) == 2 and path[0] == "components" and len(item) > 3:
        return True
    return any("\n" in text for text in _texts(item))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _texts(item)


def _items(items: list[Any], indent: int, path: tuple[str, ...]) -> Iterator[str]:
    for item in items:
        if isinstance(item, dict) and item and ("switch" in item or len(_flow(item)) + indent + 2 > _WIDEST):
            lines = list(_mapping(cast("dict[str, Any]", item), indent + 2, path))
            yield f"{' ' * indent}- {lines[0].lstrip(' ')}"
            yield from lines[1:]
        elif isinstance(item, str):
            yield from _entry(f"{' ' * indent}-", item, indent, path)
        else:
            yield f"{' ' * indent}- {_flow(item)}"


# ---------------------------------------------------------------- on one line


def _flow(value: Any, *, is_top: bool = False) -> str:
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value).items()
        return "{" + ", ".join(f"{_key(key)}: {_flow(item)}" for key, item in entries) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in cast("list[Any]", value)) + "]"
    if isinstance(value, str):
        return _text(value, in_block=is_top)
    return _number(value) if isinstance(value, float) else json.dumps(value)


def _number(value: float) -> str:
    """The shortest spelling; YAML wants a dot or a sign where Python writes neither."""
    text = repr(value)
    return text if "." in text or "e-" in text or "e+" in text else text.replace("e", "e+")


def _key(key: str) -> str:
    try:
        check_key(key)
    except ScalarError:
        return _quoted(key)
    return _text(key, in_block=False)


def _text(text: str, *, in_block: bool) -> str:
    is_plain = _PLAIN.fullmatch(text) or (in_block and _PLAIN_IN_BLOCKS.fullmatch(text))
    if not is_plain or _NOT_IN_BLOCKS.search(text) or text.startswith(("...", "---")):
        return _quoted(text)
    try:
        is_same = resolve(text) == text
    except ScalarError:
        is_same = False
    return text if is_same else _quoted(text)


def _quoted(text: str) -> str:
    return _ODD.sub(lambda odd: f"\\u{ord(odd[0]):04x}", json.dumps(text, ensure_ascii=False))


# ---------------------------------------------------------------- text of several lines


def _fits_a_block(text: str) -> bool:
    """Whether a literal block gives back exactly this text, and shows all of it."""
    lines = text.split("\n")
    has_odd = any(_ODD.search(line) or line.endswith((" ", "\t")) for line in lines)
    first = next((line for line in lines if line), "")
    return bool(first) and not has_odd and not first.startswith((" ", "\t"))


def _indicator(text: str) -> str:
    return "|+" if text.endswith("\n\n") else "|" if text.endswith("\n") else "|-"
