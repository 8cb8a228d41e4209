"""Fits a line to points. The command line is read by jsonargparse, put together the way Lightning CLI does it.

python fit.py fit --model.start=[0,0] --optimizer=Momentum --optimizer.lr=0.1 --trainer.max_epochs=50 …
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace


class Line:
    """y = slope * x + intercept. `start` holds both; without it they are 0."""

    def __init__(self, start: list[float] | None = None, label: str = "") -> None:
        self.slope, self.intercept = start or (0.0, 0.0)
        self.label = label


class Optimizer:
    """Steps down the slope of the error."""

    def __init__(self, lr: float = 0.1) -> None:
        self.lr = lr

    def step(self, line: Line, down: tuple[float, float]) -> None:
        line.slope -= self.lr * down[0]
        line.intercept -= self.lr * down[1]


class Momentum(Optimizer):
    """Goes on in the direction that it went."""

    def __init__(self, lr: float = 0.1, beta: float = 0.9) -> None:
        super().__init__(lr)
        self.beta = beta
        self.pace = (0.0, 0.0)

    def step(self, line: Line, down: tuple[float, float]) -> None:
        self.pace = (self.beta * self.pace[0] + down[0], self.beta * self.pace[1] + down[1])
        super().step(line, self.pace)


@dataclass
class Trainer:
    """`patience` ends the training after so many epochs without progress; without it there is no end but the last."""

    max_epochs: int = 100
    patience: int | None = None
    quiet: bool = False


def parser() -> ArgumentParser:
    """A command `fit` with a class, a choice of subclasses and a dataclass, each as a group of nested keys."""
    fit = ArgumentParser()
    fit.add_class_arguments(Line, "model")
    fit.add_subclass_arguments(Optimizer, "optimizer", required=True)
    fit.add_argument("--trainer", type=Trainer, default=Trainer())
    fit.add_argument("--data", type=list[str], required=True)
    fit.add_argument("--out", type=str, required=True)
    top = ArgumentParser(description=__doc__)
    top.add_subcommands().add_subcommand("fit", fit)
    return top


def points(folder: Path) -> list[tuple[float, float]]:
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    with (folder / "points.csv").open(newline="", encoding="utf-8") as file:
        return [(float(x), float(y)) for x, y in [*csv.reader(file, delimiter=about["separator"])][1:]]


def train(line: Line, optimizer: Optimizer, trainer: Trainer, data: list[tuple[float, float]]) -> float:
    """The mean squared error in the end."""
    best, waited, error = float("inf"), 0, float("inf")
    for _ in range(trainer.max_epochs):
        misses = [(line.slope * x + line.intercept - y, x) for x, y in data]
        error = sum(miss**2 for miss, _ in misses) / len(data)
        waited = 0 if error < best else waited + 1
        best = min(best, error)
        if trainer.patience is not None and waited > trainer.patience:
            break
        optimizer.step(line, (sum(miss * x for miss, x in misses) / len(data), sum(m for m, _ in misses) / len(data)))
    return error


def main(given: Namespace) -> None:
    made: Any = parser().instantiate(given).fit
    data = [point for path in made.data for point in points(Path(path))]
    error = train(made.model, made.optimizer, made.trainer, data)
    if not made.trainer.quiet:
        sys.stdout.write(f"mean squared error: {error:.4f}\n")
    result = {"slope": made.model.slope, "intercept": made.model.intercept, "label": made.model.label}
    folder = Path(made.out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "line.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    (folder / "settings.json").write_text(json.dumps(given.fit.as_dict(), indent=1, default=str), encoding="utf-8")


if __name__ == "__main__":
    main(parser().parse_args())
