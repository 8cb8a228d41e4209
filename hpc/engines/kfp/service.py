"""The connection as the command line has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpc.engines.events import Listener
from hpc.engines.kfp.packages import KfpPackages
from hpc.engines.kfp.requests import check
from hpc.engines.kfp.runs import KfpRuns
from hpc.engines.kfp.schedules import KfpSchedules
from hpc.engines.kfp.submitting import Submitting
from hpc.engines.kfp.watching import watch
from hpc.engines.outcome import Outcome
from hpc.engines.service import Job, Package, Published, RemoteRun, Schedules


class KfpService:
    """Kubeflow Pipelines at one address. All of it raises Rejected."""

    def __init__(
        self, where: str, runs: KfpRuns, submitting: Submitting, schedules: KfpSchedules, packages: KfpPackages
    ) -> None:
        self._where = where
        self._runs = runs
        self._submitting = submitting
        self._schedules = schedules
        self._packages = packages

    @property
    def where(self) -> str:
        return self._where

    @property
    def schedules(self) -> Schedules:
        return self._schedules

    def check(self, job: Job) -> None:
        check(job)

    def submit(self, job: Job) -> RemoteRun:
        return self._submitting.submit(job)

    def watch(self, run: str, places: Mapping[str, str], listener: Listener) -> Outcome:
        return watch(self._runs, run, places, listener)

    def run(self, name: str) -> RemoteRun:
        return self._runs.run(name)

    def runs(self, pipeline: str | None, limit: int) -> Sequence[RemoteRun]:
        return self._runs.runs(pipeline, limit)

    def cancel(self, name: str) -> RemoteRun:
        return self._runs.cancel(name)

    def resume(self, name: str) -> RemoteRun:
        return self._runs.resume(name)

    def publish(self, package: Package) -> Published:
        return self._packages.publish(package)

    def tag(self, address: str, tags: Sequence[str]) -> Published:
        return self._packages.tag(address, tags)

    def published(self, address: str) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
        return self._packages.published(address)
