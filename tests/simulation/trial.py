"""One pipeline, made, compiled and run several times in both readings: a seed enters, what came of it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from compiling import compile_text

from simulation.compare import Verdict, compare
from simulation.generate import arguments, pipeline
from simulation.minimise import minimised
from simulation.world import World

Json = Mapping[str, Any]
FAILING = (0.0, 0.0, 0.12, 0.3)


@dataclass(frozen=True)
class Trial:
    """`rules` are those by which hpc refused the file; `problems` what the readings disagree on."""

    seed: int
    accepted: bool
    rules: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    runs: int = 0
    held: int = 0
    vague: int = 0


def trial(seed: int) -> Trial:
    data = pipeline(seed)
    try:
        spec, rules = compiled(data, seed)
    except Exception as error:  # noqa: BLE001 - whatever it is, the compiler should not raise it
        return Trial(seed, False, problems=(f"crash: {error!r}",))
    if spec is None:
        return Trial(seed, False, rules)
    found = verdicts(data, spec, seed)
    problems = tuple(problem for one in found for problem in one.problems)
    runs, held, vague = (sum(getattr(one, name) for one in found) for name in ("runs", "held", "vague"))
    return Trial(seed, True, (), problems, runs, held, vague)


def compiled(data: Json, seed: int) -> tuple[Json | None, tuple[str, ...]]:
    """The compiled file, for either target; or the rules that it breaks. Every mistake has a place."""
    result = compile_text(written(data), "kfp" if seed % 3 == 0 else "vertex")
    if result.compiled:
        return json.loads(result.compiled.text), ()
    assert all(one.where for one in result.diagnostics)
    return None, tuple(sorted({one.rule.code for one in result.diagnostics if one.rule.severity == "error"}))


def verdicts(data: Json, spec: Json, seed: int, repeats: int = 1) -> list[Verdict]:
    """What both readings say of runs with and without failures."""
    worlds = [(seed + number, failing) for number, failing in enumerate(FAILING * repeats)]
    return [compare(data, spec, World(number, failing), arguments(dict(data), number)) for number, failing in worlds]


def written(data: Json) -> str:
    return yaml.safe_dump(dict(data), sort_keys=False, width=120, default_flow_style=None)


def shrunk(failed: Trial) -> Json:
    """The smallest file found in which the same kind of problem shows."""
    kind = _kind(failed.problems)
    return minimised(pipeline(failed.seed), lambda data: _kind(_problems(data, failed.seed)) == kind)


def _problems(data: Json, seed: int) -> list[str]:
    try:
        spec, _ = compiled(data, seed)
    except Exception as error:  # noqa: BLE001
        return [f"crash: {error!r}"]
    try:
        return [problem for one in verdicts(data, spec, seed) for problem in one.problems] if spec else []
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError):
        return []  # a file that hpc accepts and the language reader does not: it is no smaller example of this


def _kind(problems: Any) -> set[str]:
    return {problem.split(":")[0] if ":" in problem else "order" for problem in problems}
