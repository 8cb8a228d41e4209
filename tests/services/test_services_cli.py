"""Both services on the command line: `hpc run --on`, watch, cancel, resume, runs and schedule, as a user types them."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import kfp_examples
import pytest
from kfp_script import Script
from kfp_server import Fault, kfp_server
from vertex_here import FAST, credentials_file
from vertex_script import fails, gives, hangs
from vertex_server import vertex_server

from hpc.cli import run_command
from hpc.engines import SERVICES, kfp, vertex

PIPELINE = """\
hpc: 1
name: train-and-test
labels: {{team: vision}}
inputs:
  lr: {{type: float, default: 0.1, min: 0}}
  note: {{type: string, default: "first, try"}}
outputs: {{accuracy: float}}
images: {{trainer: registry.example/team/trainer:1.0}}
targets: {targets}
schedule: {{cron: 0 3 * * 1, inputs: {{lr: 0.2}}}}
components:
  train:
    image: trainer
    command: [python, train.py]
    inputs: {{lr: float, note: string}}
    outputs: {{model: Model}}
  test: {{image: trainer, command: [python, test.py], inputs: {{model: Model}}, outputs: {{accuracy: float}}}}
edges:
  - inputs.{{lr, note}} -> train
  - train.model -> test.model
  - test.accuracy -> outputs.accuracy
"""
TRAIN_STANDS_IN = f"pipeline.yaml:{PIPELINE[: PIPELINE.index('  train:')].count(chr(10)) + 1}"


@dataclass
class Here:
    """A service on loopback and a folder with a pipeline for it."""

    name: str
    server: Any
    capture: pytest.CaptureFixture[str]

    def hpc(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command line."""
        self.capture.readouterr()
        code = run_command(words)
        said = self.capture.readouterr()
        return code, said.out, said.err

    def run(self, *words: str) -> tuple[int, str, str]:
        return self.hpc("run", "pipeline.yaml", "--on", self.name, *words)

    @property
    def runs(self) -> int:
        """How many runs the server has."""
        return len(self.server.jobs.all if self.name == "vertex" else self.server.store.runs)

    @property
    def asked(self) -> int:
        return len(self.server.asked if self.name == "vertex" else self.server.requests)

    def train_fails(self) -> None:
        if self.name == "vertex":
            self.server.script["train"] = fails("out of memory")
        else:
            self.server.store.script = Script(ends={"train": "FAILED"}, error="out of memory")

    def all_goes_well(self) -> None:
        if self.name == "vertex":
            self.server.script.clear()
        else:
            self.server.store.script = Script()

    def train_hangs(self) -> None:
        if self.name == "vertex":
            self.server.script["train"] = hangs()
        else:
            self.server.store.script = Script(stuck=True)


@contextmanager
def _server(name: str) -> Iterator[Any]:
    with vertex_server() if name == "vertex" else kfp_server() as running:
        yield running


def _targets(name: str, server: Any) -> str:
    if name == "kfp":
        return f'{{kfp: {{host: "{server.url}"}}}}'
    place = f'project: ml-dev, region: us-central1, root: "gs://bucket/root", endpoint: "{server.endpoint}"'
    return f"{{vertex: {{{place}}}}}"


def _in_haste(name: str) -> ModuleType:
    """The module of a service, whose connections wait for milliseconds only."""
    module, pace = (vertex, FAST) if name == "vertex" else (kfp, kfp_examples.FAST)
    hasty = ModuleType(f"hasty_{name}")
    vars(hasty)["connect"] = lambda settings, environ, said: module.connect(
        settings, environ, replace(pace, told=said.told)
    )
    return hasty


@pytest.fixture(params=["vertex", "kfp"])
def here(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Here]:
    name = cast("str", request.param)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials_file(tmp_path)))
    monkeypatch.setitem(sys.modules, f"hasty_{name}", _in_haste(name))
    monkeypatch.setitem(cast("dict[str, str]", SERVICES), name, f"hasty_{name}")
    monkeypatch.chdir(tmp_path)
    with _server(name) as server:
        Path("pipeline.yaml").write_text(PIPELINE.format(targets=_targets(name, server)), encoding="utf-8")
        yield Here(name, server, capsys)


# ---------------------------------------------------------------- runs


def test_a_run_is_watched_to_its_end(here: Here) -> None:
    if here.name == "vertex":
        here.server.script["test"] = gives(accuracy=0.97)
    code, out, err = here.run("-i", "lr=0.5")
    assert code == 0, err
    assert err.count("submitted to") == 1
    assert re.search(r"OK +train", err)
    assert re.search(r"OK +test", err)
    assert "succeeded: 2 OK" in err
    assert "no log" not in err
    assert "accuracy: 0.97" in out if here.name == "vertex" else out == ""
    assert here.runs == 1


def test_a_failure_has_its_cause_and_its_place(here: Here) -> None:
    here.train_fails()
    code, out, err = here.run()
    assert (code, out) == (4, "")
    assert "train failed: out of memory" in err
    assert f"  in:      {TRAIN_STANDS_IN}\n" in err
    assert re.search(r"^\S+( \(train-and-test-\S+\))? submitted to", err, re.MULTILINE)
    assert f"--on {here.name}" in err.split("go on with: ")[1]


def test_detached(here: Here) -> None:
    code, out, err = here.run("--detach")
    run = out.strip()
    assert code == 0
    assert out == f"{run}\n"
    assert f"`hpc watch {run} --on {here.name}`" in err
    code, out, _ = here.hpc("runs", "--on", here.name, "--format", "json")
    assert [one["run"] for one in json.loads(out)] == [run]
    code, out, err = here.hpc("watch", run)
    assert code == 0
    assert "succeeded: 2 OK" in err


def test_a_name_is_one_run(here: Here) -> None:
    first = here.run("--name", "release-7", "--detach")
    second = here.run("--name", "release-7", "--detach")
    assert (first[0], second[0], first[1]) == (0, 0, second[1])
    assert here.runs == 1
    code, out, err = here.run("--name", "release-7", "-i", "lr=0.9")
    assert (code, out) == (1, "")
    assert "error HPC948" in err
    assert here.runs == 1


def test_cancel_and_resume(here: Here) -> None:
    here.train_hangs()
    run = here.run("--detach")[1].strip()
    if here.name == "kfp":
        here.server.store.script = Script(stuck=True, cancelled_as="CANCELED")
    code, out, err = here.hpc("cancel", run)
    assert (code, out) == (0, "")
    assert re.search(f"^{run} (is being )?cancelled$", err, re.MULTILINE)
    assert here.hpc("watch", run)[0] == 130
    assert f"{run} had ended before: cancelled" in here.hpc("cancel", run)[2]
    here.all_goes_well()
    code, out, err = here.hpc("resume", run)
    assert code == 0, err
    assert here.runs == (2 if here.name == "vertex" else 1)
    assert f"resumed as {run}{'-r1' if here.name == 'vertex' else ''}, in " in err
    heads = here.hpc("runs", "--on", here.name)[1].splitlines()[0].split()
    own = ["name"] if here.name == "kfp" else []  # on Vertex AI the name is the run itself
    message = ["message"] if here.name == "vertex" else []
    assert heads == ["run", *own, "pipeline", "state", "started", "took", *message]


def test_a_name_that_the_service_does_not_use_is_shown(here: Here) -> None:
    _, run, err = here.run("--name", "release-7", "--detach")
    shown = f"{run.strip()} (release-7)" if here.name == "kfp" else "release-7"
    assert err.startswith(f"{shown} submitted to ")
    assert "release-7" in here.hpc("runs", "--on", here.name)[1]


def test_runs_of_which_place(here: Here) -> None:
    code, out, err = here.hpc("runs", "--file", "pipeline.yaml")
    assert (code, out) == (2, "")
    assert "say which service is meant: --on vertex or --on kfp" in err


def test_a_run_that_is_not_there(here: Here) -> None:
    for command in ("watch", "cancel", "resume"):
        code, out, err = here.hpc(command, "nothing-of-that-name")
        assert (code, out) == (1, ""), command
        assert "error HPC944" in err


def test_what_is_wrong_is_said_before_anything_is_sent(here: Here) -> None:
    for words, said in {
        ("-i", "rate=1"): "HPC902",
        ("-i", "lr=fast"): "HPC904",
        ("-i", "lr=-1"): "HPC911",
        ("--set", "components.train.image=none"): "HPC204",
    }.items():
        code, out, err = here.run(*words)
        assert (code, out) == (1, ""), words
        assert said in err
    assert here.asked == 0


def test_a_dry_run_sends_nothing(here: Here) -> None:
    code, out, err = here.run("--dry-run")
    assert (code, out) == (0, "train\ntest\n")
    assert "train-and-test would be handed to" in err
    assert here.asked == 0


def test_options_of_other_places_are_refused(here: Here) -> None:
    other = {"vertex": ["--host", "http://x"], "kfp": ["--project", "p"]}[here.name]
    for words, said in ((["--jobs", "3"], "--jobs is for runs on this machine."), (other, f"{other[0]} is for ")):
        code, out, err = here.run(*words)
        assert (code, out) == (2, "")
        assert said in err
    assert "--detach is for runs on a service" in here.hpc("run", "pipeline.yaml", "--detach")[2]


def test_json(here: Here) -> None:
    code, out, _ = here.run("--format", "json")
    found = json.loads(out)
    assert (code, found["state"], sorted(found["tasks"])) == (0, "SUCCEEDED", ["test", "train"])


def test_compiled_files_run_too(here: Here) -> None:
    assert here.hpc("compile", "pipeline.yaml", "-o", "compiled.ir.yaml", "--target", here.name)[0] == 0
    if here.name == "vertex":
        code, _, err = here.hpc("run", "compiled.ir.yaml", "--on", "vertex", "--dry-run")
        assert (code, "HPC942" in err) == (1, True)  # a compiled file does not say in which region
    else:
        code, _, err = here.hpc("run", "compiled.ir.yaml", "--on", "kfp", "--host", here.server.url)
        assert code == 0, err


def test_ctrl_c_leaves_the_run(here: Here, tmp_path: Path) -> None:
    here.train_hangs()
    words = [sys.executable, "-m", "hpc", "run", "pipeline.yaml", "--on", here.name]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not here.runs:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the run goes on: `hpc watch " in err
    assert "Traceback" not in err
    _, out, _ = here.hpc("runs", "--on", here.name, "--format", "json")
    assert [one["state"] for one in json.loads(out)] in (["RUNNING"], ["PENDING"])


def test_ctrl_c_while_a_run_is_asked_for(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    if here.name == "vertex":
        from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient

        monkeypatch.setattr(PipelineServiceClient, "create_pipeline_job", _interrupted)
        code, out, err = here.run("--region", "us-central1")
        (run,) = re.findall(r"the run (\S+) may have been started", err)
        assert f"`hpc watch {run} --on vertex --region us-central1` shows it again, `hpc cancel {run} --on" in err
    else:
        monkeypatch.setattr(kfp.service.Submitting, "submit", _interrupted)
        code, out, err = here.run("--namespace", "team a")
        assert "a run may have been started: `hpc runs --on kfp --namespace 'team a'` lists the runs" in err
    assert (code, out, err.splitlines()[-1]) == (130, "", "hpc: cancelled")


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_what_is_told_to_type_reaches_the_same_place(here: Here, tmp_path: Path) -> None:
    (tmp_path / "my team").mkdir()
    Path("pipeline.yaml").rename("my team/pipeline.yaml")
    code, out, err = here.hpc("run", "my team/pipeline.yaml", "--on", here.name, "--detach")
    assert code == 0, err
    (told,) = re.findall(r"`hpc (watch [^`]*)`", err)
    assert told == f"watch {out.strip()} --on {here.name} --file 'my team/pipeline.yaml'"
    assert here.hpc(*shlex.split(told))[0] == 0


# ---------------------------------------------------------------- schedules


def test_a_schedule(here: Here) -> None:
    said = [here.hpc("schedule", "plan", "--check"), here.hpc("schedule", "apply")]
    assert [code for code, _, _ in said] == [1, 0]
    assert "train-and-test would be created" in said[0][2]
    assert "train-and-test created" in said[1][2]
    assert here.hpc("schedule", "plan", "--check")[0] == 0
    assert "is as the file says" in here.hpc("schedule", "apply")[2]
    _, out, _ = here.hpc("schedule", "list", "--format", "json")
    assert [(one["name"], one["cron"], one["state"]) for one in json.loads(out)] == [
        ("train-and-test", "0 3 * * 1", "ACTIVE")
    ]
    if here.name == "vertex":
        assert re.search(r"UTC  +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(\w+\)$", here.hpc("schedule", "list")[1].strip())


def test_a_schedule_is_changed_paused_and_deleted(here: Here) -> None:
    here.hpc("schedule", "apply")
    code, _, err = here.hpc("schedule", "plan", "--set", "schedule.cron=30 4 * * *", "--set", "schedule.inputs.lr=0.3")
    assert code == 0
    assert "would be changed" in err
    assert "0 3 * * 1" in err
    assert "30 4 * * *" in err
    assert "lr" in err
    assert here.hpc("schedule", "apply", "--set", "schedule.cron=30 4 * * *")[0] == 0
    assert here.hpc("schedule", "pause", "train-and-test")[0] == 0
    assert "would be resumed" in here.hpc("schedule", "plan", "--set", "schedule.cron=30 4 * * *")[2]
    assert here.hpc("schedule", "resume", "train-and-test")[0] == 0
    assert here.hpc("schedule", "delete", "train-and-test")[0] == 0
    assert json.loads(here.hpc("schedule", "list", "--format", "json")[1]) == []
    code, _, err = here.hpc("schedule", "pause", "train-and-test")
    assert (code, "error HPC944" in err) == (1, True)


def test_a_file_without_a_schedule(here: Here) -> None:
    code, _, err = here.hpc("schedule", "plan", "--set", "schedule=null")
    assert code == 2
    assert "pipeline.yaml has no `schedule:`" in err


def test_waiting_is_told_once(here: Here) -> None:
    if here.name == "vertex":
        here.server.faults.add("UNAVAILABLE", "pipelineJobs.create", times=4)
    else:
        here.server.faults += [Fault("503", "POST", "/runs") for _ in range(4)]
    code, _, err = here.run("--detach")
    assert code == 0, err
    assert err.count("; asking again") == 1
    assert err.startswith("note: ")
    assert here.runs == 1
