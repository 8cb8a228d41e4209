"""Literal lists that the platform walks."""

from kfp import dsl


@dsl.container_component
def name(item: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[item])


@dsl.container_component
def count(item: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[item])


@dsl.container_component
def rate(item: float):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[item])


@dsl.container_component
def table(item: dict):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[item])


@dsl.pipeline(name="loop-literal")
def pipeline():
    with dsl.ParallelFor(["a", "b 'c' \"d\"", "grün"]) as item:
        name(item=item)
    with dsl.ParallelFor([3, 1, 2], parallelism=1) as item:
        count(item=item)
    with dsl.ParallelFor([0.5, 1e-05]) as item:
        rate(item=item)
    with dsl.ParallelFor([{"b": 1, "a": {"c": [True]}}, {}]) as item:
        table(item=item)
