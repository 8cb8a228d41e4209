"""A run of a service while it goes on: looked at until it has ended or somebody has seen enough."""

from __future__ import annotations

import gc
import shlex
import sys
from collections.abc import Callable, Mapping

import click

from hpc.cli import CANCELLED
from hpc.cli.progress import watch
from hpc.cli.showing import show_outcome
from hpc.engines.service import LeftAsking, RemoteRun, Service


def started(where: str, start: Callable[[], RemoteRun]) -> RemoteRun:
    """The run that is asked for. Of Ctrl-C meanwhile it is told what may have come; `where` as in `again`."""
    try:
        return start()
    except LeftAsking as left:
        click.echo(f"\nthe run {left.run} may have been started: {again(where, left.run)}", err=True)
        raise
    except KeyboardInterrupt:
        click.echo(f"\na run may have been started: `hpc runs {where}` lists the runs", err=True)
        raise


def follow(where: str, service: Service, run: str, places: Mapping[str, str], form: str) -> int:
    """Show a run to its end and return the exit code of that. Ctrl-C leaves it, and the run goes on.

    `where`: the options that reach the service again, e.g. `--on vertex`.
    """
    gc.enable()
    live = form == "text" and sys.stderr.isatty()
    try:
        with watch(sys.stderr, live=live, resume=f"hpc resume {{run}} {where}") as view:
            outcome = service.watch(run, places, view)
    except KeyboardInterrupt:
        click.echo(f"\nthe run goes on: {again(where, run)}", err=True)
        return CANCELLED
    return show_outcome(outcome, form)


def again(where: str, run: str) -> str:
    """The commands that have to do with a run which goes on. `where`: the options that reach its service."""
    words = f"{shlex.quote(run)} {where}"
    return f"`hpc watch {words}` shows it again, `hpc cancel {words}` ends it"
