"""The wheel holds everything that hpc needs at run time, and works from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source: building writes beside it, and old results of building would come along."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "hpc", folder / "hpc", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_every_file_of_the_package_is_in_the_wheel(source: Path, installed: Path) -> None:
    # The source has gained the results of building in the meantime, but none of them inside of hpc.
    assert _files(installed / "hpc") == _files(source / "hpc")
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {"hpc"}


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "compiler/machines.json",
        "templates/hydra.yaml.j2",
        "cli/starter/pipeline.yaml",
        "cli/starter/gitignore",
        "cli/starter/train/Dockerfile",
        "cli/starter/train/main.py-tpl",
        "cli/starter/train/conf/config.yaml",
    ],
)
def test_files_that_are_not_python(installed: Path, name: str) -> None:
    assert (installed / "hpc" / name).is_file()


def test_it_works_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}

    def python(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, env=environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert python("-c", "import hpc; print(hpc.__file__)") == f"{installed / 'hpc' / '__init__.py'}\n"
    python("-m", "hpc", "init", "project")
    python("-m", "hpc", "check", "project/pipeline.yaml")
