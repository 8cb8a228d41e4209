"""Where boxes and the lines between them go: sizes and edges enter, coordinates leave. Knows nothing of tasks.

Layers by the longest path, order in a layer by barycentres (Sugiyama, Tagawa and Toda 1981), places in a layer by
least squares that keep the order. Lines over several layers are led through places of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
Edge = tuple[str, str]

GAP_ACROSS = 28.0
GAP_DOWN = 42.0
_BEND_WIDTH = 8.0
_SWEEPS = 6
_MOST_BENDS = 4000


@dataclass(frozen=True)
class Size:
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """`places` are the upper left corners of boxes, `routes` the points that the line of an edge goes through."""

    width: float
    height: float
    places: Mapping[str, Point]
    routes: Mapping[Edge, tuple[Point, ...]]


def layout(sizes: Mapping[str, Size], edges: Sequence[Edge]) -> Layout:
    """Lay boxes out from top to bottom. An edge is (before, after), both in `sizes`; circles are broken somewhere."""
    if not sizes:
        return Layout(0, 0, {}, {})
    levels = _levels(sizes, edges)
    forward = [edge for edge in dict.fromkeys(edges) if levels[edge[0]] < levels[edge[1]]]
    chains = _chains(forward, levels)
    rows = _rows(levels, chains)
    links = _links(chains)
    widths = {name: sizes[name].width if name in sizes else _BEND_WIDTH for row in rows for name in row}
    rows = _ordered(rows, links)
    centres = _centres(rows, links, widths)
    return _placed(rows, sizes, centres, chains)


def _levels(names: Mapping[str, Size], edges: Sequence[Edge]) -> dict[str, int]:
    """The length of the longest way to each name. Where edges make a circle, those behind it stay where they are."""
    waiting = dict.fromkeys(names, 0)
    after: dict[str, list[str]] = {name: [] for name in names}
    for before, behind in edges:
        after[before].append(behind)
        waiting[behind] += 1
    levels = dict.fromkeys(names, 0)
    ready = [name for name, count in waiting.items() if not count]
    for name in ready:
        for behind in after[name]:
            levels[behind] = max(levels[behind], levels[name] + 1)
            waiting[behind] -= 1
            if not waiting[behind]:
                ready.append(behind)
    return levels


def _chains(edges: Sequence[Edge], levels: Mapping[str, int]) -> dict[Edge, list[str]]:
    """Each edge as a chain of names a level apart; the bends between are named with a character that no key has."""
    bends = sum(levels[behind] - levels[before] - 1 for before, behind in edges)
    chains: dict[Edge, list[str]] = {}
    for before, behind in edges:
        between = range(levels[before] + 1, levels[behind]) if bends <= _MOST_BENDS else ()
        chains[before, behind] = [before, *(f"\0{before}\0{behind}\0{level}" for level in between), behind]
    return chains


def _rows(levels: Mapping[str, int], chains: Mapping[Edge, list[str]]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(levels.values()) + 1)]
    for name, level in levels.items():
        rows[level].append(name)
    for (before, _), chain in chains.items():
        for offset, bend in enumerate(chain[1:-1], 1):
            rows[levels[before] + offset].append(bend)
    return rows


@dataclass(frozen=True)
class _Links:
    above: Mapping[str, list[str]]
    below: Mapping[str, list[str]]


def _links(chains: Mapping[Edge, list[str]]) -> _Links:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for chain in chains.values():
        for upper, lower in pairwise(chain):
            below.setdefault(upper, []).append(lower)
            above.setdefault(lower, []).append(upper)
    return _Links(above, below)


def _mean(names: Sequence[str], values: Mapping[str, float], otherwise: float) -> float:
    found = [values[name] for name in names if name in values]
    return sum(found) / len(found) if found else otherwise


def _ordered(rows: list[list[str]], links: _Links) -> list[list[str]]:
    """Each row by the mean place of the neighbours in the row before, downwards and upwards in turn."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = links.above if down else links.below
        ranks: dict[str, float] = {}
        for index in range(len(rows)) if down else reversed(range(len(rows))):
            own = {name: float(rank) for rank, name in enumerate(rows[index])}
            keys = {name: _mean(neighbours.get(name, ()), ranks, own[name]) for name in rows[index]}
            rows[index] = sorted(rows[index], key=keys.__getitem__)
            ranks.update((name, float(rank)) for rank, name in enumerate(rows[index]))
    return rows


def _centres(rows: list[list[str]], links: _Links, widths: Mapping[str, float]) -> dict[str, float]:
    centres: dict[str, float] = {}
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = links.above if down else links.below
        for row in rows if down else reversed(rows):
            wanted = [_mean(neighbours.get(name, ()), centres, centres.get(name, 0.0)) for name in row]
            centres.update(zip(row, _spread(wanted, [widths[name] for name in row]), strict=True))
    return centres


def _spread(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """The centres nearest to those wanted that keep the order and the gaps (pool adjacent violators)."""
    offsets = [0.0]
    for left, right in pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + GAP_ACROSS)
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while pools and pools[-1][0] > mean:
            former, former_count = pools.pop()
            mean = (mean * count + former * former_count) / (count + former_count)
            count += former_count
        pools.append((mean, count))
    starts = [mean for mean, count in pools for _ in range(count)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]


def _placed(
    rows: list[list[str]], sizes: Mapping[str, Size], centres: Mapping[str, float], chains: Mapping[Edge, list[str]]
) -> Layout:
    left = min(centres[name] - _width(sizes, name) / 2 for row in rows for name in row)
    right = max(centres[name] + _width(sizes, name) / 2 for row in rows for name in row)
    places: dict[str, Point] = {}
    levels: dict[str, tuple[float, float]] = {}
    top = 0.0
    for row in rows:
        tallest = max((sizes[name].height for name in row if name in sizes), default=0.0)
        for name in row:
            levels[name] = (top, top + tallest)
            if name in sizes:
                box = sizes[name]
                places[name] = (centres[name] - left - box.width / 2, top + (tallest - box.height) / 2)
        top += tallest + GAP_DOWN
    middles = {name: centre - left for name, centre in centres.items()}
    routes = {edge: _route(chain, middles, levels, (places, sizes)) for edge, chain in chains.items()}
    return Layout(right - left, top - GAP_DOWN, places, routes)


def _width(sizes: Mapping[str, Size], name: str) -> float:
    return sizes[name].width if name in sizes else _BEND_WIDTH


def _route(
    chain: Sequence[str],
    middles: Mapping[str, float],
    levels: Mapping[str, tuple[float, float]],
    boxes: tuple[Mapping[str, Point], Mapping[str, Size]],
) -> tuple[Point, ...]:
    """From the lower side of the first box to the upper side of the last one, straight down beside other boxes."""
    places, sizes = boxes
    first, last = chain[0], chain[-1]
    points = [(middles[first], places[first][1] + sizes[first].height)]
    for bend in chain[1:-1]:
        points += [(middles[bend], edge) for edge in levels[bend]]
    return (*points, (middles[last], places[last][1]))
