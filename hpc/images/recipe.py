"""Recipes: what an image is made of. Paths and settings enter; a digest that changes exactly when these do leaves.

The digest is a label of the image, so that an image of the same recipe is found on another machine too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hpc.images.findings import NO_CONTEXT, ImageTrouble
from hpc.images.ignoring import Ignored, ignored_by_all

LABEL = "hpc.build"
_FORM = "1"
_OWN = {"hpc.lock", ".hpc"}
_SECRET = re.compile(r"token|passw|passphrase|secret|credential|(?:api|private|access|ssh)_?key", re.IGNORECASE)
_LOGIN = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^}]*))?\})")
_COPY_FROM = re.compile(r"(?:^|\s)--from=(\S+)")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Recipe:
    """An image to build. `name` is what people call it, `dockerfile` a path of its own, `args` build arguments."""

    name: str
    address: str
    context: Path
    dockerfile: Path
    args: Mapping[str, str] = field(default_factory=dict[str, str])
    platform: str = "linux/amd64"

    @property
    def secret_args(self) -> frozenset[str]:
        """The arguments whose values are shown nowhere: by their names, or for a password in an address."""
        return frozenset(name for name, value in self.args.items() if looks_secret(name) or _LOGIN.search(value))

    @property
    def bases(self) -> list[str]:
        """The images that the Dockerfile names; none where it cannot be read, which `check` and `digest` tell."""
        try:
            return bases(self.dockerfile.read_text(encoding="utf-8", errors="replace"), self.args)
        except OSError:
            return []

    def check(self) -> None:
        """Raises ImageTrouble if the folder or the Dockerfile is not there."""
        if not self.context.is_dir():
            raise ImageTrouble(NO_CONTEXT, f"there is no folder `{self.context}`.", "correct `build.context`.")
        if not self.dockerfile.is_file():
            fix = "correct `build.dockerfile`, which starts at the context, or write the file."
            raise ImageTrouble(NO_CONTEXT, f"there is no file `{self.dockerfile}`.", fix)

    def masked(self, text: str) -> str:
        """The text with asterisks for the values of secret arguments and for their lines; its length stays."""
        values = [self.args[name] for name in self.secret_args]
        lines = [line.strip() for value in values for line in value.splitlines()]
        for value in sorted({*values, *lines}, key=len, reverse=True):
            text = text.replace(value, "*" * len(value)) if len(value) > 3 else text
        return text


def looks_secret(name: str) -> bool:
    """Whether the name of an argument says that its value is to be kept."""
    return _SECRET.search(name) is not None


@dataclass(frozen=True)
class Entry:
    """A file, folder or link of a context. `name` is its path in the context, with `/`."""

    name: str
    path: Path
    mode: int

    @property
    def permissions(self) -> int:
        """Without the right of the group to write, in which checkouts differ as umasks do."""
        return stat.S_IMODE(self.mode) & ~stat.S_IWGRP


def digest(recipe: Recipe, identity: Callable[[str], str]) -> str:
    """The digest of all that an image is made of; `identity` tells what a base image holds, empty if nobody knows.

    Names, contents, permissions and links of the files that a builder sees count; times and owners do not, nor does
    what hpc itself writes, as an image could otherwise never be up to date. Raises ImageTrouble where something cannot
    be read.
    """
    found = hashlib.sha256()
    try:
        text = recipe.dockerfile.read_text(encoding="utf-8", errors="replace")
        head = {
            "form": _FORM,
            "dockerfile": text,
            "args": dict(sorted(recipe.args.items())),
            "platform": recipe.platform,
            "bases": {base: identity(base) for base in bases(text, recipe.args)},
        }
        found.update(json.dumps(head, sort_keys=True).encode())
        for entry in entries(recipe):
            if _OWN.isdisjoint(entry.name.split("/")):
                found.update(json.dumps(_described(entry)).encode() + b"\n")
    except OSError as error:
        fact = f"`{error.filename}` cannot be read: {(error.strerror or str(error)).lower()}."
        raise ImageTrouble(NO_CONTEXT, fact, "correct its permissions, or name it in `.dockerignore`.") from None
    return f"sha256:{found.hexdigest()}"


def _described(entry: Entry) -> list[str | int]:
    if stat.S_ISLNK(entry.mode):
        return ["link", entry.name, str(entry.path.readlink())]
    if stat.S_ISDIR(entry.mode):
        return ["folder", entry.name, entry.permissions]
    return ["file", entry.name, entry.permissions, _contents(entry.path)]


def _contents(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def entries(recipe: Recipe) -> Iterator[Entry]:
    """What a builder sees of the context, in one order. Sockets and the like are left out, as builders do."""
    files = list(_ignore_files(recipe))
    yield from _entries(recipe.context, "", files)


def ignore_file_names(recipe: Recipe) -> list[Path]:
    """The files that may say what is left out; which of them counts depends on the builder."""
    own = recipe.dockerfile.with_name(f"{recipe.dockerfile.name}.dockerignore")
    return [
        path for path in (recipe.context / ".dockerignore", recipe.context / ".containerignore", own) if path.is_file()
    ]


def _ignore_files(recipe: Recipe) -> Iterator[Ignored]:
    for path in ignore_file_names(recipe):
        yield Ignored(path.read_text(encoding="utf-8", errors="replace"))


def _entries(folder: Path, above: str, files: list[Ignored]) -> Iterator[Entry]:
    for item in sorted(os.scandir(folder), key=lambda item: item.name):
        name = f"{above}{item.name}"
        mode = item.stat(follow_symlinks=False).st_mode
        is_ignored = ignored_by_all(files, name)
        if not is_ignored and (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            yield Entry(name, Path(item.path), mode)
        if stat.S_ISDIR(mode) and (not is_ignored or any(one.has_exceptions for one in files)):
            yield from _entries(Path(item.path), f"{name}/", files)


# ---------------------------------------------------------------- base images


def bases(dockerfile: str, args: Mapping[str, str]) -> list[str]:
    """The images that a Dockerfile starts from or copies out of, sorted; stages of its own and `scratch` are none."""
    values: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    found: set[str] = set()
    for word, rest in _instructions(dockerfile):
        if word == "ARG" and not stages - {"scratch"}:
            name, _, default = rest.strip().partition("=")
            values[name] = args.get(name, _filled(default.strip("\"'"), values))
        elif word == "FROM":
            image, stage = _from(_filled(rest, values))
            found |= {image} if image and image.lower() not in stages else set()
            stages |= {stage.lower(), str(len(stages))}
        elif word in ("COPY", "ADD") and (source := _COPY_FROM.search(rest)):
            image = _filled(source[1], values)
            found |= set() if image.isdecimal() or image.lower() in stages else {image}
    return sorted(found)


def _instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Instructions in capitals with what follows; comments and ends of lines inside of them are gone."""
    lines = (line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).splitlines():
        if match := _INSTRUCTION.match(line):
            yield match[1].upper(), match[2]


def _from(text: str) -> tuple[str, str]:
    """The image of a FROM and the name of its stage."""
    words = [word for word in text.split() if not word.startswith("--")]
    stage = words[2] if len(words) > 2 and words[1].lower() == "as" else ""
    return (words[0] if words else ""), stage


def _filled(text: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        known = values.get(match[1] or match[2], "")
        if match[3] in ("-", ":-"):
            return known or match[4]
        return (match[4] if known else "") if match[3] else known

    return _VARIABLE.sub(value, text)
