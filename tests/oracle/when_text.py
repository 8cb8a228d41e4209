"""Conditions on text: compared with an input and with literals."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def flip(side: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[side])


@dsl.container_component
def keep():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["keep"])


@dsl.container_component
def drop():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["drop"])


@dsl.container_component
def note(side: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[side])


@dsl.pipeline(name="when-text")
def pipeline(wanted: str = "heads"):
    side = flip().outputs["side"]
    with dsl.If(side == wanted):
        keep()
    with dsl.If(side != "on edge"):
        drop()
    with dsl.If(side == "tails"):
        note(side=wanted)
