"""What a compiled pipeline means: IR text enters, a structure that two compilers can be compared by leaves.

Everything in the IR is kept but for what carries no meaning: the order of keys, the names of components and executors
(kfp makes one for each task, hpc one for each distinct container: both are written out at the task), the order of
`dependentTasks`, and which compiler wrote it. Two ways to say one thing become one: `enableCache: false` is the same
message as `{}`, and an input that a task leaves to its default is bound to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

Meaning = dict[str, Any]


@dataclass(frozen=True)
class Parsed:
    """A compiled file as the protobuf messages that every reader makes of it. Unknown fields were refused."""

    spec: pb.PipelineSpec
    deployment: pb.PipelineDeploymentConfig
    platform: pb.PlatformSpec | None


def documents(text: str) -> list[dict[str, Any]]:
    """The documents of a compiled file, as a YAML reader sees them."""
    return list(yaml.safe_load_all(text))


def parse(found: list[dict[str, Any]]) -> Parsed:
    """One or two documents, strictly. Raises json_format.ParseError, and ValueError for a third document."""
    if len(found) not in (1, 2):
        raise ValueError(f"{len(found)} documents")
    spec = _message(found[0], pb.PipelineSpec())
    deployment = _message(found[0].get("deploymentSpec", {}), pb.PipelineDeploymentConfig())
    platform = _message(found[1], pb.PlatformSpec()) if len(found) > 1 else None
    return Parsed(spec, deployment, platform)


def _message(data: Mapping[str, Any], empty: Any) -> Any:
    return json_format.ParseDict(dict(data), empty, ignore_unknown_fields=False)


def meaning(text: str) -> Meaning:
    """The meaning of a compiled file."""
    return meaning_of(documents(text))


def meaning_of(found: list[dict[str, Any]]) -> Meaning:
    """The meaning of documents that have been read."""
    parsed = parse(found)
    spec = json_format.MessageToDict(parsed.spec)
    executors = json_format.MessageToDict(parsed.deployment).get("executors", {})
    components = spec.pop("components", {})
    spec.pop("deploymentSpec", None)
    spec.pop("sdkVersion", None)
    used: set[str] = set()
    spec["root"] = _component(spec.pop("root", {}), components, executors, used)
    spec["unused"] = sorted((components.keys() | executors.keys()) - used)
    if parsed.platform is not None:
        spec["platform"] = json_format.MessageToDict(parsed.platform)
    return spec


def _component(
    component: dict[str, Any], components: Mapping[str, Any], executors: Mapping[str, Any], used: set[str]
) -> dict[str, Any]:
    written = dict(component)
    if "executorLabel" in written:
        label = written.pop("executorLabel")
        used.add(label)
        written["executor"] = executors.get(label, f"no executor {label}")
    if "dag" in written:
        dag = dict(written["dag"])
        dag["tasks"] = {name: _task(task, components, executors, used) for name, task in dag.get("tasks", {}).items()}
        written["dag"] = dag
    return written


def _task(
    task: dict[str, Any], components: Mapping[str, Any], executors: Mapping[str, Any], used: set[str]
) -> dict[str, Any]:
    written = dict(task)
    name = written.pop("componentRef", {}).get("name", "")
    used.add(name)
    component = components.get(name)
    if component is None:
        written["component"] = f"no component {name}"
        return written
    written["component"] = _component(component, components, executors, used)
    written["dependentTasks"] = sorted(task.get("dependentTasks", []))
    written["inputs"] = _bound(task.get("inputs", {}), component)
    return written


def _bound(inputs: Mapping[str, Any], component: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a task; a parameter without a binding is bound to the default of its component."""
    declared = component.get("inputDefinitions", {}).get("parameters", {})
    defaults = {name: port["defaultValue"] for name, port in declared.items() if "defaultValue" in port}
    bound = {name: {"runtimeValue": {"constant": value}} for name, value in defaults.items()}
    return {"artifacts": {}, **inputs, "parameters": {**bound, **inputs.get("parameters", {})}}


def differences(first: Any, second: Any) -> list[str]:
    """Where two meanings differ, as `path: this != that`; types count, so that 1, "1" and true are three things."""
    return list(_differences(first, second, ""))


_ABSENT = object()


def _differences(first: Any, second: Any, path: str) -> Iterator[str]:
    if isinstance(first, dict) and isinstance(second, dict):
        for key in sorted(first.keys() | second.keys()):
            yield from _differences(first.get(key, _ABSENT), second.get(key, _ABSENT), f"{path}/{key}")
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _differences(one, other, f"{path}/{index}")
    elif type(first) is not type(second) or repr(first) != repr(second):
        yield f"{path}: {_shown(first)} != {_shown(second)}"


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True)
