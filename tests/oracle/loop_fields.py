"""Fields of the mappings in a list, one and two of each."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def list_all(found: OutputPath(list[dict])):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[found])


@dsl.container_component
def say(title: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[title])


@dsl.container_component
def show(name: str, kind: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[name, kind])


@dsl.pipeline(name="loop-fields")
def pipeline(records: list[dict]):
    found = list_all().outputs["found"]
    with dsl.ParallelFor(records, parallelism=4) as record:
        say(title=record.title)
    with dsl.ParallelFor(found) as record:
        show(name=record.label, kind=record.kind)
