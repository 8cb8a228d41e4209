"""What an override can name: a configuration enters; its keys with their defaults, and its groups, leave.

Nothing of Hydra's own, which every application has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, cast

from hydra._internal.defaults_list import Overrides
from hydra.core.default_element import GroupDefault, InputDefault
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from hpc.composing.contents import is_no_group
from hpc.composing.loading import Opened, OutsideError, opened
from hpc.composing.noting import told
from hpc.composing.sweeping import reason

# pyright: reportPrivateUsage=false
# (A node tells only in private what it holds before interpolations are resolved.)

_ADDRESS = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*|\d+", re.ASCII)
_DECLARED = {
    "IntegerNode": "int",
    "FloatNode": "float",
    "BooleanNode": "bool",
    "StringNode": "string",
    "PathNode": "string",
    "EnumNode": "string",
    "DictConfig": "dict",
    "ListConfig": "list",
}
_TYPES: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "string"}


def listed(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to a plain Keys, as the fields of a Listed."""
    asked = question["config"]
    if not Path(asked["folder"]).is_dir():
        return _nothing(f"Primary config directory not found: '{asked['folder']}'")
    files = {str(Path(file).absolute()): file for file in asked["imports"]}
    with opened(asked["folder"], [*files]) as there:
        trouble = next((said for word in question["words"] if (said := _refusal(there, word))), "")
        answer = _nothing(trouble) if trouble else _composed(there, question)
        return {**answer, "notes": _notes(there, files)}


def _notes(there: Opened, files: dict[str, str]) -> list[str]:
    """What is not here, so that there may be more: programs by their path as written, and folders of the container."""
    failures = [
        f"{files.get(file, file)} cannot be run here, so what it registers is not listed: {said.rstrip('.')}."
        for file, said in there.failures
    ]
    paths = [
        f"the search path {path} is known only where the application runs, so what it adds is not listed."
        for path in there.sources.elsewhere
    ]
    return failures + paths


def _refusal(there: Opened, word: str) -> str:
    """Why the word is no override; nothing if it is one."""
    try:
        there.parser.parse_rule(word, "override")
    except HydraException as error:
        return reason(error, word)
    return ""


def _composed(there: Opened, question: dict[str, Any]) -> dict[str, Any]:
    asked = question["config"]
    try:
        with _noted() as seen:
            config = there.compose(asked["name"], question["words"])
    except OutsideError as error:
        return _nothing(f"{error.text} is known only where the application runs")
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        return _nothing(told(error, asked["folder"]))
    keys = [each for name in config if name != "hydra" for each in _below(config, name, "")]
    groups = _groups(there, seen, asked["folder"])
    return {"keys": keys, "groups": groups, "trouble": "", "notes": [], "failed": False}


def _nothing(trouble: str) -> dict[str, Any]:
    return {"keys": [], "groups": [], "trouble": trouble, "notes": [], "failed": False}


# ---------------------------------------------------------------- keys


def _below(config: DictConfig, name: Any, prefix: str) -> Iterator[dict[str, Any]]:
    """The key `name` of `config`, or those of the dict that stands there; nothing if no override can name it."""
    if not isinstance(name, str) or not _ADDRESS.fullmatch(name):
        return
    node: Any = config._get_node(name)
    if isinstance(node, DictConfig) and _is_filled(node):
        for inner in node:
            yield from _below(node, inner, f"{prefix}{name}.")
    else:
        yield {"key": f"{prefix}{name}", **_leaf(node)}


def _is_filled(node: DictConfig) -> bool:
    return not (node._is_missing() or node._is_none() or node._is_interpolation()) and len(node) > 0


def _leaf(node: Node) -> dict[str, Any]:
    if node._is_interpolation():
        return _described("any", str(node._value()))
    inner: Any = node._value()
    if isinstance(inner, Node):  # of a union, which OmegaConf has since 2.2
        return _leaf(inner)
    declared = _DECLARED.get(type(node).__name__, "any")
    if node._is_missing():
        return {**_described(declared, None), "is_missing": True}
    value = _content(node)
    return _described(_TYPES.get(value.__class__, "any") if declared == "any" else declared, _json(value))


def _described(kind: str, default: Any) -> dict[str, Any]:
    return {"type": kind, "default": default, "is_missing": False}


def _content(node: Any) -> Any:
    """The value with interpolations as texts."""
    if isinstance(node, (DictConfig, ListConfig)) and not node._is_none():
        return OmegaConf.to_container(node, resolve=False)
    return node._value()


def _json(value: Any) -> Any:
    """A value as JSON has it; what JSON has no form for is a text."""
    if isinstance(value, dict):
        return {str(_json(key)): _json(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_json(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


# ---------------------------------------------------------------- groups


@contextmanager
def _noted() -> Generator[list[GroupDefault]]:
    """Every group of the defaults list, as Hydra comes across it. What it tells afterwards lacks lists of options."""
    seen: list[GroupDefault] = []
    original = Overrides.is_overridden

    def noting(self: Overrides, default: InputDefault, *more: Any) -> bool:
        if isinstance(default, GroupDefault):
            seen.append(default)
        return original(self, default, *more)

    Overrides.is_overridden = noting
    try:
        yield seen
    finally:
        Overrides.is_overridden = original


def _chosen(seen: list[GroupDefault]) -> dict[str, list[str]]:
    """What is chosen, by group, `group@package` where it is not the group's own package."""
    chosen: dict[str, list[str]] = {}
    for default in seen:
        value: Any = None if default.deleted else default.value
        if not isinstance(value, list):
            value = [] if value is None else [value]
        chosen[default.get_override_key()] = [str(name) for name in cast("list[Any]", value)]
    return chosen


def _groups(there: Opened, seen: list[GroupDefault], folder: str) -> list[dict[str, Any]]:
    chosen = _chosen(seen)
    named = {default.get_override_key() for default in seen if not default.is_external_append()}
    own = sorted(name for name in {*there.groups(), *chosen} if not re.match(r"hydra([/@]|\Z)", name))
    places = [(name, name.partition("@")[0]) for name in own]
    found = [(name, there.options(place)) for name, place in places if name in chosen or not is_no_group(folder, place)]
    return [
        {"group": name, "options": options, "chosen": chosen.get(name, []), "needs_plus": name not in named}
        for name, options in found
        if options
    ]
