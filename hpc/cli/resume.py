"""`hpc resume`: a run of a service that did not succeed, once more, with what did succeed kept."""

from __future__ import annotations

from typing import Any

import click

from hpc.cli import OK
from hpc.cli.following import again, follow, started
from hpc.cli.history import format_option
from hpc.cli.services import service_of, service_options, words_of


@click.command("resume", epilog="Example: hpc resume mnist-20261121060000-k3f9 --on vertex")
@click.argument("run")
@click.option("--detach", is_flag=True, help="Do not wait for its end.")
@service_options
@format_option
def command(run: str, detach: bool, form: str, **options: Any) -> int:
    """Run again what did not succeed in RUN, which a service has ended.

    On Vertex AI that is a new run which takes the results of the former one; on Kubeflow Pipelines the same run goes
    on. A run on this machine goes on with `hpc run --resume RUN`.
    """
    name, service = service_of(options)
    where = words_of(name, options["file"], options)
    resumed = started(where, lambda: service.resume(run))
    told = f"resumed as {resumed.run}, in {service.where}"
    if detach:
        click.echo(resumed.run)
        click.echo(f"{told}; {again(where, resumed.run)}", err=True)
        return OK
    click.echo(told, err=True)
    return follow(where, service, resumed.run, {}, form)
