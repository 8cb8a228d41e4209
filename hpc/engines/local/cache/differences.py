"""Why a task ran again: what differs between the parts of two fingerprints, in words for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import chain

Sources = Callable[[str], "Mapping[str, str] | None"]
"""The files of a source tree by its digest, where they were kept."""

_MOST = 3
_WIDTH = 40
_ORDER = (
    *("component", "key", "mode", "input", "source", "artifact", "command", "outputs"),
    *("env", "secret", "environment", "image"),
)
_SHOWN = {"component", "key", "mode", "input", "env"}
_WORDS = {"key": "cache key"}
_FOLLOW_FROM_MODE = {"source", "environment", "image"}
_PLAIN = re.compile(r"[\w./:@%+=,-]+")


def differences(before: Mapping[str, str], now: Mapping[str, str], sources: Sources) -> str:
    """The first three differences: "lr 0.1 → 0.2; source changed: train.py; env A is new; and 2 more".

    Empty if there are none, or one of the two is empty: then there is nothing to compare.
    """
    if not before or not now:
        return ""
    if ("key" in before) != ("key" in now):
        return f"cache key is {'new' if 'key' in now else 'gone'}"
    names = sorted({name for name in (*before, *now) if before.get(name, "") != now.get(name, "")}, key=_place)
    if "mode" in names:
        names = [name for name in names if name not in _FOLLOW_FROM_MODE]
    said = [_difference(name, before.get(name, ""), now.get(name, ""), sources) for name in names]
    more = [f"and {len(said) - _MOST} more"] if len(said) > _MOST else []
    return "; ".join([*said[:_MOST], *more])


def _place(name: str) -> tuple[int, str]:
    group = name.partition(" ")[0]
    return (_ORDER.index(group) if group in _ORDER else len(_ORDER), name)


def _difference(name: str, before: str, now: str, sources: Sources) -> str:
    """An empty text is the same as none."""
    group, _, own = name.partition(" ")
    title = _WORDS.get(name, name)
    if not before or not now:
        return f"{title} is {'gone' if before else 'new'}"
    if group == "source":
        return _of_source(sources(before), sources(now))
    title = own if group == "input" else title
    if group in _SHOWN:
        return _of_values(title, before, now)
    return f"{title} changed"


def _of_values(title: str, before: str, now: str) -> str:
    """Texts with quotes only where one cannot do without; "changed" where the difference would not be seen."""
    for shown in (_plain(before), _plain(now)), (before, now):
        if shown[0] != shown[1] and not any(len(one) > _WIDTH for one in shown):
            return f"{title} {shown[0]} → {shown[1]}"
    return f"{title} changed"


def _plain(text: str) -> str:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else text


def _of_source(before: Mapping[str, str] | None, now: Mapping[str, str] | None) -> str:
    if before is None or now is None:
        return "source changed"
    changed = sorted(name for name in before if name in now and before[name] != now[name])
    added = sorted(now.keys() - before.keys())
    removed = sorted(before.keys() - now.keys())
    if not added and not removed:
        return f"source changed: {_few(changed)}" if changed else "source changed"
    words = ("changed", changed), ("added", added), ("removed", removed)
    return f"source: {_few(list(chain.from_iterable([f'{name} {word}' for name in names] for word, names in words)))}"


def _few(names: list[str]) -> str:
    if len(names) <= _MOST:
        return ", ".join(names)
    return f"{', '.join(names[: _MOST - 1])} and {len(names) - _MOST + 1} more"
