"""Loops over lists of every type, whose elements keep it."""

from kfp import dsl


@dsl.container_component
def count(item: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[item])


@dsl.container_component
def rate(item: float):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[item])


@dsl.container_component
def flag(item: bool):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[item])


@dsl.container_component
def table(item: dict):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[item])


@dsl.pipeline(name="loop-types")
def pipeline(
    counts: list[int],
    flags: list[bool],
    tables: list[dict],
    rates: list[float] = [0.5, 1.0],  # noqa: B006
):
    with dsl.ParallelFor(counts) as item:
        count(item=item)
    with dsl.ParallelFor(rates, parallelism=1) as item:
        rate(item=item)
    with dsl.ParallelFor(flags, parallelism=10) as item:
        flag(item=item)
    with dsl.ParallelFor(tables) as item:
        table(item=item)
