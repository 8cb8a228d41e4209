"""What a machine profile becomes: the resources of a container on each target."""

from __future__ import annotations

from typing import Any

import pytest

from hpc.compiler.hardware import in_bytes, resources
from hpc.compiler.ir import AcceleratorConfig, Resources
from hpc.compiler.targets import KFP, LOCAL, TARGETS, VERTEX, Target
from hpc.spec.model import Accelerator


def of(target: Target = KFP, **keys: Any) -> Resources | None:
    return resources(Accelerator.model_validate(keys), target)


@pytest.mark.parametrize("target", TARGETS.values())
def test_nothing_asked_for_is_nothing_written(target: Target) -> None:
    assert resources(None, target) is None
    assert of(target) is None
    assert of(target, description="a machine", spot=True, disk="100GB", nodes=2) is None


@pytest.mark.parametrize(
    ("cpu", "number", "text"),
    [
        ("500m", 0.5, "500m"),
        (0.5, 0.5, "500m"),
        (4, 4.0, "4"),
        (4.0, 4.0, "4"),
        ("4000m", 4.0, "4"),
        (1.5, 1.5, "1500m"),
    ],
)
def test_cpus(cpu: object, number: float, text: str) -> None:
    assert of(cpu=cpu) == Resources(cpu_limit=number, resource_cpu_limit=text)


@pytest.mark.parametrize(
    ("memory", "number", "text"),
    [
        ("15GB", 15.0, "15G"),
        ("7.5GB", 7.5, "7500M"),
        ("500MB", 0.5, "500M"),
        ("2GiB", 2.147483648, "2Gi"),
        ("1.5GiB", 1.610612736, "1536Mi"),
        ("512MiB", 0.536870912, "512Mi"),
    ],
)
def test_memory(memory: str, number: float, text: str) -> None:
    assert of(memory=memory) == Resources(memory_limit=number, resource_memory_limit=text)


def test_sizes_in_bytes() -> None:
    assert [in_bytes(size) for size in ("1MB", "1GB", "1MiB", "1GiB", "7.5GB")] == [10**6, 10**9, 2**20, 2**30, 7.5e9]


@pytest.mark.parametrize("target", [KFP, LOCAL])
def test_requests(target: Target) -> None:
    assert of(target, cpu=4, memory="8GB", requests={"cpu": "500m", "memory": "7.5GB"}) == Resources(
        cpu_limit=4.0,
        resource_cpu_limit="4",
        memory_limit=8.0,
        resource_memory_limit="8G",
        cpu_request=0.5,
        resource_cpu_request="500m",
        memory_request=7.5,
        resource_memory_request="7500M",
    )


def test_vertex_takes_limits_only() -> None:
    assert of(VERTEX, requests={"cpu": 2, "memory": "7.5GB"}) is None
    assert of(VERTEX, cpu=4, requests={"cpu": 2}) == Resources(cpu_limit=4.0, resource_cpu_limit="4")


@pytest.mark.parametrize("gpu", ["T4", "NVIDIA_TESLA_T4"])
def test_a_gpu_on_each_target(gpu: str) -> None:
    named = AcceleratorConfig("NVIDIA_TESLA_T4", "2", "NVIDIA_TESLA_T4", "2")
    assert of(VERTEX, gpu=gpu, count=2) == Resources(accelerator=named)
    assert of(KFP, gpu=gpu) == Resources(accelerator=AcceleratorConfig("nvidia.com/gpu", "1", "nvidia.com/gpu", "1"))
    assert of(LOCAL, gpu=gpu, count=2) is None


@pytest.mark.parametrize(
    ("gpu", "name"),
    [
        ("H100", "NVIDIA_H100_80GB"),
        ("H100_80GB", "NVIDIA_H100_80GB"),
        ("H200", "NVIDIA_H200_141GB"),
        ("A100", "NVIDIA_TESLA_A100"),
        ("A100_80GB", "NVIDIA_A100_80GB"),
        ("NVIDIA_L4", "NVIDIA_L4"),
    ],
)
def test_names_of_gpus_on_vertex(gpu: str, name: str) -> None:
    found = of(VERTEX, gpu=gpu)
    assert found is not None
    assert found.accelerator == AcceleratorConfig(name, "1", name, "1")


def test_a_machine_becomes_limits_on_vertex_only() -> None:
    limits = Resources(cpu_limit=4.0, resource_cpu_limit="4", memory_limit=15.0, resource_memory_limit="15G")
    assert of(VERTEX, machine="n1-standard-4") == limits
    assert of(KFP, machine="n1-standard-4") is None
    assert of(LOCAL, machine="n1-standard-4") is None
    assert of(VERTEX, machine="c4-standard-8") is None
    assert of(VERTEX, machine="n1-highcpu-16") == Resources(
        cpu_limit=16.0, resource_cpu_limit="16", memory_limit=14.4, resource_memory_limit="14400M"
    )


def test_what_stands_beside_a_machine_is_written_on_vertex() -> None:
    found = of(VERTEX, machine="n1-standard-4", cpu="500m", memory="4GiB")
    assert found is not None
    assert (found.resource_cpu_limit, found.resource_memory_limit) == ("500m", "4Gi")
    found = of(VERTEX, machine="n1-standard-4", memory="4GB")
    assert found is not None
    assert (found.resource_cpu_limit, found.resource_memory_limit) == ("4", "4G")
    found = of(VERTEX, machine="a2-megagpu-16g", cpu=96, memory="1000GB")
    assert found is not None
    assert (found.resource_cpu_limit, found.resource_memory_limit) == ("96", "624G")


@pytest.mark.parametrize(
    ("machine", "cpu", "memory"),
    [
        ("a3-highgpu-8g", "96", "624G"),
        ("a2-highgpu-8g", "96", "624G"),
        ("m1-ultramem-40", "40", "624G"),
        ("a4x-highgpu-4g", "96", "624G"),
        ("n1-highmem-96", "96", "624G"),
        ("n1-standard-96", "96", "360G"),
    ],
)
def test_limits_are_at_most_what_a_step_can_have(machine: str, cpu: str, memory: str) -> None:
    found = of(VERTEX, machine=machine)
    assert found is not None
    assert (found.resource_cpu_limit, found.resource_memory_limit) == (cpu, memory)
    assert (found.cpu_limit, found.memory_limit) == (float(cpu), float(memory.removesuffix("G")))
