"""What can go wrong on a machine: signals, processes that do not end, full disks, odd names, read-only folders."""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crashing import left_running
from engine_process import start
from small_pipelines import OUT, Ran, pipeline, platform, ran, task

from hpc.diagnostics import Rejected
from hpc.engines.local.store import Store

_WAIT = 60

_ESCAPED = """\
import os, sys, time
if os.fork():
    sys.exit(0)
os.setsid()
if os.fork():
    os._exit(0)
{more}
with open(sys.argv[1], "w") as file:
    file.write(f"{{os.getpid()}}\\n")
time.sleep(600)
"""
"""A daemon: a child of a child in a session of its own, which keeps the log open unless it closes it."""


# ---------------------------------------------------------------- signals


STUBBORN = """\
trap '' TERM
sh -c 'trap "" TERM; while :; do sleep 0.1; done' &
echo $! $$ > "$0"
while :; do sleep 0.1; done
"""


def _engine(base: Path, spec: dict[str, Any], grace: float = 1, **more: Any) -> subprocess.Popen[str]:
    file = base / "pipeline.json"
    file.write_text(json.dumps(spec))
    return start(file, {"base": str(base), "grace": grace, **more.pop("options", {})}, **more)


def _wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _WAIT
    while not condition():
        assert time.monotonic() < end, "nothing happened for a minute"
        time.sleep(0.02)


def _has_text(file: Path) -> bool:
    return file.exists() and file.read_text().endswith("\n")


def _pids(file: Path) -> list[int]:
    _wait_until(lambda: _has_text(file))
    return [int(pid) for pid in file.read_text().split()]


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_a_signal_ends_stubborn_children_and_starts_nothing_more(name: str, tmp_path: Path) -> None:
    spec = pipeline({"a": task("sh", "-c", STUBBORN, str(tmp_path / "pids")), "b": task("true", after=("a",))})
    with _engine(tmp_path, spec) as engine:
        pids = _pids(tmp_path / "pids")
        engine.send_signal(getattr(signal, f"SIG{name}"))
        out, err = engine.communicate(timeout=_WAIT)
    assert engine.returncode == 130, err
    outcome = json.loads(out)
    assert {path: one["state"] for path, one in outcome["tasks"].items()} == {"a": "CANCELLED", "b": "CANCELLED"}
    assert [pid for pid in pids if not _is_gone(pid)] == []
    assert left_running(tmp_path) == []


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    script = "trap 'touch asked' TERM; echo $$ > $0; while :; do sleep 0.1; done"
    spec = pipeline({"a": task("sh", "-c", script, str(tmp_path / "pids"))})
    with _engine(tmp_path, spec, grace=3600) as engine:
        pids = _pids(tmp_path / "pids")
        engine.send_signal(signal.SIGINT)
        _wait_until((tmp_path / "asked").exists)
        engine.send_signal(signal.SIGINT)
        _, err = engine.communicate(timeout=_WAIT)
    assert engine.returncode == 130, err
    assert [pid for pid in pids if not _is_gone(pid)] == []


def test_a_stopped_child_is_ended_too(tmp_path: Path) -> None:
    """SIGTERM waits for SIGCONT there; SIGKILL does not."""
    spec = pipeline({"a": task("sh", "-c", 'echo $$ > "$0"; kill -STOP $$', str(tmp_path / "pids"))})
    with _engine(tmp_path, spec) as engine:
        [pid] = _pids(tmp_path / "pids")
        _wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        engine.send_signal(signal.SIGINT)
        engine.communicate(timeout=_WAIT)
    assert engine.returncode == 130
    assert _is_gone(pid)


def test_nothing_is_begun_after_a_signal(tmp_path: Path) -> None:
    """One task has the only GPU; the other waits for it, and is not begun when it is free."""
    hold, begin = "trap 'exit 0' TERM; touch holding; while :; do sleep 0.05; done", "touch begun"
    spec = pipeline({"hold": task("sh", "-c", hold), "next": task("sh", "-c", begin)})
    settings = platform(hold={"gpus": 1}, next={"gpus": 1})
    environ = {"CUDA_VISIBLE_DEVICES": "0"}
    with _engine(tmp_path, spec, options={"platform": settings}, environ=environ) as engine:
        _wait_until((tmp_path / "holding").exists)
        engine.send_signal(signal.SIGINT)
        out, _ = engine.communicate(timeout=_WAIT)
    assert {path: one["state"] for path, one in json.loads(out)["tasks"].items()} == {
        "hold": "CANCELLED",
        "next": "CANCELLED",
    }
    assert not (tmp_path / "begun").exists()
    assert list(tmp_path.rglob("next/1/run.sh")) == []


def test_a_run_goes_on_when_nobody_reads_what_it_says(tmp_path: Path) -> None:
    """As with `| head`: the streams are closed in the middle of the run."""
    wait = task("sh", "-c", 'until [ -e "$0" ]; do sleep 0.02; done', str(tmp_path / "go"))
    spec = pipeline({"a": wait, "b": task("sh", "-c", "touch done", after=("a",))})
    with _engine(tmp_path, spec) as engine:
        assert engine.stdout is not None and engine.stderr is not None
        engine.stderr.readline()
        engine.stdout.close()
        engine.stderr.close()
        (tmp_path / "go").touch()
        engine.wait(timeout=_WAIT)
    assert (tmp_path / "done").exists()
    assert _states(tmp_path) == {"SUCCEEDED"}


def _states(base: Path) -> set[str]:
    """Of the runs in the store."""
    store = Store.existing(base / ".hpc")
    assert store is not None
    try:
        return {one.state for one in store.runs()}
    finally:
        store.close()


# ---------------------------------------------------------------- processes that get away


@pytest.mark.parametrize(
    "more",
    ["", "os.closerange(0, 100)"],
    ids=["keeps the log open", "closes everything"],
)
def test_a_daemon_holds_nothing_up_and_is_gone_when_its_task_is(more: str, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    daemon = shlex.join([sys.executable, "-c", _ESCAPED.format(more=more), str(file)])
    script = f'{daemon}; until [ -s "{file}" ]; do sleep 0.02; done'
    look = ("sh", "-c", '! kill -0 "$(cat "$0")"', str(file))
    result = ran(pipeline({"a": task("sh", "-c", script), "b": task(*look, after=("a",))}), tmp_path)
    assert {path: one.error for path, one in result.outcome.tasks.items()} == {"a": None, "b": None}
    assert [pid for pid in _pids(file) if not _is_gone(pid)] == []


def test_children_that_ended_are_collected(tmp_path: Path) -> None:
    """A child that outlives its parent a little becomes the engine's, which has to collect it."""
    script = "(sleep 0.05; exit 0) & sleep 0.01; exit 0"
    tasks = {f"t{n}": task("sh", "-c", script) for n in range(5)}
    tasks["last"] = task("sleep", "0.3", after=tuple(tasks))
    before = _zombies()
    ran(pipeline(tasks), tmp_path)
    assert _zombies() <= before


def _zombies() -> set[int]:
    """Children of this process that have ended and have not been collected."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in children if _is_gone(int(pid))}


# ---------------------------------------------------------------- what cannot be started


def test_many_arguments_that_are_too_long_together_are_a_failure_with_a_reason(tmp_path: Path) -> None:
    result = ran(pipeline({"a": task("true", *["x" * 100_000] * 40), "b": task("true")}), tmp_path)
    error = result.outcome.tasks["a"].error or ""
    assert "the command is too long for the operating system" in error
    assert error.endswith("pass large values as an artifact")
    assert result.outcome.tasks["b"].state == "SUCCEEDED"


def test_a_working_folder_that_goes_away_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    spec = pipeline({"a": task("rm", "-r", "app"), "b": task("true", after=("a",))})
    outcome = ran(spec, tmp_path, platform(b={"dir": "app"})).outcome
    assert outcome.tasks["b"].error == f"the working folder does not exist: {tmp_path}/app"


# ---------------------------------------------------------------- outputs and logs


def test_a_huge_output_parameter_is_a_failure_that_names_the_way_out(tmp_path: Path) -> None:
    script = 'head -c 70000000 /dev/zero > "$0"'
    result = ran(pipeline({"a": task("sh", "-c", script, OUT, outputs={"out": "STRING"})}), tmp_path)
    error = result.outcome.tasks["a"].error or ""
    assert "70000000 bytes are too many for a parameter; make it an artifact" in error


def test_a_huge_log_without_lines_is_kept_and_never_read_whole(tmp_path: Path) -> None:
    """50 MB of NULs: what the engine holds in memory does not grow with it."""
    spec = pipeline({"a": task("sh", "-c", "head -c 50000000 /dev/zero; exit 1")})
    (tmp_path / "pipeline.json").write_text(json.dumps(spec))
    engine = start(tmp_path / "pipeline.json", {"base": str(tmp_path)})
    out, _ = engine.communicate(timeout=_WAIT)
    small = pipeline({"a": task("sh", "-c", "echo; exit 1")})
    (tmp_path / "pipeline.json").write_text(json.dumps(small))
    found = json.loads(out)["tasks"]["a"]
    assert (found["state"], Path(found["log"]).stat().st_size) == ("FAILED", 50_000_000)
    assert _peak(tmp_path, spec) < _peak(tmp_path, small) + 20_000_000


def _peak(base: Path, spec: dict[str, Any]) -> int:
    """The largest resident memory of an engine that runs this, in bytes."""
    program = (
        "import json, os, resource, sys; from pathlib import Path; from hpc.engines.local import Request, run\n"
        "request = Request(base=Path(sys.argv[2]), environ=dict(os.environ))\n"
        "run(json.loads(sys.argv[1]), None, request, lambda _: None)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", program, json.dumps(spec), str(base)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    return 1024 * int(subprocess.run(command, capture_output=True, check=True, env=environ, timeout=_WAIT).stdout)


# ---------------------------------------------------------------- full disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.getuid() or not shutil.which("mount") or subprocess.run(mounting, check=False).returncode:
        pytest.skip("only root can make a small disk, and not everywhere")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def _run_on(disk: Path, spec: dict[str, Any], base: Path, **options: Any) -> tuple[int, dict[str, Any], str]:
    """Exit code, outcome if there is one, and what the engine said."""
    with _engine(base, spec, options={"root": str(disk / "root"), **options}) as engine:
        out, err = engine.communicate(timeout=_WAIT)
    assert "Traceback" not in err, err
    return engine.returncode, json.loads(out) if out else {}, err


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ('head -c 4000000 /dev/zero > "$0"', "exit code 1"),
        ("head -c 4000000 /dev/zero", "exit code 1"),
    ],
    ids=["output", "log"],
)
def test_a_disk_that_a_task_fills_fails_the_run_and_no_more(
    script: str, error: str, small_disk: Path, tmp_path: Path
) -> None:
    model = "{{$.outputs.artifacts['m'].path}}"
    spec = pipeline({"a": task("sh", "-c", script, model, outputs={"m": "system.Model"})})
    code, outcome, err = _run_on(small_disk, spec, tmp_path)
    if code == 4:
        assert (outcome["tasks"]["a"]["state"], outcome["tasks"]["a"]["error"]) == ("FAILED", error)
    else:
        assert (code, "HPC920" in err, "the disk is full; make room, then resume the run" in err) == (1, True, True)
    assert left_running(small_disk) == []


def test_a_full_disk_before_the_run_is_refused(small_disk: Path, tmp_path: Path) -> None:
    _fill(small_disk)
    code, _, err = _run_on(small_disk, pipeline({"a": task("true")}), tmp_path)
    assert code == 1
    assert "HPC920" in err or "HPC910" in err


def test_a_run_goes_on_when_there_is_room_again(small_disk: Path, tmp_path: Path) -> None:
    """The disk is full when the first task ends, so that the store cannot take that."""
    filler = small_disk / "filler"
    fill = 'dd if=/dev/zero of="$0" bs=4k; dd if=/dev/zero of="$0.rest" bs=1; [ -e full ] || { touch full; exit 0; }'
    spec = pipeline({"a": task("sh", "-c", fill, str(filler)), "b": task("true", after=("a",))})
    code, _, err = _run_on(small_disk, spec, tmp_path)
    assert (code, "HPC920" in err) == (1, True), err
    for file in small_disk.glob("filler*"):
        file.unlink()
    code, outcome, err = _run_on(small_disk, pipeline({"a": task("true")}), tmp_path, resume="last")
    assert code == 0, err
    assert outcome["tasks"]["a"]["attempts"] == 2


def _fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def test_a_limit_of_file_sizes_is_a_refusal_not_a_traceback(tmp_path: Path) -> None:
    """Nothing may grow past 300 kB: the second way to a full disk, which needs no rights."""
    tasks = {f"t{n}": task("true") for n in range(60)}
    with _engine(tmp_path, pipeline(tasks), preexec_fn=lambda: _limit_files(300_000)) as engine:
        _, err = engine.communicate(timeout=_WAIT)
    assert "Traceback" not in err, err
    assert engine.returncode == 1
    assert "HPC920" in err
    assert left_running(tmp_path) == []


def _limit_files(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_root_that_cannot_be_written_is_refused(tmp_path: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(Rejected, match="Read-only file system") as refused:
        ran(pipeline({"a": task("true")}), tmp_path, root=small_disk / "root")
    assert [one.rule.code for one in refused.value.diagnostics] == ["HPC910"]


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("")
    with pytest.raises(Rejected) as refused:
        ran(pipeline({"a": task("true")}), tmp_path, root=tmp_path / "root")
    assert [one.rule.code for one in refused.value.diagnostics] == ["HPC910"]


# ---------------------------------------------------------------- two engines


def test_a_second_engine_on_the_same_run_is_refused_and_names_the_first(tmp_path: Path) -> None:
    wait = 'touch begun; until [ -e "$0" ]; do sleep 0.02; done'
    spec = pipeline({"a": task("sh", "-c", wait, str(tmp_path / "go"))})
    with _engine(tmp_path, spec) as engine:
        _wait_until((tmp_path / "begun").exists)
        with pytest.raises(Rejected, match=f"is being run by the process {engine.pid}") as refused:
            ran(spec, tmp_path, resume="last")
        (tmp_path / "go").touch()
        engine.communicate(timeout=_WAIT)
    assert [one.rule.code for one in refused.value.diagnostics] == ["HPC921"]
    assert engine.returncode == 0


# ---------------------------------------------------------------- names and places


@pytest.mark.parametrize("name", ["with blanks", 'o\'clock "quoted" $HOME `x`', "über-ordner", "-n", "a;b&c"])
def test_the_root_may_have_any_name(name: str, tmp_path: Path) -> None:
    script = 'printf "%s" "$0" > "$1"; printf 1 > "$2"'
    command = ("sh", "-c", script, "x y", OUT, "{{$.outputs.artifacts['m'].path}}")
    spec = pipeline({"a": task(*command, outputs={"out": "STRING", "m": "system.Model"})}, {"Output": "a.out"})
    base = tmp_path / name
    base.mkdir()
    result = ran(spec, base)
    assert result.outcome.outputs == {"Output": "x y"}
    again = ran(spec, base, resume="last")
    assert again.outcome.tasks["a"].reused


def test_deep_and_long_paths_of_tasks_run(tmp_path: Path) -> None:
    """Sixty groups in each other, with keys of 120 characters."""
    inner = pipeline({"leaf": task("sh", "-c", 'printf 1 > "$0"', OUT, outputs={"out": "STRING"})})
    components = inner["components"]
    dag = inner["root"]["dag"]
    for depth in range(60):
        components[f"comp-{depth}"] = {"dag": dag}
        key = f"{depth}-" + "k" * 116
        dag = {"tasks": {key: {"componentRef": {"name": f"comp-{depth}"}, "taskInfo": {"name": key}}}}
    inner["root"]["dag"] = dag
    outcome = ran(inner, tmp_path).outcome
    [leaf] = [path for path in outcome.tasks if path.endswith("/leaf")]
    assert (outcome.state, outcome.tasks[leaf].outputs) == ("SUCCEEDED", {"out": "1"})
    assert ran(inner, tmp_path, resume="last").outcome.tasks[leaf].reused


def test_keys_that_differ_only_in_case_have_folders_that_differ(tmp_path: Path) -> None:
    write = ("sh", "-c", 'printf "$1" > "$0"', OUT)
    tasks = {key: task(*write, key, outputs={"out": "STRING"}) for key in ("Train", "train")}
    outcome = ran(pipeline(tasks), tmp_path).outcome
    assert {path: one.outputs["out"] for path, one in outcome.tasks.items()} == {"Train": "Train", "train": "train"}
    assert len({str(Path(one.log).parent).lower() for one in outcome.tasks.values()}) == 2


def test_a_clock_that_jumps_changes_no_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back by an hour at every look at it."""
    moments = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(moments)))
    outcome = ran(pipeline({"a": task("true"), "b": task("true", after=("a",))}), tmp_path).outcome
    assert all(0 <= one.seconds < _WAIT for one in outcome.tasks.values())
    assert 0 <= outcome.seconds < _WAIT


# ---------------------------------------------------------------- GPUs


def test_tasks_get_gpus_of_their_own_and_wait_for_them(tmp_path: Path) -> None:
    """Two wait for each other, hence run at the same time; nobody gets a GPU that another one has."""
    take, give = 'mkdir "$CUDA_VISIBLE_DEVICES" || exit 1; ', '; rmdir "$CUDA_VISIBLE_DEVICES"'
    meet = 'touch "here-$0"; until [ -e "here-$1" ]; do sleep 0.02; done'
    tasks = {key: task("sh", "-c", take + meet + give, key, other) for key, other in (("a", "b"), ("b", "a"))}
    tasks |= {key: task("sh", "-c", f"{take} sleep 0.05 {give}") for key in "cdef"}
    settings = platform(**{key: {"gpus": 1, "timeout": 30} for key in tasks})
    result = ran(pipeline(tasks), tmp_path, settings, {"CUDA_VISIBLE_DEVICES": "0,1"}, jobs=6)
    assert result.outcome.state == "SUCCEEDED", _logs(result)
    assert {one.name for one in tmp_path.iterdir()} == {"here-a", "here-b", ".hpc"}


def test_a_task_without_gpus_is_not_lent_any_and_more_than_there_are_means_all(tmp_path: Path) -> None:
    show = ("sh", "-c", 'echo "${CUDA_VISIBLE_DEVICES-unset}"')
    spec = pipeline({"many": task(*show), "none": task(*show)})
    result = ran(spec, tmp_path, platform(many={"gpus": 4}), {"CUDA_VISIBLE_DEVICES": "2,5"})
    assert _logs(result) == {"many": "2,5\n", "none": "2,5\n"}


def _logs(result: Ran) -> dict[str, str]:
    return {path: Path(one.log).read_text() for path, one in result.outcome.tasks.items()}


# ---------------------------------------------------------------- values and programs that are none


def test_an_output_that_is_nested_without_end_fails_its_task(tmp_path: Path) -> None:
    write = "import sys; open(sys.argv[1], 'w').write('[' * 500 + ']' * 500)"
    made = task(sys.executable, "-c", write, OUT, outputs={"out": "LIST"})
    reads = task("true", "{{$.inputs.parameters['x']}}", inputs={"x": "LIST"}, given={"x": "@make.out"})
    done = ran(pipeline({"make": made, "read": reads}), tmp_path).outcome
    assert (done.state, done.tasks["read"].reason) == ("FAILED", "upstream")
    assert "it is nested deeper than 100" in (done.tasks["make"].error or "")


def test_items_of_a_loop_that_are_nested_without_end_fail_it(tmp_path: Path) -> None:
    node = {"parameterIterator": {"itemInput": "x", "items": {"inputParameter": "xs"}}}
    loop = task("true", inputs={"x": "STRING", "xs": "STRING"}, given={"xs": "$xs"}, node=node)
    spec = pipeline({"loop": loop}, xs={"parameterType": "STRING"})
    done = ran(spec, tmp_path, arguments={"xs": "[" * 100_000}).outcome
    assert done.state == "FAILED"
    assert (done.tasks["loop"].error or "").endswith(" is not a list")


def test_an_interpreter_that_cannot_be_started_fails_its_task(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("\x7fno program")
    (tmp_path / "python").chmod(0o755)
    (tmp_path / "requirements.txt").touch()
    settings = {"python": "./python", "requirements": "requirements.txt"}
    done = ran(pipeline({"a": task("python", "-c", "")}), tmp_path, platform(a=settings)).outcome
    assert done.tasks["a"].error == f"{tmp_path / 'python'} cannot be started: Exec format error"
