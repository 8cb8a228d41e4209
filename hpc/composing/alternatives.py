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
    """`is_declared`: the word names the option, so that it has to compose; others only may come."""

    reading: Reading
    text: str
    is_declared: bool = False
    comes_later: bool = False


class Alternatives:
    """One word differs at a time. `main` are the choices of the configuration itself; `others` further ones of the same
    words; of `later` only the run knows the option; `refused` are mistakes, behind which another text may be meant.
    `are_more`: not all that may come are composed.
    """

    def __init__(
        self,
        composer: Composer,
        main: Sequence[Reading],
        others: Sequence[Reading],
        later: Sequence[Reading],
        refused: Sequence[Reading],
    ) -> None:
        self._composer, self._main = composer, main
        wanted = [_Wanted(reading, reading.text, is_declared=True) for reading in others]
        wanted += [_Wanted(reading, text, comes_later=True) for reading in later for text in self._options(reading)]
        self.are_more = len(wanted) > _MOST
        wanted += [_Wanted(reading, text) for reading in refused for text in self._meant(reading)]
        self._wanted = wanted[:_MOST]
        self._known: dict[str, DictConfig | Exception] = {}

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
            if isinstance(config, DictConfig):
                yield each.reading, config
            elif config is not None:
                said = told(config, self._composer.folder)
                found.append(finding("clash", **each.reading.place, key=each.reading.full_key, said=said))

    def _options(self, reading: Reading) -> list[str]:
        start = reading.override.get_key_element()
        return [f"{start}={option}" for option in options_of(self._composer.there, reading.key)]

    def _meant(self, reading: Reading) -> list[str]:
        """A choice that was refused may lack a plus, have one too many, or a wrong option."""
        if reading.override.is_delete() or reading.override.is_force_add():
            return []
        start, value = reading.override.get_key_element(), reading.override.value()
        turned = reading.text.removeprefix("+") if start.startswith("+") else f"+{reading.text}"
        near = nearest(value, options_of(self._composer.there, reading.key), 0.5) if isinstance(value, str) else []
        return [turned, *(f"{start}={option}" for option in near[:1])]

    def _composing(self, wanted: Sequence[_Wanted]) -> Iterator[DictConfig]:
        for each in wanted:
            config = self._composed(each)
            if isinstance(config, DictConfig):
                yield config

    def _composed(self, each: _Wanted) -> DictConfig | Exception:
        if each.text not in self._known:
            texts = [reading.text for reading in self._main if reading.word != each.reading.word]
            try:
                self._known[each.text] = self._composer.alternative([*texts, each.text])
            except Exception as error:  # noqa: BLE001  what a config makes of Hydra may be any exception
                self._known[each.text] = error
        return self._known[each.text]
