# ruff: noqa: A002
"""Metadata of an artifact in an argument, and a typed artifact into an untyped input."""

from kfp import dsl
from kfp.dsl import Input, Output


@dsl.container_component
def make(model: Output[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", command=["make"], args=[model.path])


@dsl.container_component
def take(model: Input[dsl.Model], any: Input[dsl.Artifact]):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0",
        command=["take"],
        args=[model.metadata["framework"], f"at {any.path}"],
    )


@dsl.pipeline(name="metadata")
def pipeline():
    made = make()
    take(model=made.outputs["model"], any=made.outputs["model"])
