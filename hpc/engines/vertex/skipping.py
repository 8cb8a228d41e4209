"""Why a task was not triggered, which the service does not say: where tasks stand enters, a reason leaves.

It is the task's own condition, or what stands before it. Tasks without number may be skipped one behind the other, so
each is looked at once, and none of it recurses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hpc.engines.rows import before
from hpc.engines.vertex.shape import has_condition
from hpc.engines.vertex.spots import Spot

_SKIPPED = "NOT_TRIGGERED"
_STOPPED = frozenset({"FAILED", "CANCELLED"})


def why_skipped(spot: Spot, by_path: Mapping[str, Spot], known: dict[str, str]) -> str:
    """`condition` or `upstream`. What is found on the way is added to `known`, by path."""
    pending = [spot]
    while pending:
        one = pending[-1]
        open_ones = [other for other in _skipped_before(one, by_path) if other.path not in known]
        if open_ones and one.path not in known:
            pending += open_ones
        else:
            known.setdefault(one.path, _reason(one, by_path, known))
            pending.pop()
    return known[spot.path]


def _reason(spot: Spot, by_path: Mapping[str, Spot], known: Mapping[str, str]) -> str:
    """The reason of one task. Those of the skipped ones before it are known."""
    around = by_path.get(spot.around)
    if around is not None and around.seen.state == _SKIPPED:
        return known[around.path]
    others = tuple(_before(spot, by_path))
    if any(one.seen.state in _STOPPED or known.get(one.path) == "upstream" for one in others):
        return "upstream"
    return "condition" if has_condition(spot.task) else "upstream"


def _skipped_before(spot: Spot, by_path: Mapping[str, Spot]) -> Iterator[Spot]:
    around = by_path.get(spot.around)
    if around is not None and around.seen.state == _SKIPPED:
        yield around
    else:
        yield from (one for one in _before(spot, by_path) if one.seen.state == _SKIPPED)


def _before(spot: Spot, by_path: Mapping[str, Spot]) -> Iterator[Spot]:
    start = f"{spot.around}/" if spot.around else ""
    found = (by_path.get(f"{start}{key}") for key in before(spot.task))
    return (one for one in found if one is not None)
