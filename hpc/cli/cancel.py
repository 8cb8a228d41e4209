"""`hpc cancel`: the end of a run of a service."""

from __future__ import annotations

from typing import Any

import click

from hpc.cli import OK
from hpc.cli.services import service_of, service_options


@click.command("cancel", epilog="Example: hpc cancel mnist-20261121060000-k3f9 --on vertex")
@click.argument("run")
@service_options
def command(run: str, **options: Any) -> int:
    """Ask a service to end RUN. One that has ended stays as it is.

    A run on this machine ends with Ctrl-C where it was started.
    """
    _, service = service_of(options)
    before = service.run(run)
    if before.has_ended:
        click.echo(f"{before.run} had ended before: {before.state.lower()}", err=True)
        return OK
    found = service.cancel(before.run)
    click.echo(f"{found.run} {found.state.lower() if found.has_ended else 'is being cancelled'}", err=True)
    return OK
