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
from hpc.compiler.composition import Coverage
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
    """What every target and profile has to say, and the summary for a file that is right."""
    source, files = read_source(file), Folder(file.parent)
    program, _ = understood(source, files, choice)
    pipeline = program.main.pipeline
    targets = [target] if target else _targets(pipeline)
    profiles = [name for name in pipeline.profiles if name not in choice.profiles]
    choices = [choice, *(Choice((*choice.profiles, name), choice.settings) for name in profiles)]
    results = [(one, *_result(source, files, each, one)) for one in choices for each in targets]
    found = sorted(_said([(one, diagnostics) for one, diagnostics, _ in results]), key=reading_order)
    covered = results[0][2]
    return found, "\n".join(filter(None, [_summary(file, targets, profiles), hydra_line(covered)]))


def _targets(pipeline: Pipeline) -> list[Target]:
    """The default target and those that the file names."""
    named = {name for name in TARGETS if getattr(pipeline.targets, name)} | {default_target(pipeline.targets).name}
    return [target for name, target in TARGETS.items() if name in named]


def _result(
    source: Source, files: Folder, target: Target, choice: Choice
) -> tuple[list[Diagnostic], Sequence[Coverage]]:
    try:
        compiled = compile(source, target, files, choice)
    except Rejected as error:
        return error.diagnostics, ()
    return compiled.diagnostics, compiled.covered


def _said(results: Sequence[tuple[Choice, list[Diagnostic]]]) -> Iterator[Diagnostic]:
    """Each mistake once; one that only a profile brings says so."""
    seen: set[tuple[str, str, int, str]] = set()
    for choice, diagnostics in results:
        for diagnostic in diagnostics:
            span = diagnostic.span
            key = (diagnostic.rule.code, span.source.name, span.start, diagnostic.fact)
            if key not in seen:
                seen.add(key)
                is_first = choice is results[0][0]
                yield diagnostic if is_first else _with_profile(diagnostic, choice.profiles[-1])


def _with_profile(diagnostic: Diagnostic, profile: str) -> Diagnostic:
    named = f"profile `{profile}`" in diagnostic.fact
    return diagnostic if named else replace(diagnostic, fact=f"{diagnostic.fact} (with profile `{profile}`)")


def _summary(file: Path, targets: Sequence[Target], profiles: Sequence[str]) -> str:
    also = f", also with profile {', '.join(profiles)}" if profiles else ""
    return f"{file}: ok for {', '.join(target.name for target in targets)}{also}"


def hydra_line(covered: Sequence[Coverage]) -> str:
    """What the components of Hydra apps were checked against; empty if the pipeline runs none."""
    checked: dict[str, list[str]] = {}
    unchecked: dict[str, list[str]] = {}
    for one in covered:
        names = unchecked.setdefault(one.reason, []) if one.reason else checked.setdefault(one.config, [])
        names += [one.component] if one.component not in names else []
    parts = [f"{', '.join(names)} checked against {config}" for config, names in checked.items()]
    why = [f"{', '.join(names)} ({reason})" for reason, names in unchecked.items()]
    parts += [f"not checked: {', '.join(why)}"] if why else []
    return f"Hydra: {'; '.join(parts)}" if parts else ""
