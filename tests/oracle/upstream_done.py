"""Steps that run even after a failure: by order alone, with data that may be missing, and with the status of a step."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def make(text: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[text])


@dsl.container_component
def clean():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["clean"])


@dsl.container_component
def tell(room: str, text: str = "failed"):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[text, room])


@dsl.container_component
def notify(status: dsl.PipelineTaskFinalStatus, room: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[status, room])


@dsl.pipeline(name="upstream-done")
def pipeline(room: str):
    made = make()
    clean().after(made).ignore_upstream_failure()
    tell(text=made.outputs["text"], room=room).ignore_upstream_failure()
    notify(room=room).after(made).ignore_upstream_failure()
