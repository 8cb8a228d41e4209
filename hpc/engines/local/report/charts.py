"""Numbers as pictures: points enter, coordinates of an SVG leave. Charts for classification by the forms of KFP.

https://github.com/kubeflow/pipelines: sdk/python/kfp/dsl/types/artifact_types.py, and what hpc takes from files itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from hpc.engines.local.report.values import figure, number, shown

Json = Mapping[str, object]
Pair = tuple[float, float]

WIDTH, HEIGHT = 320.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 308.0, 12.0, 196.0
_LOGARITHMIC_FROM = 50.0
_MOST_CLASSES = 50
_MOST_POINTS = 1000


@dataclass(frozen=True)
class Mark:
    at: float
    words: str


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    hint: str


@dataclass(frozen=True)
class Scatter:
    """Dots in the coordinates of an SVG of WIDTH × HEIGHT, with marks on both axes."""

    across: str
    up: str
    dots: tuple[Dot, ...]
    x_marks: tuple[Mark, ...]
    y_marks: tuple[Mark, ...]
    is_logarithmic: bool


@dataclass(frozen=True)
class Curve:
    """A ROC curve: `points` as SVG's polyline wants them, `area` under it, `count` readings."""

    points: str
    area: float
    count: int


@dataclass(frozen=True)
class Matrix:
    """`rows` hold (text, share of the row's sum); the true class of each row is its name."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    accuracy: str
    hidden: int


@dataclass(frozen=True)
class Classification:
    slice: str
    matrix: Matrix | None
    curve: Curve | None


def spans_magnitudes(values: Sequence[float]) -> bool:
    """Whether values are better seen on a logarithmic axis."""
    return min(values) > 0 and max(values) / min(values) >= _LOGARITHMIC_FROM


def scatter(names: tuple[str, str], points: Sequence[tuple[float, float, str]], is_logarithmic: bool) -> Scatter:
    """`names` of the axis across and of the one up; each point with what is told about it. At least one point."""
    points = points[:_MOST_POINTS]
    across, up = [x for x, _, _ in points], [y for _, y, _ in points]
    x_axis, y_axis = _Axis(across, (LEFT, RIGHT), is_logarithmic), _Axis(up, (BOTTOM, TOP), False)
    dots = tuple(Dot(x_axis(x), y_axis(y), hint) for x, y, hint in points)
    return Scatter(*names, dots, x_axis.marks, y_axis.marks, is_logarithmic)


class _Axis:
    """Values to coordinates, with a little room at both ends."""

    def __init__(self, values: Sequence[float], ends: Pair, is_logarithmic: bool) -> None:
        self._turn = math.log10 if is_logarithmic else float
        low, high = self._turn(min(values)), self._turn(max(values))
        room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        self._low, self._high, self._ends = low - room, high + room, ends
        marked = sorted({min(values), max(values)})
        if len(marked) == 2:
            middle = (low + high) / 2
            marked.insert(1, 10**middle if is_logarithmic else middle)
        self.marks = tuple(Mark(self(value), f"{value:.4g}") for value in marked)

    def __call__(self, value: float) -> float:
        share = (self._turn(value) - self._low) / (self._high - self._low)
        return self._ends[0] + share * (self._ends[1] - self._ends[0])


# ---------------------------------------------------------------- classification


def classifications(metadata: Json) -> Iterator[Classification]:
    """The charts that a ClassificationMetrics or SlicedClassificationMetrics artifact has; broken ones are left out."""
    slices = metadata.get("evaluationSlices")
    found = [("", metadata)]
    if isinstance(slices, list):
        listed = [_object(one) for one in cast("list[object]", slices)]
        found += [(shown(one.get("slice"), 200), _object(one.get("sliceClassificationMetrics"))) for one in listed]
    for name, charts in found:
        made = Classification(name, _matrix(_object(charts.get("confusionMatrix"))), _curve(charts))
        if made.matrix or made.curve:
            yield made


def _object(value: object) -> Json:
    return cast(Json, value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return list(cast("Sequence[object]", value)) if isinstance(value, (list, tuple)) else []


def _matrix(node: Json) -> Matrix | None:
    """Of `annotationSpecs` and `rows` as the SDK has it, or of `categories` and `matrix`."""
    names = [_class_name(one) for one in _list(node.get("annotationSpecs", node.get("categories")))]
    rows = [_list(_object(one).get("row", one)) for one in _list(node.get("rows", node.get("matrix")))]
    counts = [[number(cell) for cell in row] for row in rows]
    if not names or len(rows) != len(names) or any(len(row) != len(names) for row in rows):
        return None
    kept = len(names[:_MOST_CLASSES])
    body = tuple((names[index], _heat(counts[index], kept)) for index in range(kept))
    return Matrix(tuple(names[:kept]), body, _accuracy(counts), len(names) - kept)


def _class_name(node: object) -> str:
    return shown(_object(node).get("displayName", node), 100)


def _heat(row: Sequence[float | None], kept: int) -> tuple[tuple[str, float], ...]:
    total = sum(cell or 0.0 for cell in row)
    cells = ((figure(cell), cell / total if total > 0 else 0.0) if cell is not None else ("–", 0.0) for cell in row)
    return tuple((words, round(min(max(share, 0.0), 1.0), 3)) for words, share in cells)[:kept]


def _accuracy(counts: Sequence[Sequence[float | None]]) -> str:
    total = sum(cell or 0.0 for row in counts for cell in row)
    right = sum(row[index] or 0.0 for index, row in enumerate(counts))
    return f"{right / total:.1%}" if total > 0 else ""


def _curve(charts: Json) -> Curve | None:
    """Of a list of readings as the SDK has it, or of the columns `fpr` and `tpr`."""
    node = charts.get("confidenceMetrics", charts.get("roc"))
    pairs = _columns(_object(node)) or _readings(_list(node))
    given = {(x, y) for x, y in pairs if x is not None and y is not None and 0 <= x <= 1 and 0 <= y <= 1}
    if not given:
        return None
    points = sorted(given | {(0.0, 0.0), (1.0, 1.0)})  # where every threshold ends, written or not
    area = sum((right[0] - left[0]) * (left[1] + right[1]) / 2 for left, right in pairwise(points))
    return Curve(" ".join(map(_on_curve, _thinned(points))), area, len(given))


def _columns(node: Json) -> list[tuple[float | None, float | None]]:
    across, up = _list(node.get("fpr")), _list(node.get("tpr"))
    return [(number(x), number(y)) for x, y in zip(across, up, strict=False)]


def _readings(listed: Sequence[object]) -> list[tuple[float | None, float | None]]:
    return [(number(_object(one).get("falsePositiveRate")), number(_object(one).get("recall"))) for one in listed]


def _thinned(points: Sequence[Pair]) -> Sequence[Pair]:
    step = len(points) // _MOST_POINTS + 1
    return [*points[:-1:step], points[-1]]


def _on_curve(point: Pair) -> str:
    return f"{LEFT + point[0] * (RIGHT - LEFT):.1f},{BOTTOM - point[1] * (BOTTOM - TOP):.1f}"
