"""Edges: a line of text each. Text enters, `Edge` leaves; names are not looked up here (language, section 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from hpc.components.types import Plain
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.version import __version__

NOT_AN_EDGE = Rule(
    "HPC301",
    "not an edge",
    "Edges are the graph: each is one line, `source -> target`, so that the wiring and its diff are seen in one place.",
    "Write `a.out -> b.in`, `a -> b` or `a`.",
)
NOT_YET = Rule(
    "HPC109",
    "part of the language, not yet of this version",
    "The language has a meaning for this that this version of hpc cannot compile; it refuses rather than drop it.",
    "Leave it out, or use a newer hpc.",
)
RULES = (NOT_AN_EDGE, NOT_YET)

LEAVE_OUT = f"leave it out; hpc {__version__.rpartition('.')[0]} cannot compile it."


@dataclass(frozen=True)
class End:
    """One end of an edge: a step or a reserved node, and a port of it unless the edge is order only."""

    node: str
    port: str | None
    place: Place

    def __str__(self) -> str:
        return f"{self.node}.{self.port}" if self.port else self.node


@dataclass(frozen=True)
class Edge:
    """`data`: one source to target ports; `gather`: several into one list; `order`: no ports; `step`: a step alone."""

    kind: Literal["data", "gather", "order", "step"]
    sources: tuple[End, ...]
    targets: tuple[End, ...]
    path: Path


class _Broken(Exception):
    def __init__(self, start: int, length: int, fact: str, fix: str, rule: Rule = NOT_AN_EDGE) -> None:
        super().__init__(fact)
        self.start, self.length, self.fact, self.fix, self.rule = start, length, fact, fix, rule


def parse_edges(lines: list[Any], path: Path) -> tuple[list[Edge], list[Diagnostic]]:
    """The edges of a list that stands at `path`, and what is wrong with the others."""
    edges: list[Edge] = []
    found: list[Diagnostic] = []
    for index, line in enumerate(lines):
        here = (*path, index)
        try:
            if isinstance(line, str):
                edges += _edges(line, here)
            else:
                found.append(_not_text(line, here))
        except _Broken as error:
            found.append(
                Diagnostic(error.rule, Place(here, start=error.start, length=error.length), error.fact, error.fix)
            )
    return edges, found


def _not_text(line: Plain, path: Path) -> Diagnostic:
    if isinstance(line, dict) and list(line) == ["switch"]:
        return Diagnostic(NOT_YET, Place((*path, "switch"), on="key"), "`switch` cannot be compiled yet.", LEAVE_OUT)
    if isinstance(line, dict) and line:
        fact = "an edge is one line of text, not a mapping (a `: ` inside it makes YAML see a mapping)."
        fix = "write `a.out -> b.in`; options follow as `when …`; quote the whole line if it must contain `: `."
        return Diagnostic(NOT_AN_EDGE, Place((*path, next(iter(line))), on="key"), fact, fix)
    return Diagnostic(NOT_AN_EDGE, Place(path), "an edge is a line of text.", "write `a.out -> b.in`.")


_LONG_ARROW = re.compile(r"--+>|==?>|~+>|<-+|→")
_END = re.compile(r"([a-z][a-z0-9_]*)(?:\.([a-z][a-z0-9_]*))?")
_GROUP = re.compile(r" *([a-z][a-z0-9_]*)\.\{([^}]*)\} *")
_CONDITION = re.compile(r"(?<= )when(?= |$)|(?<= )else *$|\||(?<![\w.])exit(?=\.status| *->)")
_ODD_BLANK = re.compile(r"[^\S ]")


def _edges(text: str, path: Path) -> Iterator[Edge]:
    _refuse_odd_blanks(text)
    _refuse_conditions(text)
    if "->" not in text or _LONG_ARROW.search(text):
        yield _lonely_step(text, path)
        return
    if text.count("->") > 1:
        second = text.index("->", text.index("->") + 2)
        raise _Broken(second, 2, "one edge has one arrow.", "write a second line for the second arrow.")
    left, right = text.split("->")
    right_at = len(left) + 2
    targets = list(_ends(right, right_at, path))
    group = _GROUP.fullmatch(left)
    if group:
        yield from _group(group, targets, path)
    else:
        yield _edge(left, targets, path)


def _refuse_odd_blanks(text: str) -> None:
    odd = _ODD_BLANK.search(text)
    if odd:
        name = "a line break" if odd[0] in "\r\n" else "a tab" if odd[0] == "\t" else f"the blank U+{ord(odd[0]):04X}"
        raise _Broken(odd.start(), 1, f"{name} stands in this edge; only plain spaces may.", "replace it with a space.")


def _refuse_conditions(text: str) -> None:
    match = _CONDITION.search(text)
    if match:
        word = match[0].strip()
        raise _Broken(match.start(), len(word), f"`{word}` in an edge cannot be compiled yet.", LEAVE_OUT, NOT_YET)


def _lonely_step(text: str, path: Path) -> Edge:
    arrow = _LONG_ARROW.search(text) or re.search(r">|<", text)
    if arrow:
        backwards = arrow[0].startswith("<")
        fix = "turn the edge around: `source.output -> target.input`." if backwards else "write `->`."
        raise _Broken(arrow.start(), len(arrow[0]), f"`{arrow[0]}` is not an edge arrow.", fix)
    match = _END.fullmatch(text.strip(" "))
    if not match or match[2]:
        fix = "write `source.output -> target.input`, `first -> second`, or a step name alone."
        raise _Broken(0, max(len(text), 1), f"`{text}` is not an edge.", fix)
    start = text.index(match[1])
    return Edge("step", (), (End(match[1], None, Place(path, start=start, length=len(match[1]))),), path)


def _ends(text: str, offset: int, path: Path) -> Iterator[End]:
    at = offset
    for piece in text.split(","):
        name = piece.strip(" ")
        start = at + len(piece) - len(piece.lstrip(" "))
        at += len(piece) + 1
        match = _END.fullmatch(name)
        if not match:
            fact = f"`{name}` is not a step or a port." if name else "a name is missing here."
            raise _Broken(start, max(len(name), 1), fact, "use a-z, 0-9, `_`; ports are `step.port`.")
        yield End(match[1], match[2], Place(path, start=start, length=len(name)))


def _group(group: re.Match[str], targets: list[End], path: Path) -> Iterator[Edge]:
    """`a.{x, y} -> b`: an edge for each name, into the input of the same name."""
    for target in targets:
        if target.port:
            place = target.place
            fact = "with `{…}` the target is a step, because each name goes to the input of the same name."
            raise _Broken(place.start or 0, place.length, fact, f"write `-> {target.node}`.")
    if not group[2].strip():
        raise _Broken(
            group.start(2) - 1,
            2,
            "`{}` names no port.",
            "write the ports between the braces, or an order edge `a -> b`.",
        )
    for source in _ends(group[2], group.start(2), path):
        if source.port:
            raise _Broken(
                source.place.start or 0,
                source.place.length,
                f"`{source}` is not a port name.",
                "write port names only.",
            )
        start = End(group[1], source.node, source.place)
        yield Edge("data", (start,), tuple(End(target.node, source.node, target.place) for target in targets), path)


def _edge(left: str, targets: list[End], path: Path) -> Edge:
    sources = list(_ends(left, 0, path))
    source_ports = {bool(end.port) for end in sources}
    target_ports = {bool(end.port) for end in targets}
    if source_ports == {True} and target_ports == {False}:
        _missing_input(sources[0], targets[0])
    if len(source_ports | target_ports) != 1:
        where = targets[0].place
        fact = "one side names a port and the other does not."
        raise _Broken(where.start or 0, where.length, fact, "data: `a.out -> b.in`; order only: `a -> b`.")
    kind = "order" if source_ports == {False} else "data" if len(sources) == 1 else "gather"
    return Edge(kind, tuple(sources), tuple(targets), path)


def _missing_input(source: End, target: End) -> None:
    fact = f"the edge carries `{source}` but does not say into which input of `{target.node}`."
    fix = (
        f"write `-> {target.node}.<input>`, or `{source.node}.{{{source.port}}} -> {target.node}` if the names are "
        f"equal; for order only write `{source.node} -> {target.node}`."
    )
    raise _Broken(target.place.start or 0, target.place.length, fact, fix)
