"""What a linked graph can still have wrong, one check a file. To add one: its file, and its name in `CHECKS`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from hpc.compiler.checks import (
    caching,
    constants,
    google,
    hardware,
    hooks,
    hydra,
    images,
    jobs,
    keys,
    kubernetes,
    labels,
    limits,
    metrics,
    multirun,
    names,
    quotas,
    references,
    regions,
    resolved,
    schedule,
    searches,
    secrets,
    shells,
    sources,
    target,
    written,
)
from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Rejected, Rule


class Check(Protocol):
    """A module of this package. `RULES` are those that it raises; its docstring is the documentation."""

    RULES: tuple[Rule, ...]

    @staticmethod
    def check(graph: Graph, target: Target) -> Iterator[Diagnostic]: ...


CHECKS: tuple[Check, ...] = (
    references,
    keys,
    hydra,
    multirun,
    resolved,
    shells,
    hardware,
    jobs,
    regions,
    target,
    google,
    searches,
    hooks,
    kubernetes,
    written,
    images,
    secrets,
    labels,
    schedule,
    metrics,
    caching,
    names,
    limits,
    quotas,
    sources,
    constants,
)


def check(graph: Graph, target: Target) -> list[Diagnostic]:
    """Warnings and notes of all checks. Raises Rejected with these and the errors, if there is an error."""
    every = (diagnostic for one in CHECKS for diagnostic in one.check(graph, target))
    found = list({(one.rule.code, one.where, one.fact): one for one in every}.values())
    if any(diagnostic.is_error for diagnostic in found):
        raise Rejected(found)
    return found
