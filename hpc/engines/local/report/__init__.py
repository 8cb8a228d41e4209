"""One HTML file about a run, or about several side by side: records enter, the text of the file leaves.

The file needs nothing but itself: no server, no network, and no program to be read. Everything in it that comes from
a run is escaped; a policy in its head lets nothing run but its own few lines, and lets nothing ask another machine.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import cast

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from hpc.engines.local.report.budget import Budget
from hpc.engines.local.report.comparison import compare
from hpc.engines.local.report.details import Clerk, Detail, Document, Entry, Files, Place, artifact_entries, entries
from hpc.engines.local.report.drawing import Drawing, draw
from hpc.engines.local.report.graph import Json, read_graph
from hpc.engines.local.report.metrics import Chart, Table, charts, tables
from hpc.engines.local.report.tally import INTERRUPTED, MARKS, WORDS, Places, tally
from hpc.engines.local.report.timeline import Timeline, timeline
from hpc.engines.local.report.values import counted, duration, moment, printable, shown, without_colors
from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.outcome import RunState, State
from hpc.engines.task_names import shortened

__all__ = ["Files", "Json", "RunData", "report"]


@dataclass(frozen=True)
class RunData:
    """One run: its record, its tasks by path, their attempts, and the compiled document (None if it is lost).

    `is_interrupted`: no engine works on it any more although its state is RUNNING.
    """

    run: RunRecord
    tasks: Mapping[str, TaskRecord] = field(default_factory=dict[str, TaskRecord])
    attempts: Sequence[AttemptRecord] = ()
    plan: Json | None = None
    is_interrupted: bool = False


@dataclass(frozen=True)
class _Part:
    """Everything of one run in the order of the page."""

    run: RunRecord
    name: str
    state: str
    started: str
    took: str
    counts: str
    failures: list[Detail]
    drawing: Drawing
    timeline: Timeline
    arguments: list[Entry]
    outputs: list[Entry]
    tables: list[Table]
    charts: list[Chart]
    charts_hidden: int
    documents: list[Document]
    documents_hidden: int
    places: list[Place]

    @property
    def mark(self) -> str:
        return MARKS[self.state]


def report(runs: Sequence[RunData], files: Files) -> str:
    """The HTML of a report about one run, or about several, which are also compared with the first of them.

    At most about 20 MB; what was left out for that is told where it would be. The same runs and files give the same
    text. Raises ValueError without any run.
    """
    if not runs:
        raise ValueError("a report needs a run")
    budget = Budget()
    runs = [_settled(data) for data in runs]
    parts = [_part(data, files, budget) for data in runs]
    comparison = compare([data.run for data in runs], [data.tasks for data in runs]) if len(runs) > 1 else None
    text = _template("page.html.j2").render(
        parts=parts, comparison=comparison, refused=budget.refused, policy=_policy(), words=WORDS, marks=MARKS
    )
    return printable(text)


def _settled(data: RunData) -> RunData:
    """Of an interrupted run nothing is running; that is a state of its own here."""
    if not data.is_interrupted:
        return data
    state = cast(State, INTERRUPTED)
    tasks = {
        path: replace(record, result=replace(record.result, state=state))
        if record.result.state == "RUNNING"
        else record
        for path, record in data.tasks.items()
    }
    return replace(data, run=replace(data.run, state=cast(RunState, INTERRUPTED)), tasks=tasks)


def _part(data: RunData, files: Files, budget: Budget) -> _Part:
    run, nodes = data.run, read_graph(data.plan)
    attempts = _by_path(data.attempts)
    places = Places(data.tasks, nodes)
    clerk = Clerk(attempts, files, budget)
    failures = clerk.failures(data.tasks)
    documents, documents_hidden = clerk.documents(places)
    found, charts_hidden = charts(places)
    counts = tally(record for record in data.tasks.values() if record.result.is_leaf)
    return _Part(
        run=run,
        name=run.run,
        state=run.state,
        started=moment(run.started),
        took=duration(run.seconds or _span(run)),
        counts=f"{counted(counts.total, 'task')}: {counts.words}" if counts.total else "no task was started",
        failures=failures,
        drawing=draw(nodes, places),
        timeline=timeline(data.tasks, attempts, run.ended),
        arguments=list(entries(run.arguments)),
        outputs=[*entries(run.outputs), *artifact_entries(run.artifacts)],
        tables=tables(places),
        charts=found,
        charts_hidden=charts_hidden,
        documents=documents,
        documents_hidden=documents_hidden,
        places=clerk.places(places),
    )


def _span(run: RunRecord) -> float:
    return 0.0 if run.ended is None else run.ended - run.started


def _by_path(attempts: Sequence[AttemptRecord]) -> dict[str, list[AttemptRecord]]:
    found: dict[str, list[AttemptRecord]] = {}
    for attempt in sorted(attempts, key=lambda one: one.number):
        found.setdefault(attempt.path, []).append(attempt)
    return found


# ---------------------------------------------------------------- templates


def _plain(value: object) -> object:
    """What a template writes: texts of a run lose the control sequences of terminals."""
    return without_colors(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _anchor(path: str) -> str:
    """The name of a place in the page; paths hold characters that addresses do not."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@cache
def _environment() -> Environment:
    loader = PackageLoader("hpc.engines.local.report", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_plain
    )
    filters = cast("dict[str, object]", environment.filters)
    filters.update(anchor=_anchor, shown=shown, brief=shortened, counted=counted)
    return environment


def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _policy() -> str:
    """https://www.w3.org/TR/CSP3: the script of the page is named by its digest, so that no other one can run."""
    digest = base64.b64encode(hashlib.sha256(_template("script.js.j2").render().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
