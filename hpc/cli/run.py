"""`hpc run`: compile if need be, and hand the compiled documents to the local engine or to a service."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from hpc.cli import OK
from hpc.cli.addresses import Address, FileOrAddress
from hpc.cli.arguments import Given, parameter_types, split
from hpc.cli.compiled import is_compiled
from hpc.cli.disk import Folder, read_source
from hpc.cli.history import as_json
from hpc.cli.messages import report
from hpc.cli.options import choice_options, chosen, no_choices
from hpc.cli.progress import watch
from hpc.cli.services import place_options
from hpc.cli.showing import show_outcome
from hpc.cli.submission import submit
from hpc.diagnostics import Source
from hpc.engines import ENGINES, SERVICES, Engine, Mode, Planned, Request, engine
from hpc.engines.documents import documents
from hpc.engines.task_names import Names, row_of

_ROOT = ".hpc"
_OF_THIS_MACHINE = frozenset({"mode", "jobs", "resume", "only", "start_at", "mounts", "logs"})
_OF_SERVICES = frozenset({"project", "region", "host", "namespace", "run_name", "detach"})
"""The options that mean nothing elsewhere."""

_OF_PROCESSES = {"HPC512", "HPC514"}
"""Notes on where and with what a host process runs, which are not true of containers."""


@click.command(
    "run",
    epilog="Example: hpc run pipeline.yaml -i lr=0.01 -i 'name=first, try'",
)
@click.argument("file", type=FileOrAddress(), required=False)
@click.option(
    "-i",
    "--input",
    "inputs",
    metavar="NAME=VALUE",
    multiple=True,
    help="A run parameter: text as it is, lists and dicts as JSON. May be repeated.",
)
@choice_options
@click.option(
    "--on",
    "engine_name",
    type=click.Choice([*ENGINES, *SERVICES]),
    default="local",
    show_default=True,
    help="Where to run.",
)
@place_options
@click.option("--name", "run_name", metavar="RUN", help="Name of the run on a service: asked for twice, it is one run.")
@click.option("--detach", is_flag=True, help="Print the name of the run on a service and do not wait for its end.")
@click.option(
    "--mode",
    type=click.Choice(["process", "docker", "podman"]),
    help="How tasks run here: as host processes, or in containers.  [default: targets.local.mode, else process]",
)
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), help="Tasks at the same time.  [default: one per processor, at least 2]"
)
@click.option(
    "--root",
    metavar="FOLDER",
    help="Folder for runs, of a service for artifacts.  [default: targets.<on>.root; here .hpc]",
)
@click.option("--resume", metavar="RUN", help="Go on with a run, or with the `last` one, keeping what still holds.")
@click.option("--only", metavar="STEP", multiple=True, help="Run this step alone, on results of a former run.")
@click.option("--from", "start_at", metavar="STEP", multiple=True, help="Run this step and all that follows it.")
@click.option("--no-cache", is_flag=True, help="Take no results of former runs.")
@click.option("--fail-fast", is_flag=True, help="Start nothing more after a failure.")
@click.option("--dry-run", is_flag=True, help="Say what would run and why, and start nothing.")
@click.option(
    "--mount",
    "mounts",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="A further folder that containers can write. May be repeated.",
)
@click.option(
    "--logs", type=click.Choice(["errors", "all"]), default="errors", show_default=True, help="What tasks print, shown."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Form of the result.")
@click.pass_context
def command(context: click.Context, **options: Any) -> int:
    """Run FILE, a pipeline file or a compiled one, on this machine or on a service.

    A pipeline file is compiled first and only the result is run. Outputs of the pipeline are printed on stdout. With
    --resume, FILE may be left out: what the run was given is kept with it. On a service, FILE may be the address of a
    pipeline that `hpc publish` has put there.
    """
    name, file = options["engine_name"], options["file"]
    if isinstance(file, Address) and not _was_given(context, "engine_name"):
        name = file.service
    if name in SERVICES:
        _only_options_of(context, _OF_THIS_MACHINE, "is for runs on this machine")
        return submit(name, file, options)
    if isinstance(file, Address):
        raise click.UsageError(f"a published pipeline is run where it is kept: --on {file.service}.")
    _only_options_of(context, _OF_SERVICES, "is for runs on a service; say which with --on")
    return _run_here(_Asked(**{key: value for key, value in options.items() if key not in _OF_SERVICES}))


def _only_options_of(context: click.Context, others: Container[str], why_not: str) -> None:
    """Raises UsageError for an option that was given and means nothing here."""
    for option in context.command.params:
        if option.name in others and _was_given(context, str(option.name)):
            raise click.UsageError(f"{option.opts[-1]} {why_not}.")


def _was_given(context: click.Context, option: str) -> bool:
    return context.get_parameter_source(option) is ParameterSource.COMMANDLINE


def _run_here(asked: _Asked) -> int:
    gc.enable()
    runner = engine(asked.engine_name)
    job = _job(asked, runner)
    if asked.dry_run:
        return _show_plan(runner.rehearse(job.spec, job.platform, job.request), asked.form)
    logs = runner.masker(job.platform, os.environ) if asked.logs == "all" else False
    with watch(sys.stderr, live=_is_live(asked), logs=logs, resume=_resume_hint(job.request.root_folder)) as view:
        outcome = runner.run(job.spec, job.platform, job.request, view)
    return show_outcome(outcome, asked.form)


@dataclass(frozen=True)
class _Asked:
    """The options, by name."""

    file: Path | None
    inputs: tuple[str, ...]
    profiles: tuple[str, ...]
    settings: tuple[str, ...]
    engine_name: str
    mode: Mode | None
    jobs: int | None
    root: str | None
    resume: str | None
    only: tuple[str, ...]
    start_at: tuple[str, ...]
    no_cache: bool
    fail_fast: bool
    dry_run: bool
    mounts: tuple[Path, ...]
    logs: str
    form: str

    def request(self, base: Path, source: str, place: _Place, arguments: Mapping[str, object]) -> Request:
        return Request(
            base=base,
            environ=os.environ,
            arguments=arguments,
            root=place.root,
            jobs=self.jobs,
            source=source,
            fail_fast=self.fail_fast,
            mode=place.mode,
            cache=not self.no_cache,
            resume=self.resume,
            only=self.only,
            start_at=self.start_at,
            mounts=tuple(folder.absolute() for folder in self.mounts),
        )


@dataclass(frozen=True)
class _Place:
    """Where runs are kept, and how tasks run."""

    root: Path
    mode: Mode


@dataclass(frozen=True)
class _Job:
    """What goes to the engine."""

    spec: dict[str, Any]
    platform: dict[str, Any] | None
    request: Request


def _job(asked: _Asked, runner: Engine) -> _Job:
    if asked.file is None:
        return _former(asked, runner)
    source = read_source(asked.file)
    if is_compiled(source.text):
        return _compiled(asked, asked.file, source, runner)
    return _fresh(asked, asked.file, source, runner)


def _former(asked: _Asked, runner: Engine) -> _Job:
    """A run that is gone on with from what is kept of it."""
    if asked.resume is None:
        raise click.UsageError("name a pipeline FILE, or a run to --resume.")
    no_choices(asked.profiles, asked.settings, "a pipeline FILE")
    root = Path(asked.root or _ROOT)
    former = runner.former_run(root, asked.resume, "--resume")
    given = Given(split(asked.inputs), former.arguments)
    place = _Place(root, asked.mode or former.mode)
    arguments = given.typed(parameter_types(former.spec))
    return _Job(former.spec, former.platform, asked.request(Path(former.base), former.source, place, arguments))


def _compiled(asked: _Asked, file: Path, source: Source, runner: Engine) -> _Job:
    no_choices(asked.profiles, asked.settings, f"a pipeline file, but {file} is a compiled one")
    spec, platform = documents(source)
    place = _Place(Path(asked.root) if asked.root else file.parent / _ROOT, asked.mode or "process")
    arguments = _given(asked, runner, place.root).typed(parameter_types(spec))
    return _Job(spec, platform, asked.request(file.parent, str(file), place, arguments))


def _fresh(asked: _Asked, file: Path, source: Source, runner: Engine) -> _Job:
    """Compiled now. The engine runs what is in the compiled file, so it gets what is read from it."""
    from hpc.compiler import compile
    from hpc.compiler.targets import TARGETS

    compiled = compile(source, TARGETS["local"], Folder(file.parent), chosen(asked.profiles, asked.settings))
    pipeline = compiled.graph.pipeline
    local = pipeline.targets.local
    place = _Place(
        Path(asked.root) if asked.root else file.parent / (local.root if local else _ROOT),
        asked.mode or (local.mode if local else "process"),
    )
    report([one for one in compiled.diagnostics if place.mode == "process" or one.rule.code not in _OF_PROCESSES])
    arguments = _given(asked, runner, place.root).within_limits(pipeline.inputs)
    spec, platform = documents(Source("compiled pipeline", compiled.text))
    return _Job(spec, platform, asked.request(file.parent, str(file), place, arguments))


def _given(asked: _Asked, runner: Engine, root: Path) -> Given:
    """The arguments of this command, over those of the run that is gone on with."""
    partial = asked.only or asked.start_at
    before: Mapping[str, object] = {}
    if asked.resume and not partial:
        before = runner.former_run(root, asked.resume, "--resume").arguments
    return Given(split(asked.inputs), before)


def _is_live(asked: _Asked) -> bool:
    return asked.form == "text" and asked.logs != "all" and sys.stderr.isatty()


def _resume_hint(root: Path) -> str:
    """The command to go on with, as it works from here."""
    if root == Path(_ROOT).absolute():
        return "hpc run --resume {run}"
    return f"hpc run --resume {{run}} --root {shlex.quote(os.path.relpath(root))}"


def _show_plan(planned: list[Planned], form: str) -> int:
    if form == "json":
        click.echo(as_json([vars(one) for one in planned], indent=None))
        return OK
    names = Names(dict.fromkeys(row_of(one.task) for one in planned))
    shown = [names.of(one.task) for one in planned]
    width = max(map(len, shown), default=0)
    for one, name in zip(planned, shown, strict=True):
        click.echo(f"{one.what:<8} {name:<{width}}  {one.reason}".rstrip())
    return OK
