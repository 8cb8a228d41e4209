"""PipelineSpec documents for tests, written the short way, and a way to run them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpc.engines.events import Event
from hpc.engines.local import Request, run
from hpc.engines.outcome import Outcome

OUT = "{{$.outputs.parameters['out'].output_file}}"


def task(
    *command: str,
    given: dict[str, Any] | None = None,
    inputs: dict[str, str] | None = None,
    outputs: dict[str, str] | None = None,
    after: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """A task that runs `command`. `inputs` and `outputs`: name to parameterType, or to a schema title.

    `given` binds inputs: a value, or `"task.output"` behind a `@`, or a pipeline input behind a `$`.
    """
    return {
        "command": list(command),
        "given": given or {},
        "inputs": inputs or {},
        "outputs": outputs or {},
        "after": list(after),
        **more,
    }


def pipeline(tasks: dict[str, dict[str, Any]], outputs: dict[str, str] | None = None, **inputs: Any) -> dict[str, Any]:
    """A document with these tasks; `outputs`: name to "task.output" of a parameter; `inputs`: parameter definitions."""
    components = {f"comp-{key}": _component(key, one) for key, one in tasks.items()}
    executors = {f"exec-{key}": {"container": _container(one)} for key, one in tasks.items()}
    selected = {name: _selector(source) for name, source in (outputs or {}).items()}
    return {
        "pipelineInfo": {"name": "small"},
        "schemaVersion": "2.1.0",
        "components": components,
        "deploymentSpec": {"executors": executors},
        "root": {
            "dag": {
                "tasks": {key: _task(key, one) for key, one in tasks.items()},
                "outputs": {"parameters": selected},
            },
            "inputDefinitions": {"parameters": inputs},
        },
    }


def platform(**executors: dict[str, Any]) -> dict[str, Any]:
    """A platform document: task name to its executor's settings."""
    labels = {f"exec-{key}": value for key, value in executors.items()}
    return {"platforms": {"local": {"deploymentSpec": {"executors": labels}}}}


def bare_python(folder: Path) -> str:
    """An interpreter without any package, so that fingerprints do not depend on what is installed beside this one."""
    (folder / "bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(Path(sys.executable).resolve())
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    return str(folder / "bin" / "python")


@dataclass
class Ran:
    """What a run gave: its outcome and its events."""

    outcome: Outcome
    events: list[Event]
    folder: Path = field(default_factory=Path)


def ran(
    spec: dict[str, Any],
    base: Path,
    settings: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    **options: Any,
) -> Ran:
    """Run the document in `base` with this test's environment and `environ` over it."""
    events: list[Event] = []
    request = Request(base=base, environ={**os.environ, **(environ or {})}, **{"jobs": 4, **options})
    outcome = run(spec, settings, request, events.append)
    return Ran(outcome, events, Path(outcome.folder))


def _component(key: str, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "executorLabel": f"exec-{key}",
        "inputDefinitions": _definitions(one["inputs"]),
        "outputDefinitions": _definitions(one["outputs"]),
    }


def _definitions(ports: dict[str, str]) -> dict[str, Any]:
    artifacts = {name: kind for name, kind in ports.items() if "." in kind}
    return {
        "parameters": {name: {"parameterType": kind} for name, kind in ports.items() if name not in artifacts},
        "artifacts": {
            name: {"artifactType": {"schemaTitle": kind, "schemaVersion": "0.0.1"}} for name, kind in artifacts.items()
        },
    }


def _container(one: dict[str, Any]) -> dict[str, Any]:
    env = [{"name": name, "value": value} for name, value in one.get("env", {}).items()]
    return {"image": "unused", "command": one["command"][:1], "args": one["command"][1:], "env": env}


def _task(key: str, one: dict[str, Any]) -> dict[str, Any]:
    artifacts = {name for name, kind in one["inputs"].items() if "." in kind}
    given = one["given"]
    node: dict[str, Any] = {
        "componentRef": {"name": f"comp-{key}"},
        "taskInfo": {"name": key},
        "inputs": {
            "parameters": {name: _binding(value) for name, value in given.items() if name not in artifacts},
            "artifacts": {name: _artifact(value) for name, value in given.items() if name in artifacts},
        },
        "dependentTasks": one["after"],
    }
    return {**node, **one.get("node", {})}


def _binding(value: Any) -> dict[str, Any]:
    if isinstance(value, str) and value.startswith("@"):
        producer, key = value[1:].split(".")
        return {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": key}}
    if isinstance(value, str) and value.startswith("$"):
        return {"componentInputParameter": value[1:]}
    return {"runtimeValue": {"constant": value}}


def _artifact(value: str) -> dict[str, Any]:
    producer, key = value[1:].split(".")
    return {"taskOutputArtifact": {"producerTask": producer, "outputArtifactKey": key}}


def _selector(source: str) -> dict[str, Any]:
    producer, key = source.split(".")
    return {"valueFromParameter": {"producerSubtask": producer, "outputParameterKey": key}}
