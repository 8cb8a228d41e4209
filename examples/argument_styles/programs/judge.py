"""Judges a line. The command line is read by sacred: `python judge.py with strict tolerance=0.2 report.title=…`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from sacred import Experiment

experiment = Experiment("judge", save_git_info=False)


experiment.add_config(
    data="",
    line="",
    tolerance=1.0,
    weights={"inside": 1, "outside": 0},
    report={"title": "", "file": "", "lines": ["slope", "intercept"]},
    share_file="",
)
experiment.add_named_config("strict", tolerance=0.25)


@experiment.main
def judge(
    data: str, line: str, tolerance: float, weights: dict[str, float], report: dict[str, Any], share_file: str
) -> None:
    """Write which share of the points lies near the line, and a report."""
    fitted = json.loads((Path(line) / "line.json").read_text(encoding="utf-8"))
    about = json.loads((Path(data) / "about.json").read_text(encoding="utf-8"))
    with (Path(data) / "points.csv").open(newline="", encoding="utf-8") as file:
        rows = [(float(x), float(y)) for x, y in [*csv.reader(file, delimiter=about["separator"])][1:]]
    near = [abs(fitted["slope"] * x + fitted["intercept"] - y) <= tolerance for x, y in rows]
    share = sum(weights["inside" if one else "outside"] for one in near) / len(rows)
    lines = [f"# {report['title']}", about["note"], *(f"{name}: {fitted[name]:.2f}" for name in report["lines"])]
    for name in (share_file, report["file"]):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(report["file"]).write_text("\n\n".join([*lines, f"near: {share}"]) + "\n", encoding="utf-8")
    Path(share_file).write_text(json.dumps(share), encoding="utf-8")


if __name__ == "__main__":
    experiment.run_commandline()
