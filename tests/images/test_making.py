"""What is built, fetched and left alone, and how it ends: a builder that only notes what it is told, and a program that
stands in for docker.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hpc.cli.lockfile import add_to_lock, lock_of
from hpc.images.builders import Held, Tell
from hpc.images.credentials import Credentials
from hpc.images.making import Maker, Order
from hpc.images.recipe import LABEL, Recipe, digest
from hpc.images.registry import Pace, Registries

DIGEST = f"sha256:{'a' * 64}"


@dataclass
class NotingBuilder:
    """Holds images by their addresses; `fetched` are the bases that it was to fetch."""

    images: dict[str, Held] = field(default_factory=dict[str, Held])
    fetched: list[str] = field(default_factory=list[str])
    name: str = "noting"
    pushes_itself: bool = False

    def held(self, address: str) -> Held | None:
        return self.images.get(address)

    def build(self, recipe: Recipe, digest: str, fresh: Sequence[str], tell: Tell, *, anew: bool) -> str:
        del tell, anew
        self.fetched += fresh
        self.images[recipe.address] = Held("sha256:new", {LABEL: digest}, is_own=False)
        return ""

    def push(self, address: str, tell: Tell) -> str:
        del address, tell
        return DIGEST


class OneRegistry(Registries):
    """Holds labels by address."""

    def __init__(self, held: Mapping[str, str]) -> None:
        super().__init__(Credentials({}), Pace(timeout=1, waits=()))
        self._held = held

    def digest(self, address: str, pace: Pace | None = None) -> str:
        del address, pace
        return DIGEST

    def labels(self, address: str, platform: str) -> tuple[str, Mapping[str, str]]:
        del platform
        return DIGEST, {LABEL: self._held.get(address, "")}


def recipe(folder: Path, name: str, dockerfile: str) -> Recipe:
    (folder / name).mkdir()
    (folder / name / "Dockerfile").write_text(dockerfile, "utf-8")
    return Recipe(name, f"repo/{name}:1", folder / name, folder / name / "Dockerfile")


def test_a_base_that_another_machine_pushed_is_fetched(tmp_path: Path) -> None:
    """This machine may hold an older image under the tag, and the new one would be built upon that."""
    core, app = recipe(tmp_path, "core", "FROM scratch\n"), recipe(tmp_path, "app", "FROM repo/core:1\n")
    pushed = digest(core, lambda _: "")
    builder = NotingBuilder({core.address: Held("sha256:old", {LABEL: "older"}, is_own=False)})
    maker = Maker(builder, OneRegistry({core.address: pushed}), Order(push=True), lambda _: None)
    assert [maker.made(one).state for one in (core, app)] == ["up to date", "pushed"]
    assert builder.fetched == ["repo/core:1"]


def test_a_base_that_was_built_here_is_not_fetched(tmp_path: Path) -> None:
    core, app = recipe(tmp_path, "core", "FROM scratch\n"), recipe(tmp_path, "app", "FROM repo/core:1\n")
    builder = NotingBuilder()
    maker = Maker(builder, OneRegistry({}), Order(), lambda _: None)
    assert [maker.made(one).state for one in (core, app)] == ["built", "built"]
    assert builder.fetched == []


def test_two_builds_at_once_lose_no_line_of_the_lock(tmp_path: Path) -> None:
    addresses = [f"repo/app:{number}" for number in range(24)]
    file = tmp_path / "pipeline.yaml"
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(add_to_lock, file, {address: DIGEST}) for address in addresses]:
            done.result()
    lock = lock_of(file)
    assert lock is not None
    assert sorted(lock.digests) == sorted(addresses)


# ---------------------------------------------------------------- the command, with a program that stands in for docker


PIPELINE = """\
hpc: 1
name: two
images:
  app: {uri: "127.0.0.1:1/app:1", build: {context: ./app}}
  core: {uri: "127.0.0.1:1/core:1", build: {context: ./core, args: {TOKEN: "it's hush"}}}
components: {a: {image: app, command: [x]}}
edges: [a]
"""


@dataclass(frozen=True)
class Project:
    """A pipeline file of two images, `app` on `core`; what docker is told comes to stand in `told`."""

    folder: Path
    command: tuple[str, ...] = (sys.executable, "-m", "hpc", "build", "--with", "docker")

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    def build(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*self.command, *words]
        return subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, encoding="utf-8", check=False
        )

    def told(self) -> list[str]:
        """The first word of each command but questions."""
        words = [line.split()[0] for line in (self.folder / "told").read_text("utf-8").splitlines()]
        return [word for word in words if word not in ("version", "image")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, "utf-8")
    recipe(tmp_path, "core", "FROM scratch\n")
    recipe(tmp_path, "app", "FROM 127.0.0.1:1/core:1\n")
    (tmp_path / "bin").mkdir()
    return Project(tmp_path)


def docker(project: Project, building: str) -> None:
    """A docker that knows no image and does `building` in the place of each build."""
    script = f'#!/bin/sh\necho "$@" >> told\ncase $1 in image) exit 1;; build) {building};; esac\n'
    (project.folder / "bin" / "docker").write_text(script, "utf-8")
    (project.folder / "bin" / "docker").chmod(0o755)


def test_what_starts_from_an_image_that_failed_is_not_built(project: Project) -> None:
    """One cause, one message; and nothing is built upon what was there before."""
    docker(project, "echo broken; exit 9")
    done = project.build("app", "--set", "images.core.build.args.TOKEN=it's hush")
    assert done.returncode == 1
    assert project.told() == ["build"]
    assert done.stderr.count("error HPC955") == 1
    assert "[2/2] SKIP  app: an image that it starts from could not be made\n" in done.stderr
    assert "--set 'images.core.build.args.TOKEN=*********'`" in done.stderr
    assert "hush" not in done.stdout + done.stderr


def test_a_lock_that_cannot_be_used_is_told_before_anything_is_built(project: Project) -> None:
    docker(project, "exit 0")
    (project.folder / "hpc.lock").write_text("lock: 7\n", "utf-8")
    done = project.build("--push")
    assert (done.returncode, "hpc.lock:1:7: error HPC950" in done.stderr) == (1, True)
    assert not (project.folder / "told").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_goes_on_after_the_end(project: Project, number: signal.Signals) -> None:
    """A builder and what it has started end with hpc."""
    docker(project, "sleep 600 & echo $! > sleeper; echo Step 1/1 : sleep; sleep 600")
    with subprocess.Popen(
        project.command, cwd=project.folder, env=project.environ, stderr=subprocess.PIPE, encoding="utf-8"
    ) as hpc:
        assert hpc.stderr is not None
        assert any("Step 1/1" in line for line in hpc.stderr)
        hpc.send_signal(number)
        assert hpc.communicate()[1] == "hpc: cancelled\n"
    assert hpc.returncode == 130
    sleeper = Path("/proc", (project.folder / "sleeper").read_text("utf-8").strip(), "stat")
    until(lambda: not sleeper.exists() or ") Z " in sleeper.read_text("utf-8"))


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(200):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail("it does not come to be so within ten seconds")
