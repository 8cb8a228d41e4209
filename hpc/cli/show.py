"""`hpc show`: a run with its tasks and outputs, or everything about one task."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from hpc.cli import OK
from hpc.cli.columns import Column, ago, listed, moment, printable, size, table, took, value_text
from hpc.cli.history import (
    STATES,
    History,
    Run,
    as_json,
    attempt_as_dict,
    format_option,
    reading,
    root_option,
    run_as_dict,
    task_as_dict,
    why,
)
from hpc.cli.outputs import output_line, output_values
from hpc.cli.words import failure_block
from hpc.engines.events import Failure, TaskFinished
from hpc.engines.local.store.records import AttemptRecord, TaskRecord
from hpc.engines.local.work.logs import tail
from hpc.engines.outcome import Artifact, Artifacts
from hpc.engines.task_names import Names, groups_around, row_of

_TAIL = 20
_MOST_FAILURES = 3
_MOST_ARTIFACTS = 12
_COLUMNS = (Column("task", shrinks=True), Column("state"), Column("took", gives_way=1), Column("note", shrinks=True))


@click.command("show", epilog="Example: hpc show last train")
@click.argument("run")
@click.argument("task", required=False)
@click.option(
    "--all", "everything", is_flag=True, help="Each iteration of loops; of a TASK, what its result depends on."
)
@root_option
@format_option
def command(run: str, task: str | None, everything: bool, root: Path | None, form: str) -> int:
    """Show RUN with its tasks and outputs, or everything about one TASK of it.

    RUN is the id of a run, its beginning or its end, or `last`. TASK is the path of a task, or its end where that is
    enough; `train[2]` is an iteration of a loop.
    """
    with reading(root) as history:
        found = history.run(run)
        if form == "json":
            shown = _run_for_machines(history, found) if task is None else _task_for_machines(history, found, task)
            click.echo(as_json(shown))
        else:
            lines = _run(history, found, everything) if task is None else _task(history, found, task, everything)
            click.echo("\n".join(lines))
    return OK


def _run_for_machines(history: History, run: Run) -> dict[str, object]:
    tasks = {path: task_as_dict(run, task) for path, task in history.tasks(run).items()}
    return {**run_as_dict(run), "tasks": tasks}


def _task_for_machines(history: History, run: Run, name: str) -> dict[str, object]:
    task = history.task(run, name)
    attempts = [attempt_as_dict(attempt) for attempt in history.store.attempts(run.id, task.path)]
    return {**task_as_dict(run, task), "tries": attempts}


# ---------------------------------------------------------------- a run


def _run(history: History, run: Run, everything: bool) -> Iterator[str]:
    tasks = history.tasks(run)
    yield from _head(run)
    yield from ["", *_table(run, tasks, everything)] if tasks else []
    outputs = [printable(output_line(name, value)) for name, value in output_values(run).items()]
    yield from ["", *listed("outputs", outputs)] if outputs else []
    failed = list(_own_failures(tasks))
    for task in failed[:_MOST_FAILURES]:
        yield from ("", *_failure(history, task))
    if len(failed) > _MOST_FAILURES:
        yield from ("", f"and {len(failed) - _MOST_FAILURES} more failed: hpc show {run.id} TASK")
    if run.state in {"FAILED", "CANCELLED", "INTERRUPTED"}:
        yield from ("", f"go on with: hpc run --resume {run.id}")


def _head(run: Run) -> Iterator[str]:
    record = run.record
    yield f"{printable(record.pipeline)}: run {run.id}, {run.state.lower()}"
    arguments = ", ".join(f"{name}={value_text(value)}" for name, value in record.arguments.items())
    facts = {
        "file": record.source,
        "folder": record.folder,
        "mode": record.mode,
        "started": f"{moment(record.started)} ({ago(record.started, time.time())})",
        "took": took(run.seconds),
        "arguments": arguments,
        "error": record.error or "",
    }
    yield from _facts(facts)


def _facts(facts: Mapping[str, str]) -> list[str]:
    """Names and what is known of them, below each other."""
    known = {name: text for name, text in facts.items() if text}
    width = max(map(len, known), default=0)
    return [f"  {name:<{width}}  {printable(text)}" for name, text in known.items()]


def _own_failures(tasks: Mapping[str, TaskRecord]) -> Iterator[TaskRecord]:
    """The tasks that failed, but not those that failed because a task in them has."""
    failed = [task for task in tasks.values() if task.result.state == "FAILED"]
    around = {above for task in failed for above in groups_around(task.path)}
    return (task for task in failed if task.path not in around)


def _failure(history: History, task: TaskRecord) -> list[str]:
    """What went wrong, as it was told when it did."""
    attempts = history.store.attempts(task.run, task.path)
    script = attempts[-1].script if attempts and Path(attempts[-1].script).exists() else ""
    log = Path(task.result.log) if task.result.log else None
    failure = Failure("", script, tail(log, _TAIL) if log else ())
    return failure_block(TaskFinished(task.path, task.result, failure)).rstrip("\n").split("\n")


# ---------------------------------------------------------------- tasks as rows


@dataclass(frozen=True)
class TaskRow:
    """One task, or all iterations of one, by the path that these have in common."""

    path: str
    tasks: Sequence[TaskRecord]


def rows_of(tasks: Mapping[str, TaskRecord], *, collapsing: bool) -> list[TaskRow]:
    """The tasks that do something, in order; a group or a loop only where nothing is known of what is in it."""
    around = {above for path in tasks for above in groups_around(path)}
    found: dict[str, list[TaskRecord]] = {}
    for path, task in tasks.items():
        if task.result.is_leaf or path not in around:
            found.setdefault(row_of(path) if collapsing else path, []).append(task)
    return [TaskRow(path, each) for path, each in found.items()]


def _table(run: Run, tasks: Mapping[str, TaskRecord], everything: bool) -> list[str]:
    rows = rows_of(tasks, collapsing=not everything)
    names = Names(dict.fromkeys(row_of(each.path) for each in rows))
    loops = [tasks.get(each.path.partition("[]")[0]) for each in rows]
    return table(
        _COLUMNS, [_cells(run, each, names.of(each.path), loop) for each, loop in zip(rows, loops, strict=True)]
    )


def _cells(run: Run, shown: TaskRow, name: str, loop: TaskRecord | None) -> tuple[str, ...]:
    if "[]" in shown.path:
        # A search is well if one of its trials is.
        is_good = loop is not None and loop.result.is_good
        state = STATES["SUCCEEDED"] if is_good else _worst(run, shown.tasks)
        return (f"{name} {_tally(run, shown.tasks)}", state, _span(run, shown.tasks), "")
    task = shown.tasks[0]
    return (name, STATES[run.state_of(task.result)], _span(run, shown.tasks), _note(task))


def _tally(run: Run, tasks: Sequence[TaskRecord]) -> str:
    """`[7/20 ok, 1 failed]`."""
    states = [STATES[run.state_of(task.result)] for task in tasks]
    good = sum(state in {"ok", "cached"} for state in states)
    rest = [f"{states.count(word)} {word}" for word in STATES.values() if word not in {"ok", "cached"}]
    return f"[{', '.join([f'{good}/{len(tasks)} ok', *(one for one in rest if not one.startswith('0 '))])}]"


def _worst(run: Run, tasks: Iterable[TaskRecord]) -> str:
    """What iterations are together: running as long as one is, else as bad as the worst of them."""
    states = {run.state_of(task.result) for task in tasks}
    order = ("RUNNING", "INTERRUPTED", "FAILED", "CANCELLED", "SUCCEEDED", "CACHED", "SKIPPED")
    return STATES[next(state for state in order if state in states)]


def _span(run: Run, tasks: Sequence[TaskRecord]) -> str:
    """From the first start to the last end, or till now."""
    starts = [task.result.start for task in tasks if task.result.start is not None]
    if not starts:
        return ""
    ends = [task.result.end for task in tasks if task.result.end is not None]
    if any(run.state_of(task.result) == "RUNNING" for task in tasks):
        ends = [time.time()]
    return took(max(0.0, max(ends) - min(starts))) if ends else ""


def _note(task: TaskRecord) -> str:
    result = task.result
    remarks = [f"attempt {result.attempts}"] if result.attempts > 1 else []
    remarks += ["kept from an earlier start"] if result.reused else []
    return ", ".join([*remarks, why(result)] if why(result) else remarks)


# ---------------------------------------------------------------- one task


def _task(history: History, run: Run, name: str, everything: bool) -> Iterator[str]:
    task = history.task(run, name)
    result = task.result
    yield f"{printable(task.path)}: {STATES[run.state_of(result)]} in run {run.id} of {printable(run.record.pipeline)}"
    yield from _facts(_task_facts(run, task))
    yield from _block("inputs", [*_values(task.inputs), *_artifacts(task.input_artifacts)])
    yield from _block("outputs", _values(result.outputs))
    yield from _block("artifacts", _artifacts(result.artifacts))
    attempts = history.store.attempts(run.id, task.path)
    yield from _block("attempts", [line for attempt in attempts for line in _attempt(attempt)])
    inside = {path: each for path, each in history.tasks(run).items() if task.path in groups_around(path)}
    if inside:
        yield from ["", *_table(run, inside, everything)]
    if everything:
        yield from _block("depends on", _values(task.parts))
    if result.state == "FAILED" and not inside:
        yield from ("", *_failure(history, task))


def _task_facts(run: Run, task: TaskRecord) -> dict[str, str]:
    result = task.result
    code = "" if result.exit_code is None else str(result.exit_code)
    begun = "" if result.start is None else f"{moment(result.start)} ({ago(result.start, time.time())})"
    return {
        "component": task.component,
        "why": why(result),
        "from": "run {}, {}".format(*task.origin) if task.origin else "an earlier start" * result.reused,
        "started": begun,
        "took": _span(run, [task]),
        "exit code": code,
        "peak memory": "" if result.peak is None else size(result.peak),
        "log": result.log,
        "fingerprint": task.fingerprint,
    }


def _block(title: str, lines: Sequence[str]) -> list[str]:
    return ["", *listed(title, lines)] if lines else []


def _values(values: Mapping[str, object]) -> list[str]:
    return [f"{printable(name)}: {value_text(value)}" for name, value in values.items()]


def _artifacts(ports: Mapping[str, Artifacts]) -> list[str]:
    lines: list[str] = []
    for name, found in ports.items():
        if len(found) == 1:
            lines.append(f"{printable(name)}: {_artifact(found[0])}")
        else:
            lines += listed(f"{printable(name)}: {len(found)} artifacts", list(map(_artifact, found)), _MOST_ARTIFACTS)
            lines += [f"{printable(name)}: none"] * (not found)
    return lines


def _artifact(artifact: Artifact) -> str:
    metadata = f" {value_text(dict(artifact.metadata))}" if artifact.metadata else ""
    return f"{printable(artifact.path)} ({printable(artifact.schema_title)}){metadata}"


def _attempt(attempt: AttemptRecord) -> Iterator[str]:
    """When and how, and its files each in a line of its own, whole, so that they can be copied."""
    code = "" if attempt.exit_code is None else f"exit code {attempt.exit_code}"
    ending = (attempt.error or code or "ended") if attempt.ended is not None else "running, or cut off"
    times = [took(attempt.ended - attempt.started)] if attempt.ended is not None else []
    memory = [size(attempt.peak)] if attempt.peak is not None else []
    yield f"{attempt.number}: {', '.join([printable(ending), moment(attempt.started), *times, *memory])}"
    yield f"   log: {printable(attempt.log)}"
    yield f"   command: sh {printable(attempt.script)}"
