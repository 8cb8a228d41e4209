"""Flags that a tuning service appends to the arguments become overrides: real processes, a real Hydra application."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiling import compile_text
from hydra_apps import Project

from hpc.compiler.graph import ContainerStep, Layer, Settings
from hpc.compiler.render import use_of
from hpc.components import arguments
from hpc.components.container import ContainerComponent
from hpc.components.hydra import BOOTSTRAP, SMALL_BOOTSTRAP, is_bare_flag
from hpc.components.step import NOTHING_DIFFERS, StepEntry
from hpc.components.use import Use
from hpc.engines.local.flow.placeholders import Context, expand
from hpc.spec.model import Image, Pipeline
from hpc.spec.program import File
from hpc.templates import environment

TUNE = {"metric": "acc", "trials": 3, "search": {"lr": [0.1, 0.2]}}
SAID: dict[str, Any] = {
    "image": "app",
    "command": [sys.executable, "app.py"],
    "overrides": {"seed": 3, "hydra.run.dir": "out"},
    "inputs": {"lr": {"type": "float", "as": "model.lr"}, "size": {"type": "int", "as": "+size"}},
    "outputs": {"acc": {"type": "float", "as": "+acc"}},
}
NOTE = {"type": "string", "as": "name"}
FREE = {"type": "string", "default": "a"}
MANY = {"type": "dict", "as": "+many"}


def tuned(bound: Sequence[str] = (), **differs: Any) -> Use:
    """A use that a tuning service starts; it searches the inputs that have no value here."""
    component = ContainerComponent.model_validate({**SAID, **differs})
    return Use(component, component.overrides, frozenset(bound), tuned=True)


def args(use: Use) -> list[str]:
    template = environment(lambda path: path).get_template(f"{use.component.cli}.yaml.j2")
    return yaml.safe_load(template.render(arguments.context(use))) or []


def words(use: Use) -> list[str]:
    """The command line of a trial, without its flags, as a platform puts it together."""
    values = {"size": 8, "note": "it's ${x}, a=b", "many": {"it's": [1, "a,b"]}}
    files = {"acc": Path("/results/acc")}
    known = Context(values, {}, files, {}, Path("/out"), {})
    return expand((*arguments.command(use), *args(use)), known)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.made(tmp_path)


def trial(project: Project, use: Use, *flags: str) -> dict[str, Any]:
    """What the application sees in a trial with these flags."""
    environ = {**os.environ, "SEEN": str(project.folder / "seen")}
    done = subprocess.run(
        [*words(use), *flags], cwd=project.folder, env=environ, capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return project.seen[-1]


VALUES: list[tuple[str, Any]] = [
    ("0.1", 0.1),
    ("-2.5e-07", -2.5e-07),
    ("16", 16),
    ("+3", 3),
    ("1.", 1.0),
    (".5", 0.5),
    ("true", True),
    ("False", False),
    ("adam", "adam"),
    ("vit-b16", "vit-b16"),
    ("a b", "a b"),
    (" a ", " a "),
    ("", ""),
    ("it's", "it's"),
    ("'q'", "'q'"),
    ('say "x"', 'say "x"'),
    ("a,b", "a,b"),
    ("a=b", "a=b"),
    ("${lr}", "${lr}"),
    ("\\${lr}\\", "\\${lr}\\"),
    ("[1,2]", "[1,2]"),
    ("{a: 1}", "{a: 1}"),
    ("null", "null"),
    ("nan", "nan"),
    ("1_000", "1_000"),
    ("0x1F", "0x1F"),
    ("--lr=1", "--lr=1"),
    ("-x", "-x"),
    ("é😀", "é😀"),
    ("a\nb\t", "a\nb\t"),
    ("choice(1,2)", "choice(1,2)"),
]


@pytest.mark.parametrize("form", ["--+t{}={}", "--+t{} {}"], ids=["one-word", "two-words"])
@pytest.mark.parametrize(
    ("bound", "differs"),
    [
        ([], {}),
        (["size"], {}),
        (["note"], {"inputs": {"note": NOTE}}),
        (["many", "note"], {"inputs": {"note": NOTE, "many": MANY}, "args": ["model=vit"]}),
    ],
    ids=["nothing-raw", "an-int", "a-text", "a-text-and-a-dict"],
)
def test_every_flag_is_an_override(bound: list[str], differs: dict[str, Any], form: str, project: Project) -> None:
    use = tuned(bound, **differs)
    flags = [word for n, (text, _) in enumerate(VALUES) for word in _written(form, n, text)]
    seen = trial(project, use, *flags)
    assert [(type(seen[f"t{n}"]), seen[f"t{n}"]) for n in range(len(VALUES))] == [
        (type(value), value) for _, value in VALUES
    ]
    assert (seen["seed"], seen["acc"]) == (3, "/results/acc")
    assert seen["name"] == ("it's ${x}, a=b" if "note" in bound else "x")
    assert seen.get("many") == ({"it's": [1, "a,b"]} if "many" in bound else None)
    assert seen.get("size") == (8 if "size" in bound else None)


def _written(form: str, number: int, text: str) -> list[str]:
    name, gap, value = form.format(number, "").partition("=" if "=" in form else " ")
    assert value == ""
    return [name + gap + text] if gap == "=" else [name, text]


@pytest.mark.parametrize(
    ("flags", "key", "value"),
    [
        (["--model.lr=0.25"], "model", {"kind": "mlp", "lr": 0.25}),
        (["--model.lr", "0.25"], "model", {"kind": "mlp", "lr": 0.25}),
        (["--model", "vit", "--model.lr", "1e-3"], "model", {"kind": "vit", "lr": 0.001}),
        (["--model=vit"], "model", {"kind": "vit", "lr": 0.2}),
        (["--+model@aux=vit"], "aux", {"kind": "vit", "lr": 0.2}),
        (["--++model.new.deep=5"], "model", {"kind": "mlp", "lr": 0.1, "new": {"deep": 5}}),
        (["--seed=4"], "seed", 4),
    ],
)
def test_names_are_keys_of_hydra(flags: list[str], key: str, value: Any, project: Project) -> None:
    assert trial(project, tuned(), *flags)[key] == value


def test_without_the_bootstrap_hydra_refuses_flags(project: Project) -> None:
    use = replace(tuned(), tuned=False)
    done = subprocess.run([*words(use), "--model.lr=0.1"], cwd=project.folder, capture_output=True, check=False)
    assert (done.returncode, b"unrecognized arguments: --model.lr=0.1" in done.stderr) == (2, True)


# ---------------------------------------------------------------- the words


def test_what_is_appended_stands_behind_the_raw_overrides() -> None:
    use = tuned(["size", "note"], inputs={**SAID["inputs"], "note": NOTE}, args=["--verbose"])
    assert arguments.command(use) == [sys.executable, "-c", BOOTSTRAP, sys.executable, "app.py"]
    assert args(use) == [
        "--verbose",
        "hydra.run.dir=out",
        "seed=3",
        "+size={{$.inputs.parameters['size']}}",
        "+acc='{{$.outputs.parameters['acc'].output_file}}'",
        "--",
        "name='{{$.inputs.parameters['note']}}'",
    ]
    assert args(tuned(overrides={}, outputs={})) == ["--"]


def test_only_a_hydra_application_that_is_tuned_gets_it() -> None:
    note = tuned(["note"], inputs={"note": NOTE})
    assert arguments.command(replace(note, tuned=False))[2] == SMALL_BOOTSTRAP
    assert arguments.command(note)[2] == BOOTSTRAP
    plain = replace(tuned(), tuned=False)
    assert arguments.command(plain) == [sys.executable, "app.py"]
    assert "--" not in args(plain)
    for other in (tuned(cli="argparse"), tuned(cli="none"), tuned(quoting="typed")):
        assert arguments.command(other) == [sys.executable, "app.py"]
        assert "--" not in args(other)


@pytest.mark.parametrize(("entry", "is_tuned"), [({"tune": TUNE}, True), ({}, False)])
def test_a_step_tells_that_it_is_tuned(entry: dict[str, Any], is_tuned: bool) -> None:
    component = ContainerComponent.model_validate(SAID)
    file = File(Pipeline.model_construct())
    layers = tuple(
        Layer(file, ("steps", "fit"), block) for block in (StepEntry.model_validate(entry), component, NOTHING_DIFFERS)
    )
    settings = Settings(Image.model_construct(), {}, {}, None, cache=True, retry=None, timeout=None)
    step = ContainerStep(
        name="fit",
        title="",
        component_name="fit",
        inputs=component.inputs,
        outputs=component.outputs,
        bindings={},
        after=(),
        path=(),
        edge=(),
        component_path=(),
        written="fit",
        scope="",
        runs_after_failure=False,
        component=component,
        layers=layers,
        settings=settings,
        differs=False,
    )
    assert use_of(step).tuned == is_tuned
    assert step.spec_name == ("fit--fit" if is_tuned else "fit--without--lr--size")


# ---------------------------------------------------------------- texts that a flag cannot be


@pytest.mark.parametrize("text", [text for text, _ in VALUES])
def test_the_check_and_the_bootstrap_agree_about_what_is_no_text(text: str) -> None:
    """What the bootstrap leaves bare stands behind the key as it is."""
    show = "import json, sys; print(json.dumps(sys.argv[1:]))"
    words = [sys.executable, "-c", BOOTSTRAP, sys.executable, "-c", show, "--", f"--t={text}"]
    done = subprocess.run(words, check=True, capture_output=True, encoding="utf-8")
    assert (json.loads(done.stdout) == [f"t={text}"]) == is_bare_flag(text)


@pytest.mark.parametrize(
    ("component", "search", "place", "fact", "fix"),
    [
        (
            {"inputs": {"net": FREE}},
            {"net": ["a", "5"]},
            "1",
            "`net` is a string, but a tuning service passes `5` as a flag, where it is no text.",
            "declare `net` as an int or a float, or choose other words.",
        ),
        (
            {"inputs": {"net": {"type": "string", "choices": ["True", "b"], "default": "b"}}},
            {"net": ["b", "True"]},
            "1",
            "`net` is a string, but a tuning service passes `True` as a flag, where it is no text.",
            "declare `net` as a bool, or choose other words.",
        ),
        (
            {"quoting": "typed"},
            {"lr": [0.1]},
            "tune",
            "a tuning service passes flags such as `--lr=0.1`, which a small program in front of the command hands to "
            "Hydra; with `quoting: typed` there is none.",
            "remove `quoting: typed` from the component.",
        ),
        (
            {"command": []},
            {"lr": [0.1]},
            "tune",
            "a tuning service passes flags such as `--lr=0.1`, which a small program in front of the command hands to "
            "Hydra; the component has no `command`, and the image's own entrypoint is not known here.",
            "add `command:`, e.g. `command: [python, main.py]`.",
        ),
        (
            {"sweep": {"seed": [1, 2]}},
            {"lr": [0.1]},
            "tune",
            "each trial would be a sweep of its own, without one metric.",
            "remove `sweep` from the component.",
        ),
    ],
)
def test_what_a_flag_cannot_bring_is_refused(
    component: dict[str, Any], search: dict[str, Any], place: str, fact: str, fix: str, project: Project
) -> None:
    found = _problems(project, component, search)
    assert [(one.fact, one.fix) for one in found] == [(fact, fix)]
    where: Any = found[0].where
    assert where.source.text[where.start : where.end].strip('"') == (search["net"][1] if place == "1" else place)


@pytest.mark.parametrize(
    ("component", "search"),
    [
        ({"inputs": {"net": FREE}, "cli": "argparse"}, {"net": ["a", "5"]}),
        ({"inputs": {"net": {"type": "string", "choices": ["a", "5"], "default": "a"}}}, {"net": ["a"]}),
        ({"inputs": {"net": FREE}}, {"net": ["5a", "null", "1_0", "nan"]}),
        ({"cli": "argparse", "command": []}, {"lr": [0.1]}),
    ],
)
def test_what_a_flag_can_bring_is_not(component: dict[str, Any], search: dict[str, Any], project: Project) -> None:
    assert _problems(project, component, search) == []


def _problems(project: Project, component: dict[str, Any], search: dict[str, Any]) -> list[Any]:
    """What HPC412 says of a search over the component."""
    inputs = {"lr": {"type": "float", "default": 1.0}}
    document = json.loads(project.text({**SAID, "inputs": inputs, **component}))
    document["steps"] = {"fit": {"tune": {**TUNE, "search": search}}}
    return [one for one in compile_text(json.dumps(document)).diagnostics if one.rule.code == "HPC412"]
