"""`tune` against the component that it searches: what is refused, in which words, and what a tuned step gives."""

from __future__ import annotations

from typing import Any

import pytest

from hpc.components.container import ContainerComponent
from hpc.components.step import Tune
from hpc.components.tuning import tune_problems, tuned_outputs

SAID: dict[str, Any] = {
    "image": "app",
    "command": ["python", "train.py"],
    "inputs": {
        "lr": {"type": "float", "max": 1.0},
        "epochs": {"type": "int", "min": 1},
        "net": {"type": "string", "choices": ["vit", "cnn"]},
        "note": {"type": "string"},
        "size": {"type": "int", "choices": [16, 32]},
        "fast": {"type": "bool"},
        "data": {"type": "Dataset"},
        "xs": {"type": "list<float>"},
        "more": {"type": "dict"},
    },
    "outputs": {"acc": {"type": "float"}, "steps": {"type": "int"}, "model": {"type": "Model"}},
}
COMPONENT = ContainerComponent.model_validate(SAID)
TUNE: dict[str, Any] = {"metric": "acc", "trials": 20, "parallel": 4, "search": {"lr": {"min": 1e-5, "max": 0.1}}}


def tune(**differs: Any) -> Tune:
    return Tune.model_validate({**TUNE, **differs})


def outputs(**types: str) -> ContainerComponent:
    """The component with other outputs."""
    ports = {name: {"type": kind} for name, kind in types.items()}
    return ContainerComponent.model_validate({**SAID, "outputs": ports})


@pytest.mark.parametrize(
    "differs",
    [
        {},
        {"metric": "steps", "goal": "minimize"},
        {"trials": 1, "parallel": 1},
        {"trials": 1000},
        {"algorithm": "random"},
        {"search": {"lr": {"min": 1e-5, "max": 1, "scale": "log"}}},
        {"search": {"lr": {"min": 0.5, "max": 0.9, "scale": "reverse_log"}}},
        {"search": {"lr": {"min": -1, "max": 1, "scale": "linear"}, "epochs": {"min": 1, "max": 9}}},
        {"search": {"lr": [0.1, 1], "net": ["vit"], "note": ["a", "'"], "size": [16], "fast": [True, False]}},
        {"search": {"lr": [0.1, 0.2], "epochs": {"min": 1, "max": 3}}, "algorithm": "grid"},
    ],
)
def test_a_search_that_can_be_carried_out(differs: dict[str, Any]) -> None:
    assert tune_problems(tune(**differs), COMPONENT) == []


OVER = "write e.g. `[0.1, 0.01]` or `{min: 0.001, max: 0.1, scale: log}`."


@pytest.mark.parametrize(
    ("search", "path", "fact", "fix"),
    [
        (
            {},
            (),
            "`search` names no input, so there is nothing to try.",
            "add one, with `[0.1, 0.01]` or `{min: 0.001, max: 0.1, scale: log}`.",
        ),
        ({"lrr": [1]}, ("lrr",), "the component has no input `lrr`.", "did you mean `lr`?"),
        (
            {"data": ["a"]},
            ("data",),
            "input `data` is a Dataset, which cannot be searched.",
            "search over an int, a float, a string or a bool.",
        ),
        (
            {"xs": [[1.0]]},
            ("xs",),
            "input `xs` is a list<float>, which cannot be searched.",
            "search over an int, a float, a string or a bool.",
        ),
        (
            {"more": [{}]},
            ("more",),
            "input `more` is a dict, which cannot be searched.",
            "search over an int, a float, a string or a bool.",
        ),
        ({"lr": []}, ("lr",), "`lr` has no values to try.", "list some, or remove it."),
        ({"lr": 0.1}, ("lr",), "`lr` is searched over a float, not over a list of values or a range.", OVER),
        ({"lr": None}, ("lr",), "`lr` is searched over null, not over a list of values or a range.", OVER),
        ({"lr": [0.1, 2]}, ("lr", 1), "a value of `lr` is 2, above max 1.0.", "change one of them."),
        (
            {"epochs": [1.5]},
            ("epochs", 0),
            "a value of `epochs` is a float (1.5) but the type is int.",
            "give an int.",
        ),
        (
            {"net": ["vit", "cmn"]},
            ("net", 1),
            "a value of `net` is `cmn`, not one of its choices: vit, cnn.",
            "did you mean `cnn`?",
        ),
        ({"fast": ["yes"]}, ("fast", 0), "a value of `fast` is a string ('yes') but the type is bool.", "give a bool."),
        ({"lr": [1, 0.5, 1.0]}, ("lr", 2), "`lr` lists `1.0` twice.", "remove one of them."),
        (
            {"note": {"min": "a", "max": "b"}},
            ("note",),
            "input `note` is a string, so it has no range.",
            "list the values to try: `note: [a, b]`.",
        ),
        (
            {"fast": {"min": False, "max": True}},
            ("fast",),
            "input `fast` is a bool, so it has no range.",
            "list the values to try: `fast: [a, b]`.",
        ),
        (
            {"size": {"min": 16, "max": 32}},
            ("size",),
            "input `size` has choices, so it has no range.",
            "list the values to try: `size: [a, b]`.",
        ),
        (
            {"lr": {"min": 0, "max": 1, "scala": "log"}},
            ("lr", "scala"),
            "`scala` is not a key of a range.",
            "did you mean `scale`?",
        ),
        ({"lr": {"min": 0}}, ("lr",), "the range of `lr` has no `max`.", "add `max: …`."),
        (
            {"lr": {"min": "0", "max": 1}},
            ("lr", "min"),
            "`min` of `lr` is a string ('0') but the type is float.",
            "write `0` without quotes.",
        ),
        ({"lr": {"min": 0, "max": 2}}, ("lr", "max"), "`max` of `lr` is 2, above max 1.0.", "change one of them."),
        (
            {"epochs": {"min": 1, "max": 2.5}},
            ("epochs", "max"),
            "`max` of `epochs` is a float (2.5) but the type is int.",
            "give an int.",
        ),
        (
            {"lr": {"min": True, "max": 1}},
            ("lr", "min"),
            "`min` of `lr` is a bool (True) but the type is float.",
            "give a float.",
        ),
        (
            {"lr": {"min": 0.5, "max": 0.5}},
            ("lr", "max"),
            "`max` of `lr` is 0.5, not above `min`, which is 0.5.",
            "change one of them.",
        ),
        (
            {"lr": {"min": 0, "max": 1, "scale": "log"}},
            ("lr", "min"),
            "`lr` has a logarithmic scale, but its range begins at 0.",
            "begin above 0, or write `scale: linear`.",
        ),
        (
            {"lr": {"min": -1, "max": 1, "scale": "reverse_log"}},
            ("lr", "min"),
            "`lr` has a logarithmic scale, but its range begins at -1.",
            "begin above 0, or write `scale: linear`.",
        ),
        (
            {"lr": {"min": 0, "max": 1, "scale": "logs"}},
            ("lr", "scale"),
            "`logs` is not a scale.",
            "did you mean `log`?",
        ),
        (
            {"lr": {"min": 0, "max": 1, "scale": ["log"]}},
            ("lr", "scale"),
            "`['log']` is not a scale.",
            "did you mean `log`?",
        ),
    ],
)
def test_a_search_that_is_refused(search: dict[str, Any], path: tuple[Any, ...], fact: str, fix: str) -> None:
    assert tune_problems(tune(search=search), COMPONENT) == [(("search", *path), fact, fix)]


@pytest.mark.parametrize(
    ("differs", "path", "fact", "fix"),
    [
        ({"metric": "ac"}, ("metric",), "the component has no value output `ac`.", "did you mean `acc`?"),
        ({"metric": "model"}, ("metric",), "the component has no value output `model`.", "use one of: acc, steps."),
        ({"trials": 1001}, ("trials",), "`trials` is 1,001, more than 1,000.", "write at most 1000."),
        (
            {"trials": 3},
            ("parallel",),
            "`parallel` is 4, but there are only 3 trials.",
            "write at most 3, or more `trials`.",
        ),
        (
            {"algorithm": "bayes"},
            ("algorithm",),
            "`bayes` is not a way to choose the next values.",
            "did you mean `bayesian`?",
        ),
        (
            {"algorithm": "grid"},
            ("search", "lr"),
            "a grid tries every value, but `lr` is a range of floats.",
            "list the values to try, or take another `algorithm`.",
        ),
    ],
)
def test_a_study_that_is_refused(differs: dict[str, Any], path: tuple[Any, ...], fact: str, fix: str) -> None:
    assert tune_problems(tune(**differs), COMPONENT) == [(path, fact, fix)]


def test_a_metric_is_a_tag_where_no_output_is_a_value() -> None:
    assert tune_problems(tune(metric="val/acc"), outputs(model="Model", scores="Metrics")) == []


def test_a_metric_is_a_number() -> None:
    component = outputs(report="string", accs="list<float>")
    declare = "declare `outputs: {{{}: float}}`."
    assert tune_problems(tune(metric="accs"), component) == [
        (("metric",), "output `accs` is a list<float>; a metric is a number.", declare.format("accs"))
    ]
    assert tune_problems(tune(metric="acc"), component) == [
        (("metric",), "the component has no value output `acc`.", declare.format("acc"))
    ]


def test_an_input_cannot_be_called_as_the_best_metric() -> None:
    port = {"best_metric": {"type": "float"}}
    component = ContainerComponent.model_validate(
        {"image": "app", "command": ["python"], "inputs": port, "outputs": {"acc": {"type": "float"}}}
    )
    assert tune_problems(tune(search={"best_metric": [1.0]}), component) == [
        (
            ("search", "best_metric"),
            "`best_metric` is an output of every tuned step, so no input that is searched can be called so.",
            "rename the input.",
        )
    ]


def test_all_problems_are_found_at_once() -> None:
    search = {"lr": {"min": 2, "max": "x", "step": 1}, "epochs": [0, "1"], "gone": [1]}
    found = tune_problems(tune(metric="x", trials=2, algorithm="x", search=search), COMPONENT)
    assert [path for path, _, _ in found] == [
        ("metric",),
        ("parallel",),
        ("algorithm",),
        ("search", "lr", "step"),
        ("search", "lr", "min"),
        ("search", "lr", "max"),
        ("search", "epochs", 0),
        ("search", "epochs", 1),
        ("search", "gone"),
    ]


def test_a_tuned_step_gives_the_best_values_and_the_best_metric() -> None:
    search = {"net": ["vit"], "epochs": [1, 2], "lr": [0.1], "gone": [1]}
    given = tuned_outputs(tune(search=search), COMPONENT)
    assert {name: str(port.type) for name, port in given.items()} == {
        "net": "string",
        "epochs": "int",
        "lr": "float",
        "best_metric": "float",
    }
