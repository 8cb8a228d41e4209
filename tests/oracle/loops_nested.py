"""A loop in a loop by way of a sub-pipeline, gathered inside and again outside, with a condition between."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def train(net: str, rate: float, score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[net, rate, score])


@dsl.container_component
def best(scores: list[float], score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[scores, score])


@dsl.container_component
def praise(net: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[net])


@dsl.pipeline
def try_rates(net: str, rates: list[float], least: float) -> float:
    with dsl.ParallelFor(rates, parallelism=2) as rate:
        trained = train(net=net, rate=rate)
    score = best(scores=dsl.Collected(trained.outputs["score"])).outputs["score"]
    with dsl.If(score > least):
        praise(net=net)
    return score


@dsl.pipeline(name="loops-nested")
def pipeline(nets: list[str], rates: list[float], least: float) -> list[float]:
    with dsl.ParallelFor(nets, parallelism=3) as net:
        tried = try_rates(net=net, rates=rates, least=least)
    return dsl.Collected(tried.output)
