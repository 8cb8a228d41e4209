"""A run once more, without what has succeeded: a run that has ended enters, the JSON of a new PipelineJob leaves.

Fields are those of v1beta1; what a rerun does is said in the comments of `pipelineTaskRerunConfigs` there.
"""

from __future__ import annotations

from typing import Any

from hpc.diagnostics import Rejected
from hpc.engines.service import NOT_OFFERED, RemoteRun
from hpc.engines.vertex.clients import document_of, rejected
from hpc.engines.vertex.jobs import labelled
from hpc.engines.vertex.naming import BILLING_LABEL, DIGEST_LABEL

_KEPT = (
    "displayName",
    "pipelineSpec",
    "runtimeConfig",
    "encryptionSpec",
    "serviceAccount",
    "network",
    "reservedIpRanges",
    "pscInterfaceConfig",
    "templateUri",
)


def refuse_unless_unsuccessful(run: RemoteRun) -> None:
    """Raises Rejected for a run of which there is nothing to do again."""
    if not run.has_ended:
        fact = f"the run {run.run} has not ended, it is {run.state.lower()}"
        raise rejected(NOT_OFFERED, fact, f"wait for its end, or `hpc cancel {run.run}` first")
    if run.state == "SUCCEEDED":
        fact = f"the run {run.run} has succeeded, nothing of it is left to do"
        raise rejected(NOT_OFFERED, fact, "start a new run with `hpc run`")


def rerun_body(job: Any, run: RemoteRun) -> dict[str, Any]:
    """The body of the new run. `job` is the message of the old one. Raises Rejected where it cannot be named."""
    whole = document_of(job)
    body = {name: whole[name] for name in _KEPT if name in whole}
    body["originalPipelineJobId"] = _original(run)
    body["pipelineTaskRerunConfigs"] = [_task(one) for one in whole.get("jobDetail", {}).get("taskDetails", [])]
    labels = {name: value for name, value in run.labels.items() if name not in (BILLING_LABEL, DIGEST_LABEL)}
    return labelled(body, labels)


def _original(run: RemoteRun) -> str:
    """The number of the old run, which the service keeps among its labels."""
    number = run.labels.get(BILLING_LABEL, "")
    if not number.isdecimal():
        raise _nameless(run)
    return number


def _nameless(run: RemoteRun) -> Rejected:
    fact = f"the run {run.run} has no label {BILLING_LABEL}, by which it would be run again"
    return rejected(NOT_OFFERED, fact, "start a new run with `hpc run`; it takes results from the cache")


def _task(detail: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {"taskId": detail["taskId"], "skipTask": detail.get("state") == "SUCCEEDED"}
    name = detail.get("taskUniqueName") or detail.get("taskName")
    return {**config, "taskName": name} if name else config
