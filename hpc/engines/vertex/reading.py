"""What Vertex AI tells of a run, as values: its messages enter, frozen values leave.

Messages are read field by field, as they are polled again and again and may be large.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpc.engines.outcome import Artifact, Artifacts
from hpc.engines.service import RemoteRun, RemoteState
from hpc.engines.vertex.clients import document_of
from hpc.engines.vertex.naming import plain
from hpc.engines.vertex.place import Place

RUN_STATES: Mapping[str, RemoteState] = {
    "PIPELINE_STATE_RUNNING": "RUNNING",
    "PIPELINE_STATE_SUCCEEDED": "SUCCEEDED",
    "PIPELINE_STATE_FAILED": "FAILED",
    "PIPELINE_STATE_CANCELLING": "CANCELLING",
    "PIPELINE_STATE_CANCELLED": "CANCELLED",
    "PIPELINE_STATE_PAUSED": "PAUSED",
}
"""Everything else is before the start."""

_OUTPUT = "output:"
_EXIT = re.compile(r"(?:non-zero status of|exit(?:ed with)?(?: exit)?(?: code| status)?[: ]+)\s*(\d{1,3})\b")


@dataclass(frozen=True)
class Setback:
    """Something that went wrong with a task that was tried again."""

    error: str


@dataclass(frozen=True)
class TaskSeen:
    """One task of a run at one look. Times are seconds since the epoch, `raw` the message for what is seldom needed.

    `job` names the CustomJob of the last attempt, `failed_jobs` counts those that have failed.
    """

    id: int
    parent: int
    name: str
    state: str
    error: str = ""
    start: float | None = None
    end: float | None = None
    job: str = ""
    attempts: int = 1
    setbacks: tuple[Setback, ...] = ()
    raw: Any = field(default=None, repr=False, compare=False)


def run_seen(job: Any, place: Place) -> RemoteRun:
    name = str(job.name).rpartition("/")[2]
    error = str(job.error.message)
    return RemoteRun(
        run=name,
        pipeline=_pipeline_name(job),
        state=state_of(job),
        created=seconds_of(job, "create_time"),
        started=seconds_of(job, "start_time"),
        ended=seconds_of(job, "end_time"),
        link=place.run_page(name),
        error=error or None,
        labels=dict(job.labels),
    )


def state_of(job: Any) -> RemoteState:
    return RUN_STATES.get(_enum(job, "state"), "PENDING")


def spec_of(job: Any) -> dict[str, Any]:
    """The pipeline that a run is of; empty where the service does not tell it."""
    return document_of(job.pipeline_spec)


def tasks_of(job: Any) -> list[TaskSeen]:
    """The tasks of a run in the order in which they came to be."""
    seen = [_task(one) for one in job.job_detail.task_details]
    created = {id(one): seconds_of(one.raw, "create_time") or 0.0 for one in seen}
    return sorted(seen, key=lambda one: created[id(one)])


def artifacts_of(task: TaskSeen) -> dict[str, Artifacts]:
    """What a task, or the whole run as its first task, has put out."""
    return {
        str(name): tuple(_artifact(str(name), one) for one in listed.artifacts)
        for name, listed in task.raw.outputs.items()
        if listed.artifacts
    }


def outputs_of(task: TaskSeen) -> dict[str, object]:
    """The values that a task has put out, as its execution keeps them."""
    if not task.raw.HasField("execution"):
        return {}
    kept = document_of(task.raw.execution.metadata)
    return {name.removeprefix(_OUTPUT): plain(value) for name, value in kept.items() if name.startswith(_OUTPUT)}


def exit_code_of(error: str) -> int | None:
    """The exit code that a message tells, e.g. `The replica workerpool0-0 exited with a non-zero status of 1`."""
    found = _EXIT.search(error)
    return int(found.group(1)) if found else None


def _task(one: Any) -> TaskSeen:
    container = one.executor_detail.container_detail
    failed = list(container.failed_main_jobs)
    job = str(container.main_job or one.executor_detail.custom_job_detail.job or (failed[-1] if failed else ""))
    setbacks = tuple(
        Setback(str(status.error.message))
        for status in one.pipeline_task_status
        if status.error.message and _enum(status, "state") not in {"FAILED", "CANCELLED"}
    )
    return TaskSeen(
        id=int(one.task_id),
        parent=int(one.parent_task_id),
        name=str(one.task_name),
        state=_enum(one, "state"),
        error=str(one.error.message),
        start=seconds_of(one, "start_time"),
        end=seconds_of(one, "end_time"),
        job=job,
        attempts=max(1, len({*failed, job} - {""}), len(setbacks) + 1),
        setbacks=setbacks,
        raw=one,
    )


def _artifact(name: str, one: Any) -> Artifact:
    version = str(one.schema_version or "0.0.1")
    metadata = {key: plain(value) for key, value in document_of(one.metadata).items()}
    title = str(one.schema_title or "system.Artifact")
    return Artifact(name, str(one.uri), title, version, metadata)


def _pipeline_name(job: Any) -> str:
    info = job.pipeline_spec.fields.get("pipelineInfo")
    name = info.struct_value.fields.get("name") if info is not None else None
    return str(name.string_value) if name is not None else str(job.display_name)


def _enum(message: Any, name: str) -> str:
    """The name of an enum's value; one that this client does not know yet is its number."""
    number = int(getattr(message, name))
    known = message.DESCRIPTOR.fields_by_name[name].enum_type.values_by_number.get(number)
    return str(known.name) if known is not None else str(number)


def seconds_of(message: Any, name: str) -> float | None:
    if not message.HasField(name):
        return None
    stamp = getattr(message, name)
    return float(stamp.seconds) + float(stamp.nanos) / 1e9
