"""What a conversion says besides its result: where it chose, and what it could not say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hpc.components.foreign.node import shown

Where = tuple[str | int, ...]
"""Keys and indices from the root of the source to a value."""


@dataclass(frozen=True)
class Remark:
    """`place` is a path in the source, `text` a sentence about what stands there."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


@dataclass
class Notes:
    """Collected while converting: `said` are choices that keep the meaning, `lost` is what the language cannot say."""

    said: list[Remark] = field(default_factory=list[Remark])
    lost: list[Remark] = field(default_factory=list[Remark])

    def say(self, where: Iterable[str | int], text: str) -> None:
        _add(self.said, where, text)

    def lose(self, where: Iterable[str | int], text: str) -> None:
        _add(self.lost, where, text)


def _add(remarks: list[Remark], where: Iterable[str | int], text: str) -> None:
    remark = Remark(".".join(shown(part) for part in where), text)
    if remark not in remarks:
        remarks.append(remark)
