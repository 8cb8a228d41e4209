"""What a task of a DAG may refer to: the inputs of the DAG and the other tasks in it. Scopes are closed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hpc.engines.local.plan import Component, Interface, TaskOutput
from hpc.engines.local.plan.document import Document


@dataclass(frozen=True)
class Scope:
    """The DAG at `path` (empty for the pipeline): its `inputs`, the `keys` of its tasks and what they are.

    `components` lacks the tasks of which something has been found that leaves nothing to check further.
    """

    document: Document
    path: str
    inputs: Interface
    keys: Collection[str]
    components: Mapping[str, Component]

    @property
    def owner(self) -> str:
        """Whose inputs and outputs they are, for messages."""
        return f"task {self.path}" if self.path else "the pipeline"

    def outputs(self, task: str) -> Interface | None:
        return self.components[task].outputs if task in self.components else None

    def check_output(self, who: str, source: TaskOutput, *, artifact: bool) -> None:
        """That the task has the output, where the task is known; who waits for unknown ones is told elsewhere."""
        outputs = self.outputs(source.task)
        if outputs is None:
            return
        names = outputs.artifacts if artifact else outputs.parameters
        if source.key not in names:
            self.document.missing(f"{who} takes {source.key} of {source.task}", source.key, names)
