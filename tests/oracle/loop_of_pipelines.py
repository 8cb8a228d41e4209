"""A loop of sub-pipelines that hold a switch and join it; what each yields is collected."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def prepare(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def train(data: Input[dsl.Dataset], net: str, epochs: int, model: Output[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, net, epochs, model.path])


@dsl.container_component
def evaluate(data: Input[dsl.Dataset], model: Input[dsl.Model], score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, model.path, score])


@dsl.container_component
def promote(place: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[place])


@dsl.container_component
def keep(place: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[place])


@dsl.container_component
def report(places: list[str]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[places])


Trained = NamedTuple("Trained", [("model", dsl.Model), ("place", str)])  # noqa: UP014


@dsl.pipeline
def train_eval(data: Input[dsl.Dataset], net: str, epochs: int) -> Trained:
    trained = train(data=data, net=net, epochs=epochs)
    score = evaluate(data=data, model=trained.outputs["model"]).outputs["score"]
    with dsl.If(score > 0.9):
        one = promote()
    with dsl.Else():
        other = keep()
    return Trained(trained.outputs["model"], dsl.OneOf(one.outputs["place"], other.outputs["place"]))


@dsl.pipeline(name="loop-of-pipelines")
def pipeline(nets: list[str], epochs: int = 3) -> list[dsl.Model]:
    data = prepare().outputs["data"]
    with dsl.ParallelFor(nets, parallelism=2) as net:
        trained = train_eval(data=data, net=net, epochs=epochs)
    report(places=dsl.Collected(trained.outputs["place"]))
    return dsl.Collected(trained.outputs["model"])
