"""The values of a sweep are those that Hydra's own sweeper goes through."""

from __future__ import annotations

import json
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hypothesis import given
from hypothesis import strategies as st

from hpc.composing.sweeping import swept

CONFIGS = str(Path(__file__).parent / "lightning" / "configs")


def _swept(text: str, key: str = "lr", most: int = 1000, config: str | None = None) -> dict[str, Any]:
    place = None if config is None else {"folder": config, "name": "train", "imports": []}
    return swept({"ask": "sweep", "text": text, "key": key, "most": most, "config": place})


def _values(text: str, **rest: Any) -> list[Any]:
    answer = _swept(text, **rest)
    assert (answer["trouble"], answer["said"]) == ("", "")
    return answer["values"]


def _of_hydra(text: str) -> list[Any]:
    """What a job gets for each run of `--multirun lr=text`, on the way through text that Hydra's sweeper takes."""
    parser = OverridesParser.create()
    [runs] = BasicSweeper.split_arguments(parser.parse_overrides([f"lr={text}"]), None)
    return [parser.parse_override(run[0]).value() for run in runs]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("adam,sgd", ["adam", "sgd"]),
        ("choice(0.1,0.01,1e-4)", [0.1, 0.01, 0.0001]),
        ("adam,'sgd m'", ["adam", "sgd m"]),
        ("'a,b',c", ["a,b", "c"]),
        ('"it\'s", \'say "so"\'', ["it's", 'say "so"']),
        ("'1',1", ["1", 1]),
        ("null,1", [None, 1]),
        ("true,FALSE,'true'", [True, False, "true"]),
        ("[1,2],[3]", [[1, 2], [3]]),
        ("[a,'b c'],[]", [["a", "b c"], []]),
        ("{a:1},{a:2,b:{c:'x y'}}", [{"a": 1}, {"a": 2, "b": {"c": "x y"}}]),
        ("1_000,0,-3", [1000, 0, -3]),
        ("1.0,2e3,.5", [1.0, 2000.0, 0.5]),
        ("9007199254740993,123456789012345678901234567890", [9007199254740993, 123456789012345678901234567890]),
        ("range(1,4)", [1, 2, 3]),
        ("range(3)", [0, 1, 2]),
        ("range(10,0,-3)", [10, 7, 4, 1]),
        ("range(0,1,0.25)", [0.0, 0.25, 0.5, 0.75]),
        ("range(1.0,3.0)", [1.0, 2.0]),
        ("float(range(1,3))", [1.0, 2.0]),
        ("int(range(1.0,4.0))", [1, 2, 3]),
        ("range(start=1,stop=9,step=4)", [1, 5]),
        ("range(4,1)", []),
        ("sort(3,1,2)", [1, 2, 3]),
        ("sort(choice(b,a,c),reverse=true)", ["c", "b", "a"]),
        ("sort(range(4,0,-1))", [1, 2, 3, 4]),
        ("sort(range(0,4),reverse=true)", [3, 2, 1, 0]),
        ("int(choice('1',2.9))", [1, 2]),
        ("float(1,2)", [1.0, 2.0]),
        ("bool(choice(1,0))", [True, False]),
        ("tag(x,choice(1,2))", [1, 2]),
        ("tag(x,y,range(1,3))", [1, 2]),
        ("choice(a)", ["a"]),
        (" 1 , 2 ", [1, 2]),
        ("/data/a.csv,s3://b?c", ["/data/a.csv", "s3://b?c"]),
        ("a\\,b,c", ["a,b", "c"]),
        ("${x},y", ["${x}", "y"]),
        ("ä,'ö'", None),
    ],
)
def test_values_are_those_of_hydra(text: str, values: list[Any] | None) -> None:
    if values is None:
        assert _swept(text)["trouble"] == "syntax"
        return
    assert json.dumps(_values(text)) == json.dumps(values)
    assert json.dumps(values) == json.dumps(_of_hydra(text))


@pytest.mark.parametrize(
    ("text", "values"),
    [("choice('1',2)", ["1", 2]), ("str(1,2)", ["1", "2"]), ("str(choice(true,a))", ["true", "a"])],
)
def test_texts_stay_texts_where_hydras_sweeper_writes_them_without_quotes(text: str, values: list[Any]) -> None:
    assert _values(text) == values
    assert _of_hydra(text) != values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("range(0.1,0.5,0.1)", [0.1, 0.2, 0.3, 0.4]),
        ("range(0,1,0.3)", [0.0, 0.3, 0.6, 0.9]),
        ("range(1,0,-0.4)", [1.0, 0.6, 0.2]),
        ("range(1e-5,4.5e-5,1e-5)", [1e-05, 2e-05, 3e-05, 4e-05]),
        ("range(1700000000.5,1700000001,0.25)", [1700000000.5, 1700000000.75]),
        ("range(1000000000000000.5,1000000000000003)", [1000000000000000.5, 1000000000000001.5, 1000000000000002.5]),
    ],
)
def test_what_sums_of_doubles_leave_behind_is_rounded_away(text: str, values: list[float]) -> None:
    assert _values(text) == values
    assert all(isclose(mine, theirs, rel_tol=1e-11) for mine, theirs in zip(values, _of_hydra(text), strict=True))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("range(1e-5,4e-5,1e-5)", [1e-05, 2e-05, 3e-05]),
        ("range(0.7,1.0,0.1)", [0.7, 0.8, 0.9]),
        ("range(1,0.7,-0.1)", [1.0, 0.9, 0.8]),
        ("range(0,0.3,0.1)", [0.0, 0.1, 0.2]),
    ],
)
def test_a_range_ends_before_its_stop(text: str, values: list[float]) -> None:
    """As Hydra says. Up to 1.3 it now and then lets the stop through, where a sum of doubles is just below it."""
    assert _values(text) == values
    assert [float(f"{value:.12g}") for value in _of_hydra(text)][: len(values)] == values


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_ranges_of_integers_are_pythons(start: int, stop: int, step: int) -> None:
    assert _values(f"range({start},{stop},{step})") == list(range(start, stop, step))
    assert _of_hydra(f"range({start},{stop},{step})") == list(range(start, stop, step))


@given(st.integers(-500, 500), st.integers(1, 90), st.integers(1, 40))
def test_ranges_of_decimals_are_as_a_person_would_write_them(start: int, step: int, count: int) -> None:
    low, high, by = start / 100, (start + step * count) / 100, step / 100
    values = _values(f"range({low},{high},{by})")
    assert values == [(start + step * index) / 100 for index in range(count)]
    assert all(isinstance(value, float) for value in values)


@given(st.lists(st.text(max_size=20), min_size=2, max_size=5))
def test_quoted_texts_arrive_as_they_are(texts: list[str]) -> None:
    written = ",".join(QuotedString(text, Quote.single).with_quotes() for text in texts)
    assert _values(written) == texts
    assert _of_hydra(written) == texts


@pytest.mark.parametrize(
    ("text", "trouble", "said"),
    [
        ("interval(0,1)", "endless", ""),
        ("tag(x,interval(0,1))", "endless", ""),
        ("shuffle(a,b)", "random", ""),
        ("shuffle(range(1,5))", "random", ""),
        ("shuffle(range(1,1000000000000))", "random", ""),
        ("shuffle(choice(1,2,3))", "random", ""),
        ("shuffle([1,2,3])", "random", ""),
        ("choice(shuffle([1,2]),3)", "random", ""),
        ("range(1,1000000000000)", "too-many", ""),
        ("range(0,1e12,0.1)", "too-many", ""),
        ("range(0,inf)", "too-many", ""),
        ("glob(*)", "no-config", ""),
        ("0.1", "not-a-sweep", "float"),
        ("1", "not-a-sweep", "int"),
        ("true", "not-a-sweep", "bool"),
        ("adam", "not-a-sweep", "string"),
        ("'a,b'", "not-a-sweep", "string"),
        ("", "not-a-sweep", "string"),
        ("null", "not-a-sweep", "any"),
        ("[1,2]", "not-a-sweep", "list"),
        ("{a:1}", "not-a-sweep", "dict"),
        ("sort([2,1])", "not-a-sweep", "list"),
        ("choice(1,", "syntax", "no viable alternative at input 'choice(1,'"),
        ("choice()", "syntax", "ValueError while evaluating 'choice()': empty choice is not legal"),
        ("a,b)", "syntax", "extraneous input ')' expecting <EOF>"),
        ("1,", "syntax", "mismatched input '<EOF>'"),
        ("foo(1)", "syntax", "HydraException while evaluating 'foo(1)': Unknown function 'foo'"),
        ("'abc", "syntax", 'unexpected "\'"'),
        ("a,b\nc", "syntax", "unexpected '\\n'"),
        ("range(1,2,0)", "syntax", "range() arg 3 must not be zero"),
        ("range(0,nan)", "syntax", "a range that is not between numbers"),
        ("nan,1", "syntax", "nan is not a finite number"),
        ("[1,[-inf]],2", "syntax", "-inf is not a finite number"),
        ("{1:a},2", "syntax", "the key 1 of a dict is not a text"),
        ("choice(1,2),3", "syntax", "a sweep inside a sweep"),
        ("glob(*),a", "syntax", "a sweep inside a sweep"),
    ],
)
def test_what_is_no_list(text: str, trouble: str, said: str) -> None:
    assert _swept(text) == {"values": [], "trouble": trouble, "said": said}


def test_the_most_is_still_allowed() -> None:
    assert len(_values("range(1000)")) == 1000
    assert _swept("range(1001)")["trouble"] == "too-many"
    assert len(_values("range(1e-5,4e-5,1e-5)", most=3)) == 3
    assert _values("a,b", most=2) == ["a", "b"]
    assert _swept("a,b,c", most=2)["trouble"] == "too-many"


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("glob(*)", "model", ["digits", "segmenter"]),
        ("glob([gpu*,ddp*],exclude=ddp_*)", "trainer", ["ddp", "gpu"]),
        ("glob(*,exclude=[d*,m*])", "trainer@pkg", ["cpu", "gpu"]),
        ("glob(*)", "experiment/ablation", ["narrow"]),
        ("glob(nothing*)", "trainer", []),
        ("glob(*)", "data.batch_size", []),
        ("gpu,cpu", "trainer", ["gpu", "cpu"]),
    ],
)
def test_glob_looks_up_options(text: str, key: str, values: list[str]) -> None:
    assert _values(text, key=key, config=CONFIGS) == values


def test_glob_in_a_folder_that_is_not_there() -> None:
    assert _swept("glob(*)", key="model", config=f"{CONFIGS}/nowhere") == {
        "values": [],
        "trouble": "no-config",
        "said": "there is no such folder",
    }
