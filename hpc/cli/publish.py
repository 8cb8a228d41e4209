"""`hpc publish`: a compiled pipeline to where a service keeps pipelines, and tags that say which version is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hpc.cli import OK
from hpc.cli.addresses import Address, FileOrAddress
from hpc.cli.compiled import is_compiled, name_of
from hpc.cli.disk import read_source
from hpc.cli.history import as_json, format_option
from hpc.cli.options import choice_options, no_choices
from hpc.cli.services import compiled_for, on_option, place_options, reached, settings_of
from hpc.diagnostics import Source
from hpc.engines import SERVICES
from hpc.engines.documents import documents
from hpc.engines.service import Package, Published, Service


@click.command("publish", epilog="Example: hpc publish pipeline.yaml --profile prod --tag v3")
@click.argument("what", metavar="FILE|ADDRESS", type=FileOrAddress())
@on_option
@click.option(
    "--to",
    "repository",
    metavar="ADDRESS",
    help="Repository of Artifact Registry, https://<region>-kfp.pkg.dev/<project>/<repository>.  "
    "[default: targets.vertex.packages]",
)
@click.option("--tag", "tags", metavar="NAME", multiple=True, help="A name for this version. May be repeated.")
@choice_options
@place_options
@format_option
def command(what: Path | Address, form: str, **options: Any) -> int:
    """Keep FILE, a pipeline file or a compiled one, where Vertex AI or Kubeflow Pipelines can run it from.

    The address of exactly this version is printed on stdout; `hpc run ADDRESS` runs it. The same file again is the
    same version. With an ADDRESS instead of a file tags are moved to it, and nothing else is done: what was tested is
    what is promoted.
    """
    name, published, service = _promoted(what, options) if isinstance(what, Address) else _kept(what, options)
    published = replace(published, address=str(Address.of(name, published.address)))
    if form == "json":
        click.echo(as_json(vars(published), indent=None))
    else:
        click.echo(published.address)
    _say(published, service, isinstance(what, Address))
    return OK


def _promoted(address: Address, options: Mapping[str, Any]) -> tuple[str, Published, Service]:
    if options["repository"] or options["profiles"] or options["settings"]:
        raise click.UsageError(f"--to, --profile and --set act on a file, but {address} is published already.")
    if not options["tags"]:
        raise click.UsageError("say what to call it: --tag NAME.")
    name = address.on(options["name"])
    service = reached(name, {**address.place, **settings_of(name, None, options)})
    return name, service.tag(address.own, options["tags"]), service


def _kept(file: Path, options: Mapping[str, Any]) -> tuple[str, Published, Service]:
    source = read_source(file)
    read = _compiled if is_compiled(source.text) else _fresh
    name, settings, package = read(source, options)
    if name == "kfp" and package.repository:
        raise click.UsageError("--to is for Vertex AI; Kubeflow Pipelines keeps pipelines itself, see --host.")
    service = reached(name, settings)
    return name, service.publish(package), service


_Order = tuple[str, dict[str, object], Package]


def _compiled(source: Source, options: Mapping[str, Any]) -> _Order:
    no_choices(options["profiles"], options["settings"], f"a pipeline file, but {source.name} is a compiled one")
    name = options["name"] or ("vertex" if options["repository"] else None)
    if name is None:
        raise click.UsageError(f"say which service is meant: --on {' or --on '.join(SERVICES)}.")
    spec, _ = documents(source)
    settings = _settings(settings_of(name, None, options), options)
    return name, settings, Package(name_of(spec), source.text, options["tags"], options["repository"])


def _fresh(source: Source, options: Mapping[str, Any]) -> _Order:
    compiled = compiled_for(options["name"] or ("vertex" if options["repository"] else None), source, options)
    name, pipeline = compiled.target.name, compiled.graph.pipeline
    settings = _settings(settings_of(name, pipeline.targets, options), options)
    repository = options["repository"] or settings.get("packages")
    text = pipeline.description or pipeline.title
    package = Package(pipeline.name, compiled.text, options["tags"], str(repository) if repository else None, text)
    return name, settings, package


def _settings(said: Mapping[str, object], options: Mapping[str, Any]) -> dict[str, object]:
    """The settings, with what the repository's address tells where they say nothing."""
    repository = options["repository"] or said.get("packages")
    return {**(Address(str(repository)).place if repository else {}), **said}


def _say(published: Published, service: Service, only_tags: bool) -> None:
    done = "tagged" if only_tags else "published" if published.is_new else "is there already"
    called = f" as {', '.join(published.tags)}" if published.tags else ""
    click.echo(f"{done}{called}, in {service.where}", err=True)
    if published.link:
        click.echo(f"  {published.link}", err=True)
