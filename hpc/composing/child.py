"""What runs in the child process: plain questions enter, their replies are written to what was standard output.

A reply is `{"answer": …, "keep": …}`; `keep` is false where the answer came from files that the key does not cover.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

Ask = Callable[[dict[str, Any]], dict[str, Any]]


def main(questions: Sequence[dict[str, Any]]) -> None:
    """Answer all questions. Whatever else is printed meanwhile goes to standard error."""
    answer = os.dup(1)
    os.dup2(2, 1)
    asks = _asks()
    before = frozenset(sys.modules)
    replies = [_reply(asks[question["ask"]], question, before) for question in questions]
    with os.fdopen(answer, "w", encoding="utf-8") as out:
        out.write(f"[{','.join(replies)}]")


def _asks() -> dict[str, Ask]:
    from hpc.composing.fitting import fit
    from hpc.composing.listing import listed
    from hpc.composing.sweeping import swept

    return {"fit": lambda question: {"findings": fit(question)}, "sweep": swept, "keys": listed}


def _reply(ask: Ask, question: dict[str, Any], before: Collection[str]) -> str:
    """One reply as JSON. An exception is an answer, so that the other questions keep theirs."""
    try:
        answer = ask(question)
        return json.dumps({"answer": answer, "keep": not _came_from_elsewhere(question, before)}, allow_nan=False)
    except (Exception, SystemExit) as error:  # noqa: BLE001  Hydra, its plugins and `imports`: anything may happen
        return json.dumps(no_answer(question, one_line(error)))


def no_answer(question: Mapping[str, Any], why: str) -> dict[str, Any]:
    """The reply where there is no answer. `why` is for the user's eyes."""
    return {"answer": _NONE[question["ask"]](why), "keep": False}


_NONE: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "fit": lambda why: {"findings": [{"kind": "no-answer", "said": why}]},
    "sweep": lambda why: {"values": [], "trouble": "syntax", "said": why},
    "keys": lambda why: {"keys": [], "groups": [], "trouble": why},
}


def one_line(error: BaseException) -> str:
    """`<Type>: <first line>`"""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _came_from_elsewhere(question: dict[str, Any], before: Collection[str]) -> bool:
    """Whether `imports` loaded modules that are neither in their own folders nor installed."""
    config = question["config"]
    if not config or not config["imports"]:
        return False
    known = [Path(os.__file__).parent, *(Path(file).absolute().parent for file in config["imports"])]
    known = [folder.resolve() for folder in known]
    return any(_is_elsewhere(sys.modules[name], known) for name in sys.modules.keys() - before)


def _is_elsewhere(module: Any, known: Sequence[Path]) -> bool:
    origin = getattr(module, "__file__", None)
    if not origin:
        return False
    file = Path(origin).resolve()
    if {"site-packages", "dist-packages"} & {*file.parts}:
        return False
    return not any(file.is_relative_to(folder) for folder in known)
