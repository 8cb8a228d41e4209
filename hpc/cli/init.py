"""`hpc init`: the starter project, named after its folder, with the pipeline compiled. Written whole or not at all."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

import click

from hpc import compiler
from hpc.cli.disk import UNWRITABLE
from hpc.compiler.files import Files
from hpc.diagnostics import Diagnostic, Rejected, Rule, Source, Span

IN_THE_WAY = Rule(
    "HPC022",
    "files in the way",
    "`hpc init` replaces nothing: what is there may be somebody's work.",
    "Choose an empty folder, or move the files away.",
)
RULES = (IN_THE_WAY,)

STARTER = (
    ".gitignore",
    "README.md",
    "pipeline.yaml",
    "prepare/Dockerfile",
    "prepare/conf/config.yaml",
    "prepare/main.py",
    "prepare/requirements.txt",
    "tests/test_pipeline.py",
    "train/Dockerfile",
    "train/conf/config.yaml",
    "train/main.py",
    "train/requirements.txt",
)
"""The files of the starter project, but for the compiled one. In the package they have other names: see `_stored`."""

_STARTER_NAME = "my-pipeline"


@click.command("init", epilog="Example: hpc init my-project")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> int:
    """Make a new project in DIR: two small Hydra apps, a pipeline file that explains itself, and a test.

    DIR is made if need be, and names the pipeline. Without DIR the project comes into the current folder. If one of the
    files is there already, nothing is written.
    """
    place = folder.resolve()  # without `..`, which may lead through a folder that is not there yet
    name = pipeline_name(place.name)
    texts = project(name)
    taken = sorted({found for path in texts if (found := _taken(place, Path(path)))})
    if taken:
        raise Rejected([_in_the_way(folder, taken)])
    try:
        _write(place, texts)
    except OSError as error:
        fact = f"the project cannot be written here: {(error.strerror or str(error)).lower()}. Nothing was left behind."
        raise Rejected([Diagnostic(UNWRITABLE, Span.of_word(str(folder)), fact, "choose another folder.")]) from None
    click.echo(_welcome(folder, name, texts), err=True)
    return 0


def pipeline_name(folder: str) -> str:
    """The name of a folder as the name of a pipeline: a-z, 0-9 and `-`, a letter first, at most 63 characters."""
    letters = unicodedata.normalize("NFKD", folder.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    if not re.search("[a-z]", name):
        return _STARTER_NAME
    return (name if name[0].isalpha() else f"p-{name}")[:63].rstrip("-")


def project(name: str) -> dict[str, str]:
    """The text of every file of a starter project with that pipeline name, by path, the compiled one included."""
    texts = {path: _stored(path).replace(_STARTER_NAME, name) for path in STARTER}
    compiled = compiler.compile(Source("pipeline.yaml", texts["pipeline.yaml"]), None, _Texts(texts))
    return dict(sorted({**texts, "pipeline.json": compiled.text}.items()))


class _Texts(Files):
    """The files beside the pipeline file, before they are on disk."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def read_text(self, path: str) -> str:
        if not self.has(path):
            raise FileNotFoundError(path)
        return self.texts[path]

    def has(self, path: str) -> bool:
        return path in self.texts


def _stored(path: str) -> str:
    """The text of a file of the starter.

    Python files are stored as `.py-tpl`, so that no tool takes them for modules of hpc, and dot-files without the dot.
    """
    stored = re.sub(r"\.py$", ".py-tpl", path.removeprefix("."))
    return files("hpc.cli").joinpath("starter", *stored.split("/")).read_text(encoding="utf-8")


def _taken(folder: Path, path: Path) -> str:
    """The file that is in the way of `path`: itself, or a file where a folder has to be; empty if there is none."""
    for parent in list(path.parents)[-2::-1]:
        if os.path.lexists(folder / parent) and not (folder / parent).is_dir():
            return parent.as_posix()
    return path.as_posix() if os.path.lexists(folder / path) else ""


def _in_the_way(folder: Path, taken: Sequence[str]) -> Diagnostic:
    fact = f"there is already {', '.join(taken)}. Nothing was written."
    example = shlex.quote(str(folder / "my-project"))
    fix = f"choose an empty folder, e.g. `hpc init {example}`, or move the files away."
    return Diagnostic(IN_THE_WAY, Span.of_word(str(folder)), fact, fix)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """All files or none: they are written aside, moved into place, and taken back if that fails half-way."""
    with ExitStack() as undo:
        _make(folder, undo)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".hpc-init-") as aside:
            for path, text in texts.items():
                file = Path(aside, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8", newline="\n")
            for path in texts:
                _make((folder / path).parent, undo)
                Path(aside, path).rename(folder / path)
                undo.callback((folder / path).unlink)
        undo.pop_all()


def _make(folder: Path, undo: ExitStack) -> None:
    """Make a folder and those above it; the ones that were not there are removed again by `undo`."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        undo.callback(path.rmdir)


def _welcome(folder: Path, name: str, texts: Mapping[str, str]) -> str:
    made = "".join(f"  {path}\n" for path in texts)
    enter = "" if folder.resolve() == Path.cwd() else f"  cd {shlex.quote(str(folder))}\n"
    return f"""{len(texts)} files of the pipeline `{name}` in {folder}:
{made}next:
{enter}  hpc run pipeline.yaml
  hpc check pipeline.yaml
  python -m pytest"""
