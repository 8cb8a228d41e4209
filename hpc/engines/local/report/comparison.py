"""Several runs side by side: what differs among their arguments, metrics, tasks and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hpc.engines.local.report.metrics import metrics_of
from hpc.engines.local.report.tally import words_of
from hpc.engines.local.report.values import duration, figure, number, shown
from hpc.engines.local.store.records import RunRecord, TaskRecord
from hpc.engines.outcome import artifacts_as_dict
from hpc.engines.task_names import shortened

MOST_ROWS = 500
_LONGEST = 500
_NOTHING = object()


@dataclass(frozen=True)
class Cell:
    """`change` is the difference to the first run's number, `is_other` whether it is not the first run's value."""

    text: str
    change: str = ""
    is_other: bool = False
    is_missing: bool = False


@dataclass(frozen=True)
class Row:
    name: str
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        return any(cell.is_other for cell in self.cells)


@dataclass(frozen=True)
class Sheet:
    """Rows that differ, rows that are the same for all runs, and how many of either are not listed."""

    differing: tuple[Row, ...]
    same: tuple[Row, ...]
    hidden: int


@dataclass(frozen=True)
class Comparison:
    arguments: Sheet
    metrics: Sheet
    outputs: Sheet
    tasks: Sheet


Tasks = Mapping[str, TaskRecord]
Values = Mapping[str, object]


def compare(runs: Sequence[RunRecord], tasks: Sequence[Tasks]) -> Comparison:
    """Compare each run with the first one."""
    return Comparison(
        arguments=_sheet([run.arguments for run in runs], _cell),
        metrics=_sheet([_metrics(each) for each in tasks], _cell),
        outputs=_sheet([_outputs(run) for run in runs], _cell),
        tasks=_sheet([_ended(each) for each in tasks], _task_cell),
    )


def _metrics(tasks: Tasks) -> dict[str, object]:
    return {
        f"{shortened(path)}: {name}": value
        for path, record in tasks.items()
        if record.result.is_leaf
        for name, value in metrics_of(record).items()
    }


def _outputs(run: RunRecord) -> dict[str, object]:
    return {**run.outputs, **{name: artifacts_as_dict(found) for name, found in run.artifacts.items()}}


def _ended(tasks: Tasks) -> dict[str, object]:
    return {shortened(path): record for path, record in tasks.items() if record.result.is_leaf}


def _sheet(columns: Sequence[Values], cell: Callable[[object, object], Cell]) -> Sheet:
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [_row(name, [column.get(name, _NOTHING) for column in columns], cell) for name in names]
    differing = [row for row in rows if row.differs]
    same = [row for row in rows if not row.differs]
    hidden = max(0, len(differing) - MOST_ROWS) + max(0, len(same) - MOST_ROWS)
    return Sheet(tuple(differing[:MOST_ROWS]), tuple(same[:MOST_ROWS]), hidden)


def _row(name: str, values: Sequence[object], cell: Callable[[object, object], Cell]) -> Row:
    return Row(
        shown(name, 300), tuple(_missing(values[0]) if one is _NOTHING else cell(one, values[0]) for one in values)
    )


def _missing(first: object) -> Cell:
    return Cell("–", is_other=first is not _NOTHING, is_missing=True)


def _cell(value: object, first: object) -> Cell:
    is_other = first is _NOTHING or not _same(value, first)
    one, other = number(value), number(first)
    if one is None:
        return Cell(shown(value, _LONGEST), is_other=is_other)
    change = _signed(one - other) if other is not None and one != other else ""
    return Cell(figure(one), change, is_other)


def _same(value: object, first: object) -> bool:
    """True is not 1, but 1 is 1.0."""
    return value == first and isinstance(value, bool) == isinstance(first, bool)


def _signed(change: float) -> str:
    text = figure(abs(change))
    return f"−{text}" if change < 0 else f"+{text}"


def _task_cell(value: object, first: object) -> Cell:
    """State and time; only another state counts as a difference."""
    assert isinstance(value, TaskRecord)
    result = value.result
    text = words_of(result)
    if not isinstance(first, TaskRecord):
        return Cell(text, is_other=True)
    gap = result.seconds - first.result.seconds
    change = f"{'−' if gap < 0 else '+'}{duration(abs(gap))}" if abs(gap) >= 0.05 else ""
    return Cell(text, change, result.state != first.result.state)
