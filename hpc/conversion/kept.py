"""A component of KFP kept as it is, in a file of its own beside the pipeline file, for programs that read the names of
their ports at run time: the language could not keep names such as `Output` or `maxDepth`.

A component and its executor enter, compiled IR of that one component leaves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def component_file(name: str, component: Json, executor: Json) -> str:
    """The file as the KFP SDK compiles a component: one task, all ports handed through."""
    inputs, outputs = component.get("inputDefinitions", {}), component.get("outputDefinitions", {})
    task = {
        "taskInfo": {"name": name},
        "componentRef": {"name": f"comp-{name}"},
        "cachingOptions": {"enableCache": True},
        "inputs": {
            "parameters": {one: {"componentInputParameter": one} for one in inputs.get("parameters", {})},
            "artifacts": {one: {"componentInputArtifact": one} for one in inputs.get("artifacts", {})},
        },
    }
    dag = {"tasks": {name: task}, "outputs": _outputs(name, outputs)}
    root = {"inputDefinitions": inputs, "outputDefinitions": outputs, "dag": dag}
    document = {
        "pipelineInfo": {"name": name},
        "schemaVersion": "2.1.0",
        "root": root,
        "components": {f"comp-{name}": {**component, "executorLabel": f"exec-{name}"}},
        "deploymentSpec": {"executors": {f"exec-{name}": executor}},
    }
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _outputs(task: str, definitions: Json) -> dict[str, Any]:
    parameters = {
        one: {"valueFromParameter": {"producerSubtask": task, "outputParameterKey": one}}
        for one in definitions.get("parameters", {})
    }
    artifacts = {
        one: {"artifactSelectors": [{"producerSubtask": task, "outputArtifactKey": one}]}
        for one in definitions.get("artifacts", {})
    }
    return {"parameters": parameters, "artifacts": artifacts}
