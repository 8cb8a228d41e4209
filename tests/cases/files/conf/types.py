"""The types of typed.yaml, as its program registers them."""

from dataclasses import dataclass
from enum import Enum

from hydra.core.config_store import ConfigStore


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Types:
    seed: int = 0
    colour: Colour = Colour.RED


ConfigStore.instance().store(name="types", node=Types)
