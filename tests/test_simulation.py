"""Random pipelines mean in the compiled file what docs/language.md says of them; see tests/simulation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pytest

pytest.importorskip("cel")  # of Python 3.11 and later

from compiling import compile_text
from simulation.compare import compare
from simulation.generate import pipeline
from simulation.language import Language
from simulation.mutants import KINDS, mutant
from simulation.trial import compiled, trial, verdicts
from simulation.world import World

SEEDS = range(400)
BLOCK = 40
MUTANTS = 16
UNREADABLE = (AssertionError, LookupError)  # a mutant that the reader cannot even follow was noticed


@pytest.mark.parametrize("first", SEEDS[::BLOCK])
def test_both_readings_agree(first: int) -> None:
    trials = [trial(seed) for seed in range(first, first + BLOCK)]
    wrong = [
        f"cd tests && python -m simulation --seed {one.seed} --count 1  # {one.problems}"
        for one in trials
        if one.problems
    ]
    assert wrong == []
    assert sum(one.accepted for one in trials) > BLOCK / 2
    assert sum(one.runs for one in trials) > 8 * BLOCK


def test_the_files_hold_what_the_language_has() -> None:
    """A generator that lost a part of the language would find nothing wrong with it."""
    specs = [spec for seed in SEEDS[:200] if (spec := compiled(pipeline(seed), seed)[0])]
    found = Counter(sign for spec in specs for sign in SIGNS if SIGNS[sign] in json.dumps(spec))
    assert {sign: found[sign] for sign in SIGNS if found[sign] < 5} == {}


SIGNS = {
    "a condition": '"when--',
    "a switch": '"switch--',
    "an else": '"else--',
    "a branch behind another": '"!(',
    "a join of values": '"parameterSelectors"',
    "a loop over a list of the run": '"inputParameter"',
    "a loop over a list of the file": '"raw"',
    "an unrolled loop": '"step-3--',
    "a limit of a loop": '"parallelismLimit"',
    "fields of records": "parseJson",
    "a component made of edges": '"comp-sub',
    "an importer": '"importer"',
    "exit": '"exit--handler"',
    "how a step ended": '"taskFinalStatus"',
    "whatever happened": "ALL_UPSTREAM_TASKS_COMPLETED",
    "an input without a value": "--without--",
}


SHARES = {"a strategy is dropped": 0.2, "a list is gathered in another order": 0.2, "two inputs are exchanged": 0.4}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mistake_of_the_compiler_is_noticed(kind: str) -> None:
    """Not every one shows in every file: what is dropped may not matter, or no run leads there."""
    noticed = list(islice(_noticed(kind), MUTANTS))
    assert len(noticed) == MUTANTS
    assert sum(noticed) >= MUTANTS * SHARES.get(kind, 0.5)


def _noticed(kind: str) -> Iterator[bool]:
    """Whether a mistake of this kind is seen, in one pipeline after the other that has a place for it."""
    for seed in SEEDS:
        data = pipeline(seed)
        spec, _ = compiled(data, seed)
        broken = mutant(spec, kind, seed) if spec else None
        if broken is not None:
            yield _is_seen(data, broken, seed)


def _is_seen(data: Mapping[str, Any], broken: Mapping[str, Any], seed: int) -> bool:
    try:
        return any(one.problems for one in verdicts(data, broken, seed, repeats=2))
    except UNREADABLE:
        return True


# ---- the reading of the language, held against what docs/language.md says in words

HEAD: Mapping[str, Any] = {
    "hpc": 1,
    "name": "by-hand",
    "images": {"image": "registry.example/image:1.0"},
}


def file_of(edges: list[Any], steps: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A pipeline in which every component is called like the step, or by a name of `use`."""
    one = {"image": "image", "command": ["python", "main.py"], "outputs": {"i1": {"type": "int", "as": "to_i1"}}}
    components = {name: {**one, "args": [name], "inputs": {"i": {"type": "int", "default": 0}}} for name in "abcd"}
    listed = {"e": {**one, "args": ["e"], "inputs": {"xs": "list<int>"}}}
    return {**HEAD, "components": {**components, **listed}, "steps": dict(steps or {}), "edges": edges, **more}


def runs(data: Mapping[str, Any], **given: Any) -> list[str]:
    happened = Language(data, World(0)).run(given)
    return sorted("/".join(run.path) for run, _, _ in happened.runs)


FLAG = {"inputs": {"on": "bool"}}


def test_skipping_spreads_up_to_a_join() -> None:
    edges = [{"switch": ["inputs -> a when inputs.on", "inputs -> b else"]}, "a -> c", "a.i1 | b.i1 -> d.i"]
    assert runs(file_of(edges, **FLAG), on=True) == ["a", "c", "d"]
    assert runs(file_of(edges, **FLAG), on=False) == ["b", "d"]


def test_what_follows_a_skipped_step_is_skipped_whatever_happened() -> None:
    steps = {"b": {"run_if": "upstream_done"}}
    assert runs(file_of(["inputs -> a when inputs.on", "a -> b"], steps, **FLAG), on=False) == []


def test_a_condition_before_a_loop_is_decided_once() -> None:
    """Also for the elements that do not come from behind it."""
    data = file_of(["inputs -> a when inputs.on", "a.i1, b.i1 -> c.i"], {"c": {"for_each": ["i"]}}, **FLAG)
    assert runs(data, on=True) == ["a", "b", "c", "c"]
    assert runs(data, on=False) == ["b"]
    _agree(data, {"on": False})


def test_one_value_for_a_list_is_a_list_of_one() -> None:
    _agree(file_of(["a.i1 -> e.xs"]), {})


def test_order_is_a_part_of_it() -> None:
    data = file_of(["a -> b"])
    spec = json.loads(_compiled(data))
    del spec["root"]["dag"]["tasks"]["b"]["dependentTasks"]
    assert compare(data, spec, World(0), {}).problems == ["b does not wait for all of ['a']"]


def test_a_circle_of_conditions_through_a_loop_is_refused() -> None:
    """`d` stands under what decides about `p`, and waits for a loop that waits for whichever of `p` and `q` ran."""
    switch = {"switch": ["inputs -> p when inputs.on", "inputs -> q else"]}
    edges = [switch, "p | q -> b", "b -> c", "inputs.xs -> c.i", "p.i1 -> d.i", "c -> d"]
    steps = {"c": {"for_each": ["i"]}, "p": {"uses": "a"}, "q": {"uses": "a"}}
    data = file_of(edges, steps, inputs={"on": "bool", "xs": "list<int>"})
    found = [one for one in compile_text(json.dumps(data)).diagnostics if one.rule.severity == "error"]
    assert [one.rule.code for one in found] == ["HPC406"]
    assert "`d` runs under a condition and waits for `c`" in found[0].fact


def _compiled(data: Mapping[str, Any]) -> str:
    result = compile_text(json.dumps(data))
    assert result.compiled is not None, result.shown
    return result.compiled.text


def _agree(data: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    found = compare(data, json.loads(_compiled(data)), World(1), given)
    assert (found.problems, found.runs > 0) == ([], True)
