"""Files of KFP as files of hpc: text enters; text, and what is to be said about it, leave.

A component becomes a library, a compiled pipeline a pipeline file. Nothing is dropped silently: what the language
cannot say is listed with its path in the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from hpc.components.foreign import ForeignContainer, NotAComponent, read_foreign
from hpc.components.foreign.node import Node
from hpc.components.foreign.text import documents
from hpc.conversion.arguments import Style
from hpc.conversion.check import objections
from hpc.conversion.converted import Converted
from hpc.conversion.emit import emit
from hpc.conversion.library import library_document
from hpc.conversion.notes import Notes, Remark
from hpc.conversion.pipeline import pipeline_document
from hpc.conversion.shape import PIPELINE, PLATFORM, shaped

_ESCAPE = ".json_escape[1]}}"

__all__ = ["Converted", "NotAComponent", "Remark", "Style", "convert", "objections"]


def convert(text: str, style: Style = "hydra", folder: str | None = None) -> Converted:
    """A KFP component YAML (version 1), or compiled IR of a component or a pipeline, as a file of hpc.

    `style` is how a component gets its values; `folder` is where components of a pipeline that must stay as they are
    may lie, from the pipeline file, None for nowhere. Raises NotAComponent for a file that is none of these or is not
    whole.
    """
    first, *rest = documents(text)
    _refuse_searches(rest)
    _refuse_jobs(first)
    found = read_foreign(text)
    notes = Notes()
    is_component = isinstance(found, ForeignContainer) and _is_component(first.value)
    if isinstance(found, ForeignContainer) and is_component:
        document, files = library_document(found, style, notes), dict[str, str]()
    else:
        spec = shaped(first, PIPELINE, notes)
        platform = shaped(rest[0], PLATFORM, notes) if rest else None
        document, files = pipeline_document(spec, platform, folder, notes)
    comments = [f"not converted: {remark}" for remark in notes.lost]
    kind = "component" if is_component else "pipeline"
    return Converted(emit(document, comments), document, files, kind, tuple(notes.said), tuple(notes.lost))


def _refuse_searches(platforms: Sequence[Node]) -> None:
    """A search stands in the compiled file in a form of the local engine's own, and is not read back."""
    for platform in platforms:
        executors: object = platform.value
        for key in ("platforms", "local", "deploymentSpec", "executors"):
            executors = _entries(executors).get(key)
        for label, entry in _entries(executors).items():
            if "tune" in _entries(entry):
                fact = f"`{label}` is a search (`tune`) for this machine, and searches are not converted back."
                raise NotAComponent(fact, "keep the pipeline file that it was compiled from.")


def _refuse_jobs(document: Node) -> None:
    """A job of Vertex AI that hpc wrote holds the program inside one argument, in a form that is hpc's own."""
    executors: object = document.value
    for key in ("deploymentSpec", "executors"):
        executors = _entries(executors).get(key)
    for label, executor in _entries(executors).items():
        words = _entries(_entries(executor).get("container")).get("args")
        if isinstance(words, list) and any(_ESCAPE in str(word) for word in cast("list[object]", words)):
            fact = f"`{label}` starts a job of Vertex AI that hpc wrote, and such jobs are not converted back."
            raise NotAComponent(fact, "keep the pipeline file that it was compiled from, or compile it for kfp.")


def _entries(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _is_component(document: Mapping[str, Any]) -> bool:
    """Whether a file is one component rather than a pipeline of one step: the SDK calls both by one name then."""
    if "implementation" in document:
        return True
    name = document.get("pipelineInfo", {}).get("name", "")
    tasks = document["root"]["dag"]["tasks"]
    return f"comp-{name}" in document["components"] or name in tasks
