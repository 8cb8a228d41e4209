"""A condition on a whole number; what follows the step is inside, what does not is outside."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def roll(face: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[face])


@dsl.container_component
def win(face: int, prize: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[face, prize])


@dsl.container_component
def show(prize: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[prize])


@dsl.container_component
def log(face: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[face])


@dsl.pipeline(name="when-number")
def pipeline():
    face = roll().outputs["face"]
    with dsl.If(face >= 4):
        show(prize=win(face=face).outputs["prize"])
    log(face=face)
