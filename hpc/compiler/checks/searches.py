"""`tune` on targets where no local engine makes the trials: none on Kubeflow, a HyperparameterTuningJob on Vertex AI.

What Vertex AI's API has no form for is refused here: names, numbers, and what a trial does not have, because it is no
task of the pipeline. Language, section 5.6; StudySpec in Vertex AI's API (aiplatform v1, revision 20261106).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

from hpc.compiler import mentions
from hpc.compiler.graph import ContainerStep, Graph, RunsContainer
from hpc.compiler.hardware import chosen_machine, job_keys
from hpc.compiler.machines import DEFAULT_MACHINE, MachineTable
from hpc.compiler.render import NEEDS_COMMAND
from hpc.compiler.targets import CANNOT, Target
from hpc.components.step import Tune
from hpc.components.use import references_in
from hpc.diagnostics import Diagnostic, Path, Place, Rule

BAD_METRIC_NAME = Rule(
    "HPC530",
    "metric that Vertex AI cannot be told of",
    "Trials report metrics by name, in lines that have keys of their own; a name holds no white space there.",
    "Give the metric another name.",
)
BAD_VALUES = Rule(
    "HPC531",
    "values that Vertex AI cannot search",
    "Its tuning service takes a list of at most 1,000 numbers, which are at least 1e-10 apart.",
    "Search other values, or a range.",
)
NOT_IN_A_TRIAL = Rule(
    "HPC532",
    "a trial does not have this",
    "The trials of a search are jobs of Vertex AI's tuning service, not tasks of the pipeline.",
    "Remove it from the component, or use another one for the search.",
)
CHOSEN = Rule(
    "HPC533",
    "machine that hpc chose for trials",
    "The trials of a search run on machines of a named type, and the profile names none.",
    "Nothing to do, or name one.",
    severity="note",
)
NO_MACHINE = Rule(
    "HPC534",
    "no machine has what a trial needs",
    "The trials of a search run on machines of a named type, and none of Vertex AI's has all that is asked for.",
    "Ask for less, or name a machine.",
)
RULES = (CANNOT, NEEDS_COMMAND, BAD_METRIC_NAME, BAD_VALUES, NOT_IN_A_TRIAL, CHOSEN, NO_MACHINE)

_KEYS_OF_A_REPORT = ("timestamp", "trial", "global_step", "checkpoint_path")
_MOST_VALUES = 1000
_LEAST_DISTANCE = 1e-10
_OF_TASKS = ("executor_input", "executor_output")


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if target.tunes == "engine":
        return
    for step in graph.all_steps:
        if not isinstance(step, RunsContainer) or step.tune is None:
            continue
        path = (*step.path, "tune")
        if target.tunes == "no":
            fact = f"{target.title} has no service that searches for the best values."
            fix = "search on this machine with `hpc run`, and pass on what was found."
            yield Diagnostic(CANNOT, Place(path, on="key"), fact, fix)
        elif isinstance(step, ContainerStep):
            yield from _metric(step.tune, path)
            for name, space in step.tune.search.items():
                yield from _values(space, (*path, "search", name))
            yield from _program(step, target)
            yield from _machine(step, Place(path, on="key"), graph.machines)


def _metric(tune: Tune, path: Path) -> Iterator[Diagnostic]:
    place = Place((*path, "metric"))
    if any(char.isspace() for char in tune.metric) or not tune.metric:
        fact = f"`{tune.metric}` is no name of a metric: it " + ("holds white space." if tune.metric else "is empty.")
        yield Diagnostic(BAD_METRIC_NAME, place, fact, "report it under another name, e.g. with `_` in place of it.")
    elif tune.metric in _KEYS_OF_A_REPORT:
        fact = f"`{tune.metric}` cannot name a metric: it is a key of every report of a trial."
        yield Diagnostic(BAD_METRIC_NAME, place, fact, f"call it otherwise, e.g. `best_{tune.metric}`.")


def _values(space: Any, path: Path) -> Iterator[Diagnostic]:
    listed = cast("list[Any]", space) if isinstance(space, list) else []
    numbers = sorted(float(value) for value in listed if isinstance(value, int | float) and not isinstance(value, bool))
    if len(numbers) > _MOST_VALUES:
        fact = f"{len(numbers):,} numbers are listed; Vertex AI takes at most {_MOST_VALUES:,}."
        yield Diagnostic(BAD_VALUES, Place(path, on="key"), fact, "write a range, `{min: …, max: …}`.")
    for low, high in pairwise(numbers):
        if high - low < _LEAST_DISTANCE:
            fact = f"{low} and {high} are less than 1e-10 apart, which is one value to Vertex AI."
            yield Diagnostic(BAD_VALUES, Place(path, on="key"), fact, "write a range with `scale: log`.")
            return


def _program(step: ContainerStep, target: Target) -> Iterator[Diagnostic]:
    """A small program in front of the command gives each trial its values and folders, and reports its metric."""
    if not step.component.command:
        why = "the image's own entrypoint is not known here"
        fact = f"on {target.title} a small program in front of the command prepares each trial; {why}."
        fix = "add `command:`, e.g. `command: [python, main.py]`."
        yield Diagnostic(NEEDS_COMMAND, Place(step.component_path, on="key"), fact, fix)
    for path, text in mentions.texts(step):
        for reference in references_in(text):
            is_metadata = reference.namespace == "outputs" and reference.rest[:1] == ("metadata",)
            if is_metadata or (reference.namespace == "run" and reference.name in _OF_TASKS):
                place = Place(path, start=reference.start, length=reference.end - reference.start)
                why = (
                    "only artifacts of a task have metadata" if is_metadata else "it is no task, but a job of a search"
                )
                fact = f"`{reference}` has no value in a trial on {target.title}: {why}."
                yield Diagnostic(NOT_IN_A_TRIAL, place, fact, "remove it, or search with another component.")


def _machine(step: ContainerStep, place: Place, machines: MachineTable) -> Iterator[Diagnostic]:
    """A trial runs on a machine of a named type; where the step were a CustomJob, `jobs.py` says which is chosen."""
    accelerator = step.settings.accelerator
    if accelerator is None or accelerator.machine or job_keys(step.settings):
        return
    machine = chosen_machine(accelerator, machines)
    whose = f"accelerator `{step.settings.accelerator_path[-1]}`"
    gpu = machines.gpu_names.get(accelerator.gpu or "", "")
    if machine is None and (not gpu or (accelerator.count or 1) in machines.offered_counts(gpu)):
        fact = f"a trial needs a machine, and none of Vertex AI's has all that {whose} asks for."
        yield Diagnostic(NO_MACHINE, place, fact, "ask for less.")
    elif machine and machine != DEFAULT_MACHINE:
        fact = f"a trial needs a machine: `{machine}` for {whose}."
        yield Diagnostic(CHOSEN, place, fact, f"nothing to do, or add `machine` to {whose}.")
