"""The command line as a user meets it: real processes, real files, exit codes and streams."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
import yaml
from compiling import EXAMPLES

from hpc import compiler
from hpc.cli import run_command
from hpc.cli.disk import Folder
from hpc.compiler.render import render
from hpc.diagnostics import Source
from hpc.engines import ENGINES, Outcome, Request

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
    assert done.stderr == "pipeline.json: 1 task for Vertex AI Pipelines\n"
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


def test_a_link_stays_and_its_file_is_written(folder: Path) -> None:
    (folder / "build").mkdir()
    (folder / "pipeline.json").symlink_to("build/out.json")
    for _ in range(2):
        assert hpc(folder, "compile", "pipeline.yaml").returncode == 0
        assert (folder / "pipeline.json").readlink() == Path("build/out.json")
        assert json.loads((folder / "build" / "out.json").read_text())["pipelineInfo"] == {"name": "small"}
        assert [path.name for path in (folder / "build").iterdir()] == ["out.json"]


def test_a_device_stays_one(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with os.fdopen(os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as reader:
        assert hpc(folder, "compile", "pipeline.yaml", "-o", "pipe").returncode == 0
        assert (folder / "pipe").is_fifo()
        assert json.loads(reader.read())["pipelineInfo"] == {"name": "small"}
    assert sorted(path.name for path in folder.iterdir()) == ["pipe", "pipeline.yaml"]


def test_a_folder_is_not_written_over(folder: Path) -> None:
    (folder / "pipeline.json").mkdir()
    done = hpc(folder, "compile", "pipeline.yaml")
    assert done.returncode == 1
    assert "error HPC021 this file cannot be written: is a directory." in done.stderr
    assert (folder / "pipeline.json").is_dir()


# ---------------------------------------------------------------- check


def test_check_judges_targets_and_profiles(folder: Path) -> None:
    done = hpc(folder, "check", "pipeline.yaml")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "pipeline.yaml: ok for vertex, also with profile loud\n"


def test_check_names_the_profile_that_brings_a_mistake(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text(SMALL.replace("{default: HELLO}", "{default: 5}"))
    assert hpc(folder, "compile", "pipeline.yaml").returncode == 0
    done = hpc(folder, "check", "pipeline.yaml", "--format", "json")
    assert done.returncode == 1
    [found] = json.loads(done.stdout)
    assert (found["code"], found["line"]) == ("HPC103", 22)
    assert found["message"].startswith("default of `text` is ")
    assert found["message"].endswith(" (with profile `loud`)")
    assert "with profile" not in hpc(folder, "compile", "pipeline.yaml", "--profile", "loud").stderr


def test_check_keeps_what_each_target_has_to_say_of_one_place(folder: Path) -> None:
    labels = "labels: {Team: 'a b'}\n"
    cluster = "targets: {kfp: {host: h}, vertex: {project: p, region: us-central1, root: gs://b}}\n"
    (folder / "pipeline.yaml").write_text(SMALL + labels + cluster)
    found = json.loads(hpc(folder, "check", "pipeline.yaml", "--format", "json").stdout)
    found = [each for each in found if each["code"] == "HPC517"]
    assert len({each["line"] for each in found}) == 1
    assert sorted("Vertex AI" in each["message"] for each in found) == [False, True, True]


@pytest.mark.parametrize("profile", ["", "[loud]"])
def test_a_profile_that_is_not_a_mapping(folder: Path, profile: str) -> None:
    """It is refused as it stands, chosen or not, instead of being laid on the file."""
    start, _, _ = SMALL.partition("  loud:")
    (folder / "pipeline.yaml").write_text(f"{start}  loud: {profile}\n")
    for chosen in ([], ["--profile", "loud"]):
        done = hpc(folder, "compile", "pipeline.yaml", *chosen)
        assert done.stderr.startswith("pipeline.yaml:22:")
        assert "error HPC103 `loud` must be a mapping, not " in done.stderr
        assert done.stderr.endswith("\n1 error\n")


def test_check_formats(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text(SMALL.replace("name: small", "name: Small\ntitel: x"))
    found = json.loads(hpc(folder, "check", "pipeline.yaml", "--format", "json").stdout)
    assert [(each["code"], each["line"], each["column"], each["end_column"]) for each in found] == [
        ("HPC105", 2, 7, 12),
        ("HPC102", 3, 1, 6),
    ]
    assert found[1]["fix"] == "did you mean `title`?"
    missing = hpc(folder, "check", "none.yaml", "--format", "json")
    assert missing.returncode == 1
    assert [(each["code"], each["file"]) for each in json.loads(missing.stdout)] == [("HPC020", "none.yaml")]
    assert missing.stderr == ""
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


def test_compiled_ir_may_speak_of_hpc(folder: Path) -> None:
    """Only the top-level key `hpc` makes a file a source, not a task or port of that name."""
    (folder / "pipeline.yaml").write_text(
        SMALL.replace("say", "hpc")
        .replace(" text", " hpc")
        .replace("{text", "{hpc")
        .replace("inputs.text", "inputs.hpc")
    )
    assert hpc(folder, "compile", "pipeline.yaml").returncode == 0
    compiled = json.loads((folder / "pipeline.json").read_text())
    assert "hpc" in compiled["root"]["dag"]["tasks"]
    for name, text in {
        "block.yaml": yaml.safe_dump(compiled),
        "flow.yaml": yaml.safe_dump(compiled, default_flow_style=True),
        "one-line.json": json.dumps(compiled),
    }.items():
        (folder / name).write_text(text)
    for name in ("pipeline.json", "block.yaml", "flow.yaml", "one-line.json"):
        done = hpc(folder, "run", name, "-i", "hpc=x")
        assert (done.returncode, done.stdout) == (0, "said: x\n"), done.stderr


@pytest.mark.parametrize("spread", ["block", "json", "json in lines", "flow", "flow after a comment"])
def test_a_source_may_speak_of_compiled_pipelines(folder: Path, spread: str) -> None:
    """A source with `pipelineInfo:` in it stays one, wherever in JSON its key `hpc` stands."""
    document = {**yaml.safe_load(SMALL), "title": "of pipelineInfo: {}"}
    last = {**{key: value for key, value in document.items() if key != "hpc"}, "hpc": 1}
    flow = yaml.safe_dump(document, default_flow_style=True, sort_keys=False, width=60)
    text = {
        "block": yaml.safe_dump(last, sort_keys=False),
        "json": json.dumps(last),
        "json in lines": json.dumps(last, indent=2),
        "flow": flow,
        "flow after a comment": f"# {{hpc}}\n\n  {flow}",
    }[spread]
    (folder / "other.yaml").write_text(text)
    done = hpc(folder, "run", "other.yaml", "-i", "text=x")
    assert (done.returncode, done.stdout) == (0, "said: x\n"), done.stderr


def test_profiles_and_settings_act_on_pipeline_files_only(folder: Path) -> None:
    hpc(folder, "compile", "pipeline.yaml")
    for option in (["--profile", "loud"], ["--set", "vars.x=1"]):
        done = hpc(folder, "run", "pipeline.json", *option)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--profile and --set act on a pipeline file, but pipeline.json is a compiled one." in done.stderr
    assert not (folder / ".hpc").exists()


def test_on_names_the_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that ENGINES names is the one that runs."""
    asked: list[object] = []

    def run(*given: object) -> Outcome:
        asked.append(cast("Request", given[2]).arguments)
        return Outcome("FAILED", {}, {}, {})

    other = ModuleType("other_engine")
    vars(other).update(run=run)
    monkeypatch.setitem(sys.modules, "other_engine", other)
    monkeypatch.setitem(cast("dict[str, str]", ENGINES), "local", "other_engine")
    assert run_command(["run", str(folder / "pipeline.yaml"), "-i", "text=x"]) == 4
    assert asked == [{"text": "x"}]


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
        f'{{"pipelineInfo": {"[" * 200_000}{"]" * 200_000}}}',
        f"pipelineInfo: {'- ' * 200_000}",
        f"pipelineInfo: {{}}\nroot:\n  {'- ' * 2_000}x",
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
    assert kept == []
    missing = hpc(tmp_path, "run", "pipeline.yaml")
    assert missing.returncode == 1
    assert "error HPC907" in missing.stderr
    refused = hpc(tmp_path, "compile", "pipeline.yaml", "--target", "kfp")
    assert "error HPC504 secret `token` does not say where Kubeflow Pipelines keeps it" in refused.stderr


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


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "pipeline.yaml", "-i", "text=a", "-i", "text=b"], 2, "-i text is given twice"),
        (["compile", "pipeline.yaml", "--check", "-o", "-"], 2, "--check compares with a file"),
        (["compile", "pipeline.yaml", "--set", "inputs.text.default=a #b"], 1, "error HPC805"),
        (["compile", "pipeline.json"], 1, "error HPC101 this file is compiled already"),
    ],
)
def test_small_slips_on_the_command_line(folder: Path, arguments: list[str], code: int, message: str) -> None:
    hpc(folder, "compile", "pipeline.yaml")
    done = hpc(folder, *arguments)
    assert done.returncode == code
    assert message in done.stderr


def test_a_local_file_compiled_elsewhere_says_where_it_runs(folder: Path) -> None:
    done = hpc(folder, "compile", "pipeline.yaml", "--target", "local", "-o", "out/p.ir.yaml")
    assert done.returncode == 0
    assert done.stderr.endswith("its folders start at .: put it there to run it\n")


def test_a_run_outlives_whoever_watches_it(folder: Path) -> None:
    command = f"{sys.executable} -m hpc run pipeline.yaml 2>&1 | head -c 5; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stdout)) == (0, 5)
    (run,) = json.loads(hpc(folder, "runs", "--format", "json").stdout)
    assert run["state"] == "SUCCEEDED"


def test_a_full_disk_behind_stdout_is_a_message(folder: Path) -> None:
    command = f"{sys.executable} -m hpc compile pipeline.yaml -o - > /dev/full"
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "hpc: the result cannot be written: no space left on device\n")


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


# ---------------------------------------------------------------- completion

HALF_WRITTEN = """\
hpc: 1
images: {tool: x}
components:
  # the ones that matter
  prepare:
    image: tool
    command: [python, prepare.py]

  train_it:
    overrides: {model: vit
      lr:
steps:
  again:
"""


def completed(folder: Path, line: str, shell: str = "bash") -> list[str]:
    """What a shell offers for the last word of a command line."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    done = hpc(folder, env={"_HPC_COMPLETE": f"{shell}_complete", **words})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def test_completion_of_components(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text(RECIPE)
    assert completed(folder, "hpc hydra ke") == ["plain,keys"]
    assert completed(folder, "hpc hydra keys pipeline.yaml ") == ["plain,data_prepare", "plain,train"]
    assert completed(folder, "hpc hydra keys pipeline.yaml t") == ["plain,train"]
    assert completed(folder, "hpc hydra keys pipeline.yaml x") == []
    assert completed(folder, "hpc hydra keys ") == ["file,"]
    assert completed(folder, "hpc hydra keys pipeline.yaml t", "zsh") == ["plain", "train", "trainer"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (HALF_WRITTEN, ["prepare", "train_it"]),
        ("components: {a: {image: x}, b: 1, c: }", ["a", "b", "c"]),
        ("components: [a]", []),
        ("components:", []),
        ("- a", []),
        ("", []),
        ("components:\n  a:\n\tb: [\n", ["a"]),
        ("\0\ufffe{{", []),
        ("'" * 5, []),
    ],
)
def test_completion_takes_any_file(folder: Path, text: str, names: list[str]) -> None:
    (folder / "pipeline.yaml").write_text(text)
    assert completed(folder, "hpc hydra keys pipeline.yaml ") == [f"plain,{name}" for name in names]


def test_completion_takes_no_file(folder: Path) -> None:
    (folder / "latin.yaml").write_bytes("components: {ä: 1}".encode("latin-1"))
    for name in ("none.yaml", ".", "latin.yaml"):
        assert completed(folder, f"hpc hydra keys {name} ") == []


def test_recipe_renders_components_that_the_sdk_loads(tmp_path: Path) -> None:
    from kfp import components

    (tmp_path / "pipeline.yaml").write_text(RECIPE, encoding="utf-8")
    done = hpc(tmp_path, "render", "pipeline.yaml", "-o", "components")
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "components").iterdir())
    assert [file.name for file in files] == ["data-prepare.yaml", "train.yaml"]
    train = components.load_component_from_file(str(files[1]))
    assert set(train.component_spec.inputs) == {"data_dir", "experiment"}
    assert set(train.component_spec.outputs) == {"model", "gcp_resources"}  # its machine makes it a job


def test_names_of_a_run_are_no_inputs_of_a_component_file(folder: Path) -> None:
    """What `${{ run.id }}` needs is bound inside, so that whoever uses the component has not to give it."""
    from kfp import components, dsl

    text = SMALL.replace('"${{ inputs.text }}"', '"${{ inputs.text }} ${{ run.id }} ${{ run.name }}"')
    (folder / "pipeline.yaml").write_text(text)
    done = hpc(folder, "render", "pipeline.yaml", "-o", "components")
    assert done.returncode == 0, done.stderr
    file = folder / "components" / "say.yaml"
    say = components.load_component_from_file(str(file))
    assert set(say.component_spec.inputs) == {"text", "share", "word", "size"}

    @dsl.pipeline
    def by_hand():
        say(text="x", share=0.5, word="a", size=1)

    [group] = [each for each in by_hand.pipeline_spec.components.values() if each.HasField("dag")]
    bound = group.dag.tasks["say"].inputs.parameters
    assert {name: source.runtime_value.constant.string_value for name, source in bound.items() if "run" in name} == {
        "run-id": "{{$.pipeline_job_uuid}}",
        "run-name": "{{$.pipeline_job_name}}",
    }
    assert run_command(["run", str(file), *shlex.split("-i text=x -i share=0.5 -i word=a -i size=1")]) == 0


def test_component_files_come_from_the_shared_front_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """Components are rendered once, and no pipeline is lowered for them."""
    rendered: list[object] = []
    monkeypatch.setattr(compiler, "render", lambda *given: rendered.append(given) or render(*given))
    monkeypatch.setattr(compiler, "lower", lambda *_: pytest.fail("a pipeline was lowered"))
    texts, found = compiler.compile_components(Source("pipeline.yaml", SMALL), None, Folder(Path()), compiler.Choice())
    assert (sorted(texts), found, len(rendered)) == (["say"], [], 1)


def test_components_are_rendered_for_clusters_only(folder: Path) -> None:
    done = hpc(folder, "render", "pipeline.yaml", "--target", "local", "-o", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'local' is not one of 'vertex', 'kfp'" in done.stderr


def test_the_mnist_example_runs(tmp_path: Path) -> None:
    """The README's first command: real environments, real Hydra, a real accuracy. A text with a comma stays exact."""
    example = EXAMPLES[0].parents[1] / "mnist" / "pipeline.yaml"
    name = "it's, a ${test}"
    done = hpc(tmp_path, "run", str(example), "--profile", "quick", "-i", f"run_name={name}", "--root", "runs")
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert float(printed["accuracy"]) > 0.9
    assert Path(printed["model"]).is_dir()
    summary = next((tmp_path / "runs").glob("runs/*/tasks/evaluate/1/outputs/figures/summary.json"))
    assert name in summary.read_text(encoding="utf-8")
