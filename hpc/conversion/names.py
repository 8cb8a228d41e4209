"""Names of the language for names of KFP: `Train model` and `train-model` become `train_model`, each taken once."""

from __future__ import annotations

from collections.abc import Iterable

from hpc.components.fields import NAME_LENGTH, RESERVED
from hpc.components.foreign.interface import snake_case

_ROOM_FOR_A_NUMBER = 4


class Names:
    """The names of one block. `reserved` are never given."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)

    def new(self, wanted: str, fallback: str = "x") -> str:
        """A free name as near to `wanted` as possible."""
        base = (snake_case(wanted) or fallback)[: NAME_LENGTH - _ROOM_FOR_A_NUMBER].strip("_")
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name


def step_names() -> Names:
    """For steps and components, which some words of the language cannot name."""
    return Names(RESERVED)


def image_name(address: str) -> str:
    """What an image is about: the last part of its address, without tag and digest."""
    return address.partition("@")[0].rpartition("/")[2].partition(":")[0]
