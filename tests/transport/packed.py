"""Runs the commands of containers inside one Python, one after the other: bootstrap, parser and application are real.

    python packed.py < request.json > answer.json

A request is `{"folder": ..., "how": "run" or "read", "commands": [[word, ...], ...]}`. `run` calls the application in
`folder` with the arguments as its `sys.argv`; `read` applies them to an empty configuration, which is much faster. The
answer has `versions` of Python, Hydra and OmegaConf, and `seen`: for each command `{"config": ...}`, what the
application saw, or `{"failed": text}`. Plain Python 3.8, so that an old one can run it with an old Hydra.
"""

# Hydra and OmegaConf are only partly typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn


class Started(BaseException):
    """Raised in place of starting a program. Nothing that catches an `Exception` takes it for its own."""


def _started(program: str, argv: Sequence[str | bytes]) -> NoReturn:
    """Stands in for `os.execvp`."""
    words = [os.fsdecode(word) for word in argv]
    assert words[0] == program, (program, words)
    raise Started(words)


@functools.lru_cache(maxsize=None)  # noqa: UP033  Python 3.8 has no other
def _code(program: str) -> CodeType:
    return compile(program, "bootstrap", "exec")


@contextlib.contextmanager
def _restored() -> Generator[None, None, None]:
    """What a program may change for its own process is as before."""
    before = sys.argv, sys.path, os.execvp, signal.getsignal(signal.SIGPIPE), Path.cwd(), dict(os.environ)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        sys.argv, sys.path, os.execvp = before[:3]
        signal.signal(signal.SIGPIPE, before[3])
        os.chdir(before[4])
        os.environ.clear()
        os.environ.update(before[5])


def started(program: str, *argv: str) -> list[str]:
    """What a bootstrap starts when `python3 -c` runs it with `argv`."""
    with _restored():
        sys.argv, os.execvp = ["-c", *argv], _started
        try:
            exec(_code(program), {"__name__": "__main__"})
        except Started as found:
            return found.args[0]
    raise AssertionError("nothing was started")


def behind_bootstraps(command: list[str]) -> list[str]:
    """The command that takes the place of all bootstraps in front of it."""
    while command[1:2] == ["-c"]:
        command = started(*command[2:])
    return command


def run(command: list[str], folder: str) -> dict[str, Any]:
    """What the application in `folder` sees when a container starts there with `command`."""
    _, script, *overrides = behind_bootstraps(command)
    stderr = io.StringIO()
    with tempfile.TemporaryDirectory() as place, _restored(), contextlib.redirect_stderr(stderr):
        warnings.simplefilter("ignore")
        os.chdir(place)
        seen = Path(place, "seen")
        os.environ["SEEN"] = str(seen)
        sys.argv = [str(Path(folder, script)), *overrides]
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            return {"failed": f"exit code {end.code}: {stderr.getvalue()}"}
        return {"config": json.loads(seen.with_suffix(".0").read_text())}


def read(command: list[str], _folder: str = "") -> dict[str, Any]:
    """The configuration that the overrides of `command` make out of an empty one."""
    try:
        return {"config": config_after(*behind_bootstraps(command)[2:])}
    except Exception:  # noqa: BLE001  whatever the parser raises, the value has not arrived
        return {"failed": traceback.format_exc()}


def config_after(*overrides: str) -> dict[str, Any]:
    """The resolved config after Hydra has applied the overrides to an empty one, as new keys."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from omegaconf import OmegaConf

    config = OmegaConf.create({})
    parsed = _parser().parse_overrides(["++" + text.lstrip("+") for text in overrides])
    assert not any(one.is_sweep_override() for one in parsed), overrides
    ConfigLoaderImpl._apply_overrides_to_config(parsed, config)
    OmegaConf.create({"task": list(overrides)})  # Hydra keeps the raw text as a config value: it must be valid there
    seen: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return seen


@functools.lru_cache(maxsize=None)  # noqa: UP033  Python 3.8 has no other
def _parser() -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create()


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request: what every command gave."""
    import hydra
    import omegaconf

    each = {"run": run, "read": read}[request["how"]]
    seen = [each(command, request["folder"]) for command in request["commands"]]
    python = "{}.{}".format(*sys.version_info)
    return {"versions": [python, hydra.__version__, omegaconf.__version__], "seen": seen}


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
