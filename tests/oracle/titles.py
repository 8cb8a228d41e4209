"""Shown names of the pipeline and of a step."""

from kfp import dsl


@dsl.container_component
def make(rows: int):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rows])


@dsl.container_component
def after():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go"])


@dsl.pipeline(name="titles", display_name="All the titles")
def pipeline(rows: int = 3):
    """What it is for.

    Args:
        rows: How many.
    """
    after().after(make(rows=rows).set_display_name("Make: the data"))
