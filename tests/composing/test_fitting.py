"""What is found about a command line is what Hydra itself would say, and nothing else.

`lightning` is a tree of the shape that many applications have; `structured` registers its types. Hydra is asked too:
where it refuses a word, there is a finding, and where it takes one, there is none that says it would not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from omegaconf.basecontainer import BaseContainer

from hpc.compiler.questions import Config, Finding, Fit, Word
from hpc.composing.fitting import fit
from hpc.composing.importing import kept_apart, registered

HERE = Path(__file__).parent
LIGHTNING = HERE / "lightning" / "configs"
STRUCTURED = HERE / "structured" / "configs"
SCHEMA = HERE / "structured" / "schema.py"

ROOT_DIR = Finding("outside", key="paths.root_dir", said="${oc.env:PROJECT_ROOT}")
COLOURS = tuple(
    Finding("not-installed", key=f"hydra/{group}", said="colorlog") for group in ("job_logging", "hydra_logging")
)
NOTES = (ROOT_DIR, *COLOURS)
"""What the tree itself causes: a variable of the container, and a plugin that is not here."""

SCHEDULER = '{"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",'
TRAINERS = ("cpu", "ddp", "ddp_sim", "default", "gpu", "mps")
LOGGERS = ("csv", "many_loggers", "mlflow", "tensorboard", "wandb")
EXPERIMENTS = ("segment", "ablation/narrow")


def _asked(folder: Path, name: str, words: Sequence[str | Word], **more: Any) -> list[Finding]:
    config = Config(str(folder), name, tuple(str(file) for file in more.pop("imports", ())))
    question = Fit(config, tuple(Word(word) if isinstance(word, str) else word for word in words), **more)
    found = fit(asdict(question))
    tuples = ("near", "options")
    return [Finding(**{**each, **{field: tuple(each[field]) for field in tuples}}) for each in found]


def _on_lightning(*words: str | Word, name: str = "train", **more: Any) -> list[Finding]:
    return _asked(LIGHTNING, name, words, **more)


def _on_structured(*words: str | Word, imports: Sequence[Path] = (SCHEMA,)) -> list[Finding]:
    return _asked(STRUCTURED, "config", words, imports=imports)


@pytest.fixture
def configs(tmp_path: Path) -> Any:
    """Writes configs and asks about them."""

    def ask(files: dict[str, str], *words: str | Word, name: str = "config", **more: Any) -> list[Finding]:
        for path, text in files.items():
            file = tmp_path / "conf" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return _asked(tmp_path / "conf", name, words, **more)

    return ask


# ---------------------------------------------------------------- the tree, and Hydra on it


def _unknown(key: str, *near: str) -> Finding:
    return Finding("unknown-key", 0, key=key, near=near)


def _choice(key: str, said: str, near: Sequence[str], options: Sequence[str]) -> Finding:
    return Finding("unknown-choice", 0, key=key, said=said, near=tuple(near), options=tuple(options))


WRONG: dict[str, Finding] = {
    "trainer.max_epoch=3": _unknown("trainer.max_epoch", "trainer.max_epochs"),
    "optimizer.lr=0.1": _unknown("optimizer.lr", "model.optimizer.lr"),
    "model.lr=0.1": _unknown("model.lr", "model.optimizer.lr"),
    "batch_size=32": _unknown("batch_size", "data.batch_size"),
    "data.batchsize=32": _unknown("data.batchsize", "data.batch_size"),
    "data.tile_size=128": _unknown("data.tile_size"),
    "trainer.strategy=ddp": _unknown("trainer.strategy"),
    "modle=digits": _unknown("modle", "model"),
    "expirement=segment": _unknown("expirement", "experiment"),
    "seed.value=3": _unknown("seed.value"),
    "model={lr: 0.1}": _unknown("model.lr", "model.optimizer.lr"),
    "model.net={lin1_size: 8, lin4_size: 8}": _unknown(
        "model.net.lin4_size", "model.net.lin3_size", "model.net.lin2_size", "model.net.lin1_size"
    ),
    "modle@model=digits": _unknown("modle@model", "model"),
    "hydra.run.dri=out": _unknown("hydra.run.dri", "hydra.run.dir"),
    "trainer=gpuu": _choice("trainer", "gpuu", ["gpu"], TRAINERS),
    "logger=[csv,tensorbord]": _choice("logger", "tensorbord", ["tensorboard"], LOGGERS),
    "logger=null": _choice("logger", "null", [], LOGGERS),
    "experiment=narrow": _choice("experiment", "narrow", ["ablation/narrow"], EXPERIMENTS),
    "experiment=": _choice("experiment", "", [], EXPERIMENTS),
    "model=5": _choice("model", "5", [], ["digits", "segmenter"]),
    "model@teacher=digits": Finding(
        "no-default", 0, key="model@teacher", near=("model",), options=("digits", "segmenter")
    ),
    "+model=segmenter": Finding("exists", 0, key="model"),
    "+experiment=segment": Finding("exists", 0, key="experiment"),
    "+model.optimizer.lr=0.1": Finding("exists", 0, key="model.optimizer.lr"),
    "++model=digits": Finding("clash", 0, key="model", said="a config group cannot be chosen with ++"),
    "~model=segmenter": Finding("not-there", 0, key="model", said="segmenter"),
    "~callbacks.early_stoping": Finding(
        "not-there", 0, key="callbacks.early_stoping", near=("callbacks.early_stopping",)
    ),
    "~trainer.devices=8": Finding("not-there", 0, key="trainer.devices", said="8", options=("1",)),
    "~ckpt_path": Finding("not-there", 0, key="ckpt_path", options=("null",)),
    "~ckpt_path=last": Finding("not-there", 0, key="ckpt_path", said="last", options=("null",)),
    "hydra/launcher=basicc": _choice("hydra/launcher", "basicc", ["basic"], ["basic"]),
    "hydra/job_loging=disabled": Finding("unknown-group", 0, key="hydra/job_loging", near=("hydra/job_logging",)),
    "seed=1,2": Finding("sweep", 0, key="seed"),
    "trainer=gpu,cpu": Finding("sweep", 0, key="trainer"),
    "seed=range(1,4)": Finding("sweep", 0, key="seed"),
    "task_name=it's": Finding("syntax", 0, said='unexpected "\'"', at=12),
    "tags=[a,b": Finding("syntax", 0, said="no viable alternative at input '[a,b'", at=9),
    "seed": Finding("syntax", 0, said="missing EQUAL at '<EOF>'", at=4),
    "model.optimizer.lr=int(x)": Finding(
        "syntax", 0, said="ValueError while evaluating 'int(x)': invalid literal for int() with base 10: 'x'"
    ),
    "seed='${'": Finding("syntax", 0, key="seed", said="no viable alternative at input '${'"),
    "hydra.job.num=first": Finding(
        "type", 0, key="hydra.job.num", said="Value 'first' of type 'str' could not be converted to Integer"
    ),
    "tags={a: b}": Finding("type", 0, key="tags", said="Cannot merge DictConfig with ListConfig"),
}

RIGHT = (
    "model.optimizer.lr=1e-4",
    "model.optimizer.lr=1",
    "trainer.max_epochs=1.5",
    "data.batch_size=64",
    "data.train_val_test_split=[10,20,30]",
    "tags=[a,b]",
    "tags=['a,b',\"c\"]",
    "tags.0=quick",
    "task_name=a b",
    "task_name='${model.net.lin1_size}'",
    "task_name=5",
    "ckpt_path=/data/last.ckpt",
    "ckpt_path=null",
    "seed=5",
    "trainer.accelerator=gpu",
    "model.scheduler=null",
    "model.optimizer={lr: 0.1}",
    "model=segmenter",
    "model=segmenter.yaml",
    "model='segmenter'",
    "+model@teacher=segmenter",
    "+model.net.dropout=0.1",
    "++model.optimizer.lr=0.1",
    "++model.net.dropout=0.1",
    "~callbacks.early_stopping",
    "~logger",
    "~model.scheduler.patience=10",
    "~trainer.devices",
    "logger=csv",
    "logger=[csv,wandb]",
    "logger=many_loggers",
    "logger=[]",
    "experiment=segment",
    "experiment=ablation/narrow",
    "trainer=ddp",
    "callbacks=none",
    "local=default",
    "hydra.run.dir=out",
    "hydra.job.chdir=true",
    "hydra/job_logging=disabled",
    "hydra/launcher=basic",
    "hydra={}",
    "+hydra.job.env_set.NAME=value",
    "extras.print_config=False",
)


def test_there_are_enough() -> None:
    assert len(WRONG) >= 30 and len(RIGHT) >= 30


@pytest.mark.parametrize("word", WRONG)
def test_wrong_words(word: str) -> None:
    assert _on_lightning(word) == [WRONG[word], *NOTES]


@pytest.mark.parametrize("word", RIGHT)
def test_right_words(word: str) -> None:
    """A plugin that a word replaces is not missed any longer."""
    notes = [note for note in NOTES if not word.startswith(note.key)]
    assert _on_lightning(word) == notes


@pytest.fixture
def refused() -> Iterator[Any]:
    """Whether Hydra refuses words, which it does by all sorts of exceptions."""

    def ask(*words: str) -> bool:
        plain = [] if "hydra/job_logging=disabled" in words else ["hydra/job_logging=default"]
        with warnings.catch_warnings(), initialize_config_dir(str(LIGHTNING), version_base=None):
            warnings.simplefilter("ignore")
            try:
                compose("train", ["hydra/hydra_logging=default", *plain, *words])
            except Exception:  # noqa: BLE001  Hydra refuses by all sorts of them
                return True
        return False

    yield ask
    GlobalHydra.instance().clear()


@pytest.mark.parametrize("word", WRONG)
def test_hydra_refuses_what_is_wrong(word: str, refused: Any) -> None:
    assert refused(word)


@pytest.mark.parametrize("word", RIGHT)
def test_hydra_takes_what_is_right(word: str, refused: Any) -> None:
    assert not refused(word)


SIGNS = ("", "", "", "+", "++", "~")
CHOICES = ("model", "data", "logger", "trainer", "callbacks", "experiment", "debug", "local", "model@x", "nothing")
OPTIONS = (
    "digits",
    "segmenter",
    "[csv,wandb]",
    "[]",
    "gpu",
    "default",
    "ablation/narrow",
    "null",
    "5",
    "x",
    "''",
    "{a: 1}",
)
KEYS = ("seed", "tags", "model", "model.net", "model.optimizer.lr", "trainer.max_epochs", "ckpt_path", "hydra.job.num")
ENDS = ("", "", "", "s", ".a", ".a.b", ".0")
VALUES = ("1", "x", "null", "true", "[1]", "{}", "{lr: 1}", "a,b", "''", "", "'${seed}'", "[", "it's", "int(3)", "???")
DOUBTS = frozenset(("outside", "not-installed", "other-type", "missing", "interpolation"))


def _random_word(random: Random) -> str:
    choosing = random.random() < 0.4
    key = random.choice(CHOICES) if choosing else random.choice(KEYS) + random.choice(ENDS)
    sign = random.choice(SIGNS)
    has_value = sign != "~" or random.random() < 0.4
    return f"{sign}{key}={random.choice(OPTIONS if choosing else VALUES)}" if has_value else f"{sign}{key}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_hydra_agrees_about_any_words(seed: int, refused: Any) -> None:
    random = Random(seed)
    words = [_random_word(random) for _ in range(random.choice((1, 1, 2, 3)))]
    errors = [each for each in _on_lightning(*words) if each.kind not in DOUBTS]
    assert bool(errors) is refused(*words), (words, errors)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "starts"),
    [
        (["model.optimizer.lr=1e-4", "trainer=ddp", "experiment=segment"], True),
        (["-m", "seed=1,2", "model=digits,segmenter"], True),
        (["--config-name=eval", "ckpt_path=last.ckpt"], True),
        (["--config-name=eval"], False),
        (["--config-name=evla"], False),
        (["logger=mlflow"], False),
        (["seed=1,2"], False),
        (["seed=1", "--multirun", "model=digits,segmenter"], False),
        (["model.lr=3"], False),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_the_application_agrees(words: list[str], starts: bool, tmp_path: Path) -> None:
    """A real process, which reads every value."""
    place = ["hydra.run.dir=.", f"hydra.sweep.dir={tmp_path}", "hydra/job_logging=disabled", "hydra/hydra_logging=none"]
    command = [sys.executable, str(LIGHTNING.parent / "train.py"), *words, *place]
    env = {**os.environ, "PROJECT_ROOT": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is starts, done.stderr
    found = _on_lightning(*words, env=("PROJECT_ROOT",))
    assert [each for each in found if each.kind != "not-installed"] == [] or not starts
    assert starts or {each.kind for each in found} - {"not-installed", "outside"}


def test_one_mistake_does_not_hide_the_next() -> None:
    words = ("seed=a,b", "model.lr=1", "trainer=gpuu", "tags=[", "data.batch_size=64", "~nothing", "hydra.job.num=x")
    found = [(each.kind, each.word) for each in _on_lightning(*words) if each not in NOTES]
    kinds = ("sweep", "unknown-key", "unknown-choice", "syntax", None, "not-there", "type")
    assert found == [(kind, word) for word, kind in enumerate(kinds) if kind]


def test_a_word_builds_on_those_before_it() -> None:
    assert _on_lightning("+new={a: 1}", "new.a=2", "~new.a") == [*NOTES]
    assert _on_lightning("new.a=2", "+new={a: 1}") == [_unknown("new.a"), *NOTES]


# ---------------------------------------------------------------- types


def _other(word: int, key: str, said: str, default: str, other: int | None = None) -> Finding:
    return Finding("other-type", word, other, key=key, said=said, options=(default,))


@pytest.mark.parametrize(
    ("word", "key", "said", "default"),
    [
        ("data.batch_size=big", "data.batch_size", "int", "128"),
        ("data.batch_size='64'", "data.batch_size", "int", "128"),
        ("data.batch_size=true", "data.batch_size", "int", "128"),
        ("data.batch_size=[1]", "data.batch_size", "int", "128"),
        ("data.batch_size={a: 1}", "data.batch_size", "int", "128"),
        ("++data.batch_size=big", "data.batch_size", "int", "128"),
        ("model.optimizer.lr=fast", "model.optimizer.lr", "float", "0.001"),
        ("data.pin_memory=1", "data.pin_memory", "bool", "false"),
        ("data.pin_memory=yes", "data.pin_memory", "bool", "false"),
        ("tags=quick", "tags", "list", '["dev"]'),
        ("task_name=[a]", "task_name", "string", "train"),
        ("model.scheduler=plain", "model.scheduler", "dict", f"{SCHEDULER}…"),
    ],
)
def test_a_value_of_another_type_than_the_default(word: str, key: str, said: str, default: str) -> None:
    assert _on_lightning(word) == [_other(0, key, said, default), *NOTES]


def test_the_default_is_that_of_the_options_chosen() -> None:
    found = _on_lightning("model=segmenter", "model.scheduler=plain", "model.optimizer.betas=0.9")
    assert found == [_other(2, "model.optimizer.betas", "list", "[0.9, 0.999]"), *NOTES]


def test_a_word_is_told_once_whatever_may_stand_there() -> None:
    word = Word("data.batch_size=1", others=("data.batch_size=small", "data.batch_size=large"))
    assert _on_lightning(word) == [_other(0, "data.batch_size", "int", "128", other=0), *NOTES]


def _refused_type(word: int, key: str, said: str) -> Finding:
    return Finding("type", word, key=key, said=said)


STRUCTURED_WRONG = {
    "seed=first": "Value 'first' of type 'str' could not be converted to Integer",
    "seed=0.5": "Value '0.5' of type 'float' could not be converted to Integer",
    "seed=null": "field 'seed' is not Optional",
    "epochs=many": "Value 'many' of type 'str' could not be converted to Integer",
    "precision=double": "Invalid value 'double', expected one of [half, full]",
    "resume=maybe": "Value 'maybe' is not a valid bool (type str)",
    "model.layers=[a]": "Value 'a' of type 'str' could not be converted to Integer",
    "model.optimizer.lr=null": "field 'model.optimizer.lr' is not Optional",
    "+weights.a=heavy": "Value 'heavy' of type 'str' could not be converted to Float",
    "model.optimizer=5": "Invalid type assigned: int is not a subclass of Optimizer. value: 5",
}
STRUCTURED_RIGHT = (
    "seed=3",
    "seed='3'",
    "epochs=null",
    "epochs=3",
    "precision=half",
    "precision=16",
    "resume=yes",
    "model.layers=[1,2]",
    "model.layers=[]",
    "model.optimizer.lr=1",
    "model.optimizer.momentum=null",
    "model.optimizer={lr: 3}",
    "+weights.a=1",
    "anything=text",
    "model=tiny",
    "model.width=3",
)


@pytest.mark.parametrize("word", STRUCTURED_WRONG)
def test_types_of_structured_configs(word: str) -> None:
    key = word.partition("=")[0].lstrip("+")
    assert _on_structured(word) == [_refused_type(0, key, STRUCTURED_WRONG[word])]


@pytest.mark.parametrize("word", STRUCTURED_RIGHT)
def test_what_structured_configs_take(word: str) -> None:
    assert _on_structured(word) == []


@pytest.mark.parametrize(
    ("word", "finding"),
    [
        ("model.depth=3", Finding("unknown-key", 0, key="model.depth", near=("model.width",))),
        ("model.optimizer.nesterov=true", _unknown("model.optimizer.nesterov")),
        ("model=huge", _choice("model", "huge", [], ["net", "tiny", "wide"])),
    ],
)
def test_names_of_structured_configs(word: str, finding: Finding) -> None:
    found = _on_structured(word)
    assert [(each.kind, each.word, each.key) for each in found] == [(finding.kind, 0, finding.key)]


@pytest.mark.parametrize(
    "word", [*STRUCTURED_WRONG, *STRUCTURED_RIGHT, "+model.optimizer.nesterov=true", "model.depth=3"]
)
def test_hydra_agrees_about_structured_configs(word: str) -> None:
    with kept_apart(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        registered([str(SCHEMA)])
        refuses = False
        with initialize_config_dir(str(STRUCTURED), version_base=None):
            try:
                compose("config", [word])
            except Exception:  # noqa: BLE001  Hydra refuses by all sorts of them
                refuses = True
    assert refuses is any(each.kind in ("type", "unknown-key") for each in _on_structured(word))


def test_a_stand_in_is_judged_by_its_kind() -> None:
    word = Word("seed=0.5", type="float", is_known=False)
    assert _on_structured(word) == [_refused_type(0, "seed", STRUCTURED_WRONG["seed=0.5"])]


def test_the_script_itself_may_be_imported() -> None:
    assert _on_structured(imports=[HERE / "structured" / "app.py"]) == []


def test_the_primary_config_may_be_structured(configs: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    fields = "from dataclasses import dataclass\n@dataclass\nclass App:\n    port: int = 80\n    host: str = '???'\n"
    store = "from hydra.core.config_store import ConfigStore\nConfigStore.instance().store('app', App)\n"
    own.write_text(fields + store, encoding="utf-8")
    files = {"other.yaml": "a: 1\n"}
    assert configs(files, "host=here", name="app", imports=[own]) == []
    assert configs(files, "port=x", "hots=here", name="app", imports=[own]) == [
        _refused_type(0, "port", "Value 'x' of type 'str' could not be converted to Integer"),
        Finding("unknown-key", 1, key="hots", near=("host",)),
        Finding("missing", key="host"),
    ]


# ---------------------------------------------------------------- groups


def _later(*options: str, word: int = 0, key: str = "model") -> Finding:
    return Finding("chosen-later", word, key=key, options=options)


def test_a_choice_that_only_the_run_knows() -> None:
    """The keys of every option are keys; the default choice is what the rest is judged with."""
    model = Word("model='hpc'", is_known=False)
    found = _on_lightning(model, "model.net.width=3", "model.net.lin1_size=8", "model.net.widht=3")
    wrong = Finding("unknown-key", 3, key="model.net.widht", near=("model.net.width",))
    assert found == [_later("digits", "segmenter"), wrong, *NOTES]


def test_declared_choices_are_each_checked() -> None:
    model = Word("model=digits", others=("model=segmenter", "model=segmentor"))
    wrong = Finding(
        "unknown-choice", 0, 1, key="model", said="segmentor", near=("segmenter",), options=("digits", "segmenter")
    )
    assert _on_lightning(model, "model.net.width=3") == [wrong, *NOTES]


def test_what_only_one_declared_choice_lacks() -> None:
    logger = Word("logger=csv", others=("logger=wandb", "logger=mlflow"), is_known=False)
    missing = Finding("missing", 0, 1, key="logger.mlflow.run_name")
    assert _on_lightning(logger) == [missing, *NOTES]
    assert _on_lightning(logger, "++logger.mlflow.run_name=first") == [*NOTES]


def test_a_refused_choice_does_not_make_its_keys_wrong() -> None:
    found = _on_lightning("model=segmentor", "model.net.width=3", "model.net.wide=3")
    assert [(each.kind, each.word) for each in found if each not in NOTES] == [
        ("unknown-choice", 0),
        ("unknown-key", 2),
    ]


def test_a_group_that_is_not_chosen_from(configs: Any) -> None:
    files = {"config.yaml": "a: 1\n", "db/lite.yaml": "file: x\n", "db/server.yaml": "host: y\n"}
    options = ("lite", "server")
    assert configs(files, "db=lite", "db.file=z") == [Finding("no-default", 0, key="db", options=options)]
    assert configs(files, "+db=lite", "db.file=z") == []
    assert configs(files, "+db@main=lite", "+db@backup=server", "main.file=z", "backup.host=z") == []
    assert configs(files, "+db=server", "db.file=z") == [Finding("unknown-key", 1, key="db.file")]
    assert configs(files, "~db") == [Finding("not-there", 0, key="db")]
    assert configs(files, Word("+db=hpc", is_known=False), "db.file=z") == [_later(*options, key="db")]


def test_groups_in_packages(configs: Any) -> None:
    files = {
        "config.yaml": "defaults:\n- db@source: lite\n- db@target: server\n",
        "db/lite.yaml": "file: x\n",
        "db/server.yaml": "host: y\n",
    }
    near = ("db@source", "db@target")
    assert configs(files, "db@source=server", "source.host=z") == []
    assert configs(files, "db=lite") == [Finding("no-default", 0, key="db", near=near, options=("lite", "server"))]
    assert configs(files, "db@target=lte") == [_choice("db", "lte", ["lite"], ["lite", "server"])]
    assert configs(files, "~db@target", "source.file=z") == []
    assert configs(files, "~db@taget") == [Finding("not-there", 0, key="db@taget")]


def test_a_choice_that_must_be_made(configs: Any) -> None:
    files = {"config.yaml": "defaults:\n- db: ???\n", "db/lite.yaml": "file: x\n", "db/server.yaml": "host: y\n"}
    assert configs(files) == [Finding("missing", key="db", options=("lite", "server"))]
    assert configs(files, "db=server", "db.host=z") == []
    assert configs(files, Word("db=hpc", is_known=False), "db.host=z") == [_later("lite", "server", key="db")]


def test_where_a_choice_must_be_made_only_that_is_told(configs: Any) -> None:
    """Neither what one of the options lacks, nor what all of them do."""
    files = {
        "config.yaml": "defaults:\n- data: ???\n- _self_\nname: ???\nof: ${data.size}\n",
        "data/a.yaml": "path: ???\nsize: 1\n",
        "data/b.yaml": "path: ???\n",
    }
    options = ("a", "b")
    assert configs(files) == [Finding("missing", key="data", options=options), Finding("missing", key="name")]
    assert configs(files, "data=b", "name=x") == [
        Finding("missing", 0, key="data.path"),
        Finding("interpolation", key="of", said="${data.size}"),
    ]


def test_a_choice_that_a_later_word_replaces_is_never_looked_at() -> None:
    assert _on_lightning("model=nowhere", "logger=[nowhere]", "model=segmenter", "logger=csv") == [*NOTES]
    assert _on_lightning("model=segmenter", "model=segmentor") == [
        Finding(
            "unknown-choice", 1, key="model", said="segmentor", near=("segmenter",), options=("digits", "segmenter")
        ),
        *NOTES,
    ]


def test_an_optional_default_takes_any_option(configs: Any) -> None:
    files = {
        "config.yaml": "defaults:\n- db: ???\n- optional cluster: null\n",
        "db/lite.yaml": "file: x\n",
        "cluster/slurm.yaml": "nodes: 1\n",
    }
    assert configs(files, "cluster=sluurm", "db=lite") == []
    assert configs(files, "cluster=sluurm") == [Finding("missing", key="db", options=("lite",))]


TOGETHER = {
    "config.yaml": "defaults:\n- data: mnist\n- model: fc\n- res: ${data}_${model}\n",
    **{f"{path}.yaml": "a: 1\n" for path in ("data/mnist", "data/cifar", "model/fc", "model/cnn")},
    **{f"res/{name}.yaml": "a: 1\n" for name in ("mnist_fc", "cifar_cnn", "mnist_cnn")},
}


def test_what_composes_with_one_of_the_options_of_a_run(configs: Any) -> None:
    model = Word("model='hpc'", is_known=False)
    said = "In 'config': Could not find 'res/cifar_fc'"
    assert configs(TOGETHER, model, "data=cifar", "res.a=2") == [_later("cnn", "fc")]
    assert configs(TOGETHER, "data=cifar") == [Finding("clash", 0, key="data", said=said)]
    assert configs({**TOGETHER, "res/cifar_cnn.yaml": "defaults: [none]\n"}, model, "data=cifar") == [
        _later("cnn", "fc"),
        Finding("clash", 1, key="data", said=said),
    ]


def test_a_value_that_fits_one_of_the_options(configs: Any) -> None:
    files = {"config.yaml": "defaults:\n- db: lite\n", "db/lite.yaml": "file: x\n", "db/server.yaml": "host: ???\n"}
    assert configs(files, Word("db=lite", others=("db=server",)), "db.host=y") == []
    assert configs(files, Word("db=lite", others=("db=server",)), "db.file=y") == [
        Finding("missing", 0, 0, key="db.host")
    ]


def test_an_option_in_the_syntax_of_an_older_hydra(configs: Any) -> None:
    files = {"config.yaml": "defaults:\n- exp: null\n", "exp/old.yaml": "defaults: [{/extra: nope, optional: true}]\n"}
    assert configs(files, "exp=old") == []


def test_more_options_than_are_composed(configs: Any) -> None:
    """In doubt a key is right."""
    files = {"config.yaml": "defaults:\n- job: a00\n", **{f"job/a{n:02}.yaml": f"key{n}: 1\n" for n in range(40)}}
    later = _later(*(f"a{n:02}" for n in range(40)), key="job")
    assert configs(files, Word("job=hpc", is_known=False), "job.key39=1", "nokey=3") == [later]


def test_an_experiment_that_is_broken_itself(configs: Any) -> None:
    files = {
        "config.yaml": "defaults:\n- db: lite\n- experiment: null\n",
        "db/lite.yaml": "file: x\n",
        "experiment/bad.yaml": "# @package _global_\ndefaults:\n- override /db: nowhere\n",
    }
    said = "In 'config': Could not find 'db/nowhere'"
    assert configs(files, "experiment=bad", "db.file=y") == [Finding("clash", 0, key="experiment", said=said)]


# ---------------------------------------------------------------- sweeps and options


def test_sweeps_are_checked_value_by_value() -> None:
    found = _on_lightning("-m", "model=digits,segmentor", "model.optimizer.lr=choice(0.1,fast)", "sede=range(1,3)")
    options = ("digits", "segmenter")
    more = {"element": "model=segmentor"}
    wrong = Finding("unknown-choice", 1, key="model", said="segmentor", near=("segmenter",), options=options, **more)
    fast = replace(_other(2, "model.optimizer.lr", "float", "0.001"), element="model.optimizer.lr=fast")
    sede = Finding("unknown-key", 3, key="sede", near=("seed",))
    assert found == [wrong, fast, sede, *NOTES]


@pytest.mark.parametrize(
    "sweep", ["seed=1,2", "seed=range(1,4)", "seed=shuffle(choice(1,2))", "logger=glob(*,exclude=ml*)"]
)
def test_sweeps_that_are_meant(sweep: str) -> None:
    assert _on_lightning("--multirun", sweep, "hydra.sweep.dir=out") == [*NOTES]
    assert _on_lightning(Word(sweep, may_sweep=True)) == [*NOTES]
    assert _on_lightning("hydra.mode=MULTIRUN", sweep) == [*NOTES]


def test_a_range_without_end_wants_a_sweeper() -> None:
    word = Word("model.optimizer.lr=interval(0.1,1)", may_sweep=True)
    assert _on_lightning(word) == [Finding("no-sweeper", 0, key="model.optimizer.lr"), *NOTES]
    optuna = Finding("not-installed", key="hydra/sweeper", said="optuna")
    assert _on_lightning(word, "hparams_search=optuna", "hydra.sweeper.n_trials=5") == [*NOTES, optuna]


def test_the_config_may_ask_for_several_runs(configs: Any) -> None:
    assert configs({"config.yaml": "a: 1\nhydra:\n  mode: MULTIRUN\n"}, "a=1,2", "b=1,2") == [
        Finding("unknown-key", 1, key="b")
    ]


def test_a_key_that_only_one_value_of_a_sweep_has() -> None:
    """Each of them is run."""
    missing = replace(_unknown("model.net.width"), said="model=digits")
    width = "model.net.width=3"
    assert _on_lightning(width, Word("model=segmenter,digits", may_sweep=True)) == [missing, *NOTES]
    assert _on_lightning(width, Word("model=digits,segmenter", may_sweep=True)) == [missing, *NOTES]
    assert _on_lightning("++model.net.width=3", Word("model=digits,segmenter", may_sweep=True)) == [*NOTES]
    assert _on_lightning(width, Word("model=segmenter", others=("model=digits",))) == [*NOTES]


def test_sweeps_over_nothing(configs: Any) -> None:
    files = {"config.yaml": "defaults:\n- db: lite\n- _self_\na: 1\n", "db/lite.yaml": "file: x\n"}
    nothing = Finding("no-values", 1, key="db", options=("lite",))
    assert configs(files, "-m", "db=glob(x*)") == [nothing]
    assert configs(files, Word("a=range(5,1)", may_sweep=True)) == [Finding("no-values", 0, key="a")]
    step = Finding("syntax", 1, said="range() arg 3 must not be zero")
    assert configs(files, "-m", "a=range(1,5,0)") == [step]


def test_names_that_are_longer_than_files_can_be(configs: Any) -> None:
    long = ".".join(["a"] * 300)
    assert configs({"config.yaml": "b: 1\n"}, f"{long}=1") == [Finding("unknown-key", 0, key=long)]
    assert configs({"config.yaml": "b: 1\n"}, f"b=/{long}") == [_other(0, "b", "int", "1")]


def test_hydra_itself_is_not_swept() -> None:
    assert _on_lightning("-m", "hydra.run.dir=a,b") == [Finding("sweep", 1, key="hydra.run.dir"), *NOTES]


@pytest.mark.parametrize(
    ("words", "finding"),
    [
        (["--nothing", "seed=1"], Finding("usage", 0, said="unrecognized arguments: --nothing")),
        (["seed=1", "-m", "seed=2"], Finding("usage", 2, said="unrecognized arguments: seed=2")),
        (["--cfg"], Finding("usage", said="argument --cfg/-c: expected one argument")),
        (["-m", "--run"], Finding("usage", said="only one of --run, --multirun can be given")),
        (["--config-name=evla"], Finding("no-config", 0, key="evla", near=("eval",))),
        (["--config-name", "evla"], Finding("no-config", 1, key="evla", near=("eval",))),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_options_that_hydra_refuses(words: list[str], finding: Finding, capfd: pytest.CaptureFixture[str]) -> None:
    assert _on_lightning(*words) == [finding]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("words", [["--version"], ["--config-path", "elsewhere", "any=1"]], ids=" ".join)
def test_options_behind_which_nothing_can_be_checked(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    said = Finding("outside", 1, key="--config-path", said="elsewhere")
    assert _on_lightning(*words) == ([said] if "elsewhere" in words else [])
    assert capfd.readouterr() == ("", "")


def test_another_config_by_an_option() -> None:
    assert _on_lightning("-cn", "eval.yaml", "ckpt_path=x") == [*NOTES]
    assert _on_lightning("--config-name=/eval", "ckpt_path=x") == [*NOTES]
    options = ("default", "early_stopping", "model_checkpoint", "model_summary", "none", "rich_progress_bar")
    callbacks = Finding("no-default", 1, key="callbacks", options=options)
    assert _on_lightning("--config-name=eval", "callbacks=none", "ckpt_path=x") == [callbacks, *NOTES]
    unknown = Word("--config-name=hpc", is_known=False)
    assert _on_lightning(unknown) == [Finding("chosen-later", 0, key="--config-name", options=("eval", "train"))]


# ---------------------------------------------------------------- the configuration as a whole


def test_no_folder(tmp_path: Path) -> None:
    assert _asked(tmp_path / "nowhere", "train", []) == [Finding("no-folder")]


def test_no_config() -> None:
    assert _on_lightning(name="trian") == [Finding("no-config", key="trian", near=("train",))]
    assert _on_lightning(name="trainer/gpuu.yaml") == [
        Finding("no-config", key="trainer/gpuu", near=("trainer/gpu", "trainer/cpu"))
    ]
    assert _on_lightning(name="train.yaml") == [*NOTES]


def test_missing_values() -> None:
    assert _on_lightning(name="eval") == [Finding("missing", key="ckpt_path"), *NOTES]
    assert _on_lightning("ckpt_path=a,b", name="eval") == [Finding("sweep", 0, key="ckpt_path"), *NOTES]
    assert _on_lightning(Word("ckpt_path='hpc'", is_known=False), name="eval") == [*NOTES]
    assert _on_lightning("logger=mlflow") == [Finding("missing", 0, key="logger.mlflow.run_name"), *NOTES]


def test_missing_values_in_lists(configs: Any) -> None:
    found = configs({"config.yaml": "stages:\n- name: a\n  size: ???\n- name: ???\n"})
    assert found == [Finding("missing", key="stages[0].size"), Finding("missing", key="stages[1].name")]


def test_what_a_word_gives_is_not_missing(configs: Any) -> None:
    """Not even `???`, which says that the program itself fills the value."""
    files = {"config.yaml": "a: ???\nb: {c: '???', d: [{e: '???'}]}\n"}
    assert configs(files, "a='???'", "b.c='???'", "b.d.0.e='???'") == []
    assert configs(files, "a=1", "b={c: '???'}") == [Finding("missing", key="b.d[0].e")]
    assert configs(files, "b.d=[]", "b.c=1") == [Finding("missing", key="a")]


def test_a_choice_that_is_deleted_leaves_what_its_schema_demands(configs: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    fields = "from dataclasses import dataclass\nfrom omegaconf import MISSING\n@dataclass\nclass Db:\n    a: int = 1\n"
    app = "@dataclass\nclass App:\n    db: Db = MISSING\n"
    store = "from hydra.core.config_store import ConfigStore\nConfigStore.instance().store('schema', App)\n"
    own.write_text(f"{fields}{app}{store}", encoding="utf-8")
    files = {"config.yaml": "defaults:\n- schema\n- db: lite\n", "db/lite.yaml": "a: 2\n"}
    assert configs(files, imports=[own]) == []
    assert configs(files, "~db", imports=[own]) == [Finding("missing", 0, key="db")]


def test_findings_have_the_word_that_causes_them(configs: Any) -> None:
    text = "defaults:\n- model: cnn\n- _self_\nname: x\nurl: ${server.db.host}\nserver: {db: {host: y}}\n"
    files = {"config.yaml": text, "model/cnn.yaml": "a: 1\n", "model/resnet.yaml": "heads: ???\na: ${nope}\n"}
    assert configs(files, "name=1", "name=${model.b}", "+c={d: '${oc.env:HOME}'}", "+e={f: 1}") == [
        Finding("interpolation", 1, key="name", said="${model.b}", near=("model.a", "model")),
        Finding("outside", 2, key="c.d", said="${oc.env:HOME}"),
    ]
    assert configs(files, "name=1", "model=resnet") == [
        Finding("missing", 1, key="model.heads"),
        Finding("interpolation", 1, key="model.a", said="${nope}"),
    ]
    assert configs(files, "name=1", "server.db=null") == [
        Finding("interpolation", 1, key="url", said="${server.db.host}")
    ]


def test_references_that_lead_nowhere(configs: Any) -> None:
    assert configs({"config.yaml": "a: ${b}\nb: ${a}\nc: {d: 1}\ne: ${c.d.f}\n"}) == [
        Finding("interpolation", key="a", said="${b}"),
        Finding("interpolation", key="b", said="${a}"),
        Finding("interpolation", key="e", said="${c.d.f}"),
    ]


def test_interpolations(configs: Any) -> None:
    text = "a: ${b.siz}\nb:\n  size: 1\n  e: ${.f}\ng: ${a}\nh: ${b.size}\n"
    text += "i: ${custom:1}\nj: ${custom:2}\nk: ???\nl: ${k}\n"
    assert configs({"config.yaml": text}) == [
        Finding("interpolation", key="a", said="${b.siz}", near=("b.size",)),
        Finding("interpolation", key="b.e", said="${.f}"),
        Finding("outside", key="i", said="${custom:…}"),
        Finding("missing", key="k"),
    ]
    assert configs({"config.yaml": text}, "+b.siz=1", "+b.f=1", "k=1") == [
        Finding("outside", key="i", said="${custom:…}")
    ]


def test_the_environment_is_the_containers(configs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPC_TEST_HERE", "here")
    text = "a: ${oc.env:HPC_TEST_HERE}/x\nb: ${a}\nc: ${oc.env:OTHER,cpu}\ndevice: ${c}\ne: ${oc.env:HPC_TEST_GIVEN}\n"
    files = {"config.yaml": text}
    here, cpu = Finding("outside", key="a", said="${oc.env:HPC_TEST_HERE}"), Finding("is-cpu", key="device")
    given = Finding("outside", key="e", said="${oc.env:HPC_TEST_GIVEN}")
    assert configs(files) == [here, cpu, given]
    assert configs(files, env=("HPC_TEST_GIVEN", "OTHER")) == [here]
    assert configs({"config.yaml": "hydra:\n  job:\n    env_copy: [NOT_HERE_AT_ALL]\na: 1\n"}, "a=2") == []


def test_resolvers_that_the_application_registers(configs: Any) -> None:
    files = {"config.yaml": "r: ${num:3}\nd: ${make:}\n"}
    notes = [Finding("outside", key="r", said="${num:…}"), Finding("outside", key="d", said="${make:…}")]
    for word in ("~r", "+d.z=2", "+r.x=5", "~r.x"):
        assert configs(files, word) == notes
    pick = "defaults:\n- _self_\n- model: '${pick:a,b}'\n"
    assert configs({"config.yaml": pick, "model/a.yaml": "x: 1\n"}, "model.x=2") == [
        Finding("outside", key="defaults", said="${pick:…}")
    ]
    assert configs({"config.yaml": "hydra: {mode: '${pick:a}'}\na: 1\n"}, "a=1,2") == []


def test_a_choice_by_a_variable(configs: Any) -> None:
    files = {"config.yaml": "defaults:\n- db: ${oc.env:DB}\n", "db/lite.yaml": "file: x\n"}
    assert configs(files, "db.file=1") == [Finding("outside", key="defaults", said="${oc.env:DB}")]
    assert configs(files, "db.file=1", env=("DB",)) == []


def test_what_computes_on_the_cpu() -> None:
    """The word is told that makes it so: a value rather than a choice."""
    assert _on_lightning("seed=1", "trainer=cpu") == [Finding("is-cpu", 1, key="trainer.accelerator"), *NOTES]
    assert _on_lightning("trainer.accelerator=cpu") == [Finding("is-cpu", 0, key="trainer.accelerator"), *NOTES]
    both = _on_lightning("trainer.accelerator=gpu", "trainer=cpu", "++trainer={accelerator: cpu}")
    assert both == [Finding("is-cpu", 2, key="trainer.accelerator"), *NOTES]
    assert _on_lightning("trainer=cpu", "trainer.accelerator=gpu") == [*NOTES]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"config.yaml": "a: [1\nb: 2\n"}, "config.yaml, line 2: expected ',' or ']', but got ':'"),
        (
            {"config.yaml": "defaults:\n- db: x\n", "db/x.yaml": "a: 1\na: 2\n"},
            "db/x.yaml, line 2: found duplicate key a",
        ),
        (
            {"config.yaml": "a:\n\tb: 1\n"},
            "config.yaml, line 2: found character '\\t' that cannot start any token",
        ),
        (
            {"config.yaml": "defaults:\n- db: x\n", "db/x.yaml": "a: {b: '${c'}\n"},
            "db/x.yaml, `a.b`: no viable alternative at input '${c'",
        ),
        ({"config.yaml": "defaults:\n- db: ${dd}\n"}, "Error resolving interpolation '${dd}'"),
        (
            {"config.yaml": "hydra:\n  runn: 1\n"},
            "In 'config': ConfigKeyError raised while composing config: Key 'runn' not in 'HydraConf'",
        ),
        ({"config.yaml": "defaults: base\n"}, "Invalid defaults list in 'config', defaults must be a list (got str)"),
        (
            {"config.yaml": "defaults:\n- override db: x\n", "db/x.yaml": "a: 1\n"},
            "In 'config': Could not override 'db'. No match in the defaults list",
        ),
    ],
)
def test_a_config_that_is_broken(configs: Any, files: dict[str, str], said: str) -> None:
    """Whatever Python registers."""
    assert configs(files, "a=1") == [Finding("broken", said=said)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("defaults:\n- db: nowhere\n", "In 'config': Could not find 'db/nowhere'"),
        ("defaults:\n- base\n", "In 'config': Could not load 'base'"),
    ],
)
def test_a_config_that_needs_what_is_not_in_its_folder(configs: Any, text: str, said: str) -> None:
    assert configs({"config.yaml": text}, "a=1") == [Finding("not-found", said=said)]


def test_an_application_of_an_older_hydra(configs: Any) -> None:
    """Without `version_base`, `override` may be left out for groups of Hydra."""
    files = {"config.yaml": "defaults:\n- hydra/launcher: basic\na: 1\n"}
    assert configs(files, "b=1") == [Finding("unknown-key", 0, key="b")]


def test_together_and_alone(configs: Any) -> None:
    files = {"config.yaml": "a: 1\nb: {c: 1}\n"}
    assert configs(files, "b=5", "b.c=2") == [
        _other(0, "b", "dict", '{"c": 1}'),
        Finding("unknown-key", 1, key="b.c"),
    ]


# ---------------------------------------------------------------- what is only in the container


@pytest.mark.parametrize("path", ["pkg://json.tool", "file:///app/more", "${oc.env:MORE}/conf"])
def test_search_paths(configs: Any, path: str) -> None:
    """What may be there is not wrong; what certainly is not, is."""
    text = f"a: 1\ndefaults:\n- _self_\n- db: lite\nhydra:\n  searchpath: ['{path}']\n"
    files = {"config.yaml": text, "db/lite.yaml": "file: x\n"}
    note = Finding("outside", key="hydra.searchpath", said=path)
    before = set(sys.modules)
    assert configs(files, "a=2") == [note]
    assert configs(files, "db=other", "db.host=y", "extra=one") == [note]
    assert configs(files, "db.host=y") == [Finding("unknown-key", 0, key="db.host"), note]
    assert "json.tool" not in set(sys.modules) - before


def test_a_search_path_given_by_words(configs: Any) -> None:
    files = {"config.yaml": "defaults:\n- db: lite\n", "db/lite.yaml": "file: x\n"}
    said = Finding("outside", 0, key="hydra.searchpath", said="pkg://json.tool")
    assert configs(files, "hydra.searchpath=[pkg://json.tool]", "db=other") == [said]
    option = Finding("outside", 0, key="--config-dir", said="/app/more")
    assert configs(files, "--config-dir=/app/more", "db=other") == [option]
    assert configs(files, "--config-dir=/app/more", name="other") == [option]


def test_a_defaults_list_that_needs_the_search_path(configs: Any) -> None:
    files = {"config.yaml": "defaults:\n- db: other\nhydra:\n  searchpath: [pkg://json.tool]\n"}
    assert configs(files, "db.host=y") == [Finding("outside", key="hydra.searchpath", said="pkg://json.tool")]


def test_plugins_that_are_only_in_the_image() -> None:
    said = Finding("not-installed", 0, key="hydra/launcher", said="nowhere")
    assert _on_lightning("hydra/launcher=nowhere", "hydra.launcher.n_jobs=4") == [said, *NOTES]
    wrong = Finding("unknown-key", 0, key="hydra.launcher.n_jobs")
    assert _on_lightning("hydra.launcher.n_jobs=4") == [wrong, *NOTES]
    optuna = Finding("not-installed", key="hydra/sweeper", said="optuna")
    assert _on_lightning("hparams_search=optuna", "hydra.sweeper.sampler.seed=1") == [*NOTES, optuna]


# ---------------------------------------------------------------- files that register structured configs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import not_installed_anywhere\n", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("def broken(:\n", "SyntaxError: invalid syntax (own.py, line 1)"),
        ("print('to standard output')\n1 / 0\n", "ZeroDivisionError: division by zero"),
    ],
)
def test_files_that_cannot_be_run(configs: Any, tmp_path: Path, capfd: Any, text: str, said: str) -> None:
    """Then nothing is known of groups and keys that they may register."""
    own = tmp_path / "own.py"
    own.write_text(text, encoding="utf-8")
    note = Finding("not-imported", key=str(own), said=said)
    assert configs({"config.yaml": "a: 1\n"}, "a=2", "b=3", "db=x", imports=[own]) == [note]
    assert configs({"config.yaml": "defaults:\n- base\n"}, imports=[own]) == [note]
    assert capfd.readouterr() == ("", "")


def test_modules_of_the_same_name(configs: Any, tmp_path: Path) -> None:
    """Each file has the neighbours of its own folder."""
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "own.py").write_text("import fields\nfields.register()\n", encoding="utf-8")
        register = f"def register():\n    ConfigStore.instance().store('{name}', {{'{name}': 1}})\n"
        text = f"from hydra.core.config_store import ConfigStore\n{register}"
        (folder / "fields.py").write_text(text, encoding="utf-8")
    files = {"config.yaml": "defaults:\n- two\n"}
    assert configs({"config.yaml": "defaults:\n- one\n"}, "one=2", imports=[tmp_path / "one" / "own.py"]) == []
    assert configs(files, "two=2", imports=[tmp_path / "two" / "own.py"]) == []
    assert [each.kind for each in configs(files, imports=[tmp_path / "one" / "own.py"])] == ["not-found"]


def test_nothing_is_left_behind(capfd: pytest.CaptureFixture[str]) -> None:
    """Hydra's state is what it was, and nothing is printed."""
    _on_lightning()  # Hydra registers its plugins the first time
    store, resolvers = repr(ConfigStore.instance().repo), dict(BaseContainer._resolvers)
    path, words, env, modules = list(sys.path), list(sys.argv), dict(os.environ), set(sys.modules)
    _on_structured("seed=x")
    _on_lightning("trainer=gpuu")
    assert repr(ConfigStore.instance().repo) == store and dict(BaseContainer._resolvers) == resolvers
    assert (sys.path, sys.argv, dict(os.environ)) == (path, words, env)
    assert not GlobalHydra.instance().is_initialized() and not HydraConfig.initialized()
    assert not {name for name in set(sys.modules) - modules if "schema" in name}
    assert OmegaConf.has_resolver("oc.env") and capfd.readouterr() == ("", "")


def test_answers_are_the_same_each_time_and_name_no_folder() -> None:
    words = ("-m", "seed=shuffle(choice(a,b,c))", "model=glob(*)", "trainer=gpuu", "nothing=1", "logger=mlflow,wandb")
    first = _on_lightning(*words)
    assert all(_on_lightning(*words) == first for _ in range(3))
    assert str(HERE) not in repr(first)
