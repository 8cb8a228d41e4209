"""`${{ vars.x }}` and `${{ images.x }}` put in their places; every other use of braces judged.

A merged document enters, one leaves in which only what is known later (`inputs`, `outputs`, `accelerator`, `run`) is
still a reference, and only in the command, the arguments and the overrides of components.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from hpc.components import placeholders
from hpc.components.references import NAMESPACES, NotAReference, Part, Reference, escaped, literal, parts_of
from hpc.components.types import Plain, did_you_mean, kind_of, nearest
from hpc.diagnostics import Diagnostic, Path, Place, Rejected, Rule, Span, located
from hpc.spec.document import Document, Node, read_value
from hpc.spec.merge import mapping

WRONG_NAMESPACE = Rule(
    "HPC701",
    "not available here",
    "Each place knows certain names only: values of a run do not exist while compiling.",
    "Use a name that is known here.",
)
UNKNOWN_REFERENCE = Rule(
    "HPC702",
    "reference to nothing",
    "A reference that does not resolve stops the compiler.",
    "Correct the name, or declare it.",
)
STEP_IN_VALUE = Rule(
    "HPC703",
    "a value names a step",
    "Edges are the only wiring; a second way to connect steps could disagree with them.",
    "Delete the value and add an edge.",
)
NOT_A_REFERENCE = Rule(
    "HPC704",
    "not a reference",
    "`${{ }}` inserts one name; it has no functions and no operators.",
    "Write one name with dots.",
)
RAW_PLACEHOLDER = Rule(
    "HPC705",
    "raw KFP placeholder",
    "A raw placeholder bypasses type checking and only works on some platforms.",
    "Write `${{ inputs.x }}`, or use `as:` on the port.",
)
SINGLE_BRACES = Rule(
    "HPC706",
    "OmegaConf's braces around a name of hpc",
    "`${x}` is OmegaConf's and goes to the container as it stands; `${{ x }}` is hpc's.",
    "Double the braces, or write `$${…}` to mean OmegaConf.",
)
RUN_TIME_ENV = Rule(
    "HPC707",
    "run-time value in `env`",
    "KFP and Vertex AI fix environment variables when the pipeline is compiled.",
    "Pass the value on the command line.",
)
MISSING_DOLLAR = Rule(
    "HPC708",
    "`{{ }}` without a dollar sign",
    "Without the dollar sign it is text and goes to the container as it stands.",
    "Write `${{ … }}`.",
    severity="warning",
)
UNREADABLE_VAR = Rule(
    "HPC709",
    "a `vars` entry cannot be read from its file",
    "`file` and `key` read one value of a YAML or JSON file while compiling.",
    "Correct the path or the key.",
)
RULES = (
    WRONG_NAMESPACE,
    UNKNOWN_REFERENCE,
    STEP_IN_VALUE,
    NOT_A_REFERENCE,
    RAW_PLACEHOLDER,
    SINGLE_BRACES,
    RUN_TIME_ENV,
    MISSING_DOLLAR,
    UNREADABLE_VAR,
)

ReadText = Callable[[str], str]
"""Reads a file named from the pipeline file's folder; raises OSError or UnicodeDecodeError."""

RUN_NAMES = (*placeholders.RUN, *placeholders.RUN_IN_TEXT)
ACCELERATOR_NAMES = ("machine", "gpu", "count", "nodes")
_LATER = ("inputs", "outputs", "accelerator", "run")
_RUN_TIME_BLOCKS = ("command", "args", "overrides", "sweep")
_RAW = re.compile(r"\{\{\s*\$\.?[^}]*\}\}|\{\{\s*\$")
_SINGLE = re.compile(r"(?<!\$)\$\{(vars|images)\.([a-z0-9_]+)\}")
_BARE = re.compile(r"(?<!\$)\{\{\s*((?:" + "|".join(NAMESPACES) + r")\.[a-z0-9_.]+)\s*\}\}")


def expanded(document: Document, read_text: ReadText) -> tuple[Document, list[Diagnostic]]:
    """The document with constants inserted, and the warnings that belong to it."""
    root = document.root
    expander = _Expander(root, read_text)
    entries = {
        key: expander.walk(node, (key,)) if key != "profiles" else node
        for key, node in mapping(root).items()
        if not key.startswith("x-")
    }
    expander.read_all_vars()
    found = located(expander.found, document)
    if any(diagnostic.is_error for diagnostic in found):
        raise Rejected(found)
    return Document(Node(entries, root.source, root.start, root.end, root.keys)), found


@dataclass
class _Expander:
    """One walk over a document. `found` collects what is wrong."""

    root: Node
    read_text: ReadText
    found: list[Diagnostic] = field(default_factory=list[Diagnostic])
    spelt: dict[str, str] = field(default_factory=dict[str, str])
    known: dict[str, Any] = field(default_factory=dict[str, Any])
    pending: list[str] = field(default_factory=list[str])

    def walk(self, node: Node, path: Path) -> Node:
        value = node.value
        if isinstance(value, str):
            return self.text(node, path) if "{" in value else node
        if isinstance(value, dict):
            return self._mapping(node, value, path)
        if isinstance(value, list):
            items = [self.walk(item, (*path, index)) for index, item in enumerate(value)]
            return node if all(map(_same, items, value)) else _like(node, items)
        return node

    def _mapping(self, node: Node, value: dict[str, Node], path: Path) -> Node:
        for key in value:
            if "{{" in key and _RAW.search(key):
                fact = "raw KFP placeholder in a key; it would bypass type checking and only works on KFP."
                self._report(RAW_PLACEHOLDER, Place((*path, key), on="key"), fact, "write the key as plain text.")
        entries = {key: self.walk(item, (*path, key)) for key, item in value.items()}
        if all(map(_same, entries.values(), value.values())):
            return node
        return Node(entries, node.source, node.start, node.end, node.keys)

    def text(self, node: Node, path: Path) -> Node:
        text = str(node.value)
        if self._has_raw_placeholder(text, path):
            return node
        self._warn_of_single_braces(text, path)
        bare = _BARE.search(text)
        if bare:
            fact = f"`{bare[0]}` is text and stays as it is, but `{bare[1]}` is an hpc name."
            self._report(
                MISSING_DOLLAR, Place(path, start=bare.start(), length=len(bare[0])), fact, f"write `${bare[0]}`."
            )
        try:
            parts = parts_of(text)
        except NotAReference as error:
            self._report(NOT_A_REFERENCE, Place(path, start=error.start, length=error.length), error.fact, error.fix)
            return node
        return self._substituted(node, parts, path)

    def _substituted(self, node: Node, parts: list[Part], path: Path) -> Node:
        later = _is_run_time(path)
        pieces: list[Any] = [self._piece(part, path, later) for part in parts]
        if len(parts) == 1 and isinstance(parts[0], Reference) and not isinstance(pieces[0], Reference):
            return _constant(node, _escaped(pieces[0]) if later else pieces[0])
        written = str(node.value)
        text = "".join(self._inserted(written, piece, part, path) for piece, part in zip(pieces, parts, strict=True))
        text = text if later else literal(text)
        if text == written or self._has_raw_placeholder(text, path):
            return node
        return _like(node, text)

    def _piece(self, part: Part, path: Path, later: bool) -> Any:
        if isinstance(part, str):
            return part
        if part.namespace == "vars" or (part.namespace == "images" and path[0] != "images"):
            return self._constant_value(part, path)
        if later and part.namespace in _later(path):
            self._check_later(part, path)
        else:
            self._refuse_namespace(part, path)
        return part

    def _inserted(self, written: str, piece: Any, part: Part, path: Path) -> str:
        if isinstance(piece, Reference):
            return written[piece.start : piece.end]  # as it was written, so that positions in it stay right
        if isinstance(part, str):
            return part
        if _is_block(piece):
            fact = f"`{part}` is a {kind_of(piece)} and cannot stand inside a longer text."
            self._refer(UNKNOWN_REFERENCE, part, path, fact, "let it be the whole value.")
            return ""
        text = self.spelt.get(str(part), "")
        return escaped(text) if _is_run_time(path) else text

    def _constant_value(self, reference: Reference, path: Path) -> Any:
        block = mapping(mapping(self.root).get(reference.namespace))
        if reference.name not in block or reference.rest:
            wanted = ".".join((reference.name, *reference.rest))
            fact = f"`{reference}`: there is no {reference.namespace} entry `{wanted}`."
            self._refer(UNKNOWN_REFERENCE, reference, path, fact, did_you_mean(reference.name, block))
            return ""
        key = f"{reference.namespace}.{reference.name}"
        if key in self.pending:
            circle = " -> ".join([*self.pending[self.pending.index(key) :], key])
            self._refer(
                UNKNOWN_REFERENCE,
                reference,
                path,
                f"the vars refer to each other in a circle: {circle}.",
                "break the circle.",
            )
            return ""
        if key not in self.known:
            self.pending.append(key)
            value = self._value_of(block[reference.name], (reference.namespace, reference.name))
            self.known[key] = value
            self.spelt[key] = _spelt(block[reference.name], value)
            self.pending.pop()
        return self.known[key]

    def _value_of(self, node: Node, path: Path) -> Any:
        if path[0] == "images":
            uri = mapping(node).get("uri")
            return self.walk(uri, (*path, "uri")).plain() if uri is not None else ""
        if mapping(node).keys() == {"file", "key"}:
            return self._from_file(node, path)
        return self.walk(node, path).plain()

    def read_all_vars(self) -> None:
        """Also those that nothing refers to yet: a path that is wrong is wrong."""
        for name in mapping(mapping(self.root).get("vars")):
            self._constant_value(Reference("vars", name, (), 0, 0), ("vars", name))

    def _from_file(self, node: Node, path: Path) -> Any:
        file, key = (self.walk(mapping(node)[name], (*path, name)).plain() for name in ("file", "key"))
        if str(file).startswith("/"):
            return self._unreadable(path, "file", f"`{file}` is an absolute path.", "write a path from this file.")
        try:
            value = read_value(self.read_text(str(file)), str(file)).plain()
        except FileNotFoundError:
            return self._unreadable(
                path, "file", f"there is no file `{file}`.", "correct the path; it starts at this file."
            )
        except (OSError, ValueError):
            return self._unreadable(path, "file", f"`{file}` cannot be read as text.", "name a YAML or JSON file.")
        except Rejected:
            return self._unreadable(
                path, "file", f"`{file}` is not YAML or JSON that hpc can read.", "name a YAML or JSON file."
            )
        for segment in str(key).split("."):
            try:
                value = _entry(value, segment)
            except (KeyError, IndexError, ValueError, TypeError):
                return self._unreadable(
                    path, "key", f"`{file}` has no `{segment}` of `{key}`.", "write keys and indices with dots."
                )
        return value

    def _unreadable(self, path: Path, key: str, fact: str, fix: str) -> str:
        self._report(UNREADABLE_VAR, Place((*path, key)), fact, fix)
        return ""

    def _check_later(self, reference: Reference, path: Path) -> None:
        names = {"accelerator": ACCELERATOR_NAMES, "run": RUN_NAMES}.get(reference.namespace)
        if names and (reference.name not in names or reference.rest):
            fact = f"`{reference}`: there is no {reference.namespace} entry `{reference.name}`."
            self._refer(UNKNOWN_REFERENCE, reference, path, fact, did_you_mean(reference.name, names))

    def _refuse_namespace(self, reference: Reference, path: Path) -> None:
        if "env" in path[:-1] and reference.namespace in _LATER:
            fact = (
                "run-time values cannot be put in `env`: KFP and Vertex fix environment variables when the pipeline is "
                "compiled."
            )
            fix = "pass it on the command line: declare the input and use `as:` or `overrides`."
            self._refer(RUN_TIME_ENV, reference, path, fact, fix)
            return
        block = path[0]
        if _is_sweep(path) and reference.namespace in _LATER:
            fact = (
                f"`{reference}` is known only when the step runs, but Hydra reads a sweep as it is written: nothing "
                "could quote the value."
            )
            fix = f"put `${{{{ {reference} }}}}` into `overrides`, which every job of the sweep gets."
            self._refer(WRONG_NAMESPACE, reference, path, fact, fix)
            return
        where = f"`{path[2]}`" if len(path) > 2 and block in ("steps", "components") else f"`{block}`"
        steps = {*mapping(mapping(self.root).get("components")), *mapping(mapping(self.root).get("steps"))}
        if reference.namespace in steps:
            step, port = (path[1], path[3]) if block == "steps" and len(path) > 3 else ("<step>", "<input>")
            fact = f"`{reference}` names another step, and {where} cannot see steps: only `edges` connect steps."
            fix = f"delete this value; what a step makes comes in by an edge: `<step>.<output> -> {step}.{port}`."
            self._refer(STEP_IN_VALUE, reference, path, fact, fix)
            return
        if block == "edges":
            fact, fix = "an edge and its condition name ports as they are.", f"write the name alone: `{reference}`."
            self._refer(WRONG_NAMESPACE, reference, path, fact, fix)
            return
        if block == "components" and len(path) == 3 and path[2] == "uri":
            fact = "the `uri` of an importer is text; what a run decides comes by an edge."
            fix = f"leave `uri` out, and add `- {reference} -> {path[1]}.uri` to `edges`."
            self._refer(WRONG_NAMESPACE, reference, path, fact, fix)
            return
        allowed = ["vars"] if block == "images" else ["images", "vars"]
        allowed += _later(path) if _is_run_time(path) else ()
        near = nearest(reference.namespace, allowed)
        fix = f"did you mean `{near}`?" if near else f"here you can use: {', '.join(sorted(allowed))}."
        self._refer(WRONG_NAMESPACE, reference, path, f"`{reference.namespace}` cannot be used in {where}.", fix)

    def _warn_of_single_braces(self, text: str, path: Path) -> None:
        """Where nothing goes to a container, OmegaConf's braces can only be a slip."""
        single = None if _is_run_time(path) or path[0] in ("inputs", "edges") else _SINGLE.search(text)
        if single and single[2] in mapping(mapping(self.root).get(single[1])):
            fact = f"`{single[0]}` is OmegaConf syntax, which means nothing here."
            place = Place(path, start=single.start(), length=len(single[0]))
            self._report(SINGLE_BRACES, place, fact, f"double the braces: `${{{{ {single[1]}.{single[2]} }}}}`.")

    def _has_raw_placeholder(self, text: str, path: Path) -> bool:
        raw = _RAW.search(text)
        if raw:
            self._raw_placeholder(raw, path)
        return bool(raw)

    def _raw_placeholder(self, raw: re.Match[str], path: Path) -> None:
        named = re.search(r"(inputs|outputs)\.\w+\[['\"](\w+)", raw[0])
        proposal = f"${{{{ {named[1]}.{named[2]} }}}}" if named else "${{ inputs.x }}"
        self._report(
            RAW_PLACEHOLDER,
            Place(path, start=raw.start(), length=len(raw[0])),
            "raw KFP placeholder; it would bypass type checking and only works on KFP.",
            f"write `{proposal}`, or use `as:` on the port and write nothing here.",
        )

    def _refer(self, rule: Rule, reference: Reference, path: Path, fact: str, fix: str) -> None:
        self._report(rule, Place(path, start=reference.start, length=reference.end - reference.start), fact, fix)

    def _report(self, rule: Rule, place: Place, fact: str, fix: str) -> None:
        self.found.append(Diagnostic(rule, place, fact, fix))


def _is_run_time(path: Path) -> bool:
    """Whether the text is put together for one task: the command, arguments and overrides of a component or step."""
    block = path[0]
    if block == "components" and len(path) > 2:
        return path[2] in _RUN_TIME_BLOCKS or path[2] == "metadata" or (path[2] == "steps" and "overrides" in path[3:5])
    return block == "steps" and len(path) > 2 and path[2] == "overrides"


def _later(path: Path) -> tuple[str, ...]:
    """What is known later may stand here: metadata of an importer reads its inputs and nothing else, and a sweep only
    what is known when the file is compiled.
    """
    if _is_sweep(path):
        return ("accelerator",)
    return ("inputs",) if path[0] == "components" and path[2:3] == ("metadata",) else _LATER


def _is_sweep(path: Path) -> bool:
    return path[0] == "components" and path[2:3] == ("sweep",)


def _is_block(value: object) -> bool:
    return value is None or isinstance(value, list | dict)


def _entry(value: Plain, segment: str) -> Any:
    """One step of a dotted key. Raises KeyError, IndexError, ValueError or TypeError where there is none."""
    if isinstance(value, list):
        return value[int(segment)]
    if isinstance(value, dict):
        return value[segment]
    raise TypeError("a value of another kind has no entries")


def _like(node: Node, value: Any) -> Node:
    return Node(value, node.source, node.start, node.end, node.keys, node.style)


def _constant(node: Node, value: Plain) -> Node:
    """A plain value in the place of a reference: all of it points at the reference."""
    if isinstance(value, dict):
        entries = {str(key): _constant(node, item) for key, item in value.items()}
        return Node(
            entries, node.source, node.start, node.end, dict.fromkeys(entries, Span(node.source, node.start, node.end))
        )
    if isinstance(value, list):
        return Node([_constant(node, item) for item in value], node.source, node.start, node.end)
    return Node(value, node.source, node.start, node.end)


def _same(one: object, other: object) -> bool:
    return one is other


def _spelt(node: Node, value: Any) -> str:
    """A constant as it stands in a longer text: a number keeps its spelling, so that tag 1.10 stays 1.10."""
    if isinstance(value, int | float) and isinstance(node.value, int | float):
        return node.source.text[node.start : node.end]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(value: Any) -> Any:
    """A constant that will be read for references again, with none in it."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, list):
        return [_escaped(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in cast("dict[str, Any]", value).items()}
    return value
