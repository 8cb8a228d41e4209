"""The library as it ships: a component's name enters, its YAML or one run of its program leaves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hpc
from hpc.spec import document

FOLDER = Path(hpc.__file__).parent / "components" / "std"
NAMES = ("dvc_pull", "hash_split", "notify_slack", "vertex_deploy", "vertex_upload")
_REFERENCE = re.compile(r"\$\{\{ ([\w.]+) \}\}")


def file_of(name: str) -> dict[str, Any]:
    """The whole file, read as hpc reads pipeline files."""
    path = FOLDER / f"{name}@1.yaml"
    return document.read(document.decode(path.read_bytes(), path.name)).plain()


def component(name: str) -> dict[str, Any]:
    return file_of(name)["components"][name]


def program(name: str) -> str:
    """The embedded Python program."""
    return component(name)["command"][-1]


def mentioned(name: str) -> list[str]:
    """What the arguments name, e.g. `inputs.key`, in order."""
    return [reference for word in component(name)["args"] for reference in _REFERENCE.findall(word)]


def command(name: str, values: Mapping[str, str]) -> list[str]:
    """Command and arguments as a platform starts them; `values` says what each reference becomes."""
    first, *rest = component(name)["command"]
    assert first == "python3"
    arguments = [_REFERENCE.sub(lambda match: values[match[1]], word) for word in component(name)["args"]]
    return [sys.executable, *rest, *arguments]


def environment(**variables: str) -> dict[str, str]:
    """What a container starts with; variables replace what this process has."""
    kept = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_PROXY": "127.0.0.1", "LC_ALL": "C.UTF-8"}
    return {**kept, **variables}


def run(name: str, values: Mapping[str, str], **variables: str) -> subprocess.CompletedProcess[str]:
    """The program, run to its end."""
    return subprocess.run(
        command(name, values), env=environment(**variables), capture_output=True, text=True, timeout=120, check=False
    )
