"""A sub-pipeline for each element of a literal list, and one by itself."""

from kfp import dsl
from kfp.dsl import Input, Output


@dsl.container_component
def prepare(part: int, data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[part, data.path])


@dsl.container_component
def train(data: Input[dsl.Dataset], model: Output[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, model.path])


@dsl.container_component
def join(first: Input[dsl.Model], model: Output[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[first.path, model.path])


@dsl.container_component
def last():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["last"])


@dsl.pipeline
def one(part: int) -> dsl.Model:
    return train(data=prepare(part=part).outputs["data"]).outputs["model"]


@dsl.pipeline(name="loop-unrolled-pipelines")
def pipeline() -> dsl.Model:
    runs = [one(part=part) for part in (3, 5)]
    other = one(part=7)
    last().after(*runs)
    return join(first=other.output).outputs["model"]
