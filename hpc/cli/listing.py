"""What Hydra lists for a component, as a table for people and as JSON for programs. A `Listing` enters, text leaves."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from hpc.compiler.authoring import App, Listing
from hpc.compiler.questions import Group, Key
from hpc.components.hydra import bare_key

_WIDEST = 100
_LEAST = 16
"""Columns that the last column gets at least, however little of the terminal is left."""
_GAP = "  "
_FEWEST = 8
"""Characters to which a default may be shortened; one that gets fewer is left out."""
_BOLD, _ALERT, _PLAIN = "\x1b[1m", "\x1b[1;33m", "\x1b[0m"


def as_json(name: str, app: App, listing: Listing) -> str:
    """One object; `set_by` is what of the component gives a key its value, null where nothing does."""
    givers = _givers(app)
    keys = [{**asdict(key), "set_by": givers.get(key.key)} for key in listing.listed.keys]
    shown = {
        "component": name,
        "config": asdict(app.config),
        "overrides": listing.words,
        "groups": [asdict(group) for group in listing.listed.groups],
        "keys": keys,
    }
    return json.dumps(_finite(shown), indent=2, ensure_ascii=False)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become texts."""
    return json.loads(json.dumps(value), parse_constant=str)


def as_text(name: str, app: App, listing: Listing) -> str:
    """The groups with their options, then the keys: a line each, as wide as the terminal and 100 columns at most."""
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    composed = f", composed with {' '.join(listing.words)}" if listing.words else ""
    blocks = [_wrapped(f"{name}: {app.config.folder}/{app.config.name}.yaml{composed}", width)]
    if listing.listed.groups:
        blocks.append(list(_groups(listing.listed.groups, width)))
    if listing.listed.keys:
        blocks.append(list(_keys(listing.listed.keys, _givers(app), width)))
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks)


# ---------------------------------------------------------------- tables


def _groups(groups: Sequence[Group], width: int) -> Iterator[str]:
    rows = [(f"{'+' * each.needs_plus}{each.group}", ", ".join(each.chosen) or "-") for each in groups]
    widths = _widths([("group", "chosen"), *rows])
    left = width - sum(widths) - 2 * len(_GAP)
    yield _heading([*_padded(("group", "chosen"), widths), "options"])
    for row, each in zip(rows, groups, strict=True):
        lines = _wrapped(", ".join(each.options) or "-", max(left, _LEAST))
        yield _GAP.join([*_padded(row, widths), lines[0]])
        yield from (_GAP.join([*_padded(("", ""), widths), line]) for line in lines[1:])


def _keys(keys: Sequence[Key], givers: Mapping[str, str], width: int) -> Iterator[str]:
    rows = [(each.key, each.type) for each in keys]
    widths = _widths([("key", "type"), *rows])
    left = max(width - sum(widths) - 2 * len(_GAP), _LEAST)
    is_any_given = any(each.key in givers for each in keys)
    yield _heading([*_padded(("key", "type"), widths), "default (set by)" if is_any_given else "default"])
    for row, each in zip(rows, keys, strict=True):
        yield _GAP.join([*_padded(row, widths), _value(each, givers.get(each.key), left)])


def _value(key: Key, giver: str | None, width: int) -> str:
    """The default, shortened to the width, and what is given in its place."""
    default = _default(key)
    if giver is None:
        return _painted(f"{default} must be given", _ALERT) if key.is_missing else _shortened(default, width)
    left = width - len(giver) - 3
    return f"{_shortened(default, left)} ({giver})" if left >= min(len(default), _FEWEST) else f"({giver})"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]


def _heading(cells: Sequence[str]) -> str:
    return _painted(_GAP.join(cells).rstrip(), _BOLD)


def _painted(text: str, style: str) -> str:
    """https://no-color.org, and only where a person looks."""
    return f"{style}{text}{_PLAIN}" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


# ---------------------------------------------------------------- cells


def _default(key: Key) -> str:
    """A default in one line: text bare where that is clear, anything else as JSON."""
    if key.is_missing:
        return "???"
    value = key.default
    if isinstance(value, str) and value.isprintable() and value == value.strip() != "":
        return value
    return json.dumps(value, ensure_ascii=False)


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _givers(app: App) -> dict[str, str]:
    """What gives a key its value, by key: `inputs.x` and `outputs.x` for ports, `overrides` for constants."""
    found = dict.fromkeys(_constants(app.overrides), "overrides")
    for block, ports in (("inputs", app.component.inputs), ("outputs", app.component.outputs)):
        for name, port in ports.items():
            if port.pass_ != "none":
                found[bare_key(port.key(name))] = f"{block}.{name}"
    return found


def _constants(overrides: Mapping[str, Any]) -> Iterator[str]:
    """The keys that constants are for, those inside of mappings among them."""
    for key, value in overrides.items():
        yield bare_key(key)
        if isinstance(value, dict):
            yield from (f"{bare_key(key)}.{inner}" for inner in _constants(cast("Mapping[str, Any]", value)))
