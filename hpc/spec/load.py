"""A settled document becomes a `Pipeline`, or every mistake of shape, each at its key or value.

Pydantic's errors carry a `loc` that is nearly a YAML path; here they become rules of hpc, with a fact and a fix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from hpc.components import KIND_KEYS
from hpc.components.fields import Model
from hpc.components.kubernetes import Late
from hpc.components.types import did_you_mean, kind_of, nearest, with_article
from hpc.diagnostics import Diagnostic, Path, Place, Rejected, Rule, located
from hpc.spec.document import Document, Node
from hpc.spec.merge import KEEPS_INTERFACE, mapping
from hpc.spec.model import LANGUAGE_VERSION, Pipeline
from hpc.version import __version__

NO_MARKER = Rule(
    "HPC101",
    "no language version",
    "A file is an hpc source only if it says so: the key `hpc` names the language version it is written in.",
    "Make the first line `hpc: 1`.",
)
UNKNOWN_KEY = Rule(
    "HPC102",
    "unknown key",
    "A key that is not part of the language would silently do nothing.",
    "Correct the spelling, or remove it.",
)
WRONG_VALUE = Rule(
    "HPC103",
    "wrong kind of value",
    "The value is not of the kind that the key takes, or outside its limits.",
    "Give a value of that kind.",
)
MISSING_KEY = Rule("HPC104", "missing key", "Without this key there is nothing to compile.", "Add it.")
BAD_NAME = Rule(
    "HPC105",
    "not a name",
    "Names are snake_case, so that they read unambiguously in edges and conditions; pipeline names follow Vertex AI's "
    "rules.",
    "Rename it.",
)
BAD_UNIT = Rule(
    "HPC107",
    "not a duration or size",
    "A number without a unit, or with an unknown one, would be guessed at.",
    "Write a number and a unit: `30s 5m 2h 3d`, `15GB`, `500m`.",
)
UNKNOWN_VERSION = Rule(
    "HPC108",
    "unknown language version",
    "A newer language may mean something else by the same words.",
    "Install a newer hpc.",
)
RESERVED_NAME = Rule(
    "HPC207",
    "reserved name",
    "The words of conditions and the reserved nodes would be ambiguous as names.",
    "Rename it.",
)
RULES = (NO_MARKER, UNKNOWN_KEY, WRONG_VALUE, MISSING_KEY, BAD_NAME, BAD_UNIT, UNKNOWN_VERSION, RESERVED_NAME)

M = TypeVar("M", bound=Model)

_BY_CODE = {rule.code: rule for rule in (*RULES, KEEPS_INTERFACE)}
_MARKERS = ("version", "apiVersion", "schema", "$schema", "schemaVersion", "hpc_version")
_EXAMPLES = {
    "components": "`train: {image: trainer, …}`",
    "images": "`trainer: repo/trainer:1.0`",
    "accelerators": "`t4: {machine: n1-standard-4, gpu: T4}`",
    "inputs": "`lr: float`",
    "outputs": "`model: Model`",
    "steps": "`train_b: {uses: train}`",
    "edges": "`- a.out -> b.in`",
}
_SINGULAR = {
    "components": "component",
    "steps": "step",
    "images": "image",
    "accelerators": "accelerator",
    "inputs": "input",
    "outputs": "output",
    "secrets": "secret",
    "targets": "target",
    "profiles": "profile",
}


def load(document: Document, model: type[Pipeline] = Pipeline) -> Pipeline:
    """The pipeline that the document describes. Raises Rejected with every mistake of shape."""
    return validated(document, model, list(_respelt_numbers(document)))


def validated(document: Document, model: type[M], found: Sequence[Diagnostic] = ()) -> M:
    """The document as `model`. Raises Rejected with every mistake of shape, and if something was found before."""
    try:
        value = model.model_validate(document.plain())
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=True)
        raise Rejected(located([*found, *_diagnostics(details, document, model)], document)) from None
    if found:
        raise Rejected(located(found, document))
    return value


def _respelt_numbers(document: Document) -> Iterator[Diagnostic]:
    """Numbers in `command` and `args` that would be passed in another spelling: `1.50` is a number that prints 1.5.

    What `${{ vars.x }}` stands for is a number by declaration, and passed as one.
    """
    for name, component in mapping(mapping(document.root).get("components")).items():
        for key in ("command", "args"):
            if key in mapping(component):
                yield from _floats(mapping(component)[key], ("components", name, key))


def _floats(node: Node, path: Path) -> Iterator[Diagnostic]:
    written = node.source.text[node.start : node.end]
    if isinstance(node.value, float) and "${{" not in written:
        fact = f"an argument is text, but `{written}` is a number and would be passed as `{node.value}`."
        yield Diagnostic(WRONG_VALUE, Place(path), fact, f'quote it: "{written}".')
    children = node.value if isinstance(node.value, dict) else {}
    if isinstance(node.value, list):
        children = dict(enumerate(node.value))
    for key, child in children.items():
        yield from _floats(child, (*path, key))


def check_marker(document: Document) -> None:
    """Raises Rejected unless the document says that it is a pipeline file of a version that this hpc reads."""
    root = mapping(document.root)
    if "hpc" not in root and "pipelineInfo" in root:
        fact = "this file is compiled already: it holds a PipelineSpec, not a pipeline."
        where = document.locate(Place(("pipelineInfo",), on="key"))
        raise Rejected(
            [Diagnostic(NO_MARKER, where, fact, "name the pipeline file; `hpc run` takes compiled files too.")]
        )
    if "hpc" not in root:
        other = next((key for key in _MARKERS if key in root), None)
        place = Place((other,), on="key") if other else Place(())
        fact = "the file does not say which hpc language it is written in."
        fact += f" (`{other}` is not the marker.)" if other else ""
        span = document.locate(place)
        where = span if other else type(span)(span.source, 0, 0)
        raise Rejected([Diagnostic(NO_MARKER, where, fact, "make the first line `hpc: 1`.")])
    version = root["hpc"].plain()
    if not isinstance(version, int) or isinstance(version, bool) or version != LANGUAGE_VERSION:
        newer = isinstance(version, int) and version > LANGUAGE_VERSION
        fact = (
            f"language version {version!r} is unknown to hpc {__version__.rpartition('.')[0]}, which reads version 1."
        )
        fix = "write `hpc: 1`, or install a newer hpc." if newer else "write `hpc: 1`."
        raise Rejected(located([Diagnostic(UNKNOWN_VERSION, Place(("hpc",)), fact, fix)], document))


def _diagnostics(details: list[ErrorDetails], document: Document, model: type[Model]) -> Iterator[Diagnostic]:
    """One diagnostic for each rule and path; a key that is missing because it is misspelt is one mistake."""
    found: dict[tuple[str, Path], Diagnostic] = {}
    for detail in details:
        path = _path_in(document, detail["loc"])
        diagnostic = _diagnostic(detail, path, document, model)
        found.setdefault((diagnostic.rule.code, path), diagnostic)
    meant = {(path[:-1], each.fix) for (code, path), each in found.items() if code == UNKNOWN_KEY.code}
    for (code, path), diagnostic in found.items():
        if code != MISSING_KEY.code or (path[:-1], f"did you mean `{path[-1] if path else ''}`?") not in meant:
            yield diagnostic


_NOT_KEYS = ("[key]", "scalar", "mapping", "list", "int", "float", *KIND_KEYS.values())


def _path_in(document: Document, loc: tuple[int | str, ...]) -> Path:
    """The YAML path of a pydantic loc: union tags and `[key]` are stepped over, a missing last key is kept."""
    path: Path = ()
    for index, segment in enumerate(loc):
        is_last = index == len(loc) - 1
        if document.at((*path, segment)) is not None or (is_last and segment not in _NOT_KEYS):
            path = (*path, segment)
    return path


def _diagnostic(detail: ErrorDetails, path: Path, document: Document, model: type[Model]) -> Diagnostic:
    kind = detail["type"]
    if kind.startswith("HPC"):
        return _own(detail, path)
    if kind == "extra_forbidden":
        return _unknown_key(detail, path, model)
    if kind in ("missing", "union_tag_not_found", "union_tag_invalid"):
        return _missing(kind, path, document)
    return _wrong_value(detail, path)


def _own(detail: ErrorDetails, path: Path) -> Diagnostic:
    """A mistake that a validator of hpc found; it brings its own words."""
    context = detail.get("ctx", {})
    name = path[-2] if path and path[-1] in ("default", "choices", "min", "max", "pattern") else ""
    on_key = detail["loc"][-1:] == ("[key]",)
    fact = str(context["fact"]).replace("{port}", str(name))
    rule = _BY_CODE[detail["type"]]
    return Diagnostic(rule, Place(path, on="key" if on_key else "value"), fact, str(context["fix"]))


_ORDER = "order is an edge: `- first -> second`."
_CONDITION = "a condition stands on an edge: `- a -> b when a.score > 0.9`."
_LOOP = "write `for_each: [<input>]` on the step, and bring a list."
_MACHINE = "describe the machine in `accelerators`, and name it: `accelerator: <name>`."
_OF_OTHER_TOOLS = {
    **dict.fromkeys(("needs", "depends_on", "dependsOn", "dependencies", "runAfter", "after"), _ORDER),
    **dict.fromkeys(("if", "when", "condition", "switch"), _CONDITION),
    **dict.fromkeys(("withItems", "with_items", "withParam", "matrix", "foreach", "loop_over", "parallelism"), _LOOP),
    **dict.fromkeys(("resources", "limits", "machine", "machine_type", "gpu", "cpu", "memory"), _MACHINE),
}
"""What other tools call what the language says in another place."""
_ELSEWHERE = {
    ("components", "with"): "`with` stands on a step: `steps: {<step>: {with: {…}}}`; an input may have a `default`.",
    ("steps", "inputs"): "a step gets values by edges and by `with`.",
}


def _unknown_key(detail: ErrorDetails, path: Path, model: type[Model]) -> Diagnostic:
    key = str(path[-1])
    owner = path[:-1]
    if key in KIND_KEYS and len(owner) >= 2 and owner[-2] == "components":
        fact = f"component `{owner[-1]}` says in two ways what it runs; `{key}` is the second."
        return Diagnostic(
            KEEPS_INTERFACE, Place(path, on="key"), fact, "keep one of `image`, `uses`, `import` and `edges`."
        )
    allowed = _keys_of(detail["loc"][:-1], model)
    block = str(owner[-2]) if len(owner) >= 2 else ""
    meant = _OF_OTHER_TOOLS.get(key) if block in ("components", "steps") else None
    meant = meant or _ELSEWHERE.get((block, key))
    fact = f"unknown key `{key}` in {_described(owner) if owner else model.TITLE}."
    return Diagnostic(UNKNOWN_KEY, Place(path, on="key"), fact, meant or did_you_mean(key, allowed))


def _missing(kind: str, path: Path, document: Document) -> Diagnostic:
    if kind != "missing":
        node = document.at(path)
        if node is not None and not isinstance(node.value, dict):
            return _shape(path, node.plain(), "a mapping")
        misspelt = ((key, nearest(key, KIND_KEYS)) for key in (mapping(node) if node is not None else {}))
        near = next((f"did you mean `{kind}` for `{key}`?" for key, kind in misspelt if kind), None)
        fact = f"{_described(path)} does not say what it runs."
        fix = near or "add one of `image:`, `uses:`, `import:` or `edges:`."
        return Diagnostic(MISSING_KEY, Place(path, on="key"), fact, fix)
    key, owner = str(path[-1]), path[:-1]
    fact = f"`{key}` is missing in {_described(owner)}." if owner else f"`{key}` is missing."
    example = _EXAMPLES.get(key)
    return Diagnostic(
        MISSING_KEY, Place(owner, on="key"), fact, f"add `{key}:`" + (f", e.g. {example}." if example else ".")
    )


_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _wrong_value(detail: ErrorDetails, path: Path) -> Diagnostic:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in _KINDS:
        return _shape(path, given, _KINDS[kind])
    name = f"`{path[-1]}`" if path else "the file"
    place = Place(path)
    if kind == "literal_error":
        options = [option.strip("' ") for option in str(context["expected"]).replace(" or ", ", ").split(", ")]
        fact = f"`{given}` is not a value of {name}."
        return Diagnostic(WRONG_VALUE, place, fact, did_you_mean(str(given), options))
    limits = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}
    if kind in limits:
        word, key = limits[kind]
        return Diagnostic(WRONG_VALUE, place, f"{name} is {given}, but must be {word} {context[key]}.", "change it.")
    return Diagnostic(
        WRONG_VALUE, place, f"{name}: {detail['msg'].lower()}.", "give a value that the language allows here."
    )


def _shape(path: Path, given: Any, wanted: str) -> Diagnostic:
    name = f"`{path[-1]}`" if path and isinstance(path[-1], str) else _described(path)
    block = path[-1] if path else ""
    named = wanted == "a mapping" and block in _EXAMPLES
    fact = f"{name} must be {wanted}{' of names' if named else ''}, not {with_article(kind_of(given))}."
    example = _EXAMPLES.get(str(block))
    fix = f"write {example}." if example else f"write {wanted}."
    if wanted == "text" and isinstance(given, bool | int | float):
        shown = str(given).lower() if isinstance(given, bool) else str(given)
        fix = f'quote it: "{shown}".'
    if wanted == "true or false" and isinstance(given, str):
        near = nearest(given.lower(), ["true", "false"])
        fix = f"write `{near}` without quotes." if near else "write `true` or `false`."
    return Diagnostic(WRONG_VALUE, Place(path), fact, fix)


def _described(path: Path) -> str:
    """How messages call the block at a path, e.g. "component `train`"."""
    if not path:
        return "the pipeline file"
    key = path[-1]
    if len(path) >= 2 and path[-2] in _SINGULAR:
        owner = f" of {_described(path[:-2])}" if len(path) >= 4 and path[-2] in ("inputs", "outputs") else ""
        return f"{_SINGULAR[str(path[-2])]} `{key}`{owner}"
    if len(path) == 1:
        return f"`{path[0]}`"
    last = f"`{key}`" if isinstance(key, str) else f"item {key + 1}"
    return f"{last} of {_described(path[:-1])}"


def _keys_of(loc: tuple[int | str, ...], model: type[Model]) -> list[str]:
    """The keys that the model at a pydantic loc takes, from the model of the whole file."""
    annotation: Any = model
    for segment in loc:
        annotation = _inside(annotation, segment)
    models = [model for model in _unwrapped(annotation) if isinstance(model, type) and issubclass(model, BaseModel)]
    return [
        field.alias or name
        for model in models
        for name, field in model.model_fields.items()
        if name not in getattr(model, "MEANINGLESS", ())
    ]


def _inside(annotation: Any, segment: int | str) -> Any:
    for option in _unwrapped(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            for name, field in option.model_fields.items():
                if segment in (name, field.alias):
                    return field.annotation
        elif get_origin(option) is dict:
            return get_args(option)[1]
        elif get_origin(option) is list:
            return get_args(option)[0]
    tagged = [option for option in _members(annotation) if _tag(option) == segment]
    return tagged[0] if tagged else annotation


def _unwrapped(annotation: Any) -> list[Any]:
    """The types that an annotation allows, `Annotated` and unions taken apart."""
    if get_origin(annotation) is Annotated:
        late = [item.model for item in annotation.__metadata__ if isinstance(item, Late)]
        return late or _unwrapped(get_args(annotation)[0])
    members = _members(annotation)
    return [inner for member in members for inner in _unwrapped(member)] if members else [annotation]


def _members(annotation: Any) -> tuple[Any, ...]:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()


def _tag(annotation: Any) -> str | None:
    return next((item.tag for item in getattr(annotation, "__metadata__", ()) if isinstance(item, Tag)), None)
