"""The graph of a run as shapes: nodes and the states of their tasks enter, boxes and lines with coordinates leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hpc.engines.local.report.graph import Node
from hpc.engines.local.report.layout import Point, Size, layout
from hpc.engines.local.report.tally import MARKS, WAITING, WORDS, Places, Tally
from hpc.engines.local.report.values import duration

MOST_NODES = 400
_WIDTH, _HEIGHT = 196.0, 48.0
_PADDING, _HEAD = 14.0, 30.0
_LONGEST = 24


@dataclass(frozen=True)
class Shape:
    """A box with its upper left corner. `place` is the task's path without iterations; a `cluster` holds others."""

    x: float
    y: float
    width: float
    height: float
    title: str
    words: str
    state: str
    place: str
    hint: str
    cluster: bool = False
    loop: bool = False
    condition: str = ""

    @property
    def mark(self) -> str:
        return MARKS.get(self.state, "")


@dataclass(frozen=True)
class Drawing:
    """`hidden` tasks are not drawn, to keep it small."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    lines: tuple[tuple[Point, ...], ...]
    hidden: int = 0

    @property
    def paths(self) -> list[str]:
        """The lines in the words of SVG."""
        return [_path(points) for points in self.lines]


def draw(nodes: Sequence[Node], places: Places) -> Drawing:
    """The whole graph; where there are too many tasks, groups are drawn closed and the last tasks are left out."""
    return _Artist(places).group(nodes, MOST_NODES, WAITING)


@dataclass(frozen=True)
class _Part:
    """One node of a group: its size and how it is drawn once it has a place."""

    node: Node
    drawing: Drawing


class _Artist:
    def __init__(self, places: Places) -> None:
        self._places = places

    def group(self, nodes: Sequence[Node], room: int, inherited: str) -> Drawing:
        drawn, left_out = nodes[:room], nodes[room:]
        left = room - len(drawn)
        parts: list[_Part] = []
        for node in drawn:
            part = self._part(node, left + 1, inherited)
            left -= len(part.drawing.shapes) - 1
            parts.append(part)
        hidden = sum(1 for node in left_out for _ in node.leaves())
        return _composed(parts, hidden)

    def _part(self, node: Node, room: int, inherited: str) -> _Part:
        tally = self._places.of(node, inherited)
        shown, loop, condition = _unwrapped(node)
        around = tally.state if tally.state in {"SKIPPED", "CANCELLED"} else WAITING
        if not shown.is_group or not shown.children or _count(shown) + 1 > room:
            box = replace(_box(shown, self._places.of(shown, around)), loop=loop, condition=condition)
            return _Part(node, Drawing(_WIDTH, _HEIGHT, (box,), ()))
        inner = self.group(shown.children, room - 1, around)
        return _Part(node, _framed(replace(_box(shown, tally), loop=loop, condition=condition), inner))


def _unwrapped(node: Node) -> tuple[Node, bool, str]:
    """The node that says it all, with what the groups around it that only hold this one have to say."""
    loop, condition = node.is_loop, node.condition
    while node.is_wrapper:
        node = node.children[0]
        loop, condition = loop or node.is_loop, condition or node.condition
    return node, loop, condition


def _count(node: Node) -> int:
    return sum(1 for _ in node.leaves())


def _box(node: Node, tally: Tally) -> Shape:
    word = WORDS[tally.state]
    single = f"{word}, {duration(tally.seconds)}" if tally.seconds else word
    words = single if tally.total == 1 else tally.words
    title = _shortened(node.title)
    hint = f"{node.path}: {words}"
    return Shape(0, 0, _WIDTH, _HEIGHT, title, _shortened(words, _LONGEST + 4), tally.state, node.path, hint)


def _shortened(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _framed(frame: Shape, inner: Drawing) -> Drawing:
    width, height = max(inner.width + 2 * _PADDING, _WIDTH), inner.height + _HEAD + _PADDING
    frame = replace(frame, width=width, height=height, cluster=True)
    moved = _moved(inner, ((width - inner.width) / 2, _HEAD))
    return Drawing(width, height, (frame, *moved.shapes), moved.lines, inner.hidden)


def _composed(parts: Sequence[_Part], hidden: int) -> Drawing:
    sizes = {part.node.key: Size(part.drawing.width, part.drawing.height) for part in parts}
    edges = [(before, part.node.key) for part in parts for before in part.node.after if before in sizes]
    made = layout(sizes, edges)
    placed = [_moved(part.drawing, made.places[part.node.key]) for part in parts]
    lines = [*made.routes.values(), *(line for one in placed for line in one.lines)]
    shapes = tuple(shape for one in placed for shape in one.shapes)
    return Drawing(made.width, made.height, shapes, tuple(lines), hidden + sum(one.hidden for one in placed))


def _moved(drawing: Drawing, by: Point) -> Drawing:
    across, down = by
    shapes = tuple(replace(shape, x=shape.x + across, y=shape.y + down) for shape in drawing.shapes)
    lines = tuple(tuple((x + across, y + down) for x, y in points) for points in drawing.lines)
    return replace(drawing, shapes=shapes, lines=lines)


def _path(points: Sequence[Point]) -> str:
    """Straight down where it goes straight down, else a curve that starts and ends downwards."""
    (x, y), words = points[0], [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for across, down in points[1:]:
        middle = (y + down) / 2
        if abs(across - x) < 0.5:
            words.append(f"L{across:.1f} {down:.1f}")
        else:
            words.append(f"C{x:.1f} {middle:.1f} {across:.1f} {middle:.1f} {across:.1f} {down:.1f}")
        x, y = across, down
    return "".join(words)
