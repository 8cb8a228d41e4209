"""Compiled IR (PipelineSpec 2.1.0, perhaps with a PlatformSpec) becomes a container or a pipeline that hpc can use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hpc.components.foreign.containers import ForeignContainer
from hpc.components.foreign.elements import compiled_elements, text_element
from hpc.components.foreign.interface import (
    PARAMETER_TYPES,
    Declared,
    Interface,
    Side,
    artifact_type,
    as_value,
    interface,
)
from hpc.components.foreign.node import Node, shown
from hpc.components.foreign.pipelines import ForeignPipeline
from hpc.components.foreign.platform import check_platform
from hpc.components.foreign.soundness import check_components
from hpc.components.foreign.spec import Spec
from hpc.components.types import ANY_LIST, RUN_STATUS, Type

_SCHEMA = "2.1."
_TASK_KEYS = {"taskInfo", "componentRef", "inputs", "cachingOptions"}
_COMPONENT_KEYS = {"executorLabel", "inputDefinitions", "outputDefinitions"}
_CONTAINER_KEYS = {"image", "command", "args", "env", "resources"}
_BUILT_IN = "TASK_CONFIG"
"""An input that the platform fills; nothing can be wired to it."""


def read_compiled(document: Node, platform: Node | None, header: str) -> ForeignContainer | ForeignPipeline:
    """What compiled IR describes; `header` is a description to fall back on. Raises NotAComponent."""
    version = document.text_at("schemaVersion")
    if version and not version.startswith(_SCHEMA):
        fact = f"is `{shown(version)}`, an older form of compiled pipelines"
        raise document.at("schemaVersion").fault(fact, "compile it again with version 2 of the KFP SDK.")
    spec = Spec(document)
    check_components(spec)
    has_platform = platform is not None and check_platform(platform, spec)
    name = document.text_at("pipelineInfo", "displayName") or document.text_at("pipelineInfo", "name")
    texts = (name, document.text_at("pipelineInfo", "description") or header)
    only = None if has_platform else _only_component(spec)
    if only:
        return _container(texts, *only)
    ports = ports_of(spec.root)
    return ForeignPipeline(
        *texts,
        ports.inputs,
        ports.outputs,
        ports.ir_names,
        spec.root.value,
        {key: node.value for key, node in spec.components.items()},
        {key: node.value for key, node in spec.executors.items()},
        platform.value if platform and has_platform else None,
    )


def ports_of(component: Node) -> Interface:
    """The ports of a ComponentSpec. Raises NotAComponent."""
    return interface(list(_declared(component, "inputs")), list(_declared(component, "outputs")))


def _declared(component: Node, side: Side) -> Iterator[Declared]:
    definitions = f"{side.removesuffix('s')}Definitions"
    for name, node in component.entries_at(definitions, "parameters").items():
        if node.text_at("parameterType") != _BUILT_IN:
            yield _parameter(name, node, side)
    for name, node in component.entries_at(definitions, "artifacts").items():
        is_list = _flag(node, "isArtifactList")
        title = node.at("artifactType", "schemaTitle")
        yield Declared(name, name, node, artifact_type(title, is_list), _flag(node, "isOptional"))


def _flag(node: Node, key: str) -> bool:
    found = node.get(key)
    return found is not None and found.flag()


def _parameter(name: str, node: Node, side: Side) -> Declared:
    kind = node.at("parameterType").text()
    port_type = ANY_LIST if kind == "LIST" else PARAMETER_TYPES.get(kind)
    if port_type is None or (port_type == RUN_STATUS and side == "outputs"):
        fact = f"is `{shown(kind)}`, which is no type of {'an input' if side == 'inputs' else 'an output'}"
        raise node.at("parameterType").fault(fact)
    default = node.get("defaultValue")
    choices = tuple(_choices(node, port_type)) if side == "inputs" else ()
    value = None if default is None or port_type == RUN_STATUS else as_value(port_type, default.value)
    return Declared(name, name, node, port_type, _flag(node, "isOptional"), value, choices)


def _choices(node: Node, port_type: Type) -> Iterator[Any]:
    """The literals, which only texts and numbers can have in hpc; elsewhere they are left to the platform."""
    if port_type.is_list or port_type.base not in ("string", "int", "float"):
        return
    for literal in node.items_at("literals"):
        value = as_value(port_type, literal.value)
        if not port_type.holds(value):
            raise literal.fault(f"is not of the type {port_type}")
        yield value


def _only_component(spec: Spec) -> tuple[Node, Node] | None:
    """The component and container that the pipeline is nothing but a wrapping of, if that is so.

    The KFP SDK compiles a component in this form. Anything that a container could not keep makes it a pipeline.
    """
    tasks = spec.root.at("dag", "tasks").entries()
    name, task = next(iter(tasks.items()))
    component = spec.component_of(task)
    if len(tasks) > 1 or not _is_plain_task(task) or not _holds(component, _COMPONENT_KEYS):
        return None
    if _BUILT_IN in (port.text_at("parameterType") for port in spec.ports(component, "inputs", "parameters").values()):
        return None
    executor = spec.executors[component.text_at("executorLabel")]
    container = executor.get("container")
    if container is None or not _holds(executor, {"container"}) or not _holds(container, _CONTAINER_KEYS):
        return None
    return (component, container) if _is_handed_through(spec, name, task, component) else None


def _holds(node: Node, keys: set[str]) -> bool:
    return all(key in keys or entry.value in (None, {}, []) for key, entry in node.entries().items())


def _is_plain_task(task: Node) -> bool:
    caching = task.get("cachingOptions")
    return _holds(task, _TASK_KEYS) and (caching is None or caching.value == {"enableCache": True})


def _is_handed_through(spec: Spec, name: str, task: Node, component: Node) -> bool:
    """Whether the ports of the pipeline are those of the component, and wired one to one."""
    for side in ("inputs", "outputs"):
        for kind in ("parameters", "artifacts"):
            if _without_texts(spec.ports(spec.root, side, kind)) != _without_texts(spec.ports(component, side, kind)):
                return False
    return _wired(task, "inputs") == _straight_inputs(spec, component) and _wired(
        spec.root.at("dag"), "outputs"
    ) == _straight_outputs(spec, name, component)


def _without_texts(ports: Mapping[str, Node]) -> dict[str, Any]:
    return {
        name: {key: value for key, value in port.value.items() if key != "description"} for name, port in ports.items()
    }


def _wired(node: Node, side: str) -> dict[tuple[str, str], Any]:
    return {
        (kind, name): binding.value
        for kind in ("parameters", "artifacts")
        for name, binding in node.entries_at(side, kind).items()
    }


def _straight_inputs(spec: Spec, component: Node) -> dict[tuple[str, str], Any]:
    return {
        **{
            ("parameters", name): {"componentInputParameter": name}
            for name in spec.ports(component, "inputs", "parameters")
        },
        **{
            ("artifacts", name): {"componentInputArtifact": name}
            for name in spec.ports(component, "inputs", "artifacts")
        },
    }


def _straight_outputs(spec: Spec, task: str, component: Node) -> dict[tuple[str, str], Any]:
    parameters = {
        ("parameters", name): {"valueFromParameter": {"producerSubtask": task, "outputParameterKey": name}}
        for name in spec.ports(component, "outputs", "parameters")
    }
    artifacts = {
        ("artifacts", name): {"artifactSelectors": [{"producerSubtask": task, "outputArtifactKey": name}]}
        for name in spec.ports(component, "outputs", "artifacts")
    }
    return {**parameters, **artifacts}


def _container(texts: tuple[str, str], component: Node, container: Node) -> ForeignContainer:
    ports = ports_of(component)
    resources = container.get("resources")
    return ForeignContainer(
        *texts,
        ports.inputs,
        ports.outputs,
        ports.ir_names,
        image=text_element(container.at("image"), ports).text,
        env={entry.at("name").text(): _value(entry, ports) for entry in container.items_at("env")},
        resources=resources.value if resources else None,
        command_elements=compiled_elements(container.items_at("command"), ports),
        args_elements=compiled_elements(container.items_at("args"), ports),
    )


def _value(variable: Node, ports: Interface) -> str:
    """The value of an environment variable; proto3 leaves an empty one out."""
    value = variable.get("value")
    return text_element(value, ports).text if value else ""
