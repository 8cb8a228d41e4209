"""How a task ended, as a value that another task can take (PipelineTaskFinalStatus of pipeline_spec.proto)."""

from __future__ import annotations

from collections.abc import Mapping

from hpc.engines.outcome import TaskResult


def final_status(key: str, result: TaskResult, run: Mapping[str, str]) -> dict[str, object]:
    """The words of the proto; both spellings of its names, as the SDK and the backend differ in them."""
    state = "SUCCEEDED" if result.is_good else result.state
    error = {"code": result.exit_code or 0, "message": result.error or ""}
    resource = run["pipeline_job_resource_name"]
    return {
        "state": state,
        "error": error,
        "pipelineJobResourceName": resource,
        "pipeline_job_resource_name": resource,
        "pipelineTaskName": key,
        "pipeline_task_name": key,
    }
