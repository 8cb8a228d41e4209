"""What the compiler asks Hydra, and what it hears: plain data that can be written as JSON and kept.

Questions go through `Files.ask`. Folders are paths from the pipeline file's folder, with `/`. A key is a Hydra key as
it stands in the config (`model.lr`), without `+` and the like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Config:
    """A Hydra configuration: a folder, its primary config without `.yaml`, and Python files that register structured
    configs and may be run for it.
    """

    folder: str
    name: str
    imports: tuple[str, ...] = ()


# ---------------------------------------------------------------- does a command line fit?


@dataclass(frozen=True)
class Word:
    """One word of the command line behind the program, as the program gets it.

    `others` are further texts that may stand here (one for each of the declared choices). `type` is the declared type
    of the value, empty for what the user wrote as an override. `is_known` is False where the run brings the value: the
    text then holds a stand-in of the right type. `may_sweep`: the word is meant for Hydra's --multirun.
    """

    text: str
    others: tuple[str, ...] = ()
    type: str = ""
    is_known: bool = True
    may_sweep: bool = False


@dataclass(frozen=True)
class Fit:
    """Does the application start with these words? `env` names the environment variables that the container gets."""

    config: Config
    words: tuple[Word, ...]
    env: tuple[str, ...] = ()


Kind = Literal[
    "no-folder",  # the folder is not there
    "no-config",  # no such primary config; `key` its name, `near` others
    "broken",  # the config does not compose, whatever the overrides and whatever Python registers: `said`
    "not-found",  # so does a defaults list that names what is not in the folder: `said`
    "usage",  # Hydra's own argument parser refuses the words: `said`
    "syntax",  # `said`: Hydra's reason; `at`: character of the word, from 0
    "sweep",  # an accidental sweep; `key`
    "unknown-key",  # `near` the nearest keys; `said` the choice of a sweep that lacks it, where others have it
    "unknown-group",  # `key` is like a group of Hydra itself, but none: `near`
    "exists",  # `+key` that is there already
    "not-there",  # `~key` that is not there; with `said`, `~key=said` where the value is `options`
    "no-default",  # a group that the defaults list does not choose: `+key=` is needed
    "unknown-choice",  # `key` the group, `said` the choice, `options` what there is, `near`
    "type",  # a structured config refuses the value: `said`
    "other-type",  # the default is of another type: `said` its type, `options` its value as text
    "clash",  # the words do not compose together: `said`
    "missing",  # `key` is ???, and nothing gives it
    "interpolation",  # `key` refers to something that is not there: `said`
    "outside",  # `key` needs what is only in the container: `said`, e.g. `${oc.env:HOME}`
    "not-installed",  # a Hydra plugin that is only in the image: `key` its group, `said` its name
    "chosen-later",  # a group whose option only the run brings: `key`, `options`
    "not-imported",  # one of `imports` cannot be run here: `key` the file, `said` the reason
    "no-answer",  # Hydra itself failed, or `imports` ended its process: `said`
    "is-cpu",  # `key`, called `accelerator` or `device`, composes to `cpu`
    "no-sweeper",  # a range without end, which Hydra's own sweeper cannot search: `key`
    "no-values",  # a sweep of `key` over nothing, such as a `glob` that no option fits: `options`
]


@dataclass(frozen=True)
class Finding:
    """Something that Hydra would say. `word` is the index of the word that it is about, `other` that of the text in
    its `others`; None: the text itself, or the config as a whole. `element`: the override that is meant, if the word
    sweeps over several.
    """

    kind: Kind
    word: int | None = None
    other: int | None = None
    key: str = ""
    said: str = ""
    at: int | None = None
    near: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    element: str = ""


@dataclass(frozen=True)
class Fits:
    """Everything that was found, in the order of the words; nothing if the application would start."""

    findings: tuple[Finding, ...]


# ---------------------------------------------------------------- which values does a sweep have?


@dataclass(frozen=True)
class Sweep:
    """The values of a sweep in Hydra's words, e.g. `range(1,4)`. `key` is the Hydra key that they are for: `glob` looks
    up the options of that group, in `config`. No more than `most` values are made.
    """

    text: str
    key: str
    most: int
    config: Config | None = None


@dataclass(frozen=True)
class Swept:
    """The values, or why there is no list of them: `trouble` with Hydra's words in `said`; for what is one value, its
    type as in Key. "no-answer": Hydra could not be asked, for the reason in `said`.
    """

    values: tuple[Any, ...] = ()
    trouble: Literal["", "syntax", "endless", "random", "too-many", "no-config", "not-a-sweep", "no-answer"] = ""
    said: str = ""


# ---------------------------------------------------------------- which keys are there?


@dataclass(frozen=True)
class Keys:
    """Everything in a configuration that an override can name, composed with these words."""

    config: Config
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Key:
    """A key with its default and the type of that: int, float, bool, string, list, dict, or any where it is null.

    `is_missing`: the default is `???`.
    """

    key: str
    type: str
    default: Any = None
    is_missing: bool = False


@dataclass(frozen=True)
class Group:
    """A config group, its options, and what the defaults list chooses: one, several or nothing.

    `needs_plus`: the defaults list does not name the group at all, so that only `+group=option` can choose from it.
    """

    group: str
    options: tuple[str, ...]
    chosen: tuple[str, ...] = ()
    needs_plus: bool = False


@dataclass(frozen=True)
class Listed:
    """`trouble` says, in Hydra's words, why there is nothing to list; if it has `failed`, why Hydra could not be asked.

    `notes` say, a sentence each, why there may be more than what is listed.
    """

    keys: tuple[Key, ...] = ()
    groups: tuple[Group, ...] = ()
    trouble: str = ""
    notes: tuple[str, ...] = ()
    failed: bool = False


Question = Fit | Sweep | Keys
Answer = Fits | Swept | Listed
