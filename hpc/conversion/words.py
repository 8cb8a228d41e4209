"""Texts of a container of KFP as texts of the language: placeholders enter, `${{ name }}` leaves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hpc.components.placeholders import RUN, RUN_IN_TEXT
from hpc.components.references import NAMESPACES

_PLACEHOLDER = re.compile(r"\{\{\$(?P<inner>[^{}]*)\}\}")
_PORT = re.compile(
    r"""\.(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)\[(?P<quote>['"])(?P<name>.*?)(?P=quote)\](?P<rest>.*)"""
)
_METADATA = re.compile(r"""\.metadata\[(?P<quote>['"])([A-Za-z0-9_]+)(?P=quote)\]""")
_RUN = {placeholder: name for name, placeholder in {**RUN, **RUN_IN_TEXT}.items()}
_RESTS = {
    ("inputs", "parameters"): {"": ""},
    ("outputs", "parameters"): {".output_file": ""},
    ("inputs", "artifacts"): {".path": "", ".uri": ".uri"},
    ("outputs", "artifacts"): {".path": "", ".uri": ".uri"},
}


_LOOKS_LIKE_A_NAME = re.compile(r"\$\{(?=(?:" + "|".join(NAMESPACES) + r")\.[a-z])")


def literal_text(text: str) -> str:
    """A text that means itself: what looks like a reference, or like one that was meant, gets its `$` doubled."""
    if "${" not in text:
        return text
    return _LOOKS_LIKE_A_NAME.sub(r"$\g<0>", text.replace("${{", "$${{"))


class Unsayable(Exception):
    """A sentence about something for which the language has no words."""


@dataclass(frozen=True)
class Mention:
    """A placeholder that names a port: `side` and `kind` as the IR has them, `name` that of the IR, `field` what of it,
    as `.uri` or `.metadata.k`.
    """

    side: str
    kind: str
    name: str
    field: str


Written = Callable[[Mention], str]


def word(text: str, written: Written) -> str:
    """The text with `written` in place of each port, `${{ run.x }}` in place of what the platform knows.

    Raises Unsayable for any other placeholder.
    """
    pieces: list[str] = []
    at = 0
    for match in _PLACEHOLDER.finditer(text):
        pieces += [literal_text(text[at : match.start()]), _piece(match, written)]
        at = match.end()
    rest = text[at:]
    if "{{$" in rest or any("{{$" in piece for piece in pieces):
        raise Unsayable("holds `{{$` that is no placeholder of KFP")
    return "".join([*pieces, literal_text(rest)])


def _piece(match: re.Match[str], written: Written) -> str:
    if match[0] in _RUN:
        return f"${{{{ run.{_RUN[match[0]]} }}}}"
    mention = as_mention(match["inner"])
    if mention is None:
        raise Unsayable(f"holds the placeholder `{match[0]}`, for which the language has no name")
    return written(mention)


def as_mention(inner: str) -> Mention | None:
    """The port that the inside of a placeholder names."""
    found = _PORT.fullmatch(inner)
    if found is None:
        return None
    side, kind, rest = found["side"], found["kind"], found["rest"]
    metadata = _METADATA.fullmatch(rest)
    if kind == "artifacts" and metadata:
        return Mention(side, kind, found["name"], f".metadata.{metadata[2]}")
    if (side, kind, rest) == ("inputs", "artifacts", ""):
        return Mention(side, kind, found["name"], ".all")
    field = _RESTS[side, kind].get(rest)
    return None if field is None else Mention(side, kind, found["name"], field)


def reads_executor_input(text: str) -> bool:
    """Whether a program gets all of its ports as one JSON, by their names in the IR."""
    return RUN_IN_TEXT["executor_input"] in text
