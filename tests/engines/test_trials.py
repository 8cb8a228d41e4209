"""Searches on this machine: what trials get, how their metric is read, and what becomes of the search."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_pipelines import OUT, Ran, pipeline, platform, ran, task

from hpc.diagnostics import Rejected
from hpc.engines.events import LoopOpened, RunStarted, TaskStarted
from hpc.engines.local import Request, rehearse
from hpc.engines.local.plan import Interface, Space, Tuning
from hpc.engines.local.work.sampling import Grid, OptunaSampler, Samplers
from hpc.engines.outcome import TaskResult

X = {"type": "NUMBER_DOUBLE", "flag": "--x", "min": 0.0, "max": 4.0, "scale": "linear"}
SCORE = "{{$.outputs.parameters['score'].output_file}}"
READ = "import sys; given = dict(w[2:].split('=', 1) for w in sys.argv[2:] if w[:2] == '--'); x = given.get('x', 0)\n"
SQUARE = READ + "open(sys.argv[1], 'w').write(str(0 - (float(x) - 3) ** 2))"


def tune(search: Mapping[str, Any] | None = None, **differs: Any) -> dict[str, Any]:
    outputs = {"parameters": {"score": {"parameterType": "NUMBER_DOUBLE"}}}
    common = {"metric": "score", "goal": "maximize", "trials": 6, "parallel": 2, "algorithm": "bayesian"}
    return {**common, "outputs": outputs, "search": dict(search or {"x": X}), **differs}


def grid(name: str, values: list[Any], kind: str = "NUMBER_INTEGER", **differs: Any) -> dict[str, Any]:
    search = {name: {"type": kind, "flag": f"--{name}", "values": values}}
    return tune(search, **{"algorithm": "grid", "trials": 100, **differs})


def searching(program: str, how: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The document of one step that searches with a Python program, which gets the file of `score` first."""
    outputs = {name: space["type"] for name, space in how["search"].items()}
    search = task(
        *(sys.executable, "-c", program, SCORE if how["outputs"] else "none"),
        outputs={**outputs, "best_metric": "NUMBER_DOUBLE"},
        **more,
    )
    return pipeline({"search": search}, {name: f"search.{name}" for name in search["outputs"]})


def searched(base: Path, program: str, how: dict[str, Any], **options: Any) -> Ran:
    return ran(searching(program, how), base, platform(search={"tune": how}), **options)


def trials(result: Ran) -> list[TaskResult]:
    """Those that began, in order."""
    tasks = result.outcome.tasks
    return [tasks[f"search[{n}]"] for n in range(len(tasks)) if f"search[{n}]" in tasks]


def printed(result: Ran) -> list[str]:
    return [Path(one.log).read_text().strip() for one in trials(result)]


# ---------------------------------------------------------------- the search as a whole


def test_the_best_values_flow_on(tmp_path: Path) -> None:
    how = grid("x", [1, 3, 4])
    given = {"x": "@search.x", "best": "@search.best_metric"}
    search = searching(SQUARE, how)
    show = 'printf "$1 $2" > "$0"'
    retrain = task(
        *("sh", "-c", show, OUT, "{{$.inputs.parameters['x']}}", "{{$.inputs.parameters['best']}}"),
        given=given,
        inputs={"x": "NUMBER_INTEGER", "best": "NUMBER_DOUBLE"},
        outputs={"out": "STRING"},
    )
    spec = pipeline({"retrain": retrain}, {"Output": "retrain.out"})
    spec["components"] |= search["components"]
    spec["deploymentSpec"]["executors"] |= search["deploymentSpec"]["executors"]
    spec["root"]["dag"]["tasks"] |= search["root"]["dag"]["tasks"]
    result = ran(spec, tmp_path, platform(search={"tune": how}))
    assert result.outcome.outputs == {"Output": "3 0"}
    whole = result.outcome.tasks["search"]
    assert (whole.state, whole.kind, whole.outputs) == ("SUCCEEDED", "loop", {"x": 3, "best_metric": 0.0})
    assert [one.outputs for one in trials(result)] == [{"score": -4.0}, {"score": 0.0}, {"score": -1.0}]
    [started] = [event for event in result.events if isinstance(event, RunStarted)]
    assert (started.rows, started.total) == (("search[]", "retrain"), 2)
    assert [event for event in result.events if isinstance(event, LoopOpened)] == [LoopOpened("search", 3, 2)]


@pytest.mark.parametrize(("goal", "best"), [("maximize", 2), ("minimize", 5)])
def test_a_goal_and_of_equals_the_first(goal: str, best: int, tmp_path: Path) -> None:
    program = READ + "open(sys.argv[1], 'w').write({'2': '7', '3': '7', '5': '1', '6': '1'}[x])"
    result = searched(tmp_path, program, grid("x", [2, 3, 5, 6], goal=goal))
    assert result.outcome.outputs == {"x": best, "best_metric": 7.0 if goal == "maximize" else 1.0}


@pytest.mark.parametrize("algorithm", ["bayesian", "random"])
def test_every_kind_of_space(algorithm: str, tmp_path: Path) -> None:
    search = {
        "double": {"type": "NUMBER_DOUBLE", "flag": "--model.lr", "min": 1e-6, "max": 1e-3, "scale": "log"},
        "mirror": {"type": "NUMBER_DOUBLE", "flag": "--m", "min": 0.9, "max": 0.999, "scale": "reverse_log"},
        "whole": {"type": "NUMBER_INTEGER", "flag": "-n", "min": 2, "max": 5, "scale": "linear"},
        "size": {"type": "NUMBER_INTEGER", "flag": "--+size", "values": [128, 32, 64]},
        "rate": {"type": "NUMBER_DOUBLE", "flag": "--rate", "values": [1, 0.5]},
        "net": {"type": "STRING", "flag": "--net", "values": ["{{$.inputs}}", "a b", "18"]},
        "fast": {"type": "BOOLEAN", "flag": "--fast", "values": [True, False]},
    }
    program = "import json, sys; print(json.dumps(sys.argv[2:])); open(sys.argv[1], 'w').write('1')"
    result = searched(tmp_path, program, tune(search, algorithm=algorithm, trials=12, parallel=1))
    tried = [dict(word.split("=", 1) for word in json.loads(text)) for text in printed(result)]
    assert all(list(one) == ["--model.lr", "--m", "-n", "--+size", "--rate", "--net", "--fast"] for one in tried)
    assert all(1e-6 <= float(one["--model.lr"]) <= 1e-3 and 0.9 <= float(one["--m"]) <= 0.999 for one in tried)
    assert {one["-n"] for one in tried} <= {"2", "3", "4", "5"}
    assert {one["--+size"] for one in tried} == {"128", "32", "64"}
    assert {one["--rate"] for one in tried} == {"1.0", "0.5"}
    assert {one["--net"] for one in tried} <= {"{{$.inputs}}", "a b", "18"}
    assert {one["--fast"] for one in tried} == {"true", "false"}
    outputs = result.outcome.outputs
    first = {"--model.lr": repr(outputs["double"]), "--net": outputs["net"], "-n": str(outputs["whole"])}
    assert {key: tried[0][key] for key in first} == first
    assert (type(outputs["size"]), type(outputs["rate"]), type(outputs["fast"])) == (int, float, bool)


def test_a_search_comes_near(tmp_path: Path) -> None:
    result = searched(tmp_path, SQUARE, tune(trials=25, parallel=2))
    assert len(trials(result)) == 25
    assert abs(result.outcome.outputs["x"] - 3) < 0.25  # type: ignore[operator]  it is a number


def test_no_more_than_parallel_at_once_and_really_so_many(tmp_path: Path) -> None:
    """Each trial waits for another one, and two are never joined by a third."""
    program = READ + (
        "import os, time; open(f'began.{x}', 'w'); n = int(x) // 2 * 2\n"
        "while not (os.path.exists(f'began.{n}') and os.path.exists(f'began.{n + 1}')): time.sleep(0.01)\n"
        "began = [f for f in os.listdir() if f[:3] == 'beg']; ended = [f for f in os.listdir() if f[:3] == 'end']\n"
        "assert len(began) - len(ended) <= 2, (began, ended)\n"
        "open(sys.argv[1], 'w').write('1'); open(f'end.{x}', 'w')"
    )
    result = searched(tmp_path, program, grid("x", [0, 1, 2, 3, 4, 5], parallel=2), jobs=8)
    assert [one.state for one in trials(result)] == ["SUCCEEDED"] * 6


# ---------------------------------------------------------------- metrics


def test_hypertune_s_file_counts_before_the_output(tmp_path: Path) -> None:
    """Lines as cloudml-hypertune writes them; the last one of the tag counts, others and half a line do not."""
    program = READ + (
        "import json, os; file = open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'w')\n"
        "def line(tag, value): return json.dumps({'timestamp': 1.5, 'trial': os.environ['CLOUD_ML_TRIAL_ID'],"
        " tag: str(value), 'global_step': '3', 'checkpoint_path': ''}, sort_keys=True) + '\\n'\n"
        "file.write(line('score', 99.0) + line('loss', 5.0) + line('score', float(x) / 4) + '{\"score\": \"8')\n"
        "open(sys.argv[1], 'w').write('50'); print(os.environ['CLOUD_ML_TRIAL_ID'])"
    )
    result = searched(tmp_path, program, grid("x", [1, 2]))
    assert result.outcome.outputs == {"x": 2, "best_metric": 0.5}
    assert printed(result) == ["1", "2"]


def test_a_tag_needs_no_output(tmp_path: Path) -> None:
    program = READ + "import os; open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'w').write('{\"score\": \"2.5\"}\\n')"
    result = searched(tmp_path, program, grid("x", [1], outputs={}))
    assert result.outcome.outputs == {"x": 1, "best_metric": 2.5}


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("", "the trial has not said how good it was: report `score` by cloudml-hypertune, or declare"),
        ('{"loss": "1"}', "the trial has not said how good it was"),
        ('{"score": "nan"}', "the metric `score` is nan, not a finite number"),
        ('{"score": true}', "the metric `score` is True, not a finite number"),
        ('{"score": "high"}', "the metric `score` is high, not a finite number"),
    ],
)
def test_a_trial_without_a_metric_has_failed(written: str, error: str, tmp_path: Path) -> None:
    program = f"import os; open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'w').write({written!r})"
    result = searched(tmp_path, program, grid("x", [1], outputs={}))
    assert trials(result)[0].state == "FAILED"
    assert (trials(result)[0].error or "").startswith(error)


# ---------------------------------------------------------------- failures


def test_a_failed_trial_only_has_no_value(tmp_path: Path) -> None:
    program = READ + "sys.exit(3) if x in '12' else open(sys.argv[1], 'w').write(x)"
    result = searched(tmp_path, program, grid("x", [4, 1, 5, 2]), fail_fast=True)
    assert (result.outcome.state, result.outcome.outputs) == ("SUCCEEDED", {"x": 5, "best_metric": 5.0})
    assert [one.state for one in trials(result)] == ["SUCCEEDED", "FAILED", "SUCCEEDED", "FAILED"]


@pytest.mark.parametrize(("parallel", "begun"), [(1, 3), (5, 5)])
def test_when_the_first_all_fail_the_search_ends(parallel: int, begun: int, tmp_path: Path) -> None:
    result = searched(tmp_path, "import sys; sys.exit(9)", tune(trials=50, parallel=parallel), jobs=1)
    assert len(trials(result)) == begun
    whole = result.outcome.tasks["search"]
    assert (result.outcome.state, whole.exit_code) == ("FAILED", 9)
    assert whole.error == "no trial has succeeded; [0]: exit code 9"


def test_with_fewer_trials_than_that_all_of_them_are_tried(tmp_path: Path) -> None:
    result = searched(tmp_path, "import sys; sys.exit(9)", tune(trials=2, parallel=1))
    assert ([one.state for one in trials(result)], result.outcome.state) == (["FAILED"] * 2, "FAILED")


def test_a_trial_is_tried_again(tmp_path: Path) -> None:
    program = READ + (
        "import os\ntry: os.mkdir('once.' + x)\nexcept OSError: open(sys.argv[1], 'w').write(x)\nelse: sys.exit(1)"
    )
    how = grid("x", [1, 2])
    spec = searching(program, how, node={"retryPolicy": {"maxRetryCount": 1, "backoffDuration": "0.01s"}})
    result = ran(spec, tmp_path, platform(search={"tune": how}))
    assert [(one.state, one.attempts) for one in trials(result)] == [("SUCCEEDED", 2)] * 2


# ---------------------------------------------------------------- again


CACHED: dict[str, Any] = {"node": {"cachingOptions": {"enableCache": True}}}


def test_the_same_search_finds_its_trials_in_the_cache(tmp_path: Path) -> None:
    how = tune(parallel=1)
    first, second = (ran(searching(SQUARE, how, **CACHED), tmp_path, platform(search={"tune": how})) for _ in range(2))
    assert {one.state for one in trials(second)} == {"CACHED"}
    assert [one.outputs for one in trials(second)] == [one.outputs for one in trials(first)]
    assert second.outcome.outputs == first.outcome.outputs


def test_another_metric_makes_the_trials_run_again(tmp_path: Path) -> None:
    program = "import os; open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'w').write('{\"a\": 1, \"b\": 2}')"
    found = []
    for metric in ("a", "b"):
        how = grid("x", [1], outputs={}, metric=metric)
        found.append(ran(searching(program, how, **CACHED), tmp_path, platform(search={"tune": how})).outcome.outputs)
    assert found == [{"x": 1, "best_metric": 1.0}, {"x": 1, "best_metric": 2.0}]


def test_a_resumed_search_keeps_its_trials_and_goes_on_as_it_would_have(tmp_path: Path) -> None:
    """What is tried after the kill is what an unhurt run tries."""
    how = tune(trials=8, parallel=1)
    spec, settings = searching(SQUARE, how), platform(search={"tune": how})
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    expected = ran(spec, whole, settings)
    killed = _killed(spec, settings, broken, "search[2]")
    result = ran(spec, broken, settings, resume="last")
    assert killed
    assert [one.outputs for one in trials(result)] == [one.outputs for one in trials(expected)]
    assert result.outcome.outputs == expected.outcome.outputs
    assert [one.reused for one in trials(result)][:2] == [True, True]
    assert {event.task for event in result.events if isinstance(event, TaskStarted)} == {
        f"search[{n}]" for n in range(2, 8)
    }


def _killed(spec: dict[str, Any], settings: dict[str, Any], base: Path, at: str) -> bool:
    """Run the document in a process that ends, as if killed, when that task has begun."""
    script = (
        "import json, os, sys\nfrom pathlib import Path\nfrom hpc.engines.local import Request, run\n"
        "from hpc.engines.events import TaskStarted\n"
        "def listen(event):\n"
        f"    if isinstance(event, TaskStarted) and event.task == {at!r}: os._exit(77)\n"
        "spec, settings = json.load(sys.stdin)\n"
        "run(spec, settings, Request(base=Path(sys.argv[1]), environ=dict(os.environ), jobs=4), listen)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(base)],
        input=json.dumps([spec, settings]),
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return done.returncode == 77


def test_ctrl_c_stops_a_search(tmp_path: Path) -> None:
    program = "import time; open('on', 'w'); time.sleep(60)"
    how = tune(trials=50, parallel=2)
    script = (
        "import json, os, sys\nfrom pathlib import Path\nfrom hpc.engines.local import Request, run\n"
        "spec, settings = json.load(sys.stdin)\n"
        "request = Request(base=Path(sys.argv[1]), environ=dict(os.environ), jobs=4, grace=5.0)\n"
        "outcome = run(spec, settings, request, lambda event: None)\nprint(json.dumps(outcome.as_dict()))\n"
    )
    engine = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert engine.stdin is not None
    engine.stdin.write(json.dumps([searching(program, how), platform(search={"tune": how})]))
    engine.stdin.close()
    engine.stdin = None
    while not (tmp_path / "on").exists() and engine.poll() is None:
        time.sleep(0.02)
    engine.send_signal(signal.SIGINT)
    outcome = json.loads(engine.communicate(timeout=60)[0])
    states = {path: one["state"] for path, one in outcome["tasks"].items()}
    assert (outcome["state"], states["search"]) == ("CANCELLED", "CANCELLED")
    assert set(states) <= {"search", "search[0]", "search[1]"}


def test_only_one_step_takes_the_trials_of_a_former_run(tmp_path: Path) -> None:
    how = tune(trials=5)
    spec, settings = searching(SQUARE, how), platform(search={"tune": how})
    spec["root"]["dag"]["tasks"]["after"] = {
        "componentRef": {"name": "comp-after"},
        "taskInfo": {"name": "after"},
        "inputs": {"parameters": {"x": {"taskOutputParameter": {"producerTask": "search", "outputParameterKey": "x"}}}},
        "dependentTasks": ["search"],
    }
    spec["components"]["comp-after"] = {
        "executorLabel": "exec-after",
        "inputDefinitions": {"parameters": {"x": {"parameterType": "NUMBER_DOUBLE"}}},
    }
    spec["deploymentSpec"]["executors"]["exec-after"] = {"container": {"image": "unused", "command": ["true"]}}
    first = ran(spec, tmp_path, settings)
    second = ran(spec, tmp_path, settings, only=("after",))
    assert second.outcome.state == "SUCCEEDED"
    assert second.outcome.outputs == first.outcome.outputs
    assert [event.task for event in second.events if isinstance(event, TaskStarted)] == ["after"]


def test_a_rehearsal_tells_the_first_trial_and_how_many_there_may_be(tmp_path: Path) -> None:
    how = tune()
    request = Request(base=tmp_path, environ=dict(os.environ))
    planned = rehearse(searching(SQUARE, how), platform(search={"tune": how}), request)
    assert [(one.task, one.what, one.reason) for one in planned] == [
        ("search[0]", "run", "its results are not cached"),
        ("search[]", "unknown", "up to 6 trials; each is chosen by those before it"),
    ]


# ---------------------------------------------------------------- what is refused


def test_without_optuna_nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(Rejected) as refused:
        searched(tmp_path, SQUARE, tune())
    [found] = refused.value.diagnostics
    assert (found.rule.code, found.fact) == (
        "HPC925",
        "executor exec-search searches with Optuna, which is not installed",
    )
    assert found.fix == "pip install 'hydra-pipeline-compiler[tune]'"
    assert searched(tmp_path, SQUARE, grid("x", [3])).outcome.outputs == {"x": 3, "best_metric": 0.0}


@pytest.mark.parametrize(
    ("how", "fact"),
    [
        ({"goal": "best"}, "goal is 'best', none of maximize, minimize"),
        ({"metric": ""}, "metric is missing"),
        ({"trials": 0}, "trials is not a whole number from 1 on"),
        ({"parallel": 1.5}, "parallel is not a whole number from 1 on"),
        ({"algorithm": "magic"}, "algorithm is 'magic', none of bayesian, random, grid"),
        ({"algorithm": "grid"}, "search.x is a range, which a grid has not"),
        ({"search": {}}, "search names no input"),
        ({"search": {"x": {**X, "step": 2}}}, "search.x.step is not a setting"),
        ({"search": {"x": {**X, "scale": "log"}}}, "search.x has no range with the scale log from 0.0 to 4.0"),
        ({"search": {"x": {**X, "max": "4"}}}, 'search.x.max: "4" is not a number'),
        ({"search": {"x": {"type": "STRING", "flag": "--x"}}}, "search.x has no values"),
        ({"search": {"x": {"type": "STRING", "flag": "--x", "values": [1]}}}, "a value of search.x is not text"),
        ({"search": {"x": {"type": "LIST", "flag": "--x", "values": [[]]}}}, "type is 'LIST', none of NUMBER_INTEGER"),
        ({"search": {"x": {"type": "NUMBER_DOUBLE", "flag": "--x"}}}, "search.x has neither values nor min and max"),
    ],
)
def test_a_search_is_read_strictly(how: dict[str, Any], fact: str, tmp_path: Path) -> None:
    whole = {**tune(), **how}
    with pytest.raises(Rejected) as refused:
        ran(searching(SQUARE, tune()), tmp_path, platform(search={"tune": whole}))
    found = [one.fact for one in refused.value.diagnostics if one.rule.code == "HPC908"]
    assert len(found) == 1
    assert found[0].startswith(f"executor exec-search: tune: {fact}")


def test_outputs_that_no_search_finds_and_loops_of_searches_are_refused(tmp_path: Path) -> None:
    spec = searching(SQUARE, tune())
    spec["components"]["comp-search"]["outputDefinitions"]["parameters"]["model"] = {"parameterType": "STRING"}
    with pytest.raises(Rejected, match=r"HPC909.*task search puts out model, which its search does not find"):
        ran(spec, tmp_path, platform(search={"tune": tune()}))
    items = {"itemInput": "i", "items": {"raw": "[1, 2]"}}
    looped = searching(SQUARE, tune(), inputs={"i": "NUMBER_INTEGER"}, node={"parameterIterator": items})
    with pytest.raises(Rejected, match=r"HPC901.*task search is a loop over searches"):
        ran(looped, tmp_path, platform(search={"tune": tune()}))


# ---------------------------------------------------------------- what is proposed


def space(**differs: Any) -> Space:
    return replace(Space("NUMBER_DOUBLE", "--x", low=0.0, high=1.0), **differs)


def tuning(search: Mapping[str, Space], **differs: Any) -> Tuning:
    common = Tuning("score", "maximize", 30, 1, "bayesian", search, Interface())
    return replace(common, **differs)


def test_a_grid_counts_through_every_combination() -> None:
    whole = Space("NUMBER_INTEGER", "--n", low=2, high=3)
    search = {"net": Space("STRING", "--net", ("a", "b")), "n": whole}
    how = tuning(search, algorithm="grid", trials=100)
    sampler = Grid(how)
    assert how.most == 4
    assert [tuple(sampler.ask(number).values()) for number in range(4)] == [("a", 2), ("a", 3), ("b", 2), ("b", 3)]
    assert replace(how, trials=3).most == 3


def test_proposals_depend_on_the_path_the_number_and_what_was_told() -> None:
    how = tuning({"x": space()}, trials=12)

    def proposals(path: str, good: float = 0.0) -> list[object]:
        sampler = Samplers("p", {}).of(path, how)
        found = []
        for number in range(12):
            x = sampler.ask(number)["x"]
            assert isinstance(x, float)
            sampler.tell(number, -abs(x - good))
            found.append(x)
        return found

    assert proposals("a") == proposals("a")
    assert proposals("a")[0] != proposals("b")[0]
    low, high = proposals("a", 0.0), proposals("a", 1.0)
    assert low[:4] == high[:4]
    assert low[4:] != high[4:]


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (space(), 0.1234),
        (space(low=1e-6, scale="log"), 1e-6),
        (space(low=0.5, high=0.999, scale="reverse_log"), 0.75),
        (space(kind="NUMBER_INTEGER", low=1, high=9), 7),
        (space(kind="NUMBER_INTEGER", low=1, high=9, scale="reverse_log"), 7),
        (space(values=(0.5, 0.25, 1.0)), 0.25),
        (space(kind="STRING", values=("b", "a")), "a"),
        (space(kind="BOOLEAN", values=(True, False)), False),
    ],
)
def test_a_known_trial_is_proposed_as_it_was(one: Space, value: object) -> None:
    sampler = OptunaSampler(tuning({"x": one}), "seed", {0: {"x": value}, 1: {"x": "gone from the space"}})
    first = sampler.ask(0)["x"]
    assert first == pytest.approx(value) if isinstance(value, float) else first is value or first == value
    assert type(first) is type(value)
    assert sampler.ask(1)["x"] != "gone from the space"


def test_a_reverse_scale_tries_more_near_the_upper_end() -> None:
    sampler = OptunaSampler(
        tuning({"x": space(low=0.001, high=1.0, scale="reverse_log")}, algorithm="random"), "seed", {}
    )
    found = [float(str(sampler.ask(number)["x"])) for number in range(60)]
    assert sum(x > 0.9 for x in found) > 30


def test_failed_trials_and_those_under_way_are_no_hindrance() -> None:
    sampler = OptunaSampler(tuning({"x": space()}, trials=9), "seed", {})
    asked = [sampler.ask(number)["x"] for number in range(5)]
    sampler.tell(0, None)
    sampler.tell(3, 1.0)
    assert len({*asked, sampler.ask(5)["x"]}) == 6
