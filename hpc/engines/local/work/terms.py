"""What is run, and on what terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hpc.engines.local.flow.choice import Choice
from hpc.engines.local.flow.inputs import Inputs
from hpc.engines.local.plan import Plan
from hpc.engines.local.store.records import TaskRecord
from hpc.engines.local.work.docker import ContainerEngine
from hpc.engines.request import Request


@dataclass(frozen=True)
class Terms:
    """`containers` is the engine of containers, if tasks run in some. `taken` are the records that steps which were not
    chosen take their results from.
    """

    plan: Plan
    inputs: Inputs
    request: Request
    choice: Choice
    containers: ContainerEngine | None = None
    taken: Mapping[str, TaskRecord] = field(default_factory=dict[str, TaskRecord])

    @property
    def mode(self) -> str:
        """In words."""
        return "host processes" if self.request.mode == "process" else f"{self.request.mode} containers"
