"""Does every Hydra app start? The stage between `check` and `render`: a linked `Graph` enters, Diagnostics leave.

    which configuration has the program (scripts) -> what can its inputs be (values) -> what words does it get (words)
        -> one question for Hydra through `Files.ask` -> what Hydra would say, at its place in the file (findings)

A pipeline without Hydra apps, or whose configurations nobody knows, asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hpc.compiler.composition.asked import Asked, identity
from hpc.compiler.composition.findings import absent_imports, diagnostic, is_outside, outside, without_hydra
from hpc.compiler.composition.scripts import Found, configuration
from hpc.compiler.composition.values import Values
from hpc.compiler.composition.words import words_of
from hpc.compiler.files import Files
from hpc.compiler.graph import Graph
from hpc.compiler.questions import Answer, Config, Finding, Fit, Fits
from hpc.diagnostics import Diagnostic, Path, Rejected


def composed(graph: Graph, files: Files) -> list[Diagnostic]:
    """Warnings and notes about the Hydra configurations of the steps. Raises Rejected with these and the errors."""
    wanted = [*_asked(graph, files)]
    asked = [one for one in wanted if all(map(files.has, one.config.imports))]
    answers = _answers(asked, files)
    found = [*dict.fromkeys(absent for one in wanted for absent in absent_imports(one, files))]
    found += [*_judged(asked, answers), *_outside(asked, answers), *_without_hydra(asked, answers)]
    if any(one.is_error for one in found):
        raise Rejected(found)
    return found


def _asked(graph: Graph, files: Files) -> Iterator[Asked]:
    """A question for each step that runs a Hydra app whose configuration is known."""
    values = Values(graph)
    known: dict[tuple[Path, ...], Found | None] = {}
    for step in graph.steps:
        program = (step.component_path, step.settings.image_path, step.settings.accelerator_path)
        if program not in known:
            known[program] = configuration(step.component, step.layers[-1].file, step.settings, files)
        found = known[program]
        if found is not None:
            yield Asked(step, found.config, found.is_declared, words_of(step, values.of(step)))


def _answers(asked: Sequence[Asked], files: Files) -> Mapping[Fit, Answer | None]:
    questions = list(dict.fromkeys(one.question for one in asked))
    return dict(zip(questions, files.ask(questions), strict=True)) if questions else {}


def _findings(one: Asked, answers: Mapping[Fit, Answer | None]) -> tuple[Finding, ...]:
    answer = answers[one.question]
    return answer.findings if isinstance(answer, Fits) else ()


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
    """One note for a pipeline in which some component declares its configuration."""
    unanswered = (one for one in asked if one.is_declared and answers[one.question] is None)
    return [without_hydra(one) for one in unanswered][:1]
