"""`hpc convert`: a KFP component or a compiled pipeline as a file of hpc."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from hpc.cli import OK
from hpc.cli.disk import read_source, write_whole
from hpc.cli.messages import report
from hpc.cli.options import source_argument
from hpc.conversion import Converted, NotAComponent, Remark, convert, objections
from hpc.diagnostics import Diagnostic, Rejected, Rule, Source, Span

NOT_CONVERTIBLE = Rule(
    "HPC023",
    "not a file of KFP",
    "`hpc convert` reads KFP component YAML (`implementation.container`) and compiled pipelines (PipelineSpec 2.1.0).",
    "Name such a file.",
)
NOT_SAYABLE = Rule(
    "HPC024",
    "cannot be said in the language",
    "A converted file means what its source means; what would be lost is named instead.",
    "Change the source, or take what can be said with `--partial` and see to the rest.",
)
NOT_COMPILED = Rule(
    "HPC025",
    "converted, but not compilable",
    "The source does something that hpc refuses in every pipeline file.",
    "Mend the file that `--partial` writes.",
)
RULES = (NOT_CONVERTIBLE, NOT_SAYABLE, NOT_COMPILED)


@click.command("convert", epilog="Example: hpc convert component.yaml -o train.yaml")
@source_argument
@click.option("-o", "--output", metavar="OUT", default="-", help="File to write, - for stdout.  [default: stdout]")
@click.option(
    "--cli",
    "style",
    type=click.Choice(["hydra", "argparse"]),
    default="hydra",
    help="How a component gets its values from now on: key=value, or flags as before.  [default: hydra]",
)
@click.option("--partial", is_flag=True, help="Write what can be said; the rest stands in comments at the top.")
def command(file: Path, output: str, style: Literal["hydra", "argparse"], partial: bool) -> int:
    """Convert FILE, a KFP component or a compiled pipeline, to a file of hpc.

    A component with arguments like `--lr {inputValue: lr}` becomes a component whose program takes Hydra overrides; a
    pipeline that hpc or the KFP SDK compiled becomes a pipeline file that compiles to the same meaning.
    """
    source = read_source(file)
    folder = None if output == "-" else f"{Path(output).stem}.components"
    converted = _converted(source, style, folder)
    if not partial:
        _refuse_losses(source, converted.losses)
    problems = [found for found in objections(converted) if found.is_error]
    if problems and not partial:
        report(problems)
        fix = "write it all the same with `--partial`, and mend it."
        raise Rejected([_diagnostic(NOT_COMPILED, source, "what it says does not compile, as shown above.", fix)])
    _say(converted, problems)
    return _written(converted, file, output)


def _converted(source: Source, style: Literal["hydra", "argparse"], folder: str | None) -> Converted:
    try:
        return convert(source.text, style, folder)
    except NotAComponent as error:
        raise Rejected([_diagnostic(NOT_CONVERTIBLE, source, error.fact, error.fix)]) from None


def _diagnostic(rule: Rule, source: Source, fact: str, fix: str) -> Diagnostic:
    return Diagnostic(rule, Span.of_file(source.name), fact, fix)


def _refuse_losses(source: Source, losses: Sequence[Remark]) -> None:
    if losses:
        fix = "change it there, or add `--partial`."
        raise Rejected([_diagnostic(NOT_SAYABLE, source, f"{loss}", fix) for loss in losses])


def _say(converted: Converted, problems: Sequence[Diagnostic]) -> None:
    for remark in converted.notes:
        click.echo(f"note: {remark}", err=True)
    for remark in converted.losses:
        click.echo(f"not converted: {remark}", err=True)
    report(problems)


def _written(converted: Converted, file: Path, output: str) -> int:
    if output == "-":
        click.echo(converted.text, nl=False)
        return OK
    path = Path(output)
    if os.path.realpath(path) == os.path.realpath(file):
        raise click.UsageError(f"{path} is the source itself; choose another file with -o.")
    for name, text in converted.files.items():
        write_whole(path.parent / name, text)
    write_whole(path, converted.text)
    name = next(iter(converted.document.get("components", {})), "")
    way = f"; use it with `uses: ./{path.name}#{name}`" if converted.kind == "component" else ""
    click.echo(f"{path}: a {converted.kind}{way}", err=True)
    return OK
