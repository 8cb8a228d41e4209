"""What the words of a command start: a program with words of its own, or a shell with a text.

A `command` as the file has it enters. Only words are read, nothing is looked up or run.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hpc.components.hydra import is_key


@dataclass(frozen=True)
class Program:
    """The Python program that a command starts: its file, one of `files`, from its own folder; none if that cannot be
    told. The words of the command from `end` on are the program's own.
    """

    files: tuple[str, ...]
    end: int


_MODULE = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
_LAUNCHER = re.compile(r"(torch\.distributed|accelerate|deepspeed)(\..*)?")
"""Modules that start a program of another name."""
_WITH_A_VALUE = ("--config-name", "-cn", "--config-path", "-cp", "--config-dir", "-cd")
_OPTIONS_OF_HYDRA = ("--multirun", "-m", "--run", "-r", *_WITH_A_VALUE)


def program_of(command: Sequence[str]) -> Program:
    """The program of a command: its last word in `.py`, else the module behind the last `-m`.

    Of other programs (`train`, `uv run train`), and those behind a launcher, only their words can be told: all at the
    end of the command that Hydra could read. What a shell runs is no word.
    """
    start = (shell_text(command) or -1) + 1
    for index in reversed(range(start, len(command))):
        if (
            command[index].endswith(".py")
            and not command[index].startswith("-")
            and override_key(command[index]) is None
        ):
            return Program((command[index],), index + 1)
    modules = [index for index in range(start + 1, len(command)) if _is_module(command, index)]
    if modules and not _LAUNCHER.fullmatch(command[modules[-1]]):
        path = command[modules[-1]].replace(".", "/")
        return Program((f"{path}.py", f"{path}/__main__.py"), modules[-1] + 1)
    return Program((), _own_words(command, start))


def _is_module(command: Sequence[str], index: int) -> bool:
    return command[index - 1] == "-m" and _MODULE.fullmatch(command[index]) is not None


def _own_words(command: Sequence[str], start: int) -> int:
    """Where the words that Hydra could read begin: from there on there are no others."""
    text = command.index("-c", start) + 1 if "-c" in command[start:] else 0
    first, index = max(start, text, _started(command)) + 1, len(command)
    while index > first and (_is_for_hydra(command[index - 1]) or command[index - 2] in _WITH_A_VALUE):
        index -= 1
    return index


def _started(command: Sequence[str]) -> int:
    """The word that is started: behind `env` and its variables."""
    if not command or posixpath.basename(command[0]) != "env":
        return 0
    words = range(1, len(command))
    return next((index for index in words if not re.match(r"-|[^/]*=", command[index])), len(command))


def _is_for_hydra(word: str) -> bool:
    return word.partition("=")[0] in _OPTIONS_OF_HYDRA or override_key(word) is not None


def override_key(word: str) -> str | None:
    """The key of a word that Hydra reads as an override: `key=value`, or `~key`."""
    key, equals, _ = word.partition("=")
    return key if is_key(key) and (equals or key.startswith("~")) else None


# ---------------------------------------------------------------- shells

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_WITH_A_WORD = ("--rcfile", "--init-file")


def shell_text(command: Sequence[str]) -> int | None:
    """The index of the text that a shell runs, as in `[bash, -ec, text]`; None if the command starts no shell, or the
    shell no text.

    POSIX, *sh*: what stands behind the text are `$0`, `$1` and so on. Options may be joined, and each `o` among them
    takes a word: `-ceuo pipefail text`.
    """
    index = _started(command)
    if index >= len(command) or posixpath.basename(command[index]) not in _SHELLS:
        return None
    index, has_text = index + 1, False
    while index < len(command) and command[index][:1] in ("-", "+") and command[index] not in ("-", "--"):
        word = command[index]
        is_long = word.startswith("--")
        has_text = has_text or (not is_long and word.startswith("-") and "c" in word)
        index += 1 + (word in _WITH_A_WORD if is_long else word.lower().count("o"))
    index += index < len(command) and command[index] in ("-", "--")
    return index if has_text and index < len(command) else None
