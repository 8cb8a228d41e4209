"""`hpc hydra keys`: what the overrides of a component and the `as` of its ports can name."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from hpc.cli.completion import component_names
from hpc.cli.disk import Folder, read_source
from hpc.cli.listing import as_json, as_text
from hpc.cli.options import choice_options, chosen, source_argument
from hpc.compiler import located_in, understood
from hpc.compiler.authoring import App, Apps, Listing, listings
from hpc.compiler.composition.findings import DOES_NOT_COMPOSE
from hpc.compiler.link.components import KIND_NAMES, Declared
from hpc.components.container import ContainerComponent
from hpc.components.types import did_you_mean
from hpc.diagnostics import Diagnostic, Place, Rejected
from hpc.spec.program import Program, is_library

NO_HYDRA = "Hydra is not installed beside hpc; run: pip install 'hydra-pipeline-compiler[hydra]'"


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Components for a shell that completes."""
    del param
    found = component_names(ctx.params.get("file"))
    return [CompletionItem(name, help=about) for name, about in found.items() if name.startswith(incomplete)]


@click.command(
    "keys",
    short_help="List the groups and keys that a component can set.",
    epilog="Example: hpc hydra keys pipeline.yaml train model=vit --format json",
)
@source_argument
@click.argument("component", shell_complete=_names)
@click.argument("overrides", nargs=-1, metavar="[OVERRIDE]...")
@choice_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    file: Path,
    component: str,
    overrides: tuple[str, ...],
    profiles: tuple[str, ...],
    settings: tuple[str, ...],
    form: str,
) -> int:
    """List the config groups and keys of COMPONENT of FILE, with their options, types and defaults.

    What the component itself chooses from a group, e.g. `overrides: {model: resnet}`, is chosen here too; its other
    constants do not change the defaults. An OVERRIDE in Hydra's words is applied besides: `model=vit` shows the keys of
    that option. `???` marks a key that has no value until something gives it one.
    """
    files = Folder(file.parent)
    program, _ = understood(read_source(file), files, chosen(profiles, settings))
    _known(program, file, component)
    with located_in(program.document):
        apps = Apps(program, files)
        app = apps.of_component(component)
        if app is None:
            raise click.UsageError(f"`{component}` {_why_not(apps.declared(component))}")
        listing = _listing(app, Place((*apps.declared(component).path, "config"), on="key"), files, overrides)
    click.echo(as_json(component, app, listing) if form == "json" else as_text(component, app, listing))
    return 0


def _known(program: Program, file: Path, name: str) -> None:
    """Raises UsageError if there is no such component."""
    pipeline = program.main.pipeline
    if name not in pipeline.components:
        step = pipeline.steps.get(name)
        fix = f"it is a step of `{step.uses}`." if step and step.uses else did_you_mean(name, pipeline.components)
        raise click.UsageError(f"{file} has no component `{name}`: {fix}")


def _why_not(declared: Declared) -> str:
    """Why nothing can be listed for a component."""
    component, home = declared.component, declared.file
    if home.path and is_library(str(home.path[0])):
        return "is an entry of the library, whose configuration is its own."
    if not isinstance(component, ContainerComponent):
        return f"is {KIND_NAMES[type(component)]}, which has no Hydra configuration."
    if not component.is_hydra:
        return f"says `cli: {component.cli}`, so its program takes no Hydra overrides."
    return (
        "does not say which Hydra configuration it has, and its program is not seen to: add "
        "`config: {dir: ./conf, name: config}`, with the folder from this file and the primary config."
    )


def _listing(app: App, place: Place, files: Folder, words: tuple[str, ...]) -> Listing:
    """What can be listed. If it does not compose, that is due to the command line if that has words of its own."""
    [listing] = listings([app], files, words)
    if listing is None:
        raise click.ClickException(NO_HYDRA)
    trouble = listing.listed.trouble
    if listing.listed.failed:
        raise click.ClickException(f"Hydra could not be asked: {trouble}")
    for note in listing.listed.notes:
        click.echo(f"note: {note}", err=True)
    if trouble and words:
        raise click.UsageError(f"with {' '.join(words)} the configuration does not compose: {trouble}")
    if trouble:
        given = f" with {' '.join(listing.words)}" if listing.words else ""
        fact = f"{app.config.folder}/{app.config.name}.yaml does not compose{given}: {trouble.rstrip('.')}."
        fix = "mend it, correct `config`, or give what it lacks behind the component, as in `model=vit`."
        raise Rejected([Diagnostic(DOES_NOT_COMPOSE, place, fact, fix)])
    return listing
