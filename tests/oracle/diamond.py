"""A diamond: the last task takes from both sides and from the top."""

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def top(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def left(data: Input[dsl.Dataset], model: Output[dsl.Model], score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["side", data.path, model.path, score])


@dsl.container_component
def right(data: Input[dsl.Dataset], model: Output[dsl.Model], score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["side", data.path, model.path, score])


@dsl.container_component
def bottom(a: Input[dsl.Model], b: Input[dsl.Model], a_score: float, b_score: float, data: Input[dsl.Dataset]):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0", args=[a.path, b.path, f"{a_score} vs {b_score}", data.path]
    )


@dsl.pipeline(name="diamond")
def pipeline():
    data = top().outputs["data"]
    one, two = left(data=data), right(data=data)
    bottom(
        a=one.outputs["model"],
        b=two.outputs["model"],
        a_score=one.outputs["score"],
        b_score=two.outputs["score"],
        data=data,
    )
