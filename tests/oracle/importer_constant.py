"""Artifacts that lie somewhere already, with metadata, and one that is imported anew each time."""

from kfp import dsl
from kfp.dsl import Input


@dsl.container_component
def take(model: Input[dsl.Model], data: Input[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path, data.path])


@dsl.pipeline(name="importer-constant")
def pipeline():
    model = dsl.importer(
        artifact_uri="gs://bucket/models/7",
        artifact_class=dsl.Model,
        metadata={"framework": "pytorch", "version": 7, "tags": ["a", "b"], "deep": {"fine": True}},
    )
    data = dsl.importer(artifact_uri="gs://bucket/data", artifact_class=dsl.Dataset, reimport=True)
    take(model=model.output, data=data.output)
