r"""Text that Hydra reads back as exactly one value.

What enters: constants a user wrote, or the name of a declared type and the placeholder of a value known only at run
time. What leaves: the text of one override, and the bootstrap program that stands in front of a command. Nothing here
imports Hydra; the rules are those of Hydra >= 1.1 (grammar/OverrideLexer.g4) with OmegaConf >= 2.1, and the tests hold
them against the real parser.

A platform pastes run-time values as raw text, without any escaping. By declared type an override is therefore written

    BOOLEAN, INTEGER    k={{...}}            final
    DOUBLE              k=float({{...}})     final; the cluster writes 3.0 as 3
    PATH                k='{{...}}'          final
    STRING              k='{{...}}'          final if its `choices` all satisfy `bare_is_exact`, else after "--"
    LIST, STRUCT        k={{...}}            after "--"; JSON, which is not Hydra's grammar

(`pasted` says the same as a function.) A list gathered from several values is one final override where the elements
are final, `xs=[float({{...}}),float({{...}})]`, and else one argument per element after "--", `xs[0]='{{...}}'
xs[1]='{{...}}'`. What follows "--" is turned into Hydra's grammar inside the container by the bootstrap:

    python3 -c BOOTSTRAP program args... final overrides... -- raw overrides...

Hydra's own options (`--multirun`, `--config-name x`) belong in front of the first override: its argparse refuses
overrides on both sides of an option.

Two texts cannot arrive: `???`, OmegaConf's mark for a missing value, and what the platform changes before anything
here runs (integers beyond 2^53, and on Kubernetes `$$` and `$(NAME)`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None"
"""What a YAML or JSON document can hold. Keys are text."""

Kind = Literal["BOOLEAN", "INTEGER", "DOUBLE", "PATH", "STRING", "LIST", "STRUCT"]

_FORMS: dict[Kind, str] = {"DOUBLE": "float({})", "PATH": "'{}'", "STRING": "'{}'"}

_INTERPOLATION = r"\$\{[^{}]+\}"
_WORD = re.compile(rf"(?:[A-Za-z_/]|{_INTERPOLATION})(?:[A-Za-z0-9_./-]|{_INTERPOLATION})*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ID = r"[A-Za-z_][A-Za-z0-9_-]*"
_PACKAGE = rf"(?:(?:{_ID}|[0-9]+)(?:\.(?:{_ID}|[0-9]+))+|[A-Za-z_$][A-Za-z0-9_$-]*)"
_KEY = re.compile(rf"(?:\+\+?|~)?(?:{_ID}(?:/{_ID})+|{_PACKAGE})(?:@(?:{_PACKAGE})?)?")
_BARE_FLAG = re.compile(r"([+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|true|false)", re.IGNORECASE | re.ASCII)
_NOT_TEXT = frozenset({"null", "true", "false", "nan", "inf"})
"""Words that Hydra reads as something else than text, in any case."""

# The text of both programs is part of KFP's cache key: any change, even of a comment, runs every cached task again.
# Count the version in the first line up with each change. To survive KFP and Kubernetes the texts hold neither doubled
# braces nor a dollar sign before a dollar sign, a dot or a parenthesis. They run on Python 3.6 and later. `python3 -c`
# looks for modules in the working directory first, where a program may keep a `types.py` of its own: that entry goes.

SMALL_BOOTSTRAP = r"""# hpc strings 2: quote each k='raw text' after the last "--" for Hydra, then exec the program
import os, sys
sys.path = [p for p in sys.path if p]
import re, signal
def quote(t):
    t = re.sub(r"(\\*)\$\{", r"\1\1\\${", t)  # OmegaConf: no interpolation
    return "'" + re.sub(r"(\\+)(?='|\Z)", r"\1\1", t).replace("'", r"\'") + "'"
a = sys.argv[1:]
n = len(a) - a[::-1].index("--") if "--" in a else len(a) + 1
a[n - 1:] = [re.sub(r"\A([^=]*=)'(.*)'\Z", lambda m: m[1] + quote(m[2]), o, flags=re.S) for o in a[n:]]
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and so would the program
try: os.execvp(a[0], a)
except (OSError, IndexError) as e:
    sys.stderr.write("hpc: cannot start %s: %s\n" % (a[:1], e))
    sys.exit(127)
"""
"""`python3 -c SMALL_BOOTSTRAP program args... -- k='raw'...`, for components whose raw overrides are all free strings.

Arguments up to the last "--" are kept, the "--" goes; without one nothing changes. Exits with 127 and one line if the
program cannot be started; else the program replaces this process, so signals and the exit code are its own.
"""

BOOTSTRAP = r"""# hpc values 2: put the raw overrides after the last "--" into Hydra's grammar, then exec the program
import os, sys
sys.path = [p for p in sys.path if p]
import json, re, signal
def fail(code, text):
    sys.stderr.write("hpc: " + text + "\n")
    sys.exit(code)
def plain(t):  # OmegaConf: no interpolation
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", t)
def quote(t):
    return "'" + re.sub(r"(\\+)(?='|\Z)", r"\1\1", plain(t)).replace("'", r"\'") + "'"
def number(t):  # platforms carry doubles; some write 1 as 1.0, some 1.0 as 1
    f = float(t)
    return int(f) if f.is_integer() and abs(f) <= 2 ** 53 else f
def string(t):
    return r'\"' + re.sub(r"[^ -~]|[\"$'\\]", lambda m: "\\U%08x" % ord(m[0]), t) + r'\"'
def yaml(x):
    if isinstance(x, dict): return "{" + ",".join("? " + string(k) + ": " + yaml(x[k]) for k in x) + "}"
    if isinstance(x, list): return "[" + ",".join(map(yaml, x)) + "]"
    return string(plain(x)) if isinstance(x, str) else json.dumps(x)
def hydra(x):  # Hydra has no quoted keys: YAML for dicts
    if isinstance(x, dict): return '"${oc.create:\'' + yaml(x) + "'}\""
    if isinstance(x, list): return "[" + ",".join(map(hydra, x)) + "]"
    return quote(x) if isinstance(x, str) else json.dumps(x)
a = [os.fsencode(o).decode("utf-8", "surrogateescape") for o in sys.argv[1:]]  # in any locale
n = len(a) - a[::-1].index("--") if "--" in a else len(a) + 1
out, rest, last = a[:n - 1], iter(a[n:]), None
for o in rest:
    if o[:2] == "--" and "=" not in o: o += "=" + next(rest, "")
    k, eq, v = o.partition("=")
    if k[:2] == "--":  # a tuner's --name=value or --name value
        k = k[2:]
        if not re.match(r"([+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|true|false)\Z", v, re.I | re.A): v = quote(v)
    elif v[:1] == v[-1:] == "'": v = quote(v[1:-1])
    elif v[:1] in ("[", "{"):
        try: v = hydra(json.loads(v, parse_float=number, parse_int=number))
        except ValueError as e: fail(2, "%s is not JSON: %s" % (k, e))
    name = re.sub(r"\[\d+\]\Z", "", k)  # xs[0]=a xs[1]=b: one list
    if name == k: out.append(k + eq + v)
    elif name == last: out[-1] = out[-1][:-1] + "," + v + "]"
    else: out.append(name + "=[" + v + "]")
    last = name != k and name
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and so would the program
try: os.execvp(out[0], [o.encode("utf-8", "surrogateescape") for o in out])
except (OSError, ValueError, IndexError) as e: fail(127, "cannot start %s: %s" % (out[:1], e))
"""
"""`python3 -c BOOTSTRAP program args... -- raw overrides...`, for every other component with raw overrides.

As SMALL_BOOTSTRAP, and after the last "--" also

- `k=[...` and `k={...`: JSON, read and written in Hydra's grammar. Numbers up to 2^53 without a fraction become
  integers because platforms write 3 as 3.0 or 3.0 as 3; beyond, only a double can have been meant. A dict becomes an
  `oc.create` interpolation: it replaces what the config holds, and is built anew on each access.
- `xs[0]=... xs[1]=...` next to each other: one list. Hydra has no keys that end in an index, so none is taken away.
- `--name=value` and `--name value`: `name=value`; numbers, true and false stay bare, any other text is quoted.

Text that is not JSON ends it with exit code 2 and one line that names the key, never the value.
"""


def quoted(text: str) -> str:
    r"""The single-quoted Hydra string that arrives in the config as exactly `text`, `${` and backslashes included.

    Hydra drops one level of the backslashes directly before a quote and no others; OmegaConf, which reads the result,
    takes `\${` for a literal `${`, with the backslashes in front of it doubled.
    """
    return _in_quotes(re.sub(r"(\\*)\$\{", r"\1\1\\${", text), "'")


def constant(value: Value) -> str:
    """A constant from `overrides` as the value of an override, with its type kept.

    Simple words stay bare, other text is quoted. `${...}` is an interpolation and passes as it stands, also as part of
    a text. A dict whose keys are identifiers is written `{a:1}`, which Hydra merges into what is there; any other
    becomes an `oc.create` interpolation, which replaces it. Not for text that mixes interpolations using both kinds of
    quotes with characters that need quoting: one level of quotes too many for OmegaConf.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return _scalar(value)
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, Mapping):
        return "[" + ",".join(map(constant, value)) + "]"
    if all(map(is_plain_key, value)):
        return "{" + ",".join(f"{key}:{constant(item)}" for key, item in value.items()) + "}"
    return f"\"${{oc.create:'{_yaml(value)}'}}\""


def exact(value: Value) -> str:
    """A value as the bootstrap writes it: every text arrives as it stands, and every dict replaces what is there."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return f"\"${{oc.create:'{_yaml(_without_interpolations(value))}'}}\""
    return f"[{','.join(map(exact, value))}]" if isinstance(value, Sequence) else _scalar(value)


def _without_interpolations(value: Value) -> Value:
    """The value with each `${` in a text in front of which OmegaConf sees a backslash, and reads it as text."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    if isinstance(value, Mapping):
        return {key: _without_interpolations(item) for key, item in value.items()}
    return [_without_interpolations(item) for item in value] if isinstance(value, Sequence) else value


def is_key(text: str) -> bool:
    """Whether Hydra reads `text` as the left side of an override: `a.b`, `+group/sub@package`, `~gone`."""
    return bool(_KEY.fullmatch(text))


def bare_key(key: str) -> str:
    """The left side of an override without what stands before it: `logger` for `+logger`."""
    return key.lstrip("+~")


def pasted(kind: Kind, placeholder: str) -> str:
    """The value of an override that holds `placeholder`, by the declared type."""
    return _FORMS.get(kind, "{}").format(placeholder)


def bare_is_exact(choice: str) -> bool:
    """Whether `k='{{...}}'` is exact, without a bootstrap, when `choice` is pasted into it."""
    return "'" not in choice and "${" not in choice and not choice.endswith("\\") and choice != "???"


def is_bare_flag(text: str) -> bool:
    """Whether the bootstrap takes the text of a tuner's flag for a number, true or false: a flag has no types."""
    return bool(_BARE_FLAG.fullmatch(text))


def _in_quotes(text: str, quote: str) -> str:
    doubled = re.sub(rf"(\\+)(?={quote}|\Z)", r"\1\1", text)
    return quote + doubled.replace(quote, "\\" + quote) + quote


def _scalar(value: bool | int | float | None) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def _text(text: str) -> str:
    if _WORD.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    # Hydra also keeps the override as it was written, as a config value: an escaped quote inside an interpolation would
    # be a grammar error of OmegaConf there. So the outer quotes are those that the interpolation does not use first.
    first = re.search(r"\$\{[^'\"]*(['\"])", text)
    return _in_quotes(text, '"' if first and first[1] == "'" else "'")


def is_plain_key(key: str) -> bool:
    """Whether Hydra reads `key` as a key of a literal mapping; all others need YAML inside an interpolation."""
    return bool(_IDENTIFIER.fullmatch(key)) and key.lower() not in _NOT_TEXT


def _yaml(value: Value) -> str:
    """Flow YAML for a double-quoted Hydra string that holds a single-quoted OmegaConf string.

    Keys are explicit (`? "key"`) because YAML limits the length of all others.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), _scalar(value))
    if isinstance(value, str):
        return _yaml_string(value)
    if not isinstance(value, Mapping):
        return "[" + ",".join(map(_yaml, value)) + "]"
    return "{" + ",".join(f"? {_yaml_string(key)}: {_yaml(item)}" for key, item in value.items()) + "}"


def _yaml_string(text: str) -> str:
    return r"\"" + re.sub(r"[^ -~]|[\"$'\\]", lambda found: f"\\U{ord(found[0]):08x}", text) + r"\""
