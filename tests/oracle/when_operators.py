"""All six comparisons, on whole numbers and on fractions, with literals, with inputs and of inputs alone."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def score(rows: OutputPath(int), value: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rows, value])


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go"])


@dsl.pipeline(name="when-operators")
def pipeline(least: int, gold: float = 0.97):
    made = score()
    rows, value = made.outputs["rows"], made.outputs["value"]
    conditions = (rows == 100, rows != -1, rows < least, rows <= 7, value > 0.25, value >= gold, value == 1)
    for condition in (*conditions, value < 1e-05, gold > 0.5):
        with dsl.If(condition):
            work()
