"""One use of a container component: which inputs have values there, and what its texts stand for.

A component, its overrides and the bound inputs enter; placeholders with the way they are written leave.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpc.components import placeholders
from hpc.components.container import ArgumentGroup, ContainerComponent
from hpc.components.hydra import Kind, bare_is_exact
from hpc.components.ports import InputPort, OutputPort
from hpc.components.references import Reference, mentions_reference, parts_of
from hpc.components.types import Plain

_KINDS: dict[str, Kind] = {
    "STRING": "STRING",
    "NUMBER_INTEGER": "INTEGER",
    "NUMBER_DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "LIST": "LIST",
    "STRUCT": "STRUCT",
    "TASK_FINAL_STATUS": "STRUCT",
}


@dataclass(frozen=True)
class Use:
    """`gathered` tells how many sources make a list input; `machine` holds machine, gpu, count and nodes.

    `tuned`: a tuning service starts the component and appends `--name=value` for each input that it searches.
    """

    component: ContainerComponent
    overrides: Mapping[str, Any]
    bound: frozenset[str]
    gathered: Mapping[str, int] = field(default_factory=dict[str, int])
    machine: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tuned: bool = False

    def is_absent(self, reference: Reference) -> bool:
        """Whether the reference names an optional input that has no value in this use."""
        return reference.namespace == "inputs" and reference.name not in self.bound


@dataclass(frozen=True)
class Pasted:
    """A value that is known only when the task starts. `raw`: only the bootstrap can write it for Hydra."""

    kind: Kind
    placeholder: str
    raw: bool = False


def is_raw(port: InputPort) -> bool:
    """Whether a value of the port can be any text, list or dict: then Hydra needs the bootstrap to read it exactly."""
    if port.type.is_artifact:
        return False
    if port.type.is_list or port.type.parameter in ("STRUCT", "TASK_FINAL_STATUS"):
        return True
    if port.type.base != "string":
        return False
    return not port.choices or not all(bare_is_exact(choice) for choice in port.choices)


def needs_bootstrap(component: ContainerComponent) -> bool:
    """The declaration decides, never the use: language, section 2, *Hydra values*."""
    return component.is_hydra and component.quoting == "exact" and any(map(is_raw, component.inputs.values()))


def takes_flags(use: Use) -> bool:
    """Whether Hydra gets what a tuning service appends to the arguments: only the large bootstrap can hand it over."""
    return use.tuned and use.component.is_hydra and use.component.quoting == "exact"


def needs_small_bootstrap(component: ContainerComponent) -> bool:
    """Whether all raw inputs are single texts."""
    return all(port.is_free_text or port.choices for port in component.inputs.values() if is_raw(port))


def input_value(name: str, port: InputPort, field_: str = "") -> Pasted:
    """An input as it is pasted. `field_` is `uri` or `metadata.key` of an artifact."""
    if port.type.is_artifact and port.type.is_list:
        return Pasted("LIST", placeholders.artifact_list(name))
    if port.type.is_artifact:
        wanted = field_ or ("uri" if port.pass_ == "uri" else "path")
        return Pasted("PATH", placeholders.input_artifact(name, _artifact_field(wanted)))
    return Pasted(_KINDS[port.type.parameter], placeholders.parameter(name), is_raw(port))


def output_value(name: str, port: OutputPort, field_: str = "") -> Pasted:
    """An output as it is pasted: the path of the artifact, or of the file that the value is written to."""
    if not port.type.is_artifact:
        return Pasted("PATH", placeholders.output_file(name))
    wanted = field_ or ("uri" if port.pass_ == "uri" else "path")
    return Pasted("PATH", placeholders.output_artifact(name, _artifact_field(wanted)))


def _artifact_field(wanted: str) -> str:
    return f"metadata['{wanted.partition('.')[2]}']" if wanted.startswith("metadata.") else wanted


def elements(use: Use, name: str) -> list[Pasted]:
    """The elements of a gathered list: inputs of their own, one for each source."""
    port = use.component.inputs[name]
    single = port.model_copy(update={"type": port.type.element})
    inputs = use.component.inputs
    return [input_value(element_name(inputs, name, index), single) for index in range(use.gathered[name])]


def json_list(use: Use, name: str) -> str:
    """A gathered list as JSON whose elements are pasted; texts only where the checks know them to be safe."""
    port_type = use.component.inputs[name].type
    quote = '"' if port_type.is_artifact or port_type.base == "string" else ""
    return f"[{','.join(f'{quote}{value.placeholder}{quote}' for value in elements(use, name))}]"


def element_name(inputs: Container[str], name: str, index: int) -> str:
    """The input that one element of a gathered list becomes: `xs_0`, unless another input is called so."""
    plain = f"{name}_{index}"
    return plain if plain not in inputs else f"{name}__{index}"


def resolved(use: Use, reference: Reference) -> Pasted | Any:
    """What a reference stands for: something pasted at run time, or a constant of the machine."""
    rest = ".".join(reference.rest)
    if reference.name in use.gathered and reference.namespace == "inputs":
        return Pasted("LIST", json_list(use, reference.name), any(value.raw for value in elements(use, reference.name)))
    if reference.namespace == "inputs":
        return input_value(reference.name, use.component.inputs[reference.name], rest)
    if reference.namespace == "outputs":
        return output_value(reference.name, use.component.outputs[reference.name], rest)
    if reference.namespace == "run":
        text = placeholders.RUN_IN_TEXT.get(reference.name)
        return Pasted("STRING", text or placeholders.parameter(placeholders.run_input(reference.name)))
    return use.machine.get(reference.name)


def references_in(value: Plain | ArgumentGroup) -> Iterator[Reference]:
    """All references in a text, or in the texts of a list or mapping."""
    if isinstance(value, str):
        if mentions_reference(value):
            yield from (part for part in parts_of(value) if isinstance(part, Reference))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references_in(item)
    elif isinstance(value, ArgumentGroup):
        yield from references_in(value.args)
    elif isinstance(value, list):
        for item in value:
            yield from references_in(item)


def run_names(use: Use) -> list[str]:
    """The `run.x` that reach this use through hidden inputs."""
    texts = [use.component.command, use.component.args, use.overrides]
    used = {reference.name for reference in references_in(texts) if reference.namespace == "run"}
    return sorted(used & placeholders.RUN.keys())
