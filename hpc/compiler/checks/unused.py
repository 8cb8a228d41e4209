"""Entries of the file that nothing uses: nearly always something forgotten, never wrong, so a warning.

Components, images, accelerators, inputs and secrets (language, sections 5.24 and 5.41(l)). What is left of the file
here has its profiles laid on, its `${{ images.x }}` replaced and its `uses` written out, so in doubt it is silent:

- an image whose address occurs in any text counts as used, and so does what any profile names;
- where the pipeline says just what a profile says, the profile has perhaps replaced another name, and no entry of that
  kind is reported;
- a component with the image and the ports of one that runs is perhaps its base.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hpc.compiler.graph import FromInput, Gathered, Graph
from hpc.compiler.targets import Target
from hpc.compiler.uses import children
from hpc.components.container import ContainerComponent
from hpc.diagnostics import Diagnostic, Place, Rule
from hpc.spec.model import Pipeline

UNUSED = Rule(
    "HPC211",
    "declared and not used",
    "What nothing uses is read, kept up and wondered about for nothing; often a name elsewhere is a slip.",
    "Use it, or remove it.",
    severity="warning",
)
RULES = (UNUSED,)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    pipeline = graph.pipeline
    written = pipeline.model_dump(by_alias=True, include={"components", "steps", "defaults"})
    yield from _unused("component", _idle_components(graph), "no edge names it")
    yield from _unused("image", _idle_images(pipeline, written), "no component runs it")
    idle = _unnamed(pipeline, written, "accelerators", "accelerator")
    yield from _unused("accelerator", idle, "no component or step names it")
    yield from _unused("input", _idle_inputs(graph), "no edge takes it anywhere")
    yield from _unused("secret", _unnamed(pipeline, written, "secrets", "secret"), "no `env` names it")


def _unused(kind: str, names: Iterator[str], why: str) -> Iterator[Diagnostic]:
    for name in names:
        fact = f"{kind} `{name}` is not used: {why}."
        yield Diagnostic(UNUSED, Place((f"{kind}s", name), on="key"), fact, "use it, or remove it.")


# ---------------------------------------------------------------- each kind


def _idle_components(graph: Graph) -> Iterator[str]:
    pipeline = graph.pipeline
    used = {step.component_name for step in graph.steps} | _named(pipeline.profiles, "uses")
    used |= {word for text in _inner_texts(pipeline) for word in re.findall(r"\w+", text)}
    running = [pipeline.components[name] for name in used if name in pipeline.components]
    for name, component in pipeline.components.items():
        if name not in used and not any(_may_be_base(component, other) for other in running):
            yield name


def _inner_texts(pipeline: Pipeline) -> Iterator[str]:
    """Edges and steps of components that are made of edges."""
    for component in pipeline.components.values():
        for key in ("edges", "steps"):
            yield str(getattr(component, key, ""))


def _may_be_base(component: object, other: object) -> bool:
    """`uses` keeps the ports, and nearly always the image."""
    if not isinstance(component, ContainerComponent) or not isinstance(other, ContainerComponent):
        return False
    same = ("image", "inputs", "outputs", "command")
    return all(getattr(component, key) == getattr(other, key) for key in same)


def _idle_images(pipeline: Pipeline, written: Mapping[str, Any]) -> Iterator[str]:
    texts = "\n".join(_texts(written))
    for name in _unnamed(pipeline, written, "images", "image"):
        named = re.search(rf"\$\{{\{{\s*images\.{name}\b", "\n".join(_texts(pipeline.profiles)))
        if pipeline.images[name].uri not in texts and not named:
            yield name


def _idle_inputs(graph: Graph) -> Iterator[str]:
    used: set[str] = set()
    for step in graph.steps:
        for binding in step.bindings.values():
            sources = binding.items if isinstance(binding, Gathered) else (binding,)
            used |= {source.name for source in sources if isinstance(source, FromInput)}
    yield from (name for name in graph.pipeline.inputs if name not in used)


def _unnamed(pipeline: Pipeline, written: Mapping[str, Any], block: str, key: str) -> Iterator[str]:
    """Entries of the block that no `key:` of the file or of a profile names."""
    if any(_is_laid_on(profile, written, key) for profile in pipeline.profiles.values()):
        return
    used = _named(written, key) | _named(pipeline.profiles, key)
    yield from (name for name in getattr(pipeline, block) if name not in used)


# ---------------------------------------------------------------- walks


def _named(tree: Any, key: str) -> set[str]:
    """Every text that stands at `key`, at any depth."""
    entries = children(tree)
    found = {value for name, value in entries if name == key and isinstance(value, str)}
    return found.union(*(_named(value, key) for _, value in entries))


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    for _, value in children(tree):
        yield from _texts(value)


def _is_laid_on(layer: Any, tree: Any, key: str) -> bool:
    """Whether the layer says `key` somewhere and the tree says the same there."""
    here = dict(children(tree))
    return any(
        name in here and ((name == key and here[name] == value) or _is_laid_on(value, here[name], key))
        for name, value in children(layer)
    )
