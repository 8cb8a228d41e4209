"""The stage `swept`: every `{sweep: text}` of an input that a step loops over becomes the list that Hydra makes of it.

A program enters and leaves; after this stage a sweep is a literal list whose elements all stand where its text does.
Hydra is asked for everything at once, and not at all if no step has a sweep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from hpc.compiler.composition.scripts import Found, configuration
from hpc.compiler.files import Files, answered
from hpc.compiler.graph import Layer
from hpc.compiler.link.components import Components, Declared
from hpc.compiler.link.declared import declared_names
from hpc.compiler.link.settings import settings_of
from hpc.compiler.link.wiring import misfit
from hpc.compiler.mentions import step_blocks
from hpc.compiler.questions import Answer, Sweep, Swept
from hpc.components.container import ContainerComponent
from hpc.components.hydra import bare_key, is_key
from hpc.components.ports import InputPort
from hpc.components.step import StepEntry, sweep_text
from hpc.components.subpipeline import SubPipeline
from hpc.components.types import kind_of, with_article
from hpc.diagnostics import Diagnostic, Path, Place, Rejected, Rule, located
from hpc.spec.document import Document, Node
from hpc.spec.load import WRONG_VALUE
from hpc.spec.merge import mapping
from hpc.spec.program import File, Program
from hpc.spec.scalars import shortened

NO_LIST = Rule(
    "HPC619",
    "a sweep that is no list",
    "A loop needs a list: hpc lets Hydra make it while compiling, the same one each time.",
    "Write values, `choice(…)`, `range(…)`, or `glob(…)` for a component with a configuration.",
)
RULES = (NO_LIST,)

MOST_VALUES = 1000
_GLOB = re.compile(r"\bglob\s*\(")
_FORMS = "`a,b`, `choice(a,b)` or `range(1,4)`"


@dataclass(frozen=True)
class _Axis:
    """One sweep: the path of its mapping, the step and the input that it is for, what that step runs, and for `glob`
    the configuration that it has.
    """

    path: Path
    step: str
    name: str
    port: InputPort
    declared: Declared
    text: str
    configured: Found | None

    @property
    def place(self) -> Place:
        return Place((*self.path, "sweep"))

    @property
    def key(self) -> str:
        """The Hydra key; the input's name where the component calls it in a way that is no key, like a flag."""
        key = bare_key(self.port.key(self.name))
        return key if is_key(key) else self.name

    @property
    def question(self) -> Sweep:
        return Sweep(self.text, self.key, MOST_VALUES, self.configured.config if self.configured else None)


def swept(program: Program, files: Files) -> Program:
    """The program with lists in the place of sweeps; the same program if there are none.

    Raises Rejected with every sweep of which there is no list, or whose values cannot go into the input.
    """
    found: list[Diagnostic] = []
    axes = [*_Collector(program, files, found).axes()]
    lists = _lists(axes, answered(files, (axis.question for axis in axes)), found)
    if found:
        raise Rejected(located(found, program.document))
    return _with_lists(program, lists) if lists else program


# ---------------------------------------------------------------- the sweeps of a program


class _Collector:
    """Finds the sweeps. What cannot be resolved has none here: the linker says what is wrong with such a step."""

    def __init__(self, program: Program, files: Files, found: list[Diagnostic]) -> None:
        self.program, self.files, self.found = program, files, found
        self.components = Components(program, [])

    def axes(self) -> Iterator[_Axis]:
        for file in self.program.files:
            for path, steps in step_blocks(file):
                for name, entry in steps.items():
                    if any(isinstance(entry.with_.get(looped), dict) for looped in entry.looped):
                        yield from self._axes_of(Layer(file, (*path, name), entry), entry)

    def _axes_of(self, step: Layer, entry: StepEntry) -> Iterator[_Axis]:
        name = str(step.path[-1])
        declared = self._declared(step.file, entry.uses or name)
        if declared is None:
            return
        inputs = declared.component.inputs
        for looped in dict.fromkeys(entry.looped):
            value, path = entry.with_.get(looped), (*step.path, "with", looped)
            if looped not in inputs or not isinstance(value, dict) or "sweep" not in value:
                continue
            text = sweep_text(value)
            if text is None:
                self.found.append(_shape(cast("dict[str, Any]", value), path))
            else:
                config = self._configuration(step, declared) if _GLOB.search(text) else None
                yield _Axis(path, name, looped, inputs[looped], declared, text, config)

    def _declared(self, file: File, component: str) -> Declared | None:
        return self.components.of(file, component) if component in file.pipeline.components else None

    def _configuration(self, step: Layer, declared: Declared) -> Found | None:
        component = declared.component
        if not isinstance(component, ContainerComponent):
            return None
        try:
            settings = settings_of(step, declared, self.program.main)
        except KeyError:  # of a name that is not declared
            self.found += [each for file in self.program.files for each in declared_names(file)]
            return None
        return configuration(component, declared.file, settings, self.files)


def _shape(value: dict[str, Any], path: Path) -> Diagnostic:
    """The report of a mapping with `sweep` that is not `{sweep: text}`."""
    text = value["sweep"]
    other = next((key for key in value if key != "sweep"), None)
    if other is not None:
        fact = f"a sweep is `{{sweep: text}}`, but `{other}` stands beside `sweep`."
        return Diagnostic(WRONG_VALUE, Place((*path, other), on="key"), fact, "remove it.")
    place = Place((*path, "sweep"))
    if isinstance(text, str):
        return Diagnostic(WRONG_VALUE, place, "the text of this sweep is empty.", f"write e.g. {_FORMS}.")
    fact = f"a sweep is text in Hydra's words, but this is {with_article(kind_of(text))}."
    fix = f"write the list itself: `{path[-1]}: […]`." if isinstance(text, list) else f"write e.g. {_FORMS}."
    return Diagnostic(WRONG_VALUE, place, fact, fix)


# ---------------------------------------------------------------- what Hydra says


def _lists(axes: list[_Axis], answers: Mapping[Sweep, Answer | None], found: list[Diagnostic]) -> dict[Path, list[Any]]:
    """The values of each sweep, by its path; all of them, unless something is reported."""
    lists: dict[Path, list[Any]] = {}
    for axis in axes:
        answer = answers[axis.question]
        if not isinstance(answer, Swept):
            found.append(_not_installed(axis))  # one such message is enough
            break
        trouble = _no_list(axis, answer) or _misfit(axis, answer)
        if trouble is None:
            lists[axis.path] = list(answer.values)
        else:
            found.append(trouble)
    return lists


def _not_installed(axis: _Axis) -> Diagnostic:
    fact = f"`{shortened(axis.text)}` is Hydra's to read, and hydra-core is not installed beside hpc."
    fix = "pip install 'hydra-pipeline-compiler[hydra]'; or write the values as a list."
    return Diagnostic(NO_LIST, axis.place, fact, fix)


def _no_list(axis: _Axis, answer: Swept) -> Diagnostic | None:
    if answer.values and not answer.trouble:
        return None
    fact, fix = _WHY[answer.trouble](axis, answer)
    return Diagnostic(NO_LIST, axis.place, f"`{shortened(axis.text)}` {fact}.", fix)


def _empty(axis: _Axis, answer: Swept) -> tuple[str, str]:
    del answer
    if axis.configured is None:
        return "has no values, so the step would never run", f"write e.g. {_FORMS}."
    group = axis.key.partition("@")[0]
    folder = f"{axis.configured.config.folder}/{group}"
    return f"matches no option of the config group `{group}`", f"the options are the files of `{folder}`."


def _syntax(axis: _Axis, answer: Swept) -> tuple[str, str]:
    del axis
    return f"is no list to Hydra: {answer.said.rstrip('.')}", f"write e.g. {_FORMS}."


def _endless(axis: _Axis, answer: Swept) -> tuple[str, str]:
    del axis, answer
    return "has no end: an interval is for a search", f"search it with `tune`, or write e.g. {_FORMS}."


def _random(axis: _Axis, answer: Swept) -> tuple[str, str]:
    del axis, answer
    return "is random, so the compiled file would change each time", "remove `shuffle`."


def _too_many(axis: _Axis, answer: Swept) -> tuple[str, str]:
    del answer
    fix = f"let a step make the list, and bring it by an edge: `<step>.<output> -> {axis.step}.{axis.name}`."
    return f"has more than {MOST_VALUES} values, the most that a sweep in `for_each` may have", fix


def _no_config(axis: _Axis, answer: Swept) -> tuple[str, str]:
    name, write = axis.declared.path[-1], "write the options themselves: `choice(a,b)`."
    if axis.configured is not None:
        fact = f"looks for options in `{axis.configured.config.folder}`, the Hydra configuration of `{name}`"
        fix = "correct `config` of the component" if axis.configured.is_declared else "add `config: {dir: …, name: …}`"
        return f"{fact}: {answer.said.rstrip('.')}", f"{fix}, or {write}"
    fact = f"looks for options in a Hydra configuration, and `{name}` has none that hpc knows"
    is_app = isinstance(axis.declared.component, ContainerComponent) and axis.declared.component.is_hydra
    return fact, f"add `config: {{dir: …, name: …}}` to component `{name}`, or {write}" if is_app else write


def _one_value(axis: _Axis, answer: Swept) -> tuple[str, str]:
    text = axis.text.strip()
    if ":" in text:  # a mapping in Hydra's words is another one in YAML's
        text = "…"
    whole = text if answer.said == "list" and not axis.port.type.is_list and text != "…" else f"[{text}]"
    return "is one value to Hydra, not a sweep", f"write a list: `{axis.name}: {whole}`."


def _no_answer(axis: _Axis, answer: Swept) -> tuple[str, str]:
    del axis
    return f"is Hydra's to read, and Hydra could not be asked: {answer.said.rstrip('.')}", "write the values as a list."


_WHY = {
    "": _empty,
    "syntax": _syntax,
    "endless": _endless,
    "random": _random,
    "too-many": _too_many,
    "no-config": _no_config,
    "not-a-sweep": _one_value,
    "no-answer": _no_answer,
}


def _misfit(axis: _Axis, answer: Swept) -> Diagnostic | None:
    """The report of the first value that cannot go into the input: one for each sweep, however many there are."""
    what = f"`{axis.step}.{axis.name}`"
    for value in answer.values:
        found = misfit(what, axis.port, value, axis.place)
        if found is not None:
            quotes = str(axis.port.type) == "string" and isinstance(value, int | float)
            return replace(found, fix="let Hydra make texts: `str(1,2)`.") if quotes else found
    return None


# ---------------------------------------------------------------- lists in the place of sweeps


def _with_lists(program: Program, lists: Mapping[Path, list[Any]]) -> Program:
    root = program.document.root
    for path, values in lists.items():
        root = _with_list(root, path, len(values))
    used = {name: _file(each, lists) if isinstance(each, File) else each for name, each in program.used.items()}
    return Program(Document(root), _file(program.main, lists), used)


def _with_list(node: Node, path: Path, count: int) -> Node:
    """The document with as many nodes as there are values, each of them the text of the sweep."""
    entries = mapping(node)
    if not path:
        text = entries["sweep"]
        return Node([text] * count, text.source, text.start, text.end)
    key = str(path[0])
    changed = {**entries, key: _with_list(entries[key], path[1:], count)}
    return Node(changed, node.source, node.start, node.end, node.keys)


def _file(file: File, lists: Mapping[Path, list[Any]]) -> File:
    pipeline = file.pipeline
    components = dict(pipeline.components)
    for name, component in components.items():
        if isinstance(component, SubPipeline):
            steps = _steps(component.steps, (*file.path, "components", name, "steps"), lists)
            components[name] = component.model_copy(update={"steps": steps})
    steps = _steps(pipeline.steps, (*file.path, "steps"), lists)
    return replace(file, pipeline=pipeline.model_copy(update={"steps": steps, "components": components}))


def _steps(steps: Mapping[str, StepEntry], path: Path, lists: Mapping[Path, list[Any]]) -> dict[str, StepEntry]:
    return {name: _step(entry, (*path, name, "with"), lists) for name, entry in steps.items()}


def _step(entry: StepEntry, path: Path, lists: Mapping[Path, list[Any]]) -> StepEntry:
    given = {name: lists.get((*path, name), value) for name, value in entry.with_.items()}
    return entry.model_copy(update={"with_": given}) if given != entry.with_ else entry
