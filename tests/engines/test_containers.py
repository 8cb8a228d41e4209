"""Runs in containers, from the pipeline file on: real docker, real kills. Skipped where no engine answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker_here
import pytest
from base_image import TAG
from docker_here import docker

docker_program = docker_here.docker_program
pytestmark = pytest.mark.usefixtures("docker_program")

PIPELINE = f"""\
hpc: 1
name: boxed
inputs: {{word: {{type: string, default: "it's, ü"}}, stay: {{type: string, default: ""}}}}
images: {{base: "{TAG}"}}
components:
  say:
    image: base
    command: [python3, -c, "%SAY%"]
    cli: argparse
    inputs: {{word: string}}
    outputs: {{text: string, page: Artifact}}
  wait:
    image: base
    command: [python3, -c, "%WAIT%"]
    cli: argparse
    inputs: {{text: string, page: Artifact, stay: string}}
    outputs: {{size: int}}
outputs: {{size: int}}
edges:
  - inputs.word -> say.word
  - inputs.stay -> wait.stay
  - say.text -> wait.text
  - say.page -> wait.page
  - wait.size -> outputs.size
"""
SAY = """import sys, os
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
open(given['--text'], 'w').write(given['--word'])
open(given['--page'], 'w').write(given['--word'] * 2)"""
WAIT = """import sys, os, time
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
while given['--stay'] and not os.path.exists(given['--stay']): time.sleep(0.05)
open(given['--size'], 'w').write(str(len(open(given['--page']).read())))"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = PIPELINE.replace("%SAY%", _quoted(SAY)).replace("%WAIT%", _quoted(WAIT))
    (tmp_path / "pipeline.yaml").write_text(text, "utf-8")
    return tmp_path


def test_values_and_artifacts_pass_from_container_to_container(folder: Path) -> None:
    outcome = run(folder)
    assert outcome["outputs"] == {"size": 14}
    [page] = folder.glob(".hpc/runs/*/tasks/say/1/outputs/page")
    assert page.read_text("utf-8") == "it's, ü" * 2
    assert page.stat().st_uid == os.getuid()
    assert containers(folder) == []


def test_a_second_run_takes_what_the_first_has_made(folder: Path) -> None:
    run(folder)
    assert states(run(folder)) == {"say": "CACHED", "wait": "CACHED"}
    assert states(run(folder, "-i", "word=other")) == {"say": "SUCCEEDED", "wait": "SUCCEEDED"}


def test_another_image_is_another_result(folder: Path) -> None:
    (folder / "Dockerfile").write_text(f"FROM {TAG}\nENV VERSION=1\n")
    text = (folder / "pipeline.yaml").read_text("utf-8")
    image = f"hpc-test-built:{os.getpid()}"
    built = text.replace(f'{{base: "{TAG}"}}', f'{{base: {{uri: "{image}", build: {{context: .}}}}}}')
    (folder / "pipeline.yaml").write_text(built, "utf-8")
    try:
        assert states(run(folder)) == {"say": "SUCCEEDED", "wait": "SUCCEEDED"}
        (folder / "Dockerfile").write_text(f"FROM {TAG}\nENV VERSION=2\n")
        outcome = run(folder)
        assert states(outcome) == {"say": "SUCCEEDED", "wait": "SUCCEEDED"}
        assert outcome["tasks"]["say"]["reason"] == "image changed"
    finally:
        docker("rmi", "--force", image)


def test_a_killed_engine_leaves_nothing_that_a_resumed_one_does_not_end(folder: Path) -> None:
    with engine(folder, "-i", f"stay={folder}/go") as first:
        until(lambda: len(containers(folder, "wait")) == 1)
        first.send_signal(signal.SIGKILL)
    assert len(containers(folder)) == 1, "nobody was there to end it"
    (folder / "go").touch()
    outcome = run(folder, "--resume", "last")
    assert outcome["tasks"]["say"]["reused"] is True
    assert outcome["tasks"]["wait"]["state"] == "SUCCEEDED"
    assert outcome["outputs"] == {"size": 14}
    assert containers(folder) == []


def test_an_interrupted_run_leaves_no_container(folder: Path) -> None:
    with engine(folder, "-i", f"stay={folder}/go") as one:
        until(lambda: len(containers(folder, "wait")) == 1)
        one.send_signal(signal.SIGINT)
        out, err = one.communicate(timeout=60)
    assert one.returncode == 130, err
    assert states(json.loads(out.splitlines()[-1])) == {"say": "SUCCEEDED", "wait": "CANCELLED"}
    assert containers(folder) == []


def test_an_image_that_is_not_to_be_had_fails_its_task(folder: Path) -> None:
    text = (folder / "pipeline.yaml").read_text("utf-8").replace(f'"{TAG}"', '"127.0.0.1:9/no/such:1"')
    (folder / "pipeline.yaml").write_text(text, "utf-8")
    outcome = run(folder, code=4)
    assert states(outcome) == {"say": "FAILED", "wait": "SKIPPED"}
    error = "the image 127.0.0.1:9/no/such:1 is not on this machine and cannot be pulled: "
    assert outcome["tasks"]["say"]["error"].startswith(error)
    assert Path(outcome["tasks"]["say"]["log"]).name.startswith("image-")


def test_notes_on_host_processes_are_not_shown(folder: Path) -> None:
    assert "note HPC514" in hpc(folder, "--dry-run", "--mode", "process").stderr
    assert "HPC514" not in hpc(folder, "--dry-run").stderr


def test_an_engine_that_does_not_answer_is_refused_before_anything_runs(folder: Path) -> None:
    done = hpc(folder, environ={"DOCKER_HOST": f"unix://{folder}/nobody.sock"})
    assert done.returncode == 1
    fact = f"the docker engine at unix://{folder}/nobody.sock is not running; start it, or run without containers"
    assert f"error HPC924 {fact}" in done.stderr
    assert not (folder / ".hpc").exists()


def test_a_dry_run_starts_no_container_and_fetches_no_image(folder: Path) -> None:
    text = (folder / "pipeline.yaml").read_text("utf-8").replace(f'"{TAG}"', '"127.0.0.1:9/no/such:1"')
    (folder / "pipeline.yaml").write_text(text, "utf-8")
    done = hpc(folder, "--dry-run")
    assert done.returncode == 0, done.stderr
    planned = [(one["task"], one["what"]) for one in json.loads(done.stdout)]
    assert planned == [("say", "run"), ("wait", "unknown")]


def test_an_engine_that_goes_away_in_the_middle_fails_the_task_and_not_hpc(folder: Path) -> None:
    socket = folder / "docker.sock"
    relay = subprocess.Popen([sys.executable, str(Path(__file__).parent / "relay.py"), str(socket), _address()])
    try:
        until(socket.exists)
        with engine(folder, "-i", f"stay={folder}/go", environ={"DOCKER_HOST": f"unix://{socket}"}) as one:
            until(lambda: len(containers(folder, "wait")) == 1)
            relay.kill()
            socket.unlink()
            out, err = one.communicate(timeout=120)
    finally:
        relay.kill()
        relay.wait()
        for name in containers(folder):
            docker("rm", "--force", name)
    outcome = json.loads(out.splitlines()[-1])
    assert (one.returncode, states(outcome)) == (4, {"say": "SUCCEEDED", "wait": "FAILED"}), err
    gone = f"the docker engine at unix://{socket} is not running; start it, or run without containers"
    assert outcome["tasks"]["wait"]["error"] == gone
    assert f"{gone}; containers with the label hpc.run=" in err
    assert "Traceback" not in err


# ---------------------------------------------------------------- tools


def run(folder: Path, *options: str, code: int = 0) -> dict[str, Any]:
    done = hpc(folder, *options)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def hpc(folder: Path, *options: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **(environ or {})}
    return subprocess.run(_command(options), cwd=folder, env=env, capture_output=True, text=True, check=False)


def engine(folder: Path, *options: str, environ: dict[str, str] | None = None) -> subprocess.Popen[str]:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    env = {**os.environ, **(environ or {})}
    return subprocess.Popen(_command(options), cwd=folder, env=env, text=True, **streams)


def _command(options: tuple[str, ...]) -> list[str]:
    fixed = ["run", "pipeline.yaml", "--mode", "docker", "--format", "json", "--mount", "."]
    return [sys.executable, "-m", "hpc", *fixed, *options]


def states(outcome: dict[str, Any]) -> dict[str, str]:
    return {path: task["state"] for path, task in outcome["tasks"].items()}


def containers(folder: Path, task: str = "") -> list[str]:
    """The names of the containers that runs of this folder have here, or that one task of them has."""
    filters = ["--filter", f"label=hpc.root={folder}/.hpc", *(["--filter", f"label=hpc.task={task}"] if task else [])]
    return docker("ps", "--all", *filters, "--format", "{{.Names}}").split()


def until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("nothing happened for half a minute")


def _quoted(program: str) -> str:
    return json.dumps(program)[1:-1]


def _address() -> str:
    """The socket of the engine."""
    host = docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").strip()
    return os.environ.get("DOCKER_HOST", host).removeprefix("unix://")
