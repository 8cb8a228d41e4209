"""Values that could not arrive are refused or named, and the nearest right ones are not."""

from __future__ import annotations

import pytest
from judging import codes, messages

from hpc.components.fields import MOST_RETRIES
from hpc.components.types import with_article


def pipeline(component: str = "", head: str = "", step: str = "{}") -> str:
    """`head` stands in line 3, `component` in line 5 from column 42, `step` in line 6 from column 17."""
    return f"""\
hpc: 1
name: p
{head or "description: none"}
images: {{app: repo/app:1.0}}
components: {{train: {{image: app, command: [c]{component}}}}}
steps: {{train: {step}}}
edges: [train]
"""


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        (", timeout: 365d", ", timeout: 366d", "HPC107"),
        (", timeout: 31536000s", ", timeout: 31536001s", "HPC107"),
        (f", retry: {MOST_RETRIES}", f", retry: {MOST_RETRIES + 1}", "HPC103"),
        (", config: {dir: ../conf}", ", config: {dir: /conf}", "HPC103"),
        (", args: [1, '1.50']", ", args: [1, 1.50]", "HPC103"),
        (', args: ["a\\tb"]', ', args: ["a\\0b"]', "HPC103"),
        (', overrides: {a: ["\\x01"]}', ', overrides: {a: ["\\0"]}', "HPC103"),
        (', inputs: {a: {type: string, default: "\\t"}}', ', inputs: {a: {type: string, default: "\\0"}}', "HPC103"),
        (
            ", inputs: {a: {type: int, default: 1, min: 1, max: 1}}",
            ", inputs: {a: {type: int, min: 2, max: 1}}",
            "HPC103",
        ),
        (
            ", inputs: {a: {type: dict, default: {b: [9007199254740992]}}}",
            ", inputs: {a: {type: dict, default: {b: [9007199254740993]}}}",
            "HPC103",
        ),
        (
            ", inputs: {a: {type: string, default: x, pattern: 'x{1,9}'}}",
            ", inputs: {a: {type: string, default: x, pattern: 'x{1,99999999999}'}}",
            "HPC103",
        ),
        (", description: none", ", labels: {a: b}", "HPC102"),
    ],
)
def test_right_and_wrong(right: str, wrong: str, code: str) -> None:
    assert code not in codes(pipeline(right))
    assert code in codes(pipeline(wrong))


@pytest.mark.parametrize("key", ["cpu", "requests"])
@pytest.mark.parametrize(
    ("value", "fits"), [("1m", True), ("0.001", True), ("100000", True), ("0.0009", False), ("0", False), ("1e5", True)]
)
def test_cpus(key: str, value: str, fits: bool) -> None:
    entry = f"cpu: {value}" if key == "cpu" else f"requests: {{cpu: {value}}}"
    found = messages(pipeline(head=f"accelerators: {{a: {{{entry}}}}}"), "kfp", only="HPC107")
    assert bool(found) != fits


@pytest.mark.parametrize("wrong", ["0GB", "0.5MB", "0.9MB", "1000001GB", "9" * 400 + "GB", "٣GB"])
def test_sizes_out_of_range(wrong: str) -> None:
    [message] = messages(pipeline(head=f"accelerators: {{a: {{memory: {wrong}}}}}"), "kfp", only="HPC107")
    assert message.startswith("3:28 error HPC107 ")
    assert messages(pipeline(head="accelerators: {a: {memory: 1MB, disk: 1MiB}}"), "kfp", only="HPC107") == []


def test_a_pattern_that_nests_too_deep() -> None:
    nested = "(" * 5000 + ")" * 5000
    text = pipeline(f', inputs: {{a: {{type: string, default: x, pattern: "{nested}"}}}}')
    assert [message.partition(" | ")[0] for message in messages(text, only="HPC103")] == [
        "5:96 error HPC103 `pattern` is not a regular expression: it is nested too deep."
    ]


@pytest.mark.parametrize("place", ["API_KEY", "env:", "env:1A", "env:A B", "file:/run/secret", "env:A\\n"])
def test_a_secret_of_this_machine_is_a_variable(place: str) -> None:
    text = pipeline(", env: {API_KEY: {secret: key}}", f'secrets: {{key: {{local: "{place}"}}}}')
    assert messages(text, "local", only="HPC103") == [
        "3:24 error HPC103 on this machine a secret is read from an environment variable, and this does not name "
        "one. | write `env:` and the name of the variable, e.g. `env:WANDB_API_KEY`."
    ]
    right = pipeline(", env: {API_KEY: {secret: key}}", 'secrets: {key: {local: "env:_API_KEY1"}}')
    assert messages(right, "local", only="HPC103 HPC504") == []


def test_a_run_status_comes_from_the_end_of_a_run_only() -> None:
    assert messages(pipeline(", inputs: {state: RunStatus}")) == [
        "7:9 error HPC303 input `train.state` (RunStatus) gets no value: no edge, no `with`, no default. | "
        "connect `exit.status`; nothing else is a RunStatus."
    ]
    assert messages(pipeline(", outputs: {state: RunStatus}"), only="HPC103") == [
        "5:65 error HPC103 a RunStatus comes only from `exit.status` and `<step>.status`, never from here. | "
        "take another type, e.g. `string`."
    ]


def test_keys_that_only_components_take_are_not_proposed_for_the_pipeline() -> None:
    [message] = messages(pipeline(head="inputs: {lr: {type: float, qqqqq: lr}}"), only="HPC102")
    assert message == (
        "3:28 error HPC102 unknown key `qqqqq` in input `lr`. | "
        "use one of: choices, default, description, max, min, pattern, type."
    )
    [message] = messages(pipeline(", inputs: {lr: {type: float, qqqqq: lr}}"), only="HPC102")
    assert "use one of: as, choices, default, description, max, min, optional, pass, pattern, type." in message


def test_a_pipeline_is_not_called_like_what_it_runs() -> None:
    text = pipeline().replace("name: p\n", "name: train\n")
    assert messages(text, only="HPC214") == [
        "2:7 error HPC214 the pipeline is called like its step `train`: the KFP SDK would load the file as that one "
        "component. | rename it, e.g. `name: train-pipeline`."
    ]
    assert messages(text.replace("name: train", "name: training"), only="HPC214") == []
    of_component = text.replace("steps: {train", "steps: {other").replace("edges: [train]", "edges: [other]")
    of_component = of_component.replace("other: {}", "other: {uses: train}")
    assert "like its component `train`" in messages(of_component, only="HPC214")[0]


@pytest.mark.parametrize(
    ("component", "is_wrong"),
    [
        ("cli: none", False),
        ('cli: none, args: ["${{ inputs.xs }}"]', False),
        ('cli: none, command: [run, "${{ inputs.xs.uri }}"]', True),
        ("cli: argparse", True),
        ("cli: hydra", True),
        ('overrides: {k: "${{ inputs.xs }}"}', True),
    ],
)
@pytest.mark.parametrize("passing", ["path", "none"])
def test_a_list_of_artifacts_from_one_source(component: str, is_wrong: bool, passing: str) -> None:
    text = f"""\
hpc: 1
name: p
inputs: {{xs: list<Model>}}
images: {{app: repo/app:1.0}}
components:
  take: {{image: app, {component}, inputs: {{xs: {{type: list<Model>, pass: {passing}}}}}}}
edges: [inputs.xs -> take.xs]
"""
    refused = is_wrong and (passing == "path" or "${{" in component)
    assert codes(text) == (["HPC312"] if refused else [])


def test_names_of_kinds_have_their_article() -> None:
    words = ("int", "string", "Artifact", "HTML", "Model", "null", "list<int>")
    assert [with_article(word) for word in words] == [
        "an int",
        "a string",
        "an Artifact",
        "an HTML",
        "a Model",
        "null",
        "a list<int>",
    ]
