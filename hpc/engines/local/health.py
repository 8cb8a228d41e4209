"""Whether this machine can run a pipeline: what a file uses enters, probes leave."""

from __future__ import annotations

import asyncio
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which

from hpc.engines.health import Finding, Probe, ok, warning, wrong

WHERE = "local"

_BUILDERS = ("docker", "podman", "buildah")


@dataclass(frozen=True)
class Uses:
    """What a pipeline uses here. `engine` is docker, podman or nothing; `builds`: an image has a recipe.

    `secrets`: names of variables of the environment, by the names of the secrets.
    """

    root: Path
    hydra: bool = False
    optuna: bool = False
    engine: str = ""
    builds: bool = False
    secrets: Mapping[str, str] | None = None


def probes(uses: Uses, environ: Mapping[str, str], hpc_version: str) -> list[Probe]:
    """What to look at, in order."""
    looks: dict[str, Callable[[], Finding]] = {
        "Python": _python,
        "hpc": lambda: ok(hpc_version),
        "folder of runs": partial(_root, uses.root),
    }
    if uses.hydra:
        looks["Hydra"] = partial(_package, "hydra-core", "hydra")
    if uses.optuna:
        looks["Optuna"] = partial(_package, "optuna", "tune")
    if uses.engine:
        looks[uses.engine] = partial(_engine, uses.engine, environ)
    if uses.builds:
        looks["image builder"] = partial(_builder, environ)
    for name, variable in (uses.secrets or {}).items():
        looks[f"secret {name}"] = partial(_secret, variable, environ)
    return [Probe(WHERE, title, look) for title, look in looks.items()]


def _python() -> Finding:
    return ok(f"{platform.python_version()} ({sys.executable})")


def _root(root: Path) -> Finding:
    """Whether something can be written there, or where it would be made."""
    folder = next((one for one in (root, *root.absolute().parents) if one.exists()), root)
    if not folder.is_dir():
        return wrong(f"{folder} is no folder", "correct `targets.local.root`, or give --root")
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ok(str(root))
    except OSError as error:
        fact = f"{folder} cannot be written: {(error.strerror or str(error)).lower()}"
        return wrong(fact, "write another `targets.local.root`, or give --root")


def _package(name: str, extra: str) -> Finding:
    try:
        return ok(version(name))
    except PackageNotFoundError:
        return wrong(f"{name} is not installed here", f"pip install 'hydra-pipeline-compiler[{extra}]'")


def _engine(program: str, environ: Mapping[str, str]) -> Finding:
    from hpc.engines.local.work.docker import is_there

    trouble = asyncio.run(is_there(program, environ))
    if trouble is None:
        return ok("answers")
    return wrong(trouble, f"install or start {program}, or use `--mode process`")


def _builder(environ: Mapping[str, str]) -> Finding:
    found = [program for program in _BUILDERS if which(program, path=environ.get("PATH"))]
    if found:
        return ok(", ".join(found))
    return warning("none of docker, podman and buildah is here", "install one of them, or build with Cloud Build")


def _secret(variable: str, environ: Mapping[str, str]) -> Finding:
    """Whether it is set. Its value is looked at by nobody."""
    name = variable.removeprefix("env:")
    return ok(name) if environ.get(name) else wrong(f"the variable {name} is not set", f"export {name}=…")
