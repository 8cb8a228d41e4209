"""A place in a DAG: PipelineTaskSpec to Task."""

from __future__ import annotations

from typing import cast

from hpc.engines.local.plan import Caching, Component, Container, Loop, Task
from hpc.engines.local.plan.bindings import artifact_bindings, parameter_bindings, producers
from hpc.engines.local.plan.expressions import Expression
from hpc.engines.local.plan.nodes import Node, WrongKindError, flag, mapping, number, text, texts, value
from hpc.engines.local.plan.scope import Scope
from hpc.engines.local.plan.tree import TaskNode
from hpc.engines.values import parse as parse_value

_WHATEVER = "ALL_UPSTREAM_TASKS_COMPLETED"
_STRATEGIES = frozenset({"", "TRIGGER_STRATEGY_UNSPECIFIED", "ALL_UPSTREAM_TASKS_SUCCEEDED", _WHATEVER})
_NO_CONDITION = "compare inputs with values; a ' or \\ in a text needs a \\ before it"


def read_task(scope: Scope, place: TaskNode, component: Component) -> Task:
    """The task; what is wrong with it is a finding, or WrongKindError."""
    node, path = place.node, place.path
    inputs = mapping(node, "inputs")
    parameters = parameter_bindings(scope, path, inputs)
    artifacts = artifact_bindings(scope, path, inputs)
    loop = _loop(scope, place, component)
    item = loop.item if loop else text(mapping(node, "artifactIterator"), "itemInput")
    _check_bound(scope, path, component, {*parameters, *artifacts, item})
    trigger = mapping(node, "triggerPolicy")
    body = component.body
    if loop and isinstance(body, Container) and body.settings.tuning:
        scope.document.refuse(f"task {path} is a loop over searches")
    return Task(
        key=place.key,
        title=text(mapping(node, "taskInfo"), "name") or place.key,
        component=component,
        parameters=parameters,
        artifacts=artifacts,
        after=_after(scope, place, producers(parameters, artifacts)),
        whatever=_strategy(scope, path, trigger) == _WHATEVER,
        condition=_condition(scope, path, text(trigger, "condition")),
        loop=loop,
        retry=place.retry,
        caching=_caching(mapping(node, "cachingOptions")),
    )


def _check_bound(scope: Scope, path: str, component: Component, bound: set[str]) -> None:
    inputs = component.inputs
    wanted = {name for name, port in inputs.parameters.items() if port.required}
    wanted |= {name for name, port in inputs.artifacts.items() if not port.optional}
    for name in sorted(wanted - bound):
        scope.document.broken(f"task {path} is not given its input {name}")


def _after(scope: Scope, place: TaskNode, producing: list[str]) -> tuple[str, ...]:
    """Dependencies as the backend sees them: those written and those of the data (compiler/argocompiler/dag.go)."""
    names = dict.fromkeys([*texts(place.node, "dependentTasks"), *producing])
    for name in names:
        if name not in scope.keys:
            scope.document.missing(f"task {place.path} waits for the task {name}", name, scope.keys)
    return tuple(name for name in names if name in scope.keys)


def _strategy(scope: Scope, path: str, trigger: Node) -> str:
    strategy = text(trigger, "strategy")
    if strategy not in _STRATEGIES:
        scope.document.refuse(f"task {path} has the trigger strategy {strategy}")
    return strategy


def _condition(scope: Scope, path: str, written: str) -> Expression | None:
    return scope.document.expression(f"task {path} runs if", written, _NO_CONDITION) if written else None


def _loop(scope: Scope, place: TaskNode, component: Component) -> Loop | None:
    node, names = place.node, component.inputs.parameters
    if "artifactIterator" in node:
        scope.document.refuse(f"task {place.path} is a loop over artifacts")
    if "parameterIterator" not in node:
        return None
    loop = _read_loop(mapping(node, "parameterIterator"), number(mapping(node, "iteratorPolicy"), "parallelismLimit"))
    if loop.item not in names:
        scope.document.missing(f"the loop of task {place.path} fills the input {loop.item!r}", loop.item, names)
    if loop.items and loop.items not in names:
        scope.document.missing(f"the loop of task {place.path} is over the input {loop.items!r}", loop.items, names)
    return loop


def _read_loop(iterator: Node, limit: float) -> Loop:
    items = mapping(iterator, "items")
    over, raw = text(items, "inputParameter"), _raw(text(items, "raw"))
    if bool(over) == ("raw" in items):
        raise WrongKindError("its loop is not over either raw items or an input")
    return Loop(text(iterator, "itemInput"), over, raw, int(limit))


def _raw(written: str) -> tuple[object, ...]:
    """Items written in the document: a JSON list."""
    try:
        found = parse_value(written or "[]", "LIST")
    except ValueError:
        raise WrongKindError("the items of its loop are not a JSON list") from None
    value(found, "the items of its loop")
    return tuple(cast("list[object]", found))


def _caching(node: Node) -> Caching:
    return Caching(flag(node, "enableCache"), text(node, "cacheKey"))
