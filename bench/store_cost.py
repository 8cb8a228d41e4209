# ruff: noqa: T201
"""What the local engine's store costs for each task, beside a bare commit of the sqlite3 module in the same folder.

    python bench/store_cost.py [--tasks 5000] [--runs 3] [--folder DIR]

A task is saved four times, as it goes: that it runs, the start and the end of its attempt, its result; each time is a
commit. Then the run is read again as a whole, and single questions are asked of it. Medians of the runs.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median

from hpc.engines.local.store import Store
from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.outcome import Artifact, TaskResult

RUN = "2026-11-20-a1b2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write; without it the folder for temporary files")
    options = parser.parse_args()
    costs = [measured(options.tasks, options.folder) for _ in range(options.runs)]
    print(f"{options.tasks} tasks, sqlite {sqlite3.sqlite_version}, median of {options.runs} runs")
    for name in costs[0]:
        print(f"{name:<48}{median(cost[name] for cost in costs):10.3f} ms")


def measured(tasks: int, folder: Path | None) -> dict[str, float]:
    """Milliseconds by what they were spent on."""
    numbers = range(tasks)
    with tempfile.TemporaryDirectory(dir=folder) as root:
        costs = {"a bare commit of one row": each(numbers, bare_commits(Path(root) / "bare.db"))}
        with closing(Store.open(Path(root) / "root")) as store:
            store.save_run(RunRecord(RUN, "bench", "RUNNING", root, "p.yaml", root, "process", 1.0))
            costs["a task: 2 x save_task, 2 x save_attempt"] = each(numbers, lambda number: save(store, number))
            costs["its result read: task()"] = each(numbers, lambda number: store.task(RUN, f"train[{number}]"))
            costs["its result found: cached()"] = each(numbers, lambda number: store.cached(digest(number)))
            costs["its artifact traced: makers()"] = each(numbers, lambda number: store.makers(uri(number) + "/a/b"))
            costs["the whole run read: tasks()"] = each(range(1), lambda _: found_all(store, tasks))
            costs["its states counted: counts()"] = each(range(1), lambda _: store.counts(RUN))
    return costs


def each(numbers: range, act: Callable[[int], object]) -> float:
    """Milliseconds for each number."""
    start = time.perf_counter()
    for number in numbers:
        act(number)
    return (time.perf_counter() - start) / len(numbers) * 1000


def bare_commits(file: Path) -> Callable[[int], object]:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT)")
    return lambda number: connection.execute("INSERT INTO rows VALUES (?, ?)", (number, "x" * 500))


def save(store: Store, number: int) -> None:
    running, attempt = a_task(number), AttemptRecord(RUN, f"train[{number}]", 1, f"/root/{number}", 1.0 + number)
    store.save_task(running)
    store.save_attempt(attempt)
    store.save_attempt(replace(attempt, ended=2.0 + number, exit_code=0, peak=10_000_000))
    artifacts = {"model": (Artifact("model", uri(number), "system.Model", "0.0.1", {"accuracy": 0.93}),)}
    result = TaskResult("SUCCEEDED", attempts=1, exit_code=0, start=1.0, end=2.0, log="/log.txt", artifacts=artifacts)
    store.save_task(replace(running, result=replace(result, outputs={"loss": 0.125, "epochs": 10.0})))


def a_task(number: int) -> TaskRecord:
    parts = {"source": digest(number), "image": digest(1), "environment": digest(2), "parameter lr": "0.1"}
    return TaskRecord(
        RUN,
        f"train[{number}]",
        TaskResult("RUNNING", start=1.0 + number),
        component="train",
        inputs={"lr": 0.1, "optimizer": "adam", "layers": [64, 64, 10]},
        input_artifacts={"data": (Artifact("data", uri(number - 1), "system.Dataset"),)},
        parts=parts,
        fingerprint=digest(number),
    )


def digest(number: int) -> str:
    return f"{number * 2654435761 % 2**32:08x}" * 8


def uri(number: int) -> str:
    return f"/home/somebody/project/.hpc/runs/{RUN}/tasks/train.{number}/1/outputs/model"


def found_all(store: Store, tasks: int) -> None:
    if len(store.tasks(RUN)) != tasks:
        raise SystemExit("not all tasks were read")


if __name__ == "__main__":
    main()
