"""A sub-pipeline used twice, with artifacts and values in and out of it."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def prepare(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def train(data: Input[dsl.Dataset], net: str, model: Output[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, net, model.path])


@dsl.container_component
def evaluate(data: Input[dsl.Dataset], model: Input[dsl.Model], score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, model.path, score])


@dsl.container_component
def pick(one: Input[dsl.Model], other: Input[dsl.Model], scores_0: float, scores_1: float, best: Output[dsl.Model]):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0", args=[one.path, other.path, f"[{scores_0},{scores_1}]", best.path]
    )


Trained = NamedTuple("Trained", [("model", dsl.Model), ("score", float)])  # noqa: UP014


@dsl.pipeline
def train_eval(data: Input[dsl.Dataset], net: str) -> Trained:
    """Trains and evaluates.

    Args:
        data: What to learn from.
    """
    model = train(data=data, net=net).outputs["model"]
    return Trained(model, evaluate(data=data, model=model).outputs["score"])


@dsl.pipeline(name="sub-twice")
def pipeline() -> dsl.Model:
    data = prepare().outputs["data"]
    one = train_eval(data=data, net="cnn").outputs
    other = train_eval(data=data, net="vit").outputs
    picked = pick(one=one["model"], other=other["model"], scores_0=one["score"], scores_1=other["score"])
    return picked.outputs["best"]
