"""Values: what Hydra says to each override of a key, one by one, so that one refusal does not hide the next.

A composed config and readings of words enter; findings leave. Runs in the child process only.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import AnyNode, DictConfig, ListConfig, ValueNode
from omegaconf._utils import is_structured_config, split_key
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    ConfigTypeError,
    GrammarParseError,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
)

from hpc.composing.loading import OutsideError
from hpc.composing.noting import Finding, finding, nearest, shortened, told
from hpc.composing.words import Reading

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (Hydra has no public way to apply an override, nor OmegaConf to look at a node without resolving it.)

_MOST_NEAR = 3
_LIKE_KEYS, _LIKE_NAMES = 0.8, 0.7
_MOST_TEXT = 60


def applied(readings: Iterable[Reading], config: DictConfig) -> DictConfig:
    """A copy of the config with the overrides. Raises whatever Hydra raises."""
    twin = copy.deepcopy(config)
    ConfigLoaderImpl._apply_overrides_to_config([reading.override for reading in readings], twin)
    return twin


def applied_where_possible(readings: Iterable[Reading], config: DictConfig) -> DictConfig:
    """A copy of the config with those overrides that Hydra takes."""
    readings = list(readings)
    with contextlib.suppress(Exception):
        return applied(readings, config)
    for reading in readings:
        try:
            config = applied([reading], config)
        except Exception:  # noqa: BLE001  some values make Hydra itself stumble
            continue
    return config


def unknown(readings: Iterable[Reading], config: DictConfig) -> list[Reading]:
    """Those of the overrides, each on top of those before it, whose key is not there."""
    found: list[Reading] = []
    for reading in readings:
        try:
            config = applied([reading], config)
        except Exception as error:  # noqa: BLE001  some values make Hydra itself stumble
            found += [reading] if str(error).startswith("Could not override") else []
    return found


class Values:
    """Judges overrides in the order of the words, each on top of those before it that Hydra takes.

    `others` makes configs with other choices: a key is there if it is there with one of them. `groups` are names that a
    key may have been meant for. `is_excused` tells keys that may be in what is only in the container. `accepted` are
    the words that Hydra takes, `right` also those that it takes with other choices, or that only a run can judge.
    """

    def __init__(
        self,
        config: DictConfig,
        others: Callable[[], Iterator[DictConfig]],
        groups: Sequence[str],
        is_excused: Callable[[Reading], bool],
    ) -> None:
        self.config, self.others, self.groups, self.is_excused = config, others, groups, is_excused
        self.accepted: list[Reading] = []
        self.right: list[Reading] = []
        self._before: dict[int, DictConfig] = {}

    def judge(self, reading: Reading) -> Finding | None:
        """What is wrong with it, if anything; what is right stays applied if it is the main reading of its word. Other
        readings of a word stand in its place: they are judged on what was there before it.
        """
        refusal = None
        try:
            config = applied([reading], self._before.setdefault(reading.word, self.config))
            if reading.is_main:
                self.config = config
                self.accepted.append(reading)
        except Exception as error:  # noqa: BLE001  some values make Hydra itself stumble
            refusal = None if self._is_right_elsewhere(reading) else self._refusal(reading, error)
        if reading.is_main and refusal is None:
            self.right.append(reading)
        return refusal

    def _is_right_elsewhere(self, reading: Reading) -> bool:
        if self.is_excused(reading):
            return True
        return any(_takes(config, self.accepted, reading) for config in self.others())

    def _refusal(self, reading: Reading, error: Exception) -> Finding | None:
        message = str(error)
        if _is_outside(error):
            return None
        kind = next((kind for start, kind in _SAID if message.startswith(start)), "") or _kind_of(_reason(error))
        if kind == "unknown-key":
            key = _first_missing(reading.full_key, reading.override.value(), self.config)
            return finding(kind, **reading.place, key=key, near=self._near(key))
        if kind == "not-there":
            return self._not_there(reading)
        said = "" if kind == "exists" else told(_reason(error), "/")
        return finding(kind, **reading.place, key=reading.full_key, said=said)

    def _not_there(self, reading: Reading) -> Finding:
        """Hydra deletes no key that is null, and with `~key=value` only that value."""
        node, value = node_at(self.config, reading.key), reading.override.value()
        if node is None:
            return finding("not-there", **reading.place, key=reading.full_key, near=self._near(reading.key))
        said, there = "" if value is None else as_text(value), as_text(_plain(node))
        return finding("not-there", **reading.place, key=reading.full_key, said=said, options=[there])

    def _near(self, key: str) -> list[str]:
        """Keys whose end is this key, keys like it, groups like it, and keys with the same last part."""
        keys = [name for config in (self.config, *self.others()) for name in keys_of(config)]
        is_hydra = key.startswith("hydra.")
        keys = [name for name in keys if name.startswith("hydra.") == is_hydra and not f"{key}.".startswith(f"{name}.")]
        ends = [name for name in keys if name.endswith(f".{key}")]
        like = nearest(key, keys, _LIKE_KEYS if "." in key else _LIKE_NAMES)
        groups = nearest(key.partition("@")[0], self.groups, _LIKE_NAMES) if "." not in key else []
        last = key.rpartition(".")[2]
        same = [name for name in keys if "." in key and name.rpartition(".")[2] == last]
        found: list[str] = []
        for name in [*ends, *like, *groups, *same]:
            if not any(f"{name}.".startswith(f"{nearer}.") or nearer.startswith(f"{name}.") for nearer in found):
                found.append(name)
        return found[:_MOST_NEAR]


def _is_outside(error: Exception) -> bool:
    """Whether the container's environment, or a resolver that the application registers, is needed to tell."""
    if isinstance(_reason(error), UnsupportedInterpolationType):
        return True
    return OutsideError.__name__ in f"{error}{error.__cause__}"


def _takes(config: DictConfig, earlier: Sequence[Reading], reading: Reading) -> bool:
    try:
        applied([reading], applied_where_possible(earlier, config))
    except Exception:  # noqa: BLE001  some values make Hydra itself stumble
        return False
    return True


_SAID = (
    ("Could not override", "unknown-key"),
    ("Override ", "unknown-key"),
    ("Could not append to config.", "exists"),
    ("Could not delete from config", "not-there"),
)


def _kind_of(reason: BaseException) -> str:
    if isinstance(reason, GrammarParseError):
        return "syntax"
    if isinstance(reason, (ConfigKeyError, ConfigAttributeError)):
        return "unknown-key"
    if isinstance(reason, (ValueError, ConfigTypeError)):  # ValidationError is a ValueError
        return "type"
    return "clash"


def _reason(error: Exception) -> BaseException:
    """Hydra says which override it was; why, OmegaConf says."""
    return error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error


def _first_missing(key: str, value: Any, config: DictConfig) -> str:
    """The key itself, or, where a dictionary is merged into one that is there, the first of its keys that is not."""
    if isinstance(value, Mapping) and isinstance(node_at(config, key), DictConfig):
        for name, below in value.items():
            inner = f"{key}.{name}"
            if node_at(config, inner) is None:
                return inner
            deeper = _first_missing(inner, below, config)
            if deeper != inner:
                return deeper
    return key


# ---------------------------------------------------------------- nodes


def node_at(config: DictConfig, key: str) -> Any:
    """The node of a key, unresolved; None if there is none."""
    node: Any = config
    for part in split_key(key):
        if isinstance(node, DictConfig) and isinstance(node._content, dict):
            node = node._content.get(part)
        elif isinstance(node, ListConfig) and isinstance(node._content, list) and part.isdigit():
            node = node._content[int(part)] if int(part) < len(node._content) else None
        else:
            return None
    return node


def keys_of(config: DictConfig, above: str = "") -> list[str]:
    """All keys with their full paths, those of dictionaries included."""
    content = config._content
    found: list[str] = []
    for name, node in content.items() if isinstance(content, dict) else ():
        found.append(f"{above}{name}")
        if isinstance(node, DictConfig):
            found += keys_of(node, f"{above}{name}.")
    return found


# ---------------------------------------------------------------- types of values


def other_type(reading: Reading, config: DictConfig) -> Finding | None:
    """Where the value is of another type than the default, which OmegaConf itself lets pass."""
    if reading.override.is_delete() or reading.key.startswith("hydra."):
        return None
    default, value = _default_of(config, reading.key), reading.override.value()
    if default is None or _kind(value) == "" or _fits(_kind(value), _kind(default)):
        return None
    return finding("other-type", **reading.place, key=reading.key, said=_kind(default), options=[as_text(default)])


def _default_of(config: DictConfig, key: str) -> Any:
    """The default as a plain value, None where it tells nothing of the type."""
    node = node_at(config, key)
    parent = node._get_parent() if node is not None else None
    if parent is not None and is_structured_config(parent._metadata.object_type):
        return None  # it says what may stand there, and OmegaConf sees to it
    if isinstance(node, AnyNode):
        return None if node._is_interpolation() or node._is_missing() else node._value()
    if isinstance(node, (DictConfig, ListConfig)) and not (node._is_none() or node._is_missing()):
        return None if node._is_interpolation() else _plain(node)
    return None


def _plain(node: Any) -> Any:
    if isinstance(node, (DictConfig, ListConfig)) and not isinstance(node._content, (dict, list)):
        return node._content  # null, `???` or an interpolation
    if isinstance(node, DictConfig):
        return {key: _plain(below) for key, below in node.items_ex(resolve=False)}
    if isinstance(node, ListConfig):
        return [_plain(below) for below in node._iter_ex(resolve=False)]
    return node._value() if isinstance(node, ValueNode) else node


def _kind(value: Any) -> str:
    """The name of a type; nothing where a value says nothing: null, `???`, an interpolation."""
    if value is None or (isinstance(value, str) and (value == "???" or "${" in value)):
        return ""
    return next(name for type_, name in _KINDS if isinstance(value, type_))


_KINDS = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str, "string"),
    (Mapping, "dict"),
    (list, "list"),
    (object, ""),
)
_NUMBERS = frozenset(("int", "float"))


def _fits(given: str, default: str) -> bool:
    if not default or given == default or {given, default} <= _NUMBERS:
        return True
    return default == "string" and given not in ("dict", "list")  # `name: 5` is a common way to write a name


def as_text(value: Any) -> str:
    """The value as YAML would have it in one line, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _MOST_TEXT else f"{shortened(text[: _MOST_TEXT - 1])}…"
