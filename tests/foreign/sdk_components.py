"""Container components and a lightweight one, for the KFP SDK to compile; it reads these annotations as they stand."""
# ruff: noqa: UP006, UP035, UP045, B006, ARG001

from typing import Dict, List, Optional

from kfp import dsl


@dsl.container_component
def everything(
    n: int,
    flag: bool,
    data: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    report: dsl.OutputPath(str),
    opt: Optional[str] = None,
    rate: float = 1e-5,
    settings: Dict[str, int] = {"a": 1},
    names: List[str] = ["a"],
    more: dsl.Input[List[dsl.Dataset]] = None,
):
    """Uses everything.

    In two paragraphs.

    Args:
        n: How many.
        data: What to read.

    Returns:
        model: What it learnt.
    """
    return dsl.ContainerSpec(
        image="reg.example/everything:1",
        command=["run", dsl.ConcatPlaceholder(["--n=", n, "/", dsl.IfPresentPlaceholder("opt", opt, "no")])],
        args=[
            "--data",
            data.path,
            data.metadata["key"],
            model.uri,
            report,
            dsl.IfPresentPlaceholder("opt", ["--opt", opt], ["--without"]),
            dsl.IfPresentPlaceholder("more", [dsl.ConcatPlaceholder(["--more=", more]), "--yes"]),
            rate,
            settings,
            names,
            flag,
            "{{$}}",
        ],
    )


@dsl.container_component
def nothing():
    return dsl.ContainerSpec(image="alpine")


@dsl.container_component
def nested(a: Optional[str] = None, b: Optional[int] = None, c: str = "x"):
    return dsl.ContainerSpec(
        image="i",
        command=["sh", "-c", 'echo "$0"', c],
        args=[
            dsl.IfPresentPlaceholder(
                "a",
                ["--a", a, dsl.IfPresentPlaceholder("b", ["--ab", dsl.ConcatPlaceholder([a, "+", b])], ["--a-only"])],
                dsl.IfPresentPlaceholder("b", ["--b-only", b]),
            ),
            dsl.ConcatPlaceholder([dsl.ConcatPlaceholder(["[", dsl.IfPresentPlaceholder("c", c), "]"]), '"\\ü']),
        ],
    )


@dsl.container_component
def unconditional(a: Optional[str] = None, data: dsl.Input[dsl.Artifact] = None):
    return dsl.ContainerSpec(image="i", args=["--a", a, data.uri])


@dsl.container_component
def at_the_end(status: dsl.PipelineTaskFinalStatus, word: str):
    return dsl.ContainerSpec(image="i", args=[status, word])


@dsl.component(base_image="python:3.12", packages_to_install=["numpy"])
def lightweight(rows: List[float], limit: Optional[int] = None, title: str = "x") -> float:
    """Adds up.

    Args:
        rows: What to add.
    """
    return sum(rows[:limit])


COMPONENTS = [everything, nothing, nested, unconditional, at_the_end, lightweight]
