"""Machine profiles against Google's table: each message with its place, and every row of the table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from compiling import graph_of
from judging import messages

from hpc.compiler.checks import hardware
from hpc.compiler.machines import shipped
from hpc.compiler.targets import KFP, LOCAL, VERTEX, Target
from hpc.diagnostics import Diagnostic
from hpc.spec.model import Accelerator, Pipeline

ALL = "HPC501 HPC502 HPC503 HPC505 HPC506 HPC507 HPC508 HPC509"


def pipeline(accelerator: str, rest: str = "") -> str:
    """The profile starts in column 6 of line 5."""
    return f"""\
hpc: 1
name: small
images: {{app: repo/app:1.0}}
accelerators:
  a: {accelerator}
components:
  train: {{image: app, accelerator: a}}
edges: [train]
{rest}"""


def judge(accelerator: Accelerator, target: Target = VERTEX) -> list[Diagnostic]:
    """The check alone, without a file."""
    whole = Pipeline.model_validate({"hpc": 1, "name": "p", "components": {}, "edges": []})
    whole = whole.model_copy(update={"accelerators": {"a": accelerator}})
    return list(hardware.check(graph_of(whole), target))


def judge_codes(target: Target = VERTEX, **keys: object) -> list[str]:
    return [one.rule.code for one in judge(Accelerator.model_validate(keys), target)]


MESSAGES = [
    (
        "{machine: a2-highgpu-1g, gpu: T4, count: 1}",
        "5:36 error HPC501 T4 cannot be attached to `a2-highgpu-1g`: T4 needs n1 machines, and a2 "
        "machines bring A100. | "
        ""
        "`machine: n1-standard-8`, or `gpu: A100`.",
    ),
    (
        "{machine: a2-highgpu-8g, gpu: A100, count: 4}",
        "5:49 error HPC502 `a2-highgpu-8g` always has 8 GPUs, but `count` is 4. | "
        "`count: 8`, or `machine: a2-highgpu-4g`.",
    ),
    (
        "{machine: a2-highgpu-8g, gpu: A100}",
        "5:36 error HPC502 `a2-highgpu-8g` always has 8 GPUs, but without `count` it is 1. | "
        "`count: 8`, or `machine: a2-highgpu-1g`.",
    ),
    (
        "{machine: g2-standard-4, gpu: NVIDIA_L4, count: 2}",
        "5:54 error HPC502 `g2-standard-4` always has 1 GPU, but `count` is 2. | "
        "`count: 1`, or `machine: g2-standard-24`.",
    ),
    (
        "{machine: n1-standard-32, gpu: T4}",
        "5:37 error HPC502 `n1-standard-32` takes 2 or 4 T4, but without `count` it is 1. | "
        "`count: 2`, or `machine: n1-standard-16`.",
    ),
    (
        "{machine: n1-standard-8, gpu: T4, count: 3}",
        "5:47 error HPC502 `n1-standard-8` takes 1, 2 or 4 T4, but `count` is 3. | `count: 4`.",
    ),
    (
        "{machine: n1-standard-8, gpu: A100, count: 2}",
        "5:36 error HPC501 A100 cannot be attached to `n1-standard-8`: A100 needs a2 machines, and n1 machines take "
        "P4, P100, T4 or V100. | `machine: a2-highgpu-2g`, or one of its own GPUs: P4, P100, T4, V100.",
    ),
    (
        "{machine: a2-highgpu-2g, gpu: A100_80GB, count: 2}",
        "5:36 error HPC501 A100_80GB cannot be attached to `a2-highgpu-2g`: A100_80GB needs a2-ultragpu machines, and "
        "a2-highgpu machines bring A100. | `machine: a2-ultragpu-2g`, or `gpu: A100`.",
    ),
    (
        "{machine: e2-standard-8, gpu: L4}",
        "5:36 error HPC501 L4 cannot be attached to `e2-standard-8`: L4 needs g2 machines, and e2 machines "
        "take no GPU. | "
        "`machine: g2-standard-8`.",
    ),
    (
        "{machine: a3-highgpu-8g, gpu: T4, count: 3}",
        "5:36 error HPC501 T4 cannot be attached to `a3-highgpu-8g`: T4 needs n1 machines, and a3 "
        "machines bring H100. | "
        ""
        "`machine: n1-standard-96, count: 4`, or `gpu: H100, count: 8`.",
    ),
    (
        "{machine: ct5lp-hightpu-4t, gpu: L4, count: 1}",
        "5:39 error HPC501 L4 cannot be attached to `ct5lp-hightpu-4t`: L4 needs g2 machines, and ct5lp machines bring "
        "TPU v5e. | `machine: g2-standard-32`.",
    ),
    (
        "{machine: n1-standard-8, tpu: v5e}",
        "5:36 error HPC501 TPU v5e cannot be attached to `n1-standard-8`: it needs ct5lp-hightpu machines. | "
        "`machine: ct5lp-hightpu-1t`.",
    ),
    (
        "{machine: n1-standard-8, tpu: v3}",
        "5:36 error HPC501 TPU v3 cannot be attached to `n1-standard-8`: it needs cloud-tpu machines. | "
        "`machine: cloud-tpu`.",
    ),
    ("{gpu: T44}", "5:12 error HPC502 `T44` is not a GPU of Vertex AI. | did you mean `T4`?"),
    (
        "{gpu: K80}",
        "5:12 error HPC502 K80 is not offered on Vertex AI any more. | use one of: A100, A100_80GB, B200, GB200, H100, "
        "H100_80GB, H100_MEGA, H100_MEGA_80GB, H200, H200_141GB, L4, P100, P4, RTX_PRO_6000, T4, V100.",
    ),
    ("{tpu: v5}", "5:12 error HPC502 `v5` is not a TPU that Vertex AI trains on. | did you mean `v5e`?"),
    (
        "{gpu: T4, count: 3}",
        "5:23 error HPC502 machines of Vertex AI have 1, 2 or 4 T4, but `count` is 3. | `count: 4`.",
    ),
    (
        "{gpu: B200}",
        "5:12 error HPC502 machines of Vertex AI have 8 B200, but without `count` it is 1. | `count: 8`.",
    ),
    (
        "{machine: n1-standrad-4}",
        "5:16 error HPC503 `n1-standrad-4` is not a machine that Vertex AI trains on. | did you mean `n1-standard-4`?",
    ),
    (
        "{machine: n1-standard-2}",
        "5:16 error HPC503 `n1-standard-2` is not a machine that Vertex AI trains on. | did you mean `n1-standard-4`?",
    ),
    (
        "{machine: big}",
        "5:16 error HPC503 `big` is not a machine that Vertex AI trains on. | "
        "use one of: a2-highgpu-1g, a2-highgpu-2g, "
        "a2-highgpu-4g, a2-highgpu-8g, a2-megagpu-16g, a2-ultragpu-1g, a2-ultragpu-2g, a2-ultragpu-4g, a2-ultragpu-8g, "
        "a3-highgpu-1g, a3-highgpu-2g, a3-highgpu-4g, a3-highgpu-8g, a3-megagpu-8g, a3-ultragpu-8g, a4-highgpu-8g, "
        "a4x-highgpu-4g, c2-standard-16, c2-standard-30, c2-standard-4.",
    ),
    (
        "{gpu: T4, tpu: v5e}",
        "5:16 error HPC505 `tpu` stands beside `gpu` (line 5); a machine has one or the other. | remove one.",
    ),
    (
        "{machine: n1-standard-4, count: 2}",
        "5:31 error HPC505 `count` counts GPUs or TPUs, but there is neither `gpu` nor `tpu`. | "
        "add `gpu`, or remove `count`; several machines are `nodes`.",
    ),
    (
        "{machine: a2-highgpu-8g}",
        "5:16 error HPC505 `a2-highgpu-8g` always has 8 A100, and Vertex AI wants the GPU named. | "
        "add `gpu: A100, count: 8`.",
    ),
    (
        "{machine: n1-standard-4, cpu: 8}",
        "5:36 error HPC505 `cpu: 8` is more than `n1-standard-4` has (4). | remove `cpu`, or take a larger machine.",
    ),
    (
        "{machine: n1-standard-4, memory: 16GB}",
        "5:39 error HPC505 `memory: 16GB` is more than `n1-standard-4` has (15 GB). | "
        "remove `memory`, or take a larger machine.",
    ),
    (
        "{cpu: 2, requests: {cpu: 2500m}}",
        "5:31 error HPC505 `requests` asks for cpu 2500m, but the limit is `cpu: 2`; Kubernetes refuses that. | "
        "`cpu: 2` at most in `requests`.",
    ),
    (
        "{memory: 1GB, requests: {memory: 1GiB}}",
        "5:39 error HPC505 `requests` asks for memory 1GiB, but the limit is `memory: 1GB`; Kubernetes refuses that. | "
        "`memory: 1GB` at most in `requests`.",
    ),
    (
        "{machine: n1-standard-64, gpu: P100, count: 4}",
        "5:37 warning HPC507 `n1-standard-64` is not listed with P100; this row of Google's table is not certain. | "
        "if Vertex AI refuses it: `machine: n1-highcpu-64`.",
    ),
    (
        "{machine: n1-standard-64, gpu: T4, count: 2}",
        "5:48 warning HPC507 `n1-standard-64` is listed with 4 T4, but `count` is 2; this row of Google's "
        "table is not certain. | "
        "if Vertex AI refuses it: `machine: n1-standard-32`.",
    ),
    (
        "{machine: m1-ultramem-40, memory: 1000GB}",
        "5:40 warning HPC507 `memory: 1000GB` is more than `m1-ultramem-40` has (961 GB). | "
        "remove `memory`, or take a larger machine.",
    ),
    (
        "{machine: c4-standard-8}",
        "5:16 warning HPC508 hpc does not know the machine `c4-standard-8`, so neither its GPUs nor its size "
        "are checked. | "
        "make sure that the name is right; did you mean `n4-standard-8`?",
    ),
    ("{cpu: 128}", "5:12 error HPC509 `cpu: 128` is more than a step of Vertex AI can have (96). | `cpu: 96` at most."),
    (
        "{memory: 700GB}",
        "5:15 error HPC509 `memory: 700GB` is more than a step of Vertex AI can have (624 GB). | "
        "`memory: 624GB` at most.",
    ),
]


@pytest.mark.parametrize(("accelerator", "message"), MESSAGES)
def test_message(accelerator: str, message: str) -> None:
    assert messages(pipeline(accelerator), only=ALL) == [message]


@pytest.mark.parametrize(
    "accelerator",
    [
        "{}",
        "{machine: n1-standard-4, gpu: T4, count: 1}",
        "{machine: n1-standard-4, gpu: NVIDIA_TESLA_T4}",
        "{machine: n1-standard-4, cpu: 4, memory: 15GB}",
        "{machine: n1-standard-4, cpu: 3500m, memory: 12GB, requests: {cpu: 3, memory: 12GB}}",
        "{machine: n1-standard-4, memory: 15GiB}",
        "{machine: ct5lp-hightpu-1t, tpu: v5e, count: 1}",
        "{gpu: A100, count: 8, cpu: 96, memory: 624GB}",
        "{machine: e2-standard-4}",
    ],
)
def test_what_is_offered_passes_in_silence(accelerator: str) -> None:
    assert messages(pipeline(accelerator), only=ALL) == []


def rows() -> Iterator[tuple[str, str, list[int]]]:
    for machine, facts in shipped().machines.items():
        for gpu, counts in facts.get("gpu", {}).items():
            yield machine, gpu, counts


SHORT = {name: short for short, name in shipped().gpu_names.items()}
# Rows from which Google's page, read as text, lost the empty cells.
UNCERTAIN = {"n1-standard-64", "n1-standard-96", "n1-highmem-64", "n1-highmem-96", "n1-highcpu-96"}


def said_of(gpu: str | None) -> list[str]:
    """What is said of a GPU that is offered: some have a condition."""
    return ["HPC535"] if gpu in ("NVIDIA_TESLA_P100", "NVIDIA_GB200") else []


@pytest.mark.parametrize(("machine", "gpu", "counts"), list(rows()))
def test_every_row_of_the_table(machine: str, gpu: str, counts: list[int]) -> None:
    for count in counts:
        for name in (gpu, SHORT[gpu]):
            assert judge_codes(machine=machine, gpu=name, count=count) == said_of(gpu)
    for count in {1, 2, 3, 4, 5, 8, 16} - {*counts}:
        [code] = judge_codes(machine=machine, gpu=gpu, count=count)
        doubtful = machine in UNCERTAIN and count in (1, 2, 4, 8) and not (count == 8 and gpu != "NVIDIA_TESLA_V100")
        assert code == ("HPC507" if doubtful else "HPC502"), (machine, gpu, count)


def test_the_table_has_as_many_rows_as_this_test_thinks() -> None:
    machines = shipped().machines
    assert len(machines) == 109
    assert len(list(rows())) == 12 * 4 + 5 * 3 + 29
    assert {name for name, facts in machines.items() if len(facts.get("gpu", {})) == 3} == UNCERTAIN


@pytest.mark.parametrize("machine", sorted(shipped().machines))
def test_every_other_gpu_is_refused(machine: str) -> None:
    facts = shipped().machines[machine]
    others = {gpu for _, gpu, _ in rows()} - {*facts.get("gpu", {})}
    for gpu in others:
        [code] = judge_codes(machine=machine, gpu=gpu, count=4)
        assert code == ("HPC507" if machine in UNCERTAIN and gpu == "NVIDIA_TESLA_P100" else "HPC501")


@pytest.mark.parametrize("machine", sorted(shipped().machines))
def test_a_machine_alone_passes_unless_it_brings_gpus(machine: str) -> None:
    brings = machine.startswith(("a2-", "a3-", "a4-", "a4x-", "g2-", "g4-"))
    assert judge_codes(machine=machine) == (["HPC505"] if brings else [])
    facts = shipped().machines[machine]
    named = {"gpu": next(iter(facts["gpu"])), "count": next(iter(facts["gpu"].values()))[0]} if brings else {}
    assert judge_codes(machine=machine, cpu=facts["cpu"], memory=f"{facts['memory_gb']}GB", **named) == said_of(
        named.get("gpu")
    )
    larger = judge_codes(machine=machine, cpu=facts["cpu"] + 1, memory=f"{facts['memory_gb'] + 1}GB", **named)
    assert larger == ["HPC507" if machine.startswith(("m1-", "a3-mega")) else "HPC505"] * 2


@pytest.mark.parametrize(
    "machine", ["n2d-standard-4", "c4a-highmem-8", "a5-ultragpu-8g", "a3-edgegpu-8g", "c3-highcpu-22"]
)
def test_a_machine_of_an_unknown_family_is_a_warning(machine: str) -> None:
    assert judge_codes(machine=machine, gpu="T4", count=1) == ["HPC508"]


@pytest.mark.parametrize("machine", ["e2-standard-2", "n1-custom-4-8192", "N1-standard-4", "n1-standard-4 ", "", "t4"])
def test_any_other_unknown_machine_is_refused(machine: str) -> None:
    assert judge_codes(machine=machine) == ["HPC503"]


@pytest.mark.parametrize("target", [VERTEX, KFP, LOCAL])
def test_a_profile_with_a_machine_is_judged_on_every_target(target: Target) -> None:
    assert judge_codes(target, machine="a2-highgpu-1g", gpu="T4") == ["HPC501"]
    assert judge_codes(target, count=2) == ["HPC505"]


@pytest.mark.parametrize("target", [KFP, LOCAL])
def test_without_a_machine_other_clusters_have_their_own_gpus_and_sizes(target: Target) -> None:
    assert judge_codes(target, gpu="MI300X", count=3, cpu=128, memory="1000GB") == []
    assert judge_codes(VERTEX, gpu="MI300X", count=3, cpu=128, memory="1000GB") == ["HPC502", "HPC509", "HPC509"]


def test_unused_profiles_are_judged_too() -> None:
    text = pipeline("{}").replace("  a: {}", "  a: {}\n  b: {machine: a2-highgpu-1g, gpu: T4}")
    assert [message.split(" ")[2] for message in messages(text, only=ALL)] == ["HPC501"]


# ---------------------------------------------------------------- regions


def in_region(region: str, accelerator: str = "{gpu: T4}", target: str = "vertex") -> list[str]:
    return messages(pipeline(accelerator, f"targets: {{vertex: {{region: {region}}}}}\n"), target, only="HPC506")


def test_a_region_without_the_gpu() -> None:
    assert in_region("asia-northeast2") == [
        "5:12 warning HPC506 region `asia-northeast2` has no T4 for training (Google's list of 2026-11-20). | "
        "T4 is in: "
        "us-west1, us-central1, us-east1, europe-west2, europe-west3, europe-west4, asia-south1, asia-southeast1, "
        "asia-northeast1, asia-northeast3."
    ]
    assert in_region("us-west1", "{tpu: v3}") == [
        "5:12 warning HPC506 region `us-west1` has no TPU v3 for training (Google's list of 2026-11-20). | "
        "TPU v3 is in: "
        "us-central1, europe-west4, asia-east1."
    ]


def test_an_unknown_region() -> None:
    assert in_region("asia-northest1") == [
        "9:28 warning HPC506 hpc knows no region `asia-northest1` of Vertex AI (Google's list of 2026-11-20). | "
        "did you mean `asia-northeast1`?"
    ]
    assert in_region("moon", "{}") == [
        "9:28 warning HPC506 hpc knows no region `moon` of Vertex AI (Google's list of 2026-11-20). | "
        "make sure that the name is right."
    ]


def test_regions_pass_in_silence() -> None:
    for region in shipped().accelerators["NVIDIA_TESLA_T4"]["regions"]:
        assert in_region(region) == []
    for accelerator in ("{}", "{tpu: v5e}", "{cpu: 4}"):
        assert in_region("africa-south1", accelerator) == []
    assert in_region("moon", target="kfp") == []
    assert messages(pipeline("{gpu: T4}"), only="HPC506") == []
