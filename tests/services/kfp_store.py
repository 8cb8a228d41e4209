"""What the service keeps: experiments, pipelines with their versions, runs, recurring runs. JSON enters and leaves."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import yaml
from kfp_cron import Cron
from kfp_rules import (
    RUN_FIELDS,
    SCHEDULE_FIELDS,
    Refused,
    check_config,
    check_lengths,
    check_tags,
    chosen,
    only,
    spec_of,
    text,
)
from kfp_script import NEVER, Course, Script, shown

Json = dict[str, Any]
Query = Mapping[str, str]

START = datetime(2026, 11, 20, 8, 30, tzinfo=timezone.utc)
_RUN_KEYS = {
    *("run_id", "display_name", "created_at", "finished_at", "description", "scheduled_at", "storage_state"),
    *("experiment_id", "state", "recurring_run_id"),
}
_OTHER_KEYS = {"display_name", "created_at", "name", "description"}


@dataclass
class Schedule:
    """A recurring run and when it last fired."""

    body: Json
    fired: datetime


@dataclass
class Store:
    """All of it. `script` is how runs go on that are made from now on; `multi_user`: namespaces are demanded.

    `tells_when_asked`: tasks stand in the run itself and are given for `view=FULL` alone, as after KFP 2.17.
    """

    multi_user: bool = False
    tells_when_asked: bool = False
    namespaces: set[str] = field(default_factory=lambda: {"team"})
    script: Script = field(default_factory=Script)
    now: datetime = START
    experiments: dict[str, Json] = field(default_factory=dict)
    pipelines: dict[str, Json] = field(default_factory=dict)
    versions: dict[str, Json] = field(default_factory=dict)
    runs: dict[str, Json] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    courses: dict[str, Course] = field(default_factory=dict)

    def tick(self) -> str:
        self.now += timedelta(seconds=1)
        return _text(self.now)

    # ------------------------------------------------------------ experiments

    def create_experiment(self, body: Json, query: Query) -> Json:
        del query
        only(body, ("display_name", "description", "namespace"), "experiment")
        name, namespace = text(body, "display_name"), self._namespace(body, "CreateExperiment")
        if not name:
            raise Refused(400, "Invalid input error: Experiment must have a non-empty name")
        if any(
            one["display_name"] == name and one.get("namespace", "") == namespace for one in self.experiments.values()
        ):
            raise Refused(
                409, f"Already exist error: Failed to create a new experiment. The name {name} already exists"
            )
        made = {"experiment_id": _new(), **body, "created_at": self.tick(), "storage_state": "AVAILABLE"}
        self.experiments[made["experiment_id"]] = made
        return made

    def list_experiments(self, query: Query) -> Json:
        only(query, ("page_token", "page_size", "sort_by", "filter", "namespace"), "query")
        namespace = self._namespace(query, "ListExperiments")
        items = [one for one in self.experiments.values() if one.get("namespace", "") == namespace]
        return chosen(items, query, _OTHER_KEYS, "experiments")

    # ------------------------------------------------------------ pipelines

    def create_pipeline(self, body: Json, query: Query) -> Json:
        only(query, (), "query")
        only(body, ("display_name", "description", "namespace"), "pipeline")
        self._free_name(body["display_name"])
        namespace = self._namespace(body, "CreatePipeline")
        made = said({"pipeline_id": _new(), **body, "namespace": namespace, "created_at": self.tick()})
        self.pipelines[made["pipeline_id"]] = made
        return made

    def _free_name(self, name: str) -> None:
        if any(one["display_name"] == name for one in self.pipelines.values()):
            raise Refused(409, f"Already exist error: The name {name} already exist. Please specify a new name")

    def upload(self, content: bytes, query: Query) -> Json:
        only(query, ("name", "display_name", "description", "namespace", "tags"), "query")
        name = query.get("display_name") or query.get("name") or ""
        namespace = self._namespace(query, "UploadPipeline")
        self._free_name(name)
        document = _package(content)
        pipeline = said(
            {
                "pipeline_id": _new(),
                "display_name": name,
                "name": name,
                "namespace": namespace,
                "created_at": self.tick(),
            }
        )
        self.pipelines[pipeline["pipeline_id"]] = pipeline
        self._version(pipeline["pipeline_id"], name, document, query)
        return pipeline

    def upload_version(self, content: bytes, query: Query) -> Json:
        only(query, ("name", "display_name", "pipelineid", "description", "tags"), "query")
        pipeline = self._known(self.pipelines, query.get("pipelineid", ""), "Pipeline")
        name = query.get("display_name") or query.get("name") or ""
        if any(one["display_name"] == name for one in self._versions_of(pipeline["pipeline_id"])):
            raise Refused(
                409, f"Already exist error: Failed to create a pipeline version. The name {name} already exist"
            )
        return self._version(pipeline["pipeline_id"], name, _package(content), query)

    def get_pipeline(self, key: str) -> Json:
        return self._known(self.pipelines, key, "Pipeline")

    def list_pipelines(self, query: Query) -> Json:
        only(query, ("page_token", "page_size", "sort_by", "filter", "namespace"), "query")
        namespace = query.get("namespace", "")
        items = [one for one in self.pipelines.values() if one.get("namespace", "") == namespace]
        return chosen(items, query, _OTHER_KEYS, "pipelines")

    def list_versions(self, pipeline: str, query: Query) -> Json:
        only(query, ("page_token", "page_size", "sort_by", "filter"), "query")
        self._known(self.pipelines, pipeline, "Pipeline")
        return chosen(self._versions_of(pipeline), query, _OTHER_KEYS, "pipeline_versions")

    def get_version(self, pipeline: str, key: str) -> Json:
        found = self._known(self.versions, key, "PipelineVersion")
        if found["pipeline_id"] != pipeline:
            raise Refused(404, f"ResourceNotFoundError: PipelineVersion {key} not found.")
        return found

    def update_version(self, pipeline: str, key: str, body: Json) -> Json:
        only(body, ("display_name", "tags"), "pipeline_version")
        found = self.get_version(pipeline, key)
        check_tags(body.get("tags", {}))
        found.update(body)
        return found

    def _version(self, pipeline: str, name: str, document: Json, query: Query) -> Json:
        made = {
            "pipeline_id": pipeline,
            "pipeline_version_id": _new(),
            "display_name": name,
            "name": name,
            "description": query.get("description", ""),
            "created_at": self.tick(),
            "pipeline_spec": document,
        }
        self.versions[made["pipeline_version_id"]] = made
        return made

    def _versions_of(self, pipeline: str) -> list[Json]:
        return [one for one in self.versions.values() if one["pipeline_id"] == pipeline]

    # ------------------------------------------------------------ runs

    def create_run(self, body: Json, query: Query) -> Json:
        only(query, ("experiment_id",), "query")
        only(body, RUN_FIELDS, "run")
        if not text(body, "display_name"):
            raise Refused(400, "Invalid input error: Run name is empty. Please specify a valid name")
        check_lengths(body, "run")
        document = self._document(body)
        experiment = self._experiment_of(body)
        return self._begin({**body, "experiment_id": experiment["experiment_id"]}, document)

    def get_run(self, key: str, query: Query) -> Json:
        only(query, ("experiment_id", "view"), "query")
        run, course = self._known(self.runs, key, "Run"), self.courses[key]
        course.look(self.tick())
        return {**self._current(run), **self._tasks(course, query)}

    def _tasks(self, course: Course, query: Query) -> Json:
        if not self.tells_when_asked:
            return {"run_details": {"task_details": shown(course.details)}} if course.details else {}
        count = {"task_count": len(course.details)}
        return {**count, "tasks": shown(course.details)} if query.get("view") == "FULL" else count

    def list_runs(self, query: Query) -> Json:
        only(query, ("namespace", "experiment_id", "page_token", "page_size", "sort_by", "filter"), "query")
        items = [self._current(one) for one in self._in_namespace(self.runs.values(), query, "ListRuns")]
        return chosen(items, query, _RUN_KEYS, "runs")

    def terminate(self, key: str) -> Json:
        self._known(self.runs, key, "Run")
        course = self.courses[key]
        if course.state not in {"PENDING", "RUNNING", "PAUSED"}:
            raise Refused(400, f"Failed to terminate run {key}: Invalid input error: Row not found")
        course.terminate(self.tick())
        return {}

    def retry(self, key: str) -> Json:
        self._known(self.runs, key, "Run")
        course = self.courses[key]
        if course.state not in {"FAILED", "CANCELED"}:
            raise Refused(400, f"Failed to retry run {key}: Workflow must be Failed/Error to retry")
        course.retry(self.tick())
        return {}

    def _begin(self, body: Json, document: Json) -> Json:
        now = self.tick()
        run = {"run_id": _new(), **body, "storage_state": "AVAILABLE", "created_at": now, "scheduled_at": now}
        course = Course(document.get("pipeline_spec", document), self.script)
        course.begin(now)
        self.runs[run["run_id"]], self.courses[run["run_id"]] = run, course
        return self._current(run)

    def _current(self, run: Json) -> Json:
        course = self.courses[run["run_id"]]
        error = {"error": {"code": 2, "message": course.script.error}} if course.state == "FAILED" else {}
        now = {"state": course.state, "state_history": list(course.history), "finished_at": course.ended_at}
        return {**run, **now, **(error if course.script.linked and course.script.error else {})}

    def _document(self, body: Json) -> Json:
        """The pipeline that a request is about, judged together with its parameters."""
        reference = body.get("pipeline_version_reference")
        if (reference is None) == ("pipeline_spec" not in body):
            raise Refused(400, "Invalid input error: Please specify either a pipeline spec or a pipeline version")
        document = body.get("pipeline_spec")
        if reference is not None:
            only(reference, ("pipeline_id", "pipeline_version_id"), "pipeline_version_reference")
            version = self._known(self.versions, reference.get("pipeline_version_id", ""), "PipelineVersion")
            document = version["pipeline_spec"]
        check_config(body.get("runtime_config", {}), spec_of(document))
        return document

    def _experiment_of(self, body: Json) -> Json:
        key = text(body, "experiment_id")
        if key:
            return self._known(self.experiments, key, "Experiment")
        if self.multi_user:
            raise Refused(400, "Invalid input error: Job has no experiment")
        default = [one for one in self.experiments.values() if one["display_name"] == "Default"]
        return default[0] if default else self.create_experiment({"display_name": "Default"}, {})

    # ------------------------------------------------------------ recurring runs

    def create_schedule(self, body: Json, query: Query) -> Json:
        only(query, (), "query")
        only(body, SCHEDULE_FIELDS, "recurring_run")
        if not text(body, "display_name"):
            raise Refused(400, "Invalid input error: Recurring run's name cannot be empty")
        check_lengths(body, "job")
        self._document(body)
        _check_trigger(body)
        experiment = self._experiment_of(body)
        now = self.tick()
        made = {
            "recurring_run_id": _new(),
            **body,
            "experiment_id": experiment["experiment_id"],
            "created_at": now,
            "updated_at": now,
            "max_concurrency": str(body["max_concurrency"]),
            "status": "ENABLED" if body.get("mode") == "ENABLE" else "DISABLED",
            "namespace": experiment.get("namespace", ""),
        }
        self.schedules[made["recurring_run_id"]] = Schedule(made, self.now)
        return made

    def get_schedule(self, key: str) -> Json:
        return self._schedule(key).body

    def list_schedules(self, query: Query) -> Json:
        only(query, ("namespace", "experiment_id", "page_token", "page_size", "sort_by", "filter"), "query")
        bodies = [one.body for one in self.schedules.values()]
        return chosen(self._in_namespace(bodies, query, "ListRecurringRuns"), query, _OTHER_KEYS, "recurringRuns")

    def delete_schedule(self, key: str) -> Json:
        self._schedule(key)
        del self.schedules[key]
        return {}

    def switch(self, key: str, *, on: bool) -> Json:
        schedule = self._schedule(key)
        schedule.body.update(mode="ENABLE" if on else "DISABLE", status="ENABLED" if on else "DISABLED")
        schedule.fired = max(schedule.fired, self.now)
        return {}

    def advance(self, to: datetime) -> list[Json]:
        """Let the clock run and the schedules fire; the runs that they made."""
        made = [run for one in list(self.schedules.values()) for run in self._fire(one, to)]
        self.now = max(self.now, to)
        return made

    def _fire(self, schedule: Schedule, to: datetime) -> list[Json]:
        body = schedule.body
        if body["status"] != "ENABLED":
            return []
        made: list[Json] = []
        for time in Cron.parse(body["trigger"]["cron_schedule"]["cron"]).times(schedule.fired):
            if time > to:
                break
            schedule.fired = time
            going = [key for key, run in self.runs.items() if run.get("recurring_run_id") == body["recurring_run_id"]]
            if sum(not self.courses[key].has_ended for key in going) < int(body["max_concurrency"]):
                made.append(self._fired_run(body, time))
        return made

    def _fired_run(self, body: Json, time: datetime) -> Json:
        kept = {key: value for key, value in body.items() if key in RUN_FIELDS}
        kept["display_name"] = f"{body['display_name']}-{int(time.timestamp())}"
        kept["recurring_run_id"] = body["recurring_run_id"]
        self.now = max(self.now, time)
        return self._begin(kept, self._document(body))

    def _schedule(self, key: str) -> Schedule:
        if key not in self.schedules:
            raise Refused(404, f"ResourceNotFoundError: Job {key} not found.")
        return self.schedules[key]

    # ------------------------------------------------------------ what they share

    def _namespace(self, body: Mapping[str, Any], what: str) -> str:
        namespace = str(body.get("namespace", ""))
        if self.multi_user and not namespace:
            raise Refused(400, f"Invalid input error: Invalid {what} request. No namespace provided in multi-user mode")
        if self.multi_user and namespace not in self.namespaces:
            raise Refused(403, f"Permission denied: no access to namespace {namespace}")
        if not self.multi_user and namespace:
            raise Refused(400, f"Invalid input error: In single-user mode, {what} cannot filter by namespace.")
        return namespace

    def _in_namespace(self, items: Any, query: Query, what: str) -> list[Json]:
        if query.get("experiment_id"):
            return [one for one in items if one["experiment_id"] == query["experiment_id"]]
        namespace = self._namespace(query, what)
        return [one for one in items if self.experiments[one["experiment_id"]].get("namespace", "") == namespace]

    def _known(self, items: Mapping[str, Json], key: str, what: str) -> Json:
        if key not in items:
            raise Refused(404, f"ResourceNotFoundError: {what} {key} not found.")
        return items[key]


def said(body: Json) -> Json:
    return {key: value for key, value in body.items() if value}


def _check_trigger(body: Json) -> None:
    most = body.get("max_concurrency", 0)
    if not str(most).isdigit() or not 1 <= int(most) <= 10:
        raise Refused(
            400,
            f"Invalid input error: The max concurrency of the recurring run is out of range. Received {most}.",
        )
    if body.get("mode") not in ("ENABLE", "DISABLE"):
        raise Refused(400, "Invalid input error: Recurring run's mode is invalid")
    trigger = body.get("trigger", {})
    only(trigger, ("cron_schedule",), "trigger")
    only(trigger["cron_schedule"], ("cron", "start_time", "end_time"), "cron_schedule")
    try:
        Cron.parse(trigger["cron_schedule"]["cron"])
    except ValueError as error:
        raise Refused(400, f"Invalid input error: Schedule cron is not a supported format: {error}") from None


def _package(content: bytes) -> Json:
    """The file of an upload: one or two YAML documents, in a multipart body."""
    found = re.search(rb"\r\n\r\n(.*)\r\n--", content, re.DOTALL)
    documents = list(yaml.safe_load_all(found[1])) if found else []
    if not documents:
        raise Refused(400, "Invalid input error: Failed to read the pipeline spec file")
    whole = {"pipeline_spec": documents[0], "platform_spec": documents[1]} if len(documents) > 1 else documents[0]
    spec_of(whole)
    return whole


def _new() -> str:
    return str(uuid.uuid4())


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["NEVER", "START", "Store"]
