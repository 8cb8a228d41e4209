"""The compiled pipeline: a step and the values of a run enter, the task that a platform starts leaves.

Nothing of hpc is known here but the text that it compiles: components, commands and where inputs come from are read
from the IR.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compiling import compile_text

from transport.corpus import CASES, GATHERED, expected
from transport.platforms import Platform, Task

HERE = Path(__file__).parent
APP = HERE / "app"

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """A task of the IR as no run has filled it yet. `sources` tells where the value of each bound input comes from.

    A source is as the IR writes it: a `runtimeValue`, an input of the pipeline, an output of another task, a
    `taskFinalStatus`, an element of a loop; or `{}`, if nothing gives a value to what it names.
    """

    words: tuple[str, ...]
    component: Json
    sources: Json

    @property
    def inputs(self) -> set[str]:
        """All that the component declares."""
        declared = self.component.get("inputDefinitions", {})
        return {*declared.get("parameters", {}), *declared.get("artifacts", {})}

    def start(self, values: Json) -> Task:
        """The task as it starts in a run with these inputs; `status` is the final status that it is told."""
        given = {name: _value(source, values) for name, source in self.sources.items()}
        declared = self.component.get("inputDefinitions", {})
        parameters = {name: given[name] for name in declared.get("parameters", {}) if name in given}
        artifacts = {name: given[name] for name in declared.get("artifacts", {}) if name in given}
        return Task(self.words, self.component, parameters, artifacts)


def _value(source: Json, values: Json) -> Any:
    if "runtimeValue" in source:
        return source["runtimeValue"]["constant"]
    if "taskFinalStatus" in source:
        return values["status"]
    return values[source.get("componentInputParameter") or source["componentInputArtifact"]]


def steps(ir: Json) -> dict[str, Step]:
    """The steps that run containers, by their path through groups and sub-pipelines, inputs followed to the top."""
    containers = ir.get("deploymentSpec", {}).get("executors", {})

    def inside(component: Json, outer: Json, path: str) -> Iterator[tuple[str, Step]]:
        for name, task in component.get("dag", {}).get("tasks", {}).items():
            own = ir["components"][task["componentRef"]["name"]]
            sources = {port: _followed(source, outer) for port, source in _bound(task).items()}
            container = containers.get(own.get("executorLabel"), {}).get("container")
            if container:
                words = (*container.get("command", ()), *container.get("args", ()))
                yield f"{path}{name}", Step(words, own, sources)
            yield from inside(own, sources, f"{path}{name}/")

    declared = ir["root"].get("inputDefinitions", {})
    top = {name: {"componentInputParameter": name} for name in declared.get("parameters", {})}
    top |= {name: {"componentInputArtifact": name} for name in declared.get("artifacts", {})}
    return dict(inside(ir["root"], top, ""))


def _bound(task: Json) -> Json:
    inputs = task.get("inputs", {})
    items = [task[kind]["itemInput"] for kind in ("parameterIterator", "artifactIterator") if kind in task]
    return {**inputs.get("parameters", {}), **inputs.get("artifacts", {}), **{item: {"item": item} for item in items}}


def _followed(source: Json, outer: Json) -> Json:
    name: str | None = source.get("componentInputParameter") or source.get("componentInputArtifact")
    return outer.get(name, {}) if name else source


@cache
def pipeline(target: str = "kfp") -> dict[str, Step]:
    """The steps of pipeline.yaml, compiled once."""
    result = compile_text((HERE / "pipeline.yaml").read_text("utf-8"), target, folder=HERE)
    assert result.compiled is not None, result.shown
    return by_name(steps(json.loads(result.compiled.text)))


def by_name(found: Mapping[str, Step]) -> dict[str, Step]:
    """Without the groups that they stand in."""
    return {path.rpartition("/")[2]: step for path, step in found.items()}


# ---------------------------------------------------------------- cases


@dataclass(frozen=True)
class Case:
    """A step with the inputs of a run, and the part of the configuration that its application is to see."""

    kind: str
    step: str
    values: Json
    config: Json

    def command(self, platform: Platform) -> list[str]:
        return platform(pipeline()[self.step].start(self.values))


_STEPS = {
    "BOOLEAN": ("bool", "bool_0"),
    "INTEGER": ("int", "int_0"),
    "DOUBLE": ("float", "float_0"),
    "PATH": ("path", "path_0"),
    "URI": ("uri", "uri_0"),
    "CHOICE": ("choice", "choice_0"),
    "STRING": ("string", "string_0"),
    "LIST": ("list", "list_0"),
    "STRUCT": ("dict", "dict_0"),
    "STATUS": ("status", "status"),
}


def single(kind: str, value: Any) -> Case:
    """One value in a command."""
    step, name = _STEPS[kind]
    return Case(kind, step, {name: value}, {"v": expected(kind, value)})


SINGLE = [single(kind, value) for kind, value in CASES]

_GATHERING = {
    "STRING": ("strings", "string", 12),
    "STRUCT": ("dicts", "dict", 3),
    "DOUBLE": ("floats", "float", 3),
    "INTEGER": ("ints", "int", 3),
    "PATH": ("paths", "path", 3),
}
"""The step that gathers values of a kind, the pipeline's inputs it takes them from, and how many."""


def _gathered(kind: str, values: list[Any]) -> Iterator[Case]:
    step, name, size = _GATHERING[kind]
    for start in range(0, len(values), size):
        taken = [values[(start + index) % len(values)] for index in range(size)]
        inputs = {f"{name}_{index}": value for index, value in enumerate(taken)}
        yield Case(f"GATHERED {kind}", step, inputs, {"v": [expected(kind, value) for value in taken]})


LISTS = [case for kind, values in GATHERED if kind in _GATHERING for case in _gathered(kind, values)]

_SMALL = {"STRING": 12}
_LARGE = {"STRING": 12, "LIST": 3, "STRUCT": 3, "DOUBLE": 3, "INTEGER": 1, "BOOLEAN": 1, "PATH": 1, "URI": 1}
_PIPELINE_INPUTS = {kind: name.rpartition("_")[0] for kind, (_, name) in _STEPS.items()}


def _filled(step: str, slots: Mapping[str, int]) -> Iterator[Case]:
    """As many runs of the step as it takes to bring every value of the corpus into it."""
    values = {kind: [value for one, value in CASES if one == kind] for kind in slots}
    for turn in range(max(-(-len(values[kind]) // count) for kind, count in slots.items())):
        inputs, config = dict[str, Any](), dict[str, Any]()
        for kind, count in slots.items():
            for index in range(count):
                value = values[kind][(turn * count + index) % len(values[kind])]
                name = f"{_PIPELINE_INPUTS[kind]}_{index}"
                inputs[name], config[name] = value, expected(kind, value)
        yield Case(step.upper(), step, inputs, config)


def _small() -> Iterator[Case]:
    for case in _filled("small", _SMALL):
        yield Case(case.kind, case.step, case.values, {**case.config, "name": f"run-{case.values['string_0']}'\\"})


def _large() -> Iterator[Case]:
    root = Task.root
    for case in _filled("large", _LARGE):
        more = {"name": case.values["path_0"], "w": [1, "it's", {"a b": "C:\\x"}]}
        more |= {"model": f"{root}/model", "score": f"{root}/score"}
        yield Case(case.kind, case.step, case.values, {**case.config, **more})


SMALL, LARGE = list(_small()), list(_large())
