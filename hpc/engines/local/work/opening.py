"""The run that is to go on: a new one with a folder of its own, or a former one that nobody else runs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, cast

from hpc.engines.findings import Findings
from hpc.engines.local.plan.rules import CANNOT_RESUME, NO_RUN_FOLDER, RUN_BUSY
from hpc.engines.local.store import Store, StoreError
from hpc.engines.local.store.owner import myself
from hpc.engines.local.store.records import RunRecord, TaskRecord
from hpc.engines.local.work.clock import Clock
from hpc.engines.local.work.folder import make_run_folder, write_json
from hpc.engines.local.work.locks import take
from hpc.engines.request import FormerRun, Mode, Request

_LOCK = "lock"


@dataclass(frozen=True)
class Opened:
    """A run that is ours as long as `lock` is open. `own` are the records of its tasks, if it is resumed."""

    record: RunRecord
    lock: IO[str]
    own: Mapping[str, TaskRecord] = field(default_factory=dict[str, TaskRecord])
    resumed: bool = False

    @property
    def folder(self) -> Path:
        return Path(self.record.folder)


@dataclass(frozen=True)
class Documents:
    """What is run, as it came, and the pipeline's name."""

    name: str
    spec: Mapping[str, object]
    platform: Mapping[str, object] | None


def open_run(store: Store, documents: Documents, request: Request, clock: Clock, findings: Findings) -> Opened:
    """The run, with its documents in its folder. Raises Rejected where it cannot be had."""
    try:
        if request.resume is not None and not request.is_partial:
            opened = _former(store, documents, request, findings)
        else:
            opened = _new(documents, request, clock)
        _write(opened.folder, documents, request)
    except OSError as error:
        fact = f"{error.strerror}: {error.filename or request.root_folder}"
        findings.add(NO_RUN_FOLDER, fact, "choose another root folder, or free some space")
        findings.reject_if_any()
        raise
    return opened


def _new(documents: Documents, request: Request, clock: Clock) -> Opened:
    folder = make_run_folder(request.root_folder, clock.now())
    lock = take(folder / _LOCK)
    assert lock is not None, "a new folder is nobody else's"
    return Opened(_record(documents, request, clock, folder), lock)


def _record(documents: Documents, request: Request, clock: Clock, folder: Path) -> RunRecord:
    return RunRecord(
        run=folder.name,
        pipeline=documents.name,
        state="RUNNING",
        folder=str(folder),
        source=request.source,
        base=str(request.base.absolute()),
        mode=request.mode,
        started=clock.now(),
        engine=myself(),
        names=_names(documents.name, folder, clock.now()),
    )


def made_up(documents: Documents, request: Request, clock: Clock) -> RunRecord:
    """The record of a run that is only thought through: it has no folder."""
    return _record(documents, request, clock, request.root_folder / "runs" / "rehearsal")


def _former(store: Store, documents: Documents, request: Request, findings: Findings) -> Opened:
    record = named_run(store, documents.name, request.resume or "last", findings)
    lock = take(Path(record.folder) / _LOCK)
    if lock is None:
        owner = store.run(record.run).engine.partition(":")[0]
        findings.add(RUN_BUSY, f"the run {record.run} is being run by the process {owner}", "wait for it, or stop it")
        findings.reject_if_any()
    assert lock is not None
    again = replace(record, state="RUNNING", engine=myself(), ended=None, mode=request.mode, source=request.source)
    return Opened(again, lock, store.tasks(record.run), resumed=True)


def named_run(store: Store, pipeline: str, name: str, findings: Findings) -> RunRecord:
    """A former run of that pipeline: by its name, or the last. Raises Rejected."""
    try:
        record = _last(store, pipeline) if name == "last" else store.run(name)
    except StoreError as error:
        findings.add(CANNOT_RESUME, str(error), "hpc runs lists them")
        findings.reject_if_any()
        raise
    if record.pipeline != pipeline:
        fact = f"the run {record.run} is of the pipeline {record.pipeline}, not of {pipeline}"
        findings.add(CANNOT_RESUME, fact, f"hpc runs --pipeline {pipeline} lists the runs of this one")
    elif not Path(record.folder).is_dir():
        findings.add(CANNOT_RESUME, f"the folder of the run is gone: {record.folder}", "run the pipeline anew")
    findings.reject_if_any()
    return record


def _last(store: Store, pipeline: str) -> RunRecord:
    found = store.runs(pipeline, 1)
    if not found:
        raise StoreError(f"there is no run of {pipeline}")
    return found[0]


def recall(record: RunRecord) -> FormerRun:
    """What a former run was given. Raises OSError or ValueError where its folder does not say so any more."""
    folder, platform = Path(record.folder), Path(record.folder) / "platform.json"
    return FormerRun(
        spec=json.loads((folder / "pipeline.json").read_text("utf-8")),
        platform=json.loads(platform.read_text("utf-8")) if platform.exists() else None,
        arguments=json.loads((folder / "arguments.json").read_text("utf-8")),
        base=record.base,
        source=record.source,
        mode=cast(Mode, record.mode),
    )


def _write(folder: Path, documents: Documents, request: Request) -> None:
    write_json(folder / "pipeline.json", documents.spec)
    write_json(folder / "arguments.json", dict(request.arguments))
    if documents.platform:
        write_json(folder / "platform.json", documents.platform)


def _names(pipeline: str, folder: Path, began: float) -> dict[str, str]:
    """The placeholders of the run (facts of the KFP backend: driver/resolve.go)."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began))
    return {
        "pipeline_job_name": f"{pipeline}-{folder.name}",
        "pipeline_job_uuid": os.urandom(16).hex(),
        "pipeline_job_resource_name": f"runs/{folder.name}",
        "pipeline_job_create_time_utc": moment,
        "pipeline_job_schedule_time_utc": moment,
        "pipeline_root": str(folder),
    }
