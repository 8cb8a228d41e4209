"""A switch inside a branch of a switch, whose branches join there."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def flip(side: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[side])


@dsl.container_component
def roll(face: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[face])


@dsl.container_component
def high(text: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[text])


@dsl.container_component
def low(text: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[text])


@dsl.container_component
def draw(side: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[side])


@dsl.container_component
def tell(text: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[text])


@dsl.pipeline(name="switch-nested")
def pipeline():
    side = flip().outputs["side"]
    with dsl.If(side == "heads"):
        face = roll().outputs["face"]
        with dsl.If(face > 3):
            one = high()
        with dsl.Else():
            other = low()
        tell(text=dsl.OneOf(one.outputs["text"], other.outputs["text"]))
    with dsl.Else():
        draw(side=side)
