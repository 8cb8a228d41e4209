"""Imported artifacts of the types of the system and of Google."""

from kfp import dsl
from kfp.dsl import Input


class VertexModel(dsl.Artifact):
    schema_title = "google.VertexModel"


class UnmanagedContainerModel(dsl.Artifact):
    schema_title = "google.UnmanagedContainerModel"


class BQTable(dsl.Artifact):
    schema_title = "google.BQTable"


@dsl.container_component
def deploy(model: Input[VertexModel]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.uri])


@dsl.container_component
def take(
    one: Input[UnmanagedContainerModel],
    two: Input[BQTable],
    metrics: Input[dsl.Metrics],
    page: Input[dsl.HTML],
    anything: Input[dsl.Artifact],
):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0", args=[one.path, two.path, metrics.path, page.path, anything.path]
    )


@dsl.pipeline(name="importer-types")
def pipeline():
    deploy(
        model=dsl.importer(
            artifact_uri="https://host.example/v1/projects/p/models/1",
            artifact_class=VertexModel,
            metadata={"resourceName": "projects/p/models/1"},
        ).output
    )
    made = dsl.importer(
        artifact_uri="gs://bucket/m",
        artifact_class=UnmanagedContainerModel,
        metadata={"containerSpec": {"imageUri": "a/b:1"}},
    )
    take(
        one=made.output,
        two=dsl.importer(artifact_uri="bq://a.b.c", artifact_class=BQTable).output,
        anything=dsl.importer(artifact_uri="s3://bucket/a b", artifact_class=dsl.Artifact).output,
        metrics=dsl.importer(artifact_uri="/mnt/metrics", artifact_class=dsl.Metrics).output,
        page=dsl.importer(artifact_uri="gs://bucket/page", artifact_class=dsl.HTML).output,
    )
