"""Retries, caching on, off and by a key, and environment variables, each on one task of a shared component."""

from kfp import dsl


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["--verbose"])


@dsl.pipeline(name="running")
def pipeline():
    work()
    work().set_retry(2)
    work().set_retry(5, backoff_duration="30s", backoff_factor=1.5, backoff_max_duration="2h")
    work().set_retry(1, backoff_duration="2m", backoff_max_duration="1d")
    work().set_caching_options(False)
    work().set_caching_options(True, cache_key="data-7")
    work().set_env_variable("A", "1").set_env_variable("B", "true").set_env_variable("LONG", "a b 'c' $D")
