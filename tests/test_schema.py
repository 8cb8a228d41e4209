"""The JSON schema of `hpc schema`: held against the real validator, the compiler's own reading, and real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compiling import EXAMPLES, TESTS, compile_text
from jsonschema import Draft202012Validator

from hpc.cli.disk import Folder
from hpc.cli.schema import pipeline_schema
from hpc.compiler import Choice, understood
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
  train_torch: {uses: train_tf, image: torch, accelerator: cpu, command: [python, t.py], retry: 2, timeout: 3h}
  pick:
    {image: tf, command: [python3, pick.py], inputs: {models: list<Model>, scores: list<float>}, outputs: {best: Model}}
edges:
  - inputs.query -> load.query
  - load.{train, eval} -> train_tf, train_torch
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


def _printed(seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "hpc", "schema"]
    return subprocess.run(command, env=environment, capture_output=True, check=True, encoding="utf-8").stdout
