"""A search while it is open: a tuned task, its inputs and a sampler enter, the best values and their metric leave.

Trial i is the task at `path[i]` with the values of one proposal among its inputs, and behind its arguments as flags, as
a tuning service passes them. The best trial is the earliest of those with the best metric.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from hpc.engines.arguments import ParameterPort
from hpc.engines.local.flow.frames import Place, together
from hpc.engines.local.flow.inputs import Inputs
from hpc.engines.local.plan import Container, Task, Tuning
from hpc.engines.local.plan.tuning import BEST_METRIC
from hpc.engines.outcome import TaskResult
from hpc.engines.values import as_text

_FEWEST = 3
"""So many trials, or as many as run at once, tell that none will succeed."""


class Sampler(Protocol):
    """Chooses values. Trials are asked for in order from 0, and told in whatever order they end."""

    def ask(self, number: int) -> Mapping[str, object]:
        """A value for each searched input."""
        ...

    def tell(self, number: int, value: float | None) -> None:
        """The metric of a trial; None for one that has failed."""
        ...


Makes = Callable[[str, Tuning], Sampler]
"""A sampler for the search at a path."""


class OpenTrials:
    """Like a loop whose items are chosen one after the other. A failed trial only counts as one without a value."""

    def __init__(self, path: str, task: Task, inputs: Inputs, place: Place, sampler: Makes) -> None:
        assert task.tuning is not None
        self.path = path
        self.task = task
        self.place = place
        self.count = task.tuning.most
        self.forgives = True
        self.running = 0
        self._tuning = task.tuning
        self._inputs = inputs
        self._makes = sampler
        self._next = 0
        self._asked: dict[int, Mapping[str, object]] = {}
        self._metrics: dict[int, float] = {}
        self._failed: dict[int, TaskResult] = {}
        self._cut: dict[str, TaskResult] = {}

    @cached_property
    def _sampler(self) -> Sampler:
        """Made when it is first asked, as that may take a while."""
        return self._makes(self.path, self._tuning)

    @property
    def is_open(self) -> bool:
        return not self._is_over and self.running < self._tuning.parallel

    @property
    def is_done(self) -> bool:
        return self._is_over and not self.running

    @property
    def _is_over(self) -> bool:
        """Whether there will be no further trial."""
        return self._next == self.count or bool(self._cut) or self._is_hopeless

    @property
    def _is_hopeless(self) -> bool:
        return not self._metrics and len(self._failed) >= max(_FEWEST, self._tuning.parallel)

    @property
    def left(self) -> int:
        return self.count - self._next

    def advance(self) -> int:
        self._next += 1
        self.running += 1
        return self._next - 1

    def opened(self, number: int) -> tuple[Task, Inputs]:
        values = self._asked[number] = self._sampler.ask(number)
        return trial_of(self.task, self._tuning, values), Inputs(
            {**self._inputs.parameters, **values}, self._inputs.artifacts
        )

    def take(self, number: int, result: TaskResult) -> None:
        self.running -= 1
        value = result.outputs.get(self._tuning.metric) if result.is_good else None
        if not result.is_good and result.state != "FAILED":
            self._cut[f"[{number}]"] = result
            return
        metric = float(value) if isinstance(value, (int, float)) else None
        if metric is None:
            self._failed[number] = result
        else:
            self._metrics[number] = metric
        if number in self._asked:
            self._sampler.tell(number, metric)

    def drop_rest(self, why: TaskResult) -> None:
        self._cut["the rest"] = why

    def result(self) -> TaskResult:
        """The values of the best trial, and what it came to."""
        if self._cut:
            return together(self._cut, "loop")
        if not self._metrics:
            number, first = min(self._failed.items())
            text = f"no trial has succeeded; [{number}]: {first.error or f'no value of {self._tuning.metric}'}"
            return TaskResult("FAILED", "loop", error=text, exit_code=first.exit_code)
        best = min(self._metrics, key=self._rank)
        found = {**self._asked[best], BEST_METRIC: self._metrics[best]}
        names = self.task.component.outputs.parameters
        return TaskResult("SUCCEEDED", "loop", outputs={name: found[name] for name in names})

    def _rank(self, number: int) -> tuple[float, int]:
        metric = self._metrics[number]
        return (-metric if self._tuning.goal == "maximize" else metric), number


def trial_of(task: Task, tuning: Tuning, values: Mapping[str, object]) -> Task:
    """What a trial runs: the task with the searched inputs, their flags, and the outputs of its program."""
    body, inputs = task.component.body, task.component.inputs
    assert isinstance(body, Container)
    searched = {name: ParameterPort(space.kind) for name, space in tuning.search.items()}
    flags = (f"{space.flag}={_written(name, values[name])}" for name, space in tuning.search.items())
    component = replace(
        task.component,
        inputs=replace(inputs, parameters={**inputs.parameters, **searched}),
        outputs=tuning.outputs,
        body=replace(body, args=(*body.args, *flags)),
    )
    return replace(task, component=component)


def _written(name: str, value: object) -> str:
    """A double keeps its point, as a flag says nothing of types; any text as a placeholder, so that it is none."""
    if isinstance(value, float):
        return repr(value)
    return f"{{{{$.inputs.parameters['{name}']}}}}" if isinstance(value, str) else as_text(value)
