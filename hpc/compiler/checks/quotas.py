"""More than the target takes: tasks of a run, artifacts and variables of a task. The numbers are in `targets.py`.

Those of Vertex AI are quotas that cannot be raised ("Quotas and limits", 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import Gathered, Graph, RunsContainer
from hpc.compiler.mentions import container_runs, variable_path
from hpc.compiler.targets import CANNOT, Quotas, Target
from hpc.diagnostics import Diagnostic, Place, Rule

TOO_MANY_TASKS = Rule(
    "HPC513",
    "too many tasks",
    "A pipeline job of Vertex AI has at most 10,000 tasks.",
    "Split the pipeline, or do more in one step.",
)
TOO_MANY_PORTS = Rule(
    "HPC519",
    "more than a task can have",
    "A task of Vertex AI has at most 100 artifacts, counting what goes in and what comes out, and 100 variables.",
    "Gather in two stages, or do it in one step.",
)
RULES = (TOO_MANY_TASKS, TOO_MANY_PORTS)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if target.quotas is None:
        return
    yield from _tasks(graph, target, target.quotas.tasks)
    for step in container_runs(graph):
        yield from _ports(step, target, target.quotas)
        yield from _empty_variables(step, target)


def _tasks(graph: Graph, target: Target, most: int) -> Iterator[Diagnostic]:
    tasks = graph.tasks
    if tasks > most:
        fact = f"the pipeline has {tasks:,} tasks; a job on {target.title} has at most {most:,}."
        fix = "split it into several pipelines, or do more in one step."
        yield Diagnostic(TOO_MANY_TASKS, Place(("edges",), on="key"), fact, fix)


def _ports(step: RunsContainer, target: Target, quotas: Quotas) -> Iterator[Diagnostic]:
    taken = (
        len(binding.items) if isinstance(binding, Gathered) else 1
        for name, binding in step.bindings.items()
        if step.inputs[name].type.is_artifact
    )
    artifacts = sum(taken) + sum(port.type.is_artifact for port in step.outputs.values())
    for number, most, what in (
        (artifacts, quotas.artifacts, "artifacts"),
        (len(step.settings.env), quotas.variables, "environment variables"),
    ):
        if number > most:
            fact = f"step `{step.written}` has {number} {what}; a task on {target.title} has at most {most}."
            fix = "gather in two stages, in components made of edges." if what == "artifacts" else "remove some."
            yield Diagnostic(TOO_MANY_PORTS, Place(step.edge), fact, fix)


def _empty_variables(step: RunsContainer, target: Target) -> Iterator[Diagnostic]:
    """`env[0].value: Required field is not set` (kubeflow/pipelines#10111)."""
    for name, value in step.settings.env.items():
        if value == "":
            fact = f"{target.title} refuses the empty variable `{name}`."
            yield Diagnostic(CANNOT, Place(variable_path(step, name)), fact, "remove it, or give it a value.")
