"""Limits and GPUs for Vertex AI, where a GPU has its own name."""

from kfp import dsl


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go"])


@dsl.pipeline(name="resources-vertex")
def pipeline():
    work().set_cpu_limit("4").set_memory_limit("7500M")
    work().set_accelerator_type("NVIDIA_TESLA_T4").set_accelerator_limit(1)
    large = work().set_cpu_limit("24").set_memory_limit("96G")
    large.set_accelerator_type("NVIDIA_L4").set_accelerator_limit(2)
