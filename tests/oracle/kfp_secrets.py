"""Secrets as variables and files, settings, claims; in a loop as outside of it."""

from kfp import dsl, kubernetes


@dsl.container_component
def work(name: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[name])


@dsl.container_component
def store():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["store"])


def mounted(name: object):
    task = work(name=name).set_env_variable("LEVEL", "info")
    kubernetes.use_secret_as_env(task, "service", {"token": "TOKEN"})
    kubernetes.mount_pvc(task, "data", "/data")


@dsl.pipeline(name="kfp-secrets")
def pipeline(names: list[str]):
    with dsl.ParallelFor(names) as name:
        mounted(name)
    mounted("own")
    task = store()
    kubernetes.use_secret_as_env(task, "service", {"token": "TOKEN"})
    kubernetes.use_secret_as_env(task, "database", {"password": "PASSWORD"})
    kubernetes.use_secret_as_volume(task, "certificates", "/certificates")
    kubernetes.use_config_map_as_env(task, "settings", {"level": "LEVEL"})
    kubernetes.set_image_pull_secrets(task, ["registry"])
