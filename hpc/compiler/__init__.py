"""The compiler: text of a pipeline file in, text of KFP IR out, through stages in one order. Best read first.

    read -> settle (profiles, --set, ${{ }}, uses) -> load -> assemble (files that are used)
         -> sweep (Hydra's lists for `for_each`) -> lock (digests of images) -> link -> check
         -> compose (does each Hydra app start?) -> render -> lower -> emit

A stage returns its value or raises Rejected with everything it found. Nothing here prints, writes, starts a process or
asks the network; the files that a pipeline file names are read, and Hydra is asked, through `Files`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hpc.compiler.checks import check
from hpc.compiler.composition import Coverage, composed
from hpc.compiler.emit import emit, emit_component
from hpc.compiler.files import Files
from hpc.compiler.graph import Graph, RunsContainer
from hpc.compiler.link import link
from hpc.compiler.locks import images_run, lock_name, not_locked, read_lock, with_locked_images
from hpc.compiler.lower import lower, lower_component, lower_platform
from hpc.compiler.machine_file import machine_table
from hpc.compiler.render import ComponentSpec, render
from hpc.compiler.sweeps import swept
from hpc.compiler.targets import KFP, VERTEX, Target
from hpc.components.foreign import GoogleOperation
from hpc.diagnostics import Diagnostic, Path, Rejected, Source, located
from hpc.spec.document import Document, read, warnings
from hpc.spec.expand import expanded
from hpc.spec.load import check_marker, load
from hpc.spec.merge import with_profiles, with_siblings
from hpc.spec.model import Image, Targets
from hpc.spec.program import Program, assembled
from hpc.spec.unused import unused

if TYPE_CHECKING:
    from hpc.compiler.explanation import Explanation


@dataclass(frozen=True)
class Compiled:
    """`text` is the compiled file; `documents` counts the YAML documents in it: with one it is plain JSON.

    `source` is what was read, with the places of all its values.
    `is_default` tells that `target` is the one that the file is compiled for unless another is asked for; `covered`
    which Hydra configurations the components were checked against.
    """

    text: str
    documents: int
    target: Target
    is_default: bool
    graph: Graph
    source: Document
    diagnostics: list[Diagnostic]
    covered: tuple[Coverage, ...]


@dataclass(frozen=True)
class Choice:
    """What the user chose besides the file: profiles and `path=value` settings, in order."""

    profiles: Sequence[str] = ()
    settings: Sequence[str] = ()


def compile(source: Source, target: Target | None, files: Files, choice: Choice | None = None) -> Compiled:  # noqa: A001
    """The pipeline file `source` as IR for `target`, or for the file's default target.

    Raises Rejected with every mistake of the first stage that finds one, located and in reading order.
    """
    judged = _judged(source, target, files, choice or Choice())
    graph, target = judged.graph, judged.target
    platform = lower_platform(graph, target, files)
    text = emit(lower(graph, judged.specs, target), platform)
    is_default = target is default_target(graph.pipeline.targets)
    documents = 1 if platform is None else 2
    return Compiled(text, documents, target, is_default, graph, judged.source, judged.diagnostics, judged.covered)


def compile_components(
    source: Source, target: Target | None, files: Files, choice: Choice
) -> tuple[dict[str, str], list[Diagnostic]]:
    """Every component of a pipeline file that its steps run, by name, as a KFP component file; and warnings.

    What a search runs is no component by itself: its values come from outside. Operations of Google Cloud are
    components of Google's, which gives them away itself.
    """
    judged = _judged(source, target, files, choice)
    runs = [step for step in judged.graph.all_steps if isinstance(step, RunsContainer)]
    others = {step.spec_name for step in runs if step.is_tuned or isinstance(step.component, GoogleOperation)}
    specs = {name: spec for name, spec in sorted(judged.specs.items()) if name not in others}
    components = {name: lower_component(name, spec, judged.target, judged.graph) for name, spec in specs.items()}
    return {name: emit_component(component) for name, component in components.items()}, judged.diagnostics


def explain(
    source: Source, target: Target | None, files: Files, choice: Choice, name: str
) -> tuple[list[Explanation], list[str]]:
    """What the steps of that name become, one where no loop made several; and the names of all steps."""
    from hpc.compiler.explanation import Explainer, step_names, steps_called  # only `hpc explain` needs it

    judged = _judged(source, target, files, choice)
    explainer = Explainer(judged.graph, judged.specs, judged.target, judged.source)
    return [explainer.explained(step) for step in steps_called(judged.graph, name)[:1]], step_names(judged.graph)


@dataclass(frozen=True)
class _Judged:
    """A pipeline file in which nothing is wrong, as far as it does not matter what is made of it."""

    graph: Graph
    source: Document
    specs: Mapping[str, ComponentSpec]
    target: Target
    diagnostics: list[Diagnostic]
    covered: tuple[Coverage, ...]


def _judged(source: Source, target: Target | None, files: Files, choice: Choice) -> _Judged:
    """The stages up to `render`, which every result shares. Raises Rejected."""
    program, found = understood(source, files, choice)
    lock = read_lock(files, lock_name(source))
    program = with_locked_images(swept(program, files), lock)
    target = target or default_target(program.main.pipeline.targets)
    with located_in(program.document):
        machines = machine_table(program, files)
        graph = replace(link(program), machines=machines)
        found += [*check(graph, target), *not_locked(graph, lock, target)]
        hydra = composed(graph, files)
        specs = render(graph, files, target)
    found = located([*found, *hydra.diagnostics], program.document)
    return _Judged(graph, program.document, specs, target, found, hydra.covered)


def default_target(targets: Targets) -> Target:
    """The only cluster that the file names, else Vertex AI."""
    return KFP if targets.kfp and not targets.vertex else VERTEX


def understood(source: Source, files: Files, choice: Choice) -> tuple[Program, list[Diagnostic]]:
    """The file and those that it uses as data, with warnings; the stages up to `load`."""
    original = read(source)
    check_marker(original)
    merged = with_profiles(original, choice.profiles, choice.settings)
    document, found = expanded(merged, files.read_text)
    document = with_siblings(document)
    program, more = assembled(load(document), document, files.read_text)
    return program, [*found, *warnings(original), *located(unused(original, merged), original), *more]


def images(source: Source, files: Files, choice: Choice) -> tuple[dict[Path, Image], Document]:
    """The images that steps run, by their places in the document, without the digests of a lock. Raises Rejected."""
    program, _ = understood(source, files, choice)
    program = swept(program, files)
    with located_in(program.document):
        return images_run(link(program)), program.document


@contextmanager
def located_in(document: Document) -> Generator[None, None, None]:
    """Whatever is rejected inside names paths; it leaves with characters of the source."""
    try:
        yield
    except Rejected as error:
        raise Rejected(located(error.diagnostics, document)) from None
