"""Points near a line. The command line is read by Python Fire: each method is a command, values are Python literals."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import fire


class Points:
    """What this program can do."""

    def line(
        self,
        *,
        out: str,
        rows: int,
        slope: float,
        noise: float = 0.1,
        columns: tuple[str, str] | list[str] = ("x", "y"),
        note: str = "",
        shuffle: bool = True,
        separator: str = ";",
        intercept: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Write `rows` points to out/points.csv, and what was asked for to out/about.json."""
        asked: dict[str, Any] = {"rows": rows, "slope": slope, "columns": list(columns), "note": note}
        chance = random.Random(seed)
        points = [(x, slope * x + intercept + chance.gauss(0, noise)) for x in (n / rows for n in range(rows))]
        if shuffle:
            chance.shuffle(points)
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "points.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=separator).writerows([columns, *points])
        about = {**asked, "separator": separator, "shuffle": shuffle, "intercept": intercept}
        (folder / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


if __name__ == "__main__":
    fire.Fire(Points)
