# ruff: noqa: ARG001, UP045
"""Optional inputs and defaults of sub-pipelines. hpc leaves an argument out while compiling; here each use is spelt."""

from typing import Optional

from kfp import dsl
from kfp.dsl import Input, Output


@dsl.container_component
def make(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def base(note: Optional[str] = None, data: Input[dsl.Dataset] = None, count: int = 2):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go", count])


@dsl.container_component
def noted(note: Optional[str] = None, data: Input[dsl.Dataset] = None, count: int = 2):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go", "--note", note, count])


@dsl.container_component
def full(note: Optional[str] = None, data: Input[dsl.Dataset] = None, count: int = 2):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0", args=["go", "--note", note, f"--data={data.path}", count]
    )


@dsl.pipeline
def plain(note: Optional[str] = None, data: Input[dsl.Dataset] = None, count: int = 3):
    base(note=note, data=data, count=count)


@dsl.pipeline
def some(note: Optional[str] = None, data: Input[dsl.Dataset] = None, count: int = 3):
    noted(note=note, data=data, count=count)


@dsl.pipeline
def all_of_it(note: Optional[str] = None, data: Input[dsl.Dataset] = None, count: int = 3):
    full(note=note, data=data, count=count)


@dsl.pipeline(name="sub-optional")
def pipeline(text: str = "own"):
    plain()
    some(note=text, count=5)
    all_of_it(note=text, data=make().outputs["data"])
