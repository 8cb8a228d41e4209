"""Conditions inside a condition, which read and pass on what comes from outside and from further outside."""

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def score(value: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[value])


@dsl.container_component
def train(start: float, model: Output[dsl.Model], loss: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[start, model.path, loss])


@dsl.container_component
def tune(model: Input[dsl.Model], start: float, better: Output[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path, start, better.path])


@dsl.container_component
def check(model: Input[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path])


@dsl.container_component
def publish(model: Input[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path])


@dsl.pipeline(name="when-nested")
def pipeline(deep: bool = True):
    value = score().outputs["value"]
    with dsl.If(value > 0.5):
        trained = train(start=value)
        with dsl.If(trained.outputs["loss"] < 0.1):
            tuned = tune(model=trained.outputs["model"], start=value)
            check(model=tuned.outputs["better"])
            with dsl.If(deep == True):  # noqa: E712
                publish(model=tuned.outputs["better"])
