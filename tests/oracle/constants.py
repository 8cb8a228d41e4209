# ruff: noqa: ARG001
"""Constants of all types that a step binds, among them those that readers like to confuse."""

from kfp import dsl


@dsl.container_component
def take(text: str, count: int, rate: float, flag: bool, table: dict, items: list):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[text, count])


@dsl.pipeline(name="constants")
def pipeline():
    take(text="1", count=1, rate=1.0, flag=True, table={"k": 1}, items=[{"n": 1}])
    take(text="true", count=0, rate=-0.0, flag=False, table={}, items=[])
    take(
        text="grün, 😀 'q' \"d\" \\ $HOME\nnext\tline",
        count=2**53,
        rate=1e-05,
        flag=True,
        table={"deep": {"list": [1, 2.5, "2.5", [True]], "empty": {}}, "a key": ""},
        items=[{}, {"x": {"y": [0]}}],
    )
    take(text="", count=-(2**53), rate=1e300, flag=False, table={"t": "1e-05"}, items=[])
