"""Two steps at the end, of which one is told the status."""

from kfp import dsl


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go"])


@dsl.container_component
def notify(status: dsl.PipelineTaskFinalStatus, room: str):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[status, room])


@dsl.container_component
def clean():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["clean"])


@dsl.pipeline(name="exit-steps")
def pipeline(room: str):
    with dsl.ExitHandler(notify(room=room)) as handler:
        work()
    clean().after(handler).ignore_upstream_failure()
