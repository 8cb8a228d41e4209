"""Every form of an override, from a line of YAML to the configuration that a real application sees."""

# OmegaConf is only partly typed.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compiling import compile_text
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra_apps import Project
from omegaconf import DictConfig, OmegaConf

from hpc.templates import as_yaml

LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
MODELS = ("mlp", "resnet", "vit-b16", "3d", "v1.5", "7", "a b", "true")
CONFIG = {
    "main.yaml": """
defaults:
  - _self_
  - model: mlp
  - db: sqlite
  - db@aux: sqlite
  - callbacks: default
  - optional experiment: null
text: x
trainer: {x: 0}
""",
    **{f"model/{name}.yaml": f"kind: {name}\n" for name in MODELS},
    **{f"db/{name}.yaml": f"name: {name}\n" for name in ("mysql", "sqlite")},
    "logger/csv.yaml": "csv: {dir: logs}\n",
    "logger/wandb.yaml": "wandb: {project: p}\n",
    "logger/many.yaml": "defaults: [csv, wandb]\n",
    "callbacks/default.yaml": "early_stopping: {patience: 3}\nmodel_checkpoint: {top: 1}\n",
    "experiment/sub/a.yaml": "# @package _global_\ndefaults: [{override /model: resnet}]\ntext: of a\n",
    "experiment/b.yaml": "# @package _global_\ntext: of b\n",
}  # fmt: skip
FILE = """
hpc: 1
name: p
images: {{app: {{uri: "repo.example/app:1.0", local: {{dir: .}}}}}}
components:
  fit:
    image: app
    command: [python, app.py]
    env: {{SEEN: {seen}}}
    overrides:
      {line}
edges: [fit]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.made(tmp_path_factory.mktemp("app"), CONFIG)


@pytest.fixture(autouse=True)
def composing(project: Project) -> Iterator[None]:
    with initialize_config_dir(str(project.folder / "conf"), version_base="1.3"):
        yield


def argument(line: str) -> str:
    """The argument that a line of `overrides` becomes."""
    result = compile_text(FILE.format(line=line, seen="x"), "local")
    assert result.compiled is not None, result.shown
    spec = json.loads(result.compiled.text.split("\n---\n")[0])
    (word,) = spec["deploymentSpec"]["executors"]["exec-fit"]["container"]["args"]
    return word


def composed(line: str) -> DictConfig:
    config = compose("main", [argument(line)], return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    return config


# ---------------------------------------------------------------- groups and packages


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("model: resnet", "model", {"kind": "resnet"}),
        ("model: vit-b16", "model", {"kind": "vit-b16"}),
        ("model: 3d", "model", {"kind": "3d"}),
        ("model: v1.5", "model", {"kind": "v1.5"}),
        ("model: a b", "model", {"kind": "a b"}),
        ('model: "7"', "model", {"kind": 7}),
        ('model: "true"', "model", {"kind": True}),
        ('"model": [resnet, v1.5]', "model", {"kind": "v1.5"}),
        ("+model@backup.second: vit-b16", "backup", {"second": {"kind": "vit-b16"}}),
        ("+model@_global_: resnet", "kind", "resnet"),
        ("db@aux: mysql", "aux", {"name": "mysql"}),
        ("+db@second: mysql", "second", {"name": "mysql"}),
        ("~db: null", "db", None),
        ("~db@aux: null", "aux", None),
        ("~db: sqlite", "db", None),
        ("~model:", "model", None),
        ("~callbacks.early_stopping: null", "callbacks", {"model_checkpoint": {"top": 1}}),
        ("~callbacks: null", "callbacks", None),
        ("~trainer.x: null", "trainer", {}),
        ("+logger: wandb", "logger", {"wandb": {"project": "p"}}),
        ("+logger: [csv, wandb]", "logger", {"csv": {"dir": "logs"}, "wandb": {"project": "p"}}),
        ("+logger: many", "logger", {"csv": {"dir": "logs"}, "wandb": {"project": "p"}}),
        ("+logger@trainer.loggers: [csv]", "trainer", {"x": 0, "loggers": {"csv": {"dir": "logs"}}}),
        ("+experiment/sub: a", "text", "of a"),
        ("+experiment/sub: a", "model", {"kind": "resnet"}),
        ("experiment: b", "text", "of b"),
        ("++trainer.x: 1", "trainer", {"x": 1}),
        ("++trainer.new.deep: 1", "trainer", {"x": 0, "new": {"deep": 1}}),
        ("+trainer.y: 1", "trainer", {"x": 0, "y": 1}),
        ("trainer.x: null", "trainer", {"x": None}),
        ("trainer: {x: 2}", "trainer", {"x": 2}),
        ("++trainer: {z: {a b: [1]}}", "trainer", {"x": 0, "z": {"a b": [1]}}),
        ("+trainer.in-between: 1", "trainer", {"x": 0, "in-between": 1}),
        ("hydra.job.name: x y", "hydra.job.name", "x y"),
        ("hydra/launcher: basic", "hydra.launcher._target_", LAUNCHER),
        ("hydra/job_logging: disabled", "hydra.runtime.choices.hydra/job_logging", "disabled"),
        ('"hydra.run.dir": "/x, y/${hydra.job.name}"', "hydra.run.dir", "/x, y/app"),
        ("hydra.sweeper.max_batch_size: 3", "hydra.sweeper.max_batch_size", 3),
        ("hydra.searchpath: ['pkg://hydra.conf']", "hydra.searchpath", ["pkg://hydra.conf"]),
    ],
)  # fmt: skip
def test_a_form_of_key(line: str, key: str, value: Any) -> None:
    found = OmegaConf.select(composed(line), key)
    plain: Any = OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
    assert (type(plain), plain) == (type(value), value)


@pytest.mark.parametrize("line", ["model: null", "model: 7", "model: true", "model: 1.5"])
def test_a_choice_of_a_group_is_a_text(line: str) -> None:
    """Hydra takes no other value for a group, however it is written; `~model: null` is how to have none."""
    with pytest.raises(ValueError, match="Config group override must be a string or a list"):
        composed(line)


# ---------------------------------------------------------------- values

TEXTS = [
    *("null", "NULL", "true", "False", "1", "-1", "1.5", "1e-3", "007", "0x1F", "1_000", "nan", "inf", "~", "yes"),
    *(" a", "a ", "", " ", "a b", "a,b", "a=b", "[x]", "[", "{", "{a: 1}", "}", "#x", "x #y", "x:y", "x: y", ":"),
    *("- x", "-", "é", "日本語", "😀", "\u2028", "a\tb", "a\nb\n", "it's", 'say "x"', "'q'", '"', "\\", "a\\", "\\'"),
    *("*", "&a", "!x", "|", ">", "%", "@x", "`x`", "?", "(1)", "int(3.7)", "choice(a,b)", "range(3)", "glob(*)", "$"),
    *("gpu", "a/b", "a.b", "/gcs/b/x", "gs://b/x", "2024-01-01", "12:30", "--lr=1", "+x", "++x", "~x", "<<", "on"),
    *("{{ x }}", "%{x}", "$(x)", "$x", "\x7f", "C:\\dir", "x" * 3000),
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_a_text(text: str) -> None:
    """As a value, in a list, in a mapping, and as the value of a key that is no word."""
    written = as_yaml(text)
    assert composed(f"text: {written}").text == text
    assert composed(f"+t: [{written}, {written}]").t == [text, text]
    assert composed(f"+t: {{k: {written}}}").t == {"k": text}
    assert composed(f"+t: {{? {written} : {written}}}").t == {text: text}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("null", None),
        ("true", True),
        ("1", 1),
        ("-1", -1),
        ("1.0", 1.0),
        ("1e-3", 0.001),
        ("1e-7", 1e-07),
        ("1e300", 1e300),
        ("9007199254740992", 2**53),
        ("[]", []),
        ("{}", {}),
        ("[1, [a, 'b,c'], {d: null}]", [1, ["a", "b,c"], {"d": None}]),
        ("{a: {b: [true]}, c: ''}", {"a": {"b": [True]}, "c": ""}),
        ("{'1': 1, 'null': 2, a.b: 3, é: 4, '': 5}", {"1": 1, "null": 2, "a.b": 3, "é": 4, "": 5}),
        ("{plain: {'x y': {z: 6}}}", {"plain": {"x y": {"z": 6}}}),
        ("|\n        two\n        lines", "two\nlines\n"),
        ("a\n        folded text", "a folded text"),
        ('"${text}"', "x"),
        ('"${text}-${trainer.x}"', "x-0"),
        ('"it\'s ${text}, a=b"', "it's x, a=b"),
        ("\"${oc.env:NOT_THERE,'a, b'}\"", "a, b"),
        ('["${text}", "a ${text}"]', ["x", "a x"]),
    ],
)  # fmt: skip
def test_a_value_keeps_its_type(written: str, value: Any) -> None:
    config = composed(f"+t: {written}")
    found: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, ["t", "text", "trainer"]), resolve=True)
    assert json.dumps(found["t"], sort_keys=True) == json.dumps(value, sort_keys=True)


# ---------------------------------------------------------------- the application itself


def test_a_real_application_starts_with_all_of_them(project: Project) -> None:
    overrides = {
        "model": "3d",
        "~db": None,
        "db@aux": "mysql",
        "+db@second": "mysql",
        "+logger": ["csv", "wandb"],
        "~callbacks.early_stopping": None,
        "+experiment/sub": "a",
        "++trainer.x": 1,
        "text": "null",
        "+texts": TEXTS,
        "hydra/launcher": "basic",
        "hydra/job_logging": "disabled",
        "hydra.job.name": "x",
    }
    project.run({"overrides": overrides})
    (seen,) = project.seen
    assert seen == {
        "text": "null",
        "trainer": {"x": 1},
        "model": {"kind": "3d"},
        "aux": {"name": "mysql"},
        "second": {"name": "mysql"},
        "logger": {"csv": {"dir": "logs"}, "wandb": {"project": "p"}},
        "callbacks": {"model_checkpoint": {"top": 1}},
        "texts": TEXTS,
        "hydra": {"job": "x", "launcher": LAUNCHER},
    }
    assert Path(project.folder / "outputs").is_dir()
