"""Real processes: a container's command, word for word, with python3 from PATH, and what that starts in turn.

The application writes what it sees to a file for each rank. It starts itself again as Lightning does, or is started
twice by a script as torchrun does: every rank is to see the same values.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from transport.corpus import same
from transport.interpreters import VERSIONS, Unavailable, python_with
from transport.pipelines import APP, LARGE, Case
from transport.platforms import PLATFORMS

TEXTS = [
    *(
        "it's ${oc.env:HOME}",
        "end\\\\",
        "'",
        "\\'${x}\\",
        "a\nb\r\n\t",
        "\x85\u2028\ufeff é 😀 שלום",
        "",
        " null ",
        "1e-3",
    ),
    *("{a: \"1\", b: ['x']}", "--flag=x y", "`id` $HOME $(id) %d ; # ~"),
]
STRINGS = {f"string_{number}": text for number, text in enumerate(TEXTS)}
SMALL = Case("SMALL", "small", STRINGS, {**STRINGS, "name": f"run-{TEXTS[0]}'\\"})
VALUES: dict[str, Any] = {
    "list_0": ["it's", "${x}", 'a "b" \\', None, [1, 2.5, {"a b": True}]],
    "dict_0": {"": "", "a.b": ["x'y", {"${k}": "\n"}], "null": None},
    "dict_1": {"é": 1e-7, "😀": -3},
    "float_0": 1e300,
    "float_1": 3.0,
    "float_2": 1e-320,
    "int_0": -(2**53),
    "path_0": "/gcs/b/a, b=[c]",
}
MIXED = {**STRINGS, **VALUES}
CONFIG = {**LARGE[0].config, **MIXED, "name": VALUES["path_0"]}
LARGE_CASE = Case("LARGE", "large", {**LARGE[0].values, **MIXED}, CONFIG)
both = pytest.mark.parametrize("case", [SMALL, LARGE_CASE], ids=["small", "large"])


class Container:
    """A folder with the application, and an environment in which `python3` is the given interpreter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(APP, folder / "app")

    def start(self, case: Case, platform: str = "driver", python: str = sys.executable, **more: str) -> Process:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        path = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.Popen(
            case.command(PLATFORMS[platform]),
            cwd=self.folder / "app",
            env={**kept, "PATH": path, "PYTHONWARNINGS": "ignore", "SEEN": str(self.folder / "seen"), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def run(self, case: Case, platform: str = "driver", python: str = sys.executable, **more: str) -> None:
        """The process comes to a good end and says nothing."""
        process = self.start(case, platform, python, **more)
        said, _ = process.communicate()
        assert (process.returncode, said) == (0, "")

    def wrong(self, case: Case, rank: int = 0) -> dict[str, Any]:
        """What a rank has not seen as it is."""
        seen: dict[str, Any] = json.loads((self.folder / f"seen.{rank}").read_text())
        return {name: seen[name] for name, value in case.config.items() if not same(seen[name], value)}

    def ranks(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("seen.*"))


Process = subprocess.Popen[str]


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


@pytest.mark.parametrize("platform", ["launcher", "driver", "kfp.local"])
@both
def test_every_value_arrives_exactly(case: Case, platform: str, container: Container) -> None:
    assert len(case.config) > 12
    container.run(case, platform)
    assert container.wrong(case) == {}
    assert container.ranks() == ["seen.0"]


@pytest.mark.parametrize("way", ["hydra", "script"])
@both
def test_a_script_that_starts_itself_again_gives_every_rank_the_same(
    case: Case, way: str, container: Container
) -> None:
    container.run(case, RANKS=way)
    assert container.ranks() == ["seen.0", "seen.1"]
    assert container.wrong(case, 0) == container.wrong(case, 1) == {}


def test_a_program_that_starts_the_script_for_each_rank(container: Container) -> None:
    values = {"string_0": "it's ${x} \\", "dict_0": {"a b": ["'", 0.1]}, "float_0": 3.0}
    case = Case("TORCHRUN", "torchrun", values, values)
    container.run(case)
    assert container.ranks() == ["seen.0", "seen.1"]
    assert container.wrong(case, 0) == container.wrong(case, 1) == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_other_versions_of_hydra_and_python(version: str, container: Container) -> None:
    try:
        python = python_with(version)
    except Unavailable as why:
        pytest.skip(f"Hydra {version}: {why}")
    container.run(LARGE_CASE, python=str(python), RANKS="hydra")
    assert container.wrong(LARGE_CASE, 0) == container.wrong(LARGE_CASE, 1) == {}


@both
def test_the_signal_that_ends_a_container_reaches_the_application(case: Case, container: Container) -> None:
    with container.start(case, WAIT="1") as process:
        while not (container.folder / "seen.waits").exists():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 43


def test_the_exit_code_is_the_applications(container: Container) -> None:
    process = container.start(Case("ENDS", "ends", {"int_0": 3, "string_0": "it's"}, {}))
    process.communicate()
    assert process.returncode == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is that of Linux")
def test_a_text_that_is_too_long_for_an_argument_is_one_line_and_127(container: Container) -> None:
    """Linux takes 128 KiB in one argument; quotes count twice behind the bootstrap."""
    process = container.start(Case("LONG", "string", {"string_0": "'" * 70_000}, {}))
    said, _ = process.communicate()
    assert (process.returncode, said) == (127, "hpc: cannot start ['python3']: [Errno 7] Argument list too long\n")
