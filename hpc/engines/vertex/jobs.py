"""A job as Vertex AI takes it: a `Job` and the settings of every run enter, the JSON of a PipelineJob leaves.

Fields are those of https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.pipelineJobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpc.engines.documents import without_cache
from hpc.engines.service import Job
from hpc.engines.vertex.naming import DIGEST_LABEL, digest_of
from hpc.engines.vertex.place import RunSettings

_LONGEST_TITLE = 128
_FAIL_FAST = "PIPELINE_FAILURE_POLICY_FAIL_FAST"


@dataclass(frozen=True)
class Judged:
    """A job that has been judged: its arguments as values of its inputs, and the folder of its artifacts."""

    job: Job
    arguments: Mapping[str, object]
    root: str


def body_of(judged: Judged, settings: RunSettings) -> dict[str, Any]:
    """The whole of a PipelineJob, with the digest of it among its labels."""
    body = {**_what_runs(judged.job), **_runtime(judged, settings), **_surroundings(settings)}
    body["displayName"] = judged.job.name[:_LONGEST_TITLE]
    return labelled(body, dict(judged.job.labels))


def labelled(body: dict[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """The body with these labels, and with the digest of both."""
    whole = {**body, "labels": {**labels}}
    return {**body, "labels": {**labels, DIGEST_LABEL: digest_of(whole)}}


def _what_runs(job: Job) -> dict[str, Any]:
    """A published pipeline is read by the service, unless something in it has to be different."""
    said: dict[str, Any] = {"templateUri": job.template} if job.template else {}
    if job.template and job.cache:
        return said
    return {**said, "pipelineSpec": dict(job.spec) if job.cache else without_cache(job.spec)}


def _runtime(judged: Judged, settings: RunSettings) -> dict[str, Any]:
    config: dict[str, Any] = {"gcsOutputDirectory": judged.root, "parameterValues": dict(judged.arguments)}
    if judged.job.fail_fast or settings.fail_fast:
        config["failurePolicy"] = _FAIL_FAST
    return {"runtimeConfig": config}


def _surroundings(settings: RunSettings) -> dict[str, Any]:
    attachment, key = settings.network_attachment, settings.kms_key
    said: dict[str, Any] = {
        "serviceAccount": settings.service_account,
        "network": settings.network,
        "reservedIpRanges": list(settings.reserved_ip_ranges),
        "pscInterfaceConfig": {"networkAttachment": attachment} if attachment else None,
        "encryptionSpec": {"kmsKeyName": key} if key else None,
    }
    return {name: value for name, value in said.items() if value}
