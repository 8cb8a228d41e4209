"""`hpc explain`: what a code means, why hpc demands it, and the way out."""

from __future__ import annotations

import click

from hpc.cli.catalogue import catalogue
from hpc.components.types import did_you_mean


@click.command("explain", epilog="Example: hpc explain HPC301")
@click.argument("code", required=False)
def command(code: str | None) -> int:
    """Explain CODE; without one, list all codes."""
    rules = catalogue()
    if code is None:
        for rule in rules.values():
            click.echo(f"{rule.code}  {rule.title}")
        return 0
    rule = rules.get(code.upper())
    if rule is None:
        raise click.UsageError(f"there is no code {code}: {did_you_mean(code.upper(), rules)}")
    kind = "" if rule.severity == "error" else f" ({rule.severity})"
    click.echo(f"{rule.code}: {rule.title}{kind}\n\n{rule.why}\n\nfix: {rule.fix}")
    return 0
