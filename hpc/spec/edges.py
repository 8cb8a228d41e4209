"""Edges: a line of text each, or a `switch` of lines. Text enters, `Edge` leaves; names are not looked up here.

The forms are those of the language, section 2, *Edges*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from hpc.components.types import Plain
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.condition_text import NOT_A_CONDITION, BadCondition, parse_condition
from hpc.spec.conditions import Condition

NOT_AN_EDGE = Rule(
    "HPC301",
    "not an edge",
    "Edges are the graph: each is one line, `source -> target`, so that the wiring and its diff are seen in one place.",
    "Write `a.out -> b.in`, `a -> b` or `a`.",
)
BAD_SWITCH = Rule(
    "HPC405",
    "not a switch",
    "A switch is a list of edges from one step: each with a `when`, the last perhaps with `else`; the first whose "
    "condition holds is taken.",
    "Write `- switch: [a -> b when …, a -> c when …, a -> d else]`.",
)
RULES = (NOT_AN_EDGE, NOT_A_CONDITION, BAD_SWITCH)


@dataclass(frozen=True)
class End:
    """One end of an edge: a step or a reserved node, and a port of it unless the edge is order only.

    `field` is the third name of `records.out.title`: a field of each element of a looped list.
    """

    node: str
    port: str | None
    place: Place
    field: str | None = None

    def __str__(self) -> str:
        return ".".join(filter(None, (self.node, self.port, self.field)))


@dataclass(frozen=True)
class Branch:
    """The place of an edge in a switch: which switch, which of its lines, and whether that line says `else`."""

    switch: Path
    index: int
    is_else: bool


@dataclass(frozen=True)
class Edge:
    """`data`: one source to target ports; `gather`: several into one list; `join`: whichever of several ran;
    `order`: no ports; `step`: a step alone.
    """

    kind: Literal["data", "gather", "join", "order", "step"]
    sources: tuple[End, ...]
    targets: tuple[End, ...]
    path: Path
    condition: Condition | None = None
    branch: Branch | None = None


class _Broken(Exception):
    def __init__(self, start: int, length: int, fact: str, fix: str, rule: Rule = NOT_AN_EDGE) -> None:
        super().__init__(fact)
        self.start, self.length, self.fact, self.fix, self.rule = start, length, fact, fix, rule


def parse_edges(lines: list[Plain], path: Path) -> tuple[list[Edge], list[Diagnostic]]:
    """The edges of a list that stands at `path`, and what is wrong with the others."""
    reader = _Reader()
    for index, line in enumerate(lines):
        here = (*path, index)
        if isinstance(line, str):
            reader.edges += reader.line(line, here)
        elif isinstance(line, dict) and "switch" in line:
            reader.switch(line, here)
        else:
            reader.found.append(_not_text(line, here))
    return reader.edges, reader.found


def _not_text(line: Plain, path: Path) -> Diagnostic:
    if isinstance(line, dict) and line:
        fact = "an edge is one line of text, not a mapping (a `: ` inside it makes YAML see a mapping)."
        fix = "write `a.out -> b.in`; options follow as `when …`; quote the whole line if it must contain `: `."
        return Diagnostic(NOT_AN_EDGE, Place((*path, next(iter(line))), on="key"), fact, fix)
    return Diagnostic(NOT_AN_EDGE, Place(path), "an edge is a line of text.", "write `a.out -> b.in`.")


class _Reader:
    """Reads line after line; `found` collects what is wrong."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self.found: list[Diagnostic] = []

    def line(self, text: str, path: Path) -> list[Edge]:
        """The edges of one line; none after a report."""
        try:
            return list(_edges(text, path))
        except _Broken as error:
            place = Place(path, start=error.start, length=error.length)
            self.found.append(Diagnostic(error.rule, place, error.fact, error.fix))
        except BadCondition as error:
            place = Place(path, start=error.start, length=error.length)
            self.found.append(Diagnostic(NOT_A_CONDITION, place, error.fact, error.fix))
        return []

    def switch(self, entry: dict[str, Any], path: Path) -> None:
        inner = (*path, "switch")
        for key in entry:
            if key != "switch":
                fix = "write everything about an edge on its line."
                self._refuse(Place((*path, key), on="key"), f"`{key}` stands beside `switch`.", fix)
        lines = cast("list[Plain]", entry["switch"]) if isinstance(entry["switch"], list) else []
        if len(lines) < 2:
            fact = "a switch is a list of at least two edges."
            self._refuse(Place(inner, on="key"), fact, "write `- switch: [a -> b when …, a -> c else]`.")
            return
        for index, line in enumerate(lines):
            if isinstance(line, str):
                self._branch(line, inner, index, len(lines) - 1)
            elif isinstance(line, dict) and "switch" in line:
                fix = "let one branch lead to a step, and write a second switch that starts at that step."
                self._refuse(Place((*inner, index, "switch"), on="key"), "a switch stands in a switch.", fix)
            else:
                self.found.append(_not_text(line, (*inner, index)))

    def _branch(self, line: str, switch: Path, index: int, last: int) -> None:
        path = (*switch, index)
        ending = _ELSE.search(line)
        edges = self.line(line[: ending.start()] if ending else line, path)
        if ending and index != last:
            place = Place(path, start=ending.start() + 1, length=4)
            self._refuse(place, "`else` stands before the last edge of the switch.", "move this edge to the end.")
        for edge in edges:
            self._check_branch(edge, bool(ending))
        self.edges += [replace(edge, branch=Branch(switch, index, bool(ending))) for edge in edges]

    def _check_branch(self, edge: Edge, is_else: bool) -> None:
        place = Place(edge.path)
        if edge.kind == "join" or len({end.node for end in edge.sources}) > 1:
            fact = "an edge of a switch starts at one step; this one starts at several."
            self._refuse(place, fact, "join before the switch, or let one step decide.")
        elif edge.kind == "step":
            self._refuse(place, "an edge of a switch has an arrow.", "write `a -> b when …`.")
        elif is_else and edge.condition is not None:
            self._refuse(place, "this edge has both `when` and `else`.", "keep one.")
        elif not is_else and edge.condition is None:
            self._refuse(place, "this edge of a switch has no condition.", "add `when …`, or `else` on the last one.")

    def _refuse(self, place: Place, fact: str, fix: str) -> None:
        self.found.append(Diagnostic(BAD_SWITCH, place, fact, fix))


_LONG_ARROW = re.compile(r"--+>|==?>|~+>|<-+|→")
_END = re.compile(r"([a-z][a-z0-9_]*)(?:\.([a-z][a-z0-9_]*)(?:\.([A-Za-z_][A-Za-z0-9_]*))?)?")
_GROUP = re.compile(r" *([a-z][a-z0-9_]*)\.\{([^}]*)\} *")
_WHEN = re.compile(r" when(?= |$)")
_ELSE = re.compile(r" else *$")
_ODD_BLANK = re.compile(r"[^\S ]")


def _edges(text: str, path: Path) -> Iterator[Edge]:
    _refuse_odd_blanks(text)
    when = _WHEN.search(text, max(text.find("->"), 0))
    wires = text[: when.start()] if when else text
    condition = parse_condition(text[when.end() :], when.end(), path) if when else None
    if "->" not in wires or _LONG_ARROW.search(wires):
        _refuse_lonely_condition(wires, when)
        yield _lonely_step(wires, path)
        return
    if wires.count("->") > 1:
        second = wires.index("->", wires.index("->") + 2)
        raise _Broken(second, 2, "one edge has one arrow.", "write a second line for the second arrow.")
    _refuse_else(wires)
    for edge in _wired(wires, path):
        yield replace(edge, condition=condition) if condition is not None else edge


def _refuse_odd_blanks(text: str) -> None:
    odd = _ODD_BLANK.search(text)
    if odd:
        name = "a line break" if odd[0] in "\r\n" else "a tab" if odd[0] == "\t" else f"the blank U+{ord(odd[0]):04X}"
        raise _Broken(odd.start(), 1, f"{name} stands in this edge; only plain spaces may.", "replace it with a space.")


def _refuse_lonely_condition(wires: str, when: re.Match[str] | None) -> None:
    if when and not _LONG_ARROW.search(wires):
        fact = "a condition stands on an edge, and this line has no arrow."
        raise _Broken(
            when.start() + 1, 4, fact, "write `a -> b when …`; run parameters decide by `inputs -> b when …`."
        )


def _refuse_else(wires: str) -> None:
    ending = _ELSE.search(wires)
    if ending:
        fix = "put the edges into `- switch: [a -> b when …, a -> c else]`."
        raise _Broken(ending.start() + 1, 4, "`else` belongs to a switch.", fix, BAD_SWITCH)


def _wired(wires: str, path: Path) -> Iterator[Edge]:
    left, right = wires.split("->")
    targets = list(_ends(right, len(left) + 2, path))
    group = _GROUP.fullmatch(left)
    if group:
        yield from _group(group, targets, path)
    else:
        yield _edge(left, targets, path)


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
    if match[1] in ("inputs", "outputs", "exit"):
        fact = f"`{match[1]}` is not a step, so nothing would run."
        raise _Broken(start, len(match[1]), fact, "write the name of a step, or an edge with an arrow.")
    return Edge("step", (), (End(match[1], None, Place(path, start=start, length=len(match[1]))),), path)


def _ends(text: str, offset: int, path: Path, separator: str = ",") -> Iterator[End]:
    at = offset
    for piece in text.split(separator):
        name = piece.strip(" ")
        start = at + len(piece) - len(piece.lstrip(" "))
        at += len(piece) + 1
        match = _END.fullmatch(name)
        if not match:
            fact = f"`{name}` is not a step or a port." if name else "a name is missing here."
            raise _Broken(start, max(len(name), 1), fact, _meant(name))
        yield End(match[1], match[2], Place(path, start=start, length=len(name)), match[3])


_HABITS = (
    (re.compile(r"([a-z][a-z0-9_]*)\.outputs?(?:\[['\"]?|\.)([A-Za-z]\w*).*"), "write `{0}.{1}`."),
    (re.compile(r"\$?\{\{ *([a-z0-9_.]+) *\}\}"), "write `{0}`: edges name ports without braces."),
    (re.compile(r"[\w.]+ +(?:el)?if .*"), "a condition follows as `when …`; a second one stands in a `switch`."),
    (re.compile(r"(?:dsl\.)?Collected\((.+)\)"), "an output of a step that loops is a list already: write `{0}`."),
    (re.compile(r"(?:dsl\.)?OneOf\(.*"), "join branches of a switch with `|`: `a.x | b.x -> c.x`."),
    (re.compile(r"([a-z][a-z0-9_]*)\.([A-Za-z][\w -]*)"), "ports are in lower case with `_`: write `{0}.{1}`."),
)
"""How other tools write an end of an edge, and what it is here."""


def _meant(name: str) -> str:
    """The fix for what is no end of an edge."""
    for habit, fix in _HABITS:
        match = habit.fullmatch(name)
        if match:
            return fix.format(*(re.sub(r"[^a-z0-9.]+", "_", group.lower()).strip("_") for group in match.groups()))
    return "use a-z, 0-9, `_`; ports are `step.port`."


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
    joins = "|" in left
    if joins and "," in left:
        fact = "`|` and `,` stand on one side: whichever ran, or all of them?"
        raise _Broken(left.index("|"), 1, fact, "write two edges.")
    sources = list(_ends(left, 0, path, "|" if joins else ","))
    source_ports = {bool(end.port) for end in sources}
    target_ports = {bool(end.port) for end in targets}
    if source_ports == {True} and target_ports == {False}:
        _missing_input(sources[0], targets[0])
    if len(source_ports | target_ports) != 1:
        where = targets[0].place
        fact = "one side names a port and the other does not."
        raise _Broken(where.start or 0, where.length, fact, "data: `a.out -> b.in`; order only: `a -> b`.")
    _refuse_fields(targets, "an input has no fields", "write `-> step.input`.")
    if len(sources) > 1:
        _refuse_fields(
            sources, "a field belongs to the elements of one looped list", "write an edge of its own for it."
        )
    if joins:
        return Edge("join", tuple(sources), tuple(targets), path)
    kind = "order" if source_ports == {False} else "data" if len(sources) == 1 else "gather"
    return Edge(kind, tuple(sources), tuple(targets), path)


def _refuse_fields(ends: list[End], fact: str, fix: str) -> None:
    for end in ends:
        if end.field:
            raise _Broken(end.place.start or 0, end.place.length, f"`{end}`: {fact}.", fix)


def _missing_input(source: End, target: End) -> None:
    fact = f"the edge carries `{source}` but does not say into which input of `{target.node}`."
    fix = (
        f"write `-> {target.node}.<input>`, or `{source.node}.{{{source.port}}} -> {target.node}` if the names are "
        f"equal; for order only write `{source.node} -> {target.node}`."
    )
    raise _Broken(target.place.start or 0, target.place.length, fact, fix)
