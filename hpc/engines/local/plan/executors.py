"""What a component runs: an ExecutorSpec of the deployment to a Container or an Importer."""

from __future__ import annotations

from collections.abc import Callable

from hpc.engines.local.plan import Constant, Container, Importer, Interface, ParentInput, Resources, Settings
from hpc.engines.local.plan.bindings import WORKSPACE
from hpc.engines.local.plan.document import Document
from hpc.engines.local.plan.nodes import (
    Node,
    WrongKindError,
    as_mapping,
    flag,
    mapping,
    nodes,
    number,
    text,
    texts,
    value,
)
from hpc.engines.local.plan.ports import schema
from hpc.engines.values import as_text

_UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "K"), (1, ""))


def executor(document: Document, path: str, component: Node, inputs: Interface) -> Container | Importer | None:
    """What stands behind the component of the task at `path`; None where that has been found wanting."""
    label = text(component, "executorLabel")
    if label not in document.executors:
        return document.missing(f"task {path} uses the executor {label!r}", label, document.executors)
    node = as_mapping(document.executors[label], f"the executor {label}")
    if "container" in node:
        container = _container(label, mapping(node, "container"), document.settings.get(label, Settings()))
        if any(WORKSPACE in word for word in container.command + container.args):
            document.refuse(f"the command of task {path} names the workspace")
        return container
    if "importer" not in node:
        return document.refuse(f"task {path} is not a container but {next(iter(node), 'nothing')}")
    importer = _importer(mapping(node, "importer"))
    if isinstance(importer.uri, ParentInput) and importer.uri.name not in inputs.parameters:
        name = importer.uri.name
        return document.missing(f"task {path} imports the address in its input {name!r}", name, inputs.parameters)
    return importer


def _container(label: str, node: Node, settings: Settings) -> Container:
    return Container(
        command=texts(node, "command"),
        args=texts(node, "args"),
        environ={text(entry, "name"): text(entry, "value") for entry in nodes(node, "env")},
        image=text(node, "image"),
        resources=_resources(mapping(node, "resources")),
        settings=settings,
        label=label,
    )


def _resources(node: Node) -> Resources:
    """The texts where there are any, as the backend has it, otherwise the numbers that older compilers wrote."""
    accelerator = mapping(node, "accelerator")
    gpus = text(accelerator, "resourceCount") or _written(accelerator, "count", as_text)
    return Resources(
        cpu=text(node, "resourceCpuLimit") or _written(node, "cpuLimit", as_text),
        memory=text(node, "resourceMemoryLimit") or _written(node, "memoryLimit", _gigabytes),
        gpus="" if gpus == "0" else gpus,
    )


def _written(node: Node, key: str, form: Callable[[float], str]) -> str:
    amount = number(node, key)
    return form(amount) if amount else ""


def _gigabytes(amount: float) -> str:
    """GB of 10^9 bytes in the largest unit that needs no fraction."""
    size = round(amount * 10**9)
    unit, letter = next((unit, letter) for unit, letter in _UNITS if size % unit == 0)
    return f"{size // unit}{letter}"


def _importer(node: Node) -> Importer:
    title, version = schema(mapping(node, "typeSchema"))
    metadata = mapping(node, "metadata")
    value(metadata, "metadata")
    return Importer(_uri(mapping(node, "artifactUri")), title, version, metadata, flag(node, "reimport"))


def _uri(node: Node) -> Constant | ParentInput:
    if "runtimeParameter" in node:
        return ParentInput(text(node, "runtimeParameter"))
    if not text(node, "constant"):
        raise WrongKindError("its importer has no address")
    return Constant(text(node, "constant"))
