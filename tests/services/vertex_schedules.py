"""The schedules of a server: requests as canonical JSON enter, resources leave, ApiError is raised; time makes jobs."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vertex_cron import Cron, parse_cron
from vertex_details import seconds_of, timestamp
from vertex_errors import ApiError, invalid, not_found
from vertex_jobs import Job, Jobs
from vertex_rules import check_display_name

Json = dict[str, Any]
_SETTABLE = [
    "displayName",
    "cron",
    "startTime",
    "endTime",
    "maxRunCount",
    "maxConcurrentRunCount",
    "maxConcurrentActiveRunCount",
    "allowQueueing",
    "createPipelineJobRequest",
]
_LONGEST_RUN = 10_000


@dataclass
class Schedule:
    """A schedule that was created. `resource` is what was asked for, times are seconds since the epoch."""

    id: str
    name: str
    resource: Json
    cron: Cron
    created: float
    updated: float
    next_run: float | None
    state: str = "ACTIVE"
    started: int = 0
    catch_up: bool = False
    paused: float | None = None
    resumed: float | None = None
    last: tuple[float, str] | None = None

    def shown(self) -> Json:
        times = {
            "createTime": self.created,
            "updateTime": self.updated,
            "nextRunTime": self.next_run if self.state != "COMPLETED" else None,
            "lastPauseTime": self.paused,
            "lastResumeTime": self.resumed,
        }
        shown: Json = {key: timestamp(value) for key, value in times.items() if value is not None}
        last = {"scheduledRunTime": timestamp(self.last[0]), "runResponse": self.last[1]} if self.last else None
        return {
            "startTime": timestamp(self.created),
            **self.resource,
            **shown,
            "name": self.name,
            "state": self.state,
            "startedRunCount": str(self.started),
            "catchUp": self.catch_up,
            **({"lastScheduledRunResponse": last} if last else {}),
        }


@dataclass
class Schedules:
    """All schedules of one project and location; the jobs that they start are among `jobs`."""

    clock: Callable[[], float]
    jobs: Jobs
    project: str
    all: dict[str, Schedule] = field(default_factory=dict[str, Schedule])
    count: int = 0

    # ---- requests

    def create(self, asked: Json) -> Schedule:
        """`asked` is a canonical Schedule."""
        resource = {key: value for key, value in asked.items() if key in _SETTABLE}
        if "createNotebookExecutionJobRequest" in asked:
            raise invalid("create_notebook_execution_job_request is not supported here.")
        cron = self._checked(resource)
        now = self.clock()
        self.count += 1
        schedule_id = str(4_000_000_000_000_000_000 + self.count)
        name = f"{self.jobs.parent}/schedules/{schedule_id}"
        schedule = Schedule(schedule_id, name, resource, cron, now, now, None)
        self._plan(schedule)
        self.all[schedule_id] = schedule
        return schedule

    def find(self, schedule_id: str) -> Schedule:
        if schedule_id not in self.all:
            raise not_found(f"{self.jobs.parent}/schedules/{schedule_id}")
        return self.all[schedule_id]

    def update(self, schedule_id: str, asked: Json, mask: str) -> Schedule:
        """Replace the fields of a mask; what is then due is counted from now."""
        schedule = self.find(schedule_id)
        if schedule.state == "COMPLETED":
            raise ApiError("FAILED_PRECONDITION", f"The Schedule {schedule.name} is completed: it cannot be updated.")
        resource = dict(schedule.resource)
        for key in _fields_of(mask):
            if key in resource and key not in asked:
                raise invalid(f"{key}: a field that is not empty cannot be unset.")
            if key in asked:
                resource[key] = asked[key]
        schedule.cron = self._checked(resource)
        schedule.resource = resource
        schedule.updated = self.clock()
        self._plan(schedule)
        return schedule

    def pause(self, schedule_id: str) -> None:
        schedule = self._in_state(schedule_id, "ACTIVE", "paused")
        schedule.state = "PAUSED"
        schedule.paused = schedule.updated = self.clock()

    def resume(self, schedule_id: str, catch_up: bool) -> None:
        """What was missed is made up for only if asked to."""
        schedule = self._in_state(schedule_id, "PAUSED", "resumed")
        schedule.state = "ACTIVE"
        schedule.catch_up = catch_up
        schedule.resumed = schedule.updated = self.clock()
        if not catch_up:
            self._plan(schedule)

    def delete(self, schedule_id: str) -> None:
        self.find(schedule_id)
        del self.all[schedule_id]

    def _in_state(self, schedule_id: str, state: str, done: str) -> Schedule:
        schedule = self.find(schedule_id)
        if schedule.state != state:
            raise ApiError(
                "FAILED_PRECONDITION", f"The Schedule {schedule.name} is {schedule.state}: it cannot be {done}."
            )
        return schedule

    # ---- rules

    def _checked(self, resource: Json) -> Cron:
        """The cron of a schedule that fulfils all rules. Raises ApiError."""
        if not resource.get("displayName"):
            raise invalid("display_name: Required field is not set.")
        check_display_name(resource["displayName"])
        if not resource.get("cron"):
            raise invalid("cron: Required field is not set.")
        if int(resource.get("maxConcurrentRunCount", "0")) < 1:
            raise invalid("max_concurrent_run_count: Required field is not set, or below 1.")
        if int(resource.get("maxRunCount", "1")) < 1 or int(resource.get("maxConcurrentActiveRunCount", "1")) < 1:
            raise invalid("max_run_count and max_concurrent_active_run_count must not be below 1.")
        self._check_times(resource)
        self._check_request(resource.get("createPipelineJobRequest", {}))
        return parse_cron(resource["cron"])

    def _check_times(self, resource: Json) -> None:
        end = seconds_of(resource["endTime"]) if "endTime" in resource else None
        if end is not None and end <= max(self.clock(), seconds_of(resource.get("startTime", "1970-01-01T00:00:00Z"))):
            raise invalid("end_time must be after start_time, and not have passed.")

    def _check_request(self, request: Json) -> None:
        if not request.get("pipelineJob"):
            raise invalid("create_pipeline_job_request.pipeline_job: Required field is not set.")
        places = [f"projects/{one}/locations/{self.jobs.location}" for one in (self.project, self.jobs.project_number)]
        if request.get("parent") not in places:
            raise invalid(f"create_pipeline_job_request.parent: {request.get('parent', '')!r} is not the schedule's.")
        if request.get("pipelineJobId"):
            raise invalid("create_pipeline_job_request.pipeline_job_id must not be set.")
        self.jobs.checked(copy.deepcopy(request["pipelineJob"]))

    # ---- time

    def _plan(self, schedule: Schedule) -> None:
        """Set the next run, counted from now or from where the schedule starts."""
        start = schedule.resource.get("startTime")
        since = max(self.clock(), seconds_of(start) - 1 if start else 0)
        self._advance(schedule, since)

    def _advance(self, schedule: Schedule, since: float) -> None:
        schedule.next_run = schedule.cron.after(since)
        end = schedule.resource.get("endTime")
        is_over = schedule.next_run is None or (end is not None and schedule.next_run > seconds_of(end))
        if is_over or schedule.started >= int(schedule.resource.get("maxRunCount", 1 << 60)):
            schedule.state = "COMPLETED"

    def due(self, until: float) -> Schedule | None:
        """The schedule that is due first, if one is until then."""
        active = [one for one in self.all.values() if one.state == "ACTIVE" and one.next_run is not None]
        due = [one for one in active if (one.next_run or 0) <= until]
        return min(due, key=lambda one: one.next_run or 0, default=None)

    def fire(self, schedule: Schedule, jobs_end: bool) -> Job | None:
        """Start the run that is due; None where too many of the schedule's are running."""
        assert schedule.next_run is not None
        due = schedule.next_run
        running = [one for one in self.jobs_of(schedule) if not self._has_ended(one, jobs_end)]
        self_limit = schedule.resource.get("maxConcurrentActiveRunCount") or schedule.resource["maxConcurrentRunCount"]
        job = None
        if len(running) < int(self_limit):
            asked = copy.deepcopy(schedule.resource["createPipelineJobRequest"]["pipelineJob"])
            job = self.jobs.create(asked, "", schedule.name)
            schedule.started += 1
        schedule.last = (due, "OK" if job else "SKIPPED: max_concurrent_run_count is reached")
        self._advance(schedule, due)
        return job

    def _has_ended(self, job: Job, jobs_end: bool) -> bool:
        for _ in range(_LONGEST_RUN if jobs_end else 0):
            if job.has_ended:
                break
            job.run.tick()
        return job.has_ended

    def jobs_of(self, schedule: Schedule) -> list[Job]:
        return [job for job in self.jobs.all.values() if job.resource.get("scheduleName") == schedule.name]


def _fields_of(mask: str) -> list[str]:
    """The fields of an update mask. Raises ApiError for none and for those that cannot be set."""
    paths = [re.sub(r"_([a-z])", lambda hit: hit[1].upper(), path.strip()) for path in mask.split(",") if path.strip()]
    if not paths:
        raise invalid("update_mask: Required field is not set.")
    if paths == ["*"]:
        return list(_SETTABLE)
    for path in paths:
        if path not in _SETTABLE:
            raise invalid(f"update_mask: {path!r} cannot be updated.")
    return paths
