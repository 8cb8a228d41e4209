"""Conditions inside of a loop: on what a step of the same round found, and on the element itself."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def look(part: int, rows: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[part, rows])


@dsl.container_component
def train(part: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[part])


@dsl.container_component
def first():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["first"])


@dsl.container_component
def later(part: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[part])


@dsl.pipeline
def each(part: int):
    rows = look(part=part).outputs["rows"]
    with dsl.If(rows >= 10):
        train(part=part)
    with dsl.If(part == 0):
        first()
    with dsl.Else():
        later(part=part)


@dsl.pipeline(name="condition-in-loop")
def pipeline():
    with dsl.ParallelFor([0, 1, 2]) as part:
        each(part=part)
