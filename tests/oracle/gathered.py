"""Several values into one list: hpc declares an input for each, which here is written out."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def score(value: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[value])


@dsl.container_component
def best(values_0: float, values_1: float, values_2: float):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[f"[{values_0},{values_1},{values_2}]"])


@dsl.pipeline(name="gathered")
def pipeline():
    values = [score().outputs["value"] for _ in range(3)]
    best(values_0=values[0], values_1=values[1], values_2=values[2])
