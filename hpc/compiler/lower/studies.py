"""What Vertex AI is to search: a `Tune` and its component enter, a StudySpec leaves, as JSON in snake_case.

The id of a parameter is the name of the input; the program in front of the command (`components/trials.py`) makes the
flag of it, whose characters (`+`, `/`, `@`) the service need not know. StudySpec in Vertex AI's API (aiplatform v1,
revision 20261106).
"""

from __future__ import annotations

from typing import Any, cast

from hpc.components.container import ContainerComponent
from hpc.components.ports import InputPort
from hpc.components.step import Tune
from hpc.components.types import Type

_ALGORITHMS = {"bayesian": "ALGORITHM_UNSPECIFIED", "random": "RANDOM_SEARCH", "grid": "GRID_SEARCH"}
_SCALES = {"linear": "UNIT_LINEAR_SCALE", "log": "UNIT_LOG_SCALE", "reverse_log": "UNIT_REVERSE_LOG_SCALE"}
_INT, _FLOAT = Type("int"), Type("float")


def study(tune: Tune, component: ContainerComponent) -> dict[str, Any]:
    """The StudySpec. The last report of a trial is its metric, as on this machine."""
    names = sorted(tune.search)
    return {
        "metrics": [{"metric_id": tune.metric, "goal": tune.goal.upper()}],
        "parameters": [{"parameter_id": name, **_space(tune.search[name], component.inputs[name])} for name in names],
        "algorithm": _ALGORITHMS[tune.algorithm],
        "measurement_selection_type": "LAST_MEASUREMENT",
    }


def _space(space: Any, port: InputPort) -> dict[str, Any]:
    """The oneof of a ParameterSpec. Lists have no order of the user's: those of numbers have to rise."""
    if isinstance(space, list):
        values = cast("list[Any]", space)
        if port.type in (_INT, _FLOAT):
            return {"discrete_value_spec": {"values": sorted(float(value) for value in values)}}
        return {"categorical_value_spec": {"values": [_category(value) for value in values]}}
    scale = {"scale_type": _SCALES[space.get("scale", "linear")]}
    if port.type == _INT:
        # int64 is a text in JSON
        return {"integer_value_spec": {"min_value": str(space["min"]), "max_value": str(space["max"])}, **scale}
    return {"double_value_spec": {"min_value": float(space["min"]), "max_value": float(space["max"])}, **scale}


def _category(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()
