"""Descriptions, shown names and the folder of the pipeline."""

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath

DESCRIPTION = 'Trains a model.\n\nSecond paragraph: "quotes", ümlauts and 😀.'


@dsl.container_component
def train(rate: float, data: Input[dsl.Dataset], model: Output[dsl.Model], score: OutputPath(float)):
    """Trains.

    Args:
        rate: Learning rate.
        data: Where the data is.
        model: The trained model.
        score: How good it is.
    """
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rate])


@dsl.pipeline(
    name="texts", display_name="Texts of all kinds", description=DESCRIPTION, pipeline_root="gs://bucket/root"
)
def pipeline(data: Input[dsl.Dataset], rate: float = 0.1):
    """Trains.

    Args:
        rate: How fast it learns.
        data: What it learns from: images.
    """
    train(rate=rate, data=data).set_display_name("Train & check (1/2)")
    train(rate=rate, data=data)
