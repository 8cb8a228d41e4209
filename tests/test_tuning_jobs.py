"""`tune` on Vertex AI: the compiled search, the program in front of each trial, and the one that reads the best trial.

The launcher's container is held against what google-cloud-pipeline-components itself compiles for the same choice, its
payload against the protos of the API. The programs run as real processes: a trial with a real Hydra application, the
reader of the best trial against a loopback server that plays the metadata server and the API.
"""

# The packages of Google are only partly typed, and JSON values are `Any` here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false, reportPrivateUsage=false

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from compiling import TESTS, compile_bytes, compile_text
from google.protobuf import json_format
from hydra_apps import APP, Project
from loopback_cloud import META, LoopbackCloud

from hpc.components.trials import BEST, TRIAL, Searched, trial_folders, with_trial
from hpc.templates import as_yaml

# ---------------------------------------------------------------- the texts


@pytest.mark.parametrize(
    ("program", "digest", "size"),
    [
        (TRIAL, "ebcb1ab3a5967445e10beae137f6a58875c7c907b630d1b51912b09e538f5598", 4564),
        (BEST, "cc31155146a64dc156b6b670594e84a9e7007a2eb95199071ffebd308e283c3d", 4207),
    ],
    ids=["trial", "best"],
)
def test_the_text_is_frozen(program: str, digest: str, size: int) -> None:
    """The cache key holds the text. A failure here asks for a new version number in its first line, on purpose."""
    assert (hashlib.sha256(program.encode()).hexdigest(), len(program)) == (digest, size)


@pytest.mark.parametrize("program", [TRIAL, BEST], ids=["trial", "best"])
def test_the_text_survives_the_platform_and_old_pythons(program: str) -> None:
    assert re.match(r"# hpc \w+ \d+: ", program)
    assert program.isascii()
    assert [word for word in ("$", "{{", "}}") if word in program] == []
    ast.parse(program, feature_version=(3, 6))
    nodes = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Import)]
    imported = {alias.name.partition(".")[0] for node in nodes for alias in node.names}
    assert imported <= {"http", "json", "os", "re", "signal", "sys", "time", "urllib"}


# ---------------------------------------------------------------- a trial

ECHO = "import json, sys; print(json.dumps(sys.argv[1:]))"
WRITE = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
SEARCHED = [
    Searched("lr", "float", "--+optim.lr"),
    Searched("size", "int", "-s"),
    Searched("fast", "bool", "--fast"),
    Searched("net", "string", "--net"),
]


@dataclass(frozen=True)
class Trial:
    """Runs commands as a trial does, with `/gcs/` and `/tmp` in a folder of the test's own."""

    folder: Path

    def run(
        self, program: str, *words: str, flags: Sequence[str] = (), output: str = "/hpc.trial/acc", **env: str
    ) -> subprocess.CompletedProcess[str]:
        command = with_trial([sys.executable, "-c", program, *words], "acc", output, SEARCHED)
        return subprocess.run(
            [*self.placed(command), "--hpc-values", *flags],
            env=self.environment(**env),
            capture_output=True,
            text=True,
            check=False,
        )

    def placed(self, command: Sequence[str]) -> list[str]:
        """The command with the program's constant folders inside of the test's."""
        assert command[2] == TRIAL
        text = TRIAL.replace("/tmp/", f"{self.folder}/tmp/").replace('"/gcs/"', f'"{self.folder}/gcs/"')
        return [*command[:2], text, *command[3:]]

    def environment(self, **env: str) -> dict[str, str]:
        usual = {"CLOUD_ML_HP_METRIC_FILE": str(self.metrics), "CLOUD_ML_TRIAL_ID": "7"}
        return {**os.environ, **usual, **env}

    @property
    def metrics(self) -> Path:
        return self.folder / "hypertune" / "output.metrics"

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.metrics.read_text().splitlines()] if self.metrics.exists() else []


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


@pytest.mark.parametrize(
    ("given", "arrives"),
    [
        ("--lr=0.1", "--+optim.lr=0.1"),
        ("--lr=1", "--+optim.lr=1.0"),
        ("--lr=1e-05", "--+optim.lr=1e-05"),
        ("--lr=0.00001", "--+optim.lr=1e-05"),
        ("--size=64.0", "-s=64"),
        ("--size=64", "-s=64"),
        ("--size=1e3", "-s=1000"),
        ("--size=-3.0", "-s=-3"),
        ("--size=9007199254740992", "-s=9007199254740992"),
        ("--size=2.5", "-s=2.5"),
        ("--fast=true", "--fast=true"),
        ("--net=5.0", "--net=5.0"),
        ("--net=a=b, c", "--net=a=b, c"),
        ("--net=", "--net="),
        ("--net=inf", "--net=inf"),
        ("--size=inf", "-s=inf"),
        ("--other=1", "--other=1"),
        ("--metric", "--metric"),
    ],
)
def test_a_value_arrives_under_the_flag_and_in_the_type_of_its_input(given: str, arrives: str, trial: Trial) -> None:
    done = trial.run(ECHO, "x", "--lr=2", output="", flags=[given])
    assert (done.returncode, json.loads(done.stdout)) == (0, ["x", "--lr=2", arrives])


def test_a_value_may_be_a_word_of_its_own(trial: Trial) -> None:
    done = trial.run(ECHO, output="", flags=["--size", "64.0", "--net", "--lr=1", "--fast"])
    assert json.loads(done.stdout) == ["-s=64", "--net=--lr=1", "--fast="]


def test_every_trial_has_a_folder_of_its_own(trial: Trial) -> None:
    (trial.folder / "gcs").mkdir()
    model = "gs://bucket/run/task/7/model/"
    show = "import json, os, sys; print(json.dumps([*sys.argv[1:], os.path.isdir(sys.argv[1])]))"
    words = ["/hpc.trial/", "x=/hpc.trial/model", "y='gs://hpc.trial/model'", "gs://hpc.trials/", "/hpc.trial"]
    done = trial.run(show, *words, output="", AIP_MODEL_DIR=model)
    path, uri = f"{trial.folder}/gcs/bucket/run/task/7/outputs/", "gs://bucket/run/task/7/outputs/"
    expected = [path, f"x={path}model", f"y='{uri}model'", "gs://hpc.trials/", "/hpc.trial", True]
    assert json.loads(done.stdout) == expected
    elsewhere = trial.run(show, *words, output="")
    local = f"{trial.folder}/tmp/hpc-trial/"
    assert json.loads(elsewhere.stdout) == [
        *(local, f"x={local}model", f"y='{local}model'", "gs://hpc.trials/", "/hpc.trial", True)
    ]


@pytest.mark.parametrize(("text", "value"), [("0.25", "0.25"), ("3\n", "3.0"), (" -1e-7 ", "-1e-07")])
def test_the_output_is_reported_as_the_metric(text: str, value: str, trial: Trial) -> None:
    before = time.time()
    done = trial.run(WRITE, "/hpc.trial/acc", text)
    assert (done.returncode, done.stderr) == (0, "")
    [report] = trial.reports
    assert before <= report.pop("timestamp") <= time.time()
    assert report == {"trial": "7", "acc": value, "global_step": "0"}


OWN = """
import json, os, sys
file = os.environ["CLOUD_ML_HP_METRIC_FILE"]
os.makedirs(os.path.dirname(file))
record = {"timestamp": 1.0, "trial": "7", sys.argv[3]: "0.5", "global_step": "3"}
open(file, "w").write("no JSON\\n[]\\n" + json.dumps(record) + "\\n")
open(sys.argv[1], "w").write(sys.argv[2])
"""


@pytest.mark.parametrize(("tag", "count"), [("acc", 1), ("loss", 2)])
def test_what_the_program_has_reported_itself_stands(tag: str, count: int, trial: Trial) -> None:
    done = trial.run(OWN, "/hpc.trial/acc", "0.25", tag)
    assert done.returncode == 0
    lines = trial.metrics.read_text().splitlines()[2:]
    assert [json.loads(line).get("acc") for line in lines] == (["0.5"] if tag == "acc" else [None, "0.25"])
    assert len(lines) == count


@pytest.mark.parametrize(
    ("program", "text", "said"),
    [
        ("pass", "", "the program has written no output acc, which is the metric"),
        (WRITE, "good", "the output acc is not a number, but it is the metric"),
        (WRITE, "", "the output acc is not a number, but it is the metric"),
        (WRITE, "nan", "the output acc is not finite, but it is the metric"),
        (WRITE, "-Infinity", "the output acc is not finite, but it is the metric"),
    ],
)
def test_a_trial_without_metric_fails_with_one_line(program: str, text: str, said: str, trial: Trial) -> None:
    done = trial.run(program, "/hpc.trial/acc", text)
    assert (done.returncode, done.stderr, trial.reports) == (1, f"hpc: {said}\n", [])


def test_a_metric_that_is_only_a_tag_is_missed_but_not_judged(trial: Trial) -> None:
    done = trial.run("pass", output="")
    said = "hpc: the program has not reported the metric acc to cloudml-hypertune\n"
    assert (done.returncode, done.stderr) == (0, said)


@pytest.mark.parametrize(("machine", "count"), [("workerpool0", 1), ("workerpool1", 0)])
def test_only_the_first_machine_reports(machine: str, count: int, trial: Trial) -> None:
    cluster = json.dumps({"cluster": {}, "task": {"type": machine, "index": 0}})
    done = trial.run(WRITE, "/hpc.trial/acc", "1", CLUSTER_SPEC=cluster)
    assert (done.returncode, len(trial.reports)) == (0, count)


def test_a_failure_is_the_programs_own(trial: Trial) -> None:
    done = trial.run("import sys; open(sys.argv[1], 'w').write('1'); sys.exit(3)", "/hpc.trial/acc")
    assert (done.returncode, done.stderr, trial.reports) == (3, "", [])


def test_a_program_that_cannot_be_started(trial: Trial) -> None:
    command = trial.placed(with_trial(["no-such-program"], "acc", "", SEARCHED))
    done = subprocess.run(command, env=trial.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert re.fullmatch(r"hpc: cannot start \['no-such-program'\]: .+\n", done.stderr)


def test_a_folder_that_cannot_be_made_is_one_line(trial: Trial) -> None:
    (trial.folder / "tmp").write_text("a file")
    done = trial.run("print('ran')", output="")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"hpc: cannot make the folder of the trial's outputs: .+\n", done.stderr)


def test_signals_reach_the_program(trial: Trial) -> None:
    program = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\nprint('up', flush=True)"
    command = with_trial([sys.executable, "-c", f"{program}\ntime.sleep(60)"], "acc", "", SEARCHED)
    with subprocess.Popen(
        trial.placed(command), env=trial.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 5


# ---------------------------------------------------------------- the compiled search

SEARCH: dict[str, Any] = {
    "lr": {"min": 0.001, "max": 1, "scale": "log"},
    "rate": {"min": 0, "max": 0.5},
    "late": {"min": 0.5, "max": 0.99, "scale": "reverse_log"},
    "size": [256, 64, 128],
    "layers": {"min": 0, "max": 4},
    "kind": ["it's", 'a "b", ${x}\n', "é😀"],
    "fast": [True, False],
}
TYPES = {"lr": "float", "rate": "float", "late": "float", "size": "int", "layers": "int", "kind": "string"}
INPUTS: dict[str, Any] = {
    **{name: {"type": kind, "as": f"+{name}"} for name, kind in TYPES.items()},
    "lr": {"type": "float", "as": "model.lr", "default": 0.001},
    "fast": {"type": "bool", "as": "+fast"},
    "note": {"type": "string", "as": "name"},
    "many": {"type": "dict", "as": "+many"},
    "data": {"type": "Dataset", "as": "+data"},
    "epochs": {"type": "int", "as": "+epochs", "optional": True},
    "more": {"type": "Dataset", "as": "+more", "optional": True},
}
OUTPUTS: dict[str, Any] = {
    "acc": {"type": "float", "as": "+acc"},
    "model": {"type": "Model", "as": "+model_dir"},
    "scores": {"type": "Metrics", "as": "+scores"},
}
FIT: dict[str, Any] = {"image": "app", "command": ["python", "app.py"], "inputs": INPUTS, "outputs": OUTPUTS}


def document(fit: Mapping[str, Any] = FIT, step: Mapping[str, Any] | None = None, **tune: Any) -> dict[str, Any]:
    """A search whose best values a second step gets."""
    how: dict[str, Any] = {"metric": "acc", "trials": 8, "parallel": 2, "search": SEARCH, **tune}
    found = [*how["search"], "best_metric"]
    show = {name: "bool" if name == "fast" else TYPES.get(name, "float") for name in found}
    return {
        "hpc": 1,
        "name": "p",
        "inputs": {"note": "string", "many": "dict"},
        "images": {"app": "repo.example/app:1.0", "show": "repo.example/show:1.0"},
        "components": {
            "load": {"image": "show", "command": ["load"], "cli": "argparse", "outputs": {"data": "Dataset"}},
            "fit": fit,
            "show": {"image": "show", "command": ["show"], "cli": "argparse", "inputs": show},
        },
        "steps": {"search": {"uses": "fit", "tune": how, **(step or {})}},
        "edges": [
            "load.data -> search.data",
            "inputs.{note, many} -> search",
            f"search.{{{', '.join(found)}}} -> show",
        ],
    }


def spec_of(document: Mapping[str, Any], folder: Path = TESTS / "elsewhere") -> dict[str, Any]:
    result = compile_text(as_yaml(document), "vertex", folder=folder)
    assert result.compiled is not None, result.shown
    assert result.shown == ""
    return json.loads(result.compiled.text)


def container(spec: Mapping[str, Any], task: str, name: str = "fit--search") -> dict[str, Any]:
    return spec["deploymentSpec"]["executors"][f"exec-{name}--in--{task}"]["container"]


VALUES: dict[str, Any] = {
    "inputs.parameters['note']": 'it\'s "ü" \\ ${x}\n',
    "inputs.parameters['many']": {"it's": [1, 'a,"b"']},
    "inputs.artifacts['data'].path": "/gcs/b/it s",
    "pipeline_root": "gs://b/root",
    "pipeline_job_name": "p-1",
    "pipeline_task_uuid": "77",
    "pipeline_service_account": "who@p.example",
    "pipeline_network": "",
    "pipeline_persistent_resource_id": "",
    "pipeline_encryption_key_name": "",
    "pipeline_google_cloud_project_id": "p",
    "pipeline_google_cloud_location": "europe-west4",
    "outputs.parameters['gcp_resources'].output_file": "/gcs/b/root/77/gcp_resources",
}


def substituted(text: str) -> str:
    """What the platform makes of an argument: values as text, escaped for a JSON string where that is asked for."""

    def value(found: re.Match[str]) -> str:
        given = VALUES[found[1]]
        plain = given if isinstance(given, str) else json.dumps(given)
        return json.dumps(plain)[1:-1] if found[2] else plain

    return re.sub(r"\{\{\$\.(.+?)(\.json_escape\[1\])?\}\}", value, text)


def payload(spec: Mapping[str, Any], name: str = "fit--search") -> dict[str, Any]:
    """The job that the launcher is told to make."""
    args = container(spec, "search", name)["args"]
    return json.loads(substituted(args[args.index("--payload") + 1]))


def test_the_study() -> None:
    job = payload(spec_of(document()))
    assert job["study_spec"] == {
        "metrics": [{"metric_id": "acc", "goal": "MAXIMIZE"}],
        "parameters": [
            {"parameter_id": "fast", "categorical_value_spec": {"values": ["true", "false"]}},
            {"parameter_id": "kind", "categorical_value_spec": {"values": SEARCH["kind"]}},
            {
                "parameter_id": "late",
                "double_value_spec": {"min_value": 0.5, "max_value": 0.99},
                "scale_type": "UNIT_REVERSE_LOG_SCALE",
            },
            {
                "parameter_id": "layers",
                "integer_value_spec": {"min_value": "0", "max_value": "4"},
                "scale_type": "UNIT_LINEAR_SCALE",
            },
            {
                "parameter_id": "lr",
                "double_value_spec": {"min_value": 0.001, "max_value": 1.0},
                "scale_type": "UNIT_LOG_SCALE",
            },
            {
                "parameter_id": "rate",
                "double_value_spec": {"min_value": 0.0, "max_value": 0.5},
                "scale_type": "UNIT_LINEAR_SCALE",
            },
            {"parameter_id": "size", "discrete_value_spec": {"values": [64.0, 128.0, 256.0]}},
        ],
        "algorithm": "ALGORITHM_UNSPECIFIED",
        "measurement_selection_type": "LAST_MEASUREMENT",
    }
    assert (job["max_trial_count"], job["parallel_trial_count"]) == (8, 2)


@pytest.mark.parametrize(
    ("tune", "goal", "algorithm"),
    [
        ({"algorithm": "random", "goal": "minimize"}, "MINIMIZE", "RANDOM_SEARCH"),
        ({"algorithm": "grid", "search": {"size": [1, 2]}}, "MAXIMIZE", "GRID_SEARCH"),
    ],
)
def test_goal_and_algorithm(tune: dict[str, Any], goal: str, algorithm: str) -> None:
    study = payload(spec_of(document(**tune) if "search" not in tune else _smaller(**tune)))["study_spec"]
    assert (study["metrics"], study["algorithm"]) == ([{"metric_id": "acc", "goal": goal}], algorithm)


def _smaller(**tune: Any) -> dict[str, Any]:
    """A search of `size` alone; the other inputs of the component are gone."""
    kept = ("size", "note", "many", "data")
    return document({**FIT, "inputs": {name: INPUTS[name] for name in kept}}, **tune)


def test_the_tuned_step_is_a_search_and_what_reads_its_best_trial() -> None:
    spec = spec_of(document())
    components = spec["components"]
    outer = components["comp-fit--search"]
    search = outer["dag"]["tasks"]["search"]
    assert outer["dag"]["tasks"].keys() == {"search", "best"}
    assert search["inputs"] == {
        "parameters": {name: {"componentInputParameter": name} for name in ("many", "note")},
        "artifacts": {"data": {"componentInputArtifact": "data"}},
    }
    best = outer["dag"]["tasks"]["best"]
    assert best["dependentTasks"] == ["search"]
    assert best["inputs"]["parameters"] == {
        "gcp_resources": {"taskOutputParameter": {"producerTask": "search", "outputParameterKey": "gcp_resources"}}
    }
    found = {**{name: INPUTS[name]["type"] for name in SEARCH}, "best_metric": "float"}
    kinds = {"float": "NUMBER_DOUBLE", "int": "NUMBER_INTEGER", "string": "STRING", "bool": "BOOLEAN"}
    declared = {name: {"parameterType": kinds[kind]} for name, kind in found.items()}
    reading = components["comp-fit--search--in--best"]
    assert outer["outputDefinitions"]["parameters"] == reading["outputDefinitions"]["parameters"] == declared
    assert outer["dag"]["outputs"]["parameters"] == {
        name: {"valueFromParameter": {"producerSubtask": "best", "outputParameterKey": name}} for name in found
    }
    assert components["comp-fit--search--in--search"]["outputDefinitions"]["parameters"] == {
        "gcp_resources": {"parameterType": "STRING"}
    }
    shown = spec["root"]["dag"]["tasks"]["show"]["inputs"]["parameters"]
    assert shown == {
        name: {"taskOutputParameter": {"producerTask": "search", "outputParameterKey": name}} for name in found
    }


def test_what_the_best_trial_is_read_with() -> None:
    best = container(spec_of(document(goal="minimize")), "best")
    image = container(spec_of(document()), "search")["image"]
    assert (best["image"], best["command"]) == (image, ["python3", "-c", BEST])
    file = "{{{{$.outputs.parameters['{}'].output_file}}}}"
    assert best["args"] == [
        *("{{$.inputs.parameters['gcp_resources']}}", "acc", "minimize", file.format("best_metric")),
        *(word for name in sorted(SEARCH) for word in (name, INPUTS[name]["type"], file.format(name))),
    ]


@pytest.mark.parametrize(
    ("cache", "outer", "search", "best"),
    [
        (True, {"enableCache": True}, {"enableCache": True}, {"enableCache": True}),
        (False, {"enableCache": False}, {"enableCache": False}, {"enableCache": False}),
        (
            {"key": "mine"},
            {"enableCache": True},
            {"enableCache": True, "cacheKey": "mine"},
            {"enableCache": True},
        ),
    ],
)
def test_both_tasks_are_cached_alike(cache: Any, outer: Any, search: Any, best: Any) -> None:
    spec = spec_of(document(step={"cache": cache, "retry": 2}))
    whole, inner = spec["root"]["dag"]["tasks"]["search"], spec["components"]["comp-fit--search"]["dag"]["tasks"]
    assert [whole["cachingOptions"], inner["search"]["cachingOptions"], inner["best"]["cachingOptions"]] == [
        outer,
        search,
        best,
    ]
    assert "retryPolicy" not in whole
    assert [inner[name]["retryPolicy"]["maxRetryCount"] for name in ("search", "best")] == [2, 2]


def test_values_flow_out_of_a_condition_and_out_of_a_component_made_of_edges() -> None:
    whole = _smaller(search={"size": [1, 2]})
    components = whole["components"]
    components["fit"] = {**FIT, "inputs": {"size": INPUTS["size"]}}
    components["show"] = {**components["show"], "inputs": {"size": "int"}}
    components["sub"] = {"outputs": {"size": "int"}, "steps": whole["steps"], "edges": ["search.size -> outputs.size"]}
    components.pop("load")
    whole |= {"inputs": {"go": "bool"}, "steps": {}}
    whole["edges"] = ["inputs -> sub when inputs.go", "sub.size -> show.size"]
    spec = spec_of(whole)
    assert "comp-fit--sub--search--in--best" in spec["components"]
    [group] = [one for name, one in spec["components"].items() if name.startswith("comp-when--")]
    tasks = group["dag"]["tasks"]
    assert tasks["show"]["inputs"]["parameters"]["size"] == {
        "taskOutputParameter": {"producerTask": "sub", "outputParameterKey": "size"}
    }
    assert tasks["sub"]["componentRef"] == {"name": "comp-sub"}
    assert spec["components"]["comp-sub"]["dag"]["outputs"]["parameters"] == {
        "size": {"valueFromParameter": {"producerSubtask": "search", "outputParameterKey": "size"}}
    }


def test_nothing_of_the_pipelines_outputs_is_in_a_trial() -> None:
    [pool] = payload(spec_of(document()))["trial_job_spec"]["worker_pool_specs"]
    words = [*pool["container_spec"]["command"], *pool["container_spec"]["args"]]
    assert [word for word in words if "{{" in word] == []
    assert words[words.index("acc") + 1] == "/hpc.trial/acc"
    assert {"+acc='/hpc.trial/acc'", "+model_dir='/hpc.trial/model'", "+scores='/hpc.trial/scores'"} <= {*words}
    assert words[-1] == "--hpc-values"


def test_a_uri_of_an_output_is_one_in_the_trials_folder() -> None:
    ports = {**OUTPUTS, "model": {"type": "Model", "as": "+model_dir", "pass": "uri"}}
    args = ["to=${{ outputs.model.uri }}", "x=${{ outputs.model }}"]
    [pool] = payload(spec_of(document({**FIT, "outputs": ports, "args": args})))["trial_job_spec"]["worker_pool_specs"]
    assert {"to=gs://hpc.trial/model", "+model_dir='gs://hpc.trial/model'"} <= {*pool["container_spec"]["args"]}
    assert trial_folders("x", {}) == "x"


def test_the_trials_run_as_the_step_would() -> None:
    whole = document()
    profile: dict[str, Any] = {"machine": "n1-standard-8", "gpu": "T4", "count": 2, "spot": True, "disk": "200GB"}
    whole["accelerators"] = {"t4": profile}
    whole["secrets"] = {"wandb": {"vertex": "projects/p/secrets/wandb/versions/3"}}
    more: dict[str, Any] = {"accelerator": "t4", "timeout": "2h", "env": {"MODE": "x", "KEY": {"secret": "wandb"}}}
    more |= {"retry": 1, "title": "Fit it"}
    whole["components"] = {**whole["components"], "fit": {**FIT, **more}}
    job = payload(spec_of(whole))
    trial = job["trial_job_spec"]
    [pool] = trial["worker_pool_specs"]
    assert job["display_name"] == "Fit it"
    assert pool["machine_spec"] == {
        "machine_type": "n1-standard-8",
        "accelerator_type": "NVIDIA_TESLA_T4",
        "accelerator_count": 2,
    }
    assert (pool["replica_count"], pool["disk_spec"]["boot_disk_size_gb"]) == (1, 200)
    assert trial["scheduling"] == {"timeout": "7200s", "strategy": "SPOT"}
    assert trial["service_account"] == "who@p.example"
    assert trial["base_output_directory"] == {"output_uri_prefix": "gs://b/root/p-1/77"}
    profile["vertex"] = {"base_output_directory": "gs://other/x/", "labels": {"a": "b"}}
    elsewhere = payload(spec_of(whole))
    folder = elsewhere["trial_job_spec"]["base_output_directory"]
    assert (folder, elsewhere["labels"]) == ({"output_uri_prefix": "gs://other/x/p-1/77"}, {"a": "b"})
    environment = {one["name"]: one["value"] for one in pool["container_spec"]["env"]}
    assert environment == {"MODE": "x", "KEY": "projects/p/secrets/wandb/versions/3"}
    programs = [word.split(":")[0] for word in pool["container_spec"]["command"] if word.startswith("# hpc")]
    assert programs == ["# hpc trial 1", "# hpc secrets 1", "# hpc values 2"]


@pytest.mark.parametrize(
    ("accelerator", "machine", "codes"),
    [
        ({"memory": "10GB"}, "e2-standard-4", []),
        ({"cpu": 7}, "e2-standard-8", ["HPC533"]),
        ({"gpu": "T4"}, "n1-standard-4", ["HPC533"]),
        ({"gpu": "T4", "cpu": 80, "memory": "600GB"}, None, ["HPC534"]),
    ],
)
def test_a_trial_always_has_a_machine(accelerator: dict[str, Any], machine: str | None, codes: list[str]) -> None:
    whole = {**document(), "accelerators": {"one": accelerator}}
    whole["components"]["fit"] = {**FIT, "accelerator": "one"}
    result = compile_text(as_yaml(whole), "vertex", folder=TESTS / "elsewhere")
    assert [one.rule.code for one in result.diagnostics] == codes, result.shown
    if machine is None:
        assert result.compiled is None
        return
    assert result.compiled is not None
    [pool] = payload(json.loads(result.compiled.text))["trial_job_spec"]["worker_pool_specs"]
    assert pool["machine_spec"]["machine_type"] == machine


# ---------------------------------------------------------------- a trial of a real Hydra application

FITTING = APP.replace(
    "main()",
    """
    os.makedirs(config.model_dir)
    with open(config.acc, "w") as file:
        file.write(str(config.model.lr * 2))

main()
""",
)


def test_a_real_trial_gets_every_value_exactly_and_reports_its_metric(trial: Trial) -> None:
    project = Project.made(trial.folder, app=FITTING)
    fit = {**FIT, "command": [sys.executable, "app.py"]}
    [pool] = payload(spec_of(document(fit)))["trial_job_spec"]["worker_pool_specs"]
    flags = {
        "lr": "0.25",
        "rate": "0",
        "late": "0.75",
        "size": "64.0",
        "layers": "3",
        "kind": 'a "b", ${x}\n',
        "fast": "true",
    }
    (trial.folder / "gcs").mkdir()
    done = subprocess.run(
        [
            *trial.placed(pool["container_spec"]["command"]),
            *pool["container_spec"]["args"],
            *(f"--{name}={value}" for name, value in flags.items()),
        ],
        cwd=trial.folder,
        env=trial.environment(SEEN=str(trial.folder / "seen"), AIP_MODEL_DIR="gs://b/root/p-1/77/7/model/"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    [seen] = project.seen
    outputs = f"{trial.folder}/gcs/b/root/p-1/77/7/outputs"
    expected: dict[str, Any] = {
        "rate": 0.0,
        "late": 0.75,
        "size": 64,
        "layers": 3,
        "kind": 'a "b", ${x}\n',
        "fast": True,
        "name": 'it\'s "ü" \\ ${x}\n',
        "many": {"it's": [1, 'a,"b"']},
        "data": "/gcs/b/it s",
        "acc": f"{outputs}/acc",
        "model_dir": f"{outputs}/model",
        "scores": f"{outputs}/scores",
    }
    assert {name: (type(seen[name]), seen[name]) for name in expected} == {
        name: (type(value), value) for name, value in expected.items()
    }
    assert seen["model"]["lr"] == 0.25
    assert [(one["trial"], one["acc"]) for one in trial.reports] == [("7", "0.5")]
    assert (Path(outputs) / "model").is_dir()


# ---------------------------------------------------------------- Google's own component and the protos

IMPROVEMENTS = {
    "trial_job_spec.scheduling": "the component cannot ask for spot machines or for an end; a trial has the step's",
    "trial_job_spec.persistent_resource_id": "the component runs beside the persistent resource of the run, not on it",
}
"""What hpc writes and the component cannot be told, with the reason."""


@pytest.fixture(scope="session")
def google() -> Any:
    """The component, whose import takes long."""
    from google_cloud_pipeline_components.v1 import hyperparameter_tuning_job

    return hyperparameter_tuning_job


def _concatenated(argument: str, given: Mapping[str, Any]) -> str:
    """An argument of the component's IR with the values of its inputs: `{"Concat": [...]}`, or one placeholder."""

    def value(found: re.Match[str]) -> str:
        one = given[found[1]]
        return one if isinstance(one, str) else json.dumps(one)

    parts = json.loads(argument)["Concat"] if argument.startswith('{"Concat"') else [argument]
    return "".join(re.sub(r"\{\{\$\.inputs\.parameters\['(.+?)'\]\}\}", value, part) for part in parts)


def _job(json_payload: Mapping[str, Any]) -> dict[str, Any]:
    """The job as the API gets it from the launcher: what is empty goes, and the rest makes the proto."""
    from google.cloud.aiplatform_v1.types import HyperparameterTuningJob
    from google_cloud_pipeline_components.container.v1.gcp_launcher.utils import json_util

    made = HyperparameterTuningJob(json_util.recursive_remove_empty(json_payload))
    return json_format.MessageToDict(HyperparameterTuningJob.pb(made), preserving_proto_field_name=True)


OF_THE_RUN = {
    "pipeline_network": "projects/12/global/networks/n",
    "pipeline_encryption_key_name": "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k",
    "pipeline_persistent_resource_id": "kept-warm",
}


def test_the_launcher_is_told_what_googles_own_component_tells_it(google: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.cloud.aiplatform import hyperparameter_tuning as hpt

    for name, setting in OF_THE_RUN.items():
        monkeypatch.setitem(VALUES, name, setting)
    ours = container(spec_of(document()), "search")
    mine = payload(spec_of(document()))
    trial = mine["trial_job_spec"]
    scaled = {name: {key: SEARCH[name][key] for key in ("min", "max")} for name in ("lr", "rate", "late", "layers")}
    parameters = {
        "fast": hpt.CategoricalParameterSpec(values=["true", "false"]),
        "kind": hpt.CategoricalParameterSpec(values=SEARCH["kind"]),
        "late": hpt.DoubleParameterSpec(**scaled["late"], scale="reverse_log"),
        "layers": hpt.IntegerParameterSpec(**scaled["layers"], scale="linear"),
        "lr": hpt.DoubleParameterSpec(**scaled["lr"], scale="log"),
        "rate": hpt.DoubleParameterSpec(**scaled["rate"], scale="linear"),
        "size": hpt.DiscreteParameterSpec(values=[64, 128, 256], scale="unspecified"),
    }
    [theirs] = json_format.MessageToDict(google.HyperparameterTuningJobRunOp.pipeline_spec)["deploymentSpec"][
        "executors"
    ].values()
    given = {
        "display_name": "fit--search",
        "base_output_directory": trial["base_output_directory"]["output_uri_prefix"],
        "worker_pool_specs": trial["worker_pool_specs"],
        "study_spec_metrics": google.serialize_metrics({"acc": "maximize"}),
        "study_spec_parameters": google.serialize_parameters(parameters),
        "max_trial_count": 8,
        "parallel_trial_count": 2,
        "max_failed_trial_count": 0,
        "location": "europe-west4",
        "study_spec_algorithm": "ALGORITHM_UNSPECIFIED",
        "study_spec_measurement_selection_type": "LAST_MEASUREMENT",
        "encryption_spec_key_name": OF_THE_RUN["pipeline_encryption_key_name"],
        "service_account": "who@p.example",
        "network": OF_THE_RUN["pipeline_network"],
        "project": "p",
    }
    expected = theirs["container"]
    assert (ours["image"], ours["command"]) == (expected["image"], expected["command"])
    assert ours.keys() == expected.keys()
    told = [substituted(_concatenated(argument, given)) for argument in expected["args"]]
    args = [substituted(argument) for argument in ours["args"]]
    place = told.index("--payload") + 1
    assert [*args[:place], *args[place + 1 :]] == [*told[:place], *told[place + 1 :]]
    written = _job(json.loads(args[place]))
    for path in IMPROVEMENTS:
        *parents, last = path.split(".")
        block = written
        for parent in parents:
            block = block[parent]
        assert block.pop(last)
    assert written == _job(json.loads(told[place]))


@pytest.mark.parametrize("name", ["fit--search", "fit--inner--fit", "plain--plain"])
def test_the_payload_is_a_hyperparameter_tuning_job(name: str) -> None:
    from google.cloud.aiplatform_v1.types import HyperparameterTuningJob

    result = compile_bytes((TESTS / "cases" / "ok" / "searches-on-vertex.yaml").read_bytes(), "vertex")
    assert result.compiled is not None, result.shown
    job = payload(json.loads(result.compiled.text), name)
    strict = json_format.ParseDict(job, HyperparameterTuningJob.pb()())
    assert json_format.MessageToDict(strict, preserving_proto_field_name=True).items() >= _job(job).items()
    assert [one.parameter_id for one in strict.study_spec.parameters] == sorted(
        one["parameter_id"] for one in job["study_spec"]["parameters"]
    )


# ---------------------------------------------------------------- the best trial

NAME = "projects/12/locations/europe-west4/hyperparameterTuningJobs/345"
HOST = "https://europe-west4-aiplatform.googleapis.com/v1/"
JOB = f"/{HOST.replace('://', '/')}{NAME}"
RESOURCES = json.dumps(
    {"resources": [{"resourceType": "HyperparameterTuningJob", "resourceUri": f"{HOST}{NAME}"}]}, indent=2
)


class Cloud(LoopbackCloud):
    """One with a search."""

    def has(self, *trials: Mapping[str, Any], before: Sequence[tuple[int, str]] = ()) -> None:
        job = {"name": NAME, "state": "JOB_STATE_SUCCEEDED", "trials": trials} if trials else {"name": NAME}
        self.answers[JOB] = [*before, (200, json.dumps(job))]

    def best(
        self, goal: str = "maximize", resources: str = RESOURCES, **kinds: str
    ) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
        """What the program says, and the files that it has written."""
        out = self.folder / "out"
        words = [word for name, kind in kinds.items() for word in (name, kind, str(out / name / "value"))]
        done = subprocess.run(
            [sys.executable, "-c", BEST, resources, "acc", goal, str(out / "best_metric" / "value"), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done, {file.parent.name: file.read_text(encoding="utf-8") for file in out.glob("*/value")}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A loopback server that gives a token."""
    cloud = Cloud(tmp_path)
    with cloud.running():
        yield cloud


def tried(number: int, acc: Any, state: str = "SUCCEEDED", **values: Any) -> dict[str, Any]:
    """A trial as the API tells of it; None: without a measurement."""
    one: dict[str, Any] = {"id": str(number), "state": state}
    one["parameters"] = [{"parameterId": name, "value": value} for name, value in values.items()]
    if acc is not None:
        metrics = [{"metricId": "loss", "value": -9}, {"metricId": "acc", "value": acc}]
        one["finalMeasurement"] = {"stepCount": "1", "metrics": metrics}
    return one


ALL = {"lr": "float", "size": "int", "layers": "int", "kind": "string", "fast": "bool"}


def test_the_values_of_the_best_trial_in_their_types(cloud: Cloud) -> None:
    cloud.has(
        tried(1, 0.5, lr=0.1, size=64, layers=1, kind="a", fast="true"),
        tried(2, 0.75, lr=1, size=128.0, layers=0, kind='it\'s\n"é😀" ', fast="false"),
        tried(3, 0.25, lr=0.2, size=32, layers=2, kind="b", fast="true"),
    )
    done, written = cloud.best(**ALL)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert written == {
        "lr": "1.0",
        "size": "128",
        "layers": "0",
        "kind": 'it\'s\n"é😀" ',
        "fast": "false",
        "best_metric": "0.75",
    }
    assert cloud.asked == [META, JOB]


TRIALS = [
    tried(1, 0.5, lr=0.1),
    tried(2, 0.9, "INFEASIBLE", lr=0.2),
    tried(3, None, lr=0.3),
    tried(4, "NaN", lr=0.4),
    tried(5, 0.75, lr=0.5),
    tried(6, 0.75, lr=0.6),
    tried(7, 0.99, "ACTIVE", lr=0.7),
    tried(8, 0.125, lr=1e-05),
    tried(9, 0.1, "STOPPING", lr=0.9),
    tried(10, 0.125, lr=1.0),
    tried(11, "Infinity", lr=1.1),
]


@pytest.mark.parametrize(("goal", "lr", "metric"), [("maximize", "0.5", "0.75"), ("minimize", "1e-05", "0.125")])
def test_the_first_of_the_best_that_succeeded_counts(goal: str, lr: str, metric: str, cloud: Cloud) -> None:
    cloud.has(*TRIALS)
    done, written = cloud.best(goal, lr="float")
    assert (done.returncode, written) == (0, {"lr": lr, "best_metric": metric})


def test_a_metric_of_zero_may_be_left_out(cloud: Cloud) -> None:
    zero = tried(1, 0, lr=0)
    zero["finalMeasurement"]["metrics"][1].pop("value")
    cloud.has(zero, tried(2, -1, lr=0.5))
    assert cloud.best(lr="float")[1] == {"lr": "0.0", "best_metric": "0.0"}


def test_passing_failures_are_tried_again(cloud: Cloud) -> None:
    cloud.has(tried(1, 1, lr=0.5), before=[(503, ""), (0, ""), (429, "{}"), (500, "<html>")])
    cloud.answers[META].insert(0, (500, ""))
    done, written = cloud.best(lr="float")
    assert (done.returncode, written) == (0, {"lr": "0.5", "best_metric": "1.0"})
    assert cloud.waits == ["1", "1", "2", "4", "8"]


DENIED = json.dumps(
    {"error": {"code": 403, "message": "Permission 'aiplatform.hyperparameterTuningJobs.get'\n denied"}}
)
CANNOT = f"cannot read the tuning job {NAME}: "


@pytest.mark.parametrize(
    ("path", "status", "body", "times", "said"),
    [
        (JOB, 403, DENIED, 1, f"{CANNOT}HTTP 403: Permission 'aiplatform.hyperparameterTuningJobs.get' denied"),
        (JOB, 404, "<html>", 1, f"{CANNOT}HTTP 404 Not Found"),
        (JOB, 503, "", 5, f"{CANNOT}HTTP 503 Service Unavailable"),
        (JOB, 0, "", 5, f"{CANNOT}Remote end closed connection without response"),
        (JOB, 200, "no JSON", 1, f"{CANNOT}the answer is not JSON"),
        (JOB, 200, "[]", 1, f"{CANNOT}the answer is not a tuning job"),
        (META, 404, "", 1, f"{CANNOT}no access token: HTTP 404 Not Found"),
        (META, 200, "{}", 1, f"{CANNOT}no access token"),
    ],
)
def test_a_job_that_cannot_be_read_is_one_line(
    path: str, status: int, body: str, times: int, said: str, cloud: Cloud
) -> None:
    cloud.answers[path] = [(status, body)]
    done, written = cloud.best(lr="float")
    assert (done.returncode, done.stderr, written) == (1, f"hpc: {said}\n", {})
    assert cloud.asked.count(path) == times


@pytest.mark.parametrize(
    ("trials", "counts"),
    [
        ([], "of 0 trials 0 succeeded"),
        ([tried(1, 0.5, "INFEASIBLE", lr=1), tried(2, None, "INFEASIBLE", lr=2)], "of 2 trials 0 succeeded"),
        ([tried(1, None, lr=1), tried(2, "NaN", lr=2), tried(3, 0.5, "ACTIVE", lr=1)], "of 3 trials 2 succeeded"),
    ],
)
def test_no_trial_is_the_best(trials: list[dict[str, Any]], counts: str, cloud: Cloud) -> None:
    cloud.has(*trials)
    done, written = cloud.best(lr="float")
    said = f"hpc: no trial of {NAME} is the best: {counts}, and none of these has the metric acc\n"
    assert (done.returncode, done.stderr, written) == (1, said, {})


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        ("float", {}, "null"),
        ("float", {"x": "much"}, '"much"'),
        ("int", {"x": 2.5}, "2.5"),
        ("int", {"x": "NaN"}, '"NaN"'),
        ("bool", {"x": "yes"}, '"yes"'),
        ("bool", {"x": 1}, "1"),
        ("string", {"x": 5}, "5"),
    ],
)
def test_a_best_value_that_is_missing_is_one_line(kind: str, values: dict[str, Any], shown: str, cloud: Cloud) -> None:
    cloud.has(tried(1, 0.5, y=1, **values))
    done, written = cloud.best(y="int", x=kind)
    said = f"hpc: trial 1 of {NAME} is the best, but its x is {shown}, which is no {kind}\n"
    assert (done.returncode, done.stderr, written) == (1, said, {})


@pytest.mark.parametrize(
    "resources",
    [
        "",
        "{}",
        '{"resources": []}',
        json.dumps({"resources": [{"resourceUri": f"http://elsewhere.example/v1/{NAME}"}]}),
        json.dumps({"resources": [{"resourceUri": f"https://elsewhere.example/googleapis.com/v1/{NAME}"}]}),
        json.dumps({"resources": [{"resourceUri": f"{HOST}projects/1/locations/x/customJobs/3"}]}),
        json.dumps({"resources": [{"resourceUri": f"{HOST}{NAME}"}] * 2}),
    ],
)
def test_the_token_goes_to_the_api_and_nowhere_else(resources: str, cloud: Cloud) -> None:
    done, written = cloud.best(resources=resources, lr="float")
    said = f"hpc: what the search has left names no tuning job: {resources}".rstrip() + "\n"
    assert (done.returncode, done.stderr, written, cloud.asked) == (1, said, {}, [])
