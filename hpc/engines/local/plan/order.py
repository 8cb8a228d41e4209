"""In which order tasks can run: keys and what each waits for in, a topological order or a circle out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from heapq import heapify, heappop, heappush


def in_order(after: Mapping[str, Collection[str]]) -> list[str]:
    """Every key after those that it waits for, otherwise as given. Keys in a circle, and those behind it, are left out.

    All that is waited for must be a key.
    """
    place = {key: index for index, key in enumerate(after)}
    keys = list(after)
    left = {key: len(set(names)) for key, names in after.items()}
    followers = _followers(after)
    ready = [place[key] for key, count in left.items() if not count]
    heapify(ready)
    order: list[str] = []
    while ready:
        key = keys[heappop(ready)]
        order.append(key)
        for follower in followers.get(key, ()):
            left[follower] -= 1
            if not left[follower]:
                heappush(ready, place[follower])
    return order


def _followers(after: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, names in after.items():
        for name in set(names):
            found.setdefault(name, []).append(key)
    return found


def circle(after: Mapping[str, Collection[str]]) -> list[str]:
    """One circle, sorted, among keys that `in_order` left out; nothing if there are none."""
    done = set(in_order(after))
    waiting = {key: sorted(set(names) - done) for key, names in after.items() if key not in done}
    walked: dict[str, int] = {}
    key = min(waiting, default=None)
    while key is not None and key not in walked:
        walked[key] = len(walked)
        key = waiting[key][0]
    return sorted(one for one, index in walked.items() if key is not None and index >= walked[key])
