"""The stage `read`: strict YAML, judged by PyYAML and OmegaConf where those agree with it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from hpc.diagnostics import Diagnostic, Place, Rejected, Source, Span
from hpc.spec import nodes, scalars
from hpc.spec.document import RULES, Document, Node, decode, read, read_value, warnings
from hpc.spec.yaml_errors import RULES as SYNTAX_RULES


@pytest.fixture(params=["C", "Python"])
def each_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with libyaml and with PyYAML's own parser."""
    if request.param == "C" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    loaders = {"C": "CSafeLoader", "Python": "_PythonLoader"}
    monkeypatch.setattr(nodes, "_LOADER", getattr(yaml if request.param == "C" else nodes, loaders[request.param]))


def document(text: str) -> Document:
    return read(Source("pipeline.yaml", text))


def refused(text: str) -> list[Diagnostic]:
    with pytest.raises(Rejected) as caught:
        document(text)
    return caught.value.diagnostics


def shown(diagnostic: Diagnostic) -> str:
    line, column = diagnostic.span.position
    return f"{line}:{column} {diagnostic.rule.code} {diagnostic.fact} Fix: {diagnostic.fix}"


def slice_of(span: Span) -> str:
    return span.source.text[span.start : span.end]


def every(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node.value, dict):
        for child in node.value.values():
            yield from every(child)
    elif isinstance(node.value, list):
        for child in node.value:
            yield from every(child)


# Values and their places


def test_a_small_file_gives_plain_values() -> None:
    text = """\
hpc: 1
name: mnist-train   # a comment
rates: [1e-4, .5, -2, 0x1F]
flags: {a: true, b: null, c: , d: ~}
text: |
  two
    lines
folded: >-
  one
  line
"""
    expected = {
        "hpc": 1,
        "name": "mnist-train",
        "rates": [0.0001, 0.5, -2, 31],
        "flags": {"a": True, "b": None, "c": None, "d": None},
        "text": "two\n  lines\n",
        "folded": "one line",
    }
    assert document(text).plain() == expected
    assert [type(value) for value in document(text).plain()["rates"]] == [float, float, int, int]


@pytest.mark.usefixtures("each_parser")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_value_and_key_has_its_characters(end: str) -> None:
    text = end.join(
        [
            "# 😀 \u2028 \x85 evil: 1",
            "plain: two words   # comment",
            "ключ: 'it''s 😀'",
            '"quoted key": "a\\nb"',
            "flow: [a, {b: 1,  c: [x]}, d: e ]",
            "block:",
            "  - one: 1",
            "    two:",
            "  - |-",
            "    text",
            "",
            "# after",
            "anchored: &x !!",
        ]
    ).replace(" !!", "  3.5")
    root = document(text).root
    spans = {
        ("plain",): "two words",
        ("ключ",): "'it''s 😀'",
        ("quoted key",): '"a\\nb"',
        ("flow",): "[a, {b: 1,  c: [x]}, d: e ]",
        ("flow", 1): "{b: 1,  c: [x]}",
        ("flow", 1, "c"): "[x]",
        ("flow", 2): "d: e",
        ("flow", 2, "d"): "e",
        ("block",): end.join(["- one: 1", "    two:", "  - |-", "    text"]),
        ("block", 0): f"one: 1{end}    two:",
        ("block", 1): f"|-{end}    text",
        ("anchored",): "3.5",
    }
    found = {path: slice_of(Document(root).locate(Place(path))) for path in spans}
    assert found == spans
    keys = [slice_of(span) for node in every(root) for span in (node.keys or {}).values()]
    assert keys == [
        *("plain", "ключ", '"quoted key"', "flow", "block", "anchored", "b", "c", "d", "one", "two"),
    ]
    assert [node.style for node in root.value.values()] == ["", "'", '"', "", "", ""]  # type: ignore[union-attr]
    assert Document(root).at(("block", 1)).style == "|"  # type: ignore[union-attr]


@pytest.mark.usefixtures("each_parser")
def test_lines_are_counted_by_lf_crlf_and_cr_only() -> None:
    text = 'a: "x \x85 y"\r\nb: p\u2028q\rc: \u2029\n# \x85 d: 1\nyes: 1\n'
    [found] = refused(text)
    assert found.span.position == (5, 1)
    assert document(text.replace("yes", "e")).plain() == {"a": "x \x85 y", "b": "p\u2028q", "c": "\u2029", "e": 1}


@pytest.mark.usefixtures("each_parser")
def test_a_byte_order_mark_is_dropped() -> None:
    source = decode(b"\xef\xbb\xbfhpc: yes\n", "p.yaml")
    assert source.text == "hpc: yes\n"
    for text in (source.text, "\ufeff" + source.text):
        [found] = refused(text)
        assert found.span.position == (1, 6)
        assert found.span.source.text == source.text


def test_document_at_and_locate() -> None:
    text = "components:\n  train:\n    inputs: {lr: [float, int]}\n"
    read_text = document(text)
    node = read_text.at(("components", "train", "inputs", "lr", 1))
    assert node is not None
    assert (node.value, slice_of(node.span)) == ("int", "int")
    assert read_text.at(("components", "other")) is None
    assert read_text.at(("components", "train", "inputs", "lr", 2)) is None
    assert read_text.at(("components", "train", "inputs", "lr", 0, "x")) is None

    def at(*path: str | int, on: Any = "value") -> str:
        return slice_of(read_text.locate(Place(path, on)))

    assert at("components", "train", "container", "inputs", "lr", "list[str]", 0) == "float"
    assert at("components", "train", "container", "inputs", "lr", "[key]", on="key") == "lr"
    assert at("components", "train", on="key") == "train"
    assert at("components", "train", "image", on="key") == "train"
    assert at("components", "train", "inputs", "epochs") == "{lr: [float, int]}"
    assert at("components", "train", "inputs", "lr", 0, on="key") == "float"
    assert at(on="key") == text.rstrip()
    assert at("nothing") == text.rstrip()


@pytest.mark.parametrize(
    ("written", "start", "length", "expected"),
    [
        ("a.x -> b.y", 7, 3, "b.y"),
        ("'it''s a -> b'", 5, 1, "a"),
        ("'it''s a -> b'", 2, 1, "''"),
        (r'"tab\there \u0041\x42\"c"', 4, 4, "here"),
        (r'"tab\there \u0041\x42\"c"', 9, 2, r"\u0041\x42"),
        (r'"tab\there \u0041\x42\"c"', 11, 2, r"\"c"),
        ("a.x\n     -> b.y", 7, 3, "b.y"),
        ("'a.x\n\n     -> b''.y'", 7, 2, "b''"),
        ('"a.x \\\n     -> b.y"', 7, 3, "b.y"),
        ("|\n    a.x\n      -> b.y\n", 9, 3, "b.y"),
        ("|2-  # note\n    a.x -> b.y\n", 7 + 2, 3, "b.y"),
        (">\n   a.x\n   -> b.y\n", 7, 3, "b.y"),
        ("short", 5, 1, ""),
        ("short", 3, 99, "rt"),
        ("42", 0, 1, "42"),
    ],
)
def test_places_inside_a_text(written: str, start: int, length: int, expected: str) -> None:
    read_text = document(f"k: {written}")
    assert slice_of(read_text.locate(Place(("k",), start=start, length=length))) == expected


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x85\u2028\u2029"), max_size=60)


@settings(deadline=None)
@given(TEXTS, st.sampled_from([None, "'", '"', "|", ">"]), st.sampled_from([20, 80]))
def test_each_visible_character_of_a_text_is_found_in_the_file(text: str, style: str | None, width: int) -> None:
    if style is None and _is_refused(text):
        return
    written = yaml.dump({"key": [text]}, default_style=style, width=width, allow_unicode=True)
    node = document(written).at(("key", 0))
    assert node is not None
    extents = scalars.characters(slice_of(node.span), node.style, text)
    assert extents is not None
    for char, (start, end) in zip(text, extents, strict=True):
        piece = slice_of(node.span)[start:end]
        if char in " \t\n":
            continue
        assert char == (yaml.safe_load(f'"{piece}"') if node.style == '"' else piece[:1])


# Forty wrong inputs: those that this stage finds


ROWS = {
    "3 tab": (
        "components:\n  train:\n\timage: trainer\n",
        "3:1 HPC002 a tab is used for indentation; YAML allows only spaces. Fix: replace it with spaces (2 per level).",
    ),
    "4 one space too deep": (
        "components:\n  prepare:\n    image: prep\n    command: [python, main.py]\n     outputs: {d: Dataset}\n",
        "5:6 HPC003 this line starts in column 6, but its block starts in column 5. "
        "Fix: move it to column 5 (2 spaces per level).",
    ),
    "5 duplicate": (
        "components:\n  train: {image: a}\n  other: {image: b}\n  train: {image: c}\n",
        "4:3 HPC004 key `train` appears twice in the same mapping (first on line 2); "
        "YAML would silently keep only the last. Fix: rename or remove one of them.",
    ),
    "6 yes": (
        "accelerators:\n  t4: {machine: n1-standard-4, spot: yes}\n",
        "2:38 HPC005 `yes` is true/false to YAML 1.1 tools and text to YAML 1.2 tools, so hpc refuses to guess. "
        'Fix: write `true`, or quote it: "yes".',
    ),
    "7 underscores": (
        "inputs:\n  rows: {type: int, default: 55_000}\n",
        "2:30 HPC005 `55_000` is a number to some YAML tools and text to others. Fix: write `55000`, or quote it.",
    ),
    "8 merge key": (
        "x-base: &base {image: a}\ncomponents:\n  train:\n    <<: *base\n",
        "4:5 HPC006 merge key `<<` is not supported: errors could not point at one place, and YAML 1.2 dropped it. "
        "Fix: share settings with `defaults:`, or with `uses: <component>` plus the keys that differ.",
    ),
    "9 billion laughs": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)),
        "5:8 HPC011 aliases add more than 20,000 values to this file. "
        "Fix: remove nested `*aliases`; use `defaults:` or `uses:` to share settings.",
    ),
    "10 braces": (
        "overrides:\n  name: {{ inputs.experiment }}\n",
        "2:9 HPC007 `{{` at the start of a value opens a YAML mapping, not an expression. "
        "Fix: hpc expressions are `${{ … }}`; write `${{` with the dollar sign.",
    ),
    "10 braces and more text": (
        "overrides:\n  name: {{ inputs.experiment }}-v1\n",
        "2:9 HPC007 `{{` at the start of a value opens a YAML mapping, not an expression. "
        "Fix: hpc expressions are `${{ … }}`; write `${{` with the dollar sign.",
    ),
    "11 unquoted in brackets": (
        "components:\n  train:\n    args: [--x, ${{ inputs.experiment }}]\n",
        "3:17 HPC008 `${{ … }}` inside `[ ]` or `{ }` must be quoted: YAML reads its braces as a mapping. "
        'Fix: write "${{ inputs.experiment }}".',
    ),
    "11 inside braces": (
        "steps: {a: {with: {uri: gs://${{ vars.b }}/x, n: 1}}}\n",
        "1:25 HPC008 `${{ … }}` inside `[ ]` or `{ }` must be quoted: YAML reads its braces as a mapping. "
        'Fix: write "gs://${{ vars.b }}/x".',
    ),
}


@pytest.mark.usefixtures("each_parser")
@pytest.mark.parametrize(("text", "message"), ROWS.values(), ids=ROWS)
def test_rows_of_the_language(text: str, message: str) -> None:
    assert [shown(found) for found in refused(text)] == [message]


# What else is refused, one message each: position, code, beginning of the fact


REFUSED = {
    "": "1:1 HPC012 the file is empty.",
    "# only a comment\n": "1:1 HPC012 the file is empty.",
    "---\n": "1:1 HPC012 the file is empty.",
    "- a\n": "1:1 HPC012 the file is a list",
    "hpc:1\n": "1:1 HPC012 the file is a single value",
    "k: !Ref x\n": "1:4 HPC009 tag `!Ref` is not part of hpc",
    "k: &a !!python/object:os.x [1]\n": "1:7 HPC009 tag `!!python/object:os.x`",
    "k: !\n": "1:4 HPC009 tag `!`",
    "!x k: 1\n": "1:1 HPC009 tag `!x`",
    "a: 1\n---\nb: [\n": "2:1 HPC010 a second YAML document",
    "a: *x\n": "1:4 HPC011 alias `*x` has no anchor `&x` above it",
    "a: &x [*x]\n": "1:8 HPC011 alias `*x` stands inside",
    "a: &x {b: {c: *x}}\n": "1:15 HPC011 alias `*x` stands inside",
    "a: &x 1\nb: &x 2\n": "2:4 HPC011 the anchor `&x` stands twice",
    "a\x00b": "1:2 HPC014 YAML does not allow the character U+0000",
    "a: b\ufeff": "1:5 HPC014 YAML does not allow the character U+FEFF",
    "a: \ud800": "1:4 HPC014 YAML does not allow the character U+D800",
    "a: [\x1b": "1:5 HPC014 YAML does not allow the character U+001B",
    "%YAML 1.1\n---\na: 1\n": "1:1 HPC016 the directive `%YAML 1.1`",
    "%YAML 3.0\n---\na: 1\n": "1:1 HPC016 the directive `%YAML 3.0`",
    "# x\n%TAG ! tag:x,2000:\n---\na: 1\n": "2:1 HPC016 the directive `%TAG ! tag:x,2000:`",
    "%percent\n": "1:1 HPC016 the directive `%percent`",
    "k: .inf\n": "1:4 HPC017 `.inf` is not a finite number",
    "k: -.NaN\nj: .NaN\n": "2:4 HPC017 `.NaN`",
    "k: 1e999\n": "1:4 HPC017 `1e999` is too large",
    f"k: {'9' * 5000}\n": "1:4 HPC017 this number has 5000 digits",
    "[a]: 1\n": "1:1 HPC018 a key must be text, not a list or mapping",
    "? {a: 1}\n: 1\n": "1:3 HPC018 a key must be text, not a list or mapping",
    "a: &x 1\nb: {*x : 2}\n": "2:5 HPC018 a key must be text, not an alias",
    "~: 1\n": "1:1 HPC018 key `~` is null",
    "k: {: 1}\n": "1:5 HPC001 no key stands before this `:`.",
    "on: 1\n": "1:1 HPC005 key `on` is true/false",
    "1:30: 1\n": "1:1 HPC005 `1:30` is a base-60 number",
    "k: {{ a | b }}\n": "1:4 HPC007",
    "{{ a }}: 1\n": "1:1 HPC007",
    "k: [{{ a }}-b]\n": "1:5 HPC007",
    "k: {{ a\nb: 1\n": "1:4 HPC007",
    "k: {a: ${{ i.e }}}\n": "1:8 HPC008",
    "k: {${{ i.e }}: 1}\n": "1:5 HPC008",
    "k:\n  [a,\n   ${{ i.e }}]\n": "3:4 HPC008",
    "a:\n  b: 1\n\tc: 2\n": "3:1 HPC002",
    "a:\n  - x\n  \t- y\n": "3:3 HPC002",
    "a: [1]\n\tb: 2\n": "2:1 HPC002",
    "a: 1\n b: 2\n": "2:2 HPC003 this line starts in column 2, but its block starts in column 1.",
    " a: 1\nb: 2\n": "2:1 HPC003 this line starts in column 1, but its block starts in column 2.",
    "a:\n    b: 1\n  c: 2\n": "3:3 HPC003 this line starts in column 3, but the blocks around it",
    "a:\n  - x: [1]\n     y: 2\n": "3:6 HPC003 this line starts in column 6, but its block starts in column 5.",
    "a:\n  - x\n - y\n": "3:2 HPC003 this line starts in column 2, but the blocks around it start in columns 1 and 3.",
    "- a\nb: 1\n": "2:1 HPC001 list items (`- `) and keys are mixed",
    "k: a: b\n": "1:5 HPC001 `: ` inside unquoted text",
    "k: 'abc\nj: 1\n": "1:4 HPC001 the quote ' opened here is never closed.",
    'k: "a" b\n': '1:8 HPC001 text follows a closed ".',
    "k: 'it's'\n": "1:8 HPC001 text follows a closed '.",
    "- [a, b] -> c\n": "1:10 HPC001 text follows a closed `]`.",
    "k: [1]]\n": "1:7 HPC001 `]` closes a bracket that is not open.",
    "k: [1, 2\n": "1:4 HPC001 the `[` opened here is never closed.",
    "k: [1, 2\nb: 3\n": "2:2 HPC001 a `,` is missing here, or the `[` opened on line 1 is not closed.",
    "k: {a: 1 b: 2}\n": "1:11 HPC001 a `,` is missing here",
    "k: [a.{x, y} -> b]\n": "1:7 HPC001 unquoted text inside `[ ]` or `{ }` ends at `{`.",
    "k: @foo\n": "1:4 HPC001 unquoted text cannot start with `@`.",
    "k: `foo`\n": "1:4 HPC001 unquoted text cannot start with a backtick.",
    "k: %foo\n": "1:4 HPC001 unquoted text cannot start with `%`.",
    "k: ]\n": "1:4 HPC001 unquoted text cannot start with `]`.",
    "k: ? x\n": "1:4 HPC001 unquoted text cannot start with `?`.",
    "k: *.txt\n": "1:4 HPC001 `*` at the start of a value stands for an alias.",
    "k: *foo bar\n": "1:4 HPC001 `*` at the start of a value stands for an alias.",
    "k: & b\n": "1:4 HPC001 `&` at the start of a value stands for an anchor.",
    "k: !a{b\n": "1:4 HPC001 `!` at the start of a value stands for a tag.",
    "k: >= 3\n": "1:4 HPC001 `>` at the start of a value stands for a block of text",
    'k: "\\d"\n': '1:5 HPC001 `\\d` is not an escape sequence of "…".',
    'k: "\\ud83d\\ude00"\n': "1:5 HPC001 `\\ud83d` is not a character",
    '"a\\udc00": 1\n': "1:3 HPC001 `\\udc00` is not a character",
    "k: [a, b,": "1:10 HPC001 the file ends inside `[ ]` or `{ }`.",
    "k: [a,, b]\n": "1:7 HPC001 a value is missing before this `,`.",
    f"k: {'a' * 3000} b: c: d\n": "1:3006 HPC001 `: ` inside unquoted text",
    "k: - a\n": "1:4 HPC001 a list cannot start on the line of its key.",
    "name:mnist\nhpc: 1\n": "1:5 HPC001 a space is missing after this `:`.",
    "hpc: 1\nname:mnist\nb: 1\n": "2:5 HPC001 a space is missing after this `:`.",
    "hpc: 1\nfoo\nname: x\n": "2:1 HPC001 `foo` stands where a key should",
    "a: 1\n: 2\n": "2:1 HPC001 no key stands before this `:`.",
}


@pytest.mark.usefixtures("each_parser")
@pytest.mark.parametrize(("text", "beginning"), REFUSED.items())
def test_mistakes_are_named(text: str, beginning: str) -> None:
    found = [shown(each) for each in refused(text)]
    assert [each[: len(beginning)] for each in found] == [beginning]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("k: *.txt  # all\n", 'quote the value: "*.txt".'),
        ('k: @a "b"\n', "quote the value: '…'."),
        ("on: 1\n", 'quote it: "on".'),
        ('k: [a, "${{ b }}", c ${{ d }} e\\n , f]\n', 'write "c ${{ d }} e\\n".'),
        ("k: 0o17\n", "write `15`, or quote it."),
        ("k: 017\n", 'write `17` (or `15` if octal is meant), or quote it: "017".'),
        ("k: -.5\n", "write `-0.5`, or quote it."),
        ("k: 2024-01-31\n", 'quote it: "2024-01-31".'),
        ("k: \x07\n", 'remove it; inside double quotes it can be written "\\x07".'),
    ],
)
def test_the_fix_is_what_to_type(text: str, fix: str) -> None:
    assert [each.fix for each in refused(text)] == [fix]


def test_all_mistakes_are_found_and_sorted_up_to_a_syntax_error() -> None:
    text = "b: {yes: 1, x: no}\na: 1\na: !x 2\n<<: 3\nc: 017\nd: 'x\ne: off\n"
    found = [(each.span.position[0], each.rule.code) for each in refused(text)]
    assert found == [
        *((1, "HPC005"), (1, "HPC005"), (3, "HPC004"), (3, "HPC009")),
        *((4, "HPC006"), (5, "HPC005"), (6, "HPC001")),
    ]


def test_every_rule_has_a_bad_case_and_a_code_of_its_own() -> None:
    codes = sorted(rule.code for rule in (*RULES, *SYNTAX_RULES))
    assert codes == [f"HPC{number:03d}" for number in range(1, 19)]
    expected = [message for _, message in ROWS.values()] + list(REFUSED.values())
    found = {message.split()[1] for message in expected}
    assert set(codes) - found == {"HPC013", "HPC015"}  # those have tests of their own


# Scalars


SCALARS = """\
0 1 -1 +1 42 00 01 017 08 -017 0o17 0O17 0b1 0b12 0B1 0x1F 0x1f 0X1F -0x1F 0x 0xg 0x1_F 1_000 1_ _1 1__0
1_000.5 1._5 1.5_0 1.0 1. -1.5 +1.5 .5 -.5 +.5 .5e3 .5e-3 .5e+3 1e5 1e-4 1E+3 1.e3 1.5e3 017.5 01e5 08.5 0e5 1e 1e+ e5
1.2.3 1.2.3.4 . .. + -- --x -x .x ... 1:30 1:99 0:30 12:30:45 8080:80 22:22 -1:30 1:30.5 1_0:30 10:30:99 2024-01-01
2024-1-1 2024-01-01T10:00:00Z 2024-01-01t10:00:00 2024-01-01x 20240101 12-30 .inf -.inf +.inf .Inf .INF .iNF inf .nan
.NaN .NAN nan +.nan true True TRUE tRUE false False FALSE null Null NULL nULL ~ ~a yes Yes YES yEs no No NO on On ON
off Off OFF y Y n N = << 1e999 -1e999 1a 1-2 3d 5m 15GB 1/2 ./a ../b a:b http://x:80 x.y 1,5 1,000 $x 1% 0x1.8p3 1f
1e5_0 9007199254740993 123456789012345678901234567890 t4 v3.1.0 1.4.2 +logger ~cb 0_1 0_ 0b_ 0b1_0 ._5 1.5e 1_0e3 -0
-0.0 0. 1e5.5 190:20:30 190:20:30.15 -_ +_1 ${a.b} gs://b/m/7 list<float> a->b python:3.11 2>1 a#b
"""
SPACED = [
    *(
        "2024-01-01 10:00:00",
        "0 3 * * 1",
        "1 2",
        "yes no",
        "'yes'",
        '"017"',
        '"a\\tb\\u263a"',
        "x  # c",
        "",
        "a\n  b\n",
    ),
    *(
        "[1, a, null]",
        "{a: 1.5, b: {c: true}}",
        "|\n  a\n  b\n",
        ">-\n  a\n  b\n",
        "a -> b when c > 0.5",
    ),
]
REFUSED_SCALARS = """\
00 01 017 08 -017 0o17 0b1 -0x1F 0x1_F 1_000 1_ 1__0 1_000.5 1._5 1.5_0 -.5 +.5 .5e3 1:30 0:30 12:30:45 22:22 -1:30
1:30.5 1_0:30 2024-01-01 2024-1-1 2024-01-01T10:00:00Z 2024-01-01t10:00:00 .inf -.inf +.inf .Inf .INF .nan .NaN .NAN
yes Yes YES no No NO on On ON off Off OFF y Y n N 1e999 -1e999 0_1 0_ 0b_ 0b1_0 1_0e3 190:20:30 190:20:30.15
"""
# YAML 1.1 types that no tool uses: OmegaConf fails on them.
ONLY_HERE = {"=", "<<"}
WORDS_AND_NUMBERS = "HPC005", "HPC017"


@pytest.mark.parametrize("text", [*SCALARS.split(), *SPACED])
def test_what_is_read_is_what_omegaconf_reads(text: str) -> None:
    try:
        value = read_value(f"k: {text}", "--set").plain()["k"]
    except Rejected as rejected:
        assert [each.rule.code in WORDS_AND_NUMBERS for each in rejected.diagnostics] == [True]
        return
    if text in ONLY_HERE:
        assert value == text
        return
    assert repr(value) == repr(_omegaconf(text))


def test_the_scalars_that_are_refused_are_these() -> None:
    assert [text for text in SCALARS.split() if _is_refused(text)] == REFUSED_SCALARS.split()


def _is_refused(text: str) -> bool:
    try:
        scalars.resolve(text)
    except scalars.ScalarError:
        return True
    return False


@given(st.from_regex(r"[-+]?[0-9.][0-9a-fA-FxobeE_:.+-]{0,9}", fullmatch=True).filter(lambda text: text[-1] != ":"))
@settings(deadline=None, max_examples=400)
def test_numbers_are_read_alike_or_refused(text: str) -> None:
    try:
        value = scalars.resolve(text)
    except scalars.ScalarError as error:
        offered = error.fix.split("`")
        if offered[0] == "write ":
            assert isinstance(scalars.resolve(offered[1]), int | float)
        return
    assert repr(value) == repr(_omegaconf(text))


def _omegaconf(text: str) -> object:
    return OmegaConf.to_container(OmegaConf.create(f"k: {text}"))["k"]  # type: ignore[index,call-overload]


def test_keys_are_text() -> None:
    text = 'm: {1: a, true: b, 1.5: c, y: d, n: e, 0x1: f, "": g, "on": h, "null": i, "<<": j, x y: k}\n'
    assert list(document(text).plain()["m"]) == ["1", "true", "1.5", "y", "n", "0x1", "", "on", "null", "<<", "x y"]
    assert [each.rule.code for each in refused('m: {1: a, "1": b}\n')] == ["HPC004"]


def test_messages_stay_short() -> None:
    long = "7" * 5000
    texts = [f"k: {head}{long}\n" for head in ("0", "0o", "1_", "1e", "*", "!", "")]
    texts += [f"{long}1_: 1\n", f"k{long}: 1\nk{long}: 2\n", f"a: &{long} 1\nb: &{long} 2\n", f"@{long}\n"]
    for text in texts:
        for found in refused(text):
            assert len(found.fact) + len(found.fix) < 400, found.rule.code


# Aliases and depth


def test_aliases_share_values_and_their_places() -> None:
    text = "x-a: &a {b: [1, &two 2]}\nc: *a\nd: *two\n"
    read_text = document(text)
    assert read_text.plain() == {"x-a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": 2}
    assert read_text.locate(Place(("c", "b", 1))).position == (1, 22)
    assert read_text.locate(Place(("c",), "key")).position == (2, 1)


@pytest.mark.parametrize(("uses", "fits"), [(199, True), (200, True), (201, False)])
def test_only_what_aliases_add_is_counted(uses: int, fits: bool) -> None:
    shared = f"a: &a [{', '.join('x' * 99)}]\n"  # 100 values
    own = "".join(f"k{number}: [1, 2, 3]\n" for number in range(8000))
    text = shared + own + f"b: [{', '.join(['*a'] * uses)}]\n"
    if fits:
        assert len(document(text).plain()["b"]) == uses
    else:
        assert [each.rule.code for each in refused(text)] == ["HPC011"]


@pytest.mark.usefixtures("each_parser")
@pytest.mark.parametrize("unit", ["[", "{a: ", "- ", "? ", "[[", "{? "])
@pytest.mark.parametrize("count", [101, 100_000])
def test_deep_nesting_is_refused(unit: str, count: int) -> None:
    found = refused("k:\n  " + unit * count)
    assert [each.rule.code for each in found] == (["HPC018", "HPC013"] if "?" in unit else ["HPC013"])


def test_a_hundred_levels_are_fine() -> None:
    assert document("k: " + "[" * 99 + "]" * 99).root.span.end == 201
    [found] = refused("k: " + "[" * 100 + "]" * 100)
    assert shown(found).startswith("1:103 HPC013 values are nested more than 100 levels deep here.")


def test_aliases_cannot_be_used_to_nest_deeper() -> None:
    lines = ["a0: &a0 x\n"] + [f"a{n}: &a{n} {'[' * 40}*a{n - 1}{']' * 40}\n" for n in range(1, 30)]
    assert [each.rule.code for each in refused("".join(lines))] == ["HPC013"]


# Any text at all


@given(
    st.binary(max_size=80)
    | st.text(alphabet="{}[]:,-?&*!|>'\"%@`#$<=~ \t\n\\abux01\ufeff\x85", max_size=60).map(str.encode)
)
@settings(deadline=None, max_examples=1000)
def test_any_bytes_give_a_document_or_are_rejected(data: bytes) -> None:
    _reads_or_rejects(data)


@given(st.text(alphabet="{}[]:,-?&*!|>'\"%#$ \t\n\\abUu01", max_size=40))
@settings(deadline=None, max_examples=300)
def test_the_python_parser_lets_nothing_else_escape(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "_LOADER", nodes._PythonLoader)
        _reads_or_rejects(text.encode())
        _reads_or_rejects(f'"{text}\\UFFFFFFFF\\U00110000'.encode())


def _reads_or_rejects(data: bytes) -> None:
    try:
        read_text = read(decode(data, "any"))
    except Rejected as rejected:
        assert rejected.diagnostics
        for found in rejected.diagnostics:
            span = found.span
            assert 0 <= span.start <= span.end <= len(span.source.text)
            assert found.fact.endswith(".")
            assert found.fix.endswith(".")
        return
    json.dumps(read_text.plain(), allow_nan=False)
    for node in every(read_text.root):
        assert 0 <= node.start <= node.end <= len(node.source.text)


MNIST = """\
hpc: 1
name: sample-training-pipeline
inputs:
  experiment: {type: string, default: example}
images:
  data_prepare: asia-docker.pkg.dev/my-project/ml/data-prepare:1.0
accelerators:
  t4: {machine: n1-standard-4, gpu: T4, count: 1}
components:
  train:
    image: trainer
    command: [python3, src/train.py]
    inputs:
      data_dir: {type: Dataset, as: datamodule.data_dir}
    overrides:
      trainer.devices: ${{ accelerator.count }}           # one source of truth
      hydra.run.dir: ${{ outputs.model }}/hydra/${now:%Y-%m-%d}
edges:
  - data_prepare.data_dir -> train.data_dir
  - load.{train, eval} -> train_tf, train_torch
  - switch:                     # the first edge whose condition holds is taken
      - evaluate -> promote when evaluate.accuracy >= inputs.gold
      - evaluate -> keep else
  - promote.endpoint | keep.endpoint -> announce.endpoint
"""
SCHEDULED = """\
schedule: {cron: 0 3 * * 1, timezone: Asia/Tokyo, max_concurrent: 1}
secrets:
  slack: {vertex: projects/my-proj/secrets/slack-webhook/versions/3, kfp: slack/webhook, local: env:SLACK_WEBHOOK}
components:
  train:
    {image: trainer, timeout: 6h, inputs: {data_dir: {type: Dataset, as: datamodule.data_dir}},
     outputs: {model: {type: Model, as: callbacks.model_checkpoint.dirpath}}}
targets:
  vertex: {project: "${{ vars.project }}", region: asia-southeast1, root: "gs://${{ vars.project }}-pipelines"}
"""


@pytest.mark.parametrize("text", [MNIST, SCHEDULED])
def test_examples_are_read_as_pyyaml_reads_them(text: str) -> None:
    assert document(text).plain() == yaml.safe_load(text)


@given(st.sampled_from([MNIST, SCHEDULED]), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(deadline=None, max_examples=400)
def test_damaged_examples_give_a_document_or_are_rejected(text: str, chance: random.Random, times: int) -> None:
    for _ in range(times):
        at = chance.randrange(len(text))
        cut = chance.choice([0, 0, 1, 2, 20])
        text = (
            text[:at] + chance.choice(["", *"{}[]:'\"\t\n*&!|>-? ", "${{", "\r", "\x85", ": ", "- "]) + text[at + cut :]
        )
    _reads_or_rejects(text.encode())


# Round trips


def _is_no_new_float(text: str) -> bool:
    """False for `1e5` and `1.5e3`: text to PyYAML, but numbers to OmegaConf and to hpc."""
    return _is_refused(text) or not isinstance(scalars.resolve(text), float) or type(yaml.safe_load(text)) is float


# YAML 1.1 (PyYAML's writer) and 1.2 disagree on NEL, LS and PS, so those are written as escapes, as its default does.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=30).filter(_is_no_new_float)
    | st.sampled_from(
        ["yes", "017", "1_000", "1:30", "2024-01-01", ".5", "-.5", "0o17", "<<", "=", "{{ x }}", "*a", "!b"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
# Texts that PyYAML writes without quotes because YAML 1.1 takes them for text, and that hpc refuses to guess about.
WRITTEN_PLAIN = {"HPC005"}


@given(JSON, st.sampled_from([True, False, None]))
@settings(deadline=None, max_examples=300)
def test_what_pyyaml_writes_is_read_back(value: object, flow: bool | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow)
    try:
        read_back = read_value(text, "dump").plain()
    except Rejected as rejected:
        assert {each.rule.code for each in rejected.diagnostics} <= WRITTEN_PLAIN
        return
    assert repr(_sorted(read_back)) == repr(_sorted(value))


@given(JSON, st.sampled_from([None, 2]))
@settings(deadline=None, max_examples=300)
def test_json_is_read_back(value: object, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    text = "".join(
        f"\\u{ord(char):04x}" if 0x7F <= ord(char) < 0xA0 or char in "\ufeff\ufffe\uffff" else char for char in text
    )
    assert repr(read_value(text, "json").plain()) == repr(value)


def _sorted(value: Any) -> Any:
    """safe_dump sorts keys."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_read_value_takes_any_kind() -> None:
    assert read_value("", "--set").plain() is None
    assert read_value("[1, a]", "--set").plain() == [1, "a"]
    assert slice_of(read_value(" plain text ", "--set").span) == "plain text"
    with pytest.raises(Rejected) as caught:
        read_value("yes", "--set a=yes")
    [found] = caught.value.diagnostics
    assert (found.rule.code, found.span.source.name) == ("HPC005", "--set a=yes")


# Bytes


@pytest.mark.parametrize(
    ("data", "position", "fact"),
    [
        (b"hpc: 1\nname: caf\xe9\n", (2, 10), "the byte 0xe9 is not UTF-8 text."),
        ("😀\n".encode() + b"a\xff\xff", (2, 2), "the byte 0xff is not UTF-8 text."),
        ("hpc: 1\n".encode("utf-16"), (1, 1), "the file is encoded in UTF-16, not in UTF-8."),
        ("hpc: 1\n".encode("utf-16-le"), (1, 1), "the file is encoded in UTF-16, not in UTF-8."),
        ("hpc: 1\n".encode("utf-16-be"), (1, 1), "the file is encoded in UTF-16, not in UTF-8."),
        ("hpc: 1\n".encode("utf-32"), (1, 1), "the file is encoded in UTF-32, not in UTF-8."),
    ],
)
def test_only_utf_8_is_decoded(data: bytes, position: tuple[int, int], fact: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode(data, "p.yaml")
    [found] = caught.value.diagnostics
    assert (found.rule.code, found.span.position, found.fact) == ("HPC014", position, fact)


def test_direction_marks_are_warned_of_once_a_line() -> None:
    text = "# \u202e one \u202d\na: 1\nb: \u2066x\n"
    found = warnings(document(text))
    assert [(each.span.position, each.rule.severity) for each in found] == [((1, 3), "warning"), ((3, 4), "warning")]
    assert found[0].fact == "the invisible character U+202E changes the order in which this line is shown."
    assert found[1].fix == 'remove it; inside double quotes it can be written "\\u2066".'
    assert warnings(document("a: é\n")) == []


def test_importing_the_reader_loads_little() -> None:
    program = "import hpc.spec.document, sys; print(*{name.split('.')[0] for name in sys.modules})"
    root = Path(__file__).parents[1]
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    loaded = output.split()
    assert "yaml" in loaded
    assert not {"pydantic", "jinja2", "rich", "click", "omegaconf", "hydra", "kfp"} & set(loaded)
