"""The input values and artifacts of a task, from the pipeline's arguments and the results of finished tasks.

The rules are those of backend/src/v2/driver/resolve.go: null is left out where the input is optional, STRING takes
any value as text, every other type refuses a wrong kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.placeholders import fill_constant
from hpc.engines.local.plan import Constant, ParameterBinding, ParentInput, Task
from hpc.engines.local.plan.values import fitting, shown
from hpc.engines.outcome import Artifact, TaskResult


@dataclass(frozen=True)
class Scope:
    """What the tasks of one group can see: the group's inputs, its finished tasks, and facts of the run."""

    arguments: Mapping[str, object]
    finished: Mapping[str, TaskResult]
    run: Mapping[str, str]


@dataclass(frozen=True)
class Inputs:
    parameters: Mapping[str, object]
    artifacts: Mapping[str, tuple[Artifact, ...]]


def resolve(task: Task, scope: Scope) -> Inputs:
    """Every input that has a value. Raises TaskError where a value is missing or of the wrong type."""
    return Inputs(_parameters(task, scope), _artifacts(task, scope))


def _parameters(task: Task, scope: Scope) -> dict[str, object]:
    values = {name: _value(binding, scope) for name, binding in task.parameters.items()}
    run = {
        **scope.run,
        "pipeline_task_name": task.path,
        "pipeline_task_uuid": f"{scope.run['pipeline_job_uuid']}-{task.path}",
    }
    for name, binding in task.parameters.items():
        if isinstance(binding, Constant):
            values[name] = fill_constant(binding.value, values, run)
    for name, port in task.inputs.parameters.items():
        if values.get(name) is None and port.has_default:
            values[name] = port.default
    return {name: _typed(task, name, value) for name, value in values.items() if _present(task, name, value)}


def _value(binding: ParameterBinding, scope: Scope) -> object:
    if isinstance(binding, Constant):
        return binding.value
    if isinstance(binding, ParentInput):
        return scope.arguments.get(binding.name)
    return scope.finished[binding.task].outputs.get(binding.key)


def _present(task: Task, name: str, value: object) -> bool:
    port = task.inputs.parameters.get(name)
    if value is None and port is not None and not port.optional:
        raise TaskError(f"the input {name} has no value")
    return value is not None


def _typed(task: Task, name: str, value: object) -> object:
    port = task.inputs.parameters.get(name)
    if port is None:
        return value
    try:
        fitted = fitting(value, port.kind)
    except ValueError as error:
        raise TaskError(f"the input {name}: {error}") from None
    if not port.accepts(fitted):
        choices = ", ".join(shown(choice) for choice in port.literals)
        raise TaskError(f"the input {name}: {shown(fitted)} is none of {choices}")
    return fitted


def _artifacts(task: Task, scope: Scope) -> dict[str, tuple[Artifact, ...]]:
    found: dict[str, tuple[Artifact, ...]] = {}
    for name, source in task.artifacts.items():
        artifact = scope.finished[source.task].artifacts.get(source.key)
        if artifact is None:
            raise TaskError(f"the input {name}: {source.task} has made no artifact {source.key}")
        found[name] = (artifact,)
    return found
