"""Environments made from requirements, without a network: the packages are folders made here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_pipelines import Ran, pipeline, platform, ran, task

from hpc.diagnostics import Rejected
from hpc.engines.events import EnvironmentBuilding, EnvironmentReady, TaskFinished

GREET = ("python", "-c", "import greeting, sys; print(greeting.WORD, sys.prefix)")


@pytest.fixture
def without_uv(tmp_path: Path) -> dict[str, str]:
    """An environment in which uv is not found."""
    (tmp_path / "bin").mkdir()
    for name in ("sh", "env"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return {"PATH": str(tmp_path / "bin")}


@pytest.fixture
def offline(tmp_path: Path, without_uv: dict[str, str]) -> dict[str, str]:
    """An environment with uv where this Python has it: much faster. Nothing is fetched."""
    path = f"{Path(sys.executable).parent}:{without_uv['PATH']}"
    return {"PATH": path, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "uv")}


def _wheel(folder: Path, word: str) -> Path:
    """A wheel of one module, written by hand so that nothing needs to be built."""
    from zipfile import ZipFile

    info = "greeting-1.0.dist-info"
    file = folder / "greeting-1.0-py3-none-any.whl"
    with ZipFile(file, "w") as wheel:
        wheel.writestr("greeting.py", f"WORD = {word!r}\n\ndef main():\n    print(WORD)\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\ngreet = greeting:main\n")
        wheel.writestr(f"{info}/RECORD", "")
    return file


def _project(base: Path, word: str = "hello") -> None:
    (base / "app").mkdir()
    _wheel(base / "app", word)
    (base / "app" / "requirements.txt").write_text("--no-index\n--find-links .\ngreeting==1.0\n")


def _greet(base: Path, environ: dict[str, str], file: str = "app/requirements.txt", *command: str) -> Ran:
    spec = pipeline({"a": task(*(command or GREET)), "b": task(*(command or GREET))})
    settings = {"dir": "app", "requirements": file}
    return ran(spec, base, platform(a=settings, b=settings), environ)


def _logs(result: Ran) -> list[str]:
    return [Path(one.log).read_text() for one in result.outcome.tasks.values()]


def _built(result: Ran) -> int:
    return sum(isinstance(event, EnvironmentReady) for event in result.events)


def test_an_environment_is_made_once_and_kept(tmp_path: Path, offline: dict[str, str]) -> None:
    _project(tmp_path)
    first = _greet(tmp_path, offline)
    [home] = {log.split()[1] for log in _logs(first)}
    assert (first.outcome.state, _built(first)) == ("SUCCEEDED", 1)
    assert Path(home).parent == tmp_path / ".hpc" / "envs"
    assert _built(_greet(tmp_path, offline)) == 0
    requirements = tmp_path / "app" / "requirements.txt"
    requirements.write_text(requirements.read_text() + "# changed\n")
    assert _built(_greet(tmp_path, offline)) == 1


def test_scripts_of_an_environment_are_found(tmp_path: Path, offline: dict[str, str]) -> None:
    _project(tmp_path)
    assert _logs(_greet(tmp_path, offline, "app/requirements.txt", "greet")) == ["hello\n", "hello\n"]


def test_a_half_made_environment_is_made_again(tmp_path: Path, offline: dict[str, str]) -> None:
    _project(tmp_path)
    [home] = {log.split()[1] for log in _logs(_greet(tmp_path, offline))}
    (Path(home) / ".complete").unlink()
    shutil.rmtree(Path(home) / "lib")
    assert _logs(_greet(tmp_path, offline)) == [f"hello {home}\n"] * 2


def test_two_runs_at_once_make_it_once(tmp_path: Path, offline: dict[str, str]) -> None:
    _project(tmp_path)
    results: list[Ran] = []
    threads = [threading.Thread(target=lambda: results.append(_greet(tmp_path, offline))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.outcome.state for one in results] == ["SUCCEEDED", "SUCCEEDED"]
    assert sum(_built(one) for one in results) == 1


@pytest.mark.skipif(
    not shutil.which("uv", path=str(Path(sys.executable).parent)), reason="uv is not beside this python"
)
def test_uv_is_used_where_there_is_one(tmp_path: Path, offline: dict[str, str]) -> None:
    _project(tmp_path)
    [home] = {log.split()[1] for log in _logs(_greet(tmp_path, offline))}
    assert "uv = " in (Path(home) / "pyvenv.cfg").read_text()


def test_pip_does_it_where_uv_is_missing(tmp_path: Path, without_uv: dict[str, str]) -> None:
    _project(tmp_path)
    [home] = {log.split()[1] for log in _logs(_greet(tmp_path, without_uv))}
    assert "uv = " not in (Path(home) / "pyvenv.cfg").read_text()


@pytest.mark.parametrize("maker", ["offline", "without_uv"])
def test_dependencies_of_a_project_that_is_no_package(
    tmp_path: Path, maker: str, request: pytest.FixtureRequest
) -> None:
    environ: dict[str, str] = request.getfixturevalue(maker)
    _project(tmp_path, "from pyproject")
    text = (
        f'[project]\nname = "app"\nversion = "1"\ndependencies = ["greeting @ {_wheel(tmp_path, "direct").as_uri()}"]\n'
    )
    (tmp_path / "app" / "pyproject.toml").write_text(text)
    assert all(log.startswith("direct ") for log in _logs(_greet(tmp_path, environ, "app/pyproject.toml")))


def test_a_failed_environment_is_a_failed_task_with_the_reason(tmp_path: Path, without_uv: dict[str, str]) -> None:
    _project(tmp_path)
    (tmp_path / "app" / "requirements.txt").write_text("--no-index\nhpc-no-such-package\n")
    result = _greet(tmp_path, without_uv)
    found = result.outcome.tasks["a"]
    assert found.state == "FAILED"
    assert "requirements.txt: ERROR: No matching distribution found for hpc-no-such-package" in str(found.error)
    assert Path(found.log).parent == tmp_path / ".hpc" / "envs"
    [failure, _] = [event.failure for event in result.events if isinstance(event, TaskFinished)]
    assert failure is not None
    assert "hpc-no-such-package" in failure.tail[-1]
    assert sum(isinstance(event, EnvironmentBuilding) for event in result.events) == 1


def test_missing_requirements_are_named(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    with pytest.raises(Rejected, match=f"there is no file `{tmp_path}/app/none.txt`"):
        _greet(tmp_path, {}, "app/none.txt")


def test_included_files_count(tmp_path: Path, offline: dict[str, str]) -> None:
    _project(tmp_path)
    (tmp_path / "app" / "all.txt").write_text("-r requirements.txt\n")
    assert _built(_greet(tmp_path, offline, "app/all.txt")) == 1
    with (tmp_path / "app" / "requirements.txt").open("a") as file:
        file.write("# more\n")
    assert _built(_greet(tmp_path, offline, "app/all.txt")) == 1


def test_a_virtual_environment_s_python_keeps_its_packages(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    spec = pipeline({"a": task("python", "-c", "import sys; print(sys.prefix)")})
    result = ran(spec, tmp_path, platform(a={"python": "venv/bin/python"}), {"PATH": os.defpath})
    assert _logs(result) == [f"{tmp_path}/venv\n"]
