"""Results of the pipeline that come from whichever branch ran."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Output, OutputPath


@dsl.container_component
def look(large: OutputPath(bool)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[large])


@dsl.container_component
def train(model: Output[dsl.Model], score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path, score])


@dsl.container_component
def load(model: Output[dsl.Model], score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path, score])


Results = NamedTuple("Results", [("model", dsl.Model), ("score", float)])  # noqa: UP014


@dsl.pipeline(name="join-outputs")
def pipeline() -> Results:
    large = look().outputs["large"]
    with dsl.If(large == True):  # noqa: E712
        one = train()
    with dsl.Else():
        other = load()
    return Results(
        dsl.OneOf(one.outputs["model"], other.outputs["model"]), dsl.OneOf(one.outputs["score"], other.outputs["score"])
    )
