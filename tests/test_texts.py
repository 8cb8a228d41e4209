"""What is written is read back as the same value: by JSON, by YAML 1.1 readers and by hpc's own reader."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hpc.compiler.emit import canonical
from hpc.spec.document import read_value
from hpc.templates import as_yaml

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _FLOATS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


def _same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0 and from true."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return sorted(one) == sorted(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


@given(_VALUES)
@settings(deadline=None, max_examples=500)
def test_emitted_json_means_the_same_to_json_and_yaml(value: Any) -> None:
    text = canonical({"value": value})
    assert _same(json.loads(text), {"value": value})
    assert _same(yaml.safe_load(text), {"value": value})


@given(_VALUES)
@settings(deadline=None, max_examples=500)
def test_reading_inverts_the_yaml_filter(value: Any) -> None:
    text = as_yaml(value)
    assert text.isascii()
    assert "\n" not in text
    assert _same(read_value(text, "test").plain(), value)


@given(_TEXT)
@settings(deadline=None, max_examples=500)
def test_other_readers_take_filtered_text_for_the_same(text: str) -> None:
    assert yaml.safe_load(as_yaml(text)) == text


@pytest.mark.parametrize(
    "text", ["1e-05", "0x1F", "yes", "null", "1:30", "2020-01-01", "~", "", " a", "😀", "\x7f", "\u2028", "{{x}}"]
)
def test_text_that_looks_like_something_else(text: str) -> None:
    assert yaml.safe_load(canonical([text])) == [text]
    assert read_value(as_yaml(text), "test").plain() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-05, "1.0e-05"),
        (1e22, "1.0e+22"),
        (1.5e300, "1.5e+300"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (10**20, "1" + "0" * 20),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert canonical(value) == text


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_lacks_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="has no place in JSON"):
        canonical(value)
