"""The values of a sweep: its text enters, what Hydra's own parser makes of it leaves.

Values keep their types: `choice(1,'1')` is a number and a text. (Hydra's sweeper would write both as `1`.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, QuotedString, RangeSweep, Sweep
from hydra.errors import HydraException

from hpc.composing.loading import opened

_KINDS: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "string", list: "list", dict: "dict"}


class _NoListError(Exception):
    """Why there is no list of values: `trouble` and `said` of the answer."""

    def __init__(self, trouble: str, said: str = "") -> None:
        super().__init__(trouble)
        self.trouble, self.said = trouble, said


def swept(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to a plain Sweep, as the fields of a Swept."""
    try:
        with _parser(question["config"]) as parser:
            values = _values(_parsed(parser, f"{question['key']}={question['text']}"), question["most"])
    except _NoListError as error:
        return {"values": [], "trouble": error.trouble, "said": error.said}
    return {"values": values, "trouble": "", "said": ""}


@contextmanager
def _parser(config: dict[str, Any] | None) -> Generator[OverridesParser]:
    """Hydra's parser; one that can look up config groups if there is a configuration."""
    if config is None:
        yield OverridesParser.create()
        return
    if not Path(config["folder"]).is_dir():
        raise _NoListError("no-config", "there is no such folder")
    with opened(config["folder"], [str(Path(file).absolute()) for file in config["imports"]]) as there:
        yield there.parser


def _parsed(parser: OverridesParser, text: str) -> Override:
    """Raises _NoListError if Hydra cannot read the text, or if reading it shuffles a list."""
    shuffled: list[bool] = []
    shuffle = parser.functions.functions["shuffle"]
    parser.functions.functions["shuffle"] = _noting(shuffle, shuffled)
    try:
        override: Override = parser.parse_rule(text, "override")
    except HydraException as error:
        raise _NoListError("syntax", reason(error, text)) from None
    finally:
        parser.functions.functions["shuffle"] = shuffle
    if any(shuffled):
        raise _NoListError("random")
    override.config_loader = parser.config_loader
    return override


def _noting(shuffle: Callable[..., Any], shuffled: list[bool]) -> Callable[..., Any]:
    """Hydra shuffles a plain list while it parses: of that nothing is to be seen later."""

    def noted(*args: Any, **names: Any) -> Any:
        result = shuffle(*args, **names)
        shuffled.append(isinstance(result, list))
        return result

    return noted


def reason(error: HydraException, text: str) -> str:
    """Why Hydra's parser refuses `text`, in one line."""
    start = getattr(error.__cause__, "startIndex", None)
    if start is not None:
        return f"unexpected {text[start : start + 1]!r}"
    return str(error).strip().split("\n")[0].partition(" expecting {")[0]


def _values(override: Override, most: int) -> list[Any]:
    value: Any = override._value  # pyright: ignore[reportPrivateUsage]  `value()` gives a glob as a sweep without one
    if not override.is_sweep_override():
        raise _NoListError("not-a-sweep", _KINDS.get(type(override.value()), "any"))
    if isinstance(value, IntervalSweep):
        raise _NoListError("endless")
    if isinstance(value, Glob) and override.config_loader is None:
        raise _NoListError("no-config")
    if getattr(value, "shuffle", False):
        raise _NoListError("random")
    found = _first(override, most + 1)
    if isinstance(value, RangeSweep):  # which up to Hydra 1.3 may end with its stop, where a sum is just below it
        found = [number for number in (_rounded(each, value.step) for each in found) if number != value.stop]
    if len(found) > most:
        raise _NoListError("too-many")
    return [_plain(each) for each in found]


def _first(override: Override, count: int) -> list[Any]:
    """So many values at most: a range makes each when it is asked for."""
    try:
        return list(islice(override.sweep_iterator(), count))
    except ArithmeticError:
        raise _NoListError("syntax", "a range that is not between numbers") from None
    except (HydraException, ValueError) as error:  # the step is 0
        raise _NoListError("syntax", str(error).split("\n")[0]) from None


def _rounded(number: float, step: float) -> float:
    """Without what a sum of doubles leaves behind: the third number of range(0.1,1,0.1) is 0.3, where Hydra up to 1.3
    has 0.30000000000000004.
    """
    if isinstance(number, int) or not math.isfinite(number):
        return number
    noise = abs(step) * 1e-9
    near = float(f"{number:.12g}") if abs(number) > noise else 0.0
    return near if abs(near - number) <= noise else number


def _plain(value: Any) -> Any:
    """A value as JSON has it. Raises _NoListError for what JSON cannot hold."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {_key(key): _plain(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (Sweep, Glob)):
        raise _NoListError("syntax", "a sweep inside a sweep")
    if isinstance(value, float) and not math.isfinite(value):
        raise _NoListError("syntax", f"{value} is not a finite number")
    return value


def _key(key: Any) -> str:
    key = _plain(key)
    if not isinstance(key, str):
        raise _NoListError("syntax", f"the key {key} of a dict is not a text")
    return key
