"""A mistake is a value: a rule, a place, what was found and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from hpc.diagnostics.source import Span

Path = tuple[str | int, ...]
"""Keys and indices from the root of a YAML document to a value, e.g. ("edges", 0)."""

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Rule:
    """What hpc demands, for `hpc explain` and docs/errors.md.

    `code` is HPC and three digits (docs/errors.md lists the hundreds), `title` a few words, `why` the reason in
    sentences, `fix` the general way out; a diagnostic says both again for the case at hand.
    """

    code: str
    title: str
    why: str
    fix: str
    severity: Severity = "error"


@dataclass(frozen=True)
class Place:
    """A place in the document, named by its YAML path.

    `on` tells whether the key or the value is meant. `start` and `length` narrow it to characters of a text value,
    e.g. one name of an edge.
    """

    path: Path
    on: Literal["key", "value"] = "value"
    start: int | None = None
    length: int = 1


@dataclass(frozen=True)
class Diagnostic:
    """One mistake. `fact` says what is there and why that is wrong; `fix` is the next thing to type.

    `other` is a second place that belongs to it, e.g. the first of two that exclude each other; `{other}` in the fact
    becomes its line.
    """

    rule: Rule
    where: Place | Span
    fact: str
    fix: str
    other: Place | Span | None = None

    @property
    def is_error(self) -> bool:
        return self.rule.severity == "error"

    @property
    def span(self) -> Span:
        if isinstance(self.where, Span):
            return self.where
        raise TypeError(f"{self.rule.code} has not been located yet: {self.where}")


class Locator(Protocol):
    """What turns a place into characters of a source: a document."""

    def locate(self, place: Place) -> Span: ...


def located(diagnostics: Iterable[Diagnostic], document: Locator) -> list[Diagnostic]:
    """The same diagnostics with spans for places, without repetitions, sorted by position."""
    found: dict[object, Diagnostic] = {}
    for diagnostic in diagnostics:
        span = _span(diagnostic.where, document)
        fact = diagnostic.fact
        if diagnostic.other is not None:
            fact = fact.replace("{other}", f"line {_span(diagnostic.other, document).position[0]}")
        key = (span.source.name, span.start, diagnostic.rule.code, fact)
        found.setdefault(key, replace(diagnostic, where=span, fact=fact, other=None))
    return sorted(found.values(), key=reading_order)


def _span(where: Place | Span, document: Locator) -> Span:
    return where if isinstance(where, Span) else document.locate(where)


def reading_order(diagnostic: Diagnostic) -> tuple[str, int, str]:
    """The key by which located diagnostics are sorted: file, position, code."""
    span = diagnostic.span
    return span.source.name, span.start, diagnostic.rule.code


class Rejected(Exception):
    """Raised by a stage that cannot return its value. Carries everything that the stage found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = list(diagnostics)
        super().__init__("; ".join(f"{found.rule.code} {found.fact}" for found in self.diagnostics))
