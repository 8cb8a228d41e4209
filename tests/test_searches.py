"""`tune` from the pipeline file to the program: what is compiled, what Hydra gets, and what the command line runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compiling import Result, compile_bytes, compile_text
from hydra_apps import APP, Project

from hpc.cli.disk import Folder
from hpc.compiler import Choice, compile_components
from hpc.compiler.targets import LOCAL
from hpc.spec.document import decode
from hpc.templates import as_yaml

ROOT = Path(__file__).parents[1]
REPORTING = APP.replace(
    "main()",
    """
    rate = abs(float(config.model.lr) - 0.25)
    record = {"timestamp": 1.0, "trial": "1", "acc": str(1 - rate), "global_step": "1", "checkpoint_path": ""}
    if "CLOUD_ML_HP_METRIC_FILE" in os.environ:
        with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "a") as file:
            file.write(json.dumps(record) + "\\n")

main()
""",
)
INPUTS: dict[str, Any] = {
    "lr": {"type": "float", "as": "model.lr", "default": 0.001},
    "kind": {"type": "string", "as": "model.kind"},
    "layers": {"type": "int", "as": "+model.layers"},
    "fast": {"type": "bool", "as": "+fast"},
    "note": {"type": "string", "as": "name", "default": "it's ${x}"},
}
SEARCH: dict[str, Any] = {
    "lr": [1, 0.25, 1e-05],
    "kind": ["a b", "it's", "${lr}"],
    "layers": {"min": 1, "max": 3},
    "fast": [True, False],
}


def document(search: dict[str, Any] = SEARCH, **tune: Any) -> dict[str, Any]:
    """A search with a Hydra application, and a step that gets what it found."""
    fit = {"image": "app", "command": ["python", "app.py"], "inputs": INPUTS, "env": {"SEEN": "seen"}}
    how = {"metric": "acc", "trials": 8, "parallel": 2, "search": search, **tune}
    return {
        "hpc": 1,
        "name": "p",
        "targets": {"local": {}},
        "images": {"app": {"uri": "repo.example/app:1.0", "local": {"dir": "."}}},
        "components": {"fit": fit},
        "steps": {"search": {"uses": "fit", "tune": how}, "fit": {"env": {"SEEN": "final"}}},
        "edges": ["search.{lr, kind, layers, fast} -> fit"],
    }


def compiled(folder: Path, **tune: Any) -> Result:
    return compile_text(as_yaml(document(**tune)), "local", folder=folder)


@pytest.mark.parametrize("algorithm", ["bayesian", "random", "grid"])
def test_hydra_gets_every_value_exactly(algorithm: str, tmp_path: Path) -> None:
    project = Project.made(tmp_path, app=REPORTING)
    (tmp_path / "pipeline.yaml").write_text(as_yaml(document(algorithm=algorithm, trials=12)), encoding="utf-8")
    command = [sys.executable, "-m", "hpc", "run", "pipeline.yaml", "--format", "json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    seen = [_searched(one) for one in project.seen]
    states = [one["state"] for path, one in outcome["tasks"].items() if path.startswith("search[")]
    assert len(states) == 12
    assert len(seen) == states.count("SUCCEEDED")  # of equal trials the first is taken for the others
    assert {type(one["lr"]) for one in seen} == {float}
    assert all(one["lr"] in SEARCH["lr"] and one["kind"] in SEARCH["kind"] for one in seen)
    assert all(one["layers"] in (1, 2, 3) and one["fast"] in (True, False) for one in seen)
    assert {one["name"] for one in seen} == {"it's ${x}"}
    best = outcome["tasks"]["search"]["outputs"]
    assert best["best_metric"] == max(1 - abs(one["lr"] - 0.25) for one in seen)
    final = _searched(json.loads((tmp_path / "final").read_text()))
    assert final == {**{name: best[name] for name in SEARCH}, "name": "it's ${x}"}
    assert {path for path in outcome["tasks"] if "[" in path} == {f"search[{number}]" for number in range(12)}


def _searched(seen: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: seen["model"][name] for name in ("lr", "kind", "layers")},
        "fast": seen["fast"],
        "name": seen["name"],
    }


@pytest.mark.parametrize(
    ("search", "code", "where"),
    [
        ({"lr": [0.1, 0.2], "kind": ["a"], "layers": [1], "fast": [True], "rate": [0.1]}, "HPC601", "model.rate"),
        ({"lr": [0.1], "kind": ["a"], "layers": [1], "fast": [True], "group": ["mlp", "vut"]}, "HPC602", "vut"),
    ],
)
def test_hydra_judges_what_is_searched(search: dict[str, Any], code: str, where: str, tmp_path: Path) -> None:
    Project.made(tmp_path)
    whole = document(search)
    more = {"rate": {"type": "float", "as": "model.rate"}, "group": {"type": "string", "as": "model"}}
    own = {**INPUTS, **{name: port for name, port in more.items() if name in search}}
    whole["components"] = {"fit": {**whole["components"]["fit"], "inputs": own}}
    whole["edges"] = ["search"]
    whole["steps"].pop("fit")
    result = compile_text(as_yaml(whole), "local", folder=tmp_path)
    found = [one for one in result.diagnostics if one.is_error]
    assert [one.rule.code for one in found] == [code], result.shown
    assert where in found[0].fact


def test_a_search_that_fills_what_is_missing_in_the_configuration(tmp_path: Path) -> None:
    config = {"main.yaml": "lr: ???\nname: x\nmodel: {lr: 1, kind: a}\n"}
    Project.made(tmp_path, config)
    whole = document({"lr": [0.1], "kind": ["a"], "layers": [1], "fast": [True]})
    whole["components"]["fit"] = {**whole["components"]["fit"], "inputs": {**INPUTS, "lr": {"type": "float"}}}
    result = compile_text(as_yaml(whole), "local", folder=tmp_path)
    assert [one.rule.code for one in result.diagnostics if one.is_error] == [], result.shown


def test_the_component_of_a_search_puts_out_what_it_finds(tmp_path: Path) -> None:
    result = compiled(tmp_path)
    assert result.compiled is not None, result.shown
    spec, platform = map(json.loads, result.compiled.text.split("\n---\n"))
    component = spec["components"]["comp-fit--search"]
    assert {name: one["parameterType"] for name, one in component["outputDefinitions"]["parameters"].items()} == {
        "best_metric": "NUMBER_DOUBLE",
        "fast": "BOOLEAN",
        "kind": "STRING",
        "layers": "NUMBER_INTEGER",
        "lr": "NUMBER_DOUBLE",
    }
    assert component["inputDefinitions"]["parameters"].keys() == {"note"}
    entry = platform["platforms"]["local"]["deploymentSpec"]["executors"]["exec-fit--search"]["tune"]
    assert entry == {
        "metric": "acc",
        "goal": "maximize",
        "trials": 8,
        "parallel": 2,
        "algorithm": "bayesian",
        "outputs": {},
        "search": {
            "fast": {"type": "BOOLEAN", "flag": "--+fast", "values": [True, False]},
            "kind": {"type": "STRING", "flag": "--model.kind", "values": ["a b", "it's", "${lr}"]},
            "layers": {
                "type": "NUMBER_INTEGER",
                "flag": "--+model.layers",
                "min": 1,
                "max": 3,
                "scale": "linear",
            },
            "lr": {"type": "NUMBER_DOUBLE", "flag": "--model.lr", "values": [1.0, 0.25, 1e-05]},
        },
    }


def test_what_a_search_runs_is_no_component_file(tmp_path: Path) -> None:
    source = decode(as_yaml(document()).encode(), "pipeline.yaml")
    components, _ = compile_components(source, LOCAL, Folder(tmp_path), Choice())
    assert list(components) == ["fit--fit"]


def test_the_example_s_search_compiles_for_this_machine() -> None:
    """Without its last two steps, which are for Vertex AI alone."""
    text = (ROOT / "tests" / "language" / "03_tune_retrain_deploy.yaml").read_text(encoding="utf-8")
    lines = [
        line for line in text.splitlines() if not line.lstrip(" -").startswith(("upload", "deploy", "train.model"))
    ]
    result = compile_bytes("\n".join(lines).encode(), "local", None, ROOT / "tests" / "language")
    assert result.compiled is not None, result.shown
    assert '"comp-train--search"' in result.compiled.text
