"""What runs in the child process: plain questions enter, their replies are written to what was standard output.

A reply is `{"answer": …, "keep": …}`; `keep` is false where the answer came from files that the key does not cover.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from hpc.composing.contents import Contents
from hpc.composing.tracing import are_elsewhere, traced

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
    from hydra.core.plugins import Plugins

    from hpc.composing.fitting import fit
    from hpc.composing.listing import listed
    from hpc.composing.sweeping import swept

    with suppress(Exception):  # that will be the answer to every question
        Plugins.instance()  # what Hydra's plugins read when they are loaded belongs to no question
    return {"fit": lambda question: {"findings": fit(question)}, "sweep": swept, "keys": listed}


def _reply(ask: Ask, question: dict[str, Any], before: Collection[str]) -> str:
    """One reply as JSON. An exception is an answer, so that the other questions keep theirs."""
    try:
        with traced() as read:
            answer = ask(question)
        keep = not _came_from_elsewhere(question, read, before)
        return json.dumps({"answer": answer, "keep": keep}, allow_nan=False)
    except (Exception, SystemExit) as error:  # noqa: BLE001  Hydra, its plugins and `imports`: anything may happen
        return json.dumps(no_answer(question, one_line(error)))


def no_answer(question: Mapping[str, Any], why: str) -> dict[str, Any]:
    """The reply where there is no answer. `why` is for the user's eyes."""
    return {"answer": _NONE[question["ask"]](why), "keep": False}


_NONE: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "fit": lambda why: {"findings": [{"kind": "no-answer", "said": why}]},
    "sweep": lambda why: {"values": [], "trouble": "no-answer", "said": why},
    "keys": lambda why: {"keys": [], "groups": [], "trouble": why, "notes": [], "failed": True},
}


def one_line(error: BaseException) -> str:
    """`<Type>: <first line>`"""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _came_from_elsewhere(question: dict[str, Any], read: Collection[str], before: Collection[str]) -> bool:
    """Whether something was read that is neither in the key nor installed. `imports` may also have got modules from
    elsewhere that an earlier question has loaded, or that Python does not open itself.
    """
    config = question["config"]
    if not config:
        return False
    covered = _contents(Path.cwd()).files(question)
    modules = _modules_since(before) if config["imports"] else []
    return covered is None or are_elsewhere([*read, *modules], covered)


_contents = cache(Contents)


def _modules_since(before: Collection[str]) -> list[str]:
    """The files of the modules that were imported since."""
    origins = [getattr(sys.modules[name], "__file__", None) for name in sys.modules.keys() - before]
    return [origin for origin in origins if isinstance(origin, str)]
