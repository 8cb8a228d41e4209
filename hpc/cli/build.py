"""`hpc build`: the images of a pipeline file that say how they are made, built where they changed, and pushed."""

from __future__ import annotations

import os
import shlex
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from hpc.cli import OK, REJECTED
from hpc.cli.building import BuildView, building, ended_by_signals
from hpc.cli.disk import Folder, read_source
from hpc.cli.history import as_json
from hpc.cli.lockfile import add_to_lock, lock_of, lock_path
from hpc.cli.messages import report
from hpc.cli.options import choice_options, chosen
from hpc.compiler import understood
from hpc.compiler.locks import is_pinned
from hpc.components.types import did_you_mean
from hpc.diagnostics import Diagnostic, Place, Rejected, Span, located, reading_order
from hpc.diagnostics import Path as YamlPath
from hpc.images.builders import PROGRAMS, Builder, chosen_builder
from hpc.images.credentials import Credentials
from hpc.images.findings import NO_CLOUD_BUILD, NOT_BUILDABLE, ImageTrouble
from hpc.images.making import Made, Maker, Order, in_order, with_bases
from hpc.images.recipe import Recipe, looks_secret
from hpc.images.registry import Registries
from hpc.spec.document import Document
from hpc.spec.model import Image
from hpc.spec.program import File, Program

_DEFAULT_FILE = "pipeline.yaml"
_CLOUD = "cloud-build"


@click.command("build", epilog="Example: hpc build pipeline.yaml trainer --push")
@click.argument("words", nargs=-1, metavar="[FILE] [IMAGE]...")
@click.option("--push", is_flag=True, help="Push the images too, and write their digests to hpc.lock.")
@click.option(
    "--with",
    "builder",
    type=click.Choice([*PROGRAMS, _CLOUD]),
    help="What builds.  [default: the first of docker, podman and buildah that works here]",
)
@click.option("--force", is_flag=True, help="Build also what has not changed, and take nothing of former builds.")
@choice_options
@click.option(
    "--logs", type=click.Choice(["errors", "all"]), default="errors", show_default=True, help="What is shown of logs."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Form of the result.")
def command(words: tuple[str, ...], **options: Any) -> int:
    """Build every image of FILE that has `build`, or those named, if its folder, Dockerfile, arguments or base changed.

    FILE is pipeline.yaml unless it is given; a word with a dot or slash is a file, any other one an image. Images that
    another one starts from are built before it. What is pushed is printed on stdout with its digest.
    """
    file, names = _split(words)
    asked = _Asked(file, names, **options)
    program, _ = understood(read_source(file), Folder(file.parent), chosen(asked.profiles, asked.settings))
    wanted = _wanted(program, asked)
    if not wanted:
        click.echo(f"{file}: no image has `build`, so there is nothing to build", err=True)
        _show([], asked)
        return OK
    if asked.push:
        lock_of(file)  # a lock that cannot be used is told before hours go by
    builder = _builder(program, asked)
    registries = Registries(Credentials(os.environ))
    with ended_by_signals(), building(len(wanted), all_lines=asked.logs == "all") as view:
        maker = Maker(builder, registries, Order(push=asked.push, anew=asked.force), view.take)
        made, found = _made(maker, wanted, view, asked)
    _show(made, asked)
    report(sorted(found, key=reading_order))
    return REJECTED if found else OK


@dataclass(frozen=True)
class _Asked:
    """What the command line says."""

    file: Path
    names: tuple[str, ...]
    push: bool
    builder: str | None
    force: bool
    profiles: tuple[str, ...]
    settings: tuple[str, ...]
    logs: str
    form: str

    def again(self, recipe: Recipe) -> str:
        """The command line for one image."""
        words = ["hpc", "build", str(self.file), recipe.name, *(["--push"] if self.push else [])]
        words += ["--with", self.builder] if self.builder else []
        for option, values in (("--profile", self.profiles), ("--set", map(_shown, self.settings))):
            words += [word for value in values for word in (option, value)]
        return shlex.join(map(recipe.masked, words))


def _shown(setting: str) -> str:
    """A setting with asterisks for what is secret going by its name."""
    path, _, value = setting.partition("=")
    return f"{path}={'*' * len(value)}" if looks_secret(path.rpartition(".")[2]) else setting


@dataclass(frozen=True)
class _Wanted:
    """An image to build, and where it is declared."""

    recipe: Recipe
    image: Image
    path: YamlPath
    document: Document

    @property
    def span(self) -> Span:
        """The address of the image in its file, whose text shows no values of secret arguments."""
        span = self.document.locate(Place((*self.path, "uri")))
        return replace(span, source=replace(span.source, text=self.recipe.masked(span.source.text)))


def _split(words: Sequence[str]) -> tuple[Path, tuple[str, ...]]:
    if words and any(mark in words[0] for mark in "./"):
        return Path(words[0]), tuple(words[1:])
    return Path(_DEFAULT_FILE), tuple(words)


# ---------------------------------------------------------------- what is to be built


def _wanted(program: Program, asked: _Asked) -> list[_Wanted]:
    """The images in the order in which they can be built. Raises Rejected, UsageError."""
    every = [one for file in program.files for one in _declared(program, file, asked.file.parent)]
    known = {str(one.path[-1]) for one in every}
    for name in asked.names:
        if name not in known:
            raise click.UsageError(_unknown(name, known, program, asked))
    named = {one.recipe.address for one in every if not asked.names or one.path[-1] in asked.names}
    needed = with_bases(named, [one.recipe for one in every])
    every = [one for one in every if one.recipe.address in needed]
    if found := list(_not_buildable(every)):
        raise Rejected(located(found, program.document))
    by_address = {one.recipe.address: one for one in reversed(every)}
    try:
        return [by_address[recipe.address] for recipe in in_order([one.recipe for one in by_address.values()])]
    except ImageTrouble as trouble:
        raise _rejected(trouble, every[0].path[:-1], program) from None


def _rejected(trouble: ImageTrouble, path: YamlPath, program: Program) -> Rejected:
    found = Diagnostic(trouble.rule, Place(path, on="key"), trouble.fact, trouble.fix)
    return Rejected(located([found], program.document))


def _unknown(name: str, known: Collection[str], program: Program, asked: _Asked) -> str:
    if any(name in file.pipeline.images for file in program.files):
        return f"image `{name}` of {asked.file} has no `build`, so hpc cannot make it."
    if not known:
        return f"{asked.file} has no image with `build`, so there is no `{name}` to be made."
    return f"{asked.file} has no image `{name}` with `build`: {did_you_mean(name, known)}"


def _declared(program: Program, file: File, base: Path) -> Iterator[_Wanted]:
    for name, image in file.pipeline.images.items():
        build = image.build
        if build is not None:
            context = base / file.place(build.context)
            recipe = Recipe(name, image.uri, context, context / build.dockerfile, build.args, build.platform)
            yield _Wanted(recipe, image, (*file.path, "images", name), program.document)


def _not_buildable(every: Sequence[_Wanted]) -> Iterator[Diagnostic]:
    by_address: dict[str, list[_Wanted]] = defaultdict(list)
    for one in every:
        by_address[one.recipe.address].append(one)
        if "@" in one.image.uri:
            fact = f"image `{one.path[-1]}`: an address with a digest cannot be given to what is still to be built."
            fix = f"write the tag alone: `{one.image.uri.partition('@')[0]}`."
            yield Diagnostic(NOT_BUILDABLE, Place((*one.path, "uri")), fact, fix)
    for first, *others in by_address.values():
        for other in others:
            if _makings(other.recipe) != _makings(first.recipe):
                fact = f"image `{other.path[-1]}` has the address of `{first.path[-1]}` ({{other}}) and another recipe."
                yield Diagnostic(
                    NOT_BUILDABLE, Place((*other.path, "uri")), fact, "give each its own address.", Place(first.path)
                )


def _makings(recipe: Recipe) -> tuple[object, ...]:
    return recipe.context.resolve(), recipe.dockerfile.resolve(), dict(recipe.args), recipe.platform


# ---------------------------------------------------------------- building


def _builder(program: Program, asked: _Asked) -> Builder:
    """Raises Rejected where nothing can build, UsageError where the options do not fit."""
    if asked.builder == _CLOUD and not asked.push:
        raise click.UsageError("Cloud Build pushes what it builds; say so: --push.")
    try:
        return _cloud_builder(program) if asked.builder == _CLOUD else chosen_builder(os.environ, asked.builder)
    except ImageTrouble as trouble:
        raise _rejected(trouble, ("images",), program) from None


def _cloud_builder(program: Program) -> Builder:
    from hpc.images.cloud_build import CloudPlace, connect

    vertex = program.main.pipeline.targets.vertex
    if vertex is None or not (vertex.root or "").startswith("gs://"):
        fix = "write `targets: {vertex: {root: gs://<bucket>/<folder>}}`; the source goes to `.hpc/build` in it."
        raise ImageTrouble(NO_CLOUD_BUILD, "nothing says which bucket takes the source.", fix)
    return connect(CloudPlace(vertex.project or "", vertex.region or "global", vertex.root or ""))


def _made(
    maker: Maker, wanted: Sequence[_Wanted], view: BuildView, asked: _Asked
) -> tuple[list[Made], list[Diagnostic]]:
    """What was made, and what is wrong with the others. Each digest is locked as soon as it is known."""
    done: list[Made] = []
    found: list[Diagnostic] = []
    lost: set[str] = set()
    for one in wanted:
        if lost.intersection(one.recipe.bases):
            lost.add(one.recipe.address)
            view.skip(one.recipe.name)
            continue
        try:
            made = maker.made(one.recipe)
        except ImageTrouble as trouble:
            lost.add(one.recipe.address)
            view.fail(one.recipe.name, tuple(map(one.recipe.masked, trouble.lines)))
            fix = f"{trouble.fix.rstrip('.')}. Again: `{asked.again(one.recipe)}`"
            found.append(Diagnostic(trouble.rule, one.span, one.recipe.masked(trouble.fact), fix))
            continue
        view.end(made)
        done.append(made)
        if made.digest and not is_pinned(one.image):
            add_to_lock(asked.file, {one.image.uri: made.digest})
    return done, found


def _show(made: Sequence[Made], asked: _Asked) -> None:
    if asked.form == "json":
        click.echo(as_json({"images": [_record(one) for one in made]}, indent=None))
        return
    pushed = [one for one in made if one.digest]
    for one in pushed:
        click.echo(f"{one.recipe.address}@{one.digest}")
    if pushed:
        click.echo(f"{lock_path(asked.file)}: {len(pushed)} image{'' if len(pushed) == 1 else 's'} locked", err=True)


def _record(made: Made) -> dict[str, object]:
    return {
        "name": made.recipe.name,
        "address": made.recipe.address,
        "state": made.state,
        "digest": made.digest or None,
        "seconds": round(made.seconds, 3),
    }
