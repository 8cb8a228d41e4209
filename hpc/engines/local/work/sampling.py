"""What the trials of a search are to try: a `Tuning` enters, proposals leave, one after the other.

Optuna chooses, or, for a grid, a count through all combinations. What is proposed depends on the pipeline, the path of
the task, the number of the trial and the metrics told so far: so a run that is gone on with searches on in the same
way, and the same search finds its trials in the cache. A trial that a record of the run knows is proposed again as it
was.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from hpc.engines.findings import Findings
from hpc.engines.local.flow.trials import Sampler
from hpc.engines.local.plan import Settings, Space, Tuning
from hpc.engines.local.plan.rules import NO_SAMPLER
from hpc.engines.local.store.records import TaskRecord

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

_MOST_AT_RANDOM = 10
"""Optuna's own number of trials before it begins to conclude from them."""

Values = Mapping[str, object]


def check_sampler(settings: Mapping[str, Settings], findings: Findings) -> None:
    """A search that could not propose anything would only be found when its turn has come."""
    for label, one in settings.items():
        if one.tuning is not None and not one.tuning.is_grid and find_spec("optuna") is None:
            fact = f"executor {label} searches with Optuna, which is not installed"
            findings.add(NO_SAMPLER, fact, "pip install 'hydra-pipeline-compiler[tune]'")


class Samplers:
    """Makes the samplers of one run; `records` are those of its tasks, or of the run that results are taken from."""

    def __init__(self, pipeline: str, records: Mapping[str, TaskRecord]) -> None:
        self._pipeline = pipeline
        self._records = records

    def of(self, path: str, tuning: Tuning) -> Sampler:
        """What chooses for the search at this path."""
        if tuning.is_grid:
            return Grid(tuning)
        tried: dict[int, Values] = {}
        for number in range(tuning.trials):
            record = self._records.get(f"{path}[{number}]")
            if record is not None and tuning.search.keys() <= record.inputs.keys():
                tried[number] = {name: record.inputs[name] for name in tuning.search}
        return OptunaSampler(tuning, f"{self._pipeline} {path}", tried)


class Grid:
    """Every combination once, the last input fastest."""

    def __init__(self, tuning: Tuning) -> None:
        self._search = tuning.search

    def ask(self, number: int) -> Values:
        found: dict[str, object] = {}
        for name, space in reversed([*self._search.items()]):
            number, index = divmod(number, space.size)
            found[name] = space.values[index] if space.values else int(space.low) + index
        return {name: found[name] for name in self._search}

    def tell(self, number: int, value: float | None) -> None:
        """Nothing follows from it."""


class OptunaSampler:
    """A study that nobody keeps. `seed` is any text; `tried` are the values of trials that are known already."""

    def __init__(self, tuning: Tuning, seed: str, tried: Mapping[int, Values]) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._tuning = tuning
        self._seed = seed
        self._tried = tried
        self._axes = {name: Axis(space) for name, space in tuning.search.items()}
        self._distributions = {name: axis.distribution() for name, axis in self._axes.items()}
        self._study = optuna.create_study(direction=tuning.goal)
        self._trials: dict[int, Trial] = {}

    def ask(self, number: int) -> Values:
        known = self._known(number)
        if known is not None:
            self._study.enqueue_trial(known)
        self._study.sampler = self._sampler(number)
        trial = self._trials[number] = self._study.ask(self._distributions)
        return {name: axis.value(trial.params[name]) for name, axis in self._axes.items()}

    def tell(self, number: int, value: float | None) -> None:
        from optuna.trial import TrialState

        if value is None:
            self._study.tell(self._trials[number], state=TrialState.FAIL)
        else:
            self._study.tell(self._trials[number], value)

    def _known(self, number: int) -> dict[str, Any] | None:
        """What the study calls the values of a trial; None where they are not, or no longer, in the spaces."""
        if number not in self._tried:
            return None
        raw = {name: axis.raw(self._tried[number][name]) for name, axis in self._axes.items()}
        return None if None in raw.values() else raw

    def _sampler(self, number: int) -> BaseSampler:
        """One for each trial: its seed does not depend on how many were asked before."""
        from optuna.samplers import RandomSampler, TPESampler

        digest = hashlib.sha256(f"{self._seed} {number}".encode("utf-8", "surrogatepass")).digest()
        seed = int.from_bytes(digest[:4], "big")
        if self._tuning.algorithm == "random":
            return RandomSampler(seed)
        at_random = max(1, min(_MOST_AT_RANDOM, self._tuning.trials // 3))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # constant_liar was called experimental
            return TPESampler(seed=seed, n_startup_trials=at_random, constant_liar=True)


class Axis:
    """One input as Optuna knows it: numbers in a list as places in their order, and a reverse scale as a mirror."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._is_number = space.kind in ("NUMBER_INTEGER", "NUMBER_DOUBLE")
        self._values = sorted(space.values, key=_as_number) if self._is_number else [*space.values]

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        space = self._space
        if self._values and self._is_number:
            return IntDistribution(0, len(self._values) - 1)
        if self._values:
            return CategoricalDistribution([*range(len(self._values))])
        log = space.scale != "linear"
        if space.kind == "NUMBER_INTEGER":
            return IntDistribution(int(space.low), int(space.high), log=log)
        return FloatDistribution(space.low, space.high, log=log)

    def value(self, raw: Any) -> object:
        """What a trial gets."""
        if self._values:
            found = self._values[raw]
            return _as_number(found) if self._space.kind == "NUMBER_DOUBLE" else found
        return self._mirrored(raw)

    def raw(self, value: object) -> Any:
        """What Optuna calls the value; None where it is not in the space."""
        if self._values:
            return self._values.index(value) if value in self._values else None
        is_within = isinstance(value, (int, float)) and self._space.low <= value <= self._space.high
        return self._mirrored(value) if is_within else None

    def _mirrored(self, value: Any) -> Any:
        """Its own inverse; a sum of floats may leave the range by a rounding error."""
        space = self._space
        if space.scale == "reverse_log":
            value = min(max(space.low + space.high - value, space.low), space.high)
        return int(value) if space.kind == "NUMBER_INTEGER" else float(value)


def _as_number(value: object) -> float:
    assert isinstance(value, (int, float))
    return float(value)
