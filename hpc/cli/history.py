"""What the commands that look at runs share: which store they read, and how runs and tasks are named.

The store may be written while it is read. A name that stands for nothing is Rejected, with what was probably meant.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click

from hpc.diagnostics import Diagnostic, Rejected, Rule, Span
from hpc.engines.local.store import Store, StoreError, UnknownRunError
from hpc.engines.local.store.owner import is_alive
from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.outcome import WHY_SKIPPED, Artifact, Artifacts, TaskResult
from hpc.engines.task_names import Names, groups_around, row_of

NO_RUNS = Rule(
    "HPC930",
    "no runs here",
    "Runs are kept in one folder, `.hpc` beside the pipeline file unless it was told otherwise; it is looked for here "
    "and in the folders above.",
    "Change to the folder of the pipeline, or name the folder of the runs with `--root`.",
)
UNREADABLE_STORE = Rule(
    "HPC931",
    "the runs cannot be read",
    "What is known of runs stands in the file `hpc.db` of their folder.",
    "Do what the message says; logs and artifacts in the folders of the runs are not touched by it.",
)
UNKNOWN_RUN = Rule(
    "HPC932",
    "unknown run",
    "A run is named by its id, by three or more characters of its beginning or end that no other run has, or by "
    "`last`.",
    "See `hpc runs` for those there are.",
)
UNKNOWN_TASK = Rule(
    "HPC933",
    "unknown task",
    "A task is named by its path in the run, or by the end of it where no other task of the run has the same; "
    "`train[2]` is the third iteration of `train`.",
    "See `hpc show RUN --all` for the paths.",
)
NO_LOG = Rule(
    "HPC934",
    "no log",
    "Only a task that has been started has a log.",
    "Name a task that ran; `hpc logs RUN` lists them.",
)
UNKNOWN_OUTPUT = Rule(
    "HPC935",
    "unknown output",
    "A run has the outputs of its pipeline, a task those of its component, as soon as they are made.",
    "Use one of the names there are.",
)
UNKNOWN_ORIGIN = Rule(
    "HPC936",
    "nothing is known of it",
    "Known is what the runs of this folder have made or imported.",
    "Give the path of an artifact, or RUN/TASK/OUTPUT.",
)
RULES = (NO_RUNS, UNREADABLE_STORE, UNKNOWN_RUN, UNKNOWN_TASK, NO_LOG, UNKNOWN_OUTPUT, UNKNOWN_ORIGIN)

_FOLDER = ".hpc"
_MOST_NAMES = 12
_NUMBER = re.compile(r"\[\d+\]")

STATES = {
    "SUCCEEDED": "ok",
    "CACHED": "cached",
    "FAILED": "failed",
    "SKIPPED": "skipped",
    "CANCELLED": "cancelled",
    "INTERRUPTED": "interrupted",
    "RUNNING": "running",
}
"""The word for each state of a task, in the order in which they are counted."""

root_option = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the runs.  [default: .hpc, here or in the nearest folder above]",
)
format_option = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


def rejected(rule: Rule, where: str, fact: str, fix: str) -> Rejected:
    return Rejected([Diagnostic(rule, Span.of_word(where), fact, fix)])


# ---------------------------------------------------------------- the store and its runs


@dataclass(frozen=True)
class Run:
    """A run as it is shown: `state` is that of the record, or INTERRUPTED if nobody works on it any more."""

    record: RunRecord
    state: str

    @property
    def id(self) -> str:
        return self.record.run

    @property
    def ending(self) -> str:
        """What can be said of it: `it failed`."""
        words = {"RUNNING": "goes on", "CANCELLED": "was cancelled", "INTERRUPTED": "was interrupted"}
        return words.get(self.state, self.state.lower())

    def state_of(self, result: TaskResult) -> str:
        """A task that runs in a run that does not is INTERRUPTED too."""
        return "INTERRUPTED" if result.state == "RUNNING" != self.state else result.state

    @property
    def seconds(self) -> float | None:
        """What it has run for so far; None where an engine that was killed could not say it."""
        if self.state == "RUNNING":
            return max(0.0, time.time() - self.record.started)
        return self.record.seconds or (None if self.state == "INTERRUPTED" else 0.0)


class History:
    """The runs of a folder."""

    def __init__(self, root: Path, store: Store) -> None:
        self.root = root
        self.store = store

    def runs(self, pipeline: str | None, limit: int) -> list[Run]:
        """Newest first."""
        return [self._shown(record) for record in self.store.runs(pipeline, limit)]

    def run(self, name: str) -> Run:
        try:
            return self._shown(self.store.run(name))
        except UnknownRunError as error:
            raise rejected(UNKNOWN_RUN, str(self.root), _sentence(error), "see `hpc runs` for all of them.") from None

    def tasks(self, run: Run) -> Mapping[str, TaskRecord]:
        """By path, in the order of the run."""
        return self.store.tasks(run.id)

    def task(self, run: Run, name: str) -> TaskRecord:
        """The one task that the name stands for."""
        tasks = self.tasks(run)
        found = matching(tasks, name)
        if len(found) == 1:
            return tasks[found[0]]
        if found:
            more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
            names = [_shortest(tasks, path) for path in found[:_MOST_NAMES]]
            fact = f"`{name}` stands for {len(found)} tasks of the run {run.id}: {', '.join(names)}{more}."
            raise rejected(UNKNOWN_TASK, str(self.root), fact, f"name one of them, e.g. `{names[0]}`.")
        from hpc.components.types import did_you_mean

        fact = f"the run {run.id} has no task `{name}`{_so_far(run)}."
        fix = did_you_mean(name, _suggestions(tasks)) if tasks else "no task has begun."
        raise rejected(UNKNOWN_TASK, str(self.root), fact, fix)

    def maker(self, task: TaskRecord) -> TaskRecord:
        """The task that made the result: another one where it was taken from there and that is still known."""
        if task.origin is None:
            return task
        return self.store.task(*task.origin) or task

    def _shown(self, record: RunRecord) -> Run:
        if record.state != "RUNNING" or is_alive(record.engine):
            return Run(record, record.state)
        again = self.store.run(record.run)  # it may have come to its end between the two looks
        return Run(again, again.state if again.state != "RUNNING" else "INTERRUPTED")


@contextmanager
def reading(root: Path | None) -> Generator[History]:
    """The runs of the folder, or of the nearest `.hpc`; Rejected if there is none or it cannot be read."""
    where = root
    try:
        for folder in [root] if root is not None else _places():
            where = folder
            store = Store.existing(folder)
            if store is not None:
                break
        else:
            raise _no_runs(root)
        try:
            yield History(folder, store)
        finally:
            store.close()
    except StoreError as error:
        fix = "mend that, or name another folder with `--root`."
        raise rejected(UNREADABLE_STORE, str(where), _sentence(error), fix) from None


def _places() -> list[Path]:
    try:
        here = Path.cwd()
    except OSError:  # somebody has taken the folder away
        return []
    return [folder / _FOLDER for folder in (here, *here.parents) if _is_folder(folder / _FOLDER)]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _no_runs(root: Path | None) -> Rejected:
    if root is not None:
        return rejected(NO_RUNS, str(root), "there are no runs in this folder.", "give another `--root`.")
    fact = f"there are no runs here: neither this folder nor one above it has a `{_FOLDER}` with runs."
    return rejected(NO_RUNS, ".", fact, "change to the folder of the pipeline, or give `--root`.")


def _so_far(run: Run) -> str:
    return " that has begun" if run.state == "RUNNING" else ""


def _sentence(error: Exception) -> str:
    return f"{str(error).rstrip('.')}."


# ---------------------------------------------------------------- names of tasks


def matching(paths: Iterable[str], name: str) -> list[str]:
    """The paths that a name can stand for: itself, else those that end with it, else those that it is short for."""
    known = list(paths)
    if name in known:
        return [name]
    ends = [path for path in known if path.endswith(f"/{name}")]
    return ends or _shown_as(known, name) or [path for path in known if name in (short(path), row_of(path))]


def _shown_as(paths: Sequence[str], name: str) -> list[str]:
    """The tasks that are called so where a run is shown."""
    around = {group for path in paths for group in groups_around(path)}
    tasks = [path for path in paths if path not in around]
    names = Names(dict.fromkeys(map(row_of, tasks)))
    return [path for path in tasks if names.of(path) == name]


def _suggestions(paths: Iterable[str]) -> Iterable[str]:
    """Paths and last keys, without iterations: there may be thousands."""
    known = list(paths)
    return dict.fromkeys([*(path for path in known if "[" not in path), *(_last_key(path) for path in known)])


def _last_key(path: str) -> str:
    return _NUMBER.sub("", path).rpartition("/")[2]


def short(path: str) -> str:
    """`train[2]` for `for-each--train[2]/train`: the last key, with all numbers of iterations behind it."""
    return _last_key(path) + "".join(_NUMBER.findall(path))


def _shortest(paths: Iterable[str], path: str) -> str:
    """A short name that stands for this task alone, else its path."""
    return short(path) if matching(paths, short(path)) == [path] else path


# ---------------------------------------------------------------- what records say


def why(result: TaskResult) -> str:
    """Why a task failed, was skipped, or ran, in words."""
    if result.state == "SKIPPED":
        return result.error or WHY_SKIPPED.get(result.reason or "", result.reason or "")
    return result.error or result.reason or ""


def run_as_dict(run: Run) -> dict[str, object]:
    """Everything of the record, `state` as it is shown."""
    return {**vars(run.record), "state": run.state, "artifacts": ports_as_dict(run.record.artifacts)}


def task_as_dict(run: Run, task: TaskRecord) -> dict[str, object]:
    """Everything of the record, its result beside it, `state` as it is shown."""
    own = {name: value for name, value in vars(task).items() if name != "result"}
    result = {**vars(task.result), "artifacts": ports_as_dict(task.result.artifacts)}
    result["state"] = run.state_of(task.result)
    return {**own, **result, "input_artifacts": ports_as_dict(task.input_artifacts)}


def attempt_as_dict(attempt: AttemptRecord) -> dict[str, object]:
    return {**vars(attempt), "log": attempt.log, "script": attempt.script}


def artifact_as_dict(artifact: Artifact) -> dict[str, object]:
    return {**vars(artifact), "path": artifact.path}


def ports_as_dict(ports: Mapping[str, Artifacts]) -> dict[str, object]:
    """One artifact as itself, any other number as `{"artifacts": […]}`."""
    shown: dict[str, object] = {}
    for name, found in ports.items():
        each = [artifact_as_dict(artifact) for artifact in found]
        shown[name] = each[0] if len(each) == 1 else {"artifacts": each}
    return shown


def as_json(value: Any, indent: int | None = 2) -> str:
    """JSON for machines; on one line without an `indent`. It has no NaN and no infinity: they become texts."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_plain)
    if "NaN" in text or "Infinity" in text:
        text = json.dumps(json.loads(text, parse_constant=str), indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def _plain(value: object) -> object:
    return dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else str(value)
