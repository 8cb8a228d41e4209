"""What every compiled file must keep so that values arrive: no platform agrees with another on anything else.

Looked at are all golden files and every right pipeline file of the tests and examples, compiled here.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from compiling import EXAMPLES, TESTS, compile_bytes
from transport.pipelines import Step, steps

GOLDEN = sorted(path for kind in ("*.json", "*.ir.yaml") for path in (TESTS / "__snapshots__").rglob(kind))
FOLDERS = ("language", "oracle", "cases/ok", "transport")
FILES = [*EXAMPLES, *sorted(path for folder in FOLDERS for path in (TESTS / folder).glob("*.yaml"))]

_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.(?:parameters|artifacts)\['([^']*)'\]")


@cache
def compiled_texts(file: Path) -> list[str]:
    """For the first target that can run it: commands do not depend on the target."""
    for target in ("kfp", "vertex"):
        result = compile_bytes(file.read_bytes(), target, None, file.parent)
        if result.compiled is not None:
            return [result.compiled.text]
    return []


def all_steps(text: str) -> dict[str, Step]:
    spec = next(yaml.load_all(text, yaml.CSafeLoader))
    return steps(spec) if "root" in spec else {}


def faults(text: str) -> list[str]:
    """What one platform or another would not do as it is meant."""
    own = {name: step for name, step in all_steps(text).items() if not any(map(_GOOGLES.match, step.words))}
    return [f"{name}: {fault}" for name, step in own.items() for fault in _faults(step)]


_GOOGLES = re.compile(r"google_cloud_pipeline_components\.container\.v1\.(?!custom_job|hyperparameter_tuning_job)")
"""Launchers whose words are Google's, for Vertex AI alone; tests/test_google_components.py holds them. The words of
jobs are hpc's own."""


def _faults(step: Step) -> Iterator[str]:
    for word in step.words:
        if "IfPresent" in word or "Concat" in word:
            yield f"{word} is not known to every backend"
    needed = {name for word in step.words for name in _PLACEHOLDER.findall(word)}
    for name in sorted(needed - step.inputs):
        yield f"{name} stands in the command and is no input"
    for name in sorted(needed):
        if not step.sources.get(name):
            yield f"{name} stands in the command and has no value"
    declared = step.component.get("inputDefinitions", {})
    for name, port in {**declared.get("parameters", {}), **declared.get("artifacts", {})}.items():
        if not step.sources.get(name) and ("defaultValue" in port or not port.get("isOptional")):
            yield f"{name} is left to the platform"


def test_there_are_files_to_look_at() -> None:
    assert len(GOLDEN) >= 40
    assert len(FILES) >= 80


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_golden_file(file: Path) -> None:
    assert faults(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_pipeline_file(file: Path) -> None:
    for text in compiled_texts(file):
        assert faults(text) == []


def test_what_is_looked_at_holds_everything_that_is_asked_for() -> None:
    """Steps in groups and sub-pipelines, loops, optional inputs without a value: else the tests above say nothing."""
    found = [all_steps(text) for file in FILES if file.parent.name == "oracle" for text in compiled_texts(file)]
    named = {path: step for one in found for path, step in one.items()}
    assert sum(map(len, found)) >= 150
    assert max(path.count("/") for path in named) >= 2
    assert any("item" in source for step in named.values() for source in step.sources.values())
    assert any(step.inputs - step.sources.keys() for step in named.values())


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"--"', '"{\\"Concat\\": []}"', 'exit--handler/string: {"Concat": []} is not known to every backend'),
        ("parameters['v']", "parameters['w']", "exit--handler/string: w stands in the command and is no input"),
    ],
)
def test_a_fault_is_found(old: str, new: str, fault: str) -> None:
    (text, *_) = compiled_texts(TESTS / "transport" / "pipeline.yaml")
    assert fault in faults(text.replace(old, new))


def test_an_input_that_is_not_bound_is_found() -> None:
    (text, *_) = compiled_texts(TESTS / "transport" / "pipeline.yaml")
    spec = yaml.load(text, yaml.CSafeLoader)
    del spec["components"]["comp-exit--handler"]["dag"]["tasks"]["absent"]["inputs"]["parameters"]["w"]
    faulty = "exit--handler/absent: w"
    assert faults(yaml.safe_dump(spec)) == [
        f"{faulty} stands in the command and has no value",
        f"{faulty} is left to the platform",
    ]
