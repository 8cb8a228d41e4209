"""The same configuration with other options, where a word can have several of them.

Words that choose enter; configs leave, composed on demand and no more of them than a check can wait for. Runs in the
child process only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from omegaconf import DictConfig

from hpc.composing.choosing import Composer, options_of
from hpc.composing.noting import Finding, finding, nearest, told
from hpc.composing.words import Reading

_MOST = 11


@dataclass(frozen=True)
class _Wanted:
    """A choice `text` for the group `full_key`, in the place of `reading` if that is a word. `is_declared`: the word
    names the option, so that it has to compose; others only may come.
    """

    text: str
    full_key: str
    reading: Reading | None
    is_declared: bool = False
    comes_later: bool = False


class Alternatives:
    """One word differs at a time. `main` are the choices of the configuration itself; `others` further ones of the same
    words; `refused` are mistakes, behind which another text may be meant. `are_more`: not all that may come are
    composed.
    """

    def __init__(
        self, composer: Composer, main: Sequence[Reading], others: Sequence[Reading], refused: Sequence[Reading]
    ) -> None:
        self._composer, self.main, self.are_more = composer, main, False
        self._others = [_Wanted(each.text, each.full_key, each, is_declared=True) for each in others]
        self._meant = [_Wanted(text, each.full_key, each) for each in refused for text in _meant(composer, each)]
        self._wanted = [*self._others, *self._meant][:_MOST]
        self._known: dict[str, DictConfig | Exception] = {}

    def may_come(self, later: Sequence[Reading], missing: Sequence[str]) -> None:
        """Of `later` only the run knows the option; `missing` are groups of which none is chosen yet."""
        keys = {each.full_key: (each.override.get_key_element(), each) for each in later}
        starts = {**{key: (key, None) for key in missing}, **keys}
        coming = [
            _Wanted(f"{start}={option}", key, reading, comes_later=True)
            for key, (start, reading) in starts.items()
            for option in options_of(self._composer.there, key.partition("@")[0])
        ]
        self.are_more = len(self._others) + len(coming) > _MOST
        self._wanted = [*self._others, *coming, *self._meant][:_MOST]

    def without(self, reading: Reading) -> DictConfig:
        """The configuration without one of `main`. Raises whatever Hydra raises."""
        return self._composer.alternative([each.text for each in self.main if each is not reading])

    def configs(self) -> Iterator[DictConfig]:
        """All that compose."""
        return self._composing(self._wanted)

    def later(self) -> Iterator[DictConfig]:
        """Those that a run may bring instead."""
        return self._composing([each for each in self._wanted if each.comes_later])

    def declared(self, found: list[Finding]) -> Iterator[tuple[Reading, DictConfig]]:
        """Those that a word names; one that does not compose is added to `found`."""
        for each in self._wanted:
            config = self._composed(each) if each.is_declared else None
            if each.reading is None or config is None:
                continue
            if isinstance(config, DictConfig):
                yield each.reading, config
            else:
                said = told(config, self._composer.folder)
                found.append(finding("clash", **each.reading.place, key=each.reading.full_key, said=said))

    def _composing(self, wanted: Sequence[_Wanted]) -> Iterator[DictConfig]:
        for each in wanted:
            config = self._composed(each)
            if isinstance(config, DictConfig):
                yield config

    def _composed(self, each: _Wanted) -> DictConfig | Exception:
        if each.text not in self._known:
            own = each.reading.word if each.reading else None
            texts = [reading.text for reading in self.main if reading.word != own]
            try:
                self._known[each.text] = self._composer.alternative([*texts, each.text], each.full_key)
            except Exception as error:  # noqa: BLE001  what a config makes of Hydra may be any exception
                self._known[each.text] = self._without_stand_ins([*texts, each.text]) or error
        return self._known[each.text]

    def _without_stand_ins(self, texts: Sequence[str]) -> DictConfig | None:
        """The config, if none of the groups has to be chosen with this option."""
        try:
            return self._composer.plainly(texts)
        except Exception:  # noqa: BLE001  as above
            return None


def _meant(composer: Composer, reading: Reading) -> list[str]:
    """A choice that was refused may lack a plus, have one too many, or a wrong option."""
    if reading.override.is_delete() or reading.override.is_force_add():
        return []
    start, value = reading.override.get_key_element(), reading.override.value()
    turned = reading.text.removeprefix("+") if start.startswith("+") else f"+{reading.text}"
    near = nearest(value, options_of(composer.there, reading.key), 0.5) if isinstance(value, str) else []
    return [turned, *(f"{start}={option}" for option in near[:1])]
