"""What a PipelineJob must fulfil to be created, apart from its spec: canonical JSON enters, ApiError is raised.

The rules are those of the API's reference and of the product's limits; where these leave it open, the stricter one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vertex_errors import invalid

Json = Mapping[str, Any]

JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,126}")
LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,63}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,64}")
BILLING_LABEL = "vertex-ai-pipelines-run-billing-id"
DISPLAY_NAME_LENGTH = 128
_LABELS = 64
_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/.*)?")
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]*@([a-z0-9-]+\.)+gserviceaccount\.com")
_NETWORK = re.compile(r"projects/[0-9]+/global/networks/[a-z]([-a-z0-9]*[a-z0-9])?")
_ATTACHMENT = re.compile(r"(projects/[a-z0-9-]+/regions/[a-z0-9-]+/networkAttachments/)?[a-z]([-a-z0-9]*[a-z0-9])?")
_KEY = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
_POLICIES = ("PIPELINE_FAILURE_POLICY_FAIL_SLOW", "PIPELINE_FAILURE_POLICY_FAIL_FAST")


def check_job_id(job_id: str) -> None:
    if not JOB_ID.fullmatch(job_id):
        raise invalid(
            f"Invalid pipeline_job_id: {job_id!r}. It must be less than 128 characters of [a-z][-a-z0-9]{{0,126}}."
        )


def check_job(job: Json, location: str) -> None:
    """Everything about a job that does not need its spec."""
    check_display_name(job.get("displayName", ""))
    check_labels(job.get("labels", {}))
    _check_runtime(job.get("runtimeConfig", {}))
    _check_account(job.get("serviceAccount", ""))
    _check_network(job)
    _check_key(job.get("encryptionSpec"), location)


def check_display_name(name: str) -> None:
    if len(name) > DISPLAY_NAME_LENGTH:
        raise invalid(f"display_name must be at most {DISPLAY_NAME_LENGTH} characters long, it has {len(name)}.")


def check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > _LABELS:
        raise invalid(f"No more than {_LABELS} labels can be given, there are {len(labels)}.")
    for key, value in labels.items():
        if key == BILLING_LABEL:
            raise invalid(f"Label key {key!r} is reserved.")
        if not LABEL_KEY.fullmatch(key):
            raise invalid(
                f"Invalid label key {key!r}: at most 64 of lowercase letters, digits, _ and -, a letter first."
            )
        if not LABEL_VALUE.fullmatch(value):
            raise invalid(
                f"Invalid value {value!r} of label {key!r}: at most 64 of lowercase letters, digits, _ and -."
            )


def _check_runtime(runtime: Json) -> None:
    folder = runtime.get("gcsOutputDirectory", "")
    if not folder:
        raise invalid("runtime_config.gcs_output_directory: Required field is not set.")
    if not _BUCKET.fullmatch(folder):
        raise invalid(f"runtime_config.gcs_output_directory: {folder!r} is no Cloud Storage path (gs://bucket/folder).")
    policy = runtime.get("failurePolicy", _POLICIES[0])
    if policy not in _POLICIES:
        raise invalid(f"runtime_config.failure_policy: {policy!r} is not one of {', '.join(_POLICIES)}.")
    for name, artifact in runtime.get("inputArtifacts", {}).items():
        if not artifact.get("artifactId"):
            raise invalid(f"runtime_config.input_artifacts[{name!r}].artifact_id: Required field is not set.")


def _check_account(account: str) -> None:
    if account and not _ACCOUNT.fullmatch(account):
        raise invalid(f"service_account: {account!r} is not the e-mail address of a service account.")


def _check_network(job: Json) -> None:
    network, ranges, psc = job.get("network", ""), job.get("reservedIpRanges", []), job.get("pscInterfaceConfig")
    if network and psc:
        raise invalid("network and psc_interface_config cannot be set at the same time.")
    if network and not _NETWORK.fullmatch(network):
        raise invalid(f"network: {network!r} must be projects/PROJECT_NUMBER/global/networks/NETWORK.")
    if ranges and not network:
        raise invalid("reserved_ip_ranges can only be set together with network.")
    if psc is not None and not _ATTACHMENT.fullmatch(psc.get("networkAttachment", "")):
        raise invalid(f"psc_interface_config.network_attachment: {psc.get('networkAttachment', '')!r} is invalid.")


def _check_key(encryption: Json | None, location: str) -> None:
    if encryption is None:
        return
    match = _KEY.fullmatch(encryption.get("kmsKeyName", ""))
    if not match:
        raise invalid(
            "encryption_spec.kms_key_name must be projects/P/locations/L/keyRings/R/cryptoKeys/K, "
            f"it is {encryption.get('kmsKeyName', '')!r}."
        )
    if match[1] != location:
        raise invalid(f"encryption_spec.kms_key_name: the key is in {match[1]!r}, the job in {location!r}.")


# ---- values of a pipeline's inputs


def check_parameters(declared: Json, given: Json) -> None:
    """The values of a pipeline's inputs against what its root declares."""
    for name in given:
        if name not in declared:
            raise invalid(
                f"The pipeline parameter {name} is not found in the pipeline job input definitions: "
                f"[{', '.join(sorted(declared))}]."
            )
    for name, one in declared.items():
        if name in given:
            _check_value(name, one, given[name])
        elif "defaultValue" not in one and not one.get("isOptional"):
            raise invalid(f"The pipeline parameter {name} is required, and no value is given.")


def _check_value(name: str, declared: Json, value: object) -> None:
    kind = declared.get("parameterType", "STRING")
    if value is None and declared.get("isOptional"):
        return
    if not is_of(kind, value):
        raise invalid(f"The pipeline parameter {name} must be of type {kind}, its value is {value!r}.")


def is_of(kind: str, value: Any) -> bool:
    """Whether a JSON value is of a parameter type of PipelineSpec."""
    if kind == "BOOLEAN":
        return isinstance(value, bool)
    if kind in ("NUMBER_DOUBLE", "NUMBER_INTEGER"):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and (kind == "NUMBER_DOUBLE" or float(value) == int(value))
    wanted: dict[str, type] = {"STRING": str, "LIST": list, "STRUCT": dict, "TASK_FINAL_STATUS": dict}
    return kind in wanted and isinstance(value, wanted[kind])
