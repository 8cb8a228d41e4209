"""When tasks ran, as bars on one scale: tasks and attempts enter, shares of the width (0 to 1) leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hpc.engines.local.report.tally import MARKS, WORDS
from hpc.engines.local.report.values import duration
from hpc.engines.local.store.records import AttemptRecord, TaskRecord

MOST_ROWS = 300
_LONGEST_REST = 0.2
"""Where nothing ran for more than this share of the working time, the scale is cut: a run that was resumed later."""
_CUT = 0.04

Span = tuple[float, float]


@dataclass(frozen=True)
class Bar:
    """`kind` is the state of the attempt, or "wait" for the time between attempts."""

    left: float
    width: float
    kind: str
    hint: str


@dataclass(frozen=True)
class Row:
    path: str
    state: str
    words: str
    bars: tuple[Bar, ...]

    @property
    def mark(self) -> str:
        return MARKS.get(self.state, "")


@dataclass(frozen=True)
class Tick:
    at: float
    words: str


@dataclass(frozen=True)
class Timeline:
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    hidden: int
    cuts: int


class Scale:
    """Seconds since the epoch to shares of the width, with long rests cut short."""

    def __init__(self, spans: Iterable[Span]) -> None:
        busy = _merged(spans)
        working = sum(end - start for start, end in busy) or 1.0
        self.start = busy[0][0] if busy else 0.0
        self._knots: list[tuple[float, float]] = []
        self.cuts = 0
        at = 0.0
        for index, (start, end) in enumerate(busy):
            if index:
                rest = start - busy[index - 1][1]
                is_cut = rest > _LONGEST_REST * working
                self.cuts += is_cut
                at += _CUT * working if is_cut else rest
            self._knots += [(start, at), (end, at + end - start)]
            at += end - start
        self.length = at or 1.0

    def __call__(self, moment: float) -> float:
        """The share of the width; moments outside are put at the ends."""
        if not self._knots or moment <= self._knots[0][0]:
            return 0.0
        for (left, at), (right, until) in pairwise(self._knots):
            if moment <= right:
                share = (moment - left) / (right - left) if right > left else 1.0
                return (at + share * (until - at)) / self.length
        return 1.0


def timeline(
    tasks: Mapping[str, TaskRecord], attempts: Mapping[str, Sequence[AttemptRecord]], until: float | None = None
) -> Timeline:
    """Rows in the order of their start. `until`: when the run ended, for attempts that never did."""
    timed = [(path, record, _spans(record, attempts.get(path, ()), until)) for path, record in tasks.items()]
    ran = sorted([one for one in timed if one[1].result.is_leaf and one[2]], key=lambda one: one[2][0][0])
    scale = Scale(span for _, _, spans in ran for span in spans)
    shown = _chosen(ran)
    rows = tuple(_row(path, record, spans, scale) for path, record, spans in shown)
    return Timeline(rows, _ticks(scale) if rows else (), len(ran) - len(rows), scale.cuts)


_Timed = tuple[str, TaskRecord, list[Span]]


def _chosen(ran: list[_Timed]) -> list[_Timed]:
    """What failed and what took longest, still in the order of the start."""
    if len(ran) <= MOST_ROWS:
        return ran
    ranked = sorted(ran, key=lambda one: (one[1].result.state != "FAILED", -one[1].result.seconds))
    kept = {path for path, _, _ in ranked[:MOST_ROWS]}
    return [one for one in ran if one[0] in kept]


def _spans(record: TaskRecord, attempts: Sequence[AttemptRecord], until: float | None) -> list[Span]:
    """The attempts, else the task itself. What has no end ends with the run, or at once where that is not known."""
    result = record.result
    found = [(one.started, one.ended if one.ended is not None else until or one.started) for one in attempts]
    if not found and result.start is not None:
        found = [(result.start, result.end if result.end is not None else until or result.start)]
    return sorted((start, max(start, end)) for start, end in found)


def _row(path: str, record: TaskRecord, spans: list[Span], scale: Scale) -> Row:
    state = record.result.state
    bars: list[Bar] = []
    for index, (start, end) in enumerate(spans):
        last = index == len(spans) - 1
        if index and start > spans[index - 1][1]:
            bars.append(_bar(spans[index - 1][1], start, "wait", scale))
        bars.append(_bar(start, end, state if last else "FAILED", scale))
    again = f", {len(spans)} attempts" if len(spans) > 1 else ""
    return Row(path, state, f"{WORDS[state]}, {duration(record.result.seconds)}{again}", tuple(bars))


def _bar(start: float, end: float, kind: str, scale: Scale) -> Bar:
    left, right = scale(start), scale(end)
    word = "waiting for the next attempt" if kind == "wait" else WORDS[kind]
    return Bar(
        left, right - left, kind, f"{word}: {duration(end - start)}, {duration(start - scale.start)} after the start"
    )


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _ticks(scale: Scale) -> tuple[Tick, ...]:
    """Round numbers of seconds; none in between where the scale is cut."""
    if scale.cuts:
        return (Tick(0.0, "0 s"),)
    step = next((step for step in _STEPS if scale.length / step <= 6), scale.length)
    count = int(scale.length / step)
    return tuple(
        Tick(index * step / scale.length, duration(index * step) if index else "0 s") for index in range(count + 1)
    )


_STEPS = tuple(
    unit * factor
    for unit, factors in (
        (0.001, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (1.0, (1, 2, 5, 10, 20, 30)),
        (60.0, (1, 2, 5, 10, 20, 30)),
        (3600.0, (1, 2, 4, 8, 12, 24, 48, 96, 240)),
    )
    for factor in factors
)
