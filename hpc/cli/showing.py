"""What a run came to, on stdout: the outputs of the pipeline, or everything for machines."""

from __future__ import annotations

import json

import click

from hpc.cli import CANCELLED, OK, RUN_FAILED
from hpc.cli.history import as_json
from hpc.cli.progress import output_rows
from hpc.engines import Outcome

_EXIT_CODES = {"SUCCEEDED": OK, "FAILED": RUN_FAILED, "CANCELLED": CANCELLED}


def show_outcome(outcome: Outcome, form: str) -> int:
    """Print it, and return the exit code that says the same."""
    if form == "json":
        click.echo(as_json(outcome.as_dict(), indent=None))
    elif outcome.state == "SUCCEEDED":
        for name, value in output_rows(outcome):
            click.echo(f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    return _EXIT_CODES[outcome.state]
