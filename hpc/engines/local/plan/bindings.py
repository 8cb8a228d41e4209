"""Where the inputs of a task come from: its TaskInputsSpec to bindings, checked against what the task can refer to."""

from __future__ import annotations

from collections.abc import Mapping

from hpc.engines.local.plan import ArtifactBinding, Constant, FinalStatus, ParameterBinding, ParentInput, TaskOutput
from hpc.engines.local.plan.expressions import Expression
from hpc.engines.local.plan.nodes import Node, mapping, mappings, text, value
from hpc.engines.local.plan.scope import Scope
from hpc.engines.values import as_json

WORKSPACE = "{{$.workspace_path}}"
"""A volume that all tasks share; only a cluster has it."""

_NO_SELECTOR = 'a part is taken as in parseJson(string_value)["key"]'


def parameter_bindings(scope: Scope, path: str, inputs: Node) -> dict[str, ParameterBinding]:
    """By name of the task's input; what is refused or broken is left out."""
    found: dict[str, ParameterBinding] = {}
    for name, node in mappings(inputs, "parameters"):
        source = _Reader(scope, path, name).parameter(node)
        if source is not None:
            found[name] = ParameterBinding(source, _selector(scope, f"task {path} takes as {name}", node))
    return found


def artifact_bindings(scope: Scope, path: str, inputs: Node) -> dict[str, ArtifactBinding]:
    found: dict[str, ArtifactBinding] = {}
    for name, node in mappings(inputs, "artifacts"):
        source = _Reader(scope, path, name).artifact(node)
        if source is not None:
            found[name] = source
    return found


def producers(parameters: Mapping[str, ParameterBinding], artifacts: Mapping[str, ArtifactBinding]) -> list[str]:
    """The tasks whose outputs or final status are taken, in the order of the inputs."""
    sources = [*(binding.source for binding in parameters.values()), *artifacts.values()]
    return [source.task for source in sources if isinstance(source, (TaskOutput, FinalStatus))]


def _selector(scope: Scope, what: str, node: Node) -> Expression | None:
    written = text(node, "parameterExpressionSelector")
    return scope.document.expression(f"{what} the part", written, _NO_SELECTOR) if written else None


class _Reader:
    """One input, `name`, of the task at `path`."""

    def __init__(self, scope: Scope, path: str, name: str) -> None:
        self._scope = scope
        self._who = f"task {path}"
        self._name = name

    def parameter(self, node: Node) -> Constant | ParentInput | TaskOutput | FinalStatus | None:
        if "runtimeValue" in node:
            return self._constant(value(mapping(node, "runtimeValue").get("constant"), "constant"))
        if "componentInputParameter" in node:
            return self._parent(text(node, "componentInputParameter"), self._scope.inputs.parameters)
        if "taskOutputParameter" in node:
            return self._output(mapping(node, "taskOutputParameter"), "outputParameterKey")
        if "taskFinalStatus" in node:
            return FinalStatus(text(mapping(node, "taskFinalStatus"), "producerTask"))
        return self._other(node, "")

    def artifact(self, node: Node) -> ArtifactBinding | None:
        if "componentInputArtifact" in node:
            return self._parent(text(node, "componentInputArtifact"), self._scope.inputs.artifacts)
        if "taskOutputArtifact" in node:
            return self._output(mapping(node, "taskOutputArtifact"), "outputArtifactKey")
        return self._other(node, "the artifact ")

    def _constant(self, found: object) -> Constant:
        if WORKSPACE in as_json(found):
            self._scope.document.refuse(f"{self._who} takes a path in the workspace as {self._name}")
        return Constant(found)

    def _parent(self, wanted: str, names: Mapping[str, object]) -> ParentInput:
        if wanted not in names:
            fact = f"{self._who} takes the input {wanted} of {self._scope.owner} as {self._name}"
            self._scope.document.missing(fact, wanted, names)
        return ParentInput(wanted)

    def _output(self, node: Node, key: str) -> TaskOutput:
        source = TaskOutput(text(node, "producerTask"), text(node, key))
        self._scope.check_output(self._who, source, artifact=key == "outputArtifactKey")
        return source

    def _other(self, node: Node, kind: str) -> None:
        source = next((key for key in node if key != "parameterExpressionSelector"), "nothing")
        self._scope.document.refuse(f"{self._who} takes {source} as {kind}{self._name}")
