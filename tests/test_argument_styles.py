"""Programs that are no Hydra apps: what arrives in real processes of argparse, jsonargparse, Python Fire and sacred.

Every value goes through a compiled pipeline, the templates of examples/argument_styles and what the platforms paste.
What is not exact is written down here as it arrives, and in docs/argument-styles.md.
"""

# The parsers are only partly typed, and JSON values are `Any` here.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from compiling import TESTS, compile_text
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transport.platforms import PLATFORMS, Task

from hpc.templates import as_yaml

EXAMPLE = TESTS.parent / "examples" / "argument_styles"
STYLES = {
    "argparse": "argparse",
    "jsonargparse": "./jsonargparse.yaml.j2",
    "fire": "./fire.yaml.j2",
    "sacred": "./sacred.yaml.j2",
}
PYTHON_LITERALS = ("fire", "sacred")
Ports = Mapping[str, "tuple[str, Any]"]
"""Type and value of each input, by name."""

platforms = pytest.mark.parametrize("platform", PLATFORMS)


# ---------------------------------------------------------------- from a pipeline to a process


def key(style: str, name: str) -> str:
    return f"g.{name}" if style in ("jsonargparse", "sacred") else name


def component(style: str, **more: Any) -> dict[str, Any]:
    """A component for one of the programs of tests/argument_styles."""
    args = {"args": ["take"]} if style == "fire" else {}
    return {"image": "app", "cli": STYLES[style], "command": ["python", f"with_{style}.py"], **args, **more}


def compiled(take: Mapping[str, Any], edges: Iterable[str] = (), **more: Any) -> dict[str, Any]:
    """The compiled file in which the step `take` runs the component. Fails if anything is wrong with it."""
    outputs = {"text": "string", "number": "float", "model": "Model"}
    make = {"image": "app", "command": ["make"], "outputs": outputs}
    file = {
        "hpc": 1,
        "name": "styles",
        "images": {"app": "registry.example/app:1.0"},
        "components": {"make": make, "take": take},
        "steps": {"again": {"uses": "make"}},
        "edges": ["make", "again", "take", *edges],
        **more,
    }
    result = compile_text(as_yaml(file), "kfp", folder=EXAMPLE)
    assert result.compiled is not None, result.shown
    return json.loads(result.compiled.text)


def refusal(take: Mapping[str, Any], **more: Any) -> str:
    with pytest.raises(AssertionError) as refused:
        compiled(take, **more)
    return str(refused.value).partition("\nassert")[0]


def container(document: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The arguments of the step `take`, and its component."""
    name = document["root"]["dag"]["tasks"]["take"]["componentRef"]["name"]
    spec = document["components"][name]
    return document["deploymentSpec"]["executors"][spec["executorLabel"]]["container"].get("args", []), spec


def wired(style: str, ports: Ports) -> dict[str, Any]:
    """A pipeline whose inputs become those of the step."""
    inputs = {name: {"type": "string" if kind == "optional" else kind} for name, (kind, _) in ports.items()}
    taken = {name: {**port, "as": key(style, name)} for name, port in inputs.items()}
    values = [name for name, (kind, _) in ports.items() if kind != "Model"]
    models = [f"make.model -> take.{name}" for name, (kind, _) in ports.items() if kind == "Model"]
    edges = [*([f"inputs.{{{', '.join(values)}}} -> take"] if values else []), *models]
    return compiled(component(style, inputs=taken), edges, inputs={name: inputs[name] for name in values})


def words(style: str, ports: Ports, platform: str) -> list[str]:
    """The arguments as the platform pastes them."""
    args, spec = container(wired(style, ports))
    models = {name: value for name, (kind, value) in ports.items() if kind == "Model"}
    values = {name: value for name, (_, value) in ports.items() if name not in models}
    return PLATFORMS[platform](Task(["program", *args], spec, values, models))[1:]


def started(
    style: str, args: list[str], kinds: Mapping[str, str], tmp_path: Path, mode: str = "yaml"
) -> subprocess.CompletedProcess[str]:
    program = TESTS / "argument_styles" / f"with_{style}.py"
    env = {**os.environ, "SEEN": str(tmp_path / "seen"), "PORTS": json.dumps(kinds), "MODE": mode}
    (tmp_path / "seen").unlink(missing_ok=True)
    return subprocess.run(
        [sys.executable, str(program), *args], env=env, cwd=tmp_path, capture_output=True, check=False, encoding="utf-8"
    )


def seen(style: str, args: list[str], kinds: Mapping[str, str], tmp_path: Path, mode: str = "yaml") -> dict[str, Any]:
    done = started(style, args, kinds, tmp_path, mode)
    assert done.returncode == 0, done.stderr[-2000:]
    found = ast.literal_eval((tmp_path / "seen").read_text())
    return {name: value for name, value in found.items() if name != "there"}


def arriving(style: str, ports: Ports, platform: str, tmp_path: Path, mode: str = "yaml") -> dict[str, Any]:
    """What the program gets when the pipeline runs on the platform."""
    kinds = {name: kind for name, (kind, _) in ports.items()}
    return seen(style, words(style, ports, platform), kinds, tmp_path, mode)


def refused(style: str, kind: str, value: Any, platform: str, tmp_path: Path) -> bool:
    """Whether the program ends with an error and has seen nothing."""
    done = started(style, words(style, {"v": (kind, value)}, platform), {"v": kind}, tmp_path)
    return done.returncode != 0 and not (tmp_path / "seen").exists()


def same(left: Any, right: Any) -> bool:
    """Equal, and of one type; but 3 for 3.0, because platforms write it so."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return float(left) == float(right)
    return left == right and type(left) is type(right)


def differing(ports: Ports, found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What was sent and what arrived, where that is not the same."""
    sent = {name: value for name, (_, value) in ports.items()}
    assert found.keys() == sent.keys()
    return {name: (sent[name], found[name]) for name in sent if not same(found[name], sent[name])}


# ---------------------------------------------------------------- the values

TEXTS = [
    *(TESTS / "argument_styles" / "texts.txt").read_text("utf-8").split("\n"),
    *(" ", "  x  ", "r'x' ", "x" * 5000, "\n", "a\nb", "a\n- b", "\t", "a\tb"),
    *("\x01", "\x0c", "\x7f", "\u2028", "\ufeff"),
]
DASHES = ["-", "-x", "--v1", "--v1=2", "-1", "-1.5", "-h", "--help", "-x y", "- ", "--with-blank no", "-=", "---"]
PATHS = ["/gcs/b/run/x", "/gcs/b/a b", "/gcs/b/a,b=[c](d)", "/minio/b/%20#", "/x/it's/y", "/x/\\y", "1e3", "/日本/😀"]
NUMBERS = [
    *(("int", value) for value in (0, 1, -1, 2**31, 2**53, -(2**53))),
    *(
        ("float", value)
        for value in (0.0, 3.0, -2.5, 0.1, 1e-7, -1e-7, 1e-4, 123456789.5, 1e6, 1e20, 1e300, 5e-324, 1 / 3)
    ),
]
LISTS: list[tuple[str, Any]] = [
    *(("list<int>", value) for value in ([], [1], [1, -2, 2**53])),
    *(("list<float>", value) for value in ([], [0.5], [1, 2.5, -3, 1e-7, 1e300])),
    *(("list<string>", value) for value in ([], [""], ["a"], ["null", "true", "1", "1e3", "[a]", "{a: 1}", "~", "-x"])),
    ("list<string>", [text for text in (*TEXTS, *DASHES) if "\x7f" not in text and "😀" not in text]),
]
DICTS: list[tuple[str, Any]] = [
    *(("dict", value) for value in ({}, {"a": 1}, {"a": {"b": {"c": []}}}, {"a b": "x", "c-d": ["y", 0.5]})),
    *(
        ("dict", value)
        for value in ({"1": 1, "true": 2, "null": "3", "~": 4}, {"é": "日本", "'": '"', "k": 'it\'s "x" \\'})
    ),
    *(("dict", value) for value in ({"k": "${x}", "a=b": "c=d"}, {"<<": {"a": 1}}, {"k": "a: b # c", "l": "x\n\ty"})),
    ("list<dict>", [{"lr": 0.1, "name": "a, b"}, {}, {"lr": "null"}]),
]
CONSTANTS_OF_JSON: list[tuple[str, Any]] = [
    ("list<bool>", [True, False]),
    ("dict", {"k": [None, True, {"b": False}], "t": "null"}),
]
HALVES: list[tuple[str, Any]] = [("list<string>", ["😀"]), ("dict", {"😀": "a😀"})]
"""kfp.local writes them as JSON in ASCII, an emoji as two halves."""


def named(values: Iterable[tuple[str, Any]]) -> dict[str, tuple[str, Any]]:
    return {f"v{index}": pair for index, pair in enumerate(values)}


def texts(values: Iterable[str], kind: str = "string") -> dict[str, tuple[str, Any]]:
    return named((kind, value) for value in values)


def argparse_keeps(text: str, *words: str) -> bool:
    """Whether the argparse of this Python takes the words for `--v` and the text: newer ones know more."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--v", nargs=1)
    try:
        return parser.parse_args(words).v == [text]
    except argparse.ArgumentError:
        return False


# ---------------------------------------------------------------- argparse

TINY = ("float", -1e-7)
WITH_EXPONENT = ("driver", "kfp.local")
"""These write it as `-1e-07`, the others as `-0.0000001`."""


@platforms
def test_argparse(platform: str, tmp_path: Path) -> None:
    ports = {
        **texts(TEXTS),
        **{f"p{index}": ("Model", path) for index, path in enumerate(PATHS)},
        **{f"n{index}": pair for index, pair in enumerate([*NUMBERS, *LISTS, *DICTS, *CONSTANTS_OF_JSON, *HALVES])},
        **{f"b{value}".lower(): ("bool", value) for value in (True, False)},
    }
    ports = {name: pair for name, pair in ports.items() if pair != TINY or platform not in WITH_EXPONENT}
    kinds = {name: "string" if kind == "Model" else kind for name, (kind, _) in ports.items()}
    found = seen("argparse", words("argparse", ports, platform), kinds, tmp_path)
    assert differing(ports, found) == {}


@platforms
def test_argparse_takes_a_negative_number_with_an_exponent_for_a_flag(platform: str, tmp_path: Path) -> None:
    is_flag = platform in WITH_EXPONENT and not argparse_keeps("-1e-07", "--v", "-1e-07")
    assert refused("argparse", *TINY, platform, tmp_path) == is_flag


@pytest.mark.parametrize("text", DASHES)
def test_argparse_takes_a_text_with_a_dash_in_front_for_a_flag(text: str, tmp_path: Path) -> None:
    """Unless it is a number, the dash alone, or holds a blank."""
    arrives = text in ("-", "-1", "-1.5") or " " in text
    ports = {"v": ("string", text), "v1": ("string", "x")}
    done = started("argparse", words("argparse", ports, "hpc run"), {"v": "string", "v1": "string"}, tmp_path)
    assert done.returncode == (0 if arrives else 2)
    assert (tmp_path / "seen").exists() == arrives
    if arrives:
        assert ast.literal_eval((tmp_path / "seen").read_text())["v"] == text


def test_the_template_for_jsonargparse_brings_argparse_every_text(tmp_path: Path) -> None:
    ports = texts([*TEXTS, *DASHES])
    take = component("argparse", cli=STYLES["jsonargparse"], inputs=dict.fromkeys(ports, "string"))
    inputs = dict.fromkeys(ports, "string")
    args, spec = container(compiled(take, [f"inputs.{{{', '.join(ports)}}} -> take"], inputs=inputs))
    task = Task(["program", *args], spec, {name: value for name, (_, value) in ports.items()})
    found = seen("argparse", PLATFORMS["hpc run"](task)[1:], inputs, tmp_path)
    assert differing(ports, found) == {}


# ---------------------------------------------------------------- jsonargparse


@platforms
@pytest.mark.parametrize("mode", ["yaml", "json"])
def test_jsonargparse(mode: str, platform: str, tmp_path: Path) -> None:
    ports = {
        **texts([*TEXTS, *DASHES]),
        **{f"p{index}": ("Model", path) for index, path in enumerate(PATHS)},
        **{f"n{index}": pair for index, pair in enumerate([*NUMBERS, *LISTS, *DICTS, *CONSTANTS_OF_JSON])},
        **{f"b{value}".lower(): ("bool", value) for value in (True, False)},
    }
    if platform == "kfp.local":
        ports = {name: (kind, value) for name, (kind, value) in ports.items() if kind != "list<int>"}
    found = arriving("jsonargparse", ports, platform, tmp_path, mode)
    assert differing(ports, found) == {}
    assert {type(found[name]) for name, (kind, _) in ports.items() if kind == "float"} == {float}


@platforms
def test_jsonargparse_refuses_the_whole_floats_of_kfp_local(platform: str, tmp_path: Path) -> None:
    """kfp.local writes the list [1] as [1.0]."""
    assert refused("jsonargparse", "list<int>", [1], platform, tmp_path) == (platform == "kfp.local")


@platforms
def test_jsonargparse_takes_some_texts_of_an_optional_for_nothing(platform: str, tmp_path: Path) -> None:
    nothing = {"#", "# no", "null", "~", "\ufeff", "&a", "---"}
    ports = texts([*TEXTS, *DASHES], "optional")
    different = differing(ports, arriving("jsonargparse", ports, platform, tmp_path))
    assert dict(different.values()) == dict.fromkeys(nothing)
    different = differing(ports, arriving("jsonargparse", ports, platform, tmp_path, "json"))
    assert dict(different.values()) == {"null": None}


@platforms
def test_jsonargparse_reads_json_as_yaml_unless_told(platform: str, tmp_path: Path) -> None:
    """PyYAML knows no halves of an emoji, and refuses some control characters."""
    ports = {**named(HALVES), "control": ("list<string>", ["\x7f"])}
    assert differing(ports, arriving("jsonargparse", ports, platform, tmp_path, "json")) == {}
    fails = {name for name, (kind, value) in ports.items() if refused("jsonargparse", kind, value, platform, tmp_path)}
    assert fails == ({"v0", "v1"} if platform == "kfp.local" else {"control"})


def test_jsonargparse_and_two_dashes(tmp_path: Path) -> None:
    assert refused("jsonargparse", "string", "--", "hpc run", tmp_path) == (not argparse_keeps("--", "--v=--"))


@settings(deadline=None, max_examples=200)
@given(st.text().filter(lambda text: text != "--"))
@example("a: b\n---\n")
@example("%TAG")
def test_jsonargparse_keeps_every_text(text: str) -> None:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--g.v", type=str)
    assert parser.parse_args([f"--g.v={text}"]).g.v == text


# ---------------------------------------------------------------- Python literals: Fire and sacred


def is_exact(text: str) -> bool:
    """What docs/argument-styles.md says about r'''…'''."""
    backslashes = len(text) - len(text.rstrip("\\"))
    return not ("'''" in text or text.endswith("'") or backslashes % 2 or "\r" in text or "\0" in text)


INEXACT = {
    "dogs'": "r'''dogs''''",
    "'quoted'": "r''''quoted''''",
    "dir\\": "r'''dir\\'''",
    "a'''b": "r'''a'''b'''",
    "a'''": "r'''a''''''",
    "a\r\nb": "a\nb",
    "a\rb": "a\nb",
}


@platforms
@pytest.mark.parametrize("style", PYTHON_LITERALS)
def test_python_literals(style: str, platform: str, tmp_path: Path) -> None:
    ports = {
        **texts([*TEXTS, *DASHES, "--"]),
        **{f"p{index}": ("Model", path) for index, path in enumerate(PATHS)},
        **{f"n{index}": pair for index, pair in enumerate([*NUMBERS, *LISTS, *DICTS])},
    }
    assert differing(ports, arriving(style, ports, platform, tmp_path)) == {}


@pytest.mark.parametrize("style", PYTHON_LITERALS)
def test_texts_that_are_not_exact_as_python_literals(style: str, tmp_path: Path) -> None:
    found = arriving(style, texts(INEXACT), "hpc run", tmp_path)
    assert [*found.values()] == [*INEXACT.values()]
    assert not any(map(is_exact, INEXACT))


@pytest.mark.filterwarnings("ignore")  # of sacred about pkg_resources
@settings(deadline=None, max_examples=1000)
@given(st.text() | st.text(alphabet="'\\\"\n\r ax"))
@example("\f")
def test_every_other_text_is_exact_as_a_python_literal(text: str) -> None:
    from fire.parser import DefaultParseValue
    from sacred.arg_parser import get_config_updates

    written = f"r'''{text}'''"
    assert all(map(is_exact, [*TEXTS, *DASHES]))
    if is_exact(text):
        assert DefaultParseValue(written) == text
        assert get_config_updates([f"a.b={written}"]) == ({"a": {"b": text}}, [])


@pytest.mark.parametrize(("style", "name"), [("fire", "Fire"), ("sacred", "sacred")])
@pytest.mark.parametrize("kind", ["bool", "list<bool>"])
def test_a_bool_of_the_run_is_refused(style: str, name: str, kind: str) -> None:
    take = component(style, inputs={"flag": kind})
    shown = refusal(take, inputs={"flag": kind}, edges=["inputs.{flag} -> take"])
    fact = f"the template fails: {name} cannot read `flag`, a {kind} of the run; docs/argument-styles.md tells what can"
    assert f"{style}.yaml.j2:1:1: error HPC711 {fact} be done.\n" in shown


@platforms
def test_constants_inside_json(platform: str, tmp_path: Path) -> None:
    """`true`, `false` and `null` are words to Fire; to sacred they are no literals, and all of the list is a text."""
    ports = {"d": ("dict", {"k": [None, True, {"b": False}], "t": "null"})}
    assert arriving("fire", ports, platform, tmp_path) == {"d": {"k": ["null", "true", {"b": "false"}], "t": "null"}}
    found = arriving("sacred", ports, platform, tmp_path)["d"]
    assert isinstance(found, str)
    assert json.loads(found) == ports["d"][1]


@platforms
@pytest.mark.parametrize("style", PYTHON_LITERALS)
def test_halves_of_an_emoji(style: str, platform: str, tmp_path: Path) -> None:
    ports = named(HALVES)
    found = arriving(style, ports, platform, tmp_path)
    if (style, platform) == ("fire", "kfp.local"):
        assert found == {"v0": ["\ud83d\ude00"], "v1": {"\ud83d\ude00": "a\ud83d\ude00"}}
    else:
        assert differing(ports, found) == {}


def test_a_bool_as_a_choice_of_words(tmp_path: Path) -> None:
    """What the page advises: the words `True` and `False`, written without quotes in `args`."""
    port = {"type": "string", "choices": ["True", "False"]}
    for style, args in (
        ("fire", ["take", "--flag=${{ inputs.flag }}"]),
        ("sacred", ["with", "g.flag=${{ inputs.flag }}"]),
    ):
        take = component(style, args=args, inputs={"flag": {**port, "pass": "none"}})
        written, spec = container(compiled(take, ["inputs.{flag} -> take"], inputs={"flag": port}))
        for text, value in (("True", True), ("False", False)):
            pasted = PLATFORMS["hpc run"](Task(["program", *written], spec, {"flag": text}))[1:]
            assert seen(style, pasted, {}, tmp_path) == {"flag": value}


@pytest.mark.filterwarnings("ignore")
def test_sacred_reads_dicts_with_jsonpickle() -> None:
    from sacred.arg_parser import get_config_updates

    assert get_config_updates(["d={'py/tuple': [1]}"]) == ({"d": (1,)}, [])


def test_fire_functions_that_read_their_own_arguments(tmp_path: Path) -> None:
    """What the page advises where every text must be exact: the program says `str`, and the words are its own."""
    args = ["own", "--flag=${{ inputs.flag }}", "--text=${{ inputs.text }}"]
    inputs = {"flag": {"type": "bool", "pass": "none"}, "text": {"type": "string", "pass": "none"}}
    take = component("fire", args=args, inputs=inputs)
    edges = ["inputs.{flag, text} -> take"]
    written, spec = container(compiled(take, edges, inputs={"flag": "bool", "text": "string"}))
    for text in (*INEXACT, "1e3", "[a]", "--", ""):
        pasted = PLATFORMS["hpc run"](Task(["program", *written], spec, {"flag": False, "text": text}))[1:]
        assert seen("fire", pasted, {}, tmp_path) == {"flag": False, "text": text}


def test_sacred_lays_a_dict_on_the_one_that_is_there(tmp_path: Path) -> None:
    done = started("sacred", ["with", "g.there={'after': 2}"], {}, tmp_path)
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval((tmp_path / "seen").read_text()) == {"there": {"before": 1, "after": 2}}


# ---------------------------------------------------------------- constants and what holds them

CONSTANTS: list[tuple[str, Any]] = [
    *(("string", text) for text in (*TEXTS, *INEXACT, *DASHES)),
    *(("int", 3), ("float", 0.5), ("float", 1e-07), ("bool", True), ("bool", False), ("optional", None)),
    *(("list<string>", ["a", "null", "it's", "😀"]), ("list<dict>", [{"a": None, "b": [True, "x'"]}])),
    *(("dict", {"a b": {"c": None}, "d": "'''", "e": 1.5}), ("dict", {}), ("list<int>", [])),
]


@pytest.mark.parametrize("style", ["jsonargparse", *PYTHON_LITERALS])
def test_constants_arrive_exactly(style: str, tmp_path: Path) -> None:
    ports = named(CONSTANTS)
    overrides = {
        key(style, name): value.replace("${{", "$${{") if isinstance(value, str) else value
        for name, (_, value) in ports.items()
    }
    args, _ = container(compiled(component(style, overrides=overrides)))
    found = seen(style, args, {name: kind for name, (kind, _) in ports.items()}, tmp_path)
    assert differing(ports, found) == {}


def test_nested_constants_stand_behind_their_parents(tmp_path: Path) -> None:
    overrides = {"g.d": {"a": 1}, "g.d.b": 2, "g.t": "run-${{ inputs.s }}", "g.n": "${{ inputs.n }}"}
    inputs = {"s": {"type": "string", "pass": "none"}, "n": {"type": "int", "pass": "none"}}
    take = component("sacred", overrides=overrides, inputs=inputs)
    args, spec = container(compiled(take, ["inputs.{s, n} -> take"], inputs={"s": "string", "n": "int"}))
    assert args == [
        "with",
        "g.d={'a': 1}",
        "g.d.b=2",
        "g.n={{$.inputs.parameters['n']}}",
        "g.t=r'''run-{{$.inputs.parameters['s']}}'''",
    ]
    pasted = PLATFORMS["driver"](Task(["program", *args], spec, {"s": "1 'x", "n": 7}))[1:]
    assert seen("sacred", pasted, {}, tmp_path) == {"d": {"a": 1, "b": 2}, "n": 7, "t": "run-1 'x"}


def test_a_reference_to_the_machine_is_a_constant() -> None:
    overrides = {
        "count": "${{ accelerator.count }}",
        "gpu": "${{ accelerator.gpu }}",
        "both": "a ${{ accelerator.count }}",
    }
    accelerators = {"t4": {"gpu": "T4", "count": 2}}
    for style, expected in (
        ("argparse", ["--both", "a 2", "--count", "2", "--gpu", "T4"]),
        ("jsonargparse", ["--both=a 2", "--count=2", "--gpu=T4"]),
        ("fire", ["take", "--both='a 2'", "--count=2", "--gpu='T4'"]),
        ("sacred", ["with", "both='a 2'", "count=2", "gpu='T4'"]),
    ):
        take = component(style, accelerator="t4", overrides=overrides)
        assert container(compiled(take, accelerators=accelerators))[0] == expected


def test_what_an_override_refers_to_keeps_its_type() -> None:
    kinds = {"s": "string", "f": "float", "d": "dict", "m": "Model"}
    overrides = {f"o_{name}": f"${{{{ inputs.{name} }}}}" for name in kinds}
    overrides |= {"o_uri": "${{ inputs.m.uri }}", "o_two": "${{ inputs.f }}${{ inputs.f }}", "o_run": "${{ run.id }}"}
    inputs = {name: {"type": kind, "pass": "none"} for name, kind in kinds.items()}
    values = {name: kinds[name] for name in "sfd"}
    edges = ["inputs.{s, f, d} -> take", "make.model -> take.m"]
    args, _ = container(compiled(component("fire", overrides=overrides, inputs=inputs), edges, inputs=values))
    assert args == [
        "take",
        "--o_d={{$.inputs.parameters['d']}}",
        "--o_f={{$.inputs.parameters['f']}}",
        "--o_m=r'''{{$.inputs.artifacts['m'].path}}'''",
        "--o_run=r'''{{$.inputs.parameters['run-id']}}'''",
        "--o_s=r'''{{$.inputs.parameters['s']}}'''",
        "--o_two=r'''{{$.inputs.parameters['f']}}{{$.inputs.parameters['f']}}'''",
        "--o_uri=r'''{{$.inputs.artifacts['m'].uri}}'''",
    ]


# ---------------------------------------------------------------- several sources, no value, and words of one's own


@platforms
@pytest.mark.parametrize("style", ["jsonargparse", *PYTHON_LITERALS])
def test_lists_from_several_sources(style: str, platform: str, tmp_path: Path) -> None:
    kinds = {"t": "list<string>", "n": "list<float>", "m": "list<Model>"}
    inputs = {name: {"type": kind, "as": key(style, name)} for name, kind in kinds.items()}
    edges = ["make.text, again.text -> take.t", "make.number, again.number -> take.n", "make.model -> take.m"]
    args, spec = container(compiled(component(style, inputs=inputs), edges))
    for first, second in (("it's", "1e3"), ("null", 'say "x"'), ("--t=1", "a, b")):
        values = {"t_0": first, "t_1": second, "n_0": 0.5, "n_1": 1e-7}
        task = Task(["program", *args], spec, values, {"m_0": "/gcs/b/a, b"})
        expected = {"t": [first, second], "n": [0.5, 1e-7], "m": ["/gcs/b/a, b"]}
        assert seen(style, PLATFORMS[platform](task)[1:], kinds, tmp_path) == expected


def test_jsonargparse_reads_lists_among_the_texts_of_several_sources(tmp_path: Path) -> None:
    args = ["--g.v=[]", "--g.v+=[a]", "--g.v+=b"]
    assert seen("jsonargparse", args, {"v": "list<string>"}, tmp_path) == {"v": ["a", "b"]}


@pytest.mark.parametrize("style", STYLES)
def test_an_optional_input_without_value_is_no_word(style: str) -> None:
    inputs = {"v": {"type": "string", "optional": True}}
    assert container(compiled(component(style, inputs=inputs)))[0] == (["take"] if style == "fire" else [])


def test_args_come_first_and_groups_with_them(tmp_path: Path) -> None:
    inputs = {"v": {"type": "int", "optional": True, "pass": "none"}, "w": {"type": "int", "as": "g.w"}}
    args = ["take", ["--name", "run ${{ inputs.v }}"], {"absent": "v", "args": ["--force"]}]
    take = component("sacred", args=args, inputs=inputs)
    written, spec = container(compiled(take, ["inputs.{w} -> take"], inputs={"w": "int"}))
    assert written == ["take", "--force", "with", "g.w={{$.inputs.parameters['w']}}"]
    pasted = PLATFORMS["launcher"](Task(["program", *written], spec, {"w": 3}))[1:]
    assert seen("sacred", pasted, {}, tmp_path) == {"w": 3}


def test_with_is_written_once(tmp_path: Path) -> None:
    args, _ = container(compiled(component("sacred", args=["with", "variant"], overrides={"g.v": 1})))
    assert args == ["with", "variant", "g.v=1"]
    assert seen("sacred", args, {}, tmp_path) == {"variant": True, "v": 1}


@pytest.mark.parametrize("style", ["jsonargparse", *PYTHON_LITERALS])
def test_outputs_are_paths_of_whatever_type(style: str, tmp_path: Path) -> None:
    outputs = {name: {"type": kind, "as": key(style, name)} for name, kind in {"n": "bool", "m": "Model"}.items()}
    args, spec = container(compiled(component(style, outputs=outputs)))
    pasted = PLATFORMS["hpc run"](Task(["program", *args], spec, {}))[1:]
    expected = {"n": "/gcs/bucket/my runs, [a]=b/n", "m": "/gcs/bucket/my runs, [a]=b/m"}
    assert seen(style, pasted, {"n": "string", "m": "string"}, tmp_path) == expected


# ---------------------------------------------------------------- templates


def test_a_template_may_have_the_name_of_one_of_the_package(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "jsonargparse.yaml.j2", tmp_path / "hydra.yaml.j2")
    file = "hpc: 1\nname: own\nimages: {app: 'registry.example/app:1.0'}\n"
    file += "components: {take: {image: app, cli: ./hydra.yaml.j2, command: [run], overrides: {a: 1}}}\nedges: [take]\n"
    result = compile_text(file, "kfp", folder=tmp_path)
    assert result.compiled is not None, result.shown
    assert container(json.loads(result.compiled.text))[0] == ["--a=1"]


# ---------------------------------------------------------------- the example


def test_the_example_runs(tmp_path: Path) -> None:
    """With this Python, which has the packages: no environment is made."""
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns(".hpc"))
    (tmp_path / "example" / "programs" / "requirements.txt").unlink()
    note, slope = "it's [1, 2] = --rows, really", "-3"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "hpc",
            "run",
            "pipeline.yaml",
            "-i",
            f"note={note}",
            "-i",
            f"slope={slope}",
            "-i",
            "rows=50",
        ],
        cwd=tmp_path / "example",
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    [folder] = (tmp_path / "example" / ".hpc" / "runs").iterdir()
    tasks = folder / "tasks"
    settings_of_fit = json.loads((tasks / "fit" / "1" / "outputs" / "line" / "settings.json").read_text("utf-8"))
    about = json.loads((tasks / "more" / "1" / "outputs" / "points" / "about.json").read_text("utf-8"))
    report = (folder / "tasks" / "judge" / "1" / "outputs" / "report").read_text("utf-8")
    assert done.stdout.splitlines()[0] == "share: 1.0"
    assert (about["note"], about["slope"], about["shuffle"], about["intercept"]) == (note, -3, True, 1.0)
    assert settings_of_fit["optimizer"] == {"class_path": "__main__.Momentum", "init_args": {"lr": 0.5, "beta": 0.5}}
    assert settings_of_fit["model"] == {"start": [0, 0.5], "label": note}
    assert settings_of_fit["trainer"] == {"max_epochs": 300, "patience": None, "quiet": True}
    assert [Path(path).parts[-4] for path in settings_of_fit["data"]] == ["points", "more"]
    assert report.startswith(f"# {note}\n")
