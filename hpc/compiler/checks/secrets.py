"""Secrets written in plain text, and names that the environment of a program cannot hold everywhere.

The name of a variable decides, by its last word (`_` parts words), and the value must look like one that is kept
secret, so that settings which merely speak of keys and tokens pass:

- `…PASSWORD`, `…PASSWD`, `…PASSPHRASE`, `…SECRET`, `…CREDENTIAL(S)`, `…APIKEY` (or the same run together, as in
  `PGPASSWORD`) with any value that is not harmless;
- `…TOKEN` with at least eight characters and no blanks, so not `PAD_TOKEN: <pad>`;
- `…KEY` alone or after a word that makes it a secret one (`API_KEY`, `SIGNING_KEY`), with such a value; after any
  other word only with twenty or more letters and digits that look drawn at random, so not `SORT_KEY: customer_id`.

Harmless are an empty value, words such as `true` and `none`, paths, addresses and, but for passwords, numbers.
`SSH_KEY_PATH` ends in another word, and `TOKENIZERS_PARALLELISM` has none of these words. Every `env` of the file is
judged, used or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hpc.compiler import mentions
from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Path, Place, Rule

PLAIN_SECRET = Rule(
    "HPC804",
    "secret in plain text",
    "What stands in `env` is copied into the compiled file, and from there into golden files, logs and databases.",
    "Declare it in `secrets` and write `{secret: name}`; change it where it was used, since it has been read already.",
)
ODD_VARIABLE = Rule(
    "HPC806",
    "odd name of an environment variable",
    "Shells and some libraries only see variables that are named with letters, digits and `_`, no digit first.",
    "Rename it.",
    severity="warning",
)
RULES = (PLAIN_SECRET, ODD_VARIABLE)

_PASSWORD = re.compile(r"(PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|APIKEY)\d*")
_BEFORE_KEY = re.compile(
    r"API|ACCESS|SECRET|PRIVATE|AUTH|SIGNING|ENCRYPTION|MASTER|ACCOUNT|SERVICE|STORAGE|LICENSE|SSH"
)
_RANDOM = re.compile(r"(?=(.*[0-9]){3})(?=.*[A-Za-z])[A-Za-z0-9+/=]{20,}")
_HARMLESS = re.compile(r"|true|false|yes|no|on|off|none|null|auto|default|required|optional|disabled|enabled", re.I)
_NUMBER = re.compile(r"[-+]?[0-9]{1,9}(\.[0-9]+)?")
_PLACE = re.compile(r"(\.{0,2}|~)/[^\s=]*|[a-z][a-z0-9+.-]*://[^\s@]*")
_SPECIAL_TOKEN = re.compile(r"<.*>|\[.*\]")
_LEAST = 8


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for path, name, value in mentions.environment(graph):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            fact = f"`{name}` is not a name that every program can read from its environment."
            fix = f"rename it `{_renamed(name)}`."
            yield Diagnostic(ODD_VARIABLE, Place(path, on="key"), fact, fix)
        if isinstance(value, str) and looks_secret(name, value):
            yield _plain_secret(path, name)


def _renamed(name: str) -> str:
    fixed = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"_{fixed}" if fixed[0].isdigit() else fixed


def _plain_secret(path: Path, name: str) -> Diagnostic:
    entry = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    copied = "it would be copied into the compiled JSON and its golden file"
    fact = f"`{name}` looks like a secret written in plain text; {copied}."
    fix = f"declare `secrets: {{{entry}: …}}` and write `{name}: {{secret: {entry}}}`."
    return Diagnostic(PLAIN_SECRET, Place(path), fact, fix)


def looks_secret(name: str, value: str) -> bool:
    """Whether an environment variable is probably a secret: see the top of this file."""
    text = value.strip()
    words = [word for word in re.split(r"[^A-Za-z0-9]+", name.upper()) if word] or [""]
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if _HARMLESS.fullmatch(text) or _PLACE.fullmatch(text):
        return False
    if re.search(rf"({_PASSWORD.pattern})\Z", last):
        return True
    if re.fullmatch(r"TOKEN\d*", last):
        return _could_be_token(text)
    if re.fullmatch(r"KEY\d*", last):
        named = not before or _BEFORE_KEY.fullmatch(before)
        return _could_be_token(text) if named else bool(_RANDOM.fullmatch(text))
    return False


def _could_be_token(text: str) -> bool:
    if len(text) < _LEAST or _NUMBER.fullmatch(text):
        return False
    return not re.search(r"\s", text) and not _SPECIAL_TOKEN.fullmatch(text)
