"""Entries that nothing uses, and all the ways of using one."""

from __future__ import annotations

import pytest
from judging import SMALL, messages

ONLY = "HPC211"


def unused(text: str, *profiles: str) -> list[str]:
    return messages(text, "vertex", *profiles, only=ONLY)


def names(text: str, *profiles: str) -> list[str]:
    return [" ".join(message.split(" ")[3:5]) for message in unused(text, *profiles)]


def test_each_kind() -> None:
    text = """\
hpc: 1
name: p
inputs: {lr: float, seed: int}
images: {app: repo/app:1.0, old: repo/old:1.0}
accelerators: {t4: {gpu: T4}, l4: {gpu: L4}}
secrets: {a: {local: env:A}, b: {local: env:B}}
components:
  train: {image: app, accelerator: t4, inputs: {lr: float}}
  forgotten: {image: app, env: {A: {secret: a}}}
edges: [inputs.lr -> train.lr]
"""
    assert unused(text) == [
        "3:21 warning HPC211 input `seed` is not used: no edge takes it anywhere. | use it, or remove it.",
        "4:29 warning HPC211 image `old` is not used: no component runs it. | use it, or remove it.",
        "5:31 warning HPC211 accelerator `l4` is not used: no component or step names it. | use it, or remove it.",
        "6:30 warning HPC211 secret `b` is not used: no `env` names it. | use it, or remove it.",
        "9:3 warning HPC211 component `forgotten` is not used: no edge names it. | use it, or remove it.",
    ]


def test_a_small_file_has_nothing_unused() -> None:
    assert unused(SMALL) == []


BASE = """\
hpc: 1
name: p
images: {app: repo/app:1.0, extra: repo/extra:2.0}
accelerators: {t4: {gpu: T4}}
components:
  train: {image: app, command: [python3], COMPONENT}
edges: [train]
REST
"""


def base(component: str = "", rest: str = "") -> str:
    return BASE.replace(", COMPONENT", component).replace("REST", rest)


@pytest.mark.parametrize(
    ("component", "rest"),
    [
        (", args: ['${{ images.extra }}'], accelerator: t4", ""),
        (", overrides: {k: 'x-${{ images.extra }}'}", "defaults: {accelerator: t4}"),
        (", env: {IMAGE: '${{ images.extra }}'}", "steps: {train: {accelerator: t4}}"),
        (", title: '${{ images.extra }}'", "profiles: {p: {components: {train: {accelerator: t4}}}}"),
        (", accelerator: t4", "profiles: {p: {components: {train: {image: extra}}}}"),
        (", accelerator: t4", "profiles: {p: {components: {train: {args: ['${{images.extra}}']}}}}"),
        (", accelerator: t4", "profiles: {p: {steps: {train: {overrides: {a: ['x ${{ images.extra }}']}}}}}"),
    ],
)
def test_ways_of_using_an_image_and_an_accelerator(component: str, rest: str) -> None:
    assert names(base(component, rest)) == []


def test_without_them_both_are_reported() -> None:
    assert names(base()) == ["image `extra`", "accelerator `t4`"]


def test_a_profile_that_replaces_a_name_leaves_what_the_file_said_in_use() -> None:
    text = base(
        ", accelerator: t4, args: ['${{ images.extra }}']", "profiles: {p: {defaults: {accelerator: l4}, PART}}"
    )
    text = text.replace("{gpu: T4}}", "{gpu: T4}, l4: {gpu: L4}, old: {gpu: P4}}")
    text = text.replace("PART", "components: {train: {accelerator: l4}}")
    assert names(text) == ["accelerator `old`"]
    assert names(text, "p") == ["accelerator `old`"]


def test_a_component_that_another_one_uses() -> None:
    text = """\
hpc: 1
name: p
images: {app: repo/app:1.0}
components:
  base: {image: app, command: [python3, a.py], inputs: {lr: {type: float, default: 0.1}}}
  big: {uses: base, overrides: {size: 3}}
  other: {image: app, command: [python3, b.py]}
  lonely: {uses: other}
edges: [big]
"""
    assert names(text) == ["component `lonely`"]


@pytest.mark.parametrize("inner", ["edges: [train.x -> {train2}.x]", "steps: {a: {uses: train2}}, edges: [a]"])
def test_a_component_that_a_component_made_of_edges_names(inner: str) -> None:
    text = SMALL.replace(
        "edges: [train]", f"  train2: {{image: app}}\n  sub: {{{inner.replace('{train2}', 'train2')}}}\nedges: [train]"
    )
    assert names(text) == ["component `sub`"]


def test_secrets_of_defaults_steps_and_profiles_are_used() -> None:
    text = SMALL + (
        "secrets: {a: {local: env:A}, b: {local: env:B}, c: {local: env:C}}\n"
        "steps: {train: {env: {B: {secret: b}}}}\n"
        "defaults: {env: {A: {secret: a}}}\n"
        "profiles: {p: {defaults: {env: {C: {secret: c}}}}}\n"
    )
    assert messages(text, "local", only=ONLY) == []


def test_inputs_of_gathered_lists_are_used() -> None:
    text = """\
hpc: 1
name: p
inputs: {a: int, b: int, c: int}
images: {app: repo/app:1.0}
components:
  pick: {image: app, command: [python3], inputs: {xs: list<int>}}
edges: ["inputs.a, inputs.b -> pick.xs"]
"""
    assert names(text) == ["input `c`"]


def test_an_image_that_is_built_is_used() -> None:
    """Another image may start from it, which only its Dockerfile says."""
    text = """\
hpc: 1
name: p
images: {app: repo/app:1.0, core: {uri: "repo/core:1", build: {context: ./core}}, spare: {uri: "repo/spare:1"}}
components: {pick: {image: app, command: [python3]}}
edges: [pick]
"""
    assert names(text) == ["image `spare`"]
