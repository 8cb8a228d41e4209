"""Names in the compiled file: what two files, two scopes or two groups call alike stays apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compiling import compile_text

LIBRARY = """\
hpc: 1
images: {app: repo/image:1.0}
secrets: {s: {vertex: projects/p/secrets/of-the-library/versions/1}}
components:
  work: {image: app, cli: none, command: [run], env: {KEY: {secret: s}}}
  inner: {edges: [work]}
"""


def compiled(text: str, folder: Path) -> dict[str, Any]:
    result = compile_text(text, "vertex", None, folder)
    assert result.compiled is not None, result.shown
    return json.loads(result.compiled.text)


def containers(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {label: one["container"] for label, one in spec["deploymentSpec"]["executors"].items()}


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lib.yaml").write_text(LIBRARY.replace("repo/image", f"repo/{name}"))
    text = """\
hpc: 1
name: p
components:
  a: {uses: ./x/lib.yaml#inner}
  b: {uses: ./y/lib.yaml#inner}
edges: [a, b]
"""
    images = {label: one["image"] for label, one in containers(compiled(text, tmp_path)).items()}
    assert images == {"exec-x-lib--uses--work": "repo/x:1.0", "exec-y-lib--uses--work": "repo/y:1.0"}


def test_secrets_of_one_name_in_two_files(tmp_path: Path) -> None:
    (tmp_path / "lib.yaml").write_text(LIBRARY)
    text = """\
hpc: 1
name: p
secrets: {s: {vertex: projects/p/secrets/of-the-pipeline/versions/1}}
components:
  work: {uses: ./lib.yaml#work}
steps:
  one: {uses: work}
  two: {uses: work, env: {KEY: {secret: s}}}
edges: [one, two]
"""
    env = {label: one["env"][0]["value"] for label, one in containers(compiled(text, tmp_path)).items()}
    assert env == {
        "exec-work": "projects/p/secrets/of-the-library/versions/1",
        "exec-work--two": "projects/p/secrets/of-the-pipeline/versions/1",
    }


def test_a_loop_in_a_loop_and_a_loop_in_a_component_of_one_name(tmp_path: Path) -> None:
    text = """\
hpc: 1
name: p
inputs: {xs: list<string>}
images: {app: repo/app:1.0}
components:
  c: {image: app, cli: none, command: [c], inputs: {o: string, inp: string}}
  d: {image: app, cli: none, command: [d], inputs: {o: string}}
  s:
    inputs: {xs: list<string>}
    steps: {inp: {uses: d, for_each: [o]}}
    edges: [inputs.xs -> inp.o]
  outer: {inputs: {xs: list<string>}, edges: [inputs.xs -> s.xs]}
steps:
  s: {uses: c, for_each: [o, inp]}
edges:
  - inputs.xs -> s.o, s.inp, outer.xs
"""
    spec = compiled(text, tmp_path)
    loops = {name for name in spec["components"] if name.startswith("comp-for-each")}
    assert loops == {"comp-for-each--s", "comp-for-each--s--in--inp", "comp-for-each--s--inp"}
    assert {tuple(one["command"]) for one in containers(spec).values()} == {("c",), ("d",)}


def test_an_edge_of_an_absent_input_keeps_its_condition(tmp_path: Path) -> None:
    text = """\
hpc: 1
name: p
inputs: {flag: bool}
images: {app: repo/app:1.0}
components:
  a: {image: app, cli: none, command: [a], inputs: {x: {type: string, optional: true}}}
  s:
    inputs: {o: {type: string, optional: true}, flag: bool}
    edges: [inputs.o -> a.x when inputs.flag]
edges:
  - inputs.flag -> s.flag
"""
    spec = compiled(text, tmp_path)
    [name] = [name for name in spec["components"] if name.startswith("comp-s--without")]
    [task] = spec["components"][name]["dag"]["tasks"].values()
    assert task["triggerPolicy"] == {"condition": "inputs.parameter_values['flag'] == true"}
