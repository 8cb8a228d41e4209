"""Importers whose uri is an input of the run or made by a step, with metadata from both."""

from kfp import dsl
from kfp.dsl import Input, OutputPath


@dsl.container_component
def find(place: OutputPath(str), version: OutputPath(int)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[place, version])


@dsl.container_component
def take(data: Input[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.pipeline(name="importer-wired")
def pipeline(where: str, owner: str = "me") -> dsl.Model:
    take(data=dsl.importer(artifact_uri=where, artifact_class=dsl.Dataset).output)
    found = find()
    return dsl.importer(
        artifact_uri=found.outputs["place"],
        artifact_class=dsl.Model,
        metadata={"version": found.outputs["version"], "owner": owner, "kind": "found"},
        reimport=True,
    ).output
