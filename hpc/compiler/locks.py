"""hpc.lock: which content each image address stands for. The text of the file enters, pinned images and warnings leave.

The file lies beside the pipeline file and holds one line for each address as the file writes it, for that file and all
that it uses. A `digest` in the file, or an address that holds one, needs no line there.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from hpc.compiler.files import Files
from hpc.compiler.graph import ContainerStep, Graph
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Path, Place, Rejected, Rule, Source, Span, located
from hpc.spec.document import Document, read
from hpc.spec.model import Image
from hpc.spec.program import File, Program

LOCK_NAME = "hpc.lock"
_VERSION = 1
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEAD = """\
# What the images of the pipelines in this folder held when they were locked. Written by `hpc lock` and
# `hpc build --push`; keep it in version control. `hpc lock --check` tells whether a tag has moved.
"""

BAD_LOCK = Rule(
    "HPC950",
    "hpc.lock cannot be used",
    "`hpc.lock` tells which content an image address stands for; with a part of it left out, a run would take other "
    "images than those that were reviewed.",
    "Mend it, or write it anew: delete it and run `hpc lock`.",
)
NOT_LOCKED = Rule(
    "HPC951",
    "image is not in hpc.lock",
    "The other images are pinned to their content, and this one is whatever its tag means when the run starts.",
    "Run `hpc lock`, or `hpc build --push` for an image that is built here.",
    severity="warning",
)
RULES = (BAD_LOCK, NOT_LOCKED)


@dataclass(frozen=True)
class Lock:
    """Digests by address."""

    digests: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def text(self) -> str:
        """The file: sorted, one line for each address."""
        lines = [f"  {json.dumps(address)}: {digest}" for address, digest in sorted(self.digests.items())]
        return f"{_HEAD}lock: {_VERSION}\nimages:{'' if lines else ' {}'}\n" + "".join(f"{line}\n" for line in lines)


def read_lock(files: Files, name: str = LOCK_NAME) -> Lock | None:
    """The lock beside the pipeline file, None if there is none; `name` is how messages call it. Raises Rejected."""
    return files.once(LOCK_NAME, lambda: _read_lock(files, name))


def _read_lock(files: Files, name: str) -> Lock | None:
    try:
        text = files.read_text(LOCK_NAME)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        fact, fix = "this file cannot be read as text.", "correct its permissions and encoding."
        raise Rejected([Diagnostic(BAD_LOCK, Span.of_file(name), fact, fix)]) from None
    document = read(Source(name, text))
    if found := located(_misshapen(document), document):
        raise Rejected(found)
    return Lock(document.plain()["images"])


def lock_name(source: Source) -> str:
    """The lock of a pipeline file, named as that file is."""
    return posixpath.join(posixpath.dirname(source.name), LOCK_NAME)


def _misshapen(document: Document) -> Iterator[Diagnostic]:
    content = document.plain()
    anew = "delete the file, and run `hpc lock`."
    if content.get("lock") != _VERSION or isinstance(content["lock"], bool):
        fact = f"it does not begin with `lock: {_VERSION}`, the form that this hpc reads."
        yield Diagnostic(BAD_LOCK, Place(("lock",)), fact, f"install a newer hpc, or {anew}")
        return
    for key in content.keys() - {"lock", "images"}:
        yield Diagnostic(BAD_LOCK, Place((key,), on="key"), f"it holds a key `{key}`, which hpc does not write.", anew)
    images = content.get("images")
    if not isinstance(images, dict):
        yield Diagnostic(BAD_LOCK, Place(("images",)), "`images` is not a mapping of addresses to digests.", anew)
        return
    for address, digest in cast("dict[str, object]", images).items():
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            fact = f"`{address}` has no digest: that is `sha256:` and 64 hexadecimal digits."
            yield Diagnostic(BAD_LOCK, Place(("images", address)), fact, "run `hpc lock`.")


def with_locked_images(program: Program, lock: Lock | None) -> Program:
    """The program with the digests of the lock in its images; a digest that a file writes stays."""
    if lock is None:
        return program
    used = {name: _pinned(one, lock) if isinstance(one, File) else one for name, one in program.used.items()}
    return replace(program, main=_pinned(program.main, lock), used=used)


def _pinned(file: File, lock: Lock) -> File:
    digests = {
        name: lock.digests[image.uri]
        for name, image in file.pipeline.images.items()
        if image.uri in lock.digests and not is_pinned(image)
    }
    if not digests:
        return file
    images = {
        name: image.model_copy(update={"digest": digests[name]}) if name in digests else image
        for name, image in file.pipeline.images.items()
    }
    return replace(file, pipeline=file.pipeline.model_copy(update={"images": images}))


def is_pinned(image: Image) -> bool:
    """Whether it has a digest already."""
    return image.digest is not None or "@" in image.uri


def images_run(graph: Graph) -> dict[Path, Image]:
    """The images that steps run, by the place where they are declared: in this file, those that it uses, the library.

    Components that were made elsewhere (files of KFP, compiled pipelines) say their images themselves.
    """
    steps = (step for step in graph.all_steps if isinstance(step, ContainerStep))
    return {step.settings.image_path: step.settings.image for step in steps}


def not_locked(graph: Graph, lock: Lock | None, target: Target) -> Iterator[Diagnostic]:
    """A warning for each image that the lock should hold. On this machine an image may never have been pushed."""
    if lock is None or target.builds_images:
        return
    for path, image in images_run(graph).items():
        if not is_pinned(image) and not has_moving_tag(image):
            fact = f"image `{path[-1]}`: `{image.uri}` is not in {LOCK_NAME}, which pins the others."
            fix = "run `hpc build --push`." if image.build else "run `hpc lock`."
            yield Diagnostic(NOT_LOCKED, Place((*path, "uri")), fact, fix)


def has_moving_tag(image: Image) -> bool:
    """Whether the address means another image after each push: HPC212 says so."""
    return image.uri.rpartition("/")[2].partition(":")[2] in ("", "latest")
