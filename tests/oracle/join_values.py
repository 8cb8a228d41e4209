"""Values of three branches joined, two for one step and one for two."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def score(value: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[value])


@dsl.container_component
def promote(traffic: int, endpoint: OutputPath(str), share: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[traffic, endpoint, share])


@dsl.container_component
def keep(endpoint: OutputPath(str), share: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[endpoint, share])


@dsl.container_component
def tell(endpoint: str, share: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[endpoint, share])


@dsl.container_component
def watch(endpoint: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[endpoint])


@dsl.pipeline(name="join-values")
def pipeline(gold: float = 0.97, silver: float = 0.9):
    value = score().outputs["value"]
    with dsl.If(value >= gold):
        first = promote(traffic=100)
    with dsl.Elif(value >= silver):
        second = promote(traffic=5)
    with dsl.Else():
        third = keep()
    endpoint = dsl.OneOf(first.outputs["endpoint"], second.outputs["endpoint"], third.outputs["endpoint"])
    share = dsl.OneOf(first.outputs["share"], second.outputs["share"], third.outputs["share"])
    tell(endpoint=endpoint, share=share)
    watch(endpoint=endpoint)
