"""Pipelines for the KFP SDK to compile, with groups for which the language of hpc has no form of its own."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output, OutputPath


@dsl.container_component
def make(n: int, data: Output[Dataset], rows: OutputPath(int)):
    return dsl.ContainerSpec(image="r.example/t:1", args=["--n", n, data.path, rows])


@dsl.container_component
def use(data: Input[Dataset], name: str, score: OutputPath(float)):
    return dsl.ContainerSpec(image="r.example/t:1", args=[data.path, name, score])


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image="r.example/t:1", args=[text])


@dsl.container_component
def gather(scores: list[float]):
    return dsl.ContainerSpec(image="r.example/t:1", args=[scores])


@dsl.container_component
def notify(status: dsl.PipelineTaskFinalStatus):
    return dsl.ContainerSpec(image="r.example/t:1", args=[status])


@dsl.component(base_image="python:3.11")
def learn(maxDepth: int) -> float:  # noqa: N803
    return 1.0 / maxDepth


@dsl.pipeline(name="loop-of-two")
def loop_of_two(names: list[str], k: int = 3):
    made = make(n=k)
    with dsl.ParallelFor(names, parallelism=3) as name:
        used = use(data=made.outputs["data"], name=name)
        say(text=f"at {name} of {k}").after(used)
    gather(scores=dsl.Collected(used.outputs["score"]))


@dsl.pipeline(name="fields-of-two")
def fields_of_two(rows: list[dict]):
    made = make(n=1)
    with dsl.ParallelFor(rows) as row:
        used = use(data=made.outputs["data"], name=row.label)
        say(text=row.title).after(used)


@dsl.pipeline(name="if-two")
def if_two(flag: bool):
    made = make(n=2)
    with dsl.If(made.outputs["rows"] > 3):
        use(data=made.outputs["data"], name="a")
        with dsl.If(flag == True):  # noqa: E712
            say(text="b")


@dsl.pipeline(name="switch-in-if")
def switch_in_if(flag: bool, mode: str):
    with dsl.If(flag == True):  # noqa: E712
        with dsl.If(mode == "x"):
            say(text="x")
        with dsl.Else():
            say(text="y")


@dsl.pipeline(name="half-handled")
def half_handled():
    made = make(n=1)
    with dsl.ExitHandler(notify()):
        say(text="inside")
    use(data=made.outputs["data"], name="beside")


@dsl.pipeline(name="job-name")
def job_name():
    say(text=dsl.PIPELINE_JOB_NAME_PLACEHOLDER)


@dsl.pipeline(name="lightweight")
def lightweight() -> float:
    return learn(maxDepth=2).output
