"""Config groups: which words choose from one, whether the options are there, and what the choices compose to.

Readings of words enter; a composed config leaves, with what Hydra would say about the choices. Runs in the child only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from omegaconf import DictConfig

from hpc.composing.loading import Opened, OutsideError
from hpc.composing.noting import Finding, finding, nearest, told
from hpc.composing.words import Reading

_MOST_ATTEMPTS = 50
_MANDATORY = re.compile(r"(?:In '[^']*': )?You must specify '([^']+)'")


@dataclass
class Composed:
    """`config` is None if nothing composes. `texts` are the choices that it was composed with.

    `is_open`: an option may be where only the container looks, so that a key that is not here may be there.
    """

    config: DictConfig | None = None
    texts: list[str] = field(default_factory=list[str])
    findings: list[Finding] = field(default_factory=list[Finding])
    is_open: bool = False


def is_choice(there: Opened, reading: Reading) -> bool:
    """Whether Hydra takes the override for a choice from a group; a dictionary is always a value."""
    return not isinstance(reading.override.value(), dict) and there.has_group(reading.key)


def options_of(there: Opened, group: str) -> list[str]:
    """The options of a group, then those in folders below it, as `folder/option`."""
    below = [name.removeprefix(f"{group}/") for name in there.groups(group)]
    return [*there.options(group), *(f"{path}/{name}" for path in below for name in there.options(f"{group}/{path}"))]


def wrong_choices(there: Opened, reading: Reading) -> Iterator[Finding]:
    """What is wrong with the option itself, whatever the defaults list says."""
    override, group = reading.override, reading.key
    if override.is_force_add():
        yield finding("clash", **reading.place, key=group, said="a config group cannot be chosen with ++")
        return
    value: Any = override.value()
    if override.is_delete():
        if value is not None and not isinstance(value, str):
            yield finding("not-there", **reading.place, key=reading.full_key, said=str(value))
        return
    chosen = cast("list[Any]", value) if isinstance(value, list) else [value]
    for choice in chosen:
        if isinstance(choice, str) and ("${" in choice or (choice and there.has(f"{group}/{choice}"))):
            continue
        yield _unknown(there, reading, "null" if choice is None else str(choice))


def _unknown(there: Opened, reading: Reading, choice: str) -> Finding:
    group, options = reading.key, options_of(there, reading.key)
    if group.startswith("hydra/"):
        return finding("not-installed", **reading.place, key=group, said=choice)
    near = nearest(choice, options, 0.5)
    return finding("unknown-choice", **reading.place, key=group, said=choice, near=near, options=options)


class Composer:
    """Composes `name` of a configuration with choices, leaving out those that Hydra refuses."""

    def __init__(self, there: Opened, name: str, folder: str) -> None:
        self.there, self.name, self.folder = there, name, folder
        self._stand_ins: dict[str, str] = {}

    def with_choices(self, choices: Sequence[Reading], later: Sequence[Reading]) -> Composed:
        """`later` are words whose option only the run brings: the defaults list's own stands in."""
        found, left = Composed(), list(choices)
        for _ in range(_MOST_ATTEMPTS):
            try:
                found.config, found.texts = self._try(left)
                return found
            except Exception as error:  # noqa: BLE001  what a config makes of Hydra may be any exception
                if not self._settled(error, left, later, found):
                    self._despair(error, left, found)
                    return found
        return found

    def alternative(self, texts: Sequence[str]) -> DictConfig:
        """The config with other choices. Raises whatever Hydra raises."""
        return self.there.compose(self.name, [*self._stand_ins.values(), *texts])

    def _try(self, choices: Sequence[Reading]) -> tuple[DictConfig, list[str]]:
        texts = [*self._stand_ins.values(), *(reading.text for reading in choices)]
        return self.there.compose(self.name, texts), texts

    def accepts(self, reading: Reading) -> bool:
        """Whether the config composes with this choice alone: an optional default takes any."""
        try:
            self.alternative([reading.text])
        except Exception:  # noqa: BLE001  what a config makes of Hydra may be any exception
            return False
        return True

    # ------------------------------------------------------------ who is to blame

    def _settled(self, error: Exception, left: list[Reading], later: Sequence[Reading], found: Composed) -> bool:
        """Whether the next attempt can do without what this error is about."""
        must = _MANDATORY.match(str(error))
        if must:
            return self._stands_in(must[1], later, found)
        for pattern, kind, is_guilty in _BLAMED:
            match = re.match(pattern, str(error))
            guilty = [reading for reading in left if match and is_guilty(reading, match[1])]
            if match and guilty:
                found.findings.append(self._blamed(kind, guilty[-1], str(error)))
                left.remove(guilty[-1])
                return True
        return False

    def _stands_in(self, full_key: str, later: Sequence[Reading], found: Composed) -> bool:
        """A group that must be chosen gets its first option, so that the rest can be judged."""
        options = options_of(self.there, full_key.partition("@")[0])
        if full_key in self._stand_ins or not options:
            return False
        if not any(reading.full_key == full_key for reading in later):
            found.findings.append(finding("missing", key=full_key, options=options))
        self._stand_ins[full_key] = f"{full_key}={options[0]}"
        return True

    def _blamed(self, kind: str, reading: Reading, message: str) -> Finding:
        near = re.search(r"Did you mean to override (?:one of )?(.*?)\?", message)
        names = near[1].split(", ") if near else []
        return finding(kind, **reading.place, key=reading.full_key, near=names, options=self._options(kind, reading))

    def _options(self, kind: str, reading: Reading) -> list[str]:
        return options_of(self.there, reading.key) if kind == "no-default" else []

    def _despair(self, error: Exception, left: Sequence[Reading], found: Composed) -> None:
        """No word is named: tell the configuration itself from a word that breaks it."""
        if self._is_excused(error, found):
            found.is_open = True
            return
        try:
            found.config, found.texts = self._try([])
        except Exception as own:  # noqa: BLE001  as above
            must = _MANDATORY.match(str(own))
            if not must or not any(reading.full_key == must[1] for reading in left):
                found.findings.append(finding("broken", said=told(own, self.folder)))
                return
        good: list[Reading] = []
        for reading in left:
            try:
                found.config, found.texts = self._try([*good, reading])
                good.append(reading)
            except Exception as why:  # noqa: BLE001  as above
                found.findings.append(
                    finding("clash", **reading.place, key=reading.full_key, said=told(why, self.folder))
                )

    def _is_excused(self, error: Exception, found: Composed) -> bool:
        """Whether what is missing may be where only the container looks, or is what it has in its environment."""
        text = str(error)
        if isinstance(error, OutsideError):
            if error.is_told:
                found.findings.append(finding("outside", key="defaults", said=error.text))
            return True
        looks_elsewhere = bool(self.there.sources.elsewhere or self.there.failures)
        is_missing = "Could not find" in text or "Could not load" in text or "Cannot find primary" in text
        return looks_elsewhere and is_missing


def _replaces(reading: Reading, key: str) -> bool:
    return reading.full_key == key and not reading.override.is_add() and not reading.override.is_delete()


def _deletes(reading: Reading, key: str) -> bool:
    return reading.override.is_delete() and reading.full_key == key


def _adds(reading: Reading, key: str) -> bool:
    return reading.override.is_add() and reading.full_key == key


_BLAMED: tuple[tuple[str, str, Callable[[Reading, str], bool]], ...] = (
    (r"Could not override '([^']+)'", "no-default", _replaces),
    (r"Could not delete '([^'=]+)(?:=[^']*)?'\. No match in the defaults list", "not-there", _deletes),
    (r"Multiple values for (\S+)\. ", "exists", _adds),
    (r"(\S+) appears more than once in the final defaults list", "exists", _adds),
)
