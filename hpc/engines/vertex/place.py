"""Where on Vertex AI: the settings of `targets.vertex` and the environment enter, a project, a region and what every
run gets leave. Nothing is asked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from hpc.engines.findings import Findings
from hpc.engines.service import NO_PLACE

CALLED = "Vertex AI"
"""How messages call the service."""

_CONSOLE = "https://console.cloud.google.com"
_PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
_REGION_VARIABLES = ("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION", "CLOUDSDK_COMPUTE_REGION")


@dataclass(frozen=True)
class RunSettings:
    """What every run is given; an empty text stands for what is not said."""

    root: str = ""
    service_account: str = ""
    network: str = ""
    reserved_ip_ranges: tuple[str, ...] = ()
    network_attachment: str = ""
    kms_key: str = ""
    fail_fast: bool = False


@dataclass(frozen=True)
class Place:
    """One region of one project, and the address of its API: a host name, or a whole URL."""

    project: str
    region: str
    endpoint: str
    runs: RunSettings

    @property
    def called(self) -> str:
        return f"{CALLED} (project {self.project}, {self.region})"

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.region}"

    def job(self, run: str) -> str:
        """The resource name of a run."""
        return f"{self.parent}/pipelineJobs/{run}"

    def run_page(self, run: str) -> str:
        return f"{_CONSOLE}/vertex-ai/locations/{self.region}/pipelines/runs/{run}?project={self.project}"

    def schedule_page(self, number: str) -> str:
        return f"{_CONSOLE}/vertex-ai/locations/{self.region}/pipelines/schedules/{number}?project={self.project}"

    def log_page(self, job: str) -> str:
        """Where the log of a CustomJob is shown, by its resource name; empty for none."""
        if not job:
            return ""
        query = quote(f'resource.labels.job_id="{job.rpartition("/")[2]}"', safe="")
        return f"{_CONSOLE}/logs/query;query={query}?project={self.project}"


def place_of(settings: Mapping[str, object], environ: Mapping[str, str], own_project: str) -> Place:
    """The place that is said, or that the environment knows; `own_project` is that of the credentials, or empty.

    Raises Rejected where the project or the region is not known.
    """
    findings = Findings(CALLED, is_file=False)
    project = _said(settings, "project") or _first(environ, _PROJECT_VARIABLES) or own_project
    region = _said(settings, "region") or _first(environ, _REGION_VARIABLES)
    if not project:
        findings.add(NO_PLACE, "the project is not said", "write `targets.vertex.project`, or give --project")
    if not region:
        findings.add(NO_PLACE, "the region is not said", "write `targets.vertex.region`, or give --region")
    findings.reject_if_any()
    endpoint = _said(settings, "endpoint") or f"{region}-aiplatform.googleapis.com"
    return Place(project, region, endpoint.rstrip("/"), _run_settings(settings))


def _run_settings(settings: Mapping[str, object]) -> RunSettings:
    return RunSettings(
        root=_said(settings, "root").rstrip("/"),
        service_account=_said(settings, "service_account"),
        network=_said(settings, "network"),
        reserved_ip_ranges=tuple(cast("Sequence[str]", settings.get("reserved_ip_ranges") or ())),
        network_attachment=_said(settings, "network_attachment"),
        kms_key=_said(settings, "kms_key"),
        fail_fast=settings.get("failure_policy") == "fast",
    )


def _said(settings: Mapping[str, object], name: str) -> str:
    return str(settings.get(name) or "")


def _first(environ: Mapping[str, str], names: Sequence[str]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
