"""Does an application start with these words? The question enters, everything that Hydra would say leaves.

Runs in the child process only, with hydra-core 1.1 and later. What Hydra does in one go, and stops at the first
mistake, is done here step by step: words, choices from groups, values of keys, and then the config that they make.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from hpc.composing.alternatives import Alternatives
from hpc.composing.applying import Values, applied_where_possible, other_type, unknown
from hpc.composing.blaming import OF_CHOICES, Causes, identities, identity, setter_of
from hpc.composing.choosing import Composed, Composer, is_choice, lasting, options_of, package_of, wrong_choices
from hpc.composing.loading import Opened, OutsideError, opened
from hpc.composing.noting import Finding, finding, in_order, nearest, told
from hpc.composing.walking import walk
from hpc.composing.words import Line, Reading, read

_OLD_BASE = "1.1"
_LIKE_GROUPS = 0.85
_OF_KEYS = frozenset(("unknown-key", "not-there"))
_OF_DEFAULTS = frozenset(("broken", "not-found", "clash"))


def fit(question: Mapping[str, Any]) -> list[Finding]:
    """The findings about a question with the fields of `hpc.compiler.questions.Fit`, its folder from where the process
    runs. Those of words come first, in their order.
    """
    if not Path(question["config"]["folder"]).is_dir():
        return [finding("no-folder")]
    found = _asked(question, None)
    if any(each["kind"] in _OF_DEFAULTS for each in found):
        older = _asked(question, _OLD_BASE)  # what an application that names no version_base may still do
        if not any(each["kind"] in _OF_DEFAULTS for each in older):
            found = older
    return in_order(found)


def _asked(question: Mapping[str, Any], base: str | None) -> list[Finding]:
    config = question["config"]
    try:
        with opened(config["folder"], config["imports"], question["env"], base) as there:
            return _Fitting(question, there).findings()
    except Exception as error:  # noqa: BLE001  Hydra, its plugins and what `imports` did to them
        return [finding("broken", said=told(error, config["folder"]))]


class _Fitting:
    """One question. `found` is what was found so far."""

    def __init__(self, question: Mapping[str, Any], there: Opened) -> None:
        self.there, self.words = there, question["words"]
        self.folder: str = question["config"]["folder"]
        self.name: str = question["config"]["name"]
        self.found: list[Finding] = []

    def findings(self) -> list[Finding]:
        self.found = [finding("not-imported", key=file, said=said) for file, said in self.there.failures]
        line = read(self.words, self.there.parser, is_multirun=False)
        if line.is_understood and self._has_config(line):
            if line.sweeps and not line.is_multirun and self._asks_for_runs(line):
                line = read(self.words, self.there.parser, is_multirun=True)
            self._judge(line)
            self._note_what_is_not_here(line)
        return [*self.found, *line.findings]

    # ------------------------------------------------------------ which config

    def _has_config(self, line: Line) -> bool:
        """Whether the configuration can be composed; finds out its name, and what is only in the container."""
        self._note_options(line)
        name, index = line.options.get("config_name", (self.name, None))
        self.name = name.lstrip("/").removesuffix(".yaml").removesuffix(".yml")
        if index is not None and not self.words[index]["is_known"]:
            options = self.there.options("")
            self.found.append(finding("chosen-later", index, key="--config-name", options=options))
            return False
        if "config_path" in line.options or self.there.has(self.name):
            return "config_path" not in line.options
        if not self._may_be_elsewhere():
            folder = self.name.rpartition("/")[0]
            names = [*(f"{folder}/{name}" for name in self.there.options(folder) if folder), *self.there.options("")]
            near = nearest(self.name, names, 0.5)
            self.found.append(finding("no-config", index, key=self.name, near=near))
        return False

    def _note_options(self, line: Line) -> None:
        for name in ("config_path", "config_dir"):
            if name in line.options:
                path, index = line.options[name]
                self.found.append(finding("outside", index, key=f"--{name.replace('_', '-')}", said=path))

        if "config_dir" in line.options:
            self.there.sources.elsewhere[line.options["config_dir"][0]] = None

    def _asks_for_runs(self, line: Line) -> bool:
        """Whether the config itself sets `hydra.mode`, which Hydra knows since 1.2."""
        choices = [reading.text for reading in line.readings if is_choice(self.there, reading) and reading.is_main]
        for texts in (choices, []):
            with contextlib.suppress(Exception):  # it is judged afterwards
                return _is_multirun(self.there.compose(self.name, texts))
        return False

    # ------------------------------------------------------------ what may be in the container only

    def _may_be_elsewhere(self) -> bool:
        return bool(self.there.sources.elsewhere or self.there.failures)

    def _look_for_search_paths(self, line: Line) -> None:
        with contextlib.suppress(Exception):  # it is judged afterwards
            self.there.enter(self.name)
        for reading in line.readings:
            value = reading.override.value()
            if reading.key == "hydra.searchpath" and isinstance(value, list):
                self.there.sources.elsewhere.update((str(path), None) for path in value)

    def _note_what_is_not_here(self, line: Line) -> None:
        """Search paths and plugins, which the compositions came across."""
        given = [reading.word for reading in line.readings if reading.key == "hydra.searchpath"]
        told_already = {(each["kind"], each["said"]) for each in self.found}
        for path in self.there.sources.elsewhere:
            if ("outside", path) not in told_already:
                self.found.append(finding("outside", given[-1] if given else None, key="hydra.searchpath", said=path))
        for group, name in self.there.sources.absent.items():
            if ("not-installed", name) not in told_already:
                self.found.append(finding("not-installed", key=group, said=name))

    def _is_excused(self, composed: Composed, reading: Reading) -> bool:
        """Whether the key of an override may belong to what is not here."""
        if composed.is_open or self.there.failures:
            return True
        if self.there.sources.elsewhere and "." not in reading.key:
            return True  # a group that only the container has
        if reading.key.startswith("hydra/"):
            self.found.append(self._unknown_group(reading))
            return True
        packages = [f"{group.replace('/', '.')}." for group in self.there.sources.absent]
        return any(reading.key.startswith(package) for package in packages)

    def _unknown_group(self, reading: Reading) -> Finding:
        """A group of Hydra's that is not here: a plugin of the image may have it, unless it is hardly misspelt."""
        known = [name for name in self.there.groups() if name.startswith("hydra/")]
        near = nearest(reading.key, known, _LIKE_GROUPS)
        if near:
            return finding("unknown-group", **reading.place, key=reading.key, near=near)
        return finding("not-installed", **reading.place, key=reading.key, said=str(reading.override.value()))

    # ------------------------------------------------------------ choices

    def _judge(self, line: Line) -> None:
        self._look_for_search_paths(line)
        choices = lasting([reading for reading in line.readings if is_choice(self.there, reading)])
        values = [reading for reading in line.readings if not is_choice(self.there, reading)]
        composer = Composer(self.there, self.name, self.folder)
        later = [reading for reading in choices if self._comes_later(reading)]
        good = self._right([reading for reading in choices if reading not in later], composer)
        main = _main(good)
        composed = composer.with_choices(main, later)
        taken = [reading for reading in main if reading.text in composed.texts]
        refused = [reading for reading in choices if reading not in (*good, *later)]
        refused += [reading for reading in main if reading not in taken]
        composed.is_open |= bool(refused) and self._may_be_elsewhere()
        self.found += composed.findings
        if composed.config is not None:
            others = [reading for reading in good if reading not in main]
            alternatives = Alternatives(composer, taken, others, refused)
            alternatives.may_come(later, composed.missing)
            judge = self._judge_values(values, composed, alternatives)
            self._judge_runs(composed.config, judge, alternatives, is_open=composed.is_open)
            self._judge_whole(line, composed, judge, alternatives, is_sure=not refused)

    def _comes_later(self, reading: Reading) -> bool:
        """Whether only the run knows the option, which is then noted."""
        if reading.is_known or self.words[reading.word]["others"] or reading.override.is_delete():
            return False
        options = options_of(self.there, reading.key)
        self.found.append(finding("chosen-later", **reading.place, key=reading.full_key, options=options))
        return True

    def _right(self, choices: Sequence[Reading], composer: Composer) -> list[Reading]:
        """Those whose option is there. A plugin that is not is noted, and taken for right."""
        wrong = [(reading, list(wrong_choices(self.there, reading))) for reading in choices]
        plain = [reading for reading, trouble in wrong if not trouble]
        right: list[Reading] = []
        for reading, trouble in wrong:
            others = [each for each in _main(plain) if each.word != reading.word]
            is_plugin = all(each["kind"] == "not-installed" for each in trouble)
            if is_plugin or self._is_taken(reading, composer, others):
                right.append(reading)
            if is_plugin or not (reading in right or self._may_be_elsewhere()):
                self.found += trouble
        return right

    def _is_taken(self, reading: Reading, composer: Composer, others: Sequence[Reading]) -> bool:
        """Whether Hydra takes an option that is not there; a plugin's would only seem to be."""
        if self._may_be_elsewhere() or reading.key.startswith("hydra/"):
            return False
        return composer.accepts(reading, others)

    # ------------------------------------------------------------ values

    def _judge_values(self, values: Sequence[Reading], composed: Composed, alternatives: Alternatives) -> Values:
        assert composed.config is not None
        groups = [name for name in self.there.groups() if not name.startswith("hydra/")]
        judge = Values(composed.config, alternatives.configs, groups, lambda each: self._is_excused(composed, each))
        told_words: set[int] = set()
        for reading in values:
            wrong = judge.judge(reading)
            if wrong is not None and not (alternatives.are_more and wrong["kind"] in _OF_KEYS):
                self.found.append(wrong)
            doubtful = None if wrong else other_type(reading, composed.config)
            if doubtful is not None and reading.word not in told_words:
                told_words.add(reading.word)
                self.found.append(doubtful)
        return judge

    def _judge_runs(self, config: DictConfig, judge: Values, alternatives: Alternatives, *, is_open: bool) -> None:
        """Keys that only some of the choices of a sweep have: all of them are run."""
        swept = [reading for reading in alternatives.main if reading.is_element]
        if not swept or is_open or self._may_be_elsewhere():
            return
        others = [(one, other) for one, other in alternatives.declared([]) if one.is_element]
        for one, of_run in [(swept[-1], config), *others]:
            for reading in unknown(judge.right, of_run):
                self.found.append(finding("unknown-key", **reading.place, key=reading.full_key, said=one.text))

    # ------------------------------------------------------------ the config that it all makes

    def _judge_whole(
        self, line: Line, composed: Composed, judge: Values, alternatives: Alternatives, *, is_sure: bool
    ) -> None:
        """`is_sure`: no choice was refused, so that what the config lacks is what the application would lack."""
        whole = self._whole(composed, judge)
        found = self._lacking(line, judge, whole)
        if composed.is_open or not is_sure:
            found = [each for each in found if each["kind"] not in OF_CHOICES]
        found = self._whatever_comes(found, composed, judge, alternatives)
        causes = Causes(alternatives, composed.config or whole, judge, lambda config: walk(self.there, config))
        self.found += causes.attributed(found)
        for reading, config in alternatives.declared(self.found):
            also = self._lacking(line, judge, applied_where_possible(judge.right, config))
            self.found += [{**each, **reading.place} for each in also if identity(each) not in identities(found)]
        if whole.hydra.runtime.choices.get("hydra/sweeper") == "basic":
            endless = [reading for reading in line.readings if reading.is_endless]
            self.found += [finding("no-sweeper", **reading.place, key=reading.key) for reading in endless]

    def _lacking(self, line: Line, judge: Values, config: DictConfig) -> list[Finding]:
        """What the walk finds. A value that a word gives is not missing, whatever it is: the program may fill it."""
        given = line.refused_keys | {each.key for each in line.readings if not each.override.is_delete()}
        return [
            each
            for each in walk(self.there, config)
            if each["kind"] != "missing" or (each["key"] not in given and setter_of(each["key"], judge.right) is None)
        ]

    def _whole(self, composed: Composed, judge: Values) -> DictConfig:
        """All together, by Hydra's own hand."""
        texts = [*composed.texts, *(reading.text for reading in judge.accepted)]
        try:
            return self.there.compose(self.name, texts)
        except Exception as error:  # noqa: BLE001  what a config makes of Hydra may be any exception
            if not isinstance(error, OutsideError):
                self.found.append(finding("clash", said=told(error, self.folder)))
            return judge.config

    def _whatever_comes(
        self, found: list[Finding], composed: Composed, judge: Values, alternatives: Alternatives
    ) -> list[Finding]:
        """Those that hold for every option that may come, and do not belong to a group that has none yet."""
        below = tuple(f"{package_of(key)}." for key in composed.missing)
        found = [each for each in found if each["kind"] not in OF_CHOICES or not f"{each['key']}.".startswith(below)]
        if any(each["kind"] in OF_CHOICES for each in found):
            for config in alternatives.later():
                same = identities(walk(self.there, applied_where_possible(judge.right, config)))
                found = [each for each in found if each["kind"] not in OF_CHOICES or identity(each) in same]
        return found


def _is_multirun(config: DictConfig) -> bool:
    """Whether the config asks for several runs, or may do so by what only the container knows."""
    try:
        return "mode" in config.hydra and str(config.hydra.mode).rpartition(".")[2] == "MULTIRUN"
    except OmegaConfBaseException:
        return True


def _main(readings: Sequence[Reading]) -> list[Reading]:
    """One for each word: its own text, or the first of its others that is right."""
    first: dict[int, Reading] = {}
    for reading in readings:
        first.setdefault(reading.word, reading)
    return list(first.values())
