"""Every example compiles, in silence but for notes, to exactly the golden file of each target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from compiling import EXAMPLES, TESTS, compile_bytes, targets_of

from hpc.compiler.lower.custom_jobs import LAUNCHER_IMAGE

TARGETS = ("vertex", "kfp", "local")
EACH = [
    pytest.param(file, target, id=f"{file.parent.name}-{target}") for file in EXAMPLES for target in targets_of(file)
]


def _text(example: Path, target: str) -> str:
    result = compile_bytes(example.read_bytes(), target, folder=example.parent)
    assert result.compiled is not None, result.shown
    return result.compiled.text


@pytest.mark.parametrize(("example", "target"), EACH)
def test_golden_file(example: Path, target: str, matches_golden: Callable[..., None]) -> None:
    text = _text(example, target)
    extension = "ir.yaml" if "\n---\n" in text else "json"
    matches_golden(text, extension)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_messages_on_examples(example: Path, matches_golden: Callable[..., None]) -> None:
    targets = targets_of(example)
    shown = {target: compile_bytes(example.read_bytes(), target, folder=example.parent).shown for target in targets}
    matches_golden("".join(f"{target}:\n{text}" for target, text in shown.items()))


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every scalar, and every mapping or list that is empty, with its path."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, str(key)))
    else:
        yield path, repr(value)


EVERYWHERE = [example for example in EXAMPLES if len(targets_of(example)) == len(TARGETS)]
STRAIGHT = TESTS / "cases" / "ok" / "every_straight_key.yaml"


@pytest.mark.parametrize("example", [*EVERYWHERE, STRAIGHT], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_targets_differ_only_where_they_must(example: Path) -> None:
    """The same file means the same everywhere: resources, literals and the artifact root are the target's, no more.

    Clusters are told of metrics by a program in front of the command; on this machine the engine reads the file. What
    is a job of its own on Vertex AI has another container there, and an output that names the job. An image that this
    machine builds is not the one that is pinned.
    """
    text = example.read_bytes()
    own = {"resources", "literals", "defaultPipelineRoot"}
    own |= {"command"} if b": Metrics" in text else set()
    own |= {"image"} if b"digest:" in text and b"build:" in text else set()
    documents = {target: json.loads(_text(example, target).split("\n---\n")[0]) for target in TARGETS}
    executors = documents["vertex"]["deploymentSpec"]["executors"]
    jobs = {name for name, one in executors.items() if one.get("container", {}).get("image") == LAUNCHER_IMAGE}
    own |= {"gcp_resources", *jobs}
    leaves = {target: dict(_leaves(document)) for target, document in documents.items()}
    for target in ("kfp", "local"):
        differing = {path for path, _ in leaves["vertex"].items() ^ leaves[target].items()}
        unexpected = {path for path in differing if not own & {*path}}
        assert not unexpected


def test_an_example_for_one_target_is_refused_elsewhere() -> None:
    for example in EXAMPLES:
        for target in {*TARGETS} - {*targets_of(example)}:
            found = compile_bytes(example.read_bytes(), target, folder=example.parent).diagnostics
            assert {one.rule.code for one in found if one.is_error} == {"HPC504"}


def test_there_are_examples() -> None:
    assert {path.parent.name for path in EXAMPLES} >= {"mnist", "hydra_recipe", "serve"}
