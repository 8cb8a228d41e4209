"""Values and artifacts that the pipeline hands back."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def train(model: Output[dsl.Model], score: OutputPath(float), table: OutputPath(dict)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path, score, table])


@dsl.container_component
def report(model: Input[dsl.Model], html: Output[dsl.HTML]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path, html.path])


class Results(NamedTuple):
    score: float
    model: dsl.Model
    page: dsl.HTML
    table: dict


@dsl.pipeline(name="outputs")
def pipeline() -> Results:
    trained = train()
    shown = report(model=trained.outputs["model"])
    return Results(
        score=trained.outputs["score"],
        model=trained.outputs["model"],
        page=shown.outputs["html"],
        table=trained.outputs["table"],
    )
