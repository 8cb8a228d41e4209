"""A `schedule` that can be kept: five fields, a time zone that exists, and a value for every input of each run.

None of it is in the compiled file; it is said here because a schedule that is wrong is found out at three in the
morning. Language, sections 2 and 5.16.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.components.ports import PipelineInput, objection
from hpc.components.types import did_you_mean, with_article
from hpc.diagnostics import Diagnostic, Place, Rule
from hpc.spec.model import Pipeline, Schedule
from hpc.spec.schedule import cron_problems, timezone_problem

SCHEDULE = Rule(
    "HPC111",
    "not a schedule",
    "Schedulers read cron texts differently: words, seconds, 7 for Sunday and open ranges work on one, and are refused "
    "or mean something else on another. What all of them understand alike is allowed.",
    "Write five fields, `minute hour day month weekday`, and the zone as `timezone: Asia/Tokyo`.",
)
SCHEDULED_INPUTS = Rule(
    "HPC112",
    "inputs of scheduled runs",
    "Nobody is there to give a scheduled run what it lacks: every input has a default or a value in `schedule.inputs`, "
    "which fits the input.",
    "Correct the name or the value, or add what is missing.",
)
RULES = (SCHEDULE, SCHEDULED_INPUTS)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    schedule = graph.pipeline.schedule
    if schedule is not None:
        yield from _times(schedule)
        yield from _inputs(graph.pipeline, schedule)


def _times(schedule: Schedule) -> Iterator[Diagnostic]:
    for problem in cron_problems(schedule.cron):
        place = Place(("schedule", "cron"), start=problem.start, length=problem.length)
        yield Diagnostic(SCHEDULE, place, problem.fact, problem.fix)
    zone = timezone_problem(schedule.timezone)
    if zone:
        yield Diagnostic(SCHEDULE, Place(("schedule", "timezone")), zone.fact, zone.fix)


def _inputs(pipeline: Pipeline, schedule: Schedule) -> Iterator[Diagnostic]:
    for name, value in schedule.inputs.items():
        path = ("schedule", "inputs", name)
        port = pipeline.inputs.get(name)
        if port is None:
            fact = f"the pipeline has no input `{name}`."
            yield Diagnostic(SCHEDULED_INPUTS, Place(path, on="key"), fact, did_you_mean(name, pipeline.inputs))
            continue
        trouble = objection(port, port.type, value)
        if trouble:
            yield Diagnostic(SCHEDULED_INPUTS, Place(path), f"the value of `{name}` {trouble[0]}.", trouble[1])
    left = {
        name: port for name, port in pipeline.inputs.items() if not port.has_default and name not in schedule.inputs
    }
    yield from _left_out(left)


def _left_out(left: dict[str, PipelineInput]) -> Iterator[Diagnostic]:
    for name, port in left.items():
        place = Place(("schedule", "inputs"), on="key")
        if port.type.is_artifact:
            fact = f"input `{name}` is {with_article(port.type)}, which a scheduled run cannot be given."
            fix = "import it: a component with `import:` and `uri:`, then an edge."
        else:
            fact = f"scheduled runs get no value for input `{name}` ({port.type}), which has no default."
            fix = f"add `schedule: {{inputs: {{{name}: …}}}}`, or give it a default."
        yield Diagnostic(SCHEDULED_INPUTS, place, fact, fix)
