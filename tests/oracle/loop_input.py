"""Loops over a list that the run is given: two elements at a time, and all at once; a step waits for the first."""

from kfp import dsl


@dsl.container_component
def say(prefix: str, name: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[prefix, name])


@dsl.container_component
def done():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["done"])


@dsl.pipeline(name="loop-input")
def pipeline(names: list[str], prefix: str = "run"):
    with dsl.ParallelFor(names, parallelism=2) as name:
        first = say(prefix=prefix, name=name)
    with dsl.ParallelFor(names) as name:
        say(prefix="again", name=name)
    done().after(first)
