"""The pipeline IR as data: the messages of pipeline_spec.proto (schema 2.1.0) that hpc writes, field by field.

The order of fields here is their order in the compiled file. A field that is None or empty is not written; maps are
written sorted by key. https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = "2.1.0"
SDK_VERSION = "hpc-1"
"""Frozen: it must not change from one release of hpc to the next, because nothing of the meaning does."""


@dataclass(frozen=True, eq=False, repr=False)
class Json:
    """Any JSON value, written as it stands, even if it is empty."""

    value: Any


@dataclass(frozen=True, eq=False, repr=False)
class ArtifactTypeSchema:
    schema_title: str
    schema_version: str = "0.0.1"


@dataclass(frozen=True, eq=False, repr=False)
class ParameterSpec:
    parameter_type: str
    description: str | None = None
    default_value: Json | None = None
    is_optional: bool | None = None
    literals: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class ArtifactSpec:
    artifact_type: ArtifactTypeSchema
    description: str | None = None
    is_optional: bool | None = None
    is_artifact_list: bool | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Definitions:
    """ComponentInputsSpec and ComponentOutputsSpec."""

    parameters: Mapping[str, ParameterSpec] = field(default_factory=dict[str, ParameterSpec])
    artifacts: Mapping[str, ArtifactSpec] = field(default_factory=dict[str, ArtifactSpec])


@dataclass(frozen=True, eq=False, repr=False)
class InputParameter:
    """TaskInputsSpec.InputParameterSpec: exactly one field is set; a selector may stand beside it."""

    task_output_parameter: Mapping[str, str] = field(default_factory=dict[str, str])
    runtime_value: Mapping[str, Any] = field(default_factory=dict[str, Any])
    component_input_parameter: str | None = None
    task_final_status: Mapping[str, str] = field(default_factory=dict[str, str])
    parameter_expression_selector: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class InputArtifact:
    """TaskInputsSpec.InputArtifactSpec: exactly one field is set."""

    task_output_artifact: Mapping[str, str] = field(default_factory=dict[str, str])
    component_input_artifact: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class TaskInputs:
    parameters: Mapping[str, InputParameter] = field(default_factory=dict[str, InputParameter])
    artifacts: Mapping[str, InputArtifact] = field(default_factory=dict[str, InputArtifact])


@dataclass(frozen=True, eq=False, repr=False)
class TaskInfo:
    name: str


@dataclass(frozen=True, eq=False, repr=False)
class ComponentRef:
    name: str


@dataclass(frozen=True, eq=False, repr=False)
class CachingOptions:
    enable_cache: bool
    cache_key: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class RetryPolicy:
    max_retry_count: int
    backoff_duration: str
    backoff_factor: float
    backoff_max_duration: str


@dataclass(frozen=True, eq=False, repr=False)
class TriggerPolicy:
    """When a task runs: `condition` is CEL over its inputs, `strategy` what must have come of the tasks before it."""

    condition: str | None = None
    strategy: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Items:
    """ParameterIteratorSpec.ItemsSpec: a JSON list, or the input that is one."""

    raw: str | None = None
    input_parameter: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class ParameterIterator:
    items: Items
    item_input: str


@dataclass(frozen=True, eq=False, repr=False)
class IteratorPolicy:
    parallelism_limit: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    task_info: TaskInfo
    component_ref: ComponentRef
    dependent_tasks: tuple[str, ...]
    inputs: TaskInputs
    trigger_policy: TriggerPolicy | None = None
    parameter_iterator: ParameterIterator | None = None
    iterator_policy: IteratorPolicy | None = None
    caching_options: CachingOptions | None = None
    retry_policy: RetryPolicy | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Dag:
    tasks: Mapping[str, Task]
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


@dataclass(frozen=True, eq=False, repr=False)
class Component:
    """ComponentSpec: a container by its executor label, or a DAG."""

    input_definitions: Definitions = field(default_factory=Definitions)
    output_definitions: Definitions = field(default_factory=Definitions)
    executor_label: str | None = None
    dag: Dag | None = None


@dataclass(frozen=True)
class AcceleratorConfig:
    type: str
    count: str
    resource_type: str
    resource_count: str


@dataclass(frozen=True)
class Resources:
    """ResourceSpec. Numbers are what servers up to KFP 2.3 read (CPUs, 10^9 bytes), texts what newer ones do."""

    cpu_limit: float | None = None
    resource_cpu_limit: str | None = None
    memory_limit: float | None = None
    resource_memory_limit: str | None = None
    cpu_request: float | None = None
    resource_cpu_request: str | None = None
    memory_request: float | None = None
    resource_memory_request: str | None = None
    accelerator: AcceleratorConfig | None = None


@dataclass(frozen=True, eq=False, repr=False)
class EnvVar:
    name: str
    value: str


@dataclass(frozen=True, eq=False, repr=False)
class Container:
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: tuple[EnvVar, ...] = ()
    resources: Resources | Json | None = None


@dataclass(frozen=True, eq=False, repr=False)
class ArtifactUri:
    """ValueOrRuntimeParameter: a constant, or the input that says it."""

    constant: str | None = None
    runtime_parameter: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Importer:
    artifact_uri: ArtifactUri
    type_schema: ArtifactTypeSchema
    metadata: Json | None = None
    reimport: bool | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Executor:
    """ExecutorSpec: a container or an importer."""

    container: Container | None = None
    importer: Importer | None = None


@dataclass(frozen=True, eq=False, repr=False)
class DeploymentSpec:
    executors: Mapping[str, Executor | Json]


@dataclass(frozen=True, eq=False, repr=False)
class PipelineInfo:
    name: str
    display_name: str | None = None
    description: str | None = None


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PipelineSpec:
    pipeline_info: PipelineInfo
    schema_version: str = SCHEMA_VERSION
    sdk_version: str = SDK_VERSION
    default_pipeline_root: str | None = None
    root: Component
    components: Mapping[str, Component | Json]
    deployment_spec: DeploymentSpec


@dataclass(frozen=True, eq=False, repr=False)
class PlatformSpec:
    """The second document: settings by platform and executor label that the first has no place for."""

    platforms: Mapping[str, Any]
