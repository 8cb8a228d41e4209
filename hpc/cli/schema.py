"""`hpc schema`: the JSON schema of pipeline files, so that editors complete keys and show what they mean.

The models of the language enter; what stands before they see a file is added here: short forms, `${{ }}`, siblings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from pydantic import TypeAdapter

from hpc.components.ports import PortType
from hpc.components.subpipeline import EdgeLine
from hpc.spec.model import LANGUAGE_VERSION, Pipeline

if TYPE_CHECKING:
    from hpc.compiler.questions import Listed

Schema = dict[str, Any]

_SHORT_FORMS = {
    **dict.fromkeys(("InputPort", "OutputPort", "GroupInput", "PipelineInput", "PipelineOutput"), "type"),
    "Image": "uri",
    "Retry": "max",
}
"""Blocks that may be written as one of their values, and the key of that value: hpc/spec/merge.py writes them out."""

_MAY_BE_EMPTY = ("StepEntry", "Defaults")
_KINDS = ("ContainerComponent", "ImporterComponent", "SubPipeline", "ExternalComponent")
_FIXED_BY_USES = ("inputs", "outputs", "import", "edges")
_REFERENCE = {"$ref": "#/$defs/Reference"}
_NULL = {"type": "null"}

_ABOUT = (
    "A file that `hpc compile` reads. Where a number, true or false, or one of several words is expected, "
    "`${{ vars.x }}` may stand too; for lists and mappings the language allows it, but this schema does not."
)


@click.command("schema", epilog="Example: hpc schema > .vscode/hpc.schema.json")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def command(file: Path | None) -> int:
    """Print the JSON schema (draft 2020-12) of pipeline files.

    With FILE it also holds the keys of the Hydra configurations of that file's components, so that an editor completes
    them under `overrides` and behind `as`. Make it anew when a configuration has changed.

    With the YAML extension of VS Code, the first line of a pipeline file names it:

    \b
      # yaml-language-server: $schema=.vscode/hpc.schema.json
    """
    schema = _for_file(file) if file else pipeline_schema()
    click.echo(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0


def _for_file(file: Path) -> Schema:
    """The schema for one file; what keeps a configuration out of it is told on stderr."""
    from hpc.cli.disk import Folder, read_source
    from hpc.cli.file_schema import sharpened
    from hpc.cli.keys import NO_HYDRA
    from hpc.compiler import Choice, located_in, understood
    from hpc.compiler.authoring import App, Apps, Listing, listings

    files = Folder(file.parent)
    program, _ = understood(read_source(file), files, Choice())
    with located_in(program.document):
        apps = list(Apps(program, files).all())
    listed: list[tuple[App, Listing]] = []
    for app, listing in zip(apps, listings(apps, files), strict=True):
        if listing is None:
            raise click.ClickException(NO_HYDRA)
        if not listing.listed.trouble:
            listed.append((app, listing))
        if app.path[0] == "components":
            for line in _not_in_it(listing.listed):
                click.echo(f"{'.'.join(map(str, app.path))}: {line}", err=True)
    return sharpened(pipeline_schema(), program.main.pipeline.name, listed)


def _not_in_it(listed: Listed) -> Iterator[str]:
    """Why keys of a configuration are not in the schema."""
    if listed.failed:
        yield f"its keys are left out, because Hydra could not be asked: {listed.trouble}"
    elif listed.trouble:
        yield f"its keys are left out: {listed.trouble}"
    yield from listed.notes


def pipeline_schema() -> Schema:
    """The JSON schema of a pipeline file: the same for every call, with the keys in the order of the models."""
    generated = Pipeline.model_json_schema(by_alias=True)
    models: Schema = generated["$defs"]
    models["ExternalComponent"] = _with_keys_of_every_kind(models)
    properties = _block(generated)["properties"]
    properties["hpc"] = {"type": "integer", "const": LANGUAGE_VERSION, **_only(properties["hpc"], "description")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:hydra-pipeline-compiler:pipeline-file:{LANGUAGE_VERSION}",
        "title": "hpc pipeline file",
        "description": _ABOUT,
        "type": "object",
        "required": generated["required"],
        "properties": properties,
        "patternProperties": {"^x-": {"description": "ignored; a place for notes and anchors"}},
        "additionalProperties": False,
        "$defs": {**_shared(models), **{name: _block(models[name]) for name in sorted(models)}},
    }


def _shared(models: Schema) -> Schema:
    """Definitions that are not blocks: the types of ports, edges, references, and the short forms of blocks."""
    named = _named()
    reference = {"type": "string", "pattern": r"\$\{\{", "description": "`${{ name }}`, filled in while compiling"}
    shared = {"PortType": _with_reference(named["PortType"]), "Edge": {"anyOf": named["Edge"]}, "Reference": reference}
    for name, key in _SHORT_FORMS.items():
        shared[f"{name}Short"] = _place(models[name]["properties"][key])
    return shared


def _named() -> dict[str, list[Schema]]:
    """Alternatives that get a name although they are not models: they are long, and stand in many places."""
    types: dict[str, Any] = {"PortType": PortType, "Edge": EdgeLine}
    return {name: _options(TypeAdapter[Any](annotation).json_schema()) for name, annotation in types.items()}


def _with_keys_of_every_kind(models: Schema) -> Schema:
    """A component with `uses` takes over a sibling of any kind; what differs may be any key that keeps its ports."""
    properties: Schema = {}
    for kind in reversed(_KINDS):
        properties = {**models[kind]["properties"], **properties}
    properties = {key: value for key, value in properties.items() if key not in _FIXED_BY_USES}
    changed = {key: value if key == "uses" else _nullable(value) for key, value in properties.items()}
    return {**models["ExternalComponent"], "properties": changed}


def _nullable(node: Schema) -> Schema:
    """Null deletes what the sibling says, also a single entry of a mapping."""
    options = [_with_nullable_entries(option) for option in _options(node)]
    return node if _NULL in options else {**_annotations(node), "anyOf": [*options, _NULL]}


def _with_nullable_entries(option: Schema) -> Schema:
    entries = option.get("additionalProperties")
    if isinstance(entries, dict):
        return {**option, "additionalProperties": _nullable(cast("Schema", entries))}
    if "patternProperties" in option:
        patterns = option["patternProperties"].items()
        return {**option, "patternProperties": {pattern: _nullable(entry) for pattern, entry in patterns}}
    return option


# ---------------------------------------------------------------- one block, one place in it


def _block(model: Schema) -> Schema:
    """A mapping of the language, its keys gone through."""
    block = {key: value for key, value in model.items() if key not in ("title", "$defs")}
    return {**block, "properties": {key: _place(value) for key, value in model["properties"].items()}}


def _place(node: Schema) -> Schema:
    """A place where a value stands: everything that may be written there."""
    options = _options(node)
    for name, alternatives in _named().items():
        if options == alternatives:
            return {"$ref": f"#/$defs/{name}", **_annotations(node)}
    forms = [form for option in options for form in _forms(_content(option))]
    options = [form for index, form in enumerate(forms) if form not in forms[:index]]
    return {**_with_reference(options), **_annotations(node)}


def _options(node: Schema) -> list[Schema]:
    """The alternatives of a place, those inside alternatives among them."""
    alone = {key: value for key, value in node.items() if key not in ("title", "description", "default")}
    return _flat(alone)


def _flat(node: Schema) -> list[Schema]:
    found = node.get("anyOf") or node.get("oneOf")
    return [option for each in found for option in _flat(each)] if found else [node]


def _annotations(node: Schema) -> Schema:
    """What editors show; of defaults only those that say something."""
    default = node.get("default")
    says = default is not None and default != "" and not isinstance(default, dict | list)
    return {**_only(node, "description"), **({"default": default} if says else {})}


def _only(node: Schema, key: str) -> Schema:
    return {key: node[key]} if key in node else {}


def _forms(option: Schema) -> list[Schema]:
    """The option, and the short form or the empty value that may stand for it."""
    name = str(option.get("$ref", "")).rpartition("/")[2]
    if name in _SHORT_FORMS:
        return [{"$ref": f"#/$defs/{name}Short"}, option]
    return [option, _NULL] if name in _MAY_BE_EMPTY else [option]


def _with_reference(options: list[Schema]) -> Schema:
    if any(map(_is_narrow, options)) and not any(map(_is_free_text, options)):
        options = [*options, _REFERENCE]
    return options[0] if len(options) == 1 else {"anyOf": options}


def _is_narrow(option: Schema) -> bool:
    """A scalar that is not any text at all: a number, a boolean, one of several words, text of one form."""
    return option.get("type") in ("integer", "number", "boolean") or not {"enum", "const", "pattern"}.isdisjoint(option)


def _is_free_text(option: Schema) -> bool:
    return "string" in option.get("type", ()) and not _is_narrow(option)


def _content(option: Schema) -> Schema:
    """An option with the places inside it gone through: items of a list, entries of a mapping."""
    option = dict(option)
    if isinstance(option.get("items"), dict):
        option["items"] = _place(option["items"])
    if "patternProperties" in option:
        [(pattern, entry)] = option.pop("patternProperties").items()
        option["propertyNames"] = {"pattern": pattern, **option.get("propertyNames", {})}
        option["additionalProperties"] = entry
    if isinstance(option.get("additionalProperties"), dict):
        option["additionalProperties"] = _place(option["additionalProperties"])
    return option
