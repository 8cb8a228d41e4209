"""Conditions on run parameters alone, on steps that also take data, and on one that takes nothing."""

from kfp import dsl
from kfp.dsl import Input, Output


@dsl.container_component
def make(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def fast(data: Input[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def slow(data: Input[dsl.Dataset], runs: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, runs])


@dsl.container_component
def note():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["note"])


@dsl.pipeline(name="when-inputs")
def pipeline(mode: str, runs: int = 3):
    data = make().outputs["data"]
    with dsl.If(mode == "fast"):
        fast(data=data)
    with dsl.If(mode == "slow"):
        slow(data=data, runs=runs)
    with dsl.If(runs > 10):
        note()
