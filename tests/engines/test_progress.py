"""What a person sees: plain lines, blocks and the table, drawn from events with fixed times."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from small_pipelines import pipeline, ran, task

from hpc.cli.progress import LiveView, duration, failure_block, output_rows, summary, watch
from hpc.engines.events import (
    EnvironmentBuilding,
    EnvironmentReady,
    Event,
    Failure,
    Notice,
    RunFinished,
    RunStarted,
    Stopping,
    TaskFinished,
    TaskRetrying,
    TaskStarted,
)
from hpc.engines.outcome import Artifact, Outcome, TaskResult

MODEL = Artifact("model", "/runs/r/train/2/outputs/model")
PREPARE = TaskResult("SUCCEEDED", attempts=1, start=100.0, end=101.25)
TRAIN = TaskResult("SUCCEEDED", attempts=2, start=101.0, end=286.0, artifacts={"model": MODEL})
EVALUATE = TaskResult(
    "FAILED",
    attempts=1,
    exit_code=137,
    error="killed by signal 9 (SIGKILL): out of memory?",
    start=286.0,
    end=287.0,
    log="/l",
)
FAILURE = Failure("python -m evaluate 'a b'", "/runs/r/evaluate/1/run.sh", ("loading", "[bold]predicting[/]"))
OUTCOME = Outcome(
    "FAILED",
    {"accuracy": 0.5, "model": MODEL},
    {"prepare": PREPARE, "train": TRAIN, "evaluate": EVALUATE, "report": TaskResult("SKIPPED", reason="upstream")},
    run="2026-11-20-a1b2",
    folder="/runs/r",
    seconds=187.4,
)
EVENTS: list[Event] = [
    RunStarted("mnist", "2026-11-20-a1b2", "/runs/r", 1, "host processes", tuple(OUTCOME.tasks)),
    TaskStarted("prepare", 1, "/l"),
    EnvironmentBuilding("prepare", "/app/requirements.txt", "/envs/x.log"),
    EnvironmentReady("prepare", 3.0),
    TaskFinished("prepare", PREPARE),
    TaskStarted("train", 1, "/l"),
    TaskRetrying("train", 1, 60.0, "exit code 1"),
    TaskStarted("train", 2, "/l"),
    TaskFinished("train", TRAIN),
    TaskStarted("evaluate", 1, "/l"),
    TaskFinished("evaluate", EVALUATE, FAILURE),
    TaskFinished("report", OUTCOME.tasks["report"]),
    Notice("run.json could not be written: No space left on device"),
    Stopping(1, 10.0, forced=False),
    Stopping(1, 10.0, forced=True),
    RunFinished(OUTCOME),
]

PLAIN = """\
mnist: run 2026-11-20-a1b2, 4 tasks, 1 job, host processes, /runs/r
       run  prepare
       env  prepare: making an environment from /app/requirements.txt (/envs/x.log)
       env  prepare: ready (3.0 s)
[ 1/4] OK   prepare (1.2 s)
       run  train
       wait train: attempt 1 failed (exit code 1), again in 1 min 00 s
       run  train, attempt 2
[ 2/4] OK   train (3 min 05 s, attempt 2)
       run  evaluate
[ 3/4] FAIL evaluate (1.0 s)
evaluate failed: killed by signal 9 (SIGKILL): out of memory?
  command:
    python -m evaluate 'a b'
  again:   sh /runs/r/evaluate/1/run.sh
  log:
    loading
    [bold]predicting[/]
  log file: /l
[ 4/4] SKIP report (a task before it failed)
       note run.json could not be written: No space left on device
       stop no new tasks; 1 running task asked to end, killed after 10 s or at the next Ctrl-C
       stop killing 1 running task
failed: 2 OK, 1 failed, 1 skipped in 3 min 07 s
  artifacts:
    train.model  /runs/r/train/2/outputs/model
  failed: evaluate
  run folder: /runs/r
"""


def test_plain_lines() -> None:
    stream = io.StringIO()
    with watch(stream, live=False) as listener:
        for event in EVENTS:
            listener(event)
    assert stream.getvalue() == PLAIN


def test_the_table_ends_with_the_same_facts() -> None:
    """Not on a terminal rich draws the last table once, so that the text can be compared."""
    stream = io.StringIO()
    ticks = count()
    with watch(stream, live=True, clock=lambda: float(next(ticks))) as listener:
        for event in EVENTS:
            listener(event)
    shown = [line.rstrip() for line in stream.getvalue().splitlines()]
    table = [line for line in shown if line[:1] in "✓✗-"]
    assert table == [
        "✓ prepare       1.2 s",
        "✓ train    3 min 05 s attempt 2",
        "✗ evaluate      1.0 s",
        "- report              a task before it failed",
    ]
    assert failure_block(TaskFinished("evaluate", EVALUATE, FAILURE)) in "\n".join(shown)
    assert shown[-5:] == PLAIN.splitlines()[-5:]


def test_the_table_has_never_more_rows_than_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "10")
    monkeypatch.setenv("COLUMNS", "80")
    view = LiveView(io.StringIO(), lambda: 0.0)
    view(RunStarted("p", "r", "/r", 4, "m", tuple(f"t{number}" for number in range(100))))
    for number in range(50):
        view(TaskFinished(f"t{number}", PREPARE))
    view(TaskFinished("t50", TaskResult("FAILED", attempts=1), Failure()))
    view(TaskStarted("t99", 1, "/l"))
    names = [cell.plain for cell in view.table().columns[1]._cells]  # type: ignore[attr-defined]
    assert names == ["t50", "t51", "t52", "t53", "t54", "t99", "and 94 more"]


def test_a_long_command_is_shortened_and_attempts_are_told() -> None:
    failed = TaskFinished("a", replace(EVALUATE, attempts=3, log=""), Failure("x" * 3000))
    head, _, command, *rest = failure_block(failed).splitlines()
    assert head == "a failed after 3 attempts: killed by signal 9 (SIGKILL): out of memory?"
    assert command == "    " + "x" * 2000 + " … (3,000 characters; all in the script)"
    assert rest == ["  no log"]


def test_outputs_are_rows() -> None:
    assert output_rows(OUTCOME) == [("accuracy", 0.5), ("model", "/runs/r/train/2/outputs/model")]


def test_many_artifacts_are_counted() -> None:
    artifacts = {f"m{number}": MODEL for number in range(15)}
    outcome = replace(OUTCOME, state="SUCCEEDED", tasks={"a": replace(PREPARE, artifacts=artifacts)})
    lines = summary(outcome).splitlines()
    assert lines[0] == "succeeded: 1 OK in 3 min 07 s"
    assert lines[-2:] == ["    and 3 more", "  run folder: /runs/r"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3599.4, "59 min 59 s"), (7384, "2 h 03 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_real_run_is_drawn_in_both_ways(tmp_path: Path) -> None:
    spec = pipeline({"a": task("true"), "b": task("false", after=("a",)), "c": task("true", after=("b",))})
    events = ran(spec, tmp_path).events
    for live in (False, True):
        stream = io.StringIO()
        with watch(stream, live=live) as listener:
            for event in events:
                listener(event)
        assert "failed: 1 OK, 1 failed, 1 skipped in" in stream.getvalue()
        assert "b failed: exit code 1\n" in stream.getvalue()
