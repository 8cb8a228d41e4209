"""The commands that look at runs: a real store in a folder, real files, real processes and a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hpc.cli import run_command
from hpc.cli.columns import ago, size
from hpc.cli.history import matching
from hpc.engines.local.store import Store
from hpc.engines.local.store.owner import is_alive, myself
from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.outcome import Artifact, TaskResult

DAY = 1_795_132_800.0  # 2026-11-20 00:00:00 UTC
NOW = DAY + 7200
GOOD, BAD, LIVE, CUT = "2026-11-20-aaaa", "2026-11-20-bbbb", "2026-11-21-cccc", "2026-11-21-dddd"
DIGEST = "0123456789abcdef" * 4


class Place:
    """A root folder in the making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / ".hpc"
        self.store = Store.open(self.root)

    def at(self, run: str, *parts: str) -> str:
        return str(self.root.joinpath("runs", run, *parts))

    def run(self, run: str, **fields: object) -> RunRecord:
        given = {"pipeline": "mnist", "state": "SUCCEEDED", "started": DAY, "source": "pipeline.yaml", **fields}
        record = RunRecord(run=run, folder=self.at(run), base=str(self.folder), mode="process", **given)
        self.store.save_run(record)
        return record

    def task(self, run: str, path: str, result: TaskResult, **fields: object) -> TaskRecord:
        record = TaskRecord(run, path, result, **fields)
        self.store.save_task(record)
        return record

    def attempt(self, run: str, path: str, number: int, log: bytes | None = b"", **fields: object) -> AttemptRecord:
        folder = Path(self.at(run, path.replace("/", "+"), str(number)))
        folder.mkdir(parents=True)
        if log is not None:
            (folder / "log.txt").write_bytes(log)
            (folder / "run.sh").touch()
        record = AttemptRecord(run, path, number, str(folder), **{"started": DAY, **fields})
        self.store.save_attempt(record)
        return record


def one(name: str, uri: str, kind: str = "system.Dataset") -> dict[str, tuple[Artifact, ...]]:
    return {name: (Artifact(name, uri, kind),)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    made = Place(tmp_path)
    yield made
    made.store.close()
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def mnist(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A run that succeeded, one that failed and took a result of the first, one that goes on, and one cut off."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    _good(place)
    _bad(place)
    place.run(LIVE, pipeline="other", state="RUNNING", started=NOW - 90, engine=myself())
    place.task(LIVE, "work", TaskResult("RUNNING", attempts=1, start=NOW - 80))
    place.run(CUT, pipeline="other", state="RUNNING", started=NOW - 60, engine=f"{os.getpid()}:1")
    place.task(CUT, "work", TaskResult("RUNNING", attempts=1, start=NOW - 50))
    return place


def _good(place: Place) -> None:
    data, model = place.at(GOOD, "prepare/1/outputs/data"), place.at(GOOD, "train/1/outputs/model")
    models = one("model", model, "system.Model")
    arguments = {"lr": 0.1, "name": "first, try"}
    outputs = {"accuracy": 0.5, "said": "two\nlines", "sizes": [1, 2]}
    place.run(GOOD, seconds=185.0, arguments=arguments, outputs=outputs, artifacts=models)
    place.task(GOOD, "config", TaskResult("SUCCEEDED", "importer", start=DAY, end=DAY, artifacts=one("file", "/c.yaml")))
    prepared = TaskResult("SUCCEEDED", attempts=1, start=DAY + 1, end=DAY + 4, exit_code=0, artifacts=one("data", data))
    parts = {"source": DIGEST, "environment": "python 3.11", "input n": "7"}
    place.task(GOOD, "prepare", prepared, inputs={"n": 7}, input_artifacts=one("config", "/c.yaml"), parts=parts)
    log = place.at(GOOD, "train", "1", "log.txt")
    trained = TaskResult("SUCCEEDED", attempts=1, start=DAY + 5, end=DAY + 180, exit_code=0, peak=3 << 20, log=log)
    trained = replace(trained, outputs={"accuracy": 0.5}, artifacts=models)
    more = {"component": "comp-train", "fingerprint": "f" * 64, "parts": {"source": DIGEST, "secret KEY": "5ec4e7"}}
    place.task(GOOD, "train", trained, inputs={"lr": 0.1}, input_artifacts=one("data", data), **more)
    place.attempt(GOOD, "train", 1, b"epoch 1\r\n\xff\x00done", ended=DAY + 180, exit_code=0, peak=3 << 20)


def _bad(place: Place) -> None:
    data = one("data", place.at(GOOD, "prepare/1/outputs/data"))
    place.run(BAD, state="FAILED", started=DAY + 3600, seconds=7.04, error="for-each--train[1]/train: exit code 1")
    place.task(BAD, "prepare", TaskResult("CACHED", artifacts=data), origin=(GOOD, "prepare"))
    place.task(BAD, "for-each--train", TaskResult("FAILED", "loop", error="[1]: train: exit code 1"))
    place.task(BAD, "for-each--train[0]", TaskResult("SUCCEEDED", "group"))
    begun = DAY + 3601
    place.task(BAD, "for-each--train[0]/train", TaskResult("SUCCEEDED", attempts=1, start=begun, end=begun + 2))
    place.task(BAD, "for-each--train[1]", TaskResult("FAILED", "group", error="train: exit code 1"))
    log = place.at(BAD, "for-each--train[1]+train", "2", "log.txt")
    failed = TaskResult("FAILED", attempts=2, exit_code=1, error="exit code 1", start=begun, end=begun + 6, log=log)
    place.task(BAD, "for-each--train[1]/train", failed, input_artifacts=data)
    times = {"started": begun, "ended": begun + 1.5, "exit_code": 1}
    place.attempt(BAD, "for-each--train[1]/train", 1, b"first\n", **times)
    place.attempt(BAD, "for-each--train[1]/train", 2, b"second\n\x1b[31mbroken\x1b[0m\n", **times, error="exit code 1")
    place.task(BAD, "report", TaskResult("SKIPPED", reason="upstream"))
    place.task(BAD, "extra", TaskResult("SKIPPED", "group", reason="condition", error="n > 5 is false (n = 3)"))


@pytest.fixture
def hpc(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., str]:
    """Call hpc here; give back stdout, having compared the exit code and stderr."""

    def call(*arguments: str, code: int = 0, err: str = "") -> str:
        assert run_command(arguments) == code
        said = capfdbinary.readouterr()
        assert said.err.decode() == err
        return said.out.decode("utf-8", "surrogateescape")

    return call


Call = Callable[..., str]
