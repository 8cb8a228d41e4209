"""Retries, caching, environment, machines and titles of steps in a sub-pipeline and beside it."""

from kfp import dsl


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go"])


def small():
    return work().set_cpu_limit("2").set_memory_limit("4G")


@dsl.pipeline
def everything():
    small()
    work().set_retry(3, backoff_duration="10s").set_cpu_limit("8").set_memory_limit("64G")
    small().set_caching_options(False).set_env_variable("LEVEL", "debug")
    small().set_caching_options(True, cache_key="seven").set_display_name("The fourth")


@dsl.pipeline(name="sub-settings")
def pipeline():
    everything().set_display_name("All of it")
    small().set_env_variable("LEVEL", "info")
