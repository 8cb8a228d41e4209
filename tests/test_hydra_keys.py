"""`hpc hydra keys`: what is asked, what is shown, and what is said where nothing can be listed."""

from __future__ import annotations

import json
import pwd
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from compiling import TESTS
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from hpc.cli import disk, run_command
from hpc.cli.disk import Folder
from hpc.compiler.questions import Answer, Config, Group, Key, Keys, Listed, Question

FILE = """\
hpc: 1
name: small
images: {tool: {uri: "repo.example/tool:1.0", build: {context: .}}}
components:
  train:
    image: tool
    command: [python, train.py]
    config: {dir: ./configs, name: train}
    inputs:
      data: {type: Dataset, as: data.dir}
      lr: {type: float, as: +optim.lr}
      quiet: {type: Dataset, pass: none}
    outputs: {model: {type: Model, as: paths.output}}
    overrides:
      model: vit
      +logger: [csv, "${{ inputs.lr }}"]
      callbacks: [early, bar]
      ~debug: null
      trainer: {epochs: 3, tags: [a]}
      layers: []
      seed: null
      prompt: LONG
  big: {uses: train, overrides: {model: vit_big}}
  flags: {image: tool, cli: argparse}
  silent: {image: tool, command: [python, silent.py]}
  load: {import: Model, uri: gs://b/m}
  note: {uses: std/notify_slack@1}
steps:
  again: {uses: train}
edges: [train]
""".replace("LONG", "long " * 100)

LISTED = Listed(
    groups=(
        Group("callbacks", ("bar", "early", "none"), ("early", "bar")),
        Group("debug", ("default", "overfit")),
        Group("logger", ("csv", *(f"logger-of-team-{index}" for index in range(7))), (), needs_plus=True),
        Group("model", ("resnet", "vit", "vit_big"), ("vit",)),
    ),
    keys=(
        Key("data.dir", "any", None, is_missing=True),
        Key("data.name", "any", None, is_missing=True),
        Key("layers", "list", [64, 128]),
        Key("model._target_", "string", "src.models.vision.transformer.VisionTransformerWithAnAlmostEndlessName"),
        Key("model.dropout", "float", 0.1),
        Key("paths.output", "string", "${hydra:runtime.output_dir}"),
        Key("seed", "any", None),
        Key("trainer", "dict", {"epochs": 10, "notes": "x" * 80}),
        Key("trainer.epochs", "int", 10),
        Key("trainer.notes", "string", "two\nlines"),
        Key("trainer.fast", "bool", False),
        Key("trainer.prefix", "string", ""),
    ),
)


class Asked(list[Question]):
    """What was asked, and the answer to all of it."""

    answer: Callable[[Keys], Answer | None] = staticmethod(lambda _: LISTED)

    def ask(self, questions: Sequence[Question]) -> list[Answer | None]:
        self.extend(questions)
        return [self.answer(question) for question in questions if isinstance(question, Keys)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Stands in for Hydra."""
    asked = Asked()
    monkeypatch.setattr(Folder, "ask", asked.ask)
    monkeypatch.setenv("COLUMNS", "100")
    return asked


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    for name in ("model/vit", "model/vit_big", "callbacks/early", "callbacks/bar"):
        path = tmp_path / "configs" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run_command(["hydra", "keys", "pipeline.yaml", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


# ---------------------------------------------------------------- what is asked

CONFIG = Config("configs", "train")


def test_own_choices_apply_and_other_constants_do_not(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options with a file are known at once; `~debug` names a group that only the answer tells of."""
    del folder
    assert said(capsys, "train")[0] == 0
    assert asked == [
        Keys(CONFIG, ("callbacks=[early,bar]", "model=vit")),
        Keys(CONFIG, ("callbacks=[early,bar]", "~debug", "model=vit")),
    ]


def test_one_question_is_enough_where_every_choice_is_a_file(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pipeline.yaml").write_text(FILE.replace("      ~debug: null\n", ""))
    assert said(capsys, "train")[0] == 0
    assert asked == [Keys(CONFIG, ("callbacks=[early,bar]", "model=vit"))]


def test_what_uses_a_component_chooses_for_itself(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    del folder
    assert said(capsys, "big")[0] == 0
    assert asked[-1] == Keys(CONFIG, ("callbacks=[early,bar]", "~debug", "model=vit_big"))


def test_words_of_the_user_come_last_and_replace_own_choices(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    del folder
    assert said(capsys, "train", "model=resnet", "~callbacks", "+trainer.epochs=5")[0] == 0
    assert asked[-1] == Keys(CONFIG, ("~debug", "model=resnet", "~callbacks", "+trainer.epochs=5"))


def test_an_option_that_is_not_there_is_not_chosen(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is for `hpc check` to say; here the author wants to see what there is."""
    (folder / "pipeline.yaml").write_text(FILE.replace("model: vit\n", "model: vitt\n"))
    assert said(capsys, "train")[0] == 0
    assert asked[-1] == Keys(CONFIG, ("callbacks=[early,bar]", "~debug"))


def test_profiles_and_settings(folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "pipeline.yaml").open("a") as file:
        file.write("profiles: {big: {components: {train: {overrides: {model: vit_big}}}}}\n")
    assert said(capsys, "train", "--profile", "big")[0] == 0
    assert "model=vit_big" in asked[-1].words
    assert said(capsys, "train", "--set", "components.train.config.name=other")[0] == 0
    assert asked[-1].config == Config("configs", "other")


def test_folders_start_at_the_file_that_declares_the_component(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "lib").mkdir()
    (folder / "lib" / "lib.yaml").write_text(FILE.replace("name: small", "name: lib"))
    text = "hpc: 1\nname: user\ncomponents: {mine: {uses: ./lib/lib.yaml#train}}\nedges: [mine]\n"
    (folder / "pipeline.yaml").write_text(text)
    assert said(capsys, "mine")[0] == 0
    assert {question.config for question in asked} == {Config("lib/configs", "train")}


def test_the_configuration_is_read_from_the_program(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "silent.py").write_text(
        'import hydra\n\n@hydra.main(config_path="conf", config_name="main")\ndef main(cfg): ...\n'
    )
    assert said(capsys, "silent")[0] == 0
    assert asked == [Keys(Config("conf", "main"))]


# ---------------------------------------------------------------- what is shown

WIDE = """\
train: configs/train.yaml, composed with callbacks=[early,bar] ~debug model=vit

group      chosen      options
callbacks  early, bar  bar, early, none
debug      -           default, overfit
+logger    -           csv, logger-of-team-0, logger-of-team-1, logger-of-team-2, logger-of-team-3,
                       logger-of-team-4, logger-of-team-5, logger-of-team-6
model      vit         resnet, vit, vit_big

key             type    default (set by)
data.dir        any     ??? (inputs.data)
data.name       any     ??? must be given
layers          list    [64, 128] (overrides)
model._target_  string  src.models.vision.transformer.VisionTransformerWithAnAlmostEndlessName
model.dropout   float   0.1
paths.output    string  ${hydra:runtime.output_dir} (outputs.model)
seed            any     null (overrides)
trainer         dict    {"epochs": 10, "notes": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (overrides)
trainer.epochs  int     10 (overrides)
trainer.notes   string  "two\\nlines"
trainer.fast    bool    false
trainer.prefix  string  ""
"""


def test_text_at_100_columns(folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    del folder, asked
    code, out, err = said(capsys, "train")
    assert (code, err) == (0, "")
    assert out == WIDE


@pytest.mark.parametrize("columns", [50, 80, 100, 200])
def test_text_keeps_to_the_terminal(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Only defaults are shortened: keys and options are what an author wants to copy."""
    del folder, asked
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = said(capsys, "train")
    _, *lines = out.splitlines()
    assert max(map(len, lines)) <= min(columns, 100)
    words = set(re.split(r"[\s,]+", out))
    assert words >= {key.key for key in LISTED.keys}
    assert words >= {option for group in LISTED.groups for option in group.options}


def test_json(folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    del folder, asked
    code, out, err = said(capsys, "train", "--format", "json")
    assert (code, err) == (0, "")
    shown = json.loads(out)
    assert list(shown) == ["component", "config", "overrides", "groups", "keys"]
    assert shown["component"] == "train"
    assert shown["config"] == {"folder": "configs", "name": "train", "imports": []}
    assert shown["overrides"] == ["callbacks=[early,bar]", "~debug", "model=vit"]
    assert shown["groups"][3] == {
        "group": "model",
        "options": ["resnet", "vit", "vit_big"],
        "chosen": ["vit"],
        "needs_plus": False,
    }
    assert [key["key"] for key in shown["keys"]] == [key.key for key in LISTED.keys]
    assert shown["keys"][:3] == [
        {"key": "data.dir", "type": "any", "default": None, "is_missing": True, "set_by": "inputs.data"},
        {"key": "data.name", "type": "any", "default": None, "is_missing": True, "set_by": None},
        {"key": "layers", "type": "list", "default": [64, 128], "is_missing": False, "set_by": "overrides"},
    ]


def test_json_has_no_nan(folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    asked.answer = lambda _: Listed(keys=(Key("a", "float", float("nan")), Key("b", "list", [float("-inf")])))
    shown = json.loads(said(capsys, "train", "--format", "json")[1], parse_constant=pytest.fail)
    assert [key["default"] for key in shown["keys"]] == ["NaN", ["-Infinity"]]


def test_a_configuration_may_be_empty(folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    asked.answer = lambda _: Listed()
    assert said(capsys, "train")[:2] == (
        0,
        "train: configs/train.yaml, composed with callbacks=[early,bar] model=vit\n",
    )


# ---------------------------------------------------------------- where nothing can be listed


@pytest.mark.parametrize(
    ("component", "message"),
    [
        ("tran", "pipeline.yaml has no component `tran`: did you mean `train`?"),
        ("again", "pipeline.yaml has no component `again`: it is a step of `train`."),
        ("flags", "`flags` says `cli: argparse`, so its program takes no Hydra overrides."),
        ("load", "`load` is an importer, which has no Hydra configuration."),
        ("note", "`note` is an entry of the library, whose configuration is its own."),
        (
            "silent",
            "`silent` does not say which Hydra configuration it has, and its program is not seen to: add `config:",
        ),
    ],
)
def test_components_without_keys(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str], component: str, message: str
) -> None:
    del folder
    code, out, err = said(capsys, component)
    assert (code, out, asked) == (2, "", [])
    assert message in err.replace("\n", " ")


def test_hydra_that_is_not_there(folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    asked.answer = lambda _: None
    code, out, err = said(capsys, "train")
    assert (code, out) == (2, "")
    assert err.endswith("run: pip install 'hydra-pipeline-compiler[hydra]'\n")


def test_hydra_that_could_not_be_asked(folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """That is nothing to mend in the configuration, nor in the words."""
    del folder
    asked.answer = lambda _: Listed(trouble="Hydra gave no answer: exit code -9", failed=True)
    for words in ((), ("model=vit",)):
        assert said(capsys, "train", *words) == (
            2,
            "",
            "Error: Hydra could not be asked: Hydra gave no answer: exit code -9\n",
        )


@pytest.mark.parametrize("form", ["text", "json"])
def test_notes_stand_beside_the_listing(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    del folder
    plain = said(capsys, "train", "--format", form)
    asked.answer = lambda _: replace(LISTED, notes=("app.py cannot be run here.", "another."))
    assert said(capsys, "train", "--format", form) == (
        0,
        plain[1],
        "note: app.py cannot be run here.\nnote: another.\n",
    )


def test_notes_stand_before_what_does_not_compose(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    del folder
    asked.answer = lambda _: Listed(trouble="Could not load 'base'.", notes=("app.py cannot be run here.",))
    code, out, err = said(capsys, "train")
    first, second, *_ = err.splitlines()
    assert (code, out, first) == (1, "", "note: app.py cannot be run here.")
    assert second.startswith("pipeline.yaml:8:5: error HPC615 configs/train.yaml does not compose")


def test_a_schema_tells_what_is_not_in_it(folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """Once for each component, and not again for its steps."""
    (folder / "pipeline.yaml").write_text(FILE.partition("  flags:")[0] + "edges: [train]\n")
    asked.answer = lambda _: replace(LISTED, notes=("app.py cannot be run here.",))
    assert run_command(["schema", "pipeline.yaml"]) == 0
    shown = capsys.readouterr()
    assert "train_overrides" in json.loads(shown.out)["$defs"]
    assert shown.err == "".join(f"components.{name}: app.py cannot be run here.\n" for name in ("train", "big"))
    asked.answer = lambda _: Listed(trouble="exit code 3", failed=True)
    assert run_command(["schema", "pipeline.yaml"]) == 0
    said = "its keys are left out, because Hydra could not be asked: exit code 3"
    assert capsys.readouterr().err == f"components.train: {said}\ncomponents.big: {said}\n"


@pytest.mark.parametrize(
    ("environment", "cache"),
    [
        ({"XDG_CACHE_HOME": "/c"}, Path("/c/hpc")),
        ({"HOME": "/h"}, Path("/h/.cache/hpc")),
        ({"HOME": "/h", "XDG_CACHE_HOME": "c"}, None),
        ({"HOME": "/h", "XDG_CACHE_HOME": "~nobody-is-called-this/c"}, None),
        ({}, None),
    ],
)
def test_where_answers_are_kept(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], cache: Path | None
) -> None:
    """Without HOME, and without an entry for the user, they are not."""

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert disk._cache() == cache


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ('{dir: "a\\0b"}', "config.dir"),
        ('{dir: configs, name: "a\\0b"}', "config.name"),
        ('{dir: configs, imports: ["a\\0b"]}', "config.imports"),
    ],
)
def test_paths_cannot_hold_nul(
    folder: Path, asked: Asked, capsys: pytest.CaptureFixture[str], config: str, place: str
) -> None:
    text = FILE.replace("config: {dir: ./configs, name: train}", f"config: {config}")
    (folder / "pipeline.yaml").write_text(text)
    code, _, err = said(capsys, "train")
    assert (code, asked, "HPC103 a path cannot hold a NUL character" in err) == (1, [], True), (place, err)


# ---------------------------------------------------------------- with Hydra

REAL = """\
hpc: 1
name: digits
images: {tool: {uri: "repo.example/tool:1.0", build: {context: .}}}
components:
  train:
    image: tool
    command: [python, train.py]
    config: {dir: ./configs, name: train}
    inputs: {data: {type: Dataset, as: data.data_dir}}
    overrides: {trainer: gpu, trainer.max_epochs: 3, logger: [csv, wandb]}
edges: [train]
"""


@pytest.fixture
def real(folder: Path) -> Path:
    """A folder with a pipeline file and a real configuration."""
    shutil.copytree(TESTS / "composing" / "lightning" / "configs", folder / "configs", dirs_exist_ok=True)
    (folder / "pipeline.yaml").write_text(REAL, encoding="utf-8")
    return folder


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Groups and keys by name."""
    code, out, err = said(capsys, "train", *words, "--format", "json")
    assert (code, err) == (0, "")
    shown = json.loads(out)
    return {each["group"]: each for each in shown["groups"]}, {each["key"]: each for each in shown["keys"]}


def test_keys_of_a_real_configuration(real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every default is the one that Hydra composes with the component's choices."""
    groups, keys = listed(capsys)
    with initialize_config_dir(str(real / "configs"), version_base=None):
        not_installed = ["hydra/hydra_logging=default", "hydra/job_logging=default"]
        composed = compose("train", overrides=["trainer=gpu", "logger=[csv,wandb]", *not_installed])
    assert len(keys) > 70
    for name, key in keys.items():
        node = OmegaConf.select(composed, name.rpartition(".")[0]) if "." in name else composed
        value = OmegaConf.to_container(node, resolve=False)[name.rpartition(".")[2]]
        assert (key["default"], key["is_missing"]) == (value, False)
    assert (groups["logger"]["chosen"], groups["trainer"]["chosen"]) == (["csv", "wandb"], ["gpu"])
    assert "gpu" in groups["trainer"]["options"]
    assert [name for name, group in groups.items() if group["needs_plus"]] == ["experiment/ablation"]
    assert "\n+experiment/ablation  -           narrow\n" in said(capsys, "train")[1]
    assert {name: key["set_by"] for name, key in keys.items() if key["set_by"]} == {
        "trainer.max_epochs": "overrides",
        "data.data_dir": "inputs.data",
    }


def test_an_option_brings_its_keys(real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del real
    _, own = listed(capsys)
    groups, others = listed(capsys, "model=segmenter")
    assert groups["model"]["chosen"] == ["segmenter"]
    assert own.keys() - others.keys() >= {"model.net.lin1_size"}
    assert {key.partition(".")[0] for key in own.keys() ^ others.keys()} == {"model"}


@pytest.mark.parametrize(
    ("change", "words", "code", "message"),
    [
        (
            ("", ""),
            ("model=none",),
            2,
            "with model=none the configuration does not compose: In 'train': Could not find",
        ),
        (("", ""), ("model=[",), 2, "with model=[ the configuration does not compose: "),
        (
            ("name: train}", "name: trian}"),
            (),
            1,
            "pipeline.yaml:8:5: error HPC615 configs/trian.yaml does not compose",
        ),
        (
            ("{trainer: gpu,", "{experiment/ablation: narrow, trainer: gpu,"),
            (),
            1,
            "does not compose with experiment/abl",
        ),
        (("./configs", "./conf"), (), 1, "pipeline.yaml:8:5: error HPC615 conf/train.yaml does not compose"),
    ],
)
def test_configurations_that_do_not_compose(
    real: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    (real / "pipeline.yaml").write_text(REAL.replace(*change))
    returned, out, err = said(capsys, "train", *words)
    assert (returned, out) == (code, "")
    assert message in err
