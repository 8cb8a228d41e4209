"""The stage `read`: strict YAML text enters, values with a span for every key and value leave.

YAML is read by the 1.2 rules and stricter (language, sections 1.7 and 5.20): no duplicate or merge keys, no tags,
nothing that YAML tools read differently.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hpc.diagnostics import Diagnostic, Path, Place, Rejected, Rule, Source, Span
from hpc.spec import nodes, scalars
from hpc.spec.nodes import Composer, Node

__all__ = ["RULES", "Document", "Node", "decode", "read", "read_value", "warnings"]

NOT_A_MAPPING = Rule(
    "HPC012",
    "empty file, or not a mapping",
    "A pipeline file is a mapping of keys (`hpc`, `name`, `components`, …) to values.",
    "Start the file with `hpc: 1`.",
)
BIDIRECTIONAL = Rule(
    "HPC015",
    "invisible direction mark",
    "Bidirectional control characters change the order in which a line is shown, so that a reviewer does not see "
    "what is compiled (CVE-2021-42574).",
    "Remove it, or write it as an escape inside double quotes.",
    "warning",
)
RULES = (
    nodes.DUPLICATE_KEY,
    scalars.AMBIGUOUS,
    nodes.MERGE_KEY,
    nodes.TAG,
    nodes.SECOND_DOCUMENT,
    nodes.ALIAS,
    NOT_A_MAPPING,
    nodes.TOO_DEEP,
    BIDIRECTIONAL,
    scalars.NOT_FINITE,
    nodes.KEY,
)
"""Those of syntax errors stand in `yaml_errors`, which is loaded when there is one."""


@dataclass(frozen=True)
class Document:
    """A file that has been read."""

    root: Node

    def plain(self) -> Any:
        """The document as plain Python values."""
        return self.root.plain()

    def at(self, path: Path) -> Node | None:
        """The node at exactly this path, or None."""
        node: Node | None = self.root
        for segment in path:
            node = _child(node, segment) if node else None
        return node

    def locate(self, place: Place) -> Span:
        """The characters that a place means. Segments that are not in the file are stepped over.

        pydantic puts names of union branches and "[key]" into its paths. For a key or value that is missing, the
        deepest node on the way is meant.
        """
        node, key = self.root, None
        for segment in place.path:
            child = _child(node, segment)
            if child is None:
                continue
            key = node.keys.get(str(segment)) if node.keys else None
            node = child
        if place.on == "key" and key:
            return key
        return _narrowed(node, place)


def _child(node: Node, segment: str | int) -> Node | None:
    value = node.value
    if isinstance(value, dict):
        return value.get(str(segment))
    if isinstance(value, list) and isinstance(segment, int) and 0 <= segment < len(value):
        return value[segment]
    return None


def _narrowed(node: Node, place: Place) -> Span:
    if place.start is None or not isinstance(node.value, str):
        return node.span
    extents = scalars.characters(node.source.text[node.start : node.end], node.style, node.value)
    if not extents:
        return node.span
    if place.start >= len(extents):
        end = node.start + extents[-1][1]
        return Span(node.source, end, end)
    last = min(place.start + max(place.length, 1), len(extents)) - 1
    return Span(node.source, node.start + extents[place.start][0], node.start + extents[last][1])


def decode(data: bytes, name: str) -> Source:
    """The text of a file called `name`; a UTF-8 byte order mark is dropped. Raises Rejected if it is not UTF-8."""
    data = data.removeprefix(codecs.BOM_UTF8)
    encoding = _foreign_encoding(data)
    if encoding:
        raise _not_utf8(Span.of_file(name), f"the file is encoded in {encoding}, not in UTF-8.")
    try:
        return Source(name, data.decode())
    except UnicodeDecodeError as error:
        source = Source(name, data.decode(errors="replace"))
        at = len(data[: error.start].decode())
        raise _not_utf8(Span(source, at, at + 1), f"the byte 0x{data[error.start]:02x} is not UTF-8 text.") from None


def _not_utf8(span: Span, fact: str) -> Rejected:
    from hpc.spec.yaml_errors import CHARACTERS

    return Rejected([Diagnostic(CHARACTERS, span, fact, "save the file as UTF-8.")])


def _foreign_encoding(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _every_other_byte_is_zero(data[:4]):
        return "UTF-16"
    return None


def _every_other_byte_is_zero(start: bytes) -> bool:
    return len(start) == 4 and (start[::2] == b"\0\0") != (start[1::2] == b"\0\0")


def read(source: Source) -> Document:
    """The document in a text. Raises Rejected with every mistake; a syntax error hides what follows it."""
    root = _composed(source, needs_mapping=True)
    assert root is not None
    return Document(root)


def read_value(text: str, name: str) -> Node:
    """One YAML value of any kind by the same rules; an empty text is null. Raises Rejected."""
    source = Source(name, text)
    return _composed(source, needs_mapping=False) or Node(None, source, 0, 0)


def _composed(source: Source, *, needs_mapping: bool) -> Node | None:
    if source.text.startswith("\ufeff"):
        source = Source(source.name, source.text[1:])
    composer = Composer(source)
    root = composer.compose()
    if needs_mapping and not composer.broken and (root is None or not isinstance(root.value, dict)):
        composer.found.append(_not_a_mapping(source, root))
    if composer.found:
        raise Rejected(_in_order(composer.found))
    return root


def _in_order(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By position, and one per rule and place: a walk and a syntax error may find the same."""
    unique = {(each.span.start, each.rule.code): each for each in found}
    return [unique[key] for key in sorted(unique)]


def _not_a_mapping(source: Source, root: Node | None) -> Diagnostic:
    if root is None or root.value is None:
        return Diagnostic(NOT_A_MAPPING, Span(source, 0, 0), "the file is empty.", "start with `hpc: 1`.")
    kind = "a list" if isinstance(root.value, list) else "a single value"
    fact = f"the file is {kind}, not a mapping of keys to values."
    span = Span(source, root.start, min(root.start + 1, len(source.text)))
    return Diagnostic(NOT_A_MAPPING, span, fact, "start with `hpc: 1`.")


_BIDIRECTIONAL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def warnings(document: Document) -> list[Diagnostic]:
    """What deserves a look in a document that could be read: one warning per line with direction marks."""
    source = document.root.source
    if source.text.isascii():
        return []
    first = {source.position(match.start())[0]: match for match in reversed([*_BIDIRECTIONAL.finditer(source.text)])}
    return [_bidirectional(source, first[line]) for line in sorted(first)]


def _bidirectional(source: Source, match: re.Match[str]) -> Diagnostic:
    code = f"{ord(match[0]):04X}"
    fact = f"the invisible character U+{code} changes the order in which this line is shown."
    fix = f'remove it; inside double quotes it can be written "\\u{code.lower()}".'
    return Diagnostic(BIDIRECTIONAL, Span(source, *match.span()), fact, fix)
