"""hpc.lock and the compiler: what is pinned, what is warned of, what is refused. No registry is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compiling import Result, compile_text

DIGEST, OTHER = (f"sha256:{letter * 64}" for letter in "ab")
PIPELINE = """\
hpc: 1
name: small
images:
  app: repo/app:1.0
  made: {uri: "repo/made:1", build: {context: .}}
components:
  train: {image: app, command: [python3, train.py]}
  serve: {image: made, command: [python3, serve.py]}
edges: [train, serve]
"""


def lock(folder: Path, *lines: str, head: str = "lock: 1") -> None:
    body = "".join(f"  {line}\n" for line in lines)
    (folder / "hpc.lock").write_text(f"{head}\nimages:{'' if lines else ' {}'}\n{body}", "utf-8")


def images(result: Result) -> dict[str, str]:
    assert result.compiled, result.shown
    executors = json.loads(result.compiled.text.split("\n---\n")[0])["deploymentSpec"]["executors"]
    return {name: one["container"]["image"] for name, one in executors.items()}


def said(result: Result) -> list[str]:
    lines = [(one, one.span.position) for one in result.diagnostics]
    return [f"{one.span.source.name}:{at[0]}:{at[1]} {one.rule.code} {one.fact} | {one.fix}" for one, at in lines]


BOTH = (f'"repo/app:1.0": {DIGEST}', f'"repo/made:1": {OTHER}')


@pytest.mark.parametrize("target", ["vertex", "kfp"])
def test_images_are_pinned(tmp_path: Path, target: str) -> None:
    lock(tmp_path, *BOTH)
    result = compile_text(PIPELINE, target, folder=tmp_path)
    assert images(result) == {"exec-train": f"repo/app@{DIGEST}", "exec-serve": f"repo/made@{OTHER}"}
    assert said(result) == []


def test_on_this_machine_what_is_built_here_keeps_its_name(tmp_path: Path) -> None:
    lock(tmp_path, *BOTH)
    found = images(compile_text(PIPELINE, "local", folder=tmp_path))
    assert found == {"exec-train": f"repo/app@{DIGEST}", "exec-serve": "repo/made:1"}


def test_without_a_lock_nothing_changes(tmp_path: Path) -> None:
    result = compile_text(PIPELINE, "kfp", folder=tmp_path)
    assert images(result) == {"exec-train": "repo/app:1.0", "exec-serve": "repo/made:1"}
    assert said(result) == []


def test_what_the_file_says_wins(tmp_path: Path) -> None:
    lock(tmp_path, *BOTH)
    text = PIPELINE.replace("repo/app:1.0", f'{{uri: "repo/app:1.0", digest: "{OTHER}"}}')
    assert images(compile_text(text, "kfp", folder=tmp_path))["exec-train"] == f"repo/app@{OTHER}"


def test_an_image_that_is_not_locked(tmp_path: Path) -> None:
    """HPC951, for clusters only."""
    lock(tmp_path)
    assert said(compile_text(PIPELINE, "vertex", folder=tmp_path)) == [
        "pipeline.yaml:4:8 HPC951 image `app`: `repo/app:1.0` is not in hpc.lock, which pins the others. | "
        "run `hpc lock`.",
        "pipeline.yaml:5:15 HPC951 image `made`: `repo/made:1` is not in hpc.lock, which pins the others. | "
        "run `hpc build --push`.",
    ]
    local = compile_text(PIPELINE, "local", folder=tmp_path)
    assert [one for one in local.diagnostics if one.rule.code == "HPC951"] == []


def test_a_moving_tag_that_is_locked_is_none(tmp_path: Path) -> None:
    text = PIPELINE.replace("repo/app:1.0", "repo/app:latest")
    lock(tmp_path, BOTH[1])
    assert [one.rule.code for one in compile_text(text, folder=tmp_path).diagnostics] == ["HPC212"]
    lock(tmp_path, f'"repo/app:latest": {DIGEST}', BOTH[1])
    result = compile_text(text, folder=tmp_path)
    assert said(result) == []
    assert images(result)["exec-train"] == f"repo/app@{DIGEST}"


def test_images_of_other_files_and_of_the_library(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "parts.yaml").write_text(
        "hpc: 1\nimages: {app: 'repo/parts:2'}\ncomponents: {part: {image: app, command: [python3]}}\n", "utf-8"
    )
    text = PIPELINE.replace("edges:", "  part: {uses: ./lib/parts.yaml#part}\nedges:").replace("serve]", "serve, part]")
    lock(tmp_path, *BOTH, f'"repo/parts:2": {DIGEST}')
    assert images(compile_text(text, "kfp", folder=tmp_path))["exec-part"] == f"repo/parts@{DIGEST}"


BROKEN = [
    ("nothing: here\n", "1:1 HPC950 it does not begin with `lock: 1`, the form that this hpc reads."),
    ("lock: 2\nimages: {}\n", "1:7 HPC950 it does not begin with `lock: 1`, the form that this hpc reads."),
    ("lock: true\nimages: {}\n", "1:7 HPC950 it does not begin with `lock: 1`, the form that this hpc reads."),
    ("lock: 1\nimages: [a]\n", "2:9 HPC950 `images` is not a mapping of addresses to digests."),
    ("lock: 1\n", "1:1 HPC950 `images` is not a mapping of addresses to digests."),
    ("lock: 1\nimages: {}\nmore: 1\n", "3:1 HPC950 it holds a key `more`, which hpc does not write."),
    (
        'lock: 1\nimages:\n  "a:1": sha256:short\n',
        "3:10 HPC950 `a:1` has no digest: that is `sha256:` and 64 hexadecimal digits.",
    ),
]


@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_a_lock_that_cannot_be_used(tmp_path: Path, text: str, expected: str) -> None:
    """HPC950, located in the lock."""
    (tmp_path / "hpc.lock").write_text(text, "utf-8")
    result = compile_text(PIPELINE, folder=tmp_path)
    assert result.compiled is None
    assert [one.partition(" | ")[0] for one in said(result)] == [f"hpc.lock:{expected}"]


def test_a_lock_with_marks_of_a_merge(tmp_path: Path) -> None:
    (tmp_path / "hpc.lock").write_text(f"lock: 1\nimages:\n<<<<<<< ours\n  {BOTH[0]}\n", "utf-8")
    [found] = compile_text(PIPELINE, folder=tmp_path).diagnostics
    assert (found.span.source.name, found.rule.code) == ("hpc.lock", "HPC001")


def test_a_lock_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "hpc.lock").mkdir()
    assert said(compile_text(PIPELINE, folder=tmp_path)) == [
        "hpc.lock:1:1 HPC950 this file cannot be read as text. | correct its permissions and encoding."
    ]
