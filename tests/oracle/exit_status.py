"""A step that runs at the end whatever happened, and is told what did."""

from kfp import dsl
from kfp.dsl import Input, Output


@dsl.container_component
def make(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def train(data: Input[dsl.Dataset], tag: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, tag])


@dsl.container_component
def notify(status: dsl.PipelineTaskFinalStatus, channel: str, only: list):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[status, channel, only])


@dsl.pipeline(name="exit-status")
def pipeline(channel: str = "ops"):
    with dsl.ExitHandler(notify(channel=channel, only=["FAILED", "CANCELLED"])):
        train(data=make().outputs["data"], tag=channel)
