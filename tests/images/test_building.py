"""`hpc build` and `hpc lock` as a user meets them: real builders, a real registry, processes, files and exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import registry_here
from registry_here import Registry, buildah_environ, ran, running_registry

from hpc.images.builders import chosen_builder
from hpc.images.findings import NO_BUILDER, ImageTrouble

registry = registry_here.registry
base = registry_here.base

PIPELINE = """\
hpc: 1
name: built
images:
  app:
    uri: "%HOST%/team/%NAME%:v1"
    build: {context: ./app, args: {GREETING: hello, API_TOKEN: hush-hush}}
  base: "%BASE%"
components:
  say: {image: app, cli: none, command: [sh, /app/main.sh]}
  rest: {image: base, cli: none, command: [sh, -c, exit]}
edges: [say, rest]
"""
DOCKERFILE = """\
FROM %BASE%
ARG GREETING
ENV GREETING=$GREETING
COPY main.sh /app/
LABEL hpc.test=%NAME%
"""


@dataclass(frozen=True)
class Project:
    """A folder with a pipeline file whose image `app` is built; `builder` builds it, in `environ`."""

    folder: Path
    builder: str
    environ: dict[str, str]
    address: str

    def hpc(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hpc", *words]
        return subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, encoding="utf-8", check=False
        )

    def build(self, *words: str) -> dict[str, object]:
        """What `hpc build` says of the only image."""
        done = self.hpc("build", *words, "--with", self.builder, "--format", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        [image] = json.loads(done.stdout)["images"]
        return image

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")


@pytest.fixture(params=["docker", "podman", "buildah"])
def builder(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where podman and buildah keep images, for the tests of this file."""
    yield buildah_environ(tmp_path_factory.mktemp("storage"))


@pytest.fixture
def project(builder: str, registry: Registry, base: str, storage: dict[str, str], tmp_path: Path) -> Iterator[Project]:
    try:
        chosen_builder(storage, builder)
    except ImageTrouble as trouble:
        pytest.skip(trouble.fact)
    name = f"{builder}-{tmp_path.name.replace('_', '-').strip('-')}".lower()
    made = Project(tmp_path, builder, storage, f"{registry.host}/team/{name}:v1")
    (tmp_path / "app").mkdir()
    texts = {"%HOST%": registry.host, "%NAME%": name, "%BASE%": base}
    made.write("pipeline.yaml", _filled(PIPELINE, texts))
    made.write("app/Dockerfile", _filled(DOCKERFILE, texts))
    made.write("app/main.sh", "echo $GREETING one\n")
    yield made
    if builder == "docker":  # the others keep their images in the folder of this file's tests
        left = ran("docker", "images", "--quiet", "--filter", f"label=hpc.test={name}").split()
        subprocess.run(["docker", "rmi", "--force", *left, base], capture_output=True, check=False)


def _filled(text: str, texts: dict[str, str]) -> str:
    for name, value in texts.items():
        text = text.replace(name, value)
    return text


# ---------------------------------------------------------------- building


def test_only_what_changed_is_built(project: Project) -> None:
    assert project.build()["state"] == "built"
    assert project.build()["state"] == "up to date"
    assert project.build("--force")["state"] == "built"
    if project.builder == "buildah":  # what counts as a change is the same for all
        project.write("app/main.sh", "echo two\n")
        assert project.build()["state"] == "built"
        assert project.build("--set", "images.app.build.args.GREETING=bye")["state"] == "built"
        assert project.build("--set", "images.app.build.args.GREETING=bye")["state"] == "up to date"


def test_push_lock_and_compile(project: Project) -> None:
    pushed = project.build("--push")
    assert (pushed["state"], pushed["address"]) == ("pushed", project.address)
    assert f'  "{project.address}": {pushed["digest"]}\n' in project.read("hpc.lock")
    again = project.build("--push")
    assert (again["state"], again["digest"]) == ("up to date", pushed["digest"])
    assert project.hpc("lock").returncode == 0
    assert project.read("hpc.lock").count("sha256:") == 2
    done = project.hpc("compile", "pipeline.yaml", "-o", "-")
    assert f'"image": "{project.address.rpartition(":")[0]}@{pushed["digest"]}"' in done.stdout
    assert done.stderr == ""


def test_a_step_that_fails(project: Project) -> None:
    """HPC955"""
    dockerfile = project.read("app/Dockerfile")
    project.write("app/Dockerfile", f"{dockerfile}ARG API_TOKEN\nRUN echo got $API_TOKEN && no-such-program\n")
    done = project.hpc("build", "--with", project.builder, "--set", "images.app.build.args.API_TOKEN=hush-hush")
    assert done.returncode == 1
    assert "pipeline.yaml:5:10: error HPC955" in done.stderr
    assert "no-such-program" in done.stderr
    assert "got *********" in done.stderr
    assert "hush-hush" not in done.stdout + done.stderr
    assert f"Again: `hpc build pipeline.yaml app --with {project.builder} --set" in done.stderr
    assert not (project.folder / "hpc.lock").exists()


# ---------------------------------------------------------------- with buildah only


only_buildah = pytest.mark.parametrize("builder", ["buildah"])


@only_buildah
def test_what_another_machine_pushed_is_not_built_again(project: Project) -> None:
    pushed = project.build("--push")
    ran(project.builder, "rmi", "--force", project.address, environ=project.environ)
    assert project.build("--push") == {**pushed, "state": "up to date", "seconds": pytest.approx(0, abs=1e3)}
    assert project.build()["state"] == "built"


@only_buildah
def test_a_tag_that_has_moved(project: Project) -> None:
    first = project.build("--push")
    assert project.hpc("lock").returncode == 0
    assert project.hpc("lock", "--check").returncode == 0
    locked = project.read("hpc.lock")
    project.write("app/main.sh", "echo moved\n")
    second = project.build("--push")
    assert second["digest"] != first["digest"]
    project.write("hpc.lock", locked)
    done = project.hpc("lock", "--check")
    assert done.returncode == 1
    assert done.stdout == f"moved    {project.address}: {first['digest']} -> {second['digest']}\n"
    assert done.stderr == "hpc.lock differs. To mend it:\n  hpc lock pipeline.yaml\n"
    assert project.read("hpc.lock") == locked
    assert project.hpc("lock").returncode == 0
    assert str(second["digest"]) in project.read("hpc.lock")


@only_buildah
def test_a_registry_that_is_not_there(project: Project) -> None:
    project.write("pipeline.yaml", project.read("pipeline.yaml").replace(project.address, "127.0.0.1:1/team/app:v1"))
    done = project.hpc("build", "--push", "--with", project.builder)
    assert done.returncode == 1
    assert "HPC959 the registry 127.0.0.1:1 cannot be asked: connection refused." in done.stderr


@only_buildah
def test_lines_where_nobody_looks(project: Project) -> None:
    done = project.hpc("build", "pipeline.yaml", "app", "--push", "--with", "buildah")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == f"[0/1] build app: {project.address} (buildah)"
    assert any("STEP 1/" in line for line in lines)
    assert f"[0/1] push  app: {project.address}" in lines
    assert lines[-2].startswith("[1/1] OK    app: built and pushed in ")
    assert lines[-1] == "hpc.lock: 1 image locked"
    [pinned] = done.stdout.splitlines()
    assert pinned.startswith(f"{project.address}@sha256:")
    assert "\x1b" not in done.stderr


@only_buildah
def test_a_picture_on_a_terminal(project: Project) -> None:
    """The lines of the builder come and go; what is done stays."""
    main, other = pty.openpty()
    command = [sys.executable, "-m", "hpc", "build", "--with", "buildah"]
    environ = {**project.environ, "TERM": "xterm", "COLUMNS": "200"}
    with subprocess.Popen(command, cwd=project.folder, env=environ, stdout=other, stderr=other, stdin=other) as program:
        os.close(other)
        shown = b""
        with contextlib.suppress(OSError):  # that is how the end of a terminal is told
            while chunk := os.read(main, 4096):
                shown += chunk
    os.close(main)
    assert program.returncode == 0, shown
    assert f"[0/1] build app: {project.address}".encode() in shown
    assert b"[1/1] OK    app: built in " in shown.partition(b"build app")[2]


@only_buildah
def test_a_base_that_moves_builds_again(project: Project, registry: Registry, base: str) -> None:
    environ = project.environ
    moving = f"{registry.host}/base/moving:1"
    for number in (1, 2):
        (project.folder / "Base").write_text(f"FROM {base}\nENV NUMBER={number}\n", "utf-8")
        command = ("buildah", "build", "--tls-verify=false", "-f", "Base", "-t", moving, str(project.folder))
        subprocess.run(command, cwd=project.folder, env=environ, capture_output=True, check=True)
        ran("buildah", "push", "--tls-verify=false", moving, environ=environ)
        if number == 1:
            ran("buildah", "tag", moving, "kept-first", environ=environ)
            project.write("app/Dockerfile", project.read("app/Dockerfile").replace(base, moving))
            assert project.build()["state"] == "built"
            assert project.build()["state"] == "up to date"
    ran("buildah", "tag", "kept-first", moving, environ=environ)  # as on a machine that has the older one
    assert project.build()["state"] == "built"
    config = ran("buildah", "inspect", "--type", "image", project.address, environ=environ)
    assert "NUMBER=2" in config


@only_buildah
def test_one_image_starts_from_another(project: Project) -> None:
    host = project.address.partition("/")[0]
    (project.folder / "upper").mkdir()
    upper = f'  upper: {{uri: "{host}/team/upper:1", build: {{context: ./upper}}}}\nimages_end:'
    text = project.read("pipeline.yaml").replace("components:", upper.replace("images_end:", "components:"), 1)
    project.write("pipeline.yaml", text)
    project.write("upper/Dockerfile", f"FROM {project.address}\nENV UPPER=1\n")

    def states(*names: str) -> dict[str, str]:
        done = project.hpc("build", *names, "--with", "buildah", "--format", "json")
        assert done.returncode == 0, done.stderr
        return {image["name"]: image["state"] for image in json.loads(done.stdout)["images"]}

    assert list(states().items()) == [("app", "built"), ("upper", "built")]
    assert states("upper") == {"app": "up to date", "upper": "up to date"}  # a base comes along unasked
    project.write("app/main.sh", "echo newer\n")
    assert states("upper") == {"app": "built", "upper": "built"}
    assert states() == {"app": "up to date", "upper": "up to date"}


@only_buildah
def test_a_registry_with_passwords(project: Project, tmp_path: Path) -> None:
    """HPC956, HPC957"""
    if shutil.which("htpasswd") is None:
        pytest.skip("there is no program htpasswd here; Debian's package apache2-utils has it")
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "passwords").write_text(ran("htpasswd", "-Bbn", "me", "hush"), "utf-8")
    auth = f"auth: {{htpasswd: {{realm: here, path: {folder}/passwords}}}}\n"
    with running_registry(folder, auth) as locked:
        address = f"{locked.host}/team/app:v1"
        project.write("pipeline.yaml", project.read("pipeline.yaml").replace(project.address, address))
        refused = project.hpc("build", "--push", "--with", "buildah")
        assert refused.returncode == 1
        assert "HPC956" in refused.stderr
        assert f"log in with `buildah login {locked.host}`" in refused.stderr
        assert "HPC957" in project.hpc("lock").stderr
        login = Project(
            project.folder, "buildah", {**project.environ, "REGISTRY_AUTH_FILE": f"{folder}/auth.json"}, address
        )
        ran("buildah", "login", "--tls-verify=false", "-u", "me", "-p", "hush", locked.host, environ=login.environ)
        assert login.build("--push")["state"] == "pushed"
        assert login.build("--push")["state"] == "up to date"
        assert login.hpc("lock", "--check").returncode == 1  # the base is not locked yet


# ---------------------------------------------------------------- docker runs it


@pytest.mark.parametrize("builder", ["docker"])
def test_what_was_locked_is_pulled_and_run(project: Project) -> None:
    first = project.build("--push")
    project.write("app/main.sh", "echo another\n")
    pinned = f"{project.address.rpartition(':')[0]}@{first['digest']}"
    ran("docker", "rmi", "--force", project.address)
    ran("docker", "pull", "--quiet", pinned)
    assert ran("docker", "run", "--rm", "--network", "none", pinned, "sh", "/app/main.sh") == "hello one\n"
    # On this machine the image is built from its folder as it is now, and the others are those of the lock.
    assert project.hpc("lock").returncode == 0
    done = project.hpc("run", "pipeline.yaml", "--mode", "docker", "--format", "json", "--logs", "all")
    assert done.returncode == 0, done.stderr
    assert "say | another" in done.stderr
    ran("docker", "rmi", "--force", pinned)


# ---------------------------------------------------------------- what needs no builder


def lone(tmp_path: Path, text: str, **environ: str) -> Project:
    (tmp_path / "pipeline.yaml").write_text(text, "utf-8")
    return Project(tmp_path, "", {**os.environ, **environ}, "")


TWO = """\
hpc: 1
name: two
images:
  a: {uri: "%A%", build: {context: ., args: {X: "1"}}}
  b: {uri: "%B%", build: {context: .}}
components: {a: {image: a, command: [x]}, b: {image: b, command: [x]}}
edges: [a, b]
"""


def test_addresses_that_nothing_can_be_built_under(tmp_path: Path) -> None:
    """HPC954"""
    digest = f"sha256:{'a' * 64}"
    done = lone(tmp_path, TWO.replace("%A%", f"repo/a:1@{digest}").replace("%B%", "repo/b:1")).hpc("build")
    assert (done.returncode, "4:12: error HPC954" in done.stderr) == (1, True)
    done = lone(tmp_path, TWO.replace("%A%", "repo/a:1").replace("%B%", "repo/a:1")).hpc("build")
    assert "5:12: error HPC954 image `b` has the address of `a` (line 4) and another recipe." in done.stderr


def test_a_builder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ImageTrouble) as caught:
        chosen_builder({"PATH": str(tmp_path)})
    assert (caught.value.rule, NO_BUILDER.code) == (NO_BUILDER, "HPC952")
    assert caught.value.fact == (
        "nothing here can build images: there is no program `docker`; there is no program `podman`; "
        "there is no program `buildah`."
    )
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'the daemon is gone.' >&2; exit 1\n", "utf-8")
    (tmp_path / "docker").chmod(0o755)
    with pytest.raises(ImageTrouble) as caught:
        chosen_builder({"PATH": str(tmp_path)}, "docker")
    assert caught.value.fact == "docker does not work (the daemon is gone)."


def test_the_first_that_works_is_chosen(tmp_path: Path) -> None:
    for name, code in (("docker", 1), ("podman", 0), ("buildah", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    assert chosen_builder({"PATH": str(tmp_path)}).name == "podman"


def test_wrong_usage(tmp_path: Path) -> None:
    project = lone(tmp_path, TWO.replace("%A%", "repo/a:1").replace("%B%", "repo/b:1"))
    assert "has no image `aa` with `build`: did you mean `a`?" in project.hpc("build", "aa").stderr
    done = project.hpc("build", "--with", "cloud-build")
    assert (done.returncode, "--push" in done.stderr) == (2, True)
    done = project.hpc("build", "--with", "cloud-build", "--push")
    assert (done.returncode, "HPC961 nothing says which bucket takes the source." in done.stderr) == (1, True)


def test_nothing_to_build(tmp_path: Path) -> None:
    text = TWO.replace(', build: {context: ., args: {X: "1"}}', "").replace(", build: {context: .}", "")
    done = lone(tmp_path, text.replace("%A%", "repo/a:1").replace("%B%", "repo/b:1"))
    assert done.hpc("build").stderr == "pipeline.yaml: no image has `build`, so there is nothing to build\n"
    assert done.hpc("build", "--format", "json").stdout == '{"images": []}\n'
    assert "has no image with `build`, so there is no `c` to be made." in done.hpc("build", "c").stderr
    assert "Error: image `a` of pipeline.yaml has no `build`, so hpc cannot make it." in done.hpc("build", "a").stderr


# ---------------------------------------------------------------- locking


LOCKED = """\
hpc: 1
name: locked
images: {app: "%HOST%/team/app:1", unused: "%HOST%/team/unused:1"}
components:
  one: {image: app, command: [x]}
  two: {uses: ./lib.yaml#part}
edges: [one, two]
profiles: {prod: {images: {app: "%HOST%/team/app:2"}}}
"""
LIBRARY = "hpc: 1\nimages: {part: '%HOST%/team/part:1'}\ncomponents: {part: {image: part, command: [x]}}\n"


@pytest.fixture
def locked(tmp_path: Path, registry: Registry) -> Project:
    (tmp_path / "lib.yaml").write_text(LIBRARY.replace("%HOST%", registry.host), "utf-8")
    return lone(tmp_path, LOCKED.replace("%HOST%", registry.host))


def test_what_is_locked(locked: Project, registry: Registry) -> None:
    """Images that steps run, of other files and of profiles too, sorted; a second time changes nothing."""
    digests = {
        f"{registry.host}/team/{name}": registry.put("team/" + name[:-2], name[-1]) for name in ("app:1", "part:1")
    }
    digests[f"{registry.host}/team/app:2"] = registry.put("team/app", "2", Labels={"version": "2"})
    done = locked.hpc("lock")
    assert done.returncode == 0, done.stderr
    lines = [f'  "{address}": {digests[address]}' for address in sorted(digests)]
    assert locked.read("hpc.lock").splitlines()[2:] == ["lock: 1", "images:", *lines]
    assert done.stdout.splitlines() == [f"new      {address}: {digests[address]}" for address in sorted(digests)]
    before = (locked.folder / "hpc.lock").stat().st_mtime_ns
    assert locked.hpc("lock").stderr == "hpc.lock: up to date\n"
    assert (locked.folder / "hpc.lock").stat().st_mtime_ns == before
    assert locked.hpc("check", "pipeline.yaml").returncode == 0


def test_lines_of_other_pipelines_stay_unless_they_are_pruned(locked: Project, registry: Registry) -> None:
    for name, tag in (("app", "1"), ("app", "2"), ("part", "1")):
        registry.put(f"team/{name}", tag)
    assert locked.hpc("lock").returncode == 0
    text = locked.read("hpc.lock")
    locked.write("hpc.lock", f'{text}  "repo/other:1": sha256:{"a" * 64}\n')
    assert locked.hpc("lock", "--check").returncode == 0
    assert locked.hpc("lock", "--check", "--prune").stdout == "dropped  repo/other:1\n"
    assert locked.hpc("lock", "--prune").returncode == 0
    assert locked.read("hpc.lock") == text


def test_each_image_without_an_answer_is_told_and_nothing_is_written(locked: Project, registry: Registry) -> None:
    """HPC958, HPC959"""
    registry.put("team/part", "1")
    text = locked.read("pipeline.yaml").replace(f"{registry.host}/team/app:1", "127.0.0.1:1/team/app:1")
    locked.write("pipeline.yaml", text.replace("team/app:2", "team/never:2"))
    done = locked.hpc("lock")
    assert done.returncode == 1
    assert done.stderr.count("error HPC958") == done.stderr.count("error HPC959") == 1
    assert "pipeline.yaml:3:15: error HPC959 the registry 127.0.0.1:1 cannot be asked" in done.stderr
    assert not (locked.folder / "hpc.lock").exists()
