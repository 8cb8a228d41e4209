"""Which word of a command line is why a config lacks something: what was found enters, and leaves with its word.

Runs in the child process only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from hpc.composing.alternatives import Alternatives
from hpc.composing.applying import Values, applied_where_possible
from hpc.composing.noting import Finding
from hpc.composing.words import Reading

OF_CHOICES = frozenset(("missing", "interpolation", "type", "is-cpu"))
"""Kinds of findings that another choice or another value may not have."""

_OF_VALUES = frozenset(("missing", "interpolation", "type"))
_MOST = 10
Walk = Callable[[DictConfig], list[Finding]]


class Causes:
    """`alternatives.main` and `judge.right` are the words that a config was made of; `config` is what the former make
    alone, `walk` finds what a config lacks.
    """

    def __init__(self, alternatives: Alternatives, config: DictConfig, judge: Values, walk: Walk) -> None:
        self._alternatives, self._config, self._walk = alternatives, config, walk
        self._choices, self._values = alternatives.main, judge.right

    def attributed(self, found: Sequence[Finding]) -> list[Finding]:
        """Each with the last word without which it would not be there, if there is such a word."""
        return [self._at_setter(each) for each in self._at_others(found)]

    def _at_setter(self, each: Finding) -> Finding:
        setter = setter_of(each["key"], self._values)
        return {**each, **setter.place} if setter is not None else each

    def _at_others(self, found: Sequence[Finding]) -> list[Finding]:
        wanted = {identity(each) for each in found if each["kind"] in OF_CHOICES}
        causes: dict[tuple[str, str, str], Reading] = {}
        for reading in [*self._values[-_MOST:], *self._choices[-_MOST:]] if wanted else []:
            kinds = OF_CHOICES if reading in self._choices else _OF_VALUES
            left = self._without(reading)
            gone = {each for each in wanted if left is not None and each[0] in kinds and each not in left}
            causes |= dict.fromkeys(gone, reading)
        return [{**each, **causes[identity(each)].place} if identity(each) in causes else each for each in found]

    def _without(self, reading: Reading) -> set[tuple[str, str, str]] | None:
        """What is found if the word is not there; None if nothing composes then."""
        values = [each for each in self._values if each is not reading]
        try:
            config = self._alternatives.without(reading) if reading in self._choices else self._config
            return identities(self._walk(applied_where_possible(values, config)))
        except Exception:  # noqa: BLE001  what a config makes of Hydra may be any exception
            return None


def identity(each: Finding) -> tuple[str, str, str]:
    """What a finding is about, whichever word it belongs to."""
    return each["kind"], each["key"], each["said"]


def identities(found: Iterable[Finding]) -> set[tuple[str, str, str]]:
    """The identity of each."""
    return {identity(each) for each in found}


def setter_of(key: str, values: Sequence[Reading]) -> Reading | None:
    """The last word that gives the key, or something that holds it, its value."""
    return next((reading for reading in reversed(values) if _sets(reading, key)), None)


def _sets(reading: Reading, key: str) -> bool:
    own, parts = _parts(reading.key), _parts(key)
    if reading.override.is_delete() or parts[: len(own)] != own:
        return False
    value: Any = reading.override.value()
    for part in parts[len(own) :]:
        if isinstance(value, Mapping):
            if part not in value:
                return False  # a dictionary is merged into what is there
            value = value[part]  # pyright: ignore[reportUnknownVariableType]  any value
    return True


def _parts(key: str) -> list[str]:
    return key.replace("[", ".").replace("]", "").split(".")
