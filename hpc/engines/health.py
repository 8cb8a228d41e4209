"""Whether what a run needs is there: probes enter, checks leave, in the order of the probes.

A probe looks at one thing and says what it found; what cannot be looked at, because something that it builds on is
wrong, is skipped and not wrong itself. Probes that do not build on each other look at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from hpc.diagnostics import Rejected

State = Literal["ok", "warning", "wrong", "skipped"]

_AT_ONCE = 12
_BLOCKS: frozenset[State] = frozenset({"wrong", "skipped"})


@dataclass(frozen=True)
class Finding:
    """`detail` says what is there, `fix` what to type where that is not as it should be."""

    state: State
    detail: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Check:
    """A finding with its title. `where` is what was looked at: local, vertex, kfp."""

    where: str
    title: str
    state: State
    detail: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Probe:
    """`after`: the titles of probes of the same list, before this one, without which it cannot look."""

    where: str
    title: str
    look: Callable[[], Finding]
    after: tuple[str, ...] = ()


def ok(detail: str = "") -> Finding:
    return Finding("ok", detail)


def warning(detail: str, fix: str) -> Finding:
    """Something that may be as it should be, or that not every run needs."""
    return Finding("warning", detail, fix)


def wrong(detail: str, fix: str) -> Finding:
    """Something without which a run will fail."""
    return Finding("wrong", detail, fix)


def skipped(detail: str) -> Finding:
    return Finding("skipped", detail)


def client_library(package: str, extra: str) -> Finding:
    """Whether a service's client is installed, by the extra of hpc that brings it. It is not imported."""
    try:
        return ok(f"{package} {version(package)}")
    except PackageNotFoundError:
        return wrong(f"{package} is not installed", f"pip install 'hydra-pipeline-compiler[{extra}]'")


def examined(probes: Sequence[Probe]) -> Iterator[Check]:
    """What each probe found, as soon as those before it are told.

    A probe that raises Rejected is wrong, with the first thing that was found.
    """
    asked: dict[tuple[str, str], Future[Check]] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for probe in probes:
            before = [asked[probe.where, title] for title in probe.after]
            asked[probe.where, probe.title] = pool.submit(_examined, probe, before)
        for future in asked.values():
            yield future.result()


def _examined(probe: Probe, before: Sequence[Future[Check]]) -> Check:
    """The pool starts probes in their order, so what is waited for here has been started."""
    blocking = next((check for check in (one.result() for one in before) if check.state in _BLOCKS), None)
    if blocking is not None:
        return _check(probe, skipped(f"because of: {_cause(blocking)}"))
    try:
        return _check(probe, probe.look())
    except Rejected as error:
        first = error.diagnostics[0]
        return _check(probe, wrong(first.fact.rstrip("."), first.fix.rstrip(".")))


def _cause(check: Check) -> str:
    """The check that began it: one that is skipped itself names another."""
    return check.detail.removeprefix("because of: ") if check.state == "skipped" else check.title


def _check(probe: Probe, finding: Finding) -> Check:
    return Check(probe.where, probe.title, finding.state, finding.detail, finding.fix)
