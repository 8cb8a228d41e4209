"""A question about the command line of one step, and where in the file a finding about it belongs.

A `Finding` enters; the `Place` that can be mended leaves: a key or a value of the step or of its component, an input,
or one of its choices.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from hpc.compiler import mentions
from hpc.compiler.composition.words import Written
from hpc.compiler.graph import ContainerStep
from hpc.compiler.questions import Config, Finding, Fit
from hpc.components import hydra
from hpc.diagnostics import Path, Place


@dataclass(frozen=True)
class Asked:
    """A question about one step, and where its words are written.

    `is_declared`: the component says its `config`. `is_particular`: what is found about the whole command line is not
    found for other steps of the component.
    """

    step: ContainerStep
    config: Config
    is_declared: bool
    written: Sequence[Written]
    is_particular: bool = False

    @property
    def question(self) -> Fit:
        return Fit(self.config, tuple(each.word for each in self.written), tuple(sorted(self.step.settings.env)))

    @property
    def file(self) -> str:
        """The primary config: another one if a word of the command line says so."""
        return posixpath.normpath(f"{self.config.folder}/{self._name.removesuffix('.yaml')}.yaml")

    @property
    def _name(self) -> str:
        texts = [each.word.text for each in self.written]
        for index in reversed(range(len(texts))):
            option, equals, name = texts[index].partition("=")
            if option in ("--config-name", "-cn"):
                return name if equals else "".join(texts[index + 1 : index + 2])
        return self.config.name

    def of(self, finding: Finding) -> Written | None:
        """The word that the finding is about."""
        known = finding.word is not None and 0 <= finding.word < len(self.written)
        return self.written[finding.word or 0] if known else None

    def place(self, *below: str | int) -> Place:
        """Where the configuration is named: by the component, else by its program; the step, if it stands out."""
        path = self.step.component_path
        if self.is_particular and not below:
            return Place(self.step.path, on="key")
        if self.is_declared:
            return Place((*path, "config", *below), on="value")
        return Place((*path, "command"))


def _at_key(asked: Asked, finding: Finding) -> Place:
    written = asked.of(finding)
    if written is None:
        return asked.place()
    inside = _inside(asked, written, finding.key)
    return Place(inside, on="key") if inside else written.key


def is_block(written: Written) -> bool:
    """Whether the word is a mapping in `overrides`."""
    return written.origin == "override" and isinstance(written.content, dict)


def _inside(asked: Asked, written: Written, key: str) -> Path | None:
    """The path of a key inside a mapping that is an override; None if it is not there."""
    start, value = written.value.path[-1], written.content
    own = f"{str(start).lstrip('+~')}."
    if not is_block(written) or not key.startswith(own):
        return None
    names = key.removeprefix(own).split(".")
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return None
        value = cast("dict[str, Any]", value)[name]
    return mentions.override_path(asked.step, start, *names)


def _at_value(asked: Asked, finding: Finding) -> Place:
    written = asked.of(finding)
    if written is None:
        return asked.place()
    if finding.other is not None and finding.other < len(written.others):
        return written.others[finding.other]
    content: Any = written.content
    if isinstance(content, list):
        index = _index_in(cast("list[Any]", content), finding)
        return Place((*written.value.path, index)) if index is not None else written.value
    inside = _inside(asked, written, finding.key)
    return Place(inside) if inside else written.value


def _index_in(content: Sequence[Any], finding: Finding) -> int | None:
    """The element of a list that is meant: of a sweep by its text, else by what Hydra calls it."""
    element = finding.element.partition("=")[2]
    shown = [hydra.constant(each) if element else str(each) for each in content]
    wanted = element or finding.said
    return shown.index(wanted) if wanted in shown else None


def _at_character(asked: Asked, finding: Finding) -> Place:
    written = asked.of(finding)
    if written is not None and written.is_literal and finding.at is not None:
        return Place(written.value.path, start=finding.at)
    return _at_value(asked, finding)


def _at_config(*below: str) -> Callable[[Asked, Finding], Place]:
    def place(asked: Asked, finding: Finding) -> Place:
        del finding
        return asked.place(*below)

    return place


def _at_name(asked: Asked, finding: Finding) -> Place:
    return asked.place("name") if asked.of(finding) is None else _at_value(asked, finding)


def _at_arguments(asked: Asked, finding: Finding) -> Place:
    """The whole word, else all of them."""
    block, written = "args" if asked.step.component.args else "command", asked.of(finding)
    return Place(written.value.path if written else (*asked.step.component_path, block))


def _at_import(asked: Asked, finding: Finding) -> Place:
    imports = asked.config.imports
    return asked.place("imports", *([imports.index(finding.key)] if finding.key in imports else []))


def _at_machine(asked: Asked, finding: Finding) -> Place:
    if asked.of(finding) is not None:
        return _at_value(asked, finding)
    said = (layer.path for layer in asked.step.layers if getattr(layer.block, "accelerator", None) is not None)
    return Place((*next(said, asked.step.component_path), "accelerator"))


_PLACES: dict[str, Callable[[Asked, Finding], Place]] = {
    "no-folder": _at_config("dir"),
    "no-config": _at_name,
    "broken": _at_config(),
    "not-found": _at_config(),
    "no-answer": _at_config(),
    "usage": _at_arguments,
    "syntax": _at_character,
    "unknown-key": _at_key,
    "unknown-group": _at_key,
    "exists": _at_key,
    "not-there": _at_key,
    "no-default": _at_key,
    "chosen-later": _at_key,
    "not-imported": _at_import,
    "is-cpu": _at_machine,
}


def place_of(asked: Asked, finding: Finding) -> Place:
    """Where a message about the finding points."""
    return _PLACES.get(finding.kind, _at_value)(asked, finding)


def identity(code: str, asked: Asked, finding: Finding) -> tuple[object, ...]:
    """What makes two messages one: many steps use one component, and each mistake is told once."""
    if finding.kind in _OF_CONFIG and finding.word is None:
        return code, finding.kind, asked.file
    return code, place_of(asked, finding), asked.config, finding.key or finding.said


_OF_CONFIG = frozenset(("no-folder", "no-config", "broken", "not-found", "no-answer"))


def telling(asked: Asked, findings: Sequence[Finding]) -> Sequence[Finding]:
    """Those that are worth telling: where there is no configuration, only that."""
    is_told = asked.is_declared or any(each.kind == "broken" for each in findings)
    whole = [each for each in findings if each.kind in _NO_CONFIG]
    return whole if whole and (is_told or whole[0].word is not None) else findings


_NO_CONFIG = frozenset(("no-folder", "no-config", "broken"))
