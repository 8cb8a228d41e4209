"""What the executors of a deployment must fulfil: one executor enters, complaints leave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

_VARIABLES = 100
_CPUS = 96
_GIGABYTES = 624
_BYTES = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|[KMGT]i?|)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUESTS = ("cpuRequest", "memoryRequest", "resourceCpuRequest", "resourceMemoryRequest")
ACCELERATORS = frozenset(
    [
        "NVIDIA_GB200",
        "NVIDIA_B200",
        "NVIDIA_H100_MEGA_80GB",
        "NVIDIA_H100_80GB",
        "NVIDIA_H200_141GB",
        "NVIDIA_A100_80GB",
        "NVIDIA_TESLA_A100",
        "NVIDIA_TESLA_P4",
        "NVIDIA_TESLA_P100",
        "NVIDIA_TESLA_T4",
        "NVIDIA_TESLA_V100",
        "NVIDIA_L4",
        "NVIDIA_RTX_PRO_6000",
        "TPU_V2",
        "TPU_V3",
    ]
)


def executor_complaints(label: str, executor: Json) -> Iterator[str]:
    where = f"deployment_spec.executors[{label!r}]"
    if "container" in executor:
        yield from _container(f"{where}.container", executor["container"])
    elif "importer" in executor:
        yield from _importer(f"{where}.importer", executor["importer"])
    else:
        yield f"{where}: only containers and importers are supported, not {', '.join(executor) or 'nothing'}."


def _importer(where: str, importer: Json) -> Iterator[str]:
    if not importer.get("artifactUri"):
        yield f"{where}.artifact_uri: Required field is not set."
    if not importer.get("typeSchema"):
        yield f"{where}.type_schema: Required field is not set."


def _container(where: str, container: Json) -> Iterator[str]:
    image = container.get("image", "")
    if not image or re.search(r"\s", image):
        yield f"{where}.image: {image!r} is not the name of an image."
    yield from environment_complaints(where, container.get("env", []))
    yield from _resources(f"{where}.resources", container.get("resources", {}))


def environment_complaints(where: str, variables: list[Json]) -> Iterator[str]:
    """Also of the containers of custom jobs."""
    if len(variables) > _VARIABLES:
        yield f"{where}.env: at most {_VARIABLES} variables can be set, there are {len(variables)}."
    for index, one in enumerate(variables):
        if not one.get("value"):
            yield f"{where}.env[{index}].value: Required field is not set."
        if not _VARIABLE.fullmatch(one.get("name", "")):
            yield f"{where}.env[{index}].name: {one.get('name', '')!r} is not the name of a variable."


def _resources(where: str, resources: Json) -> Iterator[str]:
    for key in _REQUESTS:
        if resources.get(key):
            yield f"{where}: requests are not supported, set limits ({key})."
    yield from _amounts(where, resources)
    if "accelerator" in resources:
        yield from _accelerator(f"{where}.accelerator", resources["accelerator"])


def _amounts(where: str, resources: Json) -> Iterator[str]:
    for key, most, unit in (("resourceCpuLimit", _CPUS, 1.0), ("resourceMemoryLimit", _GIGABYTES, 1e9)):
        text = resources.get(key, "")
        match = _QUANTITY.fullmatch(text)
        if text and not match:
            yield f"{where}.{key}: {text!r} is not a constant quantity."
        elif match and quantity(match[1], match[2]) > most * unit:
            yield f"{where}.{key}: {text} is more than {most}."
    for key, most in (("cpuLimit", _CPUS), ("memoryLimit", _GIGABYTES)):
        if resources.get(key, 0) > most:
            yield f"{where}.{key}: {resources[key]} is more than {most}."


def quantity(number: str, suffix: str) -> float:
    return float(number) / 1000 if suffix == "m" else float(number) * _BYTES[suffix]


def _accelerator(where: str, accelerator: Json) -> Iterator[str]:
    for key in ("type", "resourceType"):
        if accelerator.get(key) and accelerator[key] not in ACCELERATORS:
            yield f"{where}.{key}: {accelerator[key]!r} is not supported."
    if not (accelerator.get("type") or accelerator.get("resourceType")):
        yield f"{where}.type: Required field is not set."
    count = str(accelerator.get("resourceCount") or accelerator.get("count") or "")
    if not re.fullmatch(r"[1-9][0-9]*", count):
        yield f"{where}.count: {count!r} is not a positive constant."
