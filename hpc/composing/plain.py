"""Questions as JSON and answers from JSON. A question becomes `{"ask": "fit", "config": …}`, an answer its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

from hpc.compiler.questions import Answer, Finding, Fit, Fits, Group, Key, Keys, Kind, Listed, Question, Sweep, Swept

_NAMES = {Fit: "fit", Sweep: "sweep", Keys: "keys"}
_KINDS = frozenset(get_args(Kind))


def as_plain(question: Question) -> dict[str, Any]:
    """The question as a JSON object, with `ask` for its kind."""
    return {"ask": _NAMES[type(question)], **asdict(question)}


def as_answer(question: Question, given: Any) -> Answer:
    """What the JSON object `given` answers to `question`. Raises TypeError, KeyError or ValueError if it does not."""
    if isinstance(question, Fit):
        return Fits(tuple(_finding(each) for each in given["findings"]))
    if isinstance(question, Sweep):
        return Swept(tuple(given["values"]), given["trouble"], given["said"])
    keys = tuple(Key(**each) for each in given["keys"])
    groups = tuple(_group(each) for each in given["groups"])
    return Listed(keys, groups, given["trouble"], tuple(given["notes"]), given["failed"])


def _finding(given: Mapping[str, Any]) -> Finding:
    if given["kind"] not in _KINDS:
        raise ValueError(f"no kind of finding: {given['kind']}")
    tuples: dict[str, Any] = {name: tuple(given[name]) for name in ("near", "options") if name in given}
    return Finding(**{**given, **tuples})


def _group(given: Mapping[str, Any]) -> Group:
    return Group(given["group"], tuple(given["options"]), tuple(given["chosen"]), given["needs_plus"])
