"""A sub-pipeline under a condition, with a switch on its own input inside."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def look(rows: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rows])


@dsl.container_component
def train(rate: float, model: Output[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rate, model.path])


@dsl.container_component
def slow(model: Input[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path])


@dsl.container_component
def quick(model: Input[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path])


@dsl.container_component
def check(model: Input[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path])


Learnt = NamedTuple("Learnt", [("model", dsl.Model)])  # noqa: UP014


@dsl.pipeline
def learn(deep: bool, rate: float) -> Learnt:
    model = train(rate=rate).outputs["model"]
    with dsl.If(deep == True):  # noqa: E712
        slow(model=model)
    with dsl.Else():
        quick(model=model)
    return Learnt(model)


@dsl.pipeline(name="sub-conditions")
def pipeline(deep: bool, rate: float):
    with dsl.If(look().outputs["rows"] > 100):
        check(model=learn(deep=deep, rate=rate).outputs["model"])
