"""`hpc explain`: what a code means, why hpc demands it, and the way out; or what a step of a pipeline becomes."""

from __future__ import annotations

import re
from pathlib import Path

import click

from hpc.cli.catalogue import catalogue
from hpc.cli.disk import Folder, read_source
from hpc.cli.options import choice_options, chosen, target_option
from hpc.compiler import explain
from hpc.compiler.explanation import Explanation
from hpc.compiler.targets import TARGETS
from hpc.components.types import did_you_mean

_CODE = re.compile(r"[A-Za-z]+[0-9]+")


@click.command("explain", epilog="Example: hpc explain pipeline.yaml train --target vertex")
@click.argument("subject", metavar="[CODE | FILE STEP]", required=False)
@click.argument("step", metavar="", required=False)
@choice_options
@target_option
def command(
    subject: str | None, step: str | None, profiles: tuple[str, ...], settings: tuple[str, ...], target: str | None
) -> int:
    """Explain CODE, or what STEP of the pipeline FILE becomes; without either, list all codes."""
    if subject is None:
        for rule in catalogue().values():
            click.echo(f"{rule.code}  {rule.title}")
        return 0
    if step is None and _CODE.fullmatch(subject):
        _explain_code(subject)
        return 0
    file, choice = Path(subject), chosen(profiles, settings)
    found, names = explain(
        read_source(file), TARGETS[target] if target else None, Folder(file.parent), choice, step or ""
    )
    if not found:
        meant = did_you_mean(step, names) if step else f"name one of: {', '.join(names)}."
        fact = f"there is no step {step} in {file}" if step else f"{file} has {len(names)} steps"
        raise click.UsageError(f"{fact}: {meant}")
    for one in found:
        click.echo("\n".join(_lines(one)))
    return 0


def _explain_code(code: str) -> None:
    rules = catalogue()
    rule = rules.get(code.upper())
    if rule is None:
        raise click.UsageError(f"there is no code {code}: {did_you_mean(code.upper(), rules)}")
    kind = "" if rule.severity == "error" else f" ({rule.severity})"
    click.echo(f"{rule.code}: {rule.title}{kind}\n\n{rule.why}\n\nfix: {rule.fix}")


def _lines(found: Explanation) -> list[str]:
    """Each word once, at the left of what is said of it."""
    width = max(len(word) for word, _ in found.rows)
    rows = [(word if index == 0 else "", line) for word, lines in found.rows for index, line in enumerate(lines)]
    return [found.title, "", *(f"  {word:<{width}}  {line}".rstrip() for word, line in rows)]
