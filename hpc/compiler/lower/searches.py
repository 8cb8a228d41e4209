"""What the local engine is told of a search: a `Tune` and its component enter, plain data for the platform document.

The IR's component of a tuned step puts out what the search finds; what each trial puts out stands here.
"""

from __future__ import annotations

from typing import Any, cast

from hpc.compiler.lower.ports import output_definitions
from hpc.components.arguments import tuner_flag
from hpc.components.container import ContainerComponent
from hpc.components.step import Tune
from hpc.components.types import Type


def search(tune: Tune, component: ContainerComponent) -> dict[str, Any]:
    """The entry `tune` of an executor."""
    return {
        "metric": tune.metric,
        "goal": tune.goal,
        "trials": tune.trials,
        "parallel": tune.parallel,
        "algorithm": tune.algorithm,
        "search": {name: _space(space, component, name) for name, space in tune.search.items()},
        "outputs": output_definitions(component.outputs),
    }


def _space(space: Any, component: ContainerComponent, name: str) -> dict[str, Any]:
    """The values of one input, in its own type."""
    port_type = component.inputs[name].type
    head = {"type": port_type.parameter, "flag": tuner_flag(component, name)}
    if isinstance(space, list):
        return {**head, "values": [_typed(value, port_type) for value in cast("list[Any]", space)]}
    ends = {end: _typed(space[end], port_type) for end in ("min", "max")}
    return {**head, **ends, "scale": space.get("scale", "linear")}


def _typed(value: Any, port_type: Type) -> Any:
    return float(value) if port_type == Type("float") else value
