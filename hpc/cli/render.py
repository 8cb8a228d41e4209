"""`hpc render`: every component of a pipeline as a KFP component file of its own."""

from __future__ import annotations

from pathlib import Path

import click

from hpc.cli.disk import Folder, read_source, write_whole
from hpc.cli.messages import report
from hpc.cli.options import choice_options, chosen, source_argument
from hpc.compiler import compile_components
from hpc.compiler.targets import TARGETS


@click.command("render", epilog="Example: hpc render pipeline.yaml -o components")
@source_argument
@click.option(
    "-o", "--output", metavar="DIR", help="Folder to write to, - for stdout.  [default: <stem>.components beside FILE]"
)
@choice_options
@click.option(
    "--target",
    type=click.Choice(["vertex", "kfp"]),
    help="Where the components will run.  [default: the only one that `targets` names, else vertex]",
)
def command(
    file: Path, output: str | None, profiles: tuple[str, ...], settings: tuple[str, ...], target: str | None
) -> int:
    """Write the components of FILE as KFP component YAML.

    kfp.components.load_component_from_file reads them, so that a pipeline written by hand can use them.
    """
    chosen_target = TARGETS[target] if target else None
    texts, found = compile_components(read_source(file), chosen_target, Folder(file.parent), chosen(profiles, settings))
    report(found)
    if output == "-":
        click.echo("---\n".join(texts.values()), nl=False)
        return 0
    folder = Path(output) if output else file.with_name(f"{file.stem}.components")
    for name, text in texts.items():
        write_whole(folder / f"{name}.yaml", text)
    click.echo(f"{folder}: {len(texts)} components", err=True)
    return 0
