"""`${{ name }}` in texts: where one stands and what it names. Text enters, parts leave; nothing is looked up here."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """`${{ namespace.name.rest }}` at characters `start` to `end` of a text."""

    namespace: str
    name: str
    rest: tuple[str, ...]
    start: int
    end: int

    def __str__(self) -> str:
        return ".".join((self.namespace, self.name, *self.rest))


Part = str | Reference
"""A piece of a text: characters that stay, or a reference."""


class NotAReference(Exception):
    """What stands between the braces is not a name, or they are never closed."""

    def __init__(self, start: int, length: int, fact: str, fix: str) -> None:
        super().__init__(fact)
        self.start, self.length, self.fact, self.fix = start, length, fact, fix


_MARK = re.compile(r"\$\$\{\{|\$\{\{")
_NAME = re.compile(r"\s*([a-z_][a-z0-9_]*)\.([a-z0-9_]+)((?:\.[A-Za-z0-9_]+)*)\s*")
NAMESPACES = ("inputs", "outputs", "vars", "run", "accelerator", "images")
"""The first words of references."""

LITERAL_HPC_NAME = re.compile(r"\$(\$\{(?:" + "|".join(NAMESPACES) + r")\.[a-z])")
"""`$${inputs.x}`: how a text says that it means OmegaConf's `${inputs.x}` although it looks like a name of hpc."""


def mentions_reference(text: str) -> bool:
    return "${{" in text


def parts_of(text: str) -> list[Part]:
    """The text in order, `$${{` kept as it is written (see `literal`). Raises NotAReference."""
    parts: list[Part] = []
    at = 0
    for mark in _MARK.finditer(text):
        if mark.start() < at or mark.group() == "$${{":
            continue
        reference = _reference(text, mark)
        parts += [text[at : mark.start()], reference]
        at = reference.end
    parts.append(text[at:])
    return [part for part in parts if part != ""]


def _reference(text: str, mark: re.Match[str]) -> Reference:
    close = text.find("}}", mark.end())
    if close < 0:
        raise NotAReference(mark.start(), 3, "`${{` is never closed.", "add `}}`; for a literal `${{` write `$${{`.")
    inner = text[mark.end() : close]
    match = _NAME.fullmatch(inner)
    if not match:
        raise NotAReference(
            mark.start(),
            close + 2 - mark.start(),
            f"`{inner.strip()}` is not a reference; templates only insert names, they do not compute.",
            "write `${{ vars.x }}`, `${{ inputs.x }}` …; compute it inside a component, or declare a `vars` entry.",
        )
    rest = tuple(match[3].split(".")[1:])
    return Reference(match[1], match[2], rest, mark.start(), close + 2)


def literal(text: str) -> str:
    """The text that is meant by one whose references are gone: the two escapes undone."""
    return LITERAL_HPC_NAME.sub(r"\1", text.replace("$${{", "${{")) if "$$" in text else text


def escaped(text: str) -> str:
    """A text that `parts_of` leaves alone, for inserting into one that will be read again."""
    return LITERAL_HPC_NAME.sub(r"$\g<0>", text.replace("${{", "$${{")) if "${" in text else text
