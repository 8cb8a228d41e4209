"""Conditions on true and false, which hpc may also write without a comparison."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def look(empty: OutputPath(bool)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[empty])


@dsl.container_component
def clean():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["clean"])


@dsl.container_component
def fill():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["fill"])


@dsl.container_component
def go():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go"])


@dsl.container_component
def same():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["same"])


@dsl.pipeline(name="when-flag")
def pipeline(really: bool = False):
    empty = look().outputs["empty"]
    with dsl.If(empty == False):  # noqa: E712
        clean()
    with dsl.If(empty == True):  # noqa: E712
        fill()
    with dsl.If(really == True):  # noqa: E712
        go()
    with dsl.If(empty == really):
        same()
