"""What programs make of their inputs: a step's path and what it received enter, its outputs or a failure leave.

Nothing here is random twice: the same path and inputs always make the same. The name of an output says what it holds:
`li2` is a list of ints, `lr1` one of records. An artifact is a text that tells where it comes from and of what.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

TYPES = {
    "i": "int",
    "f": "float",
    "s": "string",
    "b": "bool",
    "li": "list<int>",
    "lf": "list<float>",
    "ls": "list<string>",
    "lr": "list<dict>",
    "m": "Model",
    "d": "Dataset",
    "a": "Artifact",
    "lm": "list<Model>",
    "st": "RunStatus",
}
CODES = {name: code for code, name in TYPES.items()}
ARTIFACTS = ("m", "d", "a")
TEXTS = ("aa", "bb", "it's", 'so "said', "back\\slash", "$" + "{x}", "two\nlines", "", "10", "[1,2]", "{a: 1}", "true")
FIELDS = {"title": "s", "rows": "i"}

Path = tuple[str, ...]


@dataclass(frozen=True)
class Artifact:
    """Something at a place: `token` tells who made it of what."""

    token: str


@dataclass(frozen=True, order=True)
class Run:
    """One run of one program: the names of the steps that lead to it, and the digest of what it received."""

    path: Path
    inputs: str


def plain(value: Any) -> Any:
    """The value as JSON, with every number a double, as platforms keep them."""
    if isinstance(value, Artifact):
        return {"artifact": value.token}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return value


def digest(value: Any) -> str:
    return hashlib.sha256(written(value).encode()).hexdigest()[:16]


def written(value: Any) -> str:
    return json.dumps(plain(value), sort_keys=True)


def code_of(port: str) -> str:
    """`li2` is `li`."""
    return port.rstrip("0123456789")


def value_of(code: str, rng: random.Random) -> Any:
    """Any value of a type, by its short name."""
    if code in ARTIFACTS:
        return Artifact(f"{rng.getrandbits(40):x}")
    if code == "lr":
        return [{name: value_of(item, rng) for name, item in FIELDS.items()} for _ in range(rng.randrange(3))]
    if code.startswith("l"):
        return [value_of(code[1:], rng) for _ in range(rng.choice((0, 1, 2, 2, 3)))]
    if code == "b":
        return rng.random() < 0.5
    choices: dict[str, tuple[Any, ...]] = {"i": (0, 1, 2, 3), "f": (0.0, 0.5, 1.0, 2.5), "s": TEXTS}
    return rng.choice(choices[code])


@dataclass(frozen=True)
class World:
    """`failing` is the share of runs that fail."""

    seed: int
    failing: float = 0.0

    def outcome(self, run: Run, ports: Iterable[str]) -> dict[str, Any] | None:
        """The outputs of a run, or None where it fails."""
        rng = random.Random(digest([self.seed, list(run.path), run.inputs]))
        if rng.random() < self.failing:
            return None
        return {port: self._output(run, port) for port in ports}

    def _output(self, run: Run, port: str) -> Any:
        rng = random.Random(digest([self.seed, list(run.path), run.inputs, port]))
        code = code_of(port)
        return Artifact(f"{'/'.join(run.path)}.{port}({run.inputs})") if code in ARTIFACTS else value_of(code, rng)


def imported(path: Path, received: Mapping[str, Any]) -> Artifact:
    """What an importer brings in; it never fails."""
    return Artifact(f"{'/'.join(path)}: {written(received)}")
