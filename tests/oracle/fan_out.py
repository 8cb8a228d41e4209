"""One task feeds three, with an artifact and with values written to files."""

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def make_data(seed: int, data: Output[dsl.Dataset], rows: OutputPath(int), names: OutputPath(list)):
    return dsl.ContainerSpec(
        image="registry.example/team/maker:1.0",
        command=["python", "make.py"],
        args=["--seed", seed, "--rows", rows, names, data.path],
    )


@dsl.container_component
def count(rows: int):
    return dsl.ContainerSpec(image="registry.example/team/taker:2.1", args=[rows])


@dsl.container_component
def look(data: Input[dsl.Dataset], names: list, seed: int):
    return dsl.ContainerSpec(image="registry.example/team/taker:2.1", args=[data.path, names, seed])


@dsl.pipeline(name="fan-out")
def pipeline(seed: int = 7):
    made = make_data(seed=seed)
    count(rows=made.outputs["rows"])
    for _ in range(2):
        look(data=made.outputs["data"], names=made.outputs["names"], seed=seed)
