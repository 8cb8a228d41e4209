# ruff: noqa: SIM117
"""Every pair of two lists: a loop in a loop, in the order of the axes; the outer one limits the runs."""

from kfp import dsl


@dsl.container_component
def train(net: str, rate: float):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[net, rate])


@dsl.pipeline(name="loop-product")
def pipeline(nets: list[str], rates: list[float]):
    with dsl.ParallelFor(nets, parallelism=2) as net:
        with dsl.ParallelFor(rates, parallelism=1) as rate:
            train(net=net, rate=rate)
    with dsl.ParallelFor(rates) as rate:
        with dsl.ParallelFor(nets) as net:
            train(net=net, rate=rate)
    with dsl.ParallelFor(["cnn", "vit"]) as net:
        with dsl.ParallelFor([0.1, 0.2]) as rate:
            train(net=net, rate=rate)
    with dsl.ParallelFor(["cnn", "vit"]) as net:
        with dsl.ParallelFor(rates) as rate:
            train(net=net, rate=rate)
