"""The conformance cases: compiled pipelines and what the KFP backend makes of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matching import differences, run_differences

from hpc.engines.local import Request, run

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def _runs() -> Iterator[Any]:
    for file in sorted(HERE.glob("cases/*/case.json")):
        for one in json.loads(file.read_text())["runs"]:
            if "signal" not in one:
                yield pytest.param(file.parent, one, id=f"{file.parent.name}-{one['name']}")


@pytest.mark.parametrize(("case", "expected"), list(_runs()))
def test_a_case_runs_as_expected(case: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    arguments = {name: _filled(value, state) for name, value in expected["args"].items()}
    fail_fast = expected.get("options", {}).get("fail_fast", False)
    request = Request(base=tmp_path, environ=dict(os.environ), arguments=arguments, jobs=4, fail_fast=fail_fast)
    outcome = run(json.loads((case / "pipeline.json").read_text()), None, request, [].append)
    assert list(run_differences(expected, json.loads(json.dumps(outcome.as_dict())))) == []
    assert outcome.seconds >= expected.get("wall_min", 0)


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_a_signal_stops_the_run_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    case = HERE / "cases" / "36_cancel_straight"
    [expected] = json.loads((case / "case.json").read_text())["runs"]
    state = tmp_path / "state"
    state.mkdir()
    with _engine(case / "pipeline.json", {"state_dir": str(state)}, tmp_path, grace=1) as engine:
        pids = _pids([Path(_filled(file, state)) for file in expected["wait_for"]])
        engine.send_signal(getattr(signal, f"SIG{name}"))
        out, err = engine.communicate(timeout=30)
    assert engine.returncode == 130, err
    assert list(run_differences(expected, json.loads(out))) == []
    assert "no new tasks; 2 running tasks asked to end, killed after 1 s or at the next Ctrl-C" in err
    assert [pid for pid in pids if _alive(pid)] == []
    assert all(Path(_filled(file, state)).exists() for file in expected["files_exist"])
    assert not any(Path(_filled(file, state)).exists() for file in expected["files_absent"])


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    pipeline = HERE / "cases" / "36_cancel_straight" / "pipeline.json"
    with _engine(pipeline, {"state_dir": str(state)}, tmp_path, grace=3600) as engine:
        pids = _pids([state / "pids-stubborn", state / "pids-polite"])
        engine.send_signal(signal.SIGINT)
        _wait_until((state / "term-polite").exists)
        engine.send_signal(signal.SIGINT)
        out, err = engine.communicate(timeout=30)
    assert engine.returncode == 130, err
    assert json.loads(out)["state"] == "CANCELLED"
    assert "stop killing" in err
    assert [pid for pid in pids if _alive(pid)] == []


def test_the_matcher_sees_what_is_wrong() -> None:
    assert list(differences({"$json": {"a": 1}}, '{"a": 2}', "x")) == ["x as JSON.a: 2, want 1"]
    assert list(differences({"$re": "a+"}, "b", "x")) == ["x: 'b' does not match a+"]
    assert list(differences(1, True, "x")) == ["x: True, want 1"]
    assert list(differences({"a": 1}, {}, "x")) == ["x.a: only on one side"]


def _engine(pipeline: Path, arguments: dict[str, Any], base: Path, grace: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "engine_process.py"), str(pipeline), json.dumps(arguments)]
    return subprocess.Popen(
        [*command, str(base), str(grace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def _pids(files: list[Path]) -> list[int]:
    _wait_until(lambda: all(file.exists() and file.read_text().endswith("\n") for file in files))
    return [int(pid) for file in files for pid in file.read_text().split()]


def _wait_until(condition: Any) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("nothing happened for half a minute")


def _alive(pid: int) -> bool:
    """Neither gone nor only waiting to be collected."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def _filled(value: Any, state: Path) -> Any:
    return value.replace("${STATE}", str(state)) if isinstance(value, str) else value
