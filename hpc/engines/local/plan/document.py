"""The parts of a document that are referred to by name, and the words in which its mistakes are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from hpc.engines.findings import NOT_A_PIPELINE, Findings, nearest
from hpc.engines.local.plan import Settings
from hpc.engines.local.plan.expressions import Expression, parse
from hpc.engines.local.plan.nodes import Node, WrongKindError
from hpc.engines.local.plan.rules import BAD_EXPRESSION, BROKEN_REFERENCE, NOT_YET_LOCAL

_ELSEWHERE = "run it on vertex or kfp, or leave it out locally"
_AGAIN = "compile the pipeline again"

Read = TypeVar("Read")


@dataclass(frozen=True)
class Document:
    """`components` and `executors` of a PipelineSpec, the settings by executor label, and what was found so far."""

    components: Node
    executors: Node
    settings: Mapping[str, Settings]
    findings: Findings

    def refuse(self, fact: str) -> None:
        """A part of the language that this engine does not run, by name."""
        self.findings.add(NOT_YET_LOCAL, f"{fact}, which the local engine does not run", _ELSEWHERE)

    def missing(self, fact: str, name: str, names: Iterable[str]) -> None:
        """`fact` refers to `name`, and there are only `names`."""
        self.findings.add(BROKEN_REFERENCE, f"{fact}, which is not in the file", nearest(name, names))

    def broken(self, fact: str) -> None:
        self.findings.add(BROKEN_REFERENCE, fact, _AGAIN)

    def expression(self, what: str, written: str, fix: str) -> Expression | None:
        """The expression that is written there; None, and a finding, where it is not in the language of conditions."""
        try:
            return parse(written)
        except ValueError as error:
            self.findings.add(BAD_EXPRESSION, f"{what} {written}: {error}", fix)
            return None

    def malformed(self, fact: str) -> None:
        self.findings.add(NOT_A_PIPELINE, fact, _AGAIN)

    def attempt(self, what: str, read: Callable[[], Read]) -> Read | None:
        """What `read` gives; None, and a finding about `what`, where a kind of value is wrong."""
        try:
            return read()
        except WrongKindError as error:
            self.malformed(f"{what}: {error}")
            return None
