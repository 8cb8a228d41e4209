"""CustomJobs of Vertex AI: profiles that cannot be met, machines that hpc chooses, and what is no job."""

from __future__ import annotations

import json

import pytest
from judging import NoFiles, codes, messages

from hpc.compiler import compile
from hpc.compiler.targets import VERTEX
from hpc.diagnostics import Source

JOBS = "HPC103 HPC504 HPC505 HPC509 HPC522 HPC523 HPC524 HPC525 HPC526 HPC527 HPC528"


def pipeline(accelerator: str, keys: str = "", rest: str = "") -> str:
    """The profile starts in column 6 of line 5, `keys` in column 37 of line 7."""
    return f"""\
hpc: 1
name: small
images: {{app: repo/app:1.0}}
accelerators:
  a: {accelerator}
components:
  train: {{image: app, accelerator: a{keys}}}
edges: [train]
{rest}"""


MESSAGES = [
    (
        "{machine: ct5lp-hightpu-4t, tpu: v5e, spot: true, vertex: {tpu_topology: 4x4}}",
        "5:50 error HPC527 a TPU slice of several machines cannot be had as spot machines. | "
        "remove `spot`, or take a slice of one machine.",
    ),
    (
        "{machine: cloud-tpu, tpu: v2, count: 32, spot: true}",
        "5:53 error HPC527 a TPU slice of several machines cannot be had as spot machines. | "
        "remove `spot`, or take a slice of one machine.",
    ),
    (
        "{machine: cloud-tpu}",
        "5:16 error HPC527 `cloud-tpu` does not say which TPU. | add one of: `tpu: v2`, `tpu: v3`, with `count: 8`.",
    ),
    (
        "{machine: cloud-tpu, tpu: v3, count: 16}",
        "5:43 error HPC527 TPU v3 comes with 8 chips, or with a multiple of 32, but `count` is 16. | `count: 8`.",
    ),
    (
        "{machine: cloud-tpu, tpu: v3, count: 8, vertex: {tpu_topology: 2x2}}",
        "5:55 error HPC527 TPUs on `cloud-tpu` are counted, not laid out. | remove it; a pod is `count: 32`.",
    ),
    (
        "{machine: ct5lp-hightpu-1t, tpu: v5e, count: 2}",
        "5:51 error HPC527 `ct5lp-hightpu-1t` has 1 chip, but `count` is 2. | "
        "`count: 1`; a slice of more chips is `vertex: {tpu_topology: …}`: 1x1 (1).",
    ),
    (
        "{machine: n1-standard-4, vertex: {tpu_topology: 2x2}}",
        "5:40 error HPC528 `tpu_topology` lays out the chips of a TPU, but the profile has none. | "
        "add `tpu`, e.g. `tpu: v5e`, or remove it.",
    ),
    (
        "{machine: n1-standard-4, vertex: {max_wait_duration: 2h}}",
        "5:40 error HPC528 `max_wait_duration` means something with `strategy: FLEX_START` only. | "
        "add `strategy: FLEX_START`, or remove it.",
    ),
    (
        "{machine: n1-standard-4, spot: true, vertex: {persistent_resource_id: p}}",
        "5:52 error HPC528 the machines of a persistent resource are there already; `spot` (line 5) asks for new ones. "
        "| remove one.",
    ),
    (
        "{machine: n1-standard-4, disk: 65000GB}",
        "5:37 error HPC522 a boot disk of Vertex AI has 100 GB at least and 64,000 at most, not 65000GB. | "
        "`disk: 64000GB`.",
    ),
    (
        "{machine: n1-standard-4, vertex: {reservation_affinity: {reservation_affinity_type: SPECIFIC_RESERVATION}}}",
        "5:62 error HPC103 SPECIFIC_RESERVATION names the reservation by `key` and `values`. | "
        "add `key: compute.googleapis.com/reservation-name, values: [<reservation>]`.",
    ),
    (
        "{machine: n1-standard-4, "
        "vertex: {reservation_affinity: {reservation_affinity_type: ANY_RESERVATION, key: k}}}",
        "5:62 error HPC103 `key` and `values` name a reservation, but ANY_RESERVATION means no certain one. | "
        "write `reservation_affinity_type: SPECIFIC_RESERVATION`, or remove them.",
    ),
    (
        "{machine: n1-standard-4, vertex: {base_output_directory: out}}",
        "5:63 error HPC103 `out` is not a folder in Cloud Storage. | write `gs://<bucket>/<folder>`.",
    ),
    (
        "{tpu: v5e, vertex: {tpu_topology: 3x3}}",
        "5:7 error HPC526 `tpu` makes this a CustomJob, which needs a machine, and none of Vertex AI's has all that "
        "accelerator `a` asks for. | TPU v5e comes as 1x1, 2x2, 2x4, 4x4, 4x8, 8x8, 8x16, 16x16.",
    ),
    (
        "{tpu: v5e, count: 3}",
        "5:24 error HPC526 `tpu` makes this a CustomJob, which needs a machine, and none of Vertex AI's has all that "
        "accelerator `a` asks for. | a machine has so many chips: 1, 4, 8; a larger slice is "
        "`vertex: {tpu_topology: …}`.",
    ),
    (
        "{tpu: v5e, count: 4, cpu: 500}",
        "5:7 error HPC526 `tpu` makes this a CustomJob, which needs a machine, and none of Vertex AI's has all that "
        "accelerator `a` asks for. | ask for less.",
    ),
    (
        "{tpu: v5e, memory: 300GB}",
        "5:7 note HPC525 `tpu` makes this a CustomJob, which needs a machine: `ct5lp-hightpu-8t` for accelerator `a`. "
        "| nothing to do, or add `machine` to accelerator `a`.",
    ),
    (
        "{cpu: 16, disk: 200GB}",
        "5:16 note HPC525 `disk` makes this a CustomJob, which needs a machine: `e2-highcpu-16` for accelerator `a`. | "
        "nothing to do, or add `machine` to accelerator `a`.",
    ),
]


@pytest.mark.parametrize(("accelerator", "message"), MESSAGES, ids=[accelerator for accelerator, _ in MESSAGES])
def test_message(accelerator: str, message: str) -> None:
    assert messages(pipeline(accelerator), only=JOBS) == [message]


@pytest.mark.parametrize(
    "accelerator",
    [
        "{disk: 200GB}",
        "{machine: n1-standard-4, disk: 100GB, spot: true}",
        "{machine: ct5lp-hightpu-8t, tpu: v5e, count: 8, spot: true}",
        "{machine: cloud-tpu, tpu: v3, count: 64}",
        "{machine: a3-ultragpu-8g, gpu: H200, count: 8, vertex: {boot_disk_type: hyperdisk-balanced}}",
        "{machine: c4-standard-8, vertex: {boot_disk_type: hyperdisk-balanced}}",
    ],
)
def test_what_can_be_had_is_had_in_silence(accelerator: str) -> None:
    assert messages(pipeline(accelerator), only=JOBS) == []


@pytest.mark.parametrize("target", ["kfp", "local"])
def test_other_targets_know_no_jobs(target: str) -> None:
    text = pipeline("{cpu: 4, disk: 10GB, spot: true, vertex: {disable_retries: true, max_wait_duration: 1h}}")
    assert messages(text, target, only=JOBS) == []


def test_the_limits_of_a_step_are_not_those_of_a_job() -> None:
    large = "{cpu: 160, memory: 3000GB}"
    assert codes(pipeline(large)).count("HPC509") == 2
    assert messages(pipeline(large, ", timeout: 2h"), only=JOBS) == [
        "7:39 note HPC525 `timeout` makes this a CustomJob, which needs a machine: `m1-ultramem-160` for accelerator "
        "`a`. | nothing to do, or add `machine` to accelerator `a`."
    ]
    both = pipeline(large, rest="steps: {b: {uses: train, timeout: 2h}}\n").replace("[train]", "[train, b]")
    assert codes(both).count("HPC509") == 2


def test_a_retry_makes_up_for_none_of_the_service() -> None:
    accelerator = "{machine: n1-standard-4, spot: true, vertex: {disable_retries: true}}"
    assert "HPC524" in codes(pipeline(accelerator))
    assert "HPC524" not in codes(pipeline(accelerator, ", retry: 1"))


@pytest.mark.parametrize(
    ("keys", "rest", "place"),
    [
        (", timeout: 8d", "", "7:48"),
        (", timeout: 169h", "steps: {b: {uses: train}}\n", "7:48"),
        ("", "defaults: {timeout: 8d}\n", "9:21"),
    ],
)
def test_no_task_of_the_service_runs_longer_than_seven_days(keys: str, rest: str, place: str) -> None:
    text = pipeline("{machine: n1-standard-4}", keys, rest)
    text = text.replace("[train]", "[train, b]") if "b:" in rest else text
    said = "169h" if "169h" in keys else "8d"
    assert messages(text, only=JOBS) == [
        f"{place} error HPC504 `timeout: {said}` cannot be had: Vertex AI Pipelines ends every task after 7 days. | "
        "`7d` at most."
    ]
    assert "HPC504" not in codes(text.replace(said, "7d")) + codes(text, "kfp") + codes(text, "local")


def test_labels_of_a_job_are_judged_like_those_of_a_run() -> None:
    text = pipeline("{machine: n1-standard-4, vertex: {labels: {Team: a b, cost: c}}}")
    assert messages(text, only="HPC517") == [
        "5:49 error HPC517 `Team` cannot stand in a label of Vertex AI: lower-case letters, digits, `_` and `-`. | "
        "write `team`.",
        "5:55 error HPC517 `a b` cannot stand in a label of Vertex AI: lower-case letters, digits, `_` and `-`. | "
        "write `a-b`.",
    ]
    assert codes(text, "kfp").count("HPC517") == codes(text, "local").count("HPC517") == 0


def test_capital_letters_are_a_slip() -> None:
    [machine, gpu] = messages(pipeline("{machine: A2-HIGHGPU-8G, gpu: a100, count: 8}"))[:2]
    assert machine.endswith("| did you mean `a2-highgpu-8g`?")
    assert gpu.endswith("| did you mean `A100`?")


GOOGLE = """\
hpc: 1
name: ask
accelerators: {a: {machine: n1-standard-4}}
components:
  query: {uses: google/BigqueryQueryJobOpCOMPONENT}
steps: {query: {with: {query: SELECT 1}STEP}}
edges: [query]
defaults: {timeout: 2h, accelerator: a}
"""


def test_an_operation_of_google_is_no_job() -> None:
    """What everything else runs on is not meant for it, and nothing can be said for it alone."""
    text = GOOGLE.replace("COMPONENT", "").replace("STEP", "")
    found = compile(Source("p.yaml", text), VERTEX, NoFiles())
    [executor] = json.loads(found.text)["deploymentSpec"]["executors"].values()
    assert "BigqueryQueryJob" in executor["container"]["args"]
    for own in ("timeout: 2h", "accelerator: a"):
        assert codes(GOOGLE.replace("COMPONENT", "").replace("STEP", f", {own}"))[:1] == ["HPC106"]
        refused = codes(GOOGLE.replace("COMPONENT", f", {own}").replace("STEP", ""))
        assert refused[:1] in (["HPC102"], ["HPC106"])
