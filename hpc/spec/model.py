"""The whole pipeline file as data: what every block of the language may say. Nothing here looks at another object."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StrictStr

from hpc.components import Component
from hpc.components.fields import (
    Cache,
    Count,
    Cpu,
    Duration,
    Env,
    FreeName,
    Json,
    Model,
    Name,
    Retry,
    Size,
    problem,
)
from hpc.components.ports import InputPort, OutputPort
from hpc.components.step import StepEntry

LANGUAGE_VERSION = 1

# https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests, with a host before it
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?/)?"
_IMAGE = re.compile(rf"{_HOST}{_PATH}(?:/{_PATH})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?", re.ASCII)


def _image_uri(text: str) -> str:
    if not _IMAGE.fullmatch(text):
        raise problem("HPC103", f"`{text}` is not an image address.", "write e.g. `registry.example/team/trainer:1.0`, in lower case.")
    return text


def _pipeline_name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", text):
        fixed = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63] or "my-pipeline"
        fact = f"`{text}` cannot name a pipeline: use a-z, 0-9 and `-`, a letter first, at most 63 characters."
        raise problem("HPC105", fact, f"write `name: {fixed if fixed[0].isalpha() else f'p-{fixed}'}`.")
    return text


def _digest(text: str) -> str:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise problem("HPC103", f"`{text}` is not a digest.", "write `sha256:` and 64 hexadecimal digits.")
    return text


def _gpu(value: object) -> object:
    return re.sub(r"^NVIDIA_(TESLA_)?", "", value) if isinstance(value, str) else value


class Build(Model):
    """How an image is made."""

    context: Annotated[StrictStr, Field(description="folder, from this file")]
    dockerfile: StrictStr = "Dockerfile"
    args: dict[str, StrictStr] = {}
    platform: StrictStr = "linux/amd64"


class LocalPlace(Model):
    """How something runs on this machine without a container."""

    dir: Annotated[StrictStr | None, Field(description="working folder, from this file")] = None
    python: Annotated[StrictStr | None, Field(description="interpreter, e.g. python3.12")] = None
    requirements: Annotated[StrictStr | None, Field(description="requirements.txt or pyproject.toml, from this file")] = None
    gpus: Annotated[StrictInt | None, Field(ge=0, description="GPUs to reserve on this machine")] = None


class Image(Model):
    """A container image, named once."""

    uri: Annotated[StrictStr, AfterValidator(_image_uri)]
    description: StrictStr = ""
    digest: Annotated[StrictStr, AfterValidator(_digest)] | None = None
    build: Build | None = None
    local: LocalPlace | None = None

    @property
    def pinned(self) -> str:
        """The address with its digest, if there is one."""
        return f"{self.uri}@{self.digest}" if self.digest else self.uri


class Requests(Model):
    """What a container asks for before it starts; its limits are `cpu` and `memory` of the accelerator."""

    cpu: Cpu | None = None
    memory: Size | None = None


class Accelerator(Model):
    """A machine profile: what each target makes of it is in compiler/hardware.py."""

    description: StrictStr = ""
    machine: StrictStr | None = None
    gpu: Annotated[StrictStr | None, BeforeValidator(_gpu), Field(description="T4 L4 P100 V100 A100 A100_80GB H100 H200 …")] = None
    tpu: StrictStr | None = None
    count: Count | None = None
    nodes: Count = 1
    cpu: Cpu | None = None
    memory: Size | None = None
    requests: Requests | None = None
    disk: Size | None = None
    spot: StrictBool = False
    vertex: dict[str, Any] = {}
    kfp: dict[str, Any] = {}
    local: LocalPlace | None = None


class Defaults(Model):
    """For every component that runs a container and does not say otherwise."""

    accelerator: StrictStr | None = None
    cache: Cache = True
    retry: Retry | None = None
    timeout: Duration | None = None
    env: Env = {}


class VertexTarget(Model):
    """Where on Vertex AI the pipeline runs."""

    project: StrictStr | None = None
    region: StrictStr | None = None
    root: Annotated[StrictStr | None, Field(description="gs:// folder for artifacts")] = None
    service_account: StrictStr | None = None
    network: StrictStr | None = None
    kms_key: StrictStr | None = None
    failure_policy: Literal["slow", "fast"] = "slow"


class KfpTarget(Model):
    """Which Kubeflow Pipelines the pipeline runs on."""

    host: StrictStr | None = None
    root: Annotated[StrictStr | None, Field(description="folder for artifacts, e.g. s3://bucket/path")] = None
    namespace: StrictStr | None = None
    experiment: StrictStr | None = None
    pipeline: dict[str, Any] = {}


class LocalTarget(Model):
    """How runs on this machine are kept."""

    root: Annotated[StrictStr, Field(description="folder for runs, from this file")] = ".hpc"


class Targets(Model):
    """Where the pipeline can run."""

    vertex: VertexTarget | None = None
    kfp: KfpTarget | None = None
    local: LocalTarget | None = None


class Secret(Model):
    """Where each target keeps a secret. Its value is never in the file."""

    vertex: StrictStr | None = None
    kfp: StrictStr | None = None
    local: StrictStr | None = None


class Schedule(Model):
    """When the pipeline runs by itself. Not part of the compiled file."""

    cron: StrictStr
    timezone: StrictStr = "UTC"
    inputs: dict[Name, Json] = {}
    max_concurrent: Count = 1
    enabled: StrictBool = True


class Pipeline(Model):
    """A pipeline file."""

    hpc: Annotated[Literal[1], Field(description="version of the language")]
    name: Annotated[StrictStr, AfterValidator(_pipeline_name)]
    title: StrictStr = ""
    description: StrictStr = ""
    labels: dict[str, StrictStr] = {}
    vars: Annotated[dict[Name, Json], Field(description="compile-time constants")] = {}
    inputs: dict[Name, InputPort] = {}
    outputs: dict[Name, OutputPort] = {}
    images: dict[Name, Image] = {}
    accelerators: dict[Name, Accelerator] = {}
    components: dict[FreeName, Component]
    steps: dict[FreeName, StepEntry] = {}
    edges: Annotated[list[Any], Field(description="the wiring, one line each")]
    defaults: Defaults = Defaults()
    targets: Targets = Targets()
    profiles: dict[Name, dict[str, Any]] = {}
    secrets: dict[Name, Secret] = {}
    schedule: Schedule | None = None
