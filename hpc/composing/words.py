"""The words of a command line, taken apart as Hydra does: its options, and overrides with all that may stand there.

Words of a question enter; a `Line` leaves, with what Hydra's own parsers refuse. Runs in the child process only.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, RangeSweep
from hydra.errors import HydraException

from hpc.composing.noting import Finding, finding, shortened

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false
# (Hydra's parser of options, and what it parses a value to, have no public names.)

_MOST_ELEMENTS = 100


@dataclass(frozen=True)
class Reading:
    """One override that may stand at a word: its text, one of its `others`, or one element of a sweep.

    `is_main`: the one that the other words are judged with. `is_element`: the word sweeps, and this is one of its
    values; `is_endless`: it stands for a range without steps.
    """

    word: int
    other: int | None
    text: str
    override: Override
    is_main: bool
    is_known: bool
    is_endless: bool = False
    is_element: bool = False

    @property
    def key(self) -> str:
        return self.override.key_or_group

    @property
    def place(self) -> dict[str, Any]:
        """Where a finding about it belongs."""
        return {"word": self.word, "other": self.other, "element": self.text if self.is_element else ""}

    @property
    def full_key(self) -> str:
        """The key with its package, as Hydra's defaults list knows it."""
        return f"{self.key}@{self.override.package}" if self.override.package is not None else self.key


@dataclass
class Line:
    """A command line. `options` are those of Hydra with the index of the word that gives them.

    `sweeps` tells whether any word sweeps. `refused_keys` are those of words that cannot be read or may not sweep.
    `is_understood`: options and overrides could be told apart.
    """

    options: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    overrides: list[int] = field(default_factory=list[int])
    readings: list[Reading] = field(default_factory=list[Reading])
    findings: list[Finding] = field(default_factory=list[Finding])
    is_multirun: bool = False
    sweeps: bool = False
    is_understood: bool = True
    refused_keys: set[str] = field(default_factory=set[str])


class _UsageError(Exception):
    """What argparse would have printed before it ended the process."""


class _Numbered(str):
    """A word that knows its place; argparse hands positional words on as they are."""

    number: int


class _LeftError(Exception):
    """The option ends the program before the words matter: `--version`."""


class _Quiet(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _UsageError(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _LeftError(status, message)

    def _print_message(self, message: str, file: Any = None) -> None:
        """`--version` would print."""


def read(words: Sequence[dict[str, Any]], parser: OverridesParser, *, is_multirun: bool) -> Line:
    """Take the words apart. `is_multirun`: the configuration itself asks for several runs."""
    line = Line(is_multirun=is_multirun)
    try:
        _take_options(line, [str(word["text"]) for word in words])
    except _UsageError as error:
        line.findings.append(finding("usage", _index_of(str(error), words), said=shortened(str(error))))
        line.is_understood = False
    except _LeftError:
        line.is_understood = False
    if any(_asks_for_runs(words[index]["text"]) for index in line.overrides):
        line.is_multirun = True
    for index in line.overrides:
        _read_word(line, index, words[index], parser)
    return line


# ---------------------------------------------------------------- options


def _take_options(line: Line, texts: Sequence[str]) -> None:
    numbered = [_Numbered(text) for text in texts]
    for index, each in enumerate(numbered):
        each.number = index
    given = _argparser().parse_args(numbered)
    commands = [name for name in ("run", "cfg", "multirun", "shell_completion", "info") if getattr(given, name)]
    if len(commands) > 1:
        raise _UsageError(f"only one of {', '.join(f'--{name}' for name in commands)} can be given")
    if given.resolve and not (given.cfg or given.help):
        raise _UsageError("--resolve goes with --cfg")
    line.overrides = [each.number for each in given.overrides if isinstance(each, _Numbered)]
    line.is_multirun |= bool(given.multirun)
    left = [index for index in range(len(texts)) if index not in line.overrides]
    for name in ("config_name", "config_path", "config_dir"):
        value = getattr(given, name)
        if value is not None:
            line.options[name] = (str(value), _last_with(value, texts, left))


def _argparser() -> argparse.ArgumentParser:
    parser = get_args_parser()
    parser.__class__ = _Quiet
    return parser


def _last_with(value: str, texts: Sequence[str], among: Sequence[int]) -> int:
    """The word that holds the value of an option: `--name value`, `--name=value` or `-nvalue`."""
    return [index for index in among if texts[index].endswith(value)][-1]


def _index_of(message: str, words: Sequence[dict[str, Any]]) -> int | None:
    """The first word that the message names."""
    _, _, named = message.partition("unrecognized arguments: ")
    texts = [str(word["text"]) for word in words]
    return next((index for index, text in enumerate(texts) if text and f"{named} ".startswith(f"{text} ")), None)


def _asks_for_runs(text: str) -> bool:
    key, _, value = text.partition("=")
    return key.lstrip("+") == "hydra.mode" and value.strip("'\"") == "MULTIRUN"


# ---------------------------------------------------------------- overrides


def _read_word(line: Line, index: int, word: dict[str, Any], parser: OverridesParser) -> None:
    texts: list[tuple[int | None, str]] = [(None, word["text"]), *enumerate(word["others"])]
    allows = line.is_multirun or bool(word["may_sweep"])
    for other, text in texts:
        try:
            override = _parsed(text, parser)
        except HydraException as error:
            said, at = _refusal(error, text)
            line.findings.append(finding("syntax", index, other, said=said, at=at))
            line.refused_keys.add(text.partition("=")[0].lstrip("+"))
            continue
        if not override.is_sweep_override():
            line.readings.append(Reading(index, other, text, override, other is None, bool(word["is_known"])))
            continue
        line.sweeps = True
        refusal = _take_sweep(line, (index, other), override, parser, allows=allows)
        if refusal is not None:
            line.findings.append(refusal)
            line.refused_keys.add(override.key_or_group)


def _take_sweep(
    line: Line, place: tuple[int, int | None], override: Override, parser: OverridesParser, *, allows: bool
) -> Finding | None:
    """Add a reading for each value of the sweep, else say why there is none."""
    key = override.key_or_group
    if not allows or override.is_hydra_override():
        return finding("sweep", *place, key=key)
    try:
        found = [*_swept(*place, override, parser)]
    except (HydraException, ValueError, ArithmeticError) as error:  # a step of 0; no numbers
        return finding("syntax", *place, said=shortened((str(error) or type(error).__name__).split("\n")[0]))
    line.readings += found
    return None if found else finding("no-values", *place, key=key, options=_options_for(override))


def _options_for(override: Override) -> list[str]:
    """What a `glob` could have chosen from."""
    loader: Any = override.config_loader
    return loader.get_group_options(override.key_or_group) if isinstance(override.value(), Glob) and loader else []


def _swept(index: int, other: int | None, override: Override, parser: OverridesParser) -> Iterator[Reading]:
    """A reading for each value of the sweep."""
    for number, element in enumerate(_elements(override)):
        text = f"{override.get_key_element()}={element}"
        parsed, is_main = _parsed(text, parser), other is None and not number
        yield Reading(index, other, text, parsed, is_main, True, override.is_interval_sweep(), is_element=True)


def _parsed(text: str, parser: OverridesParser) -> Override:
    override = parser.parse_rule(text, "override")
    if not override.key_or_group:
        raise HydraException("there is no key")
    override.config_loader = parser.config_loader
    return override


def _elements(override: Override) -> Iterator[str]:
    """The first values of a sweep as they are written; the start of a range without steps."""
    if override.is_interval_sweep():
        interval: Any = override.value()
        return iter([str(interval.start)])
    swept: Any = override._value
    if isinstance(swept, (ChoiceSweep, RangeSweep)):
        swept.shuffle = False  # the same findings each time
    return itertools.islice(override.sweep_string_iterator(), _MOST_ELEMENTS)


def _refusal(error: HydraException, text: str) -> tuple[str, int | None]:
    """Hydra's reason, and the character of the word that it points to."""
    cause: Any = error.__cause__
    said = shortened(str(error).strip().split("\n")[0])
    start = getattr(cause, "startIndex", None)
    if start is not None:
        return f"unexpected {text[start : start + 1]!r}", start
    token = getattr(cause, "offendingToken", None)
    if token is not None:
        return said, min(max(token.start, 0), len(text))
    return said, len(text) if said.endswith("at '<EOF>'") else None
