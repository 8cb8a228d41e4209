"""What can be known of a job before anybody is asked: a `Job` enters, one that may be sent leaves, or Rejected.

Limits are those of https://cloud.google.com/vertex-ai/docs/quotas and of the fields' descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError
from typing import Any, cast

from hpc.engines.arguments import check_arguments, declared_parameters
from hpc.engines.findings import NOT_A_PIPELINE, WRONG_ARGUMENT, Findings
from hpc.engines.rows import rows
from hpc.engines.service import NO_PLACE, NOT_OFFERED, REFUSED, Job
from hpc.engines.values import inexact, shown
from hpc.engines.vertex.jobs import Judged
from hpc.engines.vertex.naming import PIPELINE_NAME, RUN_NAME, label_trouble
from hpc.engines.vertex.place import Place, RunSettings
from hpc.engines.vertex.shape import Shape

_MOST_TASKS = 10_000
_MOST_ARTIFACTS = 100
_MOST_LABELS = 62
_FOLDER = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?")
"""https://cloud.google.com/storage/docs/buckets#naming"""
_NETWORK = re.compile(r"projects/[^/]+/global/networks/[^/]+")
_ATTACHMENT = re.compile(r"projects/[^/]+/regions/[^/]+/networkAttachments/[^/]+|[a-z][-a-z0-9]*")
_KEY = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")


def judge(job: Job, place: Place) -> Judged:
    """The job with its arguments as values. Raises Rejected with everything that is wrong."""
    findings = Findings(job.source, is_file=False)
    _judge_names(job, findings)
    _judge_settings(place, findings)
    arguments = _judge_spec(job, findings)
    root = place.runs.root or str(job.spec.get("defaultPipelineRoot", "")).rstrip("/")
    _judge_root(root, findings)
    findings.reject_if_any()
    return Judged(job, arguments, root)


def _judge_names(job: Job, findings: Findings) -> None:
    if job.run is not None and not RUN_NAME.fullmatch(job.run):
        fact = f"{job.run!r} cannot name a run: it takes lowercase letters, digits and -, a letter first, 127 at most"
        findings.add(REFUSED, fact, "choose another name for the run")
    for name, value in job.labels.items():
        if trouble := label_trouble(name, value):
            findings.add(REFUSED, trouble, "choose another label")
    if len(job.labels) > _MOST_LABELS:
        findings.add(REFUSED, f"there are {len(job.labels)} labels, {_MOST_LABELS} are allowed", "leave some out")


def _judge_root(root: str, findings: Findings) -> None:
    if not root:
        findings.add(
            NO_PLACE, "the folder of the artifacts is not said", "write `targets.vertex.root: gs://…`, or give --root"
        )
    elif not _FOLDER.fullmatch(root):
        findings.add(NO_PLACE, f"{root} is not a folder on Cloud Storage", "write `gs://bucket/folder`")


# ---------------------------------------------------------------- settings


def _judge_settings(place: Place, findings: Findings) -> None:
    settings = place.runs
    _judge_network(settings, findings)
    key = _KEY.fullmatch(settings.kms_key)
    if settings.kms_key and key is None:
        fact = f"{settings.kms_key} does not name a key"
        findings.add(REFUSED, fact, "write projects/…/locations/…/keyRings/…/cryptoKeys/…")
    elif key is not None and key.group(1) != place.region:
        fact = f"the key is in {key.group(1)}, the runs are in {place.region}"
        findings.add(REFUSED, fact, "use a key of the same region")
    if settings.service_account and "@" not in settings.service_account:
        fact = f"{settings.service_account} is not the e-mail address of an account"
        findings.add(REFUSED, fact, "write name@project.iam.gserviceaccount.com")


def _judge_network(settings: RunSettings, findings: Findings) -> None:
    if settings.network and not _NETWORK.fullmatch(settings.network):
        fix = "write projects/NUMBER/global/networks/NAME, with the number of the project"
        findings.add(REFUSED, f"{settings.network} does not name a network", fix)
    if settings.network_attachment and not _ATTACHMENT.fullmatch(settings.network_attachment):
        fix = "write projects/…/regions/…/networkAttachments/…"
        findings.add(REFUSED, f"{settings.network_attachment} does not name a network attachment", fix)
    if settings.network and settings.network_attachment:
        fact = "both a network and a network attachment are given"
        findings.add(REFUSED, fact, "leave `network` or `network_attachment` out")
    if settings.reserved_ip_ranges and not settings.network:
        fact = "there are reserved address ranges, and no network that they are of"
        findings.add(REFUSED, fact, "write `network` too")


# ---------------------------------------------------------------- the pipeline


def _judge_spec(job: Job, findings: Findings) -> Mapping[str, object]:
    if not job.spec and job.template:
        if not job.cache:
            fact = "the tasks of a published pipeline are kept as they are, and so is what they take from former runs"
            findings.add(NOT_OFFERED, fact, "leave --no-cache out, or run the pipeline file itself")
        return job.arguments
    try:
        rows(job.spec)
        ports = declared_parameters(job.spec)
        _judge_shape(job.spec, findings)
    except (AttributeError, CycleError, KeyError, TypeError) as error:
        fact = f"this is not a compiled pipeline: {type(error).__name__} {error}"
        findings.add(NOT_A_PIPELINE, fact, "compile the pipeline again")
        return job.arguments
    checked = check_arguments(job.arguments, ports, findings)
    given = {name: checked[name] for name in job.arguments if name in checked}
    for name, value in given.items():
        for number in inexact(value):
            fact = f"the input {name}: {shown(number)} is not carried exactly, numbers are doubles there"
            findings.add(WRONG_ARGUMENT, fact, "hand it over as text")
    return given


def _judge_shape(spec: Mapping[str, Any], findings: Findings) -> None:
    name = str(spec["pipelineInfo"]["name"])
    if not PIPELINE_NAME.fullmatch(name):
        fact = f"{name!r} cannot name a pipeline: it takes lowercase letters, digits and -, 128 at most"
        findings.add(REFUSED, fact, "choose another name for the pipeline")
    tasks = Shape(spec).size()
    if tasks > _MOST_TASKS:
        findings.add(REFUSED, f"there are {tasks:,} tasks, {_MOST_TASKS:,} are allowed", "split the pipeline")
    for component, count in _artifacts(spec):
        if count > _MOST_ARTIFACTS:
            fact = f"{component} has {count} artifacts, {_MOST_ARTIFACTS} are allowed"
            findings.add(REFUSED, fact, "put several files into one artifact")


def _artifacts(spec: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for name, component in cast("Mapping[str, Any]", spec.get("components", {})).items():
        kinds = (component.get("inputDefinitions", {}), component.get("outputDefinitions", {}))
        yield name, sum(len(definitions.get("artifacts", {})) for definitions in kinds)
