"""The keys and groups that are listed are those that Hydra accepts."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from hpc.composing.listing import listed

CONFIGS = Path(__file__).parent / "lightning" / "configs"


def _listed(folder: Path, *words: str, name: str = "train", imports: tuple[Path, ...] = ()) -> dict[str, Any]:
    config = {"folder": str(folder), "name": name, "imports": [str(file) for file in imports]}
    return listed({"ask": "keys", "config": config, "words": list(words)})


def _keys(answer: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """Type and default by key; `???` for one that is missing."""
    assert answer["trouble"] == ""
    return {each["key"]: (each["type"], "???" if each["is_missing"] else each["default"]) for each in answer["keys"]}


def _groups(answer: dict[str, Any]) -> dict[str, tuple[list[str], list[str]]]:
    return {each["group"]: (each["options"], each["chosen"]) for each in answer["groups"]}


def _needing_plus(answer: dict[str, Any]) -> list[str]:
    return [each["group"] for each in answer["groups"] if each["needs_plus"]]


def _write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/')}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def test_types_and_defaults(tmp_path: Path) -> None:
    text = """
        int: 1
        big: 123456789012345678901234567890
        float: 1e-3
        bool: yes
        text: a b
        quoted: '1'
        null_: null
        list: [1, a, {b: null, 1: [x]}, '${int}', .nan]
        missing: ???
        whole: ${int}
        mixed: a-${model.lr}-b
        now: ${now:%Y}
        env: ${oc.env:HOME}
        unknown: ${nobody.knows:this}
        infinite: .inf
        not_a_number: .nan
        empty_dict: {}
        empty_list: []
        model: {lr: 0.1, net: {size: 3, none: {}}}
        _target_: a.B
        with-dash: 1
    """
    answer = _listed(_write(tmp_path, train=text.replace("\n        ", "\n")))
    assert _keys(answer) == {
        "int": ("int", 1),
        "big": ("int", 123456789012345678901234567890),
        "float": ("float", 0.001),
        "bool": ("bool", True),
        "text": ("string", "a b"),
        "quoted": ("string", "1"),
        "null_": ("any", None),
        "list": ("list", [1, "a", {"b": None, "1": ["x"]}, "${int}", "nan"]),
        "missing": ("any", "???"),
        "whole": ("any", "${int}"),
        "mixed": ("any", "a-${model.lr}-b"),
        "now": ("any", "${now:%Y}"),
        "env": ("any", "${oc.env:HOME}"),
        "unknown": ("any", "${nobody.knows:this}"),
        "infinite": ("float", "inf"),
        "not_a_number": ("float", "nan"),
        "empty_dict": ("dict", {}),
        "empty_list": ("list", []),
        "model.lr": ("float", 0.1),
        "model.net.size": ("int", 3),
        "model.net.none": ("dict", {}),
        "_target_": ("string", "a.B"),
        "with-dash": ("int", 1),
    }
    assert [each["default"] for each in answer["keys"] if each["is_missing"]] == [None]
    assert answer["groups"] == []


def test_keys_that_no_override_can_name_are_left_out(tmp_path: Path) -> None:
    folder = _write(tmp_path, train="'a b': 1\nc.d: 2\n'1': {'2': 3}\n4: {e: 5}\nä: 6\nf: 7\n")
    assert _keys(_listed(folder)) == {"1.2": ("int", 3), "f": ("int", 7)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no `version_base` is given, which Hydra 1.1 does not know
        initialize_config_dir(str(folder))
        assert compose("train", overrides=["1.2=9", "f=8"]) == {
            "a b": 1,
            "c.d": 2,
            "1": {"2": 9},
            4: {"e": 5},
            "ä": 6,
            "f": 8,
        }


def test_structured_configs(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from dataclasses import dataclass, field\n"
        "from enum import Enum\n"
        "from typing import Any, Dict, List, Optional\n"
        "from hydra.core.config_store import ConfigStore\n"
        "from omegaconf import MISSING\n"
        "class Colour(Enum):\n    RED = 1\n"
        "@dataclass\nclass Net:\n    size: int = MISSING\n    lr: float = 1.0\n    name: Optional[str] = None\n"
        "@dataclass\nclass App:\n"
        "    db: Any = MISSING\n    net: Net = MISSING\n    colour: Colour = Colour.RED\n    free: Any = MISSING\n"
        "    flag: bool = True\n"
        "    several: List[int] = field(default_factory=lambda: [1])\n    none: Optional[List[int]] = None\n"
        "    more: Dict[str, int] = field(default_factory=dict)\n    lost: List[int] = MISSING\n"
        "    defaults: List[Any] = field(default_factory=lambda: [{'db': 'small'}, '_self_'])\n"
        "store = ConfigStore.instance()\n"
        "store.store(name='app', node=App)\n"
        "store.store(group='db', name='small', node=Net(size=1))\n"
        "store.store(group='db', name='large', node=Net(size=100))\n"
    )
    answer = _listed(tmp_path, name="app", imports=(tmp_path / "app.py",))
    assert _keys(answer) == {
        "db.size": ("int", 1),
        "db.lr": ("float", 1.0),
        "db.name": ("string", None),
        "net": ("dict", "???"),
        "colour": ("string", "RED"),
        "free": ("any", "???"),
        "flag": ("bool", True),
        "several": ("list", [1]),
        "none": ("list", None),
        "more": ("dict", {}),
        "lost": ("list", "???"),
    }
    assert _groups(answer) == {"db": (["large", "small"], ["small"])}


def test_groups_and_what_is_chosen(tmp_path: Path) -> None:
    folder = _write(
        tmp_path,
        train="defaults:\n- db: small\n- db@copy: large\n- log: [b, a]\n- plug: null\n- optional local: mine\n"
        "- _self_\n- model: net\n- override /model/opt: sgd\n",
        db__small="size: 1",
        db__large="size: 9",
        log__a="a: 1",
        log__b="b: 1",
        plug__one="{}",
        free__nested__deep="{}",
        model__net="defaults: [{opt: adam}]\n",
        model__opt__adam="lr: 1",
        model__opt__sgd="lr: 2",
        hydra__output__mine="{}",
        local__other="{}",
    )
    assert _groups(_listed(folder)) == {
        "db": (["large", "small"], ["small"]),
        "db@copy": (["large", "small"], ["large"]),
        "free/nested": (["deep"], []),
        "local": (["other"], []),
        "log": (["a", "b"], ["b", "a"]),
        "model": (["net"], ["net"]),
        "model/opt": (["adam", "sgd"], ["sgd"]),
        "plug": (["one"], []),
    }
    assert _needing_plus(_listed(folder)) == ["free/nested"]
    words = ["db=large", "log=a", "+free/nested=deep", "~db@copy", "plug=[one]"]
    assert _needing_plus(_listed(folder, *words)) == ["free/nested"]
    chosen = _groups(_listed(folder, *words))
    assert {group: names for group, (_, names) in chosen.items() if names} == {
        "db": ["large"],
        "free/nested": ["deep"],
        "log": ["a"],
        "model": ["net"],
        "model/opt": ["sgd"],
        "plug": ["one"],
    }


def test_the_large_tree_with_plugins_that_are_not_here() -> None:
    answer = _listed(CONFIGS)
    keys, groups = _keys(answer), _groups(answer)
    assert keys["model.optimizer.lr"] == ("float", 0.001)
    assert keys["paths.root_dir"] == ("any", "${oc.env:PROJECT_ROOT}")
    assert groups["trainer"] == (["cpu", "ddp", "ddp_sim", "default", "gpu", "mps"], ["default"])
    assert groups["experiment/ablation"] == (["narrow"], [])
    assert _needing_plus(answer) == ["experiment/ablation"]
    assert [key for key in (*keys, *groups) if key.startswith("hydra")] == []
    assert len(keys) > 60


def test_words_change_what_is_there() -> None:
    plain, changed = (
        _keys(_listed(CONFIGS)),
        _keys(_listed(CONFIGS, "logger=[csv,tensorboard]", "seed=5", "~callbacks")),
    )
    assert (plain["seed"], changed["seed"]) == (("any", None), ("int", 5))
    assert not [key for key in plain if key.startswith("logger.")]
    assert "logger.csv._target_" in changed and "logger.tensorboard._target_" in changed
    assert not [key for key in changed if key.startswith("callbacks.")]


def test_every_key_of_the_large_tree_can_be_overridden() -> None:
    words = [f"{key}=null" for key in _keys(_listed(CONFIGS))]
    assert {default for _, default in _keys(_listed(CONFIGS, *words)).values()} == {None}


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (["model=vit"], "In 'train': Could not find 'model/vit'"),
        (["trainer.nope=1"], "Could not override 'trainer.nope'"),
        (["a b=1"], "unexpected ' '"),
        (["seed=[1"], "no viable alternative at input '[1'"),
    ],
)
def test_words_that_hydra_refuses(words: list[str], trouble: str) -> None:
    nothing = {"keys": [], "groups": [], "notes": [], "failed": False}
    assert _listed(CONFIGS, *words) == {**nothing, "trouble": trouble}


def test_configurations_that_do_not_compose(tmp_path: Path) -> None:
    _write(tmp_path, wrong="defaults: [{db: none}]\n", syntax="a: [1\n", env="defaults: [{db: '${oc.env:DB}'}]\n")
    _write(tmp_path, db__small="{}")
    trouble = {name: _listed(tmp_path, name=name)["trouble"] for name in ("wrong", "env", "absent")}
    assert trouble == {
        "wrong": "In 'wrong': Could not find 'db/none'",
        "env": "${oc.env:DB} is known only where the application runs",
        "absent": "Cannot find primary config 'absent'. Check that it's in your config search path",
    }
    assert _listed(tmp_path, name="syntax")["trouble"].startswith("syntax.yaml, line 2: ")
    assert _listed(tmp_path / "no")["trouble"] == f"Primary config directory not found: '{tmp_path / 'no'}'"


def test_programs_that_cannot_be_run_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their paths as written; also where the configuration does not compose, of which they may be the reason."""
    _write(tmp_path / "conf", train="a: 1\n", wrong="defaults: [base]\n")
    (tmp_path / "app.py").write_text("import a_library_that_is_not_here\n")
    monkeypatch.chdir(tmp_path)
    why = "ModuleNotFoundError: No module named 'a_library_that_is_not_here'"
    note = f"app.py cannot be run here, so what it registers is not listed: {why}."
    answer = _listed(Path("conf"), imports=(Path("app.py"),))
    assert (_keys(answer), answer["notes"]) == ({"a": ("int", 1)}, [note])
    answer = _listed(Path("conf"), name="wrong", imports=(Path("app.py"),))
    assert (answer["trouble"], answer["notes"]) == ("In 'wrong': Could not load 'base'", [note])
    assert _listed(Path("conf"))["notes"] == []


def test_search_paths_are_told(tmp_path: Path) -> None:
    _write(tmp_path, train="hydra: {searchpath: ['pkg://our.configs', '${oc.env:CONFIGS}']}\na: 1\n")
    answer = _listed(tmp_path)
    assert _keys(answer) == {"a": ("int", 1)}
    assert answer["notes"] == [
        f"the search path {path} is known only where the application runs, so what it adds is not listed."
        for path in ("pkg://our.configs", "${oc.env:CONFIGS}")
    ]


def test_folders_that_are_none_of_the_configuration_are_no_groups(tmp_path: Path) -> None:
    """Where the configuration lies beside the program, as with `config_path="."`."""
    _write(tmp_path, train="defaults: [{.own: one}]\n", model__small="{}", outputs__local="{}")
    _write(tmp_path / "outputs" / "2024-01-31" / "10-00-00" / ".hydra", config="{}", overrides="[]")
    _write(tmp_path / "runs" / "1" / ".hydra", config="{}")
    _write(tmp_path / "runs" / "1", result="{}")
    _write(tmp_path / "env" / "lib", config="{}")
    (tmp_path / "env" / "pyvenv.cfg").touch()
    _write(tmp_path / ".own", one="{}", two="{}")
    assert _groups(_listed(tmp_path)) == {
        ".own": (["one", "two"], ["one"]),
        "model": (["small"], []),
        "outputs": (["local"], []),
    }
