"""Which word of a command line is why a config lacks something: what was found enters, and leaves with its word.

Runs in the child process only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from hpc.composing.alternatives import Alternatives
from hpc.composing.applying import Values, applied_where_possible
from hpc.composing.choosing import package_of
from hpc.composing.noting import Finding
from hpc.composing.words import Reading

OF_CHOICES = frozenset(("missing", "interpolation", "type", "is-cpu"))
"""Kinds of findings that another choice or another value may not have."""

_MOST = 10
_Identity = tuple[str, str, str]
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
        setters = [setter_of(each["key"], self._values) for each in found]
        others = self._causes([each for each, setter in zip(found, setters, strict=True) if setter is None])
        return [
            {**each, **cause.place} if (cause := setter or others.get(identity(each))) is not None else each
            for each, setter in zip(found, setters, strict=True)
        ]

    def _causes(self, found: Sequence[Finding]) -> dict[_Identity, Reading]:
        """A choice, else a value of another key, without which a finding goes away."""
        causes: dict[_Identity, Reading] = {}
        for reading in [*self._values[-_MOST:], *self._choices[-_MOST:]]:
            wanted = {identity(each) for each in found if self._may_cause(reading, each)}
            left = self._without(reading) if wanted else None
            gone = {each for each in wanted if _is_below(each[1], reading)} if left is None else wanted - left
            causes |= dict.fromkeys(gone, reading)
        return causes

    def _may_cause(self, reading: Reading, each: Finding) -> bool:
        """Whether it is worth asking Hydra again."""
        if each["kind"] == "is-cpu":  # nothing is wrong with most of them
            return reading in self._choices and _is_below(each["key"], reading)
        return each["kind"] in OF_CHOICES

    def _without(self, reading: Reading) -> set[_Identity] | None:
        """What is found if the word is not there; None if nothing composes then."""
        values = [each for each in self._values if each is not reading]
        try:
            config = self._alternatives.without(reading) if reading in self._choices else self._config
            return identities(self._walk(applied_where_possible(values, config)))
        except Exception:  # noqa: BLE001  what a config makes of Hydra may be any exception
            return None


def _is_below(key: str, choice: Reading) -> bool:
    return f"{key}.".startswith(f"{package_of(choice.full_key)}.")


def identity(each: Finding) -> _Identity:
    """What a finding is about, whichever word it belongs to."""
    return each["kind"], each["key"], each["said"]


def identities(found: Iterable[Finding]) -> set[_Identity]:
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
