"""The texts that a platform replaces when a task starts. Names enter, placeholders leave (KFP 2.17, Vertex AI).

Only the forms that every platform knows: single quotes, no blanks, no expressions.
"""

from __future__ import annotations

RUN = {
    "id": "{{$.pipeline_job_uuid}}",
    "name": "{{$.pipeline_job_name}}",
    "resource": "{{$.pipeline_job_resource_name}}",
    "task": "{{$.pipeline_task_name}}",
    "task_id": "{{$.pipeline_task_uuid}}",
    "root": "{{$.pipeline_root}}",
    "created": "{{$.pipeline_job_create_time_utc}}",
    "scheduled": "{{$.pipeline_job_schedule_time_utc}}",
    "project": "{{$.pipeline_google_cloud_project_id}}",
    "location": "{{$.pipeline_google_cloud_location}}",
}
"""What `run.x` is. The open-source backend replaces these only as a whole constant input of a task."""

RUN_IN_TEXT = {
    "executor_input": "{{$}}",
    "executor_output": "{{$.outputs.output_file}}",
    "workspace": "{{$.workspace_path}}",
}
"""What `run.x` is where it is replaced inside an argument."""

RUN_OF_JOB = {
    "service_account": "{{$.pipeline_service_account}}",
    "network": "{{$.pipeline_network}}",
    "kms_key": "{{$.pipeline_encryption_key_name}}",
    "persistent_resource": "{{$.pipeline_persistent_resource_id}}",
}
"""What a run on Vertex AI was started with; nothing where it was started without (all but the account)."""


def run_input(name: str) -> str:
    """The hidden input of a component through which `run.<name>` reaches its arguments. No port can have this name."""
    return f"run-{name.replace('_', '-')}"


def parameter(name: str) -> str:
    return f"{{{{$.inputs.parameters['{name}']}}}}"


def input_artifact(name: str, field: str = "path") -> str:
    """`field` is `path`, `uri` or `metadata['key']`."""
    return f"{{{{$.inputs.artifacts['{name}'].{field}}}}}"


def output_artifact(name: str, field: str = "path") -> str:
    """`field` is `path`, `uri` or `metadata['key']`."""
    return f"{{{{$.outputs.artifacts['{name}'].{field}}}}}"


def output_file(name: str) -> str:
    """The path of the file that a value output is written to."""
    return f"{{{{$.outputs.parameters['{name}'].output_file}}}}"


def artifact_list(name: str) -> str:
    """A list of artifacts that only the run knows, as JSON."""
    return f"{{{{$.inputs.artifacts['{name}']}}}}"
