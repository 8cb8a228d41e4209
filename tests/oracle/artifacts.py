# ruff: noqa: ARG001
"""Artifacts of all system types, by path and by URI. Metrics come from outside: hpc reports those that a step makes."""

from kfp import dsl
from kfp.dsl import Input, Output


@dsl.container_component
def make(
    anything: Output[dsl.Artifact],
    data: Output[dsl.Dataset],
    model: Output[dsl.Model],
    slices: Output[dsl.SlicedClassificationMetrics],
    page: Output[dsl.HTML],
    notes: Output[dsl.Markdown],
):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0",
        command=["make", anything.path],
        args=[
            data.path,
            model.uri,
            slices.path,
            f"--page={page.path}/index.html",
            notes.path,
        ],
    )


@dsl.container_component
def take(
    anything: Input[dsl.Artifact],
    data: Input[dsl.Dataset],
    model: Input[dsl.Model],
    metrics: Input[dsl.Metrics],
    classes: Input[dsl.ClassificationMetrics],
    slices: Input[dsl.SlicedClassificationMetrics],
    page: Input[dsl.HTML],
    notes: Input[dsl.Markdown],
):
    return dsl.ContainerSpec(
        image="registry.example/team/tool:1.0",
        command=["take"],
        args=[anything.path, data.path, model.uri, page.path],
    )


@dsl.pipeline(name="artifacts")
def pipeline(metrics: Input[dsl.Metrics], classes: Input[dsl.ClassificationMetrics]):
    take(metrics=metrics, classes=classes, **make().outputs)
