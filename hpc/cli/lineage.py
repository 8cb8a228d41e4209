"""`hpc lineage`: which run and which inputs made an artifact, and theirs, as far back as the store knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click

from hpc.cli import OK
from hpc.cli.ancestry import IMPORTED, Asked, Made, Tracer, Use, uses
from hpc.cli.columns import listed, moment, printable, shortened, value_text
from hpc.cli.history import (
    STATES,
    UNKNOWN_ORIGIN,
    UNKNOWN_OUTPUT,
    History,
    Run,
    as_json,
    format_option,
    reading,
    rejected,
    root_option,
)
from hpc.diagnostics import Rejected
from hpc.engines.local.store import UnknownRunError
from hpc.engines.local.store.records import TaskRecord
from hpc.engines.local.store.uris import plain_uri

_DEEPEST = 100
_MOST_OF_A_PORT = 10
_MOST_USERS = 20
_MOST_OTHERS = 3
_CODE = ("key", "source", "environment", "image")
"""The parts of a fingerprint that say which program it was (see `cache.fingerprint`)."""
_PART_SHOWN = 60
_DIGEST_SHOWN = 12


@click.command("lineage", epilog="Example: hpc lineage last/train/model --users")
@click.argument("what", metavar="PATH|RUN/TASK/OUTPUT")
@click.option("--users", is_flag=True, help="Also the tasks that were given it.")
@click.option(
    "--depth", type=click.IntRange(1, _DEEPEST), default=20, show_default=True, help="How many tasks back at most."
)
@root_option
@format_option
def command(what: str, users: bool, depth: int, root: Path | None, form: str) -> int:
    """Tell which run and task made an artifact, with which parameters, code and inputs, and what made these.

    PATH is a file or a folder, an artifact or something in it. In RUN/TASK/OUTPUT, RUN is the id of a run, its
    beginning or end, or `last`; TASK is a path or its end; RUN/OUTPUT is an output of the pipeline. A result that was
    taken from a former run leads to the run that made it.
    """
    with reading(root) as history:
        asked = _found(history, what)
        tracer = Tracer(history, depth, _MOST_OF_A_PORT if form == "text" else None)
        made = [tracer.traced(each) for each in asked]
        used = [use for each in asked if each.uri for use in uses(history, each.uri)] if users else []
    if form == "json":
        told: dict[str, object] = {"asked": what, "lineage": [_for_machines(each) for each in made]}
        click.echo(as_json({**told, "users": [vars(each) for each in used]} if users else told))
        return OK
    lines = [line for each in made for line in _tree(each)]
    if users:
        lines += listed("used by", [_use(each) for each in used], _MOST_USERS) or ["used by no task"]
    click.echo("\n".join(lines))
    return OK


# ---------------------------------------------------------------- what is asked


def _found(history: History, what: str) -> list[Asked]:
    """What is on disk goes before the name of a run; what is not there any more may still be known."""
    if "://" not in what and os.path.lexists(what):
        return [_at(history, what)]
    run, slash, rest = what.partition("/")
    if slash and run and rest:
        try:
            history.store.run(run)
        except UnknownRunError:
            return [_at(history, what)]
        return _outputs(history, run, rest)
    return [_at(history, what)]


def _at(history: History, what: str) -> Asked:
    """A place that some task has made, the folder around it, or the place that a link leads to."""
    uri = plain_uri(what)
    places = [uri] if "://" in uri else [os.path.abspath(uri), os.path.realpath(uri)]  # noqa: PTH100
    for place in places:
        if history.store.makers(place):
            return Asked(place)
    fact = f"no run in {history.root} has made or imported `{what}`."
    raise rejected(UNKNOWN_ORIGIN, str(history.root), fact, "give an artifact's path, or RUN/TASK/OUTPUT.")


def _outputs(history: History, name: str, rest: str) -> list[Asked]:
    """Artifacts of one port are several where they were collected."""
    run = history.run(name)
    task_name, slash, output = rest.rpartition("/")
    if not slash:
        return _of_pipeline(history, run, output)
    task = history.task(run, task_name)
    result = task.result
    maker = task if result.is_leaf else None
    if output in result.artifacts:
        return [Asked(artifact.uri, maker, output) for artifact in result.artifacts[output]]
    if output in result.outputs:
        return [Asked("", task, output, result.outputs[output])]
    raise _no_output(
        history, f"the task `{task.path}` of the run {run.id}", output, [*result.outputs, *result.artifacts]
    )


def _of_pipeline(history: History, run: Run, output: str) -> list[Asked]:
    found = run.record.artifacts.get(output)
    if found is None:
        raise _no_output(history, f"the run {run.id}", output, run.record.artifacts)
    return [Asked(artifact.uri) for artifact in found]


def _no_output(history: History, owner: str, output: str, known: Iterable[str]) -> Rejected:
    from hpc.components.types import did_you_mean

    fix = did_you_mean(output, known) if known else "see `hpc show` for what there is."
    return rejected(UNKNOWN_OUTPUT, str(history.root), f"{owner} has made no `{output}`.", fix)


# ---------------------------------------------------------------- text


def _tree(made: Made, name: str = "") -> Iterator[str]:
    """What it is, what is known of its making, and the same for each of its inputs, drawn below it."""
    shown = plain_uri(made.uri) if made.uri else f"{made.output} = {value_text(made.value)}"
    yield f"{printable(name)}: {printable(shown)}" if name else printable(shown)
    branches = list(_branches(made))
    for line in _facts(made):
        yield f"{'│' if branches else ' '}  {line}"
    for number, branch in enumerate(branches):
        is_last = number == len(branches) - 1
        for index, line in enumerate(branch):
            yield ("   " if is_last else "│  ") + line if index else ("└─ " if is_last else "├─ ") + line


def _branches(made: Made) -> Iterator[Iterator[str]]:
    for name, found in made.inputs.items():
        yield from (_tree(each, name) for each in found)
        if name in made.left_out:
            yield iter([f"{printable(name)}: and {made.left_out[name]} more"])


def _facts(made: Made) -> Iterator[str]:
    maker = made.maker
    if maker is None:
        yield "not made by a run that is known here"
        return
    if made.artifact != plain_uri(made.uri):
        yield f"part of {printable(made.artifact)}"
    if maker.result.kind == "importer":
        yield f"imported by {_place(maker, made.pipeline)}"
    else:
        yield f"{printable(made.output)} of {_place(maker, made.pipeline)}"
    if made.taken_by is not None:
        yield f"taken over by {_place(made.taken_by)}"
    if made.rest == "above":
        yield "see above"
        return
    yield from _making(maker)
    if made.others:
        named = [f"{printable(other.path)}, run {other.run}" for other in made.others[:_MOST_OTHERS]]
        more = f" and {len(made.others) - _MOST_OTHERS} more" if len(made.others) > _MOST_OTHERS else ""
        yield f"written before by {'; '.join(named)}{more}"
    if made.rest == "deeper":
        yield "and so on: see more with --depth"


def _making(maker: TaskRecord) -> Iterator[str]:
    """The parameters and the code."""
    parameters = [f"{printable(name)}={value_text(value, _PART_SHOWN)}" for name, value in maker.inputs.items()]
    if parameters:
        yield f"parameters: {', '.join(parameters)}"
    code = [f"{part} {_part(maker.parts[part])}" for part in _CODE if maker.parts.get(part)]
    if code:
        yield f"code: {', '.join(code)}"


def _part(text: str) -> str:
    """A part of a fingerprint: of a digest only the beginning, which is enough to tell it from others."""
    words = [word[:_DIGEST_SHOWN] if _is_digest(word) else word for word in text.split()]
    return shortened(printable(" ".join(words)), _PART_SHOWN)


def _is_digest(word: str) -> bool:
    return len(word) >= 40 and all(char in "0123456789abcdef" for char in word)


def _place(task: TaskRecord, pipeline: str = "") -> str:
    when = f", {moment(task.result.start)}" if task.result.start is not None else ""
    return f"{printable(task.path)}, run {task.run}{f' of {printable(pipeline)}' if pipeline else ''}{when}"


def _use(use: Use) -> str:
    when = f", {moment(use.start)}" if use.start is not None else ""
    return f"{printable(use.path)}, run {use.run}, as {printable(use.input)}, {STATES[use.state]}{when}"


# ---------------------------------------------------------------- machines


def _for_machines(made: Made) -> dict[str, object]:
    """The tree as objects: `made_by` with all that the maker's result depends on, and `inputs` by port."""
    shown: dict[str, object] = {"uri": made.uri, "artifact": made.artifact, "value": made.value}
    if made.maker is None:
        return {**shown, "made_by": None, "inputs": {}}
    maker = {**_task(made.maker), "pipeline": made.pipeline, "output": made.output}
    inputs = {name: [_for_machines(each) for each in found] for name, found in made.inputs.items() if name != IMPORTED}
    source = [_for_machines(each) for each in made.inputs.get(IMPORTED, ())]
    return {
        **shown,
        "made_by": {**maker, "imported": made.maker.result.kind == "importer"},
        "imported_from": source[0] if source else None,
        "taken_by": _name(made.taken_by) if made.taken_by else None,
        "written_before_by": [_name(other) for other in made.others],
        "inputs": inputs,
        "more": made.rest or None,
    }


def _task(task: TaskRecord) -> dict[str, object]:
    return {
        **_name(task),
        "component": task.component,
        "start": task.result.start,
        "end": task.result.end,
        "parameters": task.inputs,
        "parts": task.parts,
        "fingerprint": task.fingerprint,
    }


def _name(task: TaskRecord) -> Mapping[str, str]:
    return {"run": task.run, "path": task.path}
