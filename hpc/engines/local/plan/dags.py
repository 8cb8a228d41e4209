"""A group of tasks: DagSpec to Dag, with its tasks in an order in which they can run."""

from __future__ import annotations

from hpc.engines.local.plan import Dag, Interface, Selection, Task, TaskOutput
from hpc.engines.local.plan.nodes import Node, mapping, mappings, nodes, text
from hpc.engines.local.plan.order import circle, in_order
from hpc.engines.local.plan.scope import Scope
from hpc.engines.local.plan.tasks import read_task
from hpc.engines.local.plan.tree import TaskNode

_SHOWN = 10


def read_dag(scope: Scope, node: Node, places: tuple[TaskNode, ...], outputs: Interface) -> Dag:
    """The DAG of the component with these `outputs`; what is wrong with it is a finding, or WrongKindError."""
    tasks = [task for place in places if (task := _task(scope, place)) is not None]
    selections = mapping(node, "outputs")
    parameters = {name: _parameter(scope, name, one) for name, one in mappings(selections, "parameters")}
    artifacts = {name: _artifact(scope, name, one) for name, one in mappings(selections, "artifacts")}
    for name in [*(outputs.parameters.keys() - parameters), *(outputs.artifacts.keys() - artifacts)]:
        scope.document.broken(f"no task makes the output {name} of {scope.owner}")
    return Dag(_sorted(scope, tasks), parameters, artifacts)


def _task(scope: Scope, place: TaskNode) -> Task | None:
    component = scope.components.get(place.key)
    if component is None:
        return None
    return scope.document.attempt(f"task {place.path}", lambda: read_task(scope, place, component))


def _parameter(scope: Scope, name: str, node: Node) -> Selection:
    one_of = "valueFromOneof" in node
    selectors = nodes(mapping(node, "valueFromOneof"), "parameterSelectors") if one_of else []
    if not one_of and "valueFromParameter" in node:
        selectors = [mapping(node, "valueFromParameter")]
    return _selection(scope, name, [_source(one, "outputParameterKey") for one in selectors], one_of=one_of)


def _artifact(scope: Scope, name: str, node: Node) -> Selection:
    sources = [_source(one, "outputArtifactKey") for one in nodes(node, "artifactSelectors")]
    return _selection(scope, name, sources, one_of=len(sources) > 1, artifact=True)


def _source(node: Node, key: str) -> TaskOutput:
    return TaskOutput(text(node, "producerSubtask"), text(node, key))


def _selection(
    scope: Scope, name: str, sources: list[TaskOutput], *, one_of: bool, artifact: bool = False
) -> Selection:
    who = f"the output {name} of {scope.owner}"
    if not sources:
        scope.document.broken(f"no task makes {who}")
    for source in sources:
        if source.task not in scope.keys:
            scope.document.missing(f"{who} comes from the task {source.task}", source.task, scope.keys)
        scope.check_output(who, source, artifact=artifact)
    return Selection(tuple(sources), one_of)


def _sorted(scope: Scope, tasks: list[Task]) -> tuple[Task, ...]:
    """Every task after those that it waits for, otherwise in the file's order."""
    known = {task.key: task for task in tasks}
    after = {task.key: [name for name in task.after if name in known] for task in tasks}
    order = in_order(after)
    if len(order) < len(tasks):
        _tell_circle(scope, circle(after))
    return tuple(known[key] for key in order)


def _tell_circle(scope: Scope, keys: list[str]) -> None:
    paths = [f"{scope.path}/{key}" if scope.path else key for key in keys]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    fact = f"these tasks wait for each other: {', '.join(paths[:_SHOWN])}{more}"
    scope.document.broken(fact if len(paths) > 1 else f"task {paths[0]} waits for itself")
