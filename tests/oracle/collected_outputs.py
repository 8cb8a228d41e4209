"""Artifacts and values of all runs of loops as results of the pipeline."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Output, OutputPath


@dsl.container_component
def train(count: int, model: Output[dsl.Model], score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[count, model.path, score])


@dsl.container_component
def name(text: str, name: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[text, name])


Results = NamedTuple("Results", [("models", list[dsl.Model]), ("scores", list[float]), ("names", list[str])])  # noqa: UP014


@dsl.pipeline(name="collected-outputs")
def pipeline(counts: list[int]) -> Results:
    with dsl.ParallelFor(counts) as count:
        trained = train(count=count)
    with dsl.ParallelFor(["left", "right"]) as text:
        named = name(text=text)
    return Results(
        dsl.Collected(trained.outputs["model"]),
        dsl.Collected(trained.outputs["score"]),
        dsl.Collected(named.outputs["name"]),
    )
