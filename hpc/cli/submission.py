"""`hpc run --on <service>`: compile for it if need be, hand the compiled documents over, and watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from hpc.cli import OK
from hpc.cli.addresses import Address
from hpc.cli.arguments import Given, parameter_types, split
from hpc.cli.compiled import is_compiled, name_of
from hpc.cli.disk import read_source
from hpc.cli.following import again, follow, started
from hpc.cli.history import as_json
from hpc.cli.options import no_choices
from hpc.cli.services import compiled_for, reached, settings_of, targets_of, words_of
from hpc.compiler import Compiled
from hpc.diagnostics import Place, Source
from hpc.engines.documents import documents
from hpc.engines.rows import rows
from hpc.engines.service import Job, RemoteRun, Service
from hpc.engines.task_names import Names


@dataclass(frozen=True)
class Order:
    """What goes to a service, and where that is."""

    job: Job
    settings: Mapping[str, object]


def submit(name: str, file: Path | Address | None, options: Mapping[str, Any]) -> int:
    """Hand a pipeline to the service `name` and watch it, unless asked to detach."""
    if file is None:
        raise click.UsageError("name a pipeline FILE.")
    service, order = _reached(name, file, options)
    if options["dry_run"]:
        service.check(order.job)
        return _show_rows(order.job, service.where, options["form"])
    where = words_of(name, _says_where(file), options)
    run = started(where, lambda: service.submit(order.job))
    if not options["detach"]:
        click.echo(_news(run, service), err=True)  # its page stands in the first line of the watching
        return follow(where, service, run.run, order.job.places, options["form"])
    _show_run(run, options["form"])
    click.echo(f"{_news(run, service)}; {again(where, run.run)}", err=True)
    if run.link:
        click.echo(f"  {run.link}", err=True)
    return OK


def _says_where(file: Path | Address) -> Path | None:
    """The file, if its `targets` may say where the run is."""
    return file if isinstance(file, Path) and not is_compiled(read_source(file).text) else None


def _reached(name: str, file: Path | Address, options: Mapping[str, Any]) -> tuple[Service, Order]:
    if isinstance(file, Address):
        usual, given = settings_of(file.on(name), targets_of(None, (), ()), {}), settings_of(name, None, options)
        settings = _with_root({**usual, **file.place, **given}, options)
        service = reached(name, settings)
        return service, _order(_published(service, file, settings, options), file, options)
    source = read_source(file)
    order = _order((_compiled if is_compiled(source.text) else _fresh)(name, source, options), file, options)
    return reached(name, order.settings), order


def _order(order: Order, file: Path | Address, options: Mapping[str, Any]) -> Order:
    """The order as the options want it."""
    job = replace(
        order.job,
        cache=not options["no_cache"],
        fail_fast=options["fail_fast"],
        run=options["run_name"],
        source=str(file),
    )
    return Order(job, _with_root(order.settings, options))


def _with_root(settings: Mapping[str, object], options: Mapping[str, Any]) -> dict[str, object]:
    return {**settings, "root": options["root"]} if options["root"] else {**settings}


def _published(service: Service, at: Address, settings: Mapping[str, object], options: Mapping[str, Any]) -> Order:
    """What is at an address now. A tag may move at any time, so the run is of the version that was looked at."""
    no_choices(options["profiles"], options["settings"], f"a pipeline file, but {at} is a published one")
    exact = service.tag(at.own, ()).address
    spec, platform = service.published(exact)
    arguments = _given(options).typed(parameter_types(spec))
    return Order(Job(name_of(spec), spec, platform, arguments, template=exact), settings)


def _compiled(name: str, source: Source, options: Mapping[str, Any]) -> Order:
    no_choices(options["profiles"], options["settings"], f"a pipeline file, but {source.name} is a compiled one")
    spec, platform = documents(source)
    arguments = _given(options).typed(parameter_types(spec))
    return Order(Job(name_of(spec), spec, platform, arguments), settings_of(name, None, options))


def _fresh(name: str, source: Source, options: Mapping[str, Any]) -> Order:
    compiled = compiled_for(name, source, options)
    pipeline = compiled.graph.pipeline
    arguments = _given(options).within_limits(pipeline.inputs)
    return Order(job_of(compiled, arguments), settings_of(name, pipeline.targets, options))


def job_of(compiled: Compiled, arguments: Mapping[str, object]) -> Job:
    """What a pipeline file was compiled to, as a job with these values of its inputs."""
    spec, platform = documents(Source("compiled pipeline", compiled.text))
    pipeline = compiled.graph.pipeline
    return Job(pipeline.name, spec, platform, arguments, pipeline.labels, places=places_in(compiled))


def places_in(compiled: Compiled) -> dict[str, str]:
    """`file:line` of every task of a pipeline file, by the row of the task."""
    from hpc.compiler.places import task_places

    spans = {row: compiled.source.locate(Place(path, on="key")) for row, path in task_places(compiled.graph).items()}
    return {row: f"{span.source.name}:{span.position[0]}" for row, span in spans.items()}


def _given(options: Mapping[str, Any]) -> Given:
    return Given(split(options["inputs"]), {})


# ---------------------------------------------------------------- what is shown


def _news(run: RemoteRun, service: Service) -> str:
    name = f"{run.run} ({run.name})" if run.name else run.run
    return f"{name} {'submitted to' if run.is_new else 'is there already, in'} {service.where}"


def _show_run(run: RemoteRun, form: str) -> None:
    """The name alone, for scripts, or all that is known."""
    click.echo(as_json(vars(run), indent=None) if form == "json" else run.run)


def _show_rows(job: Job, where: str, form: str) -> int:
    found = rows(job.spec)
    names = Names(found)
    if form == "json":
        click.echo(as_json([{"task": row, "what": "run"} for row in found], indent=None))
        return OK
    click.echo(f"{job.name} would be handed to {where}:", err=True)
    for row in found:
        click.echo(names.of(row))
    return OK
