"""`tune` where nothing makes the trials: a graph and a target enter, HPC504 or HPC109 leaves. Language, section 5.6."""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler.graph import Graph, RunsContainer
from hpc.compiler.targets import CANNOT, Target
from hpc.diagnostics import Diagnostic, Place
from hpc.spec.edges import NOT_YET

RULES = (CANNOT, NOT_YET)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if target.tunes == "yes":
        return
    for step in graph.all_steps:
        if isinstance(step, RunsContainer) and step.tune is not None:
            yield _refused(Place((*step.path, "tune"), on="key"), target)


def _refused(place: Place, target: Target) -> Diagnostic:
    if target.tunes == "no":
        fact = f"{target.title} has no service that searches for the best values."
        return Diagnostic(CANNOT, place, fact, "search on this machine with `hpc run`, and pass on what was found.")
    fact = f"`tune` cannot be compiled for {target.title} yet."
    return Diagnostic(NOT_YET, place, fact, "search on this machine with `hpc run`, or leave it out.")
