"""`hpc compile`: a pipeline file to KFP IR on disk, on stdout, or compared with what is on disk."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from hpc.cli import OK, REJECTED
from hpc.cli.disk import Folder, read_source, write_whole
from hpc.cli.messages import report
from hpc.cli.options import choice_options, chosen, source_argument, target_option
from hpc.compiler import Choice, Compiled, compile
from hpc.compiler.targets import TARGETS


@click.command("compile", epilog="Example: hpc compile pipeline.yaml --profile prod -o build/pipeline.json")
@source_argument
@click.option(
    "-o", "--output", metavar="OUT", help="File to write, - for stdout.  [default: beside FILE, see docs/cli.md]"
)
@choice_options
@target_option
@click.option(
    "--check", is_flag=True, help="Write nothing; show how the file on disk differs, and exit with 1 if it does."
)
def command(
    file: Path,
    output: str | None,
    profiles: tuple[str, ...],
    settings: tuple[str, ...],
    target: str | None,
    check: bool,
) -> int:
    """Compile FILE to KFP IR (PipelineSpec 2.1.0 as JSON).

    The result is written whole or not at all, and only changes if the meaning of the pipeline does.
    """
    if check and output == "-":
        raise click.UsageError("--check compares with a file; name one with -o, or leave -o out.")
    choice = chosen(profiles, settings)
    compiled = compile(read_source(file), TARGETS[target] if target else None, Folder(file.parent), choice)
    report(compiled.diagnostics)
    if output == "-" and not check:
        click.echo(compiled.text, nl=False)
        return 0
    path = Path(output) if output else default_output(file, compiled, choice)
    if os.path.realpath(path) == os.path.realpath(file):
        raise click.UsageError(f"{path} is the source itself; choose another file with -o.")
    if compiled.documents > 1 and path.suffix == ".json":
        fact = f"{path} cannot be JSON: what `{compiled.target.name}` needs besides the pipeline is a second document."
        raise click.UsageError(f"{fact} Name a YAML file with -o, e.g. {path.with_suffix('.ir.yaml')}.")
    if check:
        return _compare(path, compiled.text)
    write_whole(path, compiled.text)
    count = compiled.graph.size
    click.echo(f"{path}: {count} task{'' if count == 1 else 's'} for {compiled.target.title}", err=True)
    if compiled.target.platform == "local" and path.parent.resolve() != file.parent.resolve():
        click.echo(f"its folders start at {file.parent}: put it there to run it", err=True)
    return 0


def default_output(file: Path, compiled: Compiled, choice: Choice) -> Path:
    """Beside the source: `<stem>.json`, with profiles and the target where they are not the default's."""
    middle = "".join(f".{profile}" for profile in choice.profiles)
    if middle or not compiled.is_default:
        middle += f".{compiled.target.name}"
    return file.with_name(f"{file.stem}{middle}{'.json' if compiled.documents == 1 else '.ir.yaml'}")


def _compare(path: Path, text: str) -> int:
    old = read_source(path).text if path.exists() else ""
    if old == text:
        click.echo(f"{path}: up to date", err=True)
        return OK
    from difflib import unified_diff

    lines = unified_diff(
        old.splitlines(keepends=True), text.splitlines(keepends=True), str(path), f"{path} (compiled now)"
    )
    click.echo("".join(lines), nl=False)
    click.echo(f"{path} {'differs' if path.exists() else 'is missing'}. To mend it:\n  {_mending_command()}", err=True)
    return REJECTED


def _mending_command() -> str:
    """The command line of this process without `--check`."""
    return shlex.join(["hpc", *(argument for argument in sys.argv[1:] if argument != "--check")])
