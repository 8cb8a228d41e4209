"""A run of a service while it goes on: looked at until it has ended or somebody has seen enough."""

from __future__ import annotations

import gc
import shlex
import sys
from collections.abc import Mapping

import click

from hpc.cli import CANCELLED, OK, RUN_FAILED
from hpc.cli.progress import watch
from hpc.cli.showing import show_outcome
from hpc.engines.service import Service

_EXIT_CODES = {"SUCCEEDED": OK, "FAILED": RUN_FAILED, "CANCELLED": CANCELLED}


def follow(name: str, service: Service, run: str, places: Mapping[str, str], form: str) -> int:
    """Show a run to its end and return the exit code of that. Ctrl-C leaves it, and the run goes on."""
    gc.enable()
    live = form == "text" and sys.stderr.isatty()
    try:
        with watch(sys.stderr, live=live, resume=f"hpc resume {{run}} --on {name}") as view:
            outcome = service.watch(run, places, view)
    except KeyboardInterrupt:
        click.echo(f"\nthe run goes on: {again(name, run)}", err=True)
        return CANCELLED
    show_outcome(outcome, form)
    return _EXIT_CODES[outcome.state]


def again(name: str, run: str) -> str:
    """The commands that have to do with a run which goes on."""
    words = f"{shlex.quote(run)} --on {name}"
    return f"`hpc watch {words}` shows it again, `hpc cancel {words}` ends it"
