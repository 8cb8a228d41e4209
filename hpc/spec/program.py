"""The pipeline file and the files that its components `uses`, as data. Documents enter, a `Program` leaves.

Every file is read, settled and loaded for itself; what is wrong in it is said at its own lines. In `Program.document`
the others stand beside the keys of the pipeline file, each under its address, so that one path means one place.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hpc.components.foreign import (
    ForeignContainer,
    ForeignPipeline,
    NotAComponent,
    google_names,
    google_operation,
    nearest_google_name,
    read_foreign,
)
from hpc.components.library import library_names, library_text
from hpc.components.subpipeline import ExternalComponent
from hpc.components.types import nearest
from hpc.diagnostics import Diagnostic, Path, Place, Rejected, Source, located
from hpc.spec.document import Document, Node, read
from hpc.spec.expand import ReadText, expanded
from hpc.spec.load import check_marker, load
from hpc.spec.merge import UNKNOWN_USES, mapping, with_profiles, with_siblings
from hpc.spec.model import Library, Pipeline


@dataclass(frozen=True)
class File:
    """An hpc file. `path` is where its keys stand in the document of the program, `folder` where its own paths start,
    from the pipeline file's folder.
    """

    pipeline: Pipeline
    path: Path = ()
    folder: str = ""

    def place(self, path: str) -> str:
        """A path that this file writes, from the pipeline file's folder."""
        return posixpath.normpath(posixpath.join(self.folder, path))


Used = File | ForeignContainer | ForeignPipeline


@dataclass(frozen=True)
class Program:
    """`used` holds the other files by their addresses, as `address` makes them."""

    document: Document
    main: File
    used: Mapping[str, Used] = field(default_factory=dict[str, Used])

    @property
    def files(self) -> tuple[File, ...]:
        """The hpc files, the pipeline file first."""
        return (self.main, *(used for used in self.used.values() if isinstance(used, File)))


def address(file: File, uses: str) -> str:
    """The file that `uses` names, from the pipeline file's folder; what comes with hpc keeps its name."""
    name = uses.partition("#")[0]
    return file.place(name) if is_file(name) else name


def is_file(uses: str) -> bool:
    return uses.startswith(("./", "../"))


def is_library(uses: str) -> bool:
    return uses.startswith("std/")


def is_google(uses: str) -> bool:
    return uses.startswith("google/")


def is_elsewhere(uses: str) -> bool:
    """Whether `uses` names something outside of its own file."""
    return is_file(uses) or is_library(uses) or is_google(uses)


def assembled(main: Pipeline, document: Document, read_text: ReadText) -> tuple[Program, list[Diagnostic]]:
    """The program of a pipeline file that has been loaded, and warnings about the other files.

    Raises Rejected with what is wrong in the first of them that is wrong.
    """
    reader = _Reader(document, read_text)
    reader.follow(File(main))
    if reader.found:
        raise Rejected(located(reader.found, reader.document()))
    return Program(reader.document(), File(main), reader.used), reader.warnings


class _Reader:
    """Reads what is named, each file once."""

    def __init__(self, document: Document, read_text: ReadText) -> None:
        self.main, self.read_text = document, read_text
        self.used: dict[str, Used] = {}
        self.roots: dict[str, Node] = {}
        self.found: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []

    def document(self) -> Document:
        root = self.main.root
        if not self.roots:
            return self.main
        return Document(Node({**mapping(root), **self.roots}, root.source, root.start, root.end, root.keys))

    def follow(self, file: File) -> None:
        for name, component in file.pipeline.components.items():
            if isinstance(component, ExternalComponent) and is_elsewhere(component.uses):
                self._read(file, component.uses, Place((*file.path, "components", name, "uses")))

    def _read(self, file: File, uses: str, place: Place) -> None:
        name = address(file, uses)
        if name in self.used:
            return
        if is_google(name):
            self._find_google(name, place)
            return
        text = self._text(name, uses, place)
        if text is None:
            return
        if _is_hpc(text):
            self._read_hpc(name, text)
            return
        try:
            self.used[name] = read_foreign(text)
        except NotAComponent as error:
            self.found.append(Diagnostic(UNKNOWN_USES, place, f"`{uses}`: {error.fact}", error.fix))

    def _find_google(self, name: str, place: Place) -> None:
        operation = google_operation(name)
        if operation is not None:
            self.used[name] = operation
            return
        near = nearest_google_name(name)
        fact = f"there is no operation `{name}`."
        fix = f"did you mean `{near}`?" if near else f"use one of: {', '.join(google_names())}."
        self.found.append(Diagnostic(UNKNOWN_USES, place, fact, fix))

    def _read_hpc(self, name: str, text: str) -> None:
        folder = "" if is_library(name) else posixpath.dirname(name)
        original = read(Source(self._shown(name), text))
        check_marker(original)
        merged = with_profiles(original, (), ())
        document, found = expanded(merged, _rebased(self.read_text, folder))
        document = with_siblings(document)
        key = name if name.startswith(("std/", "../")) else f"./{name}"  # no key at the top of a file looks like these
        file = File(load(document, Library), (key,), folder)
        self.used[name], self.roots[key] = file, document.root
        self.warnings += found
        self.follow(file)

    def _shown(self, name: str) -> str:
        """The file as messages name it: from where the pipeline file's own name starts."""
        main = self.main.root.source.name
        return name if is_library(name) else posixpath.normpath(posixpath.join(posixpath.dirname(main), name))

    def _text(self, name: str, uses: str, place: Place) -> str | None:
        if is_library(name):
            text = library_text(name)
            if text is None:
                near = nearest(name, library_names())
                fix = f"did you mean `{near}`?" if near else f"use one of: {', '.join(library_names())}."
                self.found.append(Diagnostic(UNKNOWN_USES, place, f"the library has no `{uses}`.", fix))
            return text
        try:
            return self.read_text(name)
        except FileNotFoundError:
            fact, fix = f"there is no file `{name}`.", "correct the path; it starts at this file."
        except (OSError, ValueError):
            fact, fix = f"`{name}` cannot be read as text.", "name a YAML or JSON file."
        self.found.append(Diagnostic(UNKNOWN_USES, place, fact, fix))
        return None


def _rebased(read_text: ReadText, folder: str) -> Callable[[str], str]:
    return lambda path: read_text(posixpath.normpath(posixpath.join(folder, path)))


def _is_hpc(text: str) -> bool:
    """Whether a file is an hpc file: `hpc` is one of its keys at the top."""
    start = text.lstrip("\ufeff \t\r\n")
    if not start.startswith("{"):
        return any(line.startswith(("hpc:", '"hpc":', "'hpc':")) for line in start.splitlines())
    try:
        return "hpc" in json.JSONDecoder().raw_decode(start)[0]
    except (ValueError, RecursionError):
        return re.match(r"""\{\s*["']?hpc["']?\s*:""", start) is not None
