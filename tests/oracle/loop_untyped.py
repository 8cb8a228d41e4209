"""Loops over lists of which the SDK does not know what they hold; hpc does, and says so in the IR."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def make(rates: OutputPath(list), rows: OutputPath(list)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rates, rows])


@dsl.container_component
def scale(rate: float):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rate])


@dsl.container_component
def show(row: dict):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[row])


@dsl.pipeline(name="loop-untyped")
def pipeline():
    made = make()
    with dsl.ParallelFor(made.outputs["rates"]) as rate:
        scale(rate=rate)
    with dsl.ParallelFor(made.outputs["rows"]) as row:
        show(row=row)
