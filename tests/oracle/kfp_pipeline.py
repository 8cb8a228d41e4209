"""Settings of the whole run on Kubernetes."""

from kfp import dsl


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go"])


@dsl.pipeline(
    name="kfp-pipeline",
    pipeline_config=dsl.PipelineConfig(
        workspace=dsl.WorkspaceConfig(size="5Gi"), ttl_seconds_after_finished=3600, active_deadline_seconds=86400
    ),
)
def pipeline():
    work()
