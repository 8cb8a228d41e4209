"""A literal list is unrolled: a task for each pair in two lanes, whose values are gathered one by one."""

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.container_component
def train(data: str, net: str, rate: float, score: OutputPath(float)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data, net, rate, score])


@dsl.container_component
def pick(scores_0: float, scores_1: float, scores_2: float, scores_3: float):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0", args=[f"[{scores_0},{scores_1},{scores_2},{scores_3}]"]
    )


@dsl.pipeline(name="loop-unrolled")
def pipeline(data: str):
    runs = [train(data=data, net=net, rate=rate) for net in ("cnn", "vit") for rate in (0.1, 0.2)]
    runs[2].after(runs[0])
    runs[3].after(runs[1])
    scores = [run.outputs["score"] for run in runs]
    pick(scores_0=scores[0], scores_1=scores[1], scores_2=scores[2], scores_3=scores[3])
