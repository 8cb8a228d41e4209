"""The command line as a user meets it: real processes, real files, exit codes and streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from compiling import EXAMPLES

from hpc.cli import run_command

RECIPE = (EXAMPLES[0].parent.parent / "hydra_recipe" / "pipeline.yaml").read_text(encoding="utf-8")

SMALL = """\
hpc: 1
name: small
inputs:
  text: {type: string, default: hello}
  share: {type: float, default: 0.5, min: 0, max: 1}
  word: {type: string, default: a, pattern: "[a-z]+"}
  size: {type: int, default: 1, choices: [1, 2]}
outputs: {said: string}
images: {tool: {uri: "repo.example/tool:1.0", build: {context: .}}}
components:
  say:
    image: tool
    cli: none
    command: [sh, -c, 'printf %s "$0" > "$1"']
    args: ["${{ inputs.text }}", "${{ outputs.said }}"]
    inputs: {text: string, share: float, word: string, size: int}
    outputs: {said: string}
edges:
  - inputs.{text, share, word, size} -> say
  - say.said -> outputs.said
profiles:
  loud: {inputs: {text: {default: HELLO}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.yaml").write_text(SMALL, encoding="utf-8")
    return tmp_path


def hpc(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run hpc as a process of its own in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "hpc", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        check=False,
    )


# ---------------------------------------------------------------- compile


def test_compile_writes_beside_the_source(folder: Path) -> None:
    done = hpc(folder, "compile", "pipeline.yaml")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "pipeline.json: 1 tasks for Vertex AI Pipelines\n"
    assert json.loads((folder / "pipeline.json").read_text())["pipelineInfo"] == {"name": "small"}
    assert sorted(path.name for path in folder.iterdir()) == ["pipeline.json", "pipeline.yaml"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--target", "vertex"], "pipeline.json"),
        (["--target", "kfp"], "pipeline.kfp.json"),
        (["--target", "local"], "pipeline.local.ir.yaml"),
        (["--profile", "loud"], "pipeline.loud.vertex.json"),
        (["--profile", "loud", "--target", "kfp"], "pipeline.loud.kfp.json"),
        (["-o", "build/out.json"], "build/out.json"),
        (["--set", "inputs.text.default=x"], "pipeline.json"),
        (["--set", "targets.kfp.host=h"], "pipeline.json"),
    ],
)
def test_compile_output_names(folder: Path, arguments: list[str], name: str) -> None:
    assert hpc(folder, "compile", "pipeline.yaml", *arguments).returncode == 0
    written = [path for path in folder.rglob("*") if path.is_file() and path.name != "pipeline.yaml"]
    assert [str(path.relative_to(folder)) for path in written] == [name]


def test_the_only_cluster_named_is_the_default_target(folder: Path) -> None:
    done = hpc(folder, "compile", "pipeline.yaml", "--set", "targets.kfp.host=h")
    assert "for Kubeflow Pipelines" in done.stderr


def test_compile_to_stdout_and_profile_and_set(folder: Path) -> None:
    default = ["root", "inputDefinitions", "parameters", "text", "defaultValue"]

    def value(*arguments: str) -> object:
        found = json.loads(hpc(folder, "compile", "pipeline.yaml", "-o", "-", *arguments).stdout)
        for key in default:
            found = found[key]
        return found

    assert value() == "hello"
    assert value("--profile", "loud") == "HELLO"
    assert value("--profile", "loud", "--set", "inputs.text.default=\"a, 'b'\"") == "a, 'b'"
    assert not (folder / "pipeline.json").exists()


def test_compile_check(folder: Path) -> None:
    missing = hpc(folder, "compile", "pipeline.yaml", "--check")
    assert missing.returncode == 1
    assert "pipeline.json is missing. To mend it:\n  hpc compile pipeline.yaml\n" in missing.stderr
    hpc(folder, "compile", "pipeline.yaml")
    before = (folder / "pipeline.json").stat().st_mtime_ns
    same = hpc(folder, "compile", "pipeline.yaml", "--check")
    assert (same.returncode, same.stdout, same.stderr) == (0, "", "pipeline.json: up to date\n")
    differs = hpc(folder, "compile", "pipeline.yaml", "--check", "--set", "inputs.text.default=bye")
    assert differs.returncode == 1
    changed = [line for line in differs.stdout.splitlines() if line[:1] in "+-"]
    assert changed[2:] == ['-          "defaultValue": "hello",', '+          "defaultValue": "bye",']
    assert differs.stderr.endswith("  hpc compile pipeline.yaml --set inputs.text.default=bye\n")
    assert (folder / "pipeline.json").stat().st_mtime_ns == before


def test_the_source_is_never_overwritten(folder: Path) -> None:
    done = hpc(folder, "compile", "pipeline.yaml", "-o", "./pipeline.yaml")
    assert done.returncode == 2
    assert "is the source itself" in done.stderr
    assert (folder / "pipeline.yaml").read_text() == SMALL


def test_a_rejected_file_writes_nothing(folder: Path) -> None:
    (folder / "pipeline.json").write_text("old")
    (folder / "pipeline.yaml").write_text(SMALL.replace("say.said ->", "say.sad ->"))
    done = hpc(folder, "compile", "pipeline.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert "pipeline.yaml:20:5: error HPC202" in done.stderr
    assert done.stderr.endswith("1 error\n")
    assert (folder / "pipeline.json").read_text() == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["pipeline.json", "pipeline.yaml"]


def test_unwritable_output_is_a_message(folder: Path) -> None:
    (folder / "file").write_text("")
    done = hpc(folder, "compile", "pipeline.yaml", "-o", "file/out.json")
    assert done.returncode == 1
    assert "error HPC021 this file cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [["compile", "none.yaml"], ["check", "."], ["run", "none.yaml"], ["render", "none.yaml"]]
)
def test_a_file_that_cannot_be_read_is_a_message(folder: Path, arguments: list[str]) -> None:
    done = hpc(folder, *arguments)
    assert done.returncode == 1
    assert "error HPC020 this file cannot be read" in done.stderr


# ---------------------------------------------------------------- check


def test_check_judges_targets_and_profiles(folder: Path) -> None:
    done = hpc(folder, "check", "pipeline.yaml")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "pipeline.yaml: ok for vertex, also with profile loud\n"


def test_check_names_the_profile_that_brings_a_mistake(folder: Path) -> None:
    text = SMALL.replace("{default: HELLO}", "{default: 5}").replace("say.said -> outputs", "say.said -> outputs")
    (folder / "pipeline.yaml").write_text(text)
    assert hpc(folder, "compile", "pipeline.yaml").returncode == 0
    done = hpc(folder, "check", "pipeline.yaml")
    assert done.returncode == 1
    assert "default of `text` is a int (5) but the type is string. (with profile `loud`)" in done.stderr


def test_check_formats(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text(SMALL.replace("name: small", "name: Small\ntitel: x"))
    found = json.loads(hpc(folder, "check", "pipeline.yaml", "--format", "json").stdout)
    assert [(each["code"], each["line"], each["column"], each["end_column"]) for each in found] == [
        ("HPC105", 2, 7, 12),
        ("HPC102", 3, 1, 6),
    ]
    assert found[1]["fix"] == "did you mean `title`?"
    github = hpc(folder, "check", "pipeline.yaml", "--format", "github").stdout.splitlines()
    assert github[1] == (
        "::error file=pipeline.yaml,line=3,col=1,endLine=3,title=HPC102::"
        "unknown key `titel` in the pipeline file. Fix: did you mean `title`?"
    )


# ---------------------------------------------------------------- run


AWKWARD = [
    "first, try",
    "it's \"q\" ${x} \\ 'end\\",
    "",
    "a=b --c",
    "ünï😀",
    "???",
    "$$ $(HOME) `id` {{x}}",
    "line\nline",
]


@pytest.mark.parametrize("text", AWKWARD)
def test_run_passes_any_text(folder: Path, text: str) -> None:
    done = hpc(folder, "run", "pipeline.yaml", "-i", f"text={text}", "--root", "runs")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"said: {text}\n"


def test_run_of_the_compiled_file_is_the_same(folder: Path) -> None:
    hpc(folder, "compile", "pipeline.yaml", "--target", "local")
    done = hpc(folder, "run", "pipeline.local.ir.yaml", "-i", "text=x y")
    assert (done.returncode, done.stdout) == (0, "said: x y\n")
    hpc(folder, "compile", "pipeline.yaml")
    assert hpc(folder, "run", "pipeline.json").stdout == "said: hello\n"


def test_run_refuses_wrong_arguments_before_anything_runs(folder: Path) -> None:
    cases = {
        ("-i", "txt=x"): "error HPC902 the pipeline has no input `txt`.\n  fix: did you mean `text`?",
        ("-i", "share=abc"): "error HPC904",
        ("-i", "share=1.5"): "error HPC911 the value is 1.5, above max 1.",
        ("-i", "word=A1"): "error HPC911 the value is 'A1', which does not match the pattern `[a-z]+`.",
        ("-i", "size=3"): "error HPC911 the value is `3`, not one of its choices: 1, 2.",
    }
    for arguments, message in cases.items():
        done = hpc(folder, "run", "pipeline.yaml", *arguments)
        assert done.returncode == 1
        assert message in done.stderr
    assert hpc(folder, "run", "pipeline.yaml", "-i", "text").returncode == 2
    assert not (folder / ".hpc").exists()


def test_a_failed_run(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text(SMALL.replace("printf %s", "echo broken >&2; exit 7; printf %s"))
    done = hpc(folder, "run", "pipeline.yaml")
    assert (done.returncode, done.stdout) == (4, "")
    assert "broken" in done.stderr
    assert "7" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_keeps_runs_where_the_file_says(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text(f"{SMALL}targets: {{local: {{root: kept}}}}\n")
    assert hpc(folder.parent, "run", f"{folder.name}/pipeline.yaml").returncode == 0
    assert list((folder / "kept" / "runs").iterdir())


def test_run_of_something_else_is_a_message(folder: Path) -> None:
    for text in (
        '{"pipelineInfo": {}',
        '{"pipelineInfo": {}}\n---\n[]',
        "pipelineInfo: {}",
        "pipelineInfo: [",
        "pipelineInfo: @",
    ):
        (folder / "other.json").write_text(text)
        done = hpc(folder, "run", "other.json")
        assert done.returncode == 1
        assert "error HPC900" in done.stderr
        assert "Traceback" not in done.stderr


SECRET = """\
hpc: 1
name: secretive
images: {tool: {uri: "repo.example/tool:1.0", build: {context: .}}}
secrets: {token: {local: "env:HPC_TEST_TOKEN"}}
components:
  say:
    image: tool
    cli: none
    command: [sh, -c, 'echo "using $TOKEN"; printf %s "${#TOKEN}" > "$0"']
    args: ["${{ outputs.length }}"]
    outputs: {length: int}
    env: {TOKEN: {secret: token}}
outputs: {length: int}
edges: [say.length -> outputs.length]
"""


def test_a_secret_reaches_the_program_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(SECRET)
    done = hpc(tmp_path, "run", "pipeline.yaml", env={"HPC_TEST_TOKEN": "hush-hush-1234"})
    assert (done.returncode, done.stdout) == (0, "length: 14\n"), done.stderr
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"hush-hush" in path.read_bytes()]
    assert [path.name for path in kept] == ["log.txt"]  # what the program itself prints is its own affair
    missing = hpc(tmp_path, "run", "pipeline.yaml")
    assert missing.returncode == 1
    assert "error HPC907" in missing.stderr
    refused = hpc(tmp_path, "compile", "pipeline.yaml", "--target", "kfp")
    assert "error HPC504 this version cannot pass secrets" in refused.stderr


# ---------------------------------------------------------------- the others


def test_explain(folder: Path) -> None:
    done = hpc(folder, "explain", "hpc305")
    assert done.stdout.startswith("HPC305: cycle\n")
    assert hpc(folder, "explain", "HPC999").returncode == 2
    assert "HPC305  cycle" in hpc(folder, "explain").stdout


def test_version_help_and_unknown_command(folder: Path) -> None:
    assert hpc(folder, "--version").stdout == "hpc 0.1.0\n"
    assert "Example: hpc compile" in hpc(folder, "--help").stdout
    assert hpc(folder, "complie").returncode == 2


def test_colours_only_for_people(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text("hpc: 2\n")
    assert "\x1b" not in hpc(folder, "check", "pipeline.yaml").stderr


def test_a_reader_that_leaves_is_no_error(folder: Path) -> None:
    command = f"{sys.executable} -m hpc compile pipeline.yaml -o - | head -c 10"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ('{\n  "pipel', "")


def test_a_bug_is_said_to_be_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hpc.cli.compile.compile", lambda *_: 1 / 0)
    file = str(folder / "pipeline.yaml")
    assert run_command(["compile", file]) == 3
    shown = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in shown
    assert "This is a bug in hpc, and none of yours." in shown
    assert "Traceback" not in shown
    assert run_command(["--debug", "compile", file]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_recipe_renders_components_that_the_sdk_loads(tmp_path: Path) -> None:
    from kfp import components

    (tmp_path / "pipeline.yaml").write_text(RECIPE, encoding="utf-8")
    done = hpc(tmp_path, "render", "pipeline.yaml", "-o", "components")
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "components").iterdir())
    assert [file.name for file in files] == ["data-prepare.yaml", "train.yaml"]
    train = components.load_component_from_file(str(files[1]))
    assert set(train.component_spec.inputs) == {"data_dir", "experiment"}
    assert set(train.component_spec.outputs) == {"model"}


def test_the_mnist_example_runs(tmp_path: Path) -> None:
    """The README's first command: real environments, real Hydra, a real accuracy. A text with a comma stays exact."""
    example = EXAMPLES[0].parents[1] / "mnist" / "pipeline.yaml"
    name = "it's, a ${test}"
    done = hpc(tmp_path, "run", str(example), "--profile", "quick", "-i", f"run_name={name}", "--root", "runs")
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert float(printed["accuracy"]) > 0.9
    assert Path(printed["model"]).is_dir()
    summary = next((tmp_path / "runs").glob("runs/*/evaluate/1/outputs/figures/summary.json"))
    assert name in summary.read_text(encoding="utf-8")
