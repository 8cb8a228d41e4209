"""The fields of compiled IR that are converted, and what they hold: what is shaped otherwise is refused, what is not
known is named. Nulls, which say nothing in protobuf's JSON, are gone afterwards.

The fields are those of pipeline_spec.proto, schema 2.1.0.
"""

from __future__ import annotations

from typing import Any, cast

from hpc.components.foreign.node import Node
from hpc.conversion.notes import Notes

_ANY: Any = object()
"""A value that may have any shape, and in which null is a value."""
_KNOWN: Any = object()
"""A mapping that is judged where it is read."""

_PORTS = {
    "parameters": {
        "*": {"parameterType": str, "description": str, "isOptional": bool, "defaultValue": _ANY, "literals": [_ANY]}
    },
    "artifacts": {
        "*": {
            "artifactType": {"schemaTitle": str, "schemaVersion": str},
            "description": str,
            "isOptional": bool,
            "isArtifactList": bool,
        }
    },
}
_WIRE = {"producerTask": str, "outputParameterKey": str, "outputArtifactKey": str}
_SELECTOR = {"producerSubtask": str, "outputParameterKey": str, "outputArtifactKey": str}
_TASK = {
    "taskInfo": {"name": str},
    "componentRef": {"name": str},
    "dependentTasks": [str],
    "cachingOptions": {"enableCache": bool, "cacheKey": str},
    "retryPolicy": {
        "maxRetryCount": int,
        "backoffDuration": str,
        "backoffFactor": float,
        "backoffMaxDuration": str,
    },
    "triggerPolicy": {"condition": str, "strategy": str},
    "parameterIterator": {"itemInput": str, "items": {"raw": str, "inputParameter": str}},
    "artifactIterator": _KNOWN,
    "iteratorPolicy": {"parallelismLimit": int},
    "inputs": {
        "parameters": {
            "*": {
                "runtimeValue": {"constant": _ANY},
                "componentInputParameter": str,
                "taskOutputParameter": _WIRE,
                "taskFinalStatus": _WIRE,
                "parameterExpressionSelector": str,
            }
        },
        "artifacts": {"*": {"componentInputArtifact": str, "taskOutputArtifact": _WIRE}},
    },
}
_COMPONENT = {
    "executorLabel": str,
    "inputDefinitions": _PORTS,
    "outputDefinitions": _PORTS,
    "dag": {
        "tasks": {"*": _TASK},
        "outputs": {
            "parameters": {
                "*": {"valueFromParameter": _SELECTOR, "valueFromOneof": {"parameterSelectors": [_SELECTOR]}}
            },
            "artifacts": {"*": {"artifactSelectors": [_SELECTOR]}},
        },
    },
}
_RESOURCES = {
    **{f"{kind}{end}": float for kind in ("cpu", "memory") for end in ("Limit", "Request")},
    **{f"resource{kind}{end}": str for kind in ("Cpu", "Memory") for end in ("Limit", "Request")},
    "accelerator": {"type": str, "count": str, "resourceType": str, "resourceCount": str},
}
_CONTAINER = {
    "image": str,
    "command": [str],
    "args": [str],
    "env": [{"name": str, "value": str}],
    "resources": _RESOURCES,
    "lifecycle": _KNOWN,
}
_IMPORTER = {
    "artifactUri": {"constant": str, "runtimeParameter": str},
    "typeSchema": {"schemaTitle": str, "schemaVersion": str},
    "metadata": {"*": _ANY},
    "reimport": bool,
    "downloadToWorkspace": _ANY,
}
_EXECUTOR = {"container": _CONTAINER, "importer": _IMPORTER, "resolver": _KNOWN, "customJob": _KNOWN}
PIPELINE = {
    "pipelineInfo": {"name": str, "displayName": str, "description": str},
    "schemaVersion": str,
    "sdkVersion": str,
    "defaultPipelineRoot": str,
    "root": _COMPONENT,
    "components": {"*": _COMPONENT},
    "deploymentSpec": {"executors": {"*": _EXECUTOR}},
}
"""A PipelineSpec: mappings by field, `*` for any key; a type, or a list of what its items are."""

_TIMES = ("resourceTtlOnCompletion", "resourceTtlOnSuccess", "resourceTtlOnFailure", "activeDeadlineSeconds")
_RUN = {"workspace": {"size": str, "kubernetes": {"pvcSpecPatch": _ANY}}, **dict.fromkeys(_TIMES, int)}
_SETTINGS = {"deploymentSpec": {"executors": {"*": _KNOWN}}, "pipelineConfig": _RUN}
PLATFORM = {"platforms": {"*": _SETTINGS}}
"""A PlatformSpec, as far as every platform has it."""

_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def shaped(node: Node, form: Any, notes: Notes) -> Any:
    """The value without nulls. Raises NotAComponent for another shape; fields that nothing reads go to the notes."""
    if form is _ANY:
        return node.value
    if form is _KNOWN:
        return _without_nulls(node)
    if isinstance(form, list):
        return [shaped(item, form[0], notes) for item in node.items()]
    if not isinstance(form, dict):
        return _scalar(node, form)
    fields, found = cast("dict[str, Any]", form), dict[str, Any]()
    for key, item in node.entries().items():
        inner = fields.get(key, fields.get("*"))
        if inner is None:
            notes.lose(item.path, "is no field of compiled pipelines that the language has a form for.")
        elif item.value is not None or inner is _ANY:
            found[key] = shaped(item, inner, notes)
    return found


def _scalar(node: Node, kind: type) -> Any:
    """Numbers of 64 bits are texts in protobuf's JSON, and a whole one may be written 2.0."""
    value: Any = node.value
    if kind is str and not isinstance(value, str) and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is int and isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    is_right = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not is_right or (isinstance(value, bool) and kind is not bool):
        raise node.fault(f"is not {_WORDS[kind]}")
    return value


def _without_nulls(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _without_nulls(item) for key, item in node.entries().items() if item.value is not None}
    return [_without_nulls(item) for item in node.items()] if isinstance(node.value, list) else node.value
