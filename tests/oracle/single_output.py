"""A single result, which the SDK calls `Output`."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def train(score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[score])


@dsl.pipeline(name="single-output")
def pipeline() -> float:
    return train().outputs["score"]
