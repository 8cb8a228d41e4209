"""`hpc schedule`: what `schedule:` of a pipeline file says, held by a service that starts the runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hpc.cli import OK, REJECTED
from hpc.cli.columns import Column, moment, table
from hpc.cli.disk import read_source
from hpc.cli.history import as_json, format_option
from hpc.cli.options import choice_options
from hpc.cli.services import (
    compiled_for,
    on_option,
    place_options,
    reached,
    service_of,
    service_options,
    settings_of,
)
from hpc.cli.submission import job_of
from hpc.engines.service import Change, RemoteSchedule, Service, Timetable

_COLUMNS = (
    Column("schedule", shrinks=True),
    Column("state"),
    Column("cron"),
    Column("time zone", gives_way=2),
    Column("next run", gives_way=1),
)
_WOULD = {
    "create": "would be created",
    "update": "would be changed",
    "pause": "would be paused",
    "resume": "would be resumed",
    "nothing": "is as the file says",
}
_DONE = {
    "create": "created",
    "update": "changed",
    "pause": "paused",
    "resume": "resumed",
    "nothing": "is as the file says",
}


@click.group("schedule", epilog="Example: hpc schedule apply pipeline.yaml --profile prod")
def command() -> None:
    """Keep the schedule of a pipeline on Vertex AI or Kubeflow Pipelines.

    What `schedule:` of the pipeline file says is the truth: `plan` shows what differs, `apply` makes it so, and twice
    is once.
    """


def _file_options(function: Any) -> Any:
    function = on_option(format_option(choice_options(place_options(function))))
    return click.argument("file", type=click.Path(path_type=Path), default="pipeline.yaml")(function)


@command.command("plan", epilog="Example: hpc schedule plan pipeline.yaml --check")
@_file_options
@click.option("--check", is_flag=True, help="Exit with 1 if something differs.")
def plan(file: Path, check: bool, form: str, **options: Any) -> int:
    """Show what `apply` would do for FILE, and change nothing."""
    service, timetable = _timetable(file, options)
    change = service.schedules.plan(timetable)
    _show_change(timetable.name, change, service, _WOULD, form)
    return REJECTED if check and change.what != "nothing" else OK


@command.command("apply", epilog="Example: hpc schedule apply pipeline.yaml --on vertex")
@_file_options
def apply(file: Path, form: str, **options: Any) -> int:
    """Make the service run FILE as its `schedule:` says; nothing happens if it does already."""
    service, timetable = _timetable(file, options)
    change = service.schedules.apply(timetable)
    _show_change(timetable.name, change, service, _DONE, form)
    return OK


@command.command("list", epilog="Example: hpc schedule list --on vertex")
@service_options
@format_option
def all_(form: str, **options: Any) -> int:
    """List the schedules of the service that hpc keeps."""
    _, service = service_of(options)
    found = service.schedules.all()
    if form == "json":
        click.echo(as_json([vars(one) for one in found]))
    elif found:
        click.echo("\n".join(table(_COLUMNS, [_row(one) for one in found])))
    else:
        click.echo(f"no schedules in {service.where}", err=True)
    return OK


@command.command("pause", epilog="Example: hpc schedule pause mnist --on vertex")
@click.argument("schedule")
@service_options
def pause(schedule: str, **options: Any) -> int:
    """Start no more runs of SCHEDULE until it is resumed, or applied from a file that enables it."""
    _, service = service_of(options)
    return _say(service.schedules.pause(schedule), "paused")


@command.command("resume", epilog="Example: hpc schedule resume mnist --on vertex")
@click.argument("schedule")
@service_options
def resume(schedule: str, **options: Any) -> int:
    """Start runs of SCHEDULE again."""
    _, service = service_of(options)
    return _say(service.schedules.resume(schedule), "resumed")


@command.command("delete", epilog="Example: hpc schedule delete mnist --on vertex")
@click.argument("schedule")
@service_options
def delete(schedule: str, **options: Any) -> int:
    """Delete SCHEDULE. Its runs stay."""
    _, service = service_of(options)
    service.schedules.delete(schedule)
    click.echo(f"{schedule}: deleted from {service.where}", err=True)
    return OK


# ---------------------------------------------------------------- from a file


def _timetable(file: Path, options: Mapping[str, Any]) -> tuple[Service, Timetable]:
    """The service, and what the file wants of it."""
    compiled = compiled_for(options["name"], read_source(file), options)
    name, pipeline = compiled.target.name, compiled.graph.pipeline
    schedule = pipeline.schedule
    if schedule is None:
        raise click.UsageError(f"{file} has no `schedule:`; write e.g. `schedule: {{cron: 0 3 * * 1}}`.")
    service = reached(name, settings_of(name, pipeline.targets, options))
    return service, Timetable(
        name=pipeline.name,
        job=replace(job_of(compiled, schedule.inputs), source=str(file)),
        cron=schedule.cron,
        timezone=schedule.timezone,
        max_concurrent=schedule.max_concurrent,
        enabled=schedule.enabled,
    )


# ---------------------------------------------------------------- what is shown


def _show_change(name: str, change: Change, service: Service, words: Mapping[str, str], form: str) -> None:
    if form == "json":
        schedule = vars(change.schedule) if change.schedule else None
        shown = {"schedule": name, "what": change.what, "differences": change.differences, "now": schedule}
        click.echo(as_json(shown))
        return
    click.echo(f"{service.where}: {name} {words[change.what]}", err=True)
    for line in change.differences:
        click.echo(f"  {line}", err=True)
    if change.schedule is not None:
        _next_run(change.schedule)


def _say(schedule: RemoteSchedule, what: str) -> int:
    click.echo(f"{schedule.name}: {what}", err=True)
    _next_run(schedule)
    return OK


def _next_run(schedule: RemoteSchedule) -> None:
    if schedule.state == "ACTIVE" and schedule.next_run is not None:
        click.echo(f"  next run: {_here(schedule.next_run)}", err=True)


def _row(one: RemoteSchedule) -> tuple[str, ...]:
    next_run = _here(one.next_run) if one.state == "ACTIVE" and one.next_run is not None else ""
    return (one.name, one.state.lower(), one.cron, one.timezone, next_run)


def _here(seconds: float) -> str:
    """A moment by the clock of this machine, which may be another one than that of the schedule."""
    return f"{moment(seconds)} ({time.strftime('%Z', time.localtime(seconds))})"
