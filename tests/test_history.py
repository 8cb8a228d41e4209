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
    place.task(
        GOOD, "config", TaskResult("SUCCEEDED", "importer", start=DAY, end=DAY, artifacts=one("file", "/c.yaml"))
    )
    prepared = TaskResult("SUCCEEDED", attempts=1, start=DAY + 1, end=DAY + 4, exit_code=0, artifacts=one("data", data))
    parts = {"source": DIGEST, "environment": f"python {DIGEST}", "input n": "7"}
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


def refused(root: Path | str, code: str, fact: str, fix: str) -> str:
    return f"{root}: error {code} {fact}\n  fix: {fix}\n\n1 error\n"


# ---------------------------------------------------------------- who runs a run


def test_a_process_is_alive_until_it_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    name = f"{process.pid}:{start}"
    assert is_alive(name)
    assert not is_alive(f"{process.pid}:{int(start) + 1}")
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet taken notice of
    assert not is_alive(name)
    process.wait()
    assert not is_alive(name)


def test_this_process_is_alive() -> None:
    assert is_alive(myself())
    assert myself().startswith(f"{os.getpid()}:")


def test_without_proc_the_number_alone_counts() -> None:
    assert is_alive(f"{os.getpid()}:")
    assert is_alive("1")
    assert [text for text in ("", ":", "0", "-1", "x", "²", "9" * 30, "4194305:") if is_alive(text)] == []


# ---------------------------------------------------------------- runs

RUNS = """\
run              pipeline  state        started                         took        tasks
2026-11-21-dddd  other     interrupted  2026-11-20 01:59:00  1 min ago              1 interrupted
2026-11-21-cccc  other     running      2026-11-20 01:58:30  1 min ago  1 min 30 s  1 running
2026-11-20-bbbb  mnist     failed       2026-11-20 01:00:00  1 h ago    7.0 s       1 ok, 1 cached, 1 failed, 2 skipped
2026-11-20-aaaa  mnist     succeeded    2026-11-20 00:00:00  2 h ago    3 min 05 s  3 ok
"""


@pytest.mark.usefixtures("mnist")
def test_runs(hpc: Call) -> None:
    assert hpc("runs") == RUNS
    assert [line[:15] for line in hpc("runs", "--limit", "1").splitlines()[1:]] == [CUT]
    assert [line[:15] for line in hpc("runs", "--pipeline", "mnist").splitlines()[1:]] == [BAD, GOOD]
    assert hpc("runs", "--pipeline", "x", err="no runs of x\n") == ""
    assert hpc("runs", "--pipeline", "x", "--format", "json") == "[]\n"


def test_runs_for_machines(mnist: Place, hpc: Call) -> None:
    found = {run["run"]: run for run in json.loads(hpc("runs", "--format", "json"))}
    assert list(found) == [CUT, LIVE, BAD, GOOD]
    assert [run["state"] for run in found.values()] == ["INTERRUPTED", "RUNNING", "FAILED", "SUCCEEDED"]
    assert found[BAD]["tasks"] == {"SUCCEEDED": 1, "CACHED": 1, "FAILED": 1, "SKIPPED": 2}
    model = mnist.at(GOOD, "train/1/outputs/model")
    assert found[GOOD] == {
        "run": GOOD,
        "pipeline": "mnist",
        "state": "SUCCEEDED",
        "folder": mnist.at(GOOD),
        "source": "pipeline.yaml",
        "base": str(mnist.folder),
        "mode": "process",
        "started": DAY,
        "engine": "",
        "ended": None,
        "seconds": 185.0,
        "error": None,
        "arguments": {"lr": 0.1, "name": "first, try"},
        "names": {},
        "outputs": {"accuracy": 0.5, "said": "two\nlines", "sizes": [1, 2]},
        "artifacts": {
            "model": {
                "name": "model",
                "uri": model,
                "schema_title": "system.Model",
                "schema_version": "0.0.1",
                "metadata": {},
                "path": model,
            }
        },
        "tasks": {"SUCCEEDED": 3},
    }


def test_a_run_that_ends_between_two_looks_is_not_interrupted(place: Place, hpc: Call) -> None:
    run = place.run(CUT, state="RUNNING", engine=myself())
    asked: list[str] = []

    def ended(engine: str) -> bool:
        asked.append(engine)
        place.store.save_run(replace(run, state="SUCCEEDED"))
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hpc.cli.history.is_alive", ended)
        assert json.loads(hpc("runs", "--format", "json"))[0]["state"] == "SUCCEEDED"
    assert asked == [myself()]


def test_a_name_cannot_steer_the_terminal(place: Place, hpc: Call) -> None:
    place.run(GOOD, pipeline="\x1b[2J\nx")
    assert hpc("runs").splitlines()[1].split()[1] == r"\x1b[2J\nx"
    assert "\x1b" not in hpc("show", "last")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3600, "1 h ago"),
        (172_799, "47 h ago"),
        (172_800, "2 days ago"),
    ],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert ago(NOW - seconds, NOW) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (1 << 60, "1048576.0 TiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


# ---------------------------------------------------------------- which folder


def test_the_nearest_folder_with_runs(mnist: Place, hpc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = mnist.folder / "a" / "b"
    (inner / ".hpc").mkdir(parents=True)  # nothing was run here
    monkeypatch.chdir(inner)
    assert hpc("runs") == RUNS
    assert hpc("runs", "--root", "../../.hpc") == RUNS
    Place(inner).run(GOOD)
    assert len(hpc("runs").splitlines()) == 2


def test_no_runs(tmp_path: Path, hpc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fact = "there are no runs here: neither this folder nor one above it has a `.hpc` with runs."
    fix = "change to the folder of the pipeline, or give `--root`."
    for arguments in (["runs"], ["show", "last"], ["logs", "last"], ["outputs", "last"], ["lineage", "last/a/b"]):
        assert hpc(*arguments, code=1, err=refused(".", "HPC930", fact, fix)) == ""
    err = refused("x", "HPC930", "there are no runs in this folder.", "give another `--root`.")
    assert hpc("runs", "--root", "x", code=1, err=err) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_read(tmp_path: Path, hpc: Call) -> None:
    (tmp_path / "hpc.db").write_text("no database, but long enough to be looked at")
    fact = f"{tmp_path / 'hpc.db'}: is not a database; move it away, or use another root folder."
    err = refused(tmp_path, "HPC931", fact, "mend that, or name another folder with `--root`.")
    assert hpc("runs", "--root", str(tmp_path), code=1, err=err) == ""


def test_an_empty_store(place: Place, hpc: Call) -> None:
    assert hpc("runs", err="no runs\n") == ""
    err = refused(place.root, "HPC932", f"there are no runs in {place.root} yet.", "see `hpc runs` for all of them.")
    assert hpc("show", "last", code=1, err=err) == ""


# ---------------------------------------------------------------- show

SHOW_GOOD = """\
mnist: run 2026-11-20-aaaa, succeeded
  file       pipeline.yaml
  folder     ROOT/runs/2026-11-20-aaaa
  mode       process
  started    2026-11-20 00:00:00 (2 h ago)
  took       3 min 05 s
  arguments  lr=0.1, name=first, try

task     state  took
config   ok     0.0 s
prepare  ok     3.0 s
train    ok     2 min 55 s

outputs
  accuracy: 0.5
  said: two\\nlines
  sizes: [1, 2]
  model: ROOT/runs/2026-11-20-aaaa/train/1/outputs/model
"""
SHOW_BAD = """\
mnist: run 2026-11-20-bbbb, failed
  file     pipeline.yaml
  folder   ROOT/runs/2026-11-20-bbbb
  mode     process
  started  2026-11-20 01:00:00 (1 h ago)
  took     7.0 s
  error    for-each--train[1]/train: exit code 1

task                      state    took   note
prepare                   cached
train [1/2 ok, 1 failed]  failed   6.0 s
report                    skipped         a task before it did not succeed
extra                     skipped         n > 5 is false (n = 3)

"""
FAILURE = """\
for-each--train[1]/train failed after 2 attempts: exit code 1
  again:   sh ROOT/runs/2026-11-20-bbbb/for-each--train[1]+train/2/run.sh
  log:
    second
    broken
  log file: ROOT/runs/2026-11-20-bbbb/for-each--train[1]+train/2/log.txt
"""
SHOW_ALL = """\
task      state    took   note
prepare   cached
train[0]  ok       2.0 s
train[1]  failed   6.0 s  attempt 2, exit code 1
"""
SHOW_TASK = """\
train: ok in run 2026-11-20-aaaa of mnist
  component    comp-train
  started      2026-11-20 00:00:05 (1 h ago)
  took         2 min 55 s
  exit code    0
  peak memory  3.0 MiB
  log          ROOT/runs/2026-11-20-aaaa/train/1/log.txt
  fingerprint  ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff

inputs
  lr: 0.1
  data: ROOT/runs/2026-11-20-aaaa/prepare/1/outputs/data (system.Dataset)

outputs
  accuracy: 0.5

artifacts
  model: ROOT/runs/2026-11-20-aaaa/train/1/outputs/model (system.Model)

attempts
  1: exit code 0, 2026-11-20 00:00:00, 3 min 00 s, 3.0 MiB
     log: ROOT/runs/2026-11-20-aaaa/train/1/log.txt
     command: sh ROOT/runs/2026-11-20-aaaa/train/1/run.sh
"""
SHOW_PARTS = """
depends on
  source: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  secret KEY: 5ec4e7
"""
SHOW_LOOP = """\
for-each--train: failed in run 2026-11-20-bbbb of mnist
  why  [1]: train: exit code 1

task                      state   took
train [1/2 ok, 1 failed]  failed  6.0 s
"""


def test_show_a_run(mnist: Place, hpc: Call) -> None:
    assert hpc("show", "aaaa") == SHOW_GOOD.replace("ROOT", str(mnist.root))
    bad = f"{SHOW_BAD}{FAILURE}\ngo on with: hpc run --resume 2026-11-20-bbbb\n"
    assert hpc("show", BAD) == bad.replace("ROOT", str(mnist.root))
    assert SHOW_ALL in hpc("show", BAD, "--all")
    assert hpc("show", "last").splitlines()[0] == "other: run 2026-11-21-dddd, interrupted"
    assert hpc("show", "last").splitlines()[-4:] == [
        "task  state",
        "work  interrupted",
        "",
        "go on with: hpc run --resume 2026-11-21-dddd",
    ]
    assert hpc("show", LIVE).splitlines()[-2:] == ["task  state    took", "work  running  1 min 20 s"]


def test_show_a_task(mnist: Place, hpc: Call) -> None:
    expected = SHOW_TASK.replace("ROOT", str(mnist.root))
    assert hpc("show", GOOD, "train") == expected
    assert hpc("show", GOOD, "train", "--all") == expected + SHOW_PARTS
    assert hpc("show", BAD, "for-each--train") == SHOW_LOOP
    assert hpc("show", BAD, "prepare").splitlines()[:2] == [
        "prepare: cached in run 2026-11-20-bbbb of mnist",
        "  from  run 2026-11-20-aaaa, prepare",
    ]
    failed = hpc("show", BAD, "train[1]")
    assert failed.startswith("for-each--train[1]/train: failed in run 2026-11-20-bbbb of mnist\n  why ")
    assert "\nattempts\n  1: exit code 1, 2026-11-20 01:00:01, 1.5 s\n     log: " in failed
    assert failed.endswith("\n\n" + FAILURE.replace("ROOT", str(mnist.root)))


def test_show_for_machines(mnist: Place, hpc: Call) -> None:
    shown = json.loads(hpc("show", CUT, "--format", "json"))
    assert (shown["state"], shown["tasks"]["work"]["state"]) == ("INTERRUPTED", "INTERRUPTED")
    shown = json.loads(hpc("show", BAD, "--format", "json"))
    assert list(shown["tasks"]) == [
        "prepare",
        "for-each--train",
        "for-each--train[0]",
        "for-each--train[0]/train",
        "for-each--train[1]",
        "for-each--train[1]/train",
        "report",
        "extra",
    ]
    assert shown["tasks"]["prepare"]["origin"] == [GOOD, "prepare"]
    task = json.loads(hpc("show", GOOD, "train", "--format", "json"))
    assert {key: task[key] for key in ("state", "kind", "peak", "inputs", "outputs", "parts")} == {
        "state": "SUCCEEDED",
        "kind": "task",
        "peak": 3 << 20,
        "inputs": {"lr": 0.1},
        "outputs": {"accuracy": 0.5},
        "parts": {"source": DIGEST, "secret KEY": "5ec4e7"},
    }
    assert task["input_artifacts"]["data"]["uri"] == mnist.at(GOOD, "prepare/1/outputs/data")
    [attempt] = task["tries"]
    assert attempt["log"] == mnist.at(GOOD, "train/1/log.txt")
    assert attempt["script"] == mnist.at(GOOD, "train/1/run.sh")


def test_no_more_failures_than_a_screen_holds(place: Place, hpc: Call) -> None:
    place.run(BAD, state="FAILED")
    for number in range(5):
        place.task(BAD, f"t[{number}]", TaskResult("FAILED", error=f"exit code {number}"))
    shown = hpc("show", BAD)
    assert "t [0/5 ok, 5 failed]  failed\n" in shown
    assert shown.count("\n  no log\n") == 3
    assert "\nand 2 more failed: hpc show 2026-11-20-bbbb TASK\n" in shown


def test_numbers_that_json_lacks_are_texts(place: Place, hpc: Call) -> None:
    place.run(GOOD, outputs={"loss": float("nan"), "most": float("inf")})
    assert json.loads(hpc("outputs", GOOD, "--format", "json")) == {"loss": "NaN", "most": "Infinity"}


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train", ["train"]),
        ("a[0]/b", ["a[0]/b"]),
        ("b", ["a[0]/b", "a[1]/b"]),
        ("b[1]", ["a[1]/b"]),
        ("add[2][0]", ["l1[2]/l3[0]/add"]),
        ("l3[0]/add", ["l1[2]/l3[0]/add"]),
        ("add", ["l1[2]/l3[0]/add"]),
        ("sub[2]/job", ["for-each--sub[2]/sub/job"]),
        ("a[]/b", ["a[0]/b", "a[1]/b"]),
        ("rain", []),
        ("3[0]/add", []),
        ("", []),
    ],
)
def test_names_of_tasks(name: str, found: list[str]) -> None:
    loops = ["for-each--sub[2]", "for-each--sub[2]/sub", "for-each--sub[2]/sub/job"]
    paths = [*loops, "train", "x/train", "a", "a[0]", "a[0]/b", "a[1]", "a[1]/b", "l1[2]/l3[0]/add"]
    assert matching(paths, name) == found


def test_names_that_stand_for_nothing(mnist: Place, hpc: Call) -> None:
    def err(code: str, fact: str, fix: str) -> str:
        return refused(mnist.root, code, fact, fix)

    fact = "`train` stands for 2 tasks of the run 2026-11-20-bbbb: train[0], train[1]."
    fix = "name one of them, e.g. `train[0]`."
    assert hpc("show", BAD, "train", code=1, err=err("HPC933", fact, fix)) == ""
    fact = "the run 2026-11-20-aaaa has no task `trian`."
    assert hpc("logs", GOOD, "trian", code=1, err=err("HPC933", fact, "did you mean `train`?")) == ""
    fact = "the run 2026-11-21-cccc has no task `later` that has begun."
    assert hpc("logs", LIVE, "later", code=1, err=err("HPC933", fact, "use one of: work.")) == ""
    fact = f"there is no run '2026-11-20-aaab' in {mnist.root}; near to it: {GOOD}, 2026-11-20-bbbb, 2026-11-21-dddd."
    assert hpc("show", "2026-11-20-aaab", code=1, err=err("HPC932", fact, "see `hpc runs` for all of them.")) == ""


# ---------------------------------------------------------------- outputs


def test_outputs(mnist: Place, hpc: Call) -> None:
    model = mnist.at(GOOD, "train/1/outputs/model")
    assert hpc("outputs", GOOD) == f"accuracy: 0.5\nsaid: two\nlines\nsizes: [1, 2]\nmodel: {model}\n"
    assert hpc("outputs", GOOD, "said") == "two\nlines\n"
    assert hpc("outputs", GOOD, "sizes") == "[1, 2]\n"
    assert hpc("outputs", GOOD, "model") == f"{model}\n"
    assert json.loads(hpc("outputs", GOOD, "model", "--format", "json"))["uri"] == model
    shown = json.loads(hpc("outputs", GOOD, "--format", "json"))
    assert (list(shown), shown["sizes"]) == (["accuracy", "said", "sizes", "model"], [1, 2])


def test_outputs_that_are_not_there(mnist: Place, hpc: Call) -> None:
    fact = "the run 2026-11-20-aaaa has no output `acuracy`."
    err = refused(mnist.root, "HPC935", fact, "did you mean `accuracy`?")
    assert hpc("outputs", GOOD, "acuracy", code=1, err=err) == ""
    fact = "the run 2026-11-20-bbbb has no outputs; it failed."
    err = refused(mnist.root, "HPC935", fact, "see `hpc show 2026-11-20-bbbb`.")
    assert hpc("outputs", BAD, "accuracy", code=1, err=err) == ""
    assert hpc("outputs", BAD, err="the run 2026-11-20-bbbb failed: outputs may be missing\n") == ""
    assert hpc("outputs", LIVE, err="the run 2026-11-21-cccc goes on: outputs may be missing\n") == ""


def test_collected_artifacts_and_odd_names(place: Place, hpc: Call) -> None:
    paths = ["/a b", os.fsdecode(b"/caf\xe9")]
    place.run(GOOD, artifacts={"all": tuple(Artifact("all", f"file://{path}") for path in paths), "none": ()})
    assert hpc("outputs", GOOD, "all") == "/a b\n" + paths[1] + "\n"
    assert hpc("outputs", GOOD, "none") == ""
    assert hpc("outputs", GOOD) == 'all: ["/a b", "/caf' + os.fsdecode(b"\xe9") + '"]\nnone: []\n'


# ---------------------------------------------------------------- logs

LOGS = """\
task                      attempt  state   size      log
for-each--train[1]/train  1        failed  6 bytes   ROOT/runs/2026-11-20-bbbb/for-each--train[1]+train/1/log.txt
for-each--train[1]/train  2        failed  23 bytes  ROOT/runs/2026-11-20-bbbb/for-each--train[1]+train/2/log.txt
"""


def test_logs(mnist: Place, hpc: Call) -> None:
    assert hpc("logs", GOOD, "train") == "epoch 1\r\n" + os.fsdecode(b"\xff") + "\0done"
    assert hpc("logs", GOOD, "train", "-f") == "epoch 1\r\n" + os.fsdecode(b"\xff") + "\0done"
    assert hpc("logs", BAD, "train[1]") == "second\n\x1b[31mbroken\x1b[0m\n"
    assert hpc("logs", BAD, "train[1]", "--attempt", "1") == "first\n"
    assert hpc("logs", BAD, "train[1]", "--attempt", "1", "-f") == "first\n"
    assert hpc("logs", BAD) == LOGS.replace("ROOT", str(mnist.root))
    assert hpc("logs", CUT, err="no task of the run has a log\n") == ""
    shown = json.loads(hpc("logs", BAD, "train[1]", "--format", "json"))
    assert [(each["number"], each["size"]) for each in shown["attempts"]] == [(1, 6), (2, 23)]
    assert [each["number"] for each in json.loads(hpc("logs", BAD, "--format", "json"))] == [1, 2]


def test_tasks_without_logs(mnist: Place, hpc: Call) -> None:
    def err(fact: str, fix: str) -> str:
        return refused(mnist.root, "HPC934", fact, fix)

    fact = "the task `prepare` has no log: it is cached."
    fix = "see where its result is from: `hpc logs 2026-11-20-aaaa prepare`."
    assert hpc("logs", BAD, "prepare", code=1, err=err(fact, fix)) == ""
    fact = "the task `report` has no log: it is skipped (a task before it did not succeed)."
    assert hpc("logs", BAD, "report", "-f", code=1, err=err(fact, "see `hpc show 2026-11-20-bbbb`.")) == ""
    fact = "`for-each--train` is a loop of tasks, which has no log."
    fix = "name a task in it, e.g. `for-each--train[1]/train`."
    assert hpc("logs", BAD, "for-each--train", code=1, err=err(fact, fix)) == ""
    fact = "the task `train` has no attempt 3 in the run 2026-11-20-aaaa."
    assert hpc("logs", GOOD, "train", "--attempt", "3", code=1, err=err(fact, "its attempts are 1.")) == ""
    log = Path(mnist.at(GOOD, "train/1/log.txt"))
    log.unlink()
    fact = f"the log {log} cannot be read: it is gone."
    fix = "see `hpc show` for what else is known of the task."
    assert hpc("logs", GOOD, "train", code=1, err=err(fact, fix)) == ""
    log.mkdir()
    fact = f"the log {log} cannot be read: is a directory."
    assert hpc("logs", GOOD, "train", code=1, err=err(fact, fix)) == ""


@pytest.mark.parametrize("arguments", [("logs", "last", "-f"), ("logs", "last", "t", "-f", "--format", "json")])
def test_following_needs_a_task_and_text(arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(arguments) == 2
    assert "--follow needs a TASK and is for text." in capfd.readouterr().err


def following(place: Place, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hpc", "logs", GOOD, "work", "-f", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, cwd=place.folder, env=environment, **pipes)


def test_a_log_is_followed_through_all_attempts(place: Place) -> None:
    """What is written while it is read arrives, every byte of it, in pieces and from two attempts."""
    run = place.run(GOOD, state="RUNNING", engine=myself())
    task = place.task(GOOD, "work", TaskResult("RUNNING"))
    pieces = [bytes([number % 256]) * 5000 + b"\n" for number in range(200)]
    begun = threading.Event()

    def write() -> None:
        own = Place(place.folder)
        begun.wait(30)
        for number in (1, 2):
            attempt = own.attempt(GOOD, "work", number)
            with Path(attempt.folder, "log.txt").open("ab", buffering=0) as log:
                for piece in pieces:
                    log.write(piece)
                    time.sleep(0.002)
            own.store.save_attempt(replace(attempt, ended=time.time(), exit_code=1))
            time.sleep(0.5)  # the wait before the next attempt
        own.store.save_task(replace(task, result=TaskResult("FAILED", attempts=2)))
        own.store.save_run(replace(run, state="FAILED"))
        own.store.close()

    writer = threading.Thread(target=write)
    writer.start()
    with following(place) as reader:
        begun.set()
        out, err = reader.communicate(timeout=60)
    writer.join()
    assert (reader.returncode, err) == (0, b"")
    assert out == b"".join(pieces) * 2


def test_a_log_that_is_cut_is_printed_from_its_start_again(place: Place) -> None:
    place.run(GOOD, state="RUNNING", engine=myself())
    task = place.task(GOOD, "work", TaskResult("RUNNING"))
    attempt = place.attempt(GOOD, "work", 1, b"a long line\n")
    log = Path(attempt.folder, "log.txt")
    with following(place) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"a long line\n"
        log.write_bytes(b"anew\n")
        assert reader.stdout.readline() == b"anew\n"
        place.store.save_task(replace(task, result=TaskResult("SUCCEEDED", attempts=1)))
        out, err = reader.communicate(timeout=60)
    assert (reader.returncode, out, err) == (0, b"", f"{log} was cut and begins anew\n".encode())


def test_following_ends_with_the_engine(place: Place) -> None:
    engine = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = Path(f"/proc/{engine.pid}/stat").read_text().rpartition(")")[2].split()[19]
    place.run(GOOD, state="RUNNING", engine=f"{engine.pid}:{start}")
    place.task(GOOD, "work", TaskResult("RUNNING"))
    place.attempt(GOOD, "work", 1, b"one\n")
    with following(place) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"one\n"
        engine.kill()
        engine.wait()
        out, err = reader.communicate(timeout=60)
    assert (reader.returncode, out, err) == (0, b"", b"the run 2026-11-20-aaaa was interrupted\n")


def test_a_reader_that_leaves_is_no_mistake(place: Place) -> None:
    place.run(GOOD)
    place.task(GOOD, "work", TaskResult("SUCCEEDED", attempts=1))
    place.attempt(GOOD, "work", 1, b"line\n" * 1_000_000, ended=DAY)
    with following(place) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"line\n"
        reader.stdout.close()
        assert reader.stderr is not None
        assert (reader.stderr.read(), reader.wait(60)) == (b"", 0)


# ---------------------------------------------------------------- on a terminal


class Terminal:
    """A real terminal of some width, with a program on it."""

    def __init__(self, place: Place, columns: int, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {name: text for name, text in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
        program = (
            "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from hpc.__main__ import main; main()"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=place.folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def read(self, until: bytes | None = None) -> bytes:
        """What the program prints, to its end or to some text."""
        shown = b""
        while until is None or until not in shown:
            try:
                piece = os.read(self._ours, 1000)
            except OSError:  # how Linux says that nobody holds the other end any more
                break
            if not piece:
                break
            shown += piece
        return shown

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def close(self) -> int:
        code = self.process.wait(60)
        os.close(self._ours)
        return code


def on_terminal(place: Place, columns: int, *arguments: str) -> list[str]:
    terminal = Terminal(place, columns, *arguments)
    shown = terminal.read().decode()
    assert terminal.close() == 0
    return shown.replace("\r\n", "\n").splitlines()


def plain(lines: list[str]) -> list[str]:
    return [line.replace("\x1b[1m", "").replace("\x1b[1;31m", "").replace("\x1b[0m", "") for line in lines]


def test_a_terminal_has_colours_and_room(mnist: Place) -> None:
    lines = on_terminal(mnist, 200, "runs", "--pipeline", "mnist")
    assert lines[0].startswith("\x1b[1mrun ")
    assert lines[0].endswith("tasks\x1b[0m")
    assert "  \x1b[1;31mfailed\x1b[0m  " in lines[1]
    assert "\x1b" not in lines[2]
    assert plain(lines)[1].endswith("1 ok, 1 cached, 1 failed, 2 skipped")


NARROW = {
    100: [
        "run              pipeline  state      started              took        tasks",
        "2026-11-20-bbbb  mnist     failed     2026-11-20 01:00:00  7.0 s       1 ok, 1 cached, 1 failed, 2 …",
        "2026-11-20-aaaa  mnist     succeeded  2026-11-20 00:00:00  3 min 05 s  3 ok",
    ],
    60: [
        "run              pipeline  state      tasks",
        "2026-11-20-bbbb  mnist     failed     1 ok, 1 cached, 1 fai…",
        "2026-11-20-aaaa  mnist     succeeded  3 ok",
    ],
    30: [
        "run              pipeline  st…",
        "2026-11-20-bbbb  mnist     fa…",
        "2026-11-20-aaaa  mnist     su…",
    ],
}


@pytest.mark.parametrize("columns", NARROW)
def test_a_narrow_terminal_wraps_nothing(mnist: Place, columns: int) -> None:
    lines = plain(on_terminal(mnist, columns, "runs", "--pipeline", "mnist"))
    assert lines == NARROW[columns]
    assert max(map(len, lines)) <= columns


def test_ctrl_c_ends_following_quietly(place: Place) -> None:
    place.run(GOOD, state="RUNNING", engine=myself())
    place.task(GOOD, "work", TaskResult("RUNNING"))
    place.attempt(GOOD, "work", 1, b"one\n")
    terminal = Terminal(place, 80, "logs", GOOD, "work", "--follow")
    assert terminal.read(b"one\r\n") == b"one\r\n"
    terminal.type(b"\x03")
    assert terminal.read() == b"^C"
    assert terminal.close() == 130


def test_an_interrupt_is_quiet_without_a_terminal(place: Place) -> None:
    place.run(GOOD, state="RUNNING", engine=myself())
    place.task(GOOD, "work", TaskResult("RUNNING"))
    place.attempt(GOOD, "work", 1, b"one\n")
    with following(place) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"one\n"
        reader.send_signal(signal.SIGINT)
        assert reader.communicate(timeout=60) == (b"", b"")
    assert reader.returncode == 130


# ---------------------------------------------------------------- lineage

LINEAGE = """\
ROOT/runs/2026-11-20-aaaa/train/1/outputs/model
│  model of train, run 2026-11-20-aaaa of mnist, 2026-11-20 00:00:05
│  parameters: lr=0.1
│  code: source 0123456789ab
└─ data: ROOT/runs/2026-11-20-aaaa/prepare/1/outputs/data
   │  data of prepare, run 2026-11-20-aaaa of mnist, 2026-11-20 00:00:01
   │  parameters: n=7
   │  code: source 0123456789ab, environment python 0123456789ab
   └─ config: /c.yaml
         imported by config, run 2026-11-20-aaaa of mnist, 2026-11-20 00:00:00
"""
TAKEN = """\
ROOT/runs/2026-11-20-aaaa/prepare/1/outputs/data
│  data of prepare, run 2026-11-20-aaaa of mnist, 2026-11-20 00:00:01
│  taken over by prepare, run 2026-11-20-bbbb
│  parameters: n=7
│  code: source 0123456789ab, environment python 0123456789ab
└─ config: /c.yaml
      imported by config, run 2026-11-20-aaaa of mnist, 2026-11-20 00:00:00
used by
  for-each--train[1]/train, run 2026-11-20-bbbb, as data, failed, 2026-11-20 01:00:01
  train, run 2026-11-20-aaaa, as data, ok, 2026-11-20 00:00:05
"""


def test_lineage(mnist: Place, hpc: Call) -> None:
    expected = LINEAGE.replace("ROOT", str(mnist.root))
    model = mnist.at(GOOD, "train/1/outputs/model")
    for what in (f"{GOOD}/train/model", f"{GOOD}/model", model, f"file://{model}", f"{model}/"):
        assert hpc("lineage", what) == expected
    assert hpc("lineage", f"{GOOD}/train/accuracy") == expected.replace(f"{model}\n", "accuracy = 0.5\n").replace(
        "model of train", "accuracy of train"
    )
    assert hpc("lineage", f"{BAD}/prepare/data", "--users") == TAKEN.replace("ROOT", str(mnist.root))
    assert hpc("lineage", model, "--users") == f"{expected}used by no task\n"


def test_lineage_of_files(mnist: Place, hpc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Path(mnist.at(GOOD, "prepare/1/outputs/data"))
    (data / "part").mkdir(parents=True)
    (data / "part" / "1.csv").touch()
    (mnist.folder / "shortcut").symlink_to(data / "part")
    monkeypatch.chdir(data / "part")
    first = [
        str(data / "part" / "1.csv"),
        f"│  part of {data}",
        "│  data of prepare, run 2026-11-20-aaaa of mnist, 2026-11-20 00:00:01",
    ]
    assert hpc("lineage", "1.csv").splitlines()[:3] == first
    assert hpc("lineage", f"{mnist.folder}/shortcut/1.csv").splitlines()[:3] == first
    assert (
        hpc("lineage", "/c.yaml")
        == "/c.yaml\n   imported by config, run 2026-11-20-aaaa of mnist, 2026-11-20 00:00:00\n"
    )


def test_lineage_of_what_is_not_known(mnist: Place, hpc: Call) -> None:
    fix = "give an artifact's path, or RUN/TASK/OUTPUT."
    for what in ("nowhere", "no/such/thing", "/etc/hostname", "gs://bucket/x"):
        err = refused(mnist.root, "HPC936", f"no run in {mnist.root} has made or imported `{what}`.", fix)
        assert hpc("lineage", what, code=1, err=err) == ""
    fact = "the task `train` of the run 2026-11-20-aaaa has made no `modle`."
    err = refused(mnist.root, "HPC935", fact, "did you mean `model`?")
    assert hpc("lineage", f"{GOOD}/train/modle", code=1, err=err) == ""


@pytest.mark.usefixtures("mnist")
def test_lineage_for_machines(hpc: Call) -> None:
    shown = json.loads(hpc("lineage", f"{GOOD}/model", "--users", "--format", "json"))
    [made] = shown["lineage"]
    assert made["made_by"] == {
        "run": GOOD,
        "path": "train",
        "pipeline": "mnist",
        "component": "comp-train",
        "output": "model",
        "imported": False,
        "start": DAY + 5,
        "end": DAY + 180,
        "parameters": {"lr": 0.1},
        "parts": {"source": DIGEST, "secret KEY": "5ec4e7"},
        "fingerprint": "f" * 64,
    }
    assert made["inputs"]["data"][0]["inputs"]["config"][0]["made_by"]["imported"] is True
    assert shown["users"] == []


def test_circles_end(place: Place, hpc: Call) -> None:
    """Two runs that write what they read: each made it from what the other had made."""
    place.run(GOOD)
    place.run(BAD)
    for number, run in enumerate((GOOD, BAD)):
        for step, (source, made) in enumerate((("/b", "/a"), ("/a", "/b"))):
            result = TaskResult("SUCCEEDED", start=DAY + 10 * number + step, artifacts=one("out", made))
            place.task(run, f"t{made[1]}", result, input_artifacts=one("in", source))
    lines = hpc("lineage", "/a").splitlines()
    assert lines[0] == "/a"
    assert "see above" in lines[-1]
    assert len(lines) < 30


def test_what_was_written_before(place: Place, hpc: Call) -> None:
    for number, run in enumerate((GOOD, BAD, LIVE)):
        place.run(run)
        result = TaskResult("SUCCEEDED", start=DAY + number, artifacts=one("out", "/a"))
        place.task(run, "t", result)
    user = TaskResult("SUCCEEDED", start=DAY + 1.5, artifacts=one("out", "/u"))
    place.task(CUT, "u", user, input_artifacts=one("in", "/a"))
    assert hpc("lineage", "/a").splitlines()[1:] == [
        "   out of t, run 2026-11-21-cccc of mnist, 2026-11-20 00:00:02",
        "   written before by t, run 2026-11-20-bbbb; t, run 2026-11-20-aaaa",
    ]
    found = hpc("lineage", "/u").splitlines()
    assert found[3] == "      out of t, run 2026-11-20-bbbb of mnist, 2026-11-20 00:00:01"


def test_what_was_imported_may_have_been_made(place: Place, hpc: Call) -> None:
    place.run(GOOD)
    place.run(BAD)
    place.task(GOOD, "t", TaskResult("SUCCEEDED", start=DAY, artifacts=one("out", "/a")), inputs={"n": 1})
    place.task(BAD, "i", TaskResult("SUCCEEDED", "importer", start=DAY + 1, artifacts=one("artifact", "file:///a")))
    place.task(
        BAD, "u", TaskResult("SUCCEEDED", start=DAY + 2, artifacts=one("out", "/u")), input_artifacts=one("in", "/a")
    )
    assert hpc("lineage", "/u").splitlines() == [
        "/u",
        "│  out of u, run 2026-11-20-bbbb of mnist, 2026-11-20 00:00:02",
        "└─ in: /a",
        "   │  imported by i, run 2026-11-20-bbbb of mnist, 2026-11-20 00:00:01",
        "   └─ imported from: /a",
        "         out of t, run 2026-11-20-aaaa of mnist, 2026-11-20 00:00:00",
        "         parameters: n=1",
    ]


def test_a_long_chain_is_bounded(place: Place, hpc: Call) -> None:
    place.run(GOOD)
    for number in range(1000):
        made = TaskResult("SUCCEEDED", start=DAY + number, artifacts=one("out", f"/{number}"))
        place.task(GOOD, f"t{number}", made, input_artifacts=one("in", f"/{number - 1}"))
    lines = hpc("lineage", "/999", "--depth", "3").splitlines()
    assert [line.strip() for line in lines if "/99" in line] == ["/999", "└─ in: /998", "└─ in: /997"]
    assert lines[-1].strip() == "and so on: see more with --depth"
    shown = json.loads(hpc("lineage", "/999", "--depth", "2", "--format", "json"))
    assert shown["lineage"][0]["inputs"]["in"][0]["more"] == "deeper"
    assert hpc("lineage", "/999", "--depth", "100").count(" of t") == 100


def test_many_inputs_are_counted(place: Place, hpc: Call) -> None:
    place.run(GOOD)
    many = tuple(Artifact("in", f"/{number}") for number in range(30))
    place.task(
        GOOD, "t", TaskResult("SUCCEEDED", start=DAY, artifacts=one("out", "/out")), input_artifacts={"in": many}
    )
    lines = hpc("lineage", "/out").splitlines()
    assert lines[-1] == "└─ in: and 20 more"
    assert lines[2:4] == ["├─ in: /0", "│     not made by a run that is known here"]
    assert len(json.loads(hpc("lineage", "/out", "--format", "json"))["lineage"][0]["inputs"]["in"]) == 30
