"""The compiler: text of a pipeline file in, text of KFP IR out, through stages in one order. The best page to read first.

    read -> settle (profiles, --set, ${{ }}, uses) -> load -> link -> check -> render -> lower -> emit

A stage returns its value or raises Rejected with everything it found. Nothing here prints, writes, starts a process or
asks the network; the files that a pipeline file names are read through `Files`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from hpc.compiler.checks import check
from hpc.compiler.emit import emit
from hpc.compiler.files import Files
from hpc.compiler.graph import Graph
from hpc.compiler.link import link
from hpc.compiler.lower import lower, lower_local
from hpc.compiler.render import ComponentSpec, render
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Rejected, Source, located
from hpc.spec.document import Document, read, warnings
from hpc.spec.expand import expanded
from hpc.spec.load import load
from hpc.spec.merge import with_profiles, with_siblings


@dataclass(frozen=True)
class Compiled:
    """`text` is the compiled file; `documents` tells whether it holds a second one, and so is YAML rather than JSON."""

    text: str
    documents: int
    graph: Graph
    diagnostics: list[Diagnostic]


@dataclass(frozen=True)
class Choice:
    """What the user chose besides the file: profiles and `path=value` settings, in order."""

    profiles: Sequence[str] = ()
    settings: Sequence[str] = ()


def compile(source: Source, target: Target, files: Files, choice: Choice | None = None) -> Compiled:  # noqa: A001
    """The pipeline file `source` as IR for `target`.

    Raises Rejected with every mistake of the first stage that finds one, located and in reading order.
    """
    document, graph, found = analysed(source, target, files, choice or Choice())
    specs = rendered(document, graph, files)
    platform = lower_local(graph, files) if target.name == "local" else None
    text = emit(lower(graph, specs, target), platform)
    return Compiled(text, 1 if platform is None else 2, graph, found)


def analysed(source: Source, target: Target, files: Files, choice: Choice) -> tuple[Document, Graph, list[Diagnostic]]:
    """The linked and checked graph of a file, with warnings and notes; the stages up to `check`."""
    original = read(source)
    document, found = expanded(with_profiles(original, choice.profiles, choice.settings), files.read_text)
    document = with_siblings(document)
    pipeline = load(document)
    with located_in(document):
        graph = link(pipeline)
        found += [*warnings(original), *check(graph, target)]
    return document, graph, located(found, document)


def rendered(document: Document, graph: Graph, files: Files) -> dict[str, ComponentSpec]:
    """The component specs of a graph, by name."""
    with located_in(document):
        return render(graph, files)


@contextmanager
def located_in(document: Document) -> Iterator[None]:
    """Whatever is rejected inside names paths; it leaves with characters of the source."""
    try:
        yield
    except Rejected as error:
        raise Rejected(located(error.diagnostics, document)) from None
