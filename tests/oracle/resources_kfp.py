"""Limits, requests and GPUs for Kubernetes, where the GPU is the resource `nvidia.com/gpu`."""

from kfp import dsl


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go"])


@dsl.pipeline(name="resources-kfp")
def pipeline():
    work().set_cpu_limit("2").set_memory_limit("4G")
    fine = work().set_cpu_limit("1500m").set_memory_limit("512Mi")
    fine.set_cpu_request("500m").set_memory_request("256M")
    work().set_cpu_request("1").set_memory_request("1Gi")
    work().set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
    gpus = work().set_cpu_limit("8").set_memory_limit("64G")
    gpus.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(4)
