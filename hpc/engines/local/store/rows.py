"""Records as rows of the tables, and rows as records. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.local.store.texts import kept, kept_json, kept_or_none, told, told_json, told_or_none
from hpc.engines.local.store.uris import plain_uri
from hpc.engines.outcome import Artifact, Artifacts, TaskResult

Row = tuple[Any, ...]

RUN = (
    "run, pipeline, state, folder, source, base, mode, started, engine, ended, seconds, error, "
    "arguments, names, outputs, artifacts"
)
TASK = (
    "run, path, component, state, kind, reason, attempts, reused, exit_code, error, started, ended, peak, log, "
    "fingerprint, origin_run, origin_path, parts, inputs, input_artifacts, outputs, artifacts"
)
ATTEMPT = "run, path, number, folder, started, ended, exit_code, error, peak"
"""The columns, in the order of the functions below."""


def run_row(run: RunRecord) -> Row:
    texts = (run.run, run.pipeline, run.state, run.folder, run.source, run.base, run.mode)
    return (
        *map(kept, texts),
        run.started,
        kept(run.engine),
        run.ended,
        run.seconds,
        kept_or_none(run.error),
        kept_json(run.arguments),
        kept_json(run.names),
        kept_json(run.outputs),
        _kept_artifacts(run.artifacts),
    )


def run_record(row: Row) -> RunRecord:
    name, pipeline, state, folder, source, base, mode = map(told, row[:7])
    started, engine, ended, seconds, error = row[7:12]
    arguments, names, outputs = map(told_json, row[12:15])
    return RunRecord(
        run=name,
        pipeline=pipeline,
        state=state,  # pyright: ignore[reportArgumentType] # written by run_row
        folder=folder,
        source=source,
        base=base,
        mode=mode,
        started=started,
        engine=told(engine),
        ended=ended,
        seconds=seconds,
        error=told_or_none(error),
        arguments=arguments,
        names=names,
        outputs=outputs,
        artifacts=_told_artifacts(row[15]),
    )


def task_row(task: TaskRecord) -> Row:
    origin = task.origin or (None, None)
    return (
        kept(task.run),
        kept(task.path),
        kept(task.component),
        *_result_row(task.result),
        kept(task.fingerprint),
        *map(kept_or_none, origin),
        kept_json(task.parts),
        kept_json(task.inputs),
        _kept_artifacts(task.input_artifacts),
        kept_json(task.result.outputs),
        _kept_artifacts(task.result.artifacts),
    )


def task_record(row: Row) -> TaskRecord:
    run, path, component = map(told, row[:3])
    fingerprint, origin_run, origin_path, parts, inputs, input_artifacts, outputs, artifacts = row[14:]
    return TaskRecord(
        run=run,
        path=path,
        result=_result(row[3:14], outputs, artifacts),
        component=component,
        inputs=told_json(inputs),
        input_artifacts=_told_artifacts(input_artifacts),
        parts=told_json(parts),
        fingerprint=told(fingerprint),
        origin=None if origin_run is None else (told(origin_run), told(origin_path)),
    )


def artifact_rows(task: TaskRecord) -> Iterator[Row]:
    """What leads from a uri to the task: uri, run, path, name, side."""
    for side, ports in (("input", task.input_artifacts), ("output", task.result.artifacts)):
        for name, found in ports.items():
            for artifact in found:
                if artifact.uri:
                    yield kept(plain_uri(artifact.uri)), kept(task.run), kept(task.path), kept(name), side


def attempt_row(attempt: AttemptRecord) -> Row:
    return (
        kept(attempt.run),
        kept(attempt.path),
        attempt.number,
        kept(attempt.folder),
        attempt.started,
        attempt.ended,
        attempt.exit_code,
        kept_or_none(attempt.error),
        attempt.peak,
    )


def attempt_record(row: Row) -> AttemptRecord:
    run, path, number, folder, started, ended, exit_code, error, peak = row
    return AttemptRecord(
        told(run), told(path), number, told(folder), started, ended, exit_code, told_or_none(error), peak
    )


def _result_row(result: TaskResult) -> Row:
    return (
        result.state,
        result.kind,
        kept_or_none(result.reason),
        result.attempts,
        result.reused,
        result.exit_code,
        kept_or_none(result.error),
        result.start,
        result.end,
        result.peak,
        kept(result.log),
    )


def _result(row: Row, outputs: str, artifacts: str) -> TaskResult:
    state, kind, reason, attempts, reused, exit_code, error, start, end, peak, log = row
    return TaskResult(
        state=state,
        kind=kind,
        reason=told_or_none(reason),
        attempts=attempts,
        reused=bool(reused),
        exit_code=exit_code,
        error=told_or_none(error),
        start=start,
        end=end,
        peak=peak,
        log=told(log),
        outputs=told_json(outputs),
        artifacts=_told_artifacts(artifacts),
    )


def _kept_artifacts(ports: Mapping[str, Artifacts]) -> str:
    return kept_json({name: [_fields(artifact) for artifact in found] for name, found in ports.items()})


def _told_artifacts(text: str) -> dict[str, Artifacts]:
    return {name: tuple(Artifact(*fields) for fields in found) for name, found in told_json(text).items()}


def _fields(artifact: Artifact) -> list[object]:
    return [artifact.name, artifact.uri, artifact.schema_title, artifact.schema_version, artifact.metadata]
