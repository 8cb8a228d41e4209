"""What the API is sent for a job: a Job enters, the parts of a request leave. Judged here, before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from hpc.engines.arguments import ParameterPort, check_arguments, declared_parameters
from hpc.engines.documents import without_cache
from hpc.engines.findings import NOT_A_PIPELINE, WRONG_ARGUMENT, Findings
from hpc.engines.kfp.notes import Note, digest_of
from hpc.engines.kfp.places import Places, said
from hpc.engines.service import NOT_OFFERED, REFUSED, Job
from hpc.engines.values import inexact

LARGEST_PARAMETER = 10_000
"""Bytes of JSON (backend/src/common/util, MaxParameterBytes)."""

_LONGEST_TEXT = 255
"""Characters of a name and of a description (varchar(255), backend/src/apiserver/model/run.go and job.go)."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """The body that runs and schedules have in common, and what is noted of it."""

    body: Mapping[str, Any]
    note: Note


def check(job: Job) -> None:
    """Judge a job without asking anybody. Raises Rejected with all that is wrong."""
    findings = Findings(job.source, is_file=False)
    if job.fail_fast:
        fact = "Kubeflow Pipelines cannot be told to stop a run at the first task that fails"
        findings.add(NOT_OFFERED, fact, "leave --fail-fast out; hpc cancel stops a run")
    if job.template and not job.cache:
        fact = "the cache cannot be turned off for a run of a published pipeline"
        findings.add(NOT_OFFERED, fact, "run the pipeline's own file, or publish it without caching")
    _check_lengths(job, findings)
    if job.spec or not job.template:
        _check_values(job.arguments, _declared(job.spec, findings), findings)
    findings.reject_if_any()


def _check_lengths(job: Job, findings: Findings) -> None:
    """The columns of the service's database end there: it would start the run, and then fail to keep it."""
    if job.run and len(job.run) > _LONGEST_TEXT:
        fact = f"the name of the run has {len(job.run)} characters; Kubeflow Pipelines keeps {_LONGEST_TEXT}"
        findings.add(REFUSED, fact, "choose a shorter one")
    too_much = len(str(Note(job.name, digest_of(""), digest_of(""), job.labels))) - _LONGEST_TEXT
    if too_much > 0:
        fact = (
            f"the labels are {too_much} characters too long; hpc keeps them in the description of the run, for which "
            f"Kubeflow Pipelines has {_LONGEST_TEXT}"
        )
        findings.add(REFUSED, fact, "use fewer or shorter labels")


def check_published(job: Job, spec: Document) -> None:
    """Judge the arguments of a run of a published pipeline, once its spec is known."""
    findings = Findings(job.source, is_file=False)
    _check_values(job.arguments, _declared(spec, findings), findings)
    findings.reject_if_any()


def request_for(job: Job, places: Places, *, may_make: bool) -> Request:
    """The request for a job. Looks for a published pipeline and for the experiment; raises Rejected.

    `may_make`: whether the experiment is made if it is not there; the request does without it if not.
    """
    source, spec_digest = _source(job, places)
    door = places.door
    body = said(
        {
            **source,
            "runtime_config": said(
                {"parameters": dict(job.arguments) or None, "pipeline_root": door.text("root")},
            )
            or None,
            "service_account": door.text("service_account"),
            "experiment_id": places.experiment(may_make=may_make),
        }
    )
    return Request(body, Note(job.name, digest_of(body), spec_digest, job.labels))


def inner_spec(document: object) -> Document:
    """The PipelineSpec of what the API keeps: it may have a PlatformSpec beside it. Empty where there is none."""
    if not isinstance(document, dict):
        return {}
    found = cast("Document", document)
    spec: object = found.get("pipeline_spec", found)
    return cast("Document", spec) if isinstance(spec, dict) else {}


def _source(job: Job, places: Places) -> tuple[dict[str, Any], str]:
    if job.template:
        version = places.version(job.template)
        check_published(job, inner_spec(version.get("pipeline_spec")))
        named = {key: version[key] for key in ("pipeline_id", "pipeline_version_id")}
        return {"pipeline_version_reference": named}, digest_of(named)
    spec = job.spec if job.cache else without_cache(job.spec)
    document = {"pipeline_spec": spec, "platform_spec": job.platform} if job.platform else {"pipeline_spec": spec}
    return {"pipeline_spec": document}, digest_of(document)


def _declared(spec: Document, findings: Findings) -> dict[str, ParameterPort]:
    try:
        return declared_parameters(spec)
    except (KeyError, TypeError, AttributeError):
        findings.add(NOT_A_PIPELINE, "this is not a compiled pipeline", "compile it again")
        findings.reject_if_any()
        raise


def _check_values(arguments: Mapping[str, object], inputs: Mapping[str, ParameterPort], findings: Findings) -> None:
    check_arguments(arguments, inputs, findings)
    for name, value in arguments.items():
        size = len(json.dumps(value, ensure_ascii=False, default=str).encode())
        if size > LARGEST_PARAMETER:
            fact = f"the input {name} has {size:,} bytes; Kubeflow Pipelines takes at most {LARGEST_PARAMETER:,}"
            findings.add(REFUSED, fact, "put it into a file, and give its address")
        for number in inexact(value):
            fact = f"the input {name}: {number} would be rounded, Kubeflow Pipelines carries numbers as doubles"
            findings.add(WRONG_ARGUMENT, fact, "give it as text, to an input of type str")
