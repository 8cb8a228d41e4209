"""`from: hydra`: what the program ran with arrives as an artifact, whatever the program does with its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiling import compile_text
from hydra_apps import Project

from hpc.conversion import convert

OUTPUT = {"resolved_config": {"type": "Artifact", "from": "hydra"}}
ARGUMENT = "hydra.output_subdir='{{$.outputs.artifacts['resolved_config'].path}}'"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.made(tmp_path)


def read(folder: Path, name: str) -> Any:
    return yaml.safe_load((folder / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"hydra.job.chdir": True},
        {"hydra.job.chdir": False},
        {"hydra.run.dir": "runs/it's ${now:%Y}", "hydra.job.chdir": True},
        {"hydra/job_logging": "disabled", "hydra/hydra_logging": "disabled"},
    ],
    ids=["as-it-is", "chdir", "no-chdir", "run-dir", "no-logs"],
)
def test_the_folder_holds_what_the_program_ran_with(overrides: dict[str, Any], project: Project) -> None:
    note = {"type": "string", "as": "name", "default": "it's, ${x}"}
    component = {"inputs": {"note": note}, "outputs": OUTPUT, "overrides": {"model": "vit", **overrides}}
    task = project.run(component)
    folder = Path(task.artifacts["resolved_config"][0].path)
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "hydra.yaml", "overrides.yaml"]
    config = read(folder, "config.yaml")
    assert config["model"] == {"kind": "vit", "lr": 0.2}
    assert (config["lr"], config["seed"], config["xs"]) == (0.5, 0, [0])
    assert config["name"] == r"it's, \${x}", "as OmegaConf writes a text that is no interpolation"
    assert "model=vit" in read(folder, "overrides.yaml")
    assert read(folder, "hydra.yaml")["hydra"]["output_subdir"] == str(folder)
    (seen,) = project.seen
    assert (seen["name"], seen["model"]) == ("it's, ${x}", {"kind": "vit", "lr": 0.2})


def test_what_omegaconf_finds_later_stays_an_interpolation(project: Project) -> None:
    """So no secret of the environment is written."""
    component = {"outputs": OUTPUT, "overrides": {"+key": "${oc.env:KEY}", "+twice": "${lr}"}, "env": {"KEY": "s3cret"}}
    task = project.run(component)
    folder = Path(task.artifacts["resolved_config"][0].path)
    assert project.seen[0]["key"] == "s3cret"
    assert (read(folder, "config.yaml")["key"], read(folder, "config.yaml")["twice"]) == ("${oc.env:KEY}", "${lr}")
    assert not any("s3cret" in file.read_text(encoding="utf-8") for file in folder.iterdir())


READER = """
import sys, pathlib
folder = pathlib.Path(sys.argv[1])
pathlib.Path(sys.argv[2]).write_text((folder / "config.yaml").read_text().split("\\nlr: ")[1].split()[0])
"""


def test_another_step_reads_it(project: Project, tmp_path: Path) -> None:
    from hpc.engines.local import Request, run

    (tmp_path / "reader.py").write_text(READER)
    document = json.loads(project.text({"outputs": OUTPUT, "overrides": {"lr": 0.125}}))
    document["components"]["read"] = {
        "image": "app",
        "command": ["python", "reader.py"],
        "cli": "none",
        "args": ["${{ inputs.config }}", "${{ outputs.lr }}"],
        "inputs": {"config": "Artifact"},
        "outputs": {"lr": "float"},
    }
    document["edges"] = ["fit.resolved_config -> read.config"]
    result = compile_text(json.dumps(document), "local", folder=tmp_path)
    assert result.compiled is not None, result.shown
    spec, platform = map(json.loads, result.compiled.text.split("\n---\n"))
    outcome = run(spec, platform, Request(base=tmp_path, environ={"PATH": ""}), lambda _: None)
    assert outcome.tasks["read"].outputs == {"lr": 0.125}


# ---------------------------------------------------------------- the words


@pytest.mark.parametrize("target", ["vertex", "kfp", "local"])
@pytest.mark.parametrize("kind", ["Artifact", "Dataset", "google.VertexModel"])
def test_it_is_one_argument_on_every_target(target: str, kind: str, project: Project) -> None:
    outputs = {"model": "Model", "resolved_config": {"type": kind, "from": "hydra", "description": "what it ran with"}}
    assert project.args({"outputs": outputs, "overrides": {"seed": 1}}, target) == [
        "seed=1",
        "model='{{$.outputs.artifacts['model'].path}}'",
        ARGUMENT,
    ]


def test_the_form_with_quoting_typed_is_the_same(project: Project) -> None:
    assert project.args({"outputs": OUTPUT, "quoting": "typed"}) == [ARGUMENT]


def test_a_converted_pipeline_keeps_its_meaning(project: Project) -> None:
    """Of a compiled file the argument is read back, as a key like any other."""
    result = project.compiled({"outputs": OUTPUT}, "kfp")
    assert result.compiled is not None
    converted = convert(result.compiled.text)
    again = compile_text(converted.text, "kfp")
    assert again.compiled is not None, again.shown
    executors = [json.loads(text)["deploymentSpec"] for text in (result.compiled.text, again.compiled.text)]
    assert executors[0] == executors[1]


# ---------------------------------------------------------------- what is refused

FROM = {"type": "Artifact", "from": "hydra"}
SAME_KEY = "output `{}` would set `hydra.output_subdir`, which {} sets too (line 1); Hydra would keep only the last."
NO_MEANING = "`{}` has no meaning with `from: hydra`: the path goes to `hydra.output_subdir`."
NO_HYDRA = "Hydra cannot write output `c`: the component says `cli: {}`."


@pytest.mark.parametrize(
    ("component", "code", "fact"),
    [
        ({"outputs": {"c": {**FROM, "as": "x"}}}, "HPC621", NO_MEANING.format("as")),
        ({"outputs": {"c": {**FROM, "pass": "uri"}}}, "HPC621", NO_MEANING.format("pass")),
        ({"outputs": {"c": {**FROM, "pass": "none"}}}, "HPC621", NO_MEANING.format("pass")),
        (
            {"outputs": {"c": {**FROM, "type": "string"}}},
            "HPC621",
            "output `c` is a string, but Hydra writes a folder of files.",
        ),
        ({"outputs": {"c": FROM}, "cli": "argparse"}, "HPC621", NO_HYDRA.format("argparse")),
        ({"outputs": {"c": FROM}, "cli": "none"}, "HPC621", NO_HYDRA.format("none")),
        (
            {"outputs": {"c": FROM}, "sweep": {"lr": "1,2"}},
            "HPC621",
            "each job of the sweep would write output `c` again, and the last one would stay.",
        ),
        ({"outputs": {"c": FROM, "d": FROM}}, "HPC606", SAME_KEY.format("d", "output `c`")),
        (
            {"outputs": {"c": FROM}, "overrides": {"hydra.output_subdir": None}},
            "HPC606",
            SAME_KEY.format("c", "`overrides`"),
        ),
        ({"outputs": {"c": {**FROM, "from": "hydro"}}}, "HPC103", "`hydro` is not a value of `from`."),
        ({"inputs": {"c": FROM}}, "HPC102", "unknown key `from` in input `c` of component `fit`."),
    ],
)
def test_what_is_refused(component: dict[str, Any], code: str, fact: str, project: Project) -> None:
    result = project.compiled(component)
    assert result.compiled is None
    errors = [(one.rule.code, one.fact.replace("{other}", "line 1")) for one in result.diagnostics if one.is_error]
    assert errors == [(code, fact)]


def test_a_list_of_artifacts_is_no_folder(project: Project) -> None:
    result = project.compiled({"outputs": {"c": {"type": "list<Artifact>", "from": "hydra"}}})
    assert {one.rule.code for one in result.diagnostics if one.is_error} == {"HPC312", "HPC621"}


def test_an_output_of_the_pipeline_comes_from_a_step(project: Project) -> None:
    document = {**json.loads(project.text({})), "outputs": {"c": {"type": "Artifact", "from": "hydra"}}}
    result = compile_text(json.dumps(document))
    facts = [one.fact for one in result.diagnostics if one.rule.code == "HPC106"]
    assert facts == ["`from` has no meaning here: an output of the pipeline is no argument of a program."]
