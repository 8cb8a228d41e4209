"""The exact words of a command line, for every way of writing a value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from compiling import compile_text

FRAME = """\
hpc: 1
name: words
vars: {{tag: 1.10, sha: 1234e5, flag: true, list: [1, "$${{{{ x }}}}"], text: "$${{{{ y }}}}"}}
images: {{app: "repo.example/app:${{{{ vars.tag }}}}"}}
accelerators: {{t4: {{gpu: T4}}}}
components:
  make: {{image: app, outputs: {{x: float, s: string, m: Model}}}}
  take:
    image: app
    command: [python, take.py]
    accelerator: t4
    {component}
steps: {{again: {{uses: make}}}}
edges: [again, {edges}]
"""


def executor(component: str, edges: str = "make -> take", name: str = "exec-take") -> dict[str, Any]:
    result = compile_text(FRAME.format(component=component, edges=edges), "kfp")
    assert result.compiled is not None, result.shown
    return json.loads(result.compiled.text)["deploymentSpec"]["executors"][name]["container"]


def args(component: str, edges: str = "make -> take", name: str = "exec-take") -> list[str]:
    return executor(component, edges, name)["args"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.50", "k=1.5"),
        ("gpu", "k=gpu"),
        ('"a, b"', "k='a, b'"),
        ("null", "k=null"),
        ("[1, a]", "k=[1,a]"),
        ("{b: 1, a: {c: x y}}", "k={a:{c:'x y'},b:1}"),
        ('"${{ vars.tag }}"', "k=1.1"),
        ('"v${{ vars.tag }}-${{ vars.sha }}-${{ vars.flag }}"', "k=v1.10-1234e5-true"),
        ('"${{ vars.list }}"', "k=[1,'${{ x }}']"),
        ('"${{ vars.text }}"', "k='${{ y }}'"),
        ('"${{ accelerator.gpu }}${{ accelerator.count }}"', "k=T41"),
        ('"${a.b}"', "k=${a.b}"),
        ('"$${inputs.n}"', "k=${inputs.n}"),
        ('"\\ue0000\\ue000 ${{ outputs.o }}"', "k='\ue0000\ue000 {{$.outputs.artifacts['o'].path}}'"),
        ('"${{ outputs.o.uri }}/x"', "k='{{$.outputs.artifacts['o'].uri}}/x'"),
        ('"${{ run.id }}"', "k='{{$.inputs.parameters['run-id']}}'"),
    ],
)
def test_override(value: str, text: str) -> None:
    component = f"{{outputs: {{o: {{type: Model, pass: none}}}}, overrides: {{k: {value}}}}}"[1:-1]
    lines = component.replace(", overrides:", "\n    overrides:")
    assert args(lines) == [text]


def test_order_of_arguments() -> None:
    component = (
        "args: [--verbose]\n"
        "    inputs: {b: {type: int, default: 1}, a: {type: float, default: 1.0}, s: {type: string, default: x},\n"
        "             c: {type: string, default: u, choices: [u, v]}, f: {type: bool, default: true},\n"
        "             d: {type: dict, default: {}}, l: {type: list<int>, default: []}}\n"
        "    outputs: {o: Model, v: int}\n"
        "    overrides: {z: 1, +a.b: 2, '~gone': null, raw: 'run-${{ inputs.s }}'}"
    )
    assert args(component) == [
        "--verbose",
        "+a.b=2",
        "~gone",
        "z=1",
        "a=float({{$.inputs.parameters['a']}})",
        "b={{$.inputs.parameters['b']}}",
        "c='{{$.inputs.parameters['c']}}'",
        "f={{$.inputs.parameters['f']}}",
        "o='{{$.outputs.artifacts['o'].path}}'",
        "v='{{$.outputs.parameters['v'].output_file}}'",
        "--",
        "raw='run-{{$.inputs.parameters['s']}}'",
        "d={{$.inputs.parameters['d']}}",
        "l={{$.inputs.parameters['l']}}",
        "s='{{$.inputs.parameters['s']}}'",
    ]


def test_quotes_of_the_user_stay_the_users() -> None:
    component = "inputs: {s: {type: string, default: x, pass: none}}\n    overrides: {k: \"it's '${{ inputs.s }}'\"}"
    assert args(component) == ["--", "k='it's '{{$.inputs.parameters['s']}}''"]


def test_gathered_lists() -> None:
    component = "inputs: {xs: list<float>, ss: list<string>, ms: list<Model>}"
    edges = '"make.x, again.x -> take.xs", "make.s, again.s -> take.ss", "make.m, again.m -> take.ms"'
    assert args(component, edges, "exec-take--take") == [
        "ms=['{{$.inputs.artifacts['ms_0'].path}}','{{$.inputs.artifacts['ms_1'].path}}']",
        "xs=[float({{$.inputs.parameters['xs_0']}}),float({{$.inputs.parameters['xs_1']}})]",
        "--",
        "ss[0]='{{$.inputs.parameters['ss_0']}}'",
        "ss[1]='{{$.inputs.parameters['ss_1']}}'",
    ]
    component = "cli: argparse\n    inputs: {xs: {type: list<float>, as: -x}, ms: list<Model>}"
    edges = '"make.x, again.x -> take.xs", "make.m, again.m -> take.ms"'
    assert args(component, edges, "exec-take--take") == [
        "--ms",
        "{{$.inputs.artifacts['ms_0'].path}}",
        "{{$.inputs.artifacts['ms_1'].path}}",
        "-x",
        "[{{$.inputs.parameters['xs_0']}},{{$.inputs.parameters['xs_1']}}]",
    ]


def test_the_bootstrap_is_as_small_as_the_types_allow() -> None:
    none = executor("inputs: {n: {type: int, default: 1}}")["command"]
    small = executor("inputs: {s: {type: string, default: x}}")["command"]
    full = executor("inputs: {d: {type: dict, default: {}}}")["command"]
    assert none == ["python", "take.py"]
    assert [small[0], small[1], *small[3:]] == ["python", "-c", "python", "take.py"]
    assert small[2].startswith("# hpc strings 2:")
    assert full[2].startswith("# hpc values 2:")
    typed = executor("quoting: typed\n    inputs: {s: {type: string, default: x}}")
    assert typed["command"] == none
    assert typed["args"] == ["s='{{$.inputs.parameters['s']}}'"]


def test_a_number_in_a_text_keeps_its_spelling() -> None:
    assert executor("args: [a]")["image"] == "repo.example/app:1.10"


def test_steps_that_leave_out_the_same_share_a_component() -> None:
    text = FRAME.format(
        component="inputs: {p: {type: int, optional: true}, q: {type: int, optional: true}}",
        edges="make -> one, make -> two, make -> three",
    ).replace("steps: {", "steps: {one: {uses: take}, two: {uses: take}, three: {uses: take, with: {q: 1}}, ")
    result = compile_text(text, "kfp")
    assert result.compiled is not None, result.shown
    compiled = json.loads(result.compiled.text)
    used = {name: task["componentRef"]["name"] for name, task in compiled["root"]["dag"]["tasks"].items()}
    assert used["one"] == used["two"] == "comp-take--without--p--q"
    assert used["three"] == "comp-take--without--p"
    assert set(compiled["components"]) == {"comp-make", "comp-take--without--p", "comp-take--without--p--q"}
