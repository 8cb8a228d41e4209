"""One document out of several: short forms written out, then the file < profiles < `--set`, then `uses` of siblings.

Documents enter and leave; a merged document points at the source that each value came from. One rule for all: mappings
merge, lists and scalars replace, null deletes (language, section 5.14).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hpc.components.types import did_you_mean
from hpc.diagnostics import Diagnostic, Place, Rejected, Rule, Span, located
from hpc.spec.document import Document, Node, read_value

UNKNOWN_USES = Rule(
    "HPC206",
    "`uses` names nothing",
    "`uses` of a component names a sibling, a file (`./…`), a library entry (`std/…`) or an operation of Google Cloud "
    "(`google/…`); `uses` of a step names a component.",
    "Correct the name.",
)
USES_CIRCLE = Rule(
    "HPC208",
    "components use each other in a circle",
    "A component takes over what another one says; a circle says nothing.",
    "Let one of them say what it runs.",
)
KEEPS_INTERFACE = Rule(
    "HPC106",
    "keys that exclude each other",
    "Two keys that say different things about the same matter; hpc would have to guess which one is meant.",
    "Keep one.",
)
UNKNOWN_PROFILE = Rule(
    "HPC801",
    "no such profile",
    "`--profile` names an entry of `profiles` of the file.",
    "Correct the name, or add the profile.",
)
CHANGES_GRAPH = Rule(
    "HPC802",
    "a profile changes the graph",
    "Profiles change values, never the graph, so that what is reviewed and tried in dev is what runs in prod.",
    "Put a condition on an edge that reads an input, and set that input in the profile.",
)
UNKNOWN_IN_PROFILE = Rule(
    "HPC803",
    "a profile names what the file lacks",
    "A name that only a profile knows is nearly always a slip.",
    "Correct the name, or declare it in the file.",
)
BAD_SET = Rule(
    "HPC805",
    "`--set` is not understood",
    "`--set` takes a path of keys, `=` and a YAML value.",
    "Write e.g. `--set vars.tag=2.0`.",
)
RULES = (UNKNOWN_USES, USES_CIRCLE, KEEPS_INTERFACE, UNKNOWN_PROFILE, CHANGES_GRAPH, UNKNOWN_IN_PROFILE, BAD_SET)

_PORTS = {"inputs": {"*": "type"}, "outputs": {"*": "type"}}
_RUNS = {"retry": "max"}
_STEPS = {"steps": {"*": _RUNS}}
_SHORT_FORMS: dict[str, Any] = {
    **_PORTS,
    **_STEPS,
    "images": {"*": "uri"},
    "components": {"*": {**_PORTS, **_STEPS, **_RUNS}},
    "defaults": _RUNS,
}
"""Where a scalar may stand for a mapping, and the key that it stands for. A block with `_RUNS` may be empty."""

_ONLY_IN_FILE = ("components", "steps", "inputs", "images", "accelerators", "vars", "secrets")
_EXTERNAL = ("./", "../", "std/", "google/")


def mapping(node: Node | None) -> dict[str, Node]:
    """The entries of a mapping node; empty for anything else, whose shape `load` will refuse."""
    return node.value if node is not None and isinstance(node.value, dict) else {}


def with_short_forms(node: Node, forms: Any = _SHORT_FORMS, *, is_file: bool = False) -> Node:
    """The node with `lr: float` written out as `lr: {type: float}`, and so on.

    In the file itself a step without anything is an empty entry; in what is laid on it null deletes.
    """
    if isinstance(forms, str):
        return _written_out(node, forms)
    if node.value is None and is_file and forms is _RUNS:
        return _with_entries(node, {}, {})
    entries = mapping(node)
    changed = {
        key: with_short_forms(value, forms[key] if key in forms else forms["*"], is_file=is_file)
        for key, value in entries.items()
        if key in forms or "*" in forms
    }
    return _with_entries(node, {**entries, **changed}, node.keys or {}) if changed else node


def _written_out(node: Node, key: str) -> Node:
    if node.value is None or isinstance(node.value, dict | list):
        return node
    return _with_entries(node, {key: node}, {key: node.span})


def _with_entries(node: Node, entries: dict[str, Node], keys: dict[str, Span]) -> Node:
    return Node(entries, node.source, node.start, node.end, keys)


def merged(base: Node, over: Node, *, keep_null: bool = False) -> Node:
    """`over` laid on `base`. Where `keep_null`, a null that deletes nothing stays: it is a value in `overrides`,
    however deep.
    """
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    entries, keys = dict(base.value), dict(base.keys or {})
    over_keys = over.keys or {}
    for key, value in over.value.items():
        if value.value is None and (key in entries or not keep_null):
            entries.pop(key, None)
        else:
            old = entries.get(key)
            below = keep_null or key == "overrides"
            entries[key] = merged(old, value, keep_null=below) if old is not None else value
            keys[key] = over_keys[key]
    return _with_entries(base, entries, keys)


def with_profiles(document: Document, names: Sequence[str], settings: Sequence[str]) -> Document:
    """The document with profiles and `--set path=value` laid on it, in this order."""
    root = with_short_forms(document.root, is_file=True)
    found: list[Diagnostic] = []
    layers = [*_profile_layers(document, names), *(_setting_layer(text) for text in settings)]
    for title, written in layers:
        layer = with_short_forms(written)
        found += _objections(root, layer, title)
        root = merged(root, layer)
    if found:
        raise Rejected(found)
    return Document(root)


def _profile_layers(document: Document, names: Sequence[str]) -> Iterator[tuple[str, Node]]:
    """The profiles of these names. What is not a mapping is left to `load`, which refuses it, chosen or not."""
    block = mapping(document.root).get("profiles")
    if block is not None and not isinstance(block.value, dict):
        return
    profiles = mapping(block)
    for name in names:
        if name not in profiles:
            fact = f"there is no profile `{name}` in this file."
            where = Span.of_file(document.root.source.name)
            raise Rejected([Diagnostic(UNKNOWN_PROFILE, where, fact, did_you_mean(name, profiles))])
        if isinstance(profiles[name].value, dict):
            yield f"profile `{name}`", profiles[name]


_SEGMENT = re.compile(r"""\.?([A-Za-z_~+][\w@/+~-]*)|\["([^"\n]*)"\]|\['([^'\n]*)'\]""")


def _setting_layer(text: str) -> tuple[str, Node]:
    """`--set a.b["c.d"]=value` as a mapping a: {b: {c.d: value}}."""
    keys: list[str] = []
    at = 0
    while match := _SEGMENT.match(text, at):
        keys.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    if not keys or text[at : at + 1] != "=":
        fact = f"`--set {text}` is not `path=value`."
        fix = "write e.g. `--set vars.tag=2.0`, or `--set 'components.train.overrides[\"a.b\"]=3'`."
        raise Rejected([Diagnostic(BAD_SET, Span.of_word("--set"), fact, fix)])
    node = read_value(text[at + 1 :], f"--set {text[:at]}")
    if "#" in node.source.text[node.end :]:
        fact = f"`--set {text}`: what follows `#` is a comment to YAML and would be lost."
        fix = f"quote the value: `--set '{text[:at]}=\"…\"'`."
        raise Rejected([Diagnostic(BAD_SET, Span.of_word("--set"), fact, fix)])
    for key in reversed(keys):
        node = Node({key: node}, node.source, node.start, node.end, {key: node.span})
    return f"`--set {text[:at]}`", node


def _objections(root: Node, layer: Node, title: str) -> Iterator[Diagnostic]:
    """What a profile or a setting must not do: change the graph, or name what is not there."""
    yield from _wrong_blocks(root, layer, title)
    yield from _changed_interfaces(layer, title)
    for name, port in mapping(mapping(layer).get("inputs")).items():
        if "type" in mapping(port):
            yield _changes_graph(port, "type", f"{title} changes the type of input `{name}`")
    yield from _deleted(layer, title)


def _deleted(layer: Node, title: str) -> Iterator[Diagnostic]:
    """Null in the place of a component, step or input, or of all of them."""
    for block in ("components", "steps", "inputs"):
        entries = mapping(layer).get(block)
        if entries is not None and entries.value is None:
            yield _changes_graph(layer, block, f"{title} deletes `{block}`")
        for name, entry in mapping(entries).items():
            if entries is not None and entry.value is None:
                yield _changes_graph(entries, name, f"{title} deletes {block.removesuffix('s')} `{name}`")


def _wrong_blocks(root: Node, layer: Node, title: str) -> Iterator[Diagnostic]:
    for key, value in mapping(layer).items():
        if key in ("edges", "hpc", "profiles"):
            yield _changes_graph(layer, key, f"{title} changes `{key}`")
        if key == "outputs":
            yield _changes_graph(layer, key, f"{title} changes the ports of the pipeline")
        if key in _ONLY_IN_FILE:
            yield from _unknown_names(mapping(root).get(key), value, key, title)


def _changed_interfaces(layer: Node, title: str) -> Iterator[Diagnostic]:
    """Ports and wiring of components and steps, which only the file itself says."""
    for block in ("components", "steps"):
        for name, entry in mapping(mapping(layer).get(block)).items():
            for key in mapping(entry).keys() & {"edges", "inputs", "outputs", "for_each", "steps"}:
                if key == "inputs" and not _touches_type(mapping(entry)[key]):
                    continue
                yield _changes_graph(entry, key, f"{title} changes `{key}` of `{name}`")


def _touches_type(inputs: Node) -> bool:
    """Whether a port gets another type, or is deleted."""
    return inputs.value is None or any(
        port.value is None or "type" in mapping(port) for port in mapping(inputs).values()
    )


def _changes_graph(node: Node, key: str, fact: str) -> Diagnostic:
    keys = node.keys or {}
    reason = "profiles change values, never the graph, so that dev and prod run the same pipeline."
    fix = "put a `when` on the edge that reads an input, and set that input in the profile."
    return Diagnostic(CHANGES_GRAPH, keys[key], f"{fact}: {reason}", fix)


def _unknown_names(known: Node | None, layer: Node, block: str, title: str) -> Iterator[Diagnostic]:
    names = mapping(known)
    for name in mapping(layer):
        if name not in names:
            fact = f"{title} names `{name}`, which `{block}` of the file does not have."
            yield Diagnostic(UNKNOWN_IN_PROFILE, (layer.keys or {})[name], fact, did_you_mean(name, names))


def with_siblings(document: Document) -> Document:
    """The document with every component that `uses` a sibling written out: the sibling, and what differs."""
    root = document.root
    block = mapping(root).get("components")
    components = mapping(block)
    if block is None or not any("uses" in mapping(component) for component in components.values()):
        return document
    resolver = _Siblings(components)
    resolved = {name: resolver.resolve(name) for name in components}
    if resolver.found:
        raise Rejected(located(resolver.found, document))
    whole = _with_entries(block, resolved, block.keys or {})
    return Document(_with_entries(root, {**mapping(root), "components": whole}, root.keys or {}))


class _Siblings:
    """Resolves `uses` between the components of one file, each once."""

    def __init__(self, components: dict[str, Node]) -> None:
        self.components = components
        self.done: dict[str, Node] = {}
        self.found: list[Diagnostic] = []

    def resolve(self, name: str, chain: tuple[str, ...] = ()) -> Node:
        if name not in self.done:
            self.done[name] = self._resolved(name, (*chain, name))
        return self.done[name]

    def _resolved(self, name: str, chain: tuple[str, ...]) -> Node:
        own = self.components[name]
        uses = mapping(own).get("uses")
        if uses is None or not isinstance(uses.value, str) or uses.value.startswith(_EXTERNAL):
            return own
        base = uses.value
        if not self._is_usable(name, base, chain) or self._changes_interface(name, base):
            return own
        entries = {key: value for key, value in mapping(own).items() if key != "uses"}
        return merged(self.resolve(base, chain), _with_entries(own, entries, own.keys or {}))

    def _is_usable(self, name: str, base: str, chain: tuple[str, ...]) -> bool:
        place = Place(("components", name, "uses"))
        if base not in self.components:
            options = [other for other in self.components if other != name]
            fact = f"`{base}` is not a component of this file."
            fix = f"{did_you_mean(base, options)} Files start with `./`, library entries with `std/`."
            if base.startswith("/"):
                fact, fix = f"`{base}` is an absolute path.", "write a path that starts at this file, with `./`."
            elif "/" in base or "#" in base or base.endswith((".yaml", ".yml", ".json")):
                fix = f"write `./{base}` if it is a file."
            self.found.append(Diagnostic(UNKNOWN_USES, place, fact, fix))
            return False
        if base in chain:
            circle = " -> ".join([*chain[chain.index(base) :], base])
            fact = f"the components use each other in a circle: {circle}."
            self.found.append(Diagnostic(USES_CIRCLE, place, fact, "let one of them say what it runs."))
            return False
        return True

    def _changes_interface(self, name: str, base: str) -> bool:
        own = mapping(self.components[name])
        kept = [key for key in ("inputs", "outputs", "import", "edges") if key in own]
        for key in kept:
            fact = f"`uses` keeps the interface of `{base}`, so `{key}` cannot change."
            place = Place(("components", name, key), on="key")
            self.found.append(Diagnostic(KEEPS_INTERFACE, place, fact, "declare a separate component."))
        return bool(kept)
