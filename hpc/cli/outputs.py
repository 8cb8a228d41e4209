"""`hpc outputs`: what a run came to, for people and for shell scripts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from hpc.cli import OK
from hpc.cli.history import UNKNOWN_OUTPUT, Run, as_json, format_option, ports_as_dict, reading, rejected, root_option
from hpc.cli.words import output_rows
from hpc.engines.outcome import Outcome


@click.command("outputs", epilog="Example: hpc outputs last accuracy")
@click.argument("run")
@click.argument("name", required=False)
@root_option
@format_option
def command(run: str, name: str | None, root: Path | None, form: str) -> int:
    """Print the outputs of the pipeline in RUN, artifacts as their paths.

    With NAME, print this value and nothing else; of several artifacts, a line for each. RUN is the id of a run, its
    beginning or its end, or `last`.
    """
    with reading(root) as history:
        found = history.run(run)
        where = str(history.root)
    shown = output_values(found)
    if name is None:
        _print_all(found, shown, form)
        return OK
    if name not in shown:
        raise rejected(UNKNOWN_OUTPUT, where, *_unknown(found, name, shown))
    if form == "json":
        click.echo(as_json(_for_machines(found)[name]))
    else:
        artifacts = found.record.artifacts.get(name)
        for one in [shown[name]] if artifacts is None else [artifact.path for artifact in artifacts]:
            click.echo(_bytes(_text(one)))
    return OK


def output_values(run: Run) -> dict[str, object]:
    """The outputs by name: a value, the path of an artifact, or a list of paths."""
    record = run.record
    return dict(output_rows(Outcome(record.state, record.outputs, record.artifacts, {})))


def output_line(name: str, value: object) -> str:
    """`name: value`, as `hpc run` prints it."""
    return f"{name}: {_text(value)}"


def _print_all(run: Run, shown: dict[str, object], form: str) -> None:
    if form == "json":
        click.echo(as_json(_for_machines(run)))
    for name, value in shown.items() if form == "text" else ():
        click.echo(_bytes(output_line(name, value)))
    if run.state != "SUCCEEDED":
        click.echo(f"the run {run.id} {run.ending}: outputs may be missing", err=True)
    elif not shown and form == "text":
        click.echo(f"the run {run.id} has no outputs", err=True)


def _for_machines(run: Run) -> dict[str, object]:
    return {**run.record.outputs, **ports_as_dict(run.record.artifacts)}


def _unknown(run: Run, name: str, shown: dict[str, object]) -> tuple[str, str]:
    """The fact and the fix."""
    from hpc.components.types import did_you_mean

    if not shown:
        return f"the run {run.id} has no outputs; it {run.ending}.", f"see `hpc show {run.id}`."
    return f"the run {run.id} has no output `{name}`.", did_you_mean(name, shown)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _bytes(text: str) -> bytes:
    """Names of files need not be UTF-8; they are printed as they are."""
    return os.fsencode(text)
