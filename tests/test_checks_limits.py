"""Sizes that a platform refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest
from compiling import graph_of
from judging import messages

from hpc.compiler.checks import quotas
from hpc.compiler.checks.limits import LONGEST_ARGUMENT
from hpc.compiler.graph import ContainerStep, Graph, Group, Settings
from hpc.compiler.targets import KFP, LOCAL, VERTEX
from hpc.components.container import ContainerComponent
from hpc.diagnostics import Diagnostic
from hpc.spec.model import Image, Pipeline

FILE = """\
hpc: 1
name: p
images: {app: repo/app:1.0}
components:
  train:
    image: app
    command: [python3, COMMAND]
    args: [--x, [ARG], {absent: o, args: [GROUP]}]
    inputs: {o: {type: string, optional: true}, d: {type: string, default: DEFAULT}, w: {type: dict}}
    overrides: {k: OVERRIDE, l: [LIST]}
    env: {A: ENV}
steps:
  train:
    with: {w: {a: WITH}}
    overrides: {m: STEP}
edges: [train]
"""
PLACES = {
    "COMMAND": ("7:24", 0),
    "ARG": ("8:18", 0),
    "GROUP": ("8:43", 0),
    "DEFAULT": ("9:76", 0),
    "OVERRIDE": ("10:20", 0),
    "ENV": ("11:14", 0),
    "WITH": ("14:15", 9),
    "STEP": ("15:20", 0),
}


@pytest.mark.parametrize("word", PLACES)
def test_a_constant_of_128_kib(word: str) -> None:
    place, around = PLACES[word]
    text = FILE.replace(word, "é" * ((LONGEST_ARGUMENT - around + 1) // 2))
    size = LONGEST_ARGUMENT + around % 2
    assert messages(text, only="HPC113") == [
        f"{place} error HPC113 this value is {size:,} bytes long; an argument must be shorter than 131,072 bytes. | "
        "put it into a file that a component reads."
    ]
    assert messages(FILE.replace(word, "x" * (LONGEST_ARGUMENT - around - 1)), only="HPC113") == []


def test_a_list_is_measured_whole() -> None:
    words = ", ".join(["x" * 1000] * 131)
    assert [message[:24] for message in messages(FILE.replace("LIST", words), only="HPC113")] == [
        "10:33 error HPC113 this "
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is that of Linux")
def test_the_limit_is_what_linux_does() -> None:
    subprocess.run(["true", "x" * (LONGEST_ARGUMENT - 1)], check=True)
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true", "x" * LONGEST_ARGUMENT], check=False)


MOST_TASKS = 10_000


def steps(count: int) -> Graph:
    component = ContainerComponent.model_validate({"image": "app"})
    whole = Pipeline.model_validate({"hpc": 1, "name": "p", "components": {"c": {"image": "app"}}, "edges": []})
    step = ContainerStep(
        name="s",
        title="",
        component_name="c",
        inputs={},
        outputs={},
        bindings={},
        after=(),
        path=("components", "c"),
        edge=("edges", 0),
        component_path=("components", "c"),
        written="s",
        scope="",
        runs_after_failure=False,
        layers=(),
        settings=Settings(Image(uri="repo/app:1"), {}, {}, None, True, None, None),
        differs=False,
        component=component,
    )
    group = Group("when", "when--s", (step,))
    return graph_of(whole, (group, *(step,) * (count - 2)))


def test_vertex_takes_ten_thousand_tasks() -> None:
    assert list(quotas.check(steps(MOST_TASKS), VERTEX)) == []
    found: list[Diagnostic] = list(quotas.check(steps(MOST_TASKS + 1), VERTEX))
    assert [(one.rule.code, one.rule.severity, one.fact) for one in found] == [
        ("HPC513", "error", "the pipeline has 10,001 tasks; a job on Vertex AI Pipelines has at most 10,000.")
    ]
    for target in (KFP, LOCAL):
        assert list(quotas.check(steps(MOST_TASKS + 1), target)) == []


def gathering(count: int) -> str:
    sources = ", ".join(f"s{index}.model" for index in range(count))
    uses = ", ".join(f"s{index}: {{uses: make}}" for index in range(count))
    return f"""\
hpc: 1
name: p
images: {{app: repo/app:1}}
components:
  make: {{image: app, cli: none, outputs: {{model: Model}}}}
  pick: {{image: app, cli: none, inputs: {{models: list<Model>}}, outputs: {{best: Model}}}}
steps: {{{uses}}}
edges:
  - {sources} -> pick.models
"""


def test_vertex_takes_a_hundred_artifacts() -> None:
    assert messages(gathering(99), only="HPC519") == []
    assert messages(gathering(100), only="HPC519") == [
        "9:5 error HPC519 step `pick` has 101 artifacts; a task on Vertex AI Pipelines has at most 100. | "
        "gather in two stages, in components made of edges."
    ]
    assert messages(gathering(100), "kfp", only="HPC519") == []


def test_vertex_takes_no_empty_variable() -> None:
    text = gathering(1).replace("make: {image: app,", 'make: {image: app, env: {A: ""},')
    assert messages(text, only="HPC504") == [
        "5:31 error HPC504 Vertex AI Pipelines refuses the empty variable `A`. | remove it, or give it a value."
    ]
    assert messages(text, "kfp", only="HPC504") == []
