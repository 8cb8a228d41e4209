"""Values on their way from a pipeline file into the configuration of a real Hydra application.

The file is compiled; the command of a step is taken from the IR; a platform puts the values in the place of its
placeholders; and the program that a container would then start is started in this process: the bootstrap, and an
application with a real `@hydra.main` for each command. Only the texts of the open-source backend are models.
"""

# JSON values are `Any` here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from compiling import Result, compile_text
from hypothesis import given, settings
from hypothesis import strategies as st
from transport import packed
from transport.corpus import (
    CASES,
    CHANGED_BY_KUBERNETES,
    GATHERED,
    JSON,
    KEPT_BY_KUBERNETES,
    TEXT,
    expected,
    same,
)
from transport.pipelines import APP, LARGE, LISTS, SINGLE, SMALL, Case, pipeline, single, steps
from transport.platforms import (
    ON_KUBERNETES,
    PLATFORMS,
    POD,
    TEXTS,
    Platform,
    expanded,
    launcher_text,
    local_text,
)

from hpc.components.hydra import BOOTSTRAP, SMALL_BOOTSTRAP
from hpc.engines.values import as_text

KINDS = sorted({kind for kind, _ in CASES})


@cache
def run(command: tuple[str, ...]) -> dict[str, Any]:
    """What the application sees. Many commands are the same on several platforms."""
    return packed.run(list(command), str(APP))


@cache
def read(command: tuple[str, ...]) -> dict[str, Any]:
    """What Hydra's parser and configuration make of the command: as `run`, many times faster."""
    return packed.read(list(command))


def is_exact(seen: Mapping[str, Any], case: Case) -> bool:
    config = seen.get("config", {})
    return case.config.keys() <= config.keys() and same({name: config[name] for name in case.config}, case.config)


def wrong(cases: Iterable[Case], how: Any = run, platforms: Mapping[str, Platform] = PLATFORMS) -> list[str]:
    """What does not arrive as it is, with the platform and what came instead."""
    return list(_wrong(cases, how, platforms))


def _wrong(cases: Iterable[Case], how: Any, platforms: Mapping[str, Platform]) -> Iterator[str]:
    for case in cases:
        for name, platform in platforms.items():
            seen = how(tuple(case.command(platform)))
            if not is_exact(seen, case):
                yield f"{case.kind} on {name}: {str(case.values)[:300]} became {str(seen)[-600:]}"


# ---------------------------------------------------------------- the platforms


@pytest.mark.parametrize(
    ("kind", "value", "texts"),
    [
        ("DOUBLE", 3.0, ["3", "3", "3.0"]),
        ("DOUBLE", 1e-7, ["0.0000001", "1e-07", "1e-07"]),
        ("DOUBLE", 1000000.5, ["1000000.5", "1.0000005e+06", "1000000.5"]),
        ("DOUBLE", 1e300, ["1" + "0" * 300, "1e+300", "1e+300"]),
        ("DOUBLE", 2.0**-24, ["0.00000005960464477539063", "5.960464477539063e-08", "5.960464477539063e-08"]),
        ("DOUBLE", -1e6, ["-1000000", "-1e+06", "-1000000.0"]),
        ("DOUBLE", -0.0, ["-0", "-0", "-0.0"]),
        ("INTEGER", 10**20, ["1" + "0" * 20, "1e+20", "1" + "0" * 20]),
        ("BOOLEAN", True, ["true", "true", "true"]),
        ("LIST", [1, 3.0, 1e-7], ["[1,3,1e-7]", "[1,3,1e-7]", "[1.0, 3.0, 1e-07]"]),
        ("LIST", ["é<😀"], ['["é\\u003c😀"]', '["é\\u003c😀"]', '["\\u00e9<\\ud83d\\ude00"]']),
        ("STRUCT", {"b": 1, "a": None}, ['{"a":null,"b":1}', '{"a":null,"b":1}', '{"b": 1.0, "a": null}']),
    ],
)
def test_platform_models_say_what_was_seen_on_the_platforms(kind: str, value: Any, texts: list[str]) -> None:
    assert [text(kind, value) for text in TEXTS] == texts


@pytest.mark.parametrize("kind", KINDS)
def test_platform_models_agree_with_programs(kind: str) -> None:
    """`hpc run` writes what the launcher writes; kfp.local is here itself."""
    for case in (case for case in SINGLE if case.kind == kind):
        (value,) = case.values.values()
        assert case.command(PLATFORMS["hpc run"]) == case.command(PLATFORMS["launcher"])
        if kind not in ("PATH", "URI", "CHOICE", "STATUS"):
            assert launcher_text(kind, value) == as_text(value)
            text = local_text(kind, value)
            whole = {"STRING": f"v='{text}'", "DOUBLE": f"v=float({text})"}.get(kind, f"v={text}")
            written = case.command(PLATFORMS["kfp.local"])[-1]
            in_any_order = kind in ("LIST", "STRUCT") and sorted(written) == sorted(whole)  # keys have none there
            assert written == whole or in_any_order


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("$$", "$"),
        ("$$$", "$$"),
        ("$(KFP_POD_NAME)", "pod-7"),
        ("$$(KFP_POD_NAME)", "$(KFP_POD_NAME)"),
        ("$(NONE) $( $(EMPTY) $x ${y}", "$(NONE) $( $(EMPTY) $x ${y}"),
        ("a$(EMPTY)b$(DOLLAR)c", "ab$$c"),
        ("$", "$"),
        ("$\n$$", "$\n$"),
    ],
)
def test_the_model_of_kubernetes_says_what_kubernetes_documents(text: str, becomes: str) -> None:
    assert expanded(text, POD) == becomes


def test_targets_compile_to_the_same_commands() -> None:
    kfp = {name: (step.words, step.sources) for name, step in pipeline("kfp").items()}
    for target in ("vertex", "local"):
        assert {name: (step.words, step.sources) for name, step in pipeline(target).items()} == kfp


def test_only_what_needs_a_bootstrap_has_one() -> None:
    found = {name: step.words[2] for name, step in pipeline().items() if step.words[1] == "-c"}
    strings, values = ["ends", "small", "string"], ["absent", "dict", "dicts", "floats", "ints", "large"]
    values += ["list", "status", "strings", "torchrun"]
    assert sorted(name for name, program in found.items() if program == SMALL_BOOTSTRAP) == strings
    assert sorted(name for name, program in found.items() if program == BOOTSTRAP) == sorted(values)
    assert sorted(pipeline().keys() - found.keys()) == ["bool", "choice", "float", "int", "path", "paths", "uri"]


# ---------------------------------------------------------------- values of a run


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 340
    assert len({json.dumps(case) for case in CASES}) == len(CASES)
    assert sum(len(values) for _, values in GATHERED) >= 300
    assert {kind for kind, _ in GATHERED} == {"STRING", "STRUCT", "LIST", "DOUBLE", "INTEGER", "PATH"}


@pytest.mark.parametrize("first", range(0, len(SINGLE), 40))
def test_every_value_arrives_exactly_in_a_real_application(first: int) -> None:
    assert wrong(SINGLE[first : first + 40]) == []


def test_gathered_strings_arrive_exactly_in_a_real_application() -> None:
    cases = [case for case in LISTS if case.kind == "GATHERED STRING"]
    assert len(cases) >= 19
    assert wrong(cases) == []


def test_gathered_values_arrive_exactly() -> None:
    kinds = {case.kind.removeprefix("GATHERED ") for case in LISTS}
    assert kinds == {"STRING", "STRUCT", "DOUBLE", "INTEGER", "PATH"}
    assert wrong(LISTS, read) == []


def test_many_values_in_one_command_arrive_exactly() -> None:
    """Text around a value, outputs and constants too."""
    assert wrong([*SMALL, *LARGE], read) == []


def test_an_optional_input_without_a_value_leaves_no_argument() -> None:
    step = pipeline()["absent"]
    assert step.words[5:] == ("--", "w={{$.inputs.parameters['w']}}")
    assert wrong([Case("ABSENT", "absent", {}, {"v": None, "w": {"a b": "it's"}})]) == []


# ---------------------------------------------------------------- constants


def flow(value: Any) -> str:
    """YAML in one line, with every unusual character escaped and every key explicit."""
    if isinstance(value, str):
        return '"' + re.sub(r"[^ !#-\[\]-~]", lambda found: f"\\U{ord(found[0]):08x}", value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"? {flow(key)} : {flow(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


_ELEMENTS: dict[str, tuple[type, ...]] = {"string": (str,), "bool": (bool,), "float": (int, float), "dict": (dict,)}
_TYPES = {"BOOLEAN": "bool", "INTEGER": "int", "DOUBLE": "float", "STRING": "string", "STRUCT": "dict"}


def declared(kind: str, value: Any) -> str | None:
    """The type of an input that can have this constant. A list of several types has none."""
    if kind != "LIST":
        return _TYPES.get(kind)
    types = (name for name, kinds in _ELEMENTS.items() if all(type(item) in kinds for item in value))
    return next((f"list<{name}>" for name in types), None)


def compiled(inputs: Mapping[str, tuple[str, Any]], overrides: Mapping[str, Any]) -> Result:
    """A step with constants, in `with` for inputs of a type, and in `overrides`. All of them are new keys for Hydra."""
    head = ["hpc: 1", "name: constants", "images: {app: registry.example/team/app:1.0}", "components:", "  app:"]
    ports = [f"      {name}: {{type: '{type_}', as: ++{name}}}" for name, (type_, _) in inputs.items()]
    fixed = [f"      ++{name}: {flow(value)}" for name, value in overrides.items()]
    bound = [f"      {name}: {flow(value)}" for name, (_, value) in inputs.items()]
    lines = [*head, "    image: app", "    command: [python3, train.py]", "    inputs:", *ports]
    lines += ["    overrides:" if fixed else "    overrides: {}", *fixed]
    return compile_text("\n".join([*lines, "steps:", "  app:", "    with:", *bound, "edges: [app]"]), "kfp")


_ALL = {f"i{number}": (declared(*case), case[1]) for number, case in enumerate(CASES) if case[1] != "{{ $ }}"}
BOUND = {name: (str(type_), value) for name, (type_, value) in _ALL.items() if type_}
FIXED = {f"o{name}": value for name, (_, value) in _ALL.items() if "${" not in json.dumps(value)}
"""What can stand in `overrides`, where `${` begins an interpolation."""


def _arrives(type_: str, value: Any) -> Any:
    return expected("LIST", value) if type_ == "dict" or type_.startswith("list") else value


ARRIVED = {**FIXED, **{name: _arrives(*constant) for name, constant in BOUND.items()}}


@pytest.fixture(scope="module")
def constants() -> Result:
    result = compiled(BOUND, FIXED)
    assert result.compiled is not None, result.shown
    return result


def command_of(result: Result, platform: Platform) -> tuple[str, ...]:
    assert result.compiled is not None
    return tuple(platform(steps(json.loads(result.compiled.text))["app"].start({})))


@pytest.mark.parametrize(("platform", "how"), [("driver", run), ("launcher", read), ("kfp.local", read)])
def test_constants_arrive_exactly(platform: str, how: Any, constants: Result) -> None:
    assert len(BOUND) >= 290
    assert len(FIXED) >= 290
    config = how(command_of(constants, PLATFORMS[platform]))["config"]
    assert {name: value for name, value in ARRIVED.items() if not same(config[name], value)} == {}


# ---------------------------------------------------------------- what cannot arrive


@pytest.mark.parametrize("backend", ON_KUBERNETES)
def test_kubernetes_changes_exactly_what_is_documented(backend: str) -> None:
    plain, on_kubernetes = ON_KUBERNETES[backend]
    differ = {case.values.get("string_0") for case in SINGLE if case.command(plain) != case.command(on_kubernetes)}
    assert differ == set(CHANGED_BY_KUBERNETES)
    changed = [single("STRING", text) for text in CHANGED_BY_KUBERNETES]
    arrives = [Case("K", case.step, case.values, {"v": expanded(case.values["string_0"], POD)}) for case in changed]
    assert wrong(arrives, platforms={"Kubernetes": on_kubernetes}) == []
    kept = [single("STRING", text) for text in KEPT_BY_KUBERNETES]
    assert wrong(kept, platforms={"Kubernetes": on_kubernetes}) == []


@pytest.mark.parametrize("backend", ON_KUBERNETES)
@pytest.mark.parametrize("value", [["a$$b", "$(KFP_POD_NAME)", "it's"], {"$$": ["$(EMPTY)", {"$(KFP_POD_NAME)": 1}]}])
def test_kubernetes_changes_texts_inside_lists_and_dicts(backend: str, value: Any) -> None:
    case = single("LIST" if isinstance(value, list) else "STRUCT", value)
    arrives = json.loads(expanded(json.dumps(value), POD))
    platforms = {"Kubernetes": ON_KUBERNETES[backend][1]}
    assert wrong([Case(case.kind, case.step, case.values, {"v": arrives})], platforms=platforms) == []


def test_constants_that_kubernetes_changes_are_warned_about(constants: Result) -> None:
    """No warning is missing; only a variable that does not exist is warned about in vain."""
    named = ["$(NONE)", "$(a$$b)"]
    suspicious = [*CHANGED_BY_KUBERNETES, *named]
    warned = sorted(name for name, value in ARRIVED.items() if isinstance(value, str) and value in suspicious)
    assert {one.rule.code for one in constants.diagnostics} == {"HPC515"}
    lines = [one.where for one in constants.diagnostics]
    assert sorted(_names_at(lines)) == warned
    on_kubernetes = read(command_of(constants, ON_KUBERNETES["driver"][1]))["config"]
    differ = {name for name, value in ARRIVED.items() if not same(on_kubernetes[name], value)}
    assert differ == {name for name in warned if ARRIVED[name] not in named}


def _names_at(places: Iterable[Any]) -> Iterator[str]:
    """The keys on the lines that diagnostics point to."""
    for place in places:
        line = place.source.text[: place.end].rpartition("\n")[2]
        yield line.strip().lstrip("+").partition(":")[0]


MISSING = [("STRING", "???"), ("LIST", ["a", "???"]), ("STRUCT", {"a": {"b": "???"}})]


@pytest.mark.parametrize(("kind", "value"), MISSING)
def test_the_mark_of_a_missing_value_fails_where_it_is_read(kind: str, value: Any) -> None:
    for platform in PLATFORMS.values():
        seen = run(tuple(single(kind, value).command(platform)))
        assert "MissingMandatoryValue" in seen["failed"]


def test_constants_that_are_missing_values_are_warned_about() -> None:
    inputs = {f"i{number}": (str(declared(*case)), case[1]) for number, case in enumerate(MISSING)}
    result = compiled(inputs, {"x": "???"})
    assert result.compiled is not None
    assert [one.rule.code for one in result.diagnostics] == ["HPC614"] * 4


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 2**63, 10**30])
def test_integers_that_no_platform_can_carry_are_refused(value: int) -> None:
    for type_, constant in [("int", value), ("list<int>", [1, value]), ("dict", {"a": [value]})]:
        result = compiled({"i": (type_, constant)}, {})
        assert [one.rule.code for one in result.diagnostics] == ["HPC103"]
    assert wrong([single("INTEGER", 2**53), single("INTEGER", -(2**53))]) == []


@pytest.mark.parametrize("number", [20825841884907512.0, 1e20, -(2.0**60)])
def test_whole_numbers_that_are_not_exact_in_json_arrive_as_equal_doubles(number: float) -> None:
    """Go writes the shortest digits that are the double, and zeros after them: read as an integer, another one."""
    seen = [run(tuple(single("LIST", [number]).command(platform)))["config"]["v"] for platform in PLATFORMS.values()]
    assert [float(item) for (item,) in seen] == [number] * len(PLATFORMS)


def test_the_sign_of_zero_is_kept_by_kfp_local_alone() -> None:
    """The Go backend writes -0, which is an integer before `float` takes it. The two zeros are equal."""
    seen = {name: run(tuple(single("DOUBLE", -0.0).command(platform))) for name, platform in PLATFORMS.items()}
    config = {name: str(one["config"]["v"]) for name, one in seen.items()}
    assert config == {"launcher": "0.0", "driver": "0.0", "kfp.local": "-0.0", "hpc run": "0.0"}


# ---------------------------------------------------------------- any text, any JSON


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_any_text_arrives_exactly(text: str) -> None:
    assert wrong([single("STRING", text)], packed_read) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=12, max_size=12))
def test_any_gathered_texts_arrive_exactly(texts: list[str]) -> None:
    values = {f"string_{number}": text for number, text in enumerate(texts)}
    small = {**values, "name": f"run-{texts[0]}'\\"}
    assert wrong([Case("G", "strings", values, {"v": texts}), Case("S", "small", values, small)], packed_read) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(JSON, max_size=4))
def test_any_list_arrives_exactly(value: list[Any]) -> None:
    assert wrong([single("LIST", value)], packed_read) == []


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_any_dict_arrives_exactly(value: dict[str, Any]) -> None:
    assert wrong([single("STRUCT", value)], packed_read) == []


@settings(max_examples=100, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False).filter(bool), st.integers(-(2**53), 2**53))
def test_any_number_arrives_exactly(number: float, whole: int) -> None:
    assert wrong([single("DOUBLE", number), single("INTEGER", whole)], packed_read) == []


def packed_read(command: tuple[str, ...]) -> dict[str, Any]:
    """`read` without a memory."""
    return packed.read(list(command))
