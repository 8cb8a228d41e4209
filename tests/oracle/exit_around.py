"""An exit handler around a switch, a loop and a sub-pipeline; the exit step is not told the status."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def look(rows: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[rows])


@dsl.container_component
def many():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["many"])


@dsl.container_component
def few():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["few"])


@dsl.container_component
def say(name: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[name])


@dsl.container_component
def pull():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["pull"])


@dsl.container_component
def push():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["push"])


@dsl.container_component
def clean():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["clean"])


@dsl.pipeline
def sync():
    push().after(pull())


@dsl.pipeline(name="exit-around")
def pipeline(names: list[str]):
    with dsl.ExitHandler(clean().set_retry(2)):
        looked = look()
        with dsl.If(looked.outputs["rows"] >= 10):
            many()
        with dsl.Else():
            few()
        with dsl.ParallelFor(names, parallelism=2) as name:
            say(name=name)
        sync().after(looked)
