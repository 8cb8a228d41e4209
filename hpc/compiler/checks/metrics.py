"""Metrics that clusters will not show, because nothing can stand in front of the command to report them.

On Vertex AI and Kubeflow a small Python program runs the command and reports the JSON that it writes (language, 5.19).
Where the command does not begin with a Python the image may have none, so the command is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import ContainerStep, Graph
from hpc.compiler.targets import Target
from hpc.components.bootstrap import begins_with_python, metric_outputs
from hpc.components.use import needs_bootstrap
from hpc.diagnostics import Diagnostic, Place, Rule

NOT_SHOWN = Rule(
    "HPC518",
    "metrics that are not shown",
    "A program in front of the command reports metrics to clusters. It needs a Python, which is surely there only if "
    "the command begins with one.",
    "Begin the command with `python` or `python3`, or report the metrics in the program itself.",
    severity="note",
)
RULES = (NOT_SHOWN,)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if target.reads_metrics:
        return
    for step in graph.distinct_steps:
        yield from _not_shown(step, target)


def _not_shown(step: ContainerStep, target: Target) -> Iterator[Diagnostic]:
    if begins_with_python(step.component.command) or needs_bootstrap(step.component):
        return
    for name in metric_outputs(step.component.outputs):
        why = "its `command` does not begin with a Python" if step.component.command else "it has no `command`"
        fact = f"{target.title} will not show what `{step.component_path[-1]}` writes to `{name}`: {why}."
        place = Place((*step.component_path, "outputs", name), on="key")
        yield Diagnostic(NOT_SHOWN, place, fact, "nothing to do if the program reports its metrics itself.")
