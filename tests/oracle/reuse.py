"""One component used five times, in a chain and beside it, with constants, defaults and inputs."""

from kfp import dsl
from kfp.dsl import Input, Output


@dsl.container_component
def begin(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["begin", data.path])


@dsl.container_component
def work(data: Input[dsl.Dataset], tag: str, made: Output[dsl.Dataset], factor: int = 1):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, factor, tag, made.path])


@dsl.pipeline(name="reuse")
def pipeline(tag: str):
    data = begin().outputs["data"]
    one = work(data=data, tag=tag)
    two = work(data=one.outputs["made"], tag=tag, factor=2)
    work(data=two.outputs["made"], tag="fixed", factor=3)
    four = work(data=data, tag=tag)
    work(data=four.outputs["made"], tag=tag, factor=1)
