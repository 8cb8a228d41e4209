# ruff: noqa: T201
"""What control flow costs: `hpc compile` of N tasks in conditions, loops and sub-pipelines, beside N tasks in a chain.

    python bench/control_flow.py [--sizes 300,3000] [--runs 5]

Whole processes, in turns, as in compile.py; both files use the same components.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from compile import hpc_command, measured

HEAD = """\
hpc: 1
name: many-tasks
inputs: {lr: {type: float, default: 0.1}, rates: {type: list<float>, default: [0.1]}}
images: {work: registry.example/team/work:1.0}
components:
  train: {image: work, command: [python, train.py], inputs: {lr: float}, outputs: {loss: float}}
  pick: {image: work, command: [python, pick.py], inputs: {losses: list<float>}, outputs: {lr: float}}
  twice:
    inputs: {lr: float}
    outputs: {loss: float}
    steps: {first: {uses: train}, second: {uses: train}}
    edges: [inputs.lr -> first.lr, first.loss -> second.lr, second.loss -> outputs.loss]
"""
BLOCK = 11
"""Tasks in a block of `blocks`: the sub-pipeline counts two."""


def chain(size: int) -> str:
    """N tasks, each after the one before."""
    steps = [f"  s{index}: {{uses: train}}" for index in range(size)]
    edges = ["  - inputs.lr -> s0.lr", *(f"  - s{index - 1}.loss -> s{index}.lr" for index in range(1, size))]
    return "\n".join([HEAD + "steps:", *steps, "edges:", *edges, ""])


def blocks(size: int) -> str:
    """At least N tasks in blocks, each after the one before."""
    numbers = range(-(-size // BLOCK))
    steps = [line for number in numbers for line in _steps(f"b{number}")]
    edges = [line for number in numbers for line in _edges(number)]
    return "\n".join([HEAD + "steps:", *steps, "edges:", *edges, ""])


def _steps(block: str) -> Iterator[str]:
    for name in ("start", "good", "more", "best", "left", "right", "end"):
        yield f"  {block}_{name}: {{uses: train}}"
    yield f"  {block}_each: {{uses: train, for_each: [lr]}}"
    yield f"  {block}_pick: {{uses: pick}}"
    yield f"  {block}_twice: {{uses: twice}}"


def _edges(number: int) -> Iterator[str]:
    """A condition in a condition, a loop and what gathers it, a sub-pipeline, a switch and what joins it."""
    own = f"b{number}"
    before = f"b{number - 1}_end.loss" if number else "inputs.lr"
    yield f"  - {before} -> {own}_start.lr"
    yield f"  - {own}_start.loss -> {own}_good.lr when {own}_start.loss > 0.5"
    yield f"  - {own}_good.loss -> {own}_more.lr"
    yield f"  - {own}_more.loss -> {own}_best.lr when {own}_more.loss > 0.7"
    yield f"  - inputs.rates -> {own}_each.lr"
    yield f"  - {own}_start -> {own}_each"
    yield f"  - {own}_each.loss -> {own}_pick.losses"
    yield f"  - {own}_pick.lr -> {own}_twice.lr, {own}_left.lr, {own}_right.lr"
    condition = f"{own}_twice -> {own}_left when {own}_twice.loss > inputs.lr"
    yield f'  - switch: ["{condition}", "{own}_twice -> {own}_right else"]'
    yield f"  - {own}_left.loss | {own}_right.loss -> {own}_end.lr"


def main() -> None:
    """Generates, measures, prints."""
    parser = argparse.ArgumentParser(description="Compare the cost of control flow with that of a chain.")
    parser.add_argument("--sizes", default="300,3000", help="numbers of tasks")
    parser.add_argument("--runs", type=int, default=5, help="runs of each")
    arguments = parser.parse_args()
    print("| N | a chain: wall | memory | control flow: wall | memory | ratio |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for size in map(int, arguments.sizes.split(",")):
            print(_row(Path(name), size, arguments.runs))


def _row(folder: Path, size: int, runs: int) -> str:
    commands: list[list[str]] = []
    for kind, text in (("chain", chain(size)), ("blocks", blocks(size))):
        source = folder / f"{kind}_{size}.yaml"
        source.write_text(text, encoding="utf-8")
        commands.append([*hpc_command(), "compile", str(source), "--target", "vertex", "-o", f"{source}.json"])
    costs = [[measured(command) for command in commands] for _ in range(runs + 1)][1:]
    walls = [median(turn[which].wall for turn in costs) for which in (0, 1)]
    memory = [median(turn[which].memory for turn in costs) for which in (0, 1)]
    columns = [f"{walls[which]:.2f} | {memory[which]:.0f}" for which in (0, 1)]
    return f"| {size} | {' | '.join(columns)} | {walls[1] / walls[0]:.2f} |"


if __name__ == "__main__":
    main()
