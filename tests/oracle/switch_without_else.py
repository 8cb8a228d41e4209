"""Three branches of which perhaps none runs; the edges of the switch carry the value."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def count(rows: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rows])


@dsl.container_component
def small(rows: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rows])


@dsl.container_component
def medium(rows: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rows])


@dsl.container_component
def large(rows: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rows])


@dsl.pipeline(name="switch-without-else")
def pipeline(limit: int):
    rows = count().outputs["rows"]
    with dsl.If(rows < 10):
        small(rows=rows)
    with dsl.Elif(rows < limit):
        medium(rows=rows)
    with dsl.Elif(rows == 1000000):
        large(rows=rows)
