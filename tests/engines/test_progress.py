"""What a person sees: plain lines, blocks and the table, drawn from events with fixed times."""

from __future__ import annotations

import fcntl
import gc
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event as Signal
from typing import Any, cast

import pytest
from small_pipelines import pipeline, ran, task

from hpc.cli.disk import Folder, read_source
from hpc.cli.live import LiveView
from hpc.cli.log_follower import LogFollower
from hpc.cli.progress import duration, failure_block, output_rows, summary, watch
from hpc.cli.screen import Screen, visible
from hpc.cli.tally import Tally
from hpc.compiler import Choice, compile
from hpc.compiler.targets import TARGETS
from hpc.diagnostics import Source
from hpc.engines.documents import documents
from hpc.engines.events import (
    EnvironmentBuilding,
    EnvironmentReady,
    Event,
    Failure,
    LoopOpened,
    Notice,
    RunFinished,
    RunStarted,
    Stopping,
    TaskFinished,
    TaskRetrying,
    TaskStarted,
)
from hpc.engines.outcome import Artifact, Outcome, TaskResult
from hpc.engines.task_names import Names, short_names

CASES = Path(__file__).parents[1] / "cases" / "ok"
MODEL = Artifact("model", "/runs/r/train/2/outputs/model")
PREPARE = TaskResult("SUCCEEDED", attempts=1, start=100.0, end=101.25)
TRAIN = TaskResult("SUCCEEDED", attempts=2, start=101.0, end=286.0, artifacts={"model": (MODEL,)}, peak=5 << 30)
EVALUATE = TaskResult(
    "FAILED",
    attempts=1,
    exit_code=137,
    error="killed by signal 9 (SIGKILL): out of memory?",
    start=286.0,
    end=287.0,
    log="/l",
)
OK = TaskResult("SUCCEEDED", attempts=1, start=0.0, end=2.0)
BAD = TaskResult("FAILED", attempts=1, error="exit code 1", start=0.0, end=2.0)
FAILURE = Failure("python -m evaluate 'a b'", "/runs/r/evaluate/1/run.sh", ("loading", "[bold]predicting[/]"))
OUTCOME = Outcome(
    "FAILED",
    {"accuracy": 0.5},
    {"model": (MODEL,)},
    {"prepare": PREPARE, "train": TRAIN, "evaluate": EVALUATE, "report": TaskResult("SKIPPED", reason="upstream")},
    run="2026-11-20-a1b2",
    folder="/runs/r",
    seconds=187.4,
)
EVENTS: list[Event] = [
    RunStarted("mnist", "2026-11-20-a1b2", "/runs/r", 1, "host processes", tuple(OUTCOME.tasks), 4),
    TaskStarted("prepare", 1, "/l"),
    EnvironmentBuilding("prepare", "/app/requirements.txt", "/envs/x.log"),
    EnvironmentReady("prepare", 3.0),
    TaskFinished("prepare", PREPARE),
    TaskStarted("train", 1, "/l", "source changed: train.py"),
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
[ 0/4] run  prepare
       make prepare: an environment from /app/requirements.txt (/envs/x.log)
       make prepare: ready (3.0 s)
[ 1/4] OK   prepare (1.2 s)
[ 1/4] run  train (source changed: train.py)
       wait train: attempt 1 failed (exit code 1), again in 1 min 00 s
[ 1/4] run  train (attempt 2)
[ 2/4] OK   train (3 min 05 s, attempt 2)
[ 2/4] run  evaluate
[ 3/4] FAIL evaluate (1.0 s)
evaluate failed: killed by signal 9 (SIGKILL): out of memory?
  command:
    python -m evaluate 'a b'
  again:   sh /runs/r/evaluate/1/run.sh
  log:
    loading
    [bold]predicting[/]
  log file: /l
[ 4/4] SKIP report (a task before it did not succeed)
       note run.json could not be written: No space left on device
       stop no new tasks; 1 running task asked to end, killed after 10 s or at the next Ctrl-C
       stop killing 1 running task
failed: 2 OK, 1 skipped (upstream), 1 failed in 3 min 07 s
  slowest: train 3 min 05 s, prepare 1.2 s, evaluate 1.0 s
  most memory: train 5.0 GiB
  artifacts:
    train.model  /runs/r/train/2/outputs/model
  failed: evaluate
  run folder: /runs/r
  go on with: hpc run --resume 2026-11-20-a1b2
"""


def _started(*rows: str, total: int | None = None) -> RunStarted:
    return RunStarted("p", "r1", "/r", 4, "host processes", rows, len(rows) if total is None else total)


def _plain(events: Iterable[Event], stream: Any = None, **options: Any) -> str:
    stream = stream or io.StringIO()
    with watch(stream, live=False, **options) as listener:
        for event in events:
            listener(event)
    return stream.getvalue() if isinstance(stream, io.StringIO) else ""


def _lines(*events: Event) -> list[str]:
    """The plain lines without the first, which is the headline."""
    return _plain(events).splitlines()[1:]


# ---------------------------------------------------------------- plain lines


def test_plain_lines() -> None:
    assert _plain(EVENTS) == PLAIN


def test_where_results_are_from_is_told() -> None:
    cached = replace(PREPARE, state="CACHED", reason="cached from 2026-11-20-a1b2", attempts=0)
    assert _lines(
        _started(*"abcd"),
        TaskFinished("a", cached),
        TaskFinished("b", replace(OK, reused=True)),
        TaskFinished("c", replace(cached, reason=None)),
        TaskFinished("d", replace(cached, reused=True)),
    ) == ["[ 1/4] SAME a (cached from 2026-11-20-a1b2)", "[ 2/4] KEPT b", "[ 3/4] SAME c", "[ 4/4] KEPT d"]


@pytest.mark.parametrize(
    ("reason", "error", "told"),
    [
        ("condition", "x == 'a' was false", "condition: x == 'a' was false"),
        ("condition", "x == 'a' was false (x = 'b')", "condition: x == 'a' was false (x = 'b')"),
        ("condition", None, "its condition was false"),
        ("upstream", None, "a task before it did not succeed"),
        ("fail-fast", None, "another task had failed"),
        ("not chosen", None, "it was not chosen"),
    ],
)
def test_why_a_task_is_skipped(reason: str, error: str | None, told: str) -> None:
    skipped = TaskResult("SKIPPED", reason=reason, error=error)
    assert _lines(_started("a"), TaskFinished("a", skipped)) == [f"[ 1/1] SKIP a ({told})"]


def test_totals_follow_loops_and_groups() -> None:
    skipped = TaskResult("SKIPPED", "group", "condition", error="x was false")
    rows = ("for-each--fit[]/fit", "for-each--fit[]/grade", "when--tell/tell", "when--tell/mail", "when--say/say")
    assert _lines(
        _started(*rows),
        LoopOpened("for-each--fit", 4, 6),
        TaskStarted("for-each--fit[3]/fit", 1, "/l"),
        TaskFinished("for-each--fit[3]/fit", OK),
        TaskFinished("for-each--fit[3]/grade", OK),
        TaskFinished("for-each--fit[3]", TaskResult("SUCCEEDED", "group"), count=0),
        TaskFinished("when--tell", skipped, count=2),
        TaskFinished("when--say", skipped),
        TaskFinished("for-each--fit", TaskResult("CANCELLED", "loop"), count=6),
    ) == [
        "[ 0/11] run  fit[3]",
        "[ 1/11] OK   fit[3] (2.0 s)",
        "[ 2/11] OK   grade[3] (2.0 s)",
        "[ 4/11] SKIP when--tell, 2 tasks (condition: x was false)",
        "[ 5/11] SKIP say (condition: x was false)",
        "[11/11] STOP for-each--fit, 6 tasks",
    ]


def test_a_loop_without_items_takes_its_task_from_the_total() -> None:
    events = [
        _started("for-each--a[]/a", "b"),
        LoopOpened("for-each--a", 0, -1),
        TaskFinished("for-each--a", TaskResult("SUCCEEDED", "loop"), count=0),
        TaskFinished("b", OK),
    ]
    assert _lines(*events) == ["[ 1/1] OK   b (2.0 s)"]
    assert _table(events)[0] == "- a [0/0 ok]       no items"


def test_starts_in_wide_loops_are_left_out() -> None:
    for iterations, told in ((20, ["[ 0/20] run  a[1]"]), (21, [])):
        opened = LoopOpened("for-each--a", iterations, iterations - 1)
        started = TaskStarted("for-each--a[1]/a", 1, "/l", "lr 0.1 → 0.2")
        assert [line.partition(" (")[0] for line in _lines(_started("for-each--a[]/a"), opened, started)] == told


def test_a_failed_group_is_told_only_where_it_is_the_news() -> None:
    """Its tasks explain it, or, for an output that nothing has made, only it does."""
    wrong = TaskResult("FAILED", "group", error="the output best: none of a has made it")
    one = [_started("g/a", "h/b"), TaskFinished("g/a", BAD), TaskFinished("g", replace(BAD, kind="group"), count=0)]
    assert [line for line in _lines(*one) if line.startswith("[")] == ["[ 1/2] FAIL g/a (2.0 s)"]
    assert _lines(_started("g/a", "h/b"), TaskFinished("g/a", OK), TaskFinished("g", wrong, count=0))[1:] == [
        "[ 1/2] FAIL g/a",
        "g/a failed: the output best: none of a has made it",
        "  task:    g",
        "  no log",
    ]


def test_what_still_runs_is_told_once_for_every_number() -> None:
    tasks = "abcde"
    events = [_started(*tasks), *(TaskStarted(name, 1, "/l") for name in tasks[:4])]
    events += [TaskFinished("a", BAD), TaskStarted("e", 1, "/l"), TaskFinished("b", BAD), TaskFinished("c", BAD)]
    events += [Stopping(2, 10.0, forced=False), TaskFinished("d", BAD)]
    assert [line for line in _lines(*events) if "still running" in line] == [
        "3 tasks still running, Ctrl-C to stop",
        "2 tasks still running, Ctrl-C to stop",
    ]


def test_the_many_failures_of_a_loop_are_told_shortly() -> None:
    failures = [TaskFinished(f"for-each--a[{n}]/a", replace(BAD, log="/l"), FAILURE) for n in range(7)]
    lines = _lines(_started("for-each--a[]/a"), LoopOpened("for-each--a", 30, 29), *failures)
    assert sum(line == "  command:" for line in lines) == 5
    assert "a[4] failed: exit code 1" in lines
    assert lines[-2:] == ["[ 7/30] FAIL a[6] (2.0 s)", "a[6] failed: exit code 1 (log file: /l)"]


def test_a_failure_names_the_whole_path() -> None:
    lines = failure_block(TaskFinished("for-each--a[3]/a", replace(BAD, log="/l")), "a[3]").splitlines()
    assert lines == ["a[3] failed: exit code 1", "  task:    for-each--a[3]/a", "  log file: /l"]


def test_a_run_that_goes_on_says_so() -> None:
    text = _plain([replace(_started("a"), resumed=True)])
    assert text == "p: run r1 goes on, 1 task, 4 jobs, host processes, /r\n"


def test_an_image_is_made_too() -> None:
    building = EnvironmentBuilding("for-each--a[0]/a", "app:1", "/x.log", "image")
    assert _lines(_started("for-each--a[]/a"), building) == ["       make a[0]: the image app:1 (/x.log)"]


# ---------------------------------------------------------------- names


def test_names_of_groups_that_the_compiler_makes_are_left_out() -> None:
    rows = [
        "load",
        "for-each--train[]/train",
        "exit--handler/when--fit/switch--first/else--second/second",
        "for-each--product[]/for-each--product--in--net[]/product",
        "for-each--round[]/round/for-each--fit[]/fit",
        "for-loop-1[]/add",
        "round--1-0/for-each--fit[]/fit",
        "grid--0-01-cnn",
        "plain[]",
    ]
    assert list(short_names(rows).values()) == [
        "load",
        "train[]",
        "second",
        "product[][]",
        "round[]/fit[]",
        "for-loop-1[]/add",
        "round--1-0/fit[]",
        "grid--0-01-cnn",
        "plain[]",
    ]
    names = Names(rows)
    assert {path: names.of(path) for path in ("for-each--train[3]/train", "for-each--train[3]", "for-each--train")} == {
        "for-each--train[3]/train": "train[3]",
        "for-each--train[3]": "train[3]",
        "for-each--train": "train",
    }
    assert names.of("for-each--product[1]/for-each--product--in--net[2]/product") == "product[1][2]"
    assert names.of("for-each--round[2]/round/for-each--fit[0]/fit") == "round[2]/fit[0]"
    assert names.of("for-loop-1[2]/add") == "for-loop-1[2]/add"
    assert names.of("plain[2]") == "plain[2]"
    assert names.of("unknown/when--x/y") == "unknown/y"


def test_rows_that_would_look_alike_keep_their_paths() -> None:
    rows = ["train", "for-each--b[]/train", "when--c/tell"]
    assert short_names(rows) == {"train": "train", "for-each--b[]/train": "for-each--b[]/train", "when--c/tell": "tell"}
    assert Names(rows).of("for-each--b[7]/train") == "for-each--b[7]/train"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("every_loop.yaml", {"late[]", "round[]/best", "round[]/fit[]", "product[][]", "gated[]", "grid--0-1-vit"}),
        ("every_form_of_edges.yaml", {"load", "after", "second", "keep", "canary", "train-long"}),
        ("nested_pipelines.yaml", {"clean/sweep", "final/best", "final/warn", "noted/two/grade", "plain/choose/warn"}),
    ],
)
def test_names_of_compiled_pipelines(case: str, expected: set[str]) -> None:
    rows = _rows_of(CASES / case)
    names = short_names(rows)
    assert expected <= set(names.values())
    assert len(set(names.values())) == len(rows)
    assert [name for name in names.values() if re.search(r"(for-each|when|switch|else|exit)--", name)] == []


def _rows_of(file: Path) -> list[str]:
    compiled = compile(read_source(file), TARGETS["local"], Folder(file.parent), Choice())
    spec, _ = documents(Source("compiled", compiled.text))

    def inside(dag: dict[str, Any], around: str) -> Iterator[str]:
        for key, node in dag["tasks"].items():
            loops = {"parameterIterator", "artifactIterator"} & set(node)
            path = around + key + ("[]" if loops else "")
            component = spec["components"][node["componentRef"]["name"]]
            yield from inside(component["dag"], f"{path}/") if "dag" in component else (path,)

    return list(inside(cast("dict[str, Any]", spec["root"])["dag"], ""))


# ---------------------------------------------------------------- the end


def test_a_long_command_is_shortened_and_attempts_are_told() -> None:
    failed = TaskFinished("a", replace(EVALUATE, attempts=3, log=""), Failure("x" * 3000))
    head, _, command, *rest = failure_block(failed).splitlines()
    assert head == "a failed after 3 attempts: killed by signal 9 (SIGKILL): out of memory?"
    assert command == "    " + "x" * 2000 + " … (3,000 characters; all in the script)"
    assert rest == ["  no log"]


def test_outputs_are_rows() -> None:
    several = {"model": (MODEL,), "all": (MODEL, replace(MODEL, uri="file:///x")), "none": ()}
    assert output_rows(replace(OUTCOME, artifacts=several)) == [
        ("accuracy", 0.5),
        ("model", "/runs/r/train/2/outputs/model"),
        ("all", ["/runs/r/train/2/outputs/model", "/x"]),
        ("none", []),
    ]


def test_many_artifacts_are_counted() -> None:
    tasks = {"a": replace(OK, artifacts={f"m{number}": (MODEL,) for number in range(13)} | {"l": (MODEL, MODEL)})}
    outcome = Outcome("SUCCEEDED", {}, {}, tasks, folder="/r", seconds=2.0)
    lines = summary(outcome).splitlines()
    assert lines[:3] == ["succeeded: 1 OK in 2.0 s", "  artifacts:", f"    a.m0   {MODEL.uri}"]
    assert lines[-2:] == ["    and 3 more", "  run folder: /r"]


def test_artifacts_of_a_loop_are_told_once_and_last() -> None:
    made = replace(OK, artifacts={"model": (Artifact("model", "/0"),)})
    last = replace(OK, artifacts={"page": (Artifact("page", "/p"),)})
    tasks = {"for-each--a[0]/a": made, "for-each--a[1]/a": made, "b": last}
    lines = summary(Outcome("SUCCEEDED", {}, {}, tasks)).splitlines()
    assert lines[1:] == ["  artifacts:", "    b.page      /p", "    a[0].model  /0 (and 1 more)"]


def test_a_retry_at_once_waits_for_nothing() -> None:
    lines = _lines(_started("a"), TaskRetrying("a", 1, 0.0, "exit code 1"))
    assert lines == ["       wait a: attempt 1 failed (exit code 1), again at once"]


def test_the_end_counts_what_happened() -> None:
    cached = replace(PREPARE, state="CACHED", start=0.0, end=185.0)
    tasks = {
        "for-each--a": TaskResult("SUCCEEDED", "loop"),
        "for-each--a[0]": TaskResult("SUCCEEDED", "group"),
        "for-each--a[0]/a": replace(OK, peak=200_000_000),
        "for-each--a[1]/a": replace(OK, reused=True, peak=900_000_000),
        "b": cached,
        "when--c": TaskResult("SKIPPED", "group", "condition"),
        "d": TaskResult("SKIPPED", reason="upstream"),
        "e": TaskResult("CANCELLED"),
        "f": replace(cached, reused=True),
    }
    outcome = Outcome("CANCELLED", {}, {}, tasks, run="r1", folder="/r", seconds=9.9, error="the disk is full")
    assert summary(outcome, resume="hpc run --resume {run} --root 'a {b}'").splitlines() == [
        "cancelled: 1 OK, 2 kept, 1 cached (saved 3 min 05 s), 2 skipped (1 condition, 1 upstream), 1 stopped in 9.9 s",
        "  the disk is full",
        "  most memory: a[0] 191 MiB",
        "  run folder: /r",
        "  go on with: hpc run --resume r1 --root 'a {b}'",
    ]


def test_failed_tasks_are_named_not_their_groups() -> None:
    failed = {f"for-each--a[{number}]/a": BAD for number in range(12)}
    group, alone = replace(BAD, kind="group"), replace(BAD, kind="group", error="no output")
    outcome = Outcome("FAILED", {}, {}, {"g": alone, "for-each--a": group, **failed}, error="for-each--a: exit code 1")
    lines = summary(outcome).splitlines()
    assert lines[1:] == ["  failed: g, " + ", ".join(f"a[{number}]" for number in range(9)) + " and 3 more"]


def test_a_view_counts_the_tasks_of_skipped_groups() -> None:
    result = TaskResult("SKIPPED", "group", "condition")
    outcome = Outcome("SUCCEEDED", {}, {}, {"when--a": result})
    finished = TaskFinished("when--a", result, count=3)
    last = _plain([_started("when--a/a", "when--a/b", "when--a/c"), finished, RunFinished(outcome)]).splitlines()[-1]
    assert last == "succeeded: 3 skipped (condition) in 0.0 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3599.4, "59 min 59 s"), (7384, "2 h 03 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# ---------------------------------------------------------------- streams that cannot say everything


def test_control_codes_are_made_visible() -> None:
    assert visible("\x1b[31mred\x1b[0m \x1b]0;title\x07é 中\u3000\t\x00\r\x9b\u202e\udc80\n") == (
        "red é 中\u3000\t\\x00\\r\\x9b\\u202e\\udc80\n"
    )


@pytest.mark.parametrize("live", [False, True])
def test_nothing_that_steers_the_terminal_gets_through(live: bool) -> None:
    stream = io.StringIO()
    evil = "\x1b[2J\x1b]52;c;AAAA\x07\x00\x9b1A"
    events: list[Event] = [
        _started(f"a{evil}"),
        TaskStarted(f"a{evil}", 1, "/l", evil),
        TaskFinished(f"a{evil}", replace(BAD, error=evil), Failure(evil, evil, (evil,))),
        Notice(evil),
        RunFinished(replace(OUTCOME, error=evil)),
    ]
    with watch(stream, live=live) as listener:
        for event in events:
            listener(event)
    assert {char for char in stream.getvalue() if not char.isprintable()} == {"\n"}


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "lr 0.1 -> 0.2, ?"), ("latin-1", "lr 0.1 -> 0.2, ä"), ("utf-8", "lr 0.1 → 0.2, ä")],
)
def test_every_encoding_will_do(live: bool, encoding: str, shown: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    with watch(stream, live=live) as listener:
        for event in [
            _started("a"),
            TaskStarted("a", 1, "/l", "lr 0.1 → 0.2, ä"),
            TaskFinished("a", OK),
            Notice("\udcff…"),
            RunFinished(OUTCOME),
        ]:
            listener(event)
    stream.flush()
    text = raw.getvalue().decode(encoding)
    assert shown in text
    assert f"note \\udcff{'…' if encoding == 'utf-8' else '...'}\n" in text
    if live:
        assert f"{'✓' if encoding == 'utf-8' else '+'} a 2.0 s {shown}\n" in text


@pytest.mark.parametrize("live", [False, True])
def test_a_run_outlives_whoever_watches_it(live: bool) -> None:
    class Gone(io.StringIO):
        def write(self, _: str, /) -> int:
            raise BrokenPipeError

    with watch(Gone(), live=live) as listener:
        for event in EVENTS:
            listener(event)


# ---------------------------------------------------------------- the table


def _view(width: int = 80, height: int = 24, clock: Callable[[], float] = lambda: 0.0) -> tuple[LiveView, Tally]:
    screen = Screen(io.StringIO())
    tally = Tally(clock)
    view = LiveView(screen, tally)
    view._console.size = (width, height)  # pyright: ignore[reportPrivateUsage]
    return view, tally


def _table(events: Iterable[Event], width: int = 80, height: int = 24, clock: Any = lambda: 0.0) -> list[str]:
    """The lines of the table after the events."""
    view, tally = _view(width, height, clock)
    for event in events:
        tally.take(event)
    return view.table().plain.split("\n")


def test_the_table_ends_with_the_same_facts() -> None:
    """Not on a terminal rich draws the last table once, so that the text can be compared."""
    stream = io.StringIO()
    ticks = count()
    with watch(stream, live=True, clock=lambda: float(next(ticks))) as listener:
        for event in EVENTS:
            listener(event)
    shown = [line.rstrip() for line in stream.getvalue().splitlines()]
    table = [line for line in shown if line[:2] in {"✓ ", "✗ ", "- "}]
    assert table == [
        "✓ prepare       1.2 s",
        "✓ train    3 min 05 s attempt 2, source changed: train.py",
        "✗ evaluate      1.0 s",
        "- report              a task before it did not succeed",
    ]
    assert failure_block(TaskFinished("evaluate", EVALUATE, FAILURE)) in "\n".join(shown)
    end = PLAIN.splitlines()[-8:]
    assert shown[-8:] == end
    assert shown[-9].startswith("4/4 done, 1 failed, 0:")


LOOP: list[Event] = [
    _started("load", "for-each--train[]/train", "report"),
    TaskFinished("load", replace(OK, state="CACHED", attempts=0, reason="cached from r0")),
    LoopOpened("for-each--train", 20, 19),
    *(TaskStarted(f"for-each--train[{number}]/train", 1, "/l", "lr 0.1 → 0.2") for number in range(11)),
    *(TaskFinished(f"for-each--train[{number}]/train", OK) for number in range(7)),
    TaskFinished("for-each--train[7]/train", BAD),
]


def test_a_loop_is_one_row() -> None:
    now = [0.0]
    view, tally = _view(clock=lambda: now[0])
    for event in LOOP:
        tally.take(event)
    now[0] = 42.0
    assert view.table().plain.split("\n") == [
        "= load                                        cached from r0",
        "▶ train [7/20 ok, 3 running, 1 failed] 42.0 s lr 0.1 → 0.2",
        "· report",
        "9/22 done, 3 running, 1 failed, 0:42",
    ]


def test_narrow_screens_cut_what_matters_least() -> None:
    assert _table(LOOP, width=40) == [
        "= load                         cached f…",
        "▶ train [8/20, 1 failed] 0.0 s lr 0.1 →…",
        "· report",
        "9/22 done, 3 running, 1 failed, 0:00",
    ]
    for width in range(1, 80):
        assert max(len(line) for line in _table(LOOP, width=width)) <= width


def test_wide_characters_take_two_cells() -> None:
    events = [_started("前処理", "é"), TaskFinished("前処理", OK), TaskFinished("é", OK)]
    assert _table(events)[:2] == ["✓ 前処理 2.0 s", "✓ é      2.0 s"]
    assert _table([_started("前処理" * 20)], width=20)[0] == "· 前処理前処理前処…"


def test_what_a_row_says_of_a_single_task() -> None:
    rows = ("a", "b", "c", "d", "e")
    assert _table(
        [
            _started(*rows),
            EnvironmentBuilding("a", "x", "/l", "image"),
            TaskStarted("b", 3, "/l", "image changed"),
            TaskFinished("c", replace(OK, reused=True)),
            TaskFinished("d", TaskResult("CANCELLED", attempts=1, start=0.0, end=1.0)),
        ]
    ) == [
        "▶ a       making its image",
        "▶ b 0.0 s attempt 3, image changed",
        "= c       kept",
        "■ d 1.0 s",
        "· e",
        "2/5 done, 1 running, 0:00",
    ]


def test_the_table_has_never_more_rows_than_the_screen() -> None:
    events: list[Event] = [_started(*(f"t{number}" for number in range(100)))]
    events += [TaskFinished(f"t{number}", OK) for number in range(50)]
    events += [TaskFinished("t50", BAD), TaskStarted("t99", 1, "/l")]
    lines = _table(events, height=10)
    assert [line.split()[1] for line in lines[:-2]] == ["t50", "t51", "t52", "t53", "t54", "t55", "t99"]
    assert lines[-2:] == ["and 93 more", "51/100 done, 1 running, 1 failed, 0:00"]
    assert len(_table(events, height=1)) == 3


def test_hours_have_a_place_on_the_clock() -> None:
    ticks = iter([0.0, 3723.0])
    assert _table([_started("a")], clock=lambda: next(ticks))[-1] == "0/1 done, 1:02:03"


def _storm(iterations: int) -> Iterator[Event]:
    """Two loops in one another and a condition, with four tasks at a time."""
    yield _started("for-each--a[]/a", "for-each--a[]/when--b/b", "for-each--a[]/for-each--c[]/c")
    yield LoopOpened("for-each--a", iterations, 3 * (iterations - 1))
    for number in range(iterations):
        around = f"for-each--a[{number}]"
        yield TaskStarted(f"{around}/a", 1, "/l")
        yield TaskFinished(f"{around}/a", OK)
        yield TaskFinished(f"{around}/when--b", TaskResult("SKIPPED", "group", "condition"))
        yield LoopOpened(f"{around}/for-each--c", 2, 1)
        for inner in range(2):
            yield TaskStarted(f"{around}/for-each--c[{inner}]/c", 1, "/l")
            yield TaskFinished(f"{around}/for-each--c[{inner}]/c", BAD if number % 2 else OK)
            yield TaskFinished(f"{around}/for-each--c[{inner}]", TaskResult("SUCCEEDED", "group"), count=0)
        ended = replace(BAD if number % 2 else OK, kind="group")
        yield TaskFinished(f"{around}/for-each--c", replace(ended, kind="loop"), count=0)
        yield TaskFinished(around, ended, count=0)


def test_a_storm_of_iterations_leaves_nothing_behind() -> None:
    """What is kept and what a picture costs is the same after 10 and after 5,000 iterations."""
    kept: list[int] = []
    drawn: list[list[str]] = []
    calls: list[int] = []
    for iterations in (10, 5000):
        view, tally = _view(width=100)
        for event in _storm(iterations):
            tally.take(event)
            if isinstance(event, TaskFinished):
                tally.is_told(event)
        kept.append(_objects_below(tally))
        calls.append(_calls(view.table))
        drawn.append([line.rstrip() for line in view.table().plain.split("\n")])
        assert tally.done == tally.total == 4 * iterations
    assert calls[0] == calls[1]
    assert kept[0] == kept[1]
    assert drawn[1] == [
        "✓ a [5000/5000 ok]               0.0 s",
        "- b [0/5000 ok, 5000 skipped]          its condition was false",
        "✗ c [5000/10000 ok, 5000 failed] 0.0 s",
        "20000/20000 done, 5000 failed, 0:00",
    ]


def test_five_thousand_starts_are_not_told() -> None:
    lines = _plain(_storm(5000)).splitlines()
    assert len([line for line in lines if " run  " in line]) == 0
    assert len([line for line in lines if line.startswith("[")]) == 20_000
    assert lines[-1] == "c[4999][1] failed: exit code 1"
    assert lines[-2] == "[20000/20000] FAIL c[4999][1] (2.0 s)"


def _objects_below(root: object) -> int:
    """Without numbers, of which small ones are shared."""
    numbers = 0
    seen: set[int] = set()
    waiting: list[Any] = [vars(root)]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (type, type(gc), type(_objects_below))):
            continue
        seen.add(id(one))
        numbers += isinstance(one, int)
        waiting += [] if isinstance(one, int) else gc.get_referents(one)
    return len(seen) - numbers


def _calls(work: Callable[[], object]) -> int:
    """How many functions of the views are called."""
    counted = 0

    def watching(frame: Any, what: str, _: object) -> None:
        nonlocal counted
        counted += what == "call" and "/hpc/" in frame.f_code.co_filename

    sys.setprofile(watching)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


# ---------------------------------------------------------------- a real terminal

CHILD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from test_progress import LOOP, BAD, FAILURE, OUTCOME, TaskFinished, TaskStarted, RunFinished, Notice
from hpc.cli.progress import watch
many = [f"t{n}" for n in range(40)]
with watch(sys.stderr, live=True) as listener:
    from dataclasses import replace
    listener(replace(LOOP[0], rows=LOOP[0].rows + tuple(many), total=43))
    for event in LOOP[1:]:
        listener(event)
    time.sleep(0.5)
    for name in many[:5]:
        listener(TaskStarted(name, 1, "/l"))
        time.sleep(0.15)
    listener(TaskFinished(many[0], BAD, FAILURE))
    listener(Notice("x" * 200))
    time.sleep(0.3)
    listener(RunFinished(OUTCOME))
"""


class Terminal:
    """As much of a terminal as rich uses: lines, carriage returns, cursor up, erasing a line."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.lines: list[str] = [""]
        self.row = self.column = 0
        self.highest = 0

    def feed(self, text: str) -> None:
        for code, char in re.findall(r"\x1b\[([?\d;]*[A-Za-z])|([\s\S])", text):
            if code:
                self._code(code)
            elif char == "\n":
                self._down()
            elif char == "\r":
                self.column = 0
            else:
                self._put(char)

    def _code(self, code: str) -> None:
        if code.endswith("A"):
            up = int(code[:-1] or 1)
            self.highest = max(self.highest, len(self.lines) - (self.row - up))
            self.row -= up
        elif code == "2K":
            self.lines[self.row] = ""
        else:
            assert code.endswith(("m", "h", "l")), code

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def _put(self, char: str) -> None:
        if self.column == self.width:
            self.column = 0
            self._down()
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + char + line[self.column + 1 :]
        self.column += 1


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10)])
def test_on_a_real_terminal(width: int, height: int) -> None:
    screen = _on_terminal(CHILD, width, height)
    assert screen.highest <= height, "the cursor went to lines that have left the screen"
    lines = [line.rstrip() for line in screen.lines]
    text = "\n".join(lines)
    # Every picture but the last was wiped off again.
    assert sum(line.startswith("▶ train") for line in lines) == 1
    assert sum(" done, " in line for line in lines) == 1
    last = next(index for index, line in enumerate(lines) if " done, " in line)
    assert re.fullmatch(r"10/62 done, 7 running, 2 failed, 0:0\d", lines[last])
    assert lines[last - 1] == f"and {43 - (height - 3)} more"
    assert lines[last - 2].startswith("▶ t4" if height == 10 else "· t")
    assert "t0 failed: exit code 1\n" in text
    assert "7 tasks still running, Ctrl-C to stop\n" in text
    assert "x" * 200 in text.replace("\n", "")
    end = next(index for index, line in enumerate(lines) if line.startswith("failed: 7 OK, 1 cached"))
    assert text.index("t0 failed") < text.index("▶ train") < text.index("failed: 7 OK, 1 cached")
    assert end == last + 1


def test_a_terminal_that_cannot_move_its_cursor_gets_lines() -> None:
    screen = _on_terminal(CHILD, 80, 24, TERM="dumb")
    assert "[ 9/62] run  t0" in screen.lines


def _on_terminal(program: str, width: int, height: int, **environ: str) -> Terminal:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    given = {"TERM": "xterm", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(Path(__file__).parents[2]), **environ}
    kept = {key: value for key, value in os.environ.items() if key not in {"LINES", "COLUMNS", "NO_COLOR", "CI"}}
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(Path(__file__).parent)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**kept, **given},
    )
    os.close(theirs)
    screen, read = Terminal(width, height), bytearray()
    while piece := _read(ours):
        read += piece
    os.close(ours)
    screen.feed(read.decode())
    assert child.wait(60) == 0, read.decode()
    return screen


def _read(terminal: int) -> bytes:
    """Linux says EIO where all of the other side is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


# ---------------------------------------------------------------- logs of tasks


def _followed(log: Path, pieces: Iterable[bytes], mask: Callable[[str], str] = str) -> list[str]:
    shown: list[str] = []
    follower = LogFollower(lambda task, lines: shown.extend(f"{task}|{line}" for line in lines), mask)
    with follower.following():
        follower.begin("a", str(log))
        for piece in pieces:
            with log.open("ab") as stream:
                stream.write(piece)
        follower.end("a")
    return shown


def test_what_tasks_print_is_shown_before_their_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stream = io.StringIO()
    path = "for-each--train[3]/train"
    with watch(stream, live=False, logs=lambda line: line.replace("secret", "***")) as listener:
        listener(_started("for-each--train[]/train"))
        listener(LoopOpened("for-each--train", 5, 4))
        listener(TaskStarted(path, 1, str(log)))
        log.write_bytes(b"one\n\ntwo secret \xff\x00\x1b[31m!\nno end")
        listener(TaskRetrying(path, 1, 1.0, "exit code 1"))
        listener(TaskStarted(path, 2, str(tmp_path / "log2")))
        (tmp_path / "log2").write_bytes(b"again\n")
        listener(TaskFinished(path, OK))
    assert stream.getvalue().splitlines()[1:] == [
        "[ 0/5] run  train[3]",
        "train[3] | one",
        "train[3] |",
        "train[3] | two *** �\\x00!",
        "train[3] | no end",
        "       wait train[3]: attempt 1 failed (exit code 1), again in 1.0 s",
        "[ 0/5] run  train[3] (attempt 2)",
        "train[3] | again",
        "[ 1/5] OK   train[3] (2.0 s)",
    ]


def test_logs_stand_above_the_table(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\x1b[31m[bold]one[/] :smile:\n")
    stream = io.StringIO()
    with watch(stream, live=True, logs=True) as listener:
        listener(_started("a"))
        listener(TaskStarted("a", 1, str(log)))
        listener(TaskFinished("a", OK))
    assert "\na | [bold]one[/] :smile:\n✓ a" in stream.getvalue()


def test_lines_are_read_while_they_are_written(tmp_path: Path) -> None:
    """The thread shows a line without any event; the test waits for it as long as it takes."""
    log, seen = tmp_path / "log", Signal()
    shown: list[str] = []

    def show(_: str, lines: Sequence[str]) -> None:
        shown.extend(lines)
        seen.set()

    follower = LogFollower(show, str)
    with follower.following():
        follower.begin("a", str(log))
        log.write_bytes(b"one\ntw")
        assert seen.wait(60)
        assert shown == ["one"]
    assert shown == ["one", "tw"]


def test_a_log_of_one_endless_line_takes_no_memory(tmp_path: Path) -> None:
    """64 MB of NUL bytes, of which no more is kept than can be shown."""
    log = tmp_path / "log"
    with log.open("wb") as stream:
        stream.truncate(64 << 20)
    shown = _followed(log, [b"\nlast\n"])
    assert [len(line) for line in shown] == [2 + 2000, len("a|last")]
    assert shown[0].endswith("\\x00\\x0…"[-2:])
    assert shown[1] == "a|last"


def test_of_a_progress_bar_the_last_state_is_shown(tmp_path: Path) -> None:
    pieces = [b"10%\r", b"20%\r30%", b"\r\nnext\r\n", b"50%\r" * 50_000, b"99%\r", b"\n" + b"y" * 9000 + b"\rend"]
    assert _followed(tmp_path / "log", pieces) == ["a|30%", "a|next", "a|99%", "a|end"]


def test_long_lines_are_cut_also_between_pieces(tmp_path: Path) -> None:
    line = "é".encode() * 200_000
    shown = _followed(tmp_path / "log", [line, line, b"\nshort\n"])
    assert shown == ["a|" + "é" * 1999 + "…", "a|short"]


def test_a_log_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    assert _followed(tmp_path / "log", []) == []


# ---------------------------------------------------------------- with the engine


def test_a_real_run_is_drawn_in_both_ways(tmp_path: Path) -> None:
    spec = pipeline({"a": task("true"), "b": task("false", after=("a",)), "c": task("true", after=("b",))})
    events = ran(spec, tmp_path).events
    for live in (False, True):
        stream = io.StringIO()
        with watch(stream, live=live) as listener:
            for event in events:
                listener(event)
        assert "failed: 1 OK, 1 skipped (upstream), 1 failed in" in stream.getvalue()
        assert "b failed: exit code 1\n" in stream.getvalue()
