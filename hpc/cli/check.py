"""`hpc check`: everything that compiling would find, for every target and profile that the file names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from hpc.cli import OK, REJECTED
from hpc.cli.disk import Folder, read_source
from hpc.cli.messages import report_as
from hpc.cli.options import choice_options, chosen, source_argument, target_option
from hpc.compiler import Choice, compile, default_target, understood
from hpc.compiler.targets import TARGETS, Target
from hpc.diagnostics import Diagnostic, Rejected, Source, reading_order
from hpc.spec.model import Pipeline


@click.command("check", epilog="Example: hpc check pipeline.yaml --format github")
@source_argument
@choice_options
@target_option
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
def command(file: Path, profiles: tuple[str, ...], settings: tuple[str, ...], target: str | None, form: str) -> int:
    """Check FILE without writing anything.

    Judges the default target and those named in `targets`, the file as it is and with each of its profiles.
    """
    try:
        found, summary = _checked(file, chosen(profiles, settings), TARGETS[target] if target else None)
    except Rejected as error:
        found, summary = error.diagnostics, ""
    report_as(found, form)
    if any(diagnostic.is_error for diagnostic in found):
        return REJECTED
    if form == "text":
        click.echo(summary, err=True)
    return OK


def _checked(file: Path, choice: Choice, target: Target | None) -> tuple[list[Diagnostic], str]:
    """What every target and profile has to say, and the line for a file that is right."""
    source, files = read_source(file), Folder(file.parent)
    program, _ = understood(source, files, choice)
    pipeline = program.main.pipeline
    targets = [target] if target else _targets(pipeline)
    profiles = [name for name in pipeline.profiles if name not in choice.profiles]
    choices = [choice, *(Choice((*choice.profiles, name), choice.settings) for name in profiles)]
    found = sorted(_judged(source, files, targets, choices), key=reading_order)
    return found, _summary(file, targets, profiles)


def _targets(pipeline: Pipeline) -> list[Target]:
    """The default target and those that the file names."""
    named = {name for name in TARGETS if getattr(pipeline.targets, name)} | {default_target(pipeline.targets).name}
    return [target for name, target in TARGETS.items() if name in named]


def _judged(
    source: Source, files: Folder, targets: Sequence[Target], choices: Sequence[Choice]
) -> Iterator[Diagnostic]:
    """Each mistake once; one that only a profile brings says so."""
    seen: set[tuple[str, str, int, str]] = set()
    for index, choice in enumerate(choices):
        for target in targets:
            for diagnostic in _diagnostics(source, files, target, choice):
                span = diagnostic.span
                key = (diagnostic.rule.code, span.source.name, span.start, diagnostic.fact)
                if key not in seen:
                    seen.add(key)
                    yield diagnostic if index == 0 else _with_profile(diagnostic, choice.profiles[-1])


def _diagnostics(source: Source, files: Folder, target: Target, choice: Choice) -> list[Diagnostic]:
    try:
        return compile(source, target, files, choice).diagnostics
    except Rejected as error:
        return error.diagnostics


def _with_profile(diagnostic: Diagnostic, profile: str) -> Diagnostic:
    named = f"profile `{profile}`" in diagnostic.fact
    return diagnostic if named else replace(diagnostic, fact=f"{diagnostic.fact} (with profile `{profile}`)")


def _summary(file: Path, targets: Sequence[Target], profiles: Sequence[str]) -> str:
    also = f", also with profile {', '.join(profiles)}" if profiles else ""
    return f"{file}: ok for {', '.join(target.name for target in targets)}{also}"
