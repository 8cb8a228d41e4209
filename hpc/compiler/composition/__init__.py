"""Does every Hydra app start? The stage between `check` and `render`: a linked `Graph` enters, Diagnostics leave.

    which configuration has the program (scripts) -> what can its inputs be (values) -> what words does it get (words)
        -> one question for Hydra through `Files.ask` -> what Hydra would say, at its place in the file (findings)

A pipeline without Hydra apps, or whose configurations nobody knows, asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hpc.compiler.assignments import of_step
from hpc.compiler.composition.asked import Asked, identity, telling
from hpc.compiler.composition.findings import NOT_CHECKED, absent_imports, diagnostic, is_outside, outside
from hpc.compiler.composition.scripts import Found, configuration, is_own_app
from hpc.compiler.composition.values import Values
from hpc.compiler.composition.words import words_of
from hpc.compiler.files import Files, answered
from hpc.compiler.graph import ContainerStep, Graph
from hpc.compiler.questions import Answer, Config, Finding, Fit, Fits
from hpc.diagnostics import Diagnostic, Path, Place, Rejected


@dataclass(frozen=True)
class Coverage:
    """A Hydra component and the primary config that it is checked against, or the reason why it is not."""

    component: str
    config: str
    reason: str = ""


@dataclass(frozen=True)
class Composed:
    """Warnings and notes about the Hydra configurations of the steps, and what they are about."""

    diagnostics: list[Diagnostic]
    covered: tuple[Coverage, ...]


def composed(graph: Graph, files: Files) -> Composed:
    """What Hydra says of the steps. Raises Rejected with all diagnostics if there is an error."""
    configured = [*_configured(graph, files)]
    values = Values(graph)
    wanted = [
        Asked(step, found.config, found.is_declared, words_of(step, given))
        for step, found in configured
        if found is not None
        for given in values.of(step)
    ]
    asked = [one for one in wanted if all(map(files.has, one.config.imports))]
    answers = answered(files, (one.question for one in asked))
    found = [*dict.fromkeys(absent for one in wanted for absent in absent_imports(one, files))]
    found += [*_judged(asked, answers), *_outside(asked, answers), *_without_hydra(asked, answers)]
    if any(one.is_error for one in found):
        raise Rejected(found)
    unknown = [Coverage(step.component_name, "", _UNKNOWN) for step, config in configured if config is None]
    return Composed(found, tuple(dict.fromkeys([*(_coverage(one, answers) for one in asked), *unknown])))


def _configured(graph: Graph, files: Files) -> Iterator[tuple[ContainerStep, Found | None]]:
    """The steps that run a Hydra app of the user, each with its configuration, if that is known. A program that gets no
    override, and of which nothing is known, need not be one.
    """
    known: dict[tuple[Path, ...], Found | None] = {}
    for step in graph.steps:
        home = step.layers[-1].file
        program = (step.component_path, step.settings.image_path, step.settings.accelerator_path)
        if is_own_app(step.component, home):
            if program not in known:
                known[program] = configuration(step.component, home, step.settings, files)
            if known[program] or of_step(step):
                yield step, known[program]


def _findings(one: Asked, answers: Mapping[Fit, Answer | None]) -> tuple[Finding, ...]:
    answer = answers[one.question]
    return tuple(telling(one, answer.findings)) if isinstance(answer, Fits) else ()


def _judged(asked: Sequence[Asked], answers: Mapping[Fit, Answer | None]) -> list[Diagnostic]:
    """Each mistake once, however many steps make it."""
    found: dict[tuple[object, ...], Diagnostic] = {}
    common = _common(asked, answers)
    for one in asked:
        for finding in _findings(one, answers):
            own = one if finding in common[one.step.component_path] else replace(one, is_particular=True)
            said = diagnostic(own, finding)
            if said is not None:
                found.setdefault(identity(said.rule.code, own, finding), said)
    return list(found.values())


def _common(asked: Sequence[Asked], answers: Mapping[Fit, Answer | None]) -> dict[Path, set[Finding]]:
    """What is found for every step of a component."""
    common: dict[Path, set[Finding]] = {}
    for one in asked:
        found = set(_findings(one, answers))
        common[one.step.component_path] = common.get(one.step.component_path, found) & found
    return common


def _outside(asked: Sequence[Asked], answers: Mapping[Fit, Answer | None]) -> Iterator[Diagnostic]:
    """One note for each configuration."""
    first: dict[Config, Asked] = {}
    causes: dict[Config, list[Finding]] = {}
    for one in asked:
        first.setdefault(one.config, one)
        causes.setdefault(one.config, []).extend(filter(is_outside, _findings(one, answers)))
    return (outside(first[config], each) for config, each in causes.items() if each)


def _without_hydra(asked: Sequence[Asked], answers: Mapping[Fit, Answer | None]) -> list[Diagnostic]:
    """One note for a pipeline with a configuration that is known."""
    return [_no_hydra(one) for one in asked if answers[one.question] is None][:1]


def _no_hydra(asked: Asked) -> Diagnostic:
    fact = f"overrides are not checked against {asked.file}, because hydra-core is not installed beside hpc."
    fix = "install hpc with its extra `hydra`: pip install 'hydra-pipeline-compiler[hydra]'."
    return Diagnostic(NOT_CHECKED, Place(asked.place().path, on="key"), fact, fix)


_UNKNOWN = "no configuration is known; add `config:`"
_TROUBLES: Mapping[str, str] = {
    "no-folder": "is not there",
    "no-config": "is not there",
    "broken": "does not compose",
    "not-found": "does not compose",
    "no-answer": "cannot be composed here",
}


def _coverage(one: Asked, answers: Mapping[Fit, Answer | None]) -> Coverage:
    name = one.step.component_name
    if answers[one.question] is None:
        return Coverage(name, one.file, "hydra-core is not installed")
    troubles = (_TROUBLES[each.kind] for each in _findings(one, answers) if each.kind in _TROUBLES)
    trouble = next(troubles, "")
    return Coverage(name, one.file, f"{one.file} {trouble}" if trouble else "")
