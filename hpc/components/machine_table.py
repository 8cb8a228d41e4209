"""A file that says what there is of Vertex AI's machines, beside what hpc knows: models of its blocks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictFloat, StrictInt, StrictStr

from hpc.components.fields import Count, Model
from hpc.components.vertex import BootDisk

Number = Annotated[StrictInt | StrictFloat, Field(gt=0)]
Note = Annotated[StrictStr, Field(description="for readers")]


class Device(Model):
    """A GPU or TPU, by its name in the API."""

    number: StrictInt | None = None
    kind: Literal["gpu", "tpu"]
    regions: list[StrictStr] = []
    warning: Annotated[StrictStr, Field(description="said to whoever asks for it")] = ""
    note: Note = ""


class Machine(Model):
    """A machine for programs, and the GPUs that it has or takes: how many of each, by their names in the API."""

    cpu: Number
    memory_gb: Number
    gpu: dict[StrictStr, Annotated[list[Count], Field(min_length=1)]] = {}
    boot_disk: BootDisk | None = None
    regions: list[StrictStr] = []
    note: Note = ""


class TpuMachine(Model):
    """A machine with TPUs: how many machines each topology is made of, or which TPUs are counted."""

    generation: StrictStr | None = None
    chips: Count | None = None
    cpu: Number | None = None
    memory_gb: Number | None = None
    topologies: dict[StrictStr, Count] = {}
    accelerators: list[StrictStr] = []
    counts: StrictStr = ""
    regions: list[StrictStr] = []
    note: Note = ""


class MachineFile(Model):
    """What a user knows of Vertex AI's machines."""

    TITLE = "the machine table"

    version: Annotated[StrictStr | None, Field(description="day of the table")] = None
    accelerators: dict[StrictStr, Device | None] = {}
    machines: dict[StrictStr, Machine | None] = {}
    tpu_machines: dict[StrictStr, TpuMachine | None] = {}
    regions: list[StrictStr] | None = None
