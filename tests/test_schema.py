"""The JSON schema of `hpc schema`: held against the real validator, the compiler's own reading, and real files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compiling import EXAMPLES, TESTS, compile_text
from jsonschema import Draft202012Validator

from hpc.cli import run_command
from hpc.cli.disk import Folder
from hpc.cli.file_schema import sharpened
from hpc.cli.schema import pipeline_schema
from hpc.compiler import Choice, understood
from hpc.compiler.authoring import App, Listing
from hpc.compiler.questions import Config, Group, Key, Listed
from hpc.components.container import ContainerComponent
from hpc.components.fields import RESERVED
from hpc.diagnostics import Source
from hpc.spec.document import read

SCHEMA = pipeline_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

STRAIGHT = {
    "one_app_after_another": """
hpc: 1
name: sample-training-pipeline
inputs: {experiment: {type: string, default: example}}
images: {data_prepare: example.com/ml/data-prepare:1.0, trainer: example.com/ml/trainer:1.0}
accelerators: {t4: {machine: n1-standard-4, gpu: T4, count: 1}}
components:
  data_prepare: {image: data_prepare, command: [python, main.py], outputs: {data_dir: Dataset}}
  train:
    image: trainer
    command: [python3, src/train.py]
    accelerator: t4
    inputs: {data_dir: {type: Dataset, as: datamodule.data_dir}, experiment: string}
    outputs: {model: {type: Model, as: callbacks.model_checkpoint.dirpath}}
edges:
  - data_prepare.data_dir -> train.data_dir
  - inputs.experiment -> train.experiment
""",
    "siblings_and_lists": """
hpc: 1
name: frameworks
inputs: {query: {type: string, default: SELECT 1}}
outputs: {model: Model}
images: {bq: example.com/bq:1.2, tf: example.com/tf:1.0, torch: example.com/torch:1.0}
accelerators: {cpu: {machine: n1-standard-8}, t4: {machine: n1-standard-8, gpu: T4}}
components:
  load: {image: bq, command: [python, load.py], inputs: {query: string}, outputs: {train: Dataset, eval: Dataset}}
  train_tf:
    image: tf
    accelerator: t4
    inputs: {train: Dataset, eval: Dataset}
    outputs: {ckpt: Model, accuracy: float}
    overrides: {model: dense, epochs: 10}
    env: {OMP_NUM_THREADS: "4"}
  train_torch: {uses: train_tf, image: torch, accelerator: cpu, command: [python, t.py], retry: 2, timeout: 3h}
  train_jax: {uses: train_tf, env: {OMP_NUM_THREADS: null}, timeout: null}
  pick:
    {image: tf, command: [python3, pick.py], inputs: {models: list<Model>, scores: list<float>}, outputs: {best: Model}}
edges:
  - inputs.query -> load.query
  - load.{train, eval} -> train_tf, train_torch
  - load.{train, eval} -> train_jax
  - train_tf.ckpt, train_torch.ckpt -> pick.models
  - train_tf.accuracy, train_torch.accuracy -> pick.scores
  - pick.best -> outputs.model
""",
    "vars_and_profiles": """
hpc: 1
name: mnist
vars: {project: ml-dev, tag: "1.0", gpus: 1, retries: 2}
images: {trainer: "example.com/${{ vars.project }}/trainer:${{ vars.tag }}"}
accelerators: {trainer: {machine: n1-standard-4, gpu: T4, count: "${{ vars.gpus }}", spot: true}}
targets: {vertex: {project: "${{ vars.project }}", region: asia-southeast1, root: "gs://b"}, local: {root: .hpc/runs}}
components:
  train: {image: trainer, accelerator: trainer, overrides: {epochs: 3}, outputs: {model: Model}}
edges: [train]
defaults: {retry: "${{ vars.retries }}"}
profiles: {prod: {vars: {project: ml-prod}, accelerators: {trainer: {spot: false}}}}
x-notes: {anything: [1, two]}
""",
    "flags_groups_and_an_empty_step": """
hpc: 1
name: flags
images: {tool: {uri: "example.com/tool:1.0", build: {context: ./tool}}}
components:
  fetch:
    image: tool
    cli: argparse
    command: [python, -m, fetch]
    inputs: {number: {type: int, optional: true}, lr: {type: float, default: 1e-3, min: 0}}
    outputs: {text: {type: Dataset, as: --output}}
    args: [--verbose, 3, [--number, "${{ inputs.number }}"], {absent: number, args: [--no-number]}]
    env: {OMP_NUM_THREADS: "4"}
    cache: {key: v1}
    retry: {max: 2, backoff: 30s}
steps: {fetch: null, again: {uses: fetch, with: {number: 4}, cache: false}}
edges: ["fetch -> again"]
defaults: null
""",
}

NOT_YET = """
hpc: 1
name: gate
images: {trainer: "example.com/trainer:1.0", std: "example.com/std:1"}
components:
  base: {import: Model, uri: gs://b/m/7, metadata: {version: 7}}
  train: {image: trainer, inputs: {lr: float}, outputs: {model: Model, accuracy: float}, sweep: {a: "1,2"}}
  upload: {uses: std/vertex_upload@1}
  pair: {inputs: {d: Dataset}, outputs: {m: Model}, edges: ["inputs.d -> train.d", "train.m -> outputs.m"]}
steps:
  train: {for_each: [lr], parallel: 3, with: {lr: [0.1, 0.01]}}
  again: {uses: train, for_each: [lr], with: {lr: {sweep: "choice(0.1,0.01)"}}}
  upload: {run_if: upstream_done}
edges:
  - switch: [a -> b when a.x >= 1, a -> c else]
  - b.x | c.x -> train.d
  - exit.status -> upload.status
  - train -> upload when train.accuracy > 0.9 and not inputs.dry
"""


def errors(text: str) -> list[str]:
    """Paths of what the schema refuses."""
    return sorted("/".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(plain(text)))


def plain(text: str) -> Any:
    return read(Source("pipeline.yaml", text)).plain()


def test_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "urn:hydra-pipeline-compiler:pipeline-file:1"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_accepts_examples(path: Path) -> None:
    assert errors(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", STRAIGHT)
def test_accepts_what_compiles(name: str) -> None:
    assert compile_text(STRAIGHT[name], "vertex").compiled is not None
    assert errors(STRAIGHT[name]) == []


LANGUAGE = sorted([*TESTS.glob("language/*.yaml"), *TESTS.glob("oracle/*.yaml"), *TESTS.glob("cases/ok/*.yaml")])


@pytest.mark.parametrize("path", LANGUAGE, ids=lambda path: path.stem)
def test_accepts_the_whole_language(path: Path) -> None:
    assert errors(path.read_text(encoding="utf-8")) == []


def test_accepts_what_is_not_compiled_yet() -> None:
    assert errors(NOT_YET) == []


BASE = STRAIGHT["one_app_after_another"]
WRONG = {
    "no version": (("hpc: 1\n", ""), ""),
    "version 2": (("hpc: 1", "hpc: 2"), "hpc"),
    "unknown key": (("images:", "image:"), ""),
    "unknown key of an accelerator": (("count: 1", "cuont: 1"), "accelerators/t4"),
    "hyphen in a name": (("  train:\n", "  train-it:\n"), "components"),
    "reserved name": (("  train:\n", "  outputs:\n"), "components"),
    "upper case in the pipeline's name": (("name: sample", "name: Sample"), "name"),
    "unknown type": (("type: string", "type: str"), "inputs/experiment"),
    "text for a number": (("count: 1", 'count: "1"'), "accelerators/t4/count"),
    "no image": (("    image: trainer\n", ""), "components/train"),
    "list of components": (("components:\n", "components: []\nx-was:\n"), "components"),
    "duration without a unit": (
        ("    accelerator: t4\n", "    accelerator: t4\n    timeout: 30\n"),
        "components/train",
    ),
    "number in env": (("    accelerator: t4\n", "    env: {N: 4}\n"), "components/train"),
    "image address": (("trainer: example.com/ml/trainer:1.0", "trainer: Example/Trainer"), "images/trainer"),
    "edge with a long arrow": (("data_prepare.data_dir -> train", "data_prepare.data_dir --> train"), "edges/0"),
    "edge as a mapping": (("- inputs.experiment -> train.experiment", "- inputs: train"), "edges/1"),
    "edge without a target": (("inputs.experiment -> train.experiment", "inputs.experiment ->"), "edges/1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refuses_what_the_compiler_refuses(name: str) -> None:
    (old, new), where = WRONG[name]
    text = BASE.replace(old, new)
    assert text != BASE
    assert compile_text(text, "vertex").compiled is None
    assert errors(text) == [where]


@pytest.mark.parametrize(
    ("block", "short", "long"),
    [
        ("inputs", "inputs: {a: int}", "inputs: {a: {type: int}}"),
        ("outputs", "outputs: {a: Model}", "outputs: {a: {type: Model}}"),
        ("images", "images: {a: x/y:1}", "images: {a: {uri: x/y:1}}"),
        ("defaults", "defaults: {retry: 3}", "defaults: {retry: {max: 3}}"),
        ("steps", "steps: {a: }", "steps: {a: {}}"),
        ("steps", "steps: {a: {retry: 3}}", "steps: {a: {retry: {max: 3}}}"),
    ],
)
def test_short_forms_mean_what_the_compiler_reads(block: str, short: str, long: str, tmp_path: Path) -> None:
    texts = [f"hpc: 1\nname: a\ncomponents: {{}}\nedges: []\n{form}\n" for form in (short, long)]
    read_as = [understood(Source("a.yaml", text), Folder(tmp_path), Choice())[0].main.pipeline for text in texts]
    assert getattr(read_as[0], block) == getattr(read_as[1], block)
    assert [errors(text) for text in texts] == [[], []]


def test_every_key_has_a_description() -> None:
    blocks = {"pipeline file": SCHEMA, **SCHEMA["$defs"]}
    silent = [
        f"{name}.{key}"
        for name, block in blocks.items()
        for key, place in block.get("properties", {}).items()
        if not place.get("description")
    ]
    assert silent == []


def test_no_reserved_word_names_a_component() -> None:
    names = Draft202012Validator(SCHEMA["properties"]["components"]["propertyNames"])
    assert [word for word in sorted(RESERVED) if names.is_valid(word)] == []
    assert all(names.is_valid(word) for word in ("train", "inputs2", "in_order", "x" * 63))
    assert not any(names.is_valid(word) for word in ("x" * 64, "_a", "a__b", "A", "1a"))


def test_same_text_in_every_process() -> None:
    texts = {_printed(seed) for seed in ("1", "2")}
    assert texts == {json.dumps(SCHEMA, indent=2, ensure_ascii=False) + "\n"}


def _printed(seed: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "hpc", "schema", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, check=True, encoding="utf-8").stdout


# ---------------------------------------------------------------- for one file

CONFIGURED = """
hpc: 1
name: digits
images: {trainer: example.com/trainer:1.0}
components:
  train:
    image: trainer
    command: [python, train.py]
    config: {dir: ./configs, name: train}
    inputs: {lr: {type: float, as: model.optimizer.lr}}
    outputs: {model: {type: Model, as: paths.output_dir}}
    overrides: {trainer: gpu, trainer.max_epochs: 3, +logger: "${oc.env:LOGGER}", logger: [csv, ours]}
  segment: {uses: train, overrides: {model: segmenter}}
  evaluate: {image: trainer, command: [python, eval.py]}
  pair: {inputs: {lr: float}, steps: {train: {overrides: {model: ours}}}, edges: ["inputs.lr -> train.lr"]}
  broken: {image: trainer, command: [python, train.py], config: {dir: ./none}}
steps:
  train: {with: {lr: 0.1}}
  big: {uses: train, with: {lr: 0.1}, overrides: {model: segmenter}}
  twice: {uses: train, with: {lr: 0.1}, overrides: null}
edges: [train, big, twice, evaluate]
"""


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pipeline file and a real configuration."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(TESTS / "composing" / "lightning" / "configs", tmp_path / "configs")
    (tmp_path / "pipeline.yaml").write_text(CONFIGURED.replace(", overrides: null", ""), encoding="utf-8")
    return tmp_path


def of_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    """The schema for the pipeline file, and what is said on stderr."""
    assert run_command(["schema", str(folder / "pipeline.yaml")]) == 0
    shown = capsys.readouterr()
    return json.loads(shown.out), shown.err


def followed(schema: dict[str, Any], *keys: str) -> dict[str, Any]:
    """What the sharper part of the schema holds at a path of keys."""
    place = schema
    for key in keys:
        place = place.get("properties", {}).get(key) or place["additionalProperties"]
        place = place["allOf"][1] if "allOf" in place else place
        if "$ref" in place:
            place = schema["$defs"][place["$ref"].removeprefix("#/$defs/")]
    return place


def test_schema_of_a_file_knows_its_configurations(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema, said = of_file(configured, capsys)
    Draft202012Validator.check_schema(schema)
    assert said == "components.broken: its keys are left out: Primary config directory not found: 'none'\n"
    assert schema["$id"] == f"{SCHEMA['$id']}:digits"
    overrides = followed(schema, "components", "train", "overrides")["properties"]
    assert overrides["trainer.max_epochs"] == {
        "description": "int, default 10",
        "anyOf": [{"type": "integer"}, {}],
        "default": 10,
    }
    trainers = {"enum": ["cpu", "ddp", "ddp_sim", "default", "gpu", "mps"]}
    assert overrides["trainer"] == {
        "description": "config group, chosen: gpu",
        "anyOf": [trainers, {"type": "array", "items": {"anyOf": [trainers, {}]}}, {}],
    }
    assert overrides["~trainer"]["description"] == "leaves out `trainer`"
    assert "~debug" not in overrides
    assert overrides["debug"]["description"] == "config group, nothing chosen yet"
    assert overrides["+experiment/ablation"]["anyOf"][0] == {"enum": ["narrow"]}
    assert "experiment/ablation" not in overrides
    assert overrides["model.net.lin1_size"]["description"] == "int, default 64"
    for block in ("inputs", "outputs"):
        [offered, anything] = followed(schema, "components", "train", block, "any_port", "as")["anyOf"]
        assert anything == {}
        assert {"data.data_dir", "model.optimizer.lr", "model"} <= set(offered["enum"])
    assert set(followed(schema, "components", "train", "sweep")["properties"]) == {
        key for key in overrides if not key.startswith("~")
    }


def test_every_use_gets_the_keys_of_what_it_chooses(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema, _ = of_file(configured, capsys)

    def keys(*path: str) -> set[str]:
        return set(followed(schema, *path, "overrides")["properties"])

    digits, segmenter = keys("components", "train"), keys("components", "segment")
    assert digits != segmenter
    assert keys("steps", "train") == keys("steps", "twice") == digits
    assert keys("steps", "big") == keys("steps", "segment") == segmenter
    assert keys("components", "pair", "steps", "train") == digits
    assert schema["properties"]["components"]["properties"].keys() == {"train", "segment", "pair"}
    assert schema["properties"]["steps"]["properties"].keys() == {"train", "segment", "big", "twice"}
    assert len(schema["$defs"]) == len(SCHEMA["$defs"]) + 2 * 3


def test_schema_of_a_file_accepts_the_file_and_what_grows(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A configuration gets keys and options after the schema was written; overrides are checked by `hpc check`."""
    validator = Draft202012Validator(of_file(configured, capsys)[0])
    for text in (
        CONFIGURED.replace(", overrides: null", ""),
        CONFIGURED.replace("model: segmenter", "model: newer, a.b: [1]"),
    ):
        assert list(validator.iter_errors(plain(text.replace(", overrides: null", "")))) == []
    wrong = CONFIGURED.replace("{trainer: gpu,", "[{trainer: gpu,").replace("ours]}\n", "ours]}]\n")
    assert {"/".join(map(str, error.absolute_path)) for error in validator.iter_errors(plain(wrong))} == {
        "components/train",
        "steps/twice",
    }


def test_schema_of_a_file_is_the_same_in_every_process(configured: Path) -> None:
    texts = {_printed(seed, str(configured / "pipeline.yaml")) for seed in ("1", "2")}
    assert len(texts) == 1


def test_schema_of_a_file_without_configurations_is_the_general_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pipeline.yaml").write_text(BASE)
    schema, said = of_file(tmp_path, capsys)
    assert said == ""
    assert {**schema, "$id": SCHEMA["$id"], "title": SCHEMA["title"]} == SCHEMA


def test_schema_of_a_file_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pipeline.yaml").write_text(BASE.replace("image: trainer", "image: trainr"))
    assert run_command(["schema", str(tmp_path / "pipeline.yaml")]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "error HPC204" in shown.err


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "hpc: [1\n",
        BASE.replace("hpc: 1", "hpc: 9"),
        BASE.replace("image: trainer", "imag: trainer"),
        BASE.replace("image: trainer", "image: trainer, uses: nothing"),
    ],
)
def test_schema_of_a_file_is_whole_or_nothing(text: str | None, tmp_path: Path) -> None:
    """A shell has emptied the file behind `>` before; the exit code tells."""
    if text is not None:
        (tmp_path / "pipeline.yaml").write_text(text)
    command = [sys.executable, "-m", "hpc", "schema", "pipeline.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "error HPC" in done.stderr


def test_schema_of_a_file_needs_hydra(
    configured: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Folder, "ask", lambda _, questions: [None] * len(questions))
    assert run_command(["schema", str(configured / "pipeline.yaml")]) == 2
    shown = capsys.readouterr()
    assert (shown.out, "pip install 'hydra-pipeline-compiler[hydra]'" in shown.err) == ("", True)


def all_sharpened(text: str) -> Draft202012Validator:
    """As if every entry of the file ran a Hydra app whose configuration has nothing that the file mentions, and also
    had what it does mention with other types.
    """
    listed = Listed(
        (Key("epochs", "list", [1]), Key("seed", "dict", {}), Key("a.b", "int", is_missing=True)),
        (Group("model", ("other",), ("other",)), Group("arch", (), (), needs_plus=True)),
    )
    document = plain(text)
    component = ContainerComponent.model_construct(image="x")
    paths = [(block, name) for block in ("components", "steps") for name in document.get(block) or {}]
    apps = [App(path, Config("conf", path[1]), component, {}) for path in paths]
    return Draft202012Validator(sharpened(SCHEMA, "any", [(app, Listing((), listed)) for app in apps]))


ALL = [*(path.read_text(encoding="utf-8") for path in (*EXAMPLES, *LANGUAGE)), *STRAIGHT.values(), NOT_YET]


@pytest.mark.parametrize("index", range(len(ALL)))
def test_sharper_schemas_accept_the_whole_language(index: int) -> None:
    assert list(all_sharpened(ALL[index]).iter_errors(plain(ALL[index]))) == []


def test_sharper_schemas_are_schemas() -> None:
    Draft202012Validator.check_schema(all_sharpened(NOT_YET).schema)


@pytest.mark.parametrize("name", WRONG)
def test_sharper_schemas_refuse_the_same(name: str) -> None:
    (old, new), where = WRONG[name]
    text = BASE.replace(old, new)
    found = {"/".join(map(str, error.absolute_path)) for error in all_sharpened(BASE).iter_errors(plain(text))}
    assert found == {where}
