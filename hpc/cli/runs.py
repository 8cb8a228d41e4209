"""`hpc runs`: the runs of a folder, or those that a service knows, newest first."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from hpc.cli import OK
from hpc.cli.columns import Column, ago, moment, table, took
from hpc.cli.history import STATES, History, Run, as_json, format_option, reading, root_option, run_as_dict
from hpc.cli.services import on_a_service_or_here, service_of, service_options
from hpc.engines.service import RemoteRun, Service

_COLUMNS = (
    Column("run"),
    Column("pipeline", shrinks=True),
    Column("state"),
    Column("started", gives_way=2),
    Column("", gives_way=3),
    Column("took", gives_way=1),
    Column("tasks", shrinks=True),
)
_SERVICE_COLUMNS = (Column("run"), Column("name", shrinks=True), *_COLUMNS[1:-1], Column("message", shrinks=True))


@click.command("runs", epilog="Example: hpc runs --pipeline mnist --limit 5")
@click.option("--pipeline", metavar="NAME", help="Only the runs of this pipeline.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@root_option
@partial(service_options, on=on_a_service_or_here)
@format_option
def command(pipeline: str | None, limit: int, root: Path | None, form: str, **options: Any) -> int:
    """List runs, newest first, those that go on now among them: of this machine, or with --on of a service.

    A run is `interrupted` if what worked on it is gone; go on with it by `hpc run --resume RUN`.
    """
    if options["name"] is None:
        if any(value for key, value in options.items() if key != "name"):
            raise click.UsageError("say which service is meant: --on vertex or --on kfp; of this machine it is --root.")
        return _runs_here(pipeline, limit, root, form)
    _, service = service_of(options)
    return _runs_of(service, pipeline, limit, form)


def _runs_of(service: Service, pipeline: str | None, limit: int, form: str) -> int:
    runs = service.runs(pipeline, limit)
    if form == "json":
        click.echo(as_json([vars(run) for run in runs]))
    elif runs:
        now = time.time()
        click.echo("\n".join(table(_SERVICE_COLUMNS, [_remote_row(run, now) for run in runs])))
    else:
        click.echo(f"no runs in {service.where}", err=True)
    return OK


def _remote_row(run: RemoteRun, now: float) -> tuple[str, ...]:
    began = run.started or run.created
    times = (moment(began), ago(began, now)) if began is not None else ("", "")
    seconds = None if run.started is None else (run.ended or now) - run.started
    return (run.run, run.name, run.pipeline, run.state.lower(), *times, took(seconds), run.error or "")


def _runs_here(pipeline: str | None, limit: int, root: Path | None, form: str) -> int:
    with reading(root) as history:
        runs = history.runs(pipeline, limit)
        counts = [_counts(history, run) for run in runs]
    if form == "json":
        click.echo(as_json([{**run_as_dict(run), "tasks": each} for run, each in zip(runs, counts, strict=True)]))
    elif runs:
        now = time.time()
        rows = [_row(run, each, now) for run, each in zip(runs, counts, strict=True)]
        click.echo("\n".join(table(_COLUMNS, rows)))
    else:
        click.echo(f"no runs of {pipeline}" if pipeline else "no runs", err=True)
    return OK


def _counts(history: History, run: Run) -> dict[str, int]:
    """How many tasks are in each state, as states are shown."""
    counts = dict(history.store.counts(run.id))
    if run.state != "RUNNING" and "RUNNING" in counts:
        counts["INTERRUPTED"] = counts.pop("RUNNING")
    return {state: counts[state] for state in STATES if counts.get(state)}


def _row(run: Run, counts: dict[str, int], now: float) -> tuple[str, ...]:
    record = run.record
    tasks = ", ".join(f"{count} {STATES[state]}" for state, count in counts.items())
    times = (moment(record.started), ago(record.started, now), took(run.seconds))
    return (run.id, record.pipeline, run.state.lower(), *times, tasks)
