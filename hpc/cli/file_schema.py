"""The schema of pipeline files, made sharper for one of them: editors complete the keys of its Hydra configurations.

The general schema, the apps of a file and what Hydra lists for them enter; a schema leaves that accepts the same files.
A configuration grows while its schema lies in the editor: what is known is offered, and anything else is accepted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from hpc.compiler.authoring import App, Listing
from hpc.compiler.questions import Config, Group, Key, Listed
from hpc.diagnostics import Path

Schema = dict[str, Any]

_ANYTHING: Schema = {}
_NULL: Schema = {"type": "null"}
_LONGEST = 60
_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}
_BLOCKS = ("components", "steps")


def sharpened(general: Schema, name: str, listed: Sequence[tuple[App, Listing]]) -> Schema:
    """The schema for the file of the pipeline `name`."""
    named = _Named()
    inside: dict[str, Schema] = {block: {} for block in _BLOCKS}
    for app, listing in listed:
        block, entry, *deeper = cast("tuple[str, ...]", app.path)
        here = inside[block].setdefault(entry, {})
        for segment in deeper:
            here = here.setdefault("properties", {}).setdefault(segment, {})
        here.setdefault("properties", {}).update(_entry(app.path, named.of(app, listing)))
    properties = {block: _with_entries(general["properties"][block], entries) for block, entries in inside.items()}
    return {
        **general,
        "$id": f"{general['$id']}:{name}",
        "title": f"{general['title']}: {name}",
        "properties": {**general["properties"], **properties},
        "$defs": {**general["$defs"], **named.definitions},
    }


def _with_entries(block: Schema, entries: Schema) -> Schema:
    """A mapping of the language in which what is known of some entries is added to what holds for all of them."""
    known = {name: {"allOf": [block["additionalProperties"], more]} for name, more in entries.items()}
    return {**block, "properties": known} if known else block


def _entry(path: Path, name: str) -> Schema:
    """What an entry of `components`, or of `steps`, may say of the listing of that name."""
    definition = f"#/$defs/{name}"
    overrides = {"overrides": {"$ref": f"{definition}_overrides"}}
    if path[-2] == "steps":
        return overrides
    ports = {"additionalProperties": {"properties": {"as": {"$ref": f"{definition}_keys"}}}}
    return {"inputs": ports, "outputs": ports, **overrides, "sweep": {"$ref": f"{definition}_sweep"}}


class _Named:
    """Definitions by name: a listing stands in the schema once, however many components and steps it is for.

    Their names begin in lower case, unlike those of the general schema.
    """

    def __init__(self) -> None:
        self.definitions: Schema = {}
        self.names: dict[tuple[Config, tuple[str, ...]], str] = {}

    def of(self, app: App, listing: Listing) -> str:
        asked = (app.config, listing.words)
        if asked not in self.names:
            name = "__".join(map(str, app.path[1:])) if app.path[0] == "components" else f"step__{app.path[-1]}"
            self.names[asked] = name
            overrides = _overrides(listing.listed)
            self.definitions[f"{name}_overrides"] = {"properties": overrides}
            self.definitions[f"{name}_sweep"] = {"properties": _sweep(overrides)}
            self.definitions[f"{name}_keys"] = _one_of(_names(listing.listed))
        return self.names[asked]


# ---------------------------------------------------------------- what Hydra listed


def _names(listed: Listed) -> list[str]:
    """What `as` of a port can be."""
    return list(dict.fromkeys([*map(_group_key, listed.groups), *(key.key for key in listed.keys)]))


def _overrides(listed: Listed) -> Schema:
    """A group stands before a key of the same name: that is what Hydra takes `model=…` for."""
    found: Schema = {}
    for group in listed.groups:
        found |= _of_group(group)
    for key in listed.keys:
        found.setdefault(key.key, _of_key(key))
    return found


def _sweep(overrides: Schema) -> Schema:
    """Of what overrides can be the keys: a sweep has texts and lists of its own."""
    return {key: {"description": place["description"]} for key, place in overrides.items() if not key.startswith("~")}


def _group_key(group: Group) -> str:
    return f"+{group.group}" if group.needs_plus else group.group


def _of_group(group: Group) -> Schema:
    several = {"type": "array", "items": _one_of(group.options)}
    chosen = f"chosen: {', '.join(group.chosen)}" if group.chosen else "nothing chosen yet"
    options = {"anyOf": [*_one_of(group.options)["anyOf"][:-1], several, _ANYTHING]}
    found: Schema = {_group_key(group): {"description": f"config group, {chosen}", **options}}
    if group.chosen:
        found[f"~{group.group}"] = {"description": f"leaves out `{group.group}`", "anyOf": [_NULL, _ANYTHING]}
    return found


def _one_of(words: Sequence[str]) -> Schema:
    """Words that are offered; anything else may stand there too."""
    return {"anyOf": [*([{"enum": list(words)}] if words else []), _ANYTHING]}


def _of_key(key: Key) -> Schema:
    """What editors show, and write behind a key that they complete: they do not quote texts, so those are left out."""
    kind = {"anyOf": [{"type": _TYPES.get(key.type, "string")}, _ANYTHING]}
    if key.is_missing:
        return {"description": f"{key.type}, must be given", **kind}
    text = json.dumps(key.default, ensure_ascii=False)
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    written = {"default": key.default} if isinstance(key.default, int | float) else {}
    return {"description": f"{key.type}, default {shown}", **kind, **written}
