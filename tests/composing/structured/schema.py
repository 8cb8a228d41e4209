"""Structured configs of a small application, as a user writes them."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Dict, List, Optional  # noqa: UP035  the oldest Hydra knows no others

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


class Precision(Enum):
    half = 16
    full = 32


@dataclass
class Optimizer:
    lr: float = 0.1
    momentum: Optional[float] = None  # noqa: UP045


@dataclass
class Net:
    name: str = MISSING
    layers: List[int] = field(default_factory=lambda: [64, 64])  # noqa: UP006
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass
class Wide(Net):
    name: str = "wide"
    width: int = 512


@dataclass
class Settings:
    model: Net = MISSING
    seed: int = 1
    epochs: Optional[int] = None  # noqa: UP045
    precision: Precision = Precision.full
    resume: bool = False
    weights: Dict[str, float] = field(default_factory=dict)  # noqa: UP006
    anything: Any = 3


store = ConfigStore.instance()
store.store(name="settings", node=Settings)
store.store(group="model", name="net", node=Net)
store.store(group="model", name="wide", node=Wide)
