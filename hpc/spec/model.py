"""The whole pipeline file as data: what every block of the language may say. Nothing here looks at another object."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StrictStr, WithJsonSchema

from hpc.components import Component
from hpc.components.fields import (
    AcceleratorName,
    Cache,
    Count,
    Cpu,
    Description,
    Env,
    FreeName,
    Json,
    Labels,
    Model,
    Name,
    RetryChoice,
    Size,
    TimeLimit,
    Title,
    problem,
    text_schema,
)
from hpc.components.kubernetes import KubernetesExtras, PipelineConfig
from hpc.components.ports import PipelineInputs, PipelineOutputs
from hpc.components.subpipeline import Edges, Steps
from hpc.components.vertex import VertexExtras

LANGUAGE_VERSION = 1

# https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests, with a host before it
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?/)?"
_IMAGE = re.compile(rf"{_HOST}{_PATH}(?:/{_PATH})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_SECRET_VERSION = re.compile(r"projects/[^/\s]+/secrets/[A-Za-z0-9_-]+/versions/(?:[1-9][0-9]*|latest)")
_SECRET_KEY = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/[-._a-zA-Z0-9]+")
_PACKAGES = re.compile(r"https://[a-z0-9-]+-kfp\.pkg\.dev/[^/\s]+/[^/\s]+")
_PIPELINE_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def _image_uri(text: str) -> str:
    if not _IMAGE.fullmatch(text):
        raise problem(
            "HPC103",
            f"`{text}` is not an image address.",
            "write e.g. `registry.example/team/trainer:1.0`, in lower case.",
        )
    return text


def _untagged(uri: str) -> str:
    folder, slash, name = uri.partition("@")[0].rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}"


def _pipeline_name(text: str) -> str:
    if not _PIPELINE_NAME.fullmatch(text):
        fixed = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63] or "my-pipeline"
        fact = f"`{text}` cannot name a pipeline: use a-z, 0-9 and `-`, a letter first, at most 63 characters."
        raise problem("HPC105", fact, f"write `name: {fixed if fixed[0].isalpha() else f'p-{fixed}'}`.")
    return text


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise problem("HPC103", f"`{text}` is not a digest.", "write `sha256:` and 64 hexadecimal digits.")
    return text


def _packages(text: str) -> str:
    if not _PACKAGES.fullmatch(text):
        fact = f"`{text}` is not a repository of pipelines in Artifact Registry."
        raise problem("HPC103", fact, "write `https://<region>-kfp.pkg.dev/<project>/<repository>`.")
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        fact = "on this machine a secret is read from an environment variable, and this does not name one."
        raise problem("HPC103", fact, "write `env:` and the name of the variable, e.g. `env:WANDB_API_KEY`.")
    return text


def _secret_version(text: str) -> str:
    if not _SECRET_VERSION.fullmatch(text):
        fact = "on Vertex AI a secret is a version in Secret Manager, and this does not name one."
        raise problem("HPC103", fact, "write `projects/<project>/secrets/<name>/versions/<number>`.")
    return text


def _secret_key(text: str) -> str:
    if not _SECRET_KEY.fullmatch(text):
        fact = "on Kubeflow a secret is a key of a Kubernetes secret, and this does not name one."
        raise problem("HPC103", fact, "write `<secret>/<key>`, e.g. `wandb/api_key`.")
    return text


def _gpu(value: object) -> object:
    return re.sub(r"^NVIDIA_(TESLA_)?", "", value) if isinstance(value, str) else value


class Build(Model):
    """How an image is made."""

    context: Annotated[StrictStr, Field(description="folder, from this file")]
    dockerfile: Annotated[StrictStr, Field(description="file with the recipe, from `context`")] = "Dockerfile"
    args: Annotated[dict[str, StrictStr], Field(description="build arguments")] = {}
    platform: Annotated[StrictStr, Field(description="what the image runs on, e.g. linux/amd64")] = "linux/amd64"


class LocalPlace(Model):
    """How something runs on this machine without a container."""

    dir: Annotated[StrictStr | None, Field(description="working folder, from this file")] = None
    python: Annotated[StrictStr | None, Field(description="interpreter, e.g. python3.12")] = None
    requirements: Annotated[
        StrictStr | None, Field(description="requirements.txt or pyproject.toml, from this file")
    ] = None
    gpus: Annotated[StrictInt | None, Field(ge=0, description="GPUs to reserve on this machine")] = None


class Image(Model):
    """A container image, named once."""

    uri: Annotated[
        StrictStr,
        AfterValidator(_image_uri),
        WithJsonSchema(text_schema(_IMAGE.pattern)),
        Field(description="address, with a tag: `registry.example/team/trainer:1.0`"),
    ]
    description: Description = ""
    digest: Annotated[
        Annotated[StrictStr, AfterValidator(_digest), WithJsonSchema(text_schema(_DIGEST.pattern))] | None,
        Field(description="pins the content of the image: `sha256:` and 64 hexadecimal digits"),
    ] = None
    build: Annotated[Build | None, Field(description="how it is made")] = None
    local: Annotated[LocalPlace | None, Field(description="how it runs on this machine without a container")] = None

    @property
    def pinned(self) -> str:
        """The address; with a digest that stands in the place of the tag, as not every platform takes both."""
        return f"{_untagged(self.uri)}@{self.digest}" if self.digest else self.uri


class Requests(Model):
    """What a container asks for before it starts; its limits are `cpu` and `memory` of the accelerator."""

    cpu: Annotated[Cpu | None, Field(description="CPUs: `4`, `0.5`, or `500m` (thousandths)")] = None
    memory: Annotated[Size | None, Field(description="a size: `15GB`, `512MiB`")] = None


class Accelerator(Model):
    """A machine profile. Each target makes of it what it can: docs/language.md, *Machines*."""

    description: Description = ""
    machine: Annotated[StrictStr | None, Field(description="machine type of Vertex AI, e.g. n1-standard-4")] = None
    gpu: Annotated[
        StrictStr | None, BeforeValidator(_gpu), Field(description="T4 L4 P100 V100 A100 A100_80GB H100 H200 …")
    ] = None
    tpu: Annotated[StrictStr | None, Field(description="TPU type, e.g. v5e; excludes `gpu`")] = None
    count: Annotated[Count | None, Field(description="GPUs or TPU chips per machine; 1 if absent")] = None
    nodes: Annotated[Count, Field(description="machines that train together")] = 1
    cpu: Annotated[Cpu | None, Field(description="limit of CPUs: `4`, `0.5`, or `500m` (thousandths)")] = None
    memory: Annotated[Size | None, Field(description="limit of memory: `15GB`, `512MiB`")] = None
    requests: Annotated[Requests | None, Field(description="what is reserved, on kfp; the limits if absent")] = None
    disk: Annotated[Size | None, Field(description="boot disk: `100GB`")] = None
    spot: Annotated[StrictBool, Field(description="cheaper machines that may be taken away; wants `retry`")] = False
    vertex: Annotated[VertexExtras | None, Field(description="further fields of a CustomJob, for vertex")] = None
    kfp: Annotated[KubernetesExtras | None, Field(description="fields of Kubernetes, for kfp")] = None
    local: Annotated[LocalPlace | None, Field(description="how such a step runs on this machine")] = None


class Defaults(Model):
    """For every component that runs a container and does not say otherwise."""

    accelerator: AcceleratorName = None
    cache: Annotated[Cache, Field(description="whether results of an earlier run are reused")] = True
    retry: RetryChoice = None
    timeout: TimeLimit = None
    env: Env = {}


class VertexTarget(Model):
    """Where on Vertex AI the pipeline runs."""

    project: Annotated[StrictStr | None, Field(description="id of the Google Cloud project")] = None
    region: Annotated[StrictStr | None, Field(description="where it runs, e.g. us-central1")] = None
    root: Annotated[StrictStr | None, Field(description="gs:// folder for artifacts")] = None
    service_account: Annotated[StrictStr | None, Field(description="e-mail address of the account that runs it")] = None
    network: Annotated[StrictStr | None, Field(description="VPC network, projects/…/global/networks/…")] = None
    reserved_ip_ranges: Annotated[
        list[StrictStr], Field(description="names of the address ranges of `network` that tasks may take")
    ] = []
    network_attachment: Annotated[
        StrictStr | None,
        Field(description="Private Service Connect instead of `network`: projects/…/networkAttachments/…"),
    ] = None
    kms_key: Annotated[StrictStr | None, Field(description="key that encrypts the run, projects/…/cryptoKeys/…")] = None
    endpoint: Annotated[
        StrictStr | None, Field(description="address of the API where it is not <region>-aiplatform.googleapis.com")
    ] = None
    machines: Annotated[
        StrictStr | None, Field(description="file with machines that hpc does not know, or knows otherwise, from here")
    ] = None
    packages: Annotated[
        Annotated[StrictStr, AfterValidator(_packages), WithJsonSchema(text_schema(_PACKAGES.pattern))] | None,
        Field(description="where `hpc publish` puts pipelines, https://<region>-kfp.pkg.dev/<project>/<repository>"),
    ] = None
    failure_policy: Annotated[
        Literal["slow", "fast"], Field(description="after a failure, slow: what does not depend on it still runs")
    ] = "slow"


class KfpTarget(Model):
    """Which Kubeflow Pipelines the pipeline runs on."""

    host: Annotated[StrictStr | None, Field(description="address of the Kubeflow Pipelines API")] = None
    root: Annotated[StrictStr | None, Field(description="folder for artifacts, e.g. s3://bucket/path")] = None
    namespace: Annotated[StrictStr | None, Field(description="Kubernetes namespace of the runs")] = None
    experiment: Annotated[StrictStr | None, Field(description="experiment that the runs belong to")] = None
    service_account: Annotated[StrictStr | None, Field(description="Kubernetes account that runs it")] = None
    pipeline: Annotated[
        PipelineConfig | None, Field(description="settings of the whole run: workspace, ttl, timeout")
    ] = None


class LocalTarget(Model):
    """How runs on this machine are kept."""

    root: Annotated[StrictStr, Field(description="folder for runs, from this file")] = ".hpc"
    mode: Annotated[
        Literal["process", "docker", "podman"], Field(description="tasks are host processes, or containers")
    ] = "process"


class Targets(Model):
    """Where the pipeline can run."""

    vertex: Annotated[VertexTarget | None, Field(description="Vertex AI Pipelines")] = None
    kfp: Annotated[KfpTarget | None, Field(description="Kubeflow Pipelines on Kubernetes")] = None
    local: Annotated[LocalTarget | None, Field(description="this machine")] = None


class Secret(Model):
    """Where each target keeps a secret. Its value is never in the file."""

    vertex: Annotated[
        Annotated[StrictStr, AfterValidator(_secret_version), WithJsonSchema(text_schema(_SECRET_VERSION.pattern))]
        | None,
        Field(description="a version in Secret Manager, projects/…/secrets/…/versions/…"),
    ] = None
    kfp: Annotated[
        Annotated[StrictStr, AfterValidator(_secret_key), WithJsonSchema(text_schema(_SECRET_KEY.pattern))] | None,
        Field(description="a key of a Kubernetes secret, `name/key`"),
    ] = None
    local: Annotated[
        Annotated[StrictStr, AfterValidator(_variable), WithJsonSchema(text_schema(_VARIABLE.pattern))] | None,
        Field(description="an environment variable, `env:NAME`"),
    ] = None


class Schedule(Model):
    """When the pipeline runs by itself. Not part of the compiled file."""

    cron: Annotated[StrictStr, Field(description="minute hour day month weekday, e.g. `0 3 * * 1`")]
    timezone: Annotated[StrictStr, Field(description="name of the tz database, e.g. Asia/Tokyo")] = "UTC"
    inputs: Annotated[dict[Name, Json], Field(description="run parameters of scheduled runs")] = {}
    max_concurrent: Annotated[Count, Field(description="runs at the same time")] = 1
    enabled: Annotated[StrictBool, Field(description="false pauses it")] = True


class Pipeline(Model):
    """A pipeline file."""

    hpc: Annotated[Literal[1], Field(description="version of the language, by custom the first key")]
    name: Annotated[
        StrictStr,
        AfterValidator(_pipeline_name),
        WithJsonSchema(text_schema(_PIPELINE_NAME.pattern)),
        Field(description="name of the pipeline on every platform: a-z, 0-9 and `-`, a letter first, at most 63"),
    ]
    title: Title = ""
    description: Description = ""
    labels: Labels = {}
    vars: Annotated[
        dict[Name, Json],
        Field(
            description="constants, inserted while compiling by `${{ vars.x }}`; `{file, key}` reads one from a file"
        ),
    ] = {}
    inputs: PipelineInputs = {}
    outputs: PipelineOutputs = {}
    images: Annotated[
        dict[Name, Image], Field(description="container images by name; the address alone is short for `{uri: …}`")
    ] = {}
    accelerators: Annotated[dict[Name, Accelerator], Field(description="machine profiles by name")] = {}
    components: Annotated[
        dict[FreeName, Component],
        Field(description="what can run: each has one of `image`, `uses`, `import` and `edges`"),
    ]
    steps: Steps = {}
    edges: Edges
    defaults: Annotated[Defaults, Field(description="for every component that does not say otherwise")] = (
        Defaults.model_construct()
    )
    targets: Annotated[Targets, Field(description="where the pipeline can run")] = Targets.model_construct()
    profiles: Annotated[
        dict[Name, dict[str, Any]],
        Field(description="parts of this file with other values, laid on it by `--profile name`; never the graph"),
    ] = {}
    secrets: Annotated[dict[Name, Secret], Field(description="where each target keeps a secret, by name")] = {}
    schedule: Annotated[Schedule | None, Field(description="when it runs by itself; not part of the result")] = None


class Library(Pipeline):
    """A file whose components others use: it need not be a pipeline itself."""

    name: Annotated[StrictStr, AfterValidator(_pipeline_name), Field(description="not used")] = "library"
    edges: Edges = []
