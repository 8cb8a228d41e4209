"""What the API tells of the tasks of a run: a Run enters, the JSON of `jobDetail` leaves."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from vertex_running import WELL, Json, Run, Task


def timestamp(seconds: float | None) -> str | None:
    """RFC 3339, as the API writes it; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def job_detail(run: Run, job_id: str) -> dict[str, Any]:
    """The two contexts and the details of all tasks, the run's own first."""
    store = f"{run.settings.parent}/metadataStores/default"
    return {
        "pipelineContext": {
            "name": f"{store}/contexts/{run.spec['pipelineInfo']['name']}",
            "schemaTitle": "system.Pipeline",
        },
        "pipelineRunContext": {"name": f"{store}/contexts/{job_id}", "schemaTitle": "system.PipelineRun"},
        "taskDetails": [_without_none(_task_detail(run, task, job_id)) for task in run.tasks],
    }


def _without_none(value: Json) -> dict[str, Any]:
    return {key: one for key, one in value.items() if one is not None}


def _task_detail(run: Run, task: Task, job_id: str) -> dict[str, Any]:
    return {
        "taskId": str(task.id),
        "parentTaskId": str(task.parent.id) if task.parent else None,
        "taskName": task.name,
        "taskUniqueName": task.unique_name,
        "createTime": timestamp(task.created),
        "startTime": timestamp(task.started),
        "endTime": timestamp(task.ended),
        "state": task.state,
        "error": task.error,
        "executorDetail": _executor_detail(task),
        "execution": _execution(run, task),
        "inputs": _artifacts(run, task, job_id, "inputDefinitions"),
        "outputs": _artifacts(run, task, job_id, "outputDefinitions"),
        "pipelineTaskStatus": [_status(one) for one in task.history],
    }


def _status(one: Json) -> dict[str, Any]:
    return _without_none({"updateTime": timestamp(one["time"]), "state": one["state"], "error": one["error"]})


def _executor_detail(task: Task) -> dict[str, Any] | None:
    """The last CustomJob of a container is its main job, those before it failed."""
    if not task.jobs:
        return None
    detail: dict[str, Any] = {"mainJob": task.jobs[-1]}
    if task.jobs[:-1]:
        detail["failedMainJobs"] = task.jobs[:-1]
    return {"containerDetail": detail}


_EXECUTION_STATES = {"SUCCEEDED": "COMPLETE", "SKIPPED": "CACHED", "FAILED": "FAILED", "CANCELLED": "CANCELLED"}


def _execution(run: Run, task: Task) -> dict[str, Any] | None:
    if task.started is None and task.state != "SKIPPED":
        return None
    values = {f"input:{key}": value for key, value in run.inputs(task).items()}
    values.update({f"output:{key}": value for key, value in run.outputs(task).items()})
    return {
        "name": f"{run.settings.parent}/metadataStores/default/executions/{task.id}",
        "displayName": task.name,
        "state": _EXECUTION_STATES.get(task.state, "RUNNING"),
        "schemaTitle": _schema(run, task),
        "schemaVersion": "0.0.1",
        "metadata": values,
    }


def _schema(run: Run, task: Task) -> str:
    if task.parent is None:
        return "system.Run"
    if task.is_group:
        return "system.DagExecution"
    return "system.ImporterExecution" if "importer" in run.executor(task) else "system.ContainerExecution"


def _artifacts(run: Run, task: Task, job_id: str, where: str) -> dict[str, Any] | None:
    declared: Json = task.component.get(where, {}).get("artifacts", {})
    find = run.artifact_inputs if where == "inputDefinitions" else run.artifact_sources
    found = {key: [_artifact(run, *source, job_id) for source in find(task, key)] for key in declared}
    return {key: {"artifacts": some} for key, some in found.items() if some} or None


def _artifact(run: Run, task: Task, key: str, job_id: str) -> dict[str, Any]:
    declared: Json = task.component["outputDefinitions"]["artifacts"][key]
    return {
        "name": f"{run.settings.parent}/metadataStores/default/artifacts/{task.id}{key}",
        "displayName": key,
        "uri": uri_of(run, task, key, job_id),
        "state": "LIVE" if task.state in WELL else "PENDING",
        "schemaTitle": declared.get("artifactType", {}).get("schemaTitle", "system.Artifact"),
        "schemaVersion": declared.get("artifactType", {}).get("schemaVersion", "0.0.1"),
        "metadata": dict(task.plan.metadata.get(key, {})),
    }


def uri_of(run: Run, task: Task, key: str, job_id: str) -> str:
    """Where an output artifact of a container or importer lies."""
    if key in task.plan.uris:
        return task.plan.uris[key]
    importer: Json = run.executor(task).get("importer", {})
    if importer:
        given: Json = importer["artifactUri"]
        return str(
            given["constant"] if "constant" in given else run.inputs(task).get(given.get("runtimeParameter", ""))
        )
    project = run.settings.parent.split("/")[1]
    return f"{run.settings.root.rstrip('/')}/{project}/{job_id}/{task.name}_{task.id}/{key}"
