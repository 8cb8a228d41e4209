"""Containers: their command line as text, and, where an engine answers, what really becomes of it."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import docker_here
import pytest
from base_image import TAG
from docker_here import docker

from hpc.engines.local.flow.failure import TaskError, TaskStoppedError
from hpc.engines.local.plan import Build, Resources
from hpc.engines.local.work import docker as containers
from hpc.engines.local.work.docker import ContainerEngine, ContainerRun, Images, Mount, Origin
from hpc.engines.local.work.process import Command, Ending, run_process
from hpc.engines.local.work.stopping import Stop

docker_program = docker_here.docker_program

DOCKER = ContainerEngine("docker", {})
PODMAN = ContainerEngine("podman", {}, podman=True, rootless=True, init=True)
ENVIRON = dict(os.environ)
Result = TypeVar("Result")


def do(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)


@pytest.fixture
def engine(docker_program: str) -> ContainerEngine:
    return do(containers.connect(docker_program, ENVIRON))


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    """A run whose containers are gone after the test, whatever became of it."""
    own = Origin(tmp_path, f"run-{os.getpid()}", "train[3]", 1)
    yield own
    if shutil.which("docker"):
        left = subprocess.run(
            ["docker", "ps", "--all", "--quiet", "--filter", f"label=hpc.root={tmp_path}"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        if left:
            docker("rm", "--force", *left)


@pytest.fixture
def container(origin: Origin) -> ContainerRun:
    return ContainerRun(origin, TAG, ("true",))


def command_of(engine: ContainerEngine, container: ContainerRun) -> Command:
    argv = containers.run_command(engine, container)
    return Command(argv, Path("/"), containers.client_environ(engine, container))


def run(engine: ContainerEngine, container: ContainerRun, log: Path) -> int:
    """Run the container to its end; its exit code."""
    return do(run_process(command_of(engine, container), log, Stop(), grace=5)).exit_code


def words(engine: ContainerEngine, container: ContainerRun, log: Path) -> str:
    """How a run of the container ended, in words."""
    return containers.ending_words(engine, container, Ending(run(engine, container, log)), log)


def sh(container: ContainerRun, script: str) -> ContainerRun:
    return replace(container, command=("sh", "-c", script))


def option(argv: tuple[str, ...], name: str) -> list[str]:
    return [value for word, value in pairwise(argv) if word == name]


# --- the command line ---


def test_command_line_of_docker() -> None:
    container = ContainerRun(
        Origin(Path("/runs"), "2026-11-20-a1b2", "loop[1]/train", 2),
        "team/train:v1",
        ("python3", "main.py"),
        ("lr=0.1", "--verbose"),
        environ={"MODE": "fast"},
        secrets={"TOKEN": "hidden"},
        mounts=(Mount(Path("/runs")), Mount(Path("/runs/train/2"), writable=True)),
        resources=Resources(cpu="500m", memory="4Gi"),
        gpus=("0", "1"),
        platform="linux/amd64",
        user=(1000, 100),
    )
    argv = containers.run_command(ContainerEngine("docker", {}, init=True, cpus=4), container)
    assert argv[:6] == ("docker", "run", "--rm", "--pull", "missing", "--name")
    assert re.fullmatch(r"hpc-2026-11-20-a1b2-[0-9a-f]{12}-2", argv[6])
    assert argv[7:] == (
        *("--label", "hpc.run=2026-11-20-a1b2", "--label", "hpc.task=loop[1]/train", "--label", "hpc.root=/runs"),
        *("--label", "hpc.place=29c3b6995736"),
        *("--init", "--log-driver", "none", "--user", "1000:100"),
        *("--cpus", "0.5", "--memory", "4294967296", "--gpus", '"device=0,1"', "--platform", "linux/amd64"),
        *("--mount", "type=bind,source=/runs,target=/runs,readonly"),
        *("--mount", "type=bind,source=/runs/train/2,target=/runs/train/2"),
        *("--env", "HOME=/tmp", "--env", "MODE", "--env", "TOKEN"),
        *("--entrypoint", "python3", "--", "team/train:v1", "main.py", "lr=0.1", "--verbose"),
    )


def test_command_line_of_podman(container: ContainerRun) -> None:
    argv = containers.run_command(PODMAN, replace(container, gpus=("0",), user=(1000, 100)))
    assert argv[:2] == ("podman", "run")
    assert "--userns=keep-id" in argv
    assert "--init" in argv
    assert "--log-driver" not in argv
    assert option(argv, "--user") == ["1000:100"]
    assert option(argv, "--device") == ["nvidia.com/gpu=0"]


def test_the_user_inside_is_the_caller(container: ContainerRun) -> None:
    assert container.user == (os.getuid(), os.getgid())
    rootless = replace(DOCKER, rootless=True)
    assert option(containers.run_command(rootless, replace(container, user=(1000, 100))), "--user") == ["0:0"]
    assert "label=disable" in containers.run_command(replace(DOCKER, selinux=True), container)


def test_without_a_command_the_image_decides(container: ContainerRun) -> None:
    argv = containers.run_command(DOCKER, replace(container, command=(), args=("a", "b")))
    assert "--entrypoint" not in argv
    assert argv[-4:] == ("--", TAG, "a", "b")


@pytest.mark.parametrize("path", ["/plain", "/with blank", "/a,b", '/say "x", y', "/ü", "/line\nbreak"])
def test_paths_of_mounts_are_one_line_of_csv(container: ContainerRun, path: str) -> None:
    argv = containers.run_command(DOCKER, replace(container, mounts=(Mount(Path(path)),)))
    [value] = option(argv, "--mount")
    assert next(csv.reader(io.StringIO(value, newline=""))) == [
        "type=bind",
        f"source={path}",
        f"target={path}",
        "readonly",
    ]


@pytest.mark.parametrize(
    ("text", "cpus", "memory"),
    [
        ("", [], []),
        ("0", [], []),
        ("500m", ["0.5"], ["1"]),
        ("1", ["1"], ["1"]),
        ("1.5", ["1.5"], ["2"]),
        ("1m", ["0.01"], ["1"]),
        ("1e1", ["10"], ["10"]),
        ("4G", [], ["4000000000"]),
        ("4Gi", [], ["4294967296"]),
        ("1.5Gi", [], ["1610612736"]),
        ("64Mi", [], ["67108864"]),
        ("1E", [], ["1000000000000000000"]),
        ("10k", [], ["10000"]),
    ],
)
def test_quantities(container: ContainerRun, text: str, cpus: list[str], memory: list[str]) -> None:
    engine = replace(DOCKER, cpus=16)
    argv = containers.run_command(engine, replace(container, resources=Resources(cpu=text, memory=text)))
    assert (option(argv, "--cpus"), option(argv, "--memory")) == (cpus, memory)


def test_more_processors_than_there_are_is_no_limit(container: ContainerRun) -> None:
    wanted = replace(container, resources=Resources(cpu="8"))
    assert "--cpus" not in containers.run_command(replace(DOCKER, cpus=8), wanted)
    assert option(containers.run_command(replace(DOCKER, cpus=9), wanted), "--cpus") == ["8"]
    assert option(containers.run_command(DOCKER, wanted), "--cpus") == ["8"]


@pytest.mark.parametrize("text", ["4GB", "two", "-1", "1 G", "{{$.inputs}}"])
def test_what_is_no_quantity(container: ContainerRun, text: str) -> None:
    with pytest.raises(TaskError) as caught:
        containers.run_command(DOCKER, replace(container, resources=Resources(memory=text)))
    assert str(caught.value) == f"the memory limit `{text}` is not a quantity, such as 500m, 2, 4G or 512Mi"


def test_variables_never_reach_the_client_itself(container: ContainerRun) -> None:
    own = {"PATH": "/client", "DOCKER_HOST": "unix:///client"}
    engine = replace(DOCKER, environ=own)
    given = replace(container, environ={"PATH": "/opt/bin", "DOCKER_HOST": "tcp://inner", "https_proxy": "p", "A": "1"})
    environ = containers.client_environ(engine, given)
    assert environ == {**own, "A": "1"}
    assert [
        word for word in option(containers.run_command(engine, given), "--env") if not word.startswith("HOME=")
    ] == [
        "PATH=/opt/bin",
        "DOCKER_HOST=tcp://inner",
        "https_proxy=p",
        "A",
    ]


def test_secrets_stand_in_no_argument(container: ContainerRun) -> None:
    given = replace(container, environ={"TOKEN": "placeholder"}, secrets={"TOKEN": "hidden", "DOCKER_PASSWORD": "too"})
    argv = containers.run_command(DOCKER, given)
    assert [word for word in option(argv, "--env") if not word.startswith("HOME=")] == ["TOKEN", "DOCKER_PASSWORD"]
    assert not [word for word in argv if "hidden" in word or "placeholder" in word]
    environ = containers.client_environ(DOCKER, given)
    assert (environ["TOKEN"], environ["DOCKER_PASSWORD"]) == ("hidden", "too")


def test_a_secret_that_the_client_would_read(container: ContainerRun) -> None:
    with pytest.raises(TaskError, match=r"^the secret DOCKER_AUTH_CONFIG cannot be passed to a container: "):
        containers.run_command(DOCKER, replace(container, secrets={"DOCKER_AUTH_CONFIG": "hidden"}))


def test_names_of_containers() -> None:
    one = Origin(Path("/runs"), "2026-11-20-a1b2", "train", 1)
    others = [replace(one, root=Path("/r")), replace(one, task="ü" * 300), replace(one, attempt=2), one]
    names = {other.name for other in others}
    assert len(names) == 4
    assert all(re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,62}", name) for name in names)


# --- which engine ---


def program(folder: Path, text: str, code: int = 0) -> tuple[str, dict[str, str]]:
    """A program `docker` that prints the text, and an environment in which it is found."""
    file = folder / "docker"
    file.write_text(f"#!{sys.executable}\nimport sys\nprint({text!r})\nsys.exit({code})\n")
    file.chmod(0o755)
    return "docker", {"PATH": str(folder)}


def test_facts_of_docker(tmp_path: Path) -> None:
    facts = {
        "ServerVersion": "28",
        "NCPU": 6,
        "InitBinary": "docker-init",
        "InitCommit": {"ID": "de40ad0"},
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless", "name=selinux"],
    }
    name, environ = program(tmp_path, json.dumps(facts))
    expected = ContainerEngine(name, environ, rootless=True, init=True, selinux=True, cpus=6)
    assert do(containers.connect(name, environ)) == expected


def test_docker_whose_init_is_missing(tmp_path: Path) -> None:
    facts = {"ServerVersion": "28", "InitBinary": "docker-init", "InitCommit": {"ID": "N/A"}}
    assert not do(containers.connect(*program(tmp_path, json.dumps(facts)))).init


def test_facts_of_podman(tmp_path: Path) -> None:
    (tmp_path / "catatonit").symlink_to("/bin/true")
    facts = {"host": {"cpus": 3, "security": {"rootless": True, "selinuxEnabled": False}}, "version": {}}
    name, environ = program(tmp_path, json.dumps(facts))
    expected = ContainerEngine(name, environ, podman=True, rootless=True, init=True, cpus=3)
    assert do(containers.connect(name, environ)) == expected


def test_no_program(tmp_path: Path) -> None:
    reason = do(containers.is_there("docker", {"PATH": str(tmp_path)}))
    assert reason == "there is no program docker that can be run: No such file or directory"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "the docker engine at unix:///var/run/docker.sock is not running; start it, or run without containers",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "
            '"http://x": dial unix: connect: permission denied',
            "the docker engine at unix:///var/run/docker.sock refuses this user; add the user to its group",
        ),
        ("", "docker does not work: it says nothing"),
        ("one\ntwo\n\n", "docker does not work: two"),
    ],
)
def test_why_an_engine_cannot_be_used(tmp_path: Path, said: str, reason: str) -> None:
    name, environ = program(tmp_path, json.dumps({"ServerErrors": said.splitlines()}))
    assert do(containers.is_there(name, environ)) == reason


@pytest.mark.skipif(not shutil.which("docker"), reason="there is no program docker")
def test_nobody_answers(tmp_path: Path, container: ContainerRun) -> None:
    address = f"unix://{tmp_path}/nobody.sock"
    environ = {**ENVIRON, "DOCKER_HOST": address}
    expected = f"the docker engine at {address} is not running; start it, or run without containers"
    assert do(containers.is_there("docker", environ)) == expected
    gone = replace(DOCKER, environ=environ)
    for work in (
        containers.image_identity(gone, TAG),
        containers.kill(gone, "x"),
        containers.remove_containers(gone, "x", tmp_path),
    ):
        with pytest.raises(TaskError) as caught:
            do(work)
        assert str(caught.value) == expected
    assert words(gone, container, tmp_path / "log") == expected


def test_the_engine_here(engine: ContainerEngine) -> None:
    assert (engine.program, engine.podman) == ("docker", False)
    assert engine.cpus == int(docker("info", "--format", "{{.NCPU}}"))


# --- what a container gets ---


def test_variables_arrive_exactly(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    plain = {
        "LINES": "one\ntwo\n",
        "QUOTES": """'a' "b" `c` \\""",
        "DOLLAR": "$HOME ${X} $(id)",
        "WORD": "grün",
        "EMPTY": "",
        "BLANKS": "  a=b  ",
        "PATH": "/usr/local/bin:/extra",
        "DOCKER_HOST": "tcp://inner:1",
    }
    given = replace(container, environ=plain, secrets={"TOKEN": "s\n$s"}, mounts=(Mount(tmp_path, writable=True),))
    script = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
    given = replace(given, command=("python3", "-c", script), args=(str(tmp_path / "environ"),))
    assert run(engine, given, tmp_path / "log") == 0
    inside = json.loads((tmp_path / "environ").read_text())
    assert {name: inside[name] for name in (*plain, "TOKEN")} == {**plain, "TOKEN": "s\n$s"}


def test_arguments_arrive_exactly(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    args = ("--rm", "", "a b", "$X", "'", '"', "\n", "ü", "\\", "*", "x" * 100_000)
    given = replace(
        container, command=("python3", "-c", "import json, sys; print(json.dumps(sys.argv[1:]))"), args=args
    )
    assert run(engine, given, tmp_path / "log") == 0
    assert json.loads((tmp_path / "log").read_text()) == list(args)


def test_folders_are_seen_where_they_are(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    runs = tmp_path / 'my "runs", all\nof them'
    attempt = runs / "train [3] ü" / "1"
    attempt.mkdir(parents=True)
    (runs / "input").write_text("in")
    given = replace(container, mounts=(Mount(runs), Mount(attempt, writable=True)))
    script = 'cat "$0/input" > "$1/output"; echo no > "$0/input"; echo no > "$0/other"'
    given = replace(sh(given, script), args=(str(runs), str(attempt)))
    assert run(engine, given, tmp_path / "log") == 2
    assert (attempt / "output").read_text() == "in"
    assert (tmp_path / "log").read_text().count("Read-only file system") == 2
    assert sorted(path.name for path in runs.iterdir()) == ["input", "train [3] ü"]


def test_a_mount_that_is_not_there(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    text = words(engine, replace(container, mounts=(Mount(missing),)), tmp_path / "log")
    assert text.startswith(f"docker cannot run a container of {TAG}: ")
    assert str(missing) in text


def as_another_user(command: Command) -> tuple[Command, tuple[int, int]]:
    """The command as a user who is not root: who may speak to the engine, and owns nothing else."""
    if os.getuid():
        return command, (os.getuid(), os.getgid())
    group = Path("/var/run/docker.sock").stat().st_gid
    prefix = ("setpriv", "--reuid", "1234", "--regid", "1235", "--groups", str(group))
    return replace(command, argv=(*prefix, *command.argv)), (1234, 1235)


def test_files_belong_to_the_caller(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    if os.getuid() == 0 and not (shutil.which("setpriv") and Path("/var/run/docker.sock").exists()):
        pytest.skip("root cannot become another user here")
    attempt = tmp_path / "attempt"
    attempt.mkdir()
    _, user = as_another_user(Command((), attempt, {}))
    os.chown(attempt, *user)
    engine = replace(engine, environ={**ENVIRON, "DOCKER_CONFIG": "/nonexistent"})
    given = replace(container, mounts=(Mount(attempt, writable=True),), user=user)
    script = 'mkdir "$0/made" && echo hello > "$0/made/file" && touch ~/mine && echo "$HOME $(id -u):$(id -g)"'
    command, _ = as_another_user(command_of(engine, replace(sh(given, script), args=(str(attempt),))))
    log = tmp_path / "log"
    assert do(run_process(command, log, Stop(), grace=5)).exit_code == 0
    assert log.read_text() == f"/tmp {user[0]}:{user[1]}\n"
    for path in (attempt / "made", attempt / "made" / "file"):
        assert (path.stat().st_uid, path.stat().st_gid) == user


def test_the_users_of_images_do_not_matter(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {TAG}\nUSER 4321:4321\n")
    given = replace(sh(container, "id -u"), image="hpc-test-built:users")
    log = tmp_path / "log"
    try:
        do(Images(engine, tmp_path, tmp_path, Stop(), 5).prepare(given.image, Build(".")))
        assert run(engine, given, log) == 0
        assert log.read_text() == f"{os.getuid()}\n"
    finally:
        docker("rmi", "--force", given.image)


# --- a container while it runs ---


async def until(condition: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait until the awaited answer is true; fails after a minute."""
    end = time.monotonic() + 60
    while not await condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def started(log: Path) -> None:
    async def has_spoken() -> bool:
        return log.exists() and "ready" in log.read_text()

    await until(has_spoken)


def inspected(name: str) -> dict[str, Any]:
    return json.loads(docker("inspect", name))[0]


def test_labels_and_limits(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    given = replace(sh(container, "echo ready; exec sleep 600"), resources=Resources(cpu="500m", memory="64Mi"))

    async def look() -> dict[str, Any]:
        log = tmp_path / "log"
        work = asyncio.ensure_future(run_process(command_of(engine, given), log, Stop(), grace=5))
        await started(log)
        seen = inspected(given.origin.name)
        assert await containers.kill(engine, given.origin.name)
        assert (await work).exit_code == 137
        return seen

    seen = do(look())
    labels = seen["Config"]["Labels"]
    assert {name: labels[name] for name in labels if name.startswith("hpc.")} == {
        "hpc.run": given.origin.run,
        "hpc.task": "train[3]",
        "hpc.root": str(tmp_path),
        "hpc.place": hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12],
    }
    assert (seen["HostConfig"]["NanoCpus"], seen["HostConfig"]["Memory"]) == (500_000_000, 67_108_864)


def test_a_memory_limit_holds(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    script = "data = [bytearray(1 << 20) for _ in range(512)]; print(len(data))"
    given = replace(container, command=("python3", "-c", script), resources=Resources(memory="32Mi"))
    assert words(engine, given, tmp_path / "log") == "killed by signal 9 (SIGKILL): out of memory?"


async def stopped(engine: ContainerEngine, container: ContainerRun, log: Path, grace: float) -> tuple[int, bool]:
    """Ask a container to stop once it has spoken; its exit code, and whether that was the stop."""
    stop = Stop()
    work = asyncio.ensure_future(run_process(command_of(engine, container), log, stop, grace=grace))
    await started(log)
    stop.ask()
    ending = await work
    return ending.exit_code, ending.stopped


def test_a_container_hears_the_wish_to_stop(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    script = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print('ready', flush=True)"
    given = replace(container, command=("python3", "-c", f"{script}; time.sleep(600)"))
    assert do(stopped(engine, given, tmp_path / "log", 60)) == (7, True)


def test_a_program_without_a_handler_is_ended_too(
    engine: ContainerEngine, container: ContainerRun, tmp_path: Path
) -> None:
    if not engine.init:
        pytest.skip("this engine has no init to put in front of the command")
    given = sh(container, "echo ready; sleep 600")
    assert do(stopped(engine, given, tmp_path / "log", 60)) == (143, True)


def test_a_container_that_ignores_the_wish_is_gone_after_kill(
    engine: ContainerEngine, container: ContainerRun, tmp_path: Path
) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    given = replace(container, command=("python3", "-c", script))
    name, root = given.origin.name, given.origin.root

    async def story() -> None:
        assert await stopped(engine, given, tmp_path / "log", 0.5) == (137, True)
        assert len(await containers.containers(engine, given.origin.run, root)) == 1
        assert await containers.kill(engine, name)

        async def nothing() -> bool:
            return not await containers.containers(engine, given.origin.run, root)

        await until(nothing)
        assert not await containers.kill(engine, name)
        assert not await containers.remove(engine, name)

    do(story())


def detached(engine: ContainerEngine, container: ContainerRun) -> None:
    """A container that nobody waits for, as a killed engine leaves it."""
    command = command_of(engine, container)
    subprocess.run(
        ["docker", "run", "--detach", *command.argv[2:]], env=dict(command.environ), check=True, capture_output=True
    )


def test_what_a_run_left_is_removed(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    given = sh(container, "trap '' TERM; sleep 600")
    other_root = replace(given.origin, root=tmp_path / "a,b = c")
    for origin in (given.origin, replace(given.origin, attempt=2), replace(given.origin, run="other"), other_root):
        detached(engine, replace(given, origin=origin))
    never_started = command_of(engine, replace(given, origin=replace(given.origin, attempt=3)))
    docker("create", *[word for word in never_started.argv[2:] if word != "--rm"])
    run = given.origin.run
    assert do(containers.remove_containers(engine, run, tmp_path)) == 3
    assert do(containers.remove_containers(engine, run, tmp_path)) == 0
    assert do(containers.remove_containers(engine, run, other_root.root)) == 1
    assert do(containers.remove(engine, replace(given.origin, run="other").name))


# --- how it ended ---


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("exit 3", "exit code 3"),
        ("exit 125", "exit code 125"),
        ("nosuch", "exit code 127"),
        ("echo 'docker: not me'; exit 3", "exit code 3"),
        ("kill -9 $$", "killed by signal 9 (SIGKILL): out of memory?"),
        ("kill -11 $$", "killed by signal 11 (SIGSEGV): a crash in native code"),
    ],
)
def test_exit_codes(engine: ContainerEngine, container: ContainerRun, tmp_path: Path, script: str, text: str) -> None:
    assert words(engine, sh(container, script), tmp_path / "log") == text


@pytest.mark.parametrize("init", [True, False])
@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("nosuch", f"there is no program nosuch in the image {TAG}"),
        ("/no/such", f"there is no program /no/such in the image {TAG}"),
        ("/etc/passwd", f"the program /etc/passwd in the image {TAG} is not executable"),
    ],
)
def test_programs_that_cannot_be_started(
    engine: ContainerEngine, container: ContainerRun, tmp_path: Path, init: bool, command: str, text: str
) -> None:
    engine = replace(engine, init=init and engine.init)
    assert words(engine, replace(container, command=(command,)), tmp_path / "log") == text


@pytest.mark.parametrize(
    ("code", "said", "text"),
    [
        (
            1,
            "ERROR (catatonit:7): failed to exec pid1: No such file or directory",
            f"there is no program train in the image {TAG}",
        ),
        (
            126,
            'Error: runc: exec: "train": permission denied: OCI permission denied',
            f"the program train in the image {TAG} is not executable",
        ),
        (
            126,
            "Error: crun: mount: OCI permission denied",
            f"podman cannot run a container of {TAG}: crun: mount: OCI permission denied",
        ),
        (
            125,
            "Trying to pull x...\nError: no luck",
            f"the image {TAG} is not on this machine and cannot be pulled: no luck",
        ),
        (1, "Error: my own", "exit code 1"),
        (127, "docker: my own", "exit code 127"),
    ],
)
def test_what_podman_says(container: ContainerRun, tmp_path: Path, code: int, said: str, text: str) -> None:
    (tmp_path / "log").write_text(f"before\n{said}\n")
    given = replace(container, command=("train",))
    assert containers.ending_words(PODMAN, given, Ending(code), tmp_path / "log") == text


def test_gpus_that_are_not_there(engine: ContainerEngine, container: ContainerRun, tmp_path: Path) -> None:
    if "nvidia" in docker("info", "--format", "{{json .Runtimes}}"):
        pytest.skip("containers have GPUs here")
    text = words(engine, replace(container, gpus=("0",)), tmp_path / "log")
    assert text.startswith("containers have no access to GPUs here; install NVIDIA's container toolkit (could not")


@pytest.mark.parametrize("image", ["127.0.0.1:9/team/nosuch:1", "--privileged"])
def test_an_image_that_cannot_be_pulled_while_running(
    engine: ContainerEngine, container: ContainerRun, tmp_path: Path, image: str
) -> None:
    text = words(engine, replace(container, image=image), tmp_path / "log")
    assert image in text
    assert "refused" in text or "invalid reference format" in text


# --- images ---


@pytest.fixture
def images(engine: ContainerEngine, tmp_path: Path) -> Images:
    return Images(engine, tmp_path, tmp_path, Stop(), 5)


def test_identity(engine: ContainerEngine) -> None:
    identity = do(containers.image_identity(engine, TAG))
    assert identity == docker("image", "inspect", "--format", "{{.Id}}", TAG).strip()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", identity or "")
    for missing in ("hpc-test-nosuch:1", "127.0.0.1:9/nosuch@sha256:" + 64 * "0", "--Bad Name--"):
        assert do(containers.image_identity(engine, missing)) is None


def test_an_image_that_is_here_is_not_fetched(engine: ContainerEngine, images: Images, tmp_path: Path) -> None:
    assert do(images.prepare(TAG)) == do(containers.image_identity(engine, TAG))
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_cannot_be_pulled(images: Images, tmp_path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        do(images.prepare("127.0.0.1:9/team/nosuch:1"))
    text = str(caught.value)
    assert text.startswith("the image 127.0.0.1:9/team/nosuch:1 is not on this machine and cannot be pulled: ")
    assert text.endswith("connection refused")
    [log] = tmp_path.iterdir()
    assert caught.value.log == log
    log.unlink()
    with pytest.raises(TaskError) as again:
        do(images.prepare("127.0.0.1:9/team/nosuch:1"))
    assert (str(again.value), log.exists()) == (text, False)


def test_no_image(images: Images) -> None:
    with pytest.raises(TaskError, match=r"^the task names no image$"):
        do(images.prepare(""))


def test_built_from_a_recipe(engine: ContainerEngine, images: Images, container: ContainerRun, tmp_path: Path) -> None:
    context = tmp_path / "my app, v1"
    context.mkdir()
    (context / "main.py").write_text("import sys; print(open('word').read(), sys.argv[1:])\n")
    (context / "Own.Dockerfile").write_text(
        f'FROM {TAG}\nARG WORD=none\nWORKDIR /app\nCOPY main.py .\nRUN printf "%s" "$WORD" > word\n'
        'ENTRYPOINT ["python3", "main.py"]\n'
    )
    recipe = Build("my app, v1", "Own.Dockerfile", {"WORD": "a b, $c ü"}, "linux/amd64")
    given = replace(container, image="hpc-test-built:recipe", command=(), args=("x=1",), platform="linux/amd64")
    try:
        identity = do(images.prepare(given.image, recipe))
        assert identity == do(containers.image_identity(engine, given.image))
        log = tmp_path / "log"
        assert run(engine, given, log) == 0
        assert log.read_text() == "a b, $c ü ['x=1']\n"
    finally:
        docker("rmi", "--force", given.image)


def test_tasks_with_one_image_build_it_once(images: Images, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {TAG}\nRUN false\n")

    async def both() -> list[Any]:
        work = [images.prepare("hpc-test-built:never", Build(".")) for _ in range(2)]
        return await asyncio.gather(*work, return_exceptions=True)

    one, other = do(both())
    assert isinstance(one, TaskError)
    assert one is other


def test_a_recipe_that_fails(images: Images, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {TAG}\nLABEL hpc.test={tmp_path}\nRUN echo no luck && exit 3\n")
    with pytest.raises(TaskError) as caught:
        do(images.prepare("hpc-test-built:never", Build(".")))
    assert str(caught.value).startswith(f"the image hpc-test-built:never cannot be built from {tmp_path}/Dockerfile: ")
    assert re.search(r"code: 3$", str(caught.value))
    assert caught.value.log is not None
    assert "no luck" in caught.value.log.read_text()
    assert docker("ps", "--all", "--quiet", "--filter", f"label=hpc.test={tmp_path}") == ""
    docker("image", "prune", "--force", "--filter", f"label=hpc.test={tmp_path}")


@pytest.mark.parametrize(
    ("recipe", "missing"),
    [(Build("app"), "folder {}/app"), (Build(".", "Own"), "file {}/Own"), (Build("."), "file {}/Dockerfile")],
)
def test_no_recipe(tmp_path: Path, recipe: Build, missing: str) -> None:
    images = Images(DOCKER, tmp_path, tmp_path, Stop(), 5)
    with pytest.raises(TaskError) as caught:
        do(images.prepare("team/app:1", recipe))
    assert str(caught.value) == f"the image team/app:1 cannot be built: there is no {missing.format(tmp_path)}"


def test_a_build_is_stopped(engine: ContainerEngine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {TAG}\nRUN echo ready && sleep 600\n")
    stop = Stop()

    async def story() -> None:
        images = Images(engine, tmp_path, tmp_path, stop, 5)
        work = asyncio.ensure_future(images.prepare("hpc-test-built:never", Build(".")))

        async def has_spoken() -> bool:
            return any("\nready" in log.read_text() for log in tmp_path.glob("*.log"))

        await until(has_spoken)
        stop.ask()
        with pytest.raises(TaskStoppedError):
            await work

    do(story())
