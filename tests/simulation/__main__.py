"""`python -m simulation --count 10000 --seed 7`: many pipelines at once, and the first disagreements made small."""

from __future__ import annotations

import argparse
from collections import Counter

from simulation.trial import Trial, shrunk, trial, written


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many pipelines")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--show", type=int, default=3, help="how many disagreements are made small")
    chosen = parser.parse_args()
    trials = [trial(seed) for seed in range(chosen.seed, chosen.seed + chosen.count)]
    _summary(trials)
    for one in [one for one in trials if one.problems][: chosen.show]:
        print(f"\n# seed {one.seed}: {one.problems[0]}\n{written(shrunk(one))}")


def _summary(trials: list[Trial]) -> None:
    accepted = [one for one in trials if one.accepted]
    print(f"{len(accepted)} of {len(trials)} files accepted; refused: {dict(Counter(r for t in trials for r in t.rules))}")
    print(f"{sum(t.runs for t in trials)} programs run; {sum(t.held for t in trials)} held back by groups;", end=" ")
    print(f"{sum(t.vague for t in trials)} runs not compared; {sum(bool(t.problems) for t in trials)} files disagree")


if __name__ == "__main__":
    main()
