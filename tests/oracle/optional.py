# ruff: noqa: ARG001, UP045
"""Optional inputs left out. hpc decides while compiling which arguments stay; here each use has its own component."""

from typing import Optional

from kfp import dsl
from kfp.dsl import Input, Output


@dsl.container_component
def make(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def work(note: Optional[str] = None, data: Input[dsl.Dataset] = None):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["--go", "--no-data"])


@dsl.container_component
def noted(note: Optional[str] = None, data: Input[dsl.Dataset] = None):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["--go", "--note", note, "--no-data"])


@dsl.container_component
def full(note: Optional[str] = None, data: Input[dsl.Dataset] = None):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0", args=["--go", "--note", note, f"--data={data.path}"]
    )


@dsl.pipeline(name="optional")
def pipeline():
    work()
    noted(note="hello")
    full(note="", data=make().outputs["data"])
