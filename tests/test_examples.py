"""Every example compiles, in silence but for notes, to exactly the golden file of each target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from compiling import EXAMPLES, TESTS, compile_bytes

TARGETS = ("vertex", "kfp", "local")


def _text(example: Path, target: str) -> str:
    result = compile_bytes(example.read_bytes(), target, folder=example.parent)
    assert result.compiled is not None, result.shown
    return result.compiled.text


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_golden_file(example: Path, target: str, matches_golden: Callable[..., None]) -> None:
    text = _text(example, target)
    extension = "ir.yaml" if "\n---\n" in text else "json"
    matches_golden(text, extension)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_messages_on_examples(example: Path, matches_golden: Callable[..., None]) -> None:
    shown = {target: compile_bytes(example.read_bytes(), target, folder=example.parent).shown for target in TARGETS}
    matches_golden("".join(f"{target}:\n{text}" for target, text in shown.items()))


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every scalar, and every mapping or list that is empty, with its path."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, str(key)))
    else:
        yield path, repr(value)


STRAIGHT = TESTS / "cases" / "ok" / "every_straight_key.yaml"


@pytest.mark.parametrize("example", [*EXAMPLES, STRAIGHT], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_targets_differ_only_where_they_must(example: Path) -> None:
    """The same file means the same everywhere: resources, literals and the artifact root are the target's, no more.

    Clusters are told of metrics by a program in front of the command; on this machine the engine reads the file.
    """
    own = {"resources", "literals", "defaultPipelineRoot"} | (
        {"command"} if b": Metrics" in example.read_bytes() else set()
    )
    documents = {target: json.loads(_text(example, target).split("\n---\n")[0]) for target in TARGETS}
    leaves = {target: dict(_leaves(document)) for target, document in documents.items()}
    for target in ("kfp", "local"):
        differing = {path for path, _ in leaves["vertex"].items() ^ leaves[target].items()}
        unexpected = {path for path in differing if not own & {*path}}
        assert not unexpected


def test_there_are_examples() -> None:
    assert {path.parent.name for path in EXAMPLES} >= {"mnist", "hydra_recipe"}
