"""What makes two tasks the same, and what is said where they are not."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpc.engines.arguments import ParameterPort
from hpc.engines.local.cache.differences import differences
from hpc.engines.local.cache.fingerprint import Ingredients, fingerprint, parts
from hpc.engines.local.plan import ArtifactPort, Container, Interface, Resources, Settings
from hpc.engines.values import as_json

CONTAINER = Container(("python", "train.py"), ("--lr={{$.inputs.parameters['lr']}}",), {"OMP_NUM_THREADS": "4"})
OUTPUTS = Interface({"loss": ParameterPort("NUMBER_DOUBLE")}, {"model": ArtifactPort("system.Model", "0.0.1")})
TASK = Ingredients(
    component="train",
    container=CONTAINER,
    outputs=OUTPUTS,
    inputs={"lr": 0.1, "name": "a b"},
    artifacts={"data": "d" * 64},
    secrets={"WANDB": "hunter2"},
    source="s" * 64,
    environment="e" * 64,
)
SECRET = hashlib.sha256(b"secret of a task\0hunter2").hexdigest()[:16]


def _print(task: Ingredients, key: str = "") -> str:
    return fingerprint(parts(task, key))


class TestParts:
    def test_all_of_them(self) -> None:
        found = parts(TASK)
        assert list(found.items()) == [
            ("mode", "process"),
            ("command", '[["python","train.py"],["--lr={{$.inputs.parameters[\'lr\']}}"]]'),
            ("outputs", '[{"loss":"NUMBER_DOUBLE"},{"model":["system.Model",false]}]'),
            ("input lr", "0.1"),
            ("input name", '"a b"'),
            ("artifact data", "d" * 64),
            ("env OMP_NUM_THREADS", '"4"'),
            ("secret WANDB", SECRET),
            ("source", "s" * 64),
            ("environment", "e" * 64),
            ("image", ""),
        ]
        assert fingerprint(found) == hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()

    def test_a_key_of_ones_own_takes_the_place_of_all(self) -> None:
        assert parts(TASK, "v1") == {"component": "train", "key": "v1"}
        assert _print(TASK, "v1") == _print(replace(TASK, inputs={}, source="other"), "v1")
        prints = {_print(TASK), _print(TASK, "v1"), _print(TASK, "v2"), _print(replace(TASK, component="x"), "v1")}
        assert len(prints) == 4

    def test_long_values_are_digests_with_a_beginning(self) -> None:
        fits, long = "x" * 198, "x" * 199
        found = parts(replace(TASK, inputs={"fits": fits, "long": long}))
        assert found["input fits"] == f'"{fits}"'
        digest = hashlib.sha256(f'"{long}"'.encode()).hexdigest()
        assert found["input long"] == f'sha256:{digest} "{"x" * 59}'
        assert parts(replace(TASK, inputs={"long": "\ud800" * 99}))["input long"].endswith(
            ' "' + "\\ud800" * 9 + "\\ud80"
        )
        assert _print(replace(TASK, inputs={"a": long + "1"})) != _print(replace(TASK, inputs={"a": long + "2"}))

    def test_secrets_are_nowhere(self) -> None:
        value = "correct horse battery staple"
        task = replace(TASK, secrets={"KEY": value})
        shown = json.dumps(parts(task)) + repr(task)
        assert not any(word in shown for word in (value, *value.split(), hashlib.sha256(value.encode()).hexdigest()))
        assert _print(task) != _print(replace(task, secrets={"KEY": value + "s"}))

    @pytest.mark.parametrize(
        "container",
        [
            replace(CONTAINER, resources=Resources("2", "4G", "1")),
            replace(CONTAINER, settings=Settings(dir="elsewhere", timeout=3.0, gpus=1)),
            replace(CONTAINER, label="exec-other", image="other"),
        ],
        ids=["resources", "settings", "label"],
    )
    def test_what_does_not_count(self, container: Container) -> None:
        assert _print(replace(TASK, container=container)) == _print(TASK)
        assert _print(replace(TASK, component="other")) == _print(TASK)

    def test_everything_else_counts(self) -> None:
        others = [
            replace(TASK, container=replace(CONTAINER, command=("python",))),
            replace(TASK, container=replace(CONTAINER, args=())),
            replace(TASK, container=replace(CONTAINER, command=(*CONTAINER.command, *CONTAINER.args), args=())),
            replace(TASK, container=replace(CONTAINER, environ={})),
            replace(TASK, container=replace(CONTAINER, environ={"OMP_NUM_THREADS": "8"})),
            replace(TASK, outputs=replace(OUTPUTS, parameters={"loss": ParameterPort("STRING")})),
            replace(TASK, outputs=replace(OUTPUTS, artifacts={"model": ArtifactPort("system.Dataset", "0.0.1")})),
            replace(
                TASK, outputs=replace(OUTPUTS, artifacts={"model": ArtifactPort("system.Model", "", is_list=True)})
            ),
            replace(TASK, inputs={"lr": 0.1}),
            replace(TASK, inputs={"lr": "0.1", "name": "a b"}),
            replace(TASK, inputs={"lr": None, "name": "a b"}),
            replace(TASK, artifacts={"data": "x"}),
            replace(TASK, artifacts={"DATA": "d" * 64}),
            replace(TASK, secrets={"OTHER": "hunter2"}),
            replace(TASK, source="x"),
            replace(TASK, environment="x"),
            replace(TASK, image="x"),
            replace(TASK, mode="docker"),
        ]
        assert len({_print(task) for task in (TASK, *others)}) == len(others) + 1

    def test_numbers_that_a_task_cannot_tell_apart_are_the_same(self) -> None:
        same = {_print(replace(TASK, inputs={"n": value})) for value in (1, 1.0)}
        assert len(same) == 1
        different = (1, True, "1", [1], {"1": 1}, None, "", 0, -0.0, 1.5, float(2**53), 2**53 + 1)
        assert len({_print(replace(TASK, inputs={"n": value})) for value in different}) == len(different)


TEXTS = st.text(max_size=8) | st.text(st.characters(categories=["Cs", "Lu", "So"]), max_size=4)
NAMES = st.text(max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TASKS = st.builds(
    Ingredients,
    component=st.just("c"),
    container=st.builds(
        Container,
        st.lists(TEXTS, max_size=2).map(tuple),
        st.lists(TEXTS, max_size=2).map(tuple),
        st.dictionaries(NAMES, TEXTS, max_size=2),
    ),
    outputs=st.just(OUTPUTS),
    inputs=st.dictionaries(NAMES, VALUES, max_size=3),
    artifacts=st.dictionaries(NAMES, TEXTS.filter(bool), max_size=2),
    secrets=st.dictionaries(NAMES, TEXTS, max_size=2),
    source=TEXTS,
    environment=TEXTS,
    image=TEXTS,
    mode=st.sampled_from(["process", "docker"]),
)


def _seen(task: Ingredients) -> str:
    """All that a task is given, written by json; numbers as the engine writes them."""
    inputs = {name: as_json(value) for name, value in task.inputs.items()}
    container = [task.container.command, task.container.args, task.container.environ]
    rest = [task.artifacts, task.secrets, task.source, task.environment, task.image, task.mode]
    return json.dumps([inputs, container, rest], sort_keys=True)


def _shuffled(of: Mapping[str, object], chance: random.Random) -> dict[str, object]:
    return dict(chance.sample(list(of.items()), len(of)))


@settings(deadline=None, max_examples=100)
@given(st.lists(TASKS, min_size=2, max_size=8))
def test_different_tasks_have_different_fingerprints(tasks: list[Ingredients]) -> None:
    seen = {_seen(task) for task in tasks}
    assert len({_print(task) for task in tasks}) == len(seen)


@settings(deadline=None)
@given(TASKS, st.randoms(use_true_random=False))
def test_the_order_of_names_does_not_matter(task: Ingredients, chance: random.Random) -> None:
    other = replace(
        task,
        container=replace(task.container, environ=_shuffled(task.container.environ, chance)),
        inputs=_shuffled(task.inputs, chance),
        artifacts=_shuffled(task.artifacts, chance),
        secrets=_shuffled(task.secrets, chance),
    )
    assert list(parts(task).items()) == list(parts(other).items())
    assert fingerprint(_shuffled(parts(task), chance)) == _print(task)  # type: ignore[arg-type]  texts all the same


@settings(deadline=None)
@given(TASKS, TASKS)
def test_parts_can_be_stored_and_differences_shown(one: Ingredients, other: Ingredients) -> None:
    before, now = parts(one), parts(other)
    for name, text in (*before.items(), *now.items()):
        assert (name + text).encode("utf-8")
    said = differences(before, now, lambda _: None)
    assert bool(said) == (before != now)
    said.encode("utf-8")


def _said(now: Ingredients, before: Ingredients = TASK, trees: Mapping[str, Mapping[str, str]] | None = None) -> str:
    return differences(parts(before), parts(now), (trees or {}).get)


class TestDifferences:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (TASK, ""),
            (replace(TASK, inputs={"lr": 0.2, "name": "a b"}), "lr 0.1 → 0.2"),
            (replace(TASK, inputs={"lr": 0.1, "name": "ab"}), 'name "a b" → ab'),
            (replace(TASK, inputs={"lr": "0.1", "name": "a b"}), 'lr 0.1 → "0.1"'),
            (replace(TASK, inputs={"lr": None, "name": "a b"}), "lr 0.1 → null"),
            (replace(TASK, inputs={"lr": [1, {"a": True}], "name": "a b"}), 'lr 0.1 → [1,{"a":true}]'),
            (replace(TASK, inputs={"lr": 0.1, "name": ""}), 'name "a b" → ""'),
            (replace(TASK, inputs={"lr": 0.1, "name": "x" * 41}), "name changed"),
            (replace(TASK, inputs={"lr": 0.1, "name": "x" * 4100}), "name changed"),
            (replace(TASK, inputs={**TASK.inputs, "x": 1}), "input x is new"),
            (replace(TASK, inputs={"lr": 0.1}), "input name is gone"),
            (
                replace(TASK, container=replace(CONTAINER, environ={"OMP_NUM_THREADS": "8"})),
                "env OMP_NUM_THREADS 4 → 8",
            ),
            (replace(TASK, container=replace(CONTAINER, environ={})), "env OMP_NUM_THREADS is gone"),
            (
                replace(TASK, container=replace(CONTAINER, environ={"OMP_NUM_THREADS": ""})),
                'env OMP_NUM_THREADS 4 → ""',
            ),
            (replace(TASK, secrets={"WANDB": "other"}), "secret WANDB changed"),
            (replace(TASK, secrets={}), "secret WANDB is gone"),
            (replace(TASK, container=replace(CONTAINER, args=())), "command changed"),
            (replace(TASK, outputs=Interface()), "outputs changed"),
            (replace(TASK, artifacts={"data": "x"}), "artifact data changed"),
            (replace(TASK, artifacts={}), "artifact data is gone"),
            (replace(TASK, environment="x"), "environment changed"),
            (replace(TASK, image="x"), "image is new"),
            (replace(TASK, mode="docker", image="x", environment="", source=""), "mode process → docker"),
            (replace(TASK, source="x"), "source changed"),
            (replace(TASK, source=""), "source is gone"),
        ],
    )
    def test_one(self, now: Ingredients, expected: str) -> None:
        assert _said(now) == expected

    def test_an_image(self) -> None:
        before = replace(TASK, mode="docker", image="a")
        assert _said(replace(before, image="b"), before) == "image changed"

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            ({"train.py": "x"}, "source changed: train.py"),
            ({"train.py": "x", "b.py": "x"}, "source changed: b.py, train.py"),
            ({"train.py": "x", "b.py": "x", "c.py": "x"}, "source changed: b.py, c.py, train.py"),
            (dict.fromkeys(("train.py", "b.py", "c.py", "d.py"), "x"), "source changed: b.py, c.py and 2 more"),
            ({"e.py": "x"}, "source: e.py added"),
            ({"b.py": None}, "source: b.py removed"),
            ({"new.py": "x", "d.py": None}, "source: new.py added, d.py removed"),
            ({"train.py": "x", "e.py": "x"}, "source: train.py changed, e.py added"),
            (
                {"train.py": "x", "e.py": "", "f.py": "", "b.py": None},
                "source: train.py changed, e.py added and 2 more",
            ),
        ],
    )
    def test_files(self, files: Mapping[str, str | None], expected: str) -> None:
        before = dict.fromkeys(("train.py", "b.py", "c.py", "d.py"), "1")
        now = {name: digest for name, digest in {**before, **files}.items() if digest is not None}
        assert _said(replace(TASK, source="now"), trees={"s" * 64: before, "now": now}) == expected

    def test_files_that_were_not_kept(self) -> None:
        assert _said(replace(TASK, source="now"), trees={"now": {"a": "1"}}) == "source changed"
        assert _said(replace(TASK, source="now"), trees={"s" * 64: {"a": "1"}}) == "source changed"

    def test_several_and_their_order(self) -> None:
        two = replace(TASK, source="x", inputs={"lr": 0.2, "name": "a b"})
        assert _said(two) == "lr 0.1 → 0.2; source changed"
        three = replace(two, artifacts={"data": "x"})
        assert _said(three) == "lr 0.1 → 0.2; source changed; artifact data changed"
        four = replace(three, environment="x")
        assert _said(four) == "lr 0.1 → 0.2; source changed; artifact data changed; and 1 more"
        assert _said(replace(four, image="x")) == "lr 0.1 → 0.2; source changed; artifact data changed; and 2 more"

    def test_keys_of_ones_own(self) -> None:
        def said(before: str, now: str) -> str:
            return differences(parts(TASK, before), parts(TASK, now), lambda _: None)

        assert said("v1", "v2") == "cache key v1 → v2"
        assert said("", "v1") == "cache key is new"
        assert said("v1", "") == "cache key is gone"
        assert said("v1", "v1") == ""

    def test_nothing_to_compare_with(self) -> None:
        assert differences({}, parts(TASK), lambda _: None) == ""
        assert differences(parts(TASK), {}, lambda _: None) == ""
