"""`hpc doctor`: whether what a pipeline needs is there, on this machine and on the services that it names."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from hpc.cli import OK, REJECTED
from hpc.cli.columns import printable
from hpc.cli.history import as_json, format_option
from hpc.cli.needs import Needs, needs_of
from hpc.cli.options import choice_options, chosen, no_choices
from hpc.cli.services import DEFAULT_FILE, PLACES, TITLES, place_options, settings_of
from hpc.diagnostics import Rejected
from hpc.engines import SERVICES
from hpc.engines.health import Check, Finding, Probe, State, examined, ok, warning, wrong
from hpc.engines.local import health as local
from hpc.version import __version__

_CALLED = {"file": "pipeline file", "local": "this machine", **TITLES}
_COLORS: Mapping[State, str] = {"ok": "32", "warning": "33", "wrong": "31", "skipped": "2"}
_ORDER: tuple[State, ...] = ("ok", "warning", "wrong", "skipped")
_FILE = "file"


@click.command("doctor", epilog="Example: hpc doctor pipeline.yaml --on vertex")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--on",
    "name",
    type=click.Choice(["local", *SERVICES]),
    help="Look at this place alone.  [default: this machine, and the services in `targets`]",
)
@click.option("--root", metavar="FOLDER", help="Folder for runs, of a service for artifacts.  [default: that of FILE]")
@choice_options
@place_options
@format_option
def command(file: Path | None, form: str, **options: Any) -> int:
    """Look whether what FILE needs is there, and say what to do where it is not.

    Nothing is changed, started or paid for. FILE is pipeline.yaml, if it is here. The exit code is 1 if something is
    wrong; a warning is no error.
    """
    name: str | None = options["name"]
    path = file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if path is None:
        no_choices(options["profiles"], options["settings"], "a pipeline file; name it")
    if options["root"] and name is None:
        raise click.UsageError("--root belongs to one place; say which with --on.")
    needs, probes = _read(path, options)
    for where in [name] if name else _places(needs, options):
        probes += _PROBES[where](where, needs, path, options)
    checks = _shown(probes) if form == "text" else list(examined(probes))
    if form == "json":
        click.echo(as_json([vars(check) for check in checks]))
    return REJECTED if any(check.state == "wrong" for check in checks) else OK


def _read(path: Path | None, options: Mapping[str, Any]) -> tuple[Needs, list[Probe]]:
    """What the file needs, and a probe that says whether it can be told."""
    if path is None:
        return Needs(), []
    try:
        needs = needs_of(path, chosen(options["profiles"], options["settings"]))
    except Rejected as error:
        first = error.diagnostics[0]
        where = f"{first.span.source.name}:{first.span.position[0]}"
        finding = wrong(f"{where}: {first.fact.rstrip('.')}", f"hpc check {path}")
        return Needs(), [Probe(_FILE, _FILE, lambda: finding)]
    return needs, [Probe(_FILE, _FILE, partial(ok, str(path)))]


def _places(needs: Needs, options: Mapping[str, Any]) -> list[str]:
    """This machine, and the services that the file or an option names."""
    given = {service for option, service in PLACES.items() if options[option] is not None}
    return ["local", *(name for name in SERVICES if name in given or getattr(needs.targets, name, None) is not None)]


# ---------------------------------------------------------------- what to look at


def _local(_: str, needs: Needs, path: Path | None, options: Mapping[str, Any]) -> list[Probe]:
    target = needs.targets.local if needs.targets else None
    folder = path.parent if path else Path()
    mode = target.mode if target else "process"
    secrets = {name: secret.local for name, secret in needs.secrets.items() if secret.local}
    uses = local.Uses(
        root=Path(options["root"]) if options["root"] else folder / (target.root if target else ".hpc"),
        hydra=needs.hydra and mode == "process",
        optuna=needs.optuna,
        engine="" if mode == "process" else mode,
        builds=any(image.build for image in needs.images.values()),
        secrets=secrets,
    )
    return local.probes(uses, os.environ, __version__)


def _vertex(where: str, needs: Needs, _: Path | None, options: Mapping[str, Any]) -> list[Probe]:
    from hpc.compiler.machines import shipped
    from hpc.engines.vertex import health

    secrets = {name: secret.vertex for name, secret in needs.secrets.items() if secret.vertex}
    settings = _settings(where, needs, options)
    uses = health.Uses(_apis(needs, settings, secrets), secrets, shipped().regions, needs.scheduled)
    return [*health.probes(settings, os.environ, uses), *_image_probes(where, needs)]


def _apis(needs: Needs, settings: Mapping[str, object], secrets: Mapping[str, str]) -> tuple[str, ...]:
    registry = bool(settings.get("packages")) or any("pkg.dev/" in image.uri for image in needs.images.values())
    wanted = {"secretmanager": bool(secrets), "artifactregistry": registry, "bigquery": needs.bigquery}
    return tuple(name for name, is_used in wanted.items() if is_used)


def _kfp(where: str, needs: Needs, _: Path | None, options: Mapping[str, Any]) -> list[Probe]:
    from hpc.engines.kfp import health

    secrets = {name: secret.kfp for name, secret in needs.secrets.items() if secret.kfp}
    settings = _settings(where, needs, options)
    return [*health.probes(settings, os.environ, secrets), *_image_probes(where, needs)]


_PROBES = {"local": _local, "vertex": _vertex, "kfp": _kfp}


def _settings(where: str, needs: Needs, options: Mapping[str, Any]) -> dict[str, object]:
    """The settings of one service. Where several are looked at, options of another one are for that."""
    own = {option: options[option] for option, service in PLACES.items() if options["name"] or service == where}
    root = {"root": options["root"].rstrip("/")} if options["root"] else {}
    return {**settings_of(where, needs.targets, own), **root}


def _image_probes(where: str, needs: Needs) -> list[Probe]:
    """Whether the images are in their registries, from where the service takes them."""
    from hpc.images.credentials import Credentials
    from hpc.images.registry import Registries

    registries = Registries(Credentials(os.environ))
    return [
        Probe(where, f"image {name}", partial(_image, registries, image.pinned, bool(image.build)))
        for name, image in needs.images.items()
    ]


def _image(registries: Any, address: str, is_built: bool) -> Finding:
    from hpc.images.findings import NOT_THERE, ImageTrouble
    from hpc.images.registry import BRIEF

    try:
        return ok(f"{address.partition('@')[0]}, {registries.digest(address, BRIEF)[:19]}…")
    except ImageTrouble as trouble:
        fact, fix = trouble.fact.rstrip("."), trouble.fix.rstrip(".")
        if trouble.rule is NOT_THERE:
            return wrong(fact, "hpc build --push" if is_built else fix)
        return warning(f"{fact}; the service may be allowed what this machine is not", fix)


# ---------------------------------------------------------------- what is shown


def _shown(probes: Sequence[Probe]) -> list[Check]:
    """The checks, each written as soon as it is known."""
    width = max(len(probe.title) for probe in probes)
    seen: list[Check] = []
    for check in examined(probes):
        if not seen or seen[-1].where != check.where:
            click.echo(_CALLED[check.where])
        seen.append(check)
        for line in _lines(check, width):
            click.echo(line)
    click.echo(_counted(seen), err=True)
    return seen


def _lines(check: Check, width: int) -> Iterable[str]:
    mark = _painted(f"{check.state:<7}", check.state)
    yield f"  {mark}  {check.title:<{width}}  {printable(check.detail)}".rstrip()
    if check.fix:
        yield f"  {'':<7}  {'':<{width}}    {printable(check.fix)}"


def _painted(text: str, state: State) -> str:
    """https://no-color.org, and only where a person looks."""
    is_plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR")
    return text if is_plain else f"\x1b[{_COLORS[state]}m{text}\x1b[0m"


def _counted(checks: Sequence[Check]) -> str:
    counts = Counter(check.state for check in checks)
    return ", ".join(f"{counts[state]} {state}" for state in _ORDER if counts[state])
