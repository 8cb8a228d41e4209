"""Other ways through one run: gone on with after half of it, stopped, or ended at the first failure.

A plan, a world and inputs enter; what is wrong leaves, as texts. Nothing is wrong where it comes to the same, or where
what was not begun is not begun.
"""

from __future__ import annotations

import random
from typing import Any

from hpc.engines.local.flow.inputs import Inputs
from hpc.engines.local.plan import Plan
from hpc.engines.outcome import TaskResult
from simulation.engine import Course, Drive
from simulation.world import World

UNLIMITED = 10**9


def resumed(one: Plan, world: World, inputs: Inputs, seed: int) -> list[str]:
    """Half a run, thrown away; a new one with what is known of it, in another order, comes to the same."""
    whole = Drive(one, world, inputs, seed, 3).go()
    half = Drive(one, world, inputs, seed + 1, 2).go(len(whole.begun) // 2)
    known = {begun.path: half.ends[begun.path] for begun in half.begun if begun.path in half.ends}
    again = Drive(one, world, inputs, seed + 2, UNLIMITED, known).go()
    return [*again.problems, *_unlike(whole, again)]


def _unlike(whole: Course, again: Course) -> list[str]:
    """What two courses came to, down to the words; and what was handed out with which inputs."""
    found = [f"end: {path}" for path in _differing(whole.states, again.states)]
    given = ({begun.path: begun.inputs for begun in course.begun} for course in (whole, again))
    return found + [f"inputs: {path}" for path in _differing(*given)]


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [path for path in {**one, **other} if one.get(path) != other.get(path)]


def stopped(one: Plan, world: World, inputs: Inputs, seed: int) -> list[str]:
    """After a stop nothing is handed out, and all that was ends; then there is a result."""
    rng = random.Random(seed)
    whole = Drive(one, world, inputs, seed, 3).go()
    drive = Drive(one, world, inputs, seed, 3)
    drive.go(rng.randint(0, len(whole.begun)))
    drive.execution.stop()
    problems = [f"stop: {leaf.path} is handed out" for leaf in [drive.execution.next()] if leaf]
    while drive.running:
        leaf, _ = drive.running.pop(rng.randrange(len(drive.running)))
        drive.end(leaf, TaskResult("CANCELLED"))
        problems += [f"stop: {leaf.path} is handed out" for leaf in [drive.execution.next()] if leaf]
    course = drive.course
    states = {result.state for result in course.ends.values()}
    result = drive.execution.result
    if result is None:
        return [*problems, "stop: there is no end"]
    assert whole.result is not None
    expected = whole.result.state  # where the stop came too late
    if "CANCELLED" in states:
        expected = "FAILED" if "FAILED" in states else "CANCELLED"
    wrong = [f"stop: the run is {result.state}, not {expected}"] if result.state != expected else []
    return [*course.problems, *problems, *wrong]


def failing_fast(one: Plan, world: World, inputs: Inputs, seed: int) -> list[str]:
    """After the first failure only what runs whatever happened begins, and that is not held back."""
    course = Drive(one, world, inputs, seed, 3, fail_fast=True).go()
    if course.failed_at is None:
        return _unlike(Drive(one, world, inputs, seed, 2).go(), course)
    late = [f"fail-fast: {begun.path} begins" for begun in course.begun[course.failed_at :] if not begun.whatever]
    held = [
        path for path, result in course.ends.items() if result.reason == "fail-fast" and course.tasks[path].whatever
    ]
    ended = [] if course.result and course.result.state == "FAILED" else ["fail-fast: the run has not failed"]
    return [*course.problems, *late, *(f"fail-fast: {path} is held back" for path in held), *ended]
