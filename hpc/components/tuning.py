"""Search for the best values: what `tune` may ask of a component, and what a tuned step gives.

A `Tune` and the component that it searches enter; problems leave, or the outputs of the step. Language, sections 2, 5.6
and 5.25; scales and algorithms are those of StudySpec in Vertex AI's API. How a search is compiled or run is not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from hpc.components.container import ContainerComponent
from hpc.components.hydra import is_bare_flag
from hpc.components.ports import InputPort, OutputPort, objection
from hpc.components.step import Tune
from hpc.components.types import STRING, Type, did_you_mean, kind_of, with_article
from hpc.diagnostics import Path

Problem = tuple[Path, str, str]
"""A path inside `tune`, a fact and a fix."""

BEST_METRIC = "best_metric"
MOST_TRIALS = 1000
"""A limit of sense: no service starts so many for one search."""

ALGORITHMS = ("bayesian", "random", "grid")
SCALES = ("linear", "log", "reverse_log")
_NUMBERS = (Type("int"), Type("float"))
_SEARCHED = (*_NUMBERS, Type("string"), Type("bool"))
_RANGE_KEYS = ("min", "max", "scale")
_EXAMPLE = "`[0.1, 0.01]` or `{min: 0.001, max: 0.1, scale: log}`"


def tuned_outputs(tune: Tune, component: ContainerComponent) -> Mapping[str, OutputPort]:
    """What a tuned step gives, and nothing else: the best value of each searched input, and the best metric."""
    searched = {name: component.inputs[name].type for name in tune.search if name in component.inputs}
    types = {**searched, BEST_METRIC: Type("float")}
    return {name: OutputPort.model_validate({"type": port_type}) for name, port_type in types.items()}


def tune_problems(tune: Tune, component: ContainerComponent) -> list[Problem]:
    """Everything that keeps the search from being carried out on this component."""
    about_flags = [*_flags(component), *_texts(tune, component)]
    return [*_metric(tune, component), *_trials(tune), *_algorithm(tune), *_search(tune, component), *about_flags]


def _flags(component: ContainerComponent) -> Iterator[Problem]:
    """A service appends `--lr=0.1` to the arguments. Hydra refuses flags; the bootstrap makes overrides of them."""
    if not component.is_hydra:
        return
    why = (
        "a tuning service passes flags such as `--lr=0.1`, which a small program in front of the command hands to Hydra"
    )
    if component.quoting == "typed":
        yield (), f"{why}; with `quoting: typed` there is none.", "remove `quoting: typed` from the component."
    elif not component.command:
        fact = f"{why}; the component has no `command`, and the image's own entrypoint is not known here."
        yield (), fact, "add `command:`, e.g. `command: [python, main.py]`."
    if component.sweep:
        yield (), "each trial would be a sweep of its own, without one metric.", "remove `sweep` from the component."


def _texts(tune: Tune, component: ContainerComponent) -> Iterator[Problem]:
    """Texts that the bootstrap takes for something else, because a flag says nothing of its type."""
    texts = [name for name, port in component.inputs.items() if component.is_hydra and port.type == STRING]
    for name in texts:
        space = tune.search.get(name)
        for index, value in enumerate(cast("list[Any]", space) if isinstance(space, list) else []):
            if isinstance(value, str) and is_bare_flag(value):
                fact = f"`{name}` is a string, but a tuning service passes `{value}` as a flag, where it is no text."
                other = "a bool" if value.lower() in ("true", "false") else "an int or a float"
                yield ("search", name, index), fact, f"declare `{name}` as {other}, or choose other words."


def _metric(tune: Tune, component: ContainerComponent) -> Iterator[Problem]:
    """Without value outputs it is a tag that the program reports: there is nothing to compare it with."""
    values = {name: port.type for name, port in component.outputs.items() if not port.type.is_artifact}
    numbers = [name for name, port_type in values.items() if port_type in _NUMBERS]
    if not values or tune.metric in numbers:
        return
    if tune.metric in values:
        fact = f"output `{tune.metric}` is {with_article(values[tune.metric])}; a metric is a number."
    else:
        fact = f"the component has no value output `{tune.metric}`."
    fix = did_you_mean(tune.metric, numbers) if numbers else f"declare `outputs: {{{tune.metric}: float}}`."
    yield ("metric",), fact, fix


def _trials(tune: Tune) -> Iterator[Problem]:
    if tune.trials > MOST_TRIALS:
        yield ("trials",), f"`trials` is {tune.trials:,}, more than {MOST_TRIALS:,}.", f"write at most {MOST_TRIALS}."
    if tune.parallel > tune.trials:
        fact = f"`parallel` is {tune.parallel}, but there are only {tune.trials} trials."
        yield ("parallel",), fact, f"write at most {tune.trials}, or more `trials`."


def _algorithm(tune: Tune) -> Iterator[Problem]:
    if tune.algorithm not in ALGORITHMS:
        fact = f"`{tune.algorithm}` is not a way to choose the next values."
        yield ("algorithm",), fact, did_you_mean(tune.algorithm, ALGORITHMS)


def _search(tune: Tune, component: ContainerComponent) -> Iterator[Problem]:
    if not tune.search:
        yield ("search",), "`search` names no input, so there is nothing to try.", f"add one, with {_EXAMPLE}."
    for name, space in tune.search.items():
        path = ("search", name)
        port = component.inputs.get(name)
        if name == BEST_METRIC:
            fact = f"`{name}` is an output of every tuned step, so no input that is searched can be called so."
            yield path, fact, "rename the input."
        elif port is None:
            searched = [other for other, one in component.inputs.items() if one.type in _SEARCHED]
            yield path, f"the component has no input `{name}`.", did_you_mean(name, searched)
        elif port.type not in _SEARCHED:
            fact = f"input `{name}` is {with_article(port.type)}, which cannot be searched."
            yield path, fact, "search over an int, a float, a string or a bool."
        else:
            for inside, fact, fix in _space(tune, name, port, space):
                yield (*path, *inside), fact, fix


def _space(tune: Tune, name: str, port: InputPort, space: Any) -> Iterator[Problem]:
    if isinstance(space, list):
        yield from _listed(name, port, cast("list[Any]", space))
    elif isinstance(space, dict):
        yield from _range(tune, name, port, cast("dict[str, Any]", space))
    else:
        fact = f"`{name}` is searched over {with_article(kind_of(space))}, not over a list of values or a range."
        yield (), fact, f"write e.g. {_EXAMPLE}."


def _listed(name: str, port: InputPort, values: list[Any]) -> Iterator[Problem]:
    if not values:
        yield (), f"`{name}` has no values to try.", "list some, or remove it."
    for index, value in enumerate(values):
        trouble = objection(port, port.type, value)
        if trouble:
            yield (index,), f"a value of `{name}` {trouble[0]}.", trouble[1]
        elif value in values[:index]:
            yield (index,), f"`{name}` lists `{value}` twice.", "remove one of them."


def _range(tune: Tune, name: str, port: InputPort, space: dict[str, Any]) -> Iterator[Problem]:
    if port.type not in _NUMBERS or port.choices is not None:
        why = "has choices" if port.choices is not None else f"is {with_article(port.type)}"
        yield (), f"input `{name}` {why}, so it has no range.", f"list the values to try: `{name}: [a, b]`."
        return
    for key in (key for key in space if key not in _RANGE_KEYS):
        yield (key,), f"`{key}` is not a key of a range.", did_you_mean(key, _RANGE_KEYS)
    for key in ("min", "max"):
        if key not in space:
            yield (), f"the range of `{name}` has no `{key}`.", f"add `{key}: …`."
    bounds = [problem for key in ("min", "max") if key in space for problem in _bound(name, port, key, space[key])]
    yield from bounds
    if not bounds and {"min", "max"} <= space.keys():
        yield from _order(name, space)
    if tune.algorithm == "grid" and port.type == Type("float"):
        fact = f"a grid tries every value, but `{name}` is a range of floats."
        yield (), fact, "list the values to try, or take another `algorithm`."


def _bound(name: str, port: InputPort, key: str, value: Any) -> Iterator[Problem]:
    trouble = objection(port, port.type, value)
    if trouble:
        yield (key,), f"`{key}` of `{name}` {trouble[0]}.", trouble[1]


def _order(name: str, space: dict[str, Any]) -> Iterator[Problem]:
    scale = space.get("scale", "linear")
    if space["min"] >= space["max"]:
        fact = f"`max` of `{name}` is {space['max']}, not above `min`, which is {space['min']}."
        yield ("max",), fact, "change one of them."
    if scale not in SCALES:
        yield ("scale",), f"`{scale}` is not a scale.", did_you_mean(str(scale), SCALES)
    elif scale != "linear" and space["min"] <= 0:
        fact = f"`{name}` has a logarithmic scale, but its range begins at {space['min']}."
        yield ("min",), fact, "begin above 0, or write `scale: linear`."
