"""Every text hpc writes for Hydra, read back by the real Hydra.

The bootstrap runs in this process with `os.execvp` replaced, and as a real process in the tests that say so. How whole
commands carry values, from a pipeline file to an application, is in test_transport.py.
"""

# Hydra and OmegaConf are only partly typed, and JSON values are `Any` here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false, reportMissingTypeStubs=false

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import MissingMandatoryValue, OmegaConf
from transport.corpus import (
    DOUBLES,
    GATHERED,
    INTEGERS,
    JSON,
    LISTS,
    PATHS,
    STRINGS,
    STRUCTS,
    TEXT,
    same,
    with_whole_numbers,
)
from transport.packed import config_after, started
from transport.platforms import TEXTS, Text, as_floats

from hpc.components.hydra import (
    BOOTSTRAP,
    SMALL_BOOTSTRAP,
    bare_is_exact,
    constant,
    is_key,
    pasted,
    quoted,
)

PARSER = OverridesParser.create()
RAW = [(kind, values) for kind, values in GATHERED if kind in ("STRING", "LIST", "STRUCT")]
"""Lists that are gathered from values which need the bootstrap."""

platforms = pytest.mark.parametrize("platform", TEXTS)
strings = pytest.mark.parametrize("value", STRINGS, ids=range(len(STRINGS)))


def override(key: str, value: Any) -> str:
    """An override as the templates put it together."""
    return key if key.startswith("~") and value is None else f"{key}={constant(value)}"


def rewritten(*raw: str, program: str = BOOTSTRAP) -> list[str]:
    return started(program, "app", "--", *raw)[1:]


# The corpus


@platforms
@pytest.mark.parametrize("prefix", ["", "+"])
@pytest.mark.parametrize(("kind", "values"), RAW)
def test_a_gathered_list_arrives_exactly(kind: Any, values: list[Any], prefix: str, platform: Text) -> None:
    raw = [f"{prefix}v[{n}]={pasted(kind, platform(kind, value))}" for n, value in enumerate(values)]
    texts = rewritten("before=1", *raw, "w='after'")
    assert [text.split("=")[0] for text in texts] == ["before", f"{prefix}v", "w"]
    assert same(config_after(*texts), {"before": 1, "v": with_whole_numbers(values), "w": "after"})


@platforms
@pytest.mark.parametrize("kind, values", [("DOUBLE", DOUBLES), ("INTEGER", INTEGERS), ("PATH", PATHS)])
def test_a_list_gathered_from_final_values_needs_no_bootstrap(kind: Any, values: list[Any], platform: Text) -> None:
    text = "v=[" + ",".join(pasted(kind, platform(kind, value)) for value in values) + "]"
    assert same(config_after(text), {"v": values})


@strings
def test_the_small_bootstrap_and_the_large_one_and_quoted_agree(value: str) -> None:
    raw = f"v='{value}'"
    assert rewritten(raw, program=SMALL_BOOTSTRAP) == rewritten(raw) == [f"v={quoted(value)}"]


@strings
def test_bare_is_exact_says_what_hydra_does(value: str) -> None:
    try:
        exact = config_after(f"v='{value}'") == {"v": value}
    except Exception:  # noqa: BLE001 - the lexer, the parser and OmegaConf refuse each in their own way
        exact = False
    assert bare_is_exact(value) == exact


def test_the_mark_of_a_missing_value_cannot_be_a_text() -> None:
    assert not bare_is_exact("???")
    with pytest.raises(MissingMandatoryValue):
        config_after(f"v={quoted('???')}")


# Overrides that hold a placeholder: keys


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    """A config with a group `model` (vit, mlp, "a b"), a nested group `net/head` (linear) and some keys."""
    files = {
        "main.yaml": "defaults: [{model: mlp}, {net/head: null}, _self_]\nlr: 0.5\nname: x\nxs: [0]\nd: {x: 1}\n",
        "model/mlp.yaml": "kind: mlp\nold: 1\n",
        "model/vit.yaml": "kind: vit\n",
        "model/a b.yaml": "kind: a b\n",
        "net/head/linear.yaml": "kind: linear\n",
    }
    for name, text in files.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "conf"


def composed(config_dir: Path, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(config_dir), version_base=None):
        config = compose("main", overrides=list(overrides))
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]  # a DictConfig gives a dict


@platforms
@pytest.mark.parametrize("key", ["lr", "+model.lr", "++model.lr", "++lr", "+new.deep.lr"])
def test_a_double_is_written_alike_under_every_key(key: str, config_dir: Path, platform: Text) -> None:
    config = composed(config_dir, f"{key}={pasted('DOUBLE', platform('DOUBLE', 3.0))}")
    value = OmegaConf.select(OmegaConf.create(config), key.lstrip("+"))
    assert (type(value), value) == (float, 3.0)


@pytest.mark.parametrize(
    ("raw", "where", "kind"),
    [
        ("model='vit'", "model", "vit"),
        ("model='a b'", "model", "a b"),
        ("net/head='linear'", "net.head", "linear"),
        ("+model@aux='vit'", "aux", "vit"),
        ("+net/head@top.second='linear'", "top.second", "linear"),
        ('+model@aux=["vit"]', "aux", "vit"),
        ("+model@aux[0]='a b'", "aux", "a b"),
    ],
)
def test_a_group_takes_a_quoted_choice(raw: str, where: str, kind: str, config_dir: Path) -> None:
    config = OmegaConf.create(composed(config_dir, *rewritten(raw)))
    assert OmegaConf.select(config, where).kind == kind


def test_a_choice_needs_no_bootstrap_to_be_quoted(config_dir: Path) -> None:
    assert composed(config_dir, "model='vit'")["model"] == {"kind": "vit"}


def test_a_run_time_dict_replaces_and_a_constant_one_merges(config_dir: Path) -> None:
    assert composed(config_dir, *rewritten('d={"y":2}'))["d"] == {"y": 2}
    assert composed(config_dir, override("++d", {"y": 2}))["d"] == {"x": 1, "y": 2}
    assert composed(config_dir, override("d", {"y y": 2}))["d"] == {"y y": 2}


def test_fixed_text_around_a_raw_value_is_raw_too() -> None:
    assert config_after(*rewritten("name='run-it's ${x}'")) == {"name": "run-it's ${x}"}


# The programs


@pytest.mark.parametrize(
    ("program", "digest", "size"),
    [
        (SMALL_BOOTSTRAP, "4df2e4a8a9fe679565325a5972e8cebc7a70d4a0c571c8e039f84a7ca3b05732", 752),
        (BOOTSTRAP, "b0bc00809e2f42d9de3cac44582d59d07ca672e2164d3aab893dea6aa1ae3d0d", 2486),
    ],
    ids=["small", "large"],
)
def test_the_text_is_frozen(program: str, digest: str, size: int) -> None:
    """KFP's cache key holds the text. A failure here asks for a new version number in its first line, on purpose."""
    assert (hashlib.sha256(program.encode()).hexdigest(), len(program)) == (digest, size)


programs = pytest.mark.parametrize("program", [SMALL_BOOTSTRAP, BOOTSTRAP], ids=["small", "large"])


@programs
def test_the_text_survives_the_platforms_and_old_pythons(program: str) -> None:
    assert re.match(r"# hpc \w+ \d+: ", program)
    assert program.isascii()
    assert [word for word in ("$$", "$(", "$.", "{{", "}}") if word in program] == []
    ast.parse(program, feature_version=(3, 6))
    imported = {
        alias.name
        for node in ast.walk(ast.parse(program))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert imported <= {"json", "os", "re", "signal", "sys"}


UNTOUCHED = ["a='it's'", "b=[1.0]", 'c={"a":1}', "x[0]='y'", "--lr=0.1", "--multirun", "--config-name", "big", "~k", ""]


@programs
@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["app", *UNTOUCHED], ["app", *UNTOUCHED]),
        (["app", *UNTOUCHED, "--"], ["app", *UNTOUCHED]),
        (["app", "--", *UNTOUCHED, "--", "k='v'"], ["app", "--", *UNTOUCHED, "k='v'"]),
        (["app", "-m", "--", "k='a'b'", "w=x='it's'", "~k", "f=float(1)", "e=", "q='a','b", "x"],
         ["app", "-m", "k='a\\'b'", "w=x='it's'", "~k", "f=float(1)", "e=", "q='a','b", "x"]),
        (["app"], ["app"]),
    ],
)  # fmt: skip
def test_only_what_follows_the_last_dashes_is_changed(program: str, argv: list[str], expected: list[str]) -> None:
    assert started(program, *argv) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (["--lr=0.001"], ["lr=0.001"]),
        (["--lr", "-1e-3", "--n", "8"], ["lr=-1e-3", "n=8"]),
        (["--model.optimizer.lr=.5", "--b=true", "--c=False"], ["model.optimizer.lr=.5", "b=true", "c=False"]),
        (["--a=it's", "--b=null", "--c", "a b", "--d=", "--e"], ["a='it\\'s'", "b='null'", "c='a b'", "d=''", "e=''"]),
        (["--a=[x]", "--b=x=y", "--c", "x=y", "--d=1\n"], ["a='[x]'", "b='x=y'", "c='x=y'", "d='1\n'"]),
        (["k='v'", "--lr=1", "xs[0]='a'"], ["k='v'", "lr=1", "xs=['a']"]),
    ],
)
def test_flags_of_a_tuner_become_overrides(raw: list[str], expected: list[str]) -> None:
    assert rewritten(*raw) == expected
    config_after(*expected)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("k=[1.0,9007199254740992.0]", "k=[1,9007199254740992]"),
        ("k=[20825841884907512.0]", "k=[2.082584188490751e+16]"),
        ("k=[20825841884907512]", "k=[2.082584188490751e+16]"),
        ("k=[-20825841884907512,100000000000000000000]", "k=[-2.082584188490751e+16,1e+20]"),
    ],
)
def test_a_whole_number_that_only_a_double_can_carry_stays_a_double(raw: str, expected: str) -> None:
    assert rewritten(raw) == [expected]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (["x[0]='a'", "x[1]='b'", "y[0]='c'"], ["x=['a','b']", "y=['c']"]),
        (["+x[0]='a'", "x[0]='b'"], ["+x=['a']", "x=['b']"]),
        (["x[9]='a'", "x[10]='b'"], ["x=['a','b']"]),
        (["x='a'", "x[0]='b'"], ["x='a'", "x=['b']"]),
        (["a.b[0]=[1.0]", "a.b[1]=[]"], ["a.b=[[1],[]]"]),
        (["x=[]"], ["x=[]"]),
    ],
)
def test_neighbours_with_an_index_become_one_list(raw: list[str], expected: list[str]) -> None:
    assert rewritten(*raw) == expected


# Constants


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(None, "null"), (True, "true"), (False, "false"), (8, "8"), (-8, "-8"), (0.001, "0.001"), (1.0, "1.0")],
        *[(1e-7, "1e-07"), (1e300, "1e+300"), (2**70, str(2**70)), ("gpu", "gpu"), ("example", "example")],
        *[("a/b.c", "a/b.c"), ("/gcs/x-1.csv", "/gcs/x-1.csv"), ("_a", "_a"), ("Infinity", "Infinity"), ("a.5", "a.5")],
        *[("", "''"), ("a b", "'a b'"), ("null", "'null'"), ("True", "'True'"), ("NaN", "'NaN'"), ("inf", "'inf'")],
        *[("8", "'8'"), ("-x", "'-x'"), ("a,b", "'a,b'"), ("it's", r"'it\'s'"), ("a\\", r"'a\\'"), ("é", "'é'")],
        *[("a\\b", r"'a\b'"), ("gs://b/x", "'gs://b/x'"), (".5", "'.5'"), ("a\n", "'a\n'")],
        *[([], "[]"), ([1, "a b", ["x", None]], "[1,'a b',[x,null]]"), (("a", 1), "[a,1]")],
        *[({}, "{}"), ({"a": 1}, "{a:1}"), ({"a": {"b_1": ["x y"]}}, "{a:{b_1:['x y']}}")],
        ({"a b": 1}, r'''"${oc.create:'{? \"a b\": 1}'}"'''),
        ({"a": {"1": "x"}}, r"""{a:"${oc.create:'{? \"1\": \"x\"}'}"}"""),
        ({"null": {"a": None}}, r'''"${oc.create:'{? \"null\": {? \"a\": null}}'}"'''),
    ],
)
def test_a_constant_is_written_as_a_person_would(value: Any, text: str) -> None:
    assert constant(value) == text
    assert config_after(f"v={text}") == {"v": list(value) if isinstance(value, tuple) else value}


@pytest.mark.parametrize(
    ("value", "text", "arrives"),
    [
        ("${a.b}", "${a.b}", 7),
        ("run-${a.b}", "run-${a.b}", "run-7"),
        ("${a.b}${a.c}/x", "${a.b}${a.c}/x", "7it's/x"),
        ("run ${a.b}", "'run ${a.b}'", "run 7"),
        (r"${oc.select:x,'it\'s'}", r"${oc.select:x,'it\'s'}", "it's"),
        ("say ${oc.select:x,'b'}", "\"say ${oc.select:x,'b'}\"", "say b"),
        ('say "${oc.select:x,\'b"c\'}"', r'''"say \"${oc.select:x,'b\"c'}\""''', 'say "b"c"'),
        ('it\'s ${oc.select:x,"b"}', r"""'it\'s ${oc.select:x,"b"}'""", "it's b"),
        ("${oc.select:x,${a.b}}", "'${oc.select:x,${a.b}}'", 7),
        ("\\${a.b}", r"'\${a.b}'", "${a.b}"),
        (["${a.b}", "x ${a.c}"], "[${a.b},'x ${a.c}']", [7, "x it's"]),
        ({"k": "${a.b}"}, "{k:${a.b}}", {"k": 7}),
        ({"k k": "${a.c}"}, r'''"${oc.create:'{? \"k k\": \"\U00000024{a.c}\"}'}"''', {"k k": "it's"}),
        ("${oc.create:'{\"a b\": 1}'}", r'''"${oc.create:'{\"a b\": 1}'}"''', {"a b": 1}),
    ],
)
def test_an_interpolation_passes_through(value: Any, text: str, arrives: Any) -> None:
    assert constant(value) == text
    config = config_after(override("a", {"b": 7, "c": "it's"}), f"v={text}")
    assert config["v"] == arrives


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("trainer", "gpu", "trainer=gpu"),
        ("+logger", "wandb", "+logger=wandb"),
        ("++a.b", 1, "++a.b=1"),
        ("~callbacks.early_stopping", None, "~callbacks.early_stopping"),
        ("~a", "x y", "~a='x y'"),
        ("a", None, "a=null"),
        ("+a", None, "+a=null"),
        ("+db@backup", "mysql", "+db@backup=mysql"),
        ("hydra/launcher", "basic", "hydra/launcher=basic"),
        ("hydra.run.dir", "/x/hydra/${now:%Y-%m-%d}", "hydra.run.dir=/x/hydra/${now:%Y-%m-%d}"),
        ("tags", ["a,b", "c"], "tags=['a,b',c]"),
    ],
)
def test_an_override_keeps_its_key(key: str, value: Any, text: str) -> None:
    assert override(key, value) == text
    (parsed,) = PARSER.parse_overrides([text])
    assert (parsed.input_line, parsed.value()) == (text, value)


def test_deletions_delete(config_dir: Path) -> None:
    config = composed(config_dir, override("~name", None), override("~lr", 0.5), override("~model", "mlp"))
    assert config == {"xs": [0], "d": {"x": 1}}


# Any text, any JSON


def without_interpolations(value: Any) -> bool:
    return "${" not in json.dumps(value)


@settings(max_examples=400, deadline=None)
@given(TEXT)
@example("\\\\${a}\\")
def test_any_text_is_quoted_exactly(text: str) -> None:
    assert config_after(f"v={quoted(text)}") == {"v": text}
    assert config_after(f"v=[{quoted(text)},{quoted(text)}]") == {"v": [text, text]}


@settings(max_examples=400, deadline=None)
@given(JSON.filter(without_interpolations))
def test_any_constant_keeps_value_and_type(value: Any) -> None:
    assert same(config_after(override("v", value)), {"v": value})


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4))
def test_any_text_passes_the_bootstrap(texts: list[str]) -> None:
    raw = [f"v[{n}]='{text}'" for n, text in enumerate(texts)]
    assert config_after(*rewritten(*raw)) == {"v": texts}
    single = [f"k{n}='{text}'" for n, text in enumerate(texts)]
    assert config_after(*rewritten(*single, program=SMALL_BOOTSTRAP)) == {f"k{n}": text for n, text in enumerate(texts)}


@settings(max_examples=400, deadline=None)
@given(st.lists(JSON, max_size=4) | st.dictionaries(TEXT, JSON, max_size=4), st.sampled_from(TEXTS))
def test_any_json_passes_the_bootstrap(value: Any, platform: Text) -> None:
    text = f"v={platform('LIST', value)}"
    assert normal(config_after(*rewritten(text))) == normal({"v": value})


def normal(value: Any) -> str:
    """JSON text with sorted keys and every number a double, which is all that a platform carries."""
    return json.dumps(as_floats(with_whole_numbers(value)), sort_keys=True)


# Real processes

APP = """
import json, sys
import hydra
from omegaconf import OmegaConf

@hydra.main(config_path="conf", config_name="main", version_base=None)
def main(config):
    print(json.dumps(OmegaConf.to_container(config, resolve=True)))
    if "exit" in config:
        sys.exit(config.exit)

main()
"""


def run(*argv: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", *argv], cwd=where, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def app(config_dir: Path) -> list[str]:
    """A real Hydra application beside `config_dir`; it prints its config and exits with the config's `exit`."""
    (config_dir.parent / "app.py").write_text(APP)
    return [sys.executable, "app.py", "hydra.run.dir=out", "hydra.sweep.dir=out", "hydra/job_logging=none"]


@programs
def test_a_real_application_gets_strings(program: str, app: list[str], tmp_path: Path) -> None:
    values = [text for text in STRINGS if len(text) < 100]
    raw = [f"+k{n}='{text}'" for n, text in enumerate(values)]
    done = run(program, *app, "lr=float(3)", "--", "model='a b'", *raw, where=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    config = json.loads(done.stdout)
    assert [config[f"k{n}"] for n in range(len(values))] == values
    assert (config["lr"], config["model"]) == (3.0, {"kind": "a b"})


@platforms
def test_a_real_application_gets_lists_dicts_and_flags(platform: Text, app: list[str], tmp_path: Path) -> None:
    raw = [f"+k{n}={platform('LIST', value)}" for n, value in enumerate(LISTS + STRUCTS)]
    gathered = ["xs[0]='it's'", "xs[1]='${x}'", "xs[2]=']'"]
    done = run(BOOTSTRAP, *app, "--", *raw, *gathered, "--lr=0.25", "--name", "a, b", where=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    config = json.loads(done.stdout)
    assert [config[f"k{n}"] for n in range(len(raw))] == with_whole_numbers(LISTS + STRUCTS)
    assert (config["xs"], config["lr"], config["name"]) == (["it's", "${x}", "]"], 0.25, "a, b")


def test_a_real_sweep_keeps_its_options(app: list[str], tmp_path: Path) -> None:
    interpreter, script, *overrides = app
    done = run(BOOTSTRAP, interpreter, script, "-m", *overrides, "lr=1,2", "--", "name='it's'", where=tmp_path)
    configs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [(config["lr"], config["name"]) for config in configs] == [(1, "it's"), (2, "it's")]


def test_hydra_refuses_overrides_on_both_sides_of_an_option(app: list[str], tmp_path: Path) -> None:
    done = run(BOOTSTRAP, *app, "--multirun", "lr=1,2", where=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "app.py: error: unrecognized arguments: lr=1,2")


def test_a_real_application_starts_without_dashes(app: list[str], tmp_path: Path) -> None:
    done = run(BOOTSTRAP, *app, "name='kept'", where=tmp_path)
    assert json.loads(done.stdout)["name"] == "kept"


@pytest.mark.parametrize(
    "locale", [{"PYTHONUTF8": "1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_text_is_utf8_in_every_locale(locale: dict[str, str]) -> None:
    show = "import os, sys; print(ascii([os.fsencode(text).decode() for text in sys.argv[1:]]))"
    raw = ["a='é'", 'b=["é😀","\\u00e9\\ud83d\\ude00"]', 'c={"é":"\\u00e9"}']
    argv = [sys.executable, "-c", BOOTSTRAP, sys.executable, "-c", show, "--", *raw]
    out = subprocess.run(
        [part.encode() for part in argv], env={**os.environ, **locale}, check=True, capture_output=True
    )
    texts = ast.literal_eval(out.stdout.decode())
    assert config_after(*texts) == {"a": "é", "b": ["é😀", "é😀"], "c": {"é": "é"}}


@programs
def test_the_exit_code_is_the_applications(program: str, app: list[str], tmp_path: Path) -> None:
    assert run(program, *app, "+exit=3", "--", "name='x'", where=tmp_path).returncode == 3


@programs
def test_the_program_takes_the_place_of_the_bootstrap(program: str) -> None:
    show = "import os; print(os.getpid())"
    with subprocess.Popen(
        [sys.executable, "-c", program, sys.executable, "-c", show], stdout=subprocess.PIPE
    ) as process:
        out, _ = process.communicate()
    assert int(out) == process.pid


@programs
def test_modules_of_the_program_do_not_come_in_between(program: str, tmp_path: Path) -> None:
    for name in ("json", "re", "signal", "types", "enum"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the program')")
    assert run(program, "echo", "started", where=tmp_path).stdout == "started\n"


@programs
def test_signals_are_as_a_shell_gives_them(program: str, tmp_path: Path) -> None:
    """Python ignores SIGPIPE, and what it starts would too: `yes | head` in a script would never end."""
    ignored = run(program, "grep", "SigIgn", "/proc/self/status", where=tmp_path).stdout.split()[1]
    assert not int(ignored, 16) >> (signal.SIGPIPE - 1) & 1


@programs
@pytest.mark.parametrize("argv", [["no-such-program", "--", "k='v'"], ["./data"], []])
def test_a_missing_program_is_one_line_and_127(program: str, argv: list[str], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not executable")
    done = run(program, *argv, where=tmp_path)
    assert (done.returncode, done.stdout) == (127, "")
    assert re.fullmatch(rf"hpc: cannot start {re.escape(str(argv[:1]))}: .+\n", done.stderr)


@pytest.mark.parametrize("text", ['["a"', "{a: 1}", '{"secret": nope}', "[1] tail"])
def test_what_is_not_json_is_one_line_and_2(text: str, tmp_path: Path) -> None:
    done = run(BOOTSTRAP, "true", "--", f"model.layers={text}", where=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"hpc: model\.layers is not JSON: [\w ,':()]+\n", done.stderr)
    assert "secret" not in done.stderr


KEYS = [
    "a",
    "a.b",
    "a.b.c",
    "a-b",
    "_a",
    "a_1",
    "a.1",
    "a.0.b",
    "$a",
    "a$b",
    "+a",
    "++a",
    "~a",
    "+a.b",
    "~a.b",
    "db@src",
    "db@src.x",
    "db@a:b",
    "db@:b",
    "db@a:",
    "a/b",
    "a/b/c",
    "a/b@c",
    "a/b@c.d",
    "hydra.run.dir",
    "hydra/launcher",
    "+hydra/launcher",
    "model@_here_",
    "+db@pkg.sub",
    "a.b-c",
    ".a",
    "a.",
    "a..b",
    "1a",
    "1",
    "a#b",
    "a:b",
    "a;b",
    "é",
    "a!b",
    "a*b",
    "a?",
    "~~a",
    "+++a",
    "a=b",
    "a,b",
    "a'b",
    "a[b]",
    "a{b}",
    "a(b)",
    "a@b@c",
    "a/",
    "/a",
    "a//b",
    "a/b.c",
    "a\\b",
    "a%b",
]


@pytest.mark.parametrize("key", [*KEYS, "a b", " a", "a ", "a\tb"])
def test_keys_are_those_of_the_real_parser(key: str) -> None:
    try:
        parsed = PARSER.parse_override(f"{key}=1")
        accepted = key.lstrip("+~") == parsed.get_key_element().lstrip("+~")
    except Exception:  # noqa: BLE001  whatever the parser raises, it does not read the key
        accepted = False
    assert is_key(key) == accepted


@given(st.text(st.sampled_from("ab1_-.$/@:+~ é"), min_size=1, max_size=8))
@settings(deadline=None, max_examples=500)
def test_no_key_is_accepted_that_the_real_parser_refuses(key: str) -> None:
    if is_key(key):
        PARSER.parse_override(f"{key}=1")
