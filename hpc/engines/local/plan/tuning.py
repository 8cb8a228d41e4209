"""The entry `tune` of an executor to a `Tuning`. WrongKindError, with a sentence, where it could not be searched."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hpc.engines.local.plan import Interface, Space, Tuning
from hpc.engines.local.plan.nodes import Node, WrongKindError, as_mapping, items, mappings, number, text
from hpc.engines.local.plan.ports import interface
from hpc.engines.values import fitting

BEST_METRIC = "best_metric"
"""The output of a tuned task that holds the metric of its best trial."""

_KEYS = ("metric", "goal", "trials", "parallel", "algorithm", "search", "outputs")
_SPACE_KEYS = ("type", "flag", "values", "min", "max", "scale")
_GOALS = ("maximize", "minimize")
_ALGORITHMS = ("bayesian", "random", "grid")
_SCALES = ("linear", "log", "reverse_log")
_NUMBERS = ("NUMBER_INTEGER", "NUMBER_DOUBLE")
_KINDS = (*_NUMBERS, "STRING", "BOOLEAN")


def read_tuning(entry: object) -> Tuning:
    node = as_mapping(entry, "it")
    _only(node, _KEYS, "")
    tuning = Tuning(
        metric=_one_text(node, "metric"),
        goal="minimize" if _one_of(node, "goal", _GOALS) == "minimize" else "maximize",
        trials=_count(node, "trials"),
        parallel=_count(node, "parallel"),
        algorithm=_one_of(node, "algorithm", _ALGORITHMS),
        search={name: _space(name, one) for name, one in mappings(node, "search")},
        outputs=interface(node, "outputs"),
    )
    if not tuning.search:
        raise WrongKindError("search names no input")
    for name, space in tuning.search.items():
        if tuning.algorithm == "grid" and not space.values and space.kind == "NUMBER_DOUBLE":
            raise WrongKindError(f"search.{name} is a range, which a grid has not")
    return tuning


def misfits(tuning: Tuning, outputs: Interface) -> list[str]:
    """The outputs of a tuned component that no search finds."""
    return sorted({*outputs.parameters, *outputs.artifacts} - {*tuning.search, BEST_METRIC})


def _space(name: str, node: Node) -> Space:
    _only(node, _SPACE_KEYS, f"search.{name}.")
    kind, flag = _one_of(node, "type", _KINDS), _one_text(node, "flag")
    values = tuple(_value(one, kind, f"search.{name}") for one in items(node, "values"))
    if values:
        return Space(kind, flag, values)
    if kind not in _NUMBERS:
        raise WrongKindError(f"search.{name} has no values")
    low, high = (_bound(name, node, kind, end) for end in ("min", "max"))
    scale = _one_of(node, "scale", _SCALES)
    if low > high or (scale != "linear" and low <= 0):
        raise WrongKindError(f"search.{name} has no range with the scale {scale} from {low} to {high}")
    return Space(kind, flag, low=low, high=high, scale=scale)


def _value(found: object, kind: str, name: str) -> object:
    if kind == "STRING" and not isinstance(found, str):
        raise WrongKindError(f"a value of {name} is not text")
    try:
        return fitting(found, kind)
    except ValueError as error:
        raise WrongKindError(f"{name}: {error}") from None


def _bound(name: str, node: Node, kind: str, end: str) -> float:
    if end not in node:
        raise WrongKindError(f"search.{name} has neither values nor min and max")
    found = _value(node[end], kind, f"search.{name}.{end}")
    assert isinstance(found, (int, float))
    return found


def _count(node: Node, key: str) -> int:
    found = number(node, key)
    if found < 1 or found % 1:
        raise WrongKindError(f"{key} is not a whole number from 1 on")
    return int(found)


def _one_text(node: Node, key: str) -> str:
    found = text(node, key)
    if not found:
        raise WrongKindError(f"{key} is missing")
    return found


def _one_of(node: Node, key: str, known: Collection[str]) -> str:
    found = text(node, key)
    if found not in known:
        raise WrongKindError(f"{key} is {found!r}, none of {', '.join(known)}")
    return found


def _only(node: Mapping[str, object], known: Collection[str], where: str) -> None:
    for key in node:
        if key not in known:
            raise WrongKindError(f"{where}{key} is not a setting")
