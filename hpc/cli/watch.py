"""`hpc watch`: a run of a service, from what is known of it to its end."""

from __future__ import annotations

from typing import Any

import click

from hpc.cli.following import follow
from hpc.cli.history import format_option
from hpc.cli.services import service_of, service_options, words_of


@click.command("watch", epilog="Example: hpc watch mnist-20261121060000-k3f9 --on vertex")
@click.argument("run")
@service_options
@format_option
def command(run: str, form: str, **options: Any) -> int:
    """Show RUN, which a service runs, until it has ended. Ctrl-C stops the watching, not the run.

    Exit code 0: it succeeded; 4: it failed; 130: it was cancelled, or it goes on and you have seen enough.
    """
    name, service = service_of(options)
    return follow(words_of(name, options["file"], options), service, run, {}, form)
