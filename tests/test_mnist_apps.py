"""The apps of examples/mnist, run as a pipeline runs them: real processes, real Hydra, the same command lines.

Every component folder is copied to a place of its own first, so an import from a sibling folder fails here, and a file
that an app leaves beside its source is seen.
"""

from __future__ import annotations

import ast
import html
import inspect
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

EXAMPLE = Path(__file__).parents[1] / "examples" / "mnist"
COMPONENTS = ("data_prepare", "train", "evaluate")
DISTRIBUTIONS = {"hydra": "hydra-core", "omegaconf": "hydra-core", "sklearn": "scikit-learn"}
PIPELINE: dict[str, Any] = yaml.safe_load((EXAMPLE / "pipeline.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Workshop:
    """Copies of the component folders under `sources`, results under `results`."""

    sources: Path
    results: Path

    def start(self, component: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "main.py", *arguments]
        folder = self.sources / component / "app"
        return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)

    def run(self, component: str, *arguments: str) -> str:
        done = self.start(component, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.sources.rglob("*") if path.is_file())
        return {str(path.relative_to(self.sources)): path.read_bytes() for path in found}

    def folders(self) -> set[str]:
        return {str(path.relative_to(self.sources)) for path in self.sources.rglob("*") if path.is_dir()}

    def prepare(self, seed: int, name: str) -> Path:
        data = self.results / name
        self.run("data_prepare", f"data_dir='{data}'", "data='digits'", f"seed={seed}", "test_share=float(0.2)")
        return data

    def train(self, data: Path, model: str, epochs: int) -> Path:
        folder = self.results / f"model, {model}"
        constants = ("devices=1", "label='${model.name}, seed ${seed}'")
        ports = (f"data_dir='{data}'", f"model='{model}'", f"epochs={epochs}", "alpha=float(0.0001)", "seed=1")
        self.run("train", *constants, *ports, f"model_dir='{folder}'")
        return folder

    def evaluate(self, data: Path, model: Path, quoted_name: str, report: str = "light") -> Path:
        out = self.results / f"evaluated {len(list(self.results.iterdir()))}"
        out.mkdir()
        outputs = [f"{key}='{out / key}'" for key in ("accuracy_file", "metrics_file", "figures_dir", "report_file")]
        inputs = (f"data_dir='{data}'", f"model_dir='{model}'", f"run_name={quoted_name}")
        self.run("evaluate", f"report={report}", *inputs, *outputs)
        return out


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    root = tmp_path_factory.mktemp("mnist")
    for component in COMPONENTS:
        shutil.copytree(EXAMPLE / component, root / "sources" / component / "app")
    (root / "results").mkdir()
    return Workshop(root / "sources", root / "results")


@dataclass(frozen=True)
class Chain:
    data: Path
    model: Path
    evaluated: Path
    changed: dict[str, bytes]
    new_folders: set[str]


@pytest.fixture(scope="module")
def chain(workshop: Workshop) -> Chain:
    files, folders = workshop.files(), workshop.folders()
    data = workshop.prepare(seed=1, name="it is, so to say, data")
    model = workshop.train(data, "mlp", epochs=60)
    evaluated = workshop.evaluate(data, model, "'first, try'")
    changed = dict(workshop.files().items() - files.items())
    return Chain(data, model, evaluated, changed, workshop.folders() - folders)


def test_accuracy_is_one_number_and_good(chain: Chain) -> None:
    accuracy = float((chain.evaluated / "accuracy_file").read_text(encoding="utf-8"))
    assert 0.95 < accuracy <= 1


def test_metrics_are_a_json_object_of_numbers(chain: Chain) -> None:
    metrics = json.loads((chain.evaluated / "metrics_file").read_text(encoding="utf-8"))
    assert set(metrics) == {"accuracy", "f1_macro", "recall_of_worst_digit", "test_images"}
    assert {type(value) for value in metrics.values()} <= {int, float}
    assert metrics["test_images"] == 360
    assert metrics["accuracy"] == float((chain.evaluated / "accuracy_file").read_text(encoding="utf-8"))


def test_picture_is_a_png_and_stands_in_the_report(chain: Chain) -> None:
    picture = (chain.evaluated / "figures_dir" / "confusion_matrix.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert "data:image/png;base64,iVBORw0KGgo" in (chain.evaluated / "report_file").read_text(encoding="utf-8")


def test_run_information_holds_the_resolved_settings(chain: Chain) -> None:
    run = json.loads((chain.model / "run.json").read_text(encoding="utf-8"))
    assert run["label"] == "mlp, seed 1"
    assert (run["devices"], run["seed"], run["images"]) == (1, 1, 1437)
    assert run["estimator"]["max_iter"] == 60
    assert run["estimator"]["alpha"] == 0.0001


def test_nothing_is_left_beside_the_source(chain: Chain) -> None:
    assert chain.changed == {}
    assert chain.new_folders == set()


def run_name(evaluated: Path) -> str:
    """The name in summary.json, after checking that the report's heading says the same."""
    page = (evaluated / "report_file").read_text(encoding="utf-8")
    heading = re.search("<h1>(.*?)</h1>", page, re.DOTALL)
    name = json.loads((evaluated / "figures_dir" / "summary.json").read_text(encoding="utf-8"))["run_name"]
    assert heading is not None
    assert html.unescape(heading[1]) == name
    return name


def test_run_name_with_a_comma_arrives_exactly(chain: Chain) -> None:
    assert run_name(chain.evaluated) == PIPELINE["inputs"]["run_name"]["default"] == "first, try"


def test_run_name_of_awkward_characters_arrives_exactly(workshop: Workshop, chain: Chain) -> None:
    quoted = r"""'it\'s <b>"50 %"</b> & {x}, \${seed} $\frac é'"""
    evaluated = workshop.evaluate(chain.data, chain.model, quoted, report="dark")
    assert run_name(evaluated) == r"""it's <b>"50 %"</b> & {x}, ${seed} $\frac é"""


def test_the_seed_decides_the_split(workshop: Workshop, chain: Chain) -> None:
    def contents(folder: Path) -> list[bytes]:
        return [(folder / name).read_bytes() for name in ("train.npz", "test.npz")]

    assert contents(workshop.prepare(seed=1, name="same seed")) == contents(chain.data)
    assert contents(workshop.prepare(seed=2, name="other seed")) != contents(chain.data)


@pytest.mark.parametrize(("model", "epochs"), [("logistic", 10), ("forest", 60)])
def test_the_other_models_are_good_too(workshop: Workshop, chain: Chain, model: str, epochs: int) -> None:
    evaluated = workshop.evaluate(chain.data, workshop.train(chain.data, model, epochs), f"'{model}'")
    assert float((evaluated / "accuracy_file").read_text(encoding="utf-8")) > 0.9


def test_an_unknown_model_fails_and_leaves_nothing(workshop: Workshop, chain: Chain) -> None:
    folder = workshop.results / "never"
    done = workshop.start("train", f"data_dir='{chain.data}'", f"model_dir='{folder}'", "model='tree'")
    assert done.returncode == 1
    assert "model/tree" in done.stderr
    assert not folder.exists()


def composed(component: str, overrides: list[str] | None = None) -> DictConfig:
    with initialize_config_dir(str(EXAMPLE / component / "conf"), version_base="1.3"):
        return compose("config", overrides)


def ports(component: str) -> dict[str, dict[str, Any]]:
    """Inputs and outputs by name; the short form `seed: int` becomes `{type: int}`."""
    declared = PIPELINE["components"][component]
    both: dict[str, Any] = {**declared["inputs"], **declared["outputs"]}
    return {name: port if isinstance(port, dict) else {"type": port} for name, port in both.items()}


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_port_and_override_is_a_key_of_the_config(component: str) -> None:
    overrides: dict[str, Any] = PIPELINE["components"][component].get("overrides", {})
    keys = {port.get("as", name) for name, port in ports(component).items()}
    assert keys | set(overrides) <= set(composed(component))


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_value_the_config_lacks_comes_from_a_port(component: str) -> None:
    config = composed(component)
    missing = {str(key) for key in config if OmegaConf.is_missing(config, key)}
    assert missing
    assert missing <= {port.get("as", name) for name, port in ports(component).items()}


@pytest.mark.parametrize(("component", "port"), [("data_prepare", "source"), ("train", "model")])
def test_choices_are_the_files_of_the_config_group(component: str, port: str) -> None:
    declared = ports(component)[port]
    options = {path.stem for path in (EXAMPLE / component / "conf" / declared["as"]).glob("*.yaml")}
    assert set(declared["choices"]) == options


def test_openml_is_asked_for_in_words_that_scikit_learn_knows() -> None:
    loader = composed("data_prepare", ["data='openml'"]).data.loader
    asked = instantiate({**loader, "_partial_": True})
    assert asked.func.__name__ == "fetch_openml"
    inspect.signature(asked.func).bind(**asked.keywords)


@pytest.mark.parametrize("component", COMPONENTS)
def test_requirements_name_what_is_imported(component: str) -> None:
    tree = ast.parse((EXAMPLE / component / "main.py").read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    roots = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    lines = (EXAMPLE / component / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = {line.partition(">=")[0] for line in lines if not line.startswith("#")}
    assert {DISTRIBUTIONS.get(root, root) for root in roots} | {"scikit-learn"} == required
