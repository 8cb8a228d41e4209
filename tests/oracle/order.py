"""Order without data, alone and beside data from the same task."""

from kfp import dsl
from kfp.dsl import Input, Output


@dsl.container_component
def work(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def take(data: Input[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def clean():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", command=["rm", "-r", "/scratch"])


@dsl.pipeline(name="order")
def pipeline():
    first = work()
    second = work().after(first)
    third = take(data=first.outputs["data"]).after(first, second)
    fourth = clean().after(third, first)
    clean().after(fourth, second)
