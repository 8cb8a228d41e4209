"""Images whose content can change under their name, and artifact types that hpc does not know. Both are warnings.

Language, sections 5.23 and 5.28. An image is judged where a step runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.components.ports import Port
from hpc.components.types import ARTIFACTS, nearest
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.model import Image
from hpc.spec.program import File

MOVING_TAG = Rule(
    "HPC212",
    "image without a fixed version",
    "`latest`, or no tag, names another image tomorrow: a run cannot be repeated, and a cached result says nothing.",
    "Write a tag of its own for each version, or a `digest`; or pin it with `hpc lock`.",
    severity="warning",
)
UNKNOWN_ARTIFACT = Rule(
    "HPC213",
    "artifact type that hpc does not know",
    "Types of Google's components are taken as they are written; a slip in one shows only when the run starts.",
    "Make sure that the name is right.",
    severity="warning",
)
RULES = (MOVING_TAG, UNKNOWN_ARTIFACT)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    used = {step.settings.image_path for step in graph.steps}
    for file in graph.files:
        for name, image in file.pipeline.images.items():
            path = (*file.path, "images", name)
            if path in used:
                yield from _tag(path, image)
        for path, port in _ports(file):
            if not port.type.is_known:
                yield _unknown_type(path, port)


def _tag(path: Path, image: Image) -> Iterator[Diagnostic]:
    tag = image.uri.rpartition("/")[2].partition(":")[2]
    if image.digest or "@" in image.uri or tag not in ("", "latest"):
        return
    what = "`:latest` names another image after each push" if tag else "without a tag it is `:latest`, which changes"
    bare = image.uri.removesuffix(":latest")
    fact = f"image `{path[-1]}`: {what}."
    fix = f"write a version, e.g. `{bare}:1.0`, or add its `digest`."
    yield Diagnostic(MOVING_TAG, Place((*path, "uri")), fact, fix)


def _ports(file: File) -> Iterator[tuple[Path, Port]]:
    owners: list[tuple[Path, object]] = [(file.path, file.pipeline)]
    owners += [((*file.path, "components", name), one) for name, one in file.pipeline.components.items()]
    for path, owner in owners:
        for block in ("inputs", "outputs"):
            ports: Mapping[str, Port] = getattr(owner, block, {})
            yield from (((*path, block, name, "type"), port) for name, port in ports.items())


def _unknown_type(path: Path, port: Port) -> Diagnostic:
    base = port.type.base
    known = [name.removeprefix("google.") for name in ARTIFACTS if name.startswith("google.")]
    near = nearest(base.removeprefix("google."), known)
    fact = f"hpc does not know the artifact type `{base}`; it is written as it stands."
    fix = f"did you mean `google.{near}`?" if near else "make sure that the name is right."
    return Diagnostic(UNKNOWN_ARTIFACT, Place(path), fact, fix)
