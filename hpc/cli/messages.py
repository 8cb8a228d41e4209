"""Diagnostics on the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from hpc.diagnostics import Diagnostic
from hpc.diagnostics.show import as_github, as_json, as_text, counted


def report(diagnostics: Sequence[Diagnostic]) -> None:
    """Write diagnostics and their count to stderr, in colour on a terminal."""
    if diagnostics:
        click.echo(as_text(diagnostics, color=wants_color()), err=True, nl=True)
        click.echo(counted(diagnostics), err=True)


def report_as(diagnostics: Sequence[Diagnostic], form: str) -> None:
    """Write diagnostics in the form asked for: text to stderr, what machines read to stdout."""
    if form == "text":
        report(diagnostics)
    else:
        click.echo(as_json(diagnostics) if form == "json" else as_github(diagnostics), nl=False)


def wants_color() -> bool:
    """https://no-color.org, and only where a person looks."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
