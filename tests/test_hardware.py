"""What a machine profile becomes: the resources of a container on each target."""

from __future__ import annotations

from typing import Any

import pytest

from hpc.compiler.hardware import Hardware, chosen_machine, hardware, in_bytes, resources
from hpc.compiler.ir import AcceleratorConfig, Resources
from hpc.compiler.machines import shipped
from hpc.compiler.targets import KFP, LOCAL, TARGETS, VERTEX, Target
from hpc.spec.model import Accelerator


def of(target: Target = KFP, **keys: Any) -> Resources | None:
    return resources(Accelerator.model_validate(keys), target, shipped())


@pytest.mark.parametrize("target", TARGETS.values())
def test_nothing_asked_for_is_nothing_written(target: Target) -> None:
    assert resources(None, target, shipped()) is None
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


@pytest.mark.parametrize("target", TARGETS.values())
def test_a_machine_writes_no_resources(target: Target) -> None:
    """On Vertex AI it is asked for itself, in a CustomJob."""
    assert of(target, machine="n1-standard-4") is None


# ---------------------------------------------------------------- CustomJobs


def machines(**keys: Any) -> Hardware:
    return hardware(Accelerator.model_validate(keys), shipped())


def test_the_machine_of_a_job_that_asks_for_nothing() -> None:
    assert hardware(None, shipped()) == Hardware("e2-standard-4", disk_type="pd-ssd", disk_gb=100)


def test_a_machine_that_is_named() -> None:
    found = machines(machine="a2-highgpu-8g", gpu="A100", count=8, nodes=4, disk="500GB")
    expected = Hardware("a2-highgpu-8g", 4, "NVIDIA_TESLA_A100", 8, disk_type="pd-ssd", disk_gb=500)
    assert found == expected


@pytest.mark.parametrize(
    ("keys", "kind", "size"),
    [
        ({"machine": "a3-ultragpu-8g", "gpu": "H200", "count": 8}, "hyperdisk-balanced", 100),
        ({"machine": "a4-highgpu-8g", "gpu": "B200", "count": 8}, "hyperdisk-balanced", 100),
        ({"machine": "n1-standard-4", "vertex": {"boot_disk_type": "pd-standard"}}, "pd-standard", 100),
        ({"machine": "n1-standard-4", "disk": "200GiB"}, "pd-ssd", 200),
        ({"machine": "n1-standard-4", "disk": "200500MB"}, "pd-ssd", 201),
        ({"machine": "ct6e-standard-4t"}, "", 0),
        ({"machine": "ct6e-standard-4t", "disk": "200GB"}, "pd-ssd", 200),
        ({"machine": "c4-standard-8"}, "pd-ssd", 100),
    ],
)
def test_boot_disks(keys: dict[str, Any], kind: str, size: int) -> None:
    found = machines(**keys)
    assert (found.disk_type, found.disk_gb) == (kind, size)


@pytest.mark.parametrize(
    ("keys", "accelerator", "count", "topology"),
    [
        ({"tpu": "v3", "machine": "cloud-tpu", "count": 32}, "TPU_V3", 32, ""),
        ({"tpu": "v5e", "machine": "ct5lp-hightpu-4t"}, "", 0, "2x2"),
        ({"machine": "ct5lp-hightpu-8t"}, "", 0, "2x4"),
        ({"tpu": "v6e", "machine": "ct6e-standard-4t", "vertex": {"tpu_topology": "8x8"}}, "", 0, "8x8"),
        ({"tpu": "7x", "machine": "tpu7x-standard-4t"}, "", 0, "2x2x1"),
    ],
)
def test_tpus(keys: dict[str, Any], accelerator: str, count: int, topology: str) -> None:
    found = machines(**keys)
    assert (found.accelerator, found.count, found.topology) == (accelerator, count, topology)


@pytest.mark.parametrize(
    ("keys", "machine"),
    [
        ({}, "e2-standard-4"),
        ({"cpu": 16}, "e2-highcpu-16"),
        ({"cpu": 8, "memory": "32GB"}, "e2-standard-8"),
        ({"cpu": 8, "memory": "32GiB"}, "e2-standard-8"),
        ({"memory": "100GB"}, "e2-highmem-16"),
        ({"memory": "300GB"}, "n2-highmem-48"),
        ({"memory": "3000GB"}, "m1-ultramem-160"),
        ({"gpu": "T4"}, "n1-standard-4"),
        ({"gpu": "T4", "count": 4, "cpu": 64}, "n1-highcpu-64"),
        ({"gpu": "L4"}, "g2-standard-4"),
        ({"gpu": "L4", "cpu": 32}, "g2-standard-32"),
        ({"gpu": "A100", "count": 8}, "a2-highgpu-8g"),
        ({"gpu": "A100_80GB"}, "a2-ultragpu-1g"),
        ({"gpu": "T4", "cpu": 200}, None),
        ({"memory": "9000GB"}, None),
        ({"tpu": "v5e"}, "ct5lp-hightpu-1t"),
        ({"tpu": "v5e", "count": 8}, "ct5lp-hightpu-8t"),
        ({"tpu": "v5e", "vertex": {"tpu_topology": "2x4"}}, "ct5lp-hightpu-8t"),
        ({"tpu": "v5e", "vertex": {"tpu_topology": "4x4"}}, "ct5lp-hightpu-4t"),
        ({"tpu": "v5e", "vertex": {"tpu_topology": "3x3"}}, None),
        ({"tpu": "7x"}, "tpu7x-standard-4t"),
        ({"tpu": "v2", "count": 8}, "cloud-tpu"),
        ({"tpu": "v5e", "count": 3}, None),
    ],
)
def test_the_smallest_machine_that_has_it_all_is_chosen(keys: dict[str, Any], machine: str | None) -> None:
    assert chosen_machine(Accelerator.model_validate(keys), shipped()) == machine
