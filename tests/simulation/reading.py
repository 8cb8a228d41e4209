"""Edges and conditions as docs/language.md writes them: texts enter, wires and decisions leave.

A wire is one thing that a step (or an output) takes from others: a value, several gathered into a list, whichever
branch ran, or only the order.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t"}
TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|(?P<number>-?\d+(?:\.\d+)?(?:e-?\d+)?)"""
    r"""|(?P<word>[a-z_][\w.]*)|(?P<sign>==|!=|<=|>=|<|>|[()\[\],]))""",
    re.VERBOSE,
)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, items: item in items,
    "not in": lambda item, items: item not in items,
}

Decide = Callable[[Callable[[str], Any]], bool]


@dataclass(frozen=True)
class Source:
    """`node` is a step, `inputs` or `exit`; without a port only its end matters."""

    node: str
    port: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class Condition:
    """`names` are read; `holds` decides, asking for the value of each."""

    names: tuple[str, ...]
    holds: Decide


@dataclass(frozen=True)
class Wire:
    """`conditions` must hold and `unless` must not. A join takes one of `sources`, else all of them."""

    sources: tuple[Source, ...]
    target: str
    port: str | None
    is_join: bool = False
    conditions: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    reads: tuple[str, ...] = ()  # names that a whole switch reads: all of its branches wait for them


@dataclass
class _Tokens:
    items: list[tuple[str, str]]
    names: list[str] = field(default_factory=list)

    @property
    def next(self) -> str:
        return self.items[0][1] if self.items else ""

    def take(self) -> tuple[str, str]:
        return self.items.pop(0)

    def skip(self, *words: str) -> bool:
        """Whether the next words are these; then they are passed."""
        found = tuple(text for kind, text in self.items[: len(words)] if kind != "text")
        if found == words:
            del self.items[: len(words)]
        return found == words


def condition(text: str) -> Condition:
    tokens = _Tokens(list(_tokens(text)))
    holds = _either(tokens)
    assert not tokens.items, text
    return Condition(tuple(tokens.names), lambda value: bool(holds(value)))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    text = text.strip()
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match is not None, text[at:]
        yield match.lastgroup or "", match[match.lastgroup or 0]
        at = match.end()


def _either(tokens: _Tokens) -> Callable[[Any], Any]:
    parts = [_both(tokens)]
    while tokens.skip("or"):
        parts.append(_both(tokens))
    return parts[0] if len(parts) == 1 else lambda value: any(part(value) for part in parts)


def _both(tokens: _Tokens) -> Callable[[Any], Any]:
    parts = [_inverted(tokens)]
    while tokens.skip("and"):
        parts.append(_inverted(tokens))
    return parts[0] if len(parts) == 1 else lambda value: all(part(value) for part in parts)


def _inverted(tokens: _Tokens) -> Callable[[Any], Any]:
    if tokens.skip("not"):
        inner = _inverted(tokens)
        return lambda value: not inner(value)
    left = _operand(tokens)
    sign = "not in" if tokens.skip("not", "in") else tokens.next
    if sign not in COMPARE:
        return left
    if sign != "not in":
        tokens.take()
    right = _operand(tokens)
    return lambda value: COMPARE[sign](left(value), right(value))


def _operand(tokens: _Tokens) -> Callable[[Any], Any]:
    kind, text = tokens.take()
    if text == "(" and kind == "sign":
        inner = _either(tokens)
        assert tokens.skip(")")
        return inner
    if text == "[" and kind == "sign":
        return _list(tokens)
    if kind == "word" and text not in ("true", "false"):
        tokens.names.append(text)
        return lambda value: value(text)
    literal = _literal(kind, text)
    return lambda _: literal


def _list(tokens: _Tokens) -> Callable[[Any], Any]:
    items: list[Any] = []
    while not tokens.skip("]"):
        items.append(_literal(*tokens.take()))
        tokens.skip(",")
    return lambda _: items


def _literal(kind: str, text: str) -> Any:
    if kind == "text":
        return re.sub(r"\\(.)", lambda match: ESCAPES[match[1]], text[1:-1])
    return float(text) if kind == "number" else text == "true"


def wires(edges: list[Any]) -> list[Wire]:
    """Every wire of a list of edges, switches included; a step alone is a wire without sources."""
    return [wire for edge in edges for wire in (_line(edge) if isinstance(edge, str) else _switch(edge["switch"]))]


def _switch(lines: list[str]) -> Iterator[Wire]:
    parsed = [_split(line) for line in lines]
    reads = tuple(name for _, found in parsed if found for name in found.names)
    earlier: tuple[Condition, ...] = ()
    for line, found in parsed:
        for wire in _edge(line):
            own = (found,) if found else ()
            yield Wire(wire.sources, wire.target, wire.port, wire.is_join, own, earlier, reads)
        earlier += (found,) if found else ()


def _line(line: str) -> Iterator[Wire]:
    line, found = _split(line)
    for wire in _edge(line):
        own, reads = ((found,), found.names) if found else ((), ())
        yield Wire(wire.sources, wire.target, wire.port, wire.is_join, own, (), reads)


def _split(line: str) -> tuple[str, Condition | None]:
    line, _, when = line.partition(" when ")
    return line.removesuffix(" else"), condition(when) if when else None


def _edge(line: str) -> Iterator[Wire]:
    if "->" not in line:
        yield Wire((), line.strip(), None)
        return
    left, right = line.split("->")
    targets = [_end(part) for part in _parts(right, ",")]
    is_join = "|" in left
    sources = [_end(part) for part in _parts(left, "|" if is_join else ",")]
    for target in targets:
        yield from _into(sources, target, is_join)


def _into(sources: list[Source], target: Source, is_join: bool) -> Iterator[Wire]:
    named = [ports for source in sources if (ports := (source.port or "")).startswith("{")]
    if named:
        for port in re.findall(r"\w+", named[0]):
            yield Wire((Source(sources[0].node, port),), target.node, port)
    elif is_join or sources[0].port:
        yield Wire(tuple(sources), target.node, target.port, is_join)
    else:
        for source in sources:
            yield Wire((source,), target.node, target.port)


def _parts(text: str, separator: str) -> list[str]:
    return [part.strip() for part in re.split(re.escape(separator) + r"(?![^{]*\})", text)]


def _end(text: str) -> Source:
    if "{" in text:
        return Source(*text.split(".", 1))
    return Source(*text.split("."))


def nodes_of(found: list[Wire], steps: Mapping[str, Any]) -> list[str]:
    """The steps that a list of wires names."""
    ends = [wire.target for wire in found] + [source.node for wire in found for source in wire.sources]
    return list(dict.fromkeys(node for node in [*ends, *steps] if node not in ("inputs", "outputs", "exit")))
