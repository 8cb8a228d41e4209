"""A machine table of the user's own: what is laid over, what it changes, and what is wrong in one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from judging import NoFiles

from hpc.compiler import compile
from hpc.compiler.machine_file import laid_over, read_machine_file
from hpc.compiler.machines import shipped
from hpc.compiler.targets import VERTEX
from hpc.diagnostics import Diagnostic, Rejected, Source

PIPELINE = """\
hpc: 1
name: small
images: {app: repo/app:1.0}
accelerators: {a: ACCELERATOR}
components: {train: {image: app, accelerator: a}}
edges: [train]
targets: {vertex: {machines: ./tables/machines.yaml, region: us-central1}}
"""


@dataclass
class Table(NoFiles):
    """The pipeline file and one other."""

    text: str

    def read_text(self, path: str) -> str:
        return self.text if path == "tables/machines.yaml" else super().read_text(path)


def said(accelerator: str, table: str) -> list[Diagnostic]:
    source = Source("folder/p.yaml", PIPELINE.replace("ACCELERATOR", accelerator))
    try:
        return compile(source, VERTEX, Table(table)).diagnostics
    except Rejected as error:
        return error.diagnostics


def lines(accelerator: str, table: str) -> list[str]:
    return [
        f"{one.span.source.name}:{one.span.position[0]}:{one.span.position[1]} {one.rule.code} {one.fact} | {one.fix}"
        for one in said(accelerator, table)
    ]


NEW = "machines: {z9-standard-8: {cpu: 8, memory_gb: 32}}\n"


def test_a_machine_that_only_the_table_knows() -> None:
    assert [one.rule.code for one in said("{machine: z9-standard-8}", "machines: {}")] == ["HPC508"]
    assert lines("{machine: z9-standard-8}", NEW) == []
    assert lines("{machine: z9-standard-8, cpu: 9}", NEW) == [
        "folder/p.yaml:4:49 HPC505 `cpu: 9` is more than `z9-standard-8` has (8). | "
        "remove `cpu`, or take a larger machine."
    ]


def test_a_machine_that_is_gone() -> None:
    assert [one.rule.code for one in said("{machine: n1-standard-4}", "machines: {n1-standard-4: null}")] == ["HPC503"]


def test_a_gpu_or_tpu_that_is_gone_is_gone_from_every_machine() -> None:
    table = "accelerators: {NVIDIA_TESLA_T4: null, TPU_V3: null}\n"
    assert lines("{machine: n1-standard-4, gpu: L4}", table) == [
        "folder/p.yaml:4:49 HPC501 L4 cannot be attached to `n1-standard-4`: L4 needs g2 machines, and n1 machines "
        "take P4, P100 or V100. | `machine: g2-standard-4`, or one of its own GPUs: P4, P100, V100."
    ]
    assert [one.rule.code for one in said("{gpu: T4}", table)] == ["HPC502"]
    assert lines("{machine: cloud-tpu, tpu: v3, count: 8}", table)[0].startswith(
        "folder/p.yaml:4:45 HPC502 `v3` is not a TPU that Vertex AI trains on."
    )


def test_gpus_and_regions_of_the_table() -> None:
    table = """\
accelerators: {NVIDIA_Z1: {kind: gpu, regions: [us-east1]}}
machines: {z9-standard-8: {cpu: 8, memory_gb: 32, gpu: {NVIDIA_Z1: [2]}}}
"""
    assert [one.rule.code for one in said("{machine: z9-standard-8, gpu: Z1}", table)] == ["HPC502", "HPC506"]
    assert lines("{machine: z9-standard-8, gpu: Z1, count: 2}", table) == [
        "folder/p.yaml:4:49 HPC506 region `us-central1` has no Z1 for training (Google's list of 2026-11-20). | "
        "Z1 is in: us-east1."
    ]
    assert [one.rule.code for one in said("{}", "regions: [mars-west1]\nversion: '2030-01-01'\n")] == ["HPC506"]


def test_a_tpu_of_the_table() -> None:
    table = "tpu_machines: {ct9-4t: {generation: v9, chips: 4, topologies: {2x2: 1, 4x4: 4}}}\n"
    assert lines("{tpu: v9, count: 4, vertex: {tpu_topology: 4x4}, machine: ct9-4t}", table) == []
    assert [one.rule.code for one in said("{tpu: v9, machine: ct9-4t, vertex: {tpu_topology: 9x9}}", table)] == [
        "HPC527"
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            "machine: {}\n",
            "folder/tables/machines.yaml:1:1 HPC102 unknown key `machine` in the machine table. | "
            "did you mean `machines`?",
        ),
        (
            "machines:\n  z9: {cpus: 8, memory_gb: 1}\n",
            "folder/tables/machines.yaml:2:8 HPC102 unknown key `cpus` in `z9` of `machines`. | did you mean `cpu`?",
        ),
        (
            "machines:\n  z9: {cpu: '8', memory_gb: 1}\n",
            "folder/tables/machines.yaml:2:13 HPC103 ",
        ),
        (
            "tpu_machines:\n  ct9: {chips: 4}\n",
            "folder/tables/machines.yaml:2:3 HPC529 TPU machine `ct9` says neither which chips it has nor which TPUs "
            "are counted on it. | write `generation`, `chips` and `topologies`, or `accelerators`.",
        ),
        (
            "tpu_machines:\n  ct9: {accelerators: [TPU_V99]}\n",
            "folder/tables/machines.yaml:2:9 HPC529 the table knows no GPU or TPU `TPU_V99`. | write its name in the "
            "API, or add it: `accelerators: {TPU_V99: {kind: tpu}}`.",
        ),
        (
            "- machines\n",
            "folder/tables/machines.yaml:1:1 HPC529 the machine table is no mapping. | "
            "write `machines:` and their facts.",
        ),
        ("", "folder/tables/machines.yaml:1:1 HPC529 the machine table is no mapping. | "),
        ("machines: {a: 1, a: 2}\n", "folder/tables/machines.yaml:1:18 HPC004 "),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(table: str, message: str) -> None:
    [first, *_] = lines("{machine: n1-standard-4}", table)
    assert first.startswith(message)


def test_a_table_that_cannot_be_read() -> None:
    text = PIPELINE.replace("./tables/machines.yaml", "nowhere.yaml").replace("ACCELERATOR", "{}")
    with pytest.raises(Rejected) as error:
        compile(Source("p.yaml", text), VERTEX, NoFiles())
    [found] = error.value.diagnostics
    assert (found.rule.code, found.span.position) == ("HPC529", (7, 30))


def test_an_empty_table_changes_nothing() -> None:
    assert laid_over(shipped(), read_machine_file("{}", "m.yaml")) == shipped()


def test_the_shipped_table_is_one_that_a_user_could_write() -> None:
    """The same rules hold for both."""
    import json
    from pathlib import Path

    import hpc.compiler

    text = (Path(hpc.compiler.__file__).parent / "machines.json").read_text("utf-8")
    found = read_machine_file(text, "machines.json")
    assert {*found.machines} == {*json.loads(text)["machines"]}
