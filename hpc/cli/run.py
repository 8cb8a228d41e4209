"""`hpc run`: compile for this machine if need be, and hand the compiled documents to the local engine."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hpc.cli import CANCELLED, OK, RUN_FAILED
from hpc.cli.compiled import Documents, documents, is_compiled
from hpc.cli.disk import Folder, read_source
from hpc.cli.messages import report
from hpc.cli.options import choice_options, chosen, source_argument
from hpc.cli.progress import output_rows, watch
from hpc.compiler import Choice, compile
from hpc.compiler.targets import TARGETS
from hpc.components.ports import InputPort, objection
from hpc.components.types import did_you_mean
from hpc.diagnostics import Diagnostic, Rejected, Rule, Source, Span
from hpc.engines import ENGINES, Engine, Outcome, Request, engine
from hpc.engines.local.plan.rules import UNKNOWN_ARGUMENT, WRONG_ARGUMENT

OUTSIDE_LIMITS = Rule(
    "HPC911",
    "argument outside its limits",
    "`choices`, `min`, `max` and `pattern` of an input hold for arguments too.",
    "Give another value.",
)
RULES = (OUTSIDE_LIMITS,)

_EXIT_CODES = {"SUCCEEDED": OK, "FAILED": RUN_FAILED, "CANCELLED": CANCELLED}


@click.command("run", epilog="Example: hpc run pipeline.yaml -i lr=0.01 -i 'name=first, try'")
@source_argument
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
    "--on", "engine_name", type=click.Choice(list(ENGINES)), default="local", show_default=True, help="Where to run."
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Tasks at the same time.  [default: one per processor]")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for runs.  [default: targets.local.root, else .hpc]",
)
def command(
    file: Path,
    inputs: tuple[str, ...],
    profiles: tuple[str, ...],
    settings: tuple[str, ...],
    engine_name: str,
    jobs: int | None,
    root: Path | None,
) -> int:
    """Run FILE, a pipeline file or a compiled one, on this machine.

    A pipeline file is compiled first and only the result is run. Outputs of the pipeline are printed on stdout.
    """
    gc.enable()
    source, runner = read_source(file), engine(engine_name)
    given = _Given(_split(inputs), runner)
    if is_compiled(source.text):
        if profiles or settings:
            raise click.UsageError(f"--profile and --set act on a pipeline file, but {file} is a compiled one.")
        spec, platform = documents(source)
        arguments = given.typed(_parameter_types(spec))
    else:
        spec, platform, arguments, own_root = _compiled(source, file, chosen(profiles, settings), given)
        root = root or file.parent / own_root
    request = Request(file.parent, os.environ, arguments, root, jobs, str(file))
    with watch(sys.stderr, live=sys.stderr.isatty()) as view:
        outcome = runner.run(spec, platform, request, view)
    if outcome.state == "SUCCEEDED":
        _print_outputs(outcome)
    return _EXIT_CODES[outcome.state]


@dataclass(frozen=True)
class _Given:
    """What `-i` says, as texts by name, and the engine that reads them."""

    texts: Mapping[str, str]
    engine: Engine

    def typed(self, types: Mapping[str, str]) -> dict[str, object]:
        """Arguments as values of their inputs' types; every argument that is not one is reported."""
        values: dict[str, object] = {}
        found: list[Diagnostic] = []
        for name, text in self.texts.items():
            where = Span.of_file(f"-i {name}")
            if name not in types:
                fact = f"the pipeline has no input `{name}`."
                found.append(Diagnostic(UNKNOWN_ARGUMENT, where, fact, did_you_mean(name, types)))
                continue
            try:
                values[name] = self.engine.parse_argument(text, types[name])
            except ValueError as error:
                fact = f"the input `{name}`: {error}."
                found.append(Diagnostic(WRONG_ARGUMENT, where, fact, "give a value of that type."))
        if found:
            raise Rejected(found)
        return values


def _split(inputs: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for text in inputs:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"-i {text}: write NAME=VALUE.")
        if name in given:
            raise click.UsageError(f"-i {name} is given twice; which of the values is meant?")
        given[name] = value
    return given


def _compiled(
    source: Source, file: Path, choice: Choice, given: _Given
) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, object], str]:
    """The documents that run, the arguments as values, and the folder that the file names for runs."""
    compiled = compile(source, TARGETS["local"], Folder(file.parent), choice)
    report(compiled.diagnostics)
    pipeline = compiled.graph.pipeline
    arguments = given.typed({name: port.type.parameter for name, port in pipeline.inputs.items()})
    _check_limits(arguments, pipeline.inputs)
    own_root = pipeline.targets.local.root if pipeline.targets.local else ".hpc"
    return *_read_back(compiled.text), arguments, own_root


def _read_back(text: str) -> Documents:
    """The engine runs what is in the compiled file, so it gets what is read from it."""
    return documents(Source("compiled pipeline", text))


def _parameter_types(spec: Mapping[str, Any]) -> dict[str, str]:
    try:
        parameters = spec["root"]["inputDefinitions"]["parameters"]
        return {name: str(port["parameterType"]) for name, port in parameters.items()}
    except (KeyError, TypeError, AttributeError):
        return {}


def _check_limits(arguments: Mapping[str, Any], ports: Mapping[str, InputPort]) -> None:
    found: list[Diagnostic] = []
    for name, value in arguments.items():
        trouble = objection(ports[name], ports[name].type, value)
        if trouble:
            where, fact = Span.of_file(f"-i {name}"), f"the value {trouble[0]}."
            found.append(Diagnostic(OUTSIDE_LIMITS, where, fact, "give another value."))
    if found:
        raise Rejected(found)


def _print_outputs(outcome: Outcome) -> None:
    for name, value in output_rows(outcome):
        click.echo(f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
