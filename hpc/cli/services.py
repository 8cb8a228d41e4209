"""What the commands share that reach a service: which one, where it is, and what a pipeline file says of both."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hpc.cli.compiled import is_compiled
from hpc.cli.disk import Folder, read_source
from hpc.cli.messages import report
from hpc.cli.options import choice_options, chosen, no_choices
from hpc.diagnostics import Source
from hpc.engines import SERVICES, connect
from hpc.engines.service import Service

if TYPE_CHECKING:
    from hpc.compiler import Choice, Compiled
    from hpc.spec.model import Targets

_Function = TypeVar("_Function", bound=Callable[..., Any])

DEFAULT_FILE = Path("pipeline.yaml")
TITLES = {"vertex": "Vertex AI", "kfp": "Kubeflow Pipelines"}

PLACES = {"project": "vertex", "region": "vertex", "host": "kfp", "namespace": "kfp"}
"""The options that say where a service is, and the service that each one means."""


on_option = click.option(
    "--on",
    "name",
    type=click.Choice(list(SERVICES)),
    help="The service.  [default: the only one of vertex and kfp in `targets`]",
)


def place_options(function: _Function) -> _Function:
    """`--project`, `--region`, `--host` and `--namespace`, which take the place of what the file says."""
    for option, text in (
        ("--namespace", "Kubernetes namespace of the runs.  [default: targets.kfp.namespace]"),
        ("--host", "Address of Kubeflow Pipelines.  [default: targets.kfp.host, else KF_PIPELINES_ENDPOINT]"),
        ("--region", "Region of Vertex AI.  [default: targets.vertex.region, else GOOGLE_CLOUD_LOCATION]"),
        ("--project", "Google Cloud project.  [default: targets.vertex.project, else that of the credentials]"),
    ):
        function = click.option(option, metavar="NAME" if option != "--host" else "URL", help=text)(function)
    return function


on_a_service_or_here = click.option(
    "--on", "name", type=click.Choice(list(SERVICES)), help="The service.  [default: this machine]"
)


def service_options(function: _Function, on: Callable[[_Function], _Function] = on_option) -> _Function:
    """What names a service apart from a pipeline to be run: `--on`, a file whose `targets` say where, and options."""
    function = choice_options(place_options(function))
    function = click.option(
        "-f",
        "--file",
        type=click.Path(path_type=Path),
        help="Pipeline file whose `targets` say where.  [default: pipeline.yaml, if it is here]",
    )(function)
    return on(function)


def service_of(options: Mapping[str, Any]) -> tuple[str, Service]:
    """The service that `service_options` name, reached."""
    targets = targets_of(options["file"], options["profiles"], options["settings"])
    name = options["name"] or _only(targets)
    return name, reached(name, settings_of(name, targets, options))


def reached(name: str, settings: Mapping[str, object]) -> Service:
    """The service `name`. Why it has to be waited for is said on stderr."""
    return connect(name, settings, os.environ, lambda text: click.echo(f"note: {text}", err=True))


def words_of(name: str, file: Path | None, options: Mapping[str, Any]) -> str:
    """What to write behind another command so that it reaches the same service: `--on vertex --region us-east1`."""
    words = ["--on", name]
    for option in PLACES:
        words += [f"--{option}", str(options[option])] if options.get(option) is not None else []
    if file is not None and file != DEFAULT_FILE:
        words += ["--file", str(file)]
    for profile in options["profiles"] if file or DEFAULT_FILE.exists() else ():
        words += ["--profile", profile]
    return shlex.join(words)


def targets_of(file: Path | None, profiles: tuple[str, ...], settings: tuple[str, ...]) -> Targets | None:
    """The `targets` of a pipeline file; None where there is none, or where it is a compiled one, which has none."""
    if file is None and not DEFAULT_FILE.exists():
        no_choices(profiles, settings, "a pipeline file; name it with --file")
        return None
    source = read_source(file or DEFAULT_FILE)
    return None if is_compiled(source.text) else _targets_in(source, chosen(profiles, settings))


def _targets_in(source: Source, choice: Choice) -> Targets:
    from hpc.compiler import understood

    program, _ = understood(source, _folder_of(source), choice)
    return program.main.pipeline.targets


def compiled_for(name: str | None, source: Source, options: Mapping[str, Any]) -> Compiled:
    """What a pipeline file becomes for the service `name`, else for the only one that it names; warnings are shown."""
    from hpc.compiler import compile
    from hpc.compiler.targets import TARGETS

    choice = chosen(options["profiles"], options["settings"])
    target = TARGETS[name or _only(_targets_in(source, choice))]
    compiled = compile(source, target, _folder_of(source), choice)
    report(compiled.diagnostics)
    return compiled


def _folder_of(source: Source) -> Folder:
    return Folder(Path(source.name).parent)


def settings_of(name: str, targets: Targets | None, options: Mapping[str, Any]) -> dict[str, object]:
    """The fields of `targets.<name>`, with options laid over them. Raises UsageError for options of another service."""
    given = {key: value for key in PLACES if (value := options.get(key)) is not None}
    for key in given:
        if PLACES[key] != name:
            raise click.UsageError(f"--{key} is for {TITLES[PLACES[key]]}, not for {TITLES[name]}.")
    said = getattr(targets, name) if targets is not None else None
    fields: dict[str, object] = said.model_dump(exclude_none=True, exclude={"pipeline"}) if said is not None else {}
    return {**fields, **given}


def _only(targets: Targets | None) -> str:
    named = [name for name in SERVICES if targets is not None and getattr(targets, name) is not None]
    if len(named) != 1:
        raise click.UsageError(f"say which service is meant: --on {' or --on '.join(SERVICES)}.")
    return named[0]
