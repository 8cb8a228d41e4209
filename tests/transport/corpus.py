"""Values that are hard to carry, by the kind that decides how they are written; and what a configuration then holds.

`CASES` are single values, `GATHERED` lists that a pipeline puts together from several values. Texts that contain
`{{$` are left out: a constant with one is refused, and every platform treats them in its own way.
"""

# pyright: reportUnknownVariableType=false

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

CHANGED_BY_KUBERNETES = [
    *("$$", "a$$b", "$$$", "$${x}", "$$(KFP_POD_NAME)", "$(KFP_POD_NAME)", "x$(KFP_POD_NAME)y", "$(EMPTY)"),
    *("$(DOLLAR)", "'$$'", "it's $$ \\", "$(a)$$"),
]
"""Strings that Kubernetes changes on their way, whatever is done."""
KEPT_BY_KUBERNETES = ["$(", "$()", "$(NONE)", "$ $", "$(KFP_POD_NAME", "$(a b)", "$(a$$b)", "$x(y)", "( $ )", "$\\$"]
"""Strings that look the same and arrive."""
STRINGS = [
    *CHANGED_BY_KUBERNETES,
    *KEPT_BY_KUBERNETES,
    # blanks, signs and what YAML, JSON and Hydra take for something else
    *("", " ", "  5", "5 ", " a ", "gpu", "a b", "a,b", "a=b", "k=v=w", "=", "==x", ",", ":", "#", "# no", "%", "%d"),
    *("&", "!", "~", "~a", "007", "0x1F", "0o17", "0b1", "1e-3", "1E5", "1_000", "5", "-7", "+1", "1.", ".5", "-0"),
    *("1e400", "true", "True", "False", "null", "Null", "None", "nan", "NaN", "inf", "-inf", ".inf", "yes", "on", "-x"),
    *("[a]", "[1, 2]", "{a: 1}", "{", "}", "[", "]", "(", ")", "{{x}}", "{{ $ }}", "}}", "a: b", "- a\n- 'b'\n", "? a"),
    *("int(3.7)", "shuffle([1,2])", "choice(a,b)", "range(3)", "glob(*)", "a,b,c", "--- # x"),
    *("!!python/name:os.system", "&a", "*a"),
    # quotes and backslashes in every position
    *("it's", "'", "''", "'''", "'quoted'", '"', '"quoted"', '"it\'s"', "a'b\"c", "a\\'b", "a\\\\'b", "\\'", "\\\\'"),
    *("\\", "\\\\", "\\\\\\", "end\\", "end\\\\", "\\start", "C:\\dir\\file", "\\n", "\\t", "\\u0041", "a\\ b", "\\,"),
    *("\\\\x", "'\\", "\\'\\", '\\"', '\\\\"', "\\'${x}\\'", "a\\\nb", "'; drop", "'a','b'", "','"),
    # interpolations
    *("${x}", "${", "$", "$x", "a$b", "${oc.env:HOME}", "\\${x}", "\\\\${x}", "\\\\\\${x}", "${${x}}", "x${y}z"),
    *("'${x}'", "${x", "}${", "${'a'}", '${"a"}', "${x}\\", "${x}'", "${now:%Y} b", "${oc.create:'{a: 1}'}", "$'${\\"),
    *("$ {x}", "${}", "${x}${y}", "${hydra:job.name}"),
    # characters: controls, next line, line separators, marks, combining, right to left, beyond the first plane
    *("\n", "a\nb", "\n'", "a\r\nb", "\r", "\t", "a\tb\t", "\x01", "\x07\x08\x0b\x0c", "\x7f", "\x1b[0m"),
    *(
        "\x85",
        "a\x85b",
        "\u2028",
        "a\u2029b",
        "\u00a0",
        "\u200b",
        "\ufeff",
        "\ufffe",
        "\uffff",
        "é",
        "e\u0301",
        "日本語",
    ),
    *("שלום", "\u202eabc", "😀", "👩\u200d👩\u200d👧", "\U0010ffff", "ﬁ", "İi", "\u3000"),
    # command lines, shells and keys
    *("--", "-- x", "--lr=1", "--flag", "-c", "~x", "+x", "++x", "@x", "a@b", "a/b", "/gcs/b/it's a,b/x", "*?[!]", "?"),
    *("|", "..", "; rm -rf", "`id`", "&& true", "> x", "xs[0]=1", "hydra.run.dir=x", "k='v'", "-m", "=x"),
    # documents
    *("<a href='x'>&amp;</a>", '{"json": "it\'s"}', '["a\\\\b"]', '{"a": [1, {"b": null}], "c": "\\u00e9"}'),
    *("a: [b, 'c']\nd: {e: \"f\"}\n", "%YAML 1.2\n---\n", "x" * 5000, "\\" * 99, "'" * 99, "y" * 100_000),
]

INTEGERS = [0, 1, -1, 5, -7, 100, 10**6, 2**31, 2**53, -(2**53)]
DOUBLES = [
    *(0.0, 3.0, -2.5, 0.1, 1e-7, -1e-7, 1e-5, 1e-4, 123456789.5, 1000000.5, 1e6, 1e16, 1e20, 1e21, 1e300, -1e300),
    *(1e-320, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1 / 3, 0.30000000000000004),
]
PATHS = [
    *("/gcs/b/run/x", "/gcs/b/a b", "/gcs/b/a,b=[c](d)", "/s3/b/日本", "/minio/b/%20#", "/x/\\y", '/a"b', "/a/{b}: c"),
    *("relative/x", "/~/@x", "/x/ ", "/x/$y"),
]
URIS = [
    "gs://b/x:y",
    "s3://b/a b",
    "minio://b/a,b=[c]",
    "hf://org/model@main",
    "oci://r.example/x@sha256:ab",
    "file:///",
]
CHOICES = ["gpu", "a b", "null", "1e-3", "\\n", "é,😀", '"x"', "$x"]
"""Texts that need no help where they are pasted between quotes: an input with these `choices` asks for no bootstrap."""
LISTS: list[Any] = [
    *([], [1], [1, 2.5, -3], [0.1, 1e-320], [True, False, None], ["a", "b"], [""], ["", " "]),
    *(
        ["a,b", "it's", 'say "x"'],
        ["${x}", "\\${x}", "\\"],
        ["a\\b", "\n", "\t", "\x7f"],
        ["<>&", "é", "😀", "\u2028", "\x85", "\u202e"],
    ),
    *([[1], [[]], ["x", ["'"]]], [{"a": 1}], [{"a b": ["'"]}, {}], [1e-7, 1e300, 1e21], [[[[[["deep"]]]]]]),
    *(["null", "true", "1", "1e3", "[a]", "0x1F", "1_000"], [{}, [], ""], ["\\'", "\\\\'", "'\\"], [2**53, -(2**53)]),
    *(["--", "-x", "~a", "@x", "k=v", "%d", "`id`"], [{"a": {"b": [1, {"c": None}]}}, "x"], ["x" * 300] * 20),
    *(['"', '\\"', '"${x}"'], [1, "1", 1.5, "1.5", True, "true"], ["a" * 100_000]),
]
STRUCTS: list[Any] = [
    *({}, {"a": 1}, {"a": {"b": {"c": []}}}, {"a b": 1, "c-d": 2}, {"": "empty"}, {"1": 1, "true": 2, "null": 3}),
    *({"~": 4, "-": 5, "--x": 6, "@": 7, "%": 8}, {"é": "日本", "😀": "😀"}, {"'": "'", '"': '"', "\\": "\\"}),
    *({"k": "${x}"}, {"${k}": 1}, {"k": "\\${x} \\\\${y}"}, {"k": 'it\'s "x" \\'}, {"k": ["a", {"b": None}]}),
    *({"<<": {"a": 1}}, {"a.b": {"c/d": "e=f"}}, {"k": "a: b # c"}, {"k": "line\nline\ttab"}, {"n": [1e-7, 3.0]}),
    *({"k": "- x", "l": "yes", "m": "0o7", "n": "0x1F", "o": "1_000"}, {"?": "?", ":": ":", ",": ",", "#": "#"}),
    *({"\u2028": "\x85", "\x7f": "\ufeff"}, {"é" * 300: "long key"}, {"$": "$", "%": "{"}, {" ": " ", "\t": "\t"}),
    *(
        {"a": None, "b": True, "c": -0.5, "d": "", "e": [], "f": {}},
        {"\n": "\n"},
        {"e\u0301": "\u202e"},
        {"[0]": {"[": 1e300}},
    ),
    *({"k": "}}", "l": "{{x}}"}, {"_target_": "os.system", "_args_": ["true"]}, {"x" * 1025: {"y" * 1025: "z" * 9000}}),
]
STATUSES: list[Any] = [
    {"state": "SUCCEEDED", "pipelineTaskName": "x", "pipelineJobResourceName": "projects/1/x", "error": {}},
    {"state": "FAILED", "error": {"code": 9, "message": 'it\'s "${x}" \\ \n at C:\\x, {a: 1}'}},
]
CASES: list[tuple[str, Any]] = [
    *[("BOOLEAN", value) for value in (True, False)],
    *[("INTEGER", value) for value in INTEGERS],
    *[("DOUBLE", value) for value in DOUBLES],
    *[("PATH", value) for value in PATHS],
    *[("URI", value) for value in URIS],
    *[("CHOICE", value) for value in CHOICES],
    *[("STRING", value) for value in STRINGS],
    *[("LIST", value) for value in LISTS],
    *[("STRUCT", value) for value in STRUCTS],
    *[("STATUS", value) for value in STATUSES],
]
GATHERED: list[tuple[str, list[Any]]] = [
    *[("STRING", STRINGS[start : start + 12]) for start in range(0, len(STRINGS), 12)],
    *[("STRING", ["one"]), ("STRING", ["]", "[", ",", "'"]), ("STRUCT", STRUCTS), ("LIST", LISTS)],
    *[("DOUBLE", DOUBLES), ("INTEGER", INTEGERS), ("PATH", PATHS)],
]


def expected(kind: str, value: Any) -> Any:
    """What the application sees of a value."""
    return with_whole_numbers(value) if kind in ("LIST", "STRUCT", "STATUS") else value


def with_whole_numbers(value: Any) -> Any:
    """JSON has one kind of number, and platforms write 3.0 as 3 and 3 as 3.0: hpc delivers 3 for both."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    if isinstance(value, list):
        return [with_whole_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: with_whole_numbers(item) for key, item in value.items()}
    return value


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal with their types: 1, 1.0 and True are three values. Keys have no order.

    Platforms carry doubles, so a number beyond 2^53 is the double nearest to it.
    """
    return json.dumps(_as_carried(left), sort_keys=True) == json.dumps(_as_carried(right), sort_keys=True)


def _as_carried(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_carried(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_carried(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and abs(value) > 2**53 else value


# ---------------------------------------------------------------- any text, any JSON

HOSTILE_CHARACTERS = "'\"\\${}[]()=,: \n\t~@#é😀a1.-"
HOSTILE = st.text(st.sampled_from(HOSTILE_CHARACTERS), max_size=12)
TEXT = (HOSTILE | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)).filter(
    lambda text: text != "???" and "{{$" not in text
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=8
)


class Drawn:
    """The same random values on every machine, for interpreters that have no Hypothesis."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def texts(self, count: int) -> Iterator[str]:
        return (self.text() for _ in range(count))

    def text(self) -> str:
        characters = self.random.choices(HOSTILE_CHARACTERS, k=self.random.randrange(13))
        if self.random.random() < 0.3:
            characters += [self._character() for _ in range(self.random.randrange(8))]
        text = "".join(characters)
        return "" if text == "???" or "{{$" in text else text

    def _character(self) -> str:
        code = self.random.choice([self.random.randrange(1, 0x300), self.random.randrange(1, 0x110000)])
        return chr(code) if not 0xD800 <= code < 0xE000 else "?"

    def json(self, depth: int = 3) -> Any:
        """A list or a dict."""
        if self.random.random() < 0.5:
            return [self._item(depth) for _ in range(self.random.randrange(5))]
        return {self.text(): self._item(depth) for _ in range(self.random.randrange(4))}

    def _item(self, depth: int) -> Any:
        if depth and self.random.random() < 0.4:
            return self.json(depth - 1)
        number = self.random.choice([self.random.randrange(-(2**53), 2**53), self.random.gauss(0, 1)])
        scale = 10.0 ** self.random.randrange(-300, 290)
        return self.random.choice([None, True, False, number, self.random.random() * scale, self.text(), self.text()])
