"""A value in a file that someone else wrote, together with the path to it, so that a complaint can name the place.

Plain JSON values enter; checked parts of them leave, or NotAComponent is raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from hpc.components.types import kind_of, with_article

_LONGEST_NAME = 60
MEND = "mend the file, or write it again with the KFP SDK or `hpc compile`."


class NotAComponent(Exception):
    """A file that cannot be used as a component.

    `fact` is a sentence about the file, e.g. "`root.dag.tasks` is empty.", `fix` what to do about it.
    """

    def __init__(self, fact: str, fix: str) -> None:
        super().__init__(f"{fact} {fix}")
        self.fact = fact
        self.fix = fix


def shown(name: object) -> str:
    """A name from the file as messages show it: on one line, and not endless."""
    text = str(name)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


@dataclass(frozen=True)
class Node:
    """`value` is plain JSON, `path` the keys and indices that lead to it."""

    value: Any
    path: tuple[str | int, ...] = ()

    def fault(self, predicate: str, fix: str = MEND) -> NotAComponent:
        """The complaint that this value `predicate`, e.g. `is empty`."""
        place = ".".join(shown(part) for part in self.path)
        return NotAComponent(f"{f'`{place}`' if place else 'it'} {predicate}.", fix)

    def _unlike(self, wanted: str) -> NotAComponent:
        return self.fault(f"is {with_article(kind_of(self.value))}, not {wanted}")

    def entries(self) -> dict[str, Node]:
        """The values of a mapping by key."""
        value: object = self.value
        if not isinstance(value, dict):
            raise self._unlike("a mapping")
        values = cast("dict[str, Any]", value)
        return {key: Node(item, (*self.path, key)) for key, item in values.items()}

    def items(self) -> list[Node]:
        """The values of a list."""
        value: object = self.value
        if not isinstance(value, list):
            raise self._unlike("a list")
        values = cast("list[Any]", value)
        return [Node(item, (*self.path, index)) for index, item in enumerate(values)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            quoting = "put quotes around it." if isinstance(self.value, bool | int | float) else MEND
            raise self.fault(f"is {with_article(kind_of(self.value))}, not text", quoting)
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self._unlike("true or false")
        return self.value

    def get(self, *keys: str) -> Node | None:
        """The value below `keys`; None where a key is missing or null, as proto3 has it."""
        found = self
        for key in keys:
            entry = found.entries().get(key)
            if entry is None or entry.value is None:
                return None
            found = entry
        return found

    def at(self, *keys: str) -> Node:
        """The value below `keys`, each of which must be there."""
        found = self
        for key in keys:
            entry = found.get(key)
            if entry is None:
                raise found.fault(f"lacks the key `{key}`")
            found = entry
        return found

    def entries_at(self, *keys: str) -> dict[str, Node]:
        """The mapping below `keys`; empty where there is none."""
        found = self.get(*keys)
        return found.entries() if found else {}

    def items_at(self, *keys: str) -> list[Node]:
        """The list below `keys`; empty where there is none."""
        found = self.get(*keys)
        return found.items() if found else []

    def text_at(self, *keys: str) -> str:
        """The text below `keys`; empty where there is none."""
        found = self.get(*keys)
        return found.text() if found else ""
