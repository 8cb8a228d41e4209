"""The library `std/`: the files as hpc reads them, and their programs run with the arguments that ship."""

from __future__ import annotations

import ast
import csv
import importlib.util
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from std.shipped import FOLDER, NAMES, command, component, environment, file_of, mentioned, program, run

from hpc.components.container import ContainerComponent
from hpc.spec import document

PORTS = {
    "dvc_pull": (
        {"repo": "string", "rev": "string", "path": "string", "md5": "string"},
        {"data": "Dataset"},
        {},
    ),
    "hash_split": (
        {"data": "Dataset", "key": "string", "ratios": "list<float>", "seed": "int"},
        {"train": "Dataset", "eval": "Dataset", "test": "Dataset"},
        {"seed": 0},
    ),
    "notify_slack": ({"status": "RunStatus", "only": "list<string>"}, {}, {"only": []}),
    "vertex_deploy": (
        {"model": "google.VertexModel", "endpoint": "string", "machine": "string"},
        {"endpoint": "google.VertexEndpoint"},
        {"machine": "n1-standard-2"},
    ),
    "vertex_upload": (
        {"model": "Model", "display_name": "string", "serving_image": "string"},
        {"model": "google.VertexModel"},
        {},
    ),
}
"""Inputs, outputs and defaults. What is published as @1 never changes: another interface is another number."""


# ---------------------------------------------------------------- the files


def test_the_library_holds_these_files():
    assert sorted(path.name for path in FOLDER.iterdir()) == [f"{name}@1.yaml" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_file_is_a_library_file(name: str):
    content = file_of(name)
    assert [*content] == ["hpc", "images", "components"]
    assert (content["hpc"], [*content["components"]]) == (1, [name])
    assert [*content["images"]] == [component(name)["image"]]
    path = FOLDER / f"{name}@1.yaml"
    assert document.warnings(document.read(document.decode(path.read_bytes(), path.name))) == []


@pytest.mark.parametrize("name", NAMES)
def test_ports_of_version_1_never_change(name: str):
    valid = ContainerComponent.model_validate(component(name))
    inputs, outputs, defaults = PORTS[name]
    assert {port: str(valid.inputs[port].type) for port in valid.inputs} == inputs
    assert {port: str(valid.outputs[port].type) for port in valid.outputs} == outputs
    assert {port: valid.inputs[port].default for port in valid.inputs if valid.inputs[port].has_default} == defaults
    assert not any(port.optional for port in valid.inputs.values())


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_described(name: str):
    valid = ContainerComponent.model_validate(component(name))
    assert valid.title and valid.description
    assert all(port.description for port in (*valid.inputs.values(), *valid.outputs.values()))


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_an_argument_of_its_own(name: str):
    valid = ContainerComponent.model_validate(component(name))
    assert valid.cli == "none"
    assert len(mentioned(name)) == len(valid.args)
    assert "${{" not in "".join(valid.command)
    assert {reference.split(".")[1] for reference in mentioned(name) if reference.startswith("inputs.")} == {
        *valid.inputs
    }


def test_default_images():
    images = {name: file_of(name)["images"] for name in NAMES}
    launcher = {"launcher": "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0"}
    plain = {"std": "python:3.11-slim"}
    assert images == {name: launcher if name.startswith("vertex_") else plain for name in NAMES}


@pytest.mark.parametrize("name", ["dvc_pull", "hash_split", "notify_slack"])
def test_program_needs_the_standard_library_alone(name: str):
    tree = ast.parse(program(name), feature_version=(3, 8))
    modules = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {module.partition(".")[0] for module in modules} <= sys.stdlib_module_names


# ---------------------------------------------------------------- hash_split

KNOWN = json.loads((Path(__file__).parent / "std" / "farmhash64.json").read_text(encoding="utf-8"))
PARTS = ("train", "eval", "test")


def split(data: Path, key: str = "id", ratios: str = "[0.8, 0.1, 0.1]", seed: str = "0") -> Any:
    """One run; its outputs lie beside the data, in `out`."""
    outputs = {f"outputs.{part}": str(data.parent / "out" / part) for part in PARTS}
    values = {"inputs.data": str(data), "inputs.key": key, "inputs.ratios": ratios, "inputs.seed": seed, **outputs}
    return run("hash_split", values)


def parts(data: Path) -> list[bytes]:
    return [(data.parent / "out" / part).read_bytes() for part in PARTS]


def expected_part(fingerprint: int) -> str:
    number = fingerprint % 1_000_000
    return "train" if number < 800_000 else "eval" if number < 900_000 else "test"


def write_csv(path: Path, keys: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([["n", "id"], *([n, key] for n, key in enumerate(keys))])
    return path


def test_fingerprint_is_that_of_farmhash():
    names: dict[str, Any] = {"__name__": "hash_split"}
    exec(program("hash_split"), names)
    data = [bytes((i * 131 + n * 17) % 256 for i in range(n)) for n in range(301)]
    assert [f"{names['fingerprint64'](each):016x}" for each in data] == KNOWN["of_lengths"]


@pytest.mark.parametrize("seed", [0, 7])
def test_rows_are_where_the_published_rule_puts_them(tmp_path: Path, seed: int):
    known = {row["key"]: expected_part(row["fingerprint"]) for row in KNOWN["of_keys"] if row["seed"] == seed}
    assert {*known.values()} == {*PARTS}
    data = write_csv(tmp_path / "data.csv", [*known])
    assert split(data, seed=str(seed)).returncode == 0
    found = {}
    for part in PARTS:
        with (tmp_path / "out" / part).open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        assert header == ["n", "id"]
        assert rows == sorted(rows, key=lambda row: int(row[0]))
        found |= {row[1]: part for row in rows}
    assert found == known


def test_growth_and_another_order_move_no_row(tmp_path: Path):
    keys = [f"k{n}" for n in range(400)]
    shuffled = random.Random(1).sample([*keys, *(f"new{n}" for n in range(400))], 800)
    where = []
    for folder, some in (("a", keys), ("b", shuffled)):
        (tmp_path / folder).mkdir()
        data = write_csv(tmp_path / folder / "data.csv", some)
        assert split(data).returncode == 0
        texts = [part.decode() for part in parts(data)]
        where.append({line.split(",")[1]: at for at, text in enumerate(texts) for line in text.splitlines()[1:]})
    assert len(where[1]) == 800
    assert {key: where[1][key] for key in keys} == where[0]


def test_csv_is_copied_byte_for_byte(tmp_path: Path):
    header = b'\xef\xbb\xbf"id","te,xt"\r\n'
    rows = [b'%03d,"line\r\nbreak, and ""quotes"""\r\n' % n for n in range(50)]
    rows += [b"latin-1 \xe9,x\r\n", b'"last",without end']
    data = tmp_path / "data.csv"
    data.write_bytes(header + b"\r\n".join([b"".join(rows[:20]), b"".join(rows[20:])]))
    assert split(data).stdout.startswith("rows: train ")
    made = parts(data)
    assert all(part.startswith(header) for part in made)
    rests = [part.removeprefix(header) for part in made]
    for row in rows:
        assert sum(row in rest for rest in rests) == 1
    assert sum(map(len, rests)) == sum(map(len, rows))


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.ndjson", "rows.json", "rows"])
def test_json_lines_go_where_csv_goes(tmp_path: Path, name: str):
    known = {row["key"]: expected_part(row["fingerprint"]) for row in KNOWN["of_keys"] if row["seed"] == 0}
    lines = {key: json.dumps({"x": [1, {"id": 2}], "id": key or None}) + "\n" for key in known}
    (tmp_path / name).write_text("\n" + "".join(lines.values()) + "   \n", encoding="utf-8")
    assert split(tmp_path / name).returncode == 0
    texts = dict(zip(PARTS, (part.decode() for part in parts(tmp_path / name)), strict=True))
    assert texts == {part: "".join(lines[key] for key in known if known[key] == part) for part in PARTS}


def test_numbers_of_json_count_as_they_are_written(tmp_path: Path):
    written = ["1", "1.0", "1e3", "-0", "123456789012345678901234567890"]
    places = []
    for form in ("{%s}", '{"%s"}'):
        folder = tmp_path / form.strip("{}%").replace('"', "q")
        folder.mkdir()
        data = folder / "rows.jsonl"
        data.write_text("".join('{"id": ' + form[1:-1] % number + "}\n" for number in written))
        assert split(data, ratios="[1, 1, 1]").returncode == 0
        places.append([part.replace(b'"', b"") for part in parts(data)])
    assert places[0] == places[1]


def test_folder_gives_folders(tmp_path: Path):
    data = tmp_path / "data"
    for name in ("a.csv", "sub/b.csv", "sub/c.jsonl", "_SUCCESS", ".hidden/d.csv", "_tmp/e.csv"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text('{"id": 1}\n' if name.endswith("jsonl") else "id\nx\ny\nz\n")
    done = split(data)
    assert done.returncode == 0
    for part in PARTS:
        out = tmp_path / "out" / part
        files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
        assert files == ["a.csv", "sub/b.csv", "sub/c.jsonl"]
        assert (out / "a.csv").read_text() == (out / "sub/b.csv").read_text()
        assert (out / "a.csv").read_text().startswith("id\n")


@pytest.mark.parametrize(
    ("ratios", "counts"),
    [
        ("[1, 0, 0]", "train 50, eval 0, test 0"),
        ("[0, 0, 2.5]", "train 0, eval 0, test 50"),
        ("[0, 1e-3, 0]", "train 0, eval 50, test 0"),
    ],
)
def test_a_share_of_nothing_is_empty(tmp_path: Path, ratios: str, counts: str):
    data = write_csv(tmp_path / "data.csv", [f"k{n}" for n in range(50)])
    assert split(data, ratios=ratios).stdout == f"rows: {counts}\n"


def test_ratios_are_shares(tmp_path: Path):
    data = write_csv(tmp_path / "data.csv", [f"k{n}" for n in range(200)])
    made = []
    for ratios in ("[0.8, 0.1, 0.1]", "[8, 1, 1]", "[0.08, 0.01, 0.01]"):
        assert split(data, ratios=ratios).returncode == 0
        made.append(parts(data))
    assert made[0] == made[1] == made[2]


def test_another_seed_is_another_split(tmp_path: Path):
    data = write_csv(tmp_path / "data.csv", [f"k{n}" for n in range(200)])
    made = []
    for seed in ("0", "1"):
        assert split(data, seed=seed).returncode == 0
        made.append(parts(data))
    assert made[0] != made[1]


@pytest.mark.parametrize("ratios", ["[0.5, 0.5]", "[1, 1, -1]", "[0, 0, 0]", "[1, 1, true]", "[1, 1, NaN]", "0.8", "x"])
def test_ratios_that_are_none(tmp_path: Path, ratios: str):
    done = split(write_csv(tmp_path / "data.csv", ["a"]), ratios=ratios)
    assert done.returncode == 1
    assert done.stderr == (
        f"hash_split: ratios must be three numbers, none negative, not all zero; these are {ratios}\n"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.csv", "a,b\n1,2\n", "d.csv has no column `id`; its header is: a, b"),
        ("d.csv", "id,b,id\n1,2,3\n", "d.csv has several columns `id`; its header is: id, b, id"),
        ("d.csv", "b,id\n1,2\n3\n", "d.csv, line 3: the row ends before the column `id`."),
        ("d.csv", 'id\n"a"b"\n', "d.csv, line 2: this is not CSV: ',' expected after '\"'."),
        ("d.csv", 'id\n"a\n', "d.csv, line 2: this is not CSV: unexpected end of data."),
        ("d.csv", "", "d.csv is empty: a CSV file needs a header."),
        ("d.jsonl", '{"id": 1}\n{"x": 1}\n', "d.jsonl, line 2: the row has no `id`."),
        ("d.jsonl", "[1]\n", "d.jsonl, line 1: a row of JSON Lines is an object."),
        ("d.json", '{\n"id": 1}\n', "d.json, line 1: this is not JSON Lines: Expecting property name"),
        ("d.parquet", "PAR1\x15\x04", "d.parquet has no column `id`; its header is: PAR1"),
    ],
)
def test_data_that_cannot_be_split(tmp_path: Path, name: str, content: str, message: str):
    (tmp_path / name).write_text(content)
    done = split(tmp_path / name)
    assert done.returncode == 1
    assert done.stderr.startswith(f"hash_split: {message}")
    assert done.stderr.count("\n") == 1


def test_no_data(tmp_path: Path):
    assert split(tmp_path / "absent").stderr == "hash_split: there is nothing at the path of the input `data`.\n"
    (tmp_path / "data").mkdir()
    assert split(tmp_path / "data").stderr == "hash_split: the folder holds no files.\n"


# ---------------------------------------------------------------- dvc_pull

FACES = {"x.txt": b"a\r\nb\n", "sub/\u00e9.bin": b"\0\1", "Z.txt": b"1", "b-1.txt": b"2", "b.txt": b"3"}
FACES_MD5 = "1d8ad3a3abc108f2e16daeb9dfa00abe.dir"  # of DVC 3.67
FACES_OLD_MD5 = "a940b7bc6b14c669c379913a8f00cfe0.dir"  # with the hash of DVC before 3.0
ONE_MD5 = "764efa883dda1e11db47671c4a3bbd9e"  # of "hi\n"

STUB_DVC = """#!{python}
import json, os, shutil, sys
arguments = sys.argv[1:]
with open(os.environ["SEEN"], "w") as file:
    json.dump(arguments, file)
word, rev, out, mark, repo, path = arguments
assert (word, rev[:6], out[:6], mark) == ("get", "--rev=", "--out=", "--")
if rev != "--rev=v1":
    sys.exit("ERROR: unknown Git revision")
source, target = os.path.join(repo, path), out[6:]
(shutil.copytree if os.path.isdir(source) else shutil.copyfile)(source, target)
"""


def make_data(folder: Path) -> Path:
    for name, content in {**{f"data/faces/{name}": FACES[name] for name in FACES}, "one.csv": b"hi\n"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def stub_dvc(tmp_path: Path) -> dict[str, str]:
    stub = tmp_path / "bin" / "dvc"
    stub.parent.mkdir()
    stub.write_text(STUB_DVC.format(python=sys.executable))
    stub.chmod(0o755)
    return {"PATH": str(stub.parent), "SEEN": str(tmp_path / "seen.json")}


def pull(tmp_path: Path, path: str, md5: str, rev: str = "v1", **variables: str) -> Any:
    values = {"inputs.repo": str(tmp_path / "repo"), "inputs.rev": rev, "inputs.path": path, "inputs.md5": md5}
    return run("dvc_pull", {**values, "outputs.data": str(tmp_path / "deep" / "er" / "out")}, **variables)


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("md5", [FACES_MD5, FACES_OLD_MD5])
def test_dvc_folder(tmp_path: Path, stub_dvc: dict[str, str], md5: str):
    make_data(tmp_path / "repo")
    done = pull(tmp_path, "data/faces", md5, **stub_dvc)
    assert (done.returncode, done.stdout) == (0, f"data/faces at v1: MD5 {md5}\n")
    assert content_of(tmp_path / "deep/er/out") == FACES
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (seen[1], seen[3:]) == ("--rev=v1", ["--", str(tmp_path / "repo"), "data/faces"])


def test_dvc_file(tmp_path: Path, stub_dvc: dict[str, str]):
    make_data(tmp_path / "repo")
    assert pull(tmp_path, "one.csv", ONE_MD5, **stub_dvc).returncode == 0
    assert (tmp_path / "deep/er/out").read_bytes() == b"hi\n"


@pytest.mark.parametrize(("path", "found"), [("one.csv", ONE_MD5), ("data/faces", FACES_MD5)])
def test_dvc_other_content_is_not_handed_over(tmp_path: Path, stub_dvc: dict[str, str], path: str, found: str):
    make_data(tmp_path / "repo")
    done = pull(tmp_path, path, "0" * 32, **stub_dvc)
    assert done.returncode == 1
    assert done.stderr == f"dvc_pull: {path} at v1 has the MD5 {found}, not {'0' * 32}.\n"
    assert not (tmp_path / "deep").exists()


def test_dvc_fails(tmp_path: Path, stub_dvc: dict[str, str]):
    make_data(tmp_path / "repo")
    done = pull(tmp_path, "one.csv", ONE_MD5, rev="v2", **stub_dvc)
    assert done.returncode == 1
    assert done.stderr == (
        "ERROR: unknown Git revision\ndvc_pull: `dvc get` failed with exit code 1; its message stands above.\n"
    )


def test_dvc_is_missing(tmp_path: Path):
    done = pull(tmp_path, "one.csv", ONE_MD5, PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == ("dvc_pull: there is no `dvc` in this image; set `images: {std: …}` to one that has it.\n")


def test_dvc_md5_that_is_none(tmp_path: Path, stub_dvc: dict[str, str]):
    done = pull(tmp_path, "one.csv", "abc", **stub_dvc)
    assert done.stderr == (
        "dvc_pull: md5 is 32 hexadecimal digits, for a folder with `.dir` after them; this is 'abc'.\n"
    )


@pytest.mark.skipif(not (shutil.which("dvc") and shutil.which("git")), reason="dvc and git are not installed here")
def test_dvc_itself(tmp_path: Path):
    repo = make_data(tmp_path / "repo")
    variables = {"HOME": str(tmp_path), "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    for line in (
        "git init -q .",
        "dvc init -q",
        "dvc add -q data/faces one.csv",
        f"dvc remote add -q -d here {tmp_path / 'remote'}",
        "dvc push -q",
        "git add -A",
        "git -c user.name=a -c user.email=a@b commit -qm data",
        "git tag v1",
    ):
        subprocess.run(line.split(), cwd=repo, env=environment(**variables), check=True)
    assert FACES_MD5 in (repo / "data/faces.dvc").read_text()
    done = pull(tmp_path, "data/faces", FACES_MD5, **variables)
    assert done.returncode == 0, done.stderr
    assert content_of(tmp_path / "deep/er/out") == FACES
    assert pull(tmp_path, "one.csv", FACES_MD5, **variables).stderr.endswith(
        f"dvc_pull: one.csv at v1 has the MD5 {ONE_MD5}, not {FACES_MD5}.\n"
    )
    assert pull(tmp_path, "one.csv", ONE_MD5, rev="v2", **variables).returncode == 1


# ---------------------------------------------------------------- notify_slack


class Slack:
    """A webhook on the loopback that answers as it is told, at the end always 200."""

    def __init__(self) -> None:
        from http.server import BaseHTTPRequestHandler, HTTPServer
        from threading import Thread

        self.answers: list[tuple[int, dict[str, str], str]] = []
        self.posts: list[dict[str, Any]] = []
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert (self.path, self.headers["Content-Type"]) == ("/services/T0/B0/secret", "application/json")
                slack.posts.append(json.loads(body))
                code, headers, text = slack.answers.pop(0) if slack.answers else (200, {}, "ok")
                self.send_response(code)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.webhook = f"http://127.0.0.1:{self.server.server_port}/services/T0/B0/secret"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def slack():
    slack = Slack()
    yield slack
    slack.server.shutdown()
    slack.server.server_close()


@pytest.fixture
def quick(tmp_path: Path) -> dict[str, str]:
    """The programs say how long they would have waited."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(
        "import time\ntime.sleep = lambda seconds: print(f'pause {seconds}')\n"
    )
    return {"PYTHONPATH": str(tmp_path / "site")}


FAILED = {
    "state": "FAILED",
    "error": {"code": 9, "message": "train: <out of memory> & more"},
    "pipelineJobResourceName": "projects/12/locations/europe-west4/pipelineJobs/nightly-20261120",
    "pipelineTaskName": "exit-handler-1",
}


def notify(status: Any, only: str = "[]", name: str = "nightly-20261120", **variables: str) -> Any:
    text = status if isinstance(status, str) else json.dumps(status)
    return run("notify_slack", {"inputs.status": text, "inputs.only": only, "run.name": name}, **variables)


def test_slack_gets_state_and_error(slack: Slack):
    done = notify(FAILED, SLACK_WEBHOOK=f" {slack.webhook}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "FAILED: sent\n", "")
    page = (
        "https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines/runs/nightly-20261120?project=12"
    )
    assert slack.posts == [{"text": f"<{page}|nightly-20261120>: *FAILED*\ntrain: &lt;out of memory&gt; &amp; more"}]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({"state": "COMPLETE", "error": {}, "pipelineJobResourceName": "wf-x1"}, "n: *SUCCEEDED*"),
        ({"state": "FAILED", "error": {}, "pipeline_job_resource_name": "wf-x1"}, "n: *FAILED*"),
        ({"state": "FAILED", "error": None}, "n: *FAILED*"),
        ({"state": "FAILED", "error": "why"}, "n: *FAILED*\nwhy"),
        ({"state": "Canceled"}, "n: *CANCELLED*"),
        ({"state": "NEW_WORD"}, "n: *NEW_WORD*"),
        ({}, "n: *UNKNOWN*"),
    ],
)
def test_slack_reads_every_spelling(slack: Slack, status: dict[str, Any], text: str):
    assert notify(status, name="n", SLACK_WEBHOOK=slack.webhook).returncode == 0
    assert slack.posts == [{"text": text}]


@pytest.mark.parametrize("name", ["", "{{$.pipeline_job_name}}"])
def test_slack_takes_the_name_from_the_status(slack: Slack, name: str):
    status = {"state": "FAILED", "pipeline_job_resource_name": "wf-x1"}
    assert notify(status, name=name, SLACK_WEBHOOK=slack.webhook).returncode == 0
    assert notify({"state": "FAILED"}, name=name, SLACK_WEBHOOK=slack.webhook).returncode == 0
    assert slack.posts == [{"text": "wf-x1: *FAILED*"}, {"text": "pipeline: *FAILED*"}]


@pytest.mark.parametrize(
    ("state", "only", "posts"),
    [
        ("FAILED", '["FAILED"]', 1),
        ("SUCCEEDED", '["FAILED"]', 0),
        ("COMPLETE", '["FAILED", "SUCCEEDED"]', 1),
        ("SUCCEEDED", '["COMPLETE"]', 1),
        ("CANCELLED", '["failed", "canceled"]', 1),
        ("SUCCEEDED", "[]", 1),
    ],
)
def test_slack_only_these_states(slack: Slack, state: str, only: str, posts: int):
    done = notify({"state": state}, only, SLACK_WEBHOOK=slack.webhook)
    assert (done.returncode, len(slack.posts)) == (0, posts)


def test_slack_is_asked_again(slack: Slack, quick: dict[str, str]):
    slack.answers = [(503, {}, ""), (429, {"Retry-After": "30"}, "rate_limited"), (500, {}, "")]
    done = notify(FAILED, SLACK_WEBHOOK=slack.webhook, **quick)
    assert done.stdout == "pause 1\npause 30\npause 4\nFAILED: sent\n"
    assert len(slack.posts) == 4


@pytest.mark.parametrize(
    ("answers", "posts", "problem"),
    [([(404, {}, "no_service")], 1, "HTTP 404 no_service"), ([(500, {}, "down")] * 9, 5, "HTTP 500 down")],
)
def test_slack_refuses(slack: Slack, quick: dict[str, str], answers: list[Any], posts: int, problem: str):
    slack.answers = answers
    done = notify(FAILED, SLACK_WEBHOOK=slack.webhook, **quick)
    assert (done.returncode, len(slack.posts)) == (1, posts)
    assert done.stderr == f"notify_slack: Slack did not take the message: {problem}\n"


@pytest.mark.parametrize(
    ("webhook", "message"),
    [
        ("", "the environment variable SLACK_WEBHOOK is missing; give it a secret under `env`."),
        ("hooks.example/T0/secret", "SLACK_WEBHOOK is not a web address."),
        ("https://hooks.example/T0 /secret", "SLACK_WEBHOOK is not a web address."),
        ("http://127.0.0.1:secret/x", "Slack did not take the message: InvalidURL"),
    ],
)
def test_slack_webhook_is_wrong(webhook: str, message: str):
    done = notify(FAILED, **({"SLACK_WEBHOOK": webhook} if webhook else {}))
    assert (done.returncode, done.stderr) == (1, f"notify_slack: {message}\n")


def test_slack_webhook_is_never_printed(slack: Slack, quick: dict[str, str]):
    slack.answers = [(400, {}, f"cannot post to {slack.webhook}")]
    outputs = [notify(FAILED, SLACK_WEBHOOK=slack.webhook, **quick)]
    outputs.append(notify(FAILED, SLACK_WEBHOOK="http://127.0.0.1:9/services/secret", **quick))
    for done in outputs:
        assert done.returncode == 1
        assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("status", "only", "message"),
    [
        ("not json", "[]", "`status` is not a JSON dict."),
        ({"state": "FAILED"}, "FAILED", "`only` is not a JSON list."),
        ({"state": "FAILED"}, '["FAILD"]', "`only` names FAILD; states are SUCCEEDED, FAILED and CANCELLED."),
    ],
)
def test_slack_arguments_are_wrong(status: Any, only: str, message: str):
    done = notify(status, only, SLACK_WEBHOOK="https://hooks.example/secret")
    assert (done.returncode, done.stderr) == (1, f"notify_slack: {message}\n")


# ---------------------------------------------------------------- vertex_upload and vertex_deploy

needs_google = pytest.mark.skipif(
    not importlib.util.find_spec("google") or not importlib.util.find_spec("google.cloud.aiplatform_v1"),
    reason="google-cloud-aiplatform is not installed here",
)
needs_launcher = pytest.mark.skipif(
    not importlib.util.find_spec("google_cloud_pipeline_components"),
    reason="google-cloud-pipeline-components is not installed here",
)
ADVERSARIAL = 'a "quoted" \\name\\ with {braces}, $(vars), ${x}, *, naïve\nline'


@pytest.fixture
def vertex():
    from std.fake_vertex import FakeVertex

    vertex = FakeVertex()
    yield vertex
    vertex.close()


@pytest.fixture
def google(vertex: Any, tmp_path: Path) -> dict[str, str]:
    """The environment in which Google's own libraries find the loopback server."""
    from std.fake_vertex import REDIRECT

    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(REDIRECT)
    return {
        "PYTHONPATH": str(tmp_path / "site"),
        "GCE_METADATA_HOST": vertex.address,
        "GCE_METADATA_IP": vertex.address,
        "GCE_METADATA_MTLS_MODE": "none",
        "CLOUDSDK_CONFIG": str(tmp_path),
    }


def executor_input(tmp_path: Path, name: str, title: str) -> str:
    """What Vertex AI gives for `{{$}}`, as far as it matters."""
    artifact = {"name": "", "type": {"schemaTitle": title}, "uri": f"gs://b/{name}", "metadata": {}}
    outputs = {"artifacts": {name: {"artifacts": [artifact]}}, "outputFile": str(tmp_path / "deep" / "output.json")}
    return json.dumps({"inputs": {}, "outputs": outputs})


def artifact_written(tmp_path: Path, name: str) -> dict[str, Any]:
    written = json.loads((tmp_path / "deep" / "output.json").read_text())
    assert [*written] == ["artifacts"] and [*written["artifacts"]] == [name]
    (artifact,) = written["artifacts"][name]["artifacts"]
    return artifact


def upload_values(tmp_path: Path, **changed: str) -> dict[str, str]:
    values = {
        "run.project": "my-project",
        "run.location": "europe-west4",
        "run.id": "777",
        "inputs.display_name": ADVERSARIAL,
        "inputs.serving_image": "example/serve:1.0",
        "inputs.model.uri": "gs://b/model",
        "run.executor_input": executor_input(tmp_path, "model", "google.VertexModel"),
    }
    return {**values, **changed}


def test_upload_hands_the_request_to_the_launcher(tmp_path: Path):
    """The launcher's place is taken by a module that writes down what it is given."""
    module = tmp_path / "site/google_cloud_pipeline_components/container/v1/model/upload_model/launcher.py"
    module.parent.mkdir(parents=True)
    for folder in module.parents[:5]:
        (folder / "__init__.py").touch()
    module.write_text("import json\ndef main(argv):\n    print(json.dumps(argv))\n")
    values = upload_values(tmp_path)
    done = run("vertex_upload", values, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    words = json.loads(done.stdout)
    given = dict(zip(words[::2], words[1::2], strict=True))
    resources = Path(given.pop("--gcp_resources"))
    assert resources.name == "gcp_resources" and not resources.parent.exists()
    assert json.loads(given.pop("--payload")) == {
        "display_name": ADVERSARIAL,
        "artifact_uri": "gs://b/model",
        "container_spec": {"image_uri": "example/serve:1.0"},
        "pipeline_job": "projects/my-project/locations/europe-west4/pipelineJobs/777",
    }
    assert given == {
        "--type": "UploadModel",
        "--project": "my-project",
        "--location": "europe-west4",
        "--executor_input": values["run.executor_input"],
    }


@needs_google
@needs_launcher
def test_upload_by_the_real_launcher(tmp_path: Path, vertex: Any, google: dict[str, str]):
    """What reaches the API is what Google's own ModelUploadOp sends for the same model."""
    from std import fake_vertex

    project = {"run.project": "123"}
    done = run("vertex_upload", upload_values(tmp_path, **project), **google)
    assert done.returncode == 0, done.stderr
    artifact = artifact_written(tmp_path, "model")
    assert artifact["metadata"] == {"resourceName": f"{fake_vertex.PARENT}/models/1@1"}
    assert artifact["uri"] == f"https://{fake_vertex.HOST}/v1/{fake_vertex.PARENT}/models/1@1"

    values = upload_values(tmp_path, **project, **{"inputs.display_name": "plain"})
    assert run("vertex_upload", values, **google).returncode == 0
    theirs = subprocess.run(
        google_upload(values), env=environment(**google), capture_output=True, text=True, check=False
    )
    assert theirs.returncode == 0, theirs.stderr
    first, second, third = vertex.models
    assert first == {**second, "display_name": ADVERSARIAL}
    assert second == third


def google_upload(values: dict[str, str]) -> list[str]:
    """ModelUploadOp's executor for the same choices, its placeholders filled as Vertex AI does."""
    from google.protobuf import json_format
    from google_cloud_pipeline_components.v1.model import ModelUploadOp

    spec = json_format.MessageToDict(ModelUploadOp.pipeline_spec)
    container = spec["deploymentSpec"]["executors"]["exec-model-upload"]["container"]
    model = {"containerSpec": {"imageUri": values["inputs.serving_image"]}}
    unmanaged = {"uri": values["inputs.model.uri"], "metadata": model}
    given = json.loads(values["run.executor_input"])
    given["inputs"] = {"artifacts": {"unmanaged_container_model": {"artifacts": [unmanaged]}}}
    fills = {
        "{{$}}": json.dumps(given),
        "{{$.inputs.parameters['display_name']}}": values["inputs.display_name"],
        "{{$.inputs.parameters['project']}}": values["run.project"],
        "{{$.inputs.parameters['location']}}": values["run.location"],
        "{{$.pipeline_job_uuid}}": values["run.id"],
        "{{$.outputs.parameters['gcp_resources'].output_file}}": given["outputs"]["outputFile"] + ".resources",
        **{f"{{{{$.inputs.parameters['{name}']}}}}": "" for name in ("description", "encryption_spec_key_name")},
        "{{$.inputs.parameters['version_aliases']}}": "[]",
        **{
            f"{{{{$.inputs.parameters['{name}']}}}}": "{}"
            for name in ("explanation_parameters", "explanation_metadata", "labels")
        },
    }

    def filled(text: str) -> str:
        for placeholder, value in fills.items():
            text = text.replace(placeholder, value)
        return text

    words = [word for word in container["args"] if not word.startswith('{"IfPresent"')]
    joined = ["".join(map(filled, json.loads(word)["Concat"])) if word.startswith('{"C') else word for word in words]
    return [sys.executable, *container["command"][1:], *map(filled, joined)]


MODEL = "projects/123/locations/europe-west4/models/5@2"


def deploy_values(tmp_path: Path, **changed: str) -> dict[str, str]:
    values = {
        "inputs.model.metadata.resourceName": MODEL,
        "inputs.endpoint": "mnist",
        "inputs.machine": "n1-standard-2",
        "run.executor_input": executor_input(tmp_path, "endpoint", "google.VertexEndpoint"),
    }
    return {**values, **changed}


def deployments(vertex: Any) -> list[tuple[str, str, str]]:
    return [
        (endpoint["displayName"], each["model"], each["dedicatedResources"]["machineSpec"]["machineType"])
        for endpoint in vertex.endpoints.values()
        for each in endpoint.get("deployedModels", [])
    ]


@needs_google
@pytest.mark.parametrize("name", ["mnist", ADVERSARIAL])
def test_deploy_makes_the_endpoint(tmp_path: Path, vertex: Any, google: dict[str, str], name: str):
    vertex.add_endpoint("1", "another")
    done = run("vertex_deploy", deploy_values(tmp_path, **{"inputs.endpoint": name}), **google)
    assert done.returncode == 0, done.stderr
    assert deployments(vertex) == [(name, MODEL, "n1-standard-2")]
    made = next(each for each in vertex.endpoints.values() if each["displayName"] == name)
    assert made["trafficSplit"] == {made["deployedModels"][0]["id"]: 100}
    artifact = artifact_written(tmp_path, "endpoint")
    assert artifact["metadata"] == {"resourceName": made["name"]}
    assert artifact["uri"] == f"https://europe-west4-aiplatform.googleapis.com/v1/{made['name']}"
    assert artifact["type"] == {"schemaTitle": "google.VertexEndpoint"}


@needs_google
def test_deploy_uses_the_endpoint_that_is_there(tmp_path: Path, vertex: Any, google: dict[str, str]):
    for number in range(4):
        vertex.add_endpoint(str(number), f"other {number}")
    mine = vertex.add_endpoint("9", "mnist")
    mine |= {"deployedModels": [{"id": "5", "model": "old"}], "trafficSplit": {"5": 100}}
    assert run("vertex_deploy", deploy_values(tmp_path), **google).returncode == 0
    old, new = mine["deployedModels"]
    assert (old["id"], new["model"], mine["trafficSplit"]) == ("5", MODEL, {new["id"]: 100})
    assert len(vertex.endpoints) == 5
    assert artifact_written(tmp_path, "endpoint")["metadata"] == {"resourceName": mine["name"]}


@needs_google
def test_deploy_twice_deploys_once(tmp_path: Path, vertex: Any, google: dict[str, str]):
    assert run("vertex_deploy", deploy_values(tmp_path), **google).returncode == 0
    (endpoint,) = vertex.endpoints.values()
    own = endpoint["deployedModels"][0]["id"]
    newer = deploy_values(tmp_path, **{"inputs.model.metadata.resourceName": MODEL[:-1] + "3"})
    assert run("vertex_deploy", newer, **google).returncode == 0
    assert endpoint["trafficSplit"] == {endpoint["deployedModels"][1]["id"]: 100}
    assert run("vertex_deploy", deploy_values(tmp_path), **google).returncode == 0
    assert len(endpoint["deployedModels"]) == 2
    assert endpoint["trafficSplit"] == {own: 100}


@needs_google
@pytest.mark.parametrize("kind", ["503", "lost"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/endpoints"), ("POST", "/endpoints"), ("POST", ":deployModel"), ("GET", "/operations/2")],
)
def test_deploy_survives_a_fault(
    tmp_path: Path, vertex: Any, google: dict[str, str], method: str, path: str, kind: str
):
    vertex.faults = [(method, path, kind)] * 2
    done = run("vertex_deploy", deploy_values(tmp_path), **google)
    assert done.returncode == 0, done.stderr
    assert len(vertex.faults) < 2
    assert deployments(vertex) == [("mnist", MODEL, "n1-standard-2")]
    assert len(vertex.endpoints) == 1


@needs_google
def test_deploy_with_two_endpoints_of_one_name(tmp_path: Path, vertex: Any, google: dict[str, str]):
    for number in ("1", "2", "3"):
        vertex.add_endpoint(number, "mnist" if number != "2" else "other")
    done = run("vertex_deploy", deploy_values(tmp_path), **google)
    assert done.returncode == 1
    assert done.stderr.startswith("vertex_deploy: 2 endpoints are called 'mnist': projects/123/")
    assert deployments(vertex) == []


@needs_google
def test_deploy_says_why_the_operation_failed(tmp_path: Path, vertex: Any, google: dict[str, str]):
    vertex.add_endpoint("1", "mnist")
    vertex.failing = "Model server never became ready."
    done = run("vertex_deploy", deploy_values(tmp_path), **google)
    assert done.returncode == 1
    assert done.stderr.endswith("/operations/1: Model server never became ready.\n")
    assert not (tmp_path / "deep").exists()


@needs_google
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"inputs.model.metadata.resourceName": ""},
            "the model has no resource name of Vertex AI in its metadata: ''.",
        ),
        ({"inputs.endpoint": ""}, "`endpoint` is empty."),
    ],
)
def test_deploy_arguments_are_wrong(
    tmp_path: Path, vertex: Any, google: dict[str, str], changed: dict[str, str], message: str
):
    done = run("vertex_deploy", deploy_values(tmp_path, **changed), **google)
    assert (done.returncode, done.stderr) == (1, f"vertex_deploy: {message}\n")
    assert vertex.calls == []


@needs_google
def test_deploy_is_cancelled_with_the_run(tmp_path: Path, vertex: Any, google: dict[str, str]):
    vertex.add_endpoint("1", "mnist")
    vertex.slow_operations = 10**9
    process = subprocess.Popen(
        command("vertex_deploy", deploy_values(tmp_path)), env=environment(**google), stderr=subprocess.PIPE, text=True
    )
    try:
        while not any("/operations/" in call for call in [*vertex.calls]):
            assert process.poll() is None
        process.terminate()
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert vertex.cancelled == [f"{vertex.endpoints.popitem()[0]}/operations/1"]
    assert (process.returncode, said) == (1, f"vertex_deploy: cancelled {vertex.cancelled[0]}\n")
