"""What a pipeline file needs of the machine and of services: a file enters, plain facts leave, for `hpc doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hpc.cli.compiled import is_compiled
from hpc.cli.disk import Folder, read_source
from hpc.compiler import Choice, images, understood
from hpc.components.container import ContainerComponent
from hpc.components.subpipeline import ExternalComponent
from hpc.diagnostics import Path as Place
from hpc.spec.model import Image, Secret, Targets
from hpc.spec.program import File


@dataclass(frozen=True)
class Needs:
    """`images` by the names that they have in the file. `hydra`: a Hydra app would run in hpc's own interpreter."""

    targets: Targets | None = None
    images: Mapping[str, Image] = field(default_factory=dict[str, Image])
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    hydra: bool = False
    optuna: bool = False
    bigquery: bool = False
    scheduled: bool = False


def needs_of(path: Path, choice: Choice) -> Needs:
    """Raises Rejected for a file that is wrong as it stands; a compiled one says nothing of what it needs."""
    source = read_source(path)
    if is_compiled(source.text):
        return Needs()
    folder = Folder(path.parent)
    program, _ = understood(source, folder, choice)
    pipeline = program.main.pipeline
    run, _ = images(source, folder, choice)
    return Needs(
        targets=pipeline.targets,
        images=_named(run),
        secrets=pipeline.secrets,
        hydra=any(map(_has_own_hydra_app, program.files)),
        optuna=any(step.tune is not None and step.tune.algorithm != "grid" for step in pipeline.steps.values()),
        bigquery=any(uses.startswith("google/Bigquery") for file in program.files for uses in _used(file)),
        scheduled=pipeline.schedule is not None,
    )


def _named(run: Mapping[Place, Image]) -> dict[str, Image]:
    """By their names, or by their addresses where another file has the same name for another image."""
    found: dict[str, Image] = {}
    for place, image in run.items():
        name = str(place[-1])
        found[name if found.get(name, image).pinned == image.pinned else image.pinned] = image
    return found


def _has_own_hydra_app(file: File) -> bool:
    """Whether one of its Hydra apps has no interpreter and no packages of its own."""
    for component in file.pipeline.components.values():
        if isinstance(component, ContainerComponent) and component.is_hydra:
            image = file.pipeline.images.get(component.image)
            local = image.local if image else None
            if local is None or not (local.python or local.requirements):
                return True
    return False


def _used(file: File) -> Iterator[str]:
    for component in file.pipeline.components.values():
        if isinstance(component, ExternalComponent):
            yield component.uses
