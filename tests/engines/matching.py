"""Expected results of the conformance cases against the object that `Outcome.as_dict()` gives.

A value is compared for equality unless it is a matcher: `$json`, `$json_list`, `$re`, `$any`, `$superset`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def differences(want: Any, got: Any, at: str) -> Iterator[str]:
    """One sentence for every place where `got` is not as `want` says."""
    if isinstance(want, dict) and len(want) == 1 and next(iter(want)) in _MATCHERS:
        [(name, pattern)] = want.items()
        yield from _MATCHERS[name](pattern, got, at)
    elif isinstance(want, dict) and isinstance(got, dict):
        yield from (f"{at}.{name}: only on one side" for name in want.keys() ^ got.keys())
        for name in want.keys() & got.keys():
            yield from differences(want[name], got[name], f"{at}.{name}")
    elif want != got or isinstance(want, bool) != isinstance(got, bool):
        yield f"{at}: {got!r}, want {want!r}"


def run_differences(run: dict[str, Any], outcome: dict[str, Any]) -> Iterator[str]:
    """Everything in which the outcome is not what one run of a case expects. No other task may have run."""
    yield from differences(run["state"], outcome["state"], "state")
    if run["state"] == "SUCCEEDED":
        yield from differences(run.get("outputs", {}), outcome["outputs"], "outputs")
    for path, want in run["tasks"].items():
        if path in outcome["tasks"]:
            yield from _task(want if isinstance(want, dict) else {"state": want}, outcome["tasks"][path], path)
        elif "NOT_RUN" not in json.dumps(want):
            yield f"{path}: there is no such task"
    for path, task in outcome["tasks"].items():
        if task["attempts"] and task["state"] != "CANCELLED" and path not in run["tasks"]:
            yield f"{path}: has run"
    yield from _overlaps(run, outcome)


def _overlaps(run: dict[str, Any], outcome: dict[str, Any]) -> Iterator[str]:
    for one, other in run.get("overlap", ()):
        a, b = outcome["tasks"][one], outcome["tasks"][other]
        if max(a["start"], b["start"]) >= min(a["end"], b["end"]):
            yield f"{one} and {other} did not overlap"


def _task(want: dict[str, Any], got: dict[str, Any], at: str) -> Iterator[str]:
    for key in ("state", "reason", "attempts", "exit_code"):
        if key in want:
            yield from differences(want[key], got[key], f"{at}.{key}")
    yield from _log(want, got, at)
    for name, value in want.get("outputs", {}).items():
        yield from differences(value, got["outputs"].get(name), f"{at}.{name}")
    for name, value in want.get("artifacts", {}).items():
        yield from _artifact(value, got["artifacts"][name], f"{at}.{name}")


def _artifact(want: dict[str, Any], got: dict[str, Any], at: str) -> Iterator[str]:
    for key in want.keys() & {"text", "dir"}:
        yield from differences(want[key], _tree(Path(got["uri"])), at)
    yield from differences({"$superset": want.get("metadata", {})}, got["metadata"], f"{at}.metadata")


def _log(want: dict[str, Any], got: dict[str, Any], at: str) -> Iterator[str]:
    log = Path(got["log"]).read_bytes() if got["log"] else b""
    if "error" in want:
        yield from differences(want["error"], f"{got['error']}\n{log.decode(errors='replace')}", f"{at}.error")
    for text in [*want.get("log_contains", ()), *([want["error_log"]] if "error_log" in want else ())]:
        if text.encode() not in log:
            yield f"{at}: the log lacks {text!r}"
    if len(log) < want.get("log_min_bytes", 0):
        yield f"{at}: the log has {len(log)} bytes"


def _tree(path: Path) -> Any:
    if path.is_dir():
        return {entry.name: _tree(entry) for entry in path.iterdir()}
    return path.read_text() if path.exists() else None


def _parsed(got: Any) -> Any:
    try:
        return json.loads(got)
    except (TypeError, ValueError):
        return f"not JSON: {got!r}"


def _json(want: Any, got: Any, at: str) -> Iterator[str]:
    return differences(want, _parsed(got), f"{at} as JSON")


def _json_list(want: Any, got: Any, at: str) -> Iterator[str]:
    items = _parsed(got)
    yield from differences(len(want), len(items), f"{at}: items")
    for number, (one, item) in enumerate(zip(want, items, strict=False)):
        yield from differences(one, item, f"{at}[{number}]")


def _re(want: str, got: Any, at: str) -> Iterator[str]:
    if not isinstance(got, str) or not re.fullmatch(want, got):
        yield f"{at}: {got!r} does not match {want}"


def _any(want: list[Any], got: Any, at: str) -> Iterator[str]:
    if got not in want:
        yield f"{at}: {got!r} is none of {want}"


def _superset(want: Any, got: Any, at: str) -> Iterator[str]:
    """At least these entries; of several alternatives the one that fits best."""
    alternatives = want if isinstance(want, list) else [want]
    found = [
        [text for key in one for text in differences(one[key], got.get(key), f"{at}.{key}")] for one in alternatives
    ]
    yield from min(found, key=len)


_MATCHERS: dict[str, Callable[[Any, Any, str], Iterator[str]]] = {
    "$json": _json,
    "$json_list": _json_list,
    "$re": _re,
    "$any": _any,
    "$superset": _superset,
}
