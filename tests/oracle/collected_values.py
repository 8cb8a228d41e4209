"""Values of all runs of a loop as lists for later steps."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def train(rate: float, score: OutputPath(float), loss: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rate, score, loss])


@dsl.container_component
def pick(scores: list[float], losses: list[float], rates: list[float], best: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[scores, losses, rates, best])


@dsl.container_component
def show(scores: list[float]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[scores])


@dsl.pipeline(name="collected-values")
def pipeline(rates: list[float]):
    with dsl.ParallelFor(rates, parallelism=2) as rate:
        trained = train(rate=rate)
    score, loss = trained.outputs["score"], trained.outputs["loss"]
    pick(scores=dsl.Collected(score), losses=dsl.Collected(loss), rates=rates)
    show(scores=dsl.Collected(score))
