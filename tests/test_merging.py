"""Profiles, `--set`, `uses` and steps lay values on values by one rule, and none of them changes the graph."""

from __future__ import annotations

import json
from typing import Any

import pytest
from compiling import Result, compile_text

from hpc.compiler import Choice

FILE = """\
hpc: 1
name: merging
inputs: {{text: {{type: string, default: hello}}}}
images: {{tool: repo.example/tool:1.0}}
components:
  say: {{image: tool, command: [say], retry: 2, inputs: {{text: string}}, overrides: {base}}}
  shout: {{uses: say, overrides: {sibling}}}
steps:
  two: {{uses: say, overrides: {step}}}
  three:
    uses: say
edges: ["inputs.text -> say.text, shout.text, two.text, three.text"]
profiles:
  other: {profile}
"""


def _file(base: object = None, sibling: object = None, step: object = None, profile: object = None) -> str:
    parts = {"base": base or {}, "sibling": sibling or {}, "step": step or {}, "profile": profile or {}}
    return FILE.format(**{name: json.dumps(value) for name, value in parts.items()})


def _overrides(result: Result) -> dict[str, dict[str, Any]]:
    assert result.compiled is not None, result.shown
    return {step.name: dict(step.settings.overrides) for step in result.compiled.graph.steps}


RULE = {
    "mappings merge": ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
    "however deep": ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 3}}}, {"a": {"b": {"c": 3, "d": 2}}}),
    "new keys": ({"a": 1}, {"b": {"c": 2}}, {"a": 1, "b": {"c": 2}}),
    "lists replace": ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    "scalars replace": ({"a": {"b": 1}, "c": 1}, {"a": 2, "c": {"d": 1}}, {"a": 2, "c": {"d": 1}}),
    "null deletes": ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
    "null deletes in a mapping": ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
    "null that deletes nothing stays": ({"a": 1}, {"b": None}, {"a": 1, "b": None}),
    "it stays in a mapping too": ({"a": {"b": 1}}, {"a": {"c": None}}, {"a": {"b": 1, "c": None}}),
    "null deletes null": ({"a": None, "b": 1}, {"a": None}, {"b": 1}),
}


@pytest.mark.parametrize(("base", "over", "merged"), RULE.values(), ids=RULE)
def test_one_rule_for_overrides(base: dict[str, Any], over: dict[str, Any], merged: dict[str, Any]) -> None:
    """Whoever lays the values on: a profile, `--set`, a component that uses a sibling, a step."""
    profile = {"components": {"say": {"overrides": over}}}
    assert _overrides(compile_text(_file(base, profile=profile), choice=Choice(["other"])))["say"] == merged
    setting = f"components.say.overrides={json.dumps(over)}"
    assert _overrides(compile_text(_file(base), choice=Choice([], [setting])))["say"] == merged
    assert _overrides(compile_text(_file(base, sibling=over)))["shout"] == merged
    steps = _overrides(compile_text(_file(base, step=over)))
    assert steps == {"say": base, "shout": base, "two": merged, "three": base}


DELETING = {
    "component": ({"components": {"say": None}}, "say", "profile `other` deletes component `say`"),
    "step": ({"steps": {"two": None}}, "two", "profile `other` deletes step `two`"),
    "input": ({"inputs": {"text": None}}, "text", "profile `other` deletes input `text`"),
    "components": ({"components": None}, "components", "profile `other` deletes `components`"),
    "steps": ({"steps": None}, "steps", "profile `other` deletes `steps`"),
    "inputs": ({"inputs": None}, "inputs", "profile `other` deletes `inputs`"),
    "port": ({"components": {"say": {"inputs": {"text": None}}}}, "inputs", "`other` changes `inputs` of `say`"),
    "ports": ({"components": {"say": {"inputs": None}}}, "inputs", "`other` changes `inputs` of `say`"),
    "edges": ({"edges": None}, "edges", "profile `other` changes `edges`"),
}


@pytest.mark.parametrize(("profile", "key", "fact"), DELETING.values(), ids=DELETING)
def test_null_never_deletes_a_part_of_the_graph(profile: dict[str, Any], key: str, fact: str) -> None:
    [found] = compile_text(_file(profile=profile), choice=Choice(["other"])).diagnostics
    assert (found.rule.code, found.span.position[0]) == ("HPC802", 14)
    assert found.span.source.text[found.span.start : found.span.end] == f'"{key}"'
    assert fact in found.fact


def test_null_deletes_values() -> None:
    profile = {"components": {"say": {"retry": None}}, "defaults": None}
    text = _file(profile=profile) + "defaults: {retry: 5}\n"
    for names, expected in (([], 2), (["other"], None)):
        result = compile_text(text, choice=Choice(names))
        assert result.compiled is not None, result.shown
        retry = result.compiled.graph.steps[0].settings.retry
        assert (retry and retry.max) == expected


def test_a_step_of_the_file_may_say_nothing() -> None:
    text = _file().replace("  three:\n    uses: say\n", "  say:\n").replace(", three.text", "")
    assert sorted(_overrides(compile_text(text))) == ["say", "shout", "two"]


def test_a_mistake_is_shown_where_its_value_is_written() -> None:
    """In a mapping that the step and its component share, too."""
    base = {"a": {"b": "${{ run.workspace }}", "c": 1}, "d": ["${{ run.workspace }}"]}
    text = _file(base, step={"a": {"c": "${{ run.workspace }}"}, "d": ["x"]})
    found = compile_text(text).diagnostics
    assert {(each.rule.code, *each.span.position) for each in found} == {
        ("HPC504", 6, text.splitlines()[5].index("${{") + 1),
        ("HPC504", 6, text.splitlines()[5].rindex("${{") + 1),
        ("HPC504", 9, text.splitlines()[8].index("${{") + 1),
    }
