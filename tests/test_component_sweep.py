"""`sweep:` of a component: Hydra's --multirun in one container, run for real, and what is no sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compiling import compile_text
from hydra_apps import Project

TEXTS = ["a,b", "it's", 'say "x"', "", " a ", "null", "1", "[x]", "{", "x=y", "#", "\\", "${lr}", "é", "tail\\", "(1)"]
FREE = {"type": "string", "as": "name", "default": "it's ${x}, a=b\\"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.made(tmp_path)


def column(project: Project, key: str) -> list[Any]:
    return [job[key] for job in project.seen]


# ---------------------------------------------------------------- real jobs


def test_a_product_of_hydras_own_words(project: Project) -> None:
    sweep = {"model": "mlp,vit", "model.lr": "choice(0.01, 1e-3)", "seed": "range(1,4)"}
    project.run({"inputs": {"note": FREE}, "sweep": sweep})
    jobs = [(job["model"]["kind"], job["model"]["lr"], job["seed"]) for job in project.seen]
    assert jobs == [(kind, lr, seed) for kind in ("mlp", "vit") for lr in (0.01, 0.001) for seed in (1, 2, 3)]
    assert column(project, "name") == [FREE["default"]] * 12


@pytest.mark.parametrize("bootstrap", [True, False])
def test_a_list_of_texts_arrives_exactly(bootstrap: bool, project: Project) -> None:
    texts = [text for text in TEXTS if text != "${lr}"]
    project.run({"inputs": {"note": FREE} if bootstrap else {}, "sweep": {"+text": texts}})
    assert column(project, "text") == texts


def test_every_free_text_arrives_in_every_job(project: Project) -> None:
    """Hydra writes each override anew for each job."""
    inputs: dict[str, Any] = {
        f"t{n}": {"type": "string", "as": f"+t{n}", "default": text} for n, text in enumerate(TEXTS)
    }
    inputs["more"] = {"type": "dict", "as": "+more", "default": {"it's": ["a,b", 1.5, None]}}
    inputs["rate"] = {"type": "float", "as": "lr", "default": 3.0}
    project.run({"inputs": inputs, "sweep": {"seed": [1, 2]}})
    assert [[job[f"t{n}"] for n in range(len(TEXTS))] for job in project.seen] == [TEXTS, TEXTS]
    assert column(project, "more") == [{"it's": ["a,b", 1.5, None]}] * 2
    assert [(type(value), value) for value in column(project, "lr")] == [(float, 3.0)] * 2


def test_a_list_of_other_constants_arrives_exactly(project: Project) -> None:
    values: list[Any] = [None, True, 0, -2.5, 1e-07, "1e-07", ["a,b", []], [1], {"a": "x, y"}, {"a b": 1}, 2**53]
    project.run({"sweep": {"+value": values}})
    seen = column(project, "value")
    assert [(type(value), value) for value in seen] == [(type(value), value) for value in values]


def test_an_interpolation_in_a_list_is_omegaconfs(project: Project) -> None:
    project.run({"sweep": {"+value": ["${lr}", "of ${lr}"]}})
    assert column(project, "value") == [0.5, "of 0.5"]


def test_group_choices_with_and_without_plus(project: Project) -> None:
    project.run({"sweep": {"+model@backup": ["mlp", "vit"], "db": "mysql,postgres"}})
    assert [(job["backup"]["kind"], job["db"]["port"]) for job in project.seen] == [
        ("mlp", 3306),
        ("vit", 3306),
        ("mlp", 5432),
        ("vit", 5432),
    ]


def test_overrides_arguments_and_ports_stand_beside_a_sweep(project: Project) -> None:
    component = {
        "args": ["--config-name", "main", "seed=7"],
        "overrides": {"hydra.sweep.dir": "${oc.env:SEEN}-runs", "hydra.sweep.subdir": "job-${hydra.job.num}"},
        "inputs": {"rate": {"type": "float", "as": "lr", "default": 0.25}},
        "outputs": {"model": {"type": "Model", "as": "+out"}},
        "sweep": {"model": "mlp,vit"},
    }
    task = project.run(component)
    assert [(job["seed"], job["lr"], job["out"]) for job in project.seen] == [
        (7, 0.25, task.artifacts["model"][0].path)
    ] * 2
    runs = sorted(path.name for path in (project.folder / "seen-runs").iterdir() if path.is_dir())
    assert runs == ["job-0", "job-1"]


# ---------------------------------------------------------------- the words


def test_the_order_of_the_words(project: Project) -> None:
    component = {
        "args": ["--verbose"],
        "inputs": {"note": FREE, "rate": {"type": "float", "as": "lr", "default": 1.0}},
        "outputs": {"model": "Model"},
        "overrides": {"z": 1, "~gone": None},
        "sweep": {"y": "1,2", "+a": ["p q", "r"]},
    }
    assert project.args(component) == [
        "--multirun",
        "--verbose",
        "~gone",
        "z=1",
        "+a='p q',r",
        "y=1,2",
        "lr=float({{$.inputs.parameters['rate']}})",
        "model='{{$.outputs.artifacts['model'].path}}'",
        "--",
        "name='{{$.inputs.parameters['note']}}'",
    ]


def test_without_values_nothing_is_swept(project: Project) -> None:
    assert project.args({"sweep": {}, "overrides": {"z": 1}}) == ["z=1"]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("a,'b c'", "k=a,'b c'"),
        ("interval(0.0001, 0.1)", "k=interval(0.0001, 0.1)"),
        ("${{ vars.words }}", "k=x,y"),
        ("${{ vars.list }}", "k=1,'${{ x }}'"),
        ("c,${{ vars.words }}", "k=c,x,y"),
        ("${{ accelerator.gpu }},cpu", "k=T4,cpu"),
        (["${{ accelerator.count }}", "${{ accelerator.gpu }}-${{ vars.words }}"], "k=1,'T4-x,y'"),
        (["$${{ x }}", "y"], "k='${{ x }}',y"),
    ],
)
def test_names_that_are_known_while_compiling(value: Any, word: str, tmp_path: Path) -> None:
    project = Project.made(tmp_path)
    text = project.text({"accelerator": "t4", "sweep": {"k": value}})
    more = '{"vars": {"words": "x,y", "list": [1, "$${{ x }}"]}, "accelerators": {"t4": {"gpu": "T4"}}, '
    result = compile_text(more + text[1:], "kfp")
    assert result.compiled is not None, result.shown
    assert f'"{word}"' in result.compiled.text


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        (["python", "app.py", "lr=1"], "lr=1"),
        (["python", "app.py", "~model", "--config-name", "main"], "~model"),
        (["python", "-m", "pkg.train", "+a.b=c d"], "+a.b=c d"),
        (["torchrun", "--nproc_per_node=2", "app.py", "model@aux=vit"], "model@aux=vit"),
        (["train", "+said=${{ inputs.note }}"], "+said=${{ inputs.note }}"),
        (["python", "app.py"], None),
        (["env", "A=1", "python", "app.py"], None),
        (["env", "A=1", "train"], None),
        (["A=1"], None),
        (["torchrun", "--nproc_per_node=2", "app.py", "--config-name", "main"], None),
        (["sh", "-c", 'python app.py lr=1 "$@"', "sh"], None),
        ([], None),
    ],
)
def test_overrides_in_the_command(command: list[str], refused: str | None, project: Project) -> None:
    ports = {"inputs": {"note": FREE}} if any("${{" in word for word in command) else {}
    result = project.compiled({"command": command, **ports, "sweep": {"seed": "1,2"}})
    facts = [one.fact for one in result.diagnostics if one.rule.code == "HPC620"]
    said = f"`{refused}` would stand in front of `--multirun`: Hydra refuses overrides on both sides of an option."
    assert facts == ([said] if refused else [])
    assert project.compiled({"command": command, **ports}).compiled is not None


@pytest.mark.parametrize(
    ("component", "code", "fact"),
    [
        ({"sweep": {"k": "1"}}, "HPC620", "`k` has one value only, so there is nothing to sweep over."),
        ({"sweep": {"k": ""}}, "HPC620", "`k` has one value only, so there is nothing to sweep over."),
        ({"sweep": {"k": 1}}, "HPC620", "`k` has one value only, so there is nothing to sweep over."),
        ({"sweep": {"k": False}}, "HPC620", "`k` has one value only, so there is nothing to sweep over."),
        ({"sweep": {"k": [1]}}, "HPC620", "`k` has one value only, so there is nothing to sweep over."),
        ({"sweep": {"k": []}}, "HPC620", "`k` has no values to try."),
        ({"sweep": {"k": None}}, "HPC620", "`k` is swept over null, not over a text or a list."),
        ({"sweep": {"k": {"a": 1}}}, "HPC620", "`k` is swept over a mapping, not over a text or a list."),
        ({"sweep": ["k"]}, "HPC103", "`sweep` must be a mapping, not a list."),
        ({"sweep": {"k": "a\0,b"}}, "HPC103", "an argument cannot hold a NUL character."),
        (
            {"sweep": {"~k": "a,b"}},
            "HPC611",
            "`~k` deletes a key, so there is nothing to sweep over.",
        ),
        ({"sweep": {"a b": "a,b"}}, "HPC611", "`a b` is not a key of Hydra."),
        (
            {"sweep": {"+k": "a,b"}, "overrides": {"k": 1}},
            "HPC606",
            "`sweep` would set `k`, which `overrides` sets too (line 1); Hydra would keep only the last.",
        ),
        (
            {"sweep": {"k.a": "1,2", "k": [{"a": 1}, {"a": 2}]}},
            "HPC606",
            "`sweep` would set `k.a`, which `sweep` sets too (line 1); Hydra would keep only the last.",
        ),
        (
            {"sweep": {"k": "1,2"}, "inputs": {"lr": {"type": "float", "as": "k", "default": 1.0}}},
            "HPC606",
            "input `lr` would set `k`, which `sweep` sets too (line 1); Hydra would keep only the last.",
        ),
        (
            {"sweep": {"k": "a,${{ run.id }}"}},
            "HPC701",
            "`run.id` is known only when the step runs, but Hydra reads a sweep as it is written: nothing could quote "
            "the value.",
        ),
        (
            {"sweep": {"k": ["${{ accelerator.gpu }}", 1]}},
            "HPC702",
            "`accelerator.gpu` has no value in step `fit`: it has no accelerator.",
        ),
        (
            {"sweep": {"k": "1,2"}, "cli": "argparse"},
            "HPC106",
            "`sweep` is Hydra's, but the component says `cli: argparse`.",
        ),
    ],
)
def test_what_is_refused(component: dict[str, Any], code: str, fact: str, project: Project) -> None:
    result = project.compiled(component)
    assert result.compiled is None
    errors = [(one.rule.code, one.fact.replace("{other}", "line 1")) for one in result.diagnostics if one.is_error]
    assert errors == [(code, fact)]
