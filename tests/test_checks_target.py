"""What a target cannot do, and what the compiled file does not hold."""

from __future__ import annotations

import pytest
from judging import NoFiles, codes, messages

from hpc.compiler import compile
from hpc.compiler.targets import KFP, LOCAL, VERTEX
from hpc.diagnostics import Source

TARGET = "HPC504"
WRITTEN = "HPC511 HPC512 HPC514"


def pipeline(accelerator: str = "{}", rest: str = "", image: str = "repo/app:1.0", keys: str = "") -> str:
    """The accelerator is in line 5 from column 6, `keys` in line 7 from column 37, `rest` on line 9."""
    return f"""\
hpc: 1
name: small
images: {{app: {image}}}
accelerators:
  a: {accelerator}
components:
  train: {{image: app, accelerator: a{keys}}}
edges: [train]
{rest}"""


# ---------------------------------------------------------------- HPC504


def test_kfp_runs_a_step_on_one_machine_without_tpus() -> None:
    assert messages(pipeline("{nodes: 4, tpu: v5e}"), "kfp", only=TARGET) == [
        "5:14 error HPC504 Kubeflow Pipelines runs a step on one machine, but accelerator `a` asks for 4. | "
        "remove `nodes`, or give the step another accelerator.",
        "5:22 error HPC504 hpc cannot ask for TPUs on Kubeflow Pipelines. | "
        "give the step an accelerator with a `gpu`, or with neither.",
    ]
    assert messages(pipeline("{nodes: 1, gpu: T4}"), "kfp", only=TARGET) == []
    for target in ("vertex", "local"):
        assert messages(pipeline("{nodes: 4, tpu: v5e}"), target, only=TARGET) == []


def test_an_accelerator_that_no_step_uses_may_be_for_another_target() -> None:
    text = pipeline("{gpu: T4}").replace("components:", "  big: {nodes: 4, tpu: v5e}\ncomponents:")
    assert messages(text, "kfp", only=TARGET) == []


RUN = """\
hpc: 1
name: small
images: {app: repo/app:1.0}
components:
  train:
    image: app
    command: [python3, "x=${{ run.NAME }}"]
    args: [--a, ["${{ run.NAME }}"], {absent: o, args: ["-${{ run.NAME }}"]}]
    inputs: {o: {type: string, optional: true}}
    overrides: {k: ["${{ run.NAME }}"]}
steps:
  train: {overrides: {j: "${{ run.NAME }}"}}
edges: [train]
"""


@pytest.mark.parametrize(
    ("target", "name", "title", "works"),
    [
        ("vertex", "workspace", "Vertex AI Pipelines", "Kubeflow Pipelines"),
        ("kfp", "root", "Kubeflow Pipelines", "Vertex AI Pipelines and this machine"),
        ("kfp", "executor_output", "Kubeflow Pipelines", "Vertex AI Pipelines and this machine"),
        ("local", "workspace", "this machine", "Kubeflow Pipelines"),
    ],
)
def test_a_name_of_the_run_that_the_target_does_not_know(target: str, name: str, title: str, works: str) -> None:
    message = f"error HPC504 {title} does not know `run.{name}`. | remove it; it works on {works}."
    places = ["7:27", "8:19", f"8:{55 + len(name)}", "10:22", "12:27"]
    assert messages(RUN.replace("NAME", name), target, only=TARGET) == [f"{place} {message}" for place in places]


@pytest.mark.parametrize(
    ("target", "name"), [("vertex", "root"), ("kfp", "workspace"), ("kfp", "name"), ("local", "root"), ("vertex", "id")]
)
def test_names_of_the_run_that_the_target_knows(target: str, name: str) -> None:
    assert messages(RUN.replace("NAME", name), target, only=TARGET) == []


SECRETS = """\
hpc: 1
name: small
images: {app: repo/app:1.0}
components:
  train: {image: app, env: {B: {secret: s}, LITERAL: x}}
steps:
  train: {env: {C: {secret: s}}}
defaults: {env: {A: {secret: s}}}
secrets: {s: {local: env:S}}
edges: [train]
"""


@pytest.mark.parametrize(
    ("target", "title", "place"),
    [("vertex", VERTEX.title, "projects/…/secrets/…/versions/…"), ("kfp", KFP.title, "<name>/<key>")],
)
def test_a_secret_that_the_target_does_not_keep(target: str, title: str, place: str) -> None:
    assert messages(SECRETS, target, only=TARGET) == [
        f"{at} error HPC504 secret `s` does not say where {title} keeps it, so `{name}` would be missing. | "
        f"add `{target}: {place}` to secret `s`."
        for at, name in (("5:29", "B"), ("7:17", "C"), ("8:18", "A"))
    ]


def test_a_secret_on_vertex_needs_a_command() -> None:
    bare = SECRETS.replace("local: env:S", "vertex: projects/p/secrets/s/versions/1, kfp: s/key")
    kept = bare.replace("image: app, env", "image: app, command: [run], env")
    assert messages(kept, "vertex", only="HPC504 HPC608") == []
    assert [code for code in codes(bare, "vertex") if code in ("HPC504", "HPC608")] == ["HPC608"]
    assert "HPC608" not in codes(bare, "kfp")


def test_secrets_on_this_machine() -> None:
    assert messages(SECRETS, "local", only=TARGET) == []
    elsewhere = SECRETS.replace("local: env:S", "kfp: name/key")
    assert messages(elsewhere, "local", only=TARGET) == [
        f"{place} error HPC504 secret `s` does not say where this machine keeps it, so `{name}` would be missing. | "
        f"add `local: env:{name}` to secret `s`."
        for place, name in (("5:29", "B"), ("7:17", "C"), ("8:18", "A"))
    ]


@pytest.mark.parametrize("word", ["${{ inputs.tool }}", "/bin/${{ run.task }}", "${{ outputs.data }}"])
def test_the_first_word_of_a_command_is_not_filled_in_on_kfp(word: str) -> None:
    text = """\
hpc: 1
name: p
inputs: {tool: {type: string, choices: [a]}}
images: {app: repo/app:1.0}
components:
  train: {image: app, command: ["WORD", "WORD"], inputs: {tool: {type: string, choices: [a]}}, outputs: {data: Dataset}}
edges: [inputs.tool -> train.tool]
""".replace("WORD", word)
    [message] = messages(text, "kfp", only=TARGET)
    assert message.partition(":")[0] == "6"
    assert "leaves `" in message
    assert "in the first word of `command`. | begin with the name of a program" in message
    assert messages(text, "vertex", only=TARGET) == messages(text, "local", only=TARGET) == []
    behind_the_bootstrap = text.replace(
        "inputs: {tool: {type: string, choices: [a]}}, out", "inputs: {tool: string}, out"
    )
    assert messages(behind_the_bootstrap, "kfp", only=TARGET) == []


# ---------------------------------------------------------------- Vertex AI


@pytest.mark.parametrize(
    "accelerator",
    [
        "{}",
        "{gpu: T4, count: 2, cpu: 4, memory: 8GB, nodes: 1, spot: false, vertex: {}}",
        "{machine: n1-standard-4, gpu: T4}",
        "{machine: a2-highgpu-8g, gpu: A100, count: 8, nodes: 4, disk: 500GB, vertex: {enable_web_access: true}}",
        "{machine: n1-standard-4, cpu: 500m, memory: 4GB}",
    ],
)
def test_machines_are_written_without_a_word(accelerator: str) -> None:
    assert messages(pipeline(accelerator)) == []


def test_timeouts_of_components_and_steps_are_written() -> None:
    text = pipeline(keys=", timeout: 2h", rest="steps: {b: {uses: train}, c: {uses: train, timeout: 1h}}\n")
    text = text.replace("edges: [train]", "edges: [train, b, c]")
    for target in ("vertex", "kfp"):
        assert messages(text, target, only=WRITTEN) == []


def test_a_timeout_in_defaults() -> None:
    defaults = "defaults: {timeout: 2h}\n"
    assert messages(pipeline(rest=defaults), only=WRITTEN) == [
        "9:12 warning HPC511 `defaults.timeout` has no effect on Vertex AI Pipelines: a container step has no timeout "
        "there. | write `timeout` on the components that need it, or remove it."
    ]
    assert messages(pipeline(rest=defaults), "kfp", only=WRITTEN) == []
    for job in (pipeline(keys=", timeout: 1h", rest=defaults), pipeline("{machine: n1-standard-4}", rest=defaults)):
        assert messages(job, only=WRITTEN) == []


def test_a_timeout_in_defaults_that_some_steps_have() -> None:
    text = pipeline("{machine: n1-standard-4}", rest="defaults: {timeout: 2h}\n")
    text = text.replace("edges:", "  plain: {image: app}\nedges:").replace("[train]", "[train, plain]")
    assert messages(text, only=WRITTEN) == [
        "10:12 warning HPC511 `defaults.timeout` has no effect on `plain`: on Vertex AI Pipelines only a CustomJob has "
        "a timeout. | write `timeout` on the components that need it, or remove it."
    ]


# ---------------------------------------------------------------- Kubeflow Pipelines


def test_machine_disk_and_spot_are_noted_on_kfp() -> None:
    accelerator = "{gpu: T4, machine: n1-standard-4, disk: 200GB, spot: true}"
    assert messages(pipeline(accelerator), "kfp", only=WRITTEN) == [
        "5:16 note HPC512 `machine`, `disk` and `spot` of accelerator `a` write nothing on Kubeflow Pipelines. | "
        "nothing to do; `gpu`, `cpu` and `memory` are written."
    ]
    assert messages(pipeline("{spot: true}"), "kfp", only=WRITTEN) == [
        "5:7 note HPC512 `spot` of accelerator `a` writes nothing on Kubeflow Pipelines. | "
        "nothing to do; `gpu`, `cpu` and `memory` are written."
    ]
    assert messages(pipeline("{gpu: T4, cpu: 2, spot: false}"), "kfp", only=WRITTEN) == []


def test_fields_for_kubernetes_where_there_is_none() -> None:
    profile = pipeline("{kfp: {node_selector: {pool: a100}}}", rest="targets: {kfp: {pipeline: {ttl: 3d}}}\n")
    own = ", kfp: {node_selector: {pool: a}, secret_as_volume: [{secret_name: s, mount_path: /s}]}"
    for target, title in (("vertex", VERTEX.title), ("local", LOCAL.title)):
        assert [code for code in codes(profile, target) if code == "HPC504"] == []
        assert messages(pipeline(keys=own), target, only="HPC504") == [
            f"7:71 error HPC504 {title} has no `secret_as_volume`, so the program would miss what it brings. | "
            "compile for `kfp`, or bring it in another way for this target."
        ]
        assert any(f"`node_selector` writes nothing on {title}." in one for one in messages(pipeline(keys=own), target))
    assert messages(pipeline(keys=own), "kfp", only="HPC504 HPC512") == []


# ---------------------------------------------------------------- this machine

BUILT = "{uri: repo/app:1.0, build: {context: ./app}}"


def test_a_profile_is_noted_once_on_this_machine() -> None:
    assert messages(pipeline("{machine: n1-standard-4, gpu: T4, count: 2}", image=BUILT), "local", only=WRITTEN) == [
        "5:3 note HPC512 steps run on this machine as it is: of accelerator `a` only `local` is heeded. | "
        "nothing to do."
    ]
    assert messages(pipeline("{cpu: 2, gpu: T4, local: {gpus: 1}}", image=BUILT), "local", only=WRITTEN) == [
        "5:3 note HPC512 steps run on this machine as it is: of accelerator `a` only `local` is heeded. | "
        "nothing to do."
    ]
    assert messages(pipeline("{description: any, local: {gpus: 1}}", image=BUILT), "local", only=WRITTEN) == []


FOLDER = (
    "no `local.dir` and no `build.context` says otherwise. | nothing to do if that is right; else add `local: {dir: …}`"
)


def test_steps_without_a_folder_are_named_in_one_note() -> None:
    text = pipeline().replace("edges: [train]", "steps: {b: {uses: train}}\nedges: [train, b]")
    assert messages(text, "local", only=WRITTEN) == [
        "3:10 note HPC514 `b`, `train` run in the folder of this file with the interpreter that runs hpc: "
        f"{FOLDER} to image `app`."
    ]
    with_python = pipeline(image="{uri: repo/app:1.0, local: {python: python3.12}}")
    assert messages(with_python, "local", only=WRITTEN) == [
        f"3:10 note HPC514 `train` runs in the folder of this file: {FOLDER} to image `app`."
    ]


def test_many_steps_without_a_folder() -> None:
    names = ", ".join(f"s{number:02}" for number in range(12))
    steps = "".join(f"  s{number:02}: {{uses: train}}\n" for number in range(12))
    text = pipeline(rest=f"steps:\n{steps}").replace("edges: [train]", f"edges: [{names}]")
    [message] = messages(text, "local", only="HPC514")
    assert message.startswith("3:10 note HPC514 `s00`, `s01`, ")
    assert "`s09` and 2 more run in" in message


@pytest.mark.parametrize(
    ("image", "accelerator"),
    [
        (BUILT, "{}"),
        ("{uri: repo/app:1.0, local: {dir: app}}", "{}"),
        ("repo/app:1.0", "{local: {dir: app}}"),
    ],
)
def test_steps_with_a_folder_need_no_note(image: str, accelerator: str) -> None:
    assert messages(pipeline(accelerator, image=image), "local", only=WRITTEN) == []
    compiled = compile(Source("p.yaml", pipeline(accelerator, image=image)), LOCAL, NoFiles()).text
    assert '"dir": "app"' in compiled or "dir: app" in compiled


def test_metadata_of_artifacts_in_arguments() -> None:
    text = """\
hpc: 1
name: p
images: {app: repo/app:1.0}
components:
  make: {image: app, outputs: {data: Dataset}}
  take: {image: app, cli: none, args: ["${{ inputs.data.metadata.rows }}"], inputs: {data: Dataset}}
edges: [make.data -> take.data]
"""
    assert messages(text, "vertex", only="HPC504") == messages(text, "local", only="HPC504") == []
    assert messages(text, "kfp", only="HPC504") == [
        "6:41 error HPC504 Kubeflow Pipelines leaves `inputs.data.metadata.rows` as it stands: "
        "it knows only paths and uris of artifacts. | "
        "let the step that makes the artifact write the value as an output."
    ]
