"""Sub-pipelines in a sub-pipeline, of which one is used outside as well."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def make(seed: int, data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[seed, data.path])


@dsl.container_component
def take(data: Input[dsl.Dataset], tag: str, score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, tag, score])


@dsl.container_component
def add(a: float, b: float, total: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[a, b, total])


@dsl.pipeline
def inner(data: Input[dsl.Dataset], tag: str) -> float:
    return take(data=data, tag=tag).outputs["score"]


@dsl.pipeline
def last(data: Input[dsl.Dataset], tag: str) -> float:
    return take(data=data, tag=tag).outputs["score"]


Middle = NamedTuple("Middle", [("total", float), ("data", dsl.Dataset)])  # noqa: UP014


@dsl.pipeline
def middle(seed: int, tag: str) -> Middle:
    data = make(seed=seed).outputs["data"]
    first = inner(data=data, tag=tag)
    second = inner(data=data, tag="second")
    return Middle(add(a=first.output, b=second.output).outputs["total"], data)


@dsl.pipeline(name="sub-nested")
def pipeline(tag: str, seed: int = 7) -> float:
    made = middle(seed=seed, tag=tag)
    return last(data=made.outputs["data"], tag=tag).after(made).output
