"""The local engine decides as an independent reading of the same document does; see tests/simulation/engine.py."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any
from weakref import WeakSet

import pytest

pytest.importorskip("cel")  # of Python 3.11 and later

from compiling import compile_text
from simulation.engine import NAMES, Case, cases, held_against, planned
from simulation.generate import pipeline
from simulation.slips import SLIPS, planted
from simulation.trial import written
from simulation.ways import failing_fast, resumed, stopped
from simulation.world import World

from hpc.engines.local.flow.execution import Execution, Leaf
from hpc.engines.local.flow.frames import Group
from hpc.engines.local.flow.inputs import Inputs, Scope
from hpc.engines.local.plan import Plan
from hpc.engines.outcome import TaskResult

SEEDS = range(200)
BLOCK = 25
Way = Callable[[Plan, World, Inputs, int], list[str]]


@cache
def made(seed: int) -> tuple[Case, ...]:
    return tuple(cases(seed))


@pytest.mark.parametrize("first", SEEDS[::BLOCK])
def test_both_readings_agree(first: int) -> None:
    held = [held_against(case) for seed in range(first, first + BLOCK) for case in made(seed)]
    assert {(one.case.seed, one.case.strict): one.problems for one in held if one.problems} == {}
    assert sum(one.runs for one in held) > 30 * BLOCK


@pytest.mark.parametrize("way", [resumed, stopped, failing_fast])
def test_another_way_through_a_run(way: Way) -> None:
    wrong = {}
    for seed in SEEDS[:60]:
        for case in made(seed):
            for failing in (0.0, 0.3):
                if found := way(case.plan, World(seed, failing), case.inputs, seed):
                    wrong[seed, case.strict, failing] = found
    assert wrong == {}


@pytest.mark.parametrize("name", SLIPS)
def test_a_mistake_of_the_engine_is_noticed(name: str) -> None:
    with planted(name):
        noticed = (case.seed for seed in SEEDS for case in made(seed) if held_against(case).problems)
        assert len(list(islice(noticed, 2))) == 2


def test_the_documents_hold_what_the_format_has() -> None:
    texts = [json.dumps(case.spec) for seed in SEEDS[:100] for case in made(seed) if not case.strict]
    found = Counter(sign for text in texts for sign in SIGNS if sign in text)
    assert {sign: found[sign] for sign in SIGNS if found[sign] < 5} == {}


SIGNS = (
    '"condition": "int(',
    '"parallelismLimit": 1',
    '"raw"',
    '"inputParameter"',
    "no such type",
    "valueFromOneof",
    "ALL_UPSTREAM_TASKS_COMPLETED",
    "taskFinalStatus",
    "IfPresent",
    '"isArtifactList"',
    '"defaultValue"',
)


def test_every_target_has_the_same_document() -> None:
    """What the engine is held to for one target is so for all of them."""
    for seed in SEEDS[:40]:
        text = written(pipeline(seed))
        found = [compile_text(text, target).compiled for target in ("local", "vertex", "kfp")]
        assert len({json.dumps(json.loads(one.text), sort_keys=True) for one in found if one}) <= 1


# ---- by hand


def test_a_list_that_a_loop_walks_can_be_used_within_it() -> None:
    """The loop takes its items away from those inside (driver/resolve.go), so that list comes in twice."""
    ports = {"x": "int", "xs": "list<int>"}
    component = {"image": "i", "command": ["python", "m.py"], "args": ["a"], "inputs": ports}
    data = {
        "hpc": 1,
        "name": "twice",
        "inputs": {"xs": {"type": "list<int>", "default": [5, 7]}},
        "images": {"i": "registry.example/image:1.0"},
        "components": {"a": component},
        "steps": {"a": {"for_each": ["x"]}},
        "edges": ["inputs.xs -> a.x", "inputs.xs -> a.xs"],
    }
    result = compile_text(json.dumps(data), "local")
    assert result.compiled is not None, result.shown
    run = _Run(planned(json.loads(result.compiled.text)), Inputs({"xs": [5, 7]}))
    assert [inputs.parameters for _, inputs in run.go()] == [{"x": 5, "xs": [5, 7]}, {"x": 7, "xs": [5, 7]}]


# ---- scale


class _Run:
    """All leaves, by path and inputs, in the order in which they are handed out; at most `jobs` are out at once."""

    def __init__(self, one: Plan, inputs: Inputs | None = None, jobs: int = 4) -> None:
        self.told = Counter[str]()
        self.jobs = jobs
        self.execution = Execution(one, Scope(inputs or Inputs(), NAMES), self._told)

    def _told(self, event: Any) -> None:
        self.told[event.result.reason or event.result.state if hasattr(event, "result") else "opened"] += 1

    def go(self, watch: Callable[[], None] = lambda: None) -> list[tuple[str, Inputs]]:
        leaves: list[tuple[str, Inputs]] = []
        out: list[Leaf] = []
        while leaf := self._more(out):
            leaves.append((leaf.path, leaf.inputs))
            out.append(leaf)
            watch()
        assert self.execution.result is not None
        return leaves

    def _more(self, out: list[Leaf]) -> Leaf | None:
        while True:
            leaf = self.execution.next() if len(out) < self.jobs else None
            if leaf is not None or not out:
                return leaf
            self.execution.finish(out.pop(0), TaskResult("SUCCEEDED", outputs={"i1": 1}))


def _document(tasks: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    leaf = {"executorLabel": "exec", "outputDefinitions": {"parameters": {"i1": {"parameterType": "NUMBER_INTEGER"}}}}
    return {
        "pipelineInfo": {"name": "large"},
        "schemaVersion": "2.1.0",
        "root": {"dag": {"tasks": tasks}},
        "components": {"leaf": leaf, **components},
        "deploymentSpec": {"executors": {"exec": {"container": {"image": "image", "command": ["python"]}}}},
    }


def _task(component: str, **more: Any) -> dict[str, Any]:
    return {"componentRef": {"name": component}, **more}


def _loop(count: int, limit: int = 0) -> dict[str, Any]:
    ports = {"parameters": {"item": {"parameterType": "NUMBER_INTEGER"}}}
    tasks = {"first": _task("leaf"), "second": _task("leaf", dependentTasks=["first"])}
    outputs = {"made": {"valueFromParameter": {"producerSubtask": "second", "outputParameterKey": "i1"}}}
    body = {
        "inputDefinitions": ports,
        "outputDefinitions": {"parameters": {"made": {"parameterType": "NUMBER_INTEGER"}}},
        "dag": {"tasks": tasks, "outputs": {"parameters": outputs}},
    }
    loop = {
        "parameterIterator": {"items": {"raw": json.dumps(list(range(count)))}, "itemInput": "item"},
        "iteratorPolicy": {"parallelismLimit": limit},
    }
    return _document({"loop": _task("body", **loop)}, {"body": body})


@pytest.mark.parametrize("limit", [0, 3])
def test_a_loop_costs_what_its_open_iterations_cost(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: WeakSet[Group] = WeakSet()
    most = 0
    begin = Group.__init__

    def counted(group: Group, *given: Any) -> None:
        begin(group, *given)
        alive.add(group)

    def watch() -> None:
        nonlocal most
        most = max(most, len(alive))

    monkeypatch.setattr(Group, "__init__", counted)
    run = _Run(planned(_loop(5000, limit)), jobs=4)
    assert len(run.go(watch)) == 10_000
    assert run.told == {"opened": 1, "SUCCEEDED": 5001}
    assert most <= 1 + 4 + 1  # the pipeline, one for each job, one that is being ended


def test_a_chain_of_skipped_groups_does_not_pile_up() -> None:
    run = _Run(planned(_chain(1000)))
    assert run.go() == []
    assert run.told == {"condition": 1, "upstream": 999}
    assert run.execution.result == TaskResult("SUCCEEDED", "group")


def _chain(count: int) -> dict[str, Any]:
    group = {"dag": {"tasks": {"only": _task("leaf")}}}
    tasks = {f"when--{at}": _task("group", dependentTasks=[f"when--{at - 1}"]) for at in range(1, count)}
    first = _task("group", triggerPolicy={"condition": "1 == 2"})
    return _document({"when--0": first, **tasks}, {"group": group})


def test_a_chain_of_groups_whose_conditions_are_all_false() -> None:
    """Every one is asked, as it runs whatever happened before it."""
    document = _chain(1000)
    for task in document["root"]["dag"]["tasks"].values():
        task["triggerPolicy"] = {"condition": "1 == 2", "strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    run = _Run(planned(document))
    assert run.go() == []
    assert run.told == {"condition": 1000}


def test_groups_within_groups() -> None:
    components = {f"d{at}": {"dag": {"tasks": {"in": _task(f"d{at + 1}")}}} for at in range(60)}
    components["d60"] = {"dag": {"tasks": {"in": _task("leaf")}}}
    run = _Run(planned(_document({"in": _task("d0")}, components)))
    assert [path for path, _ in run.go()] == ["/".join(["in"] * 62)]


SIZES: dict[str, Callable[[int], dict[str, Any]]] = {
    "a loop": _loop,
    "a loop with a limit": lambda count: _loop(count, 2),
    "a chain": _chain,
    "tasks side by side": lambda count: _document({f"t{at}": _task("leaf") for at in range(count)}, {}),
    "one task after all others": lambda count: _document(
        {
            **{f"t{at}": _task("leaf") for at in range(count)},
            "last": _task("leaf", dependentTasks=[f"t{at}" for at in range(count)]),
        },
        {},
    ),
}


@pytest.mark.parametrize("form", SIZES)
def test_work_grows_with_the_number_of_tasks(form: str) -> None:
    small, large = (_calls(planned(SIZES[form](count))) for count in (100, 1000))
    assert large < 11 * small


def _calls(one: Plan) -> int:
    """How often any function was called, generators each time they were asked."""
    count = 0

    def counted(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    run = _Run(one)
    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        run.go()
    finally:
        sys.setprofile(before)
    return count
