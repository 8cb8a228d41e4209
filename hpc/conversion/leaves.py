"""What single tasks run: containers and importers of the IR as components of the language, with explicit arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from hpc.components.foreign.elements import compiled_elements, expand
from hpc.components.foreign.interface import (
    PARAMETER_TYPES,
    Declared,
    Interface,
    Side,
    artifact_type,
    interface,
    snake_case,
)
from hpc.components.foreign.node import Node, NotAComponent
from hpc.components.importer import ARTIFACT, URI
from hpc.components.types import ANY_LIST
from hpc.conversion.lists import calm
from hpc.conversion.names import Names
from hpc.conversion.notes import Notes, Where
from hpc.conversion.ports import KINDS, Kind, Port, artifact_port, parameter_port, type_of_artifact
from hpc.conversion.programs import bare
from hpc.conversion.words import Mention, Unsayable, literal_text, reads_executor_input, word

Json = Mapping[str, Any]


@dataclass(eq=False)
class Leaf:
    """A container or importer as one task uses it.

    `inputs` and `outputs` are ports by kind and name in the IR; `body` is what the component says besides its ports.
    `executor` is the label of what runs it.
    """

    key: str
    executor: str
    inputs: dict[tuple[Kind, str], Port] = field(default_factory=dict[tuple[Kind, str], Port])
    outputs: dict[tuple[Kind, str], Port] = field(default_factory=dict[tuple[Kind, str], Port])
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    image: str | None = None
    kept: str | None = None
    """The name of the component that a file of its own keeps as it is."""


@dataclass(frozen=True)
class Spec:
    """A component of the IR together with its executor."""

    key: str
    component: Json
    executor: Json

    @property
    def where(self) -> Where:
        return ("components", self.key)

    @property
    def label(self) -> str:
        return self.component["executorLabel"]

    @property
    def executor_where(self) -> Where:
        return ("deploymentSpec", "executors", self.label)


# ---------------------------------------------------------------- containers


def container(spec: Spec, constants: Mapping[str, Any], bound: frozenset[str], notes: Notes) -> Leaf:
    """A container as it runs in a task that binds the inputs `bound`, of which `constants` are known.

    A constant that holds placeholders becomes part of the arguments: the language makes text of values only there.
    """
    leaf = Leaf(spec.key, spec.label)
    texts = {name: value for name, value in constants.items() if isinstance(value, str) and "{{" in value}
    _ports(leaf, spec, texts, notes)
    content = spec.executor["container"]
    if "{{" in content["image"]:
        notes.lose((*spec.executor_where, "container", "image"), "is known only when the pipeline runs.")
    leaf.image = content["image"]
    for key in sorted(content.keys() - {"image", "command", "args", "env", "resources"}):
        notes.lose((*spec.executor_where, "container", key), "is no part of a container that the language knows.")
    if _needs_its_names(leaf, content):
        leaf.kept, leaf.image = spec.key.removeprefix("comp-"), None
        return leaf
    _say_reported(leaf, spec, notes)
    _say_renamed(leaf, notes)
    written = _Words(leaf, spec, texts, notes)
    leaf.body = {"cli": "none"}
    for key in ("command", "args"):
        found = written.words(key, bound)
        if found:
            leaf.body[key] = found
    return leaf


def _needs_its_names(leaf: Leaf, content: Json) -> bool:
    """Whether the program gets all ports by their names in the IR, and some of them are called otherwise here."""
    takes_all = any(reads_executor_input(text) for text in (*content.get("command", []), *content.get("args", [])))
    ports = (*leaf.inputs.values(), *leaf.outputs.values())
    return takes_all and any(port.name != port.ir for port in ports)


def _say_reported(leaf: Leaf, spec: Spec, notes: Notes) -> None:
    """hpc shows what a program writes at the path of its metrics, which needs a program in front of its own."""
    command = spec.executor["container"].get("command", [])
    kinds = {str(port.type) for port in leaf.outputs.values()}
    if command and bare(command).command == list(command) and kinds & {"Metrics", "ClassificationMetrics"}:
        fact = "makes metrics: on vertex and kfp, hpc puts a program in front of the command that shows them."
        notes.say(spec.where, fact)


def _ports(leaf: Leaf, spec: Spec, texts: Mapping[str, str], notes: Notes) -> None:
    try:
        names = _interface(spec, frozenset(texts))
    except NotAComponent as error:
        notes.lose(spec.where, error.fact)
        return
    for side, ports, by_name in (
        ("inputs", leaf.inputs, names.inputs_by_name),
        ("outputs", leaf.outputs, names.outputs_by_name),
    ):
        definitions = spec.component.get(f"{side.removesuffix('s')}Definitions", {})
        for kind in KINDS:
            for ir, one in definitions.get(kind, {}).items():
                if ir not in by_name:
                    continue
                where = (*spec.where, f"{side.removesuffix('s')}Definitions", kind, ir)
                make = parameter_port if kind == "parameters" else artifact_port
                port = make(by_name[ir], ir, one, where, notes)
                if port is not None:
                    ports[kind, ir] = port


def _say_renamed(leaf: Leaf, notes: Notes) -> None:
    for port in (*leaf.inputs.values(), *leaf.outputs.values()):
        if port.name != port.ir and not port.is_open:
            notes.say(port.where, f"is called `{port.name}`.")


def _interface(spec: Spec, without: frozenset[str]) -> Interface:
    """The names of the ports, as every file of KFP that hpc reads gets them."""

    def declared(side: Side) -> list[Declared]:
        node = Node(spec.component, spec.where)
        definitions = f"{side.removesuffix('s')}Definitions"
        parameters = node.entries_at(definitions, "parameters")
        kinds = {name: one.text_at("parameterType") for name, one in parameters.items()}
        found = [
            Declared(name, name, parameters[name], PARAMETER_TYPES.get(kind, ANY_LIST))
            for name, kind in kinds.items()
            if not (side == "inputs" and name in without)
        ]
        artifacts = node.entries_at(definitions, "artifacts").items()
        return [*found, *(Declared(name, name, one, _artifact(one)) for name, one in artifacts)]

    def _artifact(node: Node) -> Any:
        return artifact_type(node.at("artifactType", "schemaTitle"))

    return interface(declared("inputs"), declared("outputs"))


class _Words:
    """The command and the arguments of a container."""

    def __init__(self, leaf: Leaf, spec: Spec, texts: Mapping[str, str], notes: Notes) -> None:
        self.leaf, self.spec, self.texts, self.notes = leaf, spec, texts, notes

    def words(self, key: str, bound: frozenset[str]) -> list[str]:
        where = (*self.spec.executor_where, "container", key)
        given = self.spec.executor["container"].get(key, [])
        nodes = Node(bare(given).command if key == "command" else given, where).items()
        try:
            names = _interface(self.spec, frozenset())
            ports = frozenset(names.inputs_by_name[name] for name in bound if name in names.inputs_by_name)
            texts = list(expand(compiled_elements(nodes, names), ports))
        except NotAComponent as error:
            self.notes.lose(where, error.fact)
            return []
        return [self._word(text, (*where, index)) for index, text in enumerate(texts)]

    def _word(self, text: str, where: Where) -> str:
        try:
            return word(text, self._written)
        except Unsayable as error:
            self.notes.lose(where, f"{error}.")
            return text.replace("{{$", "{ {$")

    def _written(self, mention: Mention) -> str:
        if (mention.side, mention.kind) == ("inputs", "parameters") and mention.name in self.texts:
            return word(self.texts[mention.name], self._written)
        kind: Kind = "parameters" if mention.kind == "parameters" else "artifacts"
        ports = self.leaf.inputs if mention.side == "inputs" else self.leaf.outputs
        port = ports.get((kind, mention.name))
        if port is None:
            return self._new_port(mention)
        field = mention.field
        if (field == ".all") != (port.type.is_list and port.type.is_artifact):
            raise Unsayable("names a list of artifacts where one is meant, or one where a list is")
        return f"${{{{ {mention.side}.{port.name}{'' if field == '.all' else field} }}}}"

    def _new_port(self, mention: Mention) -> str:
        """A value that only a text of the task mentions becomes an input of its own."""
        if mention.side != "inputs" or mention.kind != "parameters":
            raise Unsayable(f"names `{mention.name}`, which the component does not declare")
        taken = {port.name for port in self.leaf.inputs.values()}
        name = channel_name(mention.name)
        while name in taken:
            name += "_text"
        port = parameter_port(name, mention.name, {"parameterType": "STRING"}, self.spec.where, self.notes)
        assert port is not None, "STRING is a type"
        port.is_open = True
        self.leaf.inputs["parameters", mention.name] = port
        return f"${{{{ inputs.{name} }}}}"


def channel_name(ir: str) -> str:
    """What the SDK passes through groups under a long name: `pipelinechannel--train-score` is `train_score`."""
    return snake_case(ir.removeprefix("pipelinechannel--").removesuffix("-loop-item")) or "value"


# ---------------------------------------------------------------- artifacts that lie somewhere already


def importer(spec: Spec, inputs: Callable[[str], Any], notes: Notes) -> Leaf:
    """An importer; `inputs` tells the constant that a task binds to an input, else None."""
    leaf = Leaf(spec.key, spec.label)
    content = spec.executor["importer"]
    where = (*spec.executor_where, "importer")
    for key in sorted(content.keys() - {"artifactUri", "typeSchema", "reimport", "metadata"}):
        notes.lose((*where, key), "is no part of an importer that the language knows.")
    kind = type_of_artifact({"artifactType": content.get("typeSchema", {})}, where, notes)
    leaf.body["import"] = str(kind or "Artifact")
    _uri(leaf, content.get("artifactUri", {}), inputs, notes)
    metadata = _Metadata(leaf, spec, notes).said(dict(content.get("metadata", {})), (*where, "metadata"))
    if metadata:
        leaf.body["metadata"] = metadata
    if content.get("reimport"):
        leaf.body["reimport"] = True
    for name, one in spec.component.get("outputDefinitions", {}).get("artifacts", {}).items():
        port = artifact_port(ARTIFACT, name, one, spec.where, notes)
        if port is not None:
            leaf.outputs["artifacts", name] = port
    return leaf


def _uri(leaf: Leaf, uri: Json, inputs: Callable[[str], Any], notes: Notes) -> None:
    name = uri.get("runtimeParameter")
    constant = inputs(name) if name else uri.get("constant", "")
    if constant is not None:
        leaf.body["uri"] = literal_text(str(constant))
        if "{{" in str(constant):
            notes.lose(("components", leaf.key), "imports from a text that is put together when the pipeline runs.")
    elif name:
        port = parameter_port(URI, name, {"parameterType": "STRING"}, ("components", leaf.key), notes)
        assert port is not None, "STRING is a type"
        leaf.inputs["parameters", name] = port


class _Metadata:
    """The metadata of an importer, in which inputs may be mentioned."""

    def __init__(self, leaf: Leaf, spec: Spec, notes: Notes) -> None:
        self.leaf, self.spec, self.notes = leaf, spec, notes
        self.declared: Json = spec.component.get("inputDefinitions", {}).get("parameters", {})
        self.names = Names([URI])
        self.key = ""

    def said(self, value: Any, where: Where) -> Any:
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {key: self._entry(key, item, where) for key, item in items}
        if isinstance(value, list):
            return [self.said(item, where) for item in cast("list[Any]", value)]
        try:
            return word(value, self._written) if isinstance(value, str) else calm(value)
        except Unsayable as error:
            self.notes.lose(where, f"{error}.")
            return ""

    def _entry(self, key: str, value: Any, where: Where) -> Any:
        self.key = key
        return self.said(value, (*where, key))

    def _written(self, mention: Mention) -> str:
        """An input under the name of the entry that it fills."""
        at: tuple[Kind, str] = ("parameters", mention.name)
        if mention.name not in self.declared:
            raise Unsayable(f"names `{mention.name}`, which the importer does not declare")
        if at not in self.leaf.inputs:
            name = self.names.new(channel_name(self.key))
            port = parameter_port(name, mention.name, self.declared[mention.name], self.spec.where, self.notes)
            if port is None:
                raise Unsayable(f"names `{mention.name}`, whose type the language does not have")
            self.leaf.inputs[at] = port
        return f"${{{{ inputs.{self.leaf.inputs[at].name} }}}}"
