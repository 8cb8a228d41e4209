"""The programs in front of a command, as real processes.

The loopback server stands for the metadata server and for Secret Manager; a `sitecustomize` in the process under test
sends every request there and writes down how long the program would have waited. Metrics are compared with those of
the KFP SDK, and read with its protos.
"""

# kfp is only partly typed, and JSON values are `Any` here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from compiling import compile_text
from google.protobuf import json_format
from kfp.dsl import ClassificationMetrics, Metrics
from kfp.pipeline_spec import pipeline_spec_pb2
from loopback_cloud import META, LoopbackCloud

from hpc.components import hydra
from hpc.components.bootstrap import METRICS, SECRETS, interpreter, metric_outputs, with_metrics, with_secrets
from hpc.components.container import ContainerComponent

# The programs


@pytest.mark.parametrize(
    ("program", "digest", "size"),
    [
        (SECRETS, "30d48b23214e971e922d0d479437b2c82ef2261737f3046ad20216af3874bd98", 2368),
        (METRICS, "c0c8aa883ca2eac9277ca7bfbc8920d5d5e088205d48c6d7c57c0b7558d575c7", 4854),
    ],
    ids=["secrets", "metrics"],
)
def test_the_text_is_frozen(program: str, digest: str, size: int) -> None:
    """KFP's cache key holds the text. A failure here asks for a new version number in its first line, on purpose."""
    assert (hashlib.sha256(program.encode()).hexdigest(), len(program)) == (digest, size)


programs = pytest.mark.parametrize("program", [SECRETS, METRICS], ids=["secrets", "metrics"])
IN_FRONT: dict[str, list[str]] = {SECRETS: ["--"], METRICS: ['{"outputs": {}}', "--"]}


def behind(program: str, *command: str) -> list[str]:
    """The command behind a program that has nothing to do."""
    return [sys.executable, "-c", program, *IN_FRONT[program], *command]


@programs
def test_the_text_survives_the_platforms_and_old_pythons(program: str) -> None:
    assert re.match(r"# hpc \w+ \d+: ", program)
    assert program.isascii()
    assert [word for word in ("$$", "$(", "$.", "{{", "}}") if word in program] == []
    ast.parse(program, feature_version=(3, 6))
    nodes = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Import)]
    imported = {alias.name.partition(".")[0] for node in nodes for alias in node.names}
    assert imported <= {"base64", "http", "json", "os", "signal", "sys", "time", "urllib"}


@programs
def test_modules_of_the_program_are_not_taken_for_pythons_own(program: str, tmp_path: Path) -> None:
    for name in ("base64", "email", "http", "json", "signal", "socket", "ssl", "time", "token", "urllib"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    done = subprocess.run(behind(program, "echo", "ran"), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


@programs
@pytest.mark.parametrize("command", [["no-such-program", "--"], ["./data"], []])
def test_a_missing_program_is_one_line_and_127(program: str, command: list[str], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not executable")
    done = subprocess.run(behind(program, *command), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (127, "")
    assert re.fullmatch(rf"hpc: cannot start {re.escape(str(command[:1]))}: .+\n", done.stderr)


@programs
def test_the_program_sees_the_signals_of_a_fresh_process(program: str) -> None:
    """Python ignores SIGPIPE, and what is ignored stays so in a program that it starts."""
    shell = ["sh", "-c", "kill -PIPE $$; echo alive"]
    done = subprocess.run(behind(program, *shell), capture_output=True, text=True, check=False)
    killed = -signal.SIGPIPE if program == SECRETS else 128 + signal.SIGPIPE
    assert (done.returncode, done.stdout) == (killed, "")


def test_what_has_nothing_to_do_stays_as_it_is() -> None:
    assert with_secrets(["app"], []) == with_metrics(["app"], []) == ["app"]
    assert with_secrets([], ["KEY"]) == with_metrics([], ["scores"]) == []


def test_programs_stand_in_front_of_the_command() -> None:
    assert with_secrets(["app", "--", "x"], ["A", "B"]) == ["python3", "-c", SECRETS, "A", "B", "--", "app", "--", "x"]
    assert with_metrics(["app"], ["m", "n"]) == [
        *("python3", "-c", METRICS, "{{$}}"),
        *("m", "{{$.outputs.artifacts['m'].path}}", "n", "{{$.outputs.artifacts['n'].path}}"),
        *("--", "app"),
    ]


@pytest.mark.parametrize(
    ("first", "python"),
    [
        ("python", "python"),
        ("python3.12", "python3.12"),
        ("/opt/venv/bin/python3", "/opt/venv/bin/python3"),
        ("bash", "python3"),
        ("/app/python-server", "python3"),
        ("pythonw", "python3"),
    ],
)
def test_the_interpreter_is_the_commands_own(first: str, python: str) -> None:
    assert interpreter([first, "main.py"]) == python
    assert with_secrets([first], ["A"])[0] == with_metrics([first], ["m"])[0] == python


def test_metric_outputs() -> None:
    types = {
        "m": "Metrics",
        "c": "ClassificationMetrics",
        "s": "SlicedClassificationMetrics",
        "o": "Model",
        "x": "float",
    }
    outputs = {**{name: {"type": kind} for name, kind in types.items()}, "l": {"type": "list<Metrics>"}}
    component = ContainerComponent.model_validate({"image": "app", "outputs": outputs})
    assert metric_outputs(component.outputs) == ["c", "m"]


# Secrets

API = "/https/secretmanager.googleapis.com/v1/"
WANDB = "projects/p/secrets/wandb/versions/3"
DB = "projects/p/secrets/db/versions/latest"
DROPPED = (0, b"")


class Cloud(LoopbackCloud):
    """One with secrets."""

    def keeps(self, resource: str, value: bytes, *before: tuple[int, bytes]) -> None:
        body = {"name": resource, "payload": {"data": base64.b64encode(value).decode(), "dataCrc32c": "1"}}
        self.answers[f"{API}{resource}:access"] = [*before, (200, json.dumps(body).encode())]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A loopback server that gives a token and keeps `WANDB`."""
    cloud = Cloud(tmp_path)
    cloud.keeps(WANDB, b"s3cret")
    with cloud.running():
        cloud.environment["KEY"] = WANDB
        yield cloud


SHOW = """
import json, os, sys
names = ("KEY", "DB", "OTHER")
values = [os.environb.get(name.encode(), b"-").decode("latin-1") for name in names]
print(json.dumps([os.getpid(), sys.argv[1:], values]))
"""


def run_with_secrets(
    cloud: Cloud, variables: Sequence[str], *words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    command = with_secrets([sys.executable, "-c", SHOW, *words], variables)
    return subprocess.run(command, env={**cloud.environment, **more}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "value",
    [b"s3cret", b"", b"line\nline\n", b" \t'\"\\$HOME${x}$(y)", "é😀".encode(), b"\xff\xfe\x01", b"x" * 60_000],
    ids=range(7),
)
def test_a_secret_arrives_byte_for_byte(cloud: Cloud, value: bytes) -> None:
    cloud.keeps(WANDB, value)
    done = run_with_secrets(cloud, ["KEY"])
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)[2] == [value.decode("latin-1"), "-", "-"]


def test_only_the_named_variables_change_and_one_token_serves_all(cloud: Cloud) -> None:
    cloud.keeps(DB, b"hunter2")
    done = run_with_secrets(cloud, ["KEY", "DB"], "--", "a b", "{{$}}", "é", DB=DB, OTHER=WANDB)
    assert json.loads(done.stdout)[1:] == [["--", "a b", "{{$}}", "é"], ["s3cret", "hunter2", WANDB]]
    assert cloud.asked == [META, f"{API}{WANDB}:access", f"{API}{DB}:access"]


def test_the_program_takes_the_place_of_the_one_that_fetches(cloud: Cloud) -> None:
    command = with_secrets([sys.executable, "-c", SHOW], ["KEY"])
    with subprocess.Popen(command, env=cloud.environment, stdout=subprocess.PIPE) as process:
        out, _ = process.communicate()
    assert json.loads(out)[0] == process.pid


def test_passing_failures_are_tried_again(cloud: Cloud) -> None:
    cloud.keeps(WANDB, b"s3cret", (429, b"{}"), DROPPED, (503, b""))
    done = run_with_secrets(cloud, ["KEY"])
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)[2][0] == "s3cret"
    assert cloud.waits == ["1", "2", "4"]


def test_the_token_is_tried_again_too(cloud: Cloud) -> None:
    cloud.answers[META].insert(0, (500, b""))
    assert run_with_secrets(cloud, ["KEY"]).returncode == 0
    assert (cloud.waits, cloud.asked.count(META)) == (["1"], 2)


DENIED = json.dumps(
    {"error": {"code": 403, "message": "Permission 'secretmanager.versions.access'\n denied."}}
).encode()
WHERE = f"{API}{WANDB}:access"
REFUSALS: list[tuple[str, list[tuple[int, bytes]], int, str]] = [
    (WHERE, [(403, DENIED)], 1, "HTTP 403: Permission 'secretmanager.versions.access' denied."),
    (WHERE, [(404, b"<html>s3cret</html>")], 1, "HTTP 404 Not Found"),
    (WHERE, [(400, b'{"error": "s3cret"}')], 1, "HTTP 400 Bad Request"),
    (WHERE, [(503, b"")], 4, "HTTP 503 Service Unavailable"),
    (WHERE, [DROPPED], 4, "Remote end closed connection without response"),
    (WHERE, [(200, b"s3cret, not JSON")], 1, "the answer is not JSON"),
    (WHERE, [(200, b'"s3cret"')], 1, "its value cannot be a variable"),
    (WHERE, [(200, b'{"payload": {"data": "czNjcmV0AA=="}}')], 1, "its value cannot be a variable"),
    (META, [(404, b"<html>")], 1, "no access token: HTTP 404 Not Found"),
    (META, [(500, b"<html>")], 4, "no access token: HTTP 500 Internal Server Error"),
    (META, [(200, b"[]")], 1, "no access token"),
]


@pytest.mark.parametrize(("path", "answers", "times", "why"), REFUSALS, ids=[why for *_, why in REFUSALS])
def test_a_failure_names_the_secret_and_never_its_value(
    path: str, answers: list[tuple[int, bytes]], times: int, why: str, cloud: Cloud
) -> None:
    cloud.answers[path] = answers
    done = run_with_secrets(cloud, ["KEY"])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"hpc: cannot read the secret {WANDB} for KEY: {why}\n"
    assert cloud.asked.count(path) == times


def test_a_machine_without_metadata_server(cloud: Cloud) -> None:
    done = run_with_secrets(cloud, ["KEY"], LOOPBACK="http://127.0.0.1:1")
    assert (done.returncode, cloud.waits) == (1, ["1", "2", "4"])
    start = f"hpc: cannot read the secret {WANDB} for KEY: no access token: "
    assert done.stderr == f"{start}[Errno 111] Connection refused\n"


def test_a_variable_that_names_no_secret(cloud: Cloud) -> None:
    done = run_with_secrets(cloud, ["DB"])
    assert (done.returncode, done.stderr) == (1, "hpc: the variable DB does not name a secret\n")


def test_a_proxy_is_not_asked_for_the_token(cloud: Cloud) -> None:
    """The loopback server is the proxy: what goes through one is asked for by its whole address."""
    address = cloud.environment["LOOPBACK"]
    done = run_with_secrets(cloud, ["KEY"], http_proxy=address)
    assert (done.returncode, done.stderr) == (0, "")
    assert cloud.asked == [META, f"{address}{WHERE}"]


def test_a_resource_name_cannot_leave_its_place_in_the_address(cloud: Cloud) -> None:
    done = run_with_secrets(cloud, ["KEY"], KEY="projects/p?x=#y @é")
    assert done.returncode == 1
    assert cloud.asked[-1] == f"{API}projects/p%3Fx%3D%23y%20%40%C3%A9:access"


# Metrics

WRITE = """
import json, os, sys
for path, text in json.loads(sys.argv[1]).items():
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
sys.exit(int(sys.argv[2]))
"""
CHARTS = "ClassificationMetrics"


@dataclass
class Task:
    """One task as a launcher prepares it: output artifacts by name with their type, and files under `root`."""

    root: Path
    types: dict[str, str]

    @property
    def report(self) -> Path:
        return self.root / "out" / "executor_output.json"

    def path(self, name: str) -> str:
        return str(self.root / "artifacts" / name)

    def executor_input(self) -> str:
        outputs = {
            name: {
                "artifacts": [
                    {
                        "name": f"projects/1/artifacts/{name}",
                        "type": {"schemaTitle": f"system.{kind}", "schemaVersion": "0.0.1"},
                        "uri": f"gs://b/{name}",
                    }
                ]
            }
            for name, kind in self.types.items()
        }
        value = {"inputs": {}, "outputs": {"artifacts": outputs, "outputFile": str(self.report)}}
        message = json_format.ParseDict(value, pipeline_spec_pb2.ExecutorInput())
        return json_format.MessageToJson(message, indent=None)

    def launched(self, command: Sequence[str]) -> list[str]:
        """The command as the launcher starts it: every placeholder replaced, in all words."""
        found = {f"{{{{$.outputs.artifacts['{name}'].path}}}}": self.path(name) for name in self.types}
        found["{{$}}"] = self.executor_input()
        return [_replaced(word, found) for word in command]

    def run(self, command: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **more}
        argv = self.launched(with_metrics(list(command), sorted(self.types)))
        return subprocess.run(argv, env=environment, capture_output=True, encoding="utf-8", check=False)

    def writes(self, files: dict[str, Any], code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program that writes these files: by artifact, as JSON or as text; "report" is the executor output."""
        texts = {
            str(self.report) if name == "report" else self.path(name): text
            if isinstance(text, str)
            else json.dumps(text)
            for name, text in files.items()
        }
        return self.run([sys.executable, "-c", WRITE, json.dumps(texts), str(code)], **more)

    def reported(self) -> dict[str, Any]:
        """The metadata in the executor output, by artifact, after KFP's own proto has read it."""
        message = json_format.Parse(self.report.read_text(), pipeline_spec_pb2.ExecutorOutput())
        return {
            name: json_format.MessageToDict(listed.artifacts[0].metadata) for name, listed in message.artifacts.items()
        }


def _replaced(word: str, found: dict[str, str]) -> str:
    for placeholder, text in found.items():
        word = word.replace(placeholder, text)
    return word


@pytest.fixture
def task(tmp_path: Path) -> Callable[..., Task]:
    return lambda **types: Task(tmp_path, types)


def test_numbers_are_reported_as_the_sdk_would(task: Callable[..., Task]) -> None:
    one = task(scores="Metrics", other="Metrics")
    done = one.writes({"scores": {"accuracy": 0.5, "val/loss": 3, "é": -1e-9}})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    metrics = Metrics(name="projects/1/artifacts/scores", uri="gs://b/scores")
    for name, value in {"accuracy": 0.5, "val/loss": 3, "é": -1e-9}.items():
        metrics.log_metric(name, value)
    entry = {"name": metrics.name, "uri": metrics.uri, "metadata": metrics.metadata}
    assert json.loads(one.report.read_text()) == {"artifacts": {"scores": {"artifacts": [entry]}}}
    assert one.reported() == {"scores": metrics.metadata}


def sdk_charts() -> dict[str, Any]:
    charts = ClassificationMetrics()
    charts.log_confusion_matrix(["cat", "dog"], [[3, 1], [0, 4]])
    charts.log_roc_curve([0.0, 0.5, 1.0], [0.0, 0.75, 1.0], [0.9, 0.5, 0.1])
    return charts.metadata


MATRIX: dict[str, Any] = {"categories": ["cat", "dog"], "matrix": [[3, 1], [0, 4]]}
ROC: dict[str, Any] = {"fpr": [0.0, 0.5, 1.0], "tpr": [0.0, 0.75, 1.0], "thresholds": [0.9, 0.5, 0.1]}


@pytest.mark.parametrize(
    "content",
    [
        {"confusionMatrix": MATRIX, "roc": ROC, "more": "is left out"},
        {"confusionMatrix": MATRIX, "roc": {**ROC, "threshold": ROC["thresholds"]}},
        {"confusionMatrix": MATRIX, "confidenceMetrics": sdk_charts()["confidenceMetrics"]},
        {"confusionMatrix": sdk_charts()["confusionMatrix"], "roc": sdk_charts()["confidenceMetrics"]},
        sdk_charts(),
    ],
    ids=range(5),
)
def test_charts_are_reported_as_the_sdk_would(content: dict[str, Any], task: Callable[..., Task]) -> None:
    one = task(charts=CHARTS)
    assert one.writes({"charts": content}).stderr == ""
    assert one.reported() == {"charts": sdk_charts()}


@pytest.mark.parametrize(
    ("content", "key"), [({"confusionMatrix": MATRIX}, "confusionMatrix"), ({"roc": ROC}, "confidenceMetrics")]
)
def test_one_chart_alone(content: dict[str, Any], key: str, task: Callable[..., Task]) -> None:
    one = task(charts=CHARTS)
    one.writes({"charts": content})
    assert one.reported() == {"charts": {key: sdk_charts()[key]}}


def test_a_threshold_that_is_infinite_is_left_out(task: Callable[..., Task]) -> None:
    """scikit-learn's curves begin with one."""
    one = task(charts=CHARTS)
    done = one.writes({"charts": '{"roc": {"fpr": [0, 0.5, 1], "tpr": [0, 1, 1], "thresholds": [Infinity, 0.5, 0]}}'})
    assert done.stderr == ""
    assert [point["confidenceThreshold"] for point in one.reported()["charts"]["confidenceMetrics"]] == [0.5, 0]


def test_a_long_curve_is_thinned_out(task: Callable[..., Task]) -> None:
    one = task(charts=CHARTS)
    values = [n / 9999 for n in range(10_000)]
    file = Path(one.path("charts"))
    file.parent.mkdir()
    file.write_text(json.dumps({"roc": {"fpr": values, "tpr": values, "thresholds": values}}))
    assert one.run(["true"]).stderr == ""
    points = [point["recall"] for point in one.reported()["charts"]["confidenceMetrics"]]
    assert (points[0], points[-1], 300 < len(points) <= 402, points == sorted(points)) == (0, 1, True, True)


def test_what_the_program_reports_itself_stays_and_wins(task: Callable[..., Task]) -> None:
    one = task(scores="Metrics", other="Metrics")
    own: dict[str, Any] = {
        "parameterValues": {"best": 3},
        "artifacts": {
            "scores": {"artifacts": [{"name": "n", "uri": "gs://b/own", "metadata": {"acc": 1, "mine": "é"}}]},
            "model": {"artifacts": [{"name": "m", "uri": "gs://b/m"}]},
        },
    }
    done = one.writes({"scores": {"acc": 0.5, "loss": 2}, "other": {"x": 1}, "report": own})
    assert (done.returncode, done.stderr) == (0, "")
    own["artifacts"]["scores"]["artifacts"][0]["metadata"]["loss"] = 2
    entry = {"name": "projects/1/artifacts/other", "uri": "gs://b/other", "metadata": {"x": 1}}
    own["artifacts"]["other"] = {"artifacts": [entry]}
    assert json.loads(one.report.read_text()) == own


def test_an_executor_output_that_cannot_be_read_is_left_to_the_launcher(task: Callable[..., Task]) -> None:
    one = task(scores="Metrics")
    assert one.writes({"scores": {"x": 1}, "report": "{half"}).returncode == 0
    assert one.report.read_text() == "{half"


@pytest.mark.parametrize(
    "text", ["loss,acc\n1,2\n", "", "{", "\ud800", "[" * 100_000, '{"x": 1' + "0" * 1_000_000 + "}"]
)
def test_what_is_no_json_is_left_alone(text: str, task: Callable[..., Task]) -> None:
    one = task(scores="Metrics", charts=CHARTS)
    for name in one.types:
        file = Path(one.path(name))
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
    done = one.run(["true"])
    assert (done.returncode, done.stderr, one.report.exists()) == (0, "", False)


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_is_no_file_is_left_alone(is_folder: bool, task: Callable[..., Task]) -> None:
    one = task(scores="Metrics")
    if is_folder:
        Path(one.path("scores")).mkdir(parents=True)
    done = one.run(["true"])
    assert (done.returncode, done.stderr, one.report.exists()) == (0, "", False)


NO_NUMBERS = "hpc: it is not a JSON object of numbers and is not reported\n"
NO_CHART = "hpc: it is not a confusion matrix or a ROC curve and is not reported\n"


@pytest.mark.parametrize(
    ("kind", "content", "warning"),
    [
        ("Metrics", [1, 2], NO_NUMBERS),
        ("Metrics", 3, NO_NUMBERS),
        ("Metrics", {"a": "1"}, NO_NUMBERS),
        ("Metrics", {"a": True}, NO_NUMBERS),
        ("Metrics", {"a": None}, NO_NUMBERS),
        ("Metrics", {"train": {"a": 1}}, NO_NUMBERS),
        ("Metrics", '{"a": 1e999}', NO_NUMBERS),
        ("Metrics", {}, ""),
        ("Metrics", {str(n): n for n in range(8_000)}, "hpc: it is too large and is not reported\n"),
        (CHARTS, {"accuracy": 1}, NO_CHART),
        (CHARTS, [1], NO_CHART),
        (CHARTS, {"confusionMatrix": [[1]]}, NO_CHART),
        (CHARTS, {"confusionMatrix": {"categories": ["a"], "matrix": [[1], [2]]}}, NO_CHART),
        (CHARTS, {"roc": {"fpr": [1], "tpr": [1]}}, NO_CHART),
        (CHARTS, {"roc": {**ROC, "tpr": [1]}}, NO_CHART),
        (CHARTS, {"roc": [1]}, NO_CHART),
        (CHARTS, {"roc": None}, NO_CHART),
    ],
)
def test_what_cannot_be_reported_is_a_warning(kind: str, content: Any, warning: str, task: Callable[..., Task]) -> None:
    one = task(it=kind, ok="Metrics")
    done = one.writes({"it": content, "ok": {"x": 1}})
    assert (done.returncode, done.stderr) == (0, warning)
    assert one.reported() == {"ok": {"x": 1}}


def test_numbers_that_are_not_finite_are_named(task: Callable[..., Task]) -> None:
    one = task(scores="Metrics")
    done = one.writes({"scores": '{"loss": NaN, "best": -Infinity, "epoch": 3}'})
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "hpc: scores: loss is not finite and is not reported",
        "hpc: scores: best is not finite and is not reported",
    ]
    assert one.reported() == {"scores": {"epoch": 3}}


def test_a_report_that_cannot_be_written_fails_nothing(task: Callable[..., Task]) -> None:
    one = task(scores="Metrics")
    (one.root / "out").write_text("a file where the folder should be")
    done = one.writes({"scores": {"x": 1}})
    assert done.returncode == 0
    assert re.fullmatch(r"hpc: metrics are not reported: \w+Error: .+\n", done.stderr)


@pytest.mark.parametrize("text", ["", "{}", '{"outputs": {"artifacts": {}}}', "{{$}}"])
def test_an_executor_input_of_another_form_fails_nothing(text: str, task: Callable[..., Task]) -> None:
    one = task(scores="Metrics")
    argv = [text if word == "{{$}}" else word for word in with_metrics(["true"], ["scores"])]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert re.fullmatch(r"hpc: metrics are not reported: \w+Error: .+\n", done.stderr)
    assert not one.report.exists()


@pytest.mark.parametrize(
    ("kind", "reports"), [("workerpool0", True), ("chief", True), ("workerpool1", False), ("worker", False)]
)
def test_only_the_first_machine_reports(kind: str, reports: bool, task: Callable[..., Task]) -> None:
    one = task(scores="Metrics")
    done = one.writes({"scores": {"x": 1}}, CLUSTER_SPEC=json.dumps({"task": {"type": kind, "index": 0}}))
    assert (done.returncode, done.stderr, one.report.exists()) == (0, "", reports)


def test_a_failure_keeps_its_exit_code_and_reports_nothing(task: Callable[..., Task]) -> None:
    one = task(scores="Metrics")
    done = one.writes({"scores": {"x": 1}}, 3)
    assert (done.returncode, done.stderr, one.report.exists()) == (3, "", False)


@pytest.mark.parametrize("name", ["KILL", "TERM", "ABRT"])
def test_a_program_that_was_killed_ends_as_in_a_shell(name: str, task: Callable[..., Task]) -> None:
    done = task(scores="Metrics").run(["sh", "-c", f"kill -{name} $$"])
    assert done.returncode == 128 + getattr(signal, f"SIG{name}")


WAITING = """
import signal, sys
def stop(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit(7)
for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
    signal.signal(getattr(signal, name), stop)
print("ready", flush=True)
while True:
    signal.pause()
"""


def test_signals_reach_the_program(task: Callable[..., Task]) -> None:
    one = task(scores="Metrics")
    argv = one.launched(with_metrics([sys.executable, "-c", WAITING], ["scores"]))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        guard = threading.Timer(60, os.killpg, (process.pid, signal.SIGKILL))  # a signal that is lost is never answered
        guard.start()
        seen = [process.stdout.readline()]
        for name in ("SIGUSR1", "SIGUSR2", "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"):
            process.send_signal(getattr(signal, name))
            seen.append(process.stdout.readline())
        guard.cancel()
    assert seen == ["ready\n", "SIGUSR1\n", "SIGUSR2\n", "SIGHUP\n", "SIGINT\n", "SIGQUIT\n", "SIGTERM\n"]
    assert process.returncode == 7


def test_input_and_output_are_the_programs_own(task: Callable[..., Task]) -> None:
    argv = task(scores="Metrics").launched(with_metrics(["cat"], ["scores"]))
    done = subprocess.run(argv, input=b"\xff\0x", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\xff\0x", b"")


@pytest.mark.parametrize(
    "locale", [{"PYTHONUTF8": "1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_text_is_utf8_in_every_locale(locale: dict[str, str], tmp_path: Path) -> None:
    one = Task(tmp_path / "é", {"scores": "Metrics"})
    Path(one.path("scores")).parent.mkdir(parents=True)
    Path(one.path("scores")).write_text('{"é": 1}', encoding="utf-8")
    done = one.run(["echo", "é😀"], **locale)
    assert (done.returncode, done.stdout, done.stderr) == (0, "é😀\n", "")
    assert one.reported() == {"scores": {"é": 1}}


# All of them in front of a real Hydra application

NOTE = "{{$.inputs.parameters['note']}}"
APP = """
import json, os
import hydra
from omegaconf import OmegaConf

@hydra.main(config_path=None, config_name=None, version_base=None)
def main(config):
    with open(config.scores, "w") as file:
        json.dump({"length": len(os.environ["KEY"])}, file)
    print(json.dumps([config.note, os.environ["KEY"]]))

main()
"""


FILE = """
hpc: 1
name: p
images: {app: repo.example/app:1.0}
secrets: {wandb: {vertex: projects/p/secrets/wandb/versions/3, kfp: wandb/key}}
components:
  train:
    image: app
    command: [PYTHON, APP]
    inputs: {note: {type: string, as: +note, default: "it's ${x}"}}
    outputs: {scores: {type: Metrics, as: +scores}}
    env: {KEY: {secret: wandb}}
edges: [train]
"""


@pytest.mark.parametrize(("target", "key"), [("vertex", "s3cret"), ("kfp", WANDB)])
def test_the_programs_chain(target: str, key: str, cloud: Cloud, tmp_path: Path) -> None:
    """As they are compiled. On kfp the platform sets the variable, and nothing may touch it."""
    (tmp_path / "app.py").write_text(APP)
    text = FILE.replace("PYTHON", sys.executable).replace("APP", str(tmp_path / "app.py"))
    compiled = compile_text(text, target).compiled
    assert compiled is not None
    container = json.loads(compiled.text.split("\n---\n")[0])["deploymentSpec"]["executors"]["exec-train"]["container"]
    names = {METRICS: "metrics", SECRETS: "secrets", hydra.SMALL_BOOTSTRAP: "strings"}
    chain = ["metrics", "secrets", "strings"] if target == "vertex" else ["metrics", "strings"]
    assert [names[word] for word in container["command"] if word in names] == chain

    one = Task(tmp_path, {"scores": "Metrics"})
    Path(one.path("scores")).parent.mkdir()
    words = [_replaced(word, {NOTE: "it's ${x}"}) for word in [*container["command"], *container["args"]]]
    variables = {entry["name"]: entry["value"] for entry in container.get("env", [])}
    environment = {**cloud.environment, **variables}
    done = subprocess.run(
        one.launched(words), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == ["it's ${x}", key]
    assert one.reported() == {"scores": {"length": len(key)}}
