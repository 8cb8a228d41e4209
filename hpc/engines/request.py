"""What a run is asked for, apart from the pipeline itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Mode = Literal["process", "docker", "podman"]


@dataclass(frozen=True)
class Request:
    """How to run.

    `base`: the folder that relative paths of the platform document start from, and where tasks without a folder run.
    `environ`: the environment that tasks and secrets are taken from.
    `arguments`: typed values of the pipeline's inputs (see `hpc.engines.arguments` for text).
    `root`: where runs and environments are kept; `.hpc` in `base` when None.
    `jobs`: how many tasks may run at once; the number of processors, at least 2, when None.
    `source`: how messages call the document. `grace`: seconds between SIGTERM and SIGKILL.
    `mode`: host processes, or containers by the command-line program of that name. `cache`: results of former runs may
    be taken. `resume`: the run to go on with, or "last". `only`, `start_at`: the steps to run, or to run with all that
    follows them, everything before them taken from a former run. `mounts`: further folders that containers can write.
    """

    base: Path
    environ: Mapping[str, str]
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    root: Path | None = None
    jobs: int | None = None
    source: str = "pipeline"
    fail_fast: bool = False
    grace: float = 10.0
    mode: Mode = "process"
    cache: bool = True
    resume: str | None = None
    only: tuple[str, ...] = ()
    start_at: tuple[str, ...] = ()
    mounts: tuple[Path, ...] = ()

    @property
    def root_folder(self) -> Path:
        return (self.root if self.root is not None else self.base / ".hpc").absolute()

    @property
    def parallel(self) -> int:
        return max(1, self.jobs) if self.jobs is not None else max(2, os.cpu_count() or 1)

    @property
    def is_partial(self) -> bool:
        """Whether only some steps were chosen."""
        return bool(self.only or self.start_at)


@dataclass(frozen=True)
class FormerRun:
    """What a run was given: its documents, its arguments without defaults, and how it was run."""

    spec: dict[str, Any]
    platform: dict[str, Any] | None
    arguments: Mapping[str, object]
    base: str
    source: str
    mode: Mode
