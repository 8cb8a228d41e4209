# ruff: noqa: ARG001, B006
"""Parameters of all six types, with and without defaults, from the pipeline, from constants and left to defaults."""

from kfp import dsl


@dsl.container_component
def take(text: str, count: int, rate: float, flag: bool, table: dict, items: list):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0",
        command=["run"],
        args=[f"--text={text}", count, rate, flag, table, items],
    )


@dsl.container_component
def fill(
    text: str = "",
    count: int = 0,
    rate: float = 2.0,
    flag: bool = True,
    table: dict = {},
    items: list = [],
):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", command=["run"], args=[text, items])


@dsl.pipeline(name="parameters")
def pipeline(
    text: str,
    count: int,
    rate: float,
    flag: bool,
    table: dict,
    items: list,
    text_set: str = "it's",
    count_set: int = -3,
    rate_set: float = 1e-05,
    flag_set: bool = False,
    table_set: dict = {"a": {"b": [1, "1", True]}},
    items_set: list = [0.5, 1.0],
):
    take(text=text, count=count, rate=rate, flag=flag, table=table, items=items)
    fill()
    fill(text="own", rate=0.25, count=count_set, flag=flag_set, table=table_set, items=items_set)
