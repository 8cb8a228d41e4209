"""What components, steps and defaults name by declaration: images, accelerators and secrets exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hpc.components.container import ContainerComponent
from hpc.components.fields import SecretRef
from hpc.components.ports import PipelineOutput
from hpc.components.step import StepEntry
from hpc.components.subpipeline import ExternalComponent, SubPipeline
from hpc.components.types import did_you_mean
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.load import MISSING_KEY
from hpc.spec.model import Pipeline
from hpc.spec.program import File

UNKNOWN_IMAGE = Rule(
    "HPC204",
    "image not declared",
    "Every image is named in `images`, so that a review sees them in one place.",
    "Declare it, and use its name.",
)
UNKNOWN_ACCELERATOR = Rule(
    "HPC205", "accelerator not declared", "Machines are described once, in `accelerators`.", "Declare it."
)
UNKNOWN_SECRET = Rule(
    "HPC209",
    "secret not declared",
    "Secrets are declared once, with the place where each target keeps them.",
    "Declare it.",
)
ONE_NAME = Rule(
    "HPC308",
    "one name for two outputs of the pipeline",
    "Outputs of the compiled pipeline are told apart by their names; one of two with the same name would be lost.",
    "Give one of them another name with `as:`.",
)
RULES = (UNKNOWN_IMAGE, UNKNOWN_ACCELERATOR, UNKNOWN_SECRET, ONE_NAME)


def declared_names(file: File) -> Iterator[Diagnostic]:
    """What a file names by declaration and does not declare."""
    pipeline, at = file.pipeline, file.path
    if not at:
        yield from _empty_blocks(pipeline)
    yield from _outputs(pipeline.outputs, at)
    yield from _machines_and_secrets(pipeline, pipeline.defaults, (*at, "defaults"))
    for name, component in pipeline.components.items():
        path = (*at, "components", name)
        if isinstance(component, ContainerComponent | ExternalComponent) and component.image is not None:
            yield from _image(pipeline, component.image, path)
        if isinstance(component, ContainerComponent | ExternalComponent):
            yield from _machines_and_secrets(pipeline, component, path)
        if isinstance(component, SubPipeline):
            if not component.edges:
                fact = f"`edges` of `{name}` is empty, so nothing would run."
                yield Diagnostic(MISSING_KEY, Place((*path, "edges")), fact, "add an edge, or the name of a step.")
            yield from _outputs(component.outputs, path)
            yield from _steps(pipeline, component.steps, path)
    yield from _steps(pipeline, pipeline.steps, at)


def _empty_blocks(pipeline: Pipeline) -> Iterator[Diagnostic]:
    if not pipeline.components:
        fact, fix = "`components` is empty.", "add a component, e.g. `train: {image: trainer, …}`."
        yield Diagnostic(MISSING_KEY, Place(("components",)), fact, fix)
    if not pipeline.edges:
        fact, fix = "`edges` is empty, so nothing would run.", "add an edge, or the name of a step."
        yield Diagnostic(MISSING_KEY, Place(("edges",)), fact, fix)


def _steps(pipeline: Pipeline, steps: Mapping[str, StepEntry], at: Path) -> Iterator[Diagnostic]:
    for name, entry in steps.items():
        yield from _machines_and_secrets(pipeline, entry, (*at, "steps", name))


def _outputs(outputs: Mapping[str, PipelineOutput], at: Path) -> Iterator[Diagnostic]:
    first: dict[str, str] = {}
    for name, port in outputs.items():
        written = port.as_ or name
        other = first.setdefault(written, name)
        if other != name:
            fact = f"output `{name}` would be called `{written}`, as `{other}` is ({{other}}); one would be lost."
            fix = "give one of them another name with `as:`."
            places = [Place((*at, "outputs", one), on="key") for one in (name, other)]
            yield Diagnostic(ONE_NAME, places[0], fact, fix, other=places[1])


def _image(pipeline: Pipeline, image: str, path: Path) -> Iterator[Diagnostic]:
    if image in pipeline.images:
        return
    fact, fix = f"image `{image}` is not declared in `images`.", did_you_mean(image, pipeline.images)
    if ":" in image or "/" in image:
        fact = (
            f"image `{image}` is not declared in `images`: every image is named there, so that a review sees them in "
            "one place."
        )
        fix = f"add `images: {{{path[-1]}: {image}}}` and write `image: {path[-1]}`."
    yield Diagnostic(UNKNOWN_IMAGE, Place((*path, "image")), fact, fix)


def _machines_and_secrets(pipeline: Pipeline, owner: Any, path: Path) -> Iterator[Diagnostic]:
    name = owner.accelerator
    if name is not None and name not in pipeline.accelerators:
        fix = did_you_mean(name, pipeline.accelerators)
        yield Diagnostic(
            UNKNOWN_ACCELERATOR, Place((*path, "accelerator")), f"accelerator `{name}` is not declared.", fix
        )
    for variable, value in owner.env.items():
        if isinstance(value, SecretRef) and value.secret not in pipeline.secrets:
            place = Place((*path, "env", variable, "secret"))
            fact = f"secret `{value.secret}` is not declared in `secrets`."
            yield Diagnostic(UNKNOWN_SECRET, place, fact, did_you_mean(value.secret, pipeline.secrets))
