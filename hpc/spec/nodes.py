"""YAML events become nodes: takes a Source, gives the root Node and what is wrong on the way. Used by `document`.

PyYAML's parser gives events; nodes are built here, so that aliases have places, depth is bounded and nothing is
guessed. PyYAML counts characters; lines and columns are Source's affair.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias, cast

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from hpc.diagnostics import Diagnostic, Rule, Source, Span
from hpc.spec import scalars

DUPLICATE_KEY = Rule(
    "HPC004",
    "duplicate key",
    "YAML tools keep the last of two equal keys and say nothing, so half of what is written would be lost.",
    "Rename or remove one of them.",
)
MERGE_KEY = Rule(
    "HPC006",
    "merge key",
    "`<<` copies keys from elsewhere, so that a mistake in them has no single place; YAML 1.2 dropped it.",
    "Share settings with `defaults:`, or with `uses: <component>` plus the keys that differ.",
)
TAG = Rule(
    "HPC009",
    "tag",
    "A YAML tag (`!…`) asks the reader to build, include or evaluate something. hpc only reads plain values.",
    "Remove the tag, or quote text that starts with `!`.",
)
SECOND_DOCUMENT = Rule(
    "HPC010",
    "second document",
    "A pipeline file holds one pipeline. YAML's `---` would begin another one.",
    "Remove `---`, or move the second document to its own file.",
)
ALIAS = Rule(
    "HPC011",
    "anchors and aliases",
    "An alias repeats an anchored value, which must stand above it, under one name, and not contain itself. Aliases "
    "may add 20,000 values: a few lines of nested aliases would otherwise fill the memory.",
    "Remove nested aliases; share settings with `defaults:` or `uses:`.",
)
TOO_DEEP = Rule(
    "HPC013",
    "nesting too deep",
    "Values nested more than 100 deep are a mistake or an attack; no pipeline needs them.",
    "Flatten the value, or move it to a file of its own.",
)
KEY = Rule(
    "HPC018",
    "key that is not text",
    "Keys of a pipeline file are names, so an empty key, a list, a mapping or an alias cannot be one.",
    "Write the key as text, in quotes if need be.",
)

MOST_DEPTH = 100
MOST_ADDED = 20_000

Value: TypeAlias = "str | int | float | bool | list[Node] | dict[str, Node] | None"


class Node:
    """A value and its place: characters `start` to `end` (excluded) of `source`. Not to be changed once built.

    `keys` holds the span of each key of a mapping. `style` tells how a text is written: "" plain, ' and " quoted,
    | and > block; it is "" for everything else.
    """

    __slots__ = ("end", "keys", "source", "start", "style", "value")

    def __init__(
        self,
        value: Value,
        source: Source,
        start: int,
        end: int,
        keys: dict[str, Span] | None = None,
        style: str = "",
    ) -> None:
        self.value = value
        self.source = source
        self.start = start
        self.end = end
        self.keys = keys
        self.style = style

    @property
    def span(self) -> Span:
        return Span(self.source, self.start, self.end)

    def plain(self) -> Any:
        """The value as Python's own dict, list, str, int, float, bool, None. Aliases share what they repeat."""
        value = self.value
        if isinstance(value, dict):
            return {key: node.plain() for key, node in value.items()}
        if isinstance(value, list):
            return [node.plain() for node in value]
        return value

    def __repr__(self) -> str:
        return f"Node({self.plain()!r}, {self.start}, {self.end})"


_PROPERTIES = re.compile(r"(?:(?:&[0-9A-Za-z_-]+|!<[^>\s]*>|![^\s,\[\]{}]*)(?:\s|#[^\r\n]*)*)+")
_WRITTEN_TAG = re.compile(r"(?:^|(?<=\s))!(?:<[^>\s]*>|[^\s,\[\]{}]*)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WRITTEN_SURROGATE = re.compile(r"\\(?:u|U0000)[dD][89a-fA-F][0-9a-fA-F]{2}")
_BLOCK_STYLES = ("|", ">")
_ALIEN_BREAKS = "\x85\u2028\u2029"
_STAND_INS = range(0xF0000, 0xFFFFE)
_NO_KEYS = frozenset(("", "~", "null", "Null", "NULL", "<<"))


def _without_alien_breaks(text: str) -> tuple[str, dict[int, str]]:
    """The text with stand-ins for NEL, LS and PS, and the table that brings those back.

    They are ordinary characters in YAML 1.2, but PyYAML ends lines there, as YAML 1.1 has it.
    """
    alien = [char for char in _ALIEN_BREAKS if char in text]
    free = (chr(number) for number in _STAND_INS if chr(number) not in text)
    table = dict(zip(alien, free))  # noqa: B905 - there are more stand-ins than needed
    return text.translate(str.maketrans(table)), {ord(stand_in): char for char, stand_in in table.items()}


class _PythonLoader(yaml.SafeLoader):
    """PyYAML's own parser, for installations without libyaml: slow, and the same but for what it lets escape."""

    def get_event(self) -> Any:
        try:
            return cast(Any, super()).get_event()
        except (ValueError, OverflowError) as error:
            raise yaml.YAMLError(str(error)) from None


_LOADER: Any = getattr(yaml, "CSafeLoader", _PythonLoader)


class _UnreadableError(Exception):
    """Reading cannot go on; the reason is among what was found."""


class Composer:
    """Builds nodes from the events of one text. `broken` tells that the end was not reached."""

    def __init__(self, source: Source) -> None:
        self.found: list[Diagnostic] = []
        self.broken = False
        self._source = source
        self._end = 0
        self._depth = 0
        self._added = 0
        self._anchors: dict[str, Node | None] = {}
        self._measures: dict[int, tuple[int, int]] = {}

    def compose(self) -> Node | None:
        """The root, or None if the text holds no document or cannot be read to its end."""
        try:
            text, self._alien = self._parsable()
            self._next = _LOADER(text).get_event
            return self._document()
        except _UnreadableError:
            self.broken = True
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            self.broken = True
            self._explain(error)
        return None

    def _parsable(self) -> tuple[str, dict[int, str]]:
        text = self._source.text
        if text.isascii():
            return text, {}
        # What PyYAML's parsers let pass differs.
        from hpc.spec.yaml_errors import forbidden_character

        forbidden = forbidden_character(self._source)
        if forbidden:
            self.found.append(forbidden)
            raise _UnreadableError
        return _without_alien_breaks(text)

    def _explain(self, error: Exception) -> None:
        from hpc.spec.yaml_errors import explain

        cause = explain(self._source, error, self._end)
        # What was found in the same place is a consequence: an alias without anchor that was meant as text.
        self.found = [each for each in self.found if each.span.start != cause.span.start]
        self.found.append(cause)

    def _document(self) -> Node | None:
        self._next()
        start = self._next()
        if not isinstance(start, DocumentStartEvent):
            return None
        self._check_directives(start)
        root = self._value(self._next())
        self._next()
        another = self._next()
        if not isinstance(another, StreamEndEvent):
            fact = "a second YAML document starts here; a pipeline file holds exactly one."
            fix = "remove `---`, or move this pipeline to its own file."
            self._report(SECOND_DOCUMENT, (another.start_mark.index, another.end_mark.index), fact, fix)
        return root

    def _check_directives(self, start: DocumentStartEvent) -> None:
        if start.tags or (start.version and start.version != (1, 2)):
            from hpc.spec.yaml_errors import directive

            at = re.search(r"^%(?!YAML[ \t]+1\.2\b)", self._source.text, re.M)
            self.found.append(directive(self._source, at.start() if at else 0))

    def _report(self, rule: Rule, extent: tuple[int, int], fact: str, fix: str) -> None:
        self.found.append(Diagnostic(rule, Span(self._source, *extent), fact, fix))

    def _value(self, event: Any) -> Node:
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, AliasEvent):
            return self._alias(event)
        return self._collection(event)

    def _scalar(self, event: Any) -> Node:
        value = event.value
        style = event.style or ""
        start = event.start_mark.index
        self._end = end = event.end_mark.index
        if event.anchor or event.tag:
            start = self._properties(event, start, end)
        if not style and not event.tag:
            value = self._resolved(value, start, end)
        elif style == '"':
            self._check_halves(value, start, end)
        elif style in _BLOCK_STYLES:
            self._end = end = start + len(self._source.text[start:end].rstrip(" \t\r\n"))
        if self._alien and isinstance(value, str):
            value = value.translate(self._alien)
        node = Node(value, self._source, start, end, None, style)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _resolved(self, text: str, start: int, end: int) -> scalars.Scalar:
        try:
            return scalars.resolve(text)
        except scalars.ScalarError as error:
            self._report(error.rule, (start, end), error.fact, error.fix)
            return None

    def _check_halves(self, text: str, start: int, end: int) -> None:
        # libyaml refuses escapes of surrogates; PyYAML's Python parser lets them pass.
        if not text.isascii() and _SURROGATE.search(text):
            from hpc.spec.yaml_errors import surrogate

            written = _WRITTEN_SURROGATE.search(self._source.text, start, end)
            self.found.append(surrogate(self._source, *(written.span() if written else (start, end))))

    def _properties(self, event: Any, start: int, end: int) -> int:
        """Checks anchor and tag; returns where the value itself starts."""
        match = _PROPERTIES.match(self._source.text, start)
        after = match.end() if match else start
        if event.tag:
            self._refuse_tag(start, after)
        if event.anchor and event.anchor in self._anchors:
            fact = f"the anchor `&{scalars.shortened(event.anchor)}` stands twice in this file."
            self._report(ALIAS, (start, start + len(event.anchor) + 1), fact, "give each anchor a name of its own.")
        if event.anchor:
            self._anchors[event.anchor] = None
        return max(start, min(after, end))

    def _refuse_tag(self, start: int, end: int) -> None:
        found = _WRITTEN_TAG.search(self._source.text[start:end])
        tag, at = (found[0], start + found.start()) if found else ("!", start)
        fact = f"tag `{scalars.shortened(tag)}` is not part of hpc; nothing is included or evaluated while reading."
        fix = (
            "quote text that starts with `!`; to bring in another file use `uses: ./file.yaml` on a component, or a "
            "`vars` entry with `file:` and `key:`."
        )
        self._report(TAG, (at, at + len(tag)), fact, fix)

    def _collection(self, event: Any) -> Node:
        start = event.start_mark.index
        self._depth += 1
        self._check_depth(self._depth, (start, start + 1))
        if event.anchor or event.tag:
            start = self._properties(event, start, len(self._source.text))
        build = self._mapping if type(event) is MappingStartEvent else self._sequence
        node = build(start)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._depth -= 1
        return node

    def _check_depth(self, depth: int, extent: tuple[int, int]) -> None:
        if depth > MOST_DEPTH:
            fact = f"values are nested more than {MOST_DEPTH} levels deep here."
            self._report(TOO_DEEP, extent, fact, "flatten this value, or move it to a file of its own.")
            raise _UnreadableError

    def _sequence(self, start: int) -> Node:
        items: list[Node] = []
        following, value = self._next, self._value
        while type(event := following()) is not SequenceEndEvent:
            items.append(value(event))
        return Node(items, self._source, start, self._closed(event))

    def _mapping(self, start: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Span] = {}
        following = self._next
        while type(event := following()) is not MappingEndEvent:
            key = self._key(event, keys)
            node = self._value(following())
            if key is not None:
                values[key] = node
        return Node(values, self._source, start, self._closed(event), keys)

    def _closed(self, event: Any) -> int:
        """Where a collection ends: at its bracket, or with its last value. PyYAML says: where the next block starts."""
        end = event.end_mark.index
        if self._source.text[end - 1 : end] in ("]", "}") and event.start_mark.index < end:
            self._end = end
        return self._end

    def _key(self, event: Any, keys: dict[str, Span]) -> str | None:
        """The text of a key, registered in `keys`; None if it is error."""
        if type(event) is not ScalarEvent:
            return self._refuse_key(event)
        key = event.value
        start = event.start_mark.index
        self._end = end = event.end_mark.index
        if event.anchor or event.tag:
            start = self._properties(event, start, end)
        if self._alien:
            key = key.translate(self._alien)
        if event.style == '"':
            self._check_halves(key, start, end)
        elif not event.style and not self._is_plain_key(key, (start, end)):
            return None
        if key in keys:
            return self._refuse_repeated(key, keys[key], (start, end))
        keys[key] = Span(self._source, start, end)
        return key

    def _is_plain_key(self, key: str, extent: tuple[int, int]) -> bool:
        if key in _NO_KEYS:
            self._refuse_null(key, extent)
            return False
        try:
            scalars.check_key(key)
        except scalars.ScalarError as error:
            self._report(error.rule, extent, error.fact, error.fix)
            return False
        return True

    def _refuse_null(self, key: str, extent: tuple[int, int]) -> None:
        if key == "<<":
            fact = "merge key `<<` is not supported: errors could not point at one place, and YAML 1.2 dropped it."
            fix = "share settings with `defaults:`, or with `uses: <component>` plus the keys that differ."
            self._report(MERGE_KEY, extent, fact, fix)
            return
        fact = f"key `{key}` is null, not text." if key else "a key is empty."
        self._report(KEY, extent, fact, f'write a name before the `:`, or quote it: "{key}".')

    def _refuse_repeated(self, key: str, first: Span, extent: tuple[int, int]) -> None:
        fact = (
            f"key `{scalars.shortened(key)}` appears twice in the same mapping (first on line {first.position[0]}); "
            "YAML would silently keep only the last."
        )
        self._report(DUPLICATE_KEY, extent, fact, "rename or remove one of them.")

    def _refuse_key(self, event: Any) -> None:
        start, text = event.start_mark.index, self._source.text
        braces = text.find("{{", max(0, start - 1), start + 2)
        if braces >= 0:
            from hpc.spec.yaml_errors import BRACES, BRACES_FACT, BRACES_FIX

            self._report(BRACES, (braces, braces + 2), BRACES_FACT, BRACES_FIX)
        else:
            kind = "an alias" if isinstance(event, AliasEvent) else "a list or mapping"
            fact = f"a key must be text, not {kind}."
            self._report(
                KEY, (start, start + 1), fact, "write the key as text; quote it if it starts with `[`, `{` or `*`."
            )
        self._skip(event)

    def _skip(self, event: Any) -> None:
        """Passes over a value without judging it."""
        depth = 0
        while True:
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            self._end = event.end_mark.index
            self._check_depth(self._depth + depth, (event.start_mark.index, self._end))
            if depth == 0:
                return
            event = self._next()

    def _alias(self, event: Any) -> Node:
        extent = (event.start_mark.index, event.end_mark.index)
        self._end = extent[1]
        node = self._anchors.get(event.anchor)
        if node is None:
            self._refuse_alias(event.anchor, extent)
            return Node(None, self._source, *extent)
        size, height = self._measured(node)
        self._check_depth(self._depth + height, extent)
        self._added += size
        if self._added > MOST_ADDED:
            fact = f"aliases add more than {MOST_ADDED:,} values to this file."
            fix = "remove nested `*aliases`; use `defaults:` or `uses:` to share settings."
            self._report(ALIAS, extent, fact, fix)
            raise _UnreadableError
        return node

    def _refuse_alias(self, name: str, extent: tuple[int, int]) -> None:
        shown = scalars.shortened(name)
        if name in self._anchors:
            fact = f"alias `*{shown}` stands inside the value of its own anchor."
            self._report(ALIAS, extent, fact, "write the inner value out.")
            return
        fact = f"alias `*{shown}` has no anchor `&{shown}` above it."
        self._report(
            ALIAS, extent, fact, "define the anchor earlier in the file; text that starts with `*` needs quotes."
        )

    def _measured(self, node: Node) -> tuple[int, int]:
        """How many values a node adds where it is repeated, and how deep they are nested."""
        known = self._measures.get(id(node))
        if known:
            return known
        value = node.value
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        if inner is None:
            return 1, 0
        parts = [self._measured(each) for each in inner]
        measure = 1 + sum(size for size, _ in parts), 1 + max((height for _, height in parts), default=0)
        self._measures[id(node)] = measure
        return measure
