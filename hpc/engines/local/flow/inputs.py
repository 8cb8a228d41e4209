"""The input values and artifacts of a task, from the inputs of its DAG and the results of finished siblings.

The rules are those of backend/src/v2/driver/resolve.go: a selector is applied first, null is left out where the input
is optional, STRING takes any value as text, every other type refuses a wrong kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.placeholders import fill_constant
from hpc.engines.local.flow.status import final_status
from hpc.engines.local.plan import ArtifactBinding, Constant, FinalStatus, ParameterBinding, ParentInput, Task
from hpc.engines.local.plan.expressions import Expression, ExpressionError
from hpc.engines.outcome import Artifacts, TaskResult
from hpc.engines.values import fitting, shown


class Collected(list[object]):
    """What the iterations of a loop have made. A loop around it makes one flat list of all (driver/resolve.go)."""


@dataclass(frozen=True)
class Inputs:
    """What a task, or all tasks of a DAG, can see. A parameter without a value is not in it."""

    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    artifacts: Mapping[str, Artifacts] = field(default_factory=dict[str, Artifacts])


@dataclass(frozen=True)
class Scope:
    """What the tasks of one DAG can see: its inputs, its finished tasks, and the names of the run (see placeholders).

    `path` is the DAG's own, with a slash behind it; empty for the pipeline.
    """

    inputs: Inputs
    run: Mapping[str, str]
    path: str = ""
    finished: Mapping[str, TaskResult] = field(default_factory=dict[str, TaskResult])

    def names(self, task: Task) -> dict[str, str]:
        """The placeholders of the run and of one task of this DAG."""
        return {
            **self.run,
            "pipeline_task_name": task.key,
            "pipeline_task_uuid": f"{self.run['pipeline_job_uuid']}-{self.path}{task.key}",
        }


def resolve(task: Task, scope: Scope) -> Inputs:
    """Every input that has a value. Raises TaskError where a value is missing or of the wrong type."""
    return Inputs(_parameters(task, scope), _artifacts(task, scope))


def _parameters(task: Task, scope: Scope) -> dict[str, object]:
    values = {name: _value(name, binding, scope) for name, binding in task.parameters.items()}
    names = scope.names(task)
    for name, binding in task.parameters.items():
        if isinstance(binding.source, Constant):
            values[name] = fill_constant(values[name], values, names)
    for name, port in task.component.inputs.parameters.items():
        if values.get(name) is None and port.has_default:
            values[name] = port.default
    return {name: _typed(task, name, value) for name, value in values.items() if _present(task, name, value)}


def _value(name: str, binding: ParameterBinding, scope: Scope) -> object:
    value = _source_value(binding, scope)
    return value if binding.selector is None or value is None else _selected(name, binding.selector, value)


def _source_value(binding: ParameterBinding, scope: Scope) -> object:
    source = binding.source
    if isinstance(source, Constant):
        return source.value
    if isinstance(source, ParentInput):
        return scope.inputs.parameters.get(source.name)
    if isinstance(source, FinalStatus):
        return final_status(source.task, scope.finished[source.task], scope.run)
    return scope.finished[source.task].outputs.get(source.key)


def _selected(name: str, selector: Expression, value: object) -> object:
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        return selector.evaluate({"string_value": text})
    except ExpressionError as error:
        raise TaskError(f"the input {name}: {selector.text}: {error}") from None


def _present(task: Task, name: str, value: object) -> bool:
    port = task.component.inputs.parameters.get(name)
    if value is None and port is not None and not port.optional:
        raise TaskError(f"the input {name} has no value")
    return value is not None


def _typed(task: Task, name: str, value: object) -> object:
    port = task.component.inputs.parameters.get(name)
    given = list(cast("list[object]", value)) if isinstance(value, Collected) else value
    if port is None:
        return given
    try:
        fitted = fitting(given, port.kind)
    except ValueError as error:
        raise TaskError(f"the input {name}: {error}") from None
    if not port.accepts(fitted):
        choices = ", ".join(shown(choice) for choice in port.literals)
        raise TaskError(f"the input {name}: {shown(fitted)} is none of {choices}")
    return fitted


def _artifacts(task: Task, scope: Scope) -> dict[str, Artifacts]:
    found: dict[str, Artifacts] = {}
    for name, binding in task.artifacts.items():
        artifacts = _source_artifacts(binding, scope)
        port = task.component.inputs.artifacts.get(name)
        if artifacts is not None:
            found[name] = artifacts
        elif port is None or not port.optional:
            raise TaskError(f"the input {name}: {_told(binding)}")
    return found


def _source_artifacts(binding: ArtifactBinding, scope: Scope) -> Artifacts | None:
    if isinstance(binding, ParentInput):
        return scope.inputs.artifacts.get(binding.name)
    return scope.finished[binding.task].artifacts.get(binding.key)


def _told(binding: ArtifactBinding) -> str:
    if isinstance(binding, ParentInput):
        return f"the artifact {binding.name} was not given"
    return f"{binding.task} has made no artifact {binding.key}"
