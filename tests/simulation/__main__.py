"""`python -m simulation --count 10000 --seed 7`: many pipelines at once, and the first disagreements made small.

With `--engine` the local engine is held against the backend's reading, in every way through a run.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

from simulation.engine import cases, held_against
from simulation.trial import Trial, shrunk, trial, written
from simulation.ways import failing_fast, resumed, stopped


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many pipelines")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--show", type=int, default=3, help="how many disagreements are made small")
    parser.add_argument("--engine", action="store_true", help="hold the local engine against the backend's reading")
    chosen = parser.parse_args()
    if chosen.engine:
        sys.stdout.writelines(_engine(range(chosen.seed, chosen.seed + chosen.count), chosen.show))
        return
    trials = [trial(seed) for seed in range(chosen.seed, chosen.seed + chosen.count)]
    sys.stdout.write(_summary(trials))
    for one in [one for one in trials if one.problems][: chosen.show]:
        sys.stdout.write(f"\n# seed {one.seed}: {one.problems[0]}\n{written(shrunk(one))}")


def _engine(seeds: range, show: int) -> Iterator[str]:
    """The first disagreements, then how many there are."""
    runs = documents = wrong = 0
    for case in (case for seed in seeds for case in cases(seed)):
        held = held_against(case)
        problems = list(held.problems)
        for way in (resumed, stopped, failing_fast):
            for world, _ in case.expected:
                problems += way(case.plan, world, case.inputs, case.seed)
        documents, runs, wrong = documents + 1, runs + held.runs, wrong + bool(problems)
        if problems and wrong <= show:
            yield f"# seed {case.seed}, {'compiled' if case.strict else 'document'}: {problems[:5]}\n"
    yield f"{runs} programs run of {documents} documents\n{wrong} documents disagree\n"


def _summary(trials: list[Trial]) -> str:
    accepted = sum(one.accepted for one in trials)
    refused = dict(Counter(rule for one in trials for rule in one.rules))
    runs, held, vague = (sum(getattr(one, name) for one in trials) for name in ("runs", "held", "vague"))
    return (
        f"{accepted} of {len(trials)} files accepted; refused by {refused}\n"
        f"{runs} programs run; {held} steps held back by groups; {vague} runs not compared\n"
        f"{sum(bool(one.problems) for one in trials)} files disagree\n"
    )


if __name__ == "__main__":
    main()
