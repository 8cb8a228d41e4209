"""`python -m simulation --count 10000 --seed 7`: many pipelines at once, and the first disagreements made small."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from simulation.trial import Trial, shrunk, trial, written


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many pipelines")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--show", type=int, default=3, help="how many disagreements are made small")
    chosen = parser.parse_args()
    trials = [trial(seed) for seed in range(chosen.seed, chosen.seed + chosen.count)]
    sys.stdout.write(_summary(trials))
    for one in [one for one in trials if one.problems][: chosen.show]:
        sys.stdout.write(f"\n# seed {one.seed}: {one.problems[0]}\n{written(shrunk(one))}")


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
