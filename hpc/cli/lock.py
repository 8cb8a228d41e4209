"""`hpc lock`: the digests that the registries have now for the images that steps run, in hpc.lock."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from hpc.cli import OK, REJECTED
from hpc.cli.disk import Folder, read_source, write_whole
from hpc.cli.lockfile import lock_of, lock_path
from hpc.cli.options import choice_options, chosen
from hpc.compiler import Choice, images, understood
from hpc.compiler.locks import Lock, is_pinned
from hpc.diagnostics import Diagnostic, Place, Rejected, Span, reading_order
from hpc.images.credentials import Credentials
from hpc.images.findings import NOT_THERE, ImageTrouble
from hpc.images.registry import Registries
from hpc.spec.model import Image

_AT_ONCE = 8


@click.command("lock", epilog="Example: hpc lock pipeline.yaml --check")
@click.argument("file", type=click.Path(path_type=Path), default="pipeline.yaml")
@click.option(
    "--check", is_flag=True, help="Write nothing; tell what would change, and exit with 1 if something would."
)
@click.option("--prune", is_flag=True, help="Drop the lines of images that FILE does not run.")
@choice_options
def command(file: Path, check: bool, prune: bool, profiles: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Ask the registries which content the images of FILE have, and write it to hpc.lock beside FILE.

    Locked are the images that steps run, with and without each profile, also those of files that FILE uses. From then
    on `hpc compile` writes the digests into the compiled file. FILE is pipeline.yaml unless it is given.
    """
    wanted = _wanted(file, chosen(profiles, settings))
    old = lock_of(file) or Lock()
    asked = _asked(wanted)
    kept = {address: digest for address, digest in old.digests.items() if not prune or address in asked}
    new = Lock({**kept, **asked})
    changes = _changes(old, new)
    if check:
        return _compared(file, changes)
    if not changes and lock_path(file).exists():
        click.echo(f"{lock_path(file)}: up to date", err=True)
        return OK
    write_whole(lock_path(file), new.text)
    for line in changes:
        click.echo(line)
    click.echo(f"{lock_path(file)}: {_counted(len(new.digests))} locked", err=True)
    return OK


def _compared(file: Path, changes: list[str]) -> int:
    for line in changes:
        click.echo(line)
    if not changes:
        click.echo(f"{lock_path(file)}: up to date", err=True)
        return OK
    click.echo(f"{lock_path(file)} differs. To mend it:\n  hpc lock {file}", err=True)
    return REJECTED


def _counted(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _changes(old: Lock, new: Lock) -> list[str]:
    """One line for each address whose digest comes, goes or is another one now."""
    lines: list[str] = []
    for address in sorted({*old.digests, *new.digests}):
        before, after = old.digests.get(address), new.digests.get(address)
        if before and after and before != after:
            lines.append(f"moved    {address}: {before} -> {after}")
        elif before is None:
            lines.append(f"new      {address}: {after}")
        elif after is None:
            lines.append(f"dropped  {address}")
    return lines


def _wanted(file: Path, choice: Choice) -> dict[str, tuple[Image, Span]]:
    """The images to ask for, by address, with a place in a file. Raises Rejected."""
    source, files = read_source(file), Folder(file.parent)
    program, _ = understood(source, files, choice)
    profiles = [name for name in program.main.pipeline.profiles if name not in choice.profiles]
    wanted: dict[str, tuple[Image, Span]] = {}
    for one in [choice, *(Choice((*choice.profiles, name), choice.settings) for name in profiles)]:
        found, document = images(source, files, one)
        for path, image in found.items():
            if not is_pinned(image):
                wanted.setdefault(image.uri, (image, document.locate(Place((*path, "uri")))))
    return wanted


def _asked(wanted: Mapping[str, tuple[Image, Span]]) -> dict[str, str]:
    """The digests by address. Raises Rejected with one message for each image that there is no answer for."""
    registries = Registries(Credentials(os.environ))

    def asked(address: str) -> str | ImageTrouble:
        try:
            return registries.digest(address)
        except ImageTrouble as trouble:
            return trouble

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip(wanted, pool.map(asked, wanted), strict=True))
    troubles = {address: answer for address, answer in answers.items() if isinstance(answer, ImageTrouble)}
    if troubles:
        found = [_diagnostic(trouble, *wanted[address]) for address, trouble in troubles.items()]
        raise Rejected(sorted(found, key=reading_order))
    return {address: answer for address, answer in answers.items() if isinstance(answer, str)}


def _diagnostic(trouble: ImageTrouble, image: Image, span: Span) -> Diagnostic:
    fix = "push it: `hpc build --push`." if trouble.rule is NOT_THERE and image.build else trouble.fix
    return Diagnostic(trouble.rule, span, trouble.fact, fix)
