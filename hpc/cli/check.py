"""`hpc check`: everything that compiling would find, for every target and profile that the file names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from hpc.cli.disk import Folder, read_source
from hpc.cli.messages import report_as
from hpc.cli.options import choice_options, chosen, source_argument, target_option
from hpc.compiler import Choice, compile, default_target, understood
from hpc.compiler.targets import TARGETS, Target
from hpc.diagnostics import Diagnostic, Rejected, Source


@click.command("check", epilog="Example: hpc check pipeline.yaml --format github")
@source_argument
@choice_options
@target_option
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
def command(file: Path, profiles: tuple[str, ...], settings: tuple[str, ...], target: str | None, form: str) -> int:
    """Check FILE without writing anything.

    Judges the default target and those named in `targets`, the file as it is and with each of its profiles.
    """
    source, files, choice = read_source(file), Folder(file.parent), chosen(profiles, settings)
    try:
        _, pipeline, _ = understood(source, files, choice)
    except Rejected as error:
        report_as(error.diagnostics, form)
        return 1
    named = [name for name in TARGETS if getattr(pipeline.targets, name)]
    targets = (
        [TARGETS[target]]
        if target
        else [TARGETS[name] for name in TARGETS if name in {*named, default_target(pipeline.targets).name}]
    )
    choices = [
        choice,
        *(Choice((*choice.profiles, name), settings) for name in pipeline.profiles if name not in choice.profiles),
    ]
    found = sorted(_judged(source, files, targets, choices), key=_reading_order)
    report_as(found, form)
    wrong = any(diagnostic.is_error for diagnostic in found)
    if form == "text" and not wrong:
        click.echo(_summary(file, targets, choices), err=True)
    return int(wrong)


def _judged(
    source: Source, files: Folder, targets: Sequence[Target], choices: Sequence[Choice]
) -> Iterator[Diagnostic]:
    """Each mistake once; one that only a profile brings says so."""
    seen: set[tuple[str, str, int]] = set()
    for index, choice in enumerate(choices):
        for target in targets:
            for diagnostic in _diagnostics(source, files, target, choice):
                key = (diagnostic.rule.code, diagnostic.span.source.name, diagnostic.span.start)
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


def _reading_order(diagnostic: Diagnostic) -> tuple[str, int, str]:
    return diagnostic.span.source.name, diagnostic.span.start, diagnostic.rule.code


def _summary(file: Path, targets: Sequence[Target], choices: Sequence[Choice]) -> str:
    profiles = [choice.profiles[-1] for choice in choices[1:]]
    also = f", also with profile {', '.join(profiles)}" if profiles else ""
    return f"{file}: ok for {', '.join(target.name for target in targets)}{also}"
