# ruff: noqa: ARG001
"""Descriptions, shown names and the folder of the pipeline."""

from kfp import dsl
from kfp.dsl import Output, OutputPath

DESCRIPTION = 'Trains a model.\n\nSecond paragraph: "quotes", ümlauts and 😀.'


@dsl.container_component
def train(rate: float, note: str, model: Output[dsl.Model], score: OutputPath(float)):
    """Trains.

    Args:
        rate: Learning rate.
        note: A note.

    Returns:
        model: The trained model.
        score: How good it is.
    """
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rate])


@dsl.pipeline(
    name="texts", display_name="Texts of all kinds", description=DESCRIPTION, pipeline_root="gs://bucket/root"
)
def pipeline(note: str, rate: float = 0.1):
    """Trains.

    Args:
        rate: How fast it learns.
        note: What is said: nothing.
    """
    train(rate=rate, note=note).set_display_name("Train & check (1/2)")
    train(rate=rate, note=note).set_display_name("Trainer")
