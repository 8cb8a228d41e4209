"""Entries that nothing names: components, images, accelerators, inputs and secrets (language, 5.24, 5.41).

Judged on the file as it was read, so that what profiles name, and bases of `uses`, count as used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hpc.components.library import LIBRARY_IMAGE
from hpc.diagnostics import Diagnostic, Place, Rule
from hpc.spec.document import Document, Node
from hpc.spec.merge import mapping

UNUSED = Rule(
    "HPC211",
    "declared, but not used",
    "An entry that nothing names does nothing; often the name is misspelt where it was meant to be used.",
    "Use it, or remove it.",
    severity="warning",
)
RULES = (UNUSED,)

_BLOCKS = {
    "components": "no edge names it",
    "images": "no component runs it",
    "accelerators": "no component or step names it",
    "inputs": "no edge takes it anywhere",
    "secrets": "no `env` names it",
}
_NAMING_KEYS = {"image": "images", "accelerator": "accelerators", "secret": "secrets", "uses": "components"}
_IMAGE = re.compile(r"\$\{\{\s*images\.([a-z0-9_]+)")
_WORD = re.compile(r"[a-z][a-z0-9_]*")


def unused(document: Document, merged: Document) -> Iterator[Diagnostic]:
    """A warning for each entry of the file that neither it nor what `--set` lays on it names."""
    mentioned: dict[str, set[str]] = {block: set() for block in _BLOCKS}
    mentioned["images"].update(_IMAGE.findall(document.root.source.text))
    for root in map(mapping, (document.root, merged.root)):
        for block in ("components", "steps", "defaults", "profiles"):
            if block in root:
                _collect(root[block], mentioned)
    _collect_edges(mapping(document.root).get("edges"), mentioned, top=True)
    for block, why in _BLOCKS.items():
        for name in mapping(mapping(document.root).get(block)).keys() - mentioned[block]:
            if block == "images" and "build" in mapping(mapping(mapping(document.root)[block])[name]):
                continue  # `hpc build` uses it: another one may start from it
            kind = block.removesuffix("s")
            fact = f"{kind} `{name}` is not used: {why}."
            yield Diagnostic(UNUSED, Place((block, name), on="key"), fact, "use it, or remove it.")


def _collect(node: Node, mentioned: dict[str, set[str]]) -> None:
    for key, value in mapping(node).items():
        if key == "edges":
            _collect_edges(value, mentioned, top=False)
        elif isinstance(value.value, str) and key in _NAMING_KEYS:
            mentioned[_NAMING_KEYS[key]].add(value.value)
            if key == "uses" and value.value.startswith("std/"):
                mentioned["images"].add(LIBRARY_IMAGE)
        elif isinstance(value.value, dict) and key != "with":
            _collect(value, mentioned)


def _collect_edges(edges: Node | None, mentioned: dict[str, set[str]], *, top: bool) -> None:
    """Every word of an edge may name a step; of one that starts at `inputs`, an input. Conditions read inputs too."""
    for line in _lines(edges):
        words = _WORD.findall(line)
        mentioned["components"].update(words)
        if top and "inputs" in words:
            mentioned["inputs"].update(words)


def _lines(node: Node | None) -> Iterator[str]:
    if node is None:
        return
    if isinstance(node.value, str):
        yield node.value
    for child in node.value if isinstance(node.value, list) else mapping(node).values():
        yield from _lines(child)
