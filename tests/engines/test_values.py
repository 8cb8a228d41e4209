"""Texts of values and values of texts, against what Go's strconv and encoding/json give."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpc.engines.values import as_json, as_text, fitting, parse


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("it's {{$}} \n", "it's {{$}} \n"),
        (True, "true"),
        (None, ""),
        (7, "7"),
        (7.0, "7"),
        (-0.0, "-0"),
        (2.5, "2.5"),
        (1e-7, "0.0000001"),
        (1e16, "10000000000000000"),
        (1e23, "100000000000000000000000"),
        (1234567.5, "1234567.5"),
        ([1.0, 2.5, "a", True, None], '[1,2.5,"a",true,null]'),
        ({"b": 1.0, "a": {"x": []}}, '{"a":{"x":[]},"b":1}'),
        ({"lt": "<é&>\u2028"}, '{"lt":"\\u003cé\\u0026\\u003e\\u2028"}'),
        ([1e-7, 1e-6, 1e20, 1e21, 1.5e300], "[1e-7,0.000001,100000000000000000000,1e+21,1.5e+300]"),
    ],
)
def test_the_text_of_a_value_is_the_launcher_s(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("STRING", " 5\n", " 5\n"),
        ("NUMBER_INTEGER", " 42\n", 42),
        ("NUMBER_INTEGER", "-007", -7),
        ("NUMBER_INTEGER", "1152921504606846977", 1152921504606846977),
        ("NUMBER_DOUBLE", "1e3\n", 1000.0),
        ("NUMBER_DOUBLE", ".5", 0.5),
        ("BOOLEAN", "T", True),
        ("BOOLEAN", "0", False),
        ("LIST", '[1, "x"]', [1, "x"]),
        ("STRUCT", '{"k": null}', {"k": None}),
    ],
)
def test_a_text_is_read_by_its_type(kind: str, text: str, value: object) -> None:
    found = parse(text, kind)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("NUMBER_INTEGER", "5.0", '"5.0" is not a whole number'),
        ("NUMBER_INTEGER", "1_000", '"1_000" is not a whole number'),
        ("NUMBER_INTEGER", "٣", '"٣" is not a whole number'),
        ("NUMBER_INTEGER", "9223372036854775808", '"9223372036854775808" is not a whole number'),
        ("NUMBER_DOUBLE", "1_0.5", '"1_0.5" is not a number'),
        ("NUMBER_DOUBLE", "", '"" is not a number'),
        ("NUMBER_DOUBLE", "nan", "nan is not a finite number; a pipeline cannot carry it"),
        ("NUMBER_DOUBLE", "1e999", "inf is not a finite number; a pipeline cannot carry it"),
        ("BOOLEAN", "yes", '"yes" is not true or false'),
        ("BOOLEAN", "tRUE", '"tRUE" is not true or false'),
        ("LIST", '{"a": 1}', '{"a":1} is not a JSON list'),
        ("STRUCT", "[]", "[] is not a JSON object"),
        ("STRUCT", "{", '"{" is not a JSON object: Expecting property name enclosed in double quotes'),
        ("LIST", "[NaN]", '"[NaN]" is not a JSON list: NaN is not JSON'),
        ("LIST", "[" * 100_000, "is not a JSON list: maximum recursion depth"),
    ],
)
def test_a_text_of_another_form_is_refused(kind: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match="is not") as caught:
        parse(text, kind)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "kind"), [(True, "NUMBER_INTEGER"), ("1", "NUMBER_DOUBLE"), (1, "BOOLEAN"), ("[]", "LIST")]
)
def test_a_value_of_a_wrong_kind_is_refused(value: object, kind: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        fitting(value, kind)


def test_a_whole_double_becomes_an_integer_and_anything_a_text() -> None:
    assert repr(fitting(3.0, "NUMBER_INTEGER")) == "3"
    assert fitting([1.0], "STRING") == "[1]"


_json_values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_json_values)
def test_json_is_read_back_as_it_was(value: object) -> None:
    assert json.loads(as_json(value), parse_int=float) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_as_it_was(value: float) -> None:
    assert parse(as_text(value), "NUMBER_DOUBLE") == value
    assert "e" not in as_text(value)
