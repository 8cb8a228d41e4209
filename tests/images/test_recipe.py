"""What an image is made of: which files count, what changes the digest, which bases a Dockerfile has."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from registry_here import buildah_environ, needs_buildah, ran

from hpc.images.findings import NO_CONTEXT, NOT_BUILDABLE, ImageTrouble
from hpc.images.ignoring import Ignored
from hpc.images.making import in_order, with_bases
from hpc.images.recipe import Recipe, bases, digest, entries

FILES = ["a.py", "b.txt", "data/one.csv", "data/keep/two.csv", "deep/x/y/z.pyc", "x.pyc", "docs/readme.md", "[odd].txt"]
PATTERNS = [
    "",
    "*.pyc",
    "**/*.pyc",
    "data",
    "/data/",
    "data\n!data/keep",
    "*\n!a.py",
    "**\n!deep/x\n",
    "# a comment\n\n  docs/*.md  ",
    "deep/**",
    "d*/",
    "?.py",
    "[ab].*",
    "data/*\n!data/keep/two.csv",
    "!a.py\na.py",
    "./b.txt",
    "\\[odd].txt",
]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    for name in FILES:
        file = tmp_path / "app" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name, "utf-8")
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\nCOPY . .\n", "utf-8")
    return Recipe("app", "repo/app:1", tmp_path / "app", tmp_path / "Dockerfile", {"A": "1"})


def seen(recipe: Recipe) -> list[str]:
    return [entry.name for entry in entries(recipe) if not entry.path.is_dir()]


@pytest.mark.parametrize("patterns", PATTERNS)
def test_what_is_seen_is_what_a_builder_sees(recipe: Recipe, patterns: str, tmp_path: Path) -> None:
    needs_buildah()
    (recipe.context / ".dockerignore").write_text(patterns, "utf-8")
    recipe.dockerfile.write_text("FROM scratch\nCOPY . /all/\n", "utf-8")
    environ = buildah_environ(tmp_path)
    ran("buildah", "build", "-f", str(recipe.dockerfile), "-t", "seen", str(recipe.context), environ=environ)
    made = ran("buildah", "from", "seen", environ=environ).strip()
    root = Path(ran("buildah", "mount", made, environ=environ).strip(), "all")
    there = sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())
    ours = sorted(name for name in seen(recipe))
    assert set(ours) - {".dockerignore"} == set(there) - {".dockerignore"}


def test_the_last_pattern_decides() -> None:
    ignored = Ignored("*.md\n!README.md\nREADME*\n")
    assert ["README.md" in ignored, "x.md" in ignored, "x.py" in ignored] == [True, True, False]


def known(base: str) -> str:
    del base
    return "id"


def changed(recipe: Recipe, change: Callable[[], object]) -> bool:
    before = digest(recipe, known)
    change()
    return digest(recipe, known) != before


def test_what_changes_the_digest(recipe: Recipe) -> None:
    folder = recipe.context
    assert changed(recipe, lambda: (folder / "a.py").write_text("other", "utf-8"))
    assert changed(recipe, lambda: (folder / "a.py").chmod(0o755))
    assert changed(recipe, lambda: (folder / "a.py").rename(folder / "c.py"))
    assert changed(recipe, (folder / "empty").mkdir)
    assert changed(recipe, lambda: (folder / "link").symlink_to("c.py"))
    assert changed(recipe, lambda: ((folder / "link").unlink(), (folder / "link").symlink_to("b.txt")))
    assert changed(recipe, lambda: recipe.dockerfile.write_text("FROM python:3.12\n", "utf-8"))
    assert changed(recipe, lambda: (folder / ".dockerignore").write_text("*.txt", "utf-8"))


def test_what_hpc_writes_and_how_git_checks_out_does_not_count(recipe: Recipe) -> None:
    """A push writes hpc.lock, perhaps into the folder that the image is made of; umasks 002 and 022 are both usual."""
    (recipe.context / ".hpc").mkdir()
    assert not changed(recipe, lambda: (recipe.context / "hpc.lock").write_text("lock: 1", "utf-8"))
    assert not changed(recipe, lambda: (recipe.context / ".hpc" / "run").write_text("1", "utf-8"))
    (recipe.context / "a.py").chmod(0o644)
    (recipe.context / "data").chmod(0o755)
    assert not changed(recipe, lambda: (recipe.context / "a.py").chmod(0o664))
    assert not changed(recipe, lambda: (recipe.context / "data").chmod(0o775))
    assert changed(recipe, lambda: (recipe.context / "a.py").chmod(0o600))


def test_what_does_not_change_the_digest(recipe: Recipe) -> None:
    (recipe.context / ".dockerignore").write_text("*.txt\n.dockerignore\n", "utf-8")
    assert not changed(recipe, lambda: os.utime(recipe.context / "a.py", (1, 1)))
    assert not changed(recipe, lambda: (recipe.context / "b.txt").write_text("other", "utf-8"))
    assert not changed(recipe, lambda: (recipe.context / "new.txt").write_text("other", "utf-8"))


def test_arguments_platform_and_bases_count(recipe: Recipe) -> None:
    def of(identity: str = "id", platform: str = "linux/amd64", **args: str) -> str:
        one = Recipe("app", "repo/app:1", recipe.context, recipe.dockerfile, args or {"A": "1"}, platform)
        return digest(one, lambda _: identity)

    assert (
        of()
        == digest(recipe, known)
        == digest(Recipe("other", "repo/other:2", recipe.context, recipe.dockerfile, {"A": "1"}), known)
    )
    assert len({of(), of(A="2"), of(B="1"), of(platform="linux/arm64"), of("other")}) == 5


def test_one_file_of_patterns_for_each_builder(recipe: Recipe) -> None:
    """docker has heeded different ones over time: what any of them sees counts."""
    (recipe.context / ".dockerignore").write_text("*.txt\ndata", "utf-8")
    recipe.dockerfile.with_name("Dockerfile.dockerignore").write_text("*.txt\ndocs", "utf-8")
    assert not any(name.endswith(".txt") for name in seen(recipe))
    assert {"data/one.csv", "docs/readme.md"} <= set(seen(recipe))


def test_bases() -> None:
    text = """\
# FROM comment:1
ARG VERSION=3.11
ARG REPO
FROM --platform=linux/amd64 python:${VERSION}-slim AS build
ARG VERSION=9
FROM $REPO/base:1 \\
  as other
FROM build
from scratch
COPY --from=build /a /b
COPY --from=0 /a /b
COPY --chown=1 --from=ghcr.io/tools/uv:0.5 /uv /bin/
FROM ${NONE:-alpine}:${VERSION:+set}
"""
    assert bases(text, {"REPO": "r.example"}) == [
        "alpine:set",
        "ghcr.io/tools/uv:0.5",
        "python:3.11-slim",
        "r.example/base:1",
    ]
    assert bases("ARG V=1\nFROM a:$V", {"V": "2"}) == ["a:2"]
    assert bases("ARG V=1\nARG A=a:${V}\nFROM $A AS Own\nFROM Own", {"V": "2"}) == ["a:2"]


def test_what_is_not_there(recipe: Recipe) -> None:
    with pytest.raises(ImageTrouble) as caught:
        Recipe("a", "a:1", recipe.context / "none", recipe.dockerfile).check()
    assert (caught.value.rule, NO_CONTEXT.code) == (NO_CONTEXT, "HPC953")
    assert caught.value.fact == f"there is no folder `{recipe.context}/none`."
    with pytest.raises(ImageTrouble) as caught:
        Recipe("a", "a:1", recipe.context, recipe.context / "Dockerfile").check()
    assert caught.value.fact == f"there is no file `{recipe.context}/Dockerfile`."


def test_secret_arguments_are_masked(recipe: Recipe) -> None:
    one = Recipe("a", "a:1", recipe.context, recipe.dockerfile, {"PIP_TOKEN": "hush-hush", "VERSION": "1.25"})
    assert one.masked("got hush-hush for 1.25") == "got ********* for 1.25"
    index, lines = "https://me:hush@pypi.example/simple", "first line\nsecond line\n"
    one = Recipe("a", "a:1", recipe.context, recipe.dockerfile, {"INDEX": index, "SSH_KEY": lines})
    assert one.secret_args == {"INDEX", "SSH_KEY"}
    assert one.masked(f"from {index} with second line") == f"from {'*' * len(index)} with ***********"


def test_order(tmp_path: Path) -> None:
    def recipe(name: str, base: str) -> Recipe:
        (tmp_path / name).write_text(f"FROM {base}\n", "utf-8")
        return Recipe(name, f"repo/{name}:1", tmp_path, tmp_path / name)

    made = [recipe("c", "repo/b:1"), recipe("a", "python:3"), recipe("b", "repo/a:1")]
    assert [one.name for one in in_order(made)] == ["a", "b", "c"]
    assert with_bases(["repo/b:1"], made) == {"repo/a:1", "repo/b:1"}
    with pytest.raises(ImageTrouble) as caught:
        in_order([recipe("a", "repo/b:1"), recipe("b", "repo/a:1")])
    assert (caught.value.rule, NOT_BUILDABLE.code) == (NOT_BUILDABLE, "HPC954")
