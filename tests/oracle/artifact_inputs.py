# ruff: noqa: ARG001
"""An artifact and a list of artifacts that are given to the pipeline."""

from kfp import dsl
from kfp.dsl import Input


@dsl.container_component
def take(data: Input[dsl.Dataset], models: Input[list[dsl.Model]]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.pipeline(name="artifact-inputs")
def pipeline(data: Input[dsl.Dataset], models: Input[list[dsl.Model]]):
    """Takes.

    Args:
        data: Where it is: here.
    """
    take(data=data, models=models)
