"""Timetables as Vertex AI keeps them: a `Timetable` enters, the JSON of a Schedule leaves; and what differs, in words.

A Schedule has no labels, so hpc's are those of the runs that it starts: whose timetable it is, and the digest of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from hpc.engines.service import RemoteSchedule, Timetable
from hpc.engines.values import worded
from hpc.engines.vertex.clients import document_of
from hpc.engines.vertex.jobs import Judged, body_of
from hpc.engines.vertex.naming import DIGEST_LABEL, SCHEDULE_LABEL, digest_of, label_value, plain
from hpc.engines.vertex.place import Place
from hpc.engines.vertex.reading import seconds_of

JOB = "create_pipeline_job_request"
"""The field of a Schedule that holds what it starts."""

_UTC = "UTC"
_STATES: Mapping[str, Literal["ACTIVE", "PAUSED", "COMPLETED"]] = {"PAUSED": "PAUSED", "COMPLETED": "COMPLETED"}
_SETTINGS = {
    "displayName": "name of the runs",
    "serviceAccount": "service account",
    "network": "network",
    "reservedIpRanges": "address ranges",
    "pscInterfaceConfig": "network attachment",
    "encryptionSpec": "key",
    "templateUri": "published pipeline",
}
_OWN_LABELS = (SCHEDULE_LABEL, DIGEST_LABEL)


def schedule_body(timetable: Timetable, judged: Judged, place: Place) -> dict[str, Any]:
    """The whole of a Schedule. `pipelineJobId` is left out: the service names every run itself."""
    job = body_of(judged, place.runs)
    cron = cron_text(timetable.cron, timetable.timezone)
    digest = digest_of({"job": job, "cron": cron, "most": timetable.max_concurrent})
    own = {SCHEDULE_LABEL: label_value(timetable.name), DIGEST_LABEL: digest}
    return {
        "displayName": timetable.name,
        "cron": cron,
        "maxConcurrentRunCount": str(timetable.max_concurrent),
        "createPipelineJobRequest": {
            "parent": place.parent,
            "pipelineJob": {**job, "labels": {**job["labels"], **own}},
        },
    }


def digest_in(body: Mapping[str, Any]) -> str:
    """The digest of the timetable that a Schedule was made of; empty where hpc has not made it."""
    labels = job_in(body).get("labels", {})
    return str(labels.get(DIGEST_LABEL, "")) if SCHEDULE_LABEL in labels else ""


def cron_text(cron: str, timezone: str) -> str:
    fields = " ".join(cron.split())
    return fields if timezone in ("", _UTC) else f"TZ={timezone} {fields}"


def cron_parts(text: str) -> tuple[str, str]:
    """Five fields and the time zone."""
    start, _, rest = text.partition(" ")
    zone = start.removeprefix("CRON_").removeprefix("TZ=")
    return (rest.strip(), zone) if zone != start else (text, _UTC)


def schedule_seen(schedule: Any, place: Place) -> RemoteSchedule:
    """`schedule` is the service's message."""
    body = document_of(schedule)
    number = str(schedule.name).rpartition("/")[2]
    cron, zone = cron_parts(str(schedule.cron))
    state = _STATES.get(str(body.get("state")), "ACTIVE")
    return RemoteSchedule(
        name=str(schedule.display_name),
        id=number,
        cron=cron,
        timezone=zone,
        state=state,
        digest=digest_in(body),
        next_run=seconds_of(schedule, "next_run_time") if state == "ACTIVE" else None,
        runs=int(schedule.started_run_count),
        link=place.schedule_page(number),
    )


# ---------------------------------------------------------------- differences


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """What a Schedule says and what it should say, one line for each field that differs.

    What the service may write in its own words is compared only if the digests say that there is a difference.
    """
    lines = tuple(_of_timetable(there, wanted))
    if digest_in(there) == digest_in(wanted):
        return lines
    more = (*_of_job(job_in(there), job_in(wanted)),)
    return (*lines, *more) or ("something that hpc does not compare by itself",)


def _of_timetable(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    (old_cron, old_zone), (cron, zone) = cron_parts(str(there.get("cron", ""))), cron_parts(str(wanted["cron"]))
    yield from _line("cron", old_cron, cron)
    yield from _line("time zone", old_zone, zone)
    yield from _line("runs at once", int(there.get("maxConcurrentRunCount", 0)), int(wanted["maxConcurrentRunCount"]))
    yield from _inputs(job_in(there), job_in(wanted))


def _of_job(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    yield from _line("pipeline", _digest(before), _digest(after))
    yield from _settings(before, after)
    yield from _line("labels", _labels(before), _labels(after))


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = _config(before).get("parameterValues", {}), _config(after).get("parameterValues", {})
    for name in sorted({*old, *new}):
        yield from _line(f"input {name}", plain(old.get(name)), plain(new.get(name)))


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = _config(before), _config(after)
    yield from _line("folder of artifacts", old.get("gcsOutputDirectory"), new.get("gcsOutputDirectory"))
    yield from _line("after a failure", _policy(old), _policy(new))
    for name, words in _SETTINGS.items():
        yield from _line(words, plain(before.get(name)), plain(after.get(name)))


def _line(what: str, old: object, new: object) -> Iterator[str]:
    if old != new:
        yield f"{what}: {worded(old)} → {worded(new)}"


def job_in(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The PipelineJob that a Schedule starts."""
    return body.get("createPipelineJobRequest", {}).get("pipelineJob", {})


def _config(job: Mapping[str, Any]) -> Mapping[str, Any]:
    return job.get("runtimeConfig", {})


def _policy(config: Mapping[str, Any]) -> str:
    return "stop" if "FAST" in str(config.get("failurePolicy", "")) else "go on"


def _labels(job: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in job.get("labels", {}).items() if name not in _OWN_LABELS}


def _digest(job: Mapping[str, Any]) -> str | None:
    """A few characters that stand for a whole pipeline."""
    return digest_of(job["pipelineSpec"])[:12] if job.get("pipelineSpec") else None
