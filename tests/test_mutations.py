"""Right files with one thing broken at random: messages that point at a place, or IR that strict readers accept.

`python tests/test_mutations.py FIRST COUNT` tries other seeds and prints what is wrong.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiling import EXAMPLES, TESTS, Result, compile_text
from lint_ir import lint
from meaning import parse
from mutating import mutated, plain

from hpc.diagnostics import Diagnostic, Rule, Span

FOLDERS = ("cases/ok", "oracle", "language")
FILES = [*EXAMPLES, *(path for folder in FOLDERS for path in sorted((TESTS / folder).glob("*.yaml")))]
TARGETS = ("vertex", "kfp", "local")
SEEDS = range(6)

_OUR_OWN = re.compile(r"<class|object at 0x|NoneType|pydantic|\{other\}|input should|value error|list\[|dict\[|union")
"""What only hpc's own code says; none of it is a word of a file here."""


@cache
def _read(path: Path) -> tuple[Any, str]:
    text = path.read_text(encoding="utf-8")
    return plain(text), text


def _broken(path: Path, seed: int) -> tuple[str, str]:
    """The changed file, and the target to compile it for."""
    number = zlib.crc32(path.relative_to(TESTS.parent).as_posix().encode()) + seed
    return mutated(*_read(path), number), TARGETS[seed % len(TARGETS)]


def _complaints(text: str, target: str, folder: Path) -> list[str]:
    result = compile_text(text, target, folder=folder)
    found = [one for diagnostic in result.diagnostics for one in _about(diagnostic)]
    if result.compiled is None:
        return found if any(one.is_error for one in result.diagnostics) else [*found, "no error and nothing compiled"]
    return [*found, *lint(parse(_documents(result)))]


def _documents(result: Result) -> list[Any]:
    assert result.compiled is not None
    if result.compiled.documents == 1:
        return [json.loads(result.compiled.text)]
    return list(yaml.load_all(result.compiled.text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _about(diagnostic: Diagnostic) -> list[str]:
    """What is wrong with a message: it names a place that is there, a fact and a fix, in words of the language."""
    source, code = diagnostic.span.source, diagnostic.rule.code
    line, column = diagnostic.span.position
    lines = source.text.count("\n") + 1
    is_there = 1 <= line <= lines and 1 <= column <= len(source.line(line)) + 1 and diagnostic.span.start >= 0
    is_there = is_there and (source.text != "" or code == "HPC012")  # a file with nothing in it
    found = [] if is_there else [f"{code} points at {source.name}:{line}:{column}"]
    found += [] if diagnostic.fact and diagnostic.fix else [f"{code} says too little"]
    own = _OUR_OWN.search(f"{diagnostic.fact} {diagnostic.fix}")
    return [*found, f"{code} says `{own[0]}`: {diagnostic.fact}"] if own else found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem if path.stem != "pipeline" else path.parent.name)
def test_one_thing_broken(path: Path) -> None:
    for seed in SEEDS:
        text, target = _broken(path, seed)
        assert _complaints(text, target, path.parent) == [], f"{target}, seed {seed}:\n{text}"


def test_complaints_are_heard() -> None:
    """The judge itself: a right file has no complaints, and a message without a place has one."""
    path = TESTS / "cases" / "ok" / "smallest.yaml"
    assert _complaints(path.read_text(encoding="utf-8"), "vertex", path.parent) == []
    rule = Rule("HPC999", "a title", "a reason", "a way out")
    nowhere = Diagnostic(rule, Span.of_file("pipeline.yaml"), "", "see <class 'int'>")
    assert _about(nowhere) == [
        "HPC999 points at pipeline.yaml:1:1",
        "HPC999 says too little",
        "HPC999 says `<class`: ",
    ]


def _tried(path: Path, seed: int) -> list[str]:
    text, target = _broken(path, seed)
    try:
        return _complaints(text, target, path.parent)
    except Exception:  # noqa: BLE001  whatever it is, it is what is looked for
        return [traceback.format_exc(limit=-3)]


def main(first: int, count: int) -> None:
    """Prints every complaint with the file and seed that cause it."""
    for seed in range(first, first + count):
        for path in FILES:
            found = _tried(path, seed)
            if found:
                sys.stdout.write(f"=== {path.relative_to(TESTS.parent)} {seed}\n" + "\n".join(found) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
