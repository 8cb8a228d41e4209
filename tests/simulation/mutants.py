"""A compiled file broken on purpose: a PipelineSpec enters, copies of it with one mistake each leave, by kind.

Each is a mistake that a compiler could make and that no check of the form would notice: the file stays one that every
backend takes.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
Sites = Iterator[Callable[[], None]]


def mutant(spec: Mapping[str, Any], kind: str, seed: int) -> Json | None:
    """A copy with one mistake of this kind, or None where there is no place for one."""
    changed: Json = copy.deepcopy(dict(spec))
    sites = list(KINDS[kind](changed))
    if not sites:
        return None
    random.Random(seed).choice(sites)()
    return changed


def _dags(spec: Json) -> Iterator[Json]:
    for component in (spec["root"], *spec["components"].values()):
        if "dag" in component:
            yield component


def _tasks(spec: Json) -> Iterator[Json]:
    for component in _dags(spec):
        yield from component["dag"]["tasks"].values()


def _set(where: Any, key: Any, value: Any) -> Callable[[], None]:
    return lambda: where.__setitem__(key, value)


def _drop(where: Any, key: Any) -> Callable[[], None]:
    return lambda: where.__delitem__(key)


def _no_condition(spec: Json) -> Sites:
    for task in _tasks(spec):
        if "condition" in task.get("triggerPolicy", {}):
            yield _drop(task["triggerPolicy"], "condition")


def _inverted_condition(spec: Json) -> Sites:
    for task in _tasks(spec):
        policy = task.get("triggerPolicy", {})
        if "condition" in policy:
            yield _set(policy, "condition", f"!({policy['condition']})")


def _no_earlier_branches(spec: Json) -> Sites:
    for task in _tasks(spec):
        policy = task.get("triggerPolicy", {})
        if " && " in policy.get("condition", "") and policy["condition"].startswith("!("):
            yield _set(policy, "condition", policy["condition"].rsplit(" && ", 1)[1])


def _selectors(spec: Json) -> Iterator[list[Json]]:
    for component in _dags(spec):
        outputs = component["dag"].get("outputs", {})
        for one in outputs.get("parameters", {}).values():
            if "valueFromOneof" in one:
                yield one["valueFromOneof"]["parameterSelectors"]
        for one in outputs.get("artifacts", {}).values():
            if len(one["artifactSelectors"]) > 1:
                yield one["artifactSelectors"]


def _one_branch_less(spec: Json) -> Sites:
    for selectors in _selectors(spec):
        yield _drop(selectors, 0)


def _wrong_branch(spec: Json) -> Sites:
    for selectors in _selectors(spec):
        yield _set(selectors, 1, selectors[0])


def _no_dependency(spec: Json) -> Sites:
    for task in _tasks(spec):
        for at, name in enumerate(task.get("dependentTasks", [])):
            if f"'producerTask': '{name}'" not in str(task):
                yield _drop(task["dependentTasks"], at)


def _no_strategy(spec: Json) -> Sites:
    for task in _tasks(spec):
        if "strategy" in task.get("triggerPolicy", {}):
            yield _drop(task["triggerPolicy"], "strategy")


def _inputs(spec: Json) -> Iterator[tuple[Json, Json]]:
    """The inputs of each task with their declarations."""
    for task in _tasks(spec):
        component = spec["components"][task["componentRef"]["name"]]
        for side in ("parameters", "artifacts"):
            given = task.get("inputs", {}).get(side, {})
            yield given, component.get("inputDefinitions", {}).get(side, {})


def _swapped_inputs(spec: Json) -> Sites:
    """Two inputs of one task, of one type, are exchanged."""
    for given, declared in _inputs(spec):
        for one in given:
            for other in given:
                if one < other and declared.get(one) == declared.get(other) and given[one] != given[other]:
                    yield _exchange(given, one, other)


def _exchange(given: Json, one: str, other: str) -> Callable[[], None]:
    def change() -> None:
        given[one], given[other] = given[other], given[one]

    return change


def _other_constant(spec: Json) -> Sites:
    for given, _ in _inputs(spec):
        for source in given.values():
            value = source.get("runtimeValue", {}).get("constant")
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                yield _set(source["runtimeValue"], "constant", value + 1)
            elif isinstance(value, str):
                yield _set(source["runtimeValue"], "constant", value + " ")


def _other_list(spec: Json) -> Sites:
    """A loop over another list that it has, or over one element less."""
    for task in _tasks(spec):
        items = task.get("parameterIterator", {}).get("items", {})
        if "raw" in items:
            yield _set(items, "raw", items["raw"].replace("[", '["other",', 1) if '"' in items["raw"] else "[7]")
        if "inputParameter" in items:
            given = task["inputs"]["parameters"]
            yield _set(given, items["inputParameter"], {"runtimeValue": {"constant": []}})


def _gathered_wrongly(spec: Json) -> Sites:
    """Two elements of a gathered list change places in the arguments."""
    for executor in spec["deploymentSpec"]["executors"].values():
        args = executor.get("container", {}).get("args", [])
        for at, text in enumerate(args):
            if "_0']" in text and "_1']" in text:
                yield _set(args, at, text.replace("_0']", "_#']").replace("_1']", "_0']").replace("_#']", "_1']"))


def _other_result(spec: Json) -> Sites:
    """A result of a group or pipeline comes from another output of the same type."""
    for component in _dags(spec):
        for one in component["dag"].get("outputs", {}).get("parameters", {}).values():
            source = one.get("valueFromParameter")
            if source:
                yield from _other_key(spec, component, source)


def _other_key(spec: Json, component: Json, source: Json) -> Sites:
    producer = component["dag"]["tasks"][source["producerSubtask"]]
    outputs = spec["components"][producer["componentRef"]["name"]]["outputDefinitions"]["parameters"]
    for name, declared in outputs.items():
        if name != source["outputParameterKey"] and declared == outputs[source["outputParameterKey"]]:
            yield _set(source, "outputParameterKey", name)


def _other_component(spec: Json) -> Sites:
    """A step runs another program with the same inputs and outputs."""
    sides = ("inputDefinitions", "outputDefinitions")
    programs = {name: one for name, one in spec["components"].items() if _program(spec, one)}
    for task in _tasks(spec):
        own = spec["components"][task["componentRef"]["name"]]
        for name, other in programs.items():
            is_other = _program(spec, own) != _program(spec, other)
            if is_other and all(own.get(side) == other.get(side) for side in sides):
                yield _set(task["componentRef"], "name", name)


def _program(spec: Json, component: Json) -> str:
    """What a component runs, by its first argument; nothing for a DAG or an importer."""
    executor = spec["deploymentSpec"]["executors"].get(component.get("executorLabel", ""), {})
    return executor["container"]["args"][0] if "container" in executor else ""


def _no_default(spec: Json) -> Sites:
    """A run that says nothing gets another default."""
    for definition in spec["root"].get("inputDefinitions", {}).get("parameters", {}).values():
        value = definition.get("defaultValue")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield _set(definition, "defaultValue", value + 1)


KINDS: dict[str, Callable[[Json], Sites]] = {
    "a condition is dropped": _no_condition,
    "a condition is inverted": _inverted_condition,
    "a branch forgets the branches before it": _no_earlier_branches,
    "a join forgets a branch": _one_branch_less,
    "a join takes one branch twice": _wrong_branch,
    "an order is dropped": _no_dependency,
    "a strategy is dropped": _no_strategy,
    "two inputs are exchanged": _swapped_inputs,
    "a constant is another one": _other_constant,
    "a loop walks another list": _other_list,
    "a list is gathered in another order": _gathered_wrongly,
    "a result comes from another output": _other_result,
    "a step runs another component": _other_component,
    "a default is another one": _no_default,
}
