"""One key set twice: what hpc refuses does not all arrive in a real Hydra app, and what it takes does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra_apps import Project
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hpc.compiler.composition.words import started
from hpc.components import arguments
from hpc.components.arguments import Argument
from hpc.components.command import program_of
from hpc.components.container import ContainerComponent
from hpc.components.use import Use

CONFIG = {
    "main.yaml": "defaults: [{model: mlp}, _self_]\n"
    "lr: 1\ntrainer: {max_epochs: 1, limit: 1, optim: {lr: 1, mom: 1}}\ndata: {path: p}\n",
    "model/mlp.yaml": "lr: 0\n",
    "model/vit.yaml": "lr: 0\nkind: vit\n",
}
VALUES: Mapping[str, Any] = {"extra": {"limit": 9}, "inner": {"mom": 9}, "n": 7, "word": "vit"}
EXTRA, INNER, N = {"type": "dict"}, {"type": "dict"}, {"type": "int"}
GONE, PATH = object(), "/p"
_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}")

Said = Sequence[tuple[str, Any]]


def word(argument: Argument) -> str:
    """As the container gets it."""
    text = f"{argument.key}={argument.text}" if argument.texts else argument.key
    text = _PLACEHOLDER.sub(lambda found: _pasted(VALUES[found[1]]), text)
    text = re.sub(r"\{\{[^{}]*\}\}", PATH, text)
    return started(text) if argument.raw else text


def _pasted(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def words(component: Mapping[str, Any]) -> list[str]:
    """The words behind the program in the order of the template, whatever the checks say of them."""
    declared = ContainerComponent.model_validate({"image": "app", **component})
    bound = frozenset(name for name, port in declared.inputs.items() if not port.optional)
    context = arguments.context(Use(declared, declared.overrides, bound))
    given = [*context["overrides"], *context["sweep"], *context["inputs"], *context["outputs"]]
    given = [one for one in given if one.bound]
    own = declared.command[program_of(declared.command).end :]
    final = [word(one) for one in given if not one.raw]
    return [*own, *context["args"], *final, *(word(one) for one in given if one.raw)]


def arrives(line: Sequence[str], said: Said, folder: Path) -> bool:
    """Whether all of it is in the configuration that Hydra composes."""
    Project.made(folder, CONFIG)
    with initialize_config_dir(str(folder / "conf"), version_base="1.3"):
        try:
            config: Any = compose("main", list(line), return_hydra_config=any("hydra" in key for key, _ in said))
            found = [(_select(config, key), value) for key, value in said]
        except (HydraException, OmegaConfBaseException):
            return False
    return all(one is value or one == value for one, value in found)


def _select(config: Any, key: str) -> Any:
    found = OmegaConf.select(config, key, default=GONE)
    return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found


TAKEN: list[tuple[dict[str, Any], Said]] = [
    (
        {"overrides": {"trainer": {"limit": 3}, "trainer.max_epochs": 4}},
        [("trainer.limit", 3), ("trainer.max_epochs", 4)],
    ),
    (
        {"overrides": {"trainer.optim.lr": 3, "trainer": {"optim": {"mom": 4}}}},
        [("trainer.optim", {"lr": 3, "mom": 4})],
    ),
    (
        {"overrides": {"trainer": {}, "trainer.optim": {"lr": 3}, "trainer.optim.mom": 4}},
        [("trainer.optim", {"lr": 3, "mom": 4})],
    ),
    ({"overrides": {"+new": {"a": 1}, "+new.b": 2}}, [("new", {"a": 1, "b": 2})]),
    ({"overrides": {"+new": {"a": 1}, "++new": {"b": 2}}}, [("new", {"a": 1, "b": 2})]),
    ({"overrides": {"~data": None, "+data.path": "x"}}, [("data", {"path": "x"})]),
    ({"overrides": {"model": "vit", "model.lr": 2}}, [("model", {"kind": "vit", "lr": 2})]),
    ({"overrides": {"model": "vit", "+model": {"z": 1}}}, [("model", {"kind": "vit", "lr": 0, "z": 1})]),
    (
        {"overrides": {"+model": {"z": 1}}, "inputs": {"word": {"type": "string", "as": "model", "choices": ["vit"]}}},
        [("model", {"kind": "vit", "lr": 0, "z": 1})],
    ),
    (
        {
            "overrides": {"hydra": {"run": {"dir": "/tmp/x"}}},
            "outputs": {"config": {"type": "Artifact", "from": "hydra"}},
        },
        [("hydra.run.dir", "/tmp/x"), ("hydra.output_subdir", PATH)],
    ),
    (
        {"overrides": {"trainer": {"limit": 3}}, "inputs": {"n": {**N, "as": "trainer.max_epochs"}}},
        [("trainer.limit", 3), ("trainer.max_epochs", 7)],
    ),
    (
        {"args": ["trainer={limit: 3}", "lr=2"], "overrides": {"trainer": {"max_epochs": 4}}},
        [("trainer.limit", 3), ("trainer.max_epochs", 4), ("lr", 2)],
    ),
    ({"args": ["~data"], "overrides": {"+data.path": "x"}}, [("data", {"path": "x"})]),
    (
        {
            "args": [{"absent": "n", "args": ["lr=5"]}, ["trainer.limit=${{ inputs.n }}"]],
            "inputs": {"n": {**N, "as": "lr", "optional": True}},
        },
        [("lr", 5)],
    ),
    (
        {
            "args": [{"absent": "n", "args": ["lr=5"]}, ["lr=${{ inputs.n }}"]],
            "inputs": {"n": {**N, "pass": "none", "optional": True}},
        },
        [("lr", 5)],
    ),
]


@pytest.mark.parametrize(
    ("component", "said"), TAKEN, ids=lambda value: json.dumps(value, default=lambda _: "gone")[:70]
)
def test_what_is_taken_arrives(component: dict[str, Any], said: Said, tmp_path: Path) -> None:
    assert arrives(words(component), said, tmp_path)
    result = Project.made(tmp_path).compiled({"command": ["python", "app.py"], **_with_values(component)})
    assert result.compiled is not None, result.shown


def _with_values(component: Mapping[str, Any]) -> dict[str, Any]:
    """Each input gets its value by default."""
    ports = component.get("inputs", {})
    given = {name: port if "optional" in port else {**port, "default": VALUES[name]} for name, port in ports.items()}
    return {**component, "inputs": given}


LAST = "; Hydra would keep only the last."
BOTH = ", so they would not both arrive."
MOVE = "another key with `as:`, or `pass: none`."
DICT = {"extra": {**EXTRA, "as": "trainer"}}

REFUSED: list[tuple[dict[str, Any], Said, str, str]] = [
    (
        {"overrides": {"trainer": {"limit": 3}, "trainer.limit": 4}},
        [("trainer.limit", 3), ("trainer.limit", 4)],
        f"`overrides` would set `trainer.limit`, which `overrides` sets too (line 1){LAST}",
        "remove one of them.",
    ),
    (
        {"overrides": {"trainer.optim": {"lr": 3}, "trainer": {"optim": {"lr": 4}}}},
        [("trainer.optim.lr", 3), ("trainer.optim.lr", 4)],
        f"`overrides` would set `trainer.optim.lr`, which `overrides` sets too (line 1){LAST}",
        "remove one of them.",
    ),
    (
        {"overrides": {"+k": 1, "k": 2}},
        [("k", 1), ("k", 2)],
        f"`overrides` would set `k`, which `overrides` sets too (line 1){LAST}",
        "remove one of them.",
    ),
    (
        {"overrides": {"trainer": {"a b": 1}, "+trainer.x": 3}},
        [("trainer", {"a b": 1, "x": 3})],
        f"`overrides` would set `trainer.x`, but `overrides` sets all of `trainer` (line 1){BOTH}",
        "put `trainer.x` into the mapping `trainer`, or remove one of them.",
    ),
    (
        {"overrides": {"trainer.optim.lr": 3, "trainer": {"optim": {"a b": 1}}}},
        [("trainer.optim", {"a b": 1, "lr": 3})],
        f"`overrides` would set all of `trainer.optim`, and `overrides` sets `trainer.optim.lr` (line 1){BOTH}",
        "put `trainer.optim.lr` into the mapping `trainer.optim`, or remove one of them.",
    ),
    (
        {"overrides": {"trainer.max_epochs": 3}, "inputs": DICT},
        [("trainer", {"limit": 9, "max_epochs": 3})],
        f"input `extra` would set all of `trainer`, and `overrides` sets `trainer.max_epochs` (line 1){BOTH}",
        f"remove it from `overrides`, or give input `extra` {MOVE}",
    ),
    (
        {
            "overrides": {"trainer": "${{ inputs.extra }}", "trainer.max_epochs": 3},
            "inputs": {"extra": {**EXTRA, "pass": "none"}},
        },
        [("trainer", {"limit": 9, "max_epochs": 3})],
        f"`overrides` would set `trainer.max_epochs`, but `overrides` sets all of `trainer` (line 1){BOTH}",
        "remove one of them.",
    ),
    (
        {"inputs": {**DICT, "inner": {**INNER, "as": "trainer.optim"}}},
        [("trainer", {"limit": 9, "optim": {"mom": 9}})],
        f"input `inner` would set `trainer.optim`, but input `extra` sets all of `trainer` (line 1){BOTH}",
        f"give one of them {MOVE}",
    ),
    (
        {"overrides": {"trainer": {"optim": {"lr": 4}}, "trainer.optim": 3}},
        [("trainer.optim.lr", 4), ("trainer.optim", 3)],
        "`overrides` would set all of `trainer.optim`, and `overrides` sets `trainer.optim.lr` (line 1)" + LAST,
        "remove one of them.",
    ),
    (
        {"overrides": {"trainer": {"optim": {"lr": 4}}, "~trainer.optim": None}},
        [("trainer.optim.lr", 4), ("trainer.optim", GONE)],
        "`overrides` would delete all of `trainer.optim`, and `overrides` sets `trainer.optim.lr` (line 1).",
        "remove one of them.",
    ),
    (
        {"overrides": {"~lr": None}, "inputs": {"n": {**N, "as": "lr"}}},
        [("lr", GONE), ("lr", 7)],
        "input `n` would set `lr`, which `overrides` deletes (line 1).",
        f"remove it from `overrides`, or give input `n` {MOVE}",
    ),
    (
        {"args": ["+data.z=x"], "overrides": {"~data": None}},
        [("data.z", "x"), ("data", GONE)],
        "`overrides` would delete all of `data`, and `args` sets `data.z` (line 1).",
        "remove one of them.",
    ),
    (
        {"args": ["lr=3"], "overrides": {"lr": 4}},
        [("lr", 3), ("lr", 4)],
        f"`overrides` would set `lr`, which `args` sets too (line 1){LAST}",
        "remove one of them.",
    ),
    (
        {"args": ["--config-name=main", ["lr=${{ inputs.n }}"]], "inputs": {"n": {**N, "as": "+lr"}}},
        [("lr", "${{ inputs.n }}"), ("lr", 7)],
        f"input `n` would set `lr`, which `args` sets too (line 1){LAST}",
        f"remove it from `args`, or give input `n` {MOVE}",
    ),
    (
        {"command": ["python", "app.py", "lr=3"], "overrides": {"++lr": 4}},
        [("lr", 3), ("lr", 4)],
        f"`overrides` would set `lr`, which `command` sets too (line 1){LAST}",
        "remove one of them.",
    ),
    (
        {"args": ["trainer={limit:3}"], "overrides": {"trainer": {"a b": 1}}},
        [("trainer.limit", 3), ("trainer", {"a b": 1})],
        f"`overrides` would set `trainer`, which `args` sets too (line 1){LAST}",
        "remove one of them.",
    ),
    (
        {"args": ["model=mlp", "model=vit"]},
        [("model", {"lr": 0}), ("model.kind", "vit")],
        f"`args` would set `model`, which `args` sets too (line 1){LAST}",
        "remove one of them.",
    ),
]


@pytest.mark.parametrize(
    ("component", "said", "fact", "fix"), REFUSED, ids=lambda value: json.dumps(value, default=lambda _: "gone")[:70]
)
def test_what_is_refused_does_not_all_arrive(
    component: dict[str, Any], said: Said, fact: str, fix: str, tmp_path: Path
) -> None:
    assert not arrives(words(component), said, tmp_path)
    result = Project.made(tmp_path).compiled({"command": ["python", "app.py"], **_with_values(component)})
    errors = [one for one in result.diagnostics if one.is_error]
    assert [(one.rule.code, one.fact, one.fix) for one in errors] == [("HPC606", fact, fix)]


def test_words_for_another_program_are_not_looked_at(tmp_path: Path) -> None:
    project = Project.made(tmp_path)
    for component in (
        {"command": ["env", "lr=1", "train"], "overrides": {"lr": 2}},
        {"command": ["sh", "-c", 'lr=1 python app.py "$@"', "sh"], "overrides": {"lr": 2}},
        {"args": ["lr=1"], "cli": "argparse", "overrides": {"lr": 2}},
        {"args": ["--lr=1", "lr"], "overrides": {"lr": 2}},
        {"args": ["xs=extend_list(1)", "xs=extend_list(2)"]},
    ):
        assert project.compiled(component).compiled is not None
