"""Containers through the command-line program of docker or podman: what one attempt's command line is, and how the
images it needs come here.

Enters: an engine that answers (`connect`) and a ContainerRun. Leaves: the argv of a client that runs like any host
process and ends with the container's exit code, and a sentence for how it ended. What the client leaves behind when it
is killed carries labels, by which `remove_containers` finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

from hpc.engines.local.flow.failure import TaskError, TaskStoppedError
from hpc.engines.local.plan import Build, Resources
from hpc.engines.local.work.logs import tail
from hpc.engines.local.work.process import Command, Ending, run_process
from hpc.engines.local.work.stopping import Stop

_PATIENCE = 60.0
_ROUNDS = 20
_RESERVED = re.compile(
    r"""PATH | HOME | TMPDIR | TZ | LD_.* | GO(?:DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK) | (?i:https?|no|all)_(?i:proxy)
    | DOCKER_(?:HOST|CONTEXT|CONFIG|API_VERSION|AUTH_CONFIG|CERT_PATH|TLS|TLS_VERIFY|DEFAULT_PLATFORM|TMPDIR
        |CONTENT_TRUST.*|CUSTOM_HEADERS|BUILDKIT|CLI_.*)
    | CONTAINER_(?:HOST|CONNECTION|SSHKEY) | _?CONTAINERS_.* | STORAGE_(?:DRIVER|OPTS) | REGISTRY_AUTH_FILE | XDG_.*
    | DBUS_SESSION_BUS_ADDRESS | NOTIFY_SOCKET | LISTEN_(?:FDS|PID|FDNAMES) | SSH_AUTH_SOCK | SSL_CERT_(?:FILE|DIR)
    | OTEL_.*""",
    re.VERBOSE,
)
_QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+)|([numkKMGTPE]|[KMGTPE]i))?")
_SCALES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(1000),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("KMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
_UNREACHABLE = re.compile(
    r"cannot connect to (?:the docker daemon(?: at (\S+?)\.(?:\s|$))?|podman)|error during connect", re.IGNORECASE
)
_REFUSED = re.compile(
    r"permission denied while trying to connect to the docker (?:\w+ )+at (\S+?):?(?:\s|$)", re.IGNORECASE
)
_DOCKER_LINE = re.compile(r"docker: (?:Error response from daemon: )?(.+)")
_PODMAN_LINE = re.compile(r"Error: (.+)")
_INIT_LINE = re.compile(r"\[FATAL tini \(\d+\)\] exec .* failed: |ERROR \(catatonit:\d+\): failed to exec pid1: ")
_NOT_STARTED = re.compile(r'exec: "|executable file|FATAL tini|failed to exec pid1')
_FETCHING = re.compile(r"Unable to find image '|Trying to pull ")
_FETCHED = re.compile(r"Status: |Writing manifest")


@dataclass(frozen=True)
class ContainerEngine:
    """An engine that answered. `environ` is the environment of its command-line program.

    `init`: it can put a small init in front of the command. `rootless`: its root is the user that it runs as.
    `cpus`: how many processors a container can have, 0 when unknown.
    """

    program: str
    environ: Mapping[str, str]
    podman: bool = False
    rootless: bool = False
    init: bool = False
    selinux: bool = False
    cpus: int = 0


@dataclass(frozen=True)
class Origin:
    """Whose container it is. `root`: the folder that runs are kept in; run ids are unique in it."""

    root: Path
    run: str
    task: str
    attempt: int

    @property
    def name(self) -> str:
        """The container's name: bounded, of safe characters, different for each attempt on this machine."""
        return f"hpc-{self.run}-{_digest(f'{self.root}{os.pathsep}{self.task}')}-{self.attempt}"

    @property
    def labels(self) -> Mapping[str, str]:
        """For people, and `hpc.place` for filters: podman takes a comma in a filter for the end of it."""
        place = _digest(str(self.root))
        return {"hpc.run": self.run, "hpc.task": self.task, "hpc.root": str(self.root), "hpc.place": place}


@dataclass(frozen=True)
class Mount:
    """A file or folder that the container sees at the path that it has here."""

    path: Path
    writable: bool = False


def _caller() -> tuple[int, int]:
    return os.getuid(), os.getgid()


@dataclass(frozen=True)
class ContainerRun:
    """One attempt. All texts are final: no placeholders. Without a `command` the image's own entry point is used.

    The values of `secrets` stand in no command line. `user` owns what is written: the caller, unless said otherwise.
    """

    origin: Origin
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    mounts: tuple[Mount, ...] = ()
    resources: Resources = field(default_factory=Resources)
    gpus: tuple[str, ...] = ()
    platform: str = ""
    user: tuple[int, int] = field(default_factory=_caller)


async def connect(program: str, environ: Mapping[str, str]) -> ContainerEngine:
    """The engine behind `docker` or `podman`. Raises TaskError with the reason why it cannot be used."""
    code, out, errors = await _ask(program, environ, "info", "--format", "{{json .}}")
    try:
        facts: dict[str, Any] = json.loads(out)
    except ValueError:
        facts = {}
    errors = "\n".join([errors, *(facts.get("ServerErrors") or [])])
    if code or not (facts.get("ServerVersion") or "host" in facts):
        raise TaskError(_engine_words(program, errors))
    return _podman(program, environ, facts["host"]) if "host" in facts else _docker(program, environ, facts)


async def is_there(program: str, environ: Mapping[str, str]) -> str | None:
    """Why the engine cannot be used; None when it can."""
    try:
        await connect(program, environ)
    except TaskError as error:
        return str(error)
    return None


def _docker(program: str, environ: Mapping[str, str], facts: dict[str, Any]) -> ContainerEngine:
    options: list[str] = facts.get("SecurityOptions") or []
    security = {option.split(",")[0] for option in options}
    init: dict[str, str] = facts.get("InitCommit") or {}
    return ContainerEngine(
        program,
        environ,
        rootless="name=rootless" in security,
        init=bool(facts.get("InitBinary")) and init.get("ID") != "N/A",
        selinux="name=selinux" in security,
        cpus=facts.get("NCPU") or 0,
    )


def _podman(program: str, environ: Mapping[str, str], host: dict[str, Any]) -> ContainerEngine:
    security: dict[str, bool] = host.get("security") or {}
    places = [environ.get("PATH", os.defpath), "/usr/libexec/podman", "/usr/lib/podman", "/usr/libexec/catatonit"]
    return ContainerEngine(
        program,
        environ,
        podman=True,
        rootless=bool(security.get("rootless")),
        init=shutil.which("catatonit", path=os.pathsep.join(places)) is not None,
        selinux=bool(security.get("selinuxEnabled")),
        cpus=host.get("cpus") or 0,
    )


def run_command(engine: ContainerEngine, container: ContainerRun) -> tuple[str, ...]:
    """The argv of the client. Raises TaskError for a quantity or a secret that cannot be passed."""
    origin = container.origin
    return (
        *(engine.program, "run", "--rm", "--pull", "missing", "--name", origin.name),
        *(word for name, value in origin.labels.items() for word in ("--label", f"{name}={value}")),
        *(("--init",) if engine.init else ()),
        *(() if engine.podman else ("--log-driver", "none")),  # the client writes the log; one copy is enough
        *(("--security-opt", "label=disable") if engine.selinux else ()),
        *_user(engine, container.user),
        *_limits(engine, container.resources),
        *_gpus(engine, container.gpus),
        *(("--platform", container.platform) if container.platform else ()),
        *(word for mount in container.mounts for word in ("--mount", _bind(mount))),
        *_variables(container),
        *(("--entrypoint", container.command[0]) if container.command else ()),
        *("--", container.image, *container.command[1:], *container.args),
    )


def client_environ(engine: ContainerEngine, container: ContainerRun) -> dict[str, str]:
    """The environment of the client: the values that `--env NAME` takes from it, never a variable of its own."""
    passed = {**_environ(container), **container.secrets}
    return {**engine.environ, **{name: value for name, value in passed.items() if not _RESERVED.fullmatch(name)}}


def _environ(container: ContainerRun) -> dict[str, str]:
    """A user that the image does not know would get `/`, which it cannot write, as its home."""
    home = {"HOME": "/tmp"} if container.user[0] else {}
    return {**home, **container.environ}


def _variables(container: ContainerRun) -> list[str]:
    for name in container.secrets:
        if _RESERVED.fullmatch(name):
            raise TaskError(f"the secret {name} cannot be passed to a container: the client itself reads that variable")
    plain = {name: value for name, value in _environ(container).items() if name not in container.secrets}
    words = [f"{name}={value}" if _RESERVED.fullmatch(name) else name for name, value in plain.items()]
    return [word for variable in (*words, *container.secrets) for word in ("--env", variable)]


def _bind(mount: Mount) -> str:
    """The client reads the value of --mount as one line of CSV, so a path with a comma needs quotes."""
    line = io.StringIO()
    fields = ["type=bind", f"source={mount.path}", f"target={mount.path}", *([] if mount.writable else ["readonly"])]
    csv.writer(line, lineterminator="\r\n").writerow(fields)  # what ends a line is quoted inside of one
    return line.getvalue().removesuffix("\r\n")


def _user(engine: ContainerEngine, user: tuple[int, int]) -> tuple[str, ...]:
    """Whoever it is inside, files are to belong to the caller; an image's own user could not write the outputs."""
    if not engine.rootless:
        return ("--user", f"{user[0]}:{user[1]}")
    return ("--userns=keep-id", "--user", f"{user[0]}:{user[1]}") if engine.podman else ("--user", "0:0")


def _limits(engine: ContainerEngine, resources: Resources) -> list[str]:
    """A limit over what the machine has is no limit: docker refuses to start with more processors than there are."""
    words: list[str] = []
    cpu, memory = _quantity("cpu", resources.cpu), _quantity("memory", resources.memory)
    if cpu and not 0 < engine.cpus <= cpu:
        cpus = max(cpu, Decimal("0.01")).quantize(Decimal("1e-9"), ROUND_CEILING)
        words += ["--cpus", f"{cpus:f}".rstrip("0").rstrip(".")]
    if memory:
        words += ["--memory", f"{memory.to_integral_value(ROUND_CEILING):f}"]
    return words


def _gpus(engine: ContainerEngine, names: tuple[str, ...]) -> tuple[str, ...]:
    """GPUs by their names; docker reads the value as CSV."""
    if engine.podman:
        return tuple(word for name in names for word in ("--device", f"nvidia.com/gpu={name}"))
    return ("--gpus", f'"device={",".join(names)}"') if names else ()


def _quantity(what: str, text: str) -> Decimal:
    """A Kubernetes quantity as a number, 0 for none; docker's own units look alike and mean other numbers."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None and text.strip():
        raise TaskError(f"the {what} limit `{text}` is not a quantity, such as 500m, 2, 4G or 512Mi")
    if found is None:
        return Decimal(0)
    number, exponent, unit = found.groups()
    return Decimal(number).scaleb(int(exponent or 0)) * _SCALES.get(unit or "", Decimal(1))


def ending_words(engine: ContainerEngine, container: ContainerRun, ending: Ending, log: Path) -> str:
    """How the client ended, in words: the container's own exit code, or why there was no container."""
    lines = tail(log, 10)
    said = _said(engine, lines) if ending.exit_code in (1, 125, 126, 127) else None
    if said is None or (ending.exit_code == 1 and not _INIT_LINE.match(said)):
        return ending.words()
    if any(map(_FETCHING.match, lines)) and not any(map(_FETCHED.match, lines)):
        return _no_image(container.image, said)
    return _start_failure(engine, container, ending.exit_code, said)


def _said(engine: ContainerEngine, lines: tuple[str, ...]) -> str | None:
    """What the client, or the init that it put in front, says itself; None when the code is the command's own."""
    for line in reversed(lines):
        client = (_PODMAN_LINE if engine.podman else _DOCKER_LINE).match(line)
        if client or _INIT_LINE.match(line):
            return client[1] if client else line
    return None


def _start_failure(engine: ContainerEngine, container: ContainerRun, code: int, said: str) -> str:
    if code != 125 and _NOT_STARTED.search(said):
        command = container.command[0] if container.command else "for its entry point"
        if "permission denied" in said.lower():
            return f"the program {command} in the image {container.image} is not executable"
        return f"there is no program {command} in the image {container.image}"
    if _UNREACHABLE.search(said) or _REFUSED.search(said):
        return _engine_words(engine.program, said)
    if "could not select device driver" in said or "nvidia.com/gpu" in said:
        return f"containers have no access to GPUs here; install NVIDIA's container toolkit ({said})"
    return f"{engine.program} cannot run a container of {container.image}: {said}"


def _no_image(image: str, said: str) -> str:
    return f"the image {image} is not on this machine and cannot be pulled: {said}"


def _engine_words(program: str, errors: str) -> str:
    """Why the engine cannot be used, from what its program printed."""
    unreachable, refused = _UNREACHABLE.search(errors), _REFUSED.search(errors)
    if refused:
        return f"{_at(program, refused[1])} refuses this user; add the user to its group"
    if unreachable:
        return f"{_at(program, unreachable[1])} is not running; start it, or run without containers"
    lines = [line for line in errors.splitlines() if line.strip()]
    return f"{program} does not work: {lines[-1].strip() if lines else 'it says nothing'}"


def _at(program: str, address: str | None) -> str:
    return f"the {program} engine at {address}" if address else f"the {program} engine"


async def image_identity(engine: ContainerEngine, image: str) -> str | None:
    """The id of the image (`sha256:...`, of its contents), None when it is not on this machine."""
    code, out, errors = await _ask(
        engine.program, engine.environ, "image", "inspect", "--format", "{{.Id}}", "--", image
    )
    if code == 0:
        return f"sha256:{out.strip().removeprefix('sha256:')}"
    if re.search(r"no such image|not known|invalid reference", errors, re.IGNORECASE):
        return None
    raise TaskError(_engine_words(engine.program, errors))


def _silent(log: Path) -> None:
    del log


class Images:
    """Brings the images of a run to this machine, each once; one that could not be had is not tried again.

    `base`: where the folders of builds start. `logs`: an existing folder; each pull and build leaves a log there.
    """

    def __init__(self, engine: ContainerEngine, base: Path, logs: Path, stop: Stop, grace: float) -> None:
        self._engine = engine
        self._base = base
        self._logs = logs
        self._stop = stop
        self._grace = grace
        self._locks: dict[str, asyncio.Lock] = {}
        self._done: dict[str, str | TaskError] = {}

    async def prepare(self, image: str, recipe: Build | None = None, tell: Callable[[Path], None] = _silent) -> str:
        """The image's id, after it was built by its recipe, or pulled if it was not here.

        `tell` is called with the log of what is going to take its time, if something is. Raises TaskError, with a log
        where there is one, or TaskStoppedError.
        """
        async with self._locks.setdefault(image, asyncio.Lock()):
            if image not in self._done:
                try:
                    self._done[image] = await self._bring(image, recipe, tell)
                except TaskError as error:
                    self._done[image] = error
        done = self._done[image]
        if isinstance(done, TaskError):
            raise done
        return done

    async def _bring(self, image: str, recipe: Build | None, tell: Callable[[Path], None]) -> str:
        if not image:
            raise TaskError("the task names no image")
        if recipe is None and (there := await image_identity(self._engine, image)):
            return there
        log = self._log(image)
        tell(log)
        if recipe is None:
            await self._pull(image, log)
        else:
            await self._build(image, recipe, log)
        identity = await image_identity(self._engine, image)
        if identity is None:
            raise TaskError(f"the image {image} is not there although {self._engine.program} has just fetched it")
        return identity

    async def _pull(self, image: str, log: Path) -> None:
        code = await self._run(log, "pull", "--", image)
        if code:
            raise TaskError(_no_image(image, _last_line(log)), log=log)

    async def _build(self, image: str, recipe: Build, log: Path) -> None:
        context = (self._base / recipe.context).absolute()
        file = context / (recipe.dockerfile or "Dockerfile")
        if not context.is_dir():
            raise TaskError(f"the image {image} cannot be built: there is no folder {context}")
        if not file.is_file():
            raise TaskError(f"the image {image} cannot be built: there is no file {file}")
        given = [word for name, value in recipe.args.items() for word in ("--build-arg", f"{name}={value}")]
        platform = ["--platform", recipe.platform] if recipe.platform else []
        code = await self._run(
            log, "build", "--force-rm", "--file", str(file), "--tag", image, *given, *platform, "--", str(context)
        )
        if code:
            raise TaskError(f"the image {image} cannot be built from {file}: {_last_line(log)}", log=log)

    def _log(self, image: str) -> Path:
        log = self._logs / f"image-{_digest(image)}.log"
        log.unlink(missing_ok=True)
        return log

    async def _run(self, log: Path, *words: str) -> int:
        command = Command((self._engine.program, *words), self._logs, self._engine.environ)
        ending = await run_process(command, log, self._stop, grace=self._grace)
        if ending.stopped:
            raise TaskStoppedError
        return ending.exit_code


def _last_line(log: Path) -> str:
    lines = tail(log, 1)
    return lines[0].removeprefix("Error response from daemon: ") if lines else "no reason was given"


async def kill(engine: ContainerEngine, name: str, signal: str = "KILL") -> bool:
    """Send the container a signal; whether it was running. Raises TaskError when the engine does not answer."""
    code, _, errors = await _ask(engine.program, engine.environ, "kill", "--signal", signal, name)
    return _took_effect(engine, code, errors)


async def remove(engine: ContainerEngine, name: str) -> bool:
    """End the container at once, started or not, and remove it; whether it was there. Raises TaskError like `kill`."""
    code, out, errors = await _ask(engine.program, engine.environ, "rm", "--force", "--volumes", name)
    return _took_effect(engine, code, errors) and bool(out.strip())


async def remove_containers(engine: ContainerEngine, run: str, root: Path) -> int:
    """End and remove whatever is left of a run; how many containers there were. Raises TaskError like `kill`."""
    seen: set[str] = set()
    for _ in range(_ROUNDS):
        left = await containers(engine, run, root)
        if not left:
            break
        seen |= left
        await _ask(engine.program, engine.environ, "rm", "--force", "--volumes", *sorted(left))
        await asyncio.sleep(0.05)
    return len(seen)


async def containers(engine: ContainerEngine, run: str, root: Path) -> set[str]:
    """The ids of the run's containers, in whatever state. Raises TaskError when the engine does not answer."""
    filters = ("--filter", f"label=hpc.run={run}", "--filter", f"label=hpc.place={_digest(str(root))}")
    code, out, errors = await _ask(engine.program, engine.environ, "ps", "--all", "--quiet", "--no-trunc", *filters)
    if code:
        raise TaskError(_engine_words(engine.program, errors))
    return set(out.split())


def _took_effect(engine: ContainerEngine, code: int, errors: str) -> bool:
    if code and not re.search(r"no such container|is not running|no container with|in progress", errors, re.IGNORECASE):
        raise TaskError(_engine_words(engine.program, errors))
    return code == 0


async def _ask(program: str, environ: Mapping[str, str], *words: str) -> tuple[int, str, str]:
    """Run the client for an answer: its exit code, what it printed and its messages."""
    try:
        client = await asyncio.create_subprocess_exec(
            program,
            *words,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise TaskError(f"there is no program {program} that can be run: {error.strerror}") from None
    try:
        out, errors = await asyncio.wait_for(client.communicate(), _PATIENCE)
    except asyncio.TimeoutError:
        raise TaskError(f"{program} {words[0]} does not answer within {_PATIENCE:g} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            client.kill()
    return client.returncode or 0, out.decode("utf-8", "replace"), errors.decode("utf-8", "replace")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]
