"""The pipeline jobs of a server: requests of the API enter as canonical JSON, resources leave, ApiError is raised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vertex_details import job_detail, timestamp, uri_of
from vertex_errors import ApiError, already_exists, invalid, not_found
from vertex_protos import parse_deployment, parse_spec
from vertex_rules import BILLING_LABEL, check_job, check_job_id, check_parameters
from vertex_running import WELL, Run, Settings, Task
from vertex_script import Plan
from vertex_spec_rules import check_spec

Json = dict[str, Any]
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
_OUTPUT_ONLY = [
    "name",
    "createTime",
    "startTime",
    "endTime",
    "updateTime",
    "state",
    "jobDetail",
    "error",
    "templateMetadata",
    "scheduleName",
    "satisfiesPzs",
    "satisfiesPzi",
]


@dataclass
class Job:
    """A job that was created. `resource` is what was asked for; `run` is where it is."""

    id: str
    name: str
    number: int
    created: float
    resource: Json
    run: Run
    updated: float

    @property
    def state(self) -> str:
        return f"PIPELINE_STATE_{self.run.state}"

    @property
    def has_ended(self) -> bool:
        return self.run.state in _ENDED

    def shown(self) -> Json:
        """As `get` answers it."""
        return {**self.listed(), "jobDetail": job_detail(self.run, self.id)}

    def listed(self) -> Json:
        """As `list` answers it: without its tasks."""
        times = {"createTime": self.created, "startTime": self.run.started, "endTime": self.run.ended}
        shown: Json = {key: timestamp(value) for key, value in times.items() if value is not None}
        error = {"error": self.run.error} if self.run.error else {}
        own = {"name": self.name, "state": self.state, "updateTime": timestamp(self.updated)}
        return {**self.resource, **own, **shown, **error}


@dataclass
class Jobs:
    """All jobs of one project and location.

    `script` says how the tasks of jobs that are created from now on go; `templates` are published pipelines by their
    address; `ticks` is how far a run moves with each Get.
    """

    clock: Callable[[], float]
    project_number: str
    location: str
    script: dict[str, Plan] = field(default_factory=dict[str, Plan])
    templates: dict[str, Json] = field(default_factory=dict[str, Json])
    ticks: int = 1
    iteration_name: str = "{task}-iteration-{index}"
    all: dict[str, Job] = field(default_factory=dict[str, Job])
    count: int = 0

    @property
    def parent(self) -> str:
        return f"projects/{self.project_number}/locations/{self.location}"

    def create(self, asked: Json, job_id: str, schedule: str = "") -> Job:
        """`asked` is a canonical PipelineJob."""
        resource = {key: value for key, value in asked.items() if key not in _OUTPUT_ONLY}
        spec = self.checked(resource)
        if job_id:
            check_job_id(job_id)
        self.count += 1
        number = 7_000_000_000_000 + self.count
        job_id = job_id or f"{spec['pipelineInfo']['name']}-{number}"
        name = f"{self.parent}/pipelineJobs/{job_id}"
        if job_id in self.all:
            raise already_exists(name)
        run = Run(spec, self._settings(resource, number), self.clock)
        if schedule:
            resource["scheduleName"] = schedule
        resource["labels"] = {**resource.get("labels", {}), BILLING_LABEL: str(number)}
        now = self.clock()
        job = self.all[job_id] = Job(job_id, name, number, now, resource, run, now)
        return job

    def checked(self, resource: Json) -> Json:
        """The spec of a job, with its deployment parsed; a template is fetched into `resource`. Raises ApiError."""
        check_job(resource, self.location)
        self._fetch(resource)
        spec = parse_spec(resource["pipelineSpec"])
        spec["deploymentSpec"] = parse_deployment(spec.get("deploymentSpec", {}))
        runtime = resource["runtimeConfig"]
        check_spec(spec, runtime.get("parameterValues", {}))
        declared: Mapping[str, Any] = spec["root"].get("inputDefinitions", {})
        if runtime.get("parameters"):
            raise invalid("runtime_config.parameters is for schema versions up to 2.0.0: use parameter_values.")
        check_parameters(declared.get("parameters", {}), runtime.get("parameterValues", {}))
        self._check_artifacts(declared.get("artifacts", {}), runtime.get("inputArtifacts", {}))
        return spec

    def _check_artifacts(self, declared: Json, given: Json) -> None:
        for name in given:
            if name not in declared:
                raise invalid(f"The pipeline input artifact {name} is not found in the pipeline job input definitions.")
        for name, one in declared.items():
            if name not in given and not one.get("isOptional"):
                raise invalid(f"The pipeline input artifact {name} is required, and none is given.")

    def _fetch(self, resource: Json) -> None:
        address = resource.get("templateUri", "")
        if not resource.get("pipelineSpec") and not address:
            raise invalid("pipeline_spec: Required field is not set.")
        if not address:
            return
        template = self.templates.get(address)
        if template is None:
            raise ApiError("NOT_FOUND", f"Failed to download the template {address}: it does not exist.")
        if not resource.get("pipelineSpec"):
            resource["pipelineSpec"] = template
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()
        resource["templateMetadata"] = {"version": f"sha256:{digest}"}

    def _settings(self, resource: Json, number: int) -> Settings:
        runtime = resource["runtimeConfig"]
        return Settings(
            parameters=runtime.get("parameterValues", {}),
            root=runtime["gcsOutputDirectory"],
            parent=self.parent,
            number=number,
            script=dict(self.script),
            fail_fast=runtime.get("failurePolicy", "").endswith("FAIL_FAST"),
            iteration_name=self.iteration_name,
            done=self._done(resource),
        )

    def _done(self, resource: Json) -> Mapping[str, Plan]:
        """What a rerun takes from the run before it: what went well there, unless it is to be done again."""
        if "originalPipelineJobId" not in resource:
            return {}
        original = self._original(resource["originalPipelineJobId"])
        again, skipped = self._wishes(original, resource.get("pipelineTaskRerunConfigs", []))
        tasks = [task for task in original.run.tasks if not task.is_group]
        done = [task for task in tasks if (task.state in WELL or task.id in skipped) and task.id not in again]
        return {task.unique_name: self._as_before(original, task) for task in done}

    def _original(self, number: str) -> Job:
        original = next((job for job in self.all.values() if str(job.number) == number), None)
        if original is None:
            raise invalid(f"original_pipeline_job_id: there is no pipeline job {number}.")
        if not original.has_ended:
            raise ApiError("FAILED_PRECONDITION", f"The PipelineJob {original.name} has not ended: it cannot be rerun.")
        return original

    def _wishes(self, original: Job, configs: list[Json]) -> tuple[set[int], set[int]]:
        """The tasks that are to be done again, and those that are to be skipped, by their ids."""
        names = {task.id: task.unique_name for task in original.run.tasks}
        again: set[int] = set()
        skipped: set[int] = set()
        for one in configs:
            task_id = int(one.get("taskId", "0"))
            if task_id not in names:
                raise invalid(f"pipeline_task_rerun_configs: the original run has no task {task_id}.")
            if one.get("taskName", names[task_id]) != names[task_id]:
                raise invalid(f"pipeline_task_rerun_configs: the task {task_id} is called {names[task_id]!r}.")
            (skipped if one.get("skipTask") else again).add(task_id)
        return again, skipped

    def _as_before(self, original: Job, task: Task) -> Plan:
        keys = task.component.get("outputDefinitions", {}).get("artifacts", {})
        uris = {key: uri_of(original.run, task, key, original.id) for key in keys}
        return Plan("SKIPPED", outputs=original.run.outputs(task), uris=uris)

    def find(self, job_id: str) -> Job:
        if job_id not in self.all:
            raise not_found(f"{self.parent}/pipelineJobs/{job_id}")
        return self.all[job_id]

    def get(self, job_id: str) -> Job:
        """Looking at a job moves it."""
        job = self.find(job_id)
        for _ in range(self.ticks):
            if not job.has_ended:
                job.run.tick()
                job.updated = self.clock()
        return job

    def cancel(self, job_id: str) -> None:
        job = self.find(job_id)
        if job.has_ended or job.run.state == "CANCELLING":
            raise ApiError(
                "FAILED_PRECONDITION", f"The PipelineJob {job.name} is in state {job.state}: it cannot be cancelled."
            )
        job.run.cancel()
        job.updated = self.clock()

    def delete(self, job_id: str) -> None:
        job = self.find(job_id)
        if not job.has_ended:
            raise ApiError(
                "FAILED_PRECONDITION", f"The PipelineJob {job.name} is in state {job.state}: cancel it first."
            )
        del self.all[job_id]
