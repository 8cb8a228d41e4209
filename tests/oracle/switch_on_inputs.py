"""A switch that run parameters decide."""

from kfp import dsl


@dsl.container_component
def cnn():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["cnn"])


@dsl.container_component
def vit(size: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[size])


@dsl.container_component
def mlp():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["mlp"])


@dsl.pipeline(name="switch-on-inputs")
def pipeline(mode: str = "cnn", size: int = 1):
    with dsl.If(mode == "cnn"):
        cnn()
    with dsl.Elif(mode == "vit"):
        vit(size=size)
    with dsl.Else():
        mlp()
