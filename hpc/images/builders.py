"""docker, podman and buildah, through their command-line programs: build, push, and what is there already.

A recipe and its digest enter, images on this machine or in a registry come of it; each line that a program says is
told while it works.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hpc.images.address import parsed
from hpc.images.findings import BAD_ANSWER, BUILD_FAILED, NO_BUILDER, PUSH_FAILED, ImageTrouble
from hpc.images.recipe import LABEL, Recipe

PROGRAMS = ("docker", "podman", "buildah")
Tell = Callable[[str], None]
_LINES_KEPT = 20
_PATIENCE = 60.0
_GRACE = 10.0
_PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64})")
_REFUSED = re.compile(
    r"denied|unauthorized|authentication required|no basic auth|forbidden|access forbidden|status: 40[13]",
    re.IGNORECASE,
)
_ANSWERS = {
    "docker": ("version", "--format", "{{.Server.Version}}"),
    "podman": ("info", "--format", "{{.Host.Arch}}"),
    "buildah": ("info",),
}


@dataclass(frozen=True)
class Held:
    """An image on this machine. `is_own`: it has never been in a registry, as far as the builder can tell."""

    id: str
    labels: Mapping[str, str]
    is_own: bool


class Builder(Protocol):
    """What makes images and pushes them. `build` and `push` raise ImageTrouble."""

    @property
    def name(self) -> str: ...

    @property
    def pushes_itself(self) -> bool:
        """Whether what it builds is in the registry at once."""
        ...

    def held(self, address: str) -> Held | None:
        """What this machine has under an address."""
        ...

    def build(self, recipe: Recipe, digest: str, fresh: Sequence[str], tell: Tell, *, anew: bool) -> str:
        """Make the image, with `digest` as its label. `fresh` are the bases to be fetched before; `anew` takes nothing
        of former builds. Gives the digest in the registry where the image is there already, else an empty text.
        """
        ...

    def push(self, address: str, tell: Tell) -> str:
        """The digest of what is in the registry then."""
        ...


@dataclass(frozen=True)
class ProgramBuilder:
    """One of PROGRAMS that answered. `environ` is the environment that it runs in."""

    name: str
    environ: Mapping[str, str]
    pushes_itself: bool = False

    def held(self, address: str) -> Held | None:
        words = ("inspect", "--type", "image") if self.name == "buildah" else ("image", "inspect")
        done = _asked((self.name, *words, address), self.environ)
        return None if done is None or done.returncode else _held(done.stdout)

    def build(self, recipe: Recipe, digest: str, fresh: Sequence[str], tell: Tell, *, anew: bool) -> str:
        for base in fresh:
            self._pull(recipe, base, tell)
        secrets = {name: recipe.args[name] for name in recipe.secret_args}
        code, lines = _said(self.build_command(recipe, digest, anew=anew), {**self.environ, **secrets}, tell)
        if code:
            fact = f"`{recipe.address}` could not be built: {self.name} ended with exit code {code}."
            raise ImageTrouble(BUILD_FAILED, fact, "mend what it says, and build again.", lines)
        return ""

    def build_command(self, recipe: Recipe, digest: str, *, anew: bool) -> tuple[str, ...]:
        """The command line. Values of secret arguments are not in it: the program takes them from its environment."""
        words = [self.name, "build", "--file", str(recipe.dockerfile), "--tag", recipe.address]
        words += ["--label", f"{LABEL}={digest}", "--platform", recipe.platform]
        for name, value in sorted(recipe.args.items()):
            words += ["--build-arg", name if name in recipe.secret_args else f"{name}={value}"]
        words += self._insecure(recipe.bases)
        return (*words, *(["--no-cache"] if anew else []), str(recipe.context))

    def push(self, address: str, tell: Tell) -> str:
        if self.name == "docker":
            code, lines = _said(("docker", "push", address), self.environ, tell)
            digest = next((found[1] for line in reversed(lines) if (found := _PUSHED.search(line))), "")
        else:
            code, lines, digest = self._push_with_file(address, tell)
        if code:
            raise _push_failure(self.name, address, lines)
        if not digest:
            raise ImageTrouble(BAD_ANSWER, f"{self.name} does not say what it pushed.", "run `hpc lock`.", lines)
        return digest

    def _push_with_file(self, address: str, tell: Tell) -> tuple[int, tuple[str, ...], str]:
        with tempfile.TemporaryDirectory(prefix="hpc-") as folder:
            file = Path(folder) / "digest"
            command = (self.name, "push", *self._insecure([address]), "--digestfile", str(file), address)
            code, lines = _said(command, self.environ, tell)
            return code, lines, file.read_text(encoding="utf-8").strip() if file.exists() else ""

    def _pull(self, recipe: Recipe, base: str, tell: Tell) -> None:
        platform = ("--platform", recipe.platform)
        code, lines = _said((self.name, "pull", *platform, *self._insecure([base]), base), self.environ, tell)
        if code:
            fact = f"`{recipe.address}` could not be built: its base `{base}` could not be pulled."
            raise ImageTrouble(BUILD_FAILED, fact, "correct the address, or log in to its registry.", lines)

    def _insecure(self, addresses: Sequence[str]) -> list[str]:
        """docker itself knows that registries of this machine speak in the clear."""
        all_here = bool(addresses) and all(parsed(address).is_loopback for address in addresses)
        return ["--tls-verify=false"] if all_here and self.name != "docker" else []


def chosen_builder(environ: Mapping[str, str], name: str | None = None) -> ProgramBuilder:
    """The builder of that name, or the first that is here and answers. Raises ImageTrouble."""
    reasons: list[str] = []
    for program in (name,) if name else PROGRAMS:
        reason = _why_not(program, environ)
        if reason is None:
            return ProgramBuilder(program, environ)
        reasons.append(reason)
    if name:
        raise ImageTrouble(NO_BUILDER, f"{reasons[0]}.", "start or install it, or name another with `--with`.")
    fix = "start one of them, or install e.g. buildah; or build in the cloud: `--with cloud-build --push`."
    raise ImageTrouble(NO_BUILDER, f"nothing here can build images: {'; '.join(reasons)}.", fix)


def _why_not(program: str, environ: Mapping[str, str]) -> str | None:
    if shutil.which(program, path=environ.get("PATH", os.defpath)) is None:
        return f"there is no program `{program}`"
    done = _asked((program, *_ANSWERS[program]), environ)
    if done is None:
        return f"{program} does not answer"
    if not done.returncode:
        return None
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return f"{program} does not work ({said[-1].rstrip('.') if said else f'exit code {done.returncode}'})"


def _asked(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str] | None:
    """What a program answers; None if it does not."""
    try:
        return subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
            env=dict(environ),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _said(command: Sequence[str], environ: Mapping[str, str], tell: Tell) -> tuple[int, tuple[str, ...]]:
    """The exit code of a program and the end of what it said; every line is told when it comes."""
    kept: deque[str] = deque(maxlen=_LINES_KEPT)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=dict(environ),
        start_new_session=True,
    ) as program:
        assert program.stdout is not None
        try:
            for line in program.stdout:
                if line := line.rstrip():
                    kept.append(line)
                    tell(line)
        except BaseException:
            _end(program)
            raise
    return program.returncode, tuple(kept)


def _end(program: subprocess.Popen[str]) -> None:
    """End a program and what it has started: politely, then at once."""
    try:
        os.killpg(program.pid, signal.SIGTERM)
        program.wait(_GRACE)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)


def _push_failure(builder: str, address: str, lines: tuple[str, ...]) -> ImageTrouble:
    host = parsed(address).host
    fact = f"`{address}` could not be pushed: {lines[-1] if lines else 'no reason was given'}"
    if any(map(_REFUSED.search, lines[-3:])):
        fix = f"log in with `{builder} login {host}` as somebody who may write there."
    else:
        fix = "correct the address, or look whether its registry answers."
    return ImageTrouble(PUSH_FAILED, f"{fact.rstrip('.')}.", fix, lines)


def _held(text: str) -> Held | None:
    """What `inspect` says: a list of docker's and podman's making, or buildah's own form."""
    try:
        found: Any = json.loads(text)
        one: Any = found if "OCIv1" in found else found[0]
        config: Any = one["OCIv1"]["config"] if "OCIv1" in one else one["Config"]
        identity = str(one["FromImageID"] if "OCIv1" in one else one["Id"])
    except (ValueError, LookupError, TypeError):
        return None
    return Held(f"sha256:{identity.removeprefix('sha256:')}", config.get("Labels") or {}, one.get("RepoDigests") == [])
