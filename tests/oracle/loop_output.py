"""Loops over lists that a step makes. Only hpc knows that the elements of the second are numbers."""

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def split(data: Output[dsl.Dataset], names: OutputPath(list[str]), rates: OutputPath(list[float])):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, names, rates])


@dsl.container_component
def train(data: Input[dsl.Dataset], name: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, name])


@dsl.container_component
def scale(rate: float):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rate])


@dsl.pipeline(name="loop-output")
def pipeline():
    made = split()
    with dsl.ParallelFor(made.outputs["names"], parallelism=3) as name:
        train(data=made.outputs["data"], name=name)
    with dsl.ParallelFor(made.outputs["rates"]) as rate:
        scale(rate=rate)
