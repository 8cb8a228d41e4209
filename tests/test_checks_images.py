"""Images without a fixed version, and artifact types that hpc does not know."""

from __future__ import annotations

import pytest
from judging import SMALL, messages

DIGEST = "sha256:" + "a" * 64


def tags(uri: str) -> list[str]:
    return messages(SMALL.replace("repo/app:1.0", uri), only="HPC212")


@pytest.mark.parametrize("bare", ["repo/app", "app", "registry.example:5000/team/app"])
def test_an_image_without_a_version(bare: str) -> None:
    assert tags(bare) == [
        "3:15 warning HPC212 image `app`: without a tag it is `:latest`, which changes. | "
        f"write a version, e.g. `{bare}:1.0`, or add its `digest`."
    ]
    assert tags(f"{bare}:latest") == [
        "3:15 warning HPC212 image `app`: `:latest` names another image after each push. | "
        f"write a version, e.g. `{bare}:1.0`, or add its `digest`."
    ]


@pytest.mark.parametrize(
    "uri",
    [
        "repo/app:1.0",
        "registry.example:5000/app:latest-1",
        f"repo/app@{DIGEST}",
        f"repo/app:latest@{DIGEST}",
        f'{{uri: "repo/app:latest", digest: "{DIGEST}"}}',
    ],
)
def test_an_image_with_a_version(uri: str) -> None:
    assert tags(uri) == []


def test_only_images_that_a_step_runs_are_judged() -> None:
    assert tags("repo/app:1.0, notebook: repo/notebook:latest") == []


TYPES = """\
hpc: 1
name: p
outputs: {m: google.VertexModle}
images: {app: repo/app:1.0}
components:
  train:
    image: app
    command: [python3]
    outputs:
      m: google.VertexModle
      n: {type: list<google.Quantum>}
      o: google.VertexModel
edges: [train.m -> outputs.m]
"""


def test_types_of_google_that_are_not_in_the_list() -> None:
    message = "hpc does not know the artifact type `google.VertexModle`; it is written as it stands."
    assert messages(TYPES, only="HPC213") == [
        f"3:14 warning HPC213 {message} | did you mean `google.VertexModel`?",
        f"10:10 warning HPC213 {message} | did you mean `google.VertexModel`?",
        "11:17 warning HPC213 hpc does not know the artifact type `google.Quantum`; it is written as it stands. | "
        "make sure that the name is right.",
    ]
    assert messages(TYPES.replace("Modle", "Model").replace("Quantum", "BQTable"), only="HPC213") == []
