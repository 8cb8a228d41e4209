"""If, elif and else; the first branch has two steps."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def score(value: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[value])


@dsl.container_component
def promote(endpoint: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["promote", endpoint])


@dsl.container_component
def canary():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["canary"])


@dsl.container_component
def keep():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["keep"])


@dsl.container_component
def tell(endpoint: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[endpoint])


@dsl.pipeline(name="switch-plain")
def pipeline():
    value = score().outputs["value"]
    with dsl.If(value >= 0.97):
        tell(endpoint=promote().outputs["endpoint"])
    with dsl.Elif(value >= 0.9):
        canary()
    with dsl.Else():
        keep()
