"""One file read twice: its text, a world and the arguments of a run enter, what both readings disagree on leaves.

Runs without failures must agree in everything: who runs, with which inputs, what is over before it, the outputs of the
pipeline. With failures one difference is documented: a region starts only when all that its steps take from outside
has ended well, and what waits for anything in it waits for all of it. A step that the language would run and the
backend does not is therefore forgiven if, and only if, the backend held it back (never by a condition) together with
its group, or because it waits for a group. The language is then asked again with these steps held, and must agree in
everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulation.backend import FALSE, GROUPS, HELD, SHUT_IN, Backend, Broken, Executed
from simulation.language import Happened, Language
from simulation.world import Path, Run, World, written

Past = frozenset[Run]
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """`problems` is empty where both agree. `runs` counts programs, `held` the steps that a group held back.

    `vague`: elements of an unrolled loop had different fates, and were not compared.
    """

    problems: list[str]
    runs: int = 0
    failures: bool = False
    held: int = 0
    vague: bool = False


def compare(data: Json, spec: Json, world: World, arguments: Json) -> Verdict:
    """Both readings of one pipeline file, `data`, compiled to `spec`."""
    try:
        executed = Backend(spec, world).run(arguments)
    except Broken as error:
        return Verdict([f"broken: {error}"])
    held: dict[Path, str] = {}
    while True:
        happened = Language(data, world, held).run(arguments)
        more = {place: state for place, state in _held(happened, executed).items() if place not in held}
        if not more:
            break
        held |= more
    if _is_vague(happened, executed):
        return Verdict([], len(executed.runs), True, len(held), vague=True)
    problems = [*_runs(happened, executed), *_order(happened, executed), *_results(data, happened, executed)]
    return Verdict(problems, len(executed.runs), executed.failed, len(held))


def _held(happened: Happened, executed: Executed) -> dict[Path, str]:
    """The places of steps that the backend held back with or because of a group, and that the language says run."""
    ran = {place for _, _, place in executed.runs}
    said = {step for _, _, place in happened.runs if place not in ran for step in _steps(place)}
    return {place: state for place, state in _all_held(executed).items() if place in said}


def _all_held(executed: Executed) -> dict[Path, str]:
    """A step that is shut in a group was never asked (`undecided`); one that waits for a group is not conditional."""
    if not executed.failed:
        return {}
    false = {place for place, state, _ in executed.states if state == FALSE}
    held = {place: "undecided" for place, state, _ in executed.states if state == SHUT_IN}
    held |= {place: "upstream" for place, state, why in executed.states if state == HELD and any(map(_is_group, why))}
    return {place: state for place, state in held.items() if place not in false}


def _is_vague(happened: Happened, executed: Executed) -> bool:
    """Whether a step was held back in one element of an unrolled loop and ran in another: both have one place."""
    held, done = _all_held(executed), Counter(run for run, _, _ in executed.runs)
    ran = {place for _, _, place in executed.runs}
    missing = Counter(run for run, _, _ in happened.runs) - done
    places = [place for run, _, place in happened.runs if run in missing]
    return any(place in ran and not held.keys().isdisjoint(_steps(place)) for place in places)


def _steps(place: Path) -> Iterator[Path]:
    """The places of the steps around a run: a loop as a whole stands before the marks of its elements."""
    for end, name in enumerate(place):
        around = place[:end]
        yield (*around, name)
        while around and around[-1].startswith("#"):
            around = around[:-1]
        yield (*around, name)


def _is_group(name: str) -> bool:
    head, _, rest = name.partition("--")
    return bool(rest) and head in GROUPS


def _runs(happened: Happened, executed: Executed) -> list[str]:
    said = Counter(run for run, _, _ in happened.runs)
    done = Counter(run for run, _, _ in executed.runs)
    return [
        *(f"does not run, and should: {'/'.join(run.path)} ({run.inputs})" for run in (said - done).elements()),
        *(f"runs, and should not: {'/'.join(run.path)} ({run.inputs})" for run in (done - said).elements()),
    ]


def _order(happened: Happened, executed: Executed) -> list[str]:
    """Equal runs of one step cannot be told apart: one of them must have waited for enough."""
    before: dict[Run, list[Past]] = {}
    for run, past, _ in executed.runs:
        before.setdefault(run, []).append(past)
    return [
        f"{'/'.join(run.path)} does not wait for all of {sorted({'/'.join(other.path) for other in past})}"
        for run, past, _ in happened.runs
        if run in before and not any(past <= other for other in before[run])
    ]


def _results(data: Json, happened: Happened, executed: Executed) -> list[str]:
    if happened.failed != executed.failed:
        return [f"failed: {happened.failed} by the language, {executed.failed} by the backend"]
    if happened.failed:
        return []
    names = {name: _name(name, spec) for name, spec in (data.get("outputs") or {}).items()}
    said = written({names[name]: value for name, value in happened.outputs.items()})
    return (
        [] if said == written(executed.outputs) else [f"outputs: {said} by the language, {written(executed.outputs)}"]
    )


def _name(name: str, spec: Any) -> str:
    return spec.get("as", name) if isinstance(spec, dict) else name
