"""Compiled pipelines (PipelineSpec 2.1.0) of small `sh -c` tasks, as the local engine and the KFP SDK take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Document = dict[str, object]

IMAGE = "python:3.11-slim"
"""Any image with `sh` that this machine has under that name."""


def independent(size: int) -> Document:
    """N tasks that wait for nothing."""
    return _pipeline({f"t{number}": _task("step") for number in range(size)})


def chain(size: int) -> Document:
    """N tasks, each after the one before."""
    tasks = {f"t{number}": _task("step", [f"t{number - 1}"] if number else []) for number in range(size)}
    return _pipeline(tasks)


def diamond(seconds: float) -> Document:
    """Four tasks, the second and the third, side by side, sleep that long."""
    tasks = {
        "first": _task("step"),
        "left": _task("branch", ["first"]),
        "right": _task("branch", ["first"]),
        "last": _task("step", ["left", "right"]),
    }
    return _pipeline(tasks, branch=("sleep", f"{seconds:g}"))


def loop(size: int) -> Document:
    """One task that is run for each of N numbers."""
    items = "[" + ", ".join(map(str, range(size))) + "]"
    each = {**_task("step"), "inputs": {"parameters": {"item": {"componentInputParameter": "item"}}}}
    around = {
        **_task("round"),
        "parameterIterator": {"itemInput": "item", "items": {"raw": items}},
        "iteratorPolicy": {"parallelismLimit": 0},
    }
    given = {"parameters": {"item": {"parameterType": "NUMBER_INTEGER"}}}
    components = {
        "comp-round": {"dag": {"tasks": {"t": each}}, "inputDefinitions": given},
        "comp-step": {"executorLabel": "exec-step", "inputDefinitions": given},
    }
    return {**_pipeline({"loop": around}), "components": components}


def _task(component: str, after: Sequence[str] = ()) -> dict[str, object]:
    return {
        "taskInfo": {"name": component},
        "componentRef": {"name": f"comp-{component}"},
        "cachingOptions": {"enableCache": True},
        **({"dependentTasks": list(after)} if after else {}),
    }


def _pipeline(tasks: Mapping[str, object], **commands: Sequence[str]) -> Document:
    """The tasks use the component `step`, which does nothing, and those whose commands are given."""
    known = {"step": ("sh", "-c", "true"), **commands}
    containers = {name: {"image": IMAGE, "command": list(command)} for name, command in known.items()}
    return {
        "pipelineInfo": {"name": "bench"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
        "components": {f"comp-{name}": {"executorLabel": f"exec-{name}"} for name in known},
        "deploymentSpec": {"executors": {f"exec-{name}": {"container": one} for name, one in containers.items()}},
        "root": {"dag": {"tasks": dict(tasks)}},
    }
