"""`hpc init` as its users meet it: processes, real files, a real Hydra run, and the project's own tests."""

from __future__ import annotations

import json
import math
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hpc.cli.catalogue import catalogue
from hpc.cli.init import STARTER, pipeline_name, project

ROOT = Path(__file__).parents[1]
FILES = sorted([*STARTER, "pipeline.json"])
PLAIN = {"NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def hpc(folder: Path, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hpc", *arguments]
    environ = {**os.environ, **PLAIN}
    return subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", check=False, env=environ, preexec_fn=before
    )


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def own_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", check=False, env={**os.environ, **PLAIN}
    )


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project, for tests that only look at it."""
    folder = tmp_path_factory.mktemp("starter") / "My Project 2!"
    folder.mkdir()
    done = hpc(folder, "init")
    assert (done.returncode, done.stdout) == (0, "")
    return folder


@pytest.fixture
def copy(starter: Path, tmp_path: Path) -> Path:
    """A fresh project, for tests that change it."""
    return shutil.copytree(starter, tmp_path / "copy")


# ---------------------------------------------------------------- what is made


def test_all_files_are_made_and_nothing_else(starter: Path) -> None:
    assert files_of(starter) == FILES


def test_no_stored_file_is_forgotten() -> None:
    stored = ROOT / "hpc" / "cli" / "starter"
    written = {re.sub(r"\.py-tpl$", ".py", name) for name in files_of(stored)}
    assert written == {path.removeprefix(".") for path in STARTER}


def test_what_was_made_is_told_on_stderr(tmp_path: Path) -> None:
    done = hpc(tmp_path, "init", "new folder/My Project 2!")
    assert done.returncode == 0
    assert done.stdout == ""
    listed = "".join(f"  {path}\n" for path in FILES)
    assert done.stderr == (
        f"13 files of the pipeline `my-project-2` in new folder/My Project 2!:\n{listed}"
        "next:\n  cd 'new folder/My Project 2!'\n"
        "  hpc run pipeline.yaml\n  hpc check pipeline.yaml\n  python -m pytest\n"
    )
    assert files_of(tmp_path / "new folder" / "My Project 2!") == FILES


def test_no_cd_is_advised_into_the_folder_one_is_in(tmp_path: Path) -> None:
    assert "  cd " not in hpc(tmp_path, "init").stderr


def test_the_name_is_everywhere(starter: Path) -> None:
    assert yaml.safe_load((starter / "pipeline.yaml").read_text())["name"] == "my-project-2"
    assert json.loads((starter / "pipeline.json").read_text())["pipelineInfo"]["name"] == "my-project-2"
    assert (starter / "README.md").read_text().startswith("# my-project-2\n")
    assert not [path for path in FILES if "my-pipeline" in (starter / path).read_text()]


def test_files_get_the_usual_permissions(starter: Path, tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    wanted = stat.S_IMODE(usual.stat().st_mode)
    assert {stat.S_IMODE((starter / path).stat().st_mode) for path in FILES} == {wanted}


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "notes.md").write_text("mine")
    assert hpc(tmp_path, "init").returncode == 0
    assert files_of(tmp_path) == sorted([*FILES, "train/notes.md"])
    assert (tmp_path / "train" / "notes.md").read_text() == "mine"


# ---------------------------------------------------------------- what it is worth


def test_check_finds_nothing_at_all(starter: Path) -> None:
    done = hpc(starter, "check", "pipeline.yaml")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "pipeline.yaml: ok for vertex, local, also with profile large\n"
        "Hydra: prepare checked against prepare/conf/config.yaml; train checked against train/conf/config.yaml\n"
    )


def test_the_compiled_file_is_up_to_date(starter: Path) -> None:
    done = hpc(starter, "compile", "pipeline.yaml", "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "pipeline.json: up to date\n")


def test_the_python_code_is_clean(starter: Path) -> None:
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), "."]
        done = subprocess.run(arguments, cwd=starter, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_runs_and_any_title_arrives_exactly(copy: Path) -> None:
    """pip makes the environment from requirements.txt, as for a user."""
    title = 'it\'s ${x} "mine", \\ ü, {a: [b]}, k=v, %s\nreally \\'
    done = hpc(copy, "run", "pipeline.yaml", "-i", f"title={title}", "-i", "noise=0")
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert sorted(printed) == ["error", "model"]
    model = json.loads(Path(printed["model"]).read_text(encoding="utf-8"))
    assert model["title"] == title
    assert math.isclose(model["slope"], 2)
    assert math.isclose(model["intercept"], 1)
    assert float(printed["error"]) == model["error"] < 1e-9
    assert [path for path in files_of(copy) if not path.startswith(".hpc/")] == FILES


def test_limits_hold(starter: Path) -> None:
    done = hpc(starter, "run", "pipeline.yaml", "-i", "noise=10.5")
    assert done.returncode == 1
    assert "error HPC911 " in done.stderr
    assert not (starter / ".hpc").exists()


def test_its_own_tests_pass(copy: Path) -> None:
    done = own_tests(copy)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "counted"),
    [
        ("rows: 200", "rows: 201", "2 passed"),
        ('tag: "1.0"', 'tag: "1.1"', "1 failed, 1 passed"),
        ("hpc: 1", "hpc: x", "2 failed"),
    ],
)
def test_its_own_tests_can_fail(copy: Path, old: str, new: str, counted: str) -> None:
    """A default that only the app has is no matter of the pipeline; an image is, and a mistake even more."""
    for name in ("pipeline.yaml", "prepare/conf/config.yaml"):
        text = (copy / name).read_text()
        (copy / name).write_text(text.replace(old, new, 1))
    assert counted in own_tests(copy).stdout


# ---------------------------------------------------------------- refusals


def test_a_second_time_is_refused(copy: Path) -> None:
    (copy / "pipeline.yaml").write_text("mine")
    done = hpc(copy, "init")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f".: error HPC022 there is already {', '.join(FILES)}. Nothing was written.\n"
        "  fix: choose an empty folder, e.g. `hpc init my-project`, or move the files away.\n\n1 error\n"
    )
    assert (copy / "pipeline.yaml").read_text() == "mine"
    assert files_of(copy) == FILES


@pytest.mark.parametrize("name", FILES)
def test_one_file_is_enough_to_refuse(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    done = hpc(tmp_path.parent, "init", tmp_path.name)
    assert done.returncode == 1
    assert f"error HPC022 there is already {name}. Nothing was written." in done.stderr
    assert f"`hpc init {tmp_path.name}/my-project`" in done.stderr
    assert files_of(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_file_where_a_folder_has_to_be_is_in_the_way_once(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("mine")
    assert "there is already train. Nothing" in hpc(tmp_path, "init").stderr
    assert files_of(tmp_path) == ["train"]


def test_a_way_through_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert hpc(tmp_path, "init", "missing/../faces").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]
    assert "error HPC022 there is already .gitignore, " in hpc(tmp_path, "init", "missing/../faces").stderr


def test_a_link_to_nowhere_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "README.md").symlink_to("elsewhere.md")
    assert "there is already README.md. Nothing" in hpc(tmp_path, "init").stderr
    assert files_of(tmp_path) == ["README.md"]


def test_the_code_can_be_explained() -> None:
    assert catalogue()["HPC022"].title == "files in the way"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = hpc(tmp_path, "init", "file")
    assert done.returncode == 2
    assert done.stderr.endswith("Error: Invalid value for '[DIR]': Directory 'file' is a file.\n")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = hpc(tmp_path, "init", "file/deeper")
    assert done.returncode == 1
    assert done.stderr == (
        "file/deeper: error HPC021 the project cannot be written here: not a directory. Nothing was left behind.\n"
        "  fix: choose another folder.\n\n1 error\n"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = hpc(tmp_path.parent, "init", tmp_path.name)
    tmp_path.chmod(0o700)
    assert done.returncode == 1
    assert "error HPC021 the project cannot be written here: permission denied." in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_the_disk_is_full(tmp_path: Path) -> None:
    """A limit to the size of a file stands for the full disk: small files are written, pipeline.json is not."""
    done = hpc(tmp_path, "init", "a/b", before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)))
    assert done.returncode == 1
    assert "a/b: error HPC021 the project cannot be written here: file too large." in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a second file system")
def test_what_was_moved_is_taken_back(tmp_path: Path) -> None:
    """`tests` leads to another file system, where nothing can be moved to: most files are in place by then."""
    (tmp_path / "tests").symlink_to("/proc/self")
    done = hpc(tmp_path, "init")
    assert done.returncode == 1
    assert ".: error HPC021 the project cannot be written here: invalid cross-device link." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tests"]


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Project 2!", "my-project-2"),
        ("faces", "faces"),
        ("my_own.project", "my-own-project"),
        ("Größe", "grosse"),
        ("2nd try", "p-2nd-try"),
        ("--x--", "x"),
        ("", "my-pipeline"),
        ("!!!", "my-pipeline"),
        ("2026", "my-pipeline"),
        ("数字", "my-pipeline"),
        ("a" * 62 + "-b", "a" * 62),
    ],
)
def test_names(folder: str, name: str) -> None:
    assert pipeline_name(folder) == name


@given(st.text())
def test_any_folder_gives_a_name(folder: str) -> None:
    name = pipeline_name(folder)
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)
    assert len(name) <= 63
    assert pipeline_name(name) == name


@pytest.mark.parametrize("name", ["true", "null", "no", "y", "e5", "p-1e5", "a" * 63])
def test_words_of_yaml_are_names_too(name: str) -> None:
    assert json.loads(project(name)["pipeline.json"])["pipelineInfo"]["name"] == name
