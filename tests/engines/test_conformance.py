"""The conformance cases: compiled pipelines and what the KFP backend makes of them, as processes and in containers."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker_here
import pytest
from crashing import left_running
from engine_process import start
from matching import differences, run_differences

docker_program = docker_here.docker_program
HERE = Path(__file__).parent
CASES = [file.parent.name for file in sorted(HERE.glob("cases/*/case.json"))]


def test_there_are_cases() -> None:
    assert len(CASES) == 19


@pytest.mark.parametrize("case", CASES)
def test_a_case_runs_as_host_processes(case: str, tmp_path: Path) -> None:
    assert list(_problems(case, tmp_path, "process")) == []


@pytest.mark.usefixtures("docker_program")
@pytest.mark.parametrize("case", CASES)
def test_a_case_runs_in_containers(case: str, tmp_path: Path) -> None:
    assert list(_problems(case, tmp_path, "docker")) == []


def test_the_matcher_sees_what_is_wrong() -> None:
    assert list(differences({"$json": {"a": 1}}, '{"a": 2}', "x")) == ["x as JSON.a: 2, want 1"]
    assert list(differences({"$re": "a+"}, "b", "x")) == ["x: 'b' does not match a+"]
    assert list(differences(1, True, "x")) == ["x: True, want 1"]
    assert list(differences({"a": 1}, {}, "x")) == ["x.a: only on one side"]
    assert list(differences({"$superset": [{"a": 1}, {"b": 2}]}, {"a": 3, "b": 4}, "x")) == ["x.a: 3, want 1"]
    expected = {"state": "SUCCEEDED", "tasks": {"a": {"state": "SUCCEEDED", "attempts": 2}, "b": "SKIPPED"}}
    ran = {"state": "SUCCEEDED", "attempts": 1, "log": "", "outputs": {}, "artifacts": {}}
    found = list(run_differences(expected, {"state": "FAILED", "outputs": {}, "tasks": {"a": ran, "c": ran}}))
    assert found == [
        "state: 'FAILED', want 'SUCCEEDED'",
        "a.attempts: 1, want 2",
        "b: there is no such task",
        "c: has run",
    ]


def _problems(case: str, folder: Path, mode: str) -> Iterator[str]:
    """What is not as expected in the runs of a case, which may share a root and a state."""
    (folder / "seed.txt").write_text("seed text")
    (folder / "source").mkdir()
    runs = json.loads((HERE / "cases" / case / "case.json").read_text())["runs"]
    state = folder / "state"
    for number, expected in enumerate(runs):
        state = folder / f"state-{number}" if number and expected.get("fresh_state") else state
        state.mkdir(exist_ok=True)
        shared = expected.get("options", {}).get("cache", False)
        options = {
            "base": str(folder / "source"),
            "root": str(folder / ("root" if shared else f"root-{number}")),
            "arguments": {name: _filled(value, state) for name, value in expected["args"].items()},
            "fail_fast": expected.get("options", {}).get("fail_fast", False),
            "cache": shared,
            "grace": 2,
            "mode": mode,
            "mounts": [str(folder)],
        }
        problems = _run(HERE / "cases" / case / "pipeline.json", options, expected, state)
        yield from (f"{expected['name']}: {problem}" for problem in problems)


def _run(pipeline: Path, options: dict[str, Any], expected: dict[str, Any], state: Path) -> Iterator[str]:
    began = time.monotonic()
    with start(pipeline, options) as engine:
        if "signal" in expected:
            _wait_for([Path(_filled(file, state)) for file in expected["wait_for"]])
            engine.send_signal(getattr(signal, f"SIG{expected['signal']}"))
        out, err = engine.communicate(timeout=180)
    wanted = {"SUCCEEDED": 0, "FAILED": 4, "CANCELLED": 130}[expected["state"]]
    if engine.returncode != wanted:
        yield f"exit code {engine.returncode}, want {wanted}: {err}"
    yield from run_differences(expected, json.loads(out.splitlines()[-1]))
    if time.monotonic() - began < expected.get("wall_min", 0):
        yield f"it took less than {expected['wall_min']} s"
    yield from _files(expected, state)
    yield from (f"left behind: {what}" for what in _left_behind(options))


def _files(expected: dict[str, Any], state: Path) -> Iterator[str]:
    for file, text in expected.get("files", {}).items():
        yield from differences(text, Path(_filled(file, state)).read_text(), file)
    for file in expected.get("files_exist", ()):
        if not Path(_filled(file, state)).exists():
            yield f"{file} does not exist"
    for file in expected.get("files_absent", ()):
        if Path(_filled(file, state)).exists():
            yield f"{file} exists"


def _left_behind(options: dict[str, Any]) -> list[str]:
    """Processes or containers of a run that has ended."""
    if options["mode"] == "process":
        return [str(pid) for pid in left_running(Path(options["root"]))]
    command = ["docker", "ps", "--all", "--quiet", "--filter", f"label=hpc.root={options['root']}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def _wait_for(files: list[Path]) -> None:
    for _ in range(600):
        if all(file.exists() and file.stat().st_size for file in files):
            return
        time.sleep(0.05)
    raise AssertionError(f"not all of {files} were written within half a minute")


def _filled(value: Any, state: Path) -> Any:
    if not isinstance(value, str):
        return value
    return value.replace("${STATE}", str(state)).replace("${SEED}", str(state.parent / "seed.txt"))
