"""Where a task's outputs go, and what is read from there once it has ended well.

The rules are those of backend/src/v2/component/launcher_v2.go: parent folders are made but never the artifact itself;
the executor output wins over the file of a parameter; a missing parameter is a failure, a missing artifact is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.plan import Interface
from hpc.engines.outcome import Artifact
from hpc.engines.values import fitting, parse, shallow

_LARGEST_METRICS = 1_000_000
_LARGEST_PARAMETER = 64_000_000
_NUMBERS = ("NUMBER_INTEGER", "NUMBER_DOUBLE")
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")
_CHARTS = ("confusionMatrix", "confidenceMetrics", "roc")


@dataclass(frozen=True)
class Places:
    """The files of one attempt: `files` of output parameters, `artifacts` with their paths, `report` for all."""

    files: Mapping[str, Path]
    artifacts: Mapping[str, Artifact]
    report: Path


@dataclass(frozen=True)
class Outputs:
    parameters: Mapping[str, object]
    artifacts: Mapping[str, Artifact]


def places(outputs: Interface, folder: Path) -> Places:
    """Where the outputs of an attempt in `folder` go. Output names are the SDK's: they hold no separators."""
    return Places(
        files={name: folder / "parameters" / _safe(name) for name in outputs.parameters},
        artifacts={
            name: Artifact(name, str(folder / "outputs" / _safe(name)), port.schema_title, port.schema_version)
            for name, port in outputs.artifacts.items()
        },
        report=folder / "executor_output.json",
    )


def prepare(where: Places) -> None:
    """Make the folders that the outputs stand in."""
    for path in [*where.files.values(), *(Path(artifact.path) for artifact in where.artifacts.values())]:
        path.parent.mkdir(parents=True, exist_ok=True)


def collect(outputs: Interface, where: Places) -> Outputs:
    """Values and artifacts of an attempt that ended well. Raises TaskError naming the output and its file."""
    report = _report(where.report)
    given = _object(report.get("parameterValues"))
    parameters = {
        name: _given(name, given[name], port.kind) if name in given else _read(name, where.files[name], port.kind)
        for name, port in outputs.parameters.items()
    }
    listed = _object(report.get("artifacts"))
    artifacts = {name: _artifact(artifact, listed.get(name)) for name, artifact in where.artifacts.items()}
    return Outputs(parameters, artifacts)


def unwritten(artifacts: Mapping[str, Artifact]) -> list[Artifact]:
    """Artifacts whose file or folder is not there although the task ended well. KFP allows that; a reader will not."""
    return [one for one in artifacts.values() if is_missing(one)]


def is_missing(artifact: Artifact) -> bool:
    """Whether it should lie on this machine and does not.

    Metrics may be all metadata: that is how the SDK's `log_metric` leaves them.
    """
    if artifact.is_remote or (_is_metrics(artifact) and artifact.metadata):
        return False
    return not Path(artifact.path).exists()


def _safe(name: str) -> str:
    return name.replace("/", "_").replace("\0", "_")


def _report(file: Path) -> dict[str, object]:
    if not file.exists():
        return {}
    try:
        return _object(shallow(json.loads(file.read_bytes(), parse_constant=str)))
    except (OSError, ValueError, RecursionError) as error:
        raise TaskError(f"the executor output is not JSON: {error} ({file})", again=True) from None


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _given(name: str, value: object, kind: str) -> object:
    try:
        return fitting(float(str(value)) if kind in _NUMBERS and value in _NOT_FINITE else value, kind)
    except ValueError as error:
        raise TaskError(f"the output `{name}`: {error} (in the executor output)", again=True) from None


def _read(name: str, file: Path, kind: str) -> object:
    try:
        return parse(_content(file), kind)
    except FileNotFoundError:
        what = "a link to nothing" if file.is_symlink() else "not written"
        raise TaskError(
            f"the output `{name}` is {what}: the program must write its value to {file}", again=True
        ) from None
    except IsADirectoryError:
        raise TaskError(f"the output `{name}` is a folder, not a file: {file}", again=True) from None
    except UnicodeDecodeError as error:
        raise TaskError(f"the output `{name}` is not UTF-8 text: {error.reason} ({file})", again=True) from None
    except (OSError, ValueError) as error:
        raise TaskError(f"the output `{name}`: {error} ({file})", again=True) from None


def _content(file: Path) -> str:
    size = file.stat().st_size
    if size > _LARGEST_PARAMETER:
        raise ValueError(f"{size} bytes are too many for a parameter; make it an artifact")
    return file.read_bytes().decode("utf-8")


def _artifact(made: Artifact, listed: object) -> Artifact:
    """The artifact with what its file and the executor output say about it; only the first of a list counts."""
    artifact = replace(made, metadata=_metrics(made))
    entries = _object(listed).get("artifacts")
    if not isinstance(entries, list) or not entries:
        return artifact
    entry = _object(cast("list[object]", entries)[0])
    # The SDK's executor writes the one, proto JSON the other.
    uri = entry.get("custom_path") or entry.get("customPath") or entry.get("uri") or artifact.uri
    metadata = {**artifact.metadata, **_object(entry.get("metadata"))}
    return replace(artifact, uri=str(uri), metadata=metadata)


def _metrics(artifact: Artifact) -> dict[str, object]:
    """Numbers in a Metrics file, charts in a ClassificationMetrics file; nothing for any other content."""
    if not _is_metrics(artifact):
        return {}
    file = Path(artifact.path)
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST_METRICS:
            return {}
        content = _object(shallow(json.loads(file.read_bytes(), parse_constant=str)))
    except (OSError, ValueError, RecursionError):
        return {}
    if artifact.schema_title.endswith("ClassificationMetrics"):
        return {name: content[name] for name in _CHARTS if name in content}
    return content if all(_is_number(value) for value in content.values()) else {}


def _is_metrics(artifact: Artifact) -> bool:
    return artifact.schema_title.endswith("Metrics")


def _is_number(value: object) -> bool:
    """A number, or the text of one that JSON cannot hold, e.g. the loss of a training that diverged."""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)) or value in _NOT_FINITE
