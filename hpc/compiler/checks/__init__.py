"""What a linked graph can still have wrong, one check a file. To add one: its file, and a line in `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Rejected

Check = Callable[[Graph, Target], Iterator[Diagnostic]]

CHECKS: tuple[Check, ...] = ()


def check(graph: Graph, target: Target) -> list[Diagnostic]:
    """Warnings and notes of all checks. Raises Rejected with these and the errors, if there is an error."""
    found = [diagnostic for one in CHECKS for diagnostic in one(graph, target)]
    if any(diagnostic.is_error for diagnostic in found):
        raise Rejected(found)
    return found
