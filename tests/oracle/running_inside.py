"""Retries, caching, environment, machines and titles of steps in loops and under conditions."""

from kfp import dsl


@dsl.container_component
def work(name: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[name])


@dsl.pipeline(name="running-inside")
def pipeline(names: list[str], go: bool):
    with dsl.ParallelFor(names) as name:
        fast = work(name=name).set_retry(2).set_env_variable("LEVEL", "info").set_cpu_limit("4").set_memory_limit("16G")
        fast.set_accelerator_type("NVIDIA_TESLA_T4").set_accelerator_limit(2)
    with dsl.ParallelFor(names) as name:
        work(name=name).set_caching_options(False).set_env_variable("LEVEL", "debug")
    with dsl.If(go == True):  # noqa: E712
        third = work(name="three").set_env_variable("LEVEL", "info").set_caching_options(True, cache_key="third")
        third.set_display_name("Third").set_retry(1, backoff_duration="5m")
