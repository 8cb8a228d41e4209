"""Mistakes planted in the engine's flow, one at a time: while a slip is in force, every execution makes it.

Each is one that an engine could have, and that no type would notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from hpc.engines.local.flow import execution, frames, inputs
from hpc.engines.local.flow.execution import Execution
from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.frames import Group, OpenLoop, Wiring
from hpc.engines.local.flow.inputs import Inputs
from hpc.engines.outcome import TaskResult

Made = Callable[..., Any]
Slip = tuple[Any, str, Callable[[Made], Made]]  # what is patched, its name, the wrong one made of the right one


@contextmanager
def planted(name: str) -> Iterator[None]:
    owner, attribute, wrong = SLIPS[name]
    with patch.object(owner, attribute, wrong(getattr(owner, attribute))):
        yield


def _dependents_of_skipped_run(right: Made) -> Made:
    def unfit(group: Any, task: Any) -> Any:
        bad = [group._finished[key] for key in task.after]
        return right(group, task) if any(one.state == "FAILED" for one in bad) else None

    return unfit


def _only_false_conditions_spread(right: Made) -> Made:
    def unfit(group: Any, task: Any) -> Any:
        reasons = {group._finished[key].reason for key in task.after if not group._finished[key].is_good}
        return None if reasons == {"upstream"} else right(group, task)

    return unfit


def _nothing_runs_whatever_happened(right: Made) -> Made:
    return lambda group, task: right(group, replace(task, whatever=False))


def _failure_does_not_matter(right: Made) -> Made:
    def unfit(group: Any, task: Any) -> Any:
        return None if all(group._finished[key].state == "FAILED" for key in task.after) else right(group, task)

    return unfit


def _in_order_of_completion(right: Made) -> Made:
    return lambda loop, _, result: right(loop, len(loop._ended), result)


def _other_limit(change: Callable[[int], int]) -> Callable[[Made], Made]:
    def wrong(right: Made) -> Made:
        def begin(loop: Any, *given: Any) -> None:
            right(loop, *given)
            loop._limit = change(loop._limit) if loop.task.loop.parallel else loop._limit

        return begin

    return wrong


def _not_flat(_: Made) -> Made:
    return lambda results, name: (one.outputs[name] for one in results if name in one.outputs)


def _errors_are_false(right: Made) -> Made:
    def fails(condition: Any, given: Any) -> Any:
        try:
            return right(condition, given)
        except TaskError:
            return "it was false"

    return fails


def _inverted(right: Made) -> Made:
    return lambda condition, given: "it was false" if right(condition, given) is None else None


def _first_branch(right: Made) -> Made:
    return lambda group, name, one, made: right(group, name, replace(one, sources=one.sources[:1], one_of=False), made)


def _last_branch(right: Made) -> Made:
    return lambda group, name, one, made: right(group, name, replace(one, sources=one.sources[::-1]), made)


def _one_dependency_less(right: Made) -> Made:
    def wire(wiring: Any, dag: Any) -> None:
        right(wiring, dag)
        for task in dag.tasks:
            sources = [*(one.source for one in task.parameters.values()), *task.artifacts.values()]
            orders = [key for key in task.after if all(getattr(one, "task", "") != key for one in sources)]
            if orders:
                wiring.tasks[task.key] = replace(task, after=tuple(key for key in task.after if key != orders[0]))
                wiring.dependents[orders[0]].remove(task.key)
                wiring.waiting[task.key] -= 1

    return wire


def _failures_are_lost(right: Made) -> Made:
    def together(results: Mapping[str, TaskResult], kind: Any) -> TaskResult:
        ended = right(results, kind)
        return TaskResult("SUCCEEDED", kind) if ended.state == "FAILED" and kind == "group" else ended

    return together


def _skipped_groups_fail(right: Made) -> Made:
    def together(results: Mapping[str, TaskResult], kind: Any) -> TaskResult:
        skipped = bool(results) and all(one.state == "SKIPPED" for one in results.values())
        return TaskResult("FAILED", kind, error="nothing ran") if skipped else right(results, kind)

    return together


def _other_item(right: Made) -> Made:
    return lambda loop, number: right(loop, len(loop.items) - 1 - number)


def _no_selector(right: Made) -> Made:
    return lambda name, binding, scope: right(name, replace(binding, selector=None), scope)


def _always_well(right: Made) -> Made:
    return lambda key, result, run: {**right(key, result, run), "state": "SUCCEEDED"}


def _no_defaults(right: Made) -> Made:
    def resolve(task: Any, scope: Any) -> Inputs:
        found = right(task, scope)
        ports = task.component.inputs.parameters
        missing = {name for name in found.parameters if name not in task.parameters and ports[name].has_default}
        return replace(found, parameters={k: v for k, v in found.parameters.items() if k not in missing})

    return resolve


def _one_after_the_other(right: Made) -> Made:
    """While something runs, nothing more is begun."""

    def next_one(run: Any) -> Any:
        if getattr(run, "out", 0):
            return None
        leaf = right(run)
        run.out = int(leaf is not None)
        return leaf

    return next_one


def _stops_at_first_failure(right: Made) -> Made:
    def held(run: Any, slot: Any, task: Any) -> Any:
        run._fail_fast = True
        return right(run, slot, task)

    return held


SLIPS: dict[str, Slip] = {
    "what follows a skipped task runs": (Group, "unfit", _dependents_of_skipped_run),
    "being skipped does not spread": (Group, "unfit", _only_false_conditions_spread),
    "an exit handler does not run after a failure": (Group, "unfit", _nothing_runs_whatever_happened),
    "what follows a failed task runs": (Group, "unfit", _failure_does_not_matter),
    "results of a loop stand in the order of completion": (OpenLoop, "take", _in_order_of_completion),
    "a limit is ignored": (OpenLoop, "__init__", _other_limit(lambda limit: limit * 10**9)),
    "a limit is one too high": (OpenLoop, "__init__", _other_limit(lambda limit: limit + 1)),
    "a limit is one too low": (OpenLoop, "__init__", _other_limit(lambda limit: max(1, limit - 1))),
    "results of nested loops are nested": (frames, "_flat", _not_flat),
    "an error in a condition is false": (execution, "fails", _errors_are_false),
    "conditions are inverted": (execution, "fails", _inverted),
    "a join takes the first branch even if it was skipped": (Group, "_chosen", _first_branch),
    "a join takes the last branch": (Group, "_chosen", _last_branch),
    "a dependency is forgotten": (Wiring, "__init__", _one_dependency_less),
    "a failure stays within its group": (frames, "together", _failures_are_lost),
    "a group of which nothing ran has failed": (frames, "together", _skipped_groups_fail),
    "an iteration gets another item": (OpenLoop, "opened", _other_item),
    "a field of a record is the record": (inputs, "_value", _no_selector),
    "a status tells that all went well": (inputs, "final_status", _always_well),
    "a default is left out": (execution, "resolve", _no_defaults),
    "one task after the other": (Execution, "next", _one_after_the_other),
    "the first failure ends the run": (Execution, "_held", _stops_at_first_failure),
}
