"""The metrics of a run: tasks with their artifacts enter; tables, plots and charts of classifications leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hpc.engines.local.report.charts import Classification, Scatter, classifications, scatter, spans_magnitudes
from hpc.engines.local.report.graph import template
from hpc.engines.local.report.tally import Places
from hpc.engines.local.report.values import figure, number, shown
from hpc.engines.local.store.records import TaskRecord
from hpc.engines.outcome import Artifact
from hpc.engines.task_names import shortened

MOST_ROWS = 500
_MOST_COLUMNS = 40
_MOST_PLOTS = 24
_MOST_CHARTS = 40
_SHORT = 120

Values = dict[str, object]


@dataclass(frozen=True)
class Table:
    """`inputs` columns come first and hold what differs between iterations; `values` columns are metrics."""

    title: str
    inputs: tuple[str, ...]
    values: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    hidden: int
    plots: tuple[Scatter, ...] = ()


@dataclass(frozen=True)
class Chart:
    path: str
    name: str
    classification: Classification


def metrics_of(record: TaskRecord) -> Values:
    """What the Metrics artifacts of a task say; names are led by the artifact's where there are several of these."""
    found = [one for one in _artifacts(record) if one.schema_title == "system.Metrics"]
    if len(found) == 1:
        return dict(found[0].metadata)
    return {f"{one.name}.{name}": value for one in found for name, value in one.metadata.items()}


def _artifacts(record: TaskRecord) -> Iterator[Artifact]:
    """The artifacts that the task itself has made."""
    return (one for listed in record.result.artifacts.values() for one in listed)


def tables(places: Places) -> list[Table]:
    """One table for all tasks that ran once, and one for each task of a loop."""
    single: list[tuple[TaskRecord, Values]] = []
    made: list[Table] = []
    for place in places.all():
        found = [(record, metrics_of(record)) for record in places.records(place)]
        found = [(record, values) for record, values in found if values]
        if found and template(found[0][0].path) != found[0][0].path:
            made.append(_loop_table(place, found))
        else:
            single += found
    return [_table("", single, ()), *made] if single else made


def _loop_table(place: str, found: list[tuple[TaskRecord, Values]]) -> Table:
    return _table(place, found, _varying([record.inputs for record, _ in found]))


def _varying(inputs: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """Inputs that are not the same for all; of a single iteration all."""
    names = dict.fromkeys(name for one in inputs for name in one)
    if len(inputs) < 2:
        return tuple(names)
    first = inputs[0]
    return tuple(name for name in names if any(one.get(name) != first.get(name) for one in inputs))


def _table(title: str, found: list[tuple[TaskRecord, Values]], inputs: tuple[str, ...]) -> Table:
    names = tuple(dict.fromkeys(name for _, values in found for name in values))[:_MOST_COLUMNS]
    inputs = inputs[:_MOST_COLUMNS]
    rows = tuple(
        (record.path, tuple([_cell(record.inputs, name) for name in inputs] + [_cell(values, name) for name in names]))
        for record, values in found[:MOST_ROWS]
    )
    plots = tuple(_plots(found, inputs, names))[:_MOST_PLOTS]
    return Table(title, tuple(map(_port, inputs)), names, rows, len(found) - len(rows), plots)


def _port(name: str) -> str:
    """Without the prefix that the KFP SDK puts before inputs of a group."""
    return name.removeprefix("pipelinechannel--")


def _cell(values: Mapping[str, object], name: str) -> str:
    if name not in values:
        return ""
    value = number(values[name])
    return figure(value) if value is not None else shown(values[name], _SHORT)


def _plots(
    found: list[tuple[TaskRecord, Values]], inputs: tuple[str, ...], names: tuple[str, ...]
) -> Iterator[Scatter]:
    for given in inputs:
        across = [x for record, _ in found if (x := number(record.inputs.get(given))) is not None]
        is_logarithmic = bool(across) and spans_magnitudes(across)
        for name in names:
            points = [
                (x, y, f"{shortened(record.path)}: {_port(given)} {figure(x)}, {name} {figure(y)}")
                for record, values in found
                if (x := number(record.inputs.get(given))) is not None and (y := number(values.get(name))) is not None
            ]
            if len({x for x, _, _ in points}) > 1:
                yield scatter((_port(given), name), points, is_logarithmic)


def charts(places: Places) -> tuple[list[Chart], int]:
    """Confusion matrices and ROC curves, and how many were left out."""
    found = [
        Chart(record.path, artifact.name, classification)
        for place in places.all()
        for record in places.records(place)
        for artifact in _artifacts(record)
        if artifact.schema_title in {"system.ClassificationMetrics", "system.SlicedClassificationMetrics"}
        for classification in classifications(artifact.metadata)
    ]
    return found[:_MOST_CHARTS], max(0, len(found) - _MOST_CHARTS)
