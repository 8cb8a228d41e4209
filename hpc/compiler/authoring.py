"""What the author of a component can set: the keys and groups of its Hydra configuration, as Hydra composes them.

Components of a `Program` enter; what Hydra lists for each of them leaves. A component's own choices from config groups
(`overrides: {model: vit}`) apply, so that the keys are those of its program; its other constants do not, so that the
defaults are those of the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpc.compiler.composition.scripts import configuration
from hpc.compiler.files import Files, answered
from hpc.compiler.graph import Layer
from hpc.compiler.link.components import Components, Declared
from hpc.compiler.link.declared import declared_names
from hpc.compiler.link.settings import settings_of
from hpc.compiler.mentions import step_blocks
from hpc.compiler.questions import Answer, Config, Group, Keys, Listed
from hpc.components.container import ContainerComponent
from hpc.components.hydra import bare_key, constant
from hpc.components.step import NOTHING_DIFFERS, StepEntry
from hpc.components.types import Plain
from hpc.components.use import references_in
from hpc.diagnostics import Path, Rejected
from hpc.spec.program import Program


@dataclass(frozen=True)
class App:
    """A Hydra app as a component or a step runs it. `overrides` are all constants that it gets; `path` is where the
    file says something about it: `components.x`, `steps.x`.
    """

    path: Path
    config: Config
    component: ContainerComponent
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class Listing:
    """What Hydra lists for an app, and the words that it was composed with."""

    words: tuple[str, ...]
    listed: Listed


class Apps:
    """The Hydra apps of a pipeline file. Raises Rejected, with places, if it names what nothing declares."""

    def __init__(self, program: Program, files: Files) -> None:
        self.program, self.files = program, files
        self.found = [one for file in program.files for one in declared_names(file)]
        if self.found:
            raise Rejected(self.found)
        self.components = Components(program, self.found)

    def declared(self, name: str) -> Declared:
        """A component of the pipeline file, which has it. Raises Rejected if what it uses is wrong."""
        declared = self.components.of(self.program.main, name)
        if declared is None:
            raise Rejected(self.found)
        return declared

    def of_component(self, name: str) -> App | None:
        """The app that a component runs; None if that is no Hydra app, or nothing says which configuration it has."""
        return self._app(self.declared(name), ("components", name), NOTHING_DIFFERS)

    def all(self) -> Iterator[App]:
        """The apps of all components, then those of all steps, also of such that have no entry in `steps` yet because
        they are called like their component.
        """
        names = self.program.main.pipeline.components
        apps = [self.of_component(name) for name in names]
        unwritten = dict.fromkeys(names, NOTHING_DIFFERS)
        for path, steps in step_blocks(self.program.main):
            apps += self._of_steps({**unwritten, **steps} if path == ("steps",) else steps, path)
        return (app for app in apps if app)

    def _of_steps(self, steps: Mapping[str, StepEntry], path: Path) -> Iterator[App | None]:
        for name, entry in steps.items():
            component = entry.uses or name
            if component in self.program.main.pipeline.components:
                yield self._app(self.declared(component), (*path, name), entry)

    def _app(self, declared: Declared, path: Path, entry: StepEntry) -> App | None:
        component, main = declared.component, self.program.main
        if not isinstance(component, ContainerComponent):
            return None
        settings = settings_of(Layer(main, path, entry), declared, main)
        found = configuration(component, declared.file, settings, self.files)
        return App(path, found.config, component, settings.overrides) if found else None


def listings(apps: Sequence[App], files: Files, words: Sequence[str] = ()) -> list[Listing | None]:
    """What Hydra lists for each app, composed with these words besides its own choices; None if Hydra cannot be asked.

    Choices whose option is a file of the configuration are known beforehand. Those from other groups (a plugin's, or
    that of a structured config) are found in the first answer, and such an app is asked about once more.
    """
    first = [_question(app, words, _has(app, files, ())) for app in apps]
    found = answered(files, first)
    final = [_refined(app, words, one, found[one], files) for app, one in zip(apps, first, strict=True)]
    found |= answered(files, (one for one in final if one not in found))
    return [Listing(one.words, listed) if isinstance(listed := found[one], Listed) else None for one in final]


_OPTION = re.compile(r"[\w@+-][\w@+./-]{0,120}/[\w+-][\w+./-]{0,120}\.yaml")
_Has = Callable[[str, str], bool]
"""Whether a group has an option; the empty one stands for any."""


def _has(app: App, files: Files, groups: Iterable[Group]) -> _Has:
    """Whether a group has an option, as far as files and what Hydra has listed tell."""
    folder = app.config.folder
    known = {each.group.partition("@")[0]: {"", *each.options} for each in groups}

    def has(group: str, option: str) -> bool:
        path = f"{group}/{option}.yaml"
        return option in known.get(group, ()) or (_OPTION.fullmatch(path) is not None and files.has(f"{folder}/{path}"))

    return has


def _refined(app: App, words: Sequence[str], asked: Keys, answer: Answer | None, files: Files) -> Keys:
    """The question with the choices, too, whose groups the answer to it tells of."""
    if not isinstance(answer, Listed) or answer.trouble:
        return asked
    return _question(app, words, _has(app, files, answer.groups))


def _question(app: App, words: Sequence[str], has: _Has) -> Keys:
    return Keys(app.config, (*_choices(app, words, has), *words))


def _choices(app: App, words: Sequence[str], has: _Has) -> Iterator[str]:
    """The app's constants that choose from config groups, but for those that a word of the user chooses from."""
    given = {bare_key(word.partition("=")[0]) for word in words}
    for key in sorted(app.overrides, key=bare_key):
        value = app.overrides[key]
        group = bare_key(key).partition("@")[0]
        options = _options(value)
        if options and bare_key(key) not in given and all(has(group, option) for option in options):
            yield key if value is None and key.startswith("~") else f"{key}={constant(value)}"


def _options(value: Plain) -> list[str]:
    """The options that a constant can be meant to choose, the empty one for null; nothing if it can choose none."""
    each = (value or [None]) if isinstance(value, list) else [value]
    texts = ["" if one is None else one for one in each if isinstance(one, str | None)]
    return texts if len(texts) == len(each) and not any(references_in(value)) else []
