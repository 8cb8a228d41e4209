"""PlatformSpec document to the settings of every executor. Nothing is guessed: an unknown key is a finding."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import which
from typing import cast

from hpc.engines.findings import Findings, nearest
from hpc.engines.local.plan import Build, Settings, Tuning
from hpc.engines.local.plan.nodes import WrongKindError
from hpc.engines.local.plan.rules import BAD_LOCAL_SETTING, SECRET_NOT_SET
from hpc.engines.local.plan.tuning import read_tuning

_KEYS = ("dir", "python", "requirements", "timeout", "secrets", "gpus", "build", "tune")
_BUILD_KEYS = ("context", "dockerfile", "args", "platform")
_DURATION = re.compile(r"([1-9][0-9]*)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_settings(
    platform: Mapping[str, object] | None, environ: Mapping[str, str], findings: Findings
) -> dict[str, Settings]:
    """Executor label to settings, from `platforms.local.deploymentSpec.executors`. Secrets must be in `environ`."""
    executors: Mapping[str, object] | None = platform or {}
    for key in ("platforms", "local", "deploymentSpec", "executors"):
        executors = _mapping(executors.get(key) or {})
        if executors is None:
            findings.add(BAD_LOCAL_SETTING, f"{key} in the platform document is not a mapping", "compile it again")
            return {}
    return {label: _Reader(label, entry, findings).read(environ) for label, entry in executors.items()}


def check_places(
    settings: Mapping[str, Settings],
    base: Path,
    environ: Mapping[str, str],
    findings: Findings,
    *,
    docker: bool = False,
) -> None:
    """Folders, files and interpreters that are missing would only be found when their task starts.

    Only what is used is looked at: the folder to build from with `docker`, all the others without.
    """
    look = _missing_to_build if docker else _missing_to_run
    for label, one in settings.items():
        for fact, fix in look(one, base, environ):
            findings.add(BAD_LOCAL_SETTING, f"executor {label}: {fact}", fix)


def _missing_to_run(one: Settings, base: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if one.dir and not (base / one.dir).is_dir():
        yield f"there is no folder `{base / one.dir}`", "correct `dir`, or `build.context`"
    if one.requirements and not (base / one.requirements).is_file():
        yield f"there is no file `{base / one.requirements}`", "correct `requirements`"
    if one.python and "/" not in one.python and not which(one.python, path=environ.get("PATH", os.defpath)):
        yield f"there is no interpreter `{one.python}` on PATH", "correct `python`, or install it"


def _missing_to_build(one: Settings, base: Path, _: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if one.build is None:
        return
    context = base / one.build.context
    dockerfile = context / (one.build.dockerfile or "Dockerfile")
    if not context.is_dir():
        yield f"there is no folder `{context}`", "correct `build.context`"
    elif not dockerfile.is_file():
        yield f"there is no file `{dockerfile}`", "correct `build.dockerfile`"


def _mapping(value: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else None


def seconds(value: object) -> float | None:
    """A duration: a positive number of seconds, or text like "90s", "30m", "6h", "2d"; None for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if 0 < value < float("inf") else None
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return float(match[1]) * _SECONDS[match[2]] if match else None


class _Reader:
    """One executor's entry."""

    def __init__(self, label: str, entry: object, findings: Findings) -> None:
        self._label = label
        self._findings = findings
        self._entry = _mapping(entry) or {}
        if not isinstance(entry, Mapping):
            self._bad("the entry is not a mapping", "write {dir: …}")

    def read(self, environ: Mapping[str, str]) -> Settings:
        for key in self._entry:
            if key not in _KEYS:
                self._bad(f"{key} is not a local setting", nearest(key, _KEYS))
        return Settings(
            dir=self._text("dir"),
            python=self._text("python"),
            requirements=self._text("requirements"),
            timeout=self._timeout(),
            secrets=self._secrets(environ),
            gpus=self._gpus(),
            build=self._build(),
            tuning=self._tuning(),
        )

    def _bad(self, fact: str, fix: str) -> None:
        self._findings.add(BAD_LOCAL_SETTING, f"executor {self._label}: {fact}", fix)

    def _text(self, key: str) -> str | None:
        value = self._entry.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self._bad(f"{key} is {value!r}, not a path", f"write {key}: some/path")
        return None

    def _timeout(self) -> float | None:
        value = self._entry.get("timeout")
        found = seconds(value)
        if value is not None and found is None:
            self._bad(f"timeout is {value!r}, not a duration", "write seconds as a number, or 90s, 30m, 6h, 2d")
        return found

    def _gpus(self) -> int:
        value = self._entry.get("gpus")
        if value is None:
            return 0
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 1 and value % 1 == 0:
            return int(value)
        self._bad(f"gpus is {value!r}, not a number of GPUs", "write a whole number from 1 on, or leave it out")
        return 0

    def _build(self) -> Build | None:
        value = self._entry.get("build")
        if value is None:
            return None
        entry = _mapping(value)
        if entry is None:
            return self._bad("build is not a mapping", "write build: {context: …}")
        for key in entry:
            if key not in _BUILD_KEYS:
                self._bad(f"build.{key} is not a local setting", nearest(key, _BUILD_KEYS))
        texts = {key: self._build_text(entry, key) for key in ("context", "dockerfile", "platform")}
        return Build(texts["context"], texts["dockerfile"], self._build_args(entry), texts["platform"])

    def _build_text(self, entry: Mapping[str, object], key: str) -> str:
        value = entry.get(key)
        if isinstance(value, str) and value:
            return value
        if value is not None or key == "context":
            self._bad(f"build.{key} is {value!r}, not text", f"write build: {{{key}: …}}")
        return ""

    def _build_args(self, entry: Mapping[str, object]) -> dict[str, str]:
        args = _mapping(entry.get("args") or {})
        if args is None or not all(isinstance(value, str) for value in args.values()):
            self._bad("build.args is not a mapping of texts", "write build: {args: {NAME: value}}")
            return {}
        return cast("dict[str, str]", dict(args))

    def _tuning(self) -> Tuning | None:
        entry = self._entry.get("tune")
        try:
            return None if entry is None else read_tuning(entry)
        except WrongKindError as error:
            return self._bad(f"tune: {error}", "compile the pipeline again")

    def _secrets(self, environ: Mapping[str, str]) -> dict[str, str]:
        entry = _mapping(self._entry.get("secrets") or {})
        if entry is None:
            self._bad("secrets is not a mapping", "write secrets: {NAME: env:NAME}")
            return {}
        found: dict[str, str] = {}
        for name, reference in entry.items():
            if not isinstance(reference, str) or not reference.startswith("env:") or reference == "env:":
                self._bad(f"the secret of {name} is not env:NAME", "write env: and the name of a variable")
                continue
            found[name] = reference.removeprefix("env:")
            if found[name] not in environ:
                who = self._label.removeprefix("exec-")
                fact = f"{who} needs the secret {name} from the variable {found[name]}, which is not set"
                self._findings.add(SECRET_NOT_SET, fact, f"export {found[name]}=…")
        return found
