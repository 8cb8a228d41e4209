"""`{{$…}}` in commands and constants. Text goes in, text comes out, in one pass from left to right.

A value that looks like a placeholder is never expanded again. The forms are those of the launcher
(backend/src/v2/component/launcher_v2.go: getPlaceholders), the driver (driver/util.go: IfPresent) and, for Concat,
metadata and names of the run inside text, Vertex AI Pipelines. Anything else in braces stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.plan import Container, Resources
from hpc.engines.outcome import Artifact
from hpc.engines.values import as_json, as_text

_PLACEHOLDER = re.compile(r"\{\{\$(?:\.((?:[^'{}]|'[^']*')+))?\}\}")
_PARAMETER = re.compile(r"(inputs|outputs)\.parameters\['([^']*)'\](\.output_file)?")
_ARTIFACT = re.compile(r"(inputs|outputs)\.artifacts\['([^']*)'\](?:\.(uri|path|name|metadata)(?:\['([^']*)'\])?)?")


def _own_path(artifact: Artifact) -> str:
    return artifact.path


@dataclass(frozen=True)
class Context:
    """What placeholders of one attempt stand for.

    `output_files` are the files that output parameters are read from, `output_file` the one for the executor output.
    `run` names the run's own placeholders, e.g. pipeline_job_name. `path_of` gives the path of an artifact here; the
    executor input keeps to the uri.
    """

    parameters: Mapping[str, object]
    input_artifacts: Mapping[str, tuple[Artifact, ...]]
    output_files: Mapping[str, Path]
    output_artifacts: Mapping[str, Artifact]
    output_file: Path
    run: Mapping[str, str]
    path_of: Callable[[Artifact], str] = _own_path

    def executor_input(self) -> dict[str, object]:
        """The ExecutorInput message (pipeline_spec.proto) as proto JSON; `{{$}}` is its text."""
        inputs = {name: _artifact_list(artifacts) for name, artifacts in self.input_artifacts.items()}
        outputs = {name: _artifact_list((artifact,)) for name, artifact in self.output_artifacts.items()}
        files = {name: {"outputFile": str(file)} for name, file in self.output_files.items()}
        return {
            "inputs": {"parameterValues": dict(self.parameters), "artifacts": inputs},
            "outputs": {"parameters": files, "artifacts": outputs, "outputFile": str(self.output_file)},
        }


def fill(text: str, context: Context) -> str:
    """The text with its placeholders filled. Raises TaskError for one that names an input that has no value."""
    return _PLACEHOLDER.sub(lambda match: _replacement(match, context), text)


def expand(arguments: tuple[str, ...], context: Context) -> list[str]:
    """All arguments filled; one that is an IfPresent or Concat object becomes none, one or several."""
    return [text for argument in arguments for text in _expanded(argument, context)]


def read_by_path(arguments: tuple[str, ...], context: Context) -> list[Artifact]:
    """The artifacts whose paths the arguments hold once they are filled, some more than once."""
    read: list[Artifact] = []

    def noted(artifact: Artifact) -> str:
        read.append(artifact)
        return artifact.path

    expand(arguments, replace(context, path_of=noted))
    return read


def settled(container: Container, parameters: Mapping[str, object], run: Mapping[str, str]) -> Container:
    """The container with its image and its limits, which inputs may give (driver/driver.go: initPodSpecPatch)."""

    def filled(text: str) -> str:
        return as_text(fill_constant(text, parameters, run))

    limits = container.resources
    if not any("{{$" in text for text in (container.image, limits.cpu, limits.memory, limits.gpus)):
        return container
    resources = Resources(filled(limits.cpu), filled(limits.memory), filled(limits.gpus))
    return replace(container, image=filled(container.image), resources=resources)


def fill_constant(value: object, parameters: Mapping[str, object], run: Mapping[str, str]) -> object:
    """A constant of the IR with names of the run and the task's other inputs put in, also within lists and objects."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: _constant_part(match, parameters, run), value)
    if isinstance(value, list):
        return [fill_constant(item, parameters, run) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key: fill_constant(item, parameters, run) for key, item in items}
    return value


def _constant_part(match: re.Match[str], parameters: Mapping[str, object], run: Mapping[str, str]) -> str:
    body = match[1] or ""
    found = _PARAMETER.fullmatch(body)
    if found and found[1] == "inputs" and found[2] in parameters:
        return as_text(parameters[found[2]])
    return run.get(body, match[0])


def _replacement(match: re.Match[str], context: Context) -> str:
    body: str | None = match[1]
    if body is None:
        return as_json(context.executor_input())
    if body == "outputs.output_file":
        return str(context.output_file)
    if found := _PARAMETER.fullmatch(body):
        return _parameter(found, context)
    if found := _ARTIFACT.fullmatch(body):
        return _artifact(found, match[0], context)
    return context.run.get(body, match[0])


def _parameter(found: re.Match[str], context: Context) -> str:
    side, name, is_file = found.groups()
    if side == "outputs" and is_file and name in context.output_files:
        return str(context.output_files[name])
    if side == "inputs" and not is_file and name in context.parameters:
        return as_text(context.parameters[name])
    raise TaskError(f"the command names the {side[:-1]} parameter {name}, which has no value")


def _artifact(found: re.Match[str], written: str, context: Context) -> str:
    side, name, field, key = found.groups()
    outputs = {key: (artifact,) for key, artifact in context.output_artifacts.items()}
    artifacts = (context.input_artifacts if side == "inputs" else outputs).get(name)
    if artifacts is not None and field is None:  # all that a loop has made, which may be nothing
        return as_json([_runtime_artifact(artifact) for artifact in artifacts])
    if not artifacts:
        raise TaskError(f"the command names the {side[:-1]} artifact {name}, which the task does not have")
    first = artifacts[0]
    if field == "metadata":
        return _metadata(first, key, written)
    if field == "path":
        return context.path_of(first)
    return first.uri if field == "uri" else first.name


def _metadata(artifact: Artifact, key: str | None, written: str) -> str:
    if key is None:
        return as_json(dict(artifact.metadata))
    if key not in artifact.metadata:
        raise TaskError(f"{written}: the artifact {artifact.name} has no metadata {key}")
    return as_text(artifact.metadata[key])


def _artifact_list(artifacts: tuple[Artifact, ...]) -> dict[str, object]:
    return {"artifacts": [_runtime_artifact(artifact) for artifact in artifacts]}


def _runtime_artifact(artifact: Artifact) -> dict[str, object]:
    """The RuntimeArtifact message as proto JSON."""
    return {
        "name": artifact.name,
        "type": {"schemaTitle": artifact.schema_title, "schemaVersion": artifact.schema_version},
        "uri": artifact.uri,
        "metadata": dict(artifact.metadata),
    }


def _expanded(argument: str, context: Context) -> list[str]:
    if argument.startswith(('{"IfPresent"', '{"Concat"')):
        try:
            return _structured(json.loads(argument), context)
        except (ValueError, RecursionError):
            pass
    return [fill(argument, context)]


def _structured(node: object, context: Context) -> list[str]:
    """Texts of `{"IfPresent": {InputName, Then, Else}}`, `{"Concat": […]}`, of a list of these, of plain text."""
    if isinstance(node, list):
        return [text for item in cast("list[object]", node) for text in _structured(item, context)]
    if not isinstance(node, dict):
        return [fill(as_text(node), context)]
    [(form, body)] = cast("dict[str, object]", node).items()
    if form == "Concat":
        return ["".join(_structured(body, context))]
    if form != "IfPresent" or not isinstance(body, dict):
        raise ValueError(f"{form} is no structured placeholder")
    choice = cast("dict[str, object]", body)
    present = choice.get("InputName") in {*context.parameters, *context.input_artifacts}
    chosen = choice.get("Then" if present else "Else")
    return [] if chosen is None or chosen == "" else _structured(chosen, context)
