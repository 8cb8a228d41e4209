"""Components that someone else wrote: a file of KFP enters as text, a container or a pipeline that hpc can use leaves.

Known are KFP component YAML (version 1, `implementation.container`), compiled IR of one component and compiled IR of a
whole pipeline (JSON or YAML, with a PlatformSpec or without).
"""

from __future__ import annotations

from hpc.components.foreign.compiled import read_compiled
from hpc.components.foreign.containers import ForeignContainer
from hpc.components.foreign.google import GoogleOperation, google_names, google_operation, nearest_google_name
from hpc.components.foreign.node import NotAComponent
from hpc.components.foreign.pipelines import ForeignPipeline
from hpc.components.foreign.text import documents, header_description
from hpc.components.foreign.yaml_v1 import read_v1

__all__ = [
    "ForeignContainer",
    "ForeignPipeline",
    "GoogleOperation",
    "NotAComponent",
    "google_names",
    "google_operation",
    "nearest_google_name",
    "read_foreign",
]


def read_foreign(text: str) -> ForeignContainer | ForeignPipeline:
    """What a file of KFP describes. Raises NotAComponent where it is none, or is not whole.

    Compiled IR is a container where nothing but the component itself is in it: one task, all ports handed through, no
    settings of the task. Everything else is a pipeline.
    """
    found = documents(text)
    first = found[0]
    if "implementation" in first.entries():
        return read_v1(first)
    if "root" in first.entries() or "pipelineInfo" in first.entries():
        return read_compiled(first, found[1] if len(found) == 2 else None, header_description(text))
    raise NotAComponent(
        "it has neither the key `implementation` (a KFP component) nor `root` (compiled IR).",
        "name a KFP component file, or what `hpc compile` or the KFP SDK wrote.",
    )
