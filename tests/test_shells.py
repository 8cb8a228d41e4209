"""A shell in `command`: what it does not hand on is warned about, and real shells agree."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hydra_apps import Project

from hpc.components.command import shell_text

SAY = "printf '%s\\n'"
SHELLS = [name for name in ("sh", "bash", "dash", "zsh", "ksh") if shutil.which(name)]


def warned(component: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    result = Project.made(folder).compiled(component)
    assert result.compiled is not None, result.shown
    return [(one.fact, one.fix) for one in result.diagnostics if one.rule.code == "HPC622"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("text", "behind"),
    [
        (SAY, []),
        (SAY, ["sh"]),
        (f'{SAY} "$@"', []),
        (f'{SAY} "$@"', ["sh"]),
        (f'{SAY} "${{@}}"', ["sh"]),
        (f"{SAY} $*", ["sh"]),
        (f"{SAY} $*", []),
        (f'{SAY} "$1" "${{2}}"', ["sh"]),
        (f'{SAY} "$0" "$@"', []),
        (f'{SAY} "${{0}}" "${{1:-x}}"', []),
        (f'{SAY} "$0" "$@" | tail -n +2', ["sh"]),
        (f'for each; do {SAY} "$each"; done', ["sh"]),
        (f'for each\ndo {SAY} "$each"; done', ["sh"]),
    ],
)
def test_what_a_real_shell_drops_is_warned_about(shell: str, text: str, behind: list[str], tmp_path: Path) -> None:
    command = [shell, "-c", text, *behind]
    arguments = ["+a=1", "+b=2"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    arrived = done.stdout.split() == arguments
    assert bool(warned({"command": command, "args": arguments}, tmp_path)) is not arrived


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["sh", "-c", "T"], 2),
        (["/bin/bash", "-ec", "T", "sh"], 2),
        (["/usr/bin/env", "A=1", "bash", "-lc", "T"], 4),
        (["bash", "-o", "pipefail", "-c", "T"], 4),
        (["bash", "-ceuo", "pipefail", "T"], 3),
        (["bash", "--login", "-e", "-c", "T"], 4),
        (["bash", "--rcfile", "x", "-c", "T"], 4),
        (["bash", "-c", "--", "T"], 3),
        (["bash", "+e", "-c", "T"], 3),
        (["bash", "run.sh", "-c", "T"], None),
        (["bash", "-e", "run.sh"], None),
        (["bash", "-c"], None),
        (["python", "-c", "T"], None),
        (["/bin/sh"], None),
        (["env", "A=1"], None),
        ([], None),
    ],
)
def test_the_text_of_a_shell(command: list[str], text: int | None, tmp_path: Path) -> None:
    assert shell_text(command) == text
    if text is None or shutil.which(command[0]) is None:
        return
    real = [f"printf %s {word}" if word == "T" else word for word in command]
    assert subprocess.run(real, capture_output=True, text=True, cwd=tmp_path, check=True).stdout == "T"


DROPS = "the shell's text does not pass on its arguments, so the program does not get {}."
FIRST = "the shell takes the first argument for `$0`, so the program does not get it."
FIX = "write `{}`, or let `command` start the program."
SHELL = ["sh", "-c", "python src/train.py"]
LONG = "set -e\npip install -q -r requirements.txt\npython train.py"


@pytest.mark.parametrize(
    ("component", "fact", "example"),
    [
        (
            {"command": SHELL, "overrides": {"lr": 1}},
            DROPS.format("`overrides`"),
            "[sh, -c, 'python src/train.py \"$@\"', sh]",
        ),
        (
            {"command": SHELL, "args": ["--x"], "cli": "none"},
            DROPS.format("`args`"),
            "[sh, -c, 'python src/train.py \"$@\"', sh]",
        ),
        (
            {
                "command": ["/bin/bash", "-ec", "cd /app && python train.py", "bash"],
                "inputs": {"n": {"type": "int", "default": 1}},
                "outputs": {"m": "Model"},
                "sweep": {"lr": "1,2"},
            },
            DROPS.format("`sweep`, input `n` and output `m`"),
            "[/bin/bash, -ec, 'cd /app && python train.py \"$@\"', sh]",
        ),
        (
            {"command": ["sh", "-c", 'python train.py "$@"'], "cli": "argparse", "outputs": {"m": "Model"}},
            FIRST,
            "[sh, -c, 'python train.py \"$@\"', sh]",
        ),
        (
            {"command": ["sh", "-c", LONG], "outputs": {"m": "Model"}},
            DROPS.format("output `m`"),
            "[sh, -c, '… \"$@\"', sh]",
        ),
        (
            {"command": ["sh", "-c", "python train.py; date"], "outputs": {"m": "Model"}},
            DROPS.format("output `m`"),
            "[sh, -c, '… \"$@\"', sh]",
        ),
    ],
)
def test_what_is_said(component: dict[str, Any], fact: str, example: str, tmp_path: Path) -> None:
    assert warned(component, tmp_path) == [(fact, FIX.format(example))]


@pytest.mark.parametrize(
    "component",
    [
        {"command": SHELL},
        {"command": SHELL, "outputs": {"m": {"type": "Model", "pass": "none"}}},
        {"command": SHELL, "cli": "none", "outputs": {"m": "Model"}},
        {"command": ["sh", "-c", "python t.py m=${{ outputs.m }}"], "outputs": {"m": "Model"}},
        {"command": ["python", "-c", "pass"], "overrides": {"lr": 1}},
        {"overrides": {"lr": 1}},
    ],
)
def test_nothing_is_said_where_nothing_is_lost(component: dict[str, Any], tmp_path: Path) -> None:
    assert warned(component, tmp_path) == []


def test_overrides_of_a_step_are_lost_too(tmp_path: Path) -> None:
    from compiling import compile_text

    text = Project.made(tmp_path).text({"command": SHELL}).rstrip().removesuffix("}")
    result = compile_text(f'{text}, "steps": {{"fit": {{"overrides": {{"lr": 1}}}}}}}}', folder=tmp_path)
    assert [one.fact for one in result.diagnostics if one.rule.code == "HPC622"] == [DROPS.format("`overrides`")]
