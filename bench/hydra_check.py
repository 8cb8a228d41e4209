# ruff: noqa: T201
"""What checking the overrides of a component costs, beside composing its configuration with Hydra once.

    python bench/hydra_check.py [--runs 5]

The configuration is that of tests/composing/lightning. Every figure is of a process that has done nothing before; runs
of all kinds take turns, and ratios are between medians of the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
TREE = ROOT / "tests" / "composing" / "lightning"
WORDS = (
    "model=segmenter",
    "trainer=gpu",
    "logger=[csv,tensorboard]",
    "data.batch_size=64",
    "model.optimizer.lr=0.01",
    "trainer.max_epochs=3",
    "seed=1",
    "task_name='a b'",
)

# The tree chooses a logging plugin that is not installed: a stand-in lets Hydra compose it.
BARE = f"""
import json, sys, time
start = time.perf_counter()
import hydra
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
imported = time.perf_counter()
for group in ("hydra/job_logging", "hydra/hydra_logging"):
    ConfigStore.instance().store(group=group, name="colorlog", node={{}})
composing = time.perf_counter()
with initialize_config_dir({str(TREE / "configs")!r}):
    compose("train", overrides={list(WORDS)!r})
done = time.perf_counter()
print(json.dumps({{"import": imported - start, "compose": done - composing}}))
"""

CHECK = f"""
import json, sys, time
from pathlib import Path
from hpc.compiler.questions import Config, Fit, Word
words = tuple(Word(text) for text in {WORDS!r})
config = Config("configs", "train")
questions = [Fit(config, (*words, Word(f"data.num_workers={{number}}"))) for number in range(int(sys.argv[2]))]
start = time.perf_counter()
from hpc.composing.asker import Asker
answers = Asker(Path({str(TREE)!r}), Path(sys.argv[1])).ask(questions)
done = time.perf_counter()
assert all(answer is not None and all(found.kind in ("outside", "not-installed") for found in answer.findings)
           for answer in answers), answers
print(json.dumps({{"check": done - start}}))
"""


def seconds(program: str, *arguments: str) -> dict[str, float]:
    """What a program says that its parts took, and `whole`, from the start of its process to the end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-W", "ignore", "-c", program, *arguments]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    return {**json.loads(done.stdout), "whole": whole}


def measured(runs: int, components: int) -> dict[str, float]:
    """The median of each figure, in seconds."""
    figures: defaultdict[str, list[float]] = defaultdict(list)
    for turn in range(-1, runs):  # once before counting, so that all have their bytecode
        with tempfile.TemporaryDirectory() as cache:
            found = {
                **{f"bare {name}": value for name, value in seconds(BARE).items()},
                "nothing": seconds("print('{}')")["whole"],
                "first": seconds(CHECK, cache, "1")["check"],
                "kept": seconds(CHECK, cache, "1")["check"],
            }
            found["first of several"] = seconds(CHECK, f"{cache}/several", str(components))["check"]
            found["several kept"] = seconds(CHECK, f"{cache}/several", str(components))["check"]
        if turn >= 0:
            for name, value in found.items():
                figures[name].append(value)
        print(f"round {turn + 1} of {runs} done", file=sys.stderr)
    return {name: median(values) for name, values in figures.items()}


def show(found: dict[str, float], components: int) -> None:
    """Prints the table, in Markdown."""
    floor = found["nothing"] + found["bare import"]
    rows = {
        "hydra.compose, the first in a process": found["bare compose"],
        "starting Python and importing Hydra": floor,
        "first check of a component, beyond that": found["first"] - floor,
        "the same, kept": found["kept"],
        f"first check of {components} components, beyond that": found["first of several"] - floor,
        "the same, kept ": found["several kept"],
    }
    print(f"\nPython {platform.python_version()}, {os.cpu_count()} CPUs, hydra-core {version('hydra-core')}.", end=" ")
    print(f"The check has {len(WORDS) + 1} overrides.\n")
    print("| | ms | compose = 1 |\n|---|---|---|")
    for name, value in rows.items():
        print(f"| {name.strip()} | {value * 1000:.1f} | {value / found['bare compose']:.2f} |")


def main() -> None:
    """Measures, prints."""
    parser = argparse.ArgumentParser(description="Compare the cost of checking overrides with composing once.")
    parser.add_argument("--runs", type=int, default=5, help="runs of each kind")
    parser.add_argument("--components", type=int, default=10, help="components of the larger file")
    arguments = parser.parse_args()
    show(measured(arguments.runs, arguments.components), arguments.components)


if __name__ == "__main__":
    main()
