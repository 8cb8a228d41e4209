"""A loop under a condition, which is decided once; the lengths are gathered inside of it."""

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def check(rows: OutputPath(int), data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rows, data.path])


@dsl.container_component
def say(name: str, data: Input[dsl.Dataset], length: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[name, data.path, length])


@dsl.container_component
def add(lengths: list[int]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[lengths])


@dsl.pipeline(name="loop-in-condition")
def pipeline(names: list[str]):
    checked = check()
    with dsl.If(checked.outputs["rows"] > 0):
        with dsl.ParallelFor(names, parallelism=5) as name:
            said = say(name=name, data=checked.outputs["data"])
        add(lengths=dsl.Collected(said.outputs["length"]))
