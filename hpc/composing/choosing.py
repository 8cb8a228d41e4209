"""Config groups: which words choose from one, whether the options are there, and what the choices compose to.

Readings of words enter; a composed config leaves, with what Hydra would say about the choices. Runs in the child only.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from omegaconf import DictConfig
from omegaconf.errors import GrammarParseError

from hpc.composing.loading import Opened, OutsideError, unknown_resolver
from hpc.composing.noting import Finding, finding, likest, nearest, told
from hpc.composing.words import Reading

_MOST_ATTEMPTS = 50
_MOST_OPTIONS = 11
_LIKE_OPTIONS, _LIKE_PLUGINS = 0.5, 0.75
_NOT_FOUND = re.compile("Could not find|Could not load|Cannot find primary")
_MANDATORY = re.compile(r"(?:In '[^']*': )?You must specify '([^']+)'")


@dataclass
class Composed:
    """`config` is None if nothing composes. `texts` are the choices that it was composed with.

    `missing` are groups that must be chosen, and that no word chooses: their first options stand in.
    `is_open`: an option may be where only the container looks, so that a key that is not here may be there.
    """

    config: DictConfig | None = None
    texts: list[str] = field(default_factory=list[str])
    findings: list[Finding] = field(default_factory=list[Finding])
    is_open: bool = False
    missing: list[str] = field(default_factory=list[str])


def is_choice(there: Opened, reading: Reading) -> bool:
    """Whether Hydra takes the override for a choice from a group; a dictionary is always a value."""
    try:
        return not isinstance(reading.override.value(), dict) and there.has_group(reading.key)
    except OSError:  # longer than a file's name can be
        return False


def options_of(there: Opened, group: str) -> list[str]:
    """The options of a group, then those in folders below it, as `folder/option`."""
    below = [name.removeprefix(f"{group}/") for name in there.groups(group)]
    return [*there.options(group), *(f"{path}/{name}" for path in below for name in there.options(f"{group}/{path}"))]


def package_of(full_key: str) -> str:
    """Where the config of a group comes to lie, unless its file says otherwise."""
    group, _, package = full_key.partition("@")
    return package or group.replace("/", ".")


def lasting(choices: Sequence[Reading]) -> list[Reading]:
    """Without those that a later word for the same group replaces: Hydra never looks at their options."""
    last = {reading.full_key: reading.word for reading in choices if _is_plain(reading)}
    return [each for each in choices if not _is_plain(each) or each.word == last[each.full_key]]


def _is_plain(reading: Reading) -> bool:
    override = reading.override
    return not (override.is_add() or override.is_force_add() or override.is_delete())


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
    is_of_hydra = group.startswith("hydra/")
    near = nearest(choice, options, _LIKE_PLUGINS if is_of_hydra else _LIKE_OPTIONS)
    if is_of_hydra and not near:
        return finding("not-installed", **reading.place, key=group, said=choice)
    return finding("unknown-choice", **reading.place, key=group, said=choice, near=near, options=options)


class Composer:
    """Composes `name` of a configuration with choices, leaving out those that Hydra refuses.

    `stand_ins` are choices that no word makes, by their full keys: for a group that must be chosen, and for one whose
    option only the run brings where nothing composes with what the defaults list has.
    """

    def __init__(self, there: Opened, name: str, folder: str) -> None:
        self.there, self.name, self.folder = there, name, folder
        self.stand_ins: dict[str, str] = {}
        self._takes_any: dict[str, bool] = {}

    def with_choices(self, choices: Sequence[Reading], later: Sequence[Reading]) -> Composed:
        """`later` are words whose option only the run brings: the defaults list's own stands in."""
        found, left = Composed(), list(choices)
        for _ in range(_MOST_ATTEMPTS):
            try:
                found.config, found.texts = self._attempt(left, later)
                return found
            except Exception as error:  # noqa: BLE001  what a config makes of Hydra may be any exception
                if not self._settled(error, left, later, found):
                    self._despair(error, left, later, found)
                    return found
        return found

    def alternative(self, texts: Sequence[str], instead_of: str = "") -> DictConfig:
        """The config with other choices, one of them for the group `instead_of`. Raises whatever Hydra raises."""
        stand_ins = [text for key, text in self.stand_ins.items() if key != instead_of]
        return self.there.compose(self.name, [*stand_ins, *texts])

    def plainly(self, texts: Sequence[str]) -> DictConfig:
        """The config with these choices, and no others in the place of what is missing. Raises as above."""
        return self.there.compose(self.name, texts)

    def accepts(self, reading: Reading, others: Sequence[Reading]) -> bool:
        """Whether the config composes with this choice beside the others: an optional default takes any."""
        asked = f"{reading.override.get_key_element()} {type(reading.override.value())}"
        if asked not in self._takes_any:
            kept = dict(self.stand_ins)
            self._takes_any[asked] = self._composes([*(each.text for each in others), reading.text])
            self.stand_ins = kept
        return self._takes_any[asked]

    def _composes(self, texts: Sequence[str]) -> bool:
        for _ in range(_MOST_ATTEMPTS):
            try:
                self.alternative(texts)
            except Exception as error:  # noqa: BLE001  what a config makes of Hydra may be any exception
                must = _MANDATORY.match(str(error))
                if not must or not self._stands_in(must[1], [], Composed()):
                    return False
            else:
                return True
        return False

    def _attempt(self, choices: Sequence[Reading], later: Sequence[Reading]) -> tuple[DictConfig, list[str]]:
        """The config and its choices. What composes with one of the options that the run may bring is right."""
        texts = [reading.text for reading in choices]
        try:
            return self.alternative(texts), [*self.stand_ins.values(), *texts]
        except Exception:
            for key, text in self._options_later(later):
                with contextlib.suppress(Exception):
                    config = self.alternative([text, *texts], key)
                    self.stand_ins[key] = text
                    return config, [*self.stand_ins.values(), *texts]
            raise

    def _options_later(self, later: Sequence[Reading]) -> list[tuple[str, str]]:
        found = [
            (reading.full_key, f"{reading.override.get_key_element()}={option}")
            for reading in later
            for option in options_of(self.there, reading.key)
        ]
        return found[:_MOST_OPTIONS]

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
        if full_key in self.stand_ins or not options:
            return False
        if not any(reading.full_key == full_key for reading in later):
            found.findings.append(finding("missing", key=full_key, options=options))
            found.missing.append(full_key)
        self.stand_ins[full_key] = f"{full_key}={options[0]}"
        return True

    def _blamed(self, kind: str, reading: Reading, message: str) -> Finding:
        near = re.search(r"Did you mean to override (?:one of )?(.*?)\?", message)
        names = likest(reading.full_key, near[1].split(", ")) if near else []
        value = reading.override.value() if kind == "not-there" else None
        said, options = str(value or ""), self._options(kind, reading)
        return finding(kind, **reading.place, key=reading.full_key, said=said, near=names, options=options)

    def _options(self, kind: str, reading: Reading) -> list[str]:
        return options_of(self.there, reading.key) if kind == "no-default" else []

    def _despair(self, error: Exception, left: Sequence[Reading], later: Sequence[Reading], found: Composed) -> None:
        """No word is named: tell the configuration itself from a word that breaks it."""
        if self._is_excused(error, found):
            found.is_open = True
            return
        try:
            found.config, found.texts = self._attempt([], later)
        except Exception as own:  # noqa: BLE001  as above
            if not self._is_given(own, left):
                found.findings.append(self.broken(own))
                return
        good = self._needed(left, later)
        for reading in left:
            if reading not in good:
                self._try_with(good, reading, later, found)

    def broken(self, error: Exception) -> Finding:
        """The finding about a configuration that does not compose whatever the words."""
        return finding("not-found" if _NOT_FOUND.search(str(error)) else "broken", said=self._told(error))

    def _told(self, error: Exception) -> str:
        said, unreadable = told(error, self.folder), [*self.there.sources.unreadable.items()]
        if unreadable and isinstance(error.__cause__, GrammarParseError):
            file, key = unreadable[-1]
            return f"{file}, `{key}`: {said}"
        return said

    def _is_given(self, error: Exception, left: Sequence[Reading]) -> bool:
        """Whether the error is about a group that must be chosen, and that a word chooses."""
        must = _MANDATORY.match(str(error))
        return must is not None and any(reading.full_key == must[1] for reading in left)

    def _needed(self, left: Sequence[Reading], later: Sequence[Reading]) -> list[Reading]:
        """The choices without which nothing composes."""
        needed: list[Reading] = []
        while len(needed) < len(left):
            try:
                self._attempt(needed, later)
            except Exception as error:  # noqa: BLE001  as above
                must = _MANDATORY.match(str(error))
                more = [each for each in left if must and each.full_key == must[1] and each not in needed]
                if not more:
                    return []
                needed.append(more[-1])
            else:
                return needed
        return []

    def _try_with(self, good: list[Reading], reading: Reading, later: Sequence[Reading], found: Composed) -> None:
        try:
            found.config, found.texts = self._attempt([*good, reading], later)
            good.append(reading)
        except Exception as why:  # noqa: BLE001  as above
            if not _MANDATORY.match(str(why)):
                said = self._told(why)
                found.findings.append(finding("clash", **reading.place, key=reading.full_key, said=said))

    def _is_excused(self, error: Exception, found: Composed) -> bool:
        """Whether what is missing may be where only the container looks, or is what it has in its environment."""
        if isinstance(error, OutsideError):
            if error.is_told:
                found.findings.append(finding("outside", key="defaults", said=error.text))
            return True
        resolver = unknown_resolver(str(error)) if "resolving interpolation" in str(error) else ""
        if resolver:
            found.findings.append(finding("outside", key="defaults", said=resolver))
            return True
        looks_elsewhere = bool(self.there.sources.elsewhere or self.there.failures)
        return looks_elsewhere and bool(_NOT_FOUND.search(str(error)))


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
