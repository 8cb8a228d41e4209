"""A composed config, looked at node by node: what is missing, what refers to nothing, what only the container knows.

Runs in the child process only. The `hydra` node is left out: Hydra fills it when the job starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig
from omegaconf.errors import (
    InterpolationKeyError,
    InterpolationToMissingValueError,
    InterpolationValidationError,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
)

from hpc.composing.applying import keys_of
from hpc.composing.loading import Opened, resolvable
from hpc.composing.noting import Finding, finding, nearest, shortened

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (OmegaConf has no public way to look at a node without resolving it.)

_DEVICES = frozenset(("accelerator", "device"))
_NOWHERE = re.compile("Recursive interpolation|Error trying to access|is not an int")
"""What OmegaConf says of references that lead nowhere, without a resolver."""

_UNIQUE = frozenset(("interpolation", "outside"))


def walk(there: Opened, config: DictConfig) -> list[Finding]:
    """Findings in the order of the config; one for each cause, at the node where the cause is written."""
    walker = _Walker(there, resolvable(config))
    causes: dict[tuple[str, str], tuple[bool, Finding]] = {}
    found: list[Finding] = []
    for is_origin, each in walker.findings():
        if each["kind"] not in _UNIQUE:
            found.append(each)
            continue
        known = causes.get((each["kind"], each["said"]))
        if known is None:
            causes[each["kind"], each["said"]] = (is_origin, each)
            found.append(each)
        elif is_origin and not known[0]:
            known[1].update(each)
            causes[each["kind"], each["said"]] = (True, known[1])
    return found


class _Walker:
    def __init__(self, there: Opened, root: DictConfig) -> None:
        self.there, self.root = there, root

    def findings(self) -> Iterator[tuple[bool, Finding]]:
        """With whether the node is where the cause is written; others only refer to it."""
        content = self.root._content
        for name, node in content.items() if isinstance(content, dict) else ():
            if name != "hydra":
                yield from self._node(self.root, name, node, str(name))

    def _node(self, parent: Any, name: Any, node: Any, key: str) -> Iterator[tuple[bool, Finding]]:
        raw = node._value()
        if isinstance(raw, str) and raw == "???":
            yield True, finding("missing", key=key)
        elif node._is_interpolation():
            yield from self._resolved(parent, name, str(raw), key)
        elif isinstance(node, DictConfig) and isinstance(raw, dict):
            for below, inner in raw.items():
                yield from self._node(node, below, inner, f"{key}.{below}")
        elif isinstance(node, ListConfig) and isinstance(raw, list):
            for below, inner in enumerate(raw):
                yield from self._node(node, below, inner, f"{key}[{below}]")
        else:
            yield from _device(key, raw)

    def _resolved(self, parent: Any, name: Any, raw: str, key: str) -> Iterator[tuple[bool, Finding]]:
        before = len(self.there.outside)
        try:
            value = parent[name]
        except OmegaConfBaseException as error:
            if len(self.there.outside) > before:
                yield from self._outside()
            else:
                yield from self._unresolved(error, raw, key)
        except RecursionError:
            yield True, finding("interpolation", key=key, said=shortened(raw))
        else:
            yield from _device(key, value)

    def _outside(self) -> Iterator[tuple[bool, Finding]]:
        error = self.there.outside[-1]
        if error.is_told:
            yield True, finding("outside", key=error.key, said=error.text)

    def _unresolved(self, error: OmegaConfBaseException, raw: str, key: str) -> Iterator[tuple[bool, Finding]]:
        message = str(error)
        if isinstance(error, UnsupportedInterpolationType):
            name = re.search(r"Unsupported interpolation type (\S+)", message)
            said = f"${{{name[1]}:…}}" if name else shortened(raw)
            yield bool(name and f"${{{name[1]}:" in raw), finding("outside", key=key, said=said)
        elif isinstance(error, InterpolationKeyError):
            target = re.search(r"Interpolation key '\.*(.*?)' not found", message)
            name = target[1] if target else ""
            written = re.search(rf"\$\{{\.*{re.escape(name)}\}}", raw) if name else None
            said = written[0] if written else f"${{{name}}}" if name else shortened(raw)
            near = nearest(name, keys_of(self.root), 0.8)
            yield bool(written), finding("interpolation", key=key, said=said, near=near)
        elif isinstance(error, InterpolationValidationError):
            yield True, finding("type", key=key, said=shortened(message.splitlines()[0]))
        elif _NOWHERE.search(message):
            yield True, finding("interpolation", key=key, said=shortened(raw))
        elif not isinstance(error, InterpolationToMissingValueError):
            yield True, finding("outside", key=key, said=shortened(raw))


def _device(key: str, value: Any) -> Iterator[tuple[bool, Finding]]:
    if value == "cpu" and key.rpartition(".")[2] in _DEVICES:
        yield True, finding("is-cpu", key=key)
