"""What each target can do and how it is written: pure data. A capability that is missing becomes a message.

Grounds: Vertex AI documentation and API (2026-11), kubeflow/pipelines backend (2026-08), hpc's own local engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hpc.diagnostics import Rule

CANNOT = Rule(
    "HPC504",
    "the target cannot do this",
    "Targets differ; what one of them lacks is said while compiling and not found out when the run fails.",
    "Compile for another target, or write it differently.",
)
NOT_USED = Rule(
    "HPC512",
    "means nothing on this target",
    "Machine profiles describe machines for each target; what a target does not know is left out there.",
    "Nothing to do.",
    severity="note",
)

TargetName = Literal["vertex", "kfp", "local"]


@dataclass(frozen=True)
class Quotas:
    """The most tasks of a run; the most artifacts, in and out, and environment variables of a task."""

    tasks: int
    artifacts: int
    variables: int


@dataclass(frozen=True)
class Target:
    """`literals`: enumerated inputs are understood. `gpu_resource`: one name for every GPU, or None for its own.
    `makes_jobs`: a step can be a job of its own, on machines of the table.

    `platform` names the second document, `metadata` tells whether `${{ inputs.x.metadata.k }}` is replaced in an
    argument, `unknown_run` holds the `run.*` that are not. `exit_hooks`: what runs whatever happened is a hook of what
    it waits for: one for each, and nothing waits for it. `final_status` tells whether the status of an end is right,
    `requests` whether a container can ask for less than its limits, `tunes` who makes the trials of a search: a
    job of the service, the engine itself, or nobody, `google_operations` whether `uses: google/…` can be run.
    `builds_images`: an image with `build` is made there, from its folder as it is then.
    """

    name: TargetName
    title: str
    literals: bool
    gpu_resource: str | None
    takes_gpus: bool
    makes_jobs: bool
    platform: str | None
    secrets: Literal["bootstrap", "kubernetes", "local"]
    reads_metrics: bool
    metadata: bool
    artifact_lists: bool
    exit_hooks: bool
    final_status: bool
    requests: bool
    tunes: Literal["job", "engine", "no"]
    builds_images: bool
    google_operations: bool
    quotas: Quotas | None = None
    unknown_run: frozenset[str] = frozenset()


VERTEX = Target(
    name="vertex",
    title="Vertex AI Pipelines",
    literals=False,
    gpu_resource=None,
    takes_gpus=True,
    makes_jobs=True,
    platform=None,
    secrets="bootstrap",
    reads_metrics=False,
    metadata=True,
    artifact_lists=True,
    exit_hooks=False,
    final_status=True,
    requests=False,
    tunes="job",
    builds_images=False,
    google_operations=True,
    quotas=Quotas(tasks=10_000, artifacts=100, variables=100),
    unknown_run=frozenset({"workspace"}),
)
KFP = Target(
    name="kfp",
    title="Kubeflow Pipelines",
    literals=True,
    gpu_resource="nvidia.com/gpu",
    takes_gpus=True,
    makes_jobs=False,
    platform="kubernetes",
    secrets="kubernetes",
    reads_metrics=False,
    metadata=False,
    artifact_lists=False,
    exit_hooks=True,
    final_status=False,
    requests=True,
    tunes="no",
    builds_images=False,
    google_operations=False,
    unknown_run=frozenset({"root", "executor_output", "project", "location"}),
)
LOCAL = Target(
    name="local",
    title="this machine",
    literals=True,
    gpu_resource=None,
    takes_gpus=False,
    makes_jobs=False,
    platform="local",
    secrets="local",
    reads_metrics=True,
    metadata=True,
    artifact_lists=True,
    exit_hooks=False,
    final_status=True,
    requests=True,
    tunes="engine",
    builds_images=True,
    google_operations=False,
    unknown_run=frozenset({"workspace", "project", "location"}),
)

TARGETS: dict[str, Target] = {target.name: target for target in (VERTEX, KFP, LOCAL)}
