"""Properties that hold for any input: order and place change nothing, and nothing at all gives a traceback."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiling import EXAMPLES, TESTS, compile_bytes, compile_text, targets_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpc.compiler import Choice

STRAIGHT = TESTS / "cases" / "ok" / "every_straight_key.yaml"
RIGHT = [*EXAMPLES, STRAIGHT]
CASES = sorted(TESTS.glob("cases/*/*.yaml"))
TARGETS = ("vertex", "kfp", "local")
_QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


def _judged(data: bytes, target: str | None = None, choice: Choice | None = None, folder: Path = TESTS) -> None:
    """The file gives output, or messages that all have a place."""
    result = compile_bytes(data, target, choice, folder)
    assert result.compiled is not None or result.diagnostics
    for diagnostic in result.diagnostics:
        line, column = diagnostic.span.position
        assert line >= 1
        assert column >= 1
        assert diagnostic.fact
        assert diagnostic.fix
    assert "\x1b" not in result.shown


@given(st.binary(max_size=300))
@settings(_QUIET, max_examples=300)
def test_any_bytes(data: bytes) -> None:
    _judged(data)


@given(st.text(max_size=200))
@settings(_QUIET, max_examples=300)
def test_any_text_after_the_marker(text: str) -> None:
    _judged(f"hpc: 1\n{text}".encode("utf-8", "surrogatepass"))


@given(st.sampled_from([*RIGHT, *CASES]), st.sampled_from(TARGETS), st.data())
@settings(_QUIET, max_examples=400)
def test_a_file_with_any_stretch_replaced(path: Path, target: str, data: st.DataObject) -> None:
    text = path.read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 20))
    alphabet = st.sampled_from(
        [*" \n\t:-{}[]'\"$&*!|>%@`,.#~0a-é😀\0", "${{ ", " }}", "null", "- ", "inputs.", "1e999"]
    )
    put = "".join(data.draw(st.lists(alphabet, max_size=6)))
    changed = text[:start] + put + text[start + length :]
    _judged(changed.encode("utf-8", "surrogatepass"), target, folder=path.parent)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inner for key, item in items for inner in _paths(item, (*path, key)))]


@given(st.sampled_from(RIGHT), st.sampled_from(TARGETS), _JSON, st.data())
@settings(_QUIET, max_examples=400)
def test_a_file_with_any_value_replaced(path: Path, target: str, value: Any, data: st.DataObject) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    choice = Choice(data.draw(st.lists(st.sampled_from([*document.get("profiles", {"": {}})]), max_size=1)))
    place = data.draw(st.sampled_from(_paths(document)[1:]))
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    _judged(json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"), target, choice, path.parent)


def _shuffled(value: Any, dice: random.Random) -> Any:
    """The same data with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = list(value)
        dice.shuffle(keys)
        return {key: _shuffled(value[key], dice) for key in keys}
    return [_shuffled(item, dice) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(5))
def test_key_order_never_changes_the_bytes(target: str, seed: int) -> None:
    for path in (path for path in RIGHT if target in targets_of(path)):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        shuffled = json.dumps(_shuffled(document, random.Random(seed)))
        plain, mixed = (
            compile_text(text, target, folder=path.parent) for text in (path.read_text(encoding="utf-8"), shuffled)
        )
        assert plain.compiled is not None
        assert mixed.compiled is not None, mixed.shown
        assert mixed.compiled.text == plain.compiled.text


_EMIT = """
import sys
from hpc.compiler.emit import canonical
from hpc.compiler.ir import Json, ParameterSpec
values = [0.1, 1e-05, 1e22, 1.0, -0.0, 5e-324, 1.7976931348623157e308, 10**15]
values += ["é😀\\u2028\\x7f", {}, [], {"b": 1, "a": {"c"}.pop()}]
sys.stdout.buffer.write(canonical({"p": ParameterSpec("STRUCT", default_value=Json(values))}).encode())
"""


def _interpreters() -> list[str]:
    names = ("python3.10", "python3.11", "python3.12", "python3.13", "python3.14")
    return [path for name in names if (path := shutil.which(name))]


def test_hash_seed_locale_and_interpreter_never_change_the_bytes() -> None:
    """The whole compiler under several hash seeds; its last stage, which needs no package, under every Python here."""
    root = Path(__file__).parents[1]
    example = str(EXAMPLES[0])
    outputs = set()
    for seed, locale in (("0", "C"), ("1", "C.UTF-8"), ("12345", "POSIX")):
        env = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "PYTHONPATH": str(root)}
        command = [sys.executable, "-m", "hpc", "compile", example, "-o", "-"]
        outputs.add(subprocess.run(command, env=env, check=True, capture_output=True).stdout)
    assert len(outputs) == 1
    texts = set()
    for python in [sys.executable, *_interpreters()]:
        too_old = "import sys; sys.exit(sys.version_info < (3, 10))"
        probe = subprocess.run([python, "-c", too_old], capture_output=True, check=False)
        if probe.returncode == 0:
            env = {**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "ascii"}
            done = subprocess.run([python, "-c", _EMIT_ALONE], env=env, check=True, capture_output=True)
            texts.add(done.stdout)
    assert len(texts) == 1


# emit and ir import nothing beyond the standard library, so they run without the packages that hpc depends on.
_EMIT_ALONE = (
    "import os, pathlib, sys, types, importlib.util as u\n"
    "root = pathlib.Path(os.environ['PYTHONPATH']) / 'hpc' / 'compiler'\n"
    "for name in ('hpc', 'hpc.compiler'): sys.modules[name] = types.ModuleType(name)\n"
    "for name in ('ir', 'emit'):\n"
    "    spec = u.spec_from_file_location('hpc.compiler.' + name, root / (name + '.py'))\n"
    "    module = u.module_from_spec(spec); sys.modules[spec.name] = module; spec.loader.exec_module(module)\n"
) + _EMIT


def test_a_file_with_5000_steps() -> None:
    steps = [f"step_{index}" for index in range(5000)]
    edges = [f"{steps[max(index - 3, 0)]}.out -> {name}.data" for index, name in enumerate(steps) if index]
    document = {
        "hpc": 1,
        "name": "many",
        "images": {"tool": "repo.example/tool:1.0"},
        "components": {
            "first": {"image": "tool", "outputs": {"out": "Dataset"}},
            "next": {"image": "tool", "inputs": {"data": "Dataset"}, "outputs": {"out": "Dataset"}},
        },
        "steps": {name: {"uses": "next" if index else "first"} for index, name in enumerate(steps)},
        "edges": edges,
    }
    result = compile_text(yaml.safe_dump(document, sort_keys=False))
    assert result.shown == ""
    assert result.compiled is not None
    compiled = json.loads(result.compiled.text)
    assert len(compiled["root"]["dag"]["tasks"]) == 5000
    assert len(compiled["components"]) == 2
