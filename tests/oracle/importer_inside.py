"""An importer under a condition and one in a loop, whose uri is the element."""

from kfp import dsl
from kfp.dsl import Input


@dsl.container_component
def take(data: Input[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.pipeline
def load(place: str):
    take(data=dsl.importer(artifact_uri=place, artifact_class=dsl.Dataset, reimport=True).output)


@dsl.pipeline(name="importer-inside")
def pipeline(places: list[str], fresh: bool, base: str):
    with dsl.ParallelFor(places, parallelism=2) as place:
        load(place=place)
    with dsl.If(fresh == True):  # noqa: E712
        take(data=dsl.importer(artifact_uri=base, artifact_class=dsl.Dataset, reimport=True).output)
